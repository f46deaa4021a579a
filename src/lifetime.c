/* SPDX-License-Identifier: ISC */
/* Arenas made of their parts, and ended. */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "arena.h"
#include "growth.h"
#include "os.h"
#include "registry.h"
#include "shards.h"
#include "sweep.h"
#include "veil.h"

/* The arena itself lies in the first block of its metadata. */
static sa_arena *new_arena(const sa_arena_options *options)
{
	const char *name = options->name == NULL ? "arena" : options->name;
	sa_meta meta;
	sa_arena *arena;

	sa_meta_init(&meta);
	arena = sa_meta_alloc(&meta, sizeof *arena);
	if (arena == NULL)
		return NULL;
	arena->meta = meta;
	arena->options = *options;
	arena->resting = SA_ARENA_READWRITE;
	atomic_store(&arena->access, SA_ARENA_READWRITE);
	arena->name = sa_meta_alloc(&arena->meta, strlen(name) + 1);
	/* GCOVR_EXCL_START: the first chunk has room for any name */
	if (arena->name == NULL)
		goto destroy_meta;
	/* GCOVR_EXCL_STOP */
	memcpy(arena->name, name, strlen(name) + 1);
	arena->options.name = arena->name;
	return arena;

	/* GCOVR_EXCL_START: see above */
destroy_meta:
	meta = arena->meta;
	sa_meta_destroy(&meta);
	return NULL;
	/* GCOVR_EXCL_STOP */
}

static void delete_arena(sa_arena *arena)
{
	sa_meta meta = arena->meta;

	sa_meta_destroy(&meta);
}

static int open_for_business(sa_arena *arena)
{
	sa_arena_misuse misuse;
	int error;

	if (sa_lock_init(&arena->mutex) != 0)
		return -1;
	if (sa_pagemap_init(&arena->pagemap, &arena->meta) == 0 &&
	    sa_shards_init(arena) == 0 &&
	    sa_growth_reserve(arena, arena->options.reserve) == 0)
		return 0;
	error = errno;
	sa_sweep_destroy(arena, &misuse);
	sa_lock_destroy(&arena->mutex);
	errno = error;
	return -1;
}

static sa_arena *create(const sa_arena_options *options)
{
	const sa_canary_key *key;
	sa_arena *arena;
	int error;

	if (sa_registry_enter(&key, options->mlock) != 0)
		return NULL;
	arena = new_arena(options);
	if (arena == NULL)
		goto leave_registry;
	arena->key = key;
	sa_veil_begin(arena);
	if (open_for_business(arena) != 0)
		goto delete_arena;
	sa_registry_add(arena);
	return arena;

delete_arena:
	error = errno;
	sa_veil_end(arena);
	delete_arena(arena);
	errno = error;
leave_registry:
	error = errno;
	sa_registry_leave();
	errno = error;
	return NULL;
}

/* Nothing is half made where the calling thread is cancelled. */
sa_arena *sa_arena_create(const sa_arena_options *options)
{
	sa_arena *arena;
	int state;

	sa_os_start();
	options = sa_arena_options_of(options);
	if (options == NULL) {
		errno = EINVAL;
		return NULL;
	}
	state = sa_os_disable_cancel();
	arena = create(options);
	sa_os_restore_cancel(state);
	return arena;
}

void sa_arena_destroy(sa_arena *arena)
{
	sa_arena_misuse misuse;
	sa_sweep_result result;

	if (arena == NULL)
		return;
	/* Until nothing is left, fork() has to know of it and wait: or the
	 * child would have a copy that no policy was applied to. */
	sa_arena_lock(arena);
	result = sa_sweep_destroy(arena, &misuse);
	atomic_store(&arena->is_gone, result != SA_SWEEP_MISUSE);
	sa_arena_unlock(arena);
	if (result == SA_SWEEP_MISUSE)
		sa_arena_misused(arena, &misuse);
	sa_registry_remove(arena);
	sa_lock_destroy(&arena->mutex);
	sa_veil_end(arena);
	delete_arena(arena);
	sa_registry_leave();
}
