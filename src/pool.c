/* SPDX-License-Identifier: ISC */
/* The public calls on pools. */
#include <config.h>

#include <errno.h>

#include "fatal.h"
#include "object.h"
#include "os.h"
#include "pools.h"
#include "sweep.h"

/* Bytes from one object to the next; 0 if no slot is large enough. */
static size_t stride_of(size_t size, size_t alignment)
{
	size_t stride;

	if (size == 0 || size > SA_SIZECLASS_SIZE_MAX)
		return 0;
	stride = sa_align_up(size + SA_CANARY_SIZE, alignment);
	if (stride < SA_SLAB_STRIDE_MIN)
		stride = SA_SLAB_STRIDE_MIN;
	/* GCOVR_EXCL_START: no more, unless pages are above 8 KiB */
	return stride <= SA_SIZECLASS_STRIDE_MAX ? stride : 0;
	/* GCOVR_EXCL_STOP */
}

sa_pool *sa_pool_create(sa_arena *arena, size_t object_size, size_t alignment)
{
	size_t stride = 0;
	sa_pool *pool;

	if (sa_is_power_of_two(alignment) && alignment <= sa_os_page_size)
		stride = stride_of(object_size, alignment);
	if (arena == NULL || stride == 0) {
		errno = EINVAL;
		return NULL;
	}
	sa_arena_lock(arena);
	pool = sa_pools_add(arena, object_size, stride);
	if (pool == NULL)
		sa_arena_fail(arena, ENOMEM);
	sa_arena_unlock(arena);
	return pool;
}

void *sa_pool_alloc(sa_pool *pool)
{
	if (SA_UNLIKELY(pool == NULL)) {
		errno = EINVAL;
		return NULL;
	}
	return sa_object_alloc_in_pool(pool->arena, pool->size, pool->class);
}

_Noreturn SA_COLD static void not_of_pool(const sa_pool *pool, const void *ptr)
{
	sa_arena_misuse misuse = {.kind = SA_ARENA_MISUSE_INVALID_POINTER,
				  .arena = "(null)",
				  .object = ptr};

	if (pool == NULL)
		sa_fatal_misuse(&misuse);
	sa_arena_misused(pool->arena, &misuse);
}

void sa_pool_free(sa_pool *pool, void *ptr)
{
	if (SA_UNLIKELY(ptr == NULL))
		return;
	if (SA_UNLIKELY(pool == NULL ||
			!sa_object_free_in_pool(pool->arena, ptr, pool->class)))
		not_of_pool(pool, ptr);
}

void sa_pool_destroy(sa_pool *pool)
{
	sa_arena *arena;
	sa_arena_misuse misuse;
	sa_sweep_result result;
	int kept = errno;

	if (pool == NULL)
		return;
	arena = pool->arena;
	sa_arena_lock(arena);
	result = sa_sweep_retire(arena, pool->class, &misuse);
	if (result == SA_SWEEP_DONE) {
		sa_pools_drop(pool);
		errno = kept;
	}
	sa_arena_unlock(arena);
	if (result == SA_SWEEP_MISUSE)
		sa_arena_misused(arena, &misuse);
}
