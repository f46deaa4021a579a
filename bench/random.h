/* SPDX-License-Identifier: ISC */
/*
 * A cheap generator with a fixed seed: every allocator meets the same
 * sequence.  No cryptography rests on it.
 */
#ifndef BENCH_RANDOM_H
#define BENCH_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

/* `stream` tells the sequences of several threads apart. */
static inline struct random random_seed(uint64_t stream)
{
	return (struct random){0x9e3779b97f4a7c15u + stream * 2};
}

/* xorshift64*, by Vigna. */
static inline uint64_t random_next(struct random *random)
{
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return random->state * 0x2545f4914f6cdd1du;
}

/* Below `bound`, which is at most 2^32. */
static inline size_t random_below(struct random *random, size_t bound)
{
	return (size_t)((random_next(random) >> 32) * bound >> 32);
}

#endif
