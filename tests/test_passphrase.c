/* SPDX-License-Identifier: ISC */
/*
 * sa_buffer_read_passphrase() on a pseudo-terminal, in a session with a shell
 * of the test's own: what is typed and seen, the echo before, meanwhile and
 * after, and signals of every kind; and without a terminal.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "copies.h"
#include "sodium_arena_buffer.h"

#define PROMPT "Say friend: "
#define INTERRUPT_KEY "\003"
#define STOP_KEY "\032"
/* What should happen at once has happened by then. */
#define PATIENCE_MS 5000

/* ------------------------------------------------------- the other side */

/* What the reader tells the test. */
typedef struct report {
	int error; /* of errno; 0: it read something */
	int handled;
	size_t copies;
	size_t length;
	char text[64];
} report;

/* What the shell tells: that the reader has ended, stopped or gone on. */
typedef struct session {
	void (*prepare)(void); /* in the reader, before it asks */
	size_t most;
	size_t capacity; /* of the reader's arena */
	bool in_background;
	int terminal; /* the test's end */
	int gate[2];  /* the reader asks when this one gives a byte */
	int reports[2];
	int statuses[2];
	pid_t shell;
	pid_t reader;
} session;

static const int deadly[] = {SIGALRM, SIGHUP,  SIGINT,
			     SIGPIPE, SIGQUIT, SIGTERM};

/* How often the program's handler was called: the reader's, too, which is a
 * child. */
static atomic_int *handled;

static void setup(void)
{
	handled = mmap(NULL, sizeof *handled, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(handled, MAP_FAILED);
}

static void teardown(void)
{
	ck_assert_int_eq(munmap(handled, sizeof *handled), 0);
}

static void handle(int number)
{
	(void)number;
	atomic_fetch_add(handled, 1);
}

static unsigned char secret_byte(size_t i)
{
	return (unsigned char)('a' + support_pattern(3, i) % 26);
}

/* Opened anew, so that only /dev/tty leads to the terminal. */
static void lose_standard_streams(void)
{
	int null = open("/dev/null", O_RDWR);

	SUPPORT_REQUIRE(null >= 0);
	for (int fd = 0; fd < 3; fd++)
		SUPPORT_REQUIRE(dup2(null, fd) == fd);
	close(null);
}

/* Those of Check, which passes some signals on to the test. */
static void forget_handlers(void)
{
	for (size_t i = 0; i < SUPPORT_LENGTH(deadly); i++)
		signal(deadly[i], SIG_DFL);
}

static void ask(sa_buffer *buffer, size_t most, report *answer)
{
	memset(answer, 0, sizeof *answer);
	if (sa_buffer_read_passphrase(buffer, PROMPT, most,
				      SA_BUFFER_REQUIRE_TERMINAL) != 0)
		answer->error = errno;
	answer->handled = atomic_load(handled);
	answer->length = buffer->length;
	if (support_is_alone())
		answer->copies = copies_count(secret_byte);
	SUPPORT_REQUIRE(buffer->length < sizeof answer->text);
	memcpy(answer->text, sa_buffer_string(buffer), buffer->length);
}

static _Noreturn void be_reader(const session *s)
{
	sa_arena_options options = support_options();
	sa_buffer buffer;
	report answer;
	char byte;

	lose_standard_streams();
	options.capacity = s->capacity;
	alarm(PATIENCE_MS / 1000 * 2);
	sa_buffer_init(&buffer, sa_arena_create(&options));
	if (s->prepare != NULL)
		s->prepare();
	SUPPORT_REQUIRE(read(s->gate[0], &byte, 1) == 1);
	ask(&buffer, s->most, &answer);
	SUPPORT_REQUIRE(write(s->reports[1], &answer, sizeof answer) ==
			sizeof answer);
	support_leave(0);
}

/* A shell with one job, which it brings to the foreground when it stops for
 * being in the background. */
static _Noreturn void be_shell(session *s, const char *name)
{
	int tty, status;

	forget_handlers();
	setsid();
	tty = open(name, O_RDWR);
	SUPPORT_REQUIRE(tty >= 0 && ioctl(tty, TIOCSCTTY, 0) == 0);
	/* So that the terminal hangs up when the test ends early. */
	close(s->terminal);
	alarm(PATIENCE_MS / 1000 * 4);
	signal(SIGTTOU, SIG_IGN);
	s->reader = fork();
	if (s->reader == 0) {
		signal(SIGTTOU, SIG_DFL);
		setpgid(0, 0);
		be_reader(s);
	}
	setpgid(s->reader, s->reader);
	if (!s->in_background)
		SUPPORT_REQUIRE(tcsetpgrp(tty, s->reader) == 0);
	SUPPORT_REQUIRE(write(s->statuses[1], &s->reader, sizeof s->reader) ==
			sizeof s->reader);
	do {
		SUPPORT_REQUIRE(waitpid(s->reader, &status, WUNTRACED) ==
				s->reader);
		if (WIFSTOPPED(status))
			SUPPORT_REQUIRE(tcsetpgrp(tty, s->reader) == 0);
		SUPPORT_REQUIRE(write(s->statuses[1], &status, sizeof status) ==
				sizeof status);
	} while (WIFSTOPPED(status));
	_exit(0);
}

/* -------------------------------------------------------- the test's side */

static void read_within(int fd, void *bytes, size_t size, const char *what)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	ck_assert_msg(poll(&ready, 1, PATIENCE_MS) == 1, "no %s", what);
	ck_assert_msg(read(fd, bytes, size) == (ssize_t)size, "no %s", what);
}

