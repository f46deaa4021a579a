/* SPDX-License-Identifier: ISC */
/* Pools by number: a table that grows. */
#include <config.h>

#include "pools.h"

#define NPOOLS_AT_FIRST 4

static size_t table_size(unsigned npools)
{
	return npools * sizeof(sa_pool *);
}

/* Twice as many entries.  0, or -1 with ENOMEM. */
static int grow_table(sa_arena *arena)
{
	unsigned npools =
		arena->npools == 0 ? NPOOLS_AT_FIRST : 2 * arena->npools;
	sa_pool **pools = sa_meta_alloc(&arena->meta, table_size(npools));

	if (pools == NULL)
		return -1;
	if (arena->npools != 0) {
		memcpy(pools, arena->pools, table_size(arena->npools));
		sa_meta_free(&arena->meta, arena->pools,
			     table_size(arena->npools));
	}
	arena->pools = pools;
	arena->npools = npools;
	return 0;
}

/* The lowest number that no pool has; `npools` if there is none. */
static unsigned unused_number(const sa_arena *arena)
{
	unsigned number = 0;

	while (number < arena->npools && arena->pools[number] != NULL)
		number++;
	return number;
}

sa_pool *sa_pools_add(sa_arena *arena, size_t size, size_t stride)
{
	unsigned number = unused_number(arena);
	sa_pool *pool;

	if (number == arena->npools && grow_table(arena) != 0)
		return NULL;
	pool = sa_meta_alloc(&arena->meta, sizeof *pool);
	if (pool == NULL)
		return NULL;
	*pool = (sa_pool){arena, size, stride, SA_CLASS_POOLS + number, 0};
	arena->pools[number] = pool;
	return pool;
}

void sa_pools_drop(sa_pool *pool)
{
	sa_arena *arena = pool->arena;

	arena->pools[pool->class - SA_CLASS_POOLS] = NULL;
	sa_meta_free(&arena->meta, pool, sizeof *pool);
}

int sa_pools_prepare(sa_arena *arena, sa_shard *shard, unsigned class)
{
	const sa_pool *pool;

	if (!sa_class_is_pool(class))
		return 0;
	pool = sa_pools_at(arena, class);
	return sa_shard_add_pool_bin(shard, &arena->meta, class, pool->stride);
}
