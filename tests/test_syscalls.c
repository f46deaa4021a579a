/* SPDX-License-Identifier: ISC */
/*
 * The library's whole life under a filter that allows the system calls of
 * SECURITY.md and what this program needs to fork and to run threads.
 */
#include <config.h>

#include "os.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORBIDDEN 98
#define THREADS 4
#define KEYS 20000
#define LARGE (((size_t)1 << 20) + 5)

/* ---------------------------------------------------------------- filter */

/* SECURITY.md's table; tests/check-claims.sh compares them.  Where a processor
 * has no such call, the C library has another that stands below. */
static const long of_the_library[] = {
	SYS_clock_nanosleep,
	SYS_close,
	SYS_futex,
	SYS_getpid,
	SYS_getrandom,
	SYS_gettid,
	SYS_madvise,
	SYS_membarrier,
	SYS_mlock,
	SYS_mlock2,
#ifdef SYS_mmap
	SYS_mmap,
#endif
	SYS_mprotect,
	SYS_munlock,
	SYS_munmap,
	SYS_openat,
	SYS_prctl,
	SYS_prlimit64,
	SYS_read,
	SYS_rt_sigaction,
	SYS_rt_sigpending,
	SYS_rt_sigprocmask,
	SYS_rt_sigtimedwait,
	SYS_sched_yield,
	SYS_sysinfo,
	SYS_tgkill,
	SYS_write,
/* 32-bit processors */
#ifdef SYS_mmap2
	SYS_mmap2,
#endif
#ifdef SYS_clock_nanosleep_time64
	SYS_clock_nanosleep_time64,
	SYS_futex_time64,
	SYS_rt_sigtimedwait_time64,
#endif
#ifdef SYS_ugetrlimit
	SYS_ugetrlimit,
#endif
};

/* Of fork(), waitpid(), exit() and pthread_create(), and their malloc(). */
static const long of_the_program[] = {
#ifdef SYS_brk
	SYS_brk,
#endif
	SYS_clone,
	SYS_exit,
	SYS_exit_group,
	SYS_set_robust_list,
	SYS_wait4,
#ifdef SYS_clone3
	SYS_clone3,
#endif
#ifdef SYS_rseq
	SYS_rseq,
#endif
	/* from a signal handler */
	SYS_rt_sigreturn,
};

#define CALLS (SUPPORT_LENGTH(of_the_library) + SUPPORT_LENGTH(of_the_program))

/* As _exit(), which in a coverage build makes calls of its own. */
static _Noreturn void leave(int status)
{
	for (;;)
		syscall(SYS_exit_group, status);
}

/* Name the call and leave; killing would not tell which it was. */
static void tell_call(int signal, siginfo_t *info, void *context)
{
	char digits[24] = "system call ";
	size_t length = strlen(digits);
	int number = info->si_syscall, unit = 1000000000;

	(void)signal;
	(void)context;
	while (unit > number && unit > 1)
		unit /= 10;
	for (; unit > 0; unit /= 10)
		digits[length++] = (char)('0' + number / unit % 10);
	digits[length++] = '\n';
	if (write(STDERR_FILENO, digits, length) < 0)
		leave(FORBIDDEN + 1);
	leave(FORBIDDEN);
}

static int install(struct sock_filter *code, unsigned short length)
{
	const struct sock_fprog program = {length, code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Without `left_out`, if that is a call's number. */
static int allow_calls(long left_out)
{
	struct sock_filter code[2 * CALLS + 2];
	unsigned short n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < CALLS; i++) {
		size_t own = SUPPORT_LENGTH(of_the_library);
		long number =
			i < own ? of_the_library[i] : of_the_program[i - own];

		if (number == left_out)
			continue;
		code[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
							 SECCOMP_RET_ALLOW);
	}
	code[n++] =
		(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
	return install(code, n);
}

/* False if this process may have no filters. */
static int start_filter(long left_out)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO};

	action.sa_sigaction = tell_call;
	SUPPORT_REQUIRE(sigaction(SIGSYS, &action, NULL) == 0);
	return allow_calls(left_out) == 0;
}

