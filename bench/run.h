/* SPDX-License-Identifier: ISC */
/* A run: what is to be measured, and measuring it round by round. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "report.h"

/* The name by which the memory figures are chosen. */
#define RUN_MEMORY "memory"

/* How much is measured. */
struct effort {
	size_t rounds;
	uint64_t duration;   /* ns a value */
	size_t count_limit;  /* larger workloads are left out */
	size_t divisor;      /* of the objects of an allocator with a limit */
	size_t memory_count; /* objects */
};

extern const struct effort effort_full;
extern const struct effort effort_quick;

struct run_options {
	struct effort effort;
	const char *only;       /* comma-separated patterns; NULL: all */
	const char *allocators; /* the same */
};

/* Does each of the comma-separated patterns stand for something? */
int run_has_workloads(const char *patterns);
int run_has_allocators(const char *patterns);

/* Lay out the cells; -1 with errno if there is no memory for them. */
int run_plan(struct report *report, const struct run_options *options);

/* Fill the cells; -1 if one that should have been measured was not. */
int run_measure(struct report *report, const struct effort *effort);

/* Release the cells. */
void run_release(struct report *report);

#endif
