/* SPDX-License-Identifier: ISC */
/*
 * sa_buffer_printf() against snprintf(): every conversion, flag and length,
 * random combinations, and what neither a buffer nor a format may be.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

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
	sa_arena_destroy(arena);
}

/* Both ways give the same text. */
#define ASSERT_SAME(...)                                                       \
	do {                                                                   \
		char expected[512];                                            \
		int length = snprintf(expected, sizeof expected, __VA_ARGS__); \
                                                                               \
		sa_buffer_clear(&buffer);                                      \
		ck_assert_int_eq(sa_buffer_printf(&buffer, __VA_ARGS__), 0);   \
		ck_assert_uint_eq(buffer.length, (size_t)length);              \
		ck_assert_mem_eq(sa_buffer_string(&buffer), expected,          \
				 (size_t)length + 1);                          \
	} while (0)

/* ----------------------------------------------------------- conversions */

START_TEST(test_strings)
{
	const char five[5] = {'a', 'b', 'c', 'd', 'e'};

	ASSERT_SAME("plain");
	ASSERT_SAME("%%");
	ASSERT_SAME("a%%b%%");
	ASSERT_SAME("%s", "");
	ASSERT_SAME("<%s>", "text");
	ASSERT_SAME("<%10s>", "text");
	ASSERT_SAME("<%-10s>", "text");
	ASSERT_SAME("<%2s>", "text");
	ASSERT_SAME("<%.2s>", "text");
	ASSERT_SAME("<%.0s>", "text");
	ASSERT_SAME("<%.s>", "text");
	ASSERT_SAME("<%7.3s><%-7.3s>", "text", "text");
	ASSERT_SAME("<%.*s>", 5, five);
	ASSERT_SAME("<%.*s>", -1, "text");
	ASSERT_SAME("<%*s><%*s>", 8, "text", -8, "text");
	ASSERT_SAME("%c%c%c", 'a', '\xff', 'c');
	ASSERT_SAME("<%3c><%-3c>", 'a', 'b');
}
END_TEST

/* A NUL is a byte like others. */
START_TEST(test_nul)
{
	ck_assert_int_eq(sa_buffer_printf(&buffer, "a%cb", 0), 0);
	ck_assert_uint_eq(buffer.length, 3);
	ck_assert_mem_eq(buffer.bytes, "a\0b", 4);
}
END_TEST

static const int64_t edges[] = {0,         1,         -1,        9,
				10,        255,       SCHAR_MIN, SCHAR_MAX,
				SHRT_MIN,  SHRT_MAX,  INT_MIN,   INT_MAX,
				INT64_MIN, INT64_MAX, UINT32_MAX};

START_TEST(test_lengths)
{
	for (size_t i = 0; i < SUPPORT_LENGTH(edges); i++) {
		int64_t v = edges[i];

		ASSERT_SAME("%d %i %u %x %X %o", (int)v, (int)v, (unsigned)v,
			    (unsigned)v, (unsigned)v, (unsigned)v);
		ASSERT_SAME("%hhd %hhu %hhx", (signed char)v, (unsigned char)v,
			    (unsigned char)v);
		ASSERT_SAME("%hd %hu %hx", (short)v, (unsigned short)v,
			    (unsigned short)v);
		ASSERT_SAME("%ld %lu %lx", (long)v, (unsigned long)v,
			    (unsigned long)v);
		ASSERT_SAME("%lld %llu %llo", (long long)v,
			    (unsigned long long)v, (unsigned long long)v);
		ASSERT_SAME("%jd %ju %jX", (intmax_t)v, (uintmax_t)v,
			    (uintmax_t)v);
		ASSERT_SAME("%zd %zu %zx", (ssize_t)v, (size_t)v, (size_t)v);
		ASSERT_SAME("%td", (ptrdiff_t)v);
	}
	ASSERT_SAME("%p", (void *)&buffer);
}
END_TEST

START_TEST(test_padding)
{
	ASSERT_SAME("<%5d><%-5d><%05d>", 42, 42, 42);
	ASSERT_SAME("<%5d><%-5d><%05d>", -42, -42, -42);
	ASSERT_SAME("<%2d><%02d>", 12345, 12345);
	ASSERT_SAME("<%.5d><%.5d><%.0d>", 42, -42, 42);
	ASSERT_SAME("<%.0d><%.0u><%5.0x>", 0, 0u, 0u);
	ASSERT_SAME("<%8.3d><%-8.3d>", -7, -7);
	ASSERT_SAME("<%02x%02x%02x>", 0u, 0xau, 0xffu);
	ASSERT_SAME("<%*d><%*d><%.*d>", 6, 1, -6, 2, 4, 3);
	ASSERT_SAME("<%20p><%-20p>", (void *)&arena, (void *)&arena);
}
END_TEST

