/* SPDX-License-Identifier: ISC */
/*
 * Holders of single objects: only the object's region becomes accessible, by
 * as much as any holder asks for and no longer than it holds.
 */
#include <config.h>

#include "support.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LARGE (((size_t)1 << 20) + 5)
/* Small objects for several regions. */
#define CROWD 20000

#define NOACCESS SA_ARENA_NOACCESS
#define READONLY SA_ARENA_READONLY
#define READWRITE SA_ARENA_READWRITE

static sa_arena *arena;
/* In a region each. */
static unsigned char *near, *far, *large, *other_large;
static sa_arena_fork fork_policy;

static void setup_with(unsigned flags)
{
	sa_arena_options options = support_options();
	size_t i;

	options.flags = flags;
	options.fork = fork_policy;
	arena = sa_arena_create(&options);
	ck_assert_ptr_nonnull(arena);
	near = sa_arena_alloc(arena, 32);
	for (i = 0; i < CROWD; i++) {
		far = sa_arena_alloc(arena, 32);
		ck_assert_ptr_nonnull(far);
	}
	large = sa_arena_alloc(arena, LARGE);
	other_large = sa_arena_alloc(arena, LARGE);
	support_fill(near, 32, 1);
	support_fill(far, 32, 2);
	support_fill(large, LARGE, 3);
	support_fill(other_large, LARGE, 4);
	ck_assert_uint_gt(support_stats(arena).region_count, 1);
}

static void setup(void)
{
	setup_with(0);
}

static void setup_single_threaded(void)
{
	setup_with(SA_ARENA_SINGLE_THREADED);
}

static void teardown(void)
{
	sa_arena_destroy(arena);
}

static void rest(sa_arena_access access)
{
	ck_assert_int_eq(sa_arena_protect(arena, access), 0);
}

static void open_object(const void *object, sa_arena_access access)
{
	ck_assert_int_eq(sa_arena_open_object(arena, object, access), 0);
}

static void close_object(const void *object, sa_arena_access access)
{
	ck_assert_int_eq(sa_arena_close_object(arena, object, access), 0);
}

static void assert_access(const void *object, sa_arena_access access)
{
	ck_assert_int_eq(support_is_readable(object), access >= READONLY);
	ck_assert_int_eq(support_is_writable(object), access >= READWRITE);
}

static void assert_all(sa_arena_access access)
{
	assert_access(near, access);
	assert_access(far, access);
	assert_access(large, access);
	assert_access(other_large, access);
	ck_assert_int_eq(sa_arena_current_access(arena), access);
}

