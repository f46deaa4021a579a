/* SPDX-License-Identifier: ISC */
/* This library, all defaults but that memory need not be locked. */
#include <config.h>

#include "crimes/peer.h"
#include "sodium_arena.h"

static sa_arena *arena;

static int arena_setup(void)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;

	options.mlock = SA_ARENA_MLOCK_BEST_EFFORT;
	arena = sa_arena_create(&options);
	return arena == NULL ? -1 : 0;
}

static void *arena_alloc(size_t size)
{
	return sa_arena_alloc(arena, size);
}

static void arena_free(void *object)
{
	sa_arena_free(arena, object);
}

static int arena_rest(void *object)
{
	(void)object;
	return sa_arena_protect(arena, SA_ARENA_NOACCESS);
}

static void arena_teardown(void)
{
	sa_arena_destroy(arena);
}

const struct peer peer_arena = {
	.title = "sodium-arena",
	.version = sa_arena_version_string,
	.setup = arena_setup,
	.alloc = arena_alloc,
	.free = arena_free,
	.rest = arena_rest,
	.teardown = arena_teardown,
};