static void let_ask(session *s)
{
	ck_assert_int_eq(write(s->gate[1], "", 1), 1);
}

static void start(session *s)
{
	s->terminal = posix_openpt(O_RDWR | O_NOCTTY);
	ck_assert_int_ge(s->terminal, 0);
	ck_assert_int_eq(grantpt(s->terminal), 0);
	ck_assert_int_eq(unlockpt(s->terminal), 0);
	ck_assert_int_eq(pipe(s->gate), 0);
	ck_assert_int_eq(pipe(s->reports), 0);
	ck_assert_int_eq(pipe(s->statuses), 0);
	if (s->most == 0)
		s->most = 60;
	s->shell = fork();
	if (s->shell == 0)
		be_shell(s, ptsname(s->terminal));
	read_within(s->statuses[0], &s->reader, sizeof s->reader, "reader");
}

static void start_asking(session *s)
{
	start(s);
	let_ask(s);
}

static void finish(session *s)
{
	ck_assert_int_eq(waitpid(s->shell, NULL, 0), s->shell);
	close(s->terminal);
	for (int i = 0; i < 2; i++) {
		close(s->gate[i]);
		close(s->reports[i]);
		close(s->statuses[i]);
	}
}

static bool echoes(const session *s)
{
	struct termios modes;

	ck_assert_int_eq(tcgetattr(s->terminal, &modes), 0);
	return (modes.c_lflag & ECHO) != 0;
}

static void turn_echo_on(const session *s)
{
	struct termios modes;

	ck_assert_int_eq(tcgetattr(s->terminal, &modes), 0);
	modes.c_lflag |= ECHO;
	ck_assert_int_eq(tcsetattr(s->terminal, TCSANOW, &modes), 0);
}

/* Every byte is read as it is typed. */
static void make_raw(const session *s)
{
	struct termios modes;

	ck_assert_int_eq(tcgetattr(s->terminal, &modes), 0);
	modes.c_lflag &= ~(tcflag_t)ICANON;
	modes.c_iflag &= ~(tcflag_t)ICRNL;
	ck_assert_int_eq(tcsetattr(s->terminal, TCSANOW, &modes), 0);
}

static void type(const session *s, const char *text)
{
	ck_assert_int_eq(write(s->terminal, text, strlen(text)),
			 (int)strlen(text));
}

/* What the terminal shows next is exactly this. */
static void assert_shows(const session *s, const char *text)
{
	char shown[64] = "";

	ck_assert_uint_lt(strlen(text), sizeof shown);
	for (size_t i = 0; i < strlen(text); i++)
		read_within(s->terminal, &shown[i], 1, text);
	ck_assert_str_eq(shown, text);
}

static void assert_asks(const session *s)
{
	assert_shows(s, PROMPT);
	ck_assert(!echoes(s));
}

static void assert_shows_no_more(const session *s)
{
	struct pollfd ready = {.fd = s->terminal, .events = POLLIN};

	ck_assert(poll(&ready, 1, 0) == 0 || !(ready.revents & POLLIN));
}

static int next_status(const session *s)
{
	int status;

	read_within(s->statuses[0], &status, sizeof status, "change of state");
	return status;
}

static void assert_stops(const session *s, int number)
{
	int status = next_status(s);

	ck_assert(WIFSTOPPED(status));
	ck_assert_int_eq(WSTOPSIG(status), number);
}

static void go_on(const session *s)
{
	ck_assert_int_eq(kill(s->reader, SIGCONT), 0);
}

static report get_report(const session *s)
{
	report answer;

	read_within(s->reports[0], &answer, sizeof answer, "report");
	ck_assert_int_eq(next_status(s), 0);
	ck_assert(echoes(s));
	return answer;
}

/* The reader ends with that error, and nothing read. */
static void assert_fails(session *s, int error)
{
	report answer = get_report(s);

	ck_assert_int_eq(answer.error, error);
	ck_assert_uint_eq(answer.length, 0);
	finish(s);
}

/* The reader ends with what was typed. */
static void assert_reads(session *s, const char *text)
{
	report answer = get_report(s);

	ck_assert_int_eq(answer.error, 0);
	ck_assert_uint_eq(answer.length, strlen(text));
	ck_assert_str_eq(answer.text, text);
	assert_shows(s, "\r\n");
	assert_shows_no_more(s);
	finish(s);
}

