/* SPDX-License-Identifier: ISC */
/* Slabs: cut from regions, moved between shards, returned to regions. */
#include <config.h>

#include "supply.h"

#include <errno.h>

#include "growth.h"
#include "os.h"
#include "shards.h"

/* A slab is taken from a thread that still uses it only if that share of its
 * slots is free: stopping a thread costs 5 us. */
#define STEAL_SHARE 4

sa_slab *sa_supply_slab_at(const sa_arena *arena, const sa_tract *tract,
			   size_t page)
{
	return sa_pagemap_find(&arena->pagemap, (uintptr_t)tract->region.start +
							page * sa_os_page_size);
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

/* Cut a slab from a tract.  0, or -1 with ENOMEM: no pages, no metadata. */
static int cut_slab(sa_arena *arena, sa_tract *tract, sa_shard *shard,
		    unsigned class)
{
	size_t size, head;
	unsigned char *pages = sa_tract_take(tract, class, &size, &head);
	sa_slab *slab = pages == NULL ? NULL : unused_slab(arena);

	if (slab == NULL)
		goto give_pages;
	if (sa_slab_create(slab, &arena->meta, arena->key, pages, size, head,
			   class) != 0)
		goto recycle_slab;
	slab->region = &tract->region;
	sa_shard_adopt(shard, slab);
	sa_pagemap_set(&arena->pagemap, pages, size, slab);
	atomic_fetch_add(&arena->slab_count, 1);
	return 0;

recycle_slab:
	recycle(arena, slab);
give_pages:
	if (pages != NULL)
		sa_tract_give(tract, pages, size);
	errno = ENOMEM;
	return -1;
}

static int cut_slab_anywhere(sa_arena *arena, sa_shard *shard, unsigned class)
{
	for (sa_tract *t = arena->tracts; t != NULL; t = t->next)
		if (t->nfree != 0 && cut_slab(arena, t, shard, class) == 0)
			return 0;
	return -1;
}

/* A slab without objects, which nobody lists any more. */
static void forget_slab(sa_arena *arena, sa_slab *slab)
{
	sa_shard_disown(atomic_load(&slab->owner), slab);
	sa_pagemap_set(&arena->pagemap, slab->pages, slab->size, NULL);
	sa_slab_destroy(slab, &arena->meta);
	recycle(arena, slab);
	atomic_fetch_sub(&arena->slab_count, 1);
}

/* Return the slab that begins at `page`, if it has no objects, to its tract. */
static bool release_slab(sa_arena *arena, sa_tract *tract, sa_slab *slab,
			 sa_arena_misuse *misuse)
{
	if (slab->nfree != slab->nslots)
		return true;
	if (!sa_slab_verify(slab, misuse))
		return false;
	sa_slab_wipe_tails(slab);
	sa_tract_give(tract, slab->pages, slab->size);
	forget_slab(arena, slab);
	return true;
}

static bool release_slabs_of(sa_arena *arena, sa_tract *tract,
			     sa_arena_misuse *misuse)
{
	size_t page = 0;

	/* A holder names the region by one of its slots. */
	if (sa_holders_count(tract->region.holders) != 0)
		return true;
	while (page < tract->npages) {
		sa_slab *slab = sa_supply_slab_at(arena, tract, page);
		size_t npages = slab == NULL ? 1 : slab->size / sa_os_page_size;

		if (slab != NULL && !release_slab(arena, tract, slab, misuse))
			return false;
		page += npages;
	}
	return true;
}

static bool release_slabs(sa_arena *arena, sa_arena_misuse *misuse)
{
	for (sa_tract *t = arena->tracts; t != NULL; t = t->next)
		if (!release_slabs_of(arena, t, misuse))
			return false;
	return true;
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
		if (left != NULL && !sa_slab_verify(left, misuse))
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
	return collect_all(arena, misuse) && flush_all(arena, misuse) &&
	       release_slabs(arena, misuse);
}

void sa_supply_forget_slabs(sa_arena *arena)
{
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next)
		sa_shard_empty(s);
	for (sa_tract *t = arena->tracts; t != NULL; t = t->next) {
		for (size_t page = 0; page < t->npages; page++) {
			sa_slab *slab = sa_supply_slab_at(arena, t, page);

			if (slab != NULL)
				forget_slab(arena, slab);
		}
		sa_tract_init(t, t->free_pages);
	}
}

/* --------------------------------------------- filling a shard's stock */

/* A slab of `class` with at least that share of its slots free, of another
 * shard; NULL if there is none. */
static sa_slab *find_victim(const sa_arena *arena, const sa_shard *shard,
			    unsigned class, uint32_t share)
{
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next) {
		sa_slab *slab = s == shard ? NULL : s->bins[class].first;

		while (slab != NULL && slab->nfree < slab->nslots / share)
			slab = slab->next;
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
	sa_shard_disown(victim, slab);
	sa_shard_adopt(shard, slab);
	return true;
}

/* List every slab that has any slot to give, however few. */
static void list_all(sa_arena *arena)
{
	for (sa_tract *t = arena->tracts; t != NULL; t = t->next)
		for (size_t page = 0; page < t->npages; page++) {
			sa_slab *slab = sa_supply_slab_at(arena, t, page);

			if (slab != NULL)
				sa_shard_relist(atomic_load(&slab->owner),
						slab);
		}
}

/* What is free but out of the shard's reach: claims to collect, other shards'
 * slabs, slabs without objects.  The last resort looks into stocks too, and
 * at slabs with a single slot.  False if misuse was found. */
static bool gather(sa_arena *arena, sa_shard *shard, unsigned class,
		   bool last_resort, sa_arena_misuse *misuse)
{
	sa_slab *victim;

	if (!collect_all(arena, misuse))
		return false;
	if (last_resort) {
		if (!flush_all(arena, misuse))
			return false;
		list_all(arena);
	}
	if (shard->bins[class].first != NULL)
		return true;
	victim = find_victim(arena, shard, class,
			     last_resort ? UINT32_MAX : STEAL_SHARE);
	return victim != NULL ? steal(shard, victim, misuse)
			      : release_slabs(arena, misuse);
}

/* From the shard's own slabs, or a new one. */
static sa_shard_result fill(sa_arena *arena, sa_shard *shard, unsigned class,
			    sa_arena_misuse *misuse)
{
	sa_shard_result result = sa_shard_fill(shard, class, misuse);

	if (result == SA_SHARD_DRY &&
	    cut_slab_anywhere(arena, shard, class) == 0)
		result = sa_shard_fill(shard, class, misuse);
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

sa_shard_result sa_supply_fill(sa_arena *arena, sa_shard *shard, unsigned class,
			       sa_arena_misuse *misuse)
{
	size_t least = sa_tract_min_pages(class) * sa_os_page_size;
	sa_shard_result result = fill(arena, shard, class, misuse);
	int error;

	if (result == SA_SHARD_DRY)
		result = gather_and_fill(arena, shard, class, false, misuse);
	if (result != SA_SHARD_DRY)
		return result;
	if (sa_growth_add(arena,
			  sa_growth_next_size(atomic_load(&arena->mapped_size)),
			  least) == 0) {
		result = fill(arena, shard, class, misuse);
		if (result != SA_SHARD_DRY)
			return result;
	}
	error = errno;
	result = gather_and_fill(arena, shard, class, true, misuse);
	errno = error;
	return result;
}
