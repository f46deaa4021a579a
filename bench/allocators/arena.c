/* SPDX-License-Identifier: ISC */
/* sodium-arena, with default options and for one thread. */
#include <config.h>

#include <stdint.h>

#include <sodium_arena.h>

#include "allocators/list.h"
#include "allocators/pairs.h"

static void *arena_create(unsigned flags)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;

	options.name = "bench";
	options.flags = flags;
	return trial_need(sa_arena_create(&options));
}

static void *arena_setup(size_t room)
{
	(void)room;
	return arena_create(0);
}

static void *arena_single_setup(size_t room)
{
	(void)room;
	return arena_create(SA_ARENA_SINGLE_THREADED);
}

static void arena_teardown(void *context)
{
	sa_arena_destroy(context);
}

static inline void *arena_alloc(void *context, size_t size)
{
	return sa_arena_alloc(context, size);
}

static inline void arena_free(void *context, void *object, size_t size)
{
	(void)size;
	sa_arena_free(context, object);
}

DEFINE_PAIRS(arena_pairs, arena_alloc, arena_free)

static void arena_rest(void *context, void *object)
{
	(void)object;
	if (sa_arena_protect(context, SA_ARENA_NOACCESS) != 0)
		trial_give_up();
}

static void arena_open(void *context, void *object)
{
	(void)object;
	if (sa_arena_open(context, SA_ARENA_READWRITE) != 0)
		trial_give_up();
}

static void arena_close(void *context, void *object)
{
	(void)object;
	if (sa_arena_close(context, SA_ARENA_READWRITE) != 0)
		trial_give_up();
}

static void arena_open_object(void *context, void *object)
{
	if (sa_arena_open_object(context, object, SA_ARENA_READWRITE) != 0)
		trial_give_up();
}

static void arena_close_object(void *context, void *object)
{
	if (sa_arena_close_object(context, object, SA_ARENA_READWRITE) != 0)
		trial_give_up();
}

static int arena_owns(void *context, const void *object)
{
	return sa_arena_owns(context, object);
}

static void arena_check(void *context)
{
	if (sa_arena_check(context) != 0)
		trial_give_up();
}

static sa_arena_stats arena_stats(void *context)
{
	sa_arena_stats stats = SA_ARENA_STATS_INIT;

	if (sa_arena_stats_get(context, &stats) != 0)
		trial_give_up();
	return stats;
}

static size_t arena_metadata_size(void *context)
{
	return arena_stats(context).metadata_size;
}

static size_t arena_mapped_size(void *context)
{
	return arena_stats(context).mapped_size;
}

const struct allocator allocator_arena = {
	.name = "arena",
	.title = "an arena with default options",
	.version = sa_arena_version_string,
	.object_limit = SIZE_MAX,
	.size_limit = SIZE_MAX,
	.is_thread_safe = 1,
	.is_scaled = 1,
	.teardown_frees = 1,
	.setup = arena_setup,
	.teardown = arena_teardown,
	.alloc = arena_alloc,
	.free = arena_free,
	.pairs = arena_pairs,
	.rest = arena_rest,
	.open = arena_open,
	.close = arena_close,
	.open_object = arena_open_object,
	.close_object = arena_close_object,
	.owns = arena_owns,
	.check = arena_check,
	.metadata_size = arena_metadata_size,
	.mapped_size = arena_mapped_size,
};

const struct allocator allocator_arena_single = {
	.name = "arena-single",
	.title = "an arena with SA_ARENA_SINGLE_THREADED",
	.version = sa_arena_version_string,
	.object_limit = SIZE_MAX,
	.size_limit = SIZE_MAX,
	.is_thread_safe = 0,
	.teardown_frees = 1,
	.setup = arena_single_setup,
	.teardown = arena_teardown,
	.alloc = arena_alloc,
	.free = arena_free,
	.pairs = arena_pairs,
	.rest = arena_rest,
	.open = arena_open,
	.close = arena_close,
	.open_object = arena_open_object,
	.close_object = arena_close_object,
	.owns = arena_owns,
	.check = arena_check,
	.metadata_size = arena_metadata_size,
	.mapped_size = arena_mapped_size,
};