/* ------------------------------------------------------------------ tests */

START_TEST(test_typed)
{
	session s = {.prepare = NULL};

	start(&s);
	ck_assert(echoes(&s));
	let_ask(&s);
	assert_asks(&s);
	type(&s, "mel");
	type(&s, "lon\n");
	assert_reads(&s, "mellon");
}
END_TEST

START_TEST(test_edited)
{
	session s = {.prepare = NULL};

	start_asking(&s);
	assert_asks(&s);
	type(&s, "wrong\025melk\177lon\r");
	assert_reads(&s, "mellon");
}
END_TEST

START_TEST(test_empty_line)
{
	session s = {.prepare = NULL};

	start_asking(&s);
	assert_asks(&s);
	type(&s, "\n");
	assert_reads(&s, "");
}
END_TEST

/* What was typed too early was seen by all. */
START_TEST(test_typed_ahead)
{
	session s = {.prepare = NULL};

	start(&s);
	type(&s, "early\n");
	assert_shows(&s, "early\r\n");
	let_ask(&s);
	assert_asks(&s);
	type(&s, "late\n");
	assert_reads(&s, "late");
}
END_TEST

START_TEST(test_too_long)
{
	session s = {.most = 5};
	report answer;

	start_asking(&s);
	assert_asks(&s);
	type(&s, "mellon\n");
	answer = get_report(&s);
	ck_assert_int_eq(answer.error, EMSGSIZE);
	ck_assert_uint_eq(answer.length, 0);
	finish(&s);

	s = (session){.most = 6};
	start_asking(&s);
	assert_asks(&s);
	type(&s, "mellon\n");
	assert_reads(&s, "mellon");
}
END_TEST

START_TEST(test_end_of_input)
{
	session s = {.prepare = NULL};

	start_asking(&s);
	assert_asks(&s);
	type(&s, "\004");
	assert_fails(&s, ENODATA);
}
END_TEST

/* Without line editing it is the return key itself that ends a line. */
START_TEST(test_raw)
{
	session s = {.prepare = NULL};

	start(&s);
	make_raw(&s);
	let_ask(&s);
	assert_asks(&s);
	type(&s, "mellon\r");
	assert_reads(&s, "mellon");
}
END_TEST

/* The terminal is as before, whatever is missing. */
START_TEST(test_no_room)
{
	session s = {.most = 2000000,
		     .capacity = 4 * (size_t)sysconf(_SC_PAGESIZE)};
	char line[1001];

	memset(line, 'm', sizeof line);
	line[sizeof line - 1] = '\0';
	start(&s);
	make_raw(&s);
	let_ask(&s);
	assert_asks(&s);
	for (size_t i = 0; i < s.capacity / (sizeof line - 1) + 1; i++)
		type(&s, line);
	assert_fails(&s, ENOSPC);
}
END_TEST

/* As many descriptors as there are and that for /dev/tty. */
static void allow_one_descriptor(void)
{
	int fd = dup(STDIN_FILENO);
	struct rlimit limit;

	SUPPORT_REQUIRE(fd >= 0);
	close(fd);
	SUPPORT_REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = (rlim_t)fd + 1;
	SUPPORT_REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* That one is closed again, or the search for copies could open no file. */
START_TEST(test_no_descriptors)
{
	session s = {.prepare = allow_one_descriptor};

	start_asking(&s);
	assert_fails(&s, EMFILE);
}
END_TEST

static void prepare_only(void *s)
{
	((session *)s)->prepare();
}

/* False, and said, if this process may not refuse what the session prepares to
 * be refused. */
static bool start_refused(session *s, const char *name)
{
	support_end end;

	support_child(prepare_only, s, &end);
	if (end.status != 0) {
		support_skip(name, "this process may have no filters");
		return false;
	}
	start_asking(s);
	return true;
}

/* Of poll(). */
static void refuse_to_wait(void)
{
#ifdef SYS_poll
	SUPPORT_REQUIRE(support_refuse_call(SYS_poll, ENOMEM) == 0);
#endif
	SUPPORT_REQUIRE(support_refuse_call(SYS_ppoll, ENOMEM) == 0);
#ifdef SYS_ppoll_time64
	SUPPORT_REQUIRE(support_refuse_call(SYS_ppoll_time64, ENOMEM) == 0);
#endif
}

START_TEST(test_no_wait)
{
	session s = {.prepare = refuse_to_wait};

	if (!start_refused(&s, "no_wait"))
		return;
	assert_shows(&s, PROMPT);
	assert_fails(&s, ENOMEM);
}
END_TEST

static void refuse_modes(void)
{
	SUPPORT_REQUIRE(support_refuse_call(SYS_ioctl, EPERM) == 0);
}

/* Nobody is asked where it cannot be known whether there is an echo. */
START_TEST(test_no_modes)
{
	session s = {.prepare = refuse_modes};

	if (start_refused(&s, "no_modes"))
		assert_fails(&s, EPERM);
}
END_TEST

static void refuse_actions(void)
{
	SUPPORT_REQUIRE(support_refuse_call(SYS_rt_sigaction, EPERM) == 0);
}

/* Nor where no signal could be caught. */
START_TEST(test_no_actions)
{
	session s = {.prepare = refuse_actions};

	if (support_under_valgrind())
		support_skip("no_actions", "Valgrind needs some itself");
	else if (start_refused(&s, "no_actions"))
		assert_fails(&s, EPERM);
}
END_TEST

START_TEST(test_no_copies)
{
	session s = {.prepare = NULL};
	report answer;

	if (!support_is_alone()) {
		support_skip("no_copies",
			     "sanitizers or Valgrind map memory, too");
		return;
	}
	start_asking(&s);
	assert_asks(&s);
	for (size_t i = 0; i < 50; i++) {
		unsigned char byte = secret_byte(i);

		ck_assert_int_eq(write(s.terminal, &byte, 1), 1);
	}
	type(&s, "\n");
	answer = get_report(&s);
	ck_assert_uint_eq(answer.length, 50);
	ck_assert_uint_eq(answer.copies, 1);
	finish(&s);
}
END_TEST

/* ---------------------------------------------------------------- signals */

START_TEST(test_deadly_signal)
{
	session s = {.prepare = NULL};
	int status;

	start_asking(&s);
	assert_asks(&s);
	type(&s, "half");
	ck_assert_int_eq(kill(s.reader, deadly[_i]), 0);
	status = next_status(&s);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), deadly[_i]);
	ck_assert(echoes(&s));
	finish(&s);
}
END_TEST

