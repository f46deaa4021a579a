/* SPDX-License-Identifier: ISC */
/*
 * What the child of a fork finds under each policy, whatever the arena's
 * access and whatever other threads were doing, and that its parent never
 * notices.
 */
#include <config.h>

#include "arena.h"
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LARGE (((size_t)1 << 20) + 5)
#define CROWD 3000

enum { WORKERS = 3, HELD = 64 };

#define INHERIT SA_ARENA_FORK_INHERIT
#define EXCLUDE SA_ARENA_FORK_EXCLUDE
#define WIPE SA_ARENA_FORK_WIPE

static sa_arena *arena;
static unsigned char *crowd[CROWD], *large;

static void gather(void)
{
	size_t i;

	for (i = 0; i < CROWD; i++) {
		crowd[i] = sa_arena_alloc(arena, i % 100);
		SUPPORT_REQUIRE(crowd[i] != NULL);
		support_fill(crowd[i], i % 100, i);
	}
	large = sa_arena_alloc(arena, LARGE);
	SUPPORT_REQUIRE(large != NULL);
	support_fill(large, LARGE, 1);
}

static void create(sa_arena_fork policy, unsigned flags)
{
	sa_arena_options options = support_options();

	options.fork = policy;
	options.flags = flags;
	arena = sa_arena_create(&options);
	SUPPORT_REQUIRE(arena != NULL);
	gather();
}

static void require_intact(void)
{
	size_t i;

	for (i = 0; i < CROWD; i++) {
		SUPPORT_REQUIRE(support_is_filled(crowd[i], i % 100, i));
		SUPPORT_REQUIRE(sa_arena_size(arena, crowd[i]) == i % 100);
	}
	SUPPORT_REQUIRE(support_is_filled(large, LARGE, 1));
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
}

static void rest(sa_arena_access access)
{
	SUPPORT_REQUIRE(sa_arena_protect(arena, access) == 0);
}

/* Take new objects, give them back, give back the old ones, and end. */
static void require_usable(void)
{
	void *object;
	size_t i;

	for (i = 0; i < 5000; i++) {
		object = sa_arena_alloc(arena, i % 300);
		SUPPORT_REQUIRE(object != NULL);
		SUPPORT_REQUIRE(support_is_zero(object, i % 300));
		support_fill(object, i % 300, i);
		if (i % 3 == 0)
			sa_arena_free(arena, object);
	}
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	SUPPORT_REQUIRE(sa_arena_reset(arena) == 0);
	SUPPORT_REQUIRE(support_stats(arena).live_count == 0);
	(void)sa_arena_trim(arena);
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) != NULL);
}

/* ------------------------------------------------------------- inherit */

static void inherit_contents(void *unused)
{
	size_t i;

	(void)unused;
	require_intact();
	SUPPORT_REQUIRE(support_stats(arena).live_count == CROWD + 1);
	for (i = 0; i < CROWD; i++)
		sa_arena_free(arena, crowd[i]);
	sa_arena_free(arena, large);
	SUPPORT_REQUIRE(support_stats(arena).live_count == 0);
	require_usable();
	sa_arena_destroy(arena);
}

/* Destroyed with everything still alive. */
static void inherit_and_destroy(void *unused)
{
	(void)unused;
	sa_arena_destroy(arena);
}

/* At rest, and to be opened as in the parent. */
static void inherit_at_rest(void *unused)
{
	(void)unused;
	SUPPORT_REQUIRE(sa_arena_current_access(arena) == SA_ARENA_NOACCESS);
	SUPPORT_REQUIRE(!support_is_readable(crowd[5]));
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 1) == NULL && errno == EACCES);
	sa_arena_free(arena, crowd[0]);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	SUPPORT_REQUIRE(sa_arena_open(arena, SA_ARENA_READWRITE) == 0);
	crowd[0] = sa_arena_alloc(arena, 0);
	require_intact();
	require_usable();
	SUPPORT_REQUIRE(sa_arena_close(arena, SA_ARENA_READWRITE) == 0);
	SUPPORT_REQUIRE(!support_is_readable(crowd[5]));
	sa_arena_destroy(arena);
}

/* The child's copy is locked before fork() returns there. */
static void inherit_locks(void *unused)
{
	sa_arena_stats stats = support_stats(arena);

	(void)unused;
	SUPPORT_REQUIRE(support_locked_size() >= stats.mapped_size);
	SUPPORT_REQUIRE(stats.locked_size == stats.mapped_size);
	SUPPORT_REQUIRE(stats.mapped_size > LARGE);
}

