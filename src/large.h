/* SPDX-License-Identifier: ISC */
/*
 * An object too large for a slot, in a region of its own: it ends at the
 * guard page as closely as its alignment allows, unless it shrank and could not
 * move, and canaries fill what lies before and behind it.
 *
 *   | head | canary ...                | object           | canary |guard|
 *   ^ region start                     ^ aligned          ^ < alignment
 */
#ifndef SA_LARGE_H
#define SA_LARGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "canary.h"
#include "region.h"
#include "sodium_arena.h"

typedef struct sa_large sa_large;

/* The least alignment: malloc's. */
#define SA_LARGE_ALIGNMENT _Alignof(max_align_t)

/* A descriptor keeps what it described last, so that a second free of the
 * object is known as one. */
struct sa_large {
	sa_region region;
	_Atomic(uintptr_t) object; /* address */
	atomic_size_t size;
	atomic_bool is_live;
	const sa_canary_key *key;
	sa_large *next;
	sa_large *previous;
};

/* Bytes of region for such an object; 0 if that is more than can be said. */
size_t sa_large_region_size(size_t size, size_t alignment);

/* Allocate.  0, or -1 with the errno of sa_region_create(). */
int sa_large_create(sa_large *large, size_t size, size_t alignment,
		    const sa_canary_key *key, sa_arena_mlock mlock,
		    sa_arena_fork fork);

static inline unsigned char *sa_large_object(const sa_large *large)
{
	uintptr_t start = (uintptr_t)large->region.start;

	return large->region.start + (atomic_load(&large->object) - start);
}

/* Are both canaries as they were written?  If not, *misuse says how, but for
 * the arena's name.  The region must be readable. */
bool sa_large_verify(const sa_large *large, sa_arena_misuse *misuse);

/* Would an object of that size begin at the same place?  The rounded size is
 * the same. */
bool sa_large_suits(const sa_large *large, size_t size, size_t alignment);

/* Another size in the same place: one that suits, or fewer bytes, however far
 * from the guard page they end.  New bytes are zero.  The region must be
 * writable. */
void sa_large_resize(sa_large *large, size_t size);

/* Zero and unmap, in any access state.  0, or -1 if some of it stays mapped. */
int sa_large_destroy(sa_large *large);

#endif
