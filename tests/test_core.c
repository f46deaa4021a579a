/* SPDX-License-Identifier: ISC */
/*
 * Real core dumps of a process with a thousand secrets: none of them is in
 * there, however the process ends.  Made by the kernel where core_pattern(5)
 * names a file, and by gdb where that is installed; either is skipped where it
 * cannot be had.
 */
#include <config.h>

#include "seeker.h"
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECRETS 1000
#define SIZE 32
#define LARGE ((size_t)20000)
/* One in so many is too large for a slot. */
#define LARGE_EVERY 100
/* Every kind of mapping that a dump may hold (core(5)). */
#define DUMP_FILTER "0x1ff\n"

/* ----------------------------------------------------- a process to dump */

static sa_arena *arena;
static unsigned char *secrets[SECRETS];

static size_t size_of(size_t i)
{
	return i % LARGE_EVERY == 0 ? LARGE : SIZE;
}

/* Some are written in place, some are copied in. */
static unsigned char *create_secret(size_t i)
{
	unsigned char *object, source[SIZE];

	if (i % 2 == 0) {
		object = sa_arena_alloc(arena, size_of(i));
		SUPPORT_REQUIRE(object != NULL);
		seeker_write(object, SIZE, i);
		return object;
	}
	seeker_write(source, SIZE, i);
	object = sa_arena_take(arena, source, SIZE);
	SUPPORT_REQUIRE(object != NULL);
	return object;
}

/* A dump holds the registers, too, and they hold what was copied last: so
 * that this is nothing secret, copy it the same way. */
static void forget_registers(void)
{
	static const unsigned char nothing[SIZE];
	void *copy = sa_arena_dup(arena, nothing, SIZE);

	SUPPORT_REQUIRE(copy != NULL);
}

static void create_secrets(size_t reserve)
{
	sa_arena_options options = support_options();
	size_t i;

	options.name = SUPPORT_VAULT;
	options.reserve = reserve;
	arena = sa_arena_create(&options);
	SUPPORT_REQUIRE(arena != NULL);
	for (i = 0; i < SECRETS; i++)
		secrets[i] = create_secret(i);
	forget_registers();
}

/* In use, at rest, or damaged and found to be. */
static void die_open(void)
{
	abort();
}

static void die_at_rest(void)
{
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_NOACCESS) == 0);
	abort();
}

/* Where there are huge pages, the memory has moved to them. */
static void die_at_last_rest(void)
{
	int round;

	for (round = 0; round < 5; round++) {
		SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_READWRITE) ==
				0);
		SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_NOACCESS) ==
				0);
	}
	abort();
}

static void die_of_misuse(void)
{
	support_flip(secrets[1] + SIZE);
	sa_arena_free(arena, secrets[1]);
}

static void die_of_double_free(void)
{
	sa_arena_free(arena, secrets[SECRETS / 2 + 1]);
	sa_arena_free(arena, secrets[SECRETS / 2 + 1]);
}

/* What must be found. */
static void die_with_copy(void)
{
	unsigned char *copy = malloc(SIZE);
	size_t i;

	SUPPORT_REQUIRE(copy != NULL);
	for (i = 0; i < SIZE; i++)
		support_poke(copy + i, support_peek(secrets[7] + i));
	abort();
}

static void die_included(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), i;
	unsigned char *start;

	for (i = 0; i < SECRETS; i++) {
		start = secrets[i] - (uintptr_t)secrets[i] % page;
		SUPPORT_REQUIRE(madvise(start, 2 * page, MADV_DODUMP) == 0 ||
				errno == ENOMEM);
	}
	abort();
}

static const struct {
	void (*die)(void);
	size_t found;
	const char *line; /* how it begins */
	size_t reserve;
} ends[] = {
	{die_open, 0, "", 0},
	{die_at_rest, 0, "", 0},
	{die_at_last_rest, 0, "", (size_t)8 << 20},
	{die_of_misuse, 0, "sodium-arena: overflow: ", 0},
	{die_of_double_free, 0, "sodium-arena: double free: ", 0},
	{die_with_copy, 1, "", 0},
	{die_included, SECRETS, "", 0},
};
#define ENDS SUPPORT_LENGTH(ends)