START_TEST(test_interrupt_key)
{
	session s = {.prepare = NULL};
	int status;

	start_asking(&s);
	assert_asks(&s);
	type(&s, "half" INTERRUPT_KEY);
	status = next_status(&s);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	ck_assert(echoes(&s));
	finish(&s);
}
END_TEST

START_TEST(test_stop_key)
{
	session s = {.prepare = NULL};

	if (support_under_valgrind()) {
		support_skip("stop_key", "Valgrind lets no signal stop it");
		return;
	}
	start_asking(&s);
	for (int i = 0; i < 3; i++) {
		assert_asks(&s);
		type(&s, "half" STOP_KEY);
		assert_stops(&s, SIGTSTP);
		ck_assert(echoes(&s));
		go_on(&s);
	}
	assert_asks(&s);
	type(&s, "mellon\n");
	assert_reads(&s, "mellon");
}
END_TEST

/* Nothing can be done before this one; but after it. */
START_TEST(test_stopped_without_warning)
{
	session s = {.prepare = NULL};

	start_asking(&s);
	assert_asks(&s);
	ck_assert_int_eq(kill(s.reader, SIGSTOP), 0);
	assert_stops(&s, SIGSTOP);
	turn_echo_on(&s);
	go_on(&s);
	assert_asks(&s);
	type(&s, "mellon\n");
	assert_reads(&s, "mellon");
}
END_TEST

START_TEST(test_in_background)
{
	session s = {.in_background = true};

	if (support_under_valgrind()) {
		support_skip("in_background",
			     "Valgrind lets no signal stop it");
		return;
	}
	start_asking(&s);
	assert_stops(&s, SIGTTOU);
	ck_assert(echoes(&s));
	go_on(&s);
	assert_asks(&s);
	type(&s, "mellon\n");
	assert_reads(&s, "mellon");
}
END_TEST

static void set_handler(int flags)
{
	struct sigaction action = {.sa_handler = handle, .sa_flags = flags};

	SUPPORT_REQUIRE(sigaction(SIGINT, &action, NULL) == 0);
}

static void interrupt_by_handler(void)
{
	set_handler(0);
}

static void go_on_after_handler(void)
{
	set_handler(SA_RESTART);
}

static void ignore_interrupts(void)
{
	signal(SIGINT, SIG_IGN);
}

START_TEST(test_handler_interrupts)
{
	session s = {.prepare = interrupt_by_handler};
	report answer;

	start_asking(&s);
	assert_asks(&s);
	type(&s, "half" INTERRUPT_KEY);
	answer = get_report(&s);
	ck_assert_int_eq(answer.error, EINTR);
	ck_assert_int_eq(answer.handled, 1);
	ck_assert_uint_eq(answer.length, 0);
	finish(&s);
}
END_TEST

static void handle_with_info(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	(void)context;
	atomic_fetch_add(handled, 1);
}

static void interrupt_by_handler_with_info(void)
{
	struct sigaction action = {.sa_sigaction = handle_with_info,
				   .sa_flags = SA_SIGINFO};

	SUPPORT_REQUIRE(sigaction(SIGINT, &action, NULL) == 0);
}