static void try_at_rest(support_body child, support_body destroy)
{
	rest(SA_ARENA_NOACCESS);
	support_assert_passes(child, NULL);
	support_assert_passes(destroy, NULL);
	rest(SA_ARENA_READWRITE);
}

START_TEST(test_inherit)
{
	create(INHERIT, (unsigned)_i);
	support_assert_passes(inherit_contents, NULL);
	support_assert_passes(inherit_and_destroy, NULL);
	require_intact();
	try_at_rest(inherit_at_rest, inherit_and_destroy);
	require_intact();
	ck_assert_uint_eq(support_stats(arena).live_count, CROWD + 1);
	ck_assert_uint_eq(support_stats(arena).free_count, 0);
	sa_arena_destroy(arena);
}
END_TEST

/* Who knows where one of the two puts objects knows nothing of the other. */
static void **placed;

static void place(void *unused)
{
	size_t i;

	(void)unused;
	for (i = 0; i < HELD; i++)
		placed[i] = sa_arena_alloc(arena, 32);
}

START_TEST(test_inherit_chance)
{
	size_t i, same = 0;

	create(INHERIT, (unsigned)_i);
	placed = mmap(NULL, HELD * sizeof *placed, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(placed, MAP_FAILED);
	support_assert_passes(place, NULL);
	for (i = 0; i < HELD; i++)
		same += placed[i] == sa_arena_alloc(arena, 32);
	ck_assert_ptr_nonnull(placed[HELD - 1]);
	ck_assert_uint_lt(same, HELD);
	sa_arena_destroy(arena);
}
END_TEST

START_TEST(test_inherit_locks)
{
	static const sa_arena_access access[] = {
		SA_ARENA_READWRITE, SA_ARENA_READONLY, SA_ARENA_NOACCESS};

	if (SUPPORT_SANITIZED || !support_can_lock(4 * LARGE)) {
		support_skip("inherit_locks", "nothing can be locked here");
		return;
	}
	create(INHERIT, 0);
	rest(access[_i]);
	support_assert_passes(inherit_locks, NULL);
	inherit_locks(NULL);
	sa_arena_destroy(arena);
}
END_TEST

/* A holder's child holds too, and may let go. */
static void inherit_holder(void *unused)
{
	(void)unused;
	SUPPORT_REQUIRE(sa_arena_current_access(arena) == SA_ARENA_READONLY);
	require_intact();
	SUPPORT_REQUIRE(sa_arena_close(arena, SA_ARENA_READONLY) == 0);
	SUPPORT_REQUIRE(!support_is_readable(crowd[5]));
	SUPPORT_REQUIRE(sa_arena_close(arena, SA_ARENA_READONLY) == -1);
	sa_arena_destroy(arena);
}

START_TEST(test_inherit_holder)
{
	create(INHERIT, 0);
	rest(SA_ARENA_NOACCESS);
	ck_assert_int_eq(sa_arena_open(arena, SA_ARENA_READONLY), 0);
	support_assert_passes(inherit_holder, NULL);
	ck_assert_int_eq(sa_arena_close(arena, SA_ARENA_READONLY), 0);
	sa_arena_destroy(arena);
}
END_TEST

static void *hold(void *unused)
{
	(void)unused;
	ck_assert_int_eq(sa_arena_open(arena, SA_ARENA_READONLY), 0);
	return NULL;
}

/* So it does for a thread that it does not have. */
START_TEST(test_inherit_holder_elsewhere)
{
	pthread_t thread;

	create(INHERIT, 0);
	rest(SA_ARENA_NOACCESS);
	ck_assert_int_eq(pthread_create(&thread, NULL, hold, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	support_assert_passes(inherit_holder, NULL);
	ck_assert_int_eq(sa_arena_close(arena, SA_ARENA_READONLY), 0);
	sa_arena_destroy(arena);
}
END_TEST

/* Misuse in a child is found as in its parent. */
static void inherit_crime(void *unused)
{
	(void)unused;
	support_flip(crowd[32] + 32);
	sa_arena_free(arena, crowd[32]);
}

START_TEST(test_inherit_crime)
{
	create(INHERIT, 0);
	support_assert_dies(inherit_crime, NULL, SIGABRT);
	require_intact();
	sa_arena_destroy(arena);
}
END_TEST

/* ------------------------------------------------------------- exclude */

static void touch_small(void *unused)
{
	(void)unused;
	support_peek(crowd[50]);
}

static void touch_large(void *unused)
{
	(void)unused;
	support_poke(large, 1);
}

static void require_eacces(const void *result)
{
	SUPPORT_REQUIRE(result == NULL);
	SUPPORT_REQUIRE(errno == EACCES);
	errno = 0;
}

static void excluded_calls(void *unused)
{
	char bytes[4] = "key";

	(void)unused;
	errno = 0;
	require_eacces(sa_arena_alloc(arena, 32));
	require_eacces(sa_arena_alloc(arena, LARGE));
	require_eacces(sa_arena_aligned_alloc(arena, 64, 32));
	require_eacces(sa_arena_take(arena, bytes, sizeof bytes));
	require_eacces(sa_arena_realloc(arena, NULL, 32));
	SUPPORT_REQUIRE(strcmp(bytes, "key") == 0);
	SUPPORT_REQUIRE(sa_arena_open(arena, SA_ARENA_READWRITE) == -1);
	SUPPORT_REQUIRE(errno == EACCES);
	errno = 0;
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_READWRITE) == -1);
	SUPPORT_REQUIRE(errno == EACCES);
	SUPPORT_REQUIRE(!support_is_readable(crowd[50]));
}

/* Frees one by one, as a program does that knows of no policy. */
static void excluded_tidying(void *unused)
{
	size_t i;

	(void)unused;
	sa_arena_free(arena, large);
	for (i = 0; i < CROWD; i++)
		sa_arena_free(arena, crowd[i]);
	sa_arena_destroy(arena);
}

/* Whatever they return, they report no misuse. */
static void excluded_sweeping(void *unused)
{
	sa_arena_stats stats = SA_ARENA_STATS_INIT;

	(void)unused;
	(void)sa_arena_check(arena);
	(void)sa_arena_owns(arena, crowd[50]);
	(void)sa_arena_reset(arena);
	(void)sa_arena_trim(arena);
	SUPPORT_REQUIRE(sa_arena_stats_get(arena, &stats) == 0);
	sa_arena_destroy(arena);
}

/* All of it counts, none as locked, until it is given up. */
static void excluded_counting(void *parents_size)
{
	const size_t *size = parents_size;

	SUPPORT_REQUIRE(support_stats(arena).mapped_size == *size);
	SUPPORT_REQUIRE(support_stats(arena).locked_size == 0);
	sa_arena_free(arena, large);
	SUPPORT_REQUIRE(support_stats(arena).mapped_size < *size - LARGE);
}

static void excluded_destroying(void *unused)
{
	(void)unused;
	sa_arena_destroy(arena);
}

/* One arena that a child cannot use does not keep it from another. */
static void excluded_starting_anew(void *unused)
{
	(void)unused;
	sa_arena_destroy(arena);
	create(INHERIT, 0);
	require_intact();
	sa_arena_destroy(arena);
}

START_TEST(test_exclude)
{
	size_t parents_size;

	create(EXCLUDE, (unsigned)_i % 2);
	if (_i >= 2)
		rest(SA_ARENA_NOACCESS);
	support_assert_dies(touch_small, NULL, SIGSEGV);
	support_assert_dies(touch_large, NULL, SIGSEGV);
	support_assert_passes(excluded_calls, NULL);
	support_assert_passes(excluded_tidying, NULL);
	support_assert_passes(excluded_sweeping, NULL);
	parents_size = support_stats(arena).mapped_size;
	support_assert_passes(excluded_counting, &parents_size);
	support_assert_passes(excluded_destroying, NULL);
	support_assert_passes(excluded_starting_anew, NULL);
	rest(SA_ARENA_READWRITE);
	require_intact();
	ck_assert_uint_eq(support_stats(arena).live_count, CROWD + 1);
	sa_arena_destroy(arena);
}
END_TEST

/* ---------------------------------------------------------------- wipe */

static void require_empty(void)
{
	sa_arena_stats stats = support_stats(arena);
	size_t i;

	SUPPORT_REQUIRE(stats.live_count == 0);
	SUPPORT_REQUIRE(stats.live_size == 0);
	SUPPORT_REQUIRE(stats.large_count == 0);
	for (i = 0; i < CROWD; i++)
		SUPPORT_REQUIRE(sa_arena_owns(arena, crowd[i]) == 0);
	SUPPORT_REQUIRE(sa_arena_owns(arena, large) == 0);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
}

static void require_wiped(void)
{
	size_t i;

	for (i = 0; i < CROWD; i++)
		SUPPORT_REQUIRE(support_is_zero(crowd[i], i % 100));
	if (support_is_readable(large))
		SUPPORT_REQUIRE(support_is_zero(large, LARGE - 4096));
}

static void wiped_use(void *unused)
{
	(void)unused;
	require_wiped();
	require_empty();
	require_usable();
	SUPPORT_REQUIRE(sa_arena_reset(arena) == 0);
	gather();
	require_intact();
	sa_arena_destroy(arena);
}

static void wiped_destroying(void *unused)
{
	(void)unused;
	sa_arena_destroy(arena);
}

static void wiped_at_rest(void *unused)
{
	(void)unused;
	SUPPORT_REQUIRE(sa_arena_current_access(arena) == SA_ARENA_NOACCESS);
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 1) == NULL && errno == EACCES);
	require_empty();
	SUPPORT_REQUIRE(sa_arena_open(arena, SA_ARENA_READWRITE) == 0);
	require_wiped();
	require_usable();
	SUPPORT_REQUIRE(sa_arena_close(arena, SA_ARENA_READWRITE) == 0);
	sa_arena_destroy(arena);
}

