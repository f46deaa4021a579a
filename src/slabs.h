/* SPDX-License-Identifier: ISC */
/*
 * An arena's slabs: cut from free pages, found on their pages, and given back
 * when they have no objects.  All under the arena's mutex.
 */
#ifndef SA_SLABS_H
#define SA_SLABS_H

#include "arena.h"

/* Cut a slab for the shard from any region's free pages.  0, or -1 with ENOMEM:
 * no pages, no metadata. */
int sa_slabs_cut(sa_arena *arena, sa_shard *shard, unsigned class);

/* What may still be returned, and has been. */
typedef struct sa_slabs_release {
	size_t slabs_left;
	size_t size; /* bytes */
} sa_slabs_release;

/*
 * With the shards stopped and the regions READWRITE: return the pages of slabs
 * without objects to their regions, as many as are left to return, but for
 * pools'.  No other slab is looked at, or the cost of a long fill would be
 * quadratic.  False if misuse was found.
 */
bool sa_slabs_release_some(sa_arena *arena, sa_slabs_release *so_far,
			   sa_arena_misuse *misuse);
/* Likewise all of them, every stock and claim returned to its slab before. */
bool sa_slabs_release_all(sa_arena *arena, sa_arena_misuse *misuse);

/*
 * Likewise: free every object of a pool's class and return its slabs' pages to
 * their regions, now or, where a region has holders, later.  Nobody allocates
 * from that class any more.
 */
bool sa_slabs_retire(sa_arena *arena, unsigned class, sa_arena_misuse *misuse);

/* Put all slabs in order that threads were at which are no more: see
 * sa_slab_mend(). */
void sa_slabs_mend(sa_arena *arena);

/* Forget every slab without touching its memory, which fork has wiped. */
void sa_slabs_forget(sa_arena *arena);

/* Where the next of an arena's slabs is looked for; its tract is that of the
 * last one found. */
typedef struct sa_slabs_cursor {
	const sa_tract *tract;
	size_t page;
} sa_slabs_cursor;

SA_INLINE sa_slabs_cursor sa_slabs_begin(const sa_arena *arena)
{
	return (sa_slabs_cursor){arena->tracts, 0};
}

/* All slabs, one after another, and NULL behind the last.  The cursor is behind
 * what it returns, so that this may be given back. */
sa_slab *sa_slabs_next(const sa_arena *arena, sa_slabs_cursor *at);

/* The slab that holds page `page` of a tract, or NULL. */
sa_slab *sa_slabs_at(const sa_arena *arena, const sa_tract *tract, size_t page);

#endif
