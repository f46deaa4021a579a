/* SPDX-License-Identifier: ISC */
/*
 * What preflight says of limits, and whether it comes true: as an ordinary
 * user, as many objects as it promises fit, and not many more.
 */
#include <config.h>

#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define PAGE ((size_t)sysconf(_SC_PAGESIZE))

/* ---------------------------------------------------------- arguments */

static void assert_einval(const sa_arena_options *options, size_t report_size)
{
	sa_arena_preflight_report report, copy;

	memset(&report, 0x11, sizeof report);
	report.size = report_size;
	copy = report;
	errno = 0;
	ck_assert_int_eq(sa_arena_preflight(options, 1, 32, &report), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_mem_eq(&report, &copy, sizeof report);
}

START_TEST(test_bad_report)
{
	errno = 0;
	ck_assert_int_eq(sa_arena_preflight(NULL, 1, 32, NULL), -1);
	ck_assert_int_eq(errno, EINVAL);
	assert_einval(NULL, 0);
	assert_einval(NULL, sizeof(sa_arena_preflight_report) - 1);
	assert_einval(NULL, sizeof(sa_arena_preflight_report) + 8);
}
END_TEST

static void spoil(sa_arena_options *options, int what)
{
	static char name[SA_ARENA_NAME_MAX + 2];

	switch (what) {
	case 0:
		options->size--;
		break;
	case 1:
		options->size += 8;
		break;
	case 2:
		options->flags = 2;
		break;
	case 3:
		options->mlock = (sa_arena_mlock)2;
		break;
	case 4:
		options->fork = (sa_arena_fork)3;
		break;
	case 5:
		options->capacity = PAGE - 1;
		break;
	case 6:
		options->capacity = PAGE;
		options->reserve = PAGE + 1;
		break;
	default:
		memset(name, 'n', sizeof name - 1);
		options->name = name;
	}
}

START_TEST(test_bad_options)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;

	spoil(&options, _i);
	assert_einval(&options, sizeof(sa_arena_preflight_report));
}
END_TEST

/* ------------------------------------------------------------- answers */

/* The answer has to be this errno, or 0; the report is filled either way. */
static sa_arena_preflight_report ask(const sa_arena_options *options,
				     size_t count, size_t size, int error)
{
	sa_arena_preflight_report report = SA_ARENA_PREFLIGHT_REPORT_INIT;
	int result;

	errno = 0;
	result = sa_arena_preflight(options, count, size, &report);
	SUPPORT_REQUIRE(result == (error == 0 ? 0 : -1));
	SUPPORT_REQUIRE(error == 0 || errno == error);
	SUPPORT_REQUIRE(report.size == sizeof report);
	SUPPORT_REQUIRE((report.max_count >= count) == (error == 0));
	SUPPORT_REQUIRE(report.available_mappings > 0);
	return report;
}

START_TEST(test_fits)
{
	static const size_t sizes[] = {0, 1, 32, 1000, 5000, 100000};
	sa_arena_options options = support_options();
	sa_arena_preflight_report report = ask(&options, 1, sizes[_i], 0);

	ck_assert_uint_gt(report.required_size, sizes[_i]);
	ck_assert_uint_gt(report.required_mappings, 0);
	ck_assert_uint_le(report.required_mappings, report.available_mappings);
	(void)ask(&options, 0, sizes[_i], 0);
	report = ask(&options, 100, sizes[_i], 0);
	ck_assert_uint_ge(report.required_size, 100 * (sizes[_i] + 8));
}
END_TEST

/* More objects never need less. */
START_TEST(test_grows)
{
	static const size_t sizes[] = {0, 1, 32, 1000, 5000, 100000};
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	sa_arena_preflight_report before = {0}, report;
	size_t count;

	options.mlock = SA_ARENA_MLOCK_BEST_EFFORT;
	for (count = 0; count <= 500; count += count < 20 ? 1 : 37) {
		report = ask(&options, count, sizes[_i], 0);
		ck_assert_uint_ge(report.required_size, before.required_size);
		ck_assert_uint_ge(report.required_mappings,
				  before.required_mappings);
		before = report;
	}
}
END_TEST

START_TEST(test_capacity)
{
	sa_arena_options options = support_options();
	sa_arena_preflight_report report;

	options.capacity = 64 * KIB;
	report = ask(&options, 1000000, 32, ENOSPC);
	ck_assert_uint_ge(report.required_size, 1000000 * 40);
	ck_assert_uint_ge(report.max_count, 1000);
	ck_assert_uint_le(report.max_count, 64 * KIB / 40);
	report = ask(&options, report.max_count, 32, 0);
	ck_assert_uint_le(report.required_size, 64 * KIB + 4 * PAGE);
	ask(&options, report.max_count + 1, 32, ENOSPC);
	ask(&options, 1, MIB, ENOSPC);
}
END_TEST

