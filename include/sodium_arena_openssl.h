/* SPDX-License-Identifier: ISC */
/*
 * OpenSSL's libcrypto and libssl on the default arena of sodium_arena.h: what
 * CRYPTO_set_mem_functions() asks for.
 */
#ifndef SODIUM_ARENA_OPENSSL_H
#define SODIUM_ARENA_OPENSSL_H

#include <openssl/crypto.h>
#include <sodium_arena.h>

#ifdef __cplusplus
extern "C" {
#endif

static inline void *sa_openssl_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return sa_malloc(size);
}

static inline void *sa_openssl_realloc(void *ptr, size_t size, const char *file,
				       int line)
{
	(void)file;
	(void)line;
	return sa_realloc(ptr, size);
}

static inline void sa_openssl_free(void *ptr, const char *file, int line)
{
	(void)file;
	(void)line;
	sa_free(ptr);
}

/*
 * Have OpenSSL take all its memory from the default arena.  1, or 0 if it has
 * allocated before: call it first thing in main(), or in a constructor.
 */
static inline int sa_openssl_use(void)
{
	return CRYPTO_set_mem_functions(sa_openssl_malloc, sa_openssl_realloc,
					sa_openssl_free);
}

#ifdef __cplusplus
}
#endif

#endif /* SODIUM_ARENA_OPENSSL_H */
