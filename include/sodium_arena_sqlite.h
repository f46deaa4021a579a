/* SPDX-License-Identifier: ISC */
/*
 * SQLite (and SQLCipher) on the default arena of sodium_arena.h: what
 * sqlite3_config(SQLITE_CONFIG_MALLOC) asks for.  doc/integration.md tells
 * what else to set.
 */
#ifndef SODIUM_ARENA_SQLITE_H
#define SODIUM_ARENA_SQLITE_H

#include <sodium_arena.h>
#include <sqlite3.h>

#ifdef __cplusplus
extern "C" {
#endif

/* SQLite asks for 1 byte to 2^31 - 257. */
static inline void *sa_sqlite_malloc(int size)
{
	return sa_malloc((size_t)size);
}

static inline void *sa_sqlite_realloc(void *ptr, int size)
{
	return sa_realloc(ptr, (size_t)size);
}

static inline int sa_sqlite_size(void *ptr)
{
	return (int)sa_malloc_usable_size(ptr);
}

/* An object is as long as was asked for.  A multiple of 8 is what SQLite
 * expects of every allocator. */
static inline int sa_sqlite_roundup(int size)
{
	return (size + 7) & ~7;
}

static inline int sa_sqlite_init(void *context)
{
	(void)context;
	return sa_default_arena() != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

/* What connections still hold stays valid: the arena is never destroyed. */
static inline void sa_sqlite_shutdown(void *context)
{
	(void)context;
}

/*
 * Have SQLite take all its memory from the default arena.  Call it before
 * anything else of SQLite's, or after sqlite3_shutdown(): SQLITE_OK, or
 * SQLITE_MISUSE if SQLite is running.
 */
static inline int sa_sqlite_use(void)
{
	sqlite3_mem_methods methods = {sa_sqlite_malloc,   sa_free,
				       sa_sqlite_realloc,  sa_sqlite_size,
				       sa_sqlite_roundup,  sa_sqlite_init,
				       sa_sqlite_shutdown, NULL};

	return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}

#ifdef __cplusplus
}
#endif

#endif /* SODIUM_ARENA_SQLITE_H */
