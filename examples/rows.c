/* SPDX-License-Identifier: ISC */
/* A row is its number, the secret, and the number once more behind it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>
#include <sodium_arena.h>

#include "hook.h"
#include "rows.h"

struct row {
	unsigned char secret[ROWS_SECRET_SIZE];
	sqlite3_int64 number;
};

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement;

	HOOK_REQUIRE(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) ==
		     SQLITE_OK);
	return statement;
}

static void execute(sqlite3 *db, const char *sql)
{
	HOOK_REQUIRE(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

static void write_rows(sqlite3 *db, const unsigned char *secret, int count)
{
	struct row *row = sa_malloc(sizeof(*row));
	sqlite3_stmt *insert;

	HOOK_REQUIRE(row != NULL);
	memcpy(row->secret, secret, ROWS_SECRET_SIZE);
	execute(db, "CREATE TABLE secrets(id INTEGER PRIMARY KEY, value BLOB)");
	execute(db, "BEGIN");
	insert = prepare(db, "INSERT INTO secrets VALUES(?, ?)");
	for (row->number = 0; row->number < count; row->number++) {
		sqlite3_bind_int64(insert, 1, row->number);
		sqlite3_bind_blob(insert, 2, row, sizeof(*row), SQLITE_STATIC);
		HOOK_REQUIRE(sqlite3_step(insert) == SQLITE_DONE);
		sqlite3_reset(insert);
	}
	HOOK_REQUIRE(sqlite3_finalize(insert) == SQLITE_OK);
	execute(db, "COMMIT");
	sa_free(row);
}

void rows_read(sqlite3 *db, const unsigned char *secret, int count, int total)
{
	sqlite3_stmt *select = prepare(db, "SELECT value FROM secrets"
					   " WHERE id = ?");

	for (int i = 0; i < count; i++) {
		sqlite3_int64 number = randombytes_uniform((uint32_t)total);
		const struct row *row;

		sqlite3_bind_int64(select, 1, number);
		HOOK_REQUIRE(sqlite3_step(select) == SQLITE_ROW);
		HOOK_REQUIRE(sqlite3_column_bytes(select, 0) == sizeof(*row));
		row = sqlite3_column_blob(select, 0);
		HOOK_REQUIRE(memcmp(row, secret, ROWS_SECRET_SIZE) == 0 &&
			     memcmp(&row->number, &number, sizeof(number)) ==
				     0);
		sqlite3_reset(select);
	}
	HOOK_REQUIRE(sqlite3_finalize(select) == SQLITE_OK);
}

void rows_fill(sqlite3 *db, const char *allocator, const unsigned char *secret,
	       int count)
{
	double start = hook_cpu_time(), written, read;

	write_rows(db, secret, count);
	written = hook_cpu_time();
	rows_read(db, secret, count, count);
	read = hook_cpu_time();
	printf("%s: %d inserts %.3f s, queries %.3f s of processor time\n",
	       allocator, count, written - start, read - written);
}

int rows_count(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : ROWS_COUNT;

	HOOK_REQUIRE(count > 0);
	return count;
}
