/* SPDX-License-Identifier: ISC */
/* Objects under the mutex: growth, large ones, resting arenas. */
#include <config.h>

#include "object.h"

#include <errno.h>

#include "access.h"
#include "growth.h"
#include "larges.h"
#include "pools.h"
#include "supply.h"
#include "veil.h"
#include "verify.h"

/* --------------------------------------------------------------- misuse */

/* The slot that begins there, as is known. */
static sa_slot slot_of(const sa_shard *shard, const unsigned char *memory)
{
	const sa_slot slot = sa_object_find(shard->arena, memory).slot;

	SA_ASSUME(slot.slab != NULL);
	return slot;
}

void sa_object_birth_failed(sa_shard *shard, unsigned char *memory)
{
	sa_arena_misuse misuse;

	sa_slot_explain_birth(slot_of(shard, memory), &misuse);
	sa_shards_leave(shard);
	sa_arena_misused(shard->arena, &misuse);
}

void sa_object_explain_death(const sa_shard *shard, sa_slot slot,
			     sa_arena_misuse *misuse)
{
	const sa_shard *owner = atomic_load(&slot.slab->owner);

	if (owner == shard)
		sa_slot_explain_death(slot, misuse);
	else
		sa_slot_explain_death_elsewhere(slot, shard->had_claim, misuse);
}

void sa_object_death_failed(sa_shard *shard, unsigned char *memory)
{
	sa_arena_misuse misuse;

	sa_object_explain_death(shard, slot_of(shard, memory), &misuse);
	sa_shards_leave(shard);
	sa_arena_misused(shard->arena, &misuse);
}

/* --------------------------------------------------------- inside a shard */

/* Fill a stock that is low from the shard's own slabs.  False if nothing is
 * left in it. */
static bool refill(sa_shard *shard, sa_bin *bin)
{
	sa_arena *arena = shard->arena;
	sa_arena_misuse misuse;
	sa_shard_result result;

	sa_counters_tell_sometimes(&shard->counters, &arena->totals);
	result = sa_shard_fill(shard, bin, false, &misuse);
	if (result == SA_SHARD_MISUSE) {
		sa_shards_leave(shard);
		sa_arena_misused(arena, &misuse);
	}
	return result == SA_SHARD_FILLED;
}

void *sa_object_alloc_rare(sa_shard *shard, sa_bin *bin, size_t size)
{
	sa_site slot;
	void *object;

	if (bin->count < SA_STOCK_LOW && !refill(shard, bin)) {
		sa_shards_leave(shard);
		return sa_object_alloc_locked(shard->arena, size, bin->class,
					      1);
	}
	slot = sa_shard_take(shard, bin);
	if (!sa_slot_is_blank(slot, bin->stride))
		sa_object_birth_failed(shard, slot.memory);
	object = sa_object_birth(shard, slot, bin->stride, size);
	sa_shards_leave(shard);
	return object;
}

void *sa_object_alloc_odd(sa_arena *arena, size_t size)
{
	if (size > SA_SIZECLASS_SIZE_MAX)
		return sa_object_alloc_locked(arena, size, SA_SIZECLASS_COUNT,
					      1);
	return sa_object_alloc_in_class(arena, size, sa_sizeclass_of(size));
}

/* Objects tend to be handed over in the order of their slots, more or less.
 * Each of their lines comes from the other's cache: the next one is sent for
 * while this one is waited for. */
#define PREFETCH_AHEAD 512

/* The slab belongs to another shard. */
static bool end_elsewhere(sa_shard *shard, const sa_slot *slot)
{
	sa_arena *arena = shard->arena;
	sa_slab *slab = slot->slab;
	uint16_t mark;

	sa_prefetch_to_write(slot->mark);
	sa_prefetch_to_write(slot->memory + PREFETCH_AHEAD);
	mark = sa_slot_mark(*slot);
	if (!sa_slot_death_elsewhere(slot, &shard->had_claim))
		return false;
	sa_shard_post(sa_slab_owner(slab), slab);
	sa_counters_free(&shard->counters, sa_mark_size(mark));
	sa_counters_tell_sometimes(&shard->counters, &arena->totals);
	return true;
}

/* The shard owns the slab. */
SA_INLINE bool end_own(sa_shard *shard, sa_slab *slab, unsigned char *memory,
		       uint32_t index, size_t stride)
{
	sa_arena *arena = shard->arena;
	sa_mark_place *place = sa_mark_at(slab->marks, stride, index);
	const sa_site slot = {memory, place};

	sa_counters_tell_sometimes(&shard->counters, &arena->totals);
	return sa_object_death(shard, slot, stride,
			       sa_mark_load(place, stride)) &&
	       sa_shard_put(slab, index);
}

