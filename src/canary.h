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
	uint64_t factors[2]; /* odd */
} sa_canary_key;

/*
 * Multiply and xorshift, twice, with secret constants: the shape of
 * MurmurHash3's finalizer (Appleby), where every input bit reaches every output
 * bit.
 */
SA_INLINE uint64_t sa_canary_word(const sa_canary_key *key, const void *slot)
{
	uint64_t x = (uint64_t)(uintptr_t)slot ^ key->mask;

	x *= key->factors[0];
	x ^= x >> 32;
	x *= key->factors[1];
	x ^= x >> 29;
	return (x | 1) & ~(uint64_t)0xff00;
}

/* Where the slack of `slack` bytes meets the word that ends it: which of its
 * bytes are slack, and what they hold.  No loop and no branch, since sizes
 * come mixed. */
SA_INLINE uint64_t sa_canary_last_mask(size_t slack)
{
	return slack >= 8 ? ~(uint64_t)0 : ~(~(uint64_t)0 >> (8 * slack));
}

SA_INLINE uint64_t sa_canary_last_word(uint64_t word, size_t slack)
{
	return sa_rotate_right(word, 8 * (unsigned)slack);
}

SA_INLINE void sa_canary_write_tail(unsigned char *slot, size_t stride,
				    uint64_t word)
{
	sa_store_word(slot + stride - 8, word);
}

/* Fill the slack behind an object of `size` bytes; the tail is not touched,
 * for the next slot's owner may be reading it. */
SA_INLINE void sa_canary_write(unsigned char *slot, size_t stride, size_t size,
			       uint64_t word)
{
	unsigned char *end = slot + stride - 16;
	size_t slack = stride - 8 - size;
	uint64_t mask = sa_canary_last_mask(slack);
	uint64_t last = sa_canary_last_word(word, slack) & mask;
	unsigned char *first = slack >= 8 ? slot + size : end;

	last |= sa_load_word(end) & ~mask;
	if (SA_UNLIKELY(slack > 16))
		for (unsigned char *p = first + 8; p < end; p += 8)
			sa_store_word(p, word);
	sa_store_word(first, slack >= 8 ? word : last);
	sa_store_word(end, last);
}

/* Is every byte of slack and tail as it was written? */
SA_INLINE bool sa_canary_intact(const unsigned char *slot, size_t stride,
				size_t size, uint64_t word)
{
	const unsigned char *end = slot + stride - 16;
	size_t slack = stride - 8 - size;
	uint64_t mask = sa_canary_last_mask(slack);
	uint64_t last = sa_canary_last_word(word, slack);
	uint64_t wrong = sa_load_word(end + 8) ^ word;
	const unsigned char *first = slack >= 8 ? slot + size : end;

	wrong |= (sa_load_word(end) ^ last) & mask;
	wrong |= (sa_load_word(first) ^ (slack >= 8 ? word : last)) & mask;
	if (SA_UNLIKELY(slack > 16))
		for (const unsigned char *p = first + 8; p < end; p += 8)
			wrong |= sa_load_word(p) ^ word;
	return wrong == 0;
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

/* The index of the first byte of the run that is not as it was filled; `size`
 * if there is none. */
size_t sa_canary_first_wrong(const unsigned char *run, size_t size,
			     uint64_t word);

/* The same for the canary of a slot, relative to the object's start; the
 * stride if there is none. */
size_t sa_canary_slot_first_wrong(const unsigned char *slot, size_t stride,
				  size_t size, uint64_t word);

#endif
