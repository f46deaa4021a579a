/* SPDX-License-Identifier: ISC */
/*
 * GMP on the default arena of sodium_arena.h: functions of the shape that
 * mp_set_memory_functions() asks for.  They never return NULL, for GMP could
 * not go on: without memory they say so and abort().
 */
#ifndef SODIUM_ARENA_GMP_H
#define SODIUM_ARENA_GMP_H

#include <gmp.h>
#include <sodium_arena.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

static inline void *sa_gmp_require(void *ptr)
{
	if (ptr != NULL)
		return ptr;
	fputs("sodium-arena: no memory for GMP\n", stderr);
	abort();
}

static inline void *sa_gmp_alloc(size_t size)
{
	return sa_gmp_require(sa_malloc(size));
}

/* The arena knows the old size. */
static inline void *sa_gmp_realloc(void *ptr, size_t old_size, size_t size)
{
	(void)old_size;
	return sa_gmp_require(sa_realloc(ptr, size == 0 ? 1 : size));
}

static inline void sa_gmp_free(void *ptr, size_t size)
{
	(void)size;
	sa_free(ptr);
}

/*
 * Have GMP take its memory from the default arena.  Call it before any other
 * function of GMP's.  Space that GMP takes from the stack is not covered.
 */
static inline void sa_gmp_use(void)
{
	mp_set_memory_functions(sa_gmp_alloc, sa_gmp_realloc, sa_gmp_free);
}

#ifdef __cplusplus
}
#endif

#endif /* SODIUM_ARENA_GMP_H */
