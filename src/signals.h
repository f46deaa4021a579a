/* SPDX-License-Identifier: ISC */
/*
 * Signals held off while a terminal's echo is off: handlers only note what came
 * and wake the reader through a pipe; each signal has its effect later, as if
 * nothing had been in between.  A handler that others have kept for longer, or
 * that a forked child has inherited, gives its place back.
 */
#ifndef SA_SIGNALS_H
#define SA_SIGNALS_H

#include <stdbool.h>

/* Wait until no other thread notes signals, which are the process's; the
 * calling thread cannot be cancelled until it leaves.  0, or -1 with ENOMEM. */
int sa_signals_enter(void);
void sa_signals_leave(void);

/* Note signals from here on, or no more: those noted are still to be raised.
 * Opening: 0, or -1 with the errno of pipe(2). */
int sa_signals_open(void);
void sa_signals_close(void);

/* Readable when a signal was noted, until it is emptied. */
int sa_signals_pipe(void);
void sa_signals_empty_pipe(void);

bool sa_signals_is_any(void);
/* One that stops the process or lets it go on? */
bool sa_signals_is_any_stop(void);

/* Let those that were noted have their effect: closed, and while open.  False
 * if one interrupts: a handler that does not ask for calls to go on. */
bool sa_signals_raise(void);
bool sa_signals_let_through(void);

#endif
