/* SPDX-License-Identifier: ISC */
/* An arena's regions: how large the next is, and what the limits leave. */
#include <config.h>

#include "growth.h"

#include <errno.h>

#include "os.h"
#include "probe.h"
#include "proc.h"
#include "veil.h"
#include "vmname.h"

/* An arena begins with four pages, so that it is of use where 64 KiB can be
 * locked, and doubles. */
#define FIRST_PAGES 4

/* From here on regions stay as they are for a while. */
#define DOUBLING_MAX ((size_t)512 << 10)

/* From here on they are of one size, that of a huge page on most machines: it
 * is what sa_arena_open_object() has to open, and what is locked and not used
 * yet at the most. */
#define EQUAL_FROM ((size_t)2 << 20)
#define EQUAL_SIZE ((size_t)2 << 20)

/* Beyond 4 GiB an arena has some 2,000 regions, and they grow with it, or there
 * would be more than the kernel has mappings for. */
#define REGIONS_ENOUGH 2048

size_t sa_growth_next_size(size_t mapped)
{
	size_t first = FIRST_PAGES * sa_os_page_size;
	size_t size = mapped < DOUBLING_MAX ? mapped : DOUBLING_MAX;

	if (mapped >= EQUAL_FROM)
		size = sa_align_down(mapped / REGIONS_ENOUGH, EQUAL_SIZE);
	if (mapped >= EQUAL_FROM && size < EQUAL_SIZE)
		size = EQUAL_SIZE;
	if (size < first)
		size = first;
	if (size > SA_GROWTH_SIZE_MAX)
		size = SA_GROWTH_SIZE_MAX;
	return sa_align_down(size, first);
}

void sa_growth_account(sa_arena *arena, const sa_region *region)
{
	atomic_fetch_add(&arena->mapped_size, region->size);
	if (region->locked)
		atomic_fetch_add(&arena->locked_size, region->size);
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

static void link_tract(sa_arena *arena, sa_tract *tract)
{
	sa_tract *previous = tract->nfree != 0 ? NULL : arena->last_tract;
	sa_tract *next = tract->nfree != 0 ? arena->tracts : NULL;

	tract->previous = previous;
	tract->next = next;
	*(previous != NULL ? &previous->next : &arena->tracts) = tract;
	*(next != NULL ? &next->previous : &arena->last_tract) = tract;
}

static void unlink_tract(sa_arena *arena, sa_tract *tract)
{
	sa_tract *previous = tract->previous;
	sa_tract *next = tract->next;

	*(previous != NULL ? &previous->next : &arena->tracts) = next;
	*(next != NULL ? &next->previous : &arena->last_tract) = previous;
}

void sa_growth_sort(sa_arena *arena, sa_tract *tract)
{
	unlink_tract(arena, tract);
	link_tract(arena, tract);
}

/* A region that can come to consist of huge pages is to begin with one. */
static size_t alignment_for(size_t size)
{
	return size % EQUAL_SIZE == 0 ? EQUAL_SIZE : 0;
}

/* One region, found by the page map, all pages free.  0, or -1 with errno. */
static int add_tract(sa_arena *arena, size_t size)
{
	const sa_arena_options *options = &arena->options;
	size_t bits_size = sa_tract_bits_size(size);
	sa_tract *tract = sa_meta_alloc(&arena->meta, sizeof *tract);
	uint64_t *bits = sa_meta_alloc(&arena->meta, bits_size);
	const unsigned char *start;

	if (tract == NULL || bits == NULL ||
	    sa_region_create(&tract->region, size, alignment_for(size),
			     options->mlock, options->fork) != 0)
		goto free_metadata;
	start = tract->region.start;
	if (sa_pagemap_cover(&arena->pagemap, start, size) != 0)
		goto destroy_region;
	/* A large object that was here may have left its entry. */
	sa_pagemap_set(&arena->pagemap, start, size, NULL);
	sa_tract_init(tract, bits);
	link_tract(arena, tract);
	sa_growth_account(arena, &tract->region);
	atomic_fetch_add(&arena->region_count, 1);
	sa_vmname_set(&tract->region, arena->name);
	sa_veil_add_region(&tract->region);
	SA_PROBE3(growth, arena->name, start, size);
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

/* Trying is no way to find a limit, for a refused region has had each of its
 * pages touched; but asking /proc takes a tenth of what an arena of one key
 * takes in all.  So regions of ordinary size are tried as long as none was
 * refused. */
static bool is_wary(const sa_arena *arena, size_t size)
{
	return arena->was_refused_lock || size > EQUAL_SIZE;
}

/* Of so many bytes those that capacity and lock still allow, whole pages; but
 * `least`, whatever they allow. */
static size_t allowed(const sa_arena *arena, size_t size, size_t least)
{
	size_t most = sa_growth_capacity_left(arena);
	size_t lockable = SIZE_MAX;

	if (arena->options.mlock == SA_ARENA_MLOCK_REQUIRED &&
	    is_wary(arena, size))
		lockable = sa_proc_lockable_size();
	most = sa_align_down(most < lockable ? most : lockable,
			     sa_os_page_size);
	size = size < most ? size : most;
	return size > least ? size : least;
}

int sa_growth_add(sa_arena *arena, size_t size, size_t least)
{
	if (sa_growth_capacity_left(arena) < least) {
		errno = ENOSPC;
		return -1;
	}
	size = allowed(arena, size, least);
	while (add_tract(arena, size) != 0) {
		bool is_news = errno == EPERM && !arena->was_refused_lock;

		if (is_news)
			arena->was_refused_lock = true;
		if (size == least)
			return -1;
		if (!is_news)
			size = sa_align_down(size / 2, sa_os_page_size);
		size = allowed(arena, size, least);
	}
	return 0;
}

size_t sa_growth_reserve_size(size_t reserve)
{
	size_t size = sa_growth_next_size(reserve);

	return size < EQUAL_SIZE ? EQUAL_SIZE : size;
}

int sa_growth_reserve(sa_arena *arena, size_t size)
{
	size_t page = sa_os_page_size;
	size_t left = sa_align_down(sa_growth_capacity_left(arena), page);

	if (size == 0)
		return sa_growth_add(arena, FIRST_PAGES * page, page);
	/* Found out region by region, it would take the machine's last page.
	 * With 32 bits the machine may have more than a size can tell. */
	if (size > sa_proc_memory_size() || size > SIZE_MAX - page) {
		errno = ENOMEM;
		return -1;
	}
	size = sa_align_up(size, page);
	size = size < left ? size : left;
	while (atomic_load(&arena->mapped_size) < size) {
		size_t rest = size - atomic_load(&arena->mapped_size);
		size_t most = sa_growth_reserve_size(size);

		if (sa_growth_add(arena, rest < most ? rest : most, page) != 0)
			return -1;
	}
	return 0;
}

/* On pages that are given back: objects were here, and whoever holds one of
 * them yet is told so.  To the page map a large object that begins nowhere. */
static sa_large gone;

void sa_growth_drop(sa_arena *arena, sa_tract *tract)
{
	size_t size = tract->region.size;

	unlink_tract(arena, tract);
	sa_growth_discount(arena, &tract->region);
	atomic_fetch_sub(&arena->region_count, 1);
	sa_pagemap_set(&arena->pagemap, tract->region.start, size,
		       (unsigned char *)&gone + 1);
	sa_veil_remove_region(&tract->region);
	if (sa_region_destroy(&tract->region) != 0)
		sa_arena_fail(arena, errno);
	sa_meta_free(&arena->meta, tract->free_pages, sa_tract_bits_size(size));
	sa_meta_free(&arena->meta, tract, sizeof *tract);
}
