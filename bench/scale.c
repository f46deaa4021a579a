/* SPDX-License-Identifier: ISC */
/*
 * Keys in numbers that no other workload reaches.  All numbers handle as many
 * objects in all: the smaller ones over and over.
 */
#include <config.h>

#include "scale.h"

#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "measure.h"
#include "object.h"
#include "shuffle.h"

#define MILLION ((size_t)1000000)

/* A cycle handles at least this many objects, or there are several. */
#define OBJECTS_HANDLED (10 * MILLION)

const size_t scale_counts[] = {MILLION, 10 * MILLION, 100 * MILLION};
const size_t scale_count_count = sizeof(scale_counts) / sizeof(scale_counts[0]);

static double object_cost(uint64_t start, size_t count)
{
	return (double)(measure_now() - start) / (double)count;
}

static double fill_cost(const struct trial *trial, void *context,
			void **objects)
{
	uint64_t start = measure_now();

	for (size_t i = 0; i < trial->count; i++) {
		objects[i] =
			trial_need(trial->allocator->alloc(context, KEY_SIZE));
		object_write(objects[i], KEY_SIZE);
	}
	return object_cost(start, trial->count);
}

static double drain_cost(const struct trial *trial, void *context,
			 void **objects)
{
	uint64_t start = measure_now();

	for (size_t i = 0; i < trial->count; i++)
		trial->allocator->free(context, objects[i], KEY_SIZE);
	return object_cost(start, trial->count);
}

static double owns_cost(const struct trial *trial, void *context,
			void **objects)
{
	uint64_t start = measure_now();

	if (trial->allocator->owns == NULL)
		return -1;
	for (size_t i = 0; i < trial->count; i++)
		if (!trial->allocator->owns(context, objects[i]))
			abort();
	return object_cost(start, trial->count);
}

static struct scale_figures cycle(const struct trial *trial, void **objects)
{
	void *context = trial->allocator->setup(trial->room);
	struct scale_figures figures;

	figures.alloc = fill_cost(trial, context, objects);
	figures.owns = owns_cost(trial, context, objects);
	figures.free = drain_cost(trial, context, objects);
	fill_cost(trial, context, objects);
	shuffle(objects, trial->count);
	figures.owns_shuffled = owns_cost(trial, context, objects);
	figures.free_shuffled = drain_cost(trial, context, objects);
	trial->allocator->teardown(context);
	return figures;
}

static void figures_add(struct scale_figures *sum,
			const struct scale_figures *figures, double share)
{
	sum->alloc += figures->alloc * share;
	sum->owns += figures->owns * share;
	sum->free += figures->free * share;
	sum->owns_shuffled += figures->owns_shuffled * share;
	sum->free_shuffled += figures->free_shuffled * share;
}

void scale_run(const struct trial *trial, void *result)
{
	void **objects = trial_need(malloc(trial->count * sizeof(*objects)));
	size_t cycles = 1 + (OBJECTS_HANDLED - 1) / trial->count;
	struct scale_figures *sum = result;

	memset(objects, 0xff, trial->count * sizeof(*objects));
	memset(sum, 0, sizeof(*sum));
	for (size_t i = 0; i < cycles; i++) {
		struct scale_figures figures = cycle(trial, objects);

		figures_add(sum, &figures, 1 / (double)cycles);
	}
	free(objects);
}
