/* SPDX-License-Identifier: ISC */
/*
 * Buffers: content against a plain copy, growth that wipes what it leaves and
 * is rare, stealing, reading; and no copy of a secret anywhere in the process.
 */
#define _FILE_OFFSET_BITS 64
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "copies.h"
#include "sodium_arena_buffer.h"
#include "support.h"

static sa_arena *arena;
static sa_buffer buffer;

static void setup(void)
{
	arena = support_arena_create();
	sa_buffer_init(&buffer, arena);
}

static void teardown(void)
{
	sa_buffer_free(&buffer);
	ck_assert_uint_eq(support_stats(arena).live_count, 0);
	ck_assert_int_eq(sa_arena_check(arena), 0);
	sa_arena_destroy(arena);
}

/* What holds at any time. */
static void assert_sound(const sa_buffer *b)
{
	if (b->bytes == NULL) {
		ck_assert_uint_eq(b->length, 0);
		ck_assert_uint_eq(b->capacity, 0);
		return;
	}
	ck_assert_uint_le(b->length, b->capacity);
	ck_assert_uint_eq(sa_arena_size(b->arena, b->bytes), b->capacity + 1);
	ck_assert(support_is_zero(b->bytes + b->length,
				  b->capacity + 1 - b->length));
}

static void assert_fails(int result, int error)
{
	ck_assert_int_eq(result, -1);
	ck_assert_int_eq(errno, error);
	errno = 0;
}

static void append(const char *text)
{
	ck_assert_int_eq(sa_buffer_append(&buffer, text, strlen(text)), 0);
	assert_sound(&buffer);
}

/* --------------------------------------------------------------- content */

START_TEST(test_empty)
{
	const sa_buffer made = SA_BUFFER_INIT(arena);

	ck_assert_mem_eq(&made, &buffer, sizeof made);
	ck_assert_str_eq(sa_buffer_string(&buffer), "");
	ck_assert_str_eq(sa_buffer_string(NULL), "");
	sa_buffer_clear(&buffer);
	sa_buffer_clear(NULL);
	sa_buffer_free(NULL);
	ck_assert_int_eq(sa_buffer_reserve(&buffer, 0), 0);
	ck_assert_int_eq(sa_buffer_resize(&buffer, 0), 0);
	ck_assert_int_eq(sa_buffer_append(&buffer, NULL, 0), 0);
	ck_assert_int_eq(sa_buffer_take(&buffer, NULL, 0), 0);
	ck_assert_int_eq(sa_buffer_append(&buffer, "", 0), 0);
	ck_assert_uint_eq(support_stats(arena).alloc_count, 0);
	assert_sound(&buffer);
}
END_TEST

START_TEST(test_append)
{
	append("one");
	ck_assert_str_eq(sa_buffer_string(&buffer), "one");
	append("");
	append(", two");
	ck_assert_str_eq(sa_buffer_string(&buffer), "one, two");
	ck_assert_int_eq(sa_buffer_append(&buffer, "\0x", 2), 0);
	ck_assert_uint_eq(buffer.length, 10);
	ck_assert_mem_eq(buffer.bytes, "one, two\0x", 11);
	ck_assert_ptr_eq(buffer.bytes, sa_buffer_string(&buffer));
}
END_TEST

/* The source may be in the buffer, and the buffer may move. */
START_TEST(test_append_itself)
{
	char expected[10240] = "0123456789";
	size_t length = 10;

	append(expected);
	while (length < 5120) {
		memcpy(expected + length, expected, length);
		length *= 2;
		ck_assert_int_eq(
			sa_buffer_append(&buffer, buffer.bytes, buffer.length),
			0);
		assert_sound(&buffer);
		ck_assert_uint_eq(buffer.length, length);
		ck_assert_mem_eq(buffer.bytes, expected, length);
	}
	ck_assert_int_eq(
		sa_buffer_append(&buffer, buffer.bytes + length - 3, 3), 0);
	ck_assert_mem_eq(buffer.bytes + length, "789", 4);
}
END_TEST

