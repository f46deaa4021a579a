/* SPDX-License-Identifier: ISC */
/* A source of random numbers whose first draw another thread waits for. */
#include <config.h>

#include "slow.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "support.h"

static atomic_bool has_begun, may_end;
static unsigned pause_us;

static uint32_t draw_number(void)
{
	uint32_t number;

	randombytes_sysrandom_implementation.buf(&number, sizeof number);
	return number;
}

static void draw(void *bytes, size_t size)
{
	if (!atomic_exchange(&has_begun, true)) {
		while (!atomic_load(&may_end))
			usleep(1000);
		usleep(pause_us);
	}
	randombytes_sysrandom_implementation.buf(bytes, size);
}

static const char *name(void)
{
	return "slow";
}

void slow_start(unsigned microseconds)
{
	static randombytes_implementation slow = {
		.implementation_name = name,
		.random = draw_number,
		.buf = draw,
	};

	pause_us = microseconds;
	SUPPORT_REQUIRE(randombytes_set_implementation(&slow) == 0);
}

void slow_await(void)
{
	while (!atomic_load(&has_begun))
		usleep(1000);
}

void slow_go_on(void)
{
	atomic_store(&may_end, true);
}
