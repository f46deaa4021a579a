/* SPDX-License-Identifier: ISC */
/* Allocate a key, write it, free it: the cost of the calls alone. */
#include <config.h>

#include "pair.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "measure.h"
#include "object.h"
#include "workload.h"

double pair_direct_run(const struct trial *trial)
{
	const struct allocator *allocator = trial->allocator;
	void *context = allocator->setup(trial->room);
	double cost =
		measure_steady(allocator->pairs, context, trial->duration);

	allocator->teardown(context);
	return cost;
}

void pair_work(void *context, size_t count)
{
	const struct pair *pair = context;
	const struct allocator *allocator = pair->allocator;

	for (size_t i = 0; i < count; i++) {
		void *object =
			trial_need(allocator->alloc(pair->context, KEY_SIZE));

		object_write(object, KEY_SIZE);
		allocator->free(pair->context, object, KEY_SIZE);
	}
}

double pair_indirect_run(const struct trial *trial)
{
	struct pair pair = {trial->allocator,
			    trial->allocator->setup(trial->room)};
	double cost = measure_steady(pair_work, &pair, trial->duration);

	trial->allocator->teardown(pair.context);
	return cost;
}

static void *idle(void *argument)
{
	for (;;)
		pause();
	return argument;
}

/* The second thread ends with the trial's process. */
double pair_threaded_run(const struct trial *trial)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, idle, NULL);
	if (errno != 0)
		trial_give_up();
	return pair_direct_run(trial);
}
