/* SPDX-License-Identifier: ISC */
/* Fisher and Yates' shuffle, the same for all. */
#ifndef BENCH_SHUFFLE_H
#define BENCH_SHUFFLE_H

#include <stddef.h>

#include "random.h"

static inline void shuffle(void **objects, size_t count)
{
	struct random random = random_seed(0);

	for (size_t i = count - 1; i > 0; i--) {
		size_t other = random_below(&random, i + 1);
		void *object = objects[i];

		objects[i] = objects[other];
		objects[other] = object;
	}
}

#endif
