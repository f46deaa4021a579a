/* SPDX-License-Identifier: ISC */
/* The placement stream: fast key erasure over ChaCha20. */
#include <config.h>

#include "random.h"

#include <sodium.h>

void sa_random_refill(sa_random *random)
{
	unsigned char output[SA_RANDOM_SEED_SIZE + SA_RANDOM_POOL_SIZE];

	randombytes_buf_deterministic(output, sizeof output, random->seed);
	memcpy(random->seed, output, sizeof random->seed);
	memcpy(random->pool, output + sizeof random->seed, sizeof random->pool);
	sodium_memzero(output, sizeof output);
	random->next = 0;
}

void sa_random_init(sa_random *random)
{
	randombytes_buf(random->seed, sizeof random->seed);
	sa_random_refill(random);
}
