/* SPDX-License-Identifier: ISC */
/*
 * An arena's parts, and the locks that go with them.  What only one file of
 * this floor changes is marked with its name.
 */
#ifndef SA_ARENA_H
#define SA_ARENA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "canary.h"
#include "counters.h"
#include "holders.h"
#include "large.h"
#include "lock.h"
#include "meta.h"
#include "pagemap.h"
#include "shard.h"
#include "sodium_arena.h"
#include "thread.h"
#include "tract.h"

struct sa_arena {
	/* Read by every call; fixed but for the shards' appearing. */
	_Atomic(sa_shard *) shards[SA_THREADS_MAX]; /* by thread number; the
						       guests', if none */
	const sa_canary_key *key; /* in locked memory; registry */
	sa_pagemap pagemap;

	char *name;
	sa_arena_options options;

	/* What follows changes under the mutex. */
	sa_lock mutex;
	sa_meta meta;

	sa_shard *all_shards; /* shards */
	sa_shard *guest;      /* of threads without a number; mutex held */
	bool is_solo;         /* single-threaded: the guests' is the only one */
	bool has_barrier;     /* else every call takes the mutex */
	bool is_stopped;      /* no thread may enter its shard */
	bool is_held;         /* and none is to, until sweep or fork is over */

	sa_tract *tracts; /* growth: those with free pages first */
	sa_tract *last_tract;
	bool was_refused_lock; /* growth: a region could not be locked once */
	sa_large *larges;
	sa_slab *unused_slabs;
	size_t gathers_left; /* supply */
	bool is_scarce;      /* likewise: every slab with a slot is listed */
	sa_pool **pools;     /* pools; by number, NULL where there is none */
	unsigned npools;     /* entries there */
	sa_large *unused_larges; /* oldest first: see sa_large */
	sa_large *last_unused_large;

	sa_arena_access resting; /* access */
	sa_holders holders;      /* of the whole arena */
	bool is_excluded;        /* by fork, from this process */
	bool is_unlocked;        /* a forked copy could not be locked */
	bool is_torn;            /* the kernel refused to put a region's access
				    back: the next change tries again */

	atomic_bool is_gone; /* destroyed, but for what the registry needs */
	sa_arena *next;      /* registry */
	sa_arena *previous;
	uint64_t serial; /* never given twice */

	/* Written under the mutex or atomically, read by anyone. */
	_Atomic(sa_arena_access) access;
	atomic_size_t mapped_size;
	atomic_size_t locked_size;
	atomic_size_t region_count;
	atomic_size_t slab_count;
	atomic_size_t large_count;
	_Atomic(uint64_t) failure_count;
	_Atomic(uint64_t) access_change_count;
	sa_totals totals;
};

/* In a single-threaded arena too: fork() locks whatever there is.  Whoever has
 * it is not cancelled. */
void sa_arena_lock(sa_arena *arena);
void sa_arena_unlock(sa_arena *arena);

/* A caller's options, or for NULL the defaults; NULL: EINVAL's cases of
 * sa_arena_create(). */
const sa_arena_options *sa_arena_options_of(const sa_arena_options *given);

/* Count a call that failed, and set errno; -1. */
int sa_arena_fail(sa_arena *arena, int error) SA_COLD;
/* It has not: the call goes on another way. */
void sa_arena_unfail(sa_arena *arena);

/* Report misuse that a lower floor found, in this arena's name.  Holding no
 * lock, in no shard. */
_Noreturn void sa_arena_misused(const sa_arena *arena, sa_arena_misuse *misuse);

#endif
