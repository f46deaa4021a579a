/* SPDX-License-Identifier: ISC */
/* Ranges and runs of bits. */
#include <config.h>

#include "bitmap.h"

/* The bits of word `w` that lie in [index, index + count). */
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

void sa_bitmap_set_range(uint64_t *words, size_t index, size_t count)
{
	size_t end = sa_bitmap_nwords(index + count);

	for (size_t w = index / SA_BITMAP_WORD_BITS; w < end; w++)
		words[w] |= range_mask(w, index, count);
}

void sa_bitmap_clear_range(uint64_t *words, size_t index, size_t count)
{
	size_t end = sa_bitmap_nwords(index + count);

	for (size_t w = index / SA_BITMAP_WORD_BITS; w < end; w++)
		words[w] &= ~range_mask(w, index, count);
}

/* The first index from `from` on whose bit is `value`, or nbits. */
static size_t find_next(const uint64_t *words, size_t nbits, size_t from,
			bool value)
{
	uint64_t flip = value ? 0 : ~(uint64_t)0;

	while (from < nbits) {
		size_t w = from / SA_BITMAP_WORD_BITS;
		uint64_t word = (words[w] ^ flip) &
				~(uint64_t)0 << (from % SA_BITMAP_WORD_BITS);

		if (word != 0) {
			from = w * SA_BITMAP_WORD_BITS +
			       sa_count_trailing_zeros(word);
			break;
		}
		from = (w + 1) * SA_BITMAP_WORD_BITS;
	}
	return from < nbits ? from : nbits;
}

size_t sa_bitmap_find_run(const uint64_t *words, size_t nbits, size_t count)
{
	size_t start = 0;

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
