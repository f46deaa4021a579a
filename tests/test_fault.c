/* SPDX-License-Identifier: ISC */
/*
 * Faults: the line says whose memory it was and how it rests, and the signal
 * then does what it did before, whatever that was.
 */
#include <config.h>

#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry.h"

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))

static sa_arena *arena;
static unsigned char *small, *large;

static void setup(void)
{
	sa_arena_options options = support_options();

	options.name = "ke\"ys";
	arena = sa_arena_create(&options);
	ck_assert_ptr_nonnull(arena);
	small = sa_arena_alloc(arena, 32);
	large = sa_arena_alloc(arena, 5 * PAGE);
	ck_assert_ptr_nonnull(small);
	ck_assert_ptr_nonnull(large);
}

static void teardown(void)
{
	sa_arena_destroy(arena);
}

/* ------------------------------------------------------------ sigaction */

int __real_sigaction(int number, const struct sigaction *action,
		     struct sigaction *old);
int __wrap_sigaction(int number, const struct sigaction *action,
		     struct sigaction *old);

/* Which call from now on is refused; 0: none. */
static int refused_call;

/* Calls take a while, and somebody is in one. */
static atomic_bool is_slow, is_inside;

static void linger(void)
{
	if (!atomic_load(&is_slow))
		return;
	atomic_store(&is_inside, true);
	usleep(100000);
}

/* The default action, before which a coverage build writes its counters. */
static void count_and_die(int number)
{
	support_keep_counters();
	signal(number, SIG_DFL);
	(void)raise(number);
}

/* What the library calls, too. */
int __wrap_sigaction(int number, const struct sigaction *action,
		     struct sigaction *old)
{
	struct sigaction counted = {.sa_handler = count_and_die};

	linger();
	if (refused_call > 0 && --refused_call == 0) {
		errno = EPERM;
		return -1;
	}
#ifdef HAVE___GCOV_DUMP
	if (action != NULL && number == SIGSEGV &&
	    action->sa_handler == SIG_DFL)
		action = &counted;
#else
	(void)counted;
#endif
	return __real_sigaction(number, action, old);
}

int __real_sigpending(sigset_t *pending);
int __wrap_sigpending(sigset_t *pending);

int __wrap_sigpending(sigset_t *pending)
{
	linger();
	return __real_sigpending(pending);
}

/* --------------------------------------------------------------- lines */

/* A fault to come. */
typedef struct {
	sa_arena_access access;
	unsigned char *address;
	bool writes;
} fault;

static void touch(void *context)
{
	const fault *f = context;

	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
	SUPPORT_REQUIRE(sa_arena_protect(arena, f->access) == 0);
	if (f->access == SA_ARENA_READWRITE && f->address == small)
		((void (*)(void))(uintptr_t)f->address)();
	else if (f->writes)
		support_poke(f->address, 1);
	else
		(void)support_peek(f->address);
}

/* What the kernel tells of an address: on s390x, of which page it is in. */
static void *as_told(const unsigned char *address)
{
#ifdef __s390x__
	return (void *)((uintptr_t)address & ~(uintptr_t)(PAGE - 1));
#else
	return (void *)(uintptr_t)address;
#endif
}

/* `what` NULL: not a word. */
static void assert_told(fault f, const char *what)
{
	char expected[512] = "";
	support_end end;

	if (what != NULL)
		snprintf(expected, sizeof expected,
			 "sodium-arena: fault: arena \"ke\\\"ys\": address %p "
			 "lies in %s\n",
			 as_told(f.address), what);
	support_child(touch, &f, &end);
	ck_assert_str_eq(end.text, expected);
	ck_assert_int_eq(end.signal, SIGSEGV);
}

START_TEST(test_access)
{
	const fault closed = {SA_ARENA_NOACCESS, small + 3, false};
	const fault readonly = {SA_ARENA_READONLY, small, true};
	/* A large object is more than the page it begins on. */
	const fault far = {SA_ARENA_NOACCESS, large + 4 * PAGE, false};

	assert_told(closed, "memory that is NOACCESS now");
	assert_told(readonly, "memory that is READONLY now");
	assert_told(far, "memory that is NOACCESS now");
}
END_TEST

/* Secrets are no code. */
START_TEST(test_execution)
{
	const fault run = {SA_ARENA_READWRITE, small, false};

#ifdef __powerpc__
	if (!support_takes_advice()) {
		support_skip("execution", "qemu 7.2 tells no address of it");
		return;
	}
#endif
	assert_told(run, "memory that is READWRITE now");
}
END_TEST

