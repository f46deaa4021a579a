/* SPDX-License-Identifier: ISC */
/*
 * A shard to test, with slabs for keys: its stock filled, slots turned into
 * objects, and objects freed by the owner or as if by another.
 */
#ifndef STOCK_H
#define STOCK_H

#include <sodium.h>

#include "shard.h"
#include "slab_fixture.h"
#include "support.h"

/* The class of 32 bytes. */
#define KEYS 2
#define SLABS_MAX 4

static sa_pagemap pagemap;
static sa_shard *shard;
static sa_bin *bin;
static sa_slab *slabs[SLABS_MAX];
static unsigned slab_count;
static sa_arena_misuse misuse;

static inline sa_shard *create_shard(void)
{
	sa_shard *made = sa_meta_alloc(&slabs_meta, sizeof *made);

	SUPPORT_REQUIRE(made != NULL);
	sa_shard_init(made, &pagemap);
	return made;
}

static inline void setup(void)
{
	SUPPORT_REQUIRE(sodium_init() >= 0);
	slabs_setup();
	SUPPORT_REQUIRE(sa_pagemap_init(&pagemap, &slabs_meta) == 0);
	shard = create_shard();
	bin = &shard->bins[KEYS];
	slab_count = 0;
}

/* Of four pages, if those are small: 341 slots. */
static inline sa_slab *adopt_slab(void)
{
	size_t size = sa_align_up((size_t)16 << 10, sa_os_page_size);
	sa_slab *slab = slabs_create(size, 0, KEYS);

	SUPPORT_REQUIRE(slab_count < SLABS_MAX);
	slabs[slab_count++] = slab;
	sa_shard_adopt(shard, slab);
	SUPPORT_REQUIRE(sa_pagemap_cover(&pagemap, slab->pages, size) == 0);
	sa_pagemap_set(&pagemap, slab->pages, size, slab);
	return slab;
}

static inline uint32_t slot_count(void)
{
	uint32_t count = 0;

	for (unsigned i = 0; i < slab_count; i++)
		count += slabs[i]->nslots;
	return count;
}

static inline uint32_t free_count(void)
{
	uint32_t count = 0;

	for (unsigned i = 0; i < slab_count; i++)
		count += slabs[i]->nfree;
	return count;
}

static inline sa_shard_result fill(void)
{
	return sa_shard_fill(shard, sa_shard_bin(shard, KEYS), true, &misuse);
}

/* A slot from the stock, filled before if need be. */
static inline sa_slot take(void)
{
	SUPPORT_REQUIRE(bin->count > 0 || fill() == SA_SHARD_FILLED);
	return sa_shard_slot(shard, sa_shard_take(shard, bin));
}

/* A slot becomes an object; its mark says that nobody else has it. */
static inline sa_slot allocate(void)
{
	sa_slot slot = take();

	SUPPORT_REQUIRE(slabs_birth_at(sa_slot_site(slot), bin->stride, 32));
	return slot;
}

/* Into stock, or its slab. */
static inline void put(sa_slot slot)
{
	SUPPORT_REQUIRE(sa_shard_put(slot.slab, sa_slot_index(slot)));
}

static inline void release(sa_slot slot)
{
	SUPPORT_REQUIRE(sa_slot_death(sa_slot_site(slot), bin->stride,
				      sa_slot_mark(slot), &slabs_key));
	put(slot);
}

static inline void release_elsewhere(sa_slot slot)
{
	bool had_claim;

	SUPPORT_REQUIRE(sa_slot_death_elsewhere(&slot, &had_claim));
	sa_shard_post(atomic_load(&slot.slab->owner), slot.slab);
}

#endif
