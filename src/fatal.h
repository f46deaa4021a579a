/* SPDX-License-Identifier: ISC */
/*
 * Stops the process loudly: tells the misuse handler what was found, or
 * standard error in one line, and aborts.
 */
#ifndef SA_FATAL_H
#define SA_FATAL_H

#include "sodium_arena.h"

void sa_fatal_set_handler(sa_arena_misuse_handler handler, void *context);

/* Called after the line is written, or before the handler. */
void sa_fatal_set_witness(void (*witness)(const sa_arena_misuse *misuse));

/* Keep the handler as it is, so that a fork in between copies it whole. */
void sa_fatal_lock(void);
void sa_fatal_unlock(void);

/* No lock may be held and no shard entered: the handler may do anything. */
_Noreturn void sa_fatal_misuse(const sa_arena_misuse *misuse);

/* An invariant of the library's own does not hold. */
_Noreturn void sa_fatal_impossible(const char *what);

#endif
