/* SPDX-License-Identifier: ISC */
/* Long wipes and checks, and where a write to free memory went. */
#include <config.h>

#include "zero.h"

#include <sodium.h>

void sa_zero_wipe_long(unsigned char *memory, size_t size)
{
	sodium_memzero(memory, size);
}

bool sa_zero_intact_long(const unsigned char *memory, size_t size)
{
	size_t i;
	uint64_t found = 0;

	for (i = 0; i + 64 <= size && found == 0; i += 64)
		for (size_t j = 0; j < 64; j += 8)
			found |= sa_load_word(memory + i + j);
	for (; i + 8 <= size; i += 8)
		found |= sa_load_word(memory + i);
	for (; i < size; i++)
		found |= memory[i];
	return found == 0;
}

size_t sa_zero_first_wrong(const unsigned char *memory, size_t size)
{
	size_t i = 0;

	while (i < size && memory[i] == 0)
		i++;
	return i;
}
