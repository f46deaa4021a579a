/* SPDX-License-Identifier: ISC */
/*
 * Replace a random one of many live objects by one of a random size, in one
 * thread or in several that share an allocator but no object.
 */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "random.h"
#include "workload.h"

#define WORKERS_MAX 2

static const size_t sizes[] = {16, 24, 32, 48, 64, 96, 128, 256};

struct slot {
	void *object;
	size_t size;
};

struct churn {
	const struct allocator *allocator;
	void *context;
	struct slot *slots;
	size_t count;
	struct random random;
};

/* Apart, so that two threads' random states share no line. */
struct worker {
	alignas(LINE_PAIR) struct churn churn;
	uint64_t duration;
	pthread_barrier_t *gate;
	pthread_t thread;
	double cost; /* ns an operation */
};

static void slot_fill(struct churn *churn, struct slot *slot)
{
	slot->size = sizes[random_below(&churn->random,
					sizeof(sizes) / sizeof(sizes[0]))];
	slot->object =
		trial_need(churn->allocator->alloc(churn->context, slot->size));
	object_write(slot->object, slot->size);
}

static void slot_drain(struct churn *churn, struct slot *slot)
{
	churn->allocator->free(churn->context, slot->object, slot->size);
}

static void churn_work(void *context, size_t count)
{
	struct churn *churn = context;

	for (size_t i = 0; i < count; i++) {
		struct slot *slot = &churn->slots[random_below(&churn->random,
							       churn->count)];

		slot_drain(churn, slot);
		slot_fill(churn, slot);
	}
}

static void churn_open(struct churn *churn)
{
	churn->slots = trial_need(malloc(churn->count * sizeof(*churn->slots)));
	for (size_t i = 0; i < churn->count; i++)
		slot_fill(churn, &churn->slots[i]);
}

static void churn_close(struct churn *churn)
{
	for (size_t i = 0; i < churn->count; i++)
		slot_drain(churn, &churn->slots[i]);
	free(churn->slots);
}

double churn_run(const struct trial *trial)
{
	struct churn churn = {trial->allocator, trial->allocator->setup(), NULL,
			      trial->count, random_seed(0)};
	double cost;

	churn_open(&churn);
	cost = measure_steady(churn_work, &churn, trial->duration);
	churn_close(&churn);
	trial->allocator->teardown(churn.context);
	return cost;
}

/*
 * All workers are warm before any of them is timed, and none drains while
 * another still is.
 */
static void *worker_main(void *argument)
{
	struct worker *worker = argument;
	size_t batch;

	churn_open(&worker->churn);
	batch = measure_batch(churn_work, &worker->churn);
	pthread_barrier_wait(worker->gate);
	worker->cost = measure_cost(churn_work, &worker->churn, batch,
				    worker->duration);
	pthread_barrier_wait(worker->gate);
	churn_close(&worker->churn);
	return NULL;
}

static void worker_start(struct worker *worker, const struct trial *trial,
			 void *context, size_t index)
{
	worker->churn =
		(struct churn){trial->allocator, context, NULL,
			       trial->count / WORKERS_MAX, random_seed(index)};
	worker->duration = trial->duration;
	errno = pthread_create(&worker->thread, NULL, worker_main, worker);
	if (errno != 0)
		trial_give_up();
}

/* Operations a nanosecond that `count` threads do together. */
static double throughput(const struct trial *trial, unsigned count)
{
	struct worker workers[WORKERS_MAX];
	pthread_barrier_t gate;
	void *context = trial->allocator->setup();
	double sum = 0;

	pthread_barrier_init(&gate, NULL, count);
	for (unsigned i = 0; i < count; i++) {
		workers[i].gate = &gate;
		worker_start(&workers[i], trial, context, i);
	}
	for (unsigned i = 0; i < count; i++) {
		pthread_join(workers[i].thread, NULL);
		sum += 1 / workers[i].cost;
	}
	pthread_barrier_destroy(&gate);
	trial->allocator->teardown(context);
	return sum;
}

double churn_threads_run(const struct trial *trial)
{
	return 1 / throughput(trial, WORKERS_MAX);
}

/* The one thread is not the process's only one either. */
double churn_scaling_run(const struct trial *trial)
{
	double one = throughput(trial, 1);

	return throughput(trial, WORKERS_MAX) / one;
}
