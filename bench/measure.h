/* SPDX-License-Identifier: ISC */
/* Time, what an operation costs, and how measurements of it spread. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>

/*
 * What two threads write is kept this far apart, in bytes: two lines, for
 * processors fetch them in pairs.
 */
#define LINE_PAIR 128

/* `count` operations of what is measured. */
typedef void measure_work(void *context, size_t count);

/* The most values whose spread can be asked for. */
#define MEASURE_VALUES_MAX 99

struct measure_spread {
	double median;
	double min;
	double max;
	double mad; /* median distance from the median */
};

/* Nanoseconds on a clock that never steps. */
uint64_t measure_now(void);

/* Warm up; how many operations make reading the clock negligible. */
size_t measure_batch(measure_work *work, void *context);

/* Nanoseconds an operation, over batches that take `duration` together. */
double measure_cost(measure_work *work, void *context, size_t batch,
		    uint64_t duration);

/* Both. */
double measure_steady(measure_work *work, void *context, uint64_t duration);

/* The spread of `count` values; 0 < count <= MEASURE_VALUES_MAX. */
struct measure_spread measure_spread(const double *values, size_t count);

/* The spread of values[i] / base[i]. */
struct measure_spread measure_ratio(const double *values, const double *base,
				    size_t count);

#endif
