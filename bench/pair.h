/* SPDX-License-Identifier: ISC */
/* Pairs through function pointers, for workloads that compare with them. */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include <stddef.h>

#include "allocator.h"

struct pair {
	const struct allocator *allocator;
	void *context;
};

/* `count` times alloc, write, free; `context` is a struct pair. */
void pair_work(void *context, size_t count);

#endif