static void wiped_locks(void *unused)
{
	sa_arena_stats stats;

	(void)unused;
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) != NULL);
	stats = support_stats(arena);
	SUPPORT_REQUIRE(stats.mapped_size > 0);
	SUPPORT_REQUIRE(stats.locked_size == stats.mapped_size);
	SUPPORT_REQUIRE(support_locked_size() >= stats.mapped_size);
}

/* An object of the parent is none of the child. */
static void wiped_old_pointer(void *unused)
{
	(void)unused;
	sa_arena_free(arena, crowd[50]);
}

START_TEST(test_wipe)
{
	create(WIPE, (unsigned)_i);
	support_assert_passes(wiped_use, NULL);
	support_assert_passes(wiped_destroying, NULL);
	support_assert_dies(wiped_old_pointer, NULL, SIGABRT);
	try_at_rest(wiped_at_rest, wiped_destroying);
	require_intact();
	ck_assert_uint_eq(support_stats(arena).live_count, CROWD + 1);
	sa_arena_destroy(arena);
}
END_TEST

START_TEST(test_wipe_locks)
{
	if (SUPPORT_SANITIZED || !support_can_lock(4 * LARGE)) {
		support_skip("wipe_locks", "nothing can be locked here");
		return;
	}
	create(WIPE, 0);
	support_assert_passes(wiped_locks, NULL);
	sa_arena_destroy(arena);
}
END_TEST

