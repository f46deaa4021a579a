/* SPDX-License-Identifier: ISC */
/*
 * line: digits and escapes against printf() and a table, text that is cut at
 * the buffer's end and no further, and writing that copes with interruptions
 * and partial writes.
 */
#include <config.h>

#include "line.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "support.h"

static sa_line line;

static void setup(void)
{
	memset(&line, 0x77, sizeof line);
	sa_line_clear(&line);
}

static void assert_line(const char *expected)
{
	ck_assert_uint_eq(line.length, strlen(expected));
	ck_assert_mem_eq(line.text, expected, line.length);
	sa_line_clear(&line);
}

/* ----------------------------------------------------------------- text */

START_TEST(test_text)
{
	assert_line("");
	sa_line_add(&line, "");
	assert_line("");
	sa_line_add(&line, "one");
	sa_line_add(&line, "");
	sa_line_add(&line, ", two");
	assert_line("one, two");
	sa_line_add(&line, "three");
	assert_line("three");
}
END_TEST

static void assert_unsigned(uint64_t value)
{
	char expected[32];

	snprintf(expected, sizeof expected, "%" PRIu64, value);
	sa_line_add_unsigned(&line, value);
	assert_line(expected);
}

static void assert_signed(int64_t value)
{
	char expected[32];

	snprintf(expected, sizeof expected, "%" PRId64, value);
	sa_line_add_signed(&line, value);
	assert_line(expected);
}

static void assert_pointer(uint64_t value)
{
	char expected[32];

	snprintf(expected, sizeof expected, "0x%" PRIxPTR, (uintptr_t)value);
	sa_line_add_pointer(&line, (const void *)(uintptr_t)value);
	assert_line(expected);
}

START_TEST(test_numbers)
{
	for (uint64_t power = 1;; power *= 10) {
		assert_unsigned(power - 1);
		assert_unsigned(power);
		if (power > UINT64_MAX / 10)
			break;
	}
	assert_unsigned(UINT64_MAX);
	for (unsigned i = 0; i < 63; i++) {
		assert_signed((int64_t)1 << i);
		assert_signed(-((int64_t)1 << i));
	}
	assert_signed(0);
	assert_signed(INT64_MAX);
	assert_signed(INT64_MIN);
	for (unsigned i = 0; i < 64; i++)
		assert_pointer((uint64_t)1 << i);
	assert_pointer(0);
	assert_pointer(UINT64_C(0xfedcba9876543210));
	assert_pointer(UINT64_MAX);
}
END_TEST

static void assert_escaped(const char *text, const char *expected)
{
	sa_line_add_escaped(&line, text);
	assert_line(expected);
}

/* What RFC 8259 asks for, and DEL, which terminals act on. */
START_TEST(test_escapes)
{
	char expected[16];

	for (int byte = 1; byte < 0x80; byte++) {
		char text[] = {'<', (char)byte, '>', '\0'};

		if (byte == '"' || byte == '\\')
			snprintf(expected, sizeof expected, "<\\%c>", byte);
		else if (byte < 0x20 || byte == 0x7f)
			snprintf(expected, sizeof expected, "<\\u%04x>",
				 (unsigned)byte);
		else
			strcpy(expected, text);
		assert_escaped(text, expected);
	}
}
END_TEST

static void assert_code_point(unsigned code)
{
	char text[] = {'<', 0, 0, 0, 0, 0, 0}, expected[32];
	unsigned rest = code - 0x10000, i = 1;

	if (code < 0x800) {
		text[i++] = (char)(0xc0 | code >> 6);
	} else if (code < 0x10000) {
		text[i++] = (char)(0xe0 | code >> 12);
		text[i++] = (char)(0x80 | (code >> 6 & 0x3f));
	} else {
		text[i++] = (char)(0xf0 | code >> 18);
		text[i++] = (char)(0x80 | (code >> 12 & 0x3f));
		text[i++] = (char)(0x80 | (code >> 6 & 0x3f));
	}
	text[i++] = (char)(0x80 | (code & 0x3f));
	text[i] = '>';
	if (code < 0x10000)
		snprintf(expected, sizeof expected, "<\\u%04x>", code);
	else
		snprintf(expected, sizeof expected, "<\\u%04x\\u%04x>",
			 0xd800 + rest / 0x400, 0xdc00 + rest % 0x400);
	assert_escaped(text, expected);
}

