/* SPDX-License-Identifier: ISC */
/* Many live objects of eight sizes, random ones of which are replaced. */
#ifndef BENCH_CHURN_H
#define BENCH_CHURN_H

#include <stddef.h>

#include "allocator.h"
#include "random.h"

/* The mean of the sizes is 83; the rest is for rounding and gaps. */
#define CHURN_ROOM ((size_t)128)

struct churn_slot {
	void *object;
	size_t size;
};

struct churn {
	const struct allocator *allocator;
	void *context;
	size_t count;
	struct random random;
	struct churn_slot *slots;
};

/* Fill all slots.  `stream` tells the sequences of several threads apart. */
void churn_open(struct churn *churn, const struct allocator *allocator,
		void *context, size_t count, size_t stream);

/* Replace `count` objects; `context` is a struct churn. */
void churn_work(void *context, size_t count);

/* Free all objects. */
void churn_close(struct churn *churn);

#endif
