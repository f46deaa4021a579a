/* SPDX-License-Identifier: ISC */
/*
 * Every figure of the statistics against what was done, and the JSON line
 * against a reader of the grammar of RFC 8259.
 */
#include <config.h>

#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))
#define LARGE (((size_t)1 << 20) + 5)

static sa_arena *arena;

static void setup_default(void)
{
	arena = support_arena_create();
}

static void setup_single_threaded(void)
{
	arena = support_arena_create_single();
}

static void teardown(void)
{
	sa_arena_destroy(arena);
}

static void *alloc(size_t size)
{
	void *object = sa_arena_alloc(arena, size);

	ck_assert_ptr_nonnull(object);
	return object;
}

/* ---------------------------------------------------------- arguments */

START_TEST(test_bad_arguments)
{
	static const size_t sizes[] = {0, 1, sizeof(sa_arena_stats) - 1,
				       sizeof(sa_arena_stats) + 8, SIZE_MAX};
	sa_arena_stats stats, copy;
	size_t i;

	errno = 0;
	ck_assert_int_eq(sa_arena_stats_get(arena, NULL), -1);
	ck_assert_int_eq(errno, EINVAL);
	for (i = 0; i < SUPPORT_LENGTH(sizes); i++) {
		memset(&stats, 0x11, sizeof stats);
		stats.size = sizes[i];
		copy = stats;
		errno = 0;
		ck_assert_int_eq(sa_arena_stats_get(arena, &stats), -1);
		ck_assert_int_eq(errno, EINVAL);
		ck_assert_mem_eq(&stats, &copy, sizeof stats);
	}
}
END_TEST

/* ------------------------------------------------------------ figures */

START_TEST(test_new_arena)
{
	sa_arena_stats stats = support_stats(arena);

	ck_assert_uint_eq(stats.live_count, 0);
	ck_assert_uint_eq(stats.live_size, 0);
	ck_assert_uint_eq(stats.peak_count, 0);
	ck_assert_uint_eq(stats.peak_size, 0);
	ck_assert_uint_eq(stats.large_count, 0);
	ck_assert_uint_eq(stats.alloc_count, 0);
	ck_assert_uint_eq(stats.free_count, 0);
	ck_assert_uint_eq(stats.failure_count, 0);
	ck_assert_uint_eq(stats.access_change_count, 0);
	ck_assert_uint_eq(stats.holder_count, 0);
	ck_assert_uint_gt(stats.metadata_size, 0);
	ck_assert_uint_eq(stats.mapped_size % PAGE, 0);
	ck_assert_uint_eq(stats.metadata_size % PAGE, 0);
}
END_TEST

static void assert_live(size_t count, size_t size)
{
	sa_arena_stats stats = support_stats(arena);

	ck_assert_uint_eq(stats.live_count, count);
	ck_assert_uint_eq(stats.live_size, size);
}

static void assert_peak(size_t count, size_t size)
{
	sa_arena_stats stats = support_stats(arena);

	ck_assert_uint_eq(stats.peak_count, count);
	ck_assert_uint_eq(stats.peak_size, size);
}

/* High-water marks of number and of bytes, which need not meet. */
START_TEST(test_live_and_peak)
{
	void *many[100], *big;
	int i;

	for (i = 0; i < 100; i++) {
		many[i] = alloc(7);
		assert_live((size_t)i + 1, ((size_t)i + 1) * 7);
	}
	assert_peak(100, 700);
	for (i = 0; i < 90; i++) {
		sa_arena_free(arena, many[i]);
		assert_live(99 - (size_t)i, (99 - (size_t)i) * 7);
	}
	assert_peak(100, 700);
	big = alloc(5000);
	assert_live(11, 5070);
	assert_peak(100, 5070);
	big = sa_arena_realloc(arena, big, 60000);
	ck_assert_ptr_nonnull(big);
	assert_live(11, 60070);
	sa_arena_free(arena, big);
	assert_live(10, 70);
	ck_assert_int_eq(sa_arena_reset(arena), 0);
	assert_live(0, 0);
	ck_assert_uint_eq(support_stats(arena).peak_count, 100);
	ck_assert_uint_ge(support_stats(arena).peak_size, 60070);
	ck_assert_uint_le(support_stats(arena).peak_size, 65070);
}
END_TEST