START_TEST(test_handler_with_info)
{
	session s = {.prepare = interrupt_by_handler_with_info};
	report answer;

	start_asking(&s);
	assert_asks(&s);
	ck_assert_int_eq(kill(s.reader, SIGINT), 0);
	answer = get_report(&s);
	ck_assert_int_eq(answer.error, EINTR);
	ck_assert_int_eq(answer.handled, 1);
	finish(&s);
}
END_TEST

static void handle_another_signal(void)
{
	struct sigaction action = {.sa_handler = handle};

	SUPPORT_REQUIRE(sigaction(SIGUSR1, &action, NULL) == 0);
}

/* One that would neither end nor stop who asks: the program's own affair. */
START_TEST(test_another_signal)
{
	session s = {.prepare = handle_another_signal};
	report answer;

	start_asking(&s);
	assert_asks(&s);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(kill(s.reader, SIGUSR1), 0);
		usleep(20000);
	}
	ck_assert(!echoes(&s));
	type(&s, "mellon\n");
	answer = get_report(&s);
	ck_assert_int_eq(answer.error, 0);
	/* Those that come before one was handled are one. */
	ck_assert_int_ge(answer.handled, 1);
	ck_assert_str_eq(answer.text, "mellon");
	assert_shows(&s, "\r\n");
	finish(&s);
}
END_TEST

static void ignore_hangup(void)
{
	signal(SIGHUP, SIG_IGN);
}

/* Who goes on without its terminal is told that it is gone. */
START_TEST(test_hangup)
{
	session s = {.prepare = ignore_hangup};
	report answer;

	start_asking(&s);
	assert_asks(&s);
	close(s.terminal);
	read_within(s.reports[0], &answer, sizeof answer, "report");
	ck_assert(answer.error == EIO || answer.error == ENODATA);
	ck_assert_uint_eq(answer.length, 0);
	s.terminal = -1;
	finish(&s);
}
END_TEST

