/* SPDX-License-Identifier: ISC */
/*
 * Lua states in an arena of sodium_arena.h, one arena for as many as you like:
 * lua_newstate(sa_lua_alloc, arena).  Needs no header of Lua's.
 */
#ifndef SODIUM_ARENA_LUA_H
#define SODIUM_ARENA_LUA_H

#include <sodium_arena.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A lua_Alloc; `context` is the arena.  Lua holds that shrinking cannot fail:
 * the arena has to be READWRITE whenever Lua runs.  `old_size` is the object's
 * size, or with `ptr` NULL the kind of what is to be, and not needed.
 */
static inline void *sa_lua_alloc(void *context, void *ptr, size_t old_size,
				 size_t size)
{
	sa_arena *arena = (sa_arena *)context;

	(void)old_size;
	if (size != 0)
		return sa_arena_realloc(arena, ptr, size);
	sa_arena_free(arena, ptr);
	return NULL;
}

#ifdef __cplusplus
}
#endif

#endif /* SODIUM_ARENA_LUA_H */
