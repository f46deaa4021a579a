/* SPDX-License-Identifier: ISC */
/*
 * Threads on three arenas, one for each fork policy: they allocate, free each
 * other's objects, open, close, protect, check, trim and fork, for as many
 * seconds as the first argument says.  Every second they pause, and the arenas
 * must be what the model knows; in the end nothing may be left of them.
 */
#include <config.h>

#include "shelf.h"
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SHELVES = 3, WORKERS = 6, SESSION_MAX = 300 };

/* A worker forks no more often. */
#define FORK_INTERVAL_MS 200

/* A child that has not ended by then hangs. */
#define CHILD_SECONDS 120

/* Threads map no more than this for their stacks, and libc keeps it. */
#define STACK_SIZE ((size_t)256 << 10)

static shelf shelves[SHELVES];
static atomic_bool must_stop;

typedef struct worker {
	pthread_t thread;
	shelf_visitor visitor;
	uint64_t forked_at; /* in ms */
	size_t forks, protections, checks, trims;
} worker;

static worker workers[WORKERS];

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static size_t below(worker *me, size_t bound)
{
	return support_random_below(&me->visitor.random, bound);
}

/* -------------------------------------------------------------- sessions */

/* As a holder of the arena, or as nobody, which costs a hold an object. */
static void begin_session(worker *me, shelf *at)
{
	static const sa_arena_access kinds[] = {
		SA_ARENA_READWRITE, SA_ARENA_READWRITE, SA_ARENA_READWRITE,
		SA_ARENA_READONLY,  SA_ARENA_NOACCESS,  SA_ARENA_NOACCESS,
	};

	me->visitor.held = kinds[below(me, SUPPORT_LENGTH(kinds))];
	if (me->visitor.held != SA_ARENA_NOACCESS)
		SUPPORT_REQUIRE(sa_arena_open(at->arena, me->visitor.held) ==
				0);
}

static void end_session(worker *me, shelf *at)
{
	if (me->visitor.held != SA_ARENA_NOACCESS)
		SUPPORT_REQUIRE(sa_arena_close(at->arena, me->visitor.held) ==
				0);
	me->visitor.held = SA_ARENA_NOACCESS;
}

static void visit_for_a_while(worker *me, shelf *at)
{
	for (size_t left = below(me, SESSION_MAX); left > 0; left--)
		shelf_visit(at, &me->visitor);
}

/* ------------------------------------------------------------- children */

static void be_child_with_copy(worker *me, shelf *at, size_t epoch)
{
	shelf_after_fork(at, epoch);
	shelf_require_intact(at);
	if (below(me, 2) == 0)
		return;
	begin_session(me, at);
	visit_for_a_while(me, at);
	end_session(me, at);
	shelf_require_intact(at);
}

static void be_child_left_out(shelf *at, size_t epoch)
{
	shelf_after_fork(at, epoch);
	SUPPORT_REQUIRE(sa_arena_alloc(at->arena, 10) == NULL);
	SUPPORT_REQUIRE(errno == EACCES);
	for (size_t i = 0; i < SHELF_PLACES; i += 50)
		if (!at->places[i].is_taken && at->places[i].bytes != NULL)
			sa_arena_free(at->arena, at->places[i].bytes);
}

static void be_child_wiped(worker *me, shelf *at)
{
	shelf_clear(at);
	SUPPORT_REQUIRE(support_stats(at->arena).live_count == 0);
	begin_session(me, at);
	visit_for_a_while(me, at);
	end_session(me, at);
	shelf_require_intact(at);
}

static _Noreturn void be_child(worker *me, size_t epoch)
{
	alarm(CHILD_SECONDS);
	be_child_with_copy(me, &shelves[SA_ARENA_FORK_INHERIT], epoch);
	be_child_left_out(&shelves[SA_ARENA_FORK_EXCLUDE], epoch);
	be_child_wiped(me, &shelves[SA_ARENA_FORK_WIPE]);
	for (size_t i = 0; i < SHELVES; i++)
		sa_arena_destroy(shelves[i].arena);
	SUPPORT_REQUIRE(support_locked_size() == 0);
	_exit(0);
}

static void split(worker *me)
{
	size_t epoch = shelf_fork_begins();
	pid_t pid = fork();
	int status;

	SUPPORT_REQUIRE(pid >= 0);
	if (pid == 0)
		be_child(me, epoch);
	SUPPORT_REQUIRE(waitpid(pid, &status, 0) == pid);
	SUPPORT_REQUIRE(status == 0);
	me->forks++;
	me->forked_at = now_ms();
}

/* -------------------------------------------------------------- workers */

