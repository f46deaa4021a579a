/* SPDX-License-Identifier: ISC */
/*
 * Huge pages for regions that are opened and closed again and again: changing
 * the access of one page takes a fraction of what 512 take.  All under the
 * arena's mutex.
 */
#ifndef SA_HUGE_H
#define SA_HUGE_H

#include "arena.h"

/* What one transition needs for it, if anything. */
typedef struct sa_huge_mover {
	sa_arena *arena;
	size_t huge;   /* bytes of a huge page */
	unsigned left; /* so many regions more */
	bool is_asked; /* has the kernel been asked? */
	sa_region scratch;
} sa_huge_mover;

sa_huge_mover sa_huge_begin(sa_arena *arena);

/* A region is about to become NOACCESS.  Moved only if that pays, and the
 * kernel and the limits allow it; what is refused costs speed alone. */
void sa_huge_consider(sa_huge_mover *mover, sa_region *region);

void sa_huge_end(sa_huge_mover *mover);

#endif