/* ------------------------------------------------- children of children */

static void grandchild(void *policy)
{
	if (*(sa_arena_fork *)policy == EXCLUDE) {
		excluded_calls(NULL);
		excluded_tidying(NULL);
	} else if (*(sa_arena_fork *)policy == WIPE) {
		require_empty();
		wiped_use(NULL);
	} else {
		inherit_contents(NULL);
	}
}

/* By hand: Check's assertions belong to the test's own process. */
static void fork_once(support_body child, void *argument)
{
	pid_t pid = fork();
	int status;

	SUPPORT_REQUIRE(pid >= 0);
	if (pid == 0) {
		alarm(60);
		child(argument);
		support_leave(0);
	}
	SUPPORT_REQUIRE(waitpid(pid, &status, 0) == pid);
	SUPPORT_REQUIRE(status == 0);
}

static void child_that_forks(void *policy)
{
	fork_once(grandchild, policy);
	grandchild(policy);
}

START_TEST(test_grandchild)
{
	sa_arena_fork policy = (sa_arena_fork)_i;

	create(policy, 0);
	support_assert_passes(child_that_forks, &policy);
	require_intact();
	sa_arena_destroy(arena);
}
END_TEST

/* ------------------------------------------------------- many arenas */

/* Each in a child as its own policy says, and arenas gone are forgotten. */
static sa_arena *several[12];

static void child_of_several(void *unused)
{
	size_t i;
	void *object;

	(void)unused;
	for (i = 0; i < SUPPORT_LENGTH(several); i++) {
		if (several[i] == NULL)
			continue;
		errno = 0;
		object = sa_arena_alloc(several[i], 32);
		if (i % 3 == EXCLUDE)
			require_eacces(object);
		else
			SUPPORT_REQUIRE(object != NULL);
		sa_arena_destroy(several[i]);
	}
}

