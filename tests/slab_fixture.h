/* SPDX-License-Identifier: ISC */
/*
 * Slabs to test: their pages between guard pages, their metadata and key from
 * one place, nothing locked.
 */
#ifndef SLAB_FIXTURE_H
#define SLAB_FIXTURE_H

#include <stdbool.h>
#include <string.h>

#include "meta.h"
#include "os.h"
#include "slab.h"
#include "support.h"

static sa_meta slabs_meta;
static sa_canary_key slabs_key;
static support_random slabs_random;

static inline void slabs_setup(void)
{
	sa_os_start();
	sa_meta_init(&slabs_meta);
	support_random_seed(&slabs_random);
	slabs_key.mask = support_random_next(&slabs_random);
	slabs_key.factor = support_random_next(&slabs_random) | 1;
}

static inline void slabs_teardown(void)
{
	sa_meta_destroy(&slabs_meta);
}

static inline size_t slabs_below(size_t bound)
{
	return support_random_below(&slabs_random, bound);
}

static inline sa_slab *slabs_create(size_t size, size_t head, unsigned number)
{
	sa_slab *slab = sa_meta_alloc(&slabs_meta, sizeof *slab);
	unsigned char *pages = sa_os_map_guarded(size);

	SUPPORT_REQUIRE(slab != NULL && pages != NULL);
	SUPPORT_REQUIRE(sa_slab_create(slab, &slabs_meta, &slabs_key, pages,
				       size, head,
				       sa_sizeclass_stride(number)) == 0);
	slab->class = number;
	return slab;
}

/* Its pages have to be zero again, as their region wants them back. */
static inline void slabs_destroy(sa_slab *slab, size_t head)
{
	unsigned char *pages = slab->pages;
	size_t size = slab->size;

	sa_slab_wipe_tails(slab);
	SUPPORT_REQUIRE(support_is_zero(pages + head, size - head));
	sa_slab_destroy(slab, &slabs_meta);
	SUPPORT_REQUIRE(sa_os_unmap_guarded(pages, size) == 0);
	sa_meta_free(&slabs_meta, slab, sizeof *slab);
}

static inline bool slabs_birth_at(sa_site slot, size_t stride, size_t size)
{
	return sa_slot_is_blank(slot, stride) &&
	       sa_slot_birth(slot, stride, size, &slabs_key);
}

/* A slot that is free or was taken becomes an object. */
static inline bool slabs_birth(sa_slab *slab, uint32_t index, size_t size)
{
	if (sa_bitmap_is_set(slab->free_bits, index)) {
		sa_bitmap_clear_range(slab->free_bits, index, 1);
		slab->nfree--;
	}
	return slabs_birth_at(sa_slot_site(sa_slab_slot_at(slab, index)),
			      slab->stride, size);
}

static inline uint16_t slabs_mark(sa_slab *slab, uint32_t index)
{
	return sa_slot_mark(sa_slab_slot_at(slab, index));
}

static inline bool slabs_death(sa_slab *slab, uint32_t index)
{
	return sa_slot_death(sa_slot_site(sa_slab_slot_at(slab, index)),
			     slab->stride, slabs_mark(slab, index), slab->key);
}

/* With nothing in stock. */
static inline bool slabs_collect(sa_slab *slab, bool *pending,
				 sa_arena_misuse *misuse)
{
	return sa_slab_collect(slab, (sa_slab_taken){NULL, 0}, pending, misuse);
}

static inline bool slabs_death_elsewhere(sa_slab *slab, uint32_t index)
{
	const sa_slot slot = sa_slab_slot_at(slab, index);
	bool had_claim;

	return sa_slot_death_elsewhere(&slot, &had_claim);
}

#endif
