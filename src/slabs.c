/* SPDX-License-Identifier: ISC */
/* Slabs: cut from regions, and returned to them. */
#include <config.h>

#include "slabs.h"

#include <errno.h>

#include "growth.h"
#include "os.h"
#include "pools.h"
#include "shards.h"
#include "veil.h"
#include "verify.h"

sa_slab *sa_slabs_at(const sa_arena *arena, const sa_tract *tract, size_t page)
{
	return sa_pagemap_find(&arena->pagemap, (uintptr_t)tract->region.start +
							page * sa_os_page_size);
}

sa_slab *sa_slabs_next(const sa_arena *arena, sa_slabs_cursor *at)
{
	for (; at->tract != NULL; *at = (sa_slabs_cursor){at->tract->next, 0})
		while (at->page < at->tract->npages) {
			sa_slab *slab = sa_slabs_at(arena, at->tract, at->page);

			at->page +=
				slab == NULL ? 1 : slab->size / sa_os_page_size;
			if (slab != NULL)
				return slab;
		}
	return NULL;
}

static sa_slab *unused_slab(sa_arena *arena)
{
	sa_slab *slab = arena->unused_slabs;

	if (slab == NULL)
		return sa_meta_alloc(&arena->meta, sizeof *slab);
	arena->unused_slabs = slab->next;
	return slab;
}

static void recycle(sa_arena *arena, sa_slab *slab)
{
	slab->next = arena->unused_slabs;
	arena->unused_slabs = slab;
}

/* One more, or if `by` is -1 one less. */
static void count_slab(const sa_arena *arena, unsigned class, int by)
{
	if (sa_class_is_pool(class))
		sa_pools_at(arena, class)->slab_count += (size_t)by;
}

/* Cut a slab from a tract.  0, or -1 with ENOMEM: no pages, no metadata. */
static int cut_slab(sa_arena *arena, sa_tract *tract, sa_shard *shard,
		    unsigned class)
{
	size_t stride = sa_shard_bin(shard, class)->stride;
	size_t size, head;
	unsigned char *pages = sa_tract_take(tract, stride, &size, &head);
	sa_slab *slab = pages == NULL ? NULL : unused_slab(arena);

	if (slab == NULL)
		goto return_pages;
	sa_annotate_lift(pages, size);
	if (sa_slab_create(slab, &arena->meta, arena->key, pages, size, head,
			   stride) != 0)
		goto hide_pages;
	slab->class = class;
	slab->region = &tract->region;
	sa_veil_draw_slab(slab);
	sa_shard_adopt(shard, slab);
	sa_pagemap_set(&arena->pagemap, pages, size, slab);
	atomic_fetch_add(&arena->slab_count, 1);
	count_slab(arena, class, 1);
	if (tract->nfree == 0)
		sa_growth_sort(arena, tract);
	return 0;

hide_pages:
	sa_annotate_hide(pages, size);
	recycle(arena, slab);
return_pages:
	if (pages != NULL)
		sa_tract_give(tract, pages, size);
	errno = ENOMEM;
	return -1;
}

int sa_slabs_cut(sa_arena *arena, sa_shard *shard, unsigned class)
{
	for (sa_tract *t = arena->tracts; t != NULL && t->nfree != 0;
	     t = t->next)
		if (cut_slab(arena, t, shard, class) == 0)
			return 0;
	return -1;
}

/* A slab without objects, which nobody lists any more. */
static void forget_slab(sa_arena *arena, sa_slab *slab)
{
	sa_shard_disown(slab);
	count_slab(arena, slab->class, -1);
	sa_pagemap_set(&arena->pagemap, slab->pages, slab->size, NULL);
	sa_slab_destroy(slab, &arena->meta);
	recycle(arena, slab);
	atomic_fetch_sub(&arena->slab_count, 1);
}

static void give_pages(sa_arena *arena, sa_tract *tract, const sa_slab *slab)
{
	bool was_full = tract->nfree == 0;

	sa_tract_give(tract, slab->pages, slab->size);
	if (was_full)
		sa_growth_sort(arena, tract);
}

/* Return a slab that has no objects to its tract. */
static bool release_slab(sa_arena *arena, sa_tract *tract, sa_slab *slab,
			 sa_arena_misuse *misuse)
{
	sa_veil_lift_slab(slab);
	if (!sa_slab_verify(slab, misuse))
		return false;
	sa_slab_wipe_tails(slab);
	sa_veil_draw_slab(slab);
	give_pages(arena, tract, slab);
	forget_slab(arena, slab);
	return true;
}

