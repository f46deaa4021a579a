/* SPDX-License-Identifier: ISC */
/* What ends the process for the library's own mistakes says which. */
#include <config.h>

#include "support.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "fatal.h"
#include "object.h"

static void be_impossible(void *what)
{
	sa_fatal_impossible(what);
}

/* No handler of misuse is asked: the program has misused nothing. */
static void handle(const sa_arena_misuse *misuse, void *context)
{
	(void)context;
	/* It never is. */
	SUPPORT_REQUIRE(misuse == NULL);
}

START_TEST(test_impossible)
{
	static char what[] = "a slot is larger than its region";
	support_end end;

	sa_arena_set_misuse_handler(handle, NULL);
	support_child(be_impossible, what, &end);
	ck_assert_int_eq(end.signal, SIGABRT);
	ck_assert_str_eq(end.text, "sodium-arena: internal error: "
				   "a slot is larger than its region\n");
}
END_TEST

/* ------------------------------------------------------ a handler's misuse */

static sa_arena *damaged;
static unsigned char *overflown;

static void damage(void)
{
	damaged = support_arena_create();
	overflown = sa_arena_alloc(damaged, 32);
	SUPPORT_REQUIRE(overflown != NULL);
	support_flip(overflown + 32);
}

static void free_overflown(void *unused)
{
	(void)unused;
	sa_arena_free(damaged, overflown);
}

static jmp_buf out;
static int jumps;

static void jump_out(const sa_arena_misuse *misuse, void *context)
{
	static const char text[] = "jumped\n";

	(void)context;
	SUPPORT_REQUIRE(misuse->object == overflown);
	SUPPORT_REQUIRE(write(STDERR_FILENO, text, sizeof text - 1) ==
			sizeof text - 1);
	jumps++;
	longjmp(out, 1);
}

/* Set anew, one that has jumped out is called again; not without. */
static void free_again(void *unused)
{
	(void)unused;
	if (setjmp(out) == 0 || jumps < 2)
		sa_arena_set_misuse_handler(jump_out, NULL);
	sa_arena_free(damaged, overflown);
}

/* With a shard of its own, which the slot is none of. */
static void *free_again_elsewhere(void *unused)
{
	for (size_t i = 0; i < 3; i++)
		sa_arena_free(damaged, sa_arena_alloc(damaged, 64));
	free_again(NULL);
	return unused;
}

static void free_again_in_thread(void *unused)
{
	pthread_t thread;

	(void)unused;
	SUPPORT_REQUIRE(
		pthread_create(&thread, NULL, free_again_elsewhere, NULL) == 0);
	SUPPORT_REQUIRE(pthread_join(thread, NULL) == 0);
}

START_TEST(test_handler_jumps_out)
{
	static const char told[] = "jumped\njumped\nsodium-arena: overflow: ";
	support_end end;

	damage();
	support_child(_i == 0 ? free_again : free_again_in_thread, NULL, &end);
	ck_assert_int_eq(end.signal, SIGABRT);
	ck_assert_int_eq(strncmp(end.text, told, strlen(told)), 0);
}
END_TEST

static void jump_out_of_any(const sa_arena_misuse *misuse, void *context)
{
	(void)context;
	SUPPORT_REQUIRE(misuse->kind == SA_ARENA_MISUSE_DOUBLE_FREE);
	longjmp(out, 1);
}

/* A slot that is in stock and in its slab was freed by two. */
static void free_after_other_misuse(void *unused)
{
	void *twice = sa_arena_alloc(damaged, 64);
	sa_slot slot = sa_object_find(damaged, twice).slot;

	sa_arena_free(damaged, twice);
	SUPPORT_REQUIRE(sa_slab_give(slot.slab, sa_slot_index(slot)));
	sa_arena_set_misuse_handler(jump_out_of_any, NULL);
	if (setjmp(out) == 0)
		(void)sa_arena_trim(damaged);
	sa_arena_set_misuse_handler(NULL, NULL);
	free_overflown(unused);
}

/* What was found before is not told again. */
START_TEST(test_jump_out_of_another)
{
	static const char told[] = "sodium-arena: overflow: ";
	support_end end;

	damage();
	support_child(free_after_other_misuse, NULL, &end);
	ck_assert_int_eq(end.signal, SIGABRT);
	ck_assert_int_eq(strncmp(end.text, told, strlen(told)), 0);
}
END_TEST

