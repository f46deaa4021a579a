/* SPDX-License-Identifier: ISC */
/*
 * The malloc front from the process's first moment to its last: constructors,
 * main(), a fork, atexit handlers and destructors, in a program of its own
 * that no test framework has started.
 */
#include <config.h>

#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* 101 is the first priority that is not the implementation's. */
#define EARLIEST 101

static char *early;
static pid_t first_process;

__attribute__((constructor(EARLIEST))) static void before_main(void)
{
	sa_arena_options options = support_options();

	first_process = getpid();
	SUPPORT_REQUIRE(sa_default_arena_init(&options) == 0);
	early = sa_strdup("early");
	SUPPORT_REQUIRE(early != NULL);
}

/* Runs last of all that this program has. */
__attribute__((destructor(EARLIEST))) static void after_everything(void)
{
	void *late = sa_malloc(100);

	SUPPORT_REQUIRE(late != NULL && strcmp(early, "early!") == 0);
	sa_free(late);
	sa_free(early);
	SUPPORT_REQUIRE(sa_arena_check(sa_default_arena()) == 0);
	SUPPORT_REQUIRE(support_stats(sa_default_arena()).live_count == 0);
	/* Nothing but this says that the destructor has run. */
	support_leave(getpid() == first_process ? EXIT_SUCCESS : 42);
}

static void at_exit(void)
{
	early = sa_realloc(early, sizeof "early!");
	SUPPORT_REQUIRE(early != NULL);
	strcat(early, "!");
}

int main(void)
{
	int status = -1;
	pid_t child;

	SUPPORT_REQUIRE(atexit(at_exit) == 0);
	SUPPORT_REQUIRE(strcmp(early, "early") == 0);
	child = fork();
	SUPPORT_REQUIRE(child >= 0);
	if (child != 0)
		SUPPORT_REQUIRE(waitpid(child, &status, 0) == child &&
				WIFEXITED(status) && WEXITSTATUS(status) == 42);
	/* The destructor makes it a success. */
	return EXIT_FAILURE;
}
