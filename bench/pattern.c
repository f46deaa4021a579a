/* SPDX-License-Identifier: ISC */
/* Patterns are cut off their list one by one, into a buffer. */
#include <config.h>

#include "pattern.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define PATTERN_SIZE 64 /* longer than any name */

/* Cut the first of the patterns off; 0 if none is left. */
static int next(const char **patterns, char pattern[PATTERN_SIZE])
{
	size_t size;

	if (*patterns == NULL)
		return 0;
	size = strcspn(*patterns, ",");
	snprintf(pattern, PATTERN_SIZE, "%.*s", (int)size, *patterns);
	*patterns = (*patterns)[size] == ',' ? *patterns + size + 1 : NULL;
	return 1;
}

int pattern_matches(const char *pattern, const char *name)
{
	return fnmatch(pattern, name, 0) == 0;
}

int pattern_selects(const char *patterns, const char *name)
{
	char pattern[PATTERN_SIZE];

	if (patterns == NULL)
		return 1;
	while (next(&patterns, pattern))
		if (pattern_matches(pattern, name))
			return 1;
	return 0;
}

int pattern_all_known(const char *patterns,
		      int (*is_known)(const char *pattern))
{
	char pattern[PATTERN_SIZE];

	while (next(&patterns, pattern))
		if (!is_known(pattern))
			return 0;
	return 1;
}