START_TEST(test_guards)
{
	/* A large object ends at its guard page. */
	const fault behind = {SA_ARENA_READWRITE, large + 5 * PAGE, true};
	fault before = {SA_ARENA_READWRITE, NULL, true};

	before.address =
		(unsigned char *)((uintptr_t)arena->tracts->region.start - 1);
	assert_told(behind, "the guard page behind a region");
	assert_told(before, "the guard page before a region");
	before.address = arena->tracts->region.start +
			 arena->tracts->region.size + PAGE - 1;
	assert_told(before, "the guard page behind a region");
}
END_TEST

START_TEST(test_not_ours)
{
	void *page =
		mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const fault null = {SA_ARENA_READWRITE, NULL, false};
	const fault foreign = {SA_ARENA_READWRITE, page, false};

	ck_assert_ptr_ne(page, MAP_FAILED);
	assert_told(null, NULL);
	assert_told(foreign, NULL);
}
END_TEST

static void touch_excluded(void *object)
{
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
	(void)support_peek(object);
}

START_TEST(test_excluded)
{
	sa_arena_options options = support_options();
	sa_arena *excluded;
	support_end end;
	void *object;

	if (!support_takes_advice()) {
		support_skip("excluded", "no advice is taken here");
		return;
	}
	options.fork = SA_ARENA_FORK_EXCLUDE;
	excluded = sa_arena_create(&options);
	ck_assert_ptr_nonnull(excluded);
	object = sa_arena_alloc(excluded, 32);
	ck_assert_ptr_nonnull(object);
	support_child(touch_excluded, object, &end);
	ck_assert_int_eq(end.signal, SIGSEGV);
	ck_assert_ptr_nonnull(strstr(end.text, "excluded from this child\n"));
	sa_arena_destroy(excluded);
}
END_TEST

/* A busy arena is not waited for. */
static void touch_busy(void *context)
{
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_NOACCESS) == 0);
	sa_arena_lock(arena);
	(void)context;
	(void)support_peek(small);
}

START_TEST(test_busy)
{
	support_end end;

	support_child(touch_busy, NULL, &end);
	ck_assert_str_eq(end.text, "");
	ck_assert_int_eq(end.signal, SIGSEGV);
}
END_TEST

/* ---------------------------------------------------------- what it did */

static _Thread_local sigjmp_buf back;
static atomic_int calls;
static void *volatile told;

static void simple(int number)
{
	SUPPORT_REQUIRE(number == SIGSEGV);
	calls++;
	siglongjmp(back, 1);
}

static void informed(int number, siginfo_t *info, void *context)
{
	SUPPORT_REQUIRE(number == SIGSEGV && context != NULL);
	told = info->si_addr;
	calls++;
	siglongjmp(back, 1);
}

static void set_action(void (*handler)(int), int flags)
{
	struct sigaction action;

	memset(&action, 0, sizeof action);
	action.sa_handler = handler;
	action.sa_flags = flags;
	SUPPORT_REQUIRE(sigaction(SIGSEGV, &action, NULL) == 0);
}

/* The handler that was there is called each time. */
static void with_handler(void *context)
{
	bool is_informed = *(int *)context;

	set_action(is_informed ? (void (*)(int))(void (*)(void))informed
			       : simple,
		   is_informed ? SA_SIGINFO : 0);
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_NOACCESS) == 0);
	for (int i = 0; i < 2; i++)
		if (sigsetjmp(back, 1) == 0)
			(void)support_peek(small);
	SUPPORT_REQUIRE(calls == 2);
	SUPPORT_REQUIRE(!is_informed || told == as_told(small));
}

START_TEST(test_handlers)
{
	support_end end;
	const char *line;

	support_child(with_handler, &_i, &end);
	ck_assert_int_eq(end.status, 0);
	line = strchr(end.text, '\n');
	ck_assert_ptr_nonnull(line);
	/* Two lines, one like the other. */
	ck_assert_uint_eq(strlen(line + 1), (size_t)(line + 1 - end.text));
}
END_TEST

static void come_back(int number)
{
	static const char text[] = "called\n";

	SUPPORT_REQUIRE(number == SIGSEGV);
	SUPPORT_REQUIRE(write(STDERR_FILENO, text, sizeof text - 1) ==
			sizeof text - 1);
	SUPPORT_REQUIRE(++calls < 3);
}

/* The kernel calls it once, and ends the process at the next fault; or when
 * the signal is sent once more. */
static void with_one_shot(void *context)
{
	bool is_sent = *(int *)context > 0;

	set_action(come_back, (int)SA_RESETHAND);
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_NOACCESS) == 0);
	for (int i = 0; is_sent && i < 2; i++)
		SUPPORT_REQUIRE(raise(SIGSEGV) == 0);
	(void)support_peek(small);
}

