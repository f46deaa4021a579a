/* SPDX-License-Identifier: ISC */
/*
 * SQLCipher on the arena: an encrypted database in a file.  Neither its key,
 * in any form, nor a row is outside the arena or in the file.
 */
#define SQLITE_HAS_CODEC /* declares sqlite3_key() */

#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>
#include <sodium_arena.h>
#include <sodium_arena_openssl.h>
#include <sodium_arena_sqlite.h>

#include "hook.h"
#include "process.h"
#include "rows.h"

#define KEY_SIZE 32
/* x'...' around the digits: the key itself, not a passphrase. */
#define KEY_TEXT_SIZE (2 * KEY_SIZE + 3)

static int count;

/* The default arena, once it is made: munlock() is called while it is, too. */
static sa_arena *arena;

/*
 * SQLCipher unlocks what it frees.  The kernel unlocks whole pages, and so the
 * neighbours with it: leave the arena's to the arena.  sa_arena_owns() may be
 * asked here, where the arena's own calls pass, too: it takes no lock, and what
 * the arena unlocks begins no live object.
 */
__attribute__((visibility("default"))) int munlock(const void *address,
						   size_t size)
{
	if (sa_arena_owns(arena, address))
		return 0;
	return (int)syscall(SYS_munlock, address, size);
}

static char *make_key_text(const unsigned char *key)
{
	char *text = sa_malloc(KEY_TEXT_SIZE + 1);

	HOOK_REQUIRE(text != NULL);
	memcpy(text, "x'", 2);
	sodium_bin2hex(text + 2, 2 * KEY_SIZE + 1, key, KEY_SIZE);
	memcpy(text + 2 + 2 * KEY_SIZE, "'", 2);
	return text;
}

static sqlite3 *open_database(const char *path, const char *key_text)
{
	sqlite3 *db;

	HOOK_REQUIRE(sqlite3_open(path, &db) == SQLITE_OK);
	HOOK_REQUIRE(sqlite3_key(db, key_text, KEY_TEXT_SIZE) == SQLITE_OK);
	return db;
}

/* Locked memory that the arena does not know of: none, or its own page. */
static size_t locked_elsewhere(void)
{
	sa_arena_stats stats = SA_ARENA_STATS_INIT;
	size_t locked;

	HOOK_REQUIRE(sa_arena_stats_get(sa_default_arena(), &stats) == 0);
	HOOK_REQUIRE(process_locked_size(&locked) == 0);
	return locked - stats.locked_size;
}

static int file_contains(const char *path, const void *needle, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), found;
	off_t length = lseek(fd, 0, SEEK_END);
	char *bytes;

	HOOK_REQUIRE(fd >= 0 && length > count);
	bytes = malloc((size_t)length);
	HOOK_REQUIRE(bytes != NULL);
	HOOK_REQUIRE(pread(fd, bytes, (size_t)length, 0) == length);
	found = memmem(bytes, (size_t)length, needle, size) != NULL;
	free(bytes);
	close(fd);
	return found;
}

static void require_wrong_key_fails(const char *path)
{
	unsigned char *wrong = hook_secret(KEY_SIZE);
	char *text = make_key_text(wrong);
	sqlite3 *db = open_database(path, text);

	HOOK_REQUIRE(sqlite3_exec(db, "SELECT * FROM secrets", NULL, NULL,
				  NULL) == SQLITE_NOTADB);
	HOOK_REQUIRE(sqlite3_close(db) == SQLITE_OK);
	sa_free(wrong);
	sa_free(text);
}

static int fill(const char *path)
{
	unsigned char *key = hook_secret(KEY_SIZE);
	unsigned char *secret = hook_secret(ROWS_SECRET_SIZE);
	char *text = make_key_text(key);
	sqlite3 *db = open_database(path, text);
	size_t locked = locked_elsewhere();
	int is_inside;

	rows_fill(db, "arena", secret, count);
	is_inside = hook_is_only_in_arena("the key", key, KEY_SIZE, 2) &
		    hook_is_only_in_arena("the key's digits", text + 2,
					  2 * KEY_SIZE, 1) &
		    hook_is_only_in_arena("the rows' secret", secret,
					  ROWS_SECRET_SIZE, 2);
	HOOK_REQUIRE(sqlite3_close(db) == SQLITE_OK);
	HOOK_REQUIRE(!file_contains(path, secret, ROWS_SECRET_SIZE));
	db = open_database(path, text);
	rows_read(db, secret, 100, count);
	HOOK_REQUIRE(sqlite3_close(db) == SQLITE_OK);
	require_wrong_key_fails(path);
	HOOK_REQUIRE(locked_elsewhere() == locked);
	is_inside &= hook_is_only_in_arena("the key after closing", key,
					   KEY_SIZE, 1);
	sa_free(key);
	sa_free(secret);
	sa_free(text);
	return is_inside;
}

/* Have `use` work on a file that does not exist, and remove it. */
static int with_file(int (*use)(const char *path))
{
	char folder[] = "/tmp/sodium-arena-XXXXXX", path[64];
	int result;

	HOOK_REQUIRE(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/secrets.db", folder);
	result = use(path);
	unlink(path);
	rmdir(folder);
	return result;
}

static int body(void)
{
	arena = sa_default_arena();
	HOOK_REQUIRE(sa_openssl_use() == 1);
	HOOK_REQUIRE(sa_sqlite_use() == SQLITE_OK);
	HOOK_REQUIRE(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) ==
		     SQLITE_OK);
	HOOK_REQUIRE(sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0) ==
		     SQLITE_OK);
	return with_file(fill) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The same without the arena, and without secrets. */
static int fill_by_default(const char *path)
{
	static const unsigned char nothing[KEY_SIZE];
	char *text = make_key_text(nothing);
	sqlite3 *db = open_database(path, text);

	rows_fill(db, "default allocators", nothing, count);
	HOOK_REQUIRE(sqlite3_close(db) == SQLITE_OK);
	sa_free(text);
	return EXIT_SUCCESS;
}

static int body_by_default(void)
{
	arena = sa_default_arena();
	return with_file(fill_by_default);
}

/* OpenSSL takes its hooks once in a process. */
int main(int argc, char **argv)
{
	int status = -1;
	pid_t child;

	count = rows_count(argc, argv);
	child = fork();
	if (child == 0)
		return hook_main(body_by_default);
	HOOK_REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
	HOOK_REQUIRE(WIFEXITED(status));
	if (WEXITSTATUS(status) != EXIT_SUCCESS)
		return WEXITSTATUS(status);
	return hook_main(body);
}
