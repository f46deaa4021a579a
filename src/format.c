/* SPDX-License-Identifier: ISC */
/*
 * printf() into a buffer: counted first, so that it all fits or nothing
 * changes, then written where it stays.  No byte of it is ever elsewhere.
 */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "bits.h"
#include "sodium_arena_buffer.h"

/* Where text goes.  Without bytes it is only counted. */
typedef struct output {
	unsigned char *bytes;
	size_t room;
	size_t length;
} output;

/* One of the format's directives, from % to its conversion. */
typedef struct directive {
	bool is_left;
	bool is_zeroed;
	bool has_precision;
	size_t width;
	size_t precision;
	char modifier; /* h l j z t; H and L for hh and ll; 0 */
	char conversion;
} directive;

/* va_list is an array on some machines: its address cannot be passed. */
typedef struct input {
	va_list list;
} input;

/* ---------------------------------------------------------------- output */

/* The next `size` bytes to write; NULL if they are only counted. */
static unsigned char *advance(output *out, size_t size)
{
	size_t at = out->length;

	/* GCOVR_EXCL_START: with 64 bits it takes 2^33 directives */
	if (sa_add_overflows(at, size, &out->length))
		out->length = SIZE_MAX;
	/* GCOVR_EXCL_STOP */
	/* A string may have grown since it was counted. */
	if (out->bytes == NULL || at > out->room || size > out->room - at)
		return NULL;
	return out->bytes + at;
}

static void put(output *out, const char *text, size_t size)
{
	unsigned char *bytes = advance(out, size);

	if (bytes != NULL && size != 0)
		memcpy(bytes, text, size);
}

static void fill(output *out, char byte, size_t count)
{
	unsigned char *bytes = advance(out, count);

	if (bytes != NULL && count != 0)
		memset(bytes, byte, count);
}

/* --------------------------------------------------------------- parsing */

/* A number, or * and an int.  -1 if it is above INT_MAX. */
static int parse_number(const char **at, input *in, int *number)
{
	*number = 0;
	if (**at == '*') {
		++*at;
		*number = va_arg(in->list, int);
		return *number == INT_MIN ? -1 : 0;
	}
	for (; **at >= '0' && **at <= '9'; ++*at)
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, **at - '0', number))
			return -1;
	return 0;
}

static int parse_width(const char **at, input *in, directive *what)
{
	int width;

	if (parse_number(at, in, &width) != 0)
		return -1;
	if (width < 0) {
		what->is_left = true;
		width = -width;
	}
	what->width = (size_t)width;
	return 0;
}

/* A negative one is none. */
static int parse_precision(const char **at, input *in, directive *what)
{
	int precision;

	if (**at != '.')
		return 0;
	++*at;
	if (parse_number(at, in, &precision) != 0)
		return -1;
	what->has_precision = precision >= 0;
	what->precision = what->has_precision ? (size_t)precision : 0;
	return 0;
}

static char parse_modifier(const char **at)
{
	char modifier = **at;

	if (modifier == '\0' || strchr("hljzt", modifier) == NULL)
		return 0;
	++*at;
	if ((modifier == 'h' || modifier == 'l') && **at == modifier) {
		++*at;
		return modifier == 'h' ? 'H' : 'L';
	}
	return modifier;
}

/* From behind the % to behind the conversion.  0 or -1. */
static int parse(const char **at, input *in, directive *what)
{
	*what = (directive){.is_left = false};
	for (; **at == '-' || **at == '0'; ++*at) {
		what->is_left |= **at == '-';
		what->is_zeroed |= **at == '0';
	}
	if (parse_width(at, in, what) != 0 ||
	    parse_precision(at, in, what) != 0)
		return -1;
	what->modifier = parse_modifier(at);
	what->conversion = **at;
	if (what->conversion == '\0')
		return -1;
	++*at;
	return 0;
}

/* ----------------------------------------------------------- conversions */

static void put_padded(output *out, const directive *what, const char *text,
		       size_t size)
{
	size_t padding = what->width > size ? what->width - size : 0;

	if (!what->is_left)
		fill(out, ' ', padding);
	put(out, text, size);
	if (what->is_left)
		fill(out, ' ', padding);
}

static int put_string(output *out, const directive *what, const char *text)
{
	if (text == NULL || what->modifier != 0)
		return -1;
	put_padded(out, what, text,
		   what->has_precision ? strnlen(text, what->precision)
				       : strlen(text));
	return 0;
}

static int put_char(output *out, const directive *what, int value)
{
	size_t padding = what->width > 1 ? what->width - 1 : 0;

	if (what->modifier != 0)
		return -1;
	if (!what->is_left)
		fill(out, ' ', padding);
	fill(out, (char)(unsigned char)value, 1);
	if (what->is_left)
		fill(out, ' ', padding);
	return 0;
}

static size_t count_digits(uintmax_t value, unsigned base)
{
	size_t count = 0;

	for (; value != 0; value /= base)
		count++;
	return count;
}

