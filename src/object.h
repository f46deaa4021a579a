/* SPDX-License-Identifier: ISC */
/*
 * Objects: birth and death on the path that takes no lock and makes no system
 * call.
 */
#ifndef SA_OBJECT_H
#define SA_OBJECT_H

#include "found.h"
#include "shards.h"

/* With the mutex.  NULL with errno.  SA_SIZECLASS_COUNT is the class of what
 * does not fit a slot; only then the alignment is looked at. */
void *sa_object_alloc_locked(sa_arena *arena, size_t size, unsigned class,
			     size_t alignment) SA_COLD;
void sa_object_free_locked(sa_arena *arena, void *ptr) SA_COLD;

/*
 * Inside the shard, and leaving it: whatever is not plain.  The plain paths end
 * in these calls and make no other, so that they need not save registers.
 */
void *sa_object_alloc_rare(sa_arena *arena, sa_shard *shard, size_t size,
			   unsigned class);
void sa_object_free_rare(sa_arena *arena, sa_shard *shard, sa_slab *slab,
			 unsigned char *memory);
/* Likewise: why birth or death was refused.  A slot goes in parts that fit
 * registers. */
_Noreturn void sa_object_birth_failed(sa_arena *arena, sa_shard *shard,
				      sa_slab *slab, unsigned char *memory,
				      sa_mark_place *mark) SA_COLD;
_Noreturn void sa_object_death_failed(sa_arena *arena, sa_shard *shard,
				      sa_slab *slab,
				      unsigned char *memory) SA_COLD;

/* Inside the shard: an object of `size` bytes from what is in stock. */
SA_INLINE void *sa_object_birth(sa_arena *arena, sa_shard *shard, sa_bin *bin,
				size_t stride, size_t size)
{
	sa_slot slot = sa_shard_take(shard, bin);

	if (SA_UNLIKELY(!sa_slot_birth(slot, stride, size, arena->key)))
		sa_object_birth_failed(arena, shard, slot.slab, slot.memory,
				       slot.mark);
	sa_counters_alloc(&shard->counters, size);
	return slot.memory;
}

/* Inside the shard, and leaving it. */
SA_INLINE void *sa_object_alloc_from(sa_arena *arena, sa_shard *shard,
				     sa_bin *bin, size_t size, unsigned class)
{
	void *object;

	if (SA_UNLIKELY(bin->count < SA_STOCK_LOW ||
			sa_random_is_used_up(&shard->random) ||
			!sa_slot_stride_is_plain(bin->stride) ||
			!sa_slot_size_is_plain(bin->stride, size)))
		return sa_object_alloc_rare(arena, shard, size, class);
	object = sa_object_birth(arena, shard, bin, bin->stride, size);
	sa_shards_leave(shard);
	return object;
}

/* An object of `size` bytes in a slot of a size class, aligned as its stride
 * is. */
SA_INLINE void *sa_object_alloc_in_class(sa_arena *arena, size_t size,
					 unsigned class)
{
	sa_shard *shard = sa_shards_enter(arena);

	if (SA_UNLIKELY(shard == NULL))
		return sa_object_alloc_locked(arena, size, class, 1);
	return sa_object_alloc_from(arena, shard, &shard->bins[class], size,
				    class);
}

/* The same for a pool's class. */
SA_INLINE void *sa_object_alloc_in_pool(sa_arena *arena, size_t size,
					unsigned class)
{
	sa_shard *shard = sa_shards_enter(arena);
	sa_bin *bin;

	if (SA_UNLIKELY(shard == NULL))
		return sa_object_alloc_locked(arena, size, class, 1);
	bin = sa_shard_bin(shard, class);
	if (SA_UNLIKELY(bin == NULL)) {
		sa_shards_leave(shard);
		return sa_object_alloc_locked(arena, size, class, 1);
	}
	return sa_object_alloc_from(arena, shard, bin, size, class);
}

/* Sizes that are not plain. */
void *sa_object_alloc_odd(sa_arena *arena, size_t size);

SA_INLINE void *sa_object_alloc(sa_arena *arena, size_t size)
{
	unsigned class = sa_sizeclass_of_linear(size);
	size_t stride = sa_sizeclass_linear_stride(class);
	sa_shard *shard;
	sa_bin *bin;
	void *object;

	if (SA_UNLIKELY(!sa_sizeclass_size_is_plain(size)))
		return sa_object_alloc_odd(arena, size);
	/* GCOVR_EXCL_START: assumptions are not tested when it runs */
	SA_ASSUME(sa_slot_stride_is_plain(stride));
	SA_ASSUME(sa_slot_size_is_plain(stride, size));
	/* GCOVR_EXCL_STOP */
	shard = sa_shards_enter(arena);
	if (SA_UNLIKELY(shard == NULL))
		return sa_object_alloc_locked(arena, size, class, 1);
	bin = sa_shard_bin_of_size(shard, class);
	if (SA_UNLIKELY(bin->count < SA_STOCK_LOW ||
			sa_random_is_used_up(&shard->random)))
		return sa_object_alloc_rare(arena, shard, size, class);
	object = sa_object_birth(arena, shard, bin, stride, size);
	sa_shards_leave(shard);
	return object;
}

