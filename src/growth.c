/* SPDX-License-Identifier: ISC */
/* An arena's regions: how large the next is, and what the limits leave. */
#include <config.h>

#include "growth.h"

#include <errno.h>

#include "os.h"

/* An arena begins with four pages, so that it is of use where 64 KiB can be
 * locked, and doubles. */
#define FIRST_PAGES 4

/* From here on a region adds a thirty-second of what is there: what is locked
 * and not yet used stays below 3 %, and n bytes still take O(log n) regions. */
#define DOUBLING_MAX ((size_t)512 << 10)
#define GROWTH_SHARE 32

/* One region is locked and populated in one call, some 500 us a MiB. */
#define REGION_SIZE_MAX ((size_t)64 << 20)

size_t sa_growth_next_size(size_t mapped)
{
	size_t first = FIRST_PAGES * sa_os_page_size;
	size_t size = mapped / GROWTH_SHARE;

	if (size < DOUBLING_MAX)
		size = mapped < DOUBLING_MAX ? mapped : DOUBLING_MAX;
	if (size < first)
		size = first;
	if (size > REGION_SIZE_MAX)
		size = REGION_SIZE_MAX;
	return sa_align_down(size, first);
}

void sa_growth_account(sa_arena *arena, bool is_locked, size_t size)
{
	atomic_fetch_add(&arena->mapped_size, size);
	if (is_locked)
		atomic_fetch_add(&arena->locked_size, size);
}

size_t sa_growth_reserve_for(size_t size)
{
	return size < SA_GROWTH_RESERVE_MIN ? SA_GROWTH_RESERVE_MIN : size;
}

/* A small arena would lock a huge page for a few objects; and where the size
 * is its own reserve, as at creation, nothing is held back. */
static bool is_worth_huge_pages(const sa_arena *arena, size_t size)
{
	return (atomic_load(&arena->mapped_size) >= SA_GROWTH_HUGE_FROM ||
		size >= SA_GROWTH_HUGE_FROM) &&
	       sa_os_huge_page_size() != 0;
}

void sa_growth_discount(sa_arena *arena, const sa_region *region)
{
	atomic_fetch_sub(&arena->mapped_size, region->size);
	if (region->locked)
		atomic_fetch_sub(&arena->locked_size, region->size);
}

size_t sa_growth_capacity_left(const sa_arena *arena)
{
	size_t capacity = arena->options.capacity;
	size_t mapped = atomic_load(&arena->mapped_size);

	if (capacity == 0)
		return SIZE_MAX;
	return capacity > mapped ? capacity - mapped : 0;
}

/* A region for slabs: of exactly `size` bytes; or, of `size` bytes at least,
 * with huge pages and the rest of its reserve held back. */
static int create_region(const sa_arena *arena, sa_region *region, size_t size,
			 size_t huge)
{
	const sa_arena_options *options = &arena->options;

	if (huge == 0)
		return sa_region_create(region, size, options->mlock,
					options->fork);
	return sa_region_create_huge(region, size, sa_growth_reserve_for(size),
				     huge, options->mlock, options->fork);
}

static void link_tract(sa_arena *arena, sa_tract *tract)
{
	tract->next = arena->tracts;
	if (tract->next != NULL)
		tract->next->previous = tract;
	arena->tracts = tract;
	sa_growth_account(arena, tract->region.locked, tract->region.size);
	atomic_fetch_add(&arena->region_count, 1);
}

/* One region, found by the page map, all pages free.  0, or -1 with errno. */
static int add_tract(sa_arena *arena, size_t size, size_t huge)
{
	size_t bits_size = sa_tract_bits_size(
		huge == 0 ? size : sa_growth_reserve_for(size));
	sa_tract *tract = sa_meta_alloc(&arena->meta, sizeof *tract);
	uint64_t *bits = sa_meta_alloc(&arena->meta, bits_size);
	const unsigned char *start;

	if (tract == NULL || bits == NULL ||
	    create_region(arena, &tract->region, size, huge) != 0)
		goto free_metadata;
	start = tract->region.start;
	if (sa_pagemap_cover(&arena->pagemap, start, tract->region.reserve) !=
	    0)
		goto destroy_region;
	/* A large object that was here may have left its entry. */
	sa_pagemap_set(&arena->pagemap, start, tract->region.reserve, NULL);
	sa_tract_init(tract, bits);
	link_tract(arena, tract);
	return 0;

destroy_region:
	sa_region_destroy(&tract->region);
	errno = ENOMEM;
free_metadata:
	if (bits != NULL)
		sa_meta_free(&arena->meta, bits, bits_size);
	if (tract != NULL)
		sa_meta_free(&arena->meta, tract, sizeof *tract);
	return -1;
}