bool sa_object_end(sa_shard *shard, const sa_slot *slot)
{
	if (sa_slab_owner(slot->slab) != shard)
		return end_elsewhere(shard, slot);
	return end_own(shard, slot->slab, slot->memory, sa_slot_index(*slot),
		       slot->slab->stride);
}

/* Not plain. */
static bool end_odd(sa_shard *shard, sa_slab *slab, uint32_t index)
{
	const sa_slot slot = sa_slab_slot_at(slab, index);

	return sa_object_end(shard, &slot);
}

void sa_object_free_rare(sa_shard *shard, unsigned char *memory, sa_slab *slab,
			 uint32_t index)
{
	size_t stride = slab->stride;
	bool is_sound;

	/* Where the stock is full, all else may be plain. */
	if (SA_LIKELY(sa_slab_owner(slab) == shard &&
		      sa_slot_stride_is_plain(stride)))
		is_sound = end_own(shard, slab, memory, index, stride);
	else
		is_sound = end_odd(shard, slab, index);
	if (SA_UNLIKELY(!is_sound))
		sa_object_death_failed(shard, memory);
	sa_shards_leave(shard);
}

void sa_object_free_odd(sa_shard *shard, unsigned char *memory)
{
	const sa_slot slot = slot_of(shard, memory);

	sa_object_free_rare(shard, memory, slot.slab, sa_slot_index(slot));
}

/* ---------------------------------------------------------------- alloc */

/* What a call under the mutex leaves behind. */
typedef struct {
	void *object;
	int error; /* 0, or an errno */
	bool is_misuse;
	sa_arena_misuse misuse;
} outcome;

static void alloc_large(sa_arena *arena, size_t size, size_t alignment,
			outcome *out)
{
	sa_large *large = sa_larges_add(arena, size,
					alignment < SA_LARGE_ALIGNMENT
						? SA_LARGE_ALIGNMENT
						: alignment);

	if (large == NULL) {
		out->error = errno;
		return;
	}
	sa_counters_alloc(&sa_shards_mine(arena)->counters, size);
	out->object = sa_large_object(large);
	sa_veil_made_large(arena, large);
}

static void alloc_slot(sa_arena *arena, size_t size, unsigned class,
		       outcome *out)
{
	sa_shard *shard = sa_shards_mine(arena);
	sa_shard_result result = SA_SHARD_DRY;
	sa_bin *bin;
	sa_slot slot;

	if (sa_pools_prepare(arena, shard, class) == 0)
		result = sa_supply_fill(arena, shard, class, &out->misuse);
	if (result == SA_SHARD_DRY) {
		out->error = errno;
		return;
	}
	out->is_misuse = result == SA_SHARD_MISUSE;
	if (out->is_misuse)
		return;
	bin = sa_shard_bin(shard, class);
	slot = sa_shard_slot(shard, sa_shard_take(shard, bin));
	sa_veil_lift_slot(slot);
	out->is_misuse = !sa_slot_is_blank(sa_slot_site(slot), bin->stride) ||
			 !sa_slot_birth(sa_slot_site(slot), bin->stride, size,
					arena->key);
	if (out->is_misuse) {
		sa_slot_explain_birth(slot, &out->misuse);
		return;
	}
	out->object = slot.memory;
	sa_veil_made_slot(arena, slot);
	sa_counters_alloc(&shard->counters, size);
	sa_counters_tell_sometimes(&shard->counters, &arena->totals);
}

void *sa_object_alloc_locked(sa_arena *arena, size_t size, unsigned class,
			     size_t alignment)
{
	outcome out = {.object = NULL};

	sa_arena_lock(arena);
	out.error = sa_access_refusal(arena);
	if (out.error == 0 && class == SA_SIZECLASS_COUNT)
		alloc_large(arena, size, alignment, &out);
	else if (out.error == 0)
		alloc_slot(arena, size, class, &out);
	if (out.error != 0)
		sa_arena_fail(arena, out.error);
	sa_arena_unlock(arena);
	if (out.is_misuse)
		sa_arena_misused(arena, &out.misuse);
	return out.object;
}

/* ----------------------------------------------------------------- free */

