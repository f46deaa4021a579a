/* SPDX-License-Identifier: ISC */
/*
 * A cache of session keys, as a server has: every request looks a key up and
 * seals or opens a message with it; some first replace the key.  Only the
 * keys come from the allocator.
 */
#include <config.h>

#include <errno.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "object.h"
#include "random.h"
#include "workload.h"

#define MESSAGE_SIZE 256

/* One request in this many replaces its key: 5 %. */
#define REPLACE_EVERY 20

_Static_assert(KEY_SIZE == crypto_secretbox_KEYBYTES, "a key is a key");

struct session {
	unsigned char *key;
	int is_sealed; /* the box holds a message under the key */
	unsigned char nonce[crypto_secretbox_NONCEBYTES];
	unsigned char box[crypto_secretbox_MACBYTES + MESSAGE_SIZE];
};

struct cache {
	const struct allocator *allocator;
	void *context;
	struct session *sessions;
	size_t count;
	struct random random;
	uint64_t requests;
	unsigned char message[MESSAGE_SIZE];
};

static void key_draw(struct cache *cache, struct session *session)
{
	session->key =
		trial_need(cache->allocator->alloc(cache->context, KEY_SIZE));
	for (size_t i = 0; i < KEY_SIZE; i += sizeof(uint64_t)) {
		uint64_t word = random_next(&cache->random);

		memcpy(session->key + i, &word, sizeof(word));
	}
	session->is_sealed = 0;
}

static void key_replace(struct cache *cache, struct session *session)
{
	cache->allocator->free(cache->context, session->key, KEY_SIZE);
	key_draw(cache, session);
}

/* A nonce is never used twice: requests are counted. */
static void seal(struct cache *cache, struct session *session)
{
	memcpy(session->nonce, &cache->requests, sizeof(cache->requests));
	crypto_secretbox_easy(session->box, cache->message, MESSAGE_SIZE,
			      session->nonce, session->key);
	session->is_sealed = 1;
}

static void unseal(struct cache *cache, struct session *session)
{
	if (crypto_secretbox_open_easy(cache->message, session->box,
				       sizeof(session->box), session->nonce,
				       session->key) != 0) {
		errno = EBADMSG;
		trial_give_up();
	}
	session->is_sealed = 0;
}

static void request(struct cache *cache)
{
	struct session *session =
		&cache->sessions[random_below(&cache->random, cache->count)];

	cache->requests++;
	if (random_below(&cache->random, REPLACE_EVERY) == 0)
		key_replace(cache, session);
	if (session->is_sealed)
		unseal(cache, session);
	else
		seal(cache, session);
}

static void requests_serve(void *context, size_t count)
{
	for (size_t i = 0; i < count; i++)
		request(context);
}

static void cache_open(struct cache *cache, const struct trial *trial)
{
	cache->allocator = trial->allocator;
	cache->context = trial->allocator->setup(trial->room);
	cache->count = trial->count;
	cache->random = random_seed(0);
	cache->sessions =
		trial_need(calloc(trial->count, sizeof(*cache->sessions)));
	for (size_t i = 0; i < trial->count; i++)
		key_draw(cache, &cache->sessions[i]);
}

static void cache_close(struct cache *cache)
{
	for (size_t i = 0; i < cache->count; i++)
		cache->allocator->free(cache->context, cache->sessions[i].key,
				       KEY_SIZE);
	cache->allocator->teardown(cache->context);
	free(cache->sessions);
}

/* Nanoseconds a request, once every session has seen some. */
double sessions_run(const struct trial *trial)
{
	struct cache cache = {.requests = 0};
	double cost;

	if (sodium_init() < 0)
		trial_give_up();
	cache_open(&cache, trial);
	requests_serve(&cache, 2 * trial->count);
	cost = measure_steady(requests_serve, &cache, trial->duration);
	cache_close(&cache);
	return cost;
}
