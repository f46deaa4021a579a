/* SPDX-License-Identifier: ISC */
/*
 * The malloc front: malloc's results and errno over the default arena, which
 * is made once however many ask for it, and before its first use as asked.
 */
#include <config.h>

#include "slow.h"
#include "sodium_arena_lua.h"
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "registry.h"

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))
#define LARGE ((size_t)1 << 20)
#define THREADS 8

/* Each test has a process of its own, and so a default arena. */
static void setup(void)
{
	sa_arena_options options = support_options();

	ck_assert_int_eq(sa_default_arena_init(&options), 0);
}

static void teardown(void)
{
	ck_assert_int_eq(sa_arena_check(sa_default_arena()), 0);
}

/* --------------------------------------------------------------- malloc */

START_TEST(malloc_gives_aligned_distinct_objects_of_exact_size)
{
	static const size_t sizes[] = {0, 1, 31, 32, 4096, 8185, LARGE};
	unsigned char *objects[SUPPORT_LENGTH(sizes)];
	size_t i, j;

	for (i = 0; i < SUPPORT_LENGTH(sizes); i++) {
		objects[i] = sa_malloc(sizes[i]);
		ck_assert_ptr_nonnull(objects[i]);
		ck_assert_uint_eq((uintptr_t)objects[i] % alignof(max_align_t),
				  0);
		ck_assert_uint_eq(sa_malloc_usable_size(objects[i]), sizes[i]);
		ck_assert(sa_arena_owns(sa_default_arena(), objects[i]));
		support_fill(objects[i], sizes[i], i);
		for (j = 0; j < i; j++)
			ck_assert_ptr_ne(objects[i], objects[j]);
	}
	for (i = 0; i < SUPPORT_LENGTH(sizes); i++) {
		ck_assert(support_is_filled(objects[i], sizes[i], i));
		sa_free(objects[i]);
	}
	ck_assert_uint_eq(support_stats(sa_default_arena()).live_count, 0);
}
END_TEST

START_TEST(null_is_nothing)
{
	errno = 0;
	sa_free(NULL);
	ck_assert_uint_eq(sa_malloc_usable_size(NULL), 0);
	ck_assert_int_eq(errno, 0);
}
END_TEST

START_TEST(free_keeps_errno)
{
	void *object = sa_malloc(1);

	errno = EXDEV;
	sa_free(object);
	ck_assert_int_eq(errno, EXDEV);
}
END_TEST

START_TEST(calloc_multiplies_or_says_enomem)
{
	unsigned char *zeros = sa_calloc(7, 5);

	ck_assert_uint_eq(sa_malloc_usable_size(zeros), 35);
	ck_assert(support_is_zero(zeros, 35));
	sa_free(zeros);
	errno = 0;
	ck_assert_ptr_null(sa_calloc(SIZE_MAX / 2, 3));
	ck_assert_int_eq(errno, ENOMEM);
}
END_TEST

START_TEST(realloc_is_that_of_the_c_library)
{
	unsigned char *object = sa_realloc(NULL, 10), *moved;

	ck_assert_uint_eq(sa_malloc_usable_size(object), 10);
	support_fill(object, 10, 1);
	moved = sa_realloc(object, LARGE);
	ck_assert_ptr_nonnull(moved);
	ck_assert(support_is_filled(moved, 10, 1));
	errno = 0;
	ck_assert_ptr_null(sa_realloc(moved, SIZE_MAX / 2));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert(support_is_filled(moved, 10, 1));
	errno = EXDEV;
	ck_assert_ptr_null(sa_realloc(moved, 0));
	ck_assert_int_eq(errno, EXDEV);
	ck_assert_uint_eq(support_stats(sa_default_arena()).live_count, 0);
	object = sa_realloc(NULL, 0);
	ck_assert_ptr_nonnull(object);
	sa_free(object);
}
END_TEST

START_TEST(strdup_copies_with_its_end)
{
	char *copy = sa_strdup("secret"), *empty = sa_strdup("");

	ck_assert_str_eq(copy, "secret");
	ck_assert_uint_eq(sa_malloc_usable_size(copy), sizeof "secret");
	ck_assert_str_eq(empty, "");
	sa_free(copy);
	sa_free(empty);
}
END_TEST

