/* SPDX-License-Identifier: ISC */
/* Handlers that note, the pipe that wakes, and what fork makes of both. */
#include <config.h>

#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "fatal.h"
#include "lock.h"
#include "os.h"

/* Those that end or stop a process unless it says otherwise; and the one that
 * comes when it goes on, with the echo as the shell has left it. */
static const int numbers[] = {SIGALRM, SIGHUP,  SIGINT,  SIGPIPE, SIGQUIT,
			      SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT};
#define COUNT (sizeof numbers / sizeof *numbers)

/* Held while a terminal is open: signals are the process's. */
static sa_lock lock = SA_LOCK_INIT;
static struct sigaction actions[COUNT]; /* the program's own */
static atomic_bool replaced[COUNT];     /* by note(); for now */
static atomic_bool caught[COUNT];
static int wake[2] = {-1, -1}; /* a pipe: to be read, to be written */

/* The process whose signals are noted, or 0.  Its children are others. */
static atomic_int noting;
/* Handlers at work, in any thread. */
static atomic_uint handlers;
static atomic_bool has_fork_handler;

static void set_action(int number, const struct sigaction *action,
		       struct sigaction *before)
{
	/* GCOVR_EXCL_START: these signals have actions */
	if (sigaction(number, action, before) != 0)
		sa_fatal_impossible("a signal has no action");
	/* GCOVR_EXCL_STOP */
}

static void keep(size_t i)
{
	ssize_t n;

	atomic_store(&caught[i], true);
	/* A pipe that is full wakes as well. */
	n = write(wake[1], "", 1);
	(void)n;
}

/* The signal is blocked: it has its effect once the handler returns. */
static void pass_on(size_t i)
{
	set_action(numbers[i], &actions[i], NULL);
	(void)raise(numbers[i]);
}

static void note(int number)
{
	int error = errno;
	/* A thread that was cancelled by the write() would be waited for. */
	int state = sa_os_disable_cancel();

	atomic_fetch_add(&handlers, 1);
	for (size_t i = 0; i < COUNT; i++) {
		if (numbers[i] != number)
			continue;
		if (atomic_load(&noting) == getpid())
			keep(i);
		else
			pass_on(i);
	}
	atomic_fetch_sub(&handlers, 1);
	sa_os_restore_cancel(state);
	errno = error;
}

/* From here on all handlers see `process`, and nothing that was before. */
static void note_for(pid_t process)
{
	atomic_store(&noting, process);
	for (unsigned turn = 0; atomic_load(&handlers) != 0; turn++)
		sa_os_let_run(turn);
}

/* What is ignored has no effect to wait for. */
static bool is_ignored(const struct sigaction *action)
{
	return !(action->sa_flags & SA_SIGINFO) &&
	       action->sa_handler == SIG_IGN;
}

static bool is_default(const struct sigaction *action)
{
	return !(action->sa_flags & SA_SIGINFO) &&
	       action->sa_handler == SIG_DFL;
}

static bool is_own(const struct sigaction *action)
{
	return !(action->sa_flags & SA_SIGINFO) && action->sa_handler == note;
}

/* Where note() is there already, someone has kept it and put it back: what it
 * stands for is known. */
static void catch_signal(size_t i)
{
	struct sigaction action = {.sa_handler = note}, before;

	sigfillset(&action.sa_mask);
	set_action(numbers[i], NULL, &before);
	if (is_ignored(&before))
		return;
	if (!is_own(&before))
		actions[i] = before;
	atomic_store(&replaced[i], true);
	set_action(numbers[i], &action, NULL);
}

static void put_actions_back(void)
{
	for (size_t i = 0; i < COUNT; i++)
		if (atomic_exchange(&replaced[i], false))
			set_action(numbers[i], &actions[i], NULL);
}

static void catch_signals(void)
{
	note_for(getpid());
	for (size_t i = 0; i < COUNT; i++)
		catch_signal(i);
}

/* What came until now has been noted. */
static void release_signals(void)
{
	put_actions_back();
	note_for(0);
}

bool sa_signals_is_any(void)
{
	bool is_any = false;

	for (size_t i = 0; i < COUNT; i++)
		is_any |= atomic_load(&caught[i]);
	return is_any;
}

/* Another thread may have been the one to take it: this one may block it. */
static void raise_here(int number)
{
	sigset_t alone, before;

	sigemptyset(&alone);
	sigaddset(&alone, number);
	pthread_sigmask(SIG_UNBLOCK, &alone, &before);
	/* GCOVR_EXCL_START: these signals can be raised */
	if (raise(number) != 0)
		sa_fatal_impossible("a signal cannot be raised");
	/* GCOVR_EXCL_STOP */
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* The program's actions are in force. */
bool sa_signals_raise(void)
{
	bool goes_on = true;

	for (size_t i = 0; i < COUNT; i++) {
		if (!atomic_exchange(&caught[i], false))
			continue;
		raise_here(numbers[i]);
		if (!is_default(&actions[i]) &&
		    !(actions[i].sa_flags & SA_RESTART))
			goes_on = false;
	}
	return goes_on;
}

void sa_signals_empty_pipe(void)
{
	char bytes[16];
	ssize_t n;

	do
		n = read(wake[0], bytes, sizeof bytes);
	while (n > 0);
}

static bool is_stop(int number)
{
	return number == SIGTSTP || number == SIGTTIN || number == SIGTTOU ||
	       number == SIGCONT;
}

bool sa_signals_is_any_stop(void)
{
	bool is_any = false;

	for (size_t i = 0; i < COUNT; i++)
		is_any |= atomic_load(&caught[i]) && is_stop(numbers[i]);
	return is_any;
}

bool sa_signals_let_through(void)
{
	bool goes_on;

	release_signals();
	goes_on = sa_signals_raise();
	catch_signals();
	return goes_on;
}

int sa_signals_pipe(void)
{
	return wake[0];
}

/* ---------------------------------------------------------- open to close */

/* Forked in between, a child is left with them rather than closing what has
 * their numbers by then. */
static void close_pipe(void)
{
	const int fds[] = {wake[0], wake[1]};

	wake[0] = wake[1] = -1;
	close(fds[0]);
	close(fds[1]);
}

int sa_signals_open(void)
{
	struct sigaction action;

	/* Where a filter refuses the call, nothing has been done yet. */
	if (sigaction(numbers[0], NULL, &action) != 0)
		return -1;
	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	catch_signals();
	return 0;
}

void sa_signals_close(void)
{
	release_signals();
	close_pipe();
}

/* ------------------------------------------------------------------ fork */

/* Who has the terminal open is in the parent, and so is what wakes it. */
static void after_fork_in_child(void)
{
	atomic_store(&noting, 0);
	atomic_store(&handlers, 0);
	put_actions_back();
	for (size_t i = 0; i < COUNT; i++)
		atomic_store(&caught[i], false);
	if (wake[0] >= 0)
		close_pipe();
	(void)sa_lock_init(&lock);
}

/* Before the mutex is locked, which is for children, too.  Two threads may both
 * do it: the second time there is nothing to put back. */
static int install_fork_handler(void)
{
	int error;

	if (atomic_load(&has_fork_handler))
		return 0;
	error = pthread_atfork(NULL, NULL, after_fork_in_child);
	if (error != 0) {
		errno = error;
		return -1;
	}
	atomic_store(&has_fork_handler, true);
	return 0;
}

/* --------------------------------------------------------- one at a time */

int sa_signals_enter(void)
{
	if (install_fork_handler() != 0)
		return -1;
	sa_lock_take(&lock);
	return 0;
}

void sa_signals_leave(void)
{
	sa_lock_give(&lock);
}
