/* SPDX-License-Identifier: ISC */
/*
 * Objects: the gate that every pointer passes, and birth and death on the
 * path that takes no lock and makes no system call.
 */
#ifndef SA_OBJECT_H
#define SA_OBJECT_H

#include "arena.h"
#include "shards.h"

/* What a pointer is: a slot's first byte, a large object's, or neither. */
typedef struct sa_found {
	sa_slab *slab;
	sa_large *large;
	uint32_t index;
} sa_found;

/* Safe against any value; takes no lock. */
SA_INLINE sa_found sa_object_find(const sa_arena *arena, const void *ptr)
{
	sa_found found = {NULL, NULL, SA_SLAB_NO_INDEX};
	uintptr_t address = (uintptr_t)ptr;
	uintptr_t entry = (uintptr_t)sa_pagemap_find(&arena->pagemap, address);

	if (SA_UNLIKELY((entry & 1) != 0)) {
		sa_large *large = (sa_large *)(entry - 1);

		if (atomic_load(&large->object) == address)
			found.large = large;
	} else if (SA_LIKELY(entry != 0)) {
		sa_slab *slab = (sa_slab *)entry;

		found.index = sa_slab_index(slab, address);
		if (SA_LIKELY(found.index != SA_SLAB_NO_INDEX))
			found.slab = slab;
	}
	return found;
}

/* With the mutex.  NULL with errno. */
void *sa_object_alloc_locked(sa_arena *arena, size_t size,
			     size_t alignment) SA_COLD;
void sa_object_free_locked(sa_arena *arena, void *ptr) SA_COLD;

SA_INLINE void *sa_object_alloc(sa_arena *arena, size_t size)
{
	sa_shard *shard;
	sa_bin *bin;
	unsigned class;
	sa_stocked slot;
	sa_arena_misuse misuse;
	sa_shard_result result = SA_SHARD_FILLED;

	if (SA_UNLIKELY(size > SA_SIZECLASS_SIZE_MAX))
		return sa_object_alloc_locked(arena, size, 1);
	shard = sa_shards_enter(arena);
	if (SA_UNLIKELY(shard == NULL))
		return sa_object_alloc_locked(arena, size, 1);
	class = sa_sizeclass_of(size);
	bin = &shard->bins[class];
	if (SA_UNLIKELY(bin->count < SA_STOCK_LOW)) {
		sa_counters_tell_sometimes(&shard->counters, &arena->totals);
		result = sa_shard_fill(shard, class, &misuse);
	}
	if (SA_LIKELY(result == SA_SHARD_FILLED)) {
		slot = sa_shard_take(shard, bin);
		if (SA_LIKELY(sa_slab_birth(slot.slab, slot.index, size,
					    &misuse))) {
			sa_counters_alloc(&shard->counters, size);
			sa_shards_leave(shard);
			return sa_slab_slot(slot.slab, slot.index);
		}
		result = SA_SHARD_MISUSE;
	}
	sa_shards_leave(shard);
	if (result == SA_SHARD_MISUSE)
		sa_arena_misused(arena, &misuse);
	return sa_object_alloc_locked(arena, size, 1);
}

/* An object of a slab ends in the shard that serves the calling thread. */
SA_INLINE bool sa_object_end(sa_shard *shard, sa_found found, sa_totals *totals,
			     sa_arena_misuse *misuse)
{
	sa_slab *slab = found.slab;
	sa_shard *owner =
		atomic_load_explicit(&slab->owner, memory_order_relaxed);
	size_t size = sa_slab_mark_size(sa_slab_mark_of(slab, found.index));

	if (SA_LIKELY(owner == shard)) {
		if (SA_UNLIKELY(!sa_slab_death(slab, found.index, misuse)))
			return false;
		sa_shard_put(shard, slab, found.index);
	} else {
		if (SA_UNLIKELY(!sa_slab_death_elsewhere(slab, found.index,
							 misuse)))
			return false;
		sa_shard_post(owner, slab);
		sa_counters_tell_sometimes(&shard->counters, totals);
	}
	sa_counters_free(&shard->counters, size);
	return true;
}

SA_INLINE void sa_object_free(sa_arena *arena, void *ptr)
{
	sa_arena_misuse misuse;
	sa_found found;
	bool is_sound;
	sa_shard *shard = sa_shards_enter(arena);

	if (SA_UNLIKELY(shard == NULL)) {
		sa_object_free_locked(arena, ptr);
		return;
	}
	found = sa_object_find(arena, ptr);
	if (SA_UNLIKELY(found.slab == NULL)) {
		sa_shards_leave(shard);
		sa_object_free_locked(arena, ptr);
		return;
	}
	is_sound = sa_object_end(shard, found, &arena->totals, &misuse);
	sa_shards_leave(shard);
	if (SA_UNLIKELY(!is_sound))
		sa_arena_misused(arena, &misuse);
}

/* NULL with errno and the object untouched. */
void *sa_object_realloc(sa_arena *arena, void *ptr, size_t size);

/* The size of a live object; misuse is reported. */
size_t sa_object_size(const sa_arena *arena, const void *ptr);
bool sa_object_is_live(const sa_arena *arena, const void *ptr);

#endif