static void ignore_background(void)
{
	signal(SIGTTOU, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
}

/* What cannot be stopped asks in the background in vain, and the echo is on
 * for the job that has the terminal. */
START_TEST(test_unstoppable_in_background)
{
	session s = {.prepare = ignore_background, .in_background = true};

	start_asking(&s);
	assert_shows(&s, PROMPT);
	type(&s, "mellon\n");
	assert_fails(&s, EIO);
}
END_TEST

/* The echo is on while a handler runs, and off again when that is over. */
static void await_handler(const session *s)
{
	while (atomic_load(handled) == 0 || echoes(s))
		usleep(1000);
}

START_TEST(test_handler_goes_on)
{
	session s = {.prepare = go_on_after_handler};
	report answer;

	start_asking(&s);
	assert_asks(&s);
	ck_assert_int_eq(kill(s.reader, SIGINT), 0);
	await_handler(&s);
	type(&s, "mellon\n");
	answer = get_report(&s);
	ck_assert_int_eq(answer.error, 0);
	ck_assert_int_eq(answer.handled, 1);
	ck_assert_str_eq(answer.text, "mellon");
	/* The prompt was not repeated. */
	assert_shows(&s, "\r\n");
	finish(&s);
}
END_TEST

START_TEST(test_ignored_signal)
{
	session s = {.prepare = ignore_interrupts};

	start_asking(&s);
	assert_asks(&s);
	ck_assert_int_eq(kill(s.reader, SIGINT), 0);
	usleep(20000);
	ck_assert(!echoes(&s));
	type(&s, "mellon\n");
	assert_reads(&s, "mellon");
}
END_TEST

static void *sleep_on(void *context)
{
	for (;;)
		pause();
	return context;
}

/* The thread that asks takes no signals; another does. */
static void leave_signals_to_another(void)
{
	static pthread_t thread;
	sigset_t all;

	SUPPORT_REQUIRE(pthread_create(&thread, NULL, sleep_on, NULL) == 0);
	sigfillset(&all);
	SUPPORT_REQUIRE(pthread_sigmask(SIG_BLOCK, &all, NULL) == 0);
}

START_TEST(test_signal_to_another_thread)
{
	session s = {.prepare = leave_signals_to_another};
	int status;

	start_asking(&s);
	assert_asks(&s);
	ck_assert_int_eq(kill(s.reader, SIGTERM), 0);
	status = next_status(&s);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	ck_assert(echoes(&s));
	finish(&s);
}
END_TEST

/* ------------------------------------------------------- without terminal */

/* A new session has none. */
static int read_plain(sa_buffer *buffer, size_t most, unsigned flags)
{
	return sa_buffer_read_passphrase(buffer, PROMPT, most, flags);
}

static void be_without_terminal(const char *input, sa_buffer *buffer)
{
	int fds[2];

	SUPPORT_REQUIRE(setsid() > 0);
	SUPPORT_REQUIRE(pipe(fds) == 0);
	SUPPORT_REQUIRE(write(fds[1], input, strlen(input)) ==
			(ssize_t)strlen(input));
	close(fds[1]);
	SUPPORT_REQUIRE(dup2(fds[0], STDIN_FILENO) == STDIN_FILENO);
	close(fds[0]);
	sa_buffer_init(buffer, support_arena_create());
}

static void read_lines(void *context)
{
	sa_buffer b;
	char rest[8] = "";

	(void)context;
	be_without_terminal("one\ntoo long\n\nend", &b);
	SUPPORT_REQUIRE(read_plain(&b, 3, 0) == 0);
	SUPPORT_REQUIRE(strcmp(sa_buffer_string(&b), "one") == 0);
	SUPPORT_REQUIRE(read_plain(&b, 7, 0) == -1 && errno == EMSGSIZE);
	SUPPORT_REQUIRE(b.length == 3);
	SUPPORT_REQUIRE(support_is_zero(b.bytes + 3, b.capacity + 1 - 3));
	SUPPORT_REQUIRE(read_plain(&b, 0, 0) == 0 && b.length == 3);
	SUPPORT_REQUIRE(read(STDIN_FILENO, rest, 1) == 1 && rest[0] == 'e');
	SUPPORT_REQUIRE(read_plain(&b, SIZE_MAX, 0) == 0);
	SUPPORT_REQUIRE(strcmp(sa_buffer_string(&b), "onend") == 0);
	SUPPORT_REQUIRE(read_plain(&b, 10, 0) == -1 && errno == ENODATA);
	SUPPORT_REQUIRE(b.length == 5);
	sa_arena_destroy(b.arena);
}

START_TEST(test_lines_of_a_pipe)
{
	support_end end;

	support_child(read_lines, NULL, &end);
	ck_assert_int_eq(end.status, 0);
	ck_assert_str_eq(end.text, PROMPT PROMPT PROMPT PROMPT PROMPT);
}
END_TEST

static void require_terminal(void *context)
{
	sa_buffer b;

	(void)context;
	be_without_terminal("line\n", &b);
	SUPPORT_REQUIRE(read_plain(&b, 9, SA_BUFFER_REQUIRE_TERMINAL) == -1);
	SUPPORT_REQUIRE(errno == ENOTTY && b.length == 0);
	SUPPORT_REQUIRE(sa_arena_protect(b.arena, SA_ARENA_READONLY) == 0);
	sa_buffer_free(&b);
	SUPPORT_REQUIRE(read_plain(&b, 9, 0) == -1 && errno == EACCES);
	SUPPORT_REQUIRE(sa_arena_protect(b.arena, SA_ARENA_READWRITE) == 0);
	close(STDERR_FILENO);
	SUPPORT_REQUIRE(read_plain(&b, 9, 0) == -1 && errno == EBADF);
	close(STDIN_FILENO);
	SUPPORT_REQUIRE(read_plain(&b, 9, 0) == -1 && errno == EBADF);
	sa_arena_destroy(b.arena);
}

/* Nobody is asked in vain. */
START_TEST(test_no_terminal)
{
	support_assert_passes(require_terminal, NULL);
}
END_TEST

/* Nothing of the line is read before it can be asked for. */
static void lose_prompt(void *context)
{
	int full = open("/dev/full", O_WRONLY);
	sa_buffer b;
	char rest[8];

	(void)context;
	be_without_terminal("line\n", &b);
	SUPPORT_REQUIRE(full >= 0);
	SUPPORT_REQUIRE(dup2(full, STDERR_FILENO) == STDERR_FILENO);
	SUPPORT_REQUIRE(read_plain(&b, 9, 0) == -1 && errno == ENOSPC);
	SUPPORT_REQUIRE(read(STDIN_FILENO, rest, sizeof rest) == 5);
	sa_arena_destroy(b.arena);
}

static void lose_input(void *context)
{
	int null = open("/dev/null", O_WRONLY);
	sa_buffer b;

	(void)context;
	be_without_terminal("", &b);
	SUPPORT_REQUIRE(dup2(null, STDIN_FILENO) == STDIN_FILENO);
	SUPPORT_REQUIRE(read_plain(&b, 9, 0) == -1 && errno == EBADF);
	SUPPORT_REQUIRE(b.length == 0);
	sa_arena_destroy(b.arena);
}

START_TEST(test_no_streams)
{
	support_end end;

	support_assert_passes(lose_prompt, NULL);
	support_child(lose_input, NULL, &end);
	ck_assert_int_eq(end.status, 0);
	ck_assert_str_eq(end.text, PROMPT);
}
END_TEST

/* --------------------------------------- threads and children of who asks */

/* Lines come when the test writes them to the pipe that this returns. */
static int be_given_lines(sa_buffer *buffer)
{
	int fds[2];

	SUPPORT_REQUIRE(setsid() > 0);
	SUPPORT_REQUIRE(pipe(fds) == 0);
	SUPPORT_REQUIRE(dup2(fds[0], STDIN_FILENO) == STDIN_FILENO);
	close(fds[0]);
	sa_buffer_init(buffer, support_arena_create());
	return fds[1];
}

static void give_line(int lines)
{
	SUPPORT_REQUIRE(write(lines, "line\n", 5) == 5);
}

/* Nothing is shown. */
static void *ask_silently(void *buffer)
{
	SUPPORT_REQUIRE(sa_buffer_read_passphrase(buffer, "", 9, 0) == 0);
	return NULL;
}

static struct sigaction action_of(int number)
{
	struct sigaction now;

	SUPPORT_REQUIRE(sigaction(number, NULL, &now) == 0);
	return now;
}

/* Another thread asks, and has the signals.  SIGCONT is the last it takes. */
static pthread_t start_thread_that_asks(sa_buffer *buffer)
{
	pthread_t thread;

	SUPPORT_REQUIRE(pthread_create(&thread, NULL, ask_silently, buffer) ==
			0);
	while (action_of(SIGCONT).sa_handler == SIG_DFL)
		usleep(1000);
	return thread;
}

static void end_thread_that_asks(pthread_t thread, int lines)
{
	give_line(lines);
	SUPPORT_REQUIRE(pthread_join(thread, NULL) == 0);
}

/* Two signals go to the program's handler, and nothing to a pipe that has the
 * number of one that was the library's. */
static void require_interrupts(void)
{
	char byte;
	int fds[2], before = atomic_load(handled);

	SUPPORT_REQUIRE(pipe2(fds, O_NONBLOCK) == 0);
	SUPPORT_REQUIRE(raise(SIGINT) == 0 && raise(SIGINT) == 0);
	SUPPORT_REQUIRE(atomic_load(handled) == before + 2);
	SUPPORT_REQUIRE(read(fds[0], &byte, 1) == -1 && errno == EAGAIN);
	SUPPORT_REQUIRE(action_of(SIGINT).sa_handler == handle);
	close(fds[0]);
	close(fds[1]);
}

/* As system() does it in another thread: what it finds when it begins is put
 * back when it ends, and by then nobody asks any more. */
static void keep_action(void *context)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, kept;
	/* No other signal gets in between one that is raised for ever. */
	const struct rlimit time = {20, 20};
	pthread_t thread;
	sa_buffer b;
	int lines = be_given_lines(&b);

	(void)context;
	SUPPORT_REQUIRE(setrlimit(RLIMIT_CPU, &time) == 0);
	go_on_after_handler();
	thread = start_thread_that_asks(&b);
	SUPPORT_REQUIRE(sigaction(SIGINT, &ignore, &kept) == 0);
	end_thread_that_asks(thread, lines);
	SUPPORT_REQUIRE(sigaction(SIGINT, &kept, NULL) == 0);
	require_interrupts();
	/* Or by then someone asks again. */
	SUPPORT_REQUIRE(sigaction(SIGINT, &kept, NULL) == 0);
	give_line(lines);
	ask_silently(&b);
	require_interrupts();
	SUPPORT_REQUIRE(strcmp(sa_buffer_string(&b), "lineline") == 0);
	sa_arena_destroy(b.arena);
}