START_TEST(aligned_alloc_takes_powers_of_two_up_to_a_page)
{
	static const size_t bad[] = {0, 3, 48};
	size_t alignment, i;

	for (alignment = 1; alignment <= PAGE; alignment *= 2) {
		void *object = sa_aligned_alloc(alignment, alignment + 1);

		ck_assert_ptr_nonnull(object);
		ck_assert_uint_eq((uintptr_t)object % alignment, 0);
		sa_free(object);
	}
	for (i = 0; i <= SUPPORT_LENGTH(bad); i++) {
		errno = 0;
		ck_assert_ptr_null(sa_aligned_alloc(
			i < SUPPORT_LENGTH(bad) ? bad[i] : 2 * PAGE, 1));
		ck_assert_int_eq(errno, EINVAL);
	}
	errno = 0;
	ck_assert_ptr_null(sa_aligned_alloc(64, SIZE_MAX / 2));
	ck_assert_int_eq(errno, ENOMEM);
}
END_TEST

/* Whatever the arena's reason. */
static void require_enomem(void)
{
	void *object;

	errno = 0;
	object = sa_malloc(LARGE);
	SUPPORT_REQUIRE(object == NULL && errno == ENOMEM);
	errno = 0;
	object = sa_realloc(NULL, LARGE);
	SUPPORT_REQUIRE(object == NULL && errno == ENOMEM);
	errno = 0;
	object = sa_aligned_alloc(64, LARGE);
	SUPPORT_REQUIRE(object == NULL && errno == ENOMEM);
}

START_TEST(a_resting_arena_is_enomem)
{
	char *copy = sa_strdup("kept");
	char *other;

	ck_assert_int_eq(
		sa_arena_protect(sa_default_arena(), SA_ARENA_READONLY), 0);
	require_enomem();
	errno = 0;
	other = sa_strdup("refused");
	ck_assert_ptr_null(other);
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_str_eq(copy, "kept");
	sa_free(copy);
}
END_TEST

/* What Lua's manual says of a lua_Alloc: size 0 frees and gives NULL; what
 * shrinks cannot fail, not even in an arena that is full. */
START_TEST(lua_may_count_on_shrinking)
{
	static const size_t sizes[][2] = {
		{3000, 10}, {100000, 50000}, {100000, 10}};
	const size_t size = sizes[_i][0], less = sizes[_i][1];
	sa_arena_options options = support_options();
	unsigned char *object = NULL;
	uint64_t failures;
	sa_arena *full;

	options.capacity = 64 * PAGE;
	full = sa_arena_create(&options);
	ck_assert_ptr_nonnull(full);
	ck_assert_ptr_null(sa_lua_alloc(full, NULL, 0, 0));
	object = sa_lua_alloc(full, NULL, 5, size);
	ck_assert_ptr_nonnull(object);
	while (sa_lua_alloc(full, NULL, 4, 1000) != NULL ||
	       sa_lua_alloc(full, NULL, 4, 1) != NULL)
		continue;
	support_fill(object, size, 1);
	failures = support_stats(full).failure_count;
	object = sa_lua_alloc(full, object, size, less);
	ck_assert_ptr_nonnull(object);
	ck_assert_uint_eq(support_stats(full).failure_count, failures);
	ck_assert(support_is_filled(object, less, 1));
	ck_assert_uint_eq(sa_arena_size(full, object), less);
	ck_assert_int_eq(sa_arena_check(full), 0);
	ck_assert_ptr_null(sa_lua_alloc(full, object, less, 0));
	ck_assert_int_eq(sa_arena_owns(full, object), 0);
	sa_arena_destroy(full);
}
END_TEST

/* -------------------------------------------------------- default arena */

