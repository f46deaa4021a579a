/* SPDX-License-Identifier: ISC */
/*
 * Echo off and back on around signals: handlers only note what came and wake
 * the reader through a pipe, which puts the terminal back and lets each signal
 * have its effect as if nothing had been in between.  A handler that others
 * have kept for longer than the terminal was open, or that a forked child has
 * inherited, gives its place back.
 */
#include <config.h>

#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "fatal.h"
#include "os.h"

/* Those that end or stop a process unless it says otherwise; and the one that
 * comes when it goes on, with the echo as the shell has left it. */
static const int numbers[] = {SIGALRM, SIGHUP,  SIGINT,  SIGPIPE, SIGQUIT,
			      SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT};
#define COUNT (sizeof numbers / sizeof *numbers)

/* Held while a terminal is open: signals are the process's. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction actions[COUNT]; /* the program's own */
static atomic_bool replaced[COUNT];     /* by note(); for now */
static atomic_bool caught[COUNT];
static int wake[2] = {-1, -1}; /* a pipe: to be read, to be written */

/* The process whose signals are noted, or 0.  Its children are others. */
static atomic_int noting;
/* Handlers at work, in any thread. */
static atomic_uint handlers;
static atomic_bool has_fork_handler;

/* --------------------------------------------------------------- signals */

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
	int error = errno, state;

	/* A thread that was cancelled by the write() would be waited for. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
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
	pthread_setcancelstate(state, &state);
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

static bool is_any_caught(void)
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

/* The program's actions are in force.  False if one of them interrupts: a
 * handler that does not ask for calls to go on. */
static bool raise_caught(void)
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

static void empty_pipe(void)
{
	char bytes[16];
	ssize_t n;

	do
		n = read(wake[0], bytes, sizeof bytes);
	while (n > 0);
}

/* ------------------------------------------------------------------ echo */

/* While another job has the terminal, its modes are not for us to change. */
static bool is_in_foreground(const sa_terminal *terminal)
{
	pid_t group = tcgetpgrp(terminal->input);

	return group < 0 || group == getpgrp();
}

/* In the background, SIGTTOU comes instead: -1 with EINTR.  To who takes no
 * SIGTTOU it is done all the same. */
static int turn_echo_off(sa_terminal *terminal)
{
	struct termios quiet;

	if (!terminal->is_terminal || terminal->is_quiet)
		return 0;
	if (tcgetattr(terminal->input, &terminal->before) != 0)
		return -1;
	terminal->is_intruder = !is_in_foreground(terminal);
	quiet = terminal->before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	/* What was typed ahead was seen. */
	if (tcsetattr(terminal->input, terminal->is_asked ? TCSANOW : TCSAFLUSH,
		      &quiet) != 0)
		return -1;
	terminal->is_quiet = true;
	/* It succeeds if it did anything of what it was to do. */
	if (tcgetattr(terminal->input, &quiet) != 0)
		return -1;
	/* GCOVR_EXCL_START: no terminal at hand does that */
	if (quiet.c_lflag & ECHO) {
		errno = EIO;
		return -1;
	}
	/* GCOVR_EXCL_STOP */
	return 0;
}

static int turn_echo_on(sa_terminal *terminal, int when)
{
	int result;

	if (!terminal->is_quiet)
		return 0;
	terminal->is_quiet = false;
	if (!terminal->is_intruder && !is_in_foreground(terminal))
		return 0;
	do
		result = tcsetattr(terminal->input, when, &terminal->before);
	while (result != 0 && errno == EINTR && is_in_foreground(terminal));
	return result;
}

static int write_text(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, text, size);

		if (n < 0)
			return -1;
		text += n;
		size -= (size_t)n;
	}
	return 0;
}

static int ask(sa_terminal *terminal)
{
	if (terminal->is_asked)
		return 0;
	if (write_text(terminal->output, terminal->prompt,
		       strlen(terminal->prompt)) != 0)
		return -1;
	terminal->is_asked = true;
	return 0;
}

/* ---------------------------------------------------------- interruption */

static bool is_stop(int number)
{
	return number == SIGTSTP || number == SIGTTIN || number == SIGTTOU ||
	       number == SIGCONT;
}

/* Let the signals that came have their effect.  0, or -1 with EINTR if one
 * interrupts. */
static int give_way(sa_terminal *terminal)
{
	bool goes_on;

	for (size_t i = 0; i < COUNT; i++)
		if (atomic_load(&caught[i]) && is_stop(numbers[i]))
			terminal->is_asked = false;
	if (turn_echo_on(terminal, TCSANOW) != 0)
		return -1;
	release_signals();
	goes_on = raise_caught();
	catch_signals();
	if (goes_on)
		return 0;
	errno = EINTR;
	return -1;
}

