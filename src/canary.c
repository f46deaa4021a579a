/* SPDX-License-Identifier: ISC */
/* Canaries a byte at a time: long runs, and where a damaged one is damaged. */
#include <config.h>

#include "canary.h"

const unsigned char sa_canary_masks[32] = {
	[16] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff,        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};

/* The slack's first bytes are less than a word, the rest whole words. */
static void write_long(unsigned char *slot, size_t stride, size_t size,
		       uint64_t word)
{
	size_t slack = stride - 8 - size;
	uint64_t rotated = sa_canary_slack_word(word, slack);

	sa_store_word(slot + size, word);
	for (size_t at = size + slack % 8; at < stride - 8; at += 8)
		sa_store_word(slot + at, rotated);
}

void sa_canary_write_beside(unsigned char *slot, size_t stride, size_t size,
			    uint64_t word)
{
	size_t slack = stride - 8 - size;

	if (slack >= 8)
		write_long(slot, stride, size, word);
	else
		sa_canary_fill(slot + size, slack, word);
}

bool sa_canary_intact_long(const unsigned char *slot, size_t stride,
			   size_t size, uint64_t word)
{
	size_t slack = stride - 8 - size;
	uint64_t rotated = sa_canary_slack_word(word, slack);
	uint64_t wrong = sa_load_word(slot + size) ^ word;
	size_t at = size + slack % 8;

	for (; at < stride - 8; at += 8)
		wrong |= sa_load_word(slot + at) ^ rotated;
	return (wrong | (sa_load_word(slot + stride - 8) ^ word)) == 0;
}

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
