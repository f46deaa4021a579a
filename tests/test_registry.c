/* SPDX-License-Identifier: ISC */
/*
 * All arenas of the process: each that lives is visited once, oldest first;
 * statistics of all of them, a line each, while others come and go and while
 * nobody reads.  A fork while the very first is being made leaves the child
 * everything it needs.
 */
#include <config.h>

#include "slow.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry.h"

#define ARENAS 5

static sa_arena *create(const char *name)
{
	sa_arena_options options = support_options();
	sa_arena *arena;

	options.name = name;
	arena = sa_arena_create(&options);
	SUPPORT_REQUIRE(arena != NULL);
	return arena;
}

static void create_all(sa_arena *arenas[ARENAS])
{
	for (int i = 0; i < ARENAS; i++)
		arenas[i] = create((char[]){(char)('a' + i), '\0'});
}

/* -------------------------------------------------------------- visits */

static void append_name(sa_arena *arena, void *names)
{
	strcat(names, arena->name);
}

static void assert_visited(const char *expected)
{
	char names[64] = "";
	uint64_t serial = 0;

	while (sa_registry_visit(&serial, append_name, names))
		ck_assert_uint_lt(strlen(names), sizeof names - 2);
	ck_assert_str_eq(names, expected);
}

START_TEST(test_visits)
{
	sa_arena *arenas[ARENAS], *late;
	uint64_t serial = 0;
	char names[64] = "";

	assert_visited("");
	create_all(arenas);
	assert_visited("abcde");
	sa_arena_destroy(arenas[0]);
	sa_arena_destroy(arenas[2]);
	sa_arena_destroy(arenas[4]);
	assert_visited("bd");
	/* What goes is not visited, what comes is. */
	ck_assert(sa_registry_visit(&serial, append_name, names));
	sa_arena_destroy(arenas[1]);
	late = create("f");
	while (sa_registry_visit(&serial, append_name, names))
		continue;
	ck_assert_str_eq(names, "bdf");
	sa_arena_destroy(arenas[3]);
	sa_arena_destroy(late);
	assert_visited("");
}
END_TEST

/* The next one's name is appended to what a visit of all has found. */
static void visit_next(uint64_t *serial, char *names)
{
	ck_assert(sa_registry_visit(serial, append_name, names));
}

START_TEST(test_visits_overlap)
{
	sa_arena *arenas[ARENAS];
	uint64_t serial = 0, other = 0;
	char names[64] = "", others[64] = "";

	create_all(arenas);
	visit_next(&serial, names);
	visit_next(&serial, names);
	visit_next(&serial, names);
	visit_next(&other, others);
	visit_next(&serial, names);
	visit_next(&other, others);
	/* The one visited last goes, and the one that would be next. */
	sa_arena_destroy(arenas[1]);
	sa_arena_destroy(arenas[2]);
	visit_next(&other, others);
	visit_next(&serial, names);
	visit_next(&other, others);
	ck_assert_str_eq(names, "abcde");
	ck_assert_str_eq(others, "abde");
	ck_assert(!sa_registry_visit(&serial, append_name, names));
	ck_assert(!sa_registry_visit(&other, append_name, others));
	sa_arena_destroy(arenas[0]);
	sa_arena_destroy(arenas[3]);
	sa_arena_destroy(arenas[4]);
	assert_visited("");
}
END_TEST

/* ------------------------------------------------------------ printing */

static size_t print_all(char *text, size_t size)
{
	int fds[2];
	ssize_t n;
	size_t length = 0;

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(sa_arena_stats_print_all(fds[1]), 0);
	close(fds[1]);
	while ((n = read(fds[0], text + length, size - 1 - length)) > 0)
		length += (size_t)n;
	close(fds[0]);
	text[length] = '\0';
	return length;
}

START_TEST(test_print_all)
{
	sa_arena *arenas[ARENAS];
	char text[16384], *line, *rest = text;

	ck_assert_uint_eq(print_all(text, sizeof text), 0);
	create_all(arenas);
	for (int i = 0; i < ARENAS; i++)
		for (int n = 0; n <= i; n++)
			ck_assert_ptr_nonnull(sa_arena_alloc(arenas[i], 32));
	print_all(text, sizeof text);
	for (int i = 0; i < ARENAS; i++) {
		char start[64];

		snprintf(start, sizeof start,
			 "{\"name\":\"%c\",\"access\":\"readwrite\","
			 "\"live_count\":%d,",
			 'a' + i, i + 1);
		line = strsep(&rest, "\n");
		ck_assert_ptr_nonnull(line);
		ck_assert_msg(strncmp(line, start, strlen(start)) == 0, "%s",
			      line);
		ck_assert_int_eq(line[strlen(line) - 1], '}');
	}
	ck_assert_str_eq(rest, "");
	for (int i = 0; i < ARENAS; i++)
		sa_arena_destroy(arenas[i]);
}
END_TEST

START_TEST(test_print_all_fails)
{
	sa_arena *arena;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	/* Nothing to write is no failure. */
	ck_assert_int_eq(sa_arena_stats_print_all(-1), 0);
	arena = create("a");
	errno = 0;
	ck_assert_int_eq(sa_arena_stats_print_all(-1), -1);
	ck_assert_int_eq(errno, EBADF);
	if (full >= 0) {
		errno = 0;
		ck_assert_int_eq(sa_arena_stats_print_all(full), -1);
		ck_assert_int_eq(errno, ENOSPC);
		close(full);
	}
	sa_arena_destroy(arena);
}
END_TEST

/* ------------------------------------------------------------- threads */

