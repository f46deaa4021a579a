/* SPDX-License-Identifier: ISC */
/* Slabs: cut from regions, moved between shards, returned to regions. */
#include <config.h>

#include "supply.h"

#include <errno.h>

#include "growth.h"
#include "os.h"
#include "pools.h"
#include "shards.h"
#include "veil.h"
#include "verify.h"

/* A slab is taken from a thread that has no more than that share of it in use:
 * else threads that have a few objects each would take slabs from one another
 * all the time, and every time stop them all. */
#define USED_SHARE_MAX 4

/* So many gatherings a region are allowed that bring little: one for each of
 * the slabs that it holds.  Then an arena grows instead. */
#define BYTES_PER_GATHERING ((size_t)64 << 10)
#define RATIONED_FROM ((size_t)2 << 20)

/* Slabs returned by one gathering at most, for each is verified while all wait;
 * and what share of a new region's bytes is more than little. */
#define RELEASED_MAX 64
#define RELEASED_SHARE 8

/* Slabs of one shard looked at before another is tried: each gathering, and so
 * each new region, would cost as many as there are. */
#define LOOKS_MAX 64

/* What a gathering may still return, and has. */
typedef struct {
	size_t slabs_left;
	size_t size; /* bytes */
} release;

sa_slab *sa_supply_slab_at(const sa_arena *arena, const sa_tract *tract,
			   size_t page)
{
	return sa_pagemap_find(&arena->pagemap, (uintptr_t)tract->region.start +
							page * sa_os_page_size);
}

sa_slab *sa_supply_next_slab(const sa_arena *arena, const sa_tract *tract,
			     size_t *page)
{
	while (*page < tract->npages) {
		sa_slab *slab = sa_supply_slab_at(arena, tract, *page);

		*page += slab == NULL ? 1 : slab->size / sa_os_page_size;
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

static int cut_slab_anywhere(sa_arena *arena, sa_shard *shard, unsigned class)
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
			     release *so_far, sa_arena_misuse *misuse)
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
static bool release_slabs(sa_arena *arena, release *so_far,
			  sa_arena_misuse *misuse)
{
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next)
		for (unsigned class = 0; class < SA_CLASS_POOLS; class ++)
			if (!release_slabs_of(arena, &s->bins[class], so_far,
					      misuse))
				return false;
	return true;
}

static bool verify_left(sa_slab *slab, sa_arena_misuse *misuse)
{
	bool is_sound;

	sa_veil_lift_slab(slab);
	is_sound = sa_slab_verify(slab, misuse);
	sa_veil_draw_slab(slab);
	return is_sound;
}

/* Stopped: nobody is between claim and wipe, so a claim that stays in the inbox
 * is that of an object freed by its owner too, and its slot's next. */
static bool collect_all(sa_arena *arena, sa_arena_misuse *misuse)
{
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next) {
		sa_slab *left;

		if (!sa_shard_collect(s, misuse))
			return false;
		left = atomic_load(&s->inbox);
		if (left != NULL && !verify_left(left, misuse))
			return false;
	}
	return true;
}

static bool flush_all(sa_arena *arena, sa_arena_misuse *misuse)
{
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next)
		if (!sa_shard_flush(s, misuse))
			return false;
	return true;
}

bool sa_supply_release(sa_arena *arena, sa_arena_misuse *misuse)
{
	release so_far = {SIZE_MAX, 0};

	return collect_all(arena, misuse) && flush_all(arena, misuse) &&
	       release_slabs(arena, &so_far, misuse);
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

static bool retire_slabs_of(sa_arena *arena, const sa_tract *tract,
			    unsigned class, sa_arena_misuse *misuse)
{
	size_t page = 0;
	sa_slab *slab;

	while ((slab = sa_supply_next_slab(arena, tract, &page)) != NULL)
		if (slab->class == class && !retire_slab(arena, slab, misuse))
			return false;
	return true;
}

bool sa_supply_retire(sa_arena *arena, unsigned class, sa_arena_misuse *misuse)
{
	if (!collect_all(arena, misuse) || !flush_all(arena, misuse))
		return false;
	for (const sa_tract *t = arena->tracts;
	     t != NULL && sa_pools_at(arena, class)->slab_count != 0;
	     t = t->next)
		if (!retire_slabs_of(arena, t, class, misuse))
			return false;
	return arena->is_excluded || sa_supply_release(arena, misuse);
}

void sa_supply_forget_slabs(sa_arena *arena)
{
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next)
		sa_shard_empty(s);
	for (sa_tract *t = arena->tracts; t != NULL; t = t->next) {
		size_t page = 0;
		sa_slab *slab;

		while ((slab = sa_supply_next_slab(arena, t, &page)) != NULL)
			forget_slab(arena, slab);
		sa_tract_init(t, t->free_pages);
	}
}

/* --------------------------------------------- filling a shard's stock */

/* In a small arena every page counts. */
static bool is_small(const sa_arena *arena)
{
	return atomic_load(&arena->mapped_size) < RATIONED_FROM;
}

static bool is_victim(const sa_arena *arena, const sa_slab *slab,
		      bool last_resort)
{
	if (last_resort)
		return true;
	if (is_small(arena))
		return slab->nfree >= slab->nslots / USED_SHARE_MAX;
	return slab->nslots - slab->nfree <= slab->nslots / USED_SHARE_MAX;
}

/* In one shard: the least used lie at the end.  Not all are looked at
 * unless it is the last resort. */
