/* SPDX-License-Identifier: ISC */
/*
 * Regions over sodium_malloc(), which ignores a failed mlock(), failed guard
 * pages and a header left writable: all are done again here, and their results
 * are believed.
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

/* libsodium's header, which sodium_free() believes, and the guards. */
static int protect_around(const sa_region *region)
{
	size_t page = sa_os_page_size;

	if (sa_os_protect_read(region->start - PAGES_BEFORE * page, page) != 0)
		return -1;
	if (sa_os_protect_none(region->start - page, page) != 0)
		return -1;
	return sa_os_protect_none(region->start + region->size, page);
}

static int advise_fork(const sa_region *region)
{
	switch (region->fork) {
	case SA_ARENA_FORK_EXCLUDE:
		return sa_os_exclude_from_forks(region->start, region->size);
	case SA_ARENA_FORK_WIPE:
		return sa_os_wipe_on_fork(region->start, region->size);
	case SA_ARENA_FORK_INHERIT:
		break;
	}
	return 0;
}

/* 0, or the errno to report. */
static int protect(const sa_region *region)
{
	if (protect_around(region) != 0 ||
	    sa_os_exclude_from_dumps(region->start, region->size) != 0 ||
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

/* The block, its bytes as libsodium left them, or NULL. */
static unsigned char *allocate(size_t size, size_t alignment)
{
	size_t page = sa_os_page_size;
	sa_os_aim aim = {.above = NULL};
	unsigned char *base;

	/* Offsets have to fit ptrdiff_t. */
	if (size > PTRDIFF_MAX - PAGES_AROUND * page)
		return NULL;
	if (alignment > page)
		aim = sa_os_take_aim(size + PAGES_AROUND * page,
				     PAGES_BEFORE * page, alignment);
	base = sodium_malloc(size - SA_REGION_HEAD);
	/* What stays taken is addresses, no memory. */
	if (sa_os_drop_aim(&aim) != 0 && base != NULL) {
		sodium_free(base);
		return NULL;
	}
	return base;
}

int sa_region_create(sa_region *region, size_t size, size_t alignment,
		     sa_arena_mlock mlock, sa_arena_fork fork)
{
	unsigned char *base = allocate(size, alignment);
	int error;

	if (base == NULL) {
		errno = ENOMEM;
		return -1;
	}
	*region = (sa_region){.start = base - SA_REGION_HEAD,
			      .size = size,
			      .access = SA_ARENA_READWRITE,
			      .fork = fork};
	error = protect(region);
	if (error == 0)
		error = lock(region, mlock);
	if (error != 0) {
		sodium_free(base);
		errno = error;
		return -1;
	}
	memset(base, 0, size - SA_REGION_HEAD);
	return 0;
}

/* Header and guards without what lies between. */
static int unmap_around(const sa_region *region)
{
	size_t page = sa_os_page_size;
	int before = sa_os_unmap(region->start - PAGES_BEFORE * page,
				 PAGES_BEFORE * page);
	int behind = sa_os_unmap(region->start + region->size, page);

	return before == 0 && behind == 0 ? 0 : -1;
}

/* Header, guards and memory at once; the kernel clears the pages.  Where it
 * merged a guard with a neighbour's, that can take a mapping more than the
 * process may have: then the memory at least, and where even that is refused,
 * what it holds.  It stays mapped then, which is the failure that is told. */
static int unmap(const sa_region *region)
{
	size_t page = sa_os_page_size;

	if (region->state == SA_REGION_TAKEN)
		return unmap_around(region);
	if (sa_os_unmap(region->start - PAGES_BEFORE * page,
			region->size + PAGES_AROUND * page) == 0)
		return 0;
	if (sa_os_unmap(region->start, region->size) == 0)
		return 0;
	if (sa_os_empty(region->start, region->size) != 0)
		errno = ENOMEM;
	return -1;
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

/* Drop the small pages; whoever touches the memory next gets huge ones. */
static int renew_pages(sa_region *region)
{
	if (sa_os_ask_for_huge_pages(region->start, region->size) != 0 ||
	    sa_os_drop(region->start, region->size) != 0)
		return -1;
	if (!region->locked)
		return 0;
	region->locked = sodium_mlock(region->start, region->size) == 0;
	return region->locked ? 0 : -1;
}

int sa_region_make_huge(sa_region *region, const sa_region *scratch)
{
	bool was_locked = region->locked;
	int result;

	if (sa_region_set_access(region, SA_ARENA_READWRITE) != 0)
		return -1;
	memcpy(base_of(scratch), region->start, region->size);
	sodium_memzero(region->start, region->size);
	result = renew_pages(region);
	memcpy(region->start, base_of(scratch), region->size);
	sodium_memzero(base_of(scratch), region->size);
	/* Every page is there now. */
	if (was_locked && !region->locked)
		region->locked = sodium_mlock(region->start, region->size) == 0;
	return result;
}

/* Nothing else may come to lie where old pointers point. */
static void hold_place(sa_region *region)
{
	if (region->state != SA_REGION_WHOLE)
		return;
	region->state = sa_os_reserve(region->start, region->size) == 0
				? SA_REGION_ABSENT
				: SA_REGION_TAKEN;
	region->locked = false;
}

static bool lock_present(const sa_region *region)
{
	return sa_os_lock_present(region->start, region->size) == 0;
}

/* A kernel without mlock2() locks only what may be read. */
static int lock_at_rest(sa_region *region)
{
	if (sa_region_set_access(region, SA_ARENA_READONLY) != 0)
		return 0;
	region->locked = lock_present(region);
	return sa_region_set_access(region, SA_ARENA_NOACCESS);
}

int sa_region_after_fork(sa_region *region)
{
	if (region->fork == SA_ARENA_FORK_EXCLUDE) {
		hold_place(region);
		return 0;
	}
	if (region->fork == SA_ARENA_FORK_WIPE)
		region->state = SA_REGION_WIPED;
	if (!region->locked)
		return 0;
	region->locked = lock_present(region);
	if (!region->locked && region->access == SA_ARENA_NOACCESS)
		return lock_at_rest(region);
	return 0;
}
