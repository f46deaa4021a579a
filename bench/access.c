/* SPDX-License-Identifier: ISC */
/*
 * Open what rests at NOACCESS and close it again: all objects at once where
 * protection belongs to an arena, one where each object has its own.
 */
#include <config.h>

#include "measure.h"
#include "workload.h"

struct resting {
	const struct allocator *allocator;
	void *context;
	void *object;
};

static void resting_work(void *context, size_t count)
{
	const struct resting *resting = context;

	for (size_t i = 0; i < count; i++) {
		resting->allocator->open(resting->context, resting->object);
		resting->allocator->close(resting->context, resting->object);
	}
}

/* The objects are left to the process's end where teardown keeps them. */
double access_run(const struct trial *trial)
{
	const struct allocator *allocator = trial->allocator;
	struct resting resting = {allocator, allocator->setup(), NULL};
	double cost;

	for (size_t i = 0; i < trial->count; i++) {
		resting.object =
			trial_need(allocator->alloc(resting.context, KEY_SIZE));
		object_write(resting.object, KEY_SIZE);
	}
	allocator->rest(resting.context, resting.object);
	cost = measure_steady(resting_work, &resting, trial->duration);
	allocator->teardown(resting.context);
	return cost;
}
