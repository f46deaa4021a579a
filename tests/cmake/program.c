/* SPDX-License-Identifier: ISC */
/* The header is that of the library. */
#include <sodium_arena.h>
#include <string.h>

int main(void)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	sa_arena *arena;
	int bad;

	options.mlock = SA_ARENA_MLOCK_BEST_EFFORT;
	arena = sa_arena_create(&options);
	bad = sa_arena_dup(arena, "secret", 7) == NULL ||
	      strcmp(sa_arena_version_string(), SODIUM_ARENA_VERSION_STRING);
	sa_arena_destroy(arena);
	return bad;
}
