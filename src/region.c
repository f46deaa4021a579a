/* SPDX-License-Identifier: ISC */
/*
 * Regions over sodium_malloc(), which ignores a failed mlock() and failed
 * guard pages: both are done again here, and their results are believed.
 */
#include <config.h>

#include "region.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "bits.h"
#include "os.h"

/* Pages before the memory (libsodium's header and the guard) and after. */
#define PAGES_BEFORE 2
#define PAGES_AROUND 3

static unsigned char *base_of(const sa_region *region)
{
	return region->start + SA_REGION_HEAD;
}

static int protect_guards(const sa_region *region)
{
	size_t page = sa_os_page_size;

	if (sa_os_protect_none(region->start - page, page) != 0)
		return -1;
	return sa_os_protect_none(region->start + region->reserve, page);
}

static int advise_fork(const sa_region *region)
{
	switch (region->fork) {
	case SA_ARENA_FORK_EXCLUDE:
		return sa_os_exclude_from_forks(region->start, region->reserve);
	case SA_ARENA_FORK_WIPE:
		return sa_os_wipe_on_fork(region->start, region->reserve);
	case SA_ARENA_FORK_INHERIT:
		break;
	}
	return 0;
}

/* 0, or the errno to report. */
static int protect(const sa_region *region)
{
	if (protect_guards(region) != 0 ||
	    sa_os_exclude_from_dumps(region->start, region->reserve) != 0 ||
	    advise_fork(region) != 0)
		return ENOMEM;
	return 0;
}

static int lock(sa_region *region, sa_arena_mlock mlock)
{
	region->locked = sodium_mlock(region->start, region->size) == 0;
	return region->locked || mlock == SA_ARENA_MLOCK_BEST_EFFORT ? 0
								     : EPERM;
}

/* A block that is all in use, its bytes as libsodium left them. */
static int create(sa_region *region, size_t size, sa_arena_fork fork)
{
	unsigned char *base = sodium_malloc(size - SA_REGION_HEAD);

	if (base == NULL) {
		errno = ENOMEM;
		return -1;
	}
	*region = (sa_region){.start = base - SA_REGION_HEAD,
			      .size = size,
			      .reserve = size,
			      .access = SA_ARENA_READWRITE,
			      .fork = fork};
	return 0;
}

/* Give a block back that turned out to be of no use; -1 with `error`. */
static int refuse(const sa_region *region, int error)
{
	sodium_free(base_of(region));
	errno = error;
	return -1;
}

int sa_region_create(sa_region *region, size_t size, sa_arena_mlock mlock,
		     sa_arena_fork fork)
{
	int error;

	if (create(region, size, fork) != 0)
		return -1;
	error = protect(region);
	if (error == 0)
		error = lock(region, mlock);
	if (error != 0)
		return refuse(region, error);
	memset(base_of(region), 0, size - SA_REGION_HEAD);
	return 0;
}

/*
 * sodium_malloc() has populated and locked small pages throughout.  All that
 * lie where huge ones can are dropped, and what is not yet in use unlocked;
 * whoever locks the rest next populates it, with huge pages, which costs an
 * eighth of MADV_COLLAPSE: that copies (2.3 against 18 ms for 16 MiB).
 */
static int drop_small_pages(sa_region *region, size_t size, size_t huge)
{
	uintptr_t start = (uintptr_t)region->start;
	size_t first = sa_align_up(start + SA_REGION_HEAD, huge) - start;
	size_t end = sa_align_up(start + size, huge) - start;

	if (first >= region->reserve) {
		/* None fits: all is small pages, and in use. */
		memset(base_of(region), 0, region->reserve - SA_REGION_HEAD);
		return 0;
	}
	if (end > region->reserve)
		end = region->reserve;
	if (sa_os_ask_for_huge_pages(region->start, region->reserve) != 0 ||
	    sa_os_drop(region->start + first, region->reserve - first) != 0 ||
	    (end < region->reserve &&
	     sa_os_unlock(region->start + end, region->reserve - end) != 0))
		return ENOMEM;
	memset(base_of(region), 0, first - SA_REGION_HEAD);
	region->size = end;
	return 0;
}

int sa_region_create_huge(sa_region *region, size_t size, size_t reserve,
			  size_t huge, sa_arena_mlock mlock, sa_arena_fork fork)
{
	int error;

	if (create(region, reserve, fork) != 0)
		return -1;
	error = protect(region);
	if (error == 0)
		error = drop_small_pages(region, size, huge);
	if (error == 0)
		error = lock(region, mlock);
	return error == 0 ? 0 : refuse(region, error);
}

int sa_region_extend(sa_region *region, size_t size)
{
	unsigned char *end = region->start + region->size;

	if (region->locked && sodium_mlock(end, size) != 0) {
		/* Some of it may be locked; none of it has been used. */
		if (sa_os_unlock(end, size) == 0)
			errno = EPERM;
		return -1;
	}
	region->size += size;
	return 0;
}

/* Header and guards without what lies between. */
static int unmap_around(const sa_region *region)
{
	size_t page = sa_os_page_size;
	int before = sa_os_unmap(region->start - PAGES_BEFORE * page,
				 PAGES_BEFORE * page);
	int behind = sa_os_unmap(region->start + region->reserve, page);

	return before == 0 && behind == 0 ? 0 : -1;
}

/* Header, guards and memory at once; the kernel clears the pages.  Where it
 * merged a guard with a neighbour's, that can take a mapping more than the
 * process may have: then the memory at least. */
static int unmap(const sa_region *region)
{
	size_t page = sa_os_page_size;

	if (region->state == SA_REGION_TAKEN)
		return unmap_around(region);
	if (sa_os_unmap(region->start - PAGES_BEFORE * page,
			region->reserve + PAGES_AROUND * page) == 0)
		return 0;
	return sa_os_unmap(region->start, region->reserve);
}

int sa_region_destroy(sa_region *region)
{
	bool open = !sa_region_is_excluded(region) &&
		    sa_region_set_access(region, SA_ARENA_READWRITE) == 0;
	int result = 0;

	if (open && region->state == SA_REGION_WHOLE) {
		sodium_free(base_of(region));
	} else {
		/* Without its canary sodium_free() would stop the process. */
		if (open)
			sodium_memzero(region->start, region->size);
		result = unmap(region);
	}
	region->start = NULL;
	return result;
}

int sa_region_set_access(sa_region *region, sa_arena_access access)
{
	int result = -1;

	if (region->access == access || sa_region_is_excluded(region))
		return 0;
	switch (access) {
	case SA_ARENA_NOACCESS:
		result = sodium_mprotect_noaccess(base_of(region));
		break;
	case SA_ARENA_READONLY:
		result = sodium_mprotect_readonly(base_of(region));
		break;
	case SA_ARENA_READWRITE:
		result = sodium_mprotect_readwrite(base_of(region));
		break;
	}
	if (result == 0)
		region->access = access;
	return result;
}

/* Nothing else may come to lie where old pointers point. */
static void hold_place(sa_region *region)
{
	if (region->state != SA_REGION_WHOLE)
		return;
	region->state = sa_os_reserve(region->start, region->reserve) == 0
				? SA_REGION_ABSENT
				: SA_REGION_TAKEN;
	region->locked = false;
}

void sa_region_after_fork(sa_region *region)
{
	if (region->fork == SA_ARENA_FORK_EXCLUDE) {
		hold_place(region);
		return;
	}
	if (region->fork == SA_ARENA_FORK_WIPE)
		region->state = SA_REGION_WIPED;
	if (region->locked)
		region->locked =
			sa_os_lock_present(region->start, region->size) == 0;
}
