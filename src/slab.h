/* SPDX-License-Identifier: ISC */
/*
 * A slab: a run of pages cut into equal slots, with all that is known about
 * them out of line.  A slab belongs to one owner, who alone takes slots and
 * touches `free_bits`; anyone else who frees a slot claims it in `claims`,
 * and the owner collects it from there.
 *
 *   pages   | head | gap | front | slot 0 | slot 1 | ...             |
 *                          ^ 8 canary bytes, the tail of a slot -1
 *
 * Slot 0 is aligned to the largest power of two that divides the stride, up to
 * a page, and so is every slot.  A slot's mark says what it is; the life of an
 * object is published by the last store of its birth and withdrawn by the first
 * of its death.  A free slot is zero up to its tail.
 */
#ifndef SA_SLAB_H
#define SA_SLAB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bitmap.h"
#include "bits.h"
#include "canary.h"
#include "mark.h"
#include "meta.h"
#include "sizeclass.h"
#include "sodium_arena.h"
#include "zero.h"

#define SA_SLAB_NO_INDEX UINT32_MAX

/* The canary's two words are written whole. */
#define SA_SLAB_STRIDE_MIN 16

typedef struct sa_slab sa_slab;

struct sa_slab {
	/* Fixed while the slab exists; what a free needs first. */
	unsigned char *slots; /* NULL: this descriptor describes nothing */
	uint32_t stride;
	uint32_t nslots;
	uint32_t reciprocal; /* 2^32 / stride, rounded up */
	uint32_t class;
	void *marks;
	/* Changed only while nobody else runs. */
	_Atomic(void *) owner;
	void *bin; /* where the owner keeps slots of this class */
	const sa_canary_key *key;
	unsigned char *pages;
	size_t size;
	/* The owner's. */
	uint64_t *free_bits; /* set: free, and the owner's to take */
	uint32_t nfree;      /* bits set in free_bits */
	uint32_t cursor;     /* the word where taking goes on */
	bool is_listed;
	sa_slab *next; /* in the owner's list, or of unused descriptors */
	sa_slab *previous;
	void *region; /* whose pages they are */
	/* Everyone's. */
	_Alignas(SA_CACHE_LINE) _Atomic(uint64_t) *claims; /* freed by others */
	atomic_bool is_posted; /* in the owner's inbox */
	sa_slab *posted_next;
};

/* A slot, by value only where it is inlined: the parts would be put on the
 * stack one by one and read by wider loads, which wait for them. */
typedef struct sa_slot {
	unsigned char *memory;
	sa_mark_place *mark;
	sa_slab *slab;
} sa_slot;

/* All of a slot that an object's birth and death need, if its stride is known.
 * Likewise. */
typedef struct sa_site {
	unsigned char *memory;
	sa_mark_place *mark;
} sa_site;

/* How many slots fit into `size` bytes of pages of which the first `head` are
 * not to be used; 0 if none. */
size_t sa_slab_capacity(size_t size, size_t head, size_t stride);

/*
 * Cut zeroed pages into slots of `stride` bytes, SA_SLAB_STRIDE_MIN to
 * SA_SIZECLASS_STRIDE_MAX, and write their tails.  `slab` was zeroed once and
 * holds nothing.  Its class is its owner's to set.  0, or -1 with ENOMEM.
 */
int sa_slab_create(sa_slab *slab, sa_meta *meta, const sa_canary_key *key,
		   unsigned char *pages, size_t size, size_t head,
		   size_t stride);

/* Forget a slab without live objects.  Wiping its tails first makes its pages
 * zero again. */
void sa_slab_wipe_tails(const sa_slab *slab);
void sa_slab_destroy(sa_slab *slab, sa_meta *meta);

SA_INLINE unsigned char *sa_slab_slot(const sa_slab *slab, uint32_t index)
{
	return slab->slots + (size_t)index * slab->stride;
}

SA_INLINE sa_slot sa_slab_slot_at(sa_slab *slab, uint32_t index)
{
	return (sa_slot){sa_slab_slot(slab, index),
			 sa_mark_at(slab->marks, slab->stride, index), slab};
}

SA_INLINE uint32_t sa_slab_reciprocal(size_t stride)
{
	return (uint32_t)(((uint64_t)1 << 32) / stride + 1);
}

/* The slot that begins at `address`, whatever that is; SA_SLAB_NO_INDEX if
 * none does. */
SA_INLINE uint32_t sa_slab_index(const sa_slab *slab, uintptr_t address)
{
	uint64_t offset = address - (uintptr_t)slab->slots;
	/* Exact for every offset within a slab: reciprocal * stride passes 2^32
	 * by at most the stride, and offset * stride stays below 2^32. */
	uint32_t index = (uint32_t)(offset * slab->reciprocal >> 32);

	if (SA_UNLIKELY((uint64_t)index * slab->stride != offset ||
			index >= slab->nslots))
		return SA_SLAB_NO_INDEX;
	return index;
}

SA_INLINE uint32_t sa_slot_index(sa_slot slot)
{
	return sa_mark_index(slot.slab->marks, slot.slab->stride, slot.mark);
}

SA_INLINE sa_site sa_slot_site(sa_slot slot)
{
	return (sa_site){slot.memory, slot.mark};
}

SA_INLINE uint16_t sa_slot_mark(sa_slot slot)
{
	return sa_mark_load(slot.mark, slot.slab->stride);
}

