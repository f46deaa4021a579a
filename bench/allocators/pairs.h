/* SPDX-License-Identifier: ISC */
/* A loop of an allocator's own, without function pointers. */
#ifndef BENCH_ALLOCATORS_PAIRS_H
#define BENCH_ALLOCATORS_PAIRS_H

#include "object.h"
#include "trial.h"

#define DEFINE_PAIRS(NAME, ALLOC, FREE)                                        \
	static void NAME(void *context, size_t count)                          \
	{                                                                      \
		for (size_t i = 0; i < count; i++) {                           \
			void *object = trial_need(ALLOC(context, KEY_SIZE));   \
                                                                               \
			object_write(object, KEY_SIZE);                        \
			FREE(context, object, KEY_SIZE);                       \
		}                                                              \
	}

#endif