/* Large objects have regions beside those of the reserve. */
START_TEST(test_large_with_reserve)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	sa_arena_preflight_report without, with;

	options.mlock = SA_ARENA_MLOCK_BEST_EFFORT;
	without = ask(&options, 10, MIB, 0);
	options.reserve = 4 * MIB;
	with = ask(&options, 10, MIB, 0);
	ck_assert_uint_ge(without.required_size, 10 * MIB);
	ck_assert_uint_ge(with.required_size, 14 * MIB);
	ck_assert_uint_ge(with.required_size - without.required_size,
			  4 * MIB - 4 * PAGE);
	ck_assert_uint_le(with.required_size - without.required_size, 4 * MIB);
	options.capacity = 8 * MIB;
	with = ask(&options, 10, MIB, ENOSPC);
	ck_assert_uint_eq(with.max_count, 3);
}
END_TEST

START_TEST(test_beyond_reason)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;

	options.mlock = SA_ARENA_MLOCK_BEST_EFFORT;
	ask(&options, SIZE_MAX, SIZE_MAX, ENOMEM);
	ask(&options, SIZE_MAX, 32, ENOMEM);
	ask(&options, SIZE_MAX, 1, ENOMEM);
	ck_assert_uint_eq(ask(&options, 1, SIZE_MAX, ENOMEM).required_size,
			  SIZE_MAX);
	ck_assert_uint_lt(ask(&options, 0, SIZE_MAX, 0).required_size, MIB);
	ask(&options, 2, SIZE_MAX / 2 + 1, ENOMEM);
	ask(&options, SIZE_MAX / 32 + 2, 32, ENOMEM);
}
END_TEST

/* Each large object needs mappings of its own; there are so many. */
START_TEST(test_mappings)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	sa_arena_preflight_report report;

	options.mlock = SA_ARENA_MLOCK_BEST_EFFORT;
	report = ask(&options, 10, 16 * KIB, 0);
	if (report.available_mappings > 1000000) {
		support_skip("mappings", "the kernel allows too many");
		return;
	}
	report = ask(&options, report.available_mappings, 16 * KIB, ENOMEM);
	ck_assert_uint_gt(report.required_mappings, report.available_mappings);
	ck_assert_uint_lt(report.max_count, report.available_mappings);
}
END_TEST

START_TEST(test_allocates_nothing)
{
	sa_arena_options options = support_options();
	size_t mappings, locked, i;

	ask(&options, 1000, 32, 0);
	mappings = support_mapping_count();
	locked = support_locked_size();
	for (i = 0; i < 100; i++)
		ask(&options, 1000, 32 * i, 0);
	/* Valgrind maps memory for itself. */
	if (support_is_alone())
		ck_assert_uint_eq(support_mapping_count(), mappings);
	ck_assert_uint_eq(support_locked_size(), locked);
}
END_TEST

/* ---------------------------------------------------- ordinary users */

typedef struct forecast {
	size_t limit, size, reserve;
} forecast;

static void assert_passes_or_skip(const char *name, support_body body,
				  forecast *context)
{
	support_end end;

	if (SUPPORT_SANITIZED) {
		support_skip(name, "sanitizers lock nothing");
		return;
	}
	support_child(body, context, &end);
	if (end.status == SUPPORT_CANNOT_TELL)
		support_skip(name, "not permitted here");
	else
		ck_assert_msg(end.status == 0,
			      "limit %zu, size %zu, reserve %zu: status %d, "
			      "signal %d: %s",
			      context->limit, context->size, context->reserve,
			      end.status, end.signal, end.text);
}

static void become_ordinary(size_t limit)
{
	if (support_become_ordinary(limit) != 0)
		_exit(SUPPORT_CANNOT_TELL);
}

/* Not even without objects. */
static void require_refused(const sa_arena_options *options, int error)
{
	sa_arena_preflight_report report = SA_ARENA_PREFLIGHT_REPORT_INIT;

	errno = 0;
	SUPPORT_REQUIRE(sa_arena_preflight(options, 0, 32, &report) == -1);
	SUPPORT_REQUIRE(errno == error);
	SUPPORT_REQUIRE(report.max_count == 0);
	errno = 0;
	SUPPORT_REQUIRE(sa_arena_create(options) == NULL);
	SUPPORT_REQUIRE(errno == error);
}