static void *print_to(void *fd)
{
	SUPPORT_REQUIRE(sa_arena_stats_print_all(*(int *)fd) == 0);
	return NULL;
}

/* A pipe that is full. */
static void fill_pipe(int fds[2])
{
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	while (write(fds[1], "x", 1) == 1)
		continue;
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, 0), 0);
}

/* Who writes to a pipe that nobody reads keeps nobody from anything. */
START_TEST(test_blocked)
{
	sa_arena *arena = create("a");
	pthread_t thread;
	char buffer[4096];
	int fds[2];

	fill_pipe(fds);
	ck_assert_int_eq(pthread_create(&thread, NULL, print_to, &fds[1]), 0);
	for (int i = 0; i < 20; i++) {
		usleep(1000);
		sa_arena_destroy(create("b"));
		ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_NOACCESS), 0);
		ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_READWRITE),
				 0);
	}
	sa_arena_destroy(arena);
	/* Room for what is left to be written. */
	ck_assert_int_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	while (read(fds[0], buffer, sizeof buffer) > 0)
		continue;
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

static atomic_bool is_over;

static void *come_and_go(void *name)
{
	while (!atomic_load(&is_over)) {
		sa_arena *arena = create(name);

		SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) != NULL);
		sa_arena_destroy(arena);
	}
	return NULL;
}

START_TEST(test_coming_and_going)
{
	sa_arena *first = create("first"), *last;
	pthread_t threads[2];
	char text[65536];

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go,
						(void *)(uintptr_t) "passing"),
				 0);
	last = create("last");
	for (int i = 0; i < SUPPORT_ROUNDS(300); i++) {
		const char *at;

		print_all(text, sizeof text);
		ck_assert_int_eq(strncmp(text, "{\"name\":\"first\"", 15), 0);
		at = strstr(text, "{\"name\":\"last\"");
		ck_assert_ptr_nonnull(at);
		ck_assert_ptr_null(strstr(at + 1, "{\"name\":\"last\""));
	}
	atomic_store(&is_over, true);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	sa_arena_destroy(first);
	sa_arena_destroy(last);
}
END_TEST

/* ----------------------------------------------------------------- key */

static void limit_locking(rlim_t size)
{
	struct rlimit limit;

	SUPPORT_REQUIRE(getrlimit(RLIMIT_MEMLOCK, &limit) == 0);
	limit.rlim_cur = size;
	SUPPORT_REQUIRE(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
}

/* The key of all canaries was made where nothing could be locked: whoever
 * requires locked memory gets an arena once the key is locked, too. */
static void require_after_effort(void *unused)
{
	const size_t room = (size_t)1 << 20;
	sa_arena_options easy = SA_ARENA_OPTIONS_INIT,
			 strict = SA_ARENA_OPTIONS_INIT;
	sa_arena *first, *second;
	size_t locked;

	(void)unused;
	if (support_become_ordinary(room) != 0)
		support_leave(77);
	limit_locking(0);
	easy.mlock = SA_ARENA_MLOCK_BEST_EFFORT;
	first = sa_arena_create(&easy);
	SUPPORT_REQUIRE(first != NULL && support_locked_size() == 0);
	errno = 0;
	SUPPORT_REQUIRE(sa_arena_create(&strict) == NULL && errno == EPERM);
	limit_locking(room);
	second = sa_arena_create(&strict);
	SUPPORT_REQUIRE(second != NULL);
	locked = support_stats(second).locked_size;
	SUPPORT_REQUIRE(support_locked_size() > locked);
	sa_arena_destroy(second);
	/* While anyone holds it, it is. */
	SUPPORT_REQUIRE(support_locked_size() == (size_t)sysconf(_SC_PAGESIZE));
	sa_arena_destroy(first);
	SUPPORT_REQUIRE(support_locked_size() == 0);
}

START_TEST(test_key_is_locked_later)
{
	support_end end;

	if (SUPPORT_SANITIZED) {
		support_skip("key", "sanitizers lock nothing");
		return;
	}
	support_child(require_after_effort, NULL, &end);
	if (end.status == 77) {
		support_skip("key", "this process may lock anything");
		return;
	}
	ck_assert_msg(end.status == 0, "status %d, signal %d: %s", end.status,
		      end.signal, end.text);
}
END_TEST

/* ---------------------------------------------------------------- fork */

static void *make_first(void *unused)
{
	sa_arena_destroy(create("first"));
	return unused;
}

static void make_another_in_child(void)
{
	sa_arena *arena;

	alarm(10); /* not to wait for a mutex that nobody gives back */
	arena = create("child's");
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) != NULL);
	sa_arena_destroy(arena);
	support_leave(0);
}

START_TEST(test_fork_while_the_first_is_made)
{
	pthread_t thread;
	pid_t pid;
	int status;

	slow_start(100000);
	ck_assert_int_eq(pthread_create(&thread, NULL, make_first, NULL), 0);
	slow_await();
	slow_go_on();
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		make_another_in_child();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("registry");
	TCase *all = tcase_create("all");

	tcase_set_timeout(all, 20);
	tcase_add_test(all, test_fork_while_the_first_is_made);
	tcase_add_test(all, test_key_is_locked_later);
	tcase_add_test(all, test_visits);
	tcase_add_test(all, test_visits_overlap);
	tcase_add_test(all, test_print_all);
	tcase_add_test(all, test_print_all_fails);
	tcase_add_test(all, test_blocked);
	tcase_add_test(all, test_coming_and_going);
	suite_add_tcase(suite, all);
	return support_run(suite);
}
