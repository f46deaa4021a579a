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
bool sa_object_free_in_pool_locked(sa_arena *arena, void *ptr,
				   unsigned class) SA_COLD;

/*
 * Inside the shard, and leaving it: whatever is not plain.  The plain paths end
 * in these calls and make no other.  They hand over what they have in registers
 * just then; the rest is found again, so that they need not save any.
 */
void *sa_object_alloc_rare(sa_shard *shard, sa_bin *bin, size_t size);
void sa_object_free_rare(sa_shard *shard, unsigned char *memory, sa_slab *slab,
			 uint32_t index);
/* The same of an object whose size is not plain. */
void sa_object_free_odd(sa_shard *shard, unsigned char *memory);
/* Likewise: why birth or death was refused. */
_Noreturn void sa_object_birth_failed(sa_shard *shard,
				      unsigned char *memory) SA_COLD;
_Noreturn void sa_object_death_failed(sa_shard *shard,
				      unsigned char *memory) SA_COLD;

/* Inside the shard: an object of `size` bytes in a blank slot. */
SA_INLINE void *sa_object_birth(sa_shard *shard, sa_site slot, size_t stride,
				size_t size)
{
	if (SA_UNLIKELY(!sa_slot_birth(slot, stride, size, shard->key)))
		sa_object_birth_failed(shard, slot.memory);
	sa_counters_alloc(&shard->counters, size);
	return slot.memory;
}

/* Inside the shard, and leaving it: an object from what is in stock, all of it
 * plain. */
SA_INLINE void *sa_object_birth_plain(sa_shard *shard, sa_bin *bin,
				      size_t stride, size_t size)
{
	sa_site slot = sa_shard_take(shard, bin);
	void *object;

	/* GCOVR_EXCL_START: assumptions are not tested when it runs */
	SA_ASSUME(sa_slot_stride_is_plain(stride));
	/* GCOVR_EXCL_STOP */
	if (SA_UNLIKELY(!sa_slot_is_blank(slot, stride)))
		sa_object_birth_failed(shard, slot.memory);
	/* What birth needs it works out now: there are not registers enough to
	 * have it ready. */
	SA_OPAQUE(size);
	/* GCOVR_EXCL_START: as above */
	SA_ASSUME(sa_slot_size_is_plain(stride, size));
	/* GCOVR_EXCL_STOP */
	object = sa_object_birth(shard, slot, stride, size);
	sa_shards_leave(shard);
	return object;
}

/* Inside the shard, and leaving it. */
SA_INLINE void *sa_object_alloc_from(sa_shard *shard, sa_bin *bin, size_t size)
{
	size_t stride = bin->stride;

	if (SA_UNLIKELY(bin->count < SA_STOCK_LOW || bin->plain_size == 0 ||
			sa_random_is_used_up(&shard->random) ||
			!sa_slot_size_is_plain(stride, size)))
		return sa_object_alloc_rare(shard, bin, size);
	return sa_object_birth_plain(shard, bin, stride, size);
}

/* An object of `size` bytes in a slot of a size class, aligned as its stride
 * is. */
SA_INLINE void *sa_object_alloc_in_class(sa_arena *arena, size_t size,
					 unsigned class)
{
	sa_shard *shard = sa_shards_enter(arena);

	if (SA_UNLIKELY(shard == NULL))
		return sa_object_alloc_locked(arena, size, class, 1);
	return sa_object_alloc_from(shard, &shard->bins[class], size);
}

/* The same for a pool's class. */
SA_INLINE void *sa_object_alloc_in_pool(sa_arena *arena, size_t size,
					unsigned class)
{
	sa_shard *shard = sa_shards_enter(arena);
	sa_bin *bin;

	if (SA_UNLIKELY(shard == NULL))
		return sa_object_alloc_locked(arena, size, class, 1);
	bin = sa_shard_pool_bin(shard, class - SA_CLASS_POOLS);
	if (SA_UNLIKELY(bin == NULL)) {
		sa_shards_leave(shard);
		return sa_object_alloc_locked(arena, size, class, 1);
	}
	return sa_object_alloc_from(shard, bin, size);
}

/* Sizes that are not plain. */
void *sa_object_alloc_odd(sa_arena *arena, size_t size);

