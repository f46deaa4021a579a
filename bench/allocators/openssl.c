/* SPDX-License-Identifier: ISC */
/*
 * OpenSSL's secure heap: buddies in one block whose size, a power of two, is
 * settled when it is made.  Freeing wipes.
 */
#include <config.h>

#include <errno.h>
#include <openssl/crypto.h>
#include <stdint.h>

#include "allocators/list.h"
#include "allocators/pairs.h"

#define HEAP_SIZE_MIN ((size_t)65536)
#define BUDDY_SIZE_MIN 16

/* What CRYPTO_secure_malloc_init() returns if all is locked. */
#define HEAP_LOCKED 1

static const char *openssl_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION_STRING);
}

static void *openssl_setup(size_t room)
{
	static char context;
	size_t size = HEAP_SIZE_MIN;

	while (size < room)
		size *= 2;
	if (CRYPTO_secure_malloc_init(size, BUDDY_SIZE_MIN) != HEAP_LOCKED) {
		errno = EPERM;
		trial_give_up();
	}
	return &context;
}

/* Only an empty heap goes. */
static void openssl_teardown(void *context)
{
	(void)context;
	if (CRYPTO_secure_malloc_done() != 1) {
		errno = EBUSY;
		trial_give_up();
	}
}

static inline void *openssl_alloc(void *context, size_t size)
{
	void *object = OPENSSL_secure_malloc(size);

	(void)context;
	if (object == NULL)
		errno = ENOMEM;
	return object;
}

static inline void openssl_release(void *context, void *object, size_t size)
{
	(void)context;
	(void)size;
	OPENSSL_secure_free(object);
}

DEFINE_PAIRS(openssl_pairs, openssl_alloc, openssl_release)

const struct allocator allocator_openssl = {
	.name = "openssl",
	.title = "OpenSSL's secure heap, a power of two with room enough",
	.version = openssl_version,
	.object_limit = SIZE_MAX,
	.size_limit = SIZE_MAX,
	.is_thread_safe = 1,
	.is_locked = 1,
	.setup = openssl_setup,
	.teardown = openssl_teardown,
	.alloc = openssl_alloc,
	.free = openssl_release,
	.pairs = openssl_pairs,
};
