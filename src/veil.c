/* SPDX-License-Identifier: ISC */
/* What of an arena is hidden from memory debuggers, and told to them. */
#include <config.h>

#include "veil.h"

#include "history.h"
#include "os.h"
#include "slabs.h"

void sa_veil_begin(const sa_arena *arena)
{
	sa_annotate_pool_create(arena);
}

void sa_veil_end(const sa_arena *arena)
{
	sa_annotate_pool_destroy(arena);
}

/* libsodium's canary stays in sight: sodium_free() reads it. */
static const unsigned char *inside(const sa_region *region)
{
	return region->start + SA_REGION_HEAD;
}

static size_t inside_size(const sa_region *region)
{
	return region->size - SA_REGION_HEAD;
}

void sa_veil_add_region(const sa_region *region)
{
	sa_annotate_add_root(region->start, region->size);
	sa_annotate_hide(inside(region), inside_size(region));
}

void sa_veil_remove_region(const sa_region *region)
{
	sa_annotate_remove_root(region->start, region->size);
	sa_veil_lift_region(region);
}

/* --------------------------------------------------------------- lifting */

/* The canary before it is the slot's before, and no object. */
void sa_veil_lift_slot(sa_slot slot)
{
	if (sa_annotate_is_of_memory())
		sa_annotate_lift(slot.memory - SA_CANARY_SIZE,
				 slot.slab->stride + SA_CANARY_SIZE);
}

void sa_veil_lift_slab(const sa_slab *slab)
{
	sa_annotate_lift(slab->pages, slab->size);
}

void sa_veil_lift_region(const sa_region *region)
{
	sa_annotate_lift(region->start, region->size);
}

/* --------------------------------------------------------------- drawing */

static size_t live_size(sa_slot slot)
{
	uint16_t mark = sa_slot_mark(slot);

	return sa_mark_is_live(mark) ? sa_mark_size(mark) : 0;
}

static void hide_between(const unsigned char *start, const unsigned char *end)
{
	if (start < end)
		sa_annotate_hide(start, (size_t)(end - start));
}

void sa_veil_draw_slot(sa_slot slot)
{
	if (!sa_annotate_is_of_memory())
		return;
	sa_annotate_hide(slot.memory - SA_CANARY_SIZE, SA_CANARY_SIZE);
	hide_between(slot.memory + live_size(slot),
		     slot.memory + slot.slab->stride);
}

/* The region's head may lie before the slots. */
static const unsigned char *front_of(const sa_slab *slab)
{
	const sa_region *region = slab->region;

	return slab->pages == region->start ? inside(region) : slab->pages;
}

void sa_veil_draw_slab(const sa_slab *slab)
{
	if (!sa_annotate_is_of_memory())
		return;
	hide_between(front_of(slab), slab->slots);
	for (uint32_t i = 0; i < slab->nslots; i++)
		sa_veil_draw_slot(
			sa_slab_slot_at((sa_slab *)(uintptr_t)slab, i));
	hide_between(sa_slab_slot(slab, slab->nslots),
		     slab->pages + slab->size);
}

static void draw_page(const sa_tract *tract, size_t page)
{
	const unsigned char *start =
		tract->region.start + page * sa_os_page_size;

	hide_between(page == 0 ? inside(&tract->region) : start,
		     start + sa_os_page_size);
}

static void draw_tract(const sa_arena *arena, const sa_tract *tract)
{
	size_t page = 0;

	while (page < tract->npages) {
		const sa_slab *slab = sa_slabs_at(arena, tract, page);

		if (slab == NULL) {
			draw_page(tract, page++);
		} else {
			sa_veil_draw_slab(slab);
			page += slab->size / sa_os_page_size;
		}
	}
}

void sa_veil_draw_large(const sa_large *large)
{
	const unsigned char *object = sa_large_object(large);
	const sa_region *region = &large->region;

	if (!sa_annotate_is_of_memory())
		return;
	hide_between(inside(region), object);
	hide_between(object + atomic_load(&large->size),
		     region->start + region->size);
}

void sa_veil_draw_region(const sa_arena *arena, const sa_region *region)
{
	if (!sa_annotate_is_of_memory() || sa_region_is_excluded(region))
		return;
	for (const sa_tract *t = arena->tracts; t != NULL; t = t->next)
		if (&t->region == region)
			draw_tract(arena, t);
	for (const sa_large *l = arena->larges; l != NULL; l = l->next)
		if (&l->region == region)
			sa_veil_draw_large(l);
}

