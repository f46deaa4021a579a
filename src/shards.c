/* SPDX-License-Identifier: ISC */
/* Shards by thread; the asymmetric barrier that stops them. */
#include <config.h>

#include "shards.h"

#include "annotate.h"
#include "os.h"
#include "veil.h"
#include "verify.h"

static sa_shard *make_shard(sa_arena *arena, uintptr_t rightful)
{
	sa_shard *shard = sa_meta_alloc(&arena->meta, sizeof *shard);

	if (shard == NULL)
		return NULL;
	sa_shard_init(shard, &arena->pagemap);
	shard->arena = arena;
	shard->key = arena->key;
	shard->rightful = rightful;
	atomic_store(&shard->is_scarce, arena->is_scarce);
	atomic_store(&shard->owner, SA_SHARD_NOBODY);
	shard->next = arena->all_shards;
	arena->all_shards = shard;
	return shard;
}

int sa_shards_init(sa_arena *arena)
{
	arena->is_solo = (arena->options.flags & SA_ARENA_SINGLE_THREADED) != 0;
	/* What a debugger is told of, it is told under the mutex. */
	arena->has_barrier =
		!sa_annotate_is_on() && (sa_os_has_barrier() || arena->is_solo);
	arena->guest = make_shard(arena, SA_SHARD_NOBODY);
	if (arena->guest == NULL)
		return -1;
	sa_annotate_atomics(arena->guest, offsetof(sa_shard, rightful));
	for (unsigned i = 0; i < SA_THREADS_MAX; i++)
		atomic_store(&arena->shards[i], arena->guest);
	sa_shards_resume(arena);
	return 0;
}

/* The acquire pairs with the release of leaving: what was done inside is
 * seen. */
static void wait_until_left(const sa_shard *shard)
{
	for (unsigned turn = 0;
	     atomic_load_explicit(&shard->busy, memory_order_acquire); turn++)
		sa_os_let_run(turn);
}

/* The shard of the calling thread's number, made if there is none yet. */
static sa_shard *numbered(sa_arena *arena)
{
	_Atomic(sa_shard *) *place = &arena->shards[sa_thread_self.number];
	sa_shard *shard = atomic_load(place);

	if (shard != arena->guest)
		return shard;
	shard = make_shard(arena, sa_thread_self.serial);
	if (shard == NULL)
		return arena->guest;
	atomic_store_explicit(place, shard, memory_order_release);
	return shard;
}

sa_shard *sa_shards_mine(sa_arena *arena)
{
	sa_shard *shard = arena->guest;

	if (!arena->has_barrier)
		return shard;
	if (sa_thread_self.number == 0)
		sa_thread_register();
	if (!arena->is_solo && sa_thread_self.number != 0)
		shard = numbered(arena);
	if (!arena->is_solo && shard == arena->guest)
		return shard;
	if (shard->rightful != sa_thread_self.serial) {
		/* Whoever had the number before is dead, and left last. */
		wait_until_left(shard);
		shard->rightful = sa_thread_self.serial;
	}
	if (!arena->is_stopped)
		atomic_store_explicit(&shard->owner, shard->rightful,
				      memory_order_release);
	return shard;
}

static void set_owners(sa_arena *arena)
{
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next)
		atomic_store_explicit(&s->owner, s->rightful,
				      memory_order_release);
}

/* Shut every owner out; true if there is one besides the caller. */
static bool clear_owners(sa_arena *arena)
{
	bool has_others = false;

	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next) {
		if (s->rightful != SA_SHARD_NOBODY &&
		    s->rightful != sa_thread_self.serial)
			has_others = true;
		atomic_store_explicit(&s->owner, SA_SHARD_NOBODY,
				      memory_order_relaxed);
	}
	return has_others;
}

/* Without a barrier only where no other thread can be inside. */
static int stop(sa_arena *arena, bool may_others_be_inside)
{
	if (arena->is_stopped)
		return 0;
	if (clear_owners(arena) && sa_os_barrier() != 0 &&
	    may_others_be_inside) {
		set_owners(arena);
		return -1;
	}
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next)
		wait_until_left(s);
	arena->is_stopped = true;
	return 0;
}

int sa_shards_stop(sa_arena *arena)
{
	return stop(arena, !arena->is_solo);
}

int sa_shards_stop_to_fork(sa_arena *arena)
{
	return stop(arena, true);
}

void sa_shards_resume(sa_arena *arena)
{
	if (atomic_load(&arena->access) != SA_ARENA_READWRITE ||
	    arena->is_excluded || arena->is_unlocked || arena->is_held ||
	    arena->is_torn)
		return;
	arena->is_stopped = false;
	set_owners(arena);
}

void sa_shards_after_fork(sa_arena *arena)
{
	/* Whether or not the kernel stopped the threads: they are not here. */
	arena->is_stopped = true;
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next) {
		atomic_store(&s->owner, SA_SHARD_NOBODY);
		/* The parent goes on with the stream as it was. */
		sa_random_init(&s->random);
		/* Even of this thread's shard: in a single-threaded arena
		 * another may just be finding out that it is shut. */
		atomic_store(&s->busy, false);
		if (s->rightful != sa_thread_self.serial)
			s->rightful = SA_SHARD_NOBODY;
	}
}

static bool verify_left(sa_slab *slab, sa_arena_misuse *misuse)
{
	bool is_sound;

	sa_veil_lift_slab(slab);
	is_sound = sa_slab_verify(slab, misuse);
	sa_veil_draw_slab(slab);
	return is_sound;
}

/* Stopped: nobody is between claim and wipe, so a claim that stays in the inbox
 * is that of an object freed by its owner too, and its slot's next. */
bool sa_shards_collect(sa_arena *arena, sa_arena_misuse *misuse)
{
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next) {
		sa_slab *left;

		if (!sa_shard_collect(s, misuse))
			return false;
		left = atomic_load(&s->inbox);
		if (left != NULL && !verify_left(left, misuse))
			return false;
	}
	return true;
}

bool sa_shards_flush(sa_arena *arena, sa_arena_misuse *misuse)
{
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next)
		if (!sa_shard_flush(s, misuse))
			return false;
	return true;
}
