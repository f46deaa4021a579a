/* SPDX-License-Identifier: ISC */
/* What an object costs when there are very many of them. */
#ifndef BENCH_SCALE_H
#define BENCH_SCALE_H

#include <stddef.h>

#include "trial.h"

enum scale_figure {
	SCALE_ALLOC,        /* from an empty allocator, written */
	SCALE_ALLOC_BACKED, /* likewise, in memory that was just used */
	SCALE_OWNS,         /* in order of allocation */
	SCALE_FREE,         /* likewise */
	SCALE_OWNS_SHUFFLED,
	SCALE_FREE_SHUFFLED,
	SCALE_FIGURES
};

extern const char *const scale_names[SCALE_FIGURES];

/* Nanoseconds an object; below 0: there is no such call. */
struct scale_figures {
	double costs[SCALE_FIGURES];
};

/* The numbers of objects; the first is what the others are compared with. */
extern const size_t scale_counts[];
extern const size_t scale_count_count;

/* A trial; `result` is a struct scale_figures. */
void scale_run(const struct trial *trial, void *result);

#endif
