/* SPDX-License-Identifier: ISC */
/*
 * Keys in numbers that no other workload reaches.  All numbers handle as many
 * objects in all: the smaller ones over and over.
 */
#include <config.h>

#include "scale.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "allocator.h"
#include "measure.h"
#include "object.h"
#include "shuffle.h"

#define MILLION ((size_t)1000000)

/* A cycle handles at least this many objects, or there are several. */
#define OBJECTS_HANDLED (10 * MILLION)

/* Objects whose memory is backed at once, and the bytes for one of them. */
#define BACKED_AT_ONCE (4 * MILLION)
#define BACKED_ROOM ((size_t)64)

const char *const scale_names[SCALE_FIGURES] = {
	[SCALE_ALLOC] = "alloc",
	[SCALE_ALLOC_BACKED] = "alloc_backed",
	[SCALE_OWNS] = "owns",
	[SCALE_FREE] = "free",
	[SCALE_OWNS_SHUFFLED] = "owns_shuffled",
	[SCALE_FREE_SHUFFLED] = "free_shuffled",
};

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

/*
 * A hypervisor that takes freed memory back gives it page by page when it is
 * touched, at a price that is not the allocator's: so many bytes are touched
 * and freed here, just before the allocator asks for as many.
 */
static void memory_back(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED || munmap(memory, size) != 0)
		trial_give_up();
}

/* fill_cost() in steps; before each, off the clock, its memory is backed. */
static double backed_fill_cost(const struct trial *trial, void *context,
			       void **objects)
{
	struct trial step = *trial;
	double sum = 0;

	for (size_t i = 0; i < trial->count; i += step.count) {
		step.count = trial->count - i < BACKED_AT_ONCE
				     ? trial->count - i
				     : BACKED_AT_ONCE;
		memory_back(step.count * BACKED_ROOM);
		sum += fill_cost(&step, context, objects + i) *
		       (double)step.count;
	}
	return sum / (double)trial->count;
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

static void cycle(const struct trial *trial, void **objects, double *costs)
{
	void *context = trial->allocator->setup(trial->room);

	costs[SCALE_ALLOC] = fill_cost(trial, context, objects);
	costs[SCALE_OWNS] = owns_cost(trial, context, objects);
	costs[SCALE_FREE] = drain_cost(trial, context, objects);
	trial->allocator->teardown(context);
	context = trial->allocator->setup(trial->room);
	costs[SCALE_ALLOC_BACKED] = backed_fill_cost(trial, context, objects);
	shuffle(objects, trial->count);
	costs[SCALE_OWNS_SHUFFLED] = owns_cost(trial, context, objects);
	costs[SCALE_FREE_SHUFFLED] = drain_cost(trial, context, objects);
	trial->allocator->teardown(context);
}

void scale_run(const struct trial *trial, void *result)
{
	void **objects = trial_need(malloc(trial->count * sizeof(*objects)));
	size_t cycles = 1 + (OBJECTS_HANDLED - 1) / trial->count;
	struct scale_figures *mean = result;

	memset(objects, 0xff, trial->count * sizeof(*objects));
	memset(mean, 0, sizeof(*mean));
	for (size_t i = 0; i < cycles; i++) {
		double costs[SCALE_FIGURES];

		cycle(trial, objects, costs);
		for (size_t j = 0; j < SCALE_FIGURES; j++)
			mean->costs[j] += costs[j] / (double)cycles;
	}
	free(objects);
}
