/* SPDX-License-Identifier: ISC */
/*
 * Open what rests at NOACCESS and close it again: all objects at once where
 * protection belongs to an arena, one where each object has its own.
 */
#include <config.h>

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "measure.h"
#include "object.h"
#include "random.h"
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

/* ------------------------------------------------------------- one object */

/* Of those that rest, one after another is used. */
#define USED_COUNT 1024
/* Turns of each side, so that a slow moment hits both. */
#define TURNS 4

struct holding {
	const struct allocator *allocator;
	void *context;
	void *used[USED_COUNT];
	size_t next;
};

static void use(void *object)
{
	*(volatile unsigned char *)object ^= 1;
}

static void holding_work(void *context, size_t count)
{
	struct holding *holding = context;

	for (size_t i = 0; i < count; i++) {
		void *object = holding->used[holding->next++ % USED_COUNT];

		holding->allocator->open_object(holding->context, object);
		use(object);
		holding->allocator->close_object(holding->context, object);
	}
}

static void alone_work(void *object, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (sodium_mprotect_readwrite(object) != 0)
			trial_give_up();
		use(object);
		if (sodium_mprotect_noaccess(object) != 0)
			trial_give_up();
	}
}

/* Those in use are a sample of all, from one end of the arena to the other. */
static void holding_fill(struct holding *holding, size_t count)
{
	struct random random = random_seed(0);

	for (size_t i = 0; i < count; i++) {
		void *object = trial_need(
			holding->allocator->alloc(holding->context, KEY_SIZE));
		size_t place = i < USED_COUNT ? i : random_below(&random, i);

		object_write(object, KEY_SIZE);
		if (place < USED_COUNT)
			holding->used[place] = object;
	}
}

double access_object_run(const struct trial *trial)
{
	struct holding holding = {.allocator = trial->allocator,
				  .context =
					  trial->allocator->setup(trial->room)};
	void *alone = trial_need(sodium_malloc(KEY_SIZE));
	double cost = 0, alone_cost = 0;

	holding_fill(&holding, trial->count);
	trial->allocator->rest(holding.context, holding.used[0]);
	/* What the first times cost once is not what each costs. */
	for (int i = 0; i < TURNS; i++)
		holding_work(&holding, USED_COUNT);
	for (int i = 0; i < TURNS; i++) {
		cost += measure_steady(holding_work, &holding,
				       trial->duration / TURNS);
		alone_cost += measure_steady(alone_work, alone,
					     trial->duration / TURNS);
	}
	trial->allocator->teardown(holding.context);
	return cost / alone_cost;
}
