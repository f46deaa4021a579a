/* SPDX-License-Identifier: ISC */
/*
 * The terminal that a secret is typed at: its echo is off while it is open, and
 * back on before SIGALRM, HUP, INT, PIPE, QUIT, TERM, TSTP, TTIN or TTOU has
 * its effect.  It stays off where another signal ends the process, or where
 * another thread does by exit() or abort().  One at a time in a process; where
 * there is none, standard input takes its place.
 */
#ifndef SA_TERMINAL_H
#define SA_TERMINAL_H

#include <stdbool.h>
#include <termios.h>

typedef struct sa_terminal {
	const char *prompt;
	int input;
	int output;
	bool is_terminal; /* the input, whose echo is to be off */
	bool is_quiet;    /* it is; `before` is how it was */
	bool is_intruder; /* turned off from the background */
	bool is_asked;    /* the prompt has been shown */
	struct termios before;
} sa_terminal;

/*
 * Wait until no other thread has it open, turn the echo off and show the
 * prompt.  0, or -1 with errno: ENOTTY if it has to be a terminal and there is
 * none.  Functions return -1 with EINTR after a signal whose handler asks for
 * that; the terminal still has to be closed.
 */
int sa_terminal_open(sa_terminal *terminal, const char *prompt,
		     bool is_required);

/* Read one byte to where it stays.  1; 0: the input has ended; -1 and errno. */
int sa_terminal_read(sa_terminal *terminal, unsigned char *byte);

/* Put everything back; input that was not read is dropped unless the line is
 * complete.  0, or -1 with errno if the echo is still off. */
int sa_terminal_close(sa_terminal *terminal, bool is_complete);

#endif