static void assert_einval(int result)
{
	ck_assert_int_eq(result, -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
}

/* ------------------------------------------------------------- one region */

/* The one that is held, and none of the others. */
START_TEST(test_only_its_region)
{
	unsigned char *all[] = {near, far, large, other_large};
	size_t i, j;

	rest(NOACCESS);
	for (i = 0; i < SUPPORT_LENGTH(all); i++) {
		open_object(all[i], READWRITE);
		for (j = 0; j < SUPPORT_LENGTH(all); j++)
			assert_access(all[j], i == j ? READWRITE : NOACCESS);
		ck_assert_int_eq(sa_arena_current_access(arena), NOACCESS);
		ck_assert(support_is_filled(all[i], 32, i + 1));
		close_object(all[i], READWRITE);
		assert_all(NOACCESS);
	}
}
END_TEST

static void read_byte(void *byte)
{
	support_peek(byte);
}

static void write_byte(void *byte)
{
	support_flip(byte);
}

START_TEST(test_faults)
{
	unsigned char *object = _i == 0 ? near : large;

	rest(NOACCESS);
	support_assert_dies(read_byte, object, SIGSEGV);
	open_object(object, READONLY);
	support_assert_passes(read_byte, object);
	support_assert_dies(write_byte, object, SIGSEGV);
	support_assert_dies(read_byte, far, SIGSEGV);
	open_object(object, READWRITE);
	support_assert_passes(write_byte, object);
	support_assert_dies(read_byte, other_large, SIGSEGV);
	close_object(object, READWRITE);
	support_assert_dies(write_byte, object, SIGSEGV);
	close_object(object, READONLY);
	support_assert_dies(read_byte, object, SIGSEGV);
}
END_TEST

/* ---------------------------------------------------------------- most of all
 */

/* Resting access, the arena's holder, the object's: the region has the most of
 * all three, the rest that of the first two. */
START_TEST(test_most_of_all)
{
	static const sa_arena_access all[] = {NOACCESS, READONLY, READWRITE};
	sa_arena_access resting = all[_i % 3], arenas = all[_i / 3 % 3];
	sa_arena_access objects = _i / 9 == 0 ? READONLY : READWRITE;
	sa_arena_access most = resting > arenas ? resting : arenas;

	open_object(near, objects);
	assert_all(READWRITE);
	rest(resting);
	assert_access(far, resting);
	assert_access(near, objects > resting ? objects : resting);
	if (arenas != NOACCESS)
		ck_assert_int_eq(sa_arena_open(arena, arenas), 0);
	assert_access(far, most);
	assert_access(large, most);
	assert_access(near, objects > most ? objects : most);
	close_object(near, objects);
	assert_all(most);
	open_object(near, objects);
	if (arenas != NOACCESS)
		ck_assert_int_eq(sa_arena_close(arena, arenas), 0);
	assert_access(far, resting);
	assert_access(near, objects > resting ? objects : resting);
	close_object(near, objects);
	assert_all(resting);
}
END_TEST

START_TEST(test_nested)
{
	int depth;

	rest(NOACCESS);
	for (depth = 0; depth < 100; depth++)
		open_object(far, depth % 2 == 0 ? READONLY : READWRITE);
	ck_assert_uint_eq(support_stats(arena).holder_count, 100);
	for (depth = 0; depth < 50; depth++) {
		assert_access(far, READWRITE);
		close_object(far, READWRITE);
	}
	for (depth = 0; depth < 50; depth++) {
		assert_access(far, READONLY);
		close_object(far, READONLY);
	}
	assert_all(NOACCESS);
	ck_assert_uint_eq(support_stats(arena).holder_count, 0);
}
END_TEST

/* Counted for the region: two of its objects, each with its holder. */
START_TEST(test_neighbours)
{
	void *neighbour = sa_arena_alloc(arena, 32);

	rest(NOACCESS);
	open_object(far, READONLY);
	open_object(neighbour, READWRITE);
	close_object(far, READONLY);
	assert_access(neighbour, READWRITE);
	close_object(neighbour, READWRITE);
	assert_all(NOACCESS);
	assert_access(neighbour, NOACCESS);
}
END_TEST

/* One transition each, and none where nothing changes. */
START_TEST(test_changes)
{
	uint64_t before = support_stats(arena).access_change_count;

	open_object(near, READWRITE);
	close_object(near, READWRITE);
	ck_assert_uint_eq(support_stats(arena).access_change_count, before);
	rest(NOACCESS);
	open_object(near, READONLY);
	open_object(near, READONLY);
	close_object(near, READONLY);
	close_object(near, READONLY);
	ck_assert_uint_eq(support_stats(arena).access_change_count, before + 3);
}
END_TEST

/* ------------------------------------------------------------------ bad input
 */

START_TEST(test_bad_input)
{
	static const int unknown[] = {NOACCESS, 3, 77, 1 << 30};
	size_t i;

	errno = 0;
	rest(NOACCESS);
	assert_einval(sa_arena_open_object(NULL, near, READONLY));
	assert_einval(sa_arena_close_object(NULL, near, READONLY));
	assert_einval(sa_arena_open_object(arena, NULL, READONLY));
	assert_einval(sa_arena_close_object(arena, NULL, READONLY));
	for (i = 0; i < SUPPORT_LENGTH(unknown); i++) {
		sa_arena_access access = (sa_arena_access)unknown[i];

		assert_einval(sa_arena_open_object(arena, near, access));
		assert_einval(sa_arena_close_object(arena, near, access));
	}
	assert_all(NOACCESS);
	ck_assert_uint_eq(support_stats(arena).holder_count, 0);
}
END_TEST

START_TEST(test_close_without_open)
{
	errno = 0;
	rest(NOACCESS);
	assert_einval(sa_arena_close_object(arena, near, READONLY));
	open_object(near, READONLY);
	assert_einval(sa_arena_close_object(arena, near, READWRITE));
	assert_einval(sa_arena_close_object(arena, far, READONLY));
	assert_einval(sa_arena_close_object(arena, large, READONLY));
	assert_einval(sa_arena_close_object(arena, near + 1, READONLY));
	assert_einval(sa_arena_close(arena, READONLY));
	assert_access(near, READONLY);
	close_object(near, READONLY);
	assert_einval(sa_arena_close_object(arena, near, READONLY));
	assert_all(NOACCESS);
}
END_TEST

/* The kernel says no: nothing changed, and a later try succeeds. */
static void be_refused(void *unused)
{
	(void)unused;
	if (support_refuse_call(SYS_mprotect, ENOMEM) != 0)
		return;
	errno = 0;
	SUPPORT_REQUIRE(sa_arena_open_object(arena, near, READWRITE) == -1);
	SUPPORT_REQUIRE(errno == ENOMEM);
	SUPPORT_REQUIRE(!support_is_readable(near));
	SUPPORT_REQUIRE(support_stats(arena).holder_count == 1);
	errno = 0;
	SUPPORT_REQUIRE(sa_arena_close_object(arena, large, READONLY) == -1);
	SUPPORT_REQUIRE(errno == ENOMEM);
	SUPPORT_REQUIRE(support_is_readable(large));
	SUPPORT_REQUIRE(support_stats(arena).holder_count == 1);
	SUPPORT_REQUIRE(support_stats(arena).failure_count == 2);
}

START_TEST(test_refused)
{
	rest(NOACCESS);
	open_object(large, READONLY);
	support_assert_passes(be_refused, NULL);
	open_object(near, READWRITE);
	close_object(near, READWRITE);
	close_object(large, READONLY);
	assert_all(NOACCESS);
}
END_TEST

/* ----------------------------------------------------------------- beside it
 */

/* Freeing and checking leave a region as its holders want it. */
START_TEST(test_calls_beside)
{
	void *neighbour = sa_arena_alloc(arena, 32);

	rest(NOACCESS);
	open_object(far, READONLY);
	sa_arena_free(arena, neighbour);
	sa_arena_free(arena, other_large);
	ck_assert_int_eq(sa_arena_check(arena), 0);
	sa_arena_trim(arena);
	assert_access(far, READONLY);
	assert_access(near, NOACCESS);
	ck_assert(support_is_filled(far, 32, 2));
	errno = 0;
	ck_assert_ptr_null(sa_arena_alloc(arena, 32));
	ck_assert_int_eq(errno, EACCES);
	close_object(far, READONLY);
	assert_access(far, NOACCESS);
}
END_TEST

/* It may go before its holder does, its slab with it. */
START_TEST(test_free_while_held)
{
	unsigned char *lonely = sa_arena_alloc(arena, 5000);

	rest(NOACCESS);
	open_object(lonely, READWRITE);
	open_object(large, READONLY);
	sa_arena_free(arena, lonely);
	sa_arena_free(arena, large);
	sa_arena_trim(arena);
	ck_assert_uint_eq(support_stats(arena).holder_count, 1);
	errno = 0;
	assert_einval(sa_arena_close_object(arena, large, READONLY));
	close_object(lonely, READWRITE);
	ck_assert_uint_eq(support_stats(arena).holder_count, 0);
	assert_access(lonely, NOACCESS);
	assert_access(near, NOACCESS);
}
END_TEST

/* The holder keeps the place, not the object. */
START_TEST(test_moved_while_held)
{
	unsigned char *moved;

	open_object(near, READONLY);
	moved = sa_arena_realloc(arena, near, LARGE);
	ck_assert_ptr_nonnull(moved);
	rest(NOACCESS);
	assert_access(moved, NOACCESS);
	assert_access(near, READONLY);
	errno = 0;
	assert_einval(sa_arena_close_object(arena, moved, READONLY));
	close_object(near, READONLY);
	assert_access(near, NOACCESS);
	ck_assert_uint_eq(support_stats(arena).holder_count, 0);
}
END_TEST

START_TEST(test_reset_while_held)
{
	rest(NOACCESS);
	open_object(near, READWRITE);
	open_object(large, READONLY);
	ck_assert_int_eq(sa_arena_open(arena, READONLY), 0);
	ck_assert_int_eq(sa_arena_reset(arena), 0);
	ck_assert_uint_eq(support_stats(arena).holder_count, 1);
	assert_access(near, READONLY);
	ck_assert_int_eq(sa_arena_close(arena, READONLY), 0);
	assert_access(near, NOACCESS);
	rest(READWRITE);
	ck_assert(support_is_zero(near, 32));
	ck_assert_int_eq(sa_arena_check(arena), 0);
}
END_TEST

/* Its descriptor describes another object, which found no room there. */
START_TEST(test_close_after_reuse)
{
	unsigned char *larger;

	rest(NOACCESS);
	open_object(large, READONLY);
	sa_arena_free(arena, large);
	rest(READWRITE);
	larger = sa_arena_alloc(arena, 4 * LARGE);
	ck_assert_ptr_nonnull(larger);
	open_object(larger, READONLY);
	errno = 0;
	assert_einval(sa_arena_close_object(arena, large, READONLY));
	ck_assert_uint_eq(support_stats(arena).holder_count, 1);
	close_object(larger, READONLY);
}
END_TEST

/* Where an object was, slabs are cut otherwise, or there is nothing. */
START_TEST(test_close_after_reset)
{
	rest(NOACCESS);
	open_object(near, READWRITE);
	open_object(far, READONLY);
	open_object(large, READONLY);
	ck_assert_int_eq(sa_arena_reset(arena), 0);
	rest(READWRITE);
	if (_i % 2 == 0)
		ck_assert_uint_gt(sa_arena_trim(arena), 0);
	for (size_t i = 0; i < CROWD / 10 && _i < 2; i++)
		ck_assert_ptr_nonnull(sa_arena_alloc(arena, 500));
	errno = 0;
	assert_einval(sa_arena_close_object(arena, near, READWRITE));
	assert_einval(sa_arena_close_object(arena, far, READONLY));
	assert_einval(sa_arena_close_object(arena, large, READONLY));
	ck_assert_int_eq(sa_arena_check(arena), 0);
}
END_TEST

START_TEST(test_destroy_while_held)
{
	rest(_i == 0 ? NOACCESS : READONLY);
	open_object(near, READWRITE);
	open_object(large, READONLY);
}
END_TEST

/* ------------------------------------------------------------------- misuse */

static void open_what_is_none(support_misuse *expected, size_t what)
{
	unsigned char *pointers[] = {near + 1, (unsigned char *)&what,
				     (unsigned char *)16, near, large};
	unsigned char *pointer = pointers[what / 2];

	strcpy(expected->arena, "arena");
	expected->kind = SA_ARENA_MISUSE_INVALID_POINTER;
	expected->object = pointer;
	if (what / 2 >= 3) {
		expected->kind = SA_ARENA_MISUSE_DOUBLE_FREE;
		sa_arena_free(arena, pointer);
	}
	if (what % 2 != 0)
		sa_arena_close_object(arena, pointer, READONLY);
	else if (sa_arena_open_object(arena, pointer, READONLY) == 0)
		sa_arena_free(arena, pointer);
}

START_TEST(test_misuse)
{
	size_t what;

	/* Who closes the second, an inner byte, is told EINVAL: see above. */
	for (what = 0; what < 6; what++)
		if (what != 1)
			support_assert_misuse(open_what_is_none, what);
	support_assert_misuse(open_what_is_none, 6);
	support_assert_misuse(open_what_is_none, 8);
}
END_TEST

/* --------------------------------------------------------------------- fork */

/* What the child of each policy finds of a holder. */
static void child(void)
{
	switch (fork_policy) {
	case SA_ARENA_FORK_INHERIT:
		SUPPORT_REQUIRE(support_is_filled(near, 32, 1));
		SUPPORT_REQUIRE(!support_is_readable(far));
		SUPPORT_REQUIRE(sa_arena_close_object(arena, near, READONLY) ==
				0);
		break;
	case SA_ARENA_FORK_EXCLUDE:
		errno = 0;
		SUPPORT_REQUIRE(sa_arena_open_object(arena, near, READONLY) ==
				-1);
		SUPPORT_REQUIRE(errno == EACCES);
		SUPPORT_REQUIRE(sa_arena_close_object(arena, near, READONLY) ==
				0);
		break;
	case SA_ARENA_FORK_WIPE:
		SUPPORT_REQUIRE(support_stats(arena).holder_count == 0);
		break;
	}
	SUPPORT_REQUIRE(!support_is_readable(near));
	sa_arena_destroy(arena);
	support_leave(0);
}

START_TEST(test_fork)
{
	pid_t pid;
	int status;

	if (!support_takes_advice()) {
		support_skip("fork", "no advice is taken here");
		return;
	}
	fork_policy = (sa_arena_fork)_i;
	setup();
	rest(NOACCESS);
	open_object(near, READONLY);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		child();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	assert_access(near, READONLY);
	close_object(near, READONLY);
	assert_all(NOACCESS);
	teardown();
}
END_TEST

/* -------------------------------------------------------------------- suite */

static TCase *add_case(Suite *suite, const char *name, SFun begin)
{
	TCase *tests = tcase_create(name);

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 30);
	if (begin != NULL)
		tcase_add_checked_fixture(tests, begin, teardown);
	return tests;
}

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, test_only_its_region);
	tcase_add_loop_test(tests, test_faults, 0, 2);
	tcase_add_loop_test(tests, test_most_of_all, 0, 18);
	tcase_add_test(tests, test_nested);
	tcase_add_test(tests, test_neighbours);
	tcase_add_test(tests, test_changes);
	tcase_add_test(tests, test_bad_input);
	tcase_add_test(tests, test_close_without_open);
	tcase_add_test(tests, test_refused);
	tcase_add_test(tests, test_calls_beside);
	tcase_add_test(tests, test_free_while_held);
	tcase_add_test(tests, test_moved_while_held);
	tcase_add_test(tests, test_reset_while_held);
	tcase_add_test(tests, test_close_after_reuse);
	tcase_add_loop_test(tests, test_close_after_reset, 0, 4);
	tcase_add_loop_test(tests, test_destroy_while_held, 0, 2);
	tcase_add_test(tests, test_misuse);
}

int main(void)
{
	Suite *suite = suite_create("hold");
	TCase *forks;

	add_tests(add_case(suite, "hold", setup));
	add_tests(add_case(suite, "hold, single-threaded",
			   setup_single_threaded));
	forks = add_case(suite, "hold, fork", NULL);
	tcase_add_loop_test(forks, test_fork, 0, 3);
	return support_run(suite);
}
