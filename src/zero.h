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

/* Slots are wiped and checked up to their tail: 8 bytes short of a stride,
 * so 8 more than a multiple of 16. */
#define SA_ZERO_SHORT 56
#define SA_ZERO_MEDIUM 120

/* As `size` is short or medium: no branch depends on it any further.  Blocks
 * of 16 bytes are moved back to end with the memory, and overlap. */
SA_INLINE size_t sa_zero_block(size_t i, size_t size)
{
	return 16 * i < size - 16 ? 16 * i : size - 16;
}

SA_INLINE uint64_t sa_zero_load(const unsigned char *p)
{
	return sa_load_word(p) | sa_load_word(p + 8);
}

void sa_zero_wipe_long(unsigned char *memory, size_t size);
bool sa_zero_intact_long(const unsigned char *memory, size_t size);

/* Zero `size` bytes, 8 more than a multiple of 16, for good: the compiler may
 * not find the stores useless. */
SA_INLINE void sa_zero_wipe(unsigned char *memory, size_t size)
{
	if (SA_UNLIKELY(size == 8)) {
		memset(memory, 0, 8);
	} else if (SA_LIKELY(size <= SA_ZERO_SHORT)) {
		for (size_t i = 0; i < 4; i++)
			memset(memory + sa_zero_block(i, size), 0, 16);
	} else if (size <= SA_ZERO_MEDIUM) {
		for (size_t i = 0; i < 8; i++)
			memset(memory + sa_zero_block(i, size), 0, 16);
	} else {
		sa_zero_wipe_long(memory, size);
	}
	atomic_signal_fence(memory_order_seq_cst);
}

/* Are all bytes zero?  Sizes as above. */
SA_INLINE bool sa_zero_intact(const unsigned char *memory, size_t size)
{
	uint64_t found = 0;

	if (SA_UNLIKELY(size == 8))
		return sa_load_word(memory) == 0;
	if (SA_LIKELY(size <= SA_ZERO_SHORT)) {
		for (size_t i = 0; i < 4; i++)
			found |= sa_zero_load(memory + sa_zero_block(i, size));
		return found == 0;
	}
	if (size <= SA_ZERO_MEDIUM) {
		for (size_t i = 0; i < 8; i++)
			found |= sa_zero_load(memory + sa_zero_block(i, size));
		return found == 0;
	}
	return sa_zero_intact_long(memory, size);
}

/* The index of the first byte that is not zero; `size` if there is none. */
size_t sa_zero_first_wrong(const unsigned char *memory, size_t size);

#endif