START_TEST(test_utf8)
{
	static const unsigned edges[] = {0x80,    0x7ff,   0x800,   0xd7ff,
					 0xe000,  0xffff,  0x10000, 0x103ff,
					 0x10400, 0xfffff, 0x10ffff};

	for (size_t i = 0; i < SUPPORT_LENGTH(edges); i++)
		assert_code_point(edges[i]);
	for (unsigned code = 0x80; code < 0x110000; code += 1 + code / 100)
		if (code < 0xd800 || code >= 0xe000)
			assert_code_point(code);
}
END_TEST

#define UNKNOWN "\\ufffd"

/* Lone and missing bytes, overlong forms, surrogates, past the last. */
START_TEST(test_no_utf8)
{
	assert_escaped("\x80", UNKNOWN);
	assert_escaped("\xbf.", UNKNOWN ".");
	assert_escaped("\xc3", UNKNOWN);
	assert_escaped("\xc3.", UNKNOWN ".");
	assert_escaped("\xe2\x82", UNKNOWN UNKNOWN);
	assert_escaped("\xf0\x9f\x94.", UNKNOWN UNKNOWN UNKNOWN ".");
	assert_escaped("\xc3\xc3\xa4", UNKNOWN "\\u00e4");
	assert_escaped("\xc0\x80", UNKNOWN UNKNOWN);
	assert_escaped("\xc1\xbf", UNKNOWN UNKNOWN);
	assert_escaped("\xe0\x9f\xbf", UNKNOWN UNKNOWN UNKNOWN);
	assert_escaped("\xf0\x8f\xbf\xbf", UNKNOWN UNKNOWN UNKNOWN UNKNOWN);
	assert_escaped("\xed\xa0\x80", UNKNOWN UNKNOWN UNKNOWN);
	assert_escaped("\xed\xbf\xbf", UNKNOWN UNKNOWN UNKNOWN);
	assert_escaped("\xf4\x90\x80\x80", UNKNOWN UNKNOWN UNKNOWN UNKNOWN);
	assert_escaped("\xf5\x80\x80\x80", UNKNOWN UNKNOWN UNKNOWN UNKNOWN);
	assert_escaped("\xff\xfe", UNKNOWN UNKNOWN);
}
END_TEST

/* Something behind the buffer to be overwritten. */
static struct {
	sa_line line;
	unsigned char behind[64];
} guarded;

static void fill_up_to(size_t length)
{
	sa_line_clear(&guarded.line);
	memset(guarded.behind, 0x55, sizeof guarded.behind);
	while (guarded.line.length < length)
		sa_line_add(&guarded.line, ".");
}

static void assert_cut(const char *expected)
{
	size_t length = strlen(expected);

	ck_assert_uint_eq(guarded.line.length, SA_LINE_SIZE);
	ck_assert_mem_eq(guarded.line.text + SA_LINE_SIZE - length, expected,
			 length);
	for (size_t i = 0; i < sizeof guarded.behind; i++)
		ck_assert_uint_eq(guarded.behind[i], 0x55);
}

START_TEST(test_cut_off)
{
	fill_up_to(SA_LINE_SIZE - 4);
	sa_line_add(&guarded.line, "four");
	assert_cut(".four");
	sa_line_add(&guarded.line, "more");
	assert_cut(".four");
	fill_up_to(SA_LINE_SIZE - 4);
	sa_line_add(&guarded.line, "fourteen");
	assert_cut(".four");
	fill_up_to(SA_LINE_SIZE - 3);
	sa_line_add_unsigned(&guarded.line, 12345678);
	assert_cut(".123");
	fill_up_to(SA_LINE_SIZE - 3);
	sa_line_add_signed(&guarded.line, -12345678);
	assert_cut(".-12");
	fill_up_to(SA_LINE_SIZE - 3);
	sa_line_add_pointer(&guarded.line, (const void *)(uintptr_t)0xabc);
	assert_cut(".0xa");
	fill_up_to(SA_LINE_SIZE - 3);
	sa_line_add_escaped(&guarded.line, "\n\n");
	assert_cut(".\\u0");
}
END_TEST

/* -------------------------------------------------------------- writing */

