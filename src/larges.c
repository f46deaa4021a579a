/* SPDX-License-Identifier: ISC */
/* An arena's large objects and their descriptors. */
#include <config.h>

#include "larges.h"

#include <errno.h>

#include "growth.h"
#include "probe.h"
#include "proc.h"
#include "veil.h"
#include "vmname.h"

/* From here on limits are looked up beforehand: a refused region has had each
 * of its pages touched, for a length that may have been hostile. */
#define FORESEEN ((size_t)1 << 20)

/* The descriptor that has been unused for longest. */
static sa_large *unused_large(sa_arena *arena)
{
	sa_large *large = arena->unused_larges;

	if (large == NULL)
		return sa_meta_alloc(&arena->meta, sizeof *large);
	arena->unused_larges = large->next;
	if (large->next == NULL)
		arena->last_unused_large = NULL;
	return large;
}

static void recycle_large(sa_arena *arena, sa_large *large)
{
	large->next = NULL;
	if (arena->last_unused_large != NULL)
		arena->last_unused_large->next = large;
	else
		arena->unused_larges = large;
	arena->last_unused_large = large;
}

static void link_large(sa_arena *arena, sa_large *large)
{
	large->previous = NULL;
	large->next = arena->larges;
	if (large->next != NULL)
		large->next->previous = large;
	arena->larges = large;
	sa_growth_account(arena, &large->region);
	atomic_fetch_add(&arena->large_count, 1);
}

/* An errno if a region of that size cannot be had, else 0. */
static int obstacle(const sa_arena *arena, size_t need)
{
	if (need == 0)
		return ENOMEM;
	if (need > sa_growth_capacity_left(arena))
		return ENOSPC;
	if (need < FORESEEN)
		return 0;
	if (need > sa_proc_memory_size())
		return ENOMEM;
	return arena->options.mlock == SA_ARENA_MLOCK_REQUIRED &&
			       need > sa_proc_lockable_size()
		       ? EPERM
		       : 0;
}

sa_large *sa_larges_add(sa_arena *arena, size_t size, size_t alignment)
{
	size_t need = sa_large_region_size(size, alignment);
	int error = obstacle(arena, need);
	sa_large *large;

	if (error != 0) {
		errno = error;
		return NULL;
	}
	large = unused_large(arena);
	if (large == NULL)
		return NULL;
	if (sa_large_create(large, size, alignment, arena->key,
			    arena->options.mlock, arena->options.fork) != 0)
		goto recycle;
	if (sa_pagemap_cover(&arena->pagemap, sa_large_object(large), 1) != 0)
		goto destroy;
	/* The low bit tells it from a slab. */
	sa_pagemap_set(&arena->pagemap, sa_large_object(large), 1,
		       (unsigned char *)large + 1);
	link_large(arena, large);
	sa_vmname_set(&large->region, arena->name);
	sa_veil_add_region(&large->region);
	SA_PROBE3(growth, arena->name, large->region.start, need);
	return large;

destroy:
	sa_large_destroy(large);
	errno = ENOMEM;
recycle:
	recycle_large(arena, large);
	return NULL;
}

void sa_larges_drop(sa_arena *arena, sa_large *large)
{
	if (large->previous != NULL)
		large->previous->next = large->next;
	else
		arena->larges = large->next;
	if (large->next != NULL)
		large->next->previous = large->previous;
	sa_growth_discount(arena, &large->region);
	atomic_fetch_sub(&arena->large_count, 1);
	sa_veil_ending_large(arena, large);
	sa_veil_remove_region(&large->region);
	if (sa_large_destroy(large) != 0)
		sa_arena_fail(arena, errno);
	recycle_large(arena, large);
}
