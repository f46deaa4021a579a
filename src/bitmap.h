/* SPDX-License-Identifier: ISC */
/*
 * Bits in words: set ranges, find runs, take a few at a time.  Plain memory;
 * whoever shares a bitmap between threads brings the atomics.
 */
#ifndef SA_BITMAP_H
#define SA_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bits.h"

#define SA_BITMAP_WORD_BITS 64

/* Words that hold `nbits` bits. */
/*@ requires nbits <= SIZE_MAX - 64;
    assigns \nothing;
    ensures \result == (nbits + 63) / 64; */
SA_INLINE size_t sa_bitmap_nwords(size_t nbits)
{
	return (nbits + SA_BITMAP_WORD_BITS - 1) / SA_BITMAP_WORD_BITS;
}

SA_INLINE uint64_t sa_bitmap_mask(size_t index)
{
	return (uint64_t)1 << (index % SA_BITMAP_WORD_BITS);
}

SA_INLINE bool sa_bitmap_is_set(const uint64_t *words, size_t index)
{
	return (words[index / SA_BITMAP_WORD_BITS] & sa_bitmap_mask(index)) !=
	       0;
}

void sa_bitmap_set_range(uint64_t *words, size_t index, size_t count);
void sa_bitmap_clear_range(uint64_t *words, size_t index, size_t count);

/* The lowest index where `count` set bits begin, all below `nbits`;
 * SIZE_MAX if there is none.  `count` is not 0. */
size_t sa_bitmap_find_run(const uint64_t *words, size_t nbits, size_t count);

#endif