START_TEST(test_one_shot)
{
	support_end end;
	const char *called;

	support_child(with_one_shot, &_i, &end);
	ck_assert_int_eq(end.signal, SIGSEGV);
	called = strstr(end.text, "called\n");
	ck_assert_ptr_nonnull(called);
	ck_assert_ptr_null(strstr(called + 1, "called\n"));
}
END_TEST

/* What is no function is not called, though it were told all. */
static void with_no_function(void *context)
{
	set_action(*(int *)context > 0 ? SIG_IGN : SIG_DFL,
		   SA_SIGINFO | (int)SA_RESETHAND | SA_NODEFER);
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
	if (*(int *)context > 0)
		for (int i = 0; i < 2; i++)
			SUPPORT_REQUIRE(raise(SIGSEGV) == 0);
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_NOACCESS) == 0);
	(void)support_peek(small);
}

START_TEST(test_no_function)
{
	support_end end;

	support_child(with_no_function, &_i, &end);
	ck_assert_int_eq(end.signal, SIGSEGV);
	ck_assert_ptr_nonnull(strstr(end.text, "NOACCESS now\n"));
	ck_assert_str_eq(strchr(end.text, '\n'), "\n");
}
END_TEST

static void when_ignored(void *context)
{
	(void)context;
	set_action(SIG_IGN, 0);
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
	/* Sent, it is ignored; a fault cannot be. */
	SUPPORT_REQUIRE(kill(getpid(), SIGSEGV) == 0);
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_NOACCESS) == 0);
	(void)support_peek(small);
}

static void when_sent(void *context)
{
	(void)context;
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
	(void)kill(getpid(), SIGSEGV);
}

START_TEST(test_sent_and_ignored)
{
	support_end end;

	support_child(when_ignored, NULL, &end);
	ck_assert_int_eq(end.signal, SIGSEGV);
	ck_assert_ptr_nonnull(strstr(end.text, "NOACCESS"));
	support_child(when_sent, NULL, &end);
	ck_assert_int_eq(end.signal, SIGSEGV);
	ck_assert_str_eq(end.text, "");
}
END_TEST

static void replaced(void *context)
{
	(void)context;
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
	set_action(simple, 0);
	errno = 0;
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == -1);
	SUPPORT_REQUIRE(errno == EBUSY);
}

START_TEST(test_replaced)
{
	support_assert_passes(replaced, NULL);
}
END_TEST

/* Refused, it has changed nothing, and may be asked again. */
static void when_refused(void *context)
{
	struct sigaction now;

	refused_call = *(int *)context;
	if (refused_call > 2) {
		refused_call = 0;
		SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
		refused_call = 1;
	}
	errno = 0;
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == -1);
	SUPPORT_REQUIRE(errno == EPERM && refused_call == 0);
	SUPPORT_REQUIRE(sigaction(SIGSEGV, NULL, &now) == 0);
	SUPPORT_REQUIRE((now.sa_handler == SIG_DFL) == (*(int *)context <= 2));
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
}

START_TEST(test_refused)
{
	support_assert_passes(when_refused, &_i);
}
END_TEST

/* With no way back to the default action, one line and an end. */
static void refused_at_the_fault(void *context)
{
	(void)context;
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_NOACCESS) == 0);
	refused_call = 1;
	(void)support_peek(small);
}

START_TEST(test_refused_at_the_fault)
{
	support_end end;

	support_child(refused_at_the_fault, NULL, &end);
	ck_assert_int_eq(end.signal, SIGABRT);
	ck_assert_ptr_nonnull(strstr(end.text, "NOACCESS now\n"));
	ck_assert_str_eq(strchr(end.text, '\n'), "\n");
}
END_TEST

/* -------------------------------------------------------------- at once */

static void *peek(void *unused)
{
	if (sigsetjmp(back, 1) == 0)
		(void)support_peek(small);
	return unused;
}

/* Standard error is a pipe with no room. */
static void block_errors(int fds[2])
{
	SUPPORT_REQUIRE(pipe(fds) == 0);
	SUPPORT_REQUIRE(fcntl(fds[1], F_SETFL, O_NONBLOCK) == 0);
	while (write(fds[1], "x", 1) == 1)
		continue;
	SUPPORT_REQUIRE(fcntl(fds[1], F_SETFL, 0) == 0);
	SUPPORT_REQUIRE(dup2(fds[1], STDERR_FILENO) == STDERR_FILENO);
	close(fds[1]);
}

/* Someone is about to write. */
static atomic_bool is_writing;

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);

