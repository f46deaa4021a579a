/* SPDX-License-Identifier: ISC */
/*
 * A ring of 32-byte keys in one arena, which rests at NOACCESS: the published
 * seeds first, then keys derived from a random master key.  A pointer to a
 * key is no secret, so the table of them is ordinary memory.
 */
#ifndef EXAMPLES_RING_H
#define EXAMPLES_RING_H

#include <sodium_arena.h>
#include <stddef.h>

#include "scratch.h"
#include "vectors.h"

#define RING_KEY_SIZE crypto_sign_SEEDBYTES

struct ring {
	sa_arena *arena;
	unsigned char **keys;
	size_t count;
	size_t seed_count;
	struct scratch *scratch; /* the caller's */
};

extern const sa_arena_options ring_options;

/* Each returns 0, or -1 after a message on standard error. */

/* An empty ring with room for `capacity` pointers. */
int ring_create(struct ring *ring, size_t capacity, struct scratch *scratch);

/* Take every seed, then close the arena. */
int ring_take_seeds(struct ring *ring, const struct vectors *vectors);

/*
 * Sign each vector's message with its seed, opening the arena for that
 * signature only.  `matches` counts those that came out as published.
 */
int ring_sign(const struct ring *ring, const struct vectors *vectors,
	      size_t *matches);

/* Derive `count` keys, each straight into its slot. */
int ring_derive(struct ring *ring, size_t count);

/* Derive them again and compare. */
int ring_verify(const struct ring *ring);

/* Verifies every canary. */
void ring_destroy(struct ring *ring);

#endif
