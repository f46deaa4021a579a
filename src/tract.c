/* SPDX-License-Identifier: ISC */
/* Runs of pages for slabs: how large a slab is to be, and where. */
#include <config.h>

#include "tract.h"

#include <string.h>

#include "bitmap.h"
#include "os.h"
#include "slab.h"

/* A slab this large wastes little at its ends (16 bytes of it with 1,365
 * slots of 48), and its metadata stays in the first-level cache. */
#define SLAB_SIZE_MAX ((size_t)64 << 10)

/* A small tract has room for slabs of some other classes too. */
#define SLABS_PER_TRACT 4

size_t sa_tract_bits_size(size_t size)
{
	return sa_bitmap_nwords(size / sa_os_page_size) * sizeof(uint64_t);
}

void sa_tract_init(sa_tract *tract, uint64_t *bits)
{
	tract->npages = tract->region.size / sa_os_page_size;
	tract->nfree = tract->npages;
	tract->free_pages = bits;
	sa_bitmap_set_range(bits, 0, tract->npages);
}

static size_t wanted_pages(size_t npages, size_t min_pages)
{
	size_t max_pages = SLAB_SIZE_MAX / sa_os_page_size;
	size_t want = npages / SLABS_PER_TRACT;

	if (want > max_pages)
		want = max_pages;
	return want < min_pages ? min_pages : want;
}

static size_t min_pages_behind(size_t head, size_t stride)
{
	size_t npages = stride / sa_os_page_size;

	do
		npages++;
	while (sa_slab_capacity(npages * sa_os_page_size, head, stride) == 0);
	return npages;
}

size_t sa_tract_min_pages(size_t stride)
{
	return min_pages_behind(SA_REGION_HEAD, stride);
}

unsigned char *sa_tract_take(sa_tract *tract, size_t stride, size_t *size,
			     size_t *head)
{
	size_t min_pages = sa_tract_min_pages(stride);
	size_t npages = wanted_pages(tract->npages, min_pages);
	size_t page = SIZE_MAX;

	if (tract->nfree < min_pages)
		return NULL;
	for (; npages > min_pages; npages /= 2) {
		page = sa_bitmap_find_run(tract->free_pages, tract->npages,
					  npages);
		if (page != SIZE_MAX)
			break;
	}
	if (page == SIZE_MAX) {
		npages = min_pages;
		page = sa_bitmap_find_run(tract->free_pages, tract->npages,
					  npages);
	}
	if (page == SIZE_MAX)
		return NULL;
	sa_bitmap_clear_range(tract->free_pages, page, npages);
	tract->nfree -= npages;
	*size = npages * sa_os_page_size;
	*head = page == 0 ? SA_REGION_HEAD : 0;
	return tract->region.start + page * sa_os_page_size;
}

void sa_tract_give(sa_tract *tract, const unsigned char *pages, size_t size)
{
	size_t page = (size_t)(pages - tract->region.start) / sa_os_page_size;
	size_t npages = size / sa_os_page_size;

	sa_bitmap_set_range(tract->free_pages, page, npages);
	tract->nfree += npages;
}

size_t sa_tract_nslots(size_t size, size_t stride)
{
	size_t min_pages = sa_tract_min_pages(stride);
	size_t npages = size / sa_os_page_size;
	size_t want = wanted_pages(npages, min_pages);
	size_t nslots = 0, head = SA_REGION_HEAD;

	while (npages >= min_pages) {
		while (want > npages)
			want = want / 2 > min_pages ? want / 2 : min_pages;
		nslots +=
			sa_slab_capacity(want * sa_os_page_size, head, stride);
		npages -= want;
		head = 0;
	}
	return nslots;
}