/* What the library calls, too. */
ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
	atomic_store(&is_writing, true);
	return __real_write(fd, bytes, size);
}

/* Whoever tried the arena's lock for that might have it when the fault comes,
 * which then has no line. */
static void wait_until_writing(void)
{
	while (!atomic_load(&is_writing))
		usleep(1000);
}

/* Lines in what was not read yet, once nobody writes any more. */
static int count_lines(int fd)
{
	char text[4096];
	ssize_t n;
	int lines = 0;

	while ((n = read(fd, text, sizeof text)) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += text[i] == '\n';
	return lines;
}

/* A thread is about to write its line when another faults. */
static void two_at_once(void *context)
{
	char text[4096];
	pthread_t thread;
	int fds[2], errors = dup(STDERR_FILENO);

	set_action(simple, 0);
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_NOACCESS) == 0);
	block_errors(fds);
	atomic_store(&is_writing, false);
	SUPPORT_REQUIRE(pthread_create(&thread, NULL, peek, context) == 0);
	wait_until_writing();
	peek(NULL);
	SUPPORT_REQUIRE(calls == 1);
	/* A page of a pipe has room when all of it was read. */
	for (size_t i = 0; i < PAGE; i += sizeof text)
		SUPPORT_REQUIRE(read(fds[0], text, sizeof text) == sizeof text);
	SUPPORT_REQUIRE(pthread_join(thread, NULL) == 0);
	SUPPORT_REQUIRE(dup2(errors, STDERR_FILENO) == STDERR_FILENO);
	SUPPORT_REQUIRE(calls == 2);
	SUPPORT_REQUIRE(count_lines(fds[0]) == 1);
}

START_TEST(test_two_at_once)
{
	support_assert_passes(two_at_once, NULL);
}
END_TEST

static void go_on(int number)
{
	(void)number;
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_READWRITE) == 0);
}

static void *peek_cancelled(void *unused)
{
	SUPPORT_REQUIRE(pthread_cancel(pthread_self()) == 0);
	(void)support_peek(small);
	pthread_testcancel();
	return unused;
}

/* The line is written, the handler called and no lock left behind; and what
 * then cancels is the thread's own affair. */
static void be_cancelled(void *context)
{
	pthread_t thread;
	void *result;

	(void)context;
	set_action(go_on, 0);
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_NOACCESS) == 0);
	SUPPORT_REQUIRE(pthread_create(&thread, NULL, peek_cancelled, NULL) ==
			0);
	SUPPORT_REQUIRE(pthread_join(thread, &result) == 0);
	SUPPORT_REQUIRE(result == PTHREAD_CANCELED);
	SUPPORT_REQUIRE(sa_arena_current_access(arena) == SA_ARENA_READWRITE);
	sa_arena_destroy(support_arena_create());
}

START_TEST(test_cancelled)
{
	support_end end;

	support_child(be_cancelled, NULL, &end);
	ck_assert_int_eq(end.status, 0);
	ck_assert_ptr_nonnull(strstr(end.text, "NOACCESS now\n"));
}
END_TEST

/* ------------------------------------- a pipe nobody reads, a file too long */

static bool is_pending(int number)
{
	sigset_t pending;

	SUPPORT_REQUIRE(sigpending(&pending) == 0);
	return sigismember(&pending, number) == 1;
}

static bool is_blocked(int number)
{
	sigset_t mask;

	SUPPORT_REQUIRE(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
	return sigismember(&mask, number) == 1;
}

/* The handler that was there finds the signal of that write() as it was: not
 * there; blocked; and blocked and pending. */
static void nobody_reads(void *context)
{
	int parameter = *(int *)context;
	int number = parameter < 3 ? SIGPIPE : SIGXFSZ;
	bool is_held = parameter % 3 > 0, has_come = parameter % 3 > 1;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	set_action(simple, 0);
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_NOACCESS) == 0);
	if (number == SIGPIPE)
		support_lose_reader();
	else
		support_lose_room();
	if (is_held)
		SUPPORT_REQUIRE(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	if (has_come)
		SUPPORT_REQUIRE(raise(number) == 0);
	peek(NULL);
	SUPPORT_REQUIRE(calls == 1);
	SUPPORT_REQUIRE(is_blocked(number) == is_held);
	SUPPORT_REQUIRE(is_pending(number) == has_come);
}

START_TEST(test_nobody_reads)
{
	support_assert_passes(nobody_reads, &_i);
}
END_TEST

static stack_t little;

static void check_stack(int number)
{
	uintptr_t here = (uintptr_t)&number;
	uintptr_t start = (uintptr_t)little.ss_sp;

	_exit(here >= start && here < start + little.ss_size ? 0 : 98);
}

