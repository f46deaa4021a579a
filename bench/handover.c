/* SPDX-License-Identifier: ISC */
/*
 * A producer allocates and writes keys, a consumer frees them.  Pointers pass
 * through a bounded ring without locks, so the slower side sets the pace.
 */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "measure.h"
#include "object.h"
#include "pair.h"
#include "workload.h"

/* Positions only grow; each is written by one side. */
struct ring {
	alignas(LINE_PAIR) _Atomic size_t head; /* next to be taken */
	alignas(LINE_PAIR) _Atomic size_t tail; /* next to be put */
	alignas(LINE_PAIR) void *objects[HANDOVER_COUNT];
};

struct handover {
	const struct allocator *allocator;
	void *context;
	size_t head; /* the head that the producer saw last */
	struct ring ring;
};

/* By the producer. */
static void ring_put(struct handover *handover, void *object)
{
	struct ring *ring = &handover->ring;
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	while (tail - handover->head == HANDOVER_COUNT) {
		handover->head =
			atomic_load_explicit(&ring->head, memory_order_acquire);
		if (tail - handover->head == HANDOVER_COUNT)
			sched_yield();
	}
	ring->objects[tail % HANDOVER_COUNT] = object;
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
}

/* By the consumer: wait until objects up to the result can be taken. */
static size_t ring_await(struct ring *ring, size_t head)
{
	size_t tail;

	while ((tail = atomic_load_explicit(&ring->tail,
					    memory_order_acquire)) == head)
		sched_yield();
	return tail;
}

static void produce(void *context, size_t count)
{
	struct handover *handover = context;

	for (size_t i = 0; i < count; i++) {
		void *object = trial_need(handover->allocator->alloc(
			handover->context, KEY_SIZE));

		object_write(object, KEY_SIZE);
		ring_put(handover, object);
	}
}

/* Ends at NULL, the last thing put. */
static void *consume(void *argument)
{
	struct handover *handover = argument;
	struct ring *ring = &handover->ring;
	size_t head = 0;

	for (;;) {
		size_t tail = ring_await(ring, head);

		while (head != tail) {
			void *object = ring->objects[head++ % HANDOVER_COUNT];

			if (object == NULL)
				return NULL;
			handover->allocator->free(handover->context, object,
						  KEY_SIZE);
			atomic_store_explicit(&ring->head, head,
					      memory_order_release);
		}
	}
}

static double handover_cost(struct handover *handover, uint64_t duration)
{
	pthread_t consumer;
	double cost;

	errno = pthread_create(&consumer, NULL, consume, handover);
	if (errno != 0)
		trial_give_up();
	cost = measure_steady(produce, handover, duration);
	ring_put(handover, NULL);
	pthread_join(consumer, NULL);
	return cost;
}

double handover_run(const struct trial *trial)
{
	struct handover handover = {.allocator = trial->allocator};
	double cost;

	handover.context = trial->allocator->setup(trial->room);
	cost = handover_cost(&handover, trial->duration);
	trial->allocator->teardown(handover.context);
	return cost;
}

/* The one thread is its process's only one: it goes first. */
double handover_rate_run(const struct trial *trial)
{
	struct pair pair = {trial->allocator,
			    trial->allocator->setup(trial->room)};
	struct handover handover = {.allocator = pair.allocator,
				    .context = pair.context};
	double cost = measure_steady(pair_work, &pair, trial->duration);

	cost /= handover_cost(&handover, trial->duration);
	trial->allocator->teardown(handover.context);
	return cost;
}