START_TEST(test_several_arenas)
{
	sa_arena_options options = support_options();
	size_t i;

	for (i = 0; i < SUPPORT_LENGTH(several); i++) {
		options.fork = (sa_arena_fork)(i % 3);
		several[i] = sa_arena_create(&options);
		ck_assert_ptr_nonnull(several[i]);
		ck_assert_ptr_nonnull(sa_arena_alloc(several[i], 32));
	}
	support_assert_passes(child_of_several, NULL);
	for (i = 0; i < SUPPORT_LENGTH(several); i += 5) {
		sa_arena_destroy(several[i]);
		several[i] = NULL;
	}
	support_assert_passes(child_of_several, NULL);
	for (i = 0; i < SUPPORT_LENGTH(several); i++)
		sa_arena_destroy(several[i]);
	arena = NULL;
	support_assert_passes(excluded_starting_anew, NULL);
}
END_TEST

/* ---------------------------------------- children without fork handlers */

extern char **environ;

START_TEST(test_spawn)
{
	static char true_path[] = "/bin/true";
	char *arguments[] = {true_path, NULL};
	pid_t pid;
	int status;

	create((sa_arena_fork)_i, 0);
	ck_assert_int_eq(
		posix_spawn(&pid, true_path, NULL, NULL, arguments, environ),
		0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(system("exit 0"), 0);
	require_intact();
	sa_arena_destroy(arena);
}
END_TEST

/* --------------------------------------------------- threads at the fork */

static atomic_int has_ended;

/* Objects of all kinds come and go, as fast as they can. */
static void *work(void *seed)
{
	support_random random = {(uintptr_t)seed};
	void *held[HELD] = {NULL};
	size_t place, size;

	while (!atomic_load(&has_ended)) {
		place = support_random_below(&random, HELD);
		size = support_random_below(&random, 200);
		if (size == 0)
			size = 100000;
		if (size == 1)
			size = 5000;
		sa_arena_free(arena, held[place]);
		held[place] = sa_arena_alloc(arena, size);
		SUPPORT_REQUIRE(held[place] != NULL);
		memset(held[place], 0xaa, size);
	}
	for (place = 0; place < HELD; place++)
		sa_arena_free(arena, held[place]);
	return NULL;
}

/* Opens, sweeps and closes: whatever takes a lock that fork may catch. */
static void *watch(void *unused)
{
	const struct timespec pause = {0, 50000};

	while (!atomic_load(&has_ended)) {
		SUPPORT_REQUIRE(sa_arena_open(arena, SA_ARENA_READONLY) == 0);
		SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
		(void)sa_arena_trim(arena);
		sa_arena_set_misuse_handler(NULL, NULL);
		SUPPORT_REQUIRE(sa_arena_close(arena, SA_ARENA_READONLY) == 0);
		nanosleep(&pause, NULL);
	}
	return unused;
}

static void child_of_threads(void *unused)
{
	void *object;

	(void)unused;
	sa_arena_set_misuse_handler(NULL, NULL);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	object = sa_arena_alloc(arena, 32);
	SUPPORT_REQUIRE(object != NULL);
	sa_arena_free(arena, object);
	SUPPORT_REQUIRE(sa_arena_reset(arena) == 0);
	SUPPORT_REQUIRE(support_stats(arena).live_count == 0);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	require_usable();
	sa_arena_destroy(arena);
}

static void excluded_child_of_threads(void *unused)
{
	(void)sa_arena_check(arena);
	require_eacces(sa_arena_alloc(arena, 32));
	excluded_sweeping(unused);
}

static void start(pthread_t *thread, void *(*body)(void *), uintptr_t seed)
{
	ck_assert_int_eq(pthread_create(thread, NULL, body, (void *)seed), 0);
}

START_TEST(test_threads)
{
	const sa_arena_fork policy = (sa_arena_fork)_i;
	pthread_t threads[WORKERS + 1];
	size_t i;

	atomic_store(&has_ended, 0);
	create(policy, 0);
	start(&threads[WORKERS], watch, 0);
	for (i = 0; i < WORKERS; i++)
		start(&threads[i], work, i + 1);
	for (i = 0; i < SUPPORT_ROUNDS(80); i++)
		support_assert_passes(policy == EXCLUDE
					      ? excluded_child_of_threads
					      : child_of_threads,
				      NULL);
	atomic_store(&has_ended, 1);
	for (i = 0; i <= WORKERS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	require_intact();
	ck_assert_uint_eq(support_stats(arena).live_count, CROWD + 1);
	sa_arena_destroy(arena);
}
END_TEST

/* Objects that one thread has made are freed by another. */
static _Atomic(void *) exchanged[HELD];

static void *exchange(void *seed)
{
	support_random random = {(uintptr_t)seed};

	while (!atomic_load(&has_ended)) {
		size_t place = support_random_below(&random, HELD);
		size_t size = support_random_below(&random, 200);
		void *object = sa_arena_alloc(arena, size);

		SUPPORT_REQUIRE(object != NULL);
		memset(object, 0xaa, size);
		sa_arena_free(arena,
			      atomic_exchange(&exchanged[place], object));
	}
	return NULL;
}

/* The kernel refuses to stop the threads: the child finds them in the middle of
 * their calls. */
static void fork_beside_unstopped(void *policy)
{
	pthread_t threads[WORKERS];
	size_t i;

	atomic_store(&has_ended, 0);
	create(*(const sa_arena_fork *)policy, 0);
	for (i = 0; i < WORKERS; i++)
		SUPPORT_REQUIRE(pthread_create(&threads[i], NULL,
					       i == 0 ? work : exchange,
					       (void *)(uintptr_t)(i + 1)) ==
				0);
	if (support_refuse_call(SYS_membarrier, EPERM) != 0)
		support_leave(SUPPORT_CANNOT_TELL);
	for (i = 0; i < SUPPORT_ROUNDS(50); i++)
		fork_once(*(const sa_arena_fork *)policy == EXCLUDE
				  ? excluded_child_of_threads
				  : child_of_threads,
			  NULL);
	atomic_store(&has_ended, 1);
	for (i = 0; i < WORKERS; i++)
		SUPPORT_REQUIRE(pthread_join(threads[i], NULL) == 0);
	for (i = 0; i < HELD; i++)
		sa_arena_free(arena, exchanged[i]);
	SUPPORT_REQUIRE(support_stats(arena).live_count == CROWD + 1);
	sa_arena_destroy(arena);
}

START_TEST(test_unstopped_threads)
{
	static const sa_arena_fork policies[] = {INHERIT, EXCLUDE, WIPE};
	sa_arena_fork policy = policies[_i];

	/* And helgrind does not see how objects are handed over. */
	if (support_under_valgrind())
		support_skip("unstopped_threads", "threads take turns there");
	else
		support_assert_passes_or_skip("unstopped_threads",
					      fork_beside_unstopped, &policy);
}
END_TEST

/* One that has made an object, and waits. */
static void *make_and_wait(void *ready)
{
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) != NULL);
	SUPPORT_REQUIRE(sem_post(ready) == 0);
	for (;;)
		pause();
}

