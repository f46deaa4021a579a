/* SPDX-License-Identifier: ISC */
/*
 * An arena's regions: small at first, then doubling, then in proportion; and
 * smaller where a limit refuses.  All under the arena's mutex.
 */
#ifndef SA_GROWTH_H
#define SA_GROWTH_H

#include "arena.h"

/* The size of the region that an arena of `mapped` bytes adds next. */
size_t sa_growth_next_size(size_t mapped);

/* An arena of this size asks for huge pages: opening and closing them takes a
 * fraction of the time.  In a smaller one they would lock too much unused. */
#define SA_GROWTH_HUGE_FROM ((size_t)4 << 20)

/*
 * The block that such an arena takes to add `size` bytes.  It is populated and
 * locked whole for a moment, at some 500 us a MiB, and then takes memory as it
 * is needed.
 */
#define SA_GROWTH_RESERVE_MIN ((size_t)16 << 20)
size_t sa_growth_reserve_for(size_t size);

/* Bytes that the capacity still allows. */
size_t sa_growth_capacity_left(const sa_arena *arena);

/* Add `size` bytes if they can be had, else fewer, but at least `least` in a
 * row, from what a region holds back or in a new one; whole pages, and some
 * more where they come as huge ones.  0, or -1 with errno. */
int sa_growth_add(sa_arena *arena, size_t size, size_t least);

/* Map and lock at least `size` bytes in regions; 0: as many as an arena has at
 * first.  0, or -1 with errno. */
int sa_growth_reserve(sa_arena *arena, size_t size);

/* Unmap a region; its slabs, if any, are not looked at. */
void sa_growth_drop(sa_arena *arena, sa_tract *tract);

/* Count memory in the arena's statistics and capacity; a region no more. */
void sa_growth_account(sa_arena *arena, bool is_locked, size_t size);
void sa_growth_discount(sa_arena *arena, const sa_region *region);

#endif
