/* SPDX-License-Identifier: ISC */
/* Calls that concern all objects at once. */
#include <config.h>

#include <sodium.h>

#include "measure.h"
#include "object.h"
#include "workload.h"

static void *filled(const struct trial *trial)
{
	const struct allocator *allocator = trial->allocator;
	void *context = allocator->setup(trial->room);

	for (size_t i = 0; i < trial->count; i++)
		object_write(trial_need(allocator->alloc(context, KEY_SIZE)),
			     KEY_SIZE);
	return context;
}

struct checking {
	const struct allocator *allocator;
	void *context;
};

static void check_work(void *context, size_t count)
{
	const struct checking *checking = context;

	for (size_t i = 0; i < count; i++)
		checking->allocator->check(checking->context);
}

/* Nanoseconds an object. */
double check_run(const struct trial *trial)
{
	struct checking checking = {trial->allocator, filled(trial)};
	double cost = measure_steady(check_work, &checking, trial->duration);

	checking.allocator->teardown(checking.context);
	return cost / (double)trial->count;
}

/* Nanoseconds that sodium_free() takes for one block, written in full. */
static double block_free_cost(size_t size)
{
	void *block = trial_need(sodium_malloc(size));
	uint64_t start;

	object_write(block, size);
	start = measure_now();
	sodium_free(block);
	return (double)(measure_now() - start);
}

/* As many bytes as the allocator mapped for the objects. */
double destroy_run(const struct trial *trial)
{
	void *context = filled(trial);
	size_t size = trial->allocator->mapped_size(context);
	uint64_t start = measure_now();

	trial->allocator->teardown(context);
	return (double)(measure_now() - start) / block_free_cost(size);
}
