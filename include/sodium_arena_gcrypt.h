/* SPDX-License-Identifier: ISC */
/*
 * libgcrypt's secure memory in the default arena of sodium_arena.h, without
 * the fixed size of its own pool; or all of its memory.
 */
#ifndef SODIUM_ARENA_GCRYPT_H
#define SODIUM_ARENA_GCRYPT_H

#include <gcrypt.h>
#include <sodium_arena.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/* libgcrypt asks of pointers into an object, too. */
static inline int sa_gcrypt_is_secure(const void *ptr)
{
	return sa_arena_contains(sa_default_arena(), ptr);
}

/* An object stays where it is: in the arena, or on the heap. */
static inline void *sa_gcrypt_realloc(void *ptr, size_t size)
{
	if (sa_arena_owns(sa_default_arena(), ptr))
		return sa_realloc(ptr, size);
	return realloc(ptr, size);
}

static inline void sa_gcrypt_free(void *ptr)
{
	if (sa_arena_owns(sa_default_arena(), ptr))
		sa_free(ptr);
	else
		free(ptr);
}

/*
 * Have libgcrypt take secure memory from the default arena, and all else from
 * malloc().  Call it before gcry_check_version(); then neither set up its own
 * pool (GCRYCTL_INIT_SECMEM) nor switch secure memory off
 * (GCRYCTL_DISABLE_SECMEM).
 */
static inline void sa_gcrypt_use(void)
{
	gcry_set_allocation_handler(malloc, sa_malloc, sa_gcrypt_is_secure,
				    sa_gcrypt_realloc, sa_gcrypt_free);
}

/*
 * Likewise, but all memory is secure memory: libgcrypt copies parts of secure
 * S-expressions, private keys in them, to memory that is not.
 */
static inline void sa_gcrypt_use_for_all(void)
{
	gcry_set_allocation_handler(sa_malloc, sa_malloc, sa_gcrypt_is_secure,
				    sa_realloc, sa_free);
}

#ifdef __cplusplus
}
#endif

#endif /* SODIUM_ARENA_GCRYPT_H */
