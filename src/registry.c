/* SPDX-License-Identifier: ISC */
/* Process-wide state: one mutex, one key, the list of arenas, fork. */
#include <config.h>

#include "registry.h"

#include <errno.h>
#include <sodium.h>

#include "access.h"
#include "annotate.h"
#include "fatal.h"
#include "history.h"
#include "larges.h"
#include "lock.h"
#include "os.h"
#include "report.h"
#include "shards.h"
#include "slabs.h"
#include "stats.h"
#include "sweep.h"
#include "veil.h"

static sa_lock registry_lock = SA_LOCK_INIT;
static sa_arena *arenas; /* youngest first */
static sa_arena *oldest;
static sa_arena *visited; /* last; the next is found from here */
static uint64_t last_serial;
static bool is_started, has_fork_handlers;

/* The page that holds the key, while anyone does. */
static sa_region key_region;
static size_t key_holders;

/* ------------------------------------------------------------------ key */

static sa_canary_key *key_in_region(void)
{
	return (sa_canary_key *)(void *)(key_region.start + SA_REGION_HEAD);
}

static int make_key(sa_arena_mlock mlock)
{
	sa_canary_key *key;

	if (sa_region_create(&key_region, sa_os_page_size, 0, mlock,
			     SA_ARENA_FORK_INHERIT) != 0)
		return -1;
	key = key_in_region();
	randombytes_buf(key, sizeof *key);
	key->factor |= 1;
	if (sa_region_set_access(&key_region, SA_ARENA_READONLY) == 0)
		return 0;
	sa_region_destroy(&key_region);
	errno = ENOMEM;
	return -1;
}

/* A key that BEST_EFFORT left unlocked is to be locked for who requires it. */
static int require_locked_key(void)
{
	if (key_region.locked)
		return 0;
	if (sodium_mlock(key_region.start, key_region.size) != 0) {
		errno = EPERM;
		return -1;
	}
	key_region.locked = true;
	return 0;
}

static int hold_key(sa_arena_mlock mlock)
{
	if (key_holders == 0 && make_key(mlock) != 0)
		return -1;
	if (mlock == SA_ARENA_MLOCK_REQUIRED && require_locked_key() != 0)
		return -1;
	key_holders++;
	return 0;
}

/* ----------------------------------------------------------------- fork */

/* Quiet every arena, so that the child gets them between two calls.  If the
 * kernel won't stop the threads, what they are at is put in order there. */
static void before_fork(void)
{
	sa_lock_take(&registry_lock);
	for (sa_arena *a = arenas; a != NULL; a = a->next) {
		sa_arena_lock(a);
		if (sa_shards_stop_to_fork(a) != 0)
			sa_arena_fail(a, errno);
		a->is_held = true;
	}
	sa_history_lock();
	sa_fatal_lock();
}

static void release(sa_arena *arena)
{
	arena->is_held = false;
	sa_shards_resume(arena);
	sa_arena_unlock(arena);
}

static void after_fork_in_parent(void)
{
	sa_fatal_unlock();
	sa_history_unlock();
	for (sa_arena *a = arenas; a != NULL; a = a->next)
		release(a);
	sa_lock_give(&registry_lock);
}

static size_t inherit_region(sa_arena *arena, sa_region *region)
{
	if (sa_region_after_fork(region) != 0)
		sa_access_tear(arena, errno);
	return region->locked ? region->size : 0;
}

/* The copy of what was locked, the key included, is locked, or is not to be
 * used. */
static void inherit_regions(sa_arena *arena)
{
	size_t locked = 0;

	for (sa_tract *t = arena->tracts; t != NULL; t = t->next)
		locked += inherit_region(arena, &t->region);
	for (sa_large *l = arena->larges; l != NULL; l = l->next)
		locked += inherit_region(arena, &l->region);
	atomic_store(&arena->locked_size, locked);
	arena->is_excluded = arena->options.fork == SA_ARENA_FORK_EXCLUDE;
	arena->is_unlocked = arena->options.mlock == SA_ARENA_MLOCK_REQUIRED &&
			     (!key_region.locked ||
			      locked != atomic_load(&arena->mapped_size));
}

static void inherit(sa_arena *arena)
{
	if (atomic_load(&arena->is_gone)) {
		sa_arena_unlock(arena);
		return;
	}
	inherit_regions(arena);
	if (!arena->is_stopped) {
		sa_slabs_mend(arena);
		sa_stats_recount(arena);
	}
	sa_shards_after_fork(arena);
	if (arena->options.fork == SA_ARENA_FORK_WIPE)
		sa_sweep_forget(arena);
	release(arena);
}

/* The thread that locked the mutexes is the one that is left. */
static void after_fork_in_child(void)
{
	sa_fatal_unlock();
	sa_history_unlock();
	sa_thread_after_fork();
	/* It never rests, so it need not be closed again. */
	if (key_holders != 0)
		(void)sa_region_after_fork(&key_region);
	for (sa_arena *a = arenas; a != NULL; a = a->next)
		inherit(a);
	sa_lock_give(&registry_lock);
}

