/* SPDX-License-Identifier: ISC */
/*
 * Canaries: the bytes between an object's end and its slot's, from the byte
 * after the object on, made from a secret key and the slot's address.
 *
 *   |<- object ->|<- slack: 0 or more ->|<- tail: 8 ->|
 *   slot         slot + size            stride - 8     stride
 *
 * The slot's canary word fills both: in the slack it repeats from the
 * object's end on, in the tail it stands whole.  Its first byte is never zero
 * (an off-by-one mostly writes a NUL), its second always is (a runaway string
 * stops there).  The tail is there as long as the slot, live or free.
 */
#ifndef SA_CANARY_H
#define SA_CANARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bits.h"

/* Random; kept in locked memory by its owner. */
typedef struct sa_canary_key {
	uint64_t mask;
	uint64_t factor; /* odd */
} sa_canary_key;

/*
 * A product with a secret, both halves of it one upon the other: what wyhash
 * (Wang Yi) mixes by, where every input bit reaches every output bit.
 */
SA_INLINE uint64_t sa_canary_word(const sa_canary_key *key, const void *slot)
{
	uint64_t x = sa_folded_product((uint64_t)(uintptr_t)slot ^ key->mask,
				       key->factor);

	return (x | 1) & ~(uint64_t)0xff00;
}

/*
 * Repeating with a period of eight, the slack looks the same in every word that
 * lies a multiple of eight before the tail.  Up to SA_CANARY_SHORT bytes of it
 * lie in two such words; masks say which of their bytes, and save the branches
 * that mixed sizes would mispredict.  Bytes 16 to 31 of this are 0xff, those
 * before are 0: as many bytes on as the slack has, 16 bytes are the masks.
 */
#define SA_CANARY_SHORT 15

extern const unsigned char sa_canary_masks[32]
	__attribute__((visibility("hidden")));

SA_INLINE uint64_t sa_canary_low_mask(size_t slack)
{
	return sa_load_word(sa_canary_masks + slack);
}

SA_INLINE uint64_t sa_canary_high_mask(size_t slack)
{
	return sa_load_word(sa_canary_masks + 8 + slack);
}

/* What a word of the slack holds, and where the lower of the two lies: in slots
 * below 24 bytes it has nothing to hold, and is the object's. */
SA_INLINE uint64_t sa_canary_slack_word(uint64_t word, size_t slack)
{
	unsigned bits = 8 * (unsigned)slack;

	/* What compilers know of it keeps them from leaving it as it is. */
	SA_OPAQUE(bits);
	return sa_rotate_right(word, bits);
}

SA_INLINE size_t sa_canary_low_offset(size_t stride)
{
	return stride >= 24 ? stride - 24 : 0;
}

/* Fill the slack beside an object that has content. */
void sa_canary_write_beside(unsigned char *slot, size_t stride, size_t size,
			    uint64_t word);
/* Slack of a word or more. */
bool sa_canary_intact_long(const unsigned char *slot, size_t stride,
			   size_t size, uint64_t word);

SA_INLINE void sa_canary_write_tail(unsigned char *slot, size_t stride,
				    uint64_t word)
{
	sa_store_word(slot + stride - 8, word);
}

/*
 * Fill the slack behind an object of `size` bytes whose own bytes are all zero,
 * and may be written once more.  The tail is not touched, for the next slot's
 * owner may be reading it.  In slots of 17 to 23 bytes the object has at least
 * all but 16 of them, or bytes of the slack would be missed.
 */
SA_INLINE void sa_canary_write(unsigned char *slot, size_t stride, size_t size,
			       uint64_t word)
{
	size_t slack = stride - 8 - size;
	uint64_t rotated = sa_canary_slack_word(word, slack);

	if (SA_UNLIKELY(slack > SA_CANARY_SHORT)) {
		sa_canary_write_beside(slot, stride, size, word);
		return;
	}
	/* In the smallest slots they overlap, and the second is right. */
	sa_store_word(slot + sa_canary_low_offset(stride),
		      rotated & sa_canary_low_mask(slack));
	sa_store_word(slot + stride - 16, rotated & sa_canary_high_mask(slack));
}

/* The index of the first byte of the run that is not as it was filled; `size`
 * if there is none. */
size_t sa_canary_first_wrong(const unsigned char *run, size_t size,
			     uint64_t word);

/* sa_canary_intact() without reading a byte of the object, to which its user
 * may be writing meanwhile. */
SA_INLINE bool sa_canary_intact_alone(const unsigned char *slot, size_t stride,
				      size_t size, uint64_t word)
{
	size_t slack = stride - 8 - size;
	uint64_t tail = sa_load_word(slot + stride - 8) ^ word;

	if (SA_LIKELY(slack - 8 <= 8))
		return (tail | (sa_load_word(slot + size) ^ word) |
			(sa_load_word(slot + stride - 16) ^
			 sa_canary_slack_word(word, slack))) == 0;
	if (SA_UNLIKELY(slack >= 8))
		return sa_canary_intact_long(slot, stride, size, word);
	return tail == 0 &&
	       (slack == 0 ||
		sa_canary_first_wrong(slot + size, slack, word) == slack);
}

/* The same of an object with eight bytes of slack, as keys of 32 bytes have in
 * slots of 48. */
SA_INLINE bool sa_canary_intact_full(const unsigned char *slot, size_t stride,
				     uint64_t word)
{
	return ((sa_load_word(slot + stride - 16) ^ word) |
		(sa_load_word(slot + stride - 8) ^ word)) == 0;
}

/* Is every byte of slack and tail as it was written?  Reads bytes of the object
 * too: where words need two registers, those would be left on the stack. */
SA_INLINE bool sa_canary_intact(const unsigned char *slot, size_t stride,
				size_t size, uint64_t word)
{
	size_t slack = stride - 8 - size;
	uint64_t rotated = sa_canary_slack_word(word, slack);
	uint64_t low, high;

	if (sizeof(uintptr_t) < sizeof(uint64_t))
		return sa_canary_intact_alone(slot, stride, size, word);
	if (SA_UNLIKELY(slack > SA_CANARY_SHORT))
		return sa_canary_intact_long(slot, stride, size, word);
	/* In the smallest slots that is the tail before, and the mask is 0. */
	low = sa_load_word(slot + stride - 24) ^ rotated;
	high = sa_load_word(slot + stride - 16) ^ rotated;
	low &= sa_canary_low_mask(slack);
	high &= sa_canary_high_mask(slack);
	return sa_load_word(slot + stride - 8) == word && (low | high) == 0;
}

/* Is the tail that ends where `slot` begins as the slot before wrote it? */
SA_INLINE bool sa_canary_before_intact(const sa_canary_key *key,
				       const unsigned char *slot, size_t stride)
{
	return sa_load_word(slot - 8) == sa_canary_word(key, slot - stride);
}

/* A run of `size` canary bytes that repeat the word, as behind and before an
 * object with guard pages of its own. */
void sa_canary_fill(unsigned char *run, size_t size, uint64_t word);

/* The same for the canary of a slot, relative to the object's start; the
 * stride if there is none. */
size_t sa_canary_slot_first_wrong(const unsigned char *slot, size_t stride,
				  size_t size, uint64_t word);

#endif