/* ----------------------------------------------------------------- dumps */

/* Where dumps are written; empty but for them. */
static char folder[PATH_MAX];

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof folder, "%s/sodium-arena-core-XXXXXX",
		 tmp != NULL && tmp[0] == '/' ? tmp : "/tmp");
	SUPPORT_REQUIRE(mkdtemp(folder) != NULL);
}

/* The path of a file in the folder; 0 if there is none. */
static int find_dump(char *path, size_t size)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	int found = 0;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.') {
			snprintf(path, size, "%s/%.255s", folder,
				 entry->d_name);
			found = 1;
		}
	closedir(dir);
	return found;
}

/* Also where it was done before. */
static void teardown(void)
{
	char path[2 * PATH_MAX];

	while (find_dump(path, sizeof path) && unlink(path) == 0)
		continue;
	rmdir(folder);
}

static void prepare_to_die(int error_fd)
{
	struct rlimit core;
	int fd = open("/proc/self/coredump_filter", O_WRONLY);

	SUPPORT_REQUIRE(getrlimit(RLIMIT_CORE, &core) == 0);
	core.rlim_max = geteuid() == 0 ? RLIM_INFINITY : core.rlim_max;
	core.rlim_cur = core.rlim_max;
	(void)setrlimit(RLIMIT_CORE, &core);
	SUPPORT_REQUIRE(fd >= 0 && write(fd, DUMP_FILTER, 6) > 0);
	close(fd);
	SUPPORT_REQUIRE(chdir(folder) == 0);
	signal(SIGABRT, SIG_DFL);
	dup2(error_fd, STDERR_FILENO);
	alarm(40);
}

/* Waits for a debugger, if there will be one. */
static void await_tracer(void)
{
	char text[4096];
	const char *tracer;
	ssize_t length;
	int fd;

	do {
		fd = open("/proc/self/status", O_RDONLY);
		length = read(fd, text, sizeof text - 1);
		SUPPORT_REQUIRE(length > 0);
		text[length] = '\0';
		close(fd);
		tracer = strstr(text, "TracerPid:\t");
		SUPPORT_REQUIRE(tracer != NULL);
		usleep(1000);
	} while (strncmp(tracer, "TracerPid:\t0", 12) == 0);
}

/* In the folder, with standard error to be read from `error_fd`. */
static pid_t start(size_t end, int is_traced, int *error_fd)
{
	int fds[2];
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prepare_to_die(fds[1]);
		/* Some systems allow tracing by ancestors only. */
		(void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
		create_secrets(ends[end].reserve);
		if (is_traced)
			await_tracer();
		ends[end].die();
		_exit(EXIT_FAILURE);
	}
	close(fds[1]);
	*error_fd = fds[0];
	return pid;
}

/* What a process left behind. */
typedef struct remains {
	int is_dumped;
	size_t found; /* secrets in the dump */
	char text[1024];
} remains;

/* Takes the dump away. */
static remains examine(int error_fd)
{
	char path[2 * PATH_MAX];
	remains left = {0};
	ssize_t length = read(error_fd, left.text, sizeof left.text - 1);

	SUPPORT_REQUIRE(length >= 0);
	close(error_fd);
	left.is_dumped = find_dump(path, sizeof path);
	if (left.is_dumped)
		left.found = seeker_search_file(path, 0, SECRETS, SIZE);
	teardown();
	return left;
}

static void judge(const remains *left, size_t end)
{
	const char *line = ends[end].line;
	/* What a free has read; see SUPPORT_COUNTED. */
	size_t spilled = SUPPORT_COUNTED && line[0] != '\0' ? left->found : 0;

	ck_assert_uint_le(spilled, 1);
	ck_assert_msg(left->found - spilled == ends[end].found,
		      "%zu secrets in the dump instead of %zu", left->found,
		      ends[end].found);
	ck_assert_msg(line[0] == '\0'
			      ? left->text[0] == '\0'
			      : strncmp(left->text, line, strlen(line)) == 0,
		      "said: %s", left->text);
}

