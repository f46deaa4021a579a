/* SPDX-License-Identifier: ISC */
/*
 * Resting access and holders: what is refused really faults and what is
 * allowed works, a transition reaches all of the memory or none of it, and
 * every function does what it promises while an arena rests.
 */
#include <config.h>

#include "support.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "os.h"
#include "proc.h"
#include "smaps.h"

#define LARGE (((size_t)1 << 20) + 5)
/* Enough small objects for several regions. */
#define CROWD 20000

#define NOACCESS SA_ARENA_NOACCESS
#define READONLY SA_ARENA_READONLY
#define READWRITE SA_ARENA_READWRITE

static sa_arena *arena;
static unsigned char *small, *large;

static void setup(unsigned flags)
{
	sa_arena_options options = support_options();

	options.flags = flags;
	arena = sa_arena_create(&options);
	ck_assert_ptr_nonnull(arena);
	small = sa_arena_alloc(arena, 32);
	large = sa_arena_alloc(arena, LARGE);
	ck_assert_ptr_nonnull(small);
	ck_assert_ptr_nonnull(large);
	support_fill(small, 32, 1);
	support_fill(large, LARGE, 2);
}

static void setup_default(void)
{
	setup(0);
}

static void setup_single_threaded(void)
{
	setup(SA_ARENA_SINGLE_THREADED);
}

static void teardown(void)
{
	sa_arena_destroy(arena);
}

static void rest(sa_arena_access access)
{
	ck_assert_int_eq(sa_arena_protect(arena, access), 0);
}

static void open_for(sa_arena_access access)
{
	ck_assert_int_eq(sa_arena_open(arena, access), 0);
}

static void close_for(sa_arena_access access)
{
	ck_assert_int_eq(sa_arena_close(arena, access), 0);
}

/* What the arena says and what its memory allows are both this. */
static void assert_access(sa_arena_access access)
{
	ck_assert_int_eq(sa_arena_current_access(arena), access);
	ck_assert_int_eq(support_is_readable(small), access >= READONLY);
	ck_assert_int_eq(support_is_writable(small), access >= READWRITE);
	ck_assert_int_eq(support_is_readable(large + LARGE - 1),
			 access >= READONLY);
	ck_assert_int_eq(support_is_writable(large), access >= READWRITE);
}

/* -------------------------------------------------------------- faults */

static void read_byte(void *byte)
{
	support_peek(byte);
}

static void write_byte(void *byte)
{
	support_flip(byte);
}

static void assert_faults(unsigned char *object, size_t size, int does_read,
			  int does_write)
{
	if (does_read) {
		support_assert_dies(read_byte, object, SIGSEGV);
		support_assert_dies(read_byte, object + size - 1, SIGSEGV);
	} else {
		support_assert_passes(read_byte, object);
		support_assert_passes(read_byte, object + size - 1);
	}
	if (does_write) {
		support_assert_dies(write_byte, object, SIGSEGV);
		support_assert_dies(write_byte, object + size - 1, SIGSEGV);
	} else {
		support_assert_passes(write_byte, object);
		support_assert_passes(write_byte, object + size - 1);
	}
}

static void assert_both_fault(int does_read, int does_write)
{
	assert_faults(small, 32, does_read, does_write);
	assert_faults(large, LARGE, does_read, does_write);
}

START_TEST(test_faults_by_resting_access)
{
	assert_both_fault(0, 0);
	rest(NOACCESS);
	assert_both_fault(1, 1);
	rest(READONLY);
	assert_both_fault(0, 1);
	ck_assert(support_is_filled(small, 32, 1));
	rest(READWRITE);
	assert_both_fault(0, 0);
	ck_assert(support_is_filled(large, LARGE, 2));
}
END_TEST

START_TEST(test_faults_by_holder)
{
	rest(NOACCESS);
	open_for(READONLY);
	assert_both_fault(0, 1);
	open_for(READWRITE);
	assert_both_fault(0, 0);
	close_for(READWRITE);
	assert_both_fault(0, 1);
	close_for(READONLY);
	assert_both_fault(1, 1);
}
END_TEST

