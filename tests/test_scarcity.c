/* SPDX-License-Identifier: ISC */
/*
 * Every call of an arena where the system truly has no more to give: all
 * mappings taken, no address space, no data, little that may be locked.
 */
#include <config.h>

#include "mappings.h"
#include "support.h"
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define PAGE ((size_t)sysconf(_SC_PAGESIZE))

/* Left by a child that could not be made what the test needs. */

static world w;

static void assert_passes_or_skip(const char *name, support_body body,
				  void *context)
{
	if (SUPPORT_SANITIZED) {
		support_skip(name, "sanitizers map and lock as they like");
		return;
	}
	support_assert_passes_or_skip(name, body, context);
}

/* ----------------------------------------------------------- every call */

static void call_for_objects(void)
{
	for (size_t i = 0; i < 12; i++)
		world_alloc(&w, 8000);
	world_alloc(&w, 10);
	world_alloc(&w, 50000);
	if (w.count < 3)
		return;
	world_realloc(&w, 0, 12000);
	world_realloc(&w, w.count - 1, 100);
	world_free(&w, 0);
	world_free(&w, w.count - 1);
}

static void call_for_access(void)
{
	if (world_open(&w, SA_ARENA_READONLY) == 0)
		SUPPORT_REQUIRE(world_close(&w, SA_ARENA_READONLY) == 0);
	if (world_open(&w, SA_ARENA_READWRITE) == 0)
		world_close(&w, SA_ARENA_READWRITE);
	for (size_t i = 0; i < w.count; i += 7)
		if (world_open_object(&w, i, SA_ARENA_READWRITE) == 0)
			SUPPORT_REQUIRE(
				world_close_object(&w, i, SA_ARENA_READWRITE) ==
				0);
}

static void be_child(void)
{
	void *object = sa_arena_alloc(w.arena, 100);

	SUPPORT_REQUIRE(object != NULL || errno == EACCES || errno == EPERM ||
			errno == ENOMEM);
	SUPPORT_REQUIRE(sa_arena_check(w.arena) == 0 || errno == ENOMEM);
	for (size_t i = 0; i < w.count; i++)
		SUPPORT_REQUIRE(sa_arena_owns(w.arena, w.objects[i].bytes) ==
				(w.options.fork != SA_ARENA_FORK_WIPE));
	sa_arena_destroy(w.arena);
	support_leave(0);
}

static void call_fork(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		be_child();
	if (pid < 0)
		return;
	SUPPORT_REQUIRE(waitpid(pid, &status, 0) == pid);
	SUPPORT_REQUIRE(status == 0);
}

static void call_for_another_arena(void)
{
	sa_arena *other = sa_arena_create(&w.options);

	if (other == NULL)
		SUPPORT_REQUIRE(errno == ENOMEM || errno == EPERM);
	sa_arena_destroy(other);
}

static void make_every_call(void)
{
	call_for_objects();
	call_for_access();
	call_for_another_arena();
	call_fork();
	world_check(&w);
	world_protect(&w, SA_ARENA_READONLY);
	call_for_access();
	world_protect(&w, SA_ARENA_NOACCESS);
	call_for_access();
	world_protect(&w, SA_ARENA_NOACCESS);
	if (w.count > 1)
		world_free(&w, w.count / 2);
	world_check(&w);
	world_trim(&w);
	world_protect(&w, SA_ARENA_READWRITE);
	call_for_objects();
	world_trim(&w);
}

static void begin_world(void)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;

	if (!support_can_lock(16 * MIB))
		_exit(SUPPORT_CANNOT_TELL);
	SUPPORT_REQUIRE(world_create(&w, &options) == 0);
	world_fill(&w, 24, 2000);
	world_fill(&w, 2, 9000);
}

/* ------------------------------------------------------ no mappings left */

static void run_without_mappings(void *context)
{
	const size_t spare = *(const size_t *)context;
	size_t count;

	begin_world();
	count = mappings_eat();
	if (count == 0)
		_exit(SUPPORT_CANNOT_TELL);
	for (size_t i = 0; i < spare; i++)
		mappings_give_back(--count);
	make_every_call();
	SUPPORT_REQUIRE(w.refused > 0);
	while (count > 0)
		mappings_give_back(--count);
	world_prove(&w);
	SUPPORT_REQUIRE(world_reset(&w) == 0);
	world_fill(&w, 50, 2000);
	world_prove(&w);
	world_destroy(&w);
}

/* Mappings to spare, when every call is made; some need four, or more. */
static const size_t spares[] = {0, 1, 2, 3, 4, 5, 7, 9, 12};