START_TEST(test_take)
{
	char source[] = "secret", kept[200];

	ck_assert_int_eq(sa_buffer_take(&buffer, source, 6), 0);
	ck_assert(support_is_zero(source, 6));
	ck_assert_str_eq(sa_buffer_string(&buffer), "secret");

	memset(kept, 'x', sizeof kept);
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_READONLY), 0);
	assert_fails(sa_buffer_take(&buffer, kept, sizeof kept), EACCES);
	ck_assert_int_eq(kept[0], 'x');
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_READWRITE), 0);
}
END_TEST

START_TEST(test_resize)
{
	const unsigned char *place;

	append("0123456789");
	place = buffer.bytes;
	ck_assert_int_eq(sa_buffer_resize(&buffer, 4), 0);
	assert_sound(&buffer);
	ck_assert_str_eq(sa_buffer_string(&buffer), "0123");
	ck_assert_int_eq(sa_buffer_resize(&buffer, 8), 0);
	ck_assert_mem_eq(buffer.bytes, "0123\0\0\0\0", 9);
	sa_buffer_clear(&buffer);
	assert_sound(&buffer);
	ck_assert_ptr_eq(buffer.bytes, place);
	ck_assert_uint_eq(buffer.length, 0);
	ck_assert(support_is_zero(place, buffer.capacity));
	ck_assert_int_eq(sa_buffer_resize(&buffer, 100000), 0);
	assert_sound(&buffer);
	ck_assert(support_is_zero(buffer.bytes, 100000));
}
END_TEST

START_TEST(test_errors)
{
	sa_buffer none = SA_BUFFER_INIT(NULL);

	assert_fails(sa_buffer_reserve(NULL, 1), EINVAL);
	assert_fails(sa_buffer_reserve(&none, 1), EINVAL);
	assert_fails(sa_buffer_append(NULL, "x", 1), EINVAL);
	assert_fails(sa_buffer_append(&none, "x", 1), EINVAL);
	assert_fails(sa_buffer_append(&buffer, NULL, 1), EINVAL);
	assert_fails(sa_buffer_take(&buffer, NULL, 1), EINVAL);
	assert_fails(sa_buffer_resize(NULL, 0), EINVAL);
	assert_fails(sa_buffer_resize(&none, 0), EINVAL);
	assert_fails(sa_buffer_read_fd(NULL, 0, 1), EINVAL);
	assert_fails(sa_buffer_read_fd(&none, 0, 0), EINVAL);
	assert_fails(sa_buffer_read_file(&none, "/dev/null", 1), EINVAL);
	assert_fails(sa_buffer_read_file(&buffer, NULL, 1), EINVAL);
	assert_fails(sa_buffer_read_passphrase(NULL, "", 1, 0), EINVAL);
	assert_fails(sa_buffer_read_passphrase(&none, "", 1, 0), EINVAL);
	assert_fails(sa_buffer_read_passphrase(&buffer, NULL, 1, 0), EINVAL);
	assert_fails(sa_buffer_read_passphrase(&buffer, "", 1, 2), EINVAL);
	ck_assert_ptr_null(sa_buffer_steal(NULL, NULL));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(sa_buffer_steal_string(&none, NULL));
	ck_assert_int_eq(errno, EINVAL);
	append("kept");
	assert_fails(sa_buffer_reserve(&buffer, SIZE_MAX), ENOMEM);
	assert_fails(sa_buffer_reserve(&buffer, SIZE_MAX - 4), ENOMEM);
	assert_fails(sa_buffer_reserve(&buffer, SIZE_MAX - 5), ENOMEM);
	assert_fails(sa_buffer_resize(&buffer, SIZE_MAX), ENOMEM);
	assert_sound(&buffer);
	ck_assert_str_eq(sa_buffer_string(&buffer), "kept");
}
END_TEST

/* ---------------------------------------------------------------- growth */

