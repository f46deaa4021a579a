/* SPDX-License-Identifier: ISC */
/* Large objects: placement against the guard page, canaries on both sides. */
#include <config.h>

#include "large.h"

#include <errno.h>

#include "bits.h"
#include "os.h"

/* Before the object there is at least as much canary as libsodium's own, so
 * that an underflow is told as ours. */
#define FRONT_SIZE_MIN 16

size_t sa_large_region_size(size_t size, size_t alignment)
{
	size_t need;

	if (sa_add_overflows(size, alignment - 1, &need))
		return 0;
	need = sa_align_down(need, alignment);
	if (sa_add_overflows(need, SA_REGION_HEAD + FRONT_SIZE_MIN, &need) ||
	    sa_add_overflows(need, sa_os_page_size - 1, &need))
		return 0;
	need = sa_align_down(need, sa_os_page_size);
	return need > PTRDIFF_MAX ? 0 : need;
}

static uint64_t word_of(const sa_large *large)
{
	return sa_canary_word(large->key, sa_large_object(large));
}

static unsigned char *front_of(const sa_large *large)
{
	return large->region.start + SA_REGION_HEAD;
}

static size_t front_size(const sa_large *large)
{
	return (size_t)(sa_large_object(large) - front_of(large));
}

static unsigned char *back_of(const sa_large *large)
{
	return sa_large_object(large) + atomic_load(&large->size);
}

static size_t back_size(const sa_large *large)
{
	return (size_t)(large->region.start + large->region.size -
			back_of(large));
}

int sa_large_create(sa_large *large, size_t size, size_t alignment,
		    const sa_canary_key *key, sa_arena_mlock mlock,
		    sa_arena_fork fork)
{
	size_t region_size = sa_large_region_size(size, alignment);

	if (region_size == 0) {
		errno = ENOMEM;
		return -1;
	}
	if (sa_region_create(&large->region, region_size, 0, mlock, fork) != 0)
		return -1;
	large->key = key;
	atomic_store(&large->object, (uintptr_t)large->region.start +
					     region_size -
					     sa_align_up(size, alignment));
	atomic_store(&large->size, size);
	sa_canary_fill(front_of(large), front_size(large), word_of(large));
	sa_canary_fill(back_of(large), back_size(large), word_of(large));
	atomic_store(&large->is_live, true);
	return 0;
}

bool sa_large_verify(const sa_large *large, sa_arena_misuse *misuse)
{
	size_t size = atomic_load(&large->size);
	size_t behind = sa_canary_first_wrong(back_of(large), back_size(large),
					      word_of(large));
	size_t before = sa_canary_first_wrong(
		front_of(large), front_size(large), word_of(large));

	*misuse = (sa_arena_misuse){.object = sa_large_object(large),
				    .size = size};
	if (behind < back_size(large)) {
		misuse->kind = SA_ARENA_MISUSE_OVERFLOW;
		misuse->offset = (ptrdiff_t)(size + behind);
		return false;
	}
	misuse->kind = SA_ARENA_MISUSE_UNDERFLOW;
	misuse->offset = (ptrdiff_t)before - (ptrdiff_t)front_size(large);
	return before == front_size(large);
}

bool sa_large_suits(const sa_large *large, size_t size, size_t alignment)
{
	return size <= SIZE_MAX - alignment &&
	       sa_align_up(size, alignment) ==
		       sa_align_up(atomic_load(&large->size), alignment);
}

void sa_large_resize(sa_large *large, size_t size)
{
	size_t old = atomic_load(&large->size);

	if (size > old)
		memset(back_of(large), 0, size - old);
	atomic_store(&large->size, size);
	sa_canary_fill(back_of(large), back_size(large), word_of(large));
}

int sa_large_destroy(sa_large *large)
{
	atomic_store(&large->is_live, false);
	return sa_region_destroy(&large->region);
}