static sa_slab *victim_of(const sa_arena *arena, const sa_bin *bin,
			  bool last_resort)
{
	sa_slab *slab = bin->last;

	for (unsigned looks = 0; slab != NULL; slab = slab->previous)
		if (is_victim(arena, slab, last_resort))
			return slab;
		else if (++looks == LOOKS_MAX)
			return NULL;
	return NULL;
}

/* A slab of `class` of another shard that may be taken; NULL if there is
 * none. */
static sa_slab *find_victim(const sa_arena *arena, const sa_shard *shard,
			    unsigned class, bool last_resort)
{
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next) {
		const sa_bin *bin = sa_shard_bin(s, class);
		sa_slab *slab = s == shard || bin == NULL
					? NULL
					: victim_of(arena, bin, last_resort);

		if (slab != NULL)
			return slab;
	}
	return NULL;
}

/* Stopped: move a slab to another shard.  False if misuse was found. */
static bool steal(sa_shard *shard, sa_slab *slab, sa_arena_misuse *misuse)
{
	sa_shard *victim = atomic_load(&slab->owner);

	if (!sa_shard_flush(victim, misuse))
		return false;
	sa_shard_disown(slab);
	sa_shard_adopt(shard, slab);
	return true;
}

static void set_scarce(sa_arena *arena, bool value)
{
	arena->is_scarce = value;
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next)
		atomic_store_explicit(&s->is_scarce, value,
				      memory_order_relaxed);
}

/* Stopped: list every slab that has any slot to give, however few; and from now
 * on at once, so that this is done once, not for every few objects. */
static void list_all(sa_arena *arena)
{
	if (arena->is_scarce)
		return;
	set_scarce(arena, true);
	for (sa_tract *t = arena->tracts; t != NULL; t = t->next) {
		size_t page = 0;
		sa_slab *slab;

		while ((slab = sa_supply_next_slab(arena, t, &page)) != NULL)
			sa_shard_relist(slab);
	}
}

/* Slabs without objects, or else a slab that is hardly used.  Either is worth
 * it only if it does not have to be done at every turn. */
static bool take_from_others(sa_arena *arena, sa_shard *shard, unsigned class,
			     bool last_resort, sa_arena_misuse *misuse)
{
	size_t region = sa_growth_next_size(atomic_load(&arena->mapped_size));
	release so_far = {RELEASED_MAX, 0};
	sa_slab *victim;

	if (!release_slabs(arena, &so_far, misuse))
		return false;
	if (so_far.size < region / RELEASED_SHARE && arena->gathers_left > 0)
		arena->gathers_left--;
	if (so_far.size > 0)
		return true;
	victim = find_victim(arena, shard, class, last_resort);
	return victim == NULL || steal(shard, victim, misuse);
}

/* What is free but out of the shard's reach: claims to collect, stocks, which
 * may be those of threads that are gone, slabs without objects, other shards'
 * slabs.  The last resort looks at slabs with a single slot, too.  False if
 * misuse was found. */
static bool gather(sa_arena *arena, sa_shard *shard, unsigned class,
		   bool last_resort, sa_arena_misuse *misuse)
{
	if (!collect_all(arena, misuse) || !flush_all(arena, misuse))
		return false;
	if (last_resort)
		list_all(arena);
	if (sa_shard_bin(shard, class)->first != NULL)
		return true;
	return take_from_others(arena, shard, class, last_resort, misuse);
}

/* From the shard's own slabs, or a new one. */
static sa_shard_result fill(sa_arena *arena, sa_shard *shard, unsigned class,
			    sa_arena_misuse *misuse)
{
	sa_bin *bin = sa_shard_bin(shard, class);
	sa_shard_result result = sa_shard_fill(shard, bin, misuse);

	if (result == SA_SHARD_DRY &&
	    cut_slab_anywhere(arena, shard, class) == 0)
		result = sa_shard_fill(shard, bin, misuse);
	return result;
}

static sa_shard_result gather_and_fill(sa_arena *arena, sa_shard *shard,
				       unsigned class, bool last_resort,
				       sa_arena_misuse *misuse)
{
	bool is_sound;

	if (sa_shards_stop(arena) != 0)
		return SA_SHARD_DRY;
	is_sound = gather(arena, shard, class, last_resort, misuse);
	sa_shards_resume(arena);
	return is_sound ? fill(arena, shard, class, misuse) : SA_SHARD_MISUSE;
}

/* A new region.  0, or -1 with errno. */
static int grow(sa_arena *arena, size_t stride)
{
	size_t least = sa_tract_min_pages(stride) * sa_os_page_size;
	size_t size = sa_growth_next_size(atomic_load(&arena->mapped_size));

	if (sa_growth_add(arena, size, least) != 0)
		return -1;
	set_scarce(arena, false);
	arena->gathers_left = size / BYTES_PER_GATHERING + 1;
	return 0;
}

static bool may_gather(const sa_arena *arena)
{
	return arena->gathers_left > 0 || is_small(arena);
}

sa_shard_result sa_supply_fill(sa_arena *arena, sa_shard *shard, unsigned class,
			       sa_arena_misuse *misuse)
{
	sa_shard_result result = fill(arena, shard, class, misuse);
	int error;

	if (result == SA_SHARD_DRY && may_gather(arena))
		result = gather_and_fill(arena, shard, class, false, misuse);
	if (result != SA_SHARD_DRY)
		return result;
	if (grow(arena, sa_shard_bin(shard, class)->stride) == 0) {
		result = fill(arena, shard, class, misuse);
		if (result != SA_SHARD_DRY)
			return result;
	}
	error = errno;
	result = gather_and_fill(arena, shard, class, true, misuse);
	errno = error;
	return result;
}