/* Echo off and prompt shown, whatever signals come in between. */
static int prepare(sa_terminal *terminal)
{
	for (;;) {
		if (turn_echo_off(terminal) == 0 && ask(terminal) == 0)
			return 0;
		if (errno != EINTR)
			return -1;
		if (is_any_caught() && give_way(terminal) != 0)
			return -1;
	}
}

/* ---------------------------------------------------------- open to close */

static int open_descriptors(sa_terminal *terminal, bool is_required)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct termios modes;

	if (fd < 0 && is_required) {
		errno = ENOTTY;
		return -1;
	}
	terminal->input = fd < 0 ? STDIN_FILENO : fd;
	terminal->output = fd < 0 ? STDERR_FILENO : fd;
	/* If one is closed, the pipe would take its place. */
	if (fcntl(terminal->input, F_GETFD) < 0 ||
	    fcntl(terminal->output, F_GETFD) < 0)
		return -1;
	terminal->is_terminal = tcgetattr(terminal->input, &modes) == 0;
	return 0;
}

static void close_descriptors(const sa_terminal *terminal)
{
	if (terminal->input != STDIN_FILENO ||
	    terminal->output != STDERR_FILENO)
		close(terminal->input);
}

/* Forked in between, a child is left with them rather than closing what has
 * their numbers by then. */
static void close_pipe(void)
{
	const int fds[] = {wake[0], wake[1]};

	wake[0] = wake[1] = -1;
	close(fds[0]);
	close(fds[1]);
}

static int start(sa_terminal *terminal, bool is_required)
{
	if (open_descriptors(terminal, is_required) != 0)
		return -1;
	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0) {
		int error = errno;

		close_descriptors(terminal);
		errno = error;
		return -1;
	}
	catch_signals();
	return 0;
}

/* Last of all, the effect of signals that came late. */
static void stop(const sa_terminal *terminal)
{
	release_signals();
	close_pipe();
	close_descriptors(terminal);
	raise_caught();
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
	pthread_mutex_init(&mutex, NULL);
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

static void leave(const sa_terminal *terminal)
{
	int state;

	pthread_mutex_unlock(&mutex);
	pthread_setcancelstate(terminal->cancel_state, &state);
}

int sa_terminal_open(sa_terminal *terminal, const char *prompt,
		     bool is_required)
{
	int error;

	*terminal = (sa_terminal){.prompt = prompt};
	if (install_fork_handler() != 0)
		return -1;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &terminal->cancel_state);
	pthread_mutex_lock(&mutex);
	if (start(terminal, is_required) != 0)
		goto leave;
	if (prepare(terminal) == 0)
		return 0;
	error = errno;
	sa_terminal_close(terminal, false);
	errno = error;
	return -1;

leave:
	error = errno;
	leave(terminal);
	errno = error;
	return -1;
}

/* 1: there is input, or its end; 0: look again; -1 and errno. */
static int await(sa_terminal *terminal)
{
	struct pollfd fds[] = {{.fd = terminal->input, .events = POLLIN},
			       {.fd = wake[0], .events = POLLIN}};
	int ready = poll(fds, 2, -1);

	/* A child that had no time to learn better may have written, too. */
	if (ready > 0 && fds[1].revents != 0)
		empty_pipe();
	if (is_any_caught())
		return give_way(terminal) == 0 ? prepare(terminal) : -1;
	if (ready < 0)
		return errno == EINTR ? 0 : -1;
	return fds[0].revents != 0;
}

int sa_terminal_read(sa_terminal *terminal, unsigned char *byte)
{
	for (;;) {
		int ready = await(terminal);
		ssize_t n;

		if (ready < 0)
			return -1;
		if (ready == 0)
			continue;
		n = read(terminal->input, byte, 1);
		if (n >= 0)
			return (int)n;
		if (errno != EINTR && errno != EAGAIN)
			return -1;
	}
}

int sa_terminal_close(sa_terminal *terminal, bool is_complete)
{
	bool was_quiet = terminal->is_quiet;
	int result, error;

	result = turn_echo_on(terminal, is_complete ? TCSANOW : TCSAFLUSH);
	error = errno;
	/* The one that was typed was not echoed; a line too few is no harm. */
	if (was_quiet && is_in_foreground(terminal))
		(void)write_text(terminal->output, "\n", 1);
	stop(terminal);
	leave(terminal);
	errno = error;
	return result;
}
