/* SPDX-License-Identifier: ISC */
/*
 * Open what rests at NOACCESS and close it again: all objects at once where
 * protection belongs to an arena, one where each object has its own.
 */
#include <config.h>

#include <errno.h>
#include <sys/prctl.h>

#include "measure.h"
#include "object.h"
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
	struct resting resting = {allocator, allocator->setup(trial->room),
				  NULL};
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

static void access_body(const struct trial *trial, void *result)
{
	*(double *)result = access_run(trial);
}

static void access_small_body(const struct trial *trial, void *result)
{
	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0)
		trial_give_up();
	access_body(trial, result);
}

/* In a process of its own: once disabled, huge pages stay so. */
static double access_cost(void (*body)(const struct trial *trial, void *result),
			  const struct trial *trial)
{
	double cost;
	int status = trial_run(body, trial, &cost, sizeof(cost));

	if (status != 0) {
		errno = status > 0 ? status : EIO;
		trial_give_up();
	}
	return cost;
}

double access_huge_run(const struct trial *trial)
{
	double huge = access_cost(access_body, trial);

	return huge / access_cost(access_small_body, trial);
}
