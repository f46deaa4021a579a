/* SPDX-License-Identifier: ISC */
/* What an object costs when there are very many of them. */
#ifndef BENCH_SCALE_H
#define BENCH_SCALE_H

#include <stddef.h>

#include "trial.h"

/* Nanoseconds an object; below 0: there is no such call. */
struct scale_figures {
	double alloc; /* from an empty allocator, written */
	double owns;  /* in order of allocation */
	double free;  /* likewise */
	double owns_shuffled;
	double free_shuffled;
};

/* The numbers of objects; the first is what the others are compared with. */
extern const size_t scale_counts[];
extern const size_t scale_count_count;

/* A trial; `result` is a struct scale_figures. */
void scale_run(const struct trial *trial, void *result);

#endif
