/* SPDX-License-Identifier: ISC */
/* One key: taken into an arena, closed, opened for one use, destroyed. */
#include <sodium.h>
#include <sodium_arena.h>

int main(void)
{
	unsigned char secret[32] = "read from a file or a terminal", mac[32];
	sa_arena *arena = sa_arena_create(NULL);
	unsigned char *key = sa_arena_take(arena, secret, sizeof(secret));

	if (key == NULL || sa_arena_protect(arena, SA_ARENA_NOACCESS) != 0)
		return 1;
	if (sa_arena_open(arena, SA_ARENA_READONLY) != 0)
		return 1;
	crypto_auth(mac, (const unsigned char *)"message", 7, key);
	sa_arena_close(arena, SA_ARENA_READONLY);
	sa_arena_destroy(arena);
	return 0;
}