void sa_veil_draw(const sa_arena *arena)
{
	if (!sa_annotate_is_of_memory())
		return;
	for (const sa_tract *t = arena->tracts; t != NULL; t = t->next)
		sa_veil_draw_region(arena, &t->region);
	for (const sa_large *l = arena->larges; l != NULL; l = l->next)
		sa_veil_draw_region(arena, &l->region);
}

/* --------------------------------------------------------------- objects */

static void made(const sa_arena *arena, const sa_history_place *place)
{
	sa_annotate_show(place->object, place->size);
	sa_annotate_alloc(arena, place->object, place->size);
	sa_history_alloc(arena->name, place);
}

static void ended(const sa_arena *arena, const void *object)
{
	sa_annotate_free(arena, object);
	sa_history_free(object);
}

static void resized(const sa_arena *arena, const unsigned char *object,
		    size_t old, size_t size)
{
	if (size > old)
		sa_annotate_show(object + old, size - old);
	sa_annotate_resize(arena, object, size);
	sa_history_resize(object, size);
}

/* With the tails on both sides. */
void sa_veil_made_slot(const sa_arena *arena, sa_slot slot)
{
	const sa_history_place place = {slot.memory, live_size(slot),
					slot.memory - SA_CANARY_SIZE,
					slot.memory + slot.slab->stride};

	if (!sa_annotate_is_of_memory())
		return;
	made(arena, &place);
	sa_veil_draw_slot(slot);
}

void sa_veil_ended_slot(const sa_arena *arena, sa_slot slot)
{
	if (!sa_annotate_is_of_memory())
		return;
	ended(arena, slot.memory);
	sa_veil_draw_slot(slot);
}

void sa_veil_resized_slot(const sa_arena *arena, sa_slot slot, size_t old)
{
	if (!sa_annotate_is_of_memory())
		return;
	resized(arena, slot.memory, old, live_size(slot));
	sa_veil_draw_slot(slot);
}

/* With its guard pages. */
void sa_veil_made_large(const sa_arena *arena, const sa_large *large)
{
	const sa_region *region = &large->region;
	const sa_history_place place = {
		sa_large_object(large), atomic_load(&large->size),
		region->start - sa_os_page_size,
		region->start + region->size + sa_os_page_size};

	if (!sa_annotate_is_of_memory())
		return;
	made(arena, &place);
	sa_veil_draw_large(large);
}

void sa_veil_ending_large(const sa_arena *arena, const sa_large *large)
{
	if (sa_annotate_is_of_memory())
		ended(arena, sa_large_object(large));
}

void sa_veil_resized_large(const sa_arena *arena, const sa_large *large,
			   size_t old)
{
	if (!sa_annotate_is_of_memory())
		return;
	resized(arena, sa_large_object(large), old, atomic_load(&large->size));
	sa_veil_draw_large(large);
}

void sa_veil_ending_slots_of(const sa_arena *arena, sa_slab *slab)
{
	if (!sa_annotate_is_of_memory())
		return;
	for (uint32_t i = 0; i < slab->nslots; i++) {
		sa_slot slot = sa_slab_slot_at(slab, i);

		if (sa_mark_is_live(sa_slot_mark(slot)))
			ended(arena, slot.memory);
	}
}

void sa_veil_ending_slots(const sa_arena *arena)
{
	sa_slabs_cursor at = sa_slabs_begin(arena);
	sa_slab *slab;

	if (!sa_annotate_is_of_memory())
		return;
	while ((slab = sa_slabs_next(arena, &at)) != NULL)
		sa_veil_ending_slots_of(arena, slab);
}

/* ------------------------------------------------------------------ leaks */

/* A slab's first slot, large objects, and slots that were in stock once. */
void sa_veil_disregard_own(const sa_arena *arena)
{
	sa_slabs_cursor at = sa_slabs_begin(arena);
	const sa_slab *slab;

	if (!sa_annotate_is_of_memory())
		return;
	for (const sa_shard *s = arena->all_shards; s != NULL; s = s->next) {
		sa_annotate_disregard(s->bins, sizeof s->bins);
		for (unsigned i = 0; i < s->npool_bins; i++)
			if (s->pool_bins[i] != NULL)
				sa_annotate_disregard(s->pool_bins[i],
						      sizeof(sa_bin));
	}
	for (const sa_large *l = arena->larges; l != NULL; l = l->next)
		sa_annotate_disregard((void *)(uintptr_t)&l->object,
				      sizeof l->object);
	while ((slab = sa_slabs_next(arena, &at)) != NULL)
		sa_annotate_disregard(&slab->slots, sizeof slab->slots);
}
