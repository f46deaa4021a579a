/* SPDX-License-Identifier: ISC */
/*
 * What memory debuggers are told: Valgrind by requests, which are no-ops
 * without it, AddressSanitizer by calling its runtime if the program has one.
 * Asked once whether any is there; the library is the same for all programs.
 */
#ifndef SA_ANNOTATE_H
#define SA_ANNOTATE_H

#include <stdbool.h>
#include <stddef.h>

#include "bits.h"

typedef enum {
	SA_ANNOTATE_NOBODY,
	SA_ANNOTATE_RACES, /* helgrind, DRD, ThreadSanitizer: see locks alone */
	SA_ANNOTATE_MEMCHECK,
	SA_ANNOTATE_ASAN
} sa_annotate_tool;

/* Fixed before the first arena exists. */
extern sa_annotate_tool sa_annotate_found;

/* Look for a tool, once.  SODIUM_ARENA_ANNOTATE=0 in the environment, unless
 * the program has more rights than its user, leaves it uninformed. */
void sa_annotate_start(void);

/* Then every call takes its arena's mutex. */
SA_INLINE bool sa_annotate_is_on(void)
{
	return SA_UNLIKELY(sa_annotate_found != SA_ANNOTATE_NOBODY);
}

/* Is there someone who wants to know which memory may be touched? */
SA_INLINE bool sa_annotate_is_of_memory(void)
{
	return SA_UNLIKELY(sa_annotate_found >= SA_ANNOTATE_MEMCHECK);
}

/* Nobody may touch the memory; whoever likes may. */
void sa_annotate_hide(const void *memory, size_t size);
void sa_annotate_show(const void *memory, size_t size);

/*
 * The library itself is about to touch what is hidden.  Memcheck is told by
 * sa_annotate_begin() and sa_annotate_end(), for this thread; AddressSanitizer
 * has to be shown the memory, which has to be hidden again.
 */
void sa_annotate_lift(const void *memory, size_t size);
void sa_annotate_begin(void);
void sa_annotate_end(void);

/* Memcheck's books: a pool is any address. */
void sa_annotate_pool_create(const void *pool);
void sa_annotate_pool_destroy(const void *pool);
void sa_annotate_alloc(const void *pool, const void *object, size_t size);
void sa_annotate_free(const void *pool, const void *object);
void sa_annotate_resize(const void *pool, const void *object, size_t size);

/* A pointer here is no reason to think that the object is not lost. */
void sa_annotate_disregard(const void *memory, size_t size);
/* Once, before the process ends: pools are to be looked at for leaks. */
void sa_annotate_expect_leaks(void);

/* Atomics that are touched without a lock: Valgrind knows them for no such. */
void sa_annotate_atomics(const void *memory, size_t size);

/* Memory that may hold the only pointers to the heap; and no longer. */
void sa_annotate_add_root(const void *memory, size_t size);
void sa_annotate_remove_root(const void *memory, size_t size);

#endif
