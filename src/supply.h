/* SPDX-License-Identifier: ISC */
/*
 * Where slots come from when a shard has none: free pages, other shards, new
 * regions.  Under the arena's mutex.
 */
#ifndef SA_SUPPLY_H
#define SA_SUPPLY_H

#include "arena.h"

/* Fill the stock of a shard by whatever it takes.  DRY: no way, and errno says
 * why. */
sa_shard_result sa_supply_fill(sa_arena *arena, sa_shard *shard, unsigned class,
			       sa_arena_misuse *misuse);

#endif
