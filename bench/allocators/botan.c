/* SPDX-License-Identifier: ISC */
/*
 * Botan 2's pool of locked pages.  Beyond its capacity Botan hands out plain
 * memory, which is not what is to be compared: no workload goes there.
 */
#include <config.h>

#include <errno.h>
#include <stdint.h>

#include "allocators/botan_pool.h"
#include "allocators/list.h"
#include "allocators/pairs.h"
#include "memory.h"

/* Of a build with default settings; an environment variable only lowers it. */
#define POOL_SIZE ((size_t)512 * 1024)

/* The pool comes with the first allocation. */
static void *botan_setup(size_t room)
{
	static char context;

	(void)room;
	botan_pool_free(trial_need(botan_pool_alloc(KEY_SIZE)), KEY_SIZE);
	memory_need_locked(POOL_SIZE);
	return &context;
}

static void botan_teardown(void *context)
{
	(void)context;
}

static void *botan_alloc(void *context, size_t size)
{
	(void)context;
	return botan_pool_alloc(size);
}

static void botan_release(void *context, void *object, size_t size)
{
	(void)context;
	botan_pool_free(object, size);
}

static void botan_pairs(void *context, size_t count)
{
	(void)context;
	if (botan_pool_pairs(KEY_SIZE, count) != 0) {
		errno = ENOMEM;
		trial_give_up();
	}
}

const struct allocator allocator_botan = {
	.name = "botan",
	.title = "Botan 2's pool of 512 KiB",
	.version = botan_pool_version,
	.object_limit = SIZE_MAX,
	.size_limit = POOL_SIZE,
	.is_thread_safe = 1,
	.is_locked = 1,
	.keeps_pool = 1,
	.setup = botan_setup,
	.teardown = botan_teardown,
	.alloc = botan_alloc,
	.free = botan_release,
	.pairs = botan_pairs,
};
