/* SPDX-License-Identifier: ISC */
/* What a run is to measure: options become the cells of a report. */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "report.h"

/* The names by which these figures are chosen. */
#define PLAN_MEMORY "memory"
#define PLAN_SCALE "scale"

/* How much is measured. */
struct effort {
	size_t rounds;
	uint64_t duration;   /* ns a value */
	size_t count_limit;  /* larger workloads are left out */
	size_t divisor;      /* of the objects of an allocator with a limit */
	size_t memory_count; /* objects */
	int is_full;         /* long workloads and scale too */
};

extern const struct effort effort_usual;
extern const struct effort effort_quick;
extern const struct effort effort_full;

struct plan {
	struct effort effort;
	const char *only;       /* comma-separated patterns; NULL: all */
	const char *allocators; /* the same */
};

/* Does each of the comma-separated patterns stand for something? */
int plan_has_workloads(const char *patterns);
int plan_has_allocators(const char *patterns);

/* Lay out the cells; -1 with errno if there is no memory for them. */
int plan_lay_out(const struct plan *plan, struct report *report);

/* Release the cells. */
void plan_release(struct report *report);

#endif