START_TEST(test_growth_wipes)
{
	for (int i = 0; i < 4000; i++) {
		const unsigned char *before = buffer.bytes;
		size_t length = buffer.length;

		append("x");
		if (before == NULL || buffer.bytes == before)
			continue;
		ck_assert(!sa_arena_owns(arena, before));
		ck_assert(support_is_zero(before, length));
	}
	ck_assert_uint_eq(support_stats(arena).live_count, 1);
}
END_TEST

/* Half a million bytes, one at a time: 56 bytes doubled 14 times. */
START_TEST(test_growth_is_rare)
{
	const size_t size = 500000;
	size_t moves = 0, failures = 0;

	for (size_t i = 0; i < size; i++) {
		const unsigned char *before = buffer.bytes;
		unsigned char byte = support_pattern(1, i);

		failures += sa_buffer_append(&buffer, &byte, 1) != 0;
		moves += buffer.bytes != before;
	}
	ck_assert_uint_eq(failures, 0);
	ck_assert_uint_le(moves, 15);
	ck_assert_uint_le(support_stats(arena).alloc_count, 15);
	ck_assert(support_is_filled(buffer.bytes, size, 1));
	assert_sound(&buffer);
}
END_TEST

/* Where twice does not fit, as much as is needed is tried. */
START_TEST(test_growth_at_a_limit)
{
	sa_arena_options options = support_options();
	sa_arena *little;
	sa_buffer small;
	size_t before;

	options.capacity = 256 * 1024;
	little = sa_arena_create(&options);
	sa_buffer_init(&small, little);
	ck_assert_int_eq(sa_buffer_resize(&small, 100000), 0);
	before = small.capacity;
	ck_assert_int_eq(sa_buffer_resize(&small, before + 1000), 0);
	ck_assert_uint_eq(small.capacity, before + 1000);
	ck_assert_uint_eq(support_stats(little).failure_count, 0);
	support_fill(small.bytes, small.length, 1);
	assert_fails(sa_buffer_resize(&small, 300000), ENOSPC);
	ck_assert_uint_eq(support_stats(little).failure_count, 1);
	ck_assert_uint_eq(small.length, before + 1000);
	ck_assert(support_is_filled(small.bytes, small.length, 1));
	sa_buffer_free(&small);
	sa_arena_destroy(little);
}
END_TEST

START_TEST(test_reserve)
{
	const unsigned char *place;

	ck_assert_int_eq(sa_buffer_reserve(&buffer, 1000), 0);
	ck_assert_uint_eq(buffer.capacity, 1000);
	place = buffer.bytes;
	for (int i = 0; i < 1000; i++)
		append("x");
	ck_assert_ptr_eq(buffer.bytes, place);
	ck_assert_int_eq(sa_buffer_reserve(&buffer, 1), 0);
	ck_assert_uint_eq(buffer.capacity, 2001);
}
END_TEST

START_TEST(test_free_at_rest)
{
	append("secret");
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_NOACCESS), 0);
	sa_buffer_free(&buffer);
	assert_sound(&buffer);
	assert_fails(sa_buffer_append(&buffer, "x", 1), EACCES);
	ck_assert_uint_eq(support_stats(arena).failure_count, 1);
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_READWRITE), 0);
	append("again");
}
END_TEST

static void write_past_storage(support_misuse *expected, size_t parameter)
{
	sa_arena_options options = support_options();
	sa_buffer victim;

	(void)parameter;
	options.name = SUPPORT_VAULT;
	sa_buffer_init(&victim, sa_arena_create(&options));
	SUPPORT_REQUIRE(sa_buffer_append(&victim, "x", 1) == 0);
	expected->kind = SA_ARENA_MISUSE_OVERFLOW;
	expected->object = victim.bytes;
	expected->size = victim.capacity + 1;
	expected->offset = (ptrdiff_t)expected->size;
	support_flip(victim.bytes + victim.capacity + 1);
	sa_buffer_free(&victim);
}

START_TEST(test_overflow)
{
	support_assert_misuse(write_past_storage, 0);
}
END_TEST

/* ----------------------------------------------------------------- steal */

