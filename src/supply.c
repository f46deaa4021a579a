/* SPDX-License-Identifier: ISC */
/* Filling a shard's stock when its own slabs have run out. */
#include <config.h>

#include "supply.h"

#include <errno.h>

#include "growth.h"
#include "os.h"
#include "shards.h"
#include "slabs.h"

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
	sa_slabs_cursor at = sa_slabs_begin(arena);
	sa_slab *slab;

	if (arena->is_scarce)
		return;
	set_scarce(arena, true);
	while ((slab = sa_slabs_next(arena, &at)) != NULL)
		sa_shard_relist(slab);
}

/* Slabs without objects, or else a slab that is hardly used.  Either is worth
 * it only if it does not have to be done at every turn. */
static bool take_from_others(sa_arena *arena, sa_shard *shard, unsigned class,
			     bool last_resort, sa_arena_misuse *misuse)
{
	size_t region = sa_growth_next_size(atomic_load(&arena->mapped_size));
	sa_slabs_release so_far = {RELEASED_MAX, 0};
	sa_slab *victim;

	if (!sa_slabs_release_some(arena, &so_far, misuse))
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
	if (!sa_shards_collect(arena, misuse) ||
	    !sa_shards_flush(arena, misuse))
		return false;
	if (last_resort)
		list_all(arena);
	if (sa_shard_bin(shard, class)->first != NULL)
		return true;
	return take_from_others(arena, shard, class, last_resort, misuse);
}

/* From the shard's own slabs, or a new one; or from what others are freeing
 * into. */
static sa_shard_result fill(sa_arena *arena, sa_shard *shard, unsigned class,
			    sa_arena_misuse *misuse)
{
	sa_bin *bin = sa_shard_bin(shard, class);
	sa_shard_result result = sa_shard_fill(shard, bin, false, misuse);
	bool is_cut;

	if (result != SA_SHARD_DRY)
		return result;
	is_cut = sa_slabs_cut(arena, shard, class) == 0;
	return sa_shard_fill(shard, bin, !is_cut, misuse);
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
