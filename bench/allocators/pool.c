/* SPDX-License-Identifier: ISC */
/* sodium-arena's pool of keys, in an arena of its own. */
#include <config.h>

#include <stdint.h>
#include <stdlib.h>

#include <sodium_arena.h>

#include "allocators/list.h"
#include "allocators/pairs.h"

/* What fits 40 bytes with its canary. */
#define ALIGNMENT 8

struct keys {
	sa_arena *arena;
	sa_pool *pool;
};

static void *pool_setup(size_t room)
{
	struct keys *keys = trial_need(malloc(sizeof *keys));

	(void)room;
	keys->arena = trial_need(sa_arena_create(NULL));
	keys->pool =
		trial_need(sa_pool_create(keys->arena, KEY_SIZE, ALIGNMENT));
	return keys;
}

static void pool_teardown(void *context)
{
	struct keys *keys = context;

	sa_arena_destroy(keys->arena);
	free(keys);
}

static inline void *pool_alloc(void *context, size_t size)
{
	struct keys *keys = context;

	(void)size;
	return sa_pool_alloc(keys->pool);
}

static inline void pool_free(void *context, void *object, size_t size)
{
	struct keys *keys = context;

	(void)size;
	sa_pool_free(keys->pool, object);
}

DEFINE_PAIRS(pool_pairs, pool_alloc, pool_free)

static void pool_check(void *context)
{
	struct keys *keys = context;

	if (sa_arena_check(keys->arena) != 0)
		trial_give_up();
}

static sa_arena_stats pool_stats(void *context)
{
	struct keys *keys = context;
	sa_arena_stats stats = SA_ARENA_STATS_INIT;

	if (sa_arena_stats_get(keys->arena, &stats) != 0)
		trial_give_up();
	return stats;
}

static size_t pool_metadata_size(void *context)
{
	return pool_stats(context).metadata_size;
}

static size_t pool_mapped_size(void *context)
{
	return pool_stats(context).mapped_size;
}

const struct allocator allocator_pool = {
	.name = "pool",
	.title = "a pool of 32-byte keys in an arena",
	.version = sa_arena_version_string,
	.object_limit = SIZE_MAX,
	.size_limit = SIZE_MAX,
	.is_thread_safe = 1,
	.keys_only = 1,
	.teardown_frees = 1,
	.setup = pool_setup,
	.teardown = pool_teardown,
	.alloc = pool_alloc,
	.free = pool_free,
	.pairs = pool_pairs,
	.check = pool_check,
	.metadata_size = pool_metadata_size,
	.mapped_size = pool_mapped_size,
};
