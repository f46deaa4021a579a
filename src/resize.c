/* SPDX-License-Identifier: ISC */
/* Objects of another size: in place under the mutex, or moved. */
#include <config.h>

#include "resize.h"

#include "access.h"
#include "object.h"
#include "veil.h"
#include "verify.h"

/* What a call under the mutex leaves behind. */
typedef struct {
	int error; /* 0, or an errno */
	bool is_misuse;
	sa_arena_misuse misuse;
} outcome;

/* A slot is kept while the object fills half of it, or cannot move; a pool's as
 * long as it fits, for the pool is what may free it. */
static bool suits(const sa_slab *slab, size_t size)
{
	if (size > slab->stride - SA_CANARY_SIZE)
		return false;
	return sa_class_is_pool(slab->class) ||
	       sa_sizeclass_stride(sa_sizeclass_of(size)) * 2 >= slab->stride;
}

static void resize_slot(sa_arena *arena, sa_found found, size_t size,
			outcome *out)
{
	sa_slot slot = found.slot;
	size_t old = sa_found_size(found);

	sa_veil_lift_slot(slot);
	if (!sa_slot_is_intact(slot.memory, slot.slab->stride, old,
			       arena->key)) {
		out->is_misuse = true;
		sa_slot_explain_death(slot, &out->misuse);
		return;
	}
	sa_slot_resize(slot, size);
	sa_veil_resized_slot(arena, slot, old);
	sa_counters_resize(&sa_shards_mine(arena)->counters, old, size);
}

/* Only at the guard page, if it can move. */
static bool resize_large(sa_arena *arena, sa_large *large, size_t size,
			 bool can_move, outcome *out)
{
	size_t old = atomic_load(&large->size);
	bool stays =
		!can_move || sa_large_suits(large, size, SA_LARGE_ALIGNMENT);

	sa_veil_lift_region(&large->region);
	out->is_misuse = !sa_large_verify(large, &out->misuse);
	if (!out->is_misuse && stays) {
		sa_large_resize(large, size);
		sa_counters_resize(&sa_shards_mine(arena)->counters, old, size);
	}
	sa_veil_resized_large(arena, large, old);
	return stays;
}

/* Change the size where the object is; false if it has to move. */
static bool resize_in_place(sa_arena *arena, sa_found found, size_t size,
			    bool can_move, outcome *out)
{
	bool done = true;

	sa_arena_lock(arena);
	out->error = sa_access_refusal(arena);
	if (out->error != 0)
		sa_arena_fail(arena, out->error);
	else if (found.large != NULL)
		done = resize_large(arena, found.large, size, can_move, out);
	else
		resize_slot(arena, found, size, out);
	sa_arena_unlock(arena);
	return done;
}

static void *move(sa_arena *arena, void *ptr, size_t old, size_t size)
{
	void *moved = sa_object_alloc(arena, size);

	if (moved == NULL)
		return NULL;
	memcpy(moved, ptr, old < size ? old : size);
	sa_object_free(arena, ptr);
	return moved;
}

void *sa_resize_object(sa_arena *arena, void *ptr, size_t size)
{
	sa_found found = sa_object_find_live(arena, ptr);
	size_t old = sa_found_size(found);
	outcome out = {.error = 0};
	void *moved;

	if (found.large != NULL || suits(found.slot.slab, size)) {
		bool done = resize_in_place(arena, found, size, true, &out);

		if (out.is_misuse)
			sa_arena_misused(arena, &out.misuse);
		if (done)
			return out.error == 0 ? ptr : NULL;
	}
	moved = move(arena, ptr, old, size);
	if (moved != NULL || size > old)
		return moved;
	/* What shrinks need not fail, but for want of access. */
	sa_arena_unfail(arena);
	resize_in_place(arena, found, size, false, &out);
	if (out.is_misuse)
		sa_arena_misused(arena, &out.misuse);
	return out.error == 0 ? ptr : NULL;
}
