/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "verify.h"

/* ------------------------------------------------------------- a slot's */

static void explain_write_after_free(sa_slot slot, sa_arena_misuse *misuse)
{
	const sa_slab *slab = slot.slab;
	size_t stride = slab->stride;
	size_t offset = sa_zero_first_wrong(slot.memory, stride - 8);

	if (offset == stride - 8)
		offset += sa_canary_first_wrong(
			slot.memory + offset, 8,
			sa_canary_word(slab->key, slot.memory));
	*misuse = (sa_arena_misuse){.kind = SA_ARENA_MISUSE_WRITE_AFTER_FREE,
				    .object = slot.memory,
				    .offset = (ptrdiff_t)offset};
}

/* Where the canary before the slot is wrong, relative to the slot. */
static ptrdiff_t first_wrong_before(sa_slot slot)
{
	uint64_t word =
		sa_canary_word(slot.slab->key, slot.memory - slot.slab->stride);

	return (ptrdiff_t)sa_canary_first_wrong(slot.memory - 8, 8, word) - 8;
}

static void explain_damage(sa_slot slot, size_t size, sa_arena_misuse *misuse)
{
	const sa_slab *slab = slot.slab;
	size_t stride = slab->stride;
	size_t offset = sa_canary_slot_first_wrong(
		slot.memory, stride, size,
		sa_canary_word(slab->key, slot.memory));

	*misuse = (sa_arena_misuse){.kind = SA_ARENA_MISUSE_OVERFLOW,
				    .object = slot.memory,
				    .size = size,
				    .offset = (ptrdiff_t)offset};
	if (offset < stride)
		return;
	misuse->kind = SA_ARENA_MISUSE_UNDERFLOW;
	misuse->offset = first_wrong_before(slot);
}

void sa_slot_explain_birth(sa_slot slot, sa_arena_misuse *misuse)
{
	if (sa_slot_mark(slot) != SA_MARK_FREE)
		sa_slot_explain_double_free(slot.memory, misuse);
	else
		explain_write_after_free(slot, misuse);
}

/* Damage counts only as long as the object is there to be damaged. */
static void explain(sa_slot slot, bool is_freed, sa_arena_misuse *misuse)
{
	uint16_t mark = sa_slot_mark(slot);

	if (!is_freed && sa_mark_is_live(mark))
		explain_damage(slot, sa_mark_size(mark), misuse);
	if (is_freed || !sa_mark_is_live(sa_slot_mark(slot)))
		sa_slot_explain_double_free(slot.memory, misuse);
}

void sa_slot_explain_death(sa_slot slot, sa_arena_misuse *misuse)
{
	explain(slot, sa_slot_is_claimed(slot), misuse);
}

void sa_slot_explain_death_elsewhere(sa_slot slot, bool had_claim,
				     sa_arena_misuse *misuse)
{
	explain(slot, had_claim, misuse);
}

/* ------------------------------------------------------------- a slab's */

/* What is known about 64 slots, while nobody is at them: a claimed slot has
 * been wiped, and one whose bit is set is marked free; or it was freed twice.
 */
typedef struct {
	uint64_t claimed;
	uint64_t free;
} states;

static states states_of(const sa_slab *slab, uint32_t w)
{
	return (states){
		atomic_load_explicit(&slab->claims[w], memory_order_relaxed),
		slab->free_bits[w]};
}

SA_INLINE bool mark_is_sound(states now, uint32_t index, uint16_t mark)
{
	uint64_t bit = sa_bitmap_mask(index);

	if (SA_LIKELY((now.claimed | now.free) == 0))
		return true;
	return ((now.claimed & bit) == 0 || mark == SA_MARK_COLLECTABLE) &&
	       ((now.free & bit) == 0 || mark == SA_MARK_FREE);
}

