/* SPDX-License-Identifier: ISC */
/* Transitions over sodium_mprotect_*(), all or nothing. */
#include <config.h>

#include "access.h"

#include <errno.h>

#include "huge.h"
#include "probe.h"
#include "shards.h"
#include "veil.h"

/* The regions one after another: those of slabs, then those of large objects.
 * NULL begins, and ends. */
typedef struct {
	sa_tract *tract;
	sa_large *large;
} region_cursor;

static sa_region *next_region(region_cursor *at)
{
	sa_region *region = NULL;

	if (at->tract != NULL) {
		region = &at->tract->region;
		at->tract = at->tract->next;
	} else if (at->large != NULL) {
		region = &at->large->region;
		at->large = at->large->next;
	}
	return region;
}

void sa_access_tear(sa_arena *arena, int error)
{
	arena->is_torn = true;
	sa_arena_fail(arena, error);
}

/* Set the access of one region, perhaps on other pages than before.  The move
 * makes it READWRITE, which must not last. */
static int set_region(sa_huge_mover *mover, sa_region *region,
		      sa_arena_access access)
{
	sa_arena_access before = region->access;
	int error;

	if (access == SA_ARENA_NOACCESS && before != SA_ARENA_NOACCESS)
		sa_huge_consider(mover, region);
	if (sa_region_set_access(region, access) == 0) {
		sa_veil_draw_region(mover->arena, region);
		return 0;
	}
	error = errno;
	if (sa_region_set_access(region, before) != 0)
		sa_access_tear(mover->arena, errno);
	sa_veil_draw_region(mover->arena, region);
	errno = error;
	return -1;
}

/* A region with holders of its own may have to be more accessible. */
static sa_arena_access due(const sa_region *region, sa_arena_access access)
{
	return sa_holders_access(region->holders, access);
}

static void put_back(sa_arena *arena, const sa_region *end,
		     sa_arena_access access)
{
	region_cursor at = {arena->tracts, arena->larges};
	sa_region *region;

	while ((region = next_region(&at)) != end) {
		if (sa_region_set_access(region, due(region, access)) != 0)
			sa_access_tear(arena, errno);
		sa_veil_draw_region(arena, region);
	}
}

static int set_regions(sa_arena *arena, sa_arena_access old,
		       sa_arena_access access)
{
	region_cursor at = {arena->tracts, arena->larges};
	sa_huge_mover mover = sa_huge_begin(arena);
	sa_region *region;
	int error = 0;

	while (error == 0 && (region = next_region(&at)) != NULL)
		if (set_region(&mover, region, due(region, access)) != 0) {
			error = errno;
			put_back(arena, region, old);
		}
	sa_huge_end(&mover);
	errno = error == 0 ? errno : error;
	return error == 0 ? 0 : -1;
}

static void count_change(sa_arena *arena)
{
	atomic_fetch_add_explicit(&arena->access_change_count, 1,
				  memory_order_relaxed);
}

static int apply(sa_arena *arena, sa_arena_access access)
{
	sa_arena_access old = atomic_load(&arena->access);

	if (access == old && !arena->is_torn)
		return 0;
	if (sa_shards_stop(arena) != 0)
		return -1;
	if (set_regions(arena, old, access) != 0) {
		sa_shards_resume(arena);
		return -1;
	}
	arena->is_torn = false;
	atomic_store(&arena->access, access);
	count_change(arena);
	SA_PROBE3(transition, arena->name, old, access);
	sa_shards_resume(arena);
	return 0;
}

static int change(sa_arena *arena, sa_arena_access resting, sa_holders holders)
{
	if (apply(arena, sa_holders_access(holders, resting)) != 0)
		return sa_arena_fail(arena, errno);
	arena->resting = resting;
	arena->holders = holders;
	return 0;
}

/* 0, or -1 with EACCES where fork has left the memory out. */
static int be_present(sa_arena *arena)
{
	return arena->is_excluded ? sa_arena_fail(arena, EACCES) : 0;
}

/* 0, or -1 with EINVAL. */
static int be_held(sa_holders holders, sa_arena_access access)
{
	if (sa_holders_has(holders, access))
		return 0;
	errno = EINVAL;
	return -1;
}

int sa_access_protect(sa_arena *arena, sa_arena_access access)
{
	if (be_present(arena) != 0)
		return -1;
	return change(arena, access, arena->holders);
}

int sa_access_open(sa_arena *arena, sa_arena_access access)
{
	if (be_present(arena) != 0)
		return -1;
	return change(arena, arena->resting,
		      sa_holders_with(arena->holders, access));
}

int sa_access_close(sa_arena *arena, sa_arena_access access)
{
	if (be_held(arena->holders, access) != 0)
		return -1;
	return change(arena, arena->resting,
		      sa_holders_without(arena->holders, access));
}

/* Only regions of an arena that rests ever change by themselves, and while it
 * rests, its shards are stopped. */
static int change_region(sa_arena *arena, sa_region *region, sa_holders holders)
{
	sa_arena_access access =
		sa_holders_access(holders, atomic_load(&arena->access));
	sa_arena_access before = region->access;
	sa_huge_mover mover = sa_huge_begin(arena);
	int result = set_region(&mover, region, access);
	int error = errno;

	sa_huge_end(&mover);
	if (result != 0)
		return sa_arena_fail(arena, error);
	if (region->access != before)
		count_change(arena);
	region->holders = holders;
	return 0;
}

int sa_access_open_region(sa_arena *arena, sa_region *region,
			  sa_arena_access access)
{
	if (be_present(arena) != 0)
		return -1;
	return change_region(arena, region,
			     sa_holders_with(region->holders, access));
}

int sa_access_close_region(sa_arena *arena, sa_region *region,
			   sa_arena_access access)
{
	if (be_held(region->holders, access) != 0)
		return -1;
	return change_region(arena, region,
			     sa_holders_without(region->holders, access));
}

size_t sa_access_holder_count(const sa_arena *arena)
{
	region_cursor at = {arena->tracts, arena->larges};
	size_t count = sa_holders_count(arena->holders);
	const sa_region *region;

	while ((region = next_region(&at)) != NULL)
		count += sa_holders_count(region->holders);
	return count;
}

void sa_access_forget_region_holders(sa_arena *arena)
{
	const sa_holders nobody = {0, 0};
	region_cursor at = {arena->tracts, arena->larges};
	sa_region *region;

	while ((region = next_region(&at)) != NULL) {
		/* A refusal is counted, and leaves it as open as it is. */
		if (change_region(arena, region, nobody) != 0) {
			region->holders = nobody;
			arena->is_torn = true;
		}
	}
}

int sa_access_raise(sa_arena *arena, sa_arena_access access)
{
	sa_arena_access old = atomic_load(&arena->access);

	return apply(arena, old > access ? old : access);
}

int sa_access_restore(sa_arena *arena)
{
	int kept = errno;

	if (apply(arena, sa_holders_access(arena->holders, arena->resting)) !=
	    0)
		return sa_arena_fail(arena, errno);
	errno = kept;
	return 0;
}

int sa_access_refusal(const sa_arena *arena)
{
	if (arena->is_excluded || arena->is_torn ||
	    atomic_load(&arena->access) != SA_ARENA_READWRITE)
		return EACCES;
	return arena->is_unlocked ? EPERM : 0;
}