SA_INLINE void *sa_object_alloc(sa_arena *arena, size_t size)
{
	size_t stride = sa_sizeclass_stride_of_linear(size);
	sa_shard *shard;
	sa_bin *bin;

	if (SA_UNLIKELY(!sa_sizeclass_size_is_plain(size)))
		return sa_object_alloc_odd(arena, size);
	shard = sa_shards_enter(arena);
	if (SA_UNLIKELY(shard == NULL))
		return sa_object_alloc_locked(arena, size,
					      sa_sizeclass_of_linear(size), 1);
	bin = sa_shard_bin_of_linear(shard, stride);
	if (SA_UNLIKELY(bin->count < SA_STOCK_LOW ||
			sa_random_is_used_up(&shard->random)))
		return sa_object_alloc_rare(shard, bin, size);
	return sa_object_birth_plain(shard, bin, stride, size);
}

/* Inside the shard that owns the slab: end an object.  False if it is none, or
 * damaged.  Its slot is the caller's to keep. */
SA_INLINE bool sa_object_death(sa_shard *shard, sa_site slot, size_t stride,
			       uint16_t mark)
{
	if (SA_UNLIKELY(!sa_slot_death(slot, stride, mark, shard->key)))
		return false;
	sa_counters_free(&shard->counters, sa_mark_size(mark));
	return true;
}

/* Inside the shard that serves the calling thread: end an object, whoever owns
 * it.  False if misuse was found: sa_object_explain_death(). */
bool sa_object_end(sa_shard *shard, const sa_slot *slot);

/* Inside the shard, and leaving it: free what the slab has there. */
SA_INLINE void sa_object_free_at(sa_shard *shard, sa_slab *slab,
				 unsigned char *memory, uint32_t index)
{
	size_t stride = slab->stride;
	sa_bin *bin = slab->bin;
	sa_site slot = {memory, NULL};
	uint16_t mark;

	if (SA_UNLIKELY(sa_slab_owner(slab) != shard ||
			bin->count >= bin->plain_size)) {
		sa_object_free_rare(shard, memory, slab, index);
		return;
	}
	/* GCOVR_EXCL_START: as above */
	SA_ASSUME(sa_slot_stride_is_plain(stride));
	/* GCOVR_EXCL_STOP */
	slot.mark = sa_mark_at(slab->marks, stride, index);
	mark = sa_mark_load(slot.mark, stride);
	if (SA_UNLIKELY(!sa_slot_size_is_plain(stride, sa_mark_size(mark)))) {
		sa_object_free_odd(shard, memory);
		return;
	}
	if (SA_UNLIKELY(!sa_object_death(shard, slot, stride, mark)))
		sa_object_death_failed(shard, memory);
	sa_bin_set(bin, bin->count++, slot);
	sa_shards_leave(shard);
}

/* The slab of a slot that begins there, and which it is; NULL if none does. */
SA_INLINE sa_slab *sa_object_slab(const sa_arena *arena, const void *ptr,
				  uint32_t *index)
{
	sa_slab *slab = sa_pagemap_find(&arena->pagemap, (uintptr_t)ptr);

	if (SA_UNLIKELY(!sa_found_entry_is_slab(slab)))
		return NULL;
	*index = sa_slab_index(slab, (uintptr_t)ptr);
	return SA_UNLIKELY(*index == SA_SLAB_NO_INDEX) ? NULL : slab;
}

SA_INLINE void sa_object_free(sa_arena *arena, void *ptr)
{
	uint32_t index;
	sa_shard *shard;
	sa_slab *slab;

	sa_prefetch_to_write(ptr);
	shard = sa_shards_enter(arena);
	if (SA_UNLIKELY(shard == NULL)) {
		sa_object_free_locked(arena, ptr);
		return;
	}
	slab = sa_object_slab(arena, ptr, &index);
	if (SA_UNLIKELY(slab == NULL)) {
		sa_shards_leave(shard);
		sa_object_free_locked(arena, ptr);
		return;
	}
	sa_object_free_at(shard, slab, ptr, index);
}

/*
 * The same for an object of a pool's class.  False if the pointer is none, and
 * nothing was done.
 */
SA_INLINE bool sa_object_free_in_pool(sa_arena *arena, void *ptr,
				      unsigned class)
{
	sa_shard *shard = sa_shards_enter(arena);
	uint32_t index;
	sa_slab *slab;

	if (SA_UNLIKELY(shard == NULL))
		return sa_object_free_in_pool_locked(arena, ptr, class);
	slab = sa_object_slab(arena, ptr, &index);
	if (SA_UNLIKELY(slab == NULL || slab->class != class)) {
		sa_shards_leave(shard);
		return false;
	}
	sa_object_free_at(shard, slab, ptr, index);
	return true;
}

void sa_object_explain_death(const sa_shard *shard, sa_slot slot,
			     sa_arena_misuse *misuse) SA_COLD;

#endif
