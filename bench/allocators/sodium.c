/* SPDX-License-Identifier: ISC */
/*
 * sodium_malloc(): each object in mappings of its own, four of them.  It
 * stops near 16,000 under the kernel's default of 65,530.
 */
#include <config.h>

#include <sodium.h>
#include <stdint.h>

#include "allocators/list.h"
#include "allocators/pairs.h"

#define OBJECT_LIMIT 10000

static void *sodium_setup(size_t room)
{
	static char context;

	(void)room;
	if (sodium_init() < 0)
		trial_give_up();
	return &context;
}

static void sodium_teardown(void *context)
{
	(void)context;
}

static inline void *sodium_alloc(void *context, size_t size)
{
	(void)context;
	return sodium_malloc(size);
}

static inline void sodium_release(void *context, void *object, size_t size)
{
	(void)context;
	(void)size;
	sodium_free(object);
}

DEFINE_PAIRS(sodium_pairs, sodium_alloc, sodium_release)

static void sodium_open(void *context, void *object)
{
	(void)context;
	if (sodium_mprotect_readwrite(object) != 0)
		trial_give_up();
}

static void sodium_close(void *context, void *object)
{
	(void)context;
	if (sodium_mprotect_noaccess(object) != 0)
		trial_give_up();
}

const struct allocator allocator_sodium = {
	.name = "sodium_malloc",
	.title = "sodium_malloc and sodium_free",
	.version = sodium_version_string,
	.object_limit = OBJECT_LIMIT,
	.size_limit = SIZE_MAX,
	.is_thread_safe = 1,
	.is_locked = 1,
	.setup = sodium_setup,
	.teardown = sodium_teardown,
	.alloc = sodium_alloc,
	.free = sodium_release,
	.pairs = sodium_pairs,
	.rest = sodium_close,
	.open = sodium_open,
	.close = sodium_close,
};