/* A thread whose stack is used up has the smallest alternate stack. */
static void *on_little_stack(void *context)
{
	(void)context;
	little.ss_size = (size_t)MINSIGSTKSZ;
	little.ss_sp = malloc(little.ss_size);
	SUPPORT_REQUIRE(little.ss_sp != NULL);
	SUPPORT_REQUIRE(sigaltstack(&little, NULL) == 0);
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_NOACCESS) == 0);
	(void)support_peek(small);
	return NULL;
}

static void in_thread(void *context)
{
	pthread_t thread;

	set_action(check_stack, 0);
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
	SUPPORT_REQUIRE(
		pthread_create(&thread, NULL, on_little_stack, context) == 0);
	pthread_join(thread, NULL);
}

START_TEST(test_little_stack)
{
	support_end end;

	if (SUPPORT_SANITIZED) {
		support_skip(__func__, "sanitizers have stacks of their own");
		return;
	}
	support_child(in_thread, NULL, &end);
	ck_assert_int_eq(end.status, 0);
	ck_assert_ptr_nonnull(strstr(end.text, "NOACCESS"));
}
END_TEST

/* ----------------------------------------------------------------- fork */

static void *install(void *unused)
{
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
	return unused;
}

static void *(*deed)(void *);
static atomic_bool has_forked;

/* Of a thread that has ended ThreadSanitizer says in the child that nobody
 * joined it. */
static void *do_and_stay(void *unused)
{
	deed(unused);
	while (!atomic_load(&has_forked))
		usleep(1000);
	return unused;
}

/* Fork when a thread is in a call that takes a while, and do as it does. */
static void fork_beside(void *(*body)(void *))
{
	pthread_t thread;
	int status;
	pid_t pid;

	deed = body;
	atomic_store(&is_slow, true);
	SUPPORT_REQUIRE(pthread_create(&thread, NULL, do_and_stay, NULL) == 0);
	while (!atomic_load(&is_inside))
		usleep(1000);
	pid = fork();
	SUPPORT_REQUIRE(pid >= 0);
	if (pid == 0) {
		alarm(10);
		atomic_store(&is_slow, false);
		body(NULL);
		support_leave(0);
	}
	atomic_store(&has_forked, true);
	SUPPORT_REQUIRE(waitpid(pid, &status, 0) == pid);
	SUPPORT_REQUIRE(status == 0);
	SUPPORT_REQUIRE(pthread_join(thread, NULL) == 0);
}

static void fork_beside_installing(void *unused)
{
	(void)unused;
	fork_beside(install);
}

START_TEST(test_fork_beside_installing)
{
	support_assert_passes(fork_beside_installing, NULL);
}
END_TEST

static void fork_beside_faulting(void *unused)
{
	(void)unused;
	set_action(simple, 0);
	SUPPORT_REQUIRE(sa_arena_install_fault_reporter() == 0);
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_NOACCESS) == 0);
	fork_beside(peek);
	SUPPORT_REQUIRE(calls == 1);
}

/* A line of the thread's, and one of the child's. */
START_TEST(test_fork_beside_faulting)
{
	support_end end;
	const char *line;

	support_child(fork_beside_faulting, NULL, &end);
	ck_assert_msg(end.status == 0, "%s", end.text);
	line = strchr(end.text, '\n');
	ck_assert_ptr_nonnull(line);
	ck_assert_uint_eq(strlen(line + 1), (size_t)(line + 1 - end.text));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fault");
	TCase *all = tcase_create("all");

	tcase_set_timeout(all, 20);
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, test_access);
	tcase_add_test(all, test_execution);
	tcase_add_test(all, test_guards);
	tcase_add_test(all, test_not_ours);
	tcase_add_test(all, test_excluded);
	tcase_add_test(all, test_busy);
	tcase_add_loop_test(all, test_handlers, 0, 2);
	tcase_add_loop_test(all, test_one_shot, 0, 2);
	tcase_add_loop_test(all, test_no_function, 0, 2);
	tcase_add_test(all, test_sent_and_ignored);
	tcase_add_test(all, test_replaced);
	tcase_add_loop_test(all, test_refused, 1, 4);
	tcase_add_test(all, test_refused_at_the_fault);
	tcase_add_test(all, test_two_at_once);
	tcase_add_test(all, test_cancelled);
	tcase_add_loop_test(all, test_nobody_reads, 0, 6);
	tcase_add_test(all, test_little_stack);
	tcase_add_test(all, test_fork_beside_installing);
	tcase_add_test(all, test_fork_beside_faulting);
	suite_add_tcase(suite, all);
	return support_run(suite);
}