static void ask_at_64_kib(void *unused)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	sa_arena_preflight_report report;
	sa_arena *arena;

	(void)unused;
	become_ordinary(64 * KIB);
	report = ask(NULL, 1000, 32, 0);
	SUPPORT_REQUIRE(report.lockable_size == 64 * KIB);
	SUPPORT_REQUIRE(report.required_size <= 64 * KIB);
	SUPPORT_REQUIRE(report.max_count >= 1000);
	report = ask(NULL, 1000000, 32, EPERM);
	SUPPORT_REQUIRE(report.required_size >= 1000000 * 40);
	SUPPORT_REQUIRE(report.lockable_size == 64 * KIB);
	options.mlock = SA_ARENA_MLOCK_BEST_EFFORT;
	ask(&options, 1000000, 32, 0);

	arena = sa_arena_create(NULL);
	SUPPORT_REQUIRE(arena != NULL);
	report = ask(NULL, 1, 32, 0);
	SUPPORT_REQUIRE(report.lockable_size ==
			64 * KIB - support_locked_size());
	sa_arena_destroy(arena);
}

/* Where nothing can be locked, nothing fits. */
static void ask_at_zero(void *unused)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	sa_arena_preflight_report report;

	(void)unused;
	become_ordinary(0);
	report = ask(NULL, 1, 32, EPERM);
	SUPPORT_REQUIRE(report.lockable_size == 0);
	SUPPORT_REQUIRE(report.max_count == 0);
	options.mlock = SA_ARENA_MLOCK_BEST_EFFORT;
	ask(&options, 1000, 32, 0);
}

static void ask_with_reserve(void *unused)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;

	(void)unused;
	become_ordinary(256 * KIB);
	options.reserve = 128 * KIB;
	SUPPORT_REQUIRE(ask(&options, 1, 32, 0).required_size >= 128 * KIB);
	options.reserve = MIB;
	ask(&options, 1, 32, EPERM);
	ask(&options, 1, MIB, EPERM);
	require_refused(&options, EPERM);
}

/* The key has a page; nothing is left. */
static void ask_with_one_page(void *unused)
{
	const sa_arena_options options = SA_ARENA_OPTIONS_INIT;

	(void)unused;
	become_ordinary(PAGE);
	require_refused(&options, EPERM);
}

START_TEST(test_ordinary)
{
	static const support_body bodies[] = {ask_at_64_kib, ask_at_zero,
					      ask_with_reserve,
					      ask_with_one_page};
	forecast none = {0, 0, 0};

	assert_passes_or_skip("ordinary", bodies[_i], &none);
}
END_TEST

static void *alloc(sa_arena *arena, size_t size)
{
	void *object = sa_arena_alloc(arena, size);

	SUPPORT_REQUIRE(object != NULL || errno == EPERM);
	return object;
}

/* What was required and what is locked, within a twentieth and two pages. */
static void require_close(size_t required, size_t locked)
{
	size_t slack = locked / 20 + 2 * PAGE;

	SUPPORT_REQUIRE(required <= locked + slack);
	SUPPORT_REQUIRE(locked <= required + slack);
}

/* Never too much is promised, and no more than a tenth too little. */
static void come_true(void *context)
{
	const forecast *here = context;
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	sa_arena_preflight_report report;
	sa_arena *arena;
	size_t count;

	options.reserve = here->reserve;
	become_ordinary(here->limit);
	report = ask(&options, SIZE_MAX / (here->size + PAGE), here->size,
		     EPERM);
	ask(&options, report.max_count + 1, here->size, EPERM);
	report = ask(&options, report.max_count, here->size, 0);
	SUPPORT_REQUIRE(report.required_size <= report.lockable_size);
	arena = sa_arena_create(&options);
	SUPPORT_REQUIRE(arena != NULL);
	for (count = 0; count < report.max_count; count++)
		SUPPORT_REQUIRE(alloc(arena, here->size) != NULL);
	require_close(report.required_size, support_locked_size());
	while (alloc(arena, here->size) != NULL)
		count++;
	SUPPORT_REQUIRE(count <= report.max_count + report.max_count / 10);
	sa_arena_destroy(arena);
}

START_TEST(test_comes_true)
{
	const size_t limits[] = {2 * PAGE,  3 * PAGE, 4 * PAGE,
				 5 * PAGE,  64 * KIB, 128 * KIB,
				 200 * KIB, MIB,      4 * MIB};
	static const size_t sizes[] = {0,   1,    16,   32,    33,   100,
				       500, 1000, 5000, 20000, 50000};
	forecast here = {.limit = limits[_i]};
	size_t i;

	for (i = 0; i < SUPPORT_LENGTH(sizes); i++) {
		here.size = sizes[i];
		assert_passes_or_skip("comes_true", come_true, &here);
	}
}
END_TEST

