/* SPDX-License-Identifier: ISC */
/* A source of numbers for randombytes_set_implementation(): xorshift. */
#include <config.h>

#include "dice.h"

#include <sodium.h>
#include <stdint.h>

#include "require.h"

static uint64_t state;

static const char *name(void)
{
	return "dice";
}

static uint32_t draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

static void fill(void *buffer, size_t size)
{
	unsigned char *bytes = buffer;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)draw();
}

void dice_begin(void)
{
	state = 88172645463325252u;
}

void dice_start(void)
{
	/* Not const in libsodium's interface. */
	static randombytes_implementation dice = {
		.implementation_name = name, .random = draw, .buf = fill};

	dice_begin();
	FUZZ_REQUIRE(randombytes_set_implementation(&dice) == 0);
}