START_TEST(test_steal)
{
	size_t length = 99;
	unsigned char *object;
	char *text;

	append("secret");
	object = sa_buffer_steal(&buffer, &length);
	ck_assert_uint_eq(length, 6);
	ck_assert_uint_eq(sa_arena_size(arena, object), 6);
	ck_assert_mem_eq(object, "secret", 6);
	ck_assert_ptr_null(buffer.bytes);
	assert_sound(&buffer);
	sa_arena_free(arena, object);

	for (int i = 0; i < 100; i++)
		append("0123456789");
	ck_assert_int_eq(sa_buffer_resize(&buffer, 500), 0);
	text = sa_buffer_steal_string(&buffer, NULL);
	ck_assert_uint_eq(strlen(text), 500);
	ck_assert_uint_eq(sa_arena_size(arena, text), 501);
	sa_arena_free(arena, text);

	object = sa_buffer_steal(&buffer, &length);
	ck_assert_uint_eq(length, 0);
	ck_assert_uint_eq(sa_arena_size(arena, object), 0);
	sa_arena_free(arena, object);
	text = sa_buffer_steal_string(&buffer, &length);
	ck_assert_str_eq(text, "");
	sa_arena_free(arena, text);

	append("kept");
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_READONLY), 0);
	ck_assert_ptr_null(sa_buffer_steal(&buffer, NULL));
	ck_assert_int_eq(errno, EACCES);
	ck_assert_str_eq(sa_buffer_string(&buffer), "kept");
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_READWRITE), 0);
}
END_TEST

/* --------------------------------------------------------------- reading */

/* A child that writes `size` bytes of the pattern, in pieces, and ends. */
static int start_writer(size_t size, size_t piece)
{
	unsigned char bytes[4096];
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	if (fork() == 0) {
		close(fds[0]);
		for (size_t done = 0; done < size; done += piece) {
			size_t n = size - done < piece ? size - done : piece;

			for (size_t i = 0; i < n; i++)
				bytes[i] = support_pattern(2, done + i);
			if (write(fds[1], bytes, n) != (ssize_t)n)
				_exit(1);
		}
		_exit(0);
	}
	close(fds[1]);
	return fds[0];
}

START_TEST(test_read_fd)
{
	static const size_t sizes[] = {0, 1, 55, 56, 57, 4096, 100000};

	for (size_t i = 0; i < SUPPORT_LENGTH(sizes); i++) {
		int fd = start_writer(sizes[i], 1000);

		ck_assert_int_eq(sa_buffer_append(&buffer, "<", 1), 0);
		ck_assert_int_eq(sa_buffer_read_fd(&buffer, fd, SIZE_MAX), 0);
		ck_assert_uint_eq(buffer.length, sizes[i] + 1);
		ck_assert(support_is_filled(buffer.bytes + 1, sizes[i], 2));
		assert_sound(&buffer);
		sa_buffer_clear(&buffer);
		close(fd);
	}
}
END_TEST

START_TEST(test_read_fd_most)
{
	int fd = start_writer(10, 10);

	ck_assert_int_eq(sa_buffer_read_fd(&buffer, fd, 4), 0);
	ck_assert_uint_eq(buffer.length, 4);
	ck_assert_int_eq(sa_buffer_read_fd(&buffer, fd, 0), 0);
	ck_assert_int_eq(sa_buffer_read_fd(&buffer, fd, 100), 0);
	ck_assert_uint_eq(buffer.length, 10);
	ck_assert(support_is_filled(buffer.bytes, 10, 2));
	close(fd);
	assert_fails(sa_buffer_read_fd(&buffer, fd, 1), EBADF);
	ck_assert_uint_eq(buffer.length, 10);
	assert_sound(&buffer);
}
END_TEST

static void ignore(int number)
{
	(void)number;
}