/* Call `end` with the object's region open, and close it again. */
static void with_region_open(sa_arena *arena, sa_region *region, sa_found found,
			     void (*end)(sa_arena *, sa_found, outcome *),
			     outcome *out)
{
	sa_arena_access before = region->access;

	if (sa_region_set_access(region, SA_ARENA_READWRITE) != 0) {
		out->error = errno;
		return;
	}
	end(arena, found, out);
	if (sa_region_set_access(region, before) != 0) {
		out->error = errno;
		arena->is_torn = true;
	}
	sa_veil_draw_region(arena, region);
}

/* No thread is in any shard: this one may act for the slab's owner. */
static void end_in_quiet_arena(sa_arena *arena, sa_found found, outcome *out)
{
	sa_slot slot = found.slot;
	sa_shard *owner = atomic_load(&slot.slab->owner);
	uint16_t mark = sa_slot_mark(slot);

	if (arena->is_excluded) {
		sa_slot_set_mark(slot, SA_MARK_FREE);
	} else if (!sa_slot_death(sa_slot_site(slot), slot.slab->stride, mark,
				  arena->key)) {
		out->is_misuse = true;
		sa_slot_explain_death(slot, &out->misuse);
		return;
	}
	sa_counters_free(&owner->counters, sa_mark_size(mark));
	if (!sa_shard_give(slot.slab, sa_slot_index(slot))) {
		out->is_misuse = true;
		sa_slot_explain_double_free(slot.memory, &out->misuse);
	}
}

static void verify_large(sa_arena *arena, sa_found found, outcome *out)
{
	(void)arena;
	if (!sa_region_is_excluded(&found.large->region))
		out->is_misuse = !sa_large_verify(found.large, &out->misuse);
}

static void free_large(sa_arena *arena, sa_found found, outcome *out)
{
	sa_large *large = found.large;
	size_t size = atomic_load(&large->size);

	sa_veil_lift_region(&large->region);
	with_region_open(arena, &large->region, found, verify_large, out);
	if (out->is_misuse || out->error != 0)
		return;
	sa_larges_drop(arena, large);
	sa_counters_free(&sa_shards_mine(arena)->counters, size);
}

/* For a debugger's sake: in its slab a slot waits for longer than in stock,
 * where it is the last if there was room. */
static bool retire(const sa_slot *slot)
{
	sa_bin *bin = slot->slab->bin;

	if (!sa_annotate_is_of_memory() || bin->count == 0 ||
	    bin->memory[bin->count - 1] != slot->memory)
		return true;
	bin->count--;
	return sa_shard_give(slot->slab, sa_slot_index(*slot));
}

static void end_slot(sa_arena *arena, sa_found found, outcome *out)
{
	sa_shard *shard = sa_shards_mine(arena);

	if (!sa_object_end(shard, &found.slot) || !retire(&found.slot)) {
		out->is_misuse = true;
		sa_object_explain_death(shard, found.slot, &out->misuse);
	}
}

static void free_slot(sa_arena *arena, sa_found found, outcome *out)
{
	sa_veil_lift_slot(found.slot);
	if (arena->is_stopped)
		with_region_open(arena, found.slot.slab->region, found,
				 end_in_quiet_arena, out);
	else
		end_slot(arena, found, out);
	if (!out->is_misuse && !sa_mark_is_live(sa_slot_mark(found.slot)))
		sa_veil_ended_slot(arena, found.slot);
}

void sa_object_free_locked(sa_arena *arena, void *ptr)
{
	outcome out = {.object = NULL};
	sa_found found;
	int kept = errno;

	sa_arena_lock(arena);
	found = sa_object_find(arena, ptr);
	if (!sa_found_is_live(found)) {
		out.is_misuse = true;
		out.misuse = sa_found_misuse(found, ptr);
	} else if (found.large != NULL) {
		free_large(arena, found, &out);
	} else {
		free_slot(arena, found, &out);
	}
	errno = kept;
	if (out.error != 0)
		sa_arena_fail(arena, out.error);
	sa_arena_unlock(arena);
	if (out.is_misuse)
		sa_arena_misused(arena, &out.misuse);
}

bool sa_object_free_in_pool_locked(sa_arena *arena, void *ptr, unsigned class)
{
	uint32_t index;
	const sa_slab *slab;
	bool is_of_pool;

	sa_arena_lock(arena);
	slab = sa_object_slab(arena, ptr, &index);
	is_of_pool = slab != NULL && slab->class == class;
	sa_arena_unlock(arena);
	if (is_of_pool)
		sa_object_free_locked(arena, ptr);
	return is_of_pool;
}