/* ---------------------------------------------------------------- public */

static int install_fork_handlers(void)
{
	if (!has_fork_handlers)
		has_fork_handlers =
			pthread_atfork(before_fork, after_fork_in_parent,
				       after_fork_in_child) == 0;
	return has_fork_handlers ? 0 : -1;
}

/*
 * Before there are threads: one that forked while another made the first arena
 * would leave the child the mutex locked if the handlers came with that arena.
 * Other constructors may run before this one and make arenas; and if it fails,
 * the first arena tries again.
 */
__attribute__((constructor)) static void start_before_main(void)
{
	sa_os_start();
	sa_lock_take(&registry_lock);
	(void)install_fork_handlers();
	sa_lock_give(&registry_lock);
}

static int start_library(void)
{
	if (is_started)
		return 0;
	sa_os_start();
	sa_annotate_start();
	if (sa_annotate_is_of_memory()) {
		sa_report_start();
		sa_fatal_set_witness(sa_report_misuse);
	}
	if (install_fork_handlers() != 0 || sodium_init() < 0) {
		errno = ENOMEM;
		return -1;
	}
	is_started = true;
	return 0;
}

int sa_registry_enter(const sa_canary_key **key, sa_arena_mlock mlock)
{
	int result;

	sa_lock_take(&registry_lock);
	result = start_library() == 0 ? hold_key(mlock) : -1;
	if (result == 0)
		*key = key_in_region();
	sa_lock_give(&registry_lock);
	return result;
}

bool sa_registry_has_key(void)
{
	bool has_key;

	sa_lock_take(&registry_lock);
	has_key = key_holders != 0;
	sa_lock_give(&registry_lock);
	return has_key;
}

void sa_registry_leave(void)
{
	sa_lock_take(&registry_lock);
	if (--key_holders == 0)
		sa_region_destroy(&key_region);
	sa_lock_give(&registry_lock);
}

void sa_registry_add(sa_arena *arena)
{
	sa_lock_take(&registry_lock);
	arena->serial = ++last_serial;
	arena->next = arenas;
	*(arenas != NULL ? &arenas->previous : &oldest) = arena;
	arenas = arena;
	sa_lock_give(&registry_lock);
}

void sa_registry_remove(sa_arena *arena)
{
	sa_arena *older, *younger;

	sa_lock_take(&registry_lock);
	older = arena->next;
	younger = arena->previous;
	*(younger != NULL ? &younger->next : &arenas) = older;
	*(older != NULL ? &older->previous : &oldest) = younger;
	if (visited == arena)
		visited = older;
	sa_lock_give(&registry_lock);
}

bool sa_registry_visit(uint64_t *serial,
		       void (*visit)(sa_arena *arena, void *context),
		       void *context)
{
	sa_arena *arena;

	sa_lock_take(&registry_lock);
	arena = visited != NULL && visited->serial <= *serial ? visited
							      : oldest;
	while (arena != NULL &&
	       (arena->serial <= *serial || atomic_load(&arena->is_gone)))
		arena = arena->previous;
	if (arena != NULL) {
		visited = arena;
		*serial = arena->serial;
		visit(arena, context);
	}
	sa_lock_give(&registry_lock);
	return arena != NULL;
}

/* A short wait is worth while: calls hold the mutexes for microseconds. */
#define TRIES 1000

static bool try_lock(sa_lock *lock)
{
	for (int i = 0; i < TRIES; i++)
		if (sa_lock_try(lock))
			return true;
	return false;
}

static bool try_arena(sa_arena *arena,
		      bool (*visit)(sa_arena *arena, void *context),
		      void *context)
{
	bool is_done;

	if (!try_lock(&arena->mutex))
		return false;
	is_done = visit(arena, context);
	sa_lock_give(&arena->mutex);
	return is_done;
}

void sa_registry_try_visit(bool (*visit)(sa_arena *arena, void *context),
			   void *context)
{
	if (!try_lock(&registry_lock))
		return;
	for (sa_arena *a = arenas; a != NULL; a = a->next)
		if (try_arena(a, visit, context))
			break;
	sa_lock_give(&registry_lock);
}

static bool disregard_own(sa_arena *arena, void *has_arenas)
{
	*(bool *)has_arenas = true;
	sa_veil_disregard_own(arena);
	return false;
}

/* After whatever else runs at exit, before a debugger looks for leaks. */
__attribute__((destructor)) static void end_process(void)
{
	bool has_arenas = false;

	if (!sa_annotate_is_of_memory())
		return;
	sa_registry_try_visit(disregard_own, &has_arenas);
	if (!has_arenas)
		return;
	sa_annotate_expect_leaks();
	sa_report_alive();
}
