/* SPDX-License-Identifier: ISC */
/*
 * An arena's pools: each a class of slabs of its own, whose slots hold objects
 * of one size and are never used for others while the pool is there.  All
 * under the arena's mutex.
 */
#ifndef SA_POOLS_H
#define SA_POOLS_H

#include "arena.h"

struct sa_pool {
	sa_arena *arena;
	size_t size; /* of an object */
	size_t stride;
	unsigned class;
	size_t slab_count; /* supply */
};

/* Of a class that is a pool's. */
static inline sa_pool *sa_pools_at(const sa_arena *arena, unsigned class)
{
	return arena->pools[class - SA_CLASS_POOLS];
}

/* NULL with ENOMEM. */
sa_pool *sa_pools_add(sa_arena *arena, size_t size, size_t stride);

/* A pool whose slabs are retired. */
void sa_pools_drop(sa_pool *pool);

/* Have the shard ready to give slots of a class, whether or not it is a pool's.
 * 0, or -1 with ENOMEM. */
int sa_pools_prepare(sa_arena *arena, sa_shard *shard, unsigned class);

#endif
