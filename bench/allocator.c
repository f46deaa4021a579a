/* SPDX-License-Identifier: ISC */
/*
 * Thin adapters: each call is the allocator's own and nothing more, so that
 * what the indirection costs is the same for all.
 */
#include <config.h>

#include "allocator.h"

#include <malloc.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium_arena.h>

#include "trial.h"

/*
 * sodium_malloc() spends four mappings on an object and stops near 16,000
 * under the kernel's default of 65,530.
 */
#define SODIUM_OBJECT_LIMIT 10000

/* A loop of an allocator's own, without function pointers. */
#define DEFINE_PAIRS(NAME, ALLOC, FREE)                                        \
	static void NAME(void *context, size_t count)                          \
	{                                                                      \
		for (size_t i = 0; i < count; i++) {                           \
			void *object = trial_need(ALLOC(context, KEY_SIZE));   \
                                                                               \
			object_write(object, KEY_SIZE);                        \
			FREE(context, object, KEY_SIZE);                       \
		}                                                              \
	}

/* ------------------------------------------------------ glibc's malloc */

static void *plain_setup(void)
{
	static char context;

	return &context;
}

/* Give the heap back, so that the next setup starts with none. */
static void plain_teardown(void *context)
{
	(void)context;
	malloc_trim(0);
}

static inline void *plain_alloc(void *context, size_t size)
{
	(void)context;
	return malloc(size);
}

static inline void plain_free(void *context, void *object, size_t size)
{
	(void)context;
	explicit_bzero(object, size);
	free(object);
}

DEFINE_PAIRS(plain_pairs, plain_alloc, plain_free)

static const struct allocator plain = {
	.name = "malloc",
	.title = "malloc, explicit_bzero and free of the C library",
	.object_limit = SIZE_MAX,
	.is_thread_safe = 1,
	.setup = plain_setup,
	.teardown = plain_teardown,
	.alloc = plain_alloc,
	.free = plain_free,
	.pairs = plain_pairs,
};

/* -------------------------------------------------------- sodium-arena */

static void *arena_create(unsigned flags)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;

	options.name = "bench";
	options.flags = flags;
	return trial_need(sa_arena_create(&options));
}

static void *arena_setup(void)
{
	return arena_create(0);
}

static void *arena_single_setup(void)
{
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

static size_t arena_metadata_size(void *context)
{
	sa_arena_stats stats = SA_ARENA_STATS_INIT;

	if (sa_arena_stats_get(context, &stats) != 0)
		trial_give_up();
	return stats.metadata_size;
}

static const struct allocator arena = {
	.name = "arena",
	.title = "an arena with default options",
	.object_limit = SIZE_MAX,
	.is_thread_safe = 1,
	.teardown_frees = 1,
	.setup = arena_setup,
	.teardown = arena_teardown,
	.alloc = arena_alloc,
	.free = arena_free,
	.pairs = arena_pairs,
	.rest = arena_rest,
	.open = arena_open,
	.close = arena_close,
	.metadata_size = arena_metadata_size,
};

static const struct allocator arena_single = {
	.name = "arena-single",
	.title = "an arena with SA_ARENA_SINGLE_THREADED",
	.object_limit = SIZE_MAX,
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
	.metadata_size = arena_metadata_size,
};

/* ------------------------------------------------------- sodium_malloc */

static void *sodium_setup(void)
{
	static char context;

	if (sodium_init() < 0)
		trial_give_up();
	return &context;
}

static void sodium_teardown(void *context)
{
	(void)context;
}

static inline void *sodium_alloc(void *context, size_t size)
{
	(void)context;
	return sodium_malloc(size);
}

static inline void sodium_release(void *context, void *object, size_t size)
{
	(void)context;
	(void)size;
	sodium_free(object);
}

DEFINE_PAIRS(sodium_pairs, sodium_alloc, sodium_release)

static void sodium_open(void *context, void *object)
{
	(void)context;
	if (sodium_mprotect_readwrite(object) != 0)
		trial_give_up();
}

static void sodium_close(void *context, void *object)
{
	(void)context;
	if (sodium_mprotect_noaccess(object) != 0)
		trial_give_up();
}

static const struct allocator sodium = {
	.name = "sodium_malloc",
	.title = "sodium_malloc and sodium_free",
	.object_limit = SODIUM_OBJECT_LIMIT,
	.is_thread_safe = 1,
	.setup = sodium_setup,
	.teardown = sodium_teardown,
	.alloc = sodium_alloc,
	.free = sodium_release,
	.pairs = sodium_pairs,
	.rest = sodium_close,
	.open = sodium_open,
	.close = sodium_close,
};

const struct allocator *const allocators[] = {
	&plain,
	&arena,
	&arena_single,
	&sodium,
};

const size_t allocator_count = sizeof(allocators) / sizeof(allocators[0]);