START_TEST(test_comes_true_with_reserve)
{
	const forecast cases[] = {{200 * KIB, 1000, 10000},
				  {MIB, 32, 300 * KIB + 1},
				  {4 * MIB, 32, 2400000},
				  {4 * MIB, 3000, 3 * MIB},
				  {256 * KIB, 50000, 100 * KIB}};
	forecast here = cases[_i];

	assert_passes_or_skip("comes_true_with_reserve", come_true, &here);
}
END_TEST

/* Any size, capacity and reserve: exactly, by a single thread. */
START_TEST(test_capacity_comes_true)
{
	support_random random;

	support_random_seed(&random);
	for (unsigned i = 0; i < SUPPORT_ROUNDS(200); i++) {
		sa_arena_options options = support_options();
		size_t most = i % 3 == 0 ? 3 * MIB : 50 * PAGE;
		size_t size =
			support_random_below(&random, i % 4 == 0 ? 20000 : 300);
		size_t count = 0;
		sa_arena_preflight_report report;
		sa_arena *arena;

		options.mlock = SA_ARENA_MLOCK_BEST_EFFORT;
		options.capacity = PAGE + support_random_below(&random, most);
		if (i % 3 != 1)
			options.reserve = support_random_below(
				&random, options.capacity + 1);
		report = ask(&options, 10000000, size, ENOSPC);
		arena = sa_arena_create(&options);
		SUPPORT_REQUIRE(arena != NULL);
		while (sa_arena_alloc(arena, size) != NULL)
			count++;
		ck_assert_int_eq(errno, ENOSPC);
		ck_assert_msg(count == report.max_count,
			      "size %zu, capacity %zu, reserve %zu: %zu, not "
			      "%zu",
			      size, options.capacity, options.reserve, count,
			      report.max_count);
		sa_arena_destroy(arena);
	}
}
END_TEST

/* More than the machine has is refused before anything is mapped. */
START_TEST(test_reserve_beyond_memory)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;

	options.mlock = SA_ARENA_MLOCK_BEST_EFFORT;
	options.reserve = SIZE_MAX / 4;
	/* 32-bit programs cannot ask for that much. */
	if (sizeof(size_t) > 4)
		require_refused(&options, ENOMEM);
}
END_TEST

/* So is an object, unless the capacity is met before. */
START_TEST(test_object_beyond_memory)
{
	const size_t size = SIZE_MAX / 4;
	sa_arena_options options = support_options();
	sa_arena *arena;

	if (sizeof(size_t) == 4)
		return;
	if (_i != 0)
		options.capacity = MIB;
	arena = sa_arena_create(&options);
	ck_assert_ptr_nonnull(arena);
	ck_assert_ptr_null(sa_arena_alloc(arena, size));
	ck_assert_int_eq(errno, _i == 0 ? ENOMEM : ENOSPC);
	ck_assert_ptr_null(sa_arena_alloc(arena, SIZE_MAX));
	ck_assert_int_eq(errno, ENOMEM);
	sa_arena_destroy(arena);
	ck_assert_uint_ge(
		ask(&options, 1, size, _i == 0 ? ENOMEM : ENOSPC).required_size,
		size);
	(void)ask(&options, 1, SIZE_MAX, ENOMEM);
	(void)ask(&options, 0, size, 0);
}
END_TEST

/* -------------------------------------------------------------- suite */

int main(void)
{
	Suite *suite = suite_create("preflight");
	TCase *preflight = tcase_create("preflight");

	suite_add_tcase(suite, preflight);
	tcase_set_timeout(preflight, 60);
	tcase_add_test(preflight, test_bad_report);
	tcase_add_loop_test(preflight, test_bad_options, 0, 8);
	tcase_add_loop_test(preflight, test_fits, 0, 6);
	tcase_add_test(preflight, test_large_with_reserve);
	tcase_add_loop_test(preflight, test_grows, 0, 6);
	tcase_add_test(preflight, test_capacity);
	tcase_add_test(preflight, test_beyond_reason);
	tcase_add_test(preflight, test_mappings);
	tcase_add_test(preflight, test_allocates_nothing);
	tcase_add_loop_test(preflight, test_ordinary, 0, 4);
	tcase_add_loop_test(preflight, test_comes_true, 0, 9);
	tcase_add_loop_test(preflight, test_comes_true_with_reserve, 0, 5);
	tcase_add_test(preflight, test_capacity_comes_true);
	tcase_add_test(preflight, test_reserve_beyond_memory);
	tcase_add_loop_test(preflight, test_object_beyond_memory, 0, 2);
	return support_run(suite);
}