/* ------------------------------------------------------------- holders */

/* Every resting access under every holder: the most of both. */
START_TEST(test_most_of_both)
{
	static const sa_arena_access all[] = {NOACCESS, READONLY, READWRITE};
	sa_arena_access resting = all[_i % 3];
	sa_arena_access holder = _i / 3 == 0 ? READONLY : READWRITE;

	rest(resting);
	assert_access(resting);
	open_for(holder);
	assert_access(holder > resting ? holder : resting);
	close_for(holder);
	assert_access(resting);
}
END_TEST

START_TEST(test_nested_holders)
{
	int depth;

	rest(NOACCESS);
	for (depth = 0; depth < 100; depth++)
		open_for(depth % 2 == 0 ? READONLY : READWRITE);
	ck_assert_uint_eq(support_stats(arena).holder_count, 100);
	for (depth = 0; depth < 50; depth++) {
		assert_access(READWRITE);
		close_for(READWRITE);
	}
	for (depth = 0; depth < 50; depth++) {
		assert_access(READONLY);
		close_for(READONLY);
	}
	assert_access(NOACCESS);
	ck_assert_uint_eq(support_stats(arena).holder_count, 0);
}
END_TEST

/* The resting access changes beneath a holder, who keeps what it has. */
START_TEST(test_rest_beneath_holder)
{
	open_for(READONLY);
	rest(NOACCESS);
	assert_access(READONLY);
	rest(READWRITE);
	assert_access(READWRITE);
	rest(READONLY);
	open_for(READWRITE);
	rest(NOACCESS);
	assert_access(READWRITE);
	close_for(READONLY);
	assert_access(READWRITE);
	close_for(READWRITE);
	assert_access(NOACCESS);
}
END_TEST