START_TEST(test_action_is_kept)
{
	support_assert_passes(keep_action, NULL);
}
END_TEST

/* The byte that wakes who asks is long on its way. */
static atomic_bool is_slow, is_writing;

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);

/* What the library calls, too. */
ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
	if (atomic_load(&is_slow) && size == 1 && *(const char *)bytes == 0) {
		atomic_store(&is_writing, true);
		usleep(100000);
	}
	return __real_write(fd, bytes, size);
}

/* Before it is cancelled, if it is to be. */
static void *interrupt_oneself(void *is_to_be_cancelled)
{
	if (*(int *)is_to_be_cancelled)
		SUPPORT_REQUIRE(pthread_cancel(pthread_self()) == 0);
	SUPPORT_REQUIRE(raise(SIGINT) == 0);
	return NULL;
}

/* Nobody is left with a handler at work when the asking ends: its byte would go
 * to whatever has the pipe's number by then, or be SIGPIPE. */
static void end_in_a_handler(void *context)
{
	pthread_t asking, interrupted;
	char byte;
	sa_buffer b;
	int fds[2], lines = be_given_lines(&b);

	go_on_after_handler();
	asking = start_thread_that_asks(&b);
	atomic_store(&is_slow, true);
	SUPPORT_REQUIRE(pthread_create(&interrupted, NULL, interrupt_oneself,
				       context) == 0);
	while (!atomic_load(&is_writing))
		usleep(1000);
	end_thread_that_asks(asking, lines);
	SUPPORT_REQUIRE(pipe2(fds, O_NONBLOCK) == 0);
	SUPPORT_REQUIRE(pthread_join(interrupted, NULL) == 0);
	SUPPORT_REQUIRE(read(fds[0], &byte, 1) == -1 && errno == EAGAIN);
	SUPPORT_REQUIRE(atomic_load(handled) == 1);
	sa_arena_destroy(b.arena);
}

