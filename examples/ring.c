/* SPDX-License-Identifier: ISC */
/* The arena is open only inside the functions that use keys. */
#include <err.h>
#include <stdlib.h>

#include "progress.h"
#include "ring.h"

const sa_arena_options ring_options = {
	.size = sizeof(sa_arena_options),
	.name = "keyring",
};

static int failed(const char *what)
{
	progress_clear();
	warn("%s", what);
	return -1;
}

static int open_ring(const struct ring *ring, sa_arena_access access)
{
	if (sa_arena_open(ring->arena, access) != 0)
		return failed("cannot open the arena");
	return 0;
}

/* Close the arena again; `result` is that of the work in between. */
static int close_ring(const struct ring *ring, sa_arena_access access,
		      int result)
{
	if (sa_arena_close(ring->arena, access) != 0)
		return failed("cannot close the arena");
	return result;
}

int ring_create(struct ring *ring, size_t capacity, struct scratch *scratch)
{
	ring->count = 0;
	ring->seed_count = 0;
	ring->scratch = scratch;
	ring->keys = calloc(capacity, sizeof(*ring->keys));
	if (ring->keys == NULL)
		return failed("cannot make the table of keys");
	ring->arena = sa_arena_create(&ring_options);
	if (ring->arena == NULL) {
		free(ring->keys);
		return failed("cannot create the arena");
	}
	crypto_kdf_keygen(scratch->master_key);
	return 0;
}

int ring_take_seeds(struct ring *ring, const struct vectors *vectors)
{
	unsigned char *seed = ring->scratch->seed;
	unsigned char *key;

	for (size_t i = 0; i < vectors->count; i++) {
		if (vectors_read_seed(vectors, i, ring->scratch) != 0)
			return -1;
		key = sa_arena_take(ring->arena, seed, RING_KEY_SIZE);
		if (key == NULL)
			return failed("cannot take a seed");
		ring->keys[ring->count++] = key;
	}
	ring->seed_count = ring->count;
	if (sa_arena_protect(ring->arena, SA_ARENA_NOACCESS) != 0)
		return failed("cannot close the arena");
	return 0;
}

/* The signing key leaves the arena for the scratch only, and is wiped. */
static int sign(const struct ring *ring, size_t index,
		const struct vectors_public *vector, unsigned char *public_key,
		unsigned char *signature)
{
	unsigned char *signing_key = ring->scratch->signing_key;

	if (open_ring(ring, SA_ARENA_READONLY) != 0)
		return -1;
	crypto_sign_seed_keypair(public_key, signing_key, ring->keys[index]);
	crypto_sign_detached(signature, NULL, vector->message,
			     vector->message_size, signing_key);
	sodium_memzero(signing_key, crypto_sign_SECRETKEYBYTES);
	return close_ring(ring, SA_ARENA_READONLY, 0);
}

int ring_sign(const struct ring *ring, const struct vectors *vectors,
	      size_t *matches)
{
	struct vectors_public vector;
	unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
	unsigned char signature[crypto_sign_BYTES];

	*matches = 0;
	for (size_t i = 0; i < ring->seed_count; i++) {
		progress_show("signing", i, ring->seed_count);
		if (vectors_read_public(vectors, i, &vector) != 0 ||
		    sign(ring, i, &vector, public_key, signature) != 0)
			return -1;
		*matches += sodium_memcmp(public_key, vector.key,
					  sizeof(public_key)) == 0 &&
			    sodium_memcmp(signature, vector.signed_message,
					  sizeof(signature)) == 0;
	}
	return 0;
}

/* The key that belongs at `index`. */
static void derive(const struct ring *ring, size_t index, unsigned char *key)
{
	crypto_kdf_derive_from_key(key, RING_KEY_SIZE, index, "keyring ",
				   ring->scratch->master_key);
}

static int derive_keys(struct ring *ring, size_t count)
{
	unsigned char *key;

	for (size_t i = 0; i < count; i++) {
		progress_show("deriving", i, count);
		key = sa_arena_alloc(ring->arena, RING_KEY_SIZE);
		if (key == NULL)
			return failed("cannot hold another key");
		derive(ring, ring->count, key);
		ring->keys[ring->count++] = key;
	}
	return 0;
}

int ring_derive(struct ring *ring, size_t count)
{
	if (open_ring(ring, SA_ARENA_READWRITE) != 0)
		return -1;
	return close_ring(ring, SA_ARENA_READWRITE, derive_keys(ring, count));
}

static int verify_keys(const struct ring *ring)
{
	unsigned char *expected = ring->scratch->derived_key;
	size_t differing = 0;

	for (size_t i = ring->seed_count; i < ring->count; i++) {
		progress_show("verifying", i, ring->count);
		derive(ring, i, expected);
		differing += sodium_memcmp(expected, ring->keys[i],
					   RING_KEY_SIZE) != 0;
	}
	sodium_memzero(expected, RING_KEY_SIZE);
	if (differing == 0)
		return 0;
	progress_clear();
	warnx("%zu keys are not what was derived", differing);
	return -1;
}

int ring_verify(const struct ring *ring)
{
	if (open_ring(ring, SA_ARENA_READONLY) != 0)
		return -1;
	return close_ring(ring, SA_ARENA_READONLY, verify_keys(ring));
}

void ring_destroy(struct ring *ring)
{
	sa_arena_destroy(ring->arena);
	free(ring->keys);
}