static void assert_einval(int result)
{
	ck_assert_int_eq(result, -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
}

START_TEST(test_bad_access)
{
	static const int unknown[] = {3, 4, 77, 1 << 30};
	size_t i;

	errno = 0;
	assert_einval(sa_arena_open(arena, NOACCESS));
	assert_einval(sa_arena_close(arena, NOACCESS));
	for (i = 0; i < SUPPORT_LENGTH(unknown); i++) {
		sa_arena_access access = (sa_arena_access)unknown[i];

		assert_einval(sa_arena_protect(arena, access));
		assert_einval(sa_arena_open(arena, access));
		assert_einval(sa_arena_close(arena, access));
	}
	assert_access(READWRITE);
	ck_assert_uint_eq(support_stats(arena).holder_count, 0);
	ck_assert_uint_eq(support_stats(arena).access_change_count, 0);
}
END_TEST

/* No such holder: none at all, none of that access, one too many. */
START_TEST(test_close_without_open)
{
	errno = 0;
	assert_einval(sa_arena_close(arena, READONLY));
	assert_einval(sa_arena_close(arena, READWRITE));
	rest(NOACCESS);
	open_for(READONLY);
	assert_einval(sa_arena_close(arena, READWRITE));
	assert_access(READONLY);
	close_for(READONLY);
	assert_einval(sa_arena_close(arena, READONLY));
	open_for(READWRITE);
	assert_einval(sa_arena_close(arena, READONLY));
	assert_access(READWRITE);
	close_for(READWRITE);
	assert_access(NOACCESS);
}
END_TEST

static uint64_t changes(void)
{
	return support_stats(arena).access_change_count;
}

/* Transitions count, calls do not. */
START_TEST(test_change_count)
{
	static const struct {
		char what; /* protect, open or close */
		sa_arena_access access;
		unsigned changes;
	} steps[] = {
		{'p', READWRITE, 0}, {'o', READWRITE, 0}, {'c', READWRITE, 0},
		{'o', READONLY, 0},  {'c', READONLY, 0},  {'p', NOACCESS, 1},
		{'p', NOACCESS, 0},  {'o', READONLY, 1},  {'o', READONLY, 0},
		{'o', READWRITE, 1}, {'o', READWRITE, 0}, {'c', READONLY, 0},
		{'c', READWRITE, 0}, {'c', READWRITE, 1}, {'p', READONLY, 0},
		{'c', READONLY, 0},  {'p', READWRITE, 1}, {'p', READONLY, 1},
	};
	uint64_t expected = 0;
	size_t i;

	for (i = 0; i < SUPPORT_LENGTH(steps); i++) {
		if (steps[i].what == 'p')
			rest(steps[i].access);
		else if (steps[i].what == 'o')
			open_for(steps[i].access);
		else
			close_for(steps[i].access);
		expected += steps[i].changes;
		ck_assert_msg(changes() == expected, "step %zu", i);
	}
}
END_TEST

/* ------------------------------------------------------------- at rest */

static void assert_eacces(const void *result)
{
	ck_assert_int_eq(errno, EACCES);
	ck_assert_ptr_null(result);
	errno = 0;
}

/* Not NOACCESS alone: an arena that can only be read has no room either. */
START_TEST(test_alloc_at_rest)
{
	char bytes[32] = "secret";
	sa_arena_stats before = support_stats(arena), after;

	rest(_i == 0 ? NOACCESS : READONLY);
	errno = 0;
	assert_eacces(sa_arena_alloc(arena, 32));
	assert_eacces(sa_arena_alloc(arena, 0));
	assert_eacces(sa_arena_alloc(arena, LARGE));
	assert_eacces(sa_arena_calloc(arena, 2, 16));
	assert_eacces(sa_arena_aligned_alloc(arena, 64, 64));
	assert_eacces(sa_arena_dup(arena, bytes, sizeof bytes));
	assert_eacces(sa_arena_take(arena, bytes, sizeof bytes));
	assert_eacces(sa_arena_realloc(arena, NULL, 32));
	assert_eacces(sa_arena_realloc(arena, small, 1000));
	assert_eacces(sa_arena_realloc(arena, large, 2 * LARGE));
	ck_assert_str_eq(bytes, "secret");
	assert_access(_i == 0 ? NOACCESS : READONLY);
	after = support_stats(arena);
	ck_assert_uint_eq(after.failure_count, before.failure_count + 10);
	ck_assert_uint_eq(after.alloc_count, before.alloc_count);
	ck_assert_uint_eq(sa_arena_size(arena, small), 32);
	ck_assert_uint_eq(sa_arena_size(arena, large), LARGE);

	open_for(READWRITE);
	ck_assert_ptr_nonnull(sa_arena_alloc(arena, 32));
	ck_assert(support_is_filled(small, 32, 1));
	ck_assert(support_is_filled(large, LARGE, 2));
}
END_TEST

/* A free leaves everything at rest, and what it freed empty. */
START_TEST(test_free_at_rest)
{
	static const sa_arena_access resting[] = {NOACCESS, READONLY};
	unsigned char *freed = sa_arena_alloc(arena, 32);
	void *freed_large = sa_arena_alloc(arena, LARGE);
	sa_arena_stats stats;

	ck_assert_ptr_nonnull(freed);
	ck_assert_ptr_nonnull(freed_large);
	support_fill(freed, 32, 3);
	rest(resting[_i]);
	errno = ERANGE;
	sa_arena_free(arena, freed);
	sa_arena_free(arena, freed_large);
	sa_arena_free(arena, NULL);
	ck_assert_int_eq(errno, ERANGE);
	assert_access(resting[_i]);
	ck_assert_int_eq(support_is_readable(freed), resting[_i] == READONLY);
	stats = support_stats(arena);
	ck_assert_uint_eq(stats.live_count, 2);
	ck_assert_uint_eq(stats.large_count, 1);
	ck_assert_int_eq(sa_arena_owns(arena, freed), 0);
	rest(READWRITE);
	ck_assert(support_is_zero(freed, 32));
	ck_assert_int_eq(sa_arena_check(arena), 0);
}
END_TEST

START_TEST(test_questions_at_rest)
{
	rest(NOACCESS);
	ck_assert_uint_eq(sa_arena_size(arena, small), 32);
	ck_assert_uint_eq(sa_arena_size(arena, large), LARGE);
	ck_assert_int_eq(sa_arena_owns(arena, small), 1);
	ck_assert_int_eq(sa_arena_owns(arena, small + 1), 0);
	ck_assert_uint_eq(support_stats(arena).live_count, 2);
	assert_access(NOACCESS);
}
END_TEST

START_TEST(test_check_at_rest)
{
	rest(_i == 0 ? NOACCESS : READONLY);
	ck_assert_int_eq(sa_arena_check(arena), 0);
	assert_access(_i == 0 ? NOACCESS : READONLY);
	rest(READWRITE);
	ck_assert(support_is_filled(small, 32, 1));
}
END_TEST

START_TEST(test_reset_at_rest)
{
	rest(_i == 0 ? NOACCESS : READONLY);
	ck_assert_int_eq(sa_arena_reset(arena), 0);
	ck_assert_uint_eq(support_stats(arena).live_count, 0);
	ck_assert_int_eq(support_is_readable(small), _i != 0);
	ck_assert_int_eq(support_is_writable(small), 0);
	rest(READWRITE);
	ck_assert(support_is_zero(small, 32));
}
END_TEST

START_TEST(test_trim_at_rest)
{
	void *crowd[2000];
	size_t i;

	for (i = 0; i < SUPPORT_LENGTH(crowd); i++) {
		crowd[i] = sa_arena_alloc(arena, 100);
		ck_assert_ptr_nonnull(crowd[i]);
	}
	rest(NOACCESS);
	for (i = 0; i < SUPPORT_LENGTH(crowd); i++)
		sa_arena_free(arena, crowd[i]);
	ck_assert_uint_gt(sa_arena_trim(arena), 0);
	assert_access(NOACCESS);
	rest(READWRITE);
	ck_assert(support_is_filled(small, 32, 1));
	ck_assert_int_eq(sa_arena_check(arena), 0);
}
END_TEST

/* Closed again and again, memory comes to lie on huge pages, where there are
 * any: what it holds, and how it is protected, is as before. */
START_TEST(test_huge_pages)
{
	static unsigned char *crowd[100000];
	size_t i, locked;

	for (i = 0; i < SUPPORT_LENGTH(crowd); i++) {
		crowd[i] = sa_arena_alloc(arena, 32);
		ck_assert_ptr_nonnull(crowd[i]);
		support_fill(crowd[i], 32, i);
	}
	locked = support_locked_size();
	rest(NOACCESS);
	for (i = 0; i < 4; i++) {
		open_for(READWRITE);
		close_for(READWRITE);
	}
	ck_assert_uint_eq(support_locked_size(), locked);
	rest(READWRITE);
	for (i = 0; i < SUPPORT_LENGTH(crowd); i++)
		ck_assert(support_is_filled(crowd[i], 32, i));
	ck_assert_int_eq(sa_arena_check(arena), 0);
	ck_assert_uint_eq(support_stats(arena).failure_count, 0);
	if (sa_proc_huge_page_size() != (size_t)2 << 20 ||
	    !support_can_lock((size_t)16 << 20))
		support_skip("huge_pages", "none of 2 MiB here, or no lock");
	else if (support_under_valgrind())
		support_skip("huge_pages", "Valgrind chooses addresses");
	else
		ck_assert_uint_gt(smaps_figure(crowd[SUPPORT_LENGTH(crowd) - 1],
					       32, "AnonHugePages"),
				  0);
}
END_TEST

/* The fixture destroys it so. */
START_TEST(test_destroy_at_rest)
{
	rest(_i % 2 == 0 ? NOACCESS : READONLY);
	if (_i >= 2)
		open_for(READONLY);
}
END_TEST

/* ------------------------------------------------------- many regions */

static unsigned char *crowd[CROWD];

static void gather(void)
{
	size_t i;

	for (i = 0; i < CROWD; i++) {
		crowd[i] = sa_arena_alloc(arena, 32);
		SUPPORT_REQUIRE(crowd[i] != NULL);
		support_fill(crowd[i], 32, i);
	}
	SUPPORT_REQUIRE(support_stats(arena).region_count > 1);
}

/* How many of the crowd, of which every 20th is asked, can be so used. */
static size_t count_accessible(int (*is_accessible)(const void *))
{
	size_t i, count = 0;

	for (i = 0; i < CROWD; i += 20)
		count += is_accessible(crowd[i]) == 1;
	return count;
}

static void assert_crowd_access(sa_arena_access access)
{
	ck_assert_uint_eq(count_accessible(support_is_readable),
			  access >= READONLY ? CROWD / 20 : 0);
	ck_assert_uint_eq(count_accessible(support_is_writable),
			  access >= READWRITE ? CROWD / 20 : 0);
}

START_TEST(test_all_regions)
{
	size_t i;

	gather();
	rest(NOACCESS);
	assert_crowd_access(NOACCESS);
	open_for(READONLY);
	assert_crowd_access(READONLY);
	for (i = 0; i < CROWD; i++)
		ck_assert(support_is_filled(crowd[i], 32, i));
	open_for(READWRITE);
	assert_crowd_access(READWRITE);
	close_for(READONLY);
	close_for(READWRITE);
	assert_crowd_access(NOACCESS);
}
END_TEST

/* Memory that an arena gets while it is held open rests with the rest. */
START_TEST(test_new_regions)
{
	rest(_i == 0 ? NOACCESS : READONLY);
	open_for(READWRITE);
	gather();
	assert_crowd_access(READWRITE);
	large = sa_arena_alloc(arena, LARGE);
	ck_assert_ptr_nonnull(large);
	assert_access(READWRITE);
	close_for(READWRITE);
	assert_crowd_access(_i == 0 ? NOACCESS : READONLY);
	assert_access(_i == 0 ? NOACCESS : READONLY);
}
END_TEST

/* ------------------------------------------------ the system refuses */

static void allow_more_data(size_t size)
{
	support_limit_data(support_data_size() + size);
}

static void require_refused(int result)
{
	SUPPORT_REQUIRE(result == -1);
	SUPPORT_REQUIRE(errno == ENOMEM);
	errno = 0;
}

static void require_nothing_changed(const sa_arena_stats *before)
{
	sa_arena_stats after = support_stats(arena);

	SUPPORT_REQUIRE(sa_arena_current_access(arena) == NOACCESS);
	SUPPORT_REQUIRE(!support_is_readable(small));
	SUPPORT_REQUIRE(!support_is_readable(large));
	SUPPORT_REQUIRE(count_accessible(support_is_readable) == 0);
	SUPPORT_REQUIRE(after.holder_count == before->holder_count);
	SUPPORT_REQUIRE(after.access_change_count ==
			before->access_change_count);
	SUPPORT_REQUIRE(after.live_count == before->live_count);
	SUPPORT_REQUIRE(after.free_count == before->free_count);
}

/* No transition to READWRITE; all else goes on. */
static void open_refused(void *data)
{
	sa_arena_stats before = support_stats(arena);

	allow_more_data(*(size_t *)data);
	errno = 0;
	require_refused(sa_arena_open(arena, READWRITE));
	require_nothing_changed(&before);
	require_refused(sa_arena_protect(arena, READWRITE));
	require_nothing_changed(&before);
	SUPPORT_REQUIRE(sa_arena_close(arena, READWRITE) == -1);
	SUPPORT_REQUIRE(errno == EINVAL);
	SUPPORT_REQUIRE(sa_arena_open(arena, READONLY) == 0);
	SUPPORT_REQUIRE(support_is_filled(small, 32, 1));
	SUPPORT_REQUIRE(support_is_filled(large, LARGE, 2));
	SUPPORT_REQUIRE(sa_arena_close(arena, READONLY) == 0);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	sa_arena_destroy(arena);
}

/* An object that cannot be wiped is not freed. */
static void free_refused(void *data)
{
	sa_arena_stats before = support_stats(arena);

	allow_more_data(*(size_t *)data);
	errno = 0;
	sa_arena_free(arena, small);
	SUPPORT_REQUIRE(errno == ENOMEM);
	require_nothing_changed(&before);
	SUPPORT_REQUIRE(sa_arena_owns(arena, small) == 1);
	SUPPORT_REQUIRE(sa_arena_size(arena, small) == 32);
	SUPPORT_REQUIRE(support_stats(arena).failure_count ==
			before.failure_count + 1);
	require_refused(sa_arena_reset(arena));
	require_nothing_changed(&before);
	SUPPORT_REQUIRE(sa_arena_owns(arena, crowd[0]) == 1);
	sa_arena_destroy(arena);
}

/* Once the system relents, all is as it was. */
static void refused_for_a_while(void *data)
{
	struct rlimit before, limit;
	size_t i;

	SUPPORT_REQUIRE(getrlimit(RLIMIT_DATA, &before) == 0);
	limit = before;
	limit.rlim_cur = support_data_size() + *(size_t *)data;
	SUPPORT_REQUIRE(setrlimit(RLIMIT_DATA, &limit) == 0);
	sa_arena_free(arena, small);
	require_refused(sa_arena_open(arena, READWRITE));
	support_limit_data(RLIM_INFINITY);
	SUPPORT_REQUIRE(sa_arena_open(arena, READWRITE) == 0);
	for (i = 0; i < CROWD; i++)
		SUPPORT_REQUIRE(support_is_filled(crowd[i], 32, i));
	SUPPORT_REQUIRE(support_is_filled(small, 32, 1));
	sa_arena_free(arena, small);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) != NULL);
	sa_arena_destroy(arena);
}

