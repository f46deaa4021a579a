/* SPDX-License-Identifier: ISC */
/*
 * malloc's functions and errno over one arena for the process.  The arena is
 * made without a lock, so that a fork at any moment leaves the child none that
 * nobody can release.
 */
#include <config.h>

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "bits.h"
#include "sodium_arena.h"

/* Set once and for good. */
static sa_arena *_Atomic default_arena;

static sa_arena *existing(void)
{
	return atomic_load_explicit(&default_arena, memory_order_acquire);
}

/* Publish `arena` as the default one; false if another has come first. */
static bool publish(sa_arena *arena)
{
	sa_arena *none = NULL;

	return atomic_compare_exchange_strong(&default_arena, &none, arena);
}

/* An arena with these options, named "default" unless they say otherwise. */
static sa_arena *create(const sa_arena_options *options)
{
	sa_arena_options named = SA_ARENA_OPTIONS_INIT;

	if (options != NULL && options->size != sizeof *options)
		return sa_arena_create(options);
	if (options != NULL)
		named = *options;
	if (named.name == NULL)
		named.name = "default";
	return sa_arena_create(&named);
}

int sa_default_arena_init(const sa_arena_options *options)
{
	sa_arena *arena;

	if (existing() != NULL) {
		errno = EBUSY;
		return -1;
	}
	arena = create(options);
	if (arena == NULL)
		return -1;
	if (publish(arena))
		return 0;
	sa_arena_destroy(arena);
	errno = EBUSY;
	return -1;
}

/* Two threads may both find no arena; one's is used, the other's goes. */
static sa_arena *make(void)
{
	sa_arena *arena = create(NULL);

	if (arena != NULL && publish(arena))
		return arena;
	sa_arena_destroy(arena);
	return existing();
}

sa_arena *sa_default_arena(void)
{
	sa_arena *arena = existing();

	return SA_LIKELY(arena != NULL) ? arena : make();
}

/* ---------------------------------------------------------------- malloc */

/* Whatever the arena said, malloc's callers know one reason. */
static void *or_enomem(void *object)
{
	if (SA_UNLIKELY(object == NULL))
		errno = ENOMEM;
	return object;
}

void *sa_malloc(size_t size)
{
	return or_enomem(sa_arena_alloc(sa_default_arena(), size));
}

void *sa_calloc(size_t count, size_t size)
{
	return or_enomem(sa_arena_calloc(sa_default_arena(), count, size));
}

void *sa_realloc(void *ptr, size_t size)
{
	if (ptr == NULL)
		return sa_malloc(size);
	if (size == 0) {
		sa_free(ptr);
		return NULL;
	}
	if (existing() == NULL)
		sa_free(ptr); /* reports the misuse */
	return or_enomem(sa_arena_realloc(existing(), ptr, size));
}

/* What is freed came from an arena that exists, or is misuse. */
void sa_free(void *ptr)
{
	sa_arena_free(existing(), ptr);
}

char *sa_strdup(const char *s)
{
	return or_enomem(sa_arena_dup(sa_default_arena(), s, strlen(s) + 1));
}

void *sa_aligned_alloc(size_t alignment, size_t size)
{
	sa_arena *arena = sa_default_arena();
	void *object;

	if (arena == NULL)
		return or_enomem(NULL);
	object = sa_arena_aligned_alloc(arena, alignment, size);
	/* Its only EINVAL, with an arena, is the alignment's. */
	if (object == NULL && errno != EINVAL)
		errno = ENOMEM;
	return object;
}

size_t sa_malloc_usable_size(const void *ptr)
{
	return ptr == NULL ? 0 : sa_arena_size(existing(), ptr);
}
