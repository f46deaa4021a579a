/* SPDX-License-Identifier: ISC */
/*
 * One sodium_malloc() block: verified lock and guard pages, dump and fork
 * advice, access, teardown through sodium_free().  The only file that hands a
 * pointer to sodium_free() or sodium_mprotect_*(), and only the block's base.
 *
 *   |header|guard| head | memory ...                            |guard|  pages
 *                ^start ^ start + SA_REGION_HEAD                  ^ start +
 * size
 *
 * libsodium keeps its own canary in the head: a block of k pages - 16 bytes
 * fills its pages exactly.
 */
#ifndef SA_REGION_H
#define SA_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "holders.h"
#include "sodium_arena.h"

/* libsodium's canary, CANARY_SIZE in its sodium/utils.c (1.0.18). */
#define SA_REGION_HEAD 16

/* Virtual memory areas of one block: header, guard, memory, guard. */
#define SA_REGION_MAPPINGS 4

typedef enum {
	SA_REGION_WHOLE,
	SA_REGION_WIPED,  /* by fork: zero, libsodium's canary too */
	SA_REGION_ABSENT, /* by fork: nothing there but a reservation */
	SA_REGION_TAKEN   /* by fork: nothing there that is ours */
} sa_region_state;

typedef struct sa_region {
	unsigned char *start;
	size_t size; /* whole pages, the head included */
	sa_region_state state;
	sa_arena_access access;
	sa_holders holders; /* of this region alone */
	sa_arena_fork fork;
	bool locked;            /* verified */
	unsigned char closings; /* changes to NOACCESS; the access floor's */
} sa_region;

/*
 * `size` is a multiple of the page size.  All bytes but the head are zero and
 * READWRITE.  `start` is a multiple of `alignment`, if that is not 0 and no
 * other thread maps memory meanwhile.  0, or -1 with ENOMEM, or EPERM if it
 * could not be locked and `mlock` requires it; nothing is left behind then.
 */
int sa_region_create(sa_region *region, size_t size, size_t alignment,
		     sa_arena_mlock mlock, sa_arena_fork fork);

/* Zero it and return it, in whatever access state it is; what cannot be opened
 * goes as it is.  0, or -1 with errno if some of it stays mapped. */
int sa_region_destroy(sa_region *region);

/* Did fork leave the region's memory out of this process? */
static inline bool sa_region_is_excluded(const sa_region *region)
{
	return region->state == SA_REGION_ABSENT ||
	       region->state == SA_REGION_TAKEN;
}

/* 0, or -1 with the errno of mprotect(2) and the access as it was. */
int sa_region_set_access(sa_region *region, sa_arena_access access);

/* Does it consist of whole pages of `huge` bytes? */
static inline bool sa_region_is_huge_sized(const sa_region *region, size_t huge)
{
	return (uintptr_t)region->start % huge == 0 && region->size % huge == 0;
}

/*
 * Put the contents of such a region on huge pages, if the kernel has any to
 * give.  They go through `scratch`, a locked region with a page more, which is
 * wiped again: MADV_COLLAPSE would copy them too, and leave the old pages as
 * they are.  The caller sees to it that nobody uses the memory meanwhile; the
 * access may be another then.  0, or -1 with errno if the kernel refused some
 * of it: then `locked` says whether the region still is.
 */
int sa_region_make_huge(sa_region *region, const sa_region *scratch);

/*
 * In the child of a fork: make of the region what its policy says, and lock it
 * if it was locked; `locked` says whether it is.  0, or -1 with errno if it had
 * to be opened to be locked, and would not be closed again.
 */
int sa_region_after_fork(sa_region *region);

#endif
