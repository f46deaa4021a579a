/* SPDX-License-Identifier: ISC */
/* Slabs: layout, taking and collecting slots, their ends. */
#include <config.h>

#include "slab.h"

#include <errno.h>

#include "os.h"

/* --------------------------------------------------------------- layout */

/* Where slot 0 begins: aligned as its stride allows, up to a page, and with
 * room for the canary before it. */
static size_t first_slot_offset(size_t head, size_t stride)
{
	size_t alignment = sa_lowest_bit(stride);

	if (alignment > sa_os_page_size)
		alignment = sa_os_page_size;
	return sa_align_up(head + SA_CANARY_SIZE, alignment);
}

size_t sa_slab_capacity(size_t size, size_t head, size_t stride)
{
	size_t offset = first_slot_offset(head, stride);

	return offset < size ? (size - offset) / stride : 0;
}

/* One block of metadata: both bitmaps, then the marks.  The owner writes the
 * first at every turn and others the second: each has its own lines. */
static size_t bitmap_size(size_t nslots)
{
	return sa_align_up(sa_bitmap_nwords(nslots) * sizeof(uint64_t),
			   SA_CACHE_LINE);
}

static size_t metadata_size(size_t nslots, size_t stride)
{
	return 2 * bitmap_size(nslots) + nslots * sa_mark_width(stride);
}

static int allocate_metadata(sa_slab *slab, sa_meta *meta)
{
	size_t size = bitmap_size(slab->nslots);
	unsigned char *block =
		sa_meta_alloc(meta, metadata_size(slab->nslots, slab->stride));

	if (block == NULL)
		return -1;
	slab->free_bits = (uint64_t *)(void *)block;
	slab->claims = (_Atomic(uint64_t) *)(void *)(block + size);
	slab->marks = block + 2 * size;
	return 0;
}

static void write_tails(const sa_slab *slab)
{
	const unsigned char *end = sa_slab_slot(slab, slab->nslots);

	for (unsigned char *slot = slab->slots - slab->stride; slot < end;
	     slot += slab->stride)
		sa_canary_write_tail(slot, slab->stride,
				     sa_canary_word(slab->key, slot));
}

int sa_slab_create(sa_slab *slab, sa_meta *meta, const sa_canary_key *key,
		   unsigned char *pages, size_t size, size_t head,
		   size_t stride)
{
	slab->stride = (uint32_t)stride;
	slab->nslots = (uint32_t)sa_slab_capacity(size, head, stride);
	slab->reciprocal = sa_slab_reciprocal(stride);
	slab->key = key;
	slab->pages = pages;
	slab->size = size;
	if (allocate_metadata(slab, meta) != 0)
		return -1;
	slab->slots = pages + first_slot_offset(head, stride);
	slab->nfree = slab->nslots;
	slab->cursor = 0;
	slab->is_listed = false;
	atomic_store(&slab->is_posted, false);
	sa_bitmap_set_range(slab->free_bits, 0, slab->nslots);
	write_tails(slab);
	return 0;
}

void sa_slab_wipe_tails(const sa_slab *slab)
{
	const unsigned char *end = sa_slab_slot(slab, slab->nslots);

	for (unsigned char *slot = slab->slots - slab->stride; slot < end;
	     slot += slab->stride)
		sa_store_word(slot + slab->stride - 8, 0);
}

void sa_slab_destroy(sa_slab *slab, sa_meta *meta)
{
	sa_meta_free(meta, slab->free_bits,
		     metadata_size(slab->nslots, slab->stride));
	slab->slots = NULL;
	slab->nslots = 0;
	slab->size = 0;
}

/* ------------------------------------------------------ taking, giving */

/* The word where taking goes on. */
static uint32_t next_word(sa_slab *slab)
{
	uint32_t nwords = (uint32_t)sa_bitmap_nwords(slab->nslots);
	uint32_t w = slab->cursor;

	while (slab->free_bits[w] == 0)
		w = w + 1 < nwords ? w + 1 : 0;
	slab->cursor = w;
	return w;
}

uint32_t sa_slab_take(sa_slab *slab, uint32_t count, unsigned char **memory,
		      sa_mark_place **marks)
{
	uint32_t w = next_word(slab);
	uint64_t bits = slab->free_bits[w];
	uint32_t n;

	for (n = 0; n < count && bits != 0; n++, bits &= bits - 1) {
		const sa_slot slot = sa_slab_slot_at(
			slab, w * SA_BITMAP_WORD_BITS +
				      sa_count_trailing_zeros(bits));

		sa_prefetch_to_write(slot.memory);
		memory[n] = slot.memory;
		marks[n] = slot.mark;
	}
	slab->free_bits[w] = bits;
	slab->nfree -= n;
	return n;
}

static uint16_t mark_of(const sa_slab *slab, uint32_t index)
{
	return sa_mark_load(sa_mark_at(slab->marks, slab->stride, index),
			    slab->stride);
}

static void set_mark(sa_slab *slab, uint32_t index, uint16_t mark)
{
	sa_mark_store(sa_mark_at(slab->marks, slab->stride, index),
		      slab->stride, mark);
}

void sa_slot_explain_double_free(const unsigned char *slot,
				 sa_arena_misuse *misuse)
{
	*misuse = (sa_arena_misuse){.kind = SA_ARENA_MISUSE_DOUBLE_FREE,
				    .object = slot};
}

/* Collect a claimed slot.  False if its owner has freed it too. */
static bool collect_slot(sa_slab *slab, uint32_t index, bool *pending)
{
	switch (mark_of(slab, index)) {
	case SA_MARK_FREE:
		return false;
	case SA_MARK_COLLECTABLE:
		set_mark(slab, index, SA_MARK_FREE);
		return sa_slab_give(slab, index);
	default:
		*pending = true;
		return true;
	}
}

