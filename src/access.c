/* SPDX-License-Identifier: ISC */
/* Transitions over sodium_mprotect_*(), all or nothing. */
#include <config.h>

#include "access.h"

#include <errno.h>

#include "shards.h"

/* The most that the resting access and the holders ask for. */
static sa_arena_access wanted(sa_arena_access resting, size_t readers,
			      size_t writers)
{
	if (writers != 0)
		return SA_ARENA_READWRITE;
	if (readers != 0 && resting == SA_ARENA_NOACCESS)
		return SA_ARENA_READONLY;
	return resting;
}

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

static void put_back(sa_arena *arena, const sa_region *end,
		     sa_arena_access access)
{
	region_cursor at = {arena->tracts, arena->larges};
	sa_region *region;

	while ((region = next_region(&at)) != end)
		if (sa_region_set_access(region, access) != 0)
			sa_arena_fail(arena, errno);
}

static int set_regions(sa_arena *arena, sa_arena_access old,
		       sa_arena_access access)
{
	region_cursor at = {arena->tracts, arena->larges};
	sa_region *region;

	while ((region = next_region(&at)) != NULL)
		if (sa_region_set_access(region, access) != 0) {
			int error = errno;

			put_back(arena, region, old);
			errno = error;
			return -1;
		}
	return 0;
}

static int apply(sa_arena *arena, sa_arena_access access)
{
	sa_arena_access old = atomic_load(&arena->access);

	if (access == old)
		return 0;
	if (sa_shards_stop(arena) != 0)
		return -1;
	if (set_regions(arena, old, access) != 0) {
		sa_shards_resume(arena);
		return -1;
	}
	atomic_store(&arena->access, access);
	atomic_fetch_add_explicit(&arena->access_change_count, 1,
				  memory_order_relaxed);
	sa_shards_resume(arena);
	return 0;
}

static int change(sa_arena *arena, sa_arena_access resting, size_t readers,
		  size_t writers)
{
	if (apply(arena, wanted(resting, readers, writers)) != 0)
		return sa_arena_fail(arena, errno);
	arena->resting = resting;
	arena->readers = readers;
	arena->writers = writers;
	return 0;
}

int sa_access_protect(sa_arena *arena, sa_arena_access access)
{
	if (arena->is_excluded)
		return sa_arena_fail(arena, EACCES);
	return change(arena, access, arena->readers, arena->writers);
}

int sa_access_open(sa_arena *arena, sa_arena_access access)
{
	bool writes = access == SA_ARENA_READWRITE;

	if (arena->is_excluded)
		return sa_arena_fail(arena, EACCES);
	return change(arena, arena->resting, arena->readers + !writes,
		      arena->writers + writes);
}

int sa_access_close(sa_arena *arena, sa_arena_access access)
{
	bool writes = access == SA_ARENA_READWRITE;
	size_t holders = writes ? arena->writers : arena->readers;

	if (holders == 0) {
		errno = EINVAL;
		return -1;
	}
	return change(arena, arena->resting, arena->readers - !writes,
		      arena->writers - writes);
}

int sa_access_raise(sa_arena *arena, sa_arena_access access)
{
	if (atomic_load(&arena->access) >= access)
		return 0;
	return apply(arena, access);
}

void sa_access_restore(sa_arena *arena)
{
	int kept = errno;

	if (apply(arena,
		  wanted(arena->resting, arena->readers, arena->writers)) != 0)
		sa_arena_fail(arena, kept);
	errno = kept;
}

int sa_access_refusal(const sa_arena *arena)
{
	if (arena->is_excluded ||
	    atomic_load(&arena->access) != SA_ARENA_READWRITE)
		return EACCES;
	return arena->is_unlocked ? EPERM : 0;
}