SA_INLINE void sa_slot_set_mark(sa_slot slot, unsigned mark)
{
	sa_mark_store(slot.mark, slot.slab->stride, mark);
}

SA_INLINE void *sa_slab_owner(const sa_slab *slab)
{
	return atomic_load_explicit(&slab->owner, memory_order_relaxed);
}

/* Are birth and death straight code, without calls, in slots of that stride; of
 * an object of that size there?  Both, it is. */
SA_INLINE bool sa_slot_stride_is_plain(size_t stride)
{
	return sa_zero_is_medium(stride - 8 - 24);
}

SA_INLINE bool sa_slot_size_is_plain(size_t stride, size_t size)
{
	return stride - 8 - size <= SA_CANARY_SHORT;
}

/* Is a free slot as it was left? */
SA_INLINE bool sa_slot_is_untouched(const unsigned char *slot, size_t stride,
				    uint64_t word)
{
	return sa_zero_intact(slot, stride - 8) &&
	       sa_load_word(slot + stride - 8) == word;
}

/* Are an object's canary and the one before it intact? */
SA_INLINE bool sa_slot_is_intact(const unsigned char *slot, size_t stride,
				 size_t size, const sa_canary_key *key)
{
	if (SA_UNLIKELY(!sa_canary_before_intact(key, slot, stride)))
		return false;
	SA_OPAQUE(key);
	return sa_canary_intact(slot, stride, size, sa_canary_word(key, slot));
}

/* Is the slot marked free, and zero up to its tail? */
SA_INLINE bool sa_slot_is_blank(sa_site slot, size_t stride)
{
	return sa_mark_load(slot.mark, stride) == SA_MARK_FREE &&
	       sa_zero_intact(slot.memory, stride - 8);
}

/* Make an object of `size` bytes in a blank slot of that stride.  False if its
 * tail is damaged. */
SA_INLINE bool sa_slot_birth(sa_site slot, size_t stride, size_t size,
			     const sa_canary_key *key)
{
	uint64_t word = sa_canary_word(key, slot.memory);

	if (SA_UNLIKELY(sa_load_word(slot.memory + stride - 8) != word))
		return false;
	sa_canary_write(slot.memory, stride, size, word);
	sa_mark_store(slot.mark, stride, sa_mark_of_size(size));
	return true;
}

/* End the object that the slot's mark says it has: verified, withdrawn, wiped.
 * False if there is none, or it is damaged.  The owner's call. */
SA_INLINE bool sa_slot_death(sa_site slot, size_t stride, uint16_t mark,
			     const sa_canary_key *key)
{
	if (SA_UNLIKELY(!sa_mark_is_live(mark) ||
			!sa_slot_is_intact(slot.memory, stride,
					   sa_mark_size(mark), key)))
		return false;
	sa_mark_store(slot.mark, stride, SA_MARK_FREE);
	/* In that order, should a forked child find this half done. */
	atomic_signal_fence(memory_order_seq_cst);
	sa_zero_wipe(slot.memory, stride - 8);
	return true;
}

/*
 * The same by someone who is not the owner.  The claim is the one atomic
 * operation, and its old value the double-free check; the mark that follows
 * the wipe hands the slot to the owner.  *had_claim: it was claimed before.
 */
bool sa_slot_death_elsewhere(const sa_slot *slot, bool *had_claim);

/* A slot was found free twice: fills *misuse, but for the arena's name. */
void sa_slot_explain_double_free(const unsigned char *slot,
				 sa_arena_misuse *misuse) SA_COLD;

/* Give the bit of a slot back that was taken.  False if it is there already:
 * two threads have freed one object.  The owner's call. */
SA_INLINE bool sa_slab_give(sa_slab *slab, uint32_t index)
{
	if (SA_UNLIKELY(sa_bitmap_is_set(slab->free_bits, index)))
		return false;
	slab->free_bits[index / SA_BITMAP_WORD_BITS] |= sa_bitmap_mask(index);
	slab->nfree++;
	return true;
}

/* Take up to `count` free slots, which lie close together: fills their parts
 * into both arrays and returns how many there are.  Not 0, as long as nfree is
 * not.  The owner's call. */
uint32_t sa_slab_take(sa_slab *slab, uint32_t count, unsigned char **memory,
		      sa_mark_place **marks);

/* Some slots of a slab that were taken and hold no object. */
typedef struct sa_slab_taken {
	const uint32_t *indices;
	uint32_t count;
} sa_slab_taken;

/*
 * Move what others have freed to free_bits.  *pending says whether one of
 * them is not done yet.  False, with *misuse filled, where a slot was freed
 * by the owner too: it is marked free, or `taken`, or its bit is set.  The
 * owner's call.
 */
bool sa_slab_collect(sa_slab *slab, sa_slab_taken taken, bool *pending,
		     sa_arena_misuse *misuse);

/* Change the size of a live object within its slot; new bytes are zero.  The
 * object's user calls, having verified it. */
void sa_slot_resize(sa_slot slot, size_t size);

/* End all objects of a verified slab, while nobody else runs; all slots are
 * free then and the owner's to take. */
void sa_slab_clear(sa_slab *slab);

/* Has someone else than the owner freed what is there? */
bool sa_slot_is_claimed(sa_slot slot);

/* Put a slab in order that threads were at which are no more: what they were
 * making or ending is no object.  Every slot without one is zero and the
 * owner's to take then, and the slab is in no list.  Its memory may be absent.
 */
void sa_slab_mend(sa_slab *slab, bool is_present);

#endif