/* ------------------------------------------------------------------ life */

/* Made before the filter is: stdio has calls of its own. */
static sa_arena_options usual;
static sa_arena *arena;
static unsigned char *keys[KEYS];

static void fill(size_t first, size_t step)
{
	for (size_t i = first; i < KEYS; i += step) {
		keys[i] = sa_arena_alloc(arena, 1 + i % 200);
		SUPPORT_REQUIRE(keys[i] != NULL);
	}
}

static void empty(size_t first, size_t step)
{
	for (size_t i = first; i < KEYS; i += step)
		sa_arena_free(arena, keys[i]);
}

static void *fill_share(void *context)
{
	fill(*(size_t *)context, THREADS);
	return NULL;
}

/* What another has filled. */
static void *clear_up(void *context)
{
	empty((*(size_t *)context + 1) % THREADS, THREADS);
	return NULL;
}

static void run_threads(void *(*body)(void *))
{
	pthread_t threads[THREADS];
	size_t numbers[THREADS];

	for (size_t i = 0; i < THREADS; i++) {
		numbers[i] = i;
		SUPPORT_REQUIRE(pthread_create(&threads[i], NULL, body,
					       &numbers[i]) == 0);
	}
	for (size_t i = 0; i < THREADS; i++)
		SUPPORT_REQUIRE(pthread_join(threads[i], NULL) == 0);
}

static void use_objects(void)
{
	char source[] = "secret";
	void *copy = sa_arena_dup(arena, source, sizeof source);
	void *taken = sa_arena_take(arena, source, sizeof source);
	void *large = sa_arena_alloc(arena, LARGE);
	void *aligned = sa_arena_aligned_alloc(arena, 256, 1000);
	void *many = sa_arena_calloc(arena, 10, 100);

	SUPPORT_REQUIRE(copy != NULL && taken != NULL && large != NULL &&
			aligned != NULL && many != NULL);
	copy = sa_arena_realloc(arena, copy, 3000);
	large = sa_arena_realloc(arena, large, 2 * LARGE);
	SUPPORT_REQUIRE(copy != NULL && large != NULL);
	SUPPORT_REQUIRE(sa_arena_owns(arena, large));
	SUPPORT_REQUIRE(sa_arena_size(arena, large) == 2 * LARGE);
	sa_arena_free(arena, large);
	sa_arena_free(arena, copy);
	sa_arena_free(arena, taken);
	sa_arena_free(arena, aligned);
	sa_arena_free(arena, many);
}

static void use_access(void)
{
	void *key = sa_arena_alloc(arena, 32);

	SUPPORT_REQUIRE(key != NULL);
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_NOACCESS) == 0);
	SUPPORT_REQUIRE(sa_arena_open(arena, SA_ARENA_READONLY) == 0);
	SUPPORT_REQUIRE(sa_arena_close(arena, SA_ARENA_READONLY) == 0);
	SUPPORT_REQUIRE(sa_arena_open_object(arena, key, SA_ARENA_READWRITE) ==
			0);
	SUPPORT_REQUIRE(sa_arena_close_object(arena, key, SA_ARENA_READWRITE) ==
			0);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	sa_arena_free(arena, key);
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_READWRITE) == 0);
}

static void use_figures(const sa_arena_options *options)
{
	sa_arena_preflight_report report = SA_ARENA_PREFLIGHT_REPORT_INIT;

	SUPPORT_REQUIRE(sa_arena_preflight(options, 1000, 32, &report) == 0);
	support_stats(arena);
	SUPPORT_REQUIRE(sa_arena_stats_print(arena, STDOUT_FILENO) == 0);
	SUPPORT_REQUIRE(sa_arena_stats_print_all(STDOUT_FILENO) == 0);
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
}

