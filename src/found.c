/* SPDX-License-Identifier: ISC */
/* What is known of a pointer: whether it lives, how large it is, what is wrong.
 */
#include <config.h>

#include "found.h"

#include "shards.h"

static sa_arena_misuse bad_pointer(sa_arena_misuse_kind kind, const void *ptr)
{
	return (sa_arena_misuse){.kind = kind, .object = ptr};
}

/* Why `ptr` is no live object: it was one, or never. */
sa_arena_misuse sa_found_misuse(sa_found found, const void *ptr)
{
	if (sa_found_is_slot(found) || found.large != NULL)
		return bad_pointer(SA_ARENA_MISUSE_DOUBLE_FREE, ptr);
	return bad_pointer(SA_ARENA_MISUSE_INVALID_POINTER, ptr);
}

size_t sa_found_size(sa_found found)
{
	if (found.large != NULL)
		return atomic_load(&found.large->size);
	return sa_mark_size(sa_slot_mark(found.slot));
}

/* A slab that no object keeps could be given back, and its descriptor used
 * again, while it is looked at: not with this thread inside its shard, or
 * having the mutex, which NULL stands for. */
static sa_shard *hold_slabs(sa_arena *arena)
{
	sa_shard *shard = sa_shards_enter(arena);

	if (SA_UNLIKELY(shard == NULL))
		sa_arena_lock(arena);
	return shard;
}

static void let_slabs_go(sa_arena *arena, sa_shard *shard)
{
	if (SA_LIKELY(shard != NULL))
		sa_shards_leave(shard);
	else
		sa_arena_unlock(arena);
}

bool sa_object_is_live(sa_arena *arena, const void *ptr)
{
	sa_shard *shard = hold_slabs(arena);
	sa_found found = sa_object_find(arena, ptr);
	bool is_live = sa_found_is_live(found);

	/* Its descriptor may have got another object before it was asked. */
	if (found.large != NULL &&
	    atomic_load(&found.large->object) != (uintptr_t)ptr)
		is_live = false;
	let_slabs_go(arena, shard);
	return is_live;
}

/* The object whose slot the address lies in, live or not. */
static sa_found slot_around(sa_slab *slab, uintptr_t address)
{
	sa_found found = {{NULL, NULL, NULL}, NULL};
	uintptr_t slots = (uintptr_t)slab->slots;

	if (address >= slots && (address - slots) / slab->stride < slab->nslots)
		found.slot = sa_slab_slot_at(
			slab, (uint32_t)((address - slots) / slab->stride));
	return found;
}

static bool slab_contains(sa_slab *slab, uintptr_t address)
{
	sa_found found = slot_around(slab, address);

	return sa_found_is_live(found) &&
	       address - (uintptr_t)found.slot.memory < sa_found_size(found);
}

/* With the mutex.  Only a large object's first page is in the page map. */
static sa_found large_around(const sa_arena *arena, uintptr_t address)
{
	sa_found found = {{NULL, NULL, NULL}, NULL};

	for (sa_large *l = arena->larges; l != NULL; l = l->next) {
		uintptr_t object = atomic_load(&l->object);

		if (atomic_load(&l->is_live) && address >= object &&
		    address - object < atomic_load(&l->size))
			found.large = l;
	}
	return found;
}

bool sa_object_contains(sa_arena *arena, const void *ptr)
{
	uintptr_t address = (uintptr_t)ptr;
	sa_shard *shard = hold_slabs(arena);
	void *entry = sa_pagemap_find(&arena->pagemap, address);
	bool is_slab = sa_found_entry_is_slab(entry);
	bool contains = is_slab && slab_contains(entry, address);

	let_slabs_go(arena, shard);
	if (is_slab)
		return contains;
	sa_arena_lock(arena);
	contains = sa_found_is_live(large_around(arena, address));
	sa_arena_unlock(arena);
	return contains;
}

sa_found sa_object_find_live(const sa_arena *arena, const void *ptr)
{
	sa_found found = sa_object_find(arena, ptr);

	if (!sa_found_is_live(found)) {
		sa_arena_misuse misuse = sa_found_misuse(found, ptr);

		sa_arena_misused(arena, &misuse);
	}
	return found;
}

size_t sa_object_size(const sa_arena *arena, const void *ptr)
{
	return sa_found_size(sa_object_find_live(arena, ptr));
}