/* Inside the shard that owns the slab: end an object whose slot goes into
 * stock, which has room.  False if the object is none, or damaged. */
SA_INLINE bool sa_object_death(sa_arena *arena, sa_shard *shard, sa_bin *bin,
			       sa_slot slot, size_t stride, uint16_t mark)
{
	if (SA_UNLIKELY(!sa_slot_death(slot, stride, mark, arena->key)))
		return false;
	sa_counters_free(&shard->counters, sa_mark_size(mark));
	sa_bin_set(bin, bin->count++, slot);
	return true;
}

/* Inside the shard that serves the calling thread: end an object, whoever owns
 * it.  False if misuse was found: sa_object_explain_death(). */
bool sa_object_end(sa_arena *arena, sa_shard *shard, const sa_slot *slot);

/* Inside the shard that owns the slab, of a plain stride, and leaving it. */
SA_INLINE void sa_object_free_at(sa_arena *arena, sa_shard *shard, sa_bin *bin,
				 sa_slab *slab, unsigned char *memory,
				 uint32_t index)
{
	size_t stride = slab->stride;
	sa_slot slot = {memory, NULL, slab};
	uint16_t mark;

	/* GCOVR_EXCL_START: as above */
	SA_ASSUME(sa_slot_stride_is_plain(stride));
	/* GCOVR_EXCL_STOP */
	slot.mark = sa_mark_at(slab->marks, stride, index);
	mark = sa_mark_load(slot.mark, stride);
	if (SA_UNLIKELY(bin->count == SA_STOCK_SIZE ||
			!sa_slot_size_is_plain(stride, sa_mark_size(mark)))) {
		sa_object_free_rare(arena, shard, slab, memory);
		return;
	}
	if (SA_UNLIKELY(
		    !sa_object_death(arena, shard, bin, slot, stride, mark)))
		sa_object_death_failed(arena, shard, slab, memory);
	sa_shards_leave(shard);
}

SA_INLINE void sa_object_free(sa_arena *arena, void *ptr)
{
	sa_shard *shard;
	sa_slab *slab;
	uint32_t index = SA_SLAB_NO_INDEX;

	sa_prefetch_to_write(ptr);
	shard = sa_shards_enter(arena);
	if (SA_UNLIKELY(shard == NULL)) {
		sa_object_free_locked(arena, ptr);
		return;
	}
	slab = sa_pagemap_find(&arena->pagemap, (uintptr_t)ptr);
	if (SA_LIKELY(sa_found_entry_is_slab(slab)))
		index = sa_slab_index(slab, (uintptr_t)ptr);
	if (SA_UNLIKELY(index == SA_SLAB_NO_INDEX)) {
		sa_shards_leave(shard);
		sa_object_free_locked(arena, ptr);
		return;
	}
	if (SA_UNLIKELY(sa_slab_owner(slab) != shard ||
			!sa_sizeclass_is_plain(slab->class))) {
		sa_object_free_rare(arena, shard, slab, ptr);
		return;
	}
	sa_object_free_at(arena, shard,
			  sa_shard_bin_of_size(shard, slab->class), slab, ptr,
			  index);
}

/*
 * The same for an object of a pool's class.  False if the pointer is none, and
 * nothing was done.
 */
SA_INLINE bool sa_object_free_in_pool(sa_arena *arena, void *ptr,
				      unsigned class)
{
	const sa_found found = sa_object_find(arena, ptr);
	sa_slab *slab = found.slot.slab;
	sa_shard *shard;

	if (SA_UNLIKELY(slab == NULL || slab->class != class))
		return false;
	shard = sa_shards_enter(arena);
	if (SA_UNLIKELY(shard == NULL))
		sa_object_free_locked(arena, ptr);
	else if (SA_UNLIKELY(sa_slab_owner(slab) != shard ||
			     !sa_slot_stride_is_plain(slab->stride)))
		sa_object_free_rare(arena, shard, slab, ptr);
	else
		sa_object_free_at(arena, shard, sa_shard_bin(shard, class),
				  slab, ptr, sa_slot_index(found.slot));
	return true;
}

void sa_object_explain_death(const sa_shard *shard, sa_slot slot,
			     sa_arena_misuse *misuse) SA_COLD;

#endif