static bool release_slabs_of(sa_arena *arena, const sa_bin *bin,
			     sa_slabs_release *so_far, sa_arena_misuse *misuse)
{
	sa_slab *previous;

	for (sa_slab *slab = bin->last;
	     slab != NULL && sa_slab_is_unused(slab) && so_far->slabs_left > 0;
	     slab = previous) {
		sa_tract *tract = slab->region;

		previous = slab->previous;
		/* A holder names the region by one of its slots. */
		if (sa_holders_count(tract->region.holders) != 0)
			continue;
		so_far->slabs_left--;
		so_far->size += slab->size;
		if (!release_slab(arena, tract, slab, misuse))
			return false;
	}
	return true;
}

/* Return slabs without objects, as many as are left to return, but for pools'.
 * No other slab is looked at, or the cost of a long fill would be quadratic.
 * False if misuse was found. */
bool sa_slabs_release_some(sa_arena *arena, sa_slabs_release *so_far,
			   sa_arena_misuse *misuse)
{
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next)
		for (unsigned class = 0; class < SA_CLASS_POOLS; class ++)
			if (!release_slabs_of(arena, &s->bins[class], so_far,
					      misuse))
				return false;
	return true;
}

bool sa_slabs_release_all(sa_arena *arena, sa_arena_misuse *misuse)
{
	sa_slabs_release so_far = {SIZE_MAX, 0};

	return sa_shards_collect(arena, misuse) &&
	       sa_shards_flush(arena, misuse) &&
	       sa_slabs_release_some(arena, &so_far, misuse);
}

/* Free the objects of a slab, all verified. */
static bool retire_slab(sa_arena *arena, sa_slab *slab, sa_arena_misuse *misuse)
{
	sa_shard *owner = atomic_load(&slab->owner);

	sa_veil_lift_slab(slab);
	if (!arena->is_excluded && !sa_slab_verify(slab, misuse))
		return false;
	sa_veil_ending_slots_of(arena, slab);
	for (uint32_t i = 0; i < slab->nslots; i++) {
		sa_slot slot = sa_slab_slot_at(slab, i);
		uint16_t mark = sa_slot_mark(slot);

		if (!sa_mark_is_live(mark))
			continue;
		sa_counters_free(&owner->counters, sa_mark_size(mark));
		if (arena->is_excluded)
			sa_slot_set_mark(slot, SA_MARK_FREE);
	}
	if (!arena->is_excluded)
		sa_slab_clear(slab);
	count_slab(arena, slab->class, -1);
	sa_shard_retire(owner, slab);
	return true;
}

bool sa_slabs_retire(sa_arena *arena, unsigned class, sa_arena_misuse *misuse)
{
	const sa_pool *pool = sa_pools_at(arena, class);
	sa_slabs_cursor at = sa_slabs_begin(arena);
	sa_slab *slab;

	if (!sa_shards_collect(arena, misuse) ||
	    !sa_shards_flush(arena, misuse))
		return false;
	while (pool->slab_count != 0 &&
	       (slab = sa_slabs_next(arena, &at)) != NULL)
		if (slab->class == class && !retire_slab(arena, slab, misuse))
			return false;
	return arena->is_excluded || sa_slabs_release_all(arena, misuse);
}

void sa_slabs_mend(sa_arena *arena)
{
	sa_slabs_cursor at = sa_slabs_begin(arena);
	sa_slab *slab;

	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next)
		sa_shard_unlist_all(s);
	while ((slab = sa_slabs_next(arena, &at)) != NULL) {
		sa_slab_mend(slab, !sa_region_is_excluded(slab->region));
		sa_shard_relist(slab);
	}
}

void sa_slabs_forget(sa_arena *arena)
{
	sa_slabs_cursor at = sa_slabs_begin(arena);
	sa_slab *slab;

	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next)
		sa_shard_empty(s);
	while ((slab = sa_slabs_next(arena, &at)) != NULL)
		forget_slab(arena, slab);
	for (sa_tract *t = arena->tracts; t != NULL; t = t->next)
		sa_tract_init(t, t->free_pages);
}