/* The lowest `count` digits, last one first, in their place. */
static void put_digits(output *out, uintmax_t value, const directive *what,
		       unsigned base, size_t count)
{
	const char *digits = what->conversion == 'X' ? "0123456789ABCDEF"
						     : "0123456789abcdef";
	unsigned char *bytes = advance(out, count);

	if (bytes == NULL)
		return;
	for (; count > 0; value /= base)
		bytes[--count] = (unsigned char)digits[value % base];
}

/* `sign` is what stands before the digits: "-", "0x" or nothing. */
static void put_number(output *out, const directive *what, const char *sign,
		       uintmax_t value, unsigned base)
{
	size_t count = count_digits(value, base);
	size_t least = what->has_precision ? what->precision : 1;
	size_t size, padding;

	if (count < least)
		count = least;
	size = strlen(sign) + count;
	padding = what->width > size ? what->width - size : 0;
	if (what->is_zeroed && !what->is_left && !what->has_precision) {
		count += padding;
		padding = 0;
	}
	if (!what->is_left)
		fill(out, ' ', padding);
	put(out, sign, strlen(sign));
	put_digits(out, value, what, base, count);
	if (what->is_left)
		fill(out, ' ', padding);
}

static intmax_t signed_argument(char modifier, input *in)
{
	switch (modifier) {
	case 'H':
		return (signed char)va_arg(in->list, int);
	case 'h':
		return (short)va_arg(in->list, int);
	case 'l':
		return va_arg(in->list, long);
	case 'L':
		return va_arg(in->list, long long);
	case 'j':
		return va_arg(in->list, intmax_t);
	case 'z':
	case 't':
		return va_arg(in->list, ptrdiff_t);
	default:
		return va_arg(in->list, int);
	}
}

static uintmax_t unsigned_argument(char modifier, input *in)
{
	switch (modifier) {
	case 'H':
		return (unsigned char)va_arg(in->list, unsigned);
	case 'h':
		return (unsigned short)va_arg(in->list, unsigned);
	case 'l':
		return va_arg(in->list, unsigned long);
	case 'L':
		return va_arg(in->list, unsigned long long);
	case 'j':
		return va_arg(in->list, uintmax_t);
	case 'z':
	case 't':
		return va_arg(in->list, size_t);
	default:
		return va_arg(in->list, unsigned);
	}
}

static void put_signed(output *out, const directive *what, intmax_t value)
{
	if (value < 0)
		put_number(out, what, "-", ~(uintmax_t)value + 1, 10);
	else
		put_number(out, what, "", (uintmax_t)value, 10);
}

static int put_pointer(output *out, const directive *what, const void *pointer)
{
	if (what->modifier != 0)
		return -1;
	put_number(out, what, "0x", (uintptr_t)pointer, 16);
	return 0;
}

static int convert(output *out, const directive *what, input *in)
{
	switch (what->conversion) {
	case 's':
		return put_string(out, what, va_arg(in->list, const char *));
	case 'c':
		return put_char(out, what, va_arg(in->list, int));
	case 'p':
		return put_pointer(out, what, va_arg(in->list, const void *));
	case 'd':
	case 'i':
		put_signed(out, what, signed_argument(what->modifier, in));
		return 0;
	case 'u':
	case 'o':
	case 'x':
	case 'X':
		put_number(out, what, "", unsigned_argument(what->modifier, in),
			   what->conversion == 'u'   ? 10
			   : what->conversion == 'o' ? 8
						     : 16);
		return 0;
	case '%':
		put(out, "%", 1);
		return 0;
	default:
		return -1;
	}
}

/* ---------------------------------------------------------------- format */

/* 0, or -1 if the format has what is not known. */
static int run(output *out, const char *format, input *in)
{
	const char *plain = format;
	directive what;

	while (*plain != '\0') {
		const char *at = plain + strcspn(plain, "%");

		put(out, plain, (size_t)(at - plain));
		if (*at == '\0')
			break;
		at++;
		if (parse(&at, in, &what) != 0 || convert(out, &what, in) != 0)
			return -1;
		plain = at;
	}
	return 0;
}

static int format_once(output *out, const char *format, va_list list)
{
	input copy;
	int result;

	va_copy(copy.list, list);
	result = run(out, format, &copy);
	va_end(copy.list);
	return result;
}

int sa_buffer_vprintf(sa_buffer *buffer, const char *format, va_list list)
{
	output count = {NULL, 0, 0}, out;

	if (buffer == NULL || format == NULL ||
	    format_once(&count, format, list) != 0) {
		errno = EINVAL;
		return -1;
	}
	if (sa_buffer_reserve(buffer, count.length) != 0)
		return -1;
	if (count.length == 0)
		return 0;
	out = (output){buffer->bytes + buffer->length, count.length, 0};
	(void)format_once(&out, format, list); /* It was well-formed. */
	buffer->length += count.length;
	return 0;
}

int sa_buffer_printf(sa_buffer *buffer, const char *format, ...)
{
	va_list list;
	int result;

	va_start(list, format);
	result = sa_buffer_vprintf(buffer, format, list);
	va_end(list);
	return result;
}
