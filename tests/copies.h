/* SPDX-License-Identifier: ISC */
/*
 * Counts the copies of a secret in a process: for suites that claim that there
 * is just one.  Not with sanitizers, which map too much to look at.
 */
#ifndef COPIES_H
#define COPIES_H

#include <stdio.h>
#include <string.h>

#include "support.h"

/* As many first bytes of the secret have to lie in a row. */
#define COPIES_LENGTH 16

/* The secret's byte at an offset, computed each time: the counting makes no
 * copy of its own. */
typedef unsigned char (*copies_secret)(size_t offset);

SUPPORT_UNCHECKED static size_t copies_count_between(const unsigned char *at,
						     const unsigned char *end,
						     copies_secret secret)
{
	size_t count = 0;

	for (; at + COPIES_LENGTH <= end; at++) {
		size_t i = 0;

		while (i < COPIES_LENGTH && at[i] == secret(i))
			i++;
		count += i == COPIES_LENGTH;
	}
	return count;
}

/* In all memory that this process can write to. */
static inline size_t copies_count(copies_secret secret)
{
	static struct {
		size_t start, end;
	} found[1024];
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], access[5];
	size_t n = 0, count = 0;

	SUPPORT_REQUIRE(maps != NULL);
	while (n < SUPPORT_LENGTH(found) &&
	       fgets(line, sizeof line, maps) != NULL)
		if (sscanf(line, "%zx-%zx %4s", &found[n].start, &found[n].end,
			   access) == 3 &&
		    strncmp(access, "rw", 2) == 0)
			n++;
	fclose(maps);
	for (size_t i = 0; i < n; i++)
		count += copies_count_between(
			(const unsigned char *)found[i].start,
			(const unsigned char *)found[i].end, secret);
	return count;
}

#endif
