/* SPDX-License-Identifier: ISC */
/*
 * What is done to all of an arena at once: verify, reset, trim, end a pool,
 * tear down.
 * All under the arena's mutex.
 */
#ifndef SA_SWEEP_H
#define SA_SWEEP_H

#include "arena.h"

typedef enum {
	SA_SWEEP_DONE,
	SA_SWEEP_REFUSED, /* by the kernel; errno */
	SA_SWEEP_MISUSE   /* and *misuse says what */
} sa_sweep_result;

sa_sweep_result sa_sweep_check(sa_arena *arena, sa_arena_misuse *misuse);
sa_sweep_result sa_sweep_reset(sa_arena *arena, sa_arena_misuse *misuse);
/* *returned: bytes of secret memory given back. */
sa_sweep_result sa_sweep_trim(sa_arena *arena, size_t *returned,
			      sa_arena_misuse *misuse);

/* Free every object of a pool's class, from which nobody allocates any more. */
sa_sweep_result sa_sweep_retire(sa_arena *arena, unsigned class,
				sa_arena_misuse *misuse);

/* In a child where fork has wiped the memory: there are no objects. */
void sa_sweep_forget(sa_arena *arena);

/* Verify what can be opened, region by region, and unmap all of them. */
sa_sweep_result sa_sweep_destroy(sa_arena *arena, sa_arena_misuse *misuse);

#endif
