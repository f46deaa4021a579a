/* SPDX-License-Identifier: ISC */
/* Echo off and back on around signals, which are noted meanwhile. */
#include <config.h>

#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "signals.h"

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

		if (n == 0)
			errno = EIO;
		if (n <= 0)
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

/* Let the signals that came have their effect.  0, or -1 with EINTR if one
 * interrupts. */
static int give_way(sa_terminal *terminal)
{
	if (sa_signals_is_any_stop())
		terminal->is_asked = false;
	if (turn_echo_on(terminal, TCSANOW) != 0)
		return -1;
	if (sa_signals_let_through())
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
		if (sa_signals_is_any() && give_way(terminal) != 0)
			return -1;
	}
}

/* ---------------------------------------------------------- open to close */

static void close_descriptors(const sa_terminal *terminal)
{
	if (terminal->input != STDIN_FILENO ||
	    terminal->output != STDERR_FILENO)
		close(terminal->input);
}

/* A terminal that does not answer is not taken for something else, that has no
 * echo to turn off. */
static int find_out_kind(sa_terminal *terminal, bool is_tty)
{
	struct termios modes;

	/* If one is closed, the pipe would take its place. */
	if (fcntl(terminal->input, F_GETFD) < 0 ||
	    fcntl(terminal->output, F_GETFD) < 0)
		return -1;
	terminal->is_terminal = tcgetattr(terminal->input, &modes) == 0;
	if (terminal->is_terminal)
		return 0;
	return !is_tty && (errno == ENOTTY || errno == EINVAL) ? 0 : -1;
}

static int open_descriptors(sa_terminal *terminal, bool is_required)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	int error;

	if (fd < 0 && is_required) {
		errno = ENOTTY;
		return -1;
	}
	terminal->input = fd < 0 ? STDIN_FILENO : fd;
	terminal->output = fd < 0 ? STDERR_FILENO : fd;
	if (find_out_kind(terminal, fd >= 0) == 0)
		return 0;
	error = errno;
	close_descriptors(terminal);
	errno = error;
	return -1;
}

static int start(sa_terminal *terminal, bool is_required)
{
	if (open_descriptors(terminal, is_required) != 0)
		return -1;
	if (sa_signals_open() != 0) {
		int error = errno;

		close_descriptors(terminal);
		errno = error;
		return -1;
	}
	return 0;
}

/* Last of all, the effect of signals that came late. */
static void stop(const sa_terminal *terminal)
{
	sa_signals_close();
	close_descriptors(terminal);
	(void)sa_signals_raise();
}

int sa_terminal_open(sa_terminal *terminal, const char *prompt,
		     bool is_required)
{
	int error;

	*terminal = (sa_terminal){.prompt = prompt};
	if (sa_signals_enter() != 0)
		return -1;
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
	sa_signals_leave();
	errno = error;
	return -1;
}

/* 1: there is input, or its end; 0: look again; -1 and errno. */
static int await(sa_terminal *terminal)
{
	struct pollfd fds[] = {{.fd = terminal->input, .events = POLLIN},
			       {.fd = sa_signals_pipe(), .events = POLLIN}};
	int ready = poll(fds, 2, -1);

	/* A child that had no time to learn better may have written, too. */
	if (ready > 0 && fds[1].revents != 0)
		sa_signals_empty_pipe();
	if (sa_signals_is_any())
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
	sa_signals_leave();
	errno = error;
	return result;
}