START_TEST(test_write)
{
	static char got[SA_LINE_SIZE + 1];
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(sa_line_write(&line, fds[1]), 0);
	sa_line_add(&line, "a line\n");
	ck_assert_int_eq(sa_line_write(&line, fds[1]), 0);
	ck_assert_int_eq(read(fds[0], got, sizeof got), 7);
	ck_assert_mem_eq(got, "a line\n", 7);
	while (line.length < SA_LINE_SIZE)
		sa_line_add_unsigned(&line, line.length);
	ck_assert_int_eq(sa_line_write(&line, fds[1]), 0);
	ck_assert_int_eq(read(fds[0], got, sizeof got), SA_LINE_SIZE);
	ck_assert_mem_eq(got, line.text, SA_LINE_SIZE);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

static void assert_refused(int fd, int error)
{
	errno = 0;
	ck_assert_int_eq(sa_line_write(&line, fd), -1);
	ck_assert_int_eq(errno, error);
}

START_TEST(test_write_fails)
{
	int fds[2], full = open("/dev/full", O_WRONLY);

	sa_line_add(&line, "a line\n");
	assert_refused(-1, EBADF);
	ck_assert_int_eq(pipe(fds), 0);
	close(fds[0]);
	signal(SIGPIPE, SIG_IGN);
	assert_refused(fds[1], EPIPE);
	close(fds[1]);
	if (full >= 0)
		assert_refused(full, ENOSPC);
}
END_TEST

static int drained;

/* Makes room for what was being written. */
static void drain(int number)
{
	char bytes[4096];
	int kept = errno;

	(void)number;
	while (read(drained, bytes, sizeof bytes) > 0)
		continue;
	errno = kept;
}

/* A signal without SA_RESTART ends a write() that waits for room. */
START_TEST(test_write_is_interrupted)
{
	struct sigaction action = {.sa_handler = drain};
	const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
	char got[16];
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	drained = fds[0];
	ck_assert_int_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	while (write(fds[1], "", 1) == 1)
		continue;
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, 0), 0);
	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	sa_line_add(&line, "a line\n");
	ck_assert_int_eq(setitimer(ITIMER_REAL, &soon, NULL), 0);
	ck_assert_int_eq(sa_line_write(&line, fds[1]), 0);
	ck_assert_int_eq(read(fds[0], got, sizeof got), 7);
	ck_assert_mem_eq(got, "a line\n", 7);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* The limit lets the first write() do a part; the rest is tried. */
static void write_past_limit(void *unused)
{
	const struct rlimit limit = {10, 10};
	FILE *file = tmpfile();
	struct stat status;

	(void)unused;
	SUPPORT_REQUIRE(file != NULL);
	signal(SIGXFSZ, SIG_IGN);
	sa_line_add(&line, "more than ten bytes\n");
	SUPPORT_REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	errno = 0;
	SUPPORT_REQUIRE(sa_line_write(&line, fileno(file)) == -1);
	SUPPORT_REQUIRE(errno == EFBIG);
	SUPPORT_REQUIRE(fstat(fileno(file), &status) == 0);
	SUPPORT_REQUIRE(status.st_size == 10);
	_exit(0);
}

START_TEST(test_write_in_parts)
{
	support_assert_passes(write_past_limit, NULL);
}
END_TEST

static void write_nothing(void *unused)
{
	(void)unused;
	sa_line_add(&line, "a line\n");
	if (support_refuse_call(SYS_write, 0) != 0)
		_exit(SUPPORT_CANNOT_TELL);
	errno = 0;
	if (sa_line_write(&line, STDERR_FILENO) != -1 || errno != EIO)
		_exit(1);
	_exit(0);
}

/* A write() that does nothing, as a filter may have it, is not tried for ever:
 * a report is written before the process ends. */
START_TEST(test_write_nothing)
{
	support_assert_passes_or_skip("write_nothing", write_nothing, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("line");
	TCase *text = tcase_create("text");
	TCase *writing = tcase_create("writing");

	suite_add_tcase(suite, text);
	tcase_add_checked_fixture(text, setup, NULL);
	tcase_add_test(text, test_text);
	tcase_add_test(text, test_numbers);
	tcase_add_test(text, test_escapes);
	tcase_add_test(text, test_utf8);
	tcase_add_test(text, test_no_utf8);
	tcase_add_test(text, test_cut_off);
	suite_add_tcase(suite, writing);
	tcase_add_checked_fixture(writing, setup, NULL);
	tcase_add_test(writing, test_write);
	tcase_add_test(writing, test_write_fails);
	tcase_add_test(writing, test_write_is_interrupted);
	tcase_add_test(writing, test_write_in_parts);
	tcase_add_test(writing, test_write_nothing);
	return support_run(suite);
}
