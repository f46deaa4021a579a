/* SPDX-License-Identifier: ISC */
/* How far sodium_malloc() gets with one block for every key. */
#ifndef EXAMPLES_BASELINE_H
#define EXAMPLES_BASELINE_H

#include <stddef.h>

enum baseline_end {
	BASELINE_REACHED, /* the count asked for */
	BASELINE_REFUSED, /* NULL */
	BASELINE_UNLOCKED /* a block that is not locked in RAM */
};

struct baseline {
	size_t count; /* blocks that were locked */
	enum baseline_end end;
	size_t mapping_count; /* spent on all of them */
	size_t locked_size;
};

/*
 * Allocate up to `limit` blocks of `size` bytes, measure them and free them
 * again.  0, or -1 with errno: no room for the pointers, or no /proc.
 */
int baseline_measure(struct baseline *baseline, size_t limit, size_t size);

#endif
