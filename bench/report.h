/* SPDX-License-Identifier: ISC */
/* What was measured, and its two forms: a table and JSON lines. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stddef.h>

#include "measure.h"
#include "memory.h"
#include "workload.h"

/* Large enough for any reason why a cell is empty. */
#define REPORT_NOTE_SIZE 64

/* One workload by one allocator. */
struct cell {
	const struct workload *workload;
	const struct allocator *allocator;
	size_t count;                /* objects alive, scaled down if need be */
	char note[REPORT_NOTE_SIZE]; /* why there is no value, or empty */
	double values[MEASURE_VALUES_MAX]; /* one a round */
};

/* The memory of one allocator. */
struct memory_cell {
	const struct allocator *allocator;
	size_t count;
	char note[REPORT_NOTE_SIZE];
	struct memory_figures figures;
};

/* All of a run.  Cells are sorted by workload. */
struct report {
	size_t rounds;
	double load; /* of the machine, before the first round */
	struct cell *cells;
	size_t cell_count;
	struct memory_cell *memory_cells;
	size_t memory_cell_count;
};

void report_table(const struct report *report);
void report_json(const struct report *report);

#endif
