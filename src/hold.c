/* SPDX-License-Identifier: ISC */
/* From an object to the region that is opened for it. */
#include <config.h>

#include "hold.h"

#include <errno.h>

#include "access.h"
#include "fatal.h"
#include "object.h"

/* The smallest unit that can be protected alone. */
static sa_region *region_of(sa_found found)
{
	if (found.large != NULL)
		return &found.large->region;
	if (found.slot.slab == NULL)
		sa_fatal_impossible("a live object lies nowhere");
	return found.slot.slab->region;
}

int sa_hold_open(sa_arena *arena, const void *ptr, sa_arena_access access)
{
	sa_arena_misuse misuse;
	sa_found found;
	bool is_live;
	int result = -1;

	sa_arena_lock(arena);
	found = sa_object_find(arena, ptr);
	is_live = sa_found_is_live(found);
	if (is_live)
		result = sa_access_open_region(arena, region_of(found), access);
	else
		misuse = sa_found_misuse(found, ptr);
	sa_arena_unlock(arena);
	if (!is_live)
		sa_arena_misused(arena, &misuse);
	return result;
}

/* The object may have been freed meanwhile.  A large one's region went with it,
 * and so did its holders. */
static int close_region(sa_arena *arena, sa_found found, sa_arena_access access)
{
	if (found.large != NULL && !sa_found_is_live(found)) {
		errno = EINVAL;
		return -1;
	}
	return sa_access_close_region(arena, region_of(found), access);
}

static bool is_in_tract(const sa_arena *arena, uintptr_t address)
{
	for (const sa_tract *t = arena->tracts; t != NULL; t = t->next)
		if (address - (uintptr_t)t->region.start < t->region.size)
			return true;
	return false;
}

/* Can an object have begun there that is gone, and its holders with it?  Its
 * memory may be cut otherwise by now, or the kernel's again. */
static bool may_have_begun(const sa_arena *arena, const void *ptr)
{
	uintptr_t address = (uintptr_t)ptr;

	return sa_pagemap_find(&arena->pagemap, address) != NULL ||
	       is_in_tract(arena, address);
}

int sa_hold_close(sa_arena *arena, const void *ptr, sa_arena_access access)
{
	sa_arena_misuse misuse;
	sa_found found;
	bool is_misuse = false;
	int result = -1;

	sa_arena_lock(arena);
	found = sa_object_find(arena, ptr);
	if (sa_found_is_slot(found) || found.large != NULL)
		result = close_region(arena, found, access);
	else if (may_have_begun(arena, ptr))
		errno = EINVAL;
	else
		is_misuse = true;
	sa_arena_unlock(arena);
	if (!is_misuse)
		return result;
	misuse = sa_found_misuse(found, ptr);
	sa_arena_misused(arena, &misuse);
}
