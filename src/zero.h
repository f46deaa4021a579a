/* SPDX-License-Identifier: ISC */
/*
 * Wiping a slot and finding it still wiped, in line for the sizes that most
 * secrets have: a call costs more than the stores.
 */
#ifndef SA_ZERO_H
#define SA_ZERO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bits.h"

/* Slots are wiped and checked up to their tail, 8 bytes short of a stride. */
#define SA_ZERO_SHORT 56
#define SA_ZERO_MEDIUM 136

/* Sixteen bytes in one register, at any address. */
typedef uint64_t sa_zero_block __attribute__((vector_size(16)));

SA_INLINE sa_zero_block sa_zero_load(const unsigned char *p)
{
	sa_zero_block block;

	memcpy(&block, p, sizeof block);
	return block;
}

void sa_zero_wipe_long(unsigned char *memory, size_t size);
bool sa_zero_intact_long(const unsigned char *memory, size_t size);

/*
 * A short or medium memory is some blocks and a word.  Those that not all sizes
 * have are moved back to the last block and overlap it, so that no branch
 * depends on the size any further: sizes come mixed.
 */
SA_INLINE size_t sa_zero_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Is there a last block, and not too far off?  Of 8 bytes it would begin below
 * 0, which is far off too. */
SA_INLINE bool sa_zero_is_medium(size_t last)
{
	return last <= SA_ZERO_MEDIUM - 24;
}

SA_INLINE bool sa_zero_is_short(size_t last)
{
	return last <= SA_ZERO_SHORT - 24;
}

/* Zero `size` bytes, at least 8, for good: the compiler may not find the stores
 * useless. */
SA_INLINE void sa_zero_wipe(unsigned char *memory, size_t size)
{
	size_t last = size - 24;

	if (SA_LIKELY(sa_zero_is_medium(last))) {
		if (SA_UNLIKELY(!sa_zero_is_short(last))) {
			memset(memory + 32, 0, 16);
			memset(memory + sa_zero_min(48, last), 0, 16);
			memset(memory + sa_zero_min(64, last), 0, 16);
			memset(memory + sa_zero_min(80, last), 0, 16);
			memset(memory + sa_zero_min(96, last), 0, 16);
		}
		memset(memory, 0, 16);
		memset(memory + sa_zero_min(16, last), 0, 16);
		memset(memory + last, 0, 16);
		memset(memory + size - 8, 0, 8);
	} else {
		sa_zero_wipe_long(memory, size);
	}
	atomic_signal_fence(memory_order_seq_cst);
}

/* Are all bytes zero?  Sizes as above. */
SA_INLINE bool sa_zero_intact(const unsigned char *memory, size_t size)
{
	size_t last = size - 24;
	sa_zero_block found;

	if (SA_UNLIKELY(!sa_zero_is_medium(last)))
		return sa_zero_intact_long(memory, size);
	found = sa_zero_load(memory) |
		sa_zero_load(memory + sa_zero_min(16, last)) |
		sa_zero_load(memory + last);
	if (SA_UNLIKELY(!sa_zero_is_short(last)))
		found |= sa_zero_load(memory + 32) |
			 sa_zero_load(memory + sa_zero_min(48, last)) |
			 sa_zero_load(memory + sa_zero_min(64, last)) |
			 sa_zero_load(memory + sa_zero_min(80, last)) |
			 sa_zero_load(memory + sa_zero_min(96, last));
	return (sa_load_word(memory + size - 8) | found[0] | found[1]) == 0;
}

/* The index of the first byte that is not zero; `size` if there is none. */
size_t sa_zero_first_wrong(const unsigned char *memory, size_t size);

#endif