START_TEST(init_after_first_use_is_busy)
{
	sa_arena *arena = sa_default_arena();

	errno = 0;
	ck_assert_int_eq(sa_default_arena_init(NULL), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_ptr_eq(sa_default_arena(), arena);
}
END_TEST

START_TEST(init_with_bad_options_may_be_repeated)
{
	sa_arena_options options = support_options();

	options.size--;
	errno = 0;
	ck_assert_int_eq(sa_default_arena_init(&options), -1);
	ck_assert_int_eq(errno, EINVAL);
	options = support_options();
	options.capacity = 16 * PAGE;
	ck_assert_int_eq(sa_default_arena_init(&options), 0);
	require_enomem();
	errno = 0;
	ck_assert_ptr_null(sa_arena_alloc(sa_default_arena(), LARGE));
	ck_assert_int_eq(errno, ENOSPC);
}
END_TEST

START_TEST(nothing_lockable_is_enomem_until_there_is)
{
	void *object;

	if (SUPPORT_SANITIZED || support_become_ordinary(0) != 0) {
		support_skip("nothing_lockable", "locks cannot be refused");
		return;
	}
	require_enomem();
	errno = 0;
	ck_assert_ptr_null(sa_default_arena());
	ck_assert_int_eq(errno, EPERM);
	setup();
	object = sa_malloc(1);
	ck_assert_ptr_nonnull(object);
	sa_free(object);
}
END_TEST

static pthread_barrier_t together;

static void *use(void *context)
{
	void *object;

	(void)context;
	pthread_barrier_wait(&together);
	object = sa_malloc(32);
	SUPPORT_REQUIRE(object != NULL);
	SUPPORT_REQUIRE(sa_arena_owns(sa_default_arena(), object));
	return object;
}

START_TEST(all_threads_get_the_same_arena)
{
	pthread_t threads[THREADS];
	void *object;
	int i;

	if (!support_can_lock(THREADS * 64 * PAGE)) {
		support_skip("all_threads", "too little can be locked");
		return;
	}
	pthread_barrier_init(&together, NULL, THREADS);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, use, NULL),
				 0);
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &object);
		sa_free(object);
	}
	ck_assert_uint_eq(support_stats(sa_default_arena()).live_count, 0);
	ck_assert_uint_eq(support_stats(sa_default_arena()).alloc_count,
			  THREADS);
}
END_TEST

/* The name under which it made the default arena; NULL: it was busy. */
static void *init_as(void *name)
{
	sa_arena_options options = support_options();

	options.name = name;
	errno = 0;
	if (sa_default_arena_init(&options) == 0)
		return name;
	SUPPORT_REQUIRE(errno == EBUSY);
	return NULL;
}

START_TEST(init_at_once_is_busy_for_one)
{
	static char here[] = "here", there[] = "there";
	void *mine, *others;
	pthread_t thread;

	slow_start(50000);
	ck_assert_int_eq(pthread_create(&thread, NULL, init_as, there), 0);
	slow_await();
	slow_go_on();
	mine = init_as(here);
	ck_assert_int_eq(pthread_join(thread, &others), 0);
	ck_assert((mine == NULL) != (others == NULL));
	ck_assert_str_eq(sa_default_arena()->name, mine != NULL ? here : there);
}
END_TEST

/* --------------------------------------------------------------- crimes */

static void prepare_crime(support_misuse *expected, const char *arena)
{
	expected->kind = SA_ARENA_MISUSE_INVALID_POINTER;
	memset(expected->arena, 0, sizeof expected->arena);
	memcpy(expected->arena, arena, strlen(arena));
}

static void free_without_arena(support_misuse *expected, size_t by_realloc)
{
	static char wild[16];

	prepare_crime(expected, "(null)");
	expected->object = wild;
	if (by_realloc)
		expected->object = sa_realloc(wild, by_realloc);
	else
		sa_free(wild);
}

static void free_inside(support_misuse *expected, size_t offset)
{
	char *object;

	setup();
	object = sa_malloc(32);
	prepare_crime(expected, "default");
	expected->object = object + offset;
	sa_free(object + offset);
}

START_TEST(pointers_from_elsewhere_are_misuse)
{
	support_assert_misuse(free_without_arena, 0);
	support_assert_misuse(free_without_arena, 1);
	support_assert_misuse(free_inside, 1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("malloc");
	TCase *front = tcase_create("front");
	TCase *arena = tcase_create("arena");

	tcase_add_checked_fixture(front, setup, teardown);
	tcase_add_test(front,
		       malloc_gives_aligned_distinct_objects_of_exact_size);
	tcase_add_test(front, null_is_nothing);
	tcase_add_test(front, free_keeps_errno);
	tcase_add_test(front, calloc_multiplies_or_says_enomem);
	tcase_add_test(front, realloc_is_that_of_the_c_library);
	tcase_add_test(front, strdup_copies_with_its_end);
	tcase_add_test(front, aligned_alloc_takes_powers_of_two_up_to_a_page);
	tcase_add_test(front, a_resting_arena_is_enomem);
	tcase_add_loop_test(front, lua_may_count_on_shrinking, 0, 3);
	tcase_add_test(front, init_after_first_use_is_busy);
	suite_add_tcase(s, front);
	tcase_add_test(arena, init_with_bad_options_may_be_repeated);
	tcase_add_test(arena, nothing_lockable_is_enomem_until_there_is);
	tcase_add_test(arena, all_threads_get_the_same_arena);
	tcase_add_test(arena, init_at_once_is_busy_for_one);
	tcase_add_test(arena, pointers_from_elsewhere_are_misuse);
	suite_add_tcase(s, arena);
	return s;
}

int main(void)
{
	return support_run(suite());
}