/* Too many combinations for a table; the compiler cannot check these. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat"

static void make_directive(support_random *random, char *format, size_t size)
{
	static const char *const flags[] = {"", "-", "0"};
	static const char conversions[] = "diuxXo";
	char width[8] = "", precision[8] = "";

	if (support_random_below(random, 2) == 0)
		snprintf(width, sizeof width, "%zu",
			 1 + support_random_below(random, 30));
	if (support_random_below(random, 2) == 0)
		snprintf(precision, sizeof precision, ".%zu",
			 support_random_below(random, 30));
	snprintf(format, size, "<%%%s%s%sll%c>",
		 flags[support_random_below(random, 3)], width, precision,
		 conversions[support_random_below(random, 6)]);
}

START_TEST(test_random)
{
	support_random random;
	char format[32];

	support_random_seed(&random);
	for (int i = 0; i < 20000; i++) {
		uint64_t value = support_random_next(&random) >>
				 support_random_below(&random, 64);

		make_directive(&random, format, sizeof format);
		ASSERT_SAME(format, (unsigned long long)value);
	}
}
END_TEST

/* ---------------------------------------------------------------- errors */

static const char *const bad_formats[] = {"%",
					  "%5",
					  "%.",
					  "%-",
					  "%l",
					  "%ll",
					  "%f",
					  "%g",
					  "%a",
					  "%n",
					  "%#x",
					  "%+d",
					  "% d",
					  "%'d",
					  "%Lf",
					  "%ls",
					  "%hhs",
					  "%lc",
					  "%lp",
					  "%m",
					  "%1$d",
					  "%y",
					  "%2147483648d",
					  "%.99999999999d",
					  "good, and then %q"};

START_TEST(test_bad_formats)
{
	ck_assert_int_eq(sa_buffer_append(&buffer, "kept", 4), 0);
	for (size_t i = 0; i < SUPPORT_LENGTH(bad_formats); i++) {
		errno = 0;
		ck_assert_msg(sa_buffer_printf(&buffer, bad_formats[i], 1, 2) ==
					      -1 &&
				      errno == EINVAL,
			      "\"%s\" is taken", bad_formats[i]);
	}
	ck_assert_uint_eq(buffer.length, 4);
	ck_assert_str_eq(sa_buffer_string(&buffer), "kept");
}
END_TEST

START_TEST(test_bad_arguments)
{
	sa_buffer none = SA_BUFFER_INIT(NULL);
	const char *volatile null = NULL;
	volatile int least = INT_MIN;

	ck_assert_int_eq(sa_buffer_printf(&buffer, "%s", null), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(sa_buffer_printf(&buffer, "%*d", least, 1), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(sa_buffer_printf(&buffer, null), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(sa_buffer_printf(&none, "x"), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(sa_buffer_printf(NULL, "x"), -1);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* What does not fit changes nothing. */
START_TEST(test_too_much)
{
	sa_arena_options options = support_options();
	sa_buffer small;
	sa_arena *little;
	volatile int most = INT_MAX;

	options.capacity = 64 * 1024;
	little = sa_arena_create(&options);
	sa_buffer_init(&small, little);
	ck_assert_int_eq(sa_buffer_printf(&small, "%d", 42), 0);
	ck_assert_int_eq(sa_buffer_printf(&small, "%100000d", 1), -1);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_int_eq(sa_buffer_printf(&small, "%*d%*d", most, 1, most, 1),
			 -1);
	ck_assert_str_eq(sa_buffer_string(&small), "42");
	sa_buffer_free(&small);
	sa_arena_destroy(little);
}
END_TEST

#pragma GCC diagnostic pop

START_TEST(test_appends)
{
	char expected[4096];
	size_t length = 0;

	for (int i = 0; i < 500; i++) {
		ck_assert_int_eq(sa_buffer_printf(&buffer, "%d,", i), 0);
		length += (size_t)snprintf(expected + length,
					   sizeof expected - length, "%d,", i);
	}
	ck_assert_uint_eq(buffer.length, length);
	ck_assert_str_eq(sa_buffer_string(&buffer), expected);
	ck_assert_int_eq(sa_buffer_printf(&buffer, "%s", ""), 0);
	ck_assert_uint_eq(buffer.length, length);
}
END_TEST

static int forward(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

static int forward(const char *format, ...)
{
	va_list arguments;
	int result;

	va_start(arguments, format);
	result = sa_buffer_vprintf(&buffer, format, arguments);
	va_end(arguments);
	return result;
}

START_TEST(test_vprintf)
{
	ck_assert_int_eq(forward("%s %d %c", "one", 2, '3'), 0);
	ck_assert_str_eq(sa_buffer_string(&buffer), "one 2 3");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("format");
	TCase *tc = tcase_create("format");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_strings);
	tcase_add_test(tc, test_nul);
	tcase_add_test(tc, test_lengths);
	tcase_add_test(tc, test_padding);
	tcase_add_test(tc, test_random);
	tcase_add_test(tc, test_bad_formats);
	tcase_add_test(tc, test_bad_arguments);
	tcase_add_test(tc, test_too_much);
	tcase_add_test(tc, test_appends);
	tcase_add_test(tc, test_vprintf);
	suite_add_tcase(suite, tc);
	return support_run(suite);
}
