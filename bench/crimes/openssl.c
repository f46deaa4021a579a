/* SPDX-License-Identifier: ISC */
/* OpenSSL's secure heap: buddies in one block between guard pages. */
#include <config.h>

#include <openssl/crypto.h>

#include "crimes/peer.h"

#define HEAP_SIZE ((size_t)2 << 20)
#define BUDDY_SIZE_MIN 16

static const char *openssl_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION_STRING);
}

static int openssl_setup(void)
{
	return CRYPTO_secure_malloc_init(HEAP_SIZE, BUDDY_SIZE_MIN) == 0 ? -1
									 : 0;
}

static void *openssl_alloc(size_t size)
{
	return OPENSSL_secure_malloc(size);
}

static void openssl_free(void *object)
{
	OPENSSL_secure_free(object);
}

static void openssl_teardown(void)
{
	(void)CRYPTO_secure_malloc_done();
}

const struct peer peer_openssl = {
	.title = "OpenSSL's secure heap",
	.version = openssl_version,
	.setup = openssl_setup,
	.alloc = openssl_alloc,
	.free = openssl_free,
	.teardown = openssl_teardown,
};