/* With another thread, which the kernel refuses to stop. */
static void share_unstopped(void)
{
	/* The other may be inside when this one goes on. */
	static sem_t ready;
	pthread_t thread;

	SUPPORT_REQUIRE(sem_init(&ready, 0, 0) == 0);
	SUPPORT_REQUIRE(pthread_create(&thread, NULL, make_and_wait, &ready) ==
			0);
	SUPPORT_REQUIRE(sem_wait(&ready) == 0);
	if (!arena->has_barrier ||
	    support_refuse_call(SYS_membarrier, EPERM) != 0)
		support_leave(SUPPORT_CANNOT_TELL);
}

/* What is there of all that is being added while the child is made. */
static void tear_counters(void)
{
	sa_counters *counters = &arena->all_shards->counters;

	atomic_fetch_add(&arena->totals.count.value, 1000);
	atomic_fetch_sub(&arena->totals.size.value, 9000);
	atomic_fetch_sub(&counters->count.room, 1);
	atomic_fetch_add(&counters->size.told, 7);
	atomic_fetch_add(&counters->frees, 1);
}

static void child_of_torn_counters(void *policy)
{
	sa_arena_stats stats = support_stats(arena);
	bool is_wiped = *(const sa_arena_fork *)policy == WIPE;
	size_t size = is_wiped ? 0 : LARGE + 32, i;

	for (i = 0; i < CROWD && !is_wiped; i++)
		size += i % 100;
	SUPPORT_REQUIRE(stats.live_count == (is_wiped ? 0 : CROWD + 2));
	SUPPORT_REQUIRE(stats.live_size == size);
	SUPPORT_REQUIRE(stats.alloc_count >= CROWD + 2);
}

static void fork_amid_counting(void *policy)
{
	create(*(const sa_arena_fork *)policy, 0);
	share_unstopped();
	tear_counters();
	fork_once(child_of_torn_counters, policy);
}