/* Signals come while it waits. */
START_TEST(test_read_fd_interrupted)
{
	const struct itimerval often = {{0, 2000}, {0, 2000}}, never = {0};
	struct sigaction action = {.sa_handler = ignore};
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	if (fork() == 0) {
		usleep(50000);
		_exit(write(fds[1], "late", 4) != 4);
	}
	close(fds[1]);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	ck_assert_int_eq(sa_buffer_read_fd(&buffer, fds[0], SIZE_MAX), 0);
	setitimer(ITIMER_REAL, &never, NULL);
	ck_assert_str_eq(sa_buffer_string(&buffer), "late");
	close(fds[0]);
}
END_TEST

static char path[64];

static void make_file(const char *text)
{
	int fd;

	strcpy(path, "/tmp/test_buffer.XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

START_TEST(test_read_file)
{
	make_file("0123456789");
	append("<");
	ck_assert_int_eq(sa_buffer_read_file(&buffer, path, 10), 0);
	ck_assert_str_eq(sa_buffer_string(&buffer), "<0123456789");
	assert_sound(&buffer);
	assert_fails(sa_buffer_read_file(&buffer, path, 9), EFBIG);
	ck_assert_str_eq(sa_buffer_string(&buffer), "<0123456789");
	ck_assert_int_eq(sa_buffer_read_file(&buffer, path, SIZE_MAX), 0);
	ck_assert_uint_eq(buffer.length, 21);
	unlink(path);
	assert_fails(sa_buffer_read_file(&buffer, path, 10), ENOENT);
	assert_fails(sa_buffer_read_file(&buffer, "/", 10), EISDIR);
	ck_assert_uint_eq(buffer.length, 21);
}
END_TEST

/* Too large for the program's own sizes, where those have 32 bits. */
START_TEST(test_read_enormous_file)
{
	make_file("");
	append("kept");
	if (truncate(path, (off_t)5 << 30) != 0)
		support_skip("read_enormous_file", "no such file can be made");
	else
		assert_fails(sa_buffer_read_file(&buffer, path, 100), EFBIG);
	ck_assert_str_eq(sa_buffer_string(&buffer), "kept");
	unlink(path);
}
END_TEST

/* Of what tells no size, too much is found when it comes, and wiped. */
START_TEST(test_read_file_without_size)
{
	ck_assert_int_eq(sa_buffer_read_file(&buffer, "/dev/null", 0), 0);
	append("kept");
	assert_fails(sa_buffer_read_file(&buffer, "/dev/urandom", 1000), EFBIG);
	ck_assert_uint_eq(buffer.length, 4);
	assert_sound(&buffer);
	ck_assert_int_eq(
		sa_buffer_read_file(&buffer, "/proc/self/cmdline", 4096), 0);
	ck_assert_uint_gt(buffer.length, 4);
}
END_TEST

/* No more descriptors than before. */
START_TEST(test_read_file_closes)
{
	int before = dup(0), after;

	close(before);
	make_file("x");
	ck_assert_int_eq(sa_buffer_read_file(&buffer, path, 1), 0);
	assert_fails(sa_buffer_read_file(&buffer, path, 0), EFBIG);
	unlink(path);
	after = dup(0);
	close(after);
	ck_assert_int_eq(before, after);
}
END_TEST

static int has_returned;

static void *read_pipe(void *unused)
{
	SUPPORT_REQUIRE(sa_buffer_read_file(&buffer, path, 10) == 0);
	has_returned = 1;
	pthread_testcancel();
	return unused;
}

/* Cancelled while it waits for more: after the call, which has closed. */
START_TEST(test_read_file_cancelled)
{
	int before = dup(0), after, fd;
	pthread_t thread;
	void *result;

	close(before);
	make_file("");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, read_pipe, NULL), 0);
	fd = open(path, O_WRONLY);
	ck_assert_int_ge(fd, 0);
	usleep(50000);
	ck_assert_int_eq(pthread_cancel(thread), 0);
	usleep(50000);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	close(fd);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	unlink(path);
	after = dup(0);
	close(after);
	ck_assert_int_eq(before, after);
	ck_assert_int_eq(has_returned, 1);
	ck_assert_str_eq(sa_buffer_string(&buffer), "x");
}
END_TEST