/* ------------------------------------------------------------ the kernel */

/* Why the kernel will write none, or NULL. */
static const char *kernel_excuse(void)
{
	FILE *file = fopen("/proc/sys/kernel/core_pattern", "r");
	char pattern[256] = "|";
	struct rlimit core;

	if (file != NULL) {
		if (fgets(pattern, sizeof pattern, file) == NULL)
			pattern[0] = '|';
		fclose(file);
	}
	if (!support_takes_advice())
		return "no advice is taken here";
	if (pattern[0] == '|' || strchr(pattern, '/') != NULL)
		return "core_pattern leads out of the current folder";
	if (getrlimit(RLIMIT_CORE, &core) != 0 ||
	    (core.rlim_max < (rlim_t)64 << 20 && geteuid() != 0))
		return "RLIMIT_CORE forbids dumps";
	return SUPPORT_SANITIZED ? "a sanitizer's memory is too much" : NULL;
}

START_TEST(test_dump_by_kernel)
{
	const char *excuse = kernel_excuse();
	int status, fd;
	remains left;
	pid_t pid;

	if (excuse != NULL) {
		support_skip("dump by the kernel", excuse);
		return;
	}
	pid = start((size_t)_i, 0, &fd);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	left = examine(fd);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
		      "said: %s", left.text);
	if (!WCOREDUMP(status)) {
		support_skip("dump by the kernel", "it wrote none");
		return;
	}
	ck_assert(left.is_dumped);
	judge(&left, (size_t)_i);
}
END_TEST

/* --------------------------------------------------------------- gdb */

/* Runs until the process aborts, then dumps it. */
static pid_t start_gdb(pid_t pid)
{
	char target[32], command[PATH_MAX + 32];
	pid_t gdb;
	int null;

	snprintf(target, sizeof target, "%d", (int)pid);
	snprintf(command, sizeof command, "generate-core-file %s/core", folder);
	fflush(NULL);
	gdb = fork();
	ck_assert_int_ge(gdb, 0);
	if (gdb > 0)
		return gdb;
	null = open("/dev/null", O_RDWR);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	execlp("gdb", "gdb", "-nx", "-batch", "-iex", "set auto-load off",
	       "-iex", "set debuginfod enabled off", "-ex", "continue", "-ex",
	       command, "-ex", "kill", "-p", target, (char *)NULL);
	_exit(127);
}

/* gdb leaves out what the mapping's flags in /proc say is left out. */
START_TEST(test_dump_by_gdb)
{
	int status, fd;
	remains left;
	pid_t pid, gdb;

	if (!support_takes_advice()) {
		support_skip("dump by gdb", "no advice is taken here");
		return;
	}
	if (SUPPORT_SANITIZED) {
		support_skip("dump by gdb", "a sanitizer's memory is too much");
		return;
	}
	pid = start((size_t)_i, 1, &fd);
	gdb = start_gdb(pid);
	ck_assert_int_eq(waitpid(gdb, &status, 0), gdb);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	left = examine(fd);
	if (!left.is_dumped) {
		support_skip("dump by gdb",
			     WIFEXITED(status) && WEXITSTATUS(status) == 127
				     ? "gdb is not installed"
				     : "gdb may not trace processes here");
		return;
	}
	judge(&left, (size_t)_i);
}
END_TEST

/* ------------------------------------------------------------- suite */

int main(void)
{
	Suite *suite = suite_create("core");
	TCase *dumps = tcase_create("dumps");

	suite_add_tcase(suite, dumps);
	tcase_set_timeout(dumps, 60);
	tcase_add_checked_fixture(dumps, setup, teardown);
	tcase_add_loop_test(dumps, test_dump_by_kernel, 0, ENDS);
	tcase_add_loop_test(dumps, test_dump_by_gdb, 0, ENDS);
	return support_run(suite);
}