START_TEST(test_no_mappings)
{
	size_t spare = spares[_i];

	if (support_under_valgrind())
		support_skip("no_mappings", "Valgrind has fewer to give");
	else
		assert_passes_or_skip("no_mappings", run_without_mappings,
				      &spare);
}
END_TEST

/* ------------------------------------------------------- limits of size */

typedef struct size_limit {
	size_t spare;
	size_t (*used)(void);
	void (*set)(rlim_t size);
} size_limit;

static size_t address_space_size(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	size_t pages;

	SUPPORT_REQUIRE(file != NULL && fscanf(file, "%zu", &pages) == 1);
	fclose(file);
	return pages * PAGE;
}

static void limit_address_space(rlim_t size)
{
	struct rlimit limit = {size, RLIM_INFINITY};

	if (setrlimit(RLIMIT_AS, &limit) != 0)
		_exit(SUPPORT_CANNOT_TELL);
}

static void limit_data(rlim_t size)
{
	struct rlimit limit = {size, RLIM_INFINITY};

	if (setrlimit(RLIMIT_DATA, &limit) != 0)
		_exit(SUPPORT_CANNOT_TELL);
}

/* Inaccessible memory is no data: opening what rests must find room for all
 * of it, or leave it all as it is. */
static void run_without_room(void *context)
{
	const size_limit *it = context;

	begin_world();
	SUPPORT_REQUIRE(world_protect(&w, SA_ARENA_NOACCESS) == 0);
	it->set(it->used() + it->spare);
	call_for_access();
	world_protect(&w, SA_ARENA_READWRITE);
	make_every_call();
	SUPPORT_REQUIRE(w.refused > 0);
	it->set(RLIM_INFINITY);
	world_prove(&w);
	SUPPORT_REQUIRE(world_reset(&w) == 0);
	SUPPORT_REQUIRE(world_protect(&w, SA_ARENA_READWRITE) == 0);
	world_fill(&w, 50, 2000);
	world_prove(&w);
	world_destroy(&w);
}

START_TEST(test_no_room)
{
	static const size_t rooms[] = {0, 20 * KIB, 40 * KIB, 80 * KIB};
	size_limit limit = {rooms[_i / 2], address_space_size,
			    limit_address_space};

	if (_i % 2 == 1) {
		limit.set = limit_data;
		limit.used = support_data_size;
	}
	if (support_under_valgrind())
		support_skip("no_room", "Valgrind needs memory itself");
	else
		assert_passes_or_skip("no_room", run_without_room, &limit);
}
END_TEST

/* --------------------------------------------------- an ordinary user's */

typedef struct lock_limit {
	size_t size;
	sa_arena_mlock mlock;
	sa_arena_fork fork;
} lock_limit;

static void run_as_ordinary(void *context)
{
	const lock_limit *it = context;
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;

	if (support_become_ordinary(it->size) != 0)
		_exit(SUPPORT_CANNOT_TELL);
	options.mlock = it->mlock;
	options.fork = it->fork;
	if (world_create(&w, &options) != 0) {
		SUPPORT_REQUIRE(errno == EPERM && it->size == 0);
		return;
	}
	make_every_call();
	SUPPORT_REQUIRE(support_locked_size() <= it->size);
	SUPPORT_REQUIRE(
		(w.refused > 0) ==
		(it->size < MIB && it->mlock == SA_ARENA_MLOCK_REQUIRED));
	world_prove(&w);
	world_destroy(&w);
	SUPPORT_REQUIRE(support_locked_size() == 0);
}

START_TEST(test_ordinary_user)
{
	static const size_t sizes[] = {0, 64 * KIB, 8 * MIB};
	lock_limit limit = {sizes[_i / 6], (sa_arena_mlock)(_i % 2),
			    (sa_arena_fork)(_i / 2 % 3)};

	assert_passes_or_skip("ordinary_user", run_as_ordinary, &limit);
}
END_TEST

/* ---------------------------------------------------------------- suite */

int main(void)
{
	Suite *suite;
	TCase *scarcity;

	/* Each trial ends with a look at the flags of all memory. */
	if (!support_takes_advice()) {
		support_skip("scarcity", "no advice is taken here");
		return 77;
	}
	suite = suite_create("scarcity");
	scarcity = tcase_create("scarcity");
	suite_add_tcase(suite, scarcity);
	tcase_set_timeout(scarcity, 60);
	tcase_add_loop_test(scarcity, test_no_mappings, 0,
			    SUPPORT_LENGTH(spares));
	tcase_add_loop_test(scarcity, test_no_room, 0, 8);
	tcase_add_loop_test(scarcity, test_ordinary_user, 0, 18);
	return support_run(suite);
}
