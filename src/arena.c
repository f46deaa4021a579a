/* SPDX-License-Identifier: ISC */
/* What every file of this floor needs of an arena: locks, limits, failure. */
#include <config.h>

#include "arena.h"

#include <errno.h>
#include <string.h>

#include "annotate.h"
#include "fatal.h"
#include "os.h"
#include "probe.h"

void sa_arena_lock(sa_arena *arena)
{
	sa_lock_take(&arena->mutex);
	sa_annotate_begin();
}

void sa_arena_unlock(sa_arena *arena)
{
	sa_annotate_end();
	sa_lock_give(&arena->mutex);
}

static bool name_is_valid(const char *name)
{
	return name == NULL ||
	       strnlen(name, SA_ARENA_NAME_MAX + 1) <= SA_ARENA_NAME_MAX;
}

/* Enumerators arrive as whatever integer the caller's compiler chose. */
static bool enumerators_are_valid(const sa_arena_options *options)
{
	return (int)options->mlock >= SA_ARENA_MLOCK_REQUIRED &&
	       options->mlock <= SA_ARENA_MLOCK_BEST_EFFORT &&
	       (int)options->fork >= SA_ARENA_FORK_INHERIT &&
	       options->fork <= SA_ARENA_FORK_WIPE;
}

static bool options_are_valid(const sa_arena_options *options)
{
	size_t capacity = options->capacity;

	if (options->size != sizeof *options)
		return false;
	if (!enumerators_are_valid(options) || !name_is_valid(options->name) ||
	    (options->flags & ~SA_ARENA_SINGLE_THREADED) != 0)
		return false;
	return capacity == 0 ||
	       (capacity >= sa_os_page_size && options->reserve <= capacity);
}

const sa_arena_options *sa_arena_options_of(const sa_arena_options *given)
{
	static const sa_arena_options defaults = SA_ARENA_OPTIONS_INIT;

	if (given == NULL)
		return &defaults;
	return options_are_valid(given) ? given : NULL;
}

int sa_arena_fail(sa_arena *arena, int error)
{
	atomic_fetch_add_explicit(&arena->failure_count, 1,
				  memory_order_relaxed);
	SA_PROBE2(failure, arena->name, error);
	errno = error;
	return -1;
}

void sa_arena_unfail(sa_arena *arena)
{
	atomic_fetch_sub_explicit(&arena->failure_count, 1,
				  memory_order_relaxed);
}

void sa_arena_misused(const sa_arena *arena, sa_arena_misuse *misuse)
{
	misuse->arena = arena->name;
	/* The debugger has its own to say. */
	if (misuse->kind == SA_ARENA_MISUSE_DOUBLE_FREE ||
	    misuse->kind == SA_ARENA_MISUSE_INVALID_POINTER)
		sa_annotate_free(arena, misuse->object);
	sa_fatal_misuse(misuse);
}
