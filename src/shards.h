/* SPDX-License-Identifier: ISC */
/*
 * The shards of an arena: each thread finds its own by its number, and
 * whoever holds the mutex can stop them all.  A stopped arena is quiet: no
 * thread is inside any call but the one that stopped it.
 */
#ifndef SA_SHARDS_H
#define SA_SHARDS_H

#include "arena.h"

/* Make the shards that an arena starts with.  0, or -1 with ENOMEM. */
int sa_shards_init(sa_arena *arena);

/* Enter the calling thread's shard, which spares the mutex.  NULL if it has
 * none yet, or the arena is stopped. */
SA_INLINE sa_shard *sa_shards_enter(sa_arena *arena)
{
	sa_shard *shard = atomic_load_explicit(
		&arena->shards[sa_thread_self.number], memory_order_acquire);

	SA_ASSUME(shard != NULL);
	return sa_shard_enter(shard, sa_thread_self.serial) ? shard : NULL;
}

SA_INLINE void sa_shards_leave(sa_shard *shard)
{
	sa_shard_leave(shard);
}

/* Under the mutex: the shard that serves the calling thread, made if there is
 * none yet; the guests' if there can be none. */
sa_shard *sa_shards_mine(sa_arena *arena);

/*
 * Under the mutex: stop every shard.  0, or -1 with errno and nothing
 * stopped.  Resuming does nothing while the arena is not READWRITE.
 */
int sa_shards_stop(sa_arena *arena);
/* The same for who forks, which is no call on the arena: in a single-threaded
 * one another thread may be inside. */
int sa_shards_stop_to_fork(sa_arena *arena);
void sa_shards_resume(sa_arena *arena);

/* Stopped, and the regions READWRITE: collect all that was freed elsewhere;
 * return all that is in stock.  False if misuse was found. */
bool sa_shards_collect(sa_arena *arena, sa_arena_misuse *misuse);
bool sa_shards_flush(sa_arena *arena, sa_arena_misuse *misuse);

/* In the child of a fork that was made with the arena stopped. */
void sa_shards_after_fork(sa_arena *arena);

#endif
