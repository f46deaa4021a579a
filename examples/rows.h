/* SPDX-License-Identifier: ISC */
/* A table of rows that each carry a secret, written and read; SQLite's or
 * SQLCipher's, whichever <sqlite3.h> is found. */
#ifndef EXAMPLES_ROWS_H
#define EXAMPLES_ROWS_H

#include <sqlite3.h>

#define ROWS_COUNT 100000
#define ROWS_SECRET_SIZE 16

/* Insert `count` rows in one transaction, then read as many, in random order,
 * and compare; say on standard output what that cost.  Ends the process on
 * failure. */
void rows_fill(sqlite3 *db, const char *allocator, const unsigned char *secret,
	       int count);

/* Read `count` rows of so many, in random order, and compare. */
void rows_read(sqlite3 *db, const unsigned char *secret, int count, int total);

/* The count that the program was called with, else ROWS_COUNT. */
int rows_count(int argc, char **argv);

#endif