START_TEST(test_end_in_a_handler)
{
	/* helgrind does not know that sigaction() orders what was done before
	 * it and what the handler does. */
	if (support_under_valgrind())
		support_skip("end_in_a_handler", "a race to Valgrind");
	else
		support_assert_passes(end_in_a_handler, &_i);
}
END_TEST

/* In a child, before the library learns that it is one. */
static bool is_terminated_at_fork;

static void terminate_at_fork(void)
{
	if (is_terminated_at_fork)
		(void)raise(SIGTERM);
}

/* It has the program's signals, and may ask by itself. */
static _Noreturn void be_child_of_asker(sa_buffer *buffer)
{
	int null = open("/dev/null", O_RDONLY);

	SUPPORT_REQUIRE(!is_terminated_at_fork);
	alarm(PATIENCE_MS / 1000 * 2);
	for (size_t i = 0; i < SUPPORT_LENGTH(deadly); i++)
		SUPPORT_REQUIRE(action_of(deadly[i]).sa_handler == SIG_DFL);
	SUPPORT_REQUIRE(dup2(null, STDIN_FILENO) == STDIN_FILENO);
	SUPPORT_REQUIRE(sa_buffer_read_passphrase(buffer, "", 9, 0) == -1);
	SUPPORT_REQUIRE(errno == ENODATA);
	(void)raise(SIGTERM);
	_exit(98);
}

static void fork_while_asking(void *context)
{
	pthread_t thread;
	sa_buffer b, of_child;
	int status, lines = be_given_lines(&b);
	pid_t pid;

	forget_handlers();
	sa_buffer_init(&of_child, b.arena);
	is_terminated_at_fork = *(int *)context > 0;
	SUPPORT_REQUIRE(pthread_atfork(NULL, NULL, terminate_at_fork) == 0);
	thread = start_thread_that_asks(&b);
	pid = fork();
	if (pid == 0)
		be_child_of_asker(&of_child);
	SUPPORT_REQUIRE(waitpid(pid, &status, 0) == pid);
	SUPPORT_REQUIRE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	end_thread_that_asks(thread, lines);
	SUPPORT_REQUIRE(strcmp(sa_buffer_string(&b), "line") == 0);
	sa_arena_destroy(b.arena);
}

START_TEST(test_forked_meanwhile)
{
	support_assert_passes(fork_while_asking, &_i);
}
END_TEST

START_TEST(test_invalid)
{
	sa_buffer b, none = SA_BUFFER_INIT(NULL);

	sa_buffer_init(&b, support_arena_create());
	errno = 0;
	ck_assert_int_eq(sa_buffer_read_passphrase(&b, NULL, 9, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(read_plain(NULL, 9, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(read_plain(&none, 9, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(read_plain(&b, 9, ~0U), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_uint_eq(b.length, 0);
	sa_arena_destroy(b.arena);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("passphrase");
	TCase *tc = tcase_create("passphrase");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_typed);
	tcase_add_test(tc, test_edited);
	tcase_add_test(tc, test_empty_line);
	tcase_add_test(tc, test_typed_ahead);
	tcase_add_test(tc, test_too_long);
	tcase_add_test(tc, test_end_of_input);
	tcase_add_test(tc, test_raw);
	tcase_add_test(tc, test_no_room);
	tcase_add_test(tc, test_no_descriptors);
	tcase_add_test(tc, test_no_wait);
	tcase_add_test(tc, test_no_modes);
	tcase_add_test(tc, test_no_actions);
	tcase_add_test(tc, test_no_copies);
	tcase_add_loop_test(tc, test_deadly_signal, 0,
			    (int)SUPPORT_LENGTH(deadly));
	tcase_add_test(tc, test_interrupt_key);
	tcase_add_test(tc, test_stop_key);
	tcase_add_test(tc, test_stopped_without_warning);
	tcase_add_test(tc, test_in_background);
	tcase_add_test(tc, test_handler_interrupts);
	tcase_add_test(tc, test_handler_with_info);
	tcase_add_test(tc, test_another_signal);
	tcase_add_test(tc, test_hangup);
	tcase_add_test(tc, test_unstoppable_in_background);
	tcase_add_test(tc, test_handler_goes_on);
	tcase_add_test(tc, test_ignored_signal);
	tcase_add_test(tc, test_signal_to_another_thread);
	tcase_add_test(tc, test_lines_of_a_pipe);
	tcase_add_test(tc, test_no_terminal);
	tcase_add_test(tc, test_no_streams);
	tcase_add_test(tc, test_action_is_kept);
	tcase_add_loop_test(tc, test_end_in_a_handler, 0, 2);
	tcase_add_loop_test(tc, test_forked_meanwhile, 0, 2);
	tcase_add_test(tc, test_invalid);
	suite_add_tcase(suite, tc);
	return support_run(suite);
}
