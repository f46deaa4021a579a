/* SPDX-License-Identifier: ISC */
/*
 * An arena under a memory debugger: all of its regions but live objects is
 * hidden, and each object's beginning and end are told.  Who touches what is
 * hidden lifts the veil before, and draws it again.  No-ops without a debugger.
 * All under the arena's mutex.
 */
#ifndef SA_VEIL_H
#define SA_VEIL_H

#include "annotate.h"
#include "arena.h"

/* What the debugger keeps for an arena. */
void sa_veil_begin(const sa_arena *arena);
void sa_veil_end(const sa_arena *arena);

/* A region that came, empty; or is about to go, and is lifted. */
void sa_veil_add_region(const sa_region *region);
void sa_veil_remove_region(const sa_region *region);

/* Lift a slot, a slab, a region; draw the veil over what is no live object.  It
 * has to be drawn again after a region's access was changed. */
void sa_veil_lift_slot(sa_slot slot);
void sa_veil_lift_slab(const sa_slab *slab);
void sa_veil_lift_region(const sa_region *region);
void sa_veil_draw_slot(sa_slot slot);
void sa_veil_draw_slab(const sa_slab *slab);
void sa_veil_draw_large(const sa_large *large);
void sa_veil_draw_region(const sa_arena *arena, const sa_region *region);
void sa_veil_draw(const sa_arena *arena);

/* An object was made, has been ended, or has another size. */
void sa_veil_made_slot(const sa_arena *arena, sa_slot slot);
void sa_veil_ended_slot(const sa_arena *arena, sa_slot slot);
void sa_veil_resized_slot(const sa_arena *arena, sa_slot slot, size_t old);
void sa_veil_made_large(const sa_arena *arena, const sa_large *large);
void sa_veil_ending_large(const sa_arena *arena, const sa_large *large);
void sa_veil_resized_large(const sa_arena *arena, const sa_large *large,
			   size_t old);

/* All objects in slots are about to end: of a slab, or of all. */
void sa_veil_ending_slots_of(const sa_arena *arena, sa_slab *slab);
void sa_veil_ending_slots(const sa_arena *arena);

/* Before the process ends: leave only the program's pointers to objects. */
void sa_veil_disregard_own(const sa_arena *arena);

#endif
