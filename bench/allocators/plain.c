/* SPDX-License-Identifier: ISC */
/* malloc(), whosever it is: that of the C library, or one preloaded. */
#include <config.h>

#include <gnu/libc-version.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "allocators/list.h"
#include "allocators/pairs.h"

static void *plain_setup(size_t room)
{
	static char context;

	(void)room;
	return &context;
}

/* Give the heap back, so that the next setup starts with none. */
static void plain_teardown(void *context)
{
	(void)context;
	malloc_trim(0);
}

static inline void *plain_alloc(void *context, size_t size)
{
	(void)context;
	return malloc(size);
}

static inline void plain_free(void *context, void *object, size_t size)
{
	(void)context;
	explicit_bzero(object, size);
	free(object);
}

DEFINE_PAIRS(plain_pairs, plain_alloc, plain_free)

const struct allocator allocator_plain = {
	.name = "malloc",
	.title = "malloc, explicit_bzero and free of the C library",
	.version = gnu_get_libc_version,
	.object_limit = SIZE_MAX,
	.size_limit = SIZE_MAX,
	.is_thread_safe = 1,
	.is_scaled = 1,
	.setup = plain_setup,
	.teardown = plain_teardown,
	.alloc = plain_alloc,
	.free = plain_free,
	.pairs = plain_pairs,
};
