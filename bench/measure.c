/* SPDX-License-Identifier: ISC */
/* Counts adapt to what is measured, so that every figure takes as long. */
#include <config.h>

#include "measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* 1 ms: thousands of times what reading the clock can cost. */
#define BATCH_DURATION 1000000

uint64_t measure_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t batch_duration(measure_work *work, void *context, size_t batch)
{
	uint64_t start = measure_now();

	work(context, batch);
	return measure_now() - start;
}

size_t measure_batch(measure_work *work, void *context)
{
	size_t batch = 1;

	while (batch_duration(work, context, batch) < BATCH_DURATION)
		batch *= 2;
	return batch;
}

double measure_cost(measure_work *work, void *context, size_t batch,
		    uint64_t duration)
{
	uint64_t elapsed = 0;
	size_t count = 0;

	do {
		elapsed += batch_duration(work, context, batch);
		count += batch;
	} while (elapsed < duration);
	return (double)elapsed / (double)count;
}

double measure_steady(measure_work *work, void *context, uint64_t duration)
{
	return measure_cost(work, context, measure_batch(work, context),
			    duration);
}

static int values_compare(const void *left, const void *right)
{
	const double *a = left;
	const double *b = right;

	return (*a > *b) - (*a < *b);
}

/* Sorts the values. */
static double values_median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), values_compare);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

struct measure_spread measure_spread(const double *values, size_t count)
{
	double sorted[MEASURE_VALUES_MAX];
	struct measure_spread spread;

	memcpy(sorted, values, count * sizeof(*values));
	spread.median = values_median(sorted, count);
	spread.min = sorted[0];
	spread.max = sorted[count - 1];
	for (size_t i = 0; i < count; i++)
		sorted[i] = fabs(sorted[i] - spread.median);
	spread.mad = values_median(sorted, count);
	return spread;
}

struct measure_spread measure_ratio(const double *values, const double *base,
				    size_t count)
{
	double ratios[MEASURE_VALUES_MAX];

	for (size_t i = 0; i < count; i++)
		ratios[i] = values[i] / base[i];
	return measure_spread(ratios, count);
}
