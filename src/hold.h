/* SPDX-License-Identifier: ISC */
/*
 * Holders of single objects: what becomes accessible is the region that the
 * object lies in, and nothing else.
 */
#ifndef SA_HOLD_H
#define SA_HOLD_H

#include "arena.h"

/* As the public calls, which take care of their arguments.  With the mutex;
 * misuse is reported. */
int sa_hold_open(sa_arena *arena, const void *ptr, sa_arena_access access);
int sa_hold_close(sa_arena *arena, const void *ptr, sa_arena_access access);

#endif
