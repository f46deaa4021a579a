/* SPDX-License-Identifier: ISC */
/*
 * Misuse reports caught instead of being fatal: the handler jumps back to
 * where the misuse was committed.  Only for misuse that leaves the arena as it
 * was.  One thread at a time.
 */
#ifndef FUZZ_JUDGE_H
#define FUZZ_JUDGE_H

#include "sodium_arena.h"

/* Install the handler; once. */
void judge_start(void);

/* Commit the crime; fails unless it is reported. */
sa_arena_misuse judge(void (*crime)(void *context), void *context);

#endif
