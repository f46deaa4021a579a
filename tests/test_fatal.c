/* SPDX-License-Identifier: ISC */
/* What ends the process for the library's own mistakes says which. */
#include <config.h>

#include "support.h"

#include <signal.h>

#include "fatal.h"

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
	tcase_add_test(all, test_names);
	suite_add_tcase(suite, all);
	return support_run(suite);
}
