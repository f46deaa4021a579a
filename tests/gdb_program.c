/* SPDX-License-Identifier: ISC */
/* What tests/check-gdb.sh looks at: arenas in known states. */
#include <sodium_arena.h>
#include <stdint.h>
#include <string.h>

/* A byte that must not be seen in gdb's output, as text or hexadecimal. */
#define SECRET "Zq7!Zq7!Zq7!Zq7!Zq7!Zq7!Zq7!Zq7"

void look_here(void);

unsigned char *volatile small, *volatile mid, *volatile large, *volatile freed;
unsigned char *volatile damaged;
sa_arena *volatile keys;

__attribute__((noinline)) void look_here(void)
{
	__asm__ volatile("" ::: "memory");
}

int main(void)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	sa_arena *other;

	options.mlock = SA_ARENA_MLOCK_BEST_EFFORT;
	options.name = "other\033[2J\n";
	other = sa_arena_create(&options);
	options.name = "keys";
	options.fork = SA_ARENA_FORK_WIPE;
	keys = sa_arena_create(&options);
	if (other == NULL || keys == NULL)
		return 1;
	small = sa_arena_dup(keys, SECRET, sizeof SECRET);
	mid = sa_arena_alloc(keys, 1000);
	large = sa_arena_alloc(keys, 20001);
	freed = sa_arena_alloc(keys, 48);
	damaged = sa_arena_alloc(keys, 100);
	if (!small || !mid || !large || !freed || !damaged)
		return 1;
	sa_arena_free(keys, freed);
	damaged[100] ^= 1;
	if (sa_arena_protect(keys, SA_ARENA_NOACCESS) != 0)
		return 1;
	look_here();
	return 0;
}