START_TEST(test_torn_counters)
{
	static const sa_arena_fork policies[] = {INHERIT, EXCLUDE, WIPE};
	sa_arena_fork policy = policies[_i];

	support_assert_passes_or_skip("torn_counters", fork_amid_counting,
				      &policy);
}
END_TEST

/* A birth that has come as far as the canary.  That its thread is inside is a
 * store that this one need not have seen. */
static void tear_birth(void)
{
	sa_bin *bin = &arena->guest->bins[sa_sizeclass_of(32)];

	SUPPORT_REQUIRE(bin->count > 0);
	memset(sa_bin_get(bin, --bin->count).memory + 32, 0xaa, 8);
}

static void child_of_torn_birth(void *unused)
{
	(void)unused;
	SUPPORT_REQUIRE(support_stats(arena).live_count == 1);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) != NULL);
	sa_arena_destroy(arena);
}

static void fork_amid_birth(void *unused)
{
	(void)unused;
	arena = support_arena_create_single();
	share_unstopped();
	tear_birth();
	fork_once(child_of_torn_birth, NULL);
}

/* Whoever forks need not see that another thread is inside a single-threaded
 * arena, where the kernel executes no barrier. */
START_TEST(test_torn_birth)
{
	support_assert_passes_or_skip("torn_birth", fork_amid_birth, NULL);
}
END_TEST

static void child_of_forks(void)
{
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) != NULL);
	sa_arena_destroy(arena);
	support_leave(0);
}

/* Several threads fork at once, and arenas are born and die meanwhile. */
static void *fork_often(void *unused)
{
	int i, status;
	pid_t pid;

	for (i = 0; i < SUPPORT_ROUNDS(40); i++) {
		pid = fork();
		SUPPORT_REQUIRE(pid >= 0);
		if (pid == 0)
			child_of_forks();
		SUPPORT_REQUIRE(waitpid(pid, &status, 0) == pid);
		SUPPORT_REQUIRE(status == 0);
	}
	return unused;
}

static void *create_often(void *unused)
{
	sa_arena *created;

	while (!atomic_load(&has_ended)) {
		created = support_arena_create();
		SUPPORT_REQUIRE(sa_arena_alloc(created, 32) != NULL);
		sa_arena_destroy(created);
	}
	return unused;
}

START_TEST(test_threads_that_fork)
{
	pthread_t threads[4];
	size_t i;

	atomic_store(&has_ended, 0);
	create(_i == 0 ? INHERIT : WIPE, 0);
	start(&threads[0], fork_often, 0);
	start(&threads[1], fork_often, 0);
	start(&threads[2], create_often, 0);
	start(&threads[3], work, 1);
	for (i = 0; i < SUPPORT_LENGTH(threads); i++) {
		if (i == 2)
			atomic_store(&has_ended, 1);
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	}
	require_intact();
	sa_arena_destroy(arena);
}
END_TEST

/* A single-threaded arena that another thread works with: fork() is no call on
 * it, and may come at any time. */
static void protect(sa_arena_access access)
{
	SUPPORT_REQUIRE(sa_arena_protect(arena, access) == 0);
}

static void *work_alone(void *is_closing)
{
	while (!atomic_load(&has_ended)) {
		void *objects[64];

		for (size_t i = 0; i < SUPPORT_LENGTH(objects); i++) {
			objects[i] = sa_arena_alloc(arena, 64 * i);
			SUPPORT_REQUIRE(objects[i] != NULL);
		}
		if (is_closing != NULL)
			protect(SA_ARENA_READONLY);
		for (size_t i = 0; i < SUPPORT_LENGTH(objects); i++)
			sa_arena_free(arena, objects[i]);
		if (is_closing != NULL)
			protect(SA_ARENA_READWRITE);
	}
	return is_closing;
}

static void child_of_single_thread(void *unused)
{
	(void)unused;
	alarm(20);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	SUPPORT_REQUIRE(sa_arena_reset(arena) == 0);
	SUPPORT_REQUIRE(support_stats(arena).live_count == 0);
	sa_arena_destroy(arena);
}

START_TEST(test_single_thread)
{
	pthread_t thread;

	atomic_store(&has_ended, 0);
	arena = support_arena_create_single();
	start(&thread, work_alone, (uintptr_t)_i);
	for (size_t i = 0; i < SUPPORT_ROUNDS(100); i++)
		support_assert_passes(child_of_single_thread, NULL);
	atomic_store(&has_ended, 1);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(sa_arena_check(arena), 0);
	sa_arena_destroy(arena);
}
END_TEST

