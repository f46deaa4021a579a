/* SPDX-License-Identifier: ISC */
/*
 * Fill an empty allocator with keys and drain it again.  Only the half that
 * is asked for is timed; setup and teardown never are.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "object.h"
#include "shuffle.h"
#include "workload.h"

/* Nanoseconds that the halves of one cycle took. */
struct lap {
	uint64_t fill;
	uint64_t drain;
};

/* The same for one object. */
struct cost {
	double fill;
	double drain;
};

enum order { IN_ORDER, SHUFFLED };

/* Touched, so that no fault on the pointers is timed. */
static void **objects_create(size_t count)
{
	void **objects = trial_need(malloc(count * sizeof(*objects)));

	memset(objects, 0xff, count * sizeof(*objects));
	return objects;
}

static void fill(const struct trial *trial, void *context, void **objects)
{
	const struct allocator *allocator = trial->allocator;

	for (size_t i = 0; i < trial->count; i++) {
		objects[i] = trial_need(allocator->alloc(context, KEY_SIZE));
		object_write(objects[i], KEY_SIZE);
	}
}

static void drain(const struct trial *trial, void *context, void **objects)
{
	for (size_t i = 0; i < trial->count; i++)
		trial->allocator->free(context, objects[i], KEY_SIZE);
}

static struct lap cycle(const struct trial *trial, void **objects,
			enum order order)
{
	void *context = trial->allocator->setup(trial->room);
	struct lap lap;

	lap.fill = measure_now();
	fill(trial, context, objects);
	lap.fill = measure_now() - lap.fill;
	if (order == SHUFFLED)
		shuffle(objects, trial->count);
	lap.drain = measure_now();
	drain(trial, context, objects);
	lap.drain = measure_now() - lap.drain;
	trial->allocator->teardown(context);
	return lap;
}

/*
 * Nanoseconds an object of either half: the mean of as many cycles as fit
 * into twice the trial's duration, at least one.
 */
static struct cost cycles(const struct trial *trial, enum order order)
{
	void **objects = objects_create(trial->count);
	uint64_t start = measure_now();
	struct lap total = {0, 0};
	double count = 0;

	do {
		struct lap lap = cycle(trial, objects, order);

		total.fill += lap.fill;
		total.drain += lap.drain;
		count += (double)trial->count;
	} while (measure_now() - start < 2 * trial->duration);
	free(objects);
	return (struct cost){(double)total.fill / count,
			     (double)total.drain / count};
}

double fill_run(const struct trial *trial)
{
	return cycles(trial, IN_ORDER).fill;
}

double drain_run(const struct trial *trial)
{
	return cycles(trial, IN_ORDER).drain;
}

double drain_random_run(const struct trial *trial)
{
	return cycles(trial, SHUFFLED).drain;
}
