/* SPDX-License-Identifier: ISC */
/* Sweeps over every region of an arena, with its shards stopped. */
#include <config.h>

#include "sweep.h"

#include <errno.h>

#include "access.h"
#include "growth.h"
#include "larges.h"
#include "os.h"
#include "pools.h"
#include "shards.h"
#include "slabs.h"
#include "veil.h"
#include "verify.h"

/* --------------------------------------------------------------- verify */

/* Pages that no slab has are zero but for the region's head. */
static bool verify_free_page(const sa_tract *tract, size_t page,
			     sa_arena_misuse *misuse)
{
	size_t size = sa_os_page_size;
	const unsigned char *start = tract->region.start + page * size;
	size_t wrong;

	if (page == 0) {
		start += SA_REGION_HEAD;
		size -= SA_REGION_HEAD;
	}
	if (sa_zero_intact_long(start, size))
		return true;
	wrong = sa_zero_first_wrong(start, size);
	*misuse = (sa_arena_misuse){.kind = SA_ARENA_MISUSE_WRITE_AFTER_FREE,
				    .object = start,
				    .offset = (ptrdiff_t)wrong};
	return false;
}

static bool verify_tract(const sa_arena *arena, const sa_tract *tract,
			 sa_arena_misuse *misuse)
{
	size_t page = 0;

	if (sa_region_is_excluded(&tract->region))
		return true;
	sa_veil_lift_region(&tract->region);
	while (page < tract->npages) {
		sa_slab *slab = sa_slabs_at(arena, tract, page);

		if (slab == NULL) {
			if (!verify_free_page(tract, page++, misuse))
				return false;
		} else {
			if (!sa_slab_verify(slab, misuse))
				return false;
			page += slab->size / sa_os_page_size;
		}
	}
	return true;
}

static bool verify_large(const sa_large *large, sa_arena_misuse *misuse)
{
	if (sa_region_is_excluded(&large->region))
		return true;
	sa_veil_lift_region(&large->region);
	return sa_large_verify(large, misuse);
}

static bool verify_stocks(const sa_arena *arena, sa_arena_misuse *misuse)
{
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next)
		if (!sa_shard_verify(s, misuse))
			return false;
	return true;
}

static bool verify_all(const sa_arena *arena, sa_arena_misuse *misuse)
{
	if (!verify_stocks(arena, misuse))
		return false;
	for (const sa_tract *t = arena->tracts; t != NULL; t = t->next)
		if (!verify_tract(arena, t, misuse))
			return false;
	for (const sa_large *l = arena->larges; l != NULL; l = l->next)
		if (!verify_large(l, misuse))
			return false;
	return true;
}

/* ---------------------------------------------------------------- begin */

/* Stop everyone, hold them, and make everything accessible. */
static int begin(sa_arena *arena, sa_arena_access access)
{
	if (sa_shards_stop(arena) != 0)
		return sa_arena_fail(arena, errno);
	arena->is_held = true;
	if (sa_access_raise(arena, access) == 0)
		return 0;
	arena->is_held = false;
	sa_shards_resume(arena);
	return sa_arena_fail(arena, errno);
}

/* 0, or -1 with errno if the kernel refused to restore the access. */
static int end(sa_arena *arena)
{
	int result;

	sa_veil_draw(arena);
	result = sa_access_restore(arena);
	arena->is_held = false;
	sa_shards_resume(arena);
	return result;
}

/* ---------------------------------------------------------------- sweeps */

sa_sweep_result sa_sweep_check(sa_arena *arena, sa_arena_misuse *misuse)
{
	bool is_sound;
	int result;

	if (begin(arena, SA_ARENA_READONLY) != 0)
		return SA_SWEEP_REFUSED;
	is_sound = verify_all(arena, misuse);
	result = end(arena);
	if (!is_sound)
		return SA_SWEEP_MISUSE;
	return result == 0 ? SA_SWEEP_DONE : SA_SWEEP_REFUSED;
}

/* Count as freed whatever the shards have alive between them. */
static void count_all_freed(sa_arena *arena)
{
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next)
		sa_counters_clear(&s->counters, &arena->totals);
}

static void clear_slabs(const sa_arena *arena)
{
	sa_slabs_cursor at = sa_slabs_begin(arena);
	sa_slab *slab;

	for (const sa_tract *t = arena->tracts; t != NULL; t = t->next)
		sa_veil_lift_region(&t->region);
	while ((slab = sa_slabs_next(arena, &at)) != NULL) {
		sa_slab_clear(slab);
		sa_shard_settle(slab);
	}
}

