/* SPDX-License-Identifier: ISC */
/*
 * SQLite on the arena: a database in memory, a hundred thousand secrets in it,
 * none of them outside; and what that costs against SQLite's own allocator.
 */
#include <stdlib.h>

#include <sodium_arena.h>
#include <sodium_arena_sqlite.h>

#include "hook.h"
#include "rows.h"

static int count;

static sqlite3 *fill(const char *allocator, const unsigned char *secret)
{
	sqlite3 *db;

	HOOK_REQUIRE(sqlite3_open(":memory:", &db) == SQLITE_OK);
	rows_fill(db, allocator, secret, count);
	return db;
}

static void finish(sqlite3 *db)
{
	HOOK_REQUIRE(sqlite3_close(db) == SQLITE_OK);
	HOOK_REQUIRE(sqlite3_shutdown() == SQLITE_OK);
}

/* SQLite rounds what it asks for, and may use all of what it is told. */
static void require_exact_sizes(void)
{
	void *ptr = sqlite3_malloc(13);

	HOOK_REQUIRE(sa_arena_owns(sa_default_arena(), ptr));
	HOOK_REQUIRE(sqlite3_msize(ptr) == 16);
	ptr = sqlite3_realloc(ptr, 1000);
	HOOK_REQUIRE(sa_malloc_usable_size(ptr) == 1000);
	sqlite3_free(ptr);
}

static int body(void)
{
	static const unsigned char nothing[ROWS_SECRET_SIZE];
	unsigned char *secret = hook_secret(ROWS_SECRET_SIZE);
	sa_arena_stats stats = SA_ARENA_STATS_INIT;
	int is_inside;
	sqlite3 *db;

	finish(fill("default allocator", nothing));
	HOOK_REQUIRE(sa_sqlite_use() == SQLITE_OK);
	finish(fill("arena", nothing));
	/* Each of SQLite's small objects and pages an object of the arena, so
	 * that it is wiped when it is freed. */
	HOOK_REQUIRE(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) ==
		     SQLITE_OK);
	HOOK_REQUIRE(sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0) ==
		     SQLITE_OK);
	db = fill("arena, no pools", secret);
	require_exact_sizes();
	is_inside = hook_is_only_in_arena("the rows' secret", secret,
					  ROWS_SECRET_SIZE, (size_t)count);
	finish(db);
	is_inside &= hook_is_only_in_arena("after closing", secret,
					   ROWS_SECRET_SIZE, 1);
	HOOK_REQUIRE(sa_arena_check(sa_default_arena()) == 0);
	HOOK_REQUIRE(sa_arena_stats_get(sa_default_arena(), &stats) == 0);
	/* The secret and the stack. */
	HOOK_REQUIRE(stats.live_count == 2);
	sa_free(secret);
	return is_inside ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	count = rows_count(argc, argv);
	return hook_main(body);
}
