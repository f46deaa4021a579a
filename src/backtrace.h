/* SPDX-License-Identifier: ISC */
/*
 * Stacks of return addresses, taken and written where AddressSanitizer's
 * runtime is: it knows their names.  Elsewhere they are empty.
 */
#ifndef SA_BACKTRACE_H
#define SA_BACKTRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "line.h"

/* Some of the frames are the library's. */
#define SA_BACKTRACE_DEPTH 20

typedef struct sa_backtrace {
	uint32_t depth;
	uintptr_t at[SA_BACKTRACE_DEPTH];
} sa_backtrace;

/* From where this is called. */
void sa_backtrace_take(sa_backtrace *trace);

bool sa_backtrace_is_same(const sa_backtrace *a, const sa_backtrace *b);

/* Write to standard error, by way of `line`: WHAT here, and a line for each
 * frame.  Nothing if there is none. */
void sa_backtrace_tell(const sa_backtrace *trace, const char *what,
		       sa_line *line);

#endif
