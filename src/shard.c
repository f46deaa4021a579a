/* SPDX-License-Identifier: ISC */
/* Shards: lists of slabs with room, the stock, the inbox. */
#include <config.h>

#include "shard.h"

static void list(sa_slab *slab)
{
	sa_bin *bin = slab->bin;
	bool is_last = sa_slab_is_unused(slab);

	slab->is_listed = true;
	slab->previous = is_last ? bin->last : NULL;
	slab->next = is_last ? NULL : bin->first;
	*(slab->previous != NULL ? &slab->previous->next : &bin->first) = slab;
	*(slab->next != NULL ? &slab->next->previous : &bin->last) = slab;
}

static void unlist(sa_slab *slab)
{
	sa_bin *bin = slab->bin;

	slab->is_listed = false;
	if (slab->previous != NULL)
		slab->previous->next = slab->next;
	else
		bin->first = slab->next;
	if (slab->next != NULL)
		slab->next->previous = slab->previous;
	else
		bin->last = slab->previous;
}

static bool is_scarce(const sa_shard *shard)
{
	return atomic_load_explicit(&shard->is_scarce, memory_order_relaxed);
}

static bool is_needed(const sa_slab *slab)
{
	return slab->nfree != 0 && is_scarce(sa_slab_owner(slab));
}

void sa_shard_settle(sa_slab *slab)
{
	if (slab->is_listed && !sa_slab_is_unused(slab))
		return;
	if (slab->is_listed)
		unlist(slab);
	if (sa_slab_is_worth_listing(slab) || is_needed(slab))
		list(slab);
}

static void set_class(sa_bin *bin, unsigned class, size_t stride)
{
	bin->class = class;
	bin->stride = (uint32_t)stride;
	bin->plain_size = sa_slot_stride_is_plain(stride) ? SA_STOCK_SIZE : 0;
}

void sa_shard_init(sa_shard *shard, const sa_pagemap *pagemap)
{
	shard->pagemap = pagemap;
	sa_random_init(&shard->random);
	for (unsigned class = 0; class < SA_SIZECLASS_COUNT; class ++)
		set_class(&shard->bins[class], class,
			  sa_sizeclass_stride(class));
}

static size_t pool_bins_size(unsigned count)
{
	return count * sizeof(sa_bin *);
}

/* Room for so many bins of pools. */
static int make_room(sa_shard *shard, sa_meta *meta, unsigned count)
{
	unsigned room = shard->npool_bins == 0 ? 4 : shard->npool_bins;
	sa_bin **bins;

	while (room < count)
		room *= 2;
	if (room == shard->npool_bins)
		return 0;
	bins = sa_meta_alloc(meta, pool_bins_size(room));
	if (bins == NULL)
		return -1;
	if (shard->npool_bins != 0) {
		memcpy(bins, shard->pool_bins,
		       pool_bins_size(shard->npool_bins));
		sa_meta_free(meta, shard->pool_bins,
			     pool_bins_size(shard->npool_bins));
	}
	shard->pool_bins = bins;
	shard->npool_bins = room;
	return 0;
}

int sa_shard_add_pool_bin(sa_shard *shard, sa_meta *meta, unsigned class,
			  size_t stride)
{
	unsigned number = class - SA_CLASS_POOLS;
	sa_bin *bin = sa_shard_pool_bin(shard, number);

	if (bin == NULL) {
		if (make_room(shard, meta, number + 1) != 0)
			return -1;
		bin = sa_meta_alloc(meta, sizeof *bin);
		if (bin == NULL)
			return -1;
		shard->pool_bins[number] = bin;
	}
	/* Another pool may have had the number. */
	set_class(bin, class, stride);
	return 0;
}

void sa_shard_adopt(sa_shard *shard, sa_slab *slab)
{
	uint32_t nwords = (uint32_t)sa_bitmap_nwords(slab->nslots);

	atomic_store_explicit(&slab->owner, shard, memory_order_relaxed);
	slab->bin = sa_shard_bin(shard, slab->class);
	slab->cursor = sa_random_below(&shard->random, nwords);
	if (slab->nfree != 0)
		list(slab);
}

void sa_shard_disown(sa_slab *slab)
{
	if (slab->is_listed)
		unlist(slab);
	atomic_store_explicit(&slab->owner, NULL, memory_order_relaxed);
}

void sa_shard_retire(sa_shard *shard, sa_slab *slab)
{
	if (slab->is_listed)
		unlist(slab);
	slab->class = SA_CLASS_RETIRED;
	slab->bin = sa_shard_bin(shard, SA_CLASS_RETIRED);
	sa_shard_relist(slab);
}

/* Collect from one slab, none of whose claims may be in stock. */
static bool collect_from(sa_slab *slab, bool *pending, sa_arena_misuse *misuse)
{
	const sa_bin *bin = slab->bin;
	uint32_t indices[SA_STOCK_SIZE];
	uint32_t count = 0;

	for (uint32_t i = 0; i < bin->count; i++) {
		uint32_t index = sa_slab_index(slab, (uintptr_t)bin->memory[i]);

		if (index != SA_SLAB_NO_INDEX)
			indices[count++] = index;
	}
	return sa_slab_collect(slab, (sa_slab_taken){indices, count}, pending,
			       misuse);
}