/* The bits of one word that are taken. */
static uint64_t taken_bits(sa_slab_taken taken, uint32_t w)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < taken.count; i++)
		if (taken.indices[i] / SA_BITMAP_WORD_BITS == w)
			bits |= sa_bitmap_mask(taken.indices[i]);
	return bits;
}

/* Collect the claims of one word.  What is claimed after they were loaded is
 * not collected this time. */
static bool collect_word(sa_slab *slab, uint32_t w, sa_slab_taken taken,
			 bool *pending, sa_arena_misuse *misuse)
{
	uint64_t claimed = atomic_load(&slab->claims[w]);
	uint64_t twice = claimed == 0 ? 0 : claimed & taken_bits(taken, w);
	uint64_t done = 0;
	bool is_sound = true;

	for (uint64_t rest = claimed; is_sound && rest != 0; rest &= rest - 1) {
		uint32_t index =
			w * SA_BITMAP_WORD_BITS + sa_count_trailing_zeros(rest);
		bool is_pending = false;

		if ((twice & sa_bitmap_mask(index)) != 0 ||
		    !collect_slot(slab, index, &is_pending)) {
			sa_slot_explain_double_free(sa_slab_slot(slab, index),
						    misuse);
			is_sound = false;
		} else if (is_pending) {
			*pending = true;
		} else {
			done |= sa_bitmap_mask(index);
		}
	}
	if (done != 0)
		atomic_fetch_and_explicit(&slab->claims[w], ~done,
					  memory_order_release);
	return is_sound;
}

bool sa_slab_collect(sa_slab *slab, sa_slab_taken taken, bool *pending,
		     sa_arena_misuse *misuse)
{
	uint32_t nwords = (uint32_t)sa_bitmap_nwords(slab->nslots);

	*pending = false;
	for (uint32_t w = 0; w < nwords; w++)
		if (!collect_word(slab, w, taken, pending, misuse))
			return false;
	return true;
}

/* ------------------------------------------------------------- objects */

bool sa_slot_death_elsewhere(const sa_slot *slot, bool *had_claim)
{
	const sa_slab *slab = slot->slab;
	uint32_t index = sa_slot_index(*slot);
	uint64_t bit = sa_bitmap_mask(index);
	_Atomic(uint64_t) *claims = &slab->claims[index / SA_BITMAP_WORD_BITS];
	uint64_t old = atomic_fetch_or(claims, bit);
	uint16_t mark = sa_mark_load(slot->mark, slab->stride);

	*had_claim = (old & bit) != 0;
	if (*had_claim)
		return false;
	if (!sa_mark_is_live(mark) ||
	    !sa_slot_is_intact(slot->memory, slab->stride, sa_mark_size(mark),
			       slab->key)) {
		/* What is there is as it was, also for who is told of it. */
		atomic_fetch_and(claims, ~bit);
		return false;
	}
	sa_zero_wipe(slot->memory, slab->stride - 8);
	sa_mark_store(slot->mark, slab->stride, SA_MARK_COLLECTABLE);
	return true;
}

void sa_slot_resize(sa_slot slot, size_t size)
{
	size_t stride = slot.slab->stride;
	size_t old = sa_mark_size(sa_slot_mark(slot));
	size_t from = old < size ? old : size;

	memset(slot.memory + from, 0, stride - 8 - from);
	sa_canary_write_beside(slot.memory, stride, size,
			       sa_canary_word(slot.slab->key, slot.memory));
	sa_slot_set_mark(slot, sa_mark_of_size(size));
}

/* No inbox has the slab any more. */
static void forget_claims(sa_slab *slab)
{
	uint32_t nwords = (uint32_t)sa_bitmap_nwords(slab->nslots);

	for (uint32_t w = 0; w < nwords; w++)
		atomic_store(&slab->claims[w], 0);
	atomic_store(&slab->is_posted, false);
}

void sa_slab_clear(sa_slab *slab)
{
	for (uint32_t i = 0; i < slab->nslots; i++) {
		if (sa_mark_is_live(mark_of(slab, i)))
			sa_zero_wipe(sa_slab_slot(slab, i), slab->stride - 8);
		set_mark(slab, i, SA_MARK_FREE);
	}
	forget_claims(slab);
	sa_bitmap_set_range(slab->free_bits, 0, slab->nslots);
	slab->nfree = slab->nslots;
}

bool sa_slot_is_claimed(sa_slot slot)
{
	uint32_t index = sa_slot_index(slot);

	return (atomic_load(&slot.slab->claims[index / SA_BITMAP_WORD_BITS]) &
		sa_bitmap_mask(index)) != 0;
}

/* What is zero already is not written to: a forked child would copy it. */
static void mend_slot(sa_slot slot, bool is_present)
{
	size_t size = slot.slab->stride - 8;

	if (sa_mark_is_live(sa_slot_mark(slot)) && !sa_slot_is_claimed(slot))
		return;
	if (is_present && !sa_zero_intact(slot.memory, size))
		sa_zero_wipe(slot.memory, size);
	sa_slot_set_mark(slot, SA_MARK_FREE);
	(void)sa_slab_give(slot.slab, sa_slot_index(slot));
}

void sa_slab_mend(sa_slab *slab, bool is_present)
{
	sa_bitmap_clear_range(slab->free_bits, 0, slab->nslots);
	slab->nfree = 0;
	slab->is_listed = false;
	for (uint32_t i = 0; i < slab->nslots; i++)
		mend_slot(sa_slab_slot_at(slab, i), is_present);
	forget_claims(slab);
}
