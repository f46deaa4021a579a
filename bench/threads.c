/* SPDX-License-Identifier: ISC */
/*
 * Threads that share an allocator but no object, each with its own churn.
 * They count what they do; the main thread reads the counts twice and works
 * as little as it can.
 */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <time.h>

#include "churn.h"
#include "measure.h"
#include "workload.h"

#define WORKERS_MAX 64

/* "Two threads", with which many are compared. */
#define PAIR_OF_THREADS 2

/* Operations between two looks around: some microseconds. */
#define STRIDE 64

/*
 * A thread waits its turn for some milliseconds: this many times the usual
 * duration gives each of the most of them several turns.
 */
#define DURATION_FACTOR 3

struct crew {
	const struct trial *trial;
	void *context;
	size_t count; /* workers */
	pthread_barrier_t gate;
	atomic_bool is_over;
};

/* Apart, so that no two threads write one line. */
struct worker {
	alignas(LINE_PAIR) struct churn churn;
	alignas(LINE_PAIR) _Atomic uint64_t done;
	struct crew *crew;
	size_t index;
	pthread_t thread;
};

/* None begins before all are ready, none drains while another still works. */
static void *worker_main(void *argument)
{
	struct worker *worker = argument;
	struct crew *crew = worker->crew;

	churn_open(&worker->churn, crew->trial->allocator, crew->context,
		   crew->trial->count / crew->count, worker->index);
	pthread_barrier_wait(&crew->gate);
	for (uint64_t done = STRIDE;
	     !atomic_load_explicit(&crew->is_over, memory_order_relaxed);
	     done += STRIDE) {
		churn_work(&worker->churn, STRIDE);
		atomic_store_explicit(&worker->done, done,
				      memory_order_relaxed);
	}
	pthread_barrier_wait(&crew->gate);
	churn_close(&worker->churn);
	return NULL;
}

static void pass(uint64_t duration)
{
	struct timespec rest = {(time_t)(duration / 1000000000),
				(long)(duration % 1000000000)};

	while (nanosleep(&rest, &rest) != 0)
		if (errno != EINTR)
			trial_give_up();
}

static uint64_t work_done(struct worker *workers, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += atomic_load_explicit(&workers[i].done,
					    memory_order_relaxed);
	return sum;
}

/* Operations a nanosecond, once warm. */
static double rate(struct worker *workers, size_t count, uint64_t duration)
{
	uint64_t start;
	uint64_t done;

	pass(duration / 4);
	start = measure_now();
	done = work_done(workers, count);
	pass(duration);
	done = work_done(workers, count) - done;
	return (double)done / (double)(measure_now() - start);
}

static void crew_start(struct crew *crew, struct worker *workers)
{
	pthread_barrier_init(&crew->gate, NULL, (unsigned)crew->count + 1);
	for (size_t i = 0; i < crew->count; i++) {
		workers[i].crew = crew;
		workers[i].index = i;
		workers[i].done = 0;
		errno = pthread_create(&workers[i].thread, NULL, worker_main,
				       &workers[i]);
		if (errno != 0)
			trial_give_up();
	}
	pthread_barrier_wait(&crew->gate);
}

static void crew_end(struct crew *crew, struct worker *workers)
{
	crew->is_over = 1;
	pthread_barrier_wait(&crew->gate);
	for (size_t i = 0; i < crew->count; i++)
		pthread_join(workers[i].thread, NULL);
	pthread_barrier_destroy(&crew->gate);
}

/* Operations a nanosecond that `count` threads do together. */
static double throughput(const struct trial *trial, size_t count)
{
	static struct worker workers[WORKERS_MAX];
	struct crew crew = {.trial = trial, .count = count};
	double result;

	crew.context = trial->allocator->setup(trial->room);
	crew_start(&crew, workers);
	result = rate(workers, count, DURATION_FACTOR * trial->duration);
	crew_end(&crew, workers);
	trial->allocator->teardown(crew.context);
	return result;
}

double threads_run(const struct trial *trial)
{
	return 1 / throughput(trial, trial->workload->threads);
}

/* The one thread is not the process's only one either. */
double threads_scaling_run(const struct trial *trial)
{
	double one = throughput(trial, 1);

	return throughput(trial, trial->workload->threads) / one;
}

double threads_crowd_run(const struct trial *trial)
{
	double two = throughput(trial, PAIR_OF_THREADS);

	return throughput(trial, trial->workload->threads) / two;
}
