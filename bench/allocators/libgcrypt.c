/* SPDX-License-Identifier: ISC */
/*
 * libgcrypt's secure memory: one pool for a process, its size settled once.
 * Freeing wipes.
 */
#include <config.h>

#include <errno.h>
#include <gcrypt.h>
#include <limits.h>
#include <stdint.h>

#include "allocators/list.h"
#include "allocators/pairs.h"
#include "memory.h"

/*
 * Every call searches the pool from its start: with 10,000 objects alive an
 * allocation takes some 30 us, and filling a million would take a day.
 */
#define OBJECT_LIMIT 10000

/* A block has a header of 8 bytes and is a multiple of 32. */
#define POOL_SIZE(ROOM) ((ROOM) + (ROOM) / 4 + 65536)

static const char *libgcrypt_version(void)
{
	return gcry_check_version(NULL);
}

static void *libgcrypt_setup(size_t room)
{
	static char context;

	if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P))
		return &context;
	errno = ENOMEM;
	if (gcry_check_version(GCRYPT_VERSION) == NULL ||
	    POOL_SIZE(room) > INT_MAX)
		trial_give_up();
	if (gcry_control(GCRYCTL_INIT_SECMEM, (int)POOL_SIZE(room), 0) != 0) {
		errno = EPERM;
		trial_give_up();
	}
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
	memory_need_locked(POOL_SIZE(room));
	return &context;
}

static void libgcrypt_teardown(void *context)
{
	(void)context;
}

static inline void *libgcrypt_alloc(void *context, size_t size)
{
	(void)context;
	return gcry_malloc_secure(size);
}

static inline void libgcrypt_release(void *context, void *object, size_t size)
{
	(void)context;
	(void)size;
	gcry_free(object);
}

DEFINE_PAIRS(libgcrypt_pairs, libgcrypt_alloc, libgcrypt_release)

const struct allocator allocator_libgcrypt = {
	.name = "libgcrypt",
	.title = "libgcrypt's secure memory, a pool with room enough",
	.version = libgcrypt_version,
	.object_limit = OBJECT_LIMIT,
	.size_limit = SIZE_MAX,
	.is_thread_safe = 1,
	.is_locked = 1,
	.keeps_pool = 1,
	.setup = libgcrypt_setup,
	.teardown = libgcrypt_teardown,
	.alloc = libgcrypt_alloc,
	.free = libgcrypt_release,
	.pairs = libgcrypt_pairs,
};