static void disturb(worker *me, shelf *at)
{
	switch (below(me, 16)) {
	case 0:
		SUPPORT_REQUIRE(sa_arena_check(at->arena) == 0);
		me->checks++;
		break;
	case 1:
		sa_arena_trim(at->arena);
		me->trims++;
		break;
	case 2:
	case 3:
	case 4:
	case 5:
		SUPPORT_REQUIRE(
			sa_arena_protect(at->arena,
					 (sa_arena_access)below(me, 3)) == 0);
		me->protections++;
		break;
	default:
		break;
	}
	if (now_ms() - me->forked_at >= FORK_INTERVAL_MS)
		split(me);
}

static void *work(void *context)
{
	worker *me = context;

	me->forked_at = now_ms() - below(me, FORK_INTERVAL_MS);
	while (!must_stop) {
		shelf *at = &shelves[below(me, SHELVES)];

		begin_session(me, at);
		visit_for_a_while(me, at);
		end_session(me, at);
		disturb(me, at);
	}
	return NULL;
}

static void work_for(unsigned ms)
{
	const struct timespec pause = {ms / 1000, (long)(ms % 1000) * 1000000};
	pthread_attr_t attributes;

	must_stop = 0;
	SUPPORT_REQUIRE(pthread_attr_init(&attributes) == 0);
	SUPPORT_REQUIRE(pthread_attr_setstacksize(&attributes, STACK_SIZE) ==
			0);
	for (size_t i = 0; i < WORKERS; i++)
		SUPPORT_REQUIRE(pthread_create(&workers[i].thread, &attributes,
					       work, &workers[i]) == 0);
	nanosleep(&pause, NULL);
	must_stop = 1;
	for (size_t i = 0; i < WORKERS; i++)
		SUPPORT_REQUIRE(pthread_join(workers[i].thread, NULL) == 0);
	pthread_attr_destroy(&attributes);
}

/* ---------------------------------------------------------------- whole */

/* The second is soon full. */
static void create_shelves(void)
{
	static const char *const names[] = {"kept", "left out", "wiped"};
	sa_arena_options options = support_options();

	for (size_t i = 0; i < SHELVES; i++) {
		options.name = names[i];
		options.fork = (sa_arena_fork)i;
		options.capacity = i == SA_ARENA_FORK_EXCLUDE ? 3 << 20 : 0;
		shelf_create(&shelves[i], &options);
	}
}

static void report(size_t seconds)
{
	size_t visits = 0, forks = 0, checks = 0, trims = 0, protections = 0;
	size_t refusals = 0, allocs = 0;
	uint64_t transitions = 0;

	for (size_t i = 0; i < WORKERS; i++) {
		visits += workers[i].visitor.visits;
		forks += workers[i].forks;
		checks += workers[i].checks;
		trims += workers[i].trims;
		protections += workers[i].protections;
	}
	for (size_t i = 0; i < SHELVES; i++) {
		allocs += shelves[i].allocs;
		refusals += shelves[i].refusals;
		transitions +=
			support_stats(shelves[i].arena).access_change_count;
	}
	printf("%zu s: %zu visits, %zu allocations, %zu refusals, %zu forks, "
	       "%llu transitions, %zu protections, %zu checks, %zu trims\n",
	       seconds, visits, allocs, refusals, forks,
	       (unsigned long long)transitions, protections, checks, trims);
	fflush(stdout);
}

static void work_and_prove(unsigned ms)
{
	work_for(ms);
	for (size_t i = 0; i < SHELVES; i++)
		shelf_prove(&shelves[i]);
}

static void destroy_shelves(void)
{
	for (size_t i = 0; i < SHELVES; i++)
		sa_arena_destroy(shelves[i].arena);
}

static void require_nothing_left(size_t mappings, size_t locked)
{
	printf("left: %zd mappings, %zd bytes locked\n",
	       (ssize_t)(support_mapping_count() - mappings),
	       (ssize_t)(support_locked_size() - locked));
	SUPPORT_REQUIRE(support_mapping_count() <= mappings);
	SUPPORT_REQUIRE(support_locked_size() == locked);
}

int main(int argc, char **argv)
{
	size_t seconds = argc > 1 ? strtoul(argv[1], NULL, 10) : 60;
	size_t mappings, locked;
	support_random random;

	support_random_seed(&random);
	for (size_t i = 0; i < WORKERS; i++)
		workers[i].visitor.random.state = support_random_next(&random);
	/* Once for what libc and libsodium keep. */
	create_shelves();
	work_and_prove(200);
	destroy_shelves();
	mappings = support_mapping_count();
	locked = support_locked_size();
	create_shelves();
	for (size_t i = 1; i <= seconds; i++) {
		work_and_prove(1000);
		if (i % 10 == 0 || i == seconds)
			report(i);
	}
	destroy_shelves();
	require_nothing_left(mappings, locked);
	return EXIT_SUCCESS;
}
