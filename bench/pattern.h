/* SPDX-License-Identifier: ISC */
/* Lists of shell patterns, separated by commas. */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

/* Does `name` match one of the patterns?  NULL: yes. */
int pattern_selects(const char *patterns, const char *name);

/* Does each of the patterns stand for something?  NULL: yes. */
int pattern_all_known(const char *patterns,
		      int (*is_known)(const char *pattern));

/* Does the one pattern match `name`? */
int pattern_matches(const char *pattern, const char *name);

#endif