/* Collect from the first of the slabs that were taken from the inbox. */
static bool collect_next(sa_shard *shard, sa_arena_misuse *misuse)
{
	sa_slab *slab = shard->uncollected;
	bool pending;

	shard->uncollected = slab->posted_next;
	/* Sequentially consistent with the claim and the look at is_posted in
	 * sa_shard_post(): whoever still found it set has its claim seen below.
	 */
	atomic_exchange(&slab->is_posted, false);
	if (!collect_from(slab, &pending, misuse))
		return false;
	if (pending)
		sa_shard_post(shard, slab);
	sa_shard_settle(slab);
	return true;
}

/* Who else pushes does not look at what is there: behind the newest slab the
 * list is the owner's alone. */
static void open_inbox(sa_shard *shard, bool newest_too)
{
	sa_slab *newest =
		atomic_load_explicit(&shard->inbox, memory_order_acquire);

	if (newest == NULL)
		return;
	if (newest_too) {
		shard->uncollected = atomic_exchange_explicit(
			&shard->inbox, NULL, memory_order_acquire);
	} else {
		shard->uncollected = newest->posted_next;
		newest->posted_next = NULL;
	}
}

/* Collect until the bin has a slab with slots to take: the rest is for later
 * calls, or one of them would wait for all.  All if there is no bin. */
static bool collect_for(sa_shard *shard, const sa_bin *bin, bool newest_too,
			sa_arena_misuse *misuse)
{
	bool was_opened = false;

	while (bin == NULL || bin->first == NULL) {
		if (shard->uncollected == NULL && !was_opened) {
			open_inbox(shard, newest_too);
			was_opened = true;
		}
		if (shard->uncollected == NULL)
			break;
		if (!collect_next(shard, misuse))
			return false;
	}
	return true;
}

bool sa_shard_collect(sa_shard *shard, sa_arena_misuse *misuse)
{
	return collect_for(shard, NULL, true, misuse);
}

static void fill_from(sa_bin *bin, sa_slab *slab)
{
	uint32_t count = bin->count;

	bin->count += sa_slab_take(slab, SA_STOCK_SIZE - count,
				   &bin->memory[count], &bin->mark[count]);
}

sa_shard_result sa_shard_fill(sa_shard *shard, sa_bin *bin, bool newest_too,
			      sa_arena_misuse *misuse)
{
	if (!collect_for(shard, bin, newest_too || is_scarce(shard), misuse))
		return SA_SHARD_MISUSE;
	while (bin->first != NULL && bin->count < SA_STOCK_SIZE) {
		sa_slab *slab = bin->first;

		fill_from(bin, slab);
		if (slab->nfree == 0)
			unlist(slab);
	}
	return bin->count != 0 ? SA_SHARD_FILLED : SA_SHARD_DRY;
}

/* One more than the highest class that the shard may have a bin for. */
static unsigned end_of_classes(const sa_shard *shard)
{
	return SA_CLASS_POOLS + shard->npool_bins;
}

static bool flush_bin(sa_shard *shard, sa_bin *bin, sa_arena_misuse *misuse)
{
	while (bin->count != 0) {
		const sa_slot slot =
			sa_shard_slot(shard, sa_bin_get(bin, --bin->count));

		if (!sa_shard_give(slot.slab, sa_slot_index(slot))) {
			sa_slot_explain_double_free(slot.memory, misuse);
			return false;
		}
		sa_shard_relist(slot.slab);
	}
	return true;
}

bool sa_shard_flush(sa_shard *shard, sa_arena_misuse *misuse)
{
	for (unsigned class = 0; class < end_of_classes(shard); class ++) {
		sa_bin *bin = sa_shard_bin(shard, class);

		if (bin != NULL && !flush_bin(shard, bin, misuse))
			return false;
	}
	return true;
}

static bool verify_bin(const sa_bin *bin, sa_arena_misuse *misuse)
{
	for (uint32_t i = 0; i < bin->count; i++) {
		const sa_site slot = sa_bin_get(bin, i);

		if (sa_mark_load(slot.mark, bin->stride) != SA_MARK_FREE) {
			sa_slot_explain_double_free(slot.memory, misuse);
			return false;
		}
	}
	return true;
}

bool sa_shard_verify(sa_shard *shard, sa_arena_misuse *misuse)
{
	for (unsigned class = 0; class < end_of_classes(shard); class ++) {
		const sa_bin *bin = sa_shard_bin(shard, class);

		if (bin != NULL && !verify_bin(bin, misuse))
			return false;
	}
	return true;
}

void sa_shard_relist(sa_slab *slab)
{
	if (!slab->is_listed && slab->nfree != 0)
		list(slab);
}

void sa_shard_empty(sa_shard *shard)
{
	for (unsigned class = 0; class < end_of_classes(shard); class ++) {
		sa_bin *bin = sa_shard_bin(shard, class);

		if (bin != NULL)
			bin->count = 0;
	}
	shard->uncollected = NULL;
	atomic_store(&shard->inbox, NULL);
}

void sa_shard_unlist_all(sa_shard *shard)
{
	sa_shard_empty(shard);
	for (unsigned class = 0; class < end_of_classes(shard); class ++) {
		sa_bin *bin = sa_shard_bin(shard, class);

		if (bin != NULL)
			bin->first = bin->last = NULL;
	}
}
