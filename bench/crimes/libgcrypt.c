/* SPDX-License-Identifier: ISC */
/* libgcrypt's secure memory: one pool, without guard pages. */
#include <config.h>

#include <gcrypt.h>

#include "crimes/peer.h"

#define POOL_SIZE (2 << 20)

static const char *libgcrypt_version(void)
{
	return gcry_check_version(NULL);
}

static int libgcrypt_setup(void)
{
	if (gcry_check_version(GCRYPT_VERSION) == NULL ||
	    gcry_control(GCRYCTL_INIT_SECMEM, POOL_SIZE, 0) != 0)
		return -1;
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
	return 0;
}

static void libgcrypt_teardown(void)
{
	gcry_control(GCRYCTL_TERM_SECMEM);
}

const struct peer peer_libgcrypt = {
	.title = "libgcrypt's secure memory",
	.version = libgcrypt_version,
	.setup = libgcrypt_setup,
	.alloc = gcry_malloc_secure,
	.free = gcry_free,
	.teardown = libgcrypt_teardown,
};