/* ---------------------------------------------------------------- copies */

/* Of the pattern, which is never in one piece anywhere but in the buffer. */
static unsigned char secret_byte(size_t i)
{
	return support_pattern(2, i);
}

static size_t count_copies(void)
{
	return copies_count(secret_byte);
}

static void read_and_grow(void *context)
{
	int fd = *(int *)context;
	sa_buffer copy;

	SUPPORT_REQUIRE(sa_buffer_read_fd(&buffer, fd, SIZE_MAX) == 0);
	SUPPORT_REQUIRE(buffer.length == 1000);
	SUPPORT_REQUIRE(count_copies() == 1);
	SUPPORT_REQUIRE(sa_buffer_reserve(&buffer, 100000) == 0);
	SUPPORT_REQUIRE(count_copies() == 1);
	sa_buffer_init(&copy, arena);
	SUPPORT_REQUIRE(sa_buffer_printf(&copy, "<%60.*s>", 40,
					 (const char *)buffer.bytes) == 0);
	SUPPORT_REQUIRE(count_copies() == 2);
	sa_buffer_free(&copy);
	SUPPORT_REQUIRE(sa_buffer_resize(&buffer, 100) == 0);
	sa_arena_free(arena, sa_buffer_steal(&buffer, NULL));
	SUPPORT_REQUIRE(count_copies() == 0);
}

/* The secret comes from another process; here it is where it belongs, once. */
START_TEST(test_no_copies)
{
	int fd = start_writer(1000, 300);

	if (!support_is_alone())
		support_skip("no_copies",
			     "sanitizers or Valgrind map memory, too");
	else
		support_assert_passes(read_and_grow, &fd);
	close(fd);
}
END_TEST

static void read_a_file(void *context)
{
	SUPPORT_REQUIRE(sa_buffer_read_file(&buffer, context, SIZE_MAX) == 0);
	SUPPORT_REQUIRE(count_copies() == 1);
}

START_TEST(test_no_copies_of_file)
{
	int from = start_writer(1000, 1000), to;
	unsigned char byte;

	if (!support_is_alone()) {
		support_skip("no_copies_of_file",
			     "sanitizers or Valgrind map memory, too");
		close(from);
		return;
	}
	make_file("");
	to = open(path, O_WRONLY);
	while (read(from, &byte, 1) == 1)
		ck_assert_int_eq(write(to, &byte, 1), 1);
	close(from);
	close(to);
	support_assert_passes(read_a_file, path);
	unlink(path);
}
END_TEST

/* ----------------------------------------------------------------- suite */

int main(void)
{
	Suite *suite = suite_create("buffer");
	TCase *tc = tcase_create("buffer");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_empty);
	tcase_add_test(tc, test_append);
	tcase_add_test(tc, test_append_itself);
	tcase_add_test(tc, test_take);
	tcase_add_test(tc, test_resize);
	tcase_add_test(tc, test_errors);
	tcase_add_test(tc, test_growth_wipes);
	tcase_add_test(tc, test_growth_is_rare);
	tcase_add_test(tc, test_growth_at_a_limit);
	tcase_add_test(tc, test_reserve);
	tcase_add_test(tc, test_free_at_rest);
	tcase_add_test(tc, test_overflow);
	tcase_add_test(tc, test_steal);
	tcase_add_test(tc, test_read_fd);
	tcase_add_test(tc, test_read_fd_most);
	tcase_add_test(tc, test_read_fd_interrupted);
	tcase_add_test(tc, test_read_file);
	tcase_add_test(tc, test_read_enormous_file);
	tcase_add_test(tc, test_read_file_without_size);
	tcase_add_test(tc, test_read_file_closes);
	tcase_add_test(tc, test_read_file_cancelled);
	tcase_add_test(tc, test_no_copies);
	tcase_add_test(tc, test_no_copies_of_file);
	suite_add_tcase(suite, tc);
	return support_run(suite);
}