/* Both meet the same misuse again. */
static void check_again(const sa_arena_misuse *misuse, void *context)
{
	static const char text[] = "handled\n";

	(void)misuse;
	SUPPORT_REQUIRE(write(STDERR_FILENO, text, sizeof text - 1) ==
			sizeof text - 1);
	if (context != NULL)
		sa_arena_destroy(damaged);
	else
		SUPPORT_REQUIRE(sa_arena_check(damaged) == 0);
}

/* The handler is called once, and what it meets is told by the plain line. */
START_TEST(test_misuse_in_handler)
{
	static const char told[] = "handled\nsodium-arena: overflow: ";
	support_end end;

	damage();
	sa_arena_set_misuse_handler(check_again, _i == 0 ? NULL : &end);
	support_child(free_overflown, NULL, &end);
	ck_assert_int_eq(end.signal, SIGABRT);
	ck_assert_int_eq(strncmp(end.text, told, strlen(told)), 0);
	ck_assert_str_eq(strchr(strstr(end.text, "overflow"), '\n'), "\n");
}
END_TEST

/* ------------------------------------------------- threads to be cancelled */

static void *do_cancelled(void *deed)
{
	/* A thread's first call asks for a number and for randomness. */
	if (damaged != NULL)
		SUPPORT_REQUIRE(sa_arena_alloc(damaged, 32) != NULL);
	SUPPORT_REQUIRE(pthread_cancel(pthread_self()) == 0);
	(*(void (**)(void *))deed)((void *)(uintptr_t) "wrong");
	return NULL;
}

static void do_in_thread(void *deed)
{
	pthread_t thread;

	SUPPORT_REQUIRE(pthread_create(&thread, NULL, do_cancelled, deed) == 0);
	SUPPORT_REQUIRE(pthread_join(thread, NULL) == 0);
}

/* Who is to be cancelled tells it first, and ends the process. */
START_TEST(test_cancelled)
{
	static void (*const deeds[])(void *) = {free_overflown, be_impossible};
	void (*deed)(void *) = deeds[_i];
	support_end end;

	damage();
	support_child(do_in_thread, &deed, &end);
	ck_assert_int_eq(end.signal, SIGABRT);
	ck_assert_ptr_nonnull(strchr(end.text, '\n'));
}
END_TEST

static void wait_in_handler(const sa_arena_misuse *misuse, void *context)
{
	(void)misuse;
	(void)context;
	pthread_testcancel();
}

START_TEST(test_cancelled_in_handler)
{
	void (*deed)(void *) = free_overflown;

	damage();
	sa_arena_set_misuse_handler(wait_in_handler, NULL);
	support_assert_dies(do_in_thread, &deed, SIGABRT);
}
END_TEST

/* ------------------------------------- a pipe nobody reads, a file too long */

static void tell_nobody(void *deed)
{
	support_lose_reader();
	(*(void (**)(void *))deed)((void *)(uintptr_t) "wrong");
}

static void tell_full_file(void *deed)
{
	support_lose_room();
	(*(void (**)(void *))deed)((void *)(uintptr_t) "wrong");
}

static void write_in_handler(const sa_arena_misuse *misuse, void *context)
{
	(void)context;
	SUPPORT_REQUIRE(write(STDERR_FILENO, misuse->arena, 1) == -1);
}

/* The end is SIGABRT all the same; a handler's write() changes nothing. */
START_TEST(test_nobody_reads)
{
	void (*deed)(void *) = _i / 2 == 0 ? be_impossible : free_overflown;

	damage();
	if (_i / 2 == 2)
		sa_arena_set_misuse_handler(write_in_handler, NULL);
	support_assert_dies(_i % 2 == 0 ? tell_nobody : tell_full_file, &deed,
			    SIGABRT);
}
END_TEST

START_TEST(test_names)
{
	ck_assert_str_eq(sa_arena_misuse_name(SA_ARENA_MISUSE_OVERFLOW),
			 "overflow");
	/* A kind of a later version, told to a program of this one. */
	ck_assert_str_eq(sa_arena_misuse_name((sa_arena_misuse_kind)1000),
			 "unknown");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fatal");
	TCase *all = tcase_create("all");

	tcase_add_test(all, test_impossible);
	tcase_add_loop_test(all, test_handler_jumps_out, 0, 2);
	tcase_add_test(all, test_jump_out_of_another);
	tcase_add_loop_test(all, test_misuse_in_handler, 0, 2);
	tcase_add_loop_test(all, test_cancelled, 0, 2);
	tcase_add_test(all, test_cancelled_in_handler);
	tcase_add_loop_test(all, test_nobody_reads, 0, 6);
	tcase_add_test(all, test_names);
	suite_add_tcase(suite, all);
	return support_run(suite);
}
