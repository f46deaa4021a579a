/* SPDX-License-Identifier: ISC */
/*
 * Where slots come from when a shard has none: free pages, other shards, new
 * regions; and how slabs without objects go back.  All under the arena's
 * mutex.
 */
#ifndef SA_SUPPLY_H
#define SA_SUPPLY_H

#include "arena.h"

/* Fill the stock of a shard by whatever it takes.  DRY: no way, and errno says
 * why. */
sa_shard_result sa_supply_fill(sa_arena *arena, sa_shard *shard, unsigned class,
			       sa_arena_misuse *misuse);

/*
 * With the shards stopped and the regions READWRITE: return every stock and
 * claim to its slab, and the pages of slabs without objects to their regions,
 * but for pools'.  False if misuse was found.
 */
bool sa_supply_release(sa_arena *arena, sa_arena_misuse *misuse);

/*
 * Likewise: free every object of a pool's class and return its slabs' pages to
 * their regions, now or, where a region has holders, later.  Nobody allocates
 * from that class any more.
 */
bool sa_supply_retire(sa_arena *arena, unsigned class, sa_arena_misuse *misuse);

/* Forget every slab without touching its memory, which fork has wiped. */
void sa_supply_forget_slabs(sa_arena *arena);

/* The slabs of a tract, one after another: the first that begins on page *page
 * or later, and *page moves behind it, so that it may be given back; NULL if
 * there is none. */
sa_slab *sa_supply_next_slab(const sa_arena *arena, const sa_tract *tract,
			     size_t *page);

/* The slab that holds page `page` of a tract, or NULL. */
sa_slab *sa_supply_slab_at(const sa_arena *arena, const sa_tract *tract,
			   size_t page);

#endif
