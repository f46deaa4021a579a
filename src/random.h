/* SPDX-License-Identifier: ISC */
/*
 * Unpredictable small numbers for placement, without a system call each: a
 * ChaCha20 stream by libsodium, whose key is replaced from its own output at
 * every refill, so that what was drawn cannot be computed back.
 */
#ifndef SA_RANDOM_H
#define SA_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#include "bits.h"

#define SA_RANDOM_SEED_SIZE 32
#define SA_RANDOM_POOL_SIZE 512

typedef struct sa_random {
	unsigned next;
	unsigned char seed[SA_RANDOM_SEED_SIZE]; /* the pool follows it */
	unsigned char pool[SA_RANDOM_POOL_SIZE];
} sa_random;

/* Seed it from the system. */
void sa_random_init(sa_random *random);

void sa_random_refill(sa_random *random);

SA_INLINE bool sa_random_is_used_up(const sa_random *random)
{
	return random->next == SA_RANDOM_POOL_SIZE;
}

/* A number below `count`, which is 1 to 256; no bias worth a secret's while
 * (256 mod count in 256). */
SA_INLINE unsigned sa_random_below(sa_random *random, unsigned count)
{
	if (SA_UNLIKELY(sa_random_is_used_up(random)))
		sa_random_refill(random);
	return random->pool[random->next++] * count >> 8;
}

#endif
