/* SPDX-License-Identifier: ISC */
/*
 * What the library hides from a memory debugger it may still touch itself: all
 * calls, told to the debugger, without a report.  Proves something where the
 * library and this are built with AddressSanitizer.
 */
#include <config.h>

#include "support.h"

#include <stdlib.h>

#define N 40

static const size_t sizes[] = {0, 1, 32, 136, 137, 1000, 8184, 20000};
static const sa_arena_access accesses[] = {SA_ARENA_NOACCESS, SA_ARENA_READONLY,
					   SA_ARENA_READWRITE};

static sa_arena *arena;
static sa_pool *pool;
static unsigned char *objects[N], *pooled[N];

static size_t size_of(size_t i)
{
	return sizes[i % SUPPORT_LENGTH(sizes)];
}

static void fill(void)
{
	for (size_t i = 0; i < N; i++) {
		objects[i] = sa_arena_alloc(arena, size_of(i));
		pooled[i] = sa_pool_alloc(pool);
		SUPPORT_REQUIRE(objects[i] != NULL && pooled[i] != NULL);
		support_fill(objects[i], size_of(i), i);
		support_fill(pooled[i], 300, i);
	}
}

static void setup(void)
{
	sa_arena_options options = support_options();

	arena = sa_arena_create(&options);
	ck_assert_ptr_nonnull(arena);
	pool = sa_pool_create(arena, 300, 4);
	ck_assert_ptr_nonnull(pool);
	fill();
}

static void teardown(void)
{
	ck_assert_int_eq(sa_arena_check(arena), 0);
	sa_arena_destroy(arena);
}

static void rest(sa_arena_access access)
{
	ck_assert_int_eq(sa_arena_protect(arena, access), 0);
}

/* In every resting access, with a holder of one object or none. */
static void hold(size_t which)
{
	rest(accesses[which % 3]);
	if (which / 3 == 1)
		ck_assert_int_eq(sa_arena_open_object(arena, objects[2],
						      SA_ARENA_READONLY),
				 0);
}

START_TEST(test_free)
{
	hold((size_t)_i);
	for (size_t i = 0; i < N; i++) {
		sa_arena_free(arena, objects[i]);
		sa_pool_free(pool, pooled[i]);
	}
	sa_arena_trim(arena);
	ck_assert_uint_eq(support_stats(arena).live_count, 0);
}
END_TEST

START_TEST(test_reset)
{
	hold((size_t)_i);
	ck_assert_int_eq(sa_arena_reset(arena), 0);
	rest(SA_ARENA_READWRITE);
	fill();
}
END_TEST

START_TEST(test_pool_destroy)
{
	hold((size_t)_i);
	sa_pool_destroy(pool);
	rest(SA_ARENA_READWRITE);
	pool = sa_pool_create(arena, 300, 4);
	ck_assert_ptr_nonnull(pool);
	for (size_t i = 0; i < N; i++)
		ck_assert_ptr_nonnull(sa_pool_alloc(pool));
}
END_TEST

START_TEST(test_realloc)
{
	for (size_t i = 0; i < N; i++) {
		size_t old = size_of(i), size = size_of(i + (size_t)_i);

		objects[i] = sa_arena_realloc(arena, objects[i], size);
		ck_assert_ptr_nonnull(objects[i]);
		ck_assert(support_is_filled(objects[i], old < size ? old : size,
					    i));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("veil");
	TCase *all = tcase_create("all");

	/* Otherwise it is off in tests that are built with a sanitizer. */
	if (setenv("SODIUM_ARENA_ANNOTATE", "1", 1) != 0)
		return EXIT_FAILURE;
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_loop_test(all, test_free, 0, 6);
	tcase_add_loop_test(all, test_reset, 0, 6);
	tcase_add_loop_test(all, test_pool_destroy, 0, 6);
	tcase_add_loop_test(all, test_realloc, 1, (int)SUPPORT_LENGTH(sizes));
	suite_add_tcase(suite, all);
	return support_run(suite);
}