/* With no room for any region, and with room for some but not all: one object
 * could be freed then. */
static const struct {
	support_body body;
	size_t numerator; /* of four parts of what is mapped */
} refusals[] = {
	{open_refused, 0}, {open_refused, 1}, {open_refused, 2},
	{open_refused, 3}, {free_refused, 0}, {refused_for_a_while, 0},
};

START_TEST(test_refused)
{
	size_t data;

	if (SUPPORT_TSAN) {
		support_skip("refused", "the sanitizer itself needs data");
		return;
	}
	if (!support_keeps_data_limit()) {
		support_skip("refused", "limits are not kept here");
		return;
	}
	gather();
	data = support_stats(arena).mapped_size / 4 * refusals[_i].numerator;
	rest(NOACCESS);
	support_assert_passes(refusals[_i].body, &data);
	open_for(READONLY);
	ck_assert(support_is_filled(small, 32, 1));
	close_for(READONLY);
}
END_TEST

/* -------------------------------------------------------------- suite */

static void add_access_tests(Suite *suite, const char *name,
			     void (*setup_arena)(void))
{
	TCase *access = tcase_create(name);

	suite_add_tcase(suite, access);
	tcase_set_timeout(access, 60);
	tcase_add_checked_fixture(access, setup_arena, teardown);
	tcase_add_test(access, test_faults_by_resting_access);
	tcase_add_test(access, test_faults_by_holder);
	tcase_add_loop_test(access, test_most_of_both, 0, 6);
	tcase_add_test(access, test_nested_holders);
	tcase_add_test(access, test_rest_beneath_holder);
	tcase_add_test(access, test_bad_access);
	tcase_add_test(access, test_close_without_open);
	tcase_add_test(access, test_change_count);
	tcase_add_loop_test(access, test_alloc_at_rest, 0, 2);
	tcase_add_loop_test(access, test_free_at_rest, 0, 2);
	tcase_add_test(access, test_questions_at_rest);
	tcase_add_loop_test(access, test_check_at_rest, 0, 2);
	tcase_add_loop_test(access, test_reset_at_rest, 0, 2);
	tcase_add_test(access, test_trim_at_rest);
	tcase_add_test(access, test_huge_pages);
	tcase_add_loop_test(access, test_destroy_at_rest, 0, 4);
	tcase_add_test(access, test_all_regions);
	tcase_add_loop_test(access, test_new_regions, 0, 2);
	tcase_add_loop_test(access, test_refused, 0, SUPPORT_LENGTH(refusals));
}

int main(void)
{
	Suite *suite = suite_create("access");

	add_access_tests(suite, "access", setup_default);
	add_access_tests(suite, "access, single-threaded",
			 setup_single_threaded);
	return support_run(suite);
}