/* A pair over and over is one object at a time, however it is counted. */
START_TEST(test_peak_of_pairs)
{
	int i;

	for (i = 0; i < 10000; i++)
		sa_arena_free(arena, alloc(32));
	assert_peak(1, 32);
	ck_assert_uint_eq(support_stats(arena).alloc_count, 10000);
	ck_assert_uint_eq(support_stats(arena).free_count, 10000);
	for (i = 0; i < 10; i++)
		alloc(10);
	assert_peak(10, 100);
}
END_TEST

static void *alloc_some(void *unused)
{
	for (size_t i = 0; i < 400; i++)
		SUPPORT_REQUIRE(sa_arena_alloc(arena, 10) != NULL);
	return unused;
}

/* Whether or not they have told of it, it was alive at once. */
START_TEST(test_peak_of_two)
{
	pthread_t thread;

	alloc_some(NULL);
	ck_assert_int_eq(pthread_create(&thread, NULL, alloc_some, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	assert_peak(800, 8000);
}
END_TEST

/* An object that grows or shrinks where it is. */
START_TEST(test_resizing)
{
	unsigned char *object = alloc(20);
	void *same;
	size_t size;

	for (size = 20; size > 0; size--) {
		same = sa_arena_realloc(arena, object, size - 1);
		ck_assert_ptr_nonnull(same);
		object = same;
		assert_live(1, size - 1);
	}
	ck_assert_uint_ge(support_stats(arena).peak_size, 20);
	ck_assert_uint_le(support_stats(arena).peak_count, 2);
}
END_TEST

START_TEST(test_memory)
{
	sa_arena_stats before = support_stats(arena), after;
	void *first, *second;
	int i;

	first = alloc(LARGE);
	second = alloc(LARGE);
	after = support_stats(arena);
	ck_assert_uint_eq(after.large_count, 2);
	ck_assert_uint_ge(after.mapped_size, before.mapped_size + 2 * LARGE);
	ck_assert_uint_le(after.mapped_size,
			  before.mapped_size + 2 * LARGE + 6 * PAGE);
	ck_assert_uint_eq(after.region_count, before.region_count);
	sa_arena_free(arena, first);
	ck_assert_uint_eq(support_stats(arena).large_count, 1);
	sa_arena_free(arena, second);
	ck_assert_uint_eq(support_stats(arena).mapped_size, before.mapped_size);
	for (i = 0; i < 20000; i++)
		alloc(32);
	after = support_stats(arena);
	ck_assert_uint_gt(after.region_count, before.region_count);
	ck_assert_uint_gt(after.slab_count, before.slab_count);
	ck_assert_uint_ge(after.metadata_size, before.metadata_size);
	ck_assert_uint_ge(after.mapped_size, 20000 * 48);
	ck_assert_uint_le(after.mapped_size, 3 * 20000 * 48);
}
END_TEST

/* Sizes of one class share a slab; sizes far apart cannot. */
START_TEST(test_slabs)
{
	static const size_t sizes[] = {1, 32, 100, 250, 700};
	size_t i, before = support_stats(arena).slab_count;

	for (i = 0; i < SUPPORT_LENGTH(sizes); i++)
		alloc(sizes[i]);
	ck_assert_uint_ge(support_stats(arena).slab_count, before + 4);
	before = support_stats(arena).slab_count;
	for (i = 0; i < 20; i++)
		alloc(32);
	ck_assert_uint_le(support_stats(arena).slab_count, before + 1);
}
END_TEST

START_TEST(test_failures)
{
	ck_assert_ptr_null(sa_arena_alloc(arena, SIZE_MAX));
	ck_assert_ptr_null(sa_arena_calloc(arena, SIZE_MAX, 16));
	ck_assert_ptr_null(sa_arena_realloc(arena, alloc(1), SIZE_MAX));
	ck_assert_uint_eq(support_stats(arena).failure_count, 3);
	ck_assert_uint_eq(support_stats(arena).alloc_count, 1);
	ck_assert_uint_eq(support_stats(arena).free_count, 0);
}
END_TEST

START_TEST(test_holders)
{
	ck_assert_int_eq(sa_arena_open(arena, SA_ARENA_READONLY), 0);
	ck_assert_int_eq(sa_arena_open(arena, SA_ARENA_READONLY), 0);
	ck_assert_int_eq(sa_arena_open(arena, SA_ARENA_READWRITE), 0);
	ck_assert_uint_eq(support_stats(arena).holder_count, 3);
	ck_assert_int_eq(sa_arena_close(arena, SA_ARENA_READONLY), 0);
	ck_assert_uint_eq(support_stats(arena).holder_count, 2);
}
END_TEST

/* --------------------------------------------------------- JSON reader */

/* What is left to read, or NULL after an error. */
typedef struct reader {
	const char *next;
} reader;

static void refuse(reader *in)
{
	in->next = NULL;
}

static int accept(reader *in, char c)
{
	if (in->next == NULL || *in->next != c)
		return 0;
	in->next++;
	return 1;
}

static void skip_space(reader *in)
{
	while (accept(in, ' ') || accept(in, '\t'))
		;
}

static unsigned read_hex(reader *in)
{
	char digits[5] = {0};
	char *end;
	unsigned value;

	strncpy(digits, in->next, 4);
	value = (unsigned)strtoul(digits, &end, 16);
	if (strlen(digits) != 4 || end != digits + 4 || digits[0] == '-')
		refuse(in);
	else
		in->next += 4;
	return value;
}

static unsigned read_escape(reader *in)
{
	static const char letters[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	const char *letter;

	if (accept(in, 'u'))
		return read_hex(in);
	letter = *in->next != '\0' ? strchr(letters, *in->next) : NULL;
	if (letter == NULL) {
		refuse(in);
		return 0;
	}
	in->next++;
	return (unsigned char)means[letter - letters];
}

/* As UTF-8 (RFC 3629), of which this is a code below 65536. */
static size_t encode(unsigned code, char *text)
{
	if (code < 0x80) {
		text[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		text[0] = (char)(0xc0 | code >> 6);
		text[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	text[0] = (char)(0xe0 | code >> 12);
	text[1] = (char)(0x80 | (code >> 6 & 0x3f));
	text[2] = (char)(0x80 | (code & 0x3f));
	return 3;
}

/* ASCII alone, without escapes for what needs none beyond that. */
static void read_string(reader *in, char *text, size_t size)
{
	size_t length = 0;
	unsigned code;

	if (!accept(in, '"'))
		refuse(in);
	while (in->next != NULL && !accept(in, '"')) {
		code = (unsigned char)*in->next++;
		if (code < 0x20 || code > 0x7e)
			refuse(in);
		else if (code == '\\')
			code = read_escape(in);
		if (length + 4 <= size)
			length += encode(code, text + length);
		else
			refuse(in);
	}
	text[length] = '\0';
}

static uint64_t read_number(reader *in)
{
	char *end;
	uint64_t value;

	if (*in->next < '0' || *in->next > '9' ||
	    (*in->next == '0' && in->next[1] >= '0' && in->next[1] <= '9')) {
		refuse(in);
		return 0;
	}
	value = strtoull(in->next, &end, 10);
	in->next = end;
	return value;
}

/* The members of one flat object: a name's value, or a number. */
typedef struct member {
	char key[64], text[SA_ARENA_NAME_MAX + 4];
	uint64_t number;
	int is_text;
} member;

typedef struct object {
	member members[40];
	size_t count;
} object;

static void read_member(reader *in, member *read)
{
	skip_space(in);
	read_string(in, read->key, sizeof read->key);
	skip_space(in);
	if (!accept(in, ':'))
		refuse(in);
	skip_space(in);
	if (in->next == NULL)
		return;
	read->is_text = *in->next == '"';
	if (read->is_text)
		read_string(in, read->text, sizeof read->text);
	else
		read->number = read_number(in);
	skip_space(in);
}

/* 1 if the line is one such object and a newline. */
static int read_line(const char *line, object *read)
{
	reader in = {line};

	memset(read, 0, sizeof *read);
	if (!accept(&in, '{'))
		refuse(&in);
	do {
		if (read->count == SUPPORT_LENGTH(read->members))
			return 0;
		read_member(&in, &read->members[read->count++]);
	} while (accept(&in, ','));
	return accept(&in, '}') && accept(&in, '\n') && *in.next == '\0';
}

static const member *find(const object *read, const char *key)
{
	size_t i;
	const member *found = NULL;

	for (i = 0; i < read->count; i++)
		if (strcmp(read->members[i].key, key) == 0) {
			ck_assert_msg(found == NULL, "%s twice", key);
			found = &read->members[i];
		}
	ck_assert_msg(found != NULL, "no %s", key);
	return found;
}

/* The reader itself: what is no JSON is not read. */
START_TEST(test_reader)
{
	static const char *const bad[] = {
		"",
		"{}\n",
		"{\"a\":1}",
		"{\"a\":1}\n\n",
		"{\"a\":1,}\n",
		"{\"a\":01}\n",
		"{\"a\":-}\n",
		"{\"a\" 1}\n",
		"{\"a\":\"\x01\"}\n",
		"{\"a\":\"\x80\"}\n",
		"{\"a\":\"\\q\"}\n",
		"{\"a\":\"\\u12g4\"}\n",
		"{\"a\":\"b}\n",
		"{a:1}\n",
		"{\"a\":1 \"b\":2}\n",
	};
	object read;
	size_t i;

	ck_assert(read_line("{\"a\":1, \"b\":\"\\\"\\u0041\"}\n", &read));
	ck_assert_uint_eq(find(&read, "a")->number, 1);
	ck_assert_str_eq(find(&read, "b")->text, "\"A");
	for (i = 0; i < SUPPORT_LENGTH(bad); i++)
		ck_assert_msg(!read_line(bad[i], &read), "%s", bad[i]);
}
END_TEST

/* ------------------------------------------------------------ the line */

static void read_all(int fd, char *text, size_t size)
{
	size_t length = 0;
	ssize_t n;

	while ((n = read(fd, text + length, size - 1 - length)) > 0)
		length += (size_t)n;
	text[length] = '\0';
}

static void print(const sa_arena *printed, object *members)
{
	char line[8192];
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(sa_arena_stats_print(printed, fds[1]), 0);
	close(fds[1]);
	read_all(fds[0], line, sizeof line);
	close(fds[0]);
	ck_assert_msg(read_line(line, members), "%s", line);
}

/* The struct's members by their names. */
static const struct {
	const char *key;
	size_t offset, size;
} figures[] = {
#define FIGURE(name)                                                           \
	{                                                                      \
#name, offsetof(sa_arena_stats, name),                         \
			sizeof(((sa_arena_stats *)0)->name)                    \
	}
	FIGURE(live_count),    FIGURE(live_size),
	FIGURE(peak_count),    FIGURE(peak_size),
	FIGURE(mapped_size),   FIGURE(locked_size),
	FIGURE(metadata_size), FIGURE(region_count),
	FIGURE(slab_count),    FIGURE(large_count),
	FIGURE(alloc_count),   FIGURE(free_count),
	FIGURE(failure_count), FIGURE(access_change_count),
	FIGURE(holder_count),
};

static uint64_t figure(const sa_arena_stats *stats, size_t i)
{
	const char *place = (const char *)stats + figures[i].offset;
	size_t size;
	uint64_t wide;

	if (figures[i].size == sizeof wide) {
		memcpy(&wide, place, sizeof wide);
		return wide;
	}
	memcpy(&size, place, sizeof size);
	return size;
}

START_TEST(test_print)
{
	sa_arena_stats stats;
	object read;
	size_t i;

	for (i = 0; i < 3000; i++)
		alloc(i % 90);
	sa_arena_free(arena, alloc(50));
	alloc(LARGE);
	ck_assert_ptr_null(sa_arena_alloc(arena, SIZE_MAX));
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_NOACCESS), 0);
	ck_assert_int_eq(sa_arena_open(arena, SA_ARENA_READONLY), 0);
	stats = support_stats(arena);
	print(arena, &read);
	for (i = 0; i < SUPPORT_LENGTH(figures); i++)
		ck_assert_msg(find(&read, figures[i].key)->number ==
				      figure(&stats, i),
			      "%s", figures[i].key);
	ck_assert_str_eq(find(&read, "name")->text, "arena");
}
END_TEST

/* The name comes back, whatever is in it. */
static void assert_name(const char *name)
{
	sa_arena_options options = support_options();
	char copy[SA_ARENA_NAME_MAX + 1];
	sa_arena *named;
	object read;

	strcpy(copy, name);
	options.name = copy;
	named = sa_arena_create(&options);
	ck_assert_ptr_nonnull(named);
	memset(copy, 'x', sizeof copy);
	print(named, &read);
	ck_assert_str_eq(find(&read, "name")->text, name);
	sa_arena_destroy(named);
}

START_TEST(test_names)
{
	char longest[SA_ARENA_NAME_MAX + 1];

	assert_name("");
	assert_name("keys");
	assert_name("a \"quoted\" name");
	assert_name("back\\slash\\");
	assert_name("tab\t, newline\n, return\r, bell\a, \b\f\v\x1f\x7f");
	assert_name("\x01");
	assert_name("{\"live_count\":7}");
	assert_name("caf\xc3\xa9 \xe2\x82\xac");
	memset(longest, '\x02', sizeof longest);
	longest[SA_ARENA_NAME_MAX] = '\0';
	assert_name(longest);
}
END_TEST

/* Bytes that are no UTF-8 become U+FFFD: the line stays JSON. */
START_TEST(test_broken_names)
{
	static const struct {
		const char *name, *printed;
	} names[] = {
		{"\xff", "\xef\xbf\xbd"},
		{"a\x80z", "a\xef\xbf\xbdz"},
		{"a\xc3", "a\xef\xbf\xbd"},
		{"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
	};
	sa_arena_options options = support_options();
	sa_arena *named;
	object read;

	options.name = names[_i].name;
	named = sa_arena_create(&options);
	ck_assert_ptr_nonnull(named);
	print(named, &read);
	ck_assert_str_eq(find(&read, "name")->text, names[_i].printed);
	sa_arena_destroy(named);
}
END_TEST

START_TEST(test_print_fails)
{
	int fds[2], full = open("/dev/full", O_WRONLY);

	errno = 0;
	ck_assert_int_eq(sa_arena_stats_print(arena, -1), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(pipe(fds), 0);
	errno = 0;
	ck_assert_int_eq(sa_arena_stats_print(arena, fds[0]), -1);
	ck_assert_int_eq(errno, EBADF);
	close(fds[0]);
	close(fds[1]);
	if (full < 0)
		return;
	errno = 0;
	ck_assert_int_eq(sa_arena_stats_print(arena, full), -1);
	ck_assert_int_eq(errno, ENOSPC);
	close(full);
}
END_TEST

/* -------------------------------------------------------------- suite */

static void add_stats_tests(Suite *suite, const char *name,
			    void (*setup_arena)(void))
{
	TCase *stats = tcase_create(name);

	suite_add_tcase(suite, stats);
	tcase_set_timeout(stats, 60);
	tcase_add_checked_fixture(stats, setup_arena, teardown);
	tcase_add_test(stats, test_bad_arguments);
	tcase_add_test(stats, test_new_arena);
	tcase_add_test(stats, test_live_and_peak);
	tcase_add_test(stats, test_peak_of_pairs);
	tcase_add_test(stats, test_peak_of_two);
	tcase_add_test(stats, test_resizing);
	tcase_add_test(stats, test_memory);
	tcase_add_test(stats, test_slabs);
	tcase_add_test(stats, test_failures);
	tcase_add_test(stats, test_holders);
	tcase_add_test(stats, test_print);
	tcase_add_test(stats, test_names);
	tcase_add_loop_test(stats, test_broken_names, 0, 4);
	tcase_add_test(stats, test_print_fails);
}

int main(void)
{
	Suite *suite = suite_create("stats");
	TCase *reader_tests = tcase_create("reader");

	suite_add_tcase(suite, reader_tests);
	tcase_add_test(reader_tests, test_reader);
	add_stats_tests(suite, "stats", setup_default);
	add_stats_tests(suite, "stats, single-threaded", setup_single_threaded);
	return support_run(suite);
}
