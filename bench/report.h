/* SPDX-License-Identifier: ISC */
/* What was measured, what follows from it, and the forms that it takes. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stddef.h>

#include "measure.h"
#include "memory.h"
#include "scale.h"
#include "workload.h"

/* Large enough for any reason why a cell is empty. */
#define REPORT_NOTE_SIZE 64

/* The allocators that others are compared with. */
#define REPORT_PLAIN "malloc"
#define REPORT_ARENA "arena"

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

/* One number of objects of one allocator. */
struct scale_cell {
	const struct allocator *allocator;
	size_t count;
	char note[REPORT_NOTE_SIZE];
	struct scale_figures figures;
};

/*
 * All of a run.  Cells are sorted by workload, scale cells by allocator and
 * number.
 */
struct report {
	size_t rounds;
	double load; /* of the machine, before the first round */
	struct cell *cells;
	size_t cell_count;
	struct memory_cell *memory_cells;
	size_t memory_cell_count;
	struct scale_cell *scale_cells;
	size_t scale_cell_count;
};

/* The measured cell of that workload and that allocator, or NULL. */
const struct cell *report_cell(const struct report *report,
			       const char *workload, const char *allocator);

/* The spread of its values. */
struct measure_spread report_spread(const struct report *report,
				    const struct cell *cell);

/*
 * The cell's time over that of the allocator `name`; 0 where one of them has
 * no value or the values are factors.
 */
double report_ratio(const struct report *report, const struct cell *cell,
		    const char *name);

/* The cell of as many objects as all others are compared with, or NULL. */
const struct scale_cell *report_scale_base(const struct report *report,
					   const struct scale_cell *cell);

/* Bytes of memory a live object. */
double report_per_object(size_t filled, size_t before, size_t count);

/* About three significant digits. */
struct text {
	char string[32];
};
struct text report_figure(double value);

/* To standard output. */
void report_table(const struct report *report);
void report_json(const struct report *report);

/* Into a folder that exists; -1 with errno. */
int report_folder(const struct report *report, const char *folder);

#endif