void sa_sweep_forget(sa_arena *arena)
{
	sa_access_forget_region_holders(arena);
	sa_veil_ending_slots(arena);
	while (arena->larges != NULL)
		sa_larges_drop(arena, arena->larges);
	count_all_freed(arena);
	sa_slabs_forget(arena);
	sa_veil_draw(arena);
}

/* Free every object, all of them verified. */
static bool clear_all(sa_arena *arena, sa_arena_misuse *misuse)
{
	if (arena->is_excluded) {
		sa_sweep_forget(arena);
		return true;
	}
	sa_access_forget_region_holders(arena);
	sa_veil_ending_slots(arena);
	while (arena->larges != NULL)
		sa_larges_drop(arena, arena->larges);
	count_all_freed(arena);
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next)
		sa_shard_empty(s);
	clear_slabs(arena);
	return sa_slabs_release_all(arena, misuse);
}

sa_sweep_result sa_sweep_reset(sa_arena *arena, sa_arena_misuse *misuse)
{
	bool is_sound;

	if (begin(arena, SA_ARENA_READWRITE) != 0)
		return SA_SWEEP_REFUSED;
	is_sound = verify_all(arena, misuse) && clear_all(arena, misuse);
	end(arena);
	return is_sound ? SA_SWEEP_DONE : SA_SWEEP_MISUSE;
}

static bool trim_tracts(sa_arena *arena, size_t *returned,
			sa_arena_misuse *misuse)
{
	sa_tract *next;

	for (sa_tract *t = arena->tracts; t != NULL; t = next) {
		next = t->next;
		if (t->nfree != t->npages)
			continue;
		if (!verify_tract(arena, t, misuse))
			return false;
		*returned += t->region.size;
		sa_growth_drop(arena, t);
	}
	return true;
}

sa_sweep_result sa_sweep_trim(sa_arena *arena, size_t *returned,
			      sa_arena_misuse *misuse)
{
	bool is_sound;

	*returned = 0;
	if (arena->is_excluded)
		return SA_SWEEP_DONE;
	if (begin(arena, SA_ARENA_READWRITE) != 0)
		return SA_SWEEP_REFUSED;
	is_sound = sa_slabs_release_all(arena, misuse) &&
		   trim_tracts(arena, returned, misuse);
	end(arena);
	return is_sound ? SA_SWEEP_DONE : SA_SWEEP_MISUSE;
}

sa_sweep_result sa_sweep_retire(sa_arena *arena, unsigned class,
				sa_arena_misuse *misuse)
{
	bool is_sound;

	if (sa_pools_at(arena, class)->slab_count == 0)
		return SA_SWEEP_DONE;
	if (begin(arena, SA_ARENA_READWRITE) != 0)
		return SA_SWEEP_REFUSED;
	is_sound = sa_slabs_retire(arena, class, misuse);
	end(arena);
	return is_sound ? SA_SWEEP_DONE : SA_SWEEP_MISUSE;
}

/* What the kernel won't open can't be verified either. */
static bool can_read(sa_region *region)
{
	return region->access != SA_ARENA_NOACCESS ||
	       sa_region_set_access(region, SA_ARENA_READONLY) == 0;
}

/* Each is wiped while the verified memory is still in the cache. */
static sa_sweep_result destroy_all(sa_arena *arena, sa_arena_misuse *misuse)
{
	arena->is_held = true;
	if (!verify_stocks(arena, misuse))
		return SA_SWEEP_MISUSE;
	while (arena->tracts != NULL) {
		sa_tract *tract = arena->tracts;

		if (can_read(&tract->region) &&
		    !verify_tract(arena, tract, misuse))
			return SA_SWEEP_MISUSE;
		sa_growth_drop(arena, tract);
	}
	while (arena->larges != NULL) {
		sa_large *large = arena->larges;

		if (can_read(&large->region) && !verify_large(large, misuse))
			return SA_SWEEP_MISUSE;
		sa_larges_drop(arena, large);
	}
	return SA_SWEEP_DONE;
}

sa_sweep_result sa_sweep_destroy(sa_arena *arena, sa_arena_misuse *misuse)
{
	sa_sweep_result result;

	sa_annotate_begin();
	sa_veil_ending_slots(arena);
	result = destroy_all(arena, misuse);
	sa_annotate_end();
	return result;
}