/* Before the library's own handlers, so that this is called behind the one that
 * stops its arenas. */
static sa_arena *knocked_at;

static void knock(void)
{
	if (knocked_at != NULL)
		atomic_store(&knocked_at->guest->busy, true);
}

static void go_away(void)
{
	if (knocked_at != NULL)
		atomic_store(&knocked_at->guest->busy, false);
}

__attribute__((constructor(101))) static void ask_first(void)
{
	(void)pthread_atfork(knock, go_away, NULL);
}

/* The last to call a single-threaded arena forks while the next one tries to
 * enter: the child does not wait for that one to turn back. */
START_TEST(test_single_thread_knocks)
{
	arena = support_arena_create_single();
	sa_arena_free(arena, sa_arena_alloc(arena, 32));
	knocked_at = arena;
	support_assert_passes(child_of_single_thread, NULL);
	knocked_at = NULL;
	sa_arena_destroy(arena);
}
END_TEST

/* Being destroyed while another thread forks: all there, by its policy, or all
 * gone.  The policy tells by locking the copy, if so much may be locked. */
#define MANY 200000u

static const unsigned char *witness;
static int is_lockable;
static atomic_int is_going;

static void *destroy_many(void *unused)
{
	atomic_store(&is_going, 1);
	sa_arena_destroy(arena);
	return unused;
}

static void child_of_destroyer(void *unused)
{
	(void)unused;
	if (is_lockable && support_is_readable(witness) && *witness == 0x5a)
		SUPPORT_REQUIRE(support_locked_size() > MANY * 32);
	SUPPORT_REQUIRE(sa_arena_stats_print_all(STDERR_FILENO) >= 0);
}

START_TEST(test_destroyed_meanwhile)
{
	pthread_t thread;

	is_lockable = support_can_lock((size_t)32 << 20);
	for (size_t round = 0; round < SUPPORT_ROUNDS(20); round++) {
		support_end end;

		arena = support_arena_create();
		for (size_t i = 0; i < MANY; i++) {
			unsigned char *object = sa_arena_alloc(arena, 32);

			SUPPORT_REQUIRE(object != NULL);
			memset(object, 0x5a, 32);
			if (i == round * (MANY / 20))
				witness = object;
		}
		atomic_store(&is_going, 0);
		start(&thread, destroy_many, 0);
		while (!atomic_load(&is_going))
			sched_yield();
		support_child(child_of_destroyer, NULL, &end);
		ck_assert_msg(end.status == 0, "%s", end.text);
		ck_assert_ptr_null(strstr(end.text, "\"mapped_size\":0,"));
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
	}
}
END_TEST

/* -------------------------------------------------------------- suite */

static TCase *add_tcase(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 120);
	return tcase;
}

int main(void)
{
	Suite *suite;
	TCase *policies, *threads;

	if (!support_takes_advice()) {
		support_skip("fork", "no advice is taken here");
		return 77;
	}
	suite = suite_create("fork");
	policies = add_tcase(suite, "policies");
	threads = add_tcase(suite, "threads");
	tcase_add_loop_test(policies, test_inherit, 0, 2);
	tcase_add_loop_test(policies, test_inherit_chance, 0, 2);
	tcase_add_loop_test(policies, test_inherit_locks, 0, 3);
	tcase_add_test(policies, test_inherit_holder);
	tcase_add_test(policies, test_inherit_holder_elsewhere);
	tcase_add_test(policies, test_inherit_crime);
	tcase_add_loop_test(policies, test_exclude, 0, 4);
	tcase_add_loop_test(policies, test_wipe, 0, 2);
	tcase_add_test(policies, test_wipe_locks);
	tcase_add_loop_test(policies, test_grandchild, 0, 3);
	tcase_add_test(policies, test_several_arenas);
	tcase_add_loop_test(policies, test_spawn, 0, 3);
	tcase_add_loop_test(threads, test_threads, 0, 3);
	tcase_add_loop_test(threads, test_unstopped_threads, 0, 3);
	tcase_add_loop_test(threads, test_torn_counters, 0, 3);
	tcase_add_test(threads, test_torn_birth);
	tcase_add_loop_test(threads, test_threads_that_fork, 0, 2);
	tcase_add_loop_test(threads, test_single_thread, 0, 2);
	tcase_add_test(threads, test_single_thread_knocks);
	if (!SUPPORT_SANITIZED)
		tcase_add_test(threads, test_destroyed_meanwhile);
	return support_run(suite);
}
