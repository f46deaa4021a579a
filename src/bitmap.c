/* SPDX-License-Identifier: ISC */
/* Ranges and runs of bits. */
#include <config.h>

#include "bitmap.h"

/* The bits of word `w` that lie in [index, index + count). */
/*@ requires index + count <= SIZE_MAX - 64;
    requires w * 64 < index + count;
    requires index < (w + 1) * 64;
    assigns \nothing; */
static uint64_t range_mask(size_t w, size_t index, size_t count)
{
	size_t first = w * SA_BITMAP_WORD_BITS;
	uint64_t mask = ~(uint64_t)0;

	if (index > first)
		mask &= ~(uint64_t)0 << (index - first);
	if (index + count < first + SA_BITMAP_WORD_BITS)
		mask &= ~(~(uint64_t)0 << (index + count - first));
	return mask;
}

/*@ requires 0 < count && index + count <= SIZE_MAX - 64;
    requires \valid(words + (0 .. (index + count - 1) / 64));
    assigns words[index / 64 .. (index + count - 1) / 64]; */
void sa_bitmap_set_range(uint64_t *words, size_t index, size_t count)
{
	size_t end = sa_bitmap_nwords(index + count);

	/*@ loop invariant index / 64 <= w <= end;
	    loop assigns w, words[index / 64 .. end - 1];
	    loop variant end - w; */
	for (size_t w = index / SA_BITMAP_WORD_BITS; w < end; w++)
		words[w] |= range_mask(w, index, count);
}

/*@ requires 0 < count && index + count <= SIZE_MAX - 64;
    requires \valid(words + (0 .. (index + count - 1) / 64));
    assigns words[index / 64 .. (index + count - 1) / 64]; */
void sa_bitmap_clear_range(uint64_t *words, size_t index, size_t count)
{
	size_t end = sa_bitmap_nwords(index + count);

	/*@ loop invariant index / 64 <= w <= end;
	    loop assigns w, words[index / 64 .. end - 1];
	    loop variant end - w; */
	for (size_t w = index / SA_BITMAP_WORD_BITS; w < end; w++)
		words[w] &= ~range_mask(w, index, count);
}

/* The bits of `word` from `bit` on. */
/*@ requires bit < 64;
    assigns \nothing;
    ensures lowest_bit(\result) >= bit; */
static uint64_t bits_from(uint64_t word, size_t bit)
{
	return word & ~(uint64_t)0 << bit;
}

/* The first index from `from` on whose bit is `value`, or nbits. */
/*@ requires nbits <= SIZE_MAX - 64 && from <= nbits;
    requires nbits > 0 ==> \valid_read(words + (0 .. (nbits - 1) / 64));
    assigns \nothing;
    ensures from <= \result <= nbits; */
static size_t find_next(const uint64_t *words, size_t nbits, size_t from,
			bool value)
{
	uint64_t flip = value ? 0 : ~(uint64_t)0;

	/*@ loop invariant \at(from, Pre) <= from <= nbits + 63;
	    loop assigns from;
	    loop variant nbits - from; */
	while (from < nbits) {
		size_t w = from / SA_BITMAP_WORD_BITS;
		uint64_t word =
			bits_from(words[w] ^ flip, from % SA_BITMAP_WORD_BITS);

		if (word != 0) {
			from = w * SA_BITMAP_WORD_BITS +
			       sa_count_trailing_zeros(word);
			break;
		}
		from = (w + 1) * SA_BITMAP_WORD_BITS;
	}
	return from < nbits ? from : nbits;
}

/*@ requires nbits <= SIZE_MAX - 64 && 0 < count;
    requires nbits > 0 ==> \valid_read(words + (0 .. (nbits - 1) / 64));
    assigns \nothing;
    ensures \result == SIZE_MAX || \result + count <= nbits; */
size_t sa_bitmap_find_run(const uint64_t *words, size_t nbits, size_t count)
{
	size_t start = 0;

	/*@ loop invariant start <= nbits;
	    loop assigns start; */
	while (start < nbits) {
		size_t end;

		start = find_next(words, nbits, start, true);
		end = find_next(words, nbits, start, false);
		if (end - start >= count && start < nbits)
			return start;
		start = end;
	}
	return SIZE_MAX;
}