/* Is what lies in the slot right, its tail included? */
SA_INLINE bool content_is_sound(const unsigned char *slot, size_t stride,
				uint16_t mark, uint64_t word)
{
	if (mark == sa_mark_of_size(stride - 16))
		return sa_canary_intact_full(slot, stride, word);
	if (sa_mark_is_live(mark))
		return sa_canary_intact_alone(slot, stride, sa_mark_size(mark),
					      word);
	return sa_slot_is_untouched(slot, stride, word);
}

static void explain_verify(sa_slot slot, states now, sa_arena_misuse *misuse)
{
	uint16_t mark = sa_slot_mark(slot);

	if (!mark_is_sound(now, sa_slot_index(slot), mark))
		sa_slot_explain_double_free(slot.memory, misuse);
	else if (sa_mark_is_live(mark))
		explain_damage(slot, sa_mark_size(mark), misuse);
	else
		explain_write_after_free(slot, misuse);
}

/* The canary before the first slot; before any other is a tail. */
static bool front_is_sound(sa_slab *slab, sa_arena_misuse *misuse)
{
	sa_slot first = sa_slab_slot_at(slab, 0);
	uint16_t mark = sa_slot_mark(first);

	if (sa_canary_before_intact(slab->key, first.memory, slab->stride))
		return true;
	if (sa_mark_is_live(mark))
		explain_damage(first, sa_mark_size(mark), misuse);
	else
		*misuse = (sa_arena_misuse){
			.kind = SA_ARENA_MISUSE_WRITE_AFTER_FREE,
			.object = first.memory,
			.offset = first_wrong_before(first)};
	return false;
}

/* Behind the last slot that has its bit in the word. */
static uint32_t word_end(const sa_slab *slab, uint32_t w)
{
	uint32_t end = (w + 1) * SA_BITMAP_WORD_BITS;

	return end < slab->nslots ? end : slab->nslots;
}

/* How many bytes ahead of its turn a slot is fetched: processors do so by
 * themselves, but not across pages. */
#define PREFETCH_AHEAD ((size_t)16 << 10)

/* The first of the slots of a word that is not sound, from `i` on; `end` if all
 * are.  What is the same for all is looked up before. */
SA_INLINE uint32_t find_unsound(const sa_slab *slab, size_t stride, states now,
				uint32_t i, uint32_t end)
{
	const unsigned char *slot = slab->slots + i * stride;
	const sa_canary_key *key = slab->key;
	void *marks = slab->marks;

	for (; i < end; i++, slot += stride) {
		uint16_t mark =
			sa_mark_load(sa_mark_at(marks, stride, i), stride);

		__builtin_prefetch(slot + stride - 16 + PREFETCH_AHEAD, 0, 2);
		if (SA_UNLIKELY(!mark_is_sound(now, i, mark) ||
				!content_is_sound(slot, stride, mark,
						  sa_canary_word(key, slot))))
			break;
	}
	return i;
}

/* Small slots of which none is free stand apart, for the compiler to leave out
 * what need not be asked of them. */
static uint32_t first_unsound(const sa_slab *slab, uint32_t w)
{
	static const states none = {0, 0};
	const states now = states_of(slab, w);
	const uint32_t i = w * SA_BITMAP_WORD_BITS, end = word_end(slab, w);
	const size_t stride = slab->stride;

	if ((now.claimed | now.free) == 0 && sa_mark_is_narrow(stride))
		return find_unsound(slab, stride, none, i, end);
	return find_unsound(slab, stride, now, i, end);
}

bool sa_slab_verify(sa_slab *slab, sa_arena_misuse *misuse)
{
	uint32_t nwords = (uint32_t)sa_bitmap_nwords(slab->nslots);

	if (!front_is_sound(slab, misuse))
		return false;
	for (uint32_t w = 0; w < nwords; w++) {
		uint32_t i = first_unsound(slab, w);

		if (SA_LIKELY(i == word_end(slab, w)))
			continue;
		explain_verify(sa_slab_slot_at(slab, i), states_of(slab, w),
			       misuse);
		return false;
	}
	return true;
}
