/* SPDX-License-Identifier: ISC */
/*
 * A region whose pages are handed out in runs, to be cut into slabs.  Pages
 * that are free are zero.
 */
#ifndef SA_TRACT_H
#define SA_TRACT_H

#include <stddef.h>
#include <stdint.h>

#include "region.h"

typedef struct sa_tract sa_tract;

struct sa_tract {
	sa_region region;
	size_t npages;
	size_t nfree;
	uint64_t *free_pages; /* a bit each */
	sa_tract *next;
	sa_tract *previous;
};

/* Bytes of metadata for the bits of a region of `size` bytes. */
size_t sa_tract_bits_size(size_t size);

/* All pages of the region are free.  `bits` has the size told above. */
void sa_tract_init(sa_tract *tract, uint64_t *bits);

/*
 * Pages for a slab of slots of that stride: as many as suit the tract's size,
 * fewer if there are no more in a row.  Returns the first of them and their
 * bytes in *size, and how many bytes of them are not to be used in *head; NULL
 * if there is no room for a single slot.
 */
unsigned char *sa_tract_take(sa_tract *tract, size_t stride, size_t *size,
			     size_t *head);

/* Undo that; the pages are zero again. */
void sa_tract_give(sa_tract *tract, const unsigned char *pages, size_t size);

/* The fewest pages of a region's start that hold a slot. */
size_t sa_tract_min_pages(size_t stride);

/* How many slots a whole region of `size` bytes gives. */
size_t sa_tract_nslots(size_t size, size_t stride);

#endif
