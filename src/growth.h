/* SPDX-License-Identifier: ISC */
/*
 * An arena's regions: small at first, then doubling, then of one size; and
 * smaller where a limit refuses.  All under the arena's mutex.
 */
#ifndef SA_GROWTH_H
#define SA_GROWTH_H

#include "arena.h"

/* The size of the region that an arena of `mapped` bytes adds next. */
size_t sa_growth_next_size(size_t mapped);

/* No region is larger, but for large objects. */
#define SA_GROWTH_SIZE_MAX ((size_t)64 << 20)

/* Bytes that the capacity still allows. */
size_t sa_growth_capacity_left(const sa_arena *arena);

/* Add a region of `size` bytes if it can be had, else a smaller one, of
 * `least` bytes at least; whole pages.  0, or -1 with errno. */
int sa_growth_add(sa_arena *arena, size_t size, size_t least);

/* Map and lock at least `size` bytes in regions; 0: a first region, of four
 * pages or what a limit leaves of them.  0, or -1 with errno. */
int sa_growth_reserve(sa_arena *arena, size_t size);

/* The size of all but the last of those, for a reserve of that size. */
size_t sa_growth_reserve_size(size_t reserve);

/* The arena's regions with free pages come first, so that none has to be looked
 * for: to be called where a region's last is taken or first returned. */
void sa_growth_sort(sa_arena *arena, sa_tract *tract);

/* Unmap a region; its slabs, if any, are not looked at. */
void sa_growth_drop(sa_arena *arena, sa_tract *tract);

/* Count memory in the arena's statistics and capacity; a region no more. */
void sa_growth_account(sa_arena *arena, const sa_region *region);
void sa_growth_discount(sa_arena *arena, const sa_region *region);

#endif
