/* SPDX-License-Identifier: ISC */
/* Canaries a byte at a time: long runs, and where a damaged one is damaged. */
#include <config.h>

#include "canary.h"

static unsigned char canary_byte(uint64_t word, size_t index)
{
	return (unsigned char)(word >> (index % 8 * 8));
}

void sa_canary_fill(unsigned char *run, size_t size, uint64_t word)
{
	for (size_t i = 0; i < size; i++)
		run[i] = canary_byte(word, i);
}

size_t sa_canary_first_wrong(const unsigned char *run, size_t size,
			     uint64_t word)
{
	size_t i = 0;

	while (i < size && run[i] == canary_byte(word, i))
		i++;
	return i;
}

size_t sa_canary_slot_first_wrong(const unsigned char *slot, size_t stride,
				  size_t size, uint64_t word)
{
	size_t slack = stride - 8 - size;
	size_t wrong = sa_canary_first_wrong(slot + size, slack, word);

	if (wrong < slack)
		return size + wrong;
	return stride - 8 + sa_canary_first_wrong(slot + stride - 8, 8, word);
}
