/* SPDX-License-Identifier: ISC */
/* Replace a random one of many live objects by one of a random size. */
#include <config.h>

#include "churn.h"

#include <stdlib.h>

#include "measure.h"
#include "object.h"
#include "workload.h"

static const size_t sizes[] = {16, 24, 32, 48, 64, 96, 128, 256};

static void slot_fill(struct churn *churn, struct churn_slot *slot)
{
	slot->size = sizes[random_below(&churn->random,
					sizeof(sizes) / sizeof(sizes[0]))];
	slot->object =
		trial_need(churn->allocator->alloc(churn->context, slot->size));
	object_write(slot->object, slot->size);
}

static void slot_drain(struct churn *churn, struct churn_slot *slot)
{
	churn->allocator->free(churn->context, slot->object, slot->size);
}

void churn_work(void *context, size_t count)
{
	struct churn *churn = context;

	for (size_t i = 0; i < count; i++) {
		struct churn_slot *slot = &churn->slots[random_below(
			&churn->random, churn->count)];

		slot_drain(churn, slot);
		slot_fill(churn, slot);
	}
}

void churn_open(struct churn *churn, const struct allocator *allocator,
		void *context, size_t count, size_t stream)
{
	churn->allocator = allocator;
	churn->context = context;
	churn->count = count;
	churn->random = random_seed(stream);
	churn->slots = trial_need(malloc(count * sizeof(*churn->slots)));
	for (size_t i = 0; i < count; i++)
		slot_fill(churn, &churn->slots[i]);
}

void churn_close(struct churn *churn)
{
	for (size_t i = 0; i < churn->count; i++)
		slot_drain(churn, &churn->slots[i]);
	free(churn->slots);
}

double churn_run(const struct trial *trial)
{
	void *context = trial->allocator->setup(trial->room);
	struct churn churn;
	double cost;

	churn_open(&churn, trial->allocator, context, trial->count, 0);
	cost = measure_steady(churn_work, &churn, trial->duration);
	churn_close(&churn);
	trial->allocator->teardown(context);
	return cost;
}
