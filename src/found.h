/* SPDX-License-Identifier: ISC */
/*
 * The gate that every pointer passes: it names the slot or the large object
 * that begins there, or nothing.
 */
#ifndef SA_FOUND_H
#define SA_FOUND_H

#include "arena.h"

/* What a pointer is: a slot's first byte, a large object's, or neither. */
typedef struct sa_found {
	sa_slot slot; /* .slab NULL: no slot */
	sa_large *large;
} sa_found;

/* An entry of the page map is a slab, or a large object with the low bit set,
 * or nothing. */
SA_INLINE bool sa_found_entry_is_slab(const void *entry)
{
	return entry != NULL && ((uintptr_t)entry & 1) == 0;
}

/* Safe against any value; takes no lock.  The slab of an object that is not
 * alive may be given back meanwhile by others, unless the caller is in its
 * shard or has the mutex. */
SA_INLINE sa_found sa_object_find(const sa_arena *arena, const void *ptr)
{
	sa_found found = {{NULL, NULL, NULL}, NULL};
	uintptr_t address = (uintptr_t)ptr;
	void *entry = sa_pagemap_find(&arena->pagemap, address);

	if (sa_found_entry_is_slab(entry)) {
		sa_slab *slab = entry;
		uint32_t index = sa_slab_index(slab, address);

		if (index != SA_SLAB_NO_INDEX)
			found.slot = sa_slab_slot_at(slab, index);
	} else if (entry != NULL) {
		sa_large *large =
			(sa_large *)(void *)((unsigned char *)entry - 1);

		if (atomic_load(&large->object) == address)
			found.large = large;
	}
	return found;
}

SA_INLINE bool sa_found_is_slot(sa_found found)
{
	return found.slot.slab != NULL;
}

SA_INLINE bool sa_found_is_live(sa_found found)
{
	if (sa_found_is_slot(found))
		return sa_mark_is_live(sa_slot_mark(found.slot));
	return found.large != NULL && atomic_load(&found.large->is_live);
}

/* Bytes of a live object. */
size_t sa_found_size(sa_found found);
/* What to report of a pointer that is not a live object. */
sa_arena_misuse sa_found_misuse(sa_found found, const void *ptr);

/* A live object; misuse is reported. */
sa_found sa_object_find_live(const sa_arena *arena, const void *ptr);
size_t sa_object_size(const sa_arena *arena, const void *ptr);

/* Any value may be asked about, at any time. */
bool sa_object_is_live(sa_arena *arena, const void *ptr);

/* Is it any byte of a live object?  May take the mutex. */
bool sa_object_contains(sa_arena *arena, const void *ptr);

#endif
