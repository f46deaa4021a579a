/* SPDX-License-Identifier: ISC */
/*
 * Without its fork handlers the library makes no arena: a child would get a
 * copy in the middle of a call.  They are asked for before main(), and again
 * where they were refused.
 */
#include <config.h>

#include "support.h"

#include <errno.h>
#include <pthread.h>

typedef void handler(void);

int __real_pthread_atfork(handler *before, handler *parent, handler *child);
int __wrap_pthread_atfork(handler *before, handler *parent, handler *child);

static int calls;

/* There is room from the third call on.  ThreadSanitizer asks here for its own,
 * before it can watch anything. */
SUPPORT_EARLY int __wrap_pthread_atfork(handler *before, handler *parent,
					handler *child)
{
	if (SUPPORT_TSAN)
		return __real_pthread_atfork(before, parent, child);
	calls++;
	return calls < 3 ? ENOMEM
			 : __real_pthread_atfork(before, parent, child);
}

static void use_in_child(void *arena)
{
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) != NULL);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
}

START_TEST(test_refused)
{
	sa_arena_options options = support_options();
	sa_arena *arena;

	if (SUPPORT_TSAN) {
		support_skip("refused", "tsan's own handlers come first");
		return;
	}
	ck_assert_int_eq(calls, 1);
	errno = 0;
	ck_assert_ptr_null(sa_arena_create(&options));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_int_eq(calls, 2);
	arena = sa_arena_create(&options);
	ck_assert_ptr_nonnull(arena);
	sa_arena_destroy(sa_arena_create(&options));
	ck_assert_int_eq(calls, 3);
	support_assert_passes(use_in_child, arena);
	sa_arena_destroy(arena);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("atfork");
	TCase *all = tcase_create("all");

	tcase_add_test(all, test_refused);
	suite_add_tcase(suite, all);
	return support_run(suite);
}