/* In the child and in the parent, once more. */
static void use_fork(sa_arena_fork policy)
{
	int status;
	pid_t pid = fork();

	SUPPORT_REQUIRE(pid >= 0);
	if (pid == 0) {
		if (policy != SA_ARENA_FORK_EXCLUDE) {
			fill(0, 1);
			empty(0, 1);
		}
		sa_arena_destroy(arena);
		leave(0);
	}
	SUPPORT_REQUIRE(waitpid(pid, &status, 0) == pid);
	SUPPORT_REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void live(sa_arena_fork policy)
{
	sa_arena_options options = usual;

	options.fork = policy;
	arena = sa_arena_create(&options);
	SUPPORT_REQUIRE(arena != NULL);
	use_figures(&options);
	use_objects();
	run_threads(fill_share);
	use_access();
	use_fork(policy);
	run_threads(clear_up);
	sa_arena_trim(arena);
	fill(0, 1);
	SUPPORT_REQUIRE(sa_arena_reset(arena) == 0);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	sa_arena_destroy(arena);
}

/* ----------------------------------------------------------------- tests */

static long left_out;

/* More turns than are yields. */
#define TURNS 200

static void live_all_lives(void *context)
{
	(void)context;
	for (unsigned turn = 0; turn < TURNS; turn++)
		sa_os_let_run(turn);
	for (int policy = SA_ARENA_FORK_INHERIT; policy <= SA_ARENA_FORK_WIPE;
	     policy++)
		live((sa_arena_fork)policy);
}

/* So much that it moves to huge pages where there are any. */
static void live_at_large(void *context)
{
	sa_arena_options options = usual;

	(void)context;
	options.reserve = (size_t)16 << 20;
	arena = sa_arena_create(&options);
	SUPPORT_REQUIRE(arena != NULL);
	for (size_t i = 0; i < 400000; i++)
		SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) != NULL);
	use_access();
	SUPPORT_REQUIRE(sa_arena_reset(arena) == 0);
	sa_arena_trim(arena);
	sa_arena_destroy(arena);
}

static void free_twice(void *context)
{
	void *key;

	(void)context;
	arena = sa_arena_create(&usual);
	SUPPORT_REQUIRE(arena != NULL);
	key = sa_arena_alloc(arena, 32);
	sa_arena_free(arena, key);
	sa_arena_free(arena, key);
}

static void start_and_do(void *context)
{
	support_body body = *(support_body *)context;

	SUPPORT_REQUIRE(dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO) >= 0);
	usual = support_options();
	/* A coverage build's handler would make calls of its own. */
	signal(SIGABRT, SIG_DFL);
	if (!start_filter(left_out))
		_exit(77);
	body(NULL);
	leave(0);
}

/* False if nothing can be said, which is said. */
static int run_filtered(const char *test, support_body body, long without,
			support_end *end)
{
	if (SUPPORT_SANITIZED) {
		support_skip(test, "sanitizers make calls of their own");
		return 0;
	}
	left_out = without;
	support_child(start_and_do, &body, end);
	if (end->status == 77)
		support_skip(test, "no filters for this process");
	return end->status != 77;
}

START_TEST(test_whole_life)
{
	static const support_body lives[] = {live_all_lives, live_at_large};
	support_end end;

	if (run_filtered("test_whole_life", lives[_i], -1, &end))
		ck_assert_msg(end.status == 0, "status %d, signal %d: %s",
			      end.status, end.signal, end.text);
}
END_TEST

/* The end by abort(), and the report before it. */
START_TEST(test_end)
{
	support_end end;

	if (!run_filtered("test_end", free_twice, -1, &end))
		return;
	ck_assert_msg(end.signal == SIGABRT, "status %d, signal %d: %s",
		      end.status, end.signal, end.text);
	ck_assert_ptr_nonnull(strstr(end.text, "double free"));
}
END_TEST

/* A call that is not in the table is seen. */
START_TEST(test_filter)
{
	support_end end;

	if (!run_filtered("test_filter", live_all_lives, SYS_mprotect, &end))
		return;
	ck_assert_int_eq(end.status, FORBIDDEN);
	ck_assert_ptr_nonnull(strstr(end.text, "system call "));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("system calls");
	TCase *life = tcase_create("life");

	tcase_set_timeout(life, 60);
	tcase_add_loop_test(life, test_whole_life, 0, 2);
	tcase_add_test(life, test_end);
	tcase_add_test(life, test_filter);
	suite_add_tcase(suite, life);
	return support_run(suite);
}
