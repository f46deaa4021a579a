/* SPDX-License-Identifier: ISC */
/*
 * One sodium_malloc() block: verified lock and guard pages, dump and fork
 * advice, access, teardown through sodium_free().  The only file that hands a
 * pointer to sodium_free() or sodium_mprotect_*(), and only the block's base.
 *
 *   |header|guard| head | memory ...           | held back ... |guard|  pages
 *                ^start ^ start + SA_REGION_HEAD  ^ start + size  ^ + reserve
 *
 * libsodium keeps its own canary in the head: a block of k pages - 16 bytes
 * fills its pages exactly.  Of a large block a part may be held back: neither
 * populated nor locked, until the region is extended.
 */
#ifndef SA_REGION_H
#define SA_REGION_H

#include <stdbool.h>
#include <stddef.h>

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
	size_t size;    /* whole pages in use, the head included */
	size_t reserve; /* whole pages in all */
	sa_region_state state;
	sa_arena_access access;
	sa_holders holders; /* of this region alone */
	sa_arena_fork fork;
	bool locked; /* verified */
} sa_region;

/*
 * `size` is a multiple of the page size.  All bytes but the head are zero and
 * READWRITE.  0, or -1 with ENOMEM, or EPERM if it could not be locked and
 * `mlock` requires it; nothing is left behind then.
 */
int sa_region_create(sa_region *region, size_t size, sa_arena_mlock mlock,
		     sa_arena_fork fork);

/*
 * The same over a block of `reserve` bytes, with pages of `huge` bytes wherever
 * whole ones fit.  What is behind the huge page that holds the size's last
 * byte is held back.  Also -1 with ENOMEM if the kernel gives no huge pages.
 */
int sa_region_create_huge(sa_region *region, size_t size, size_t reserve,
			  size_t huge, sa_arena_mlock mlock,
			  sa_arena_fork fork);

/* Take `size` more bytes into use of what is held back: zero, and locked if
 * the rest is.  0, or -1 with EPERM and nothing changed. */
int sa_region_extend(sa_region *region, size_t size);

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

/* In the child of a fork: make of the region what its policy says, and lock
 * it if it was locked. */
void sa_region_after_fork(sa_region *region);

#endif