/* How much of what a region holds back to take: up to the end of the huge page
 * that `size` bytes reach into, or that many exactly if no more may be had. */
static size_t extension(const sa_region *region, size_t size, size_t most)
{
	size_t huge = sa_os_huge_page_size();
	uintptr_t end = (uintptr_t)region->start + region->size;
	size_t held_back = region->reserve - region->size;

	if (huge != 0)
		size = sa_align_up(end + size, huge) - end;
	size = size < held_back ? size : held_back;
	return size < most ? size : most;
}

/* Take pages from a region that holds some back.  0, or -1 if there is none
 * with at least `least` bytes, or they can't be locked. */
static int extend(sa_arena *arena, size_t size, size_t least, size_t most)
{
	for (sa_tract *t = arena->tracts; t != NULL; t = t->next) {
		size_t more;

		if (t->region.reserve - t->region.size < least)
			continue;
		more = extension(&t->region, size, most);
		if (more < least || sa_region_extend(&t->region, more) != 0)
			continue;
		sa_growth_account(arena, t->region.locked, more);
		sa_tract_extend(t);
		return 0;
	}
	return -1;
}

/* The bytes that capacity and lock still allow, whole pages. */
static size_t allowance(const sa_arena *arena)
{
	size_t left = sa_growth_capacity_left(arena);
	size_t lockable = SIZE_MAX;

	/* Trying is no way to find a limit: a refused region has had each of
	 * its pages touched. */
	if (arena->options.mlock == SA_ARENA_MLOCK_REQUIRED)
		lockable = sa_os_lockable_size();
	return sa_align_down(left < lockable ? left : lockable,
			     sa_os_page_size);
}

int sa_growth_add(sa_arena *arena, size_t size, size_t least)
{
	size_t most = allowance(arena);

	if (sa_growth_capacity_left(arena) < least) {
		errno = ENOSPC;
		return -1;
	}
	if (extend(arena, size, least, most) == 0)
		return 0;
	if (is_worth_huge_pages(arena, size) &&
	    most >= sa_growth_reserve_for(size) &&
	    add_tract(arena, size, sa_os_huge_page_size()) == 0)
		return 0;
	size = size < most ? size : most;
	size = size > least ? size : least;
	while (add_tract(arena, size, 0) != 0) {
		if (size == least)
			return -1;
		size = sa_align_down(size / 2, sa_os_page_size);
		size = size > least ? size : least;
	}
	return 0;
}

int sa_growth_reserve(sa_arena *arena, size_t size)
{
	size_t page = sa_os_page_size;
	size_t left = sa_align_down(sa_growth_capacity_left(arena), page);

	if (size == 0)
		size = FIRST_PAGES * page;
	/* Found out region by region, it would take the machine's last page. */
	if (size > sa_os_memory_size()) {
		errno = ENOMEM;
		return -1;
	}
	size = sa_align_up(size, page);
	size = size < left ? size : left;
	while (atomic_load(&arena->mapped_size) < size) {
		size_t rest = size - atomic_load(&arena->mapped_size);

		if (sa_growth_add(arena,
				  rest < REGION_SIZE_MAX ? rest
							 : REGION_SIZE_MAX,
				  page) != 0)
			return -1;
	}
	return 0;
}

static void unlink_tract(sa_arena *arena, sa_tract *tract)
{
	if (tract->previous != NULL)
		tract->previous->next = tract->next;
	else
		arena->tracts = tract->next;
	if (tract->next != NULL)
		tract->next->previous = tract->previous;
}

void sa_growth_drop(sa_arena *arena, sa_tract *tract)
{
	size_t size = tract->region.reserve;

	unlink_tract(arena, tract);
	sa_growth_discount(arena, &tract->region);
	atomic_fetch_sub(&arena->region_count, 1);
	sa_pagemap_set(&arena->pagemap, tract->region.start, size, NULL);
	if (sa_region_destroy(&tract->region) != 0)
		sa_arena_fail(arena, errno);
	sa_meta_free(&arena->meta, tract->free_pages, sa_tract_bits_size(size));
	sa_meta_free(&arena->meta, tract, sizeof *tract);
}
