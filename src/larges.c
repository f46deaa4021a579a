/* SPDX-License-Identifier: ISC */
/* An arena's large objects and their descriptors. */
#include <config.h>

#include "larges.h"

#include <errno.h>

#include "growth.h"
#include "probe.h"
#include "veil.h"
#include "vmname.h"

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

sa_large *sa_larges_add(sa_arena *arena, size_t size, size_t alignment)
{
	size_t need = sa_large_region_size(size, alignment);
	sa_large *large;

	if (need == 0) {
		errno = ENOMEM;
		return NULL;
	}
	if (need > sa_growth_capacity_left(arena)) {
		errno = ENOSPC;
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
