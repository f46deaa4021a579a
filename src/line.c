/* SPDX-License-Identifier: ISC */
/* Text lines without stdio or heap: digits, escapes, write(2). */
#include <config.h>

#include "line.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char hex_digits[] = "0123456789abcdef";

void sa_line_clear(sa_line *line)
{
	line->length = 0;
}

static void add_byte(sa_line *line, char byte)
{
	if (line->length < sizeof line->text)
		line->text[line->length++] = byte;
}

void sa_line_add(sa_line *line, const char *text)
{
	while (*text != '\0')
		add_byte(line, *text++);
}

static void add_number(sa_line *line, uint64_t value, unsigned base)
{
	char digits[20]; /* of 2^64 - 1 in decimal */
	size_t n = sizeof digits;

	do {
		digits[--n] = hex_digits[value % base];
		value /= base;
	} while (value != 0);
	while (n < sizeof digits)
		add_byte(line, digits[n++]);
}

void sa_line_add_unsigned(sa_line *line, uint64_t value)
{
	add_number(line, value, 10);
}

void sa_line_add_signed(sa_line *line, int64_t value)
{
	if (value < 0)
		add_byte(line, '-');
	add_number(line, value < 0 ? ~(uint64_t)value + 1 : (uint64_t)value,
		   10);
}

void sa_line_add_pointer(sa_line *line, const void *pointer)
{
	sa_line_add(line, "0x");
	add_number(line, (uint64_t)(uintptr_t)pointer, 16);
}

/* One UTF-16 unit as JSON has it. */
static void add_unit(sa_line *line, uint32_t unit)
{
	sa_line_add(line, "\\u");
	for (int shift = 12; shift >= 0; shift -= 4)
		add_byte(line, hex_digits[unit >> shift & 15]);
}

static void add_code_point(sa_line *line, uint32_t code)
{
	if (code < 0x10000) {
		add_unit(line, code);
		return;
	}
	code -= 0x10000;
	add_unit(line, 0xd800 | code >> 10);
	add_unit(line, 0xdc00 | (code & 0x3ff));
}

/*
 * Decode one UTF-8 sequence (RFC 3629) that begins with a byte above 0x7f.
 * Returns its length; 1 and U+FFFD if it is none.
 */
static size_t decode(const unsigned char *text, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
	uint32_t value = text[0] & (0x7fu >> length);

	*code = 0xfffd;
	if (text[0] < 0xc0 || text[0] > 0xf4)
		return 1;
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 1;
		value = value << 6 | (text[i] & 0x3f);
	}
	if (value < least[length] || value > 0x10ffff ||
	    (value >= 0xd800 && value < 0xe000))
		return 1;
	*code = value;
	return length;
}

void sa_line_add_escaped(sa_line *line, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	uint32_t code;

	while (*at != '\0') {
		if (*at >= 0x80) {
			at += decode(at, &code);
			add_code_point(line, code);
			continue;
		}
		if (*at < 0x20 || *at == 0x7f) {
			add_unit(line, *at);
		} else {
			if (*at == '"' || *at == '\\')
				add_byte(line, '\\');
			add_byte(line, (char)*at);
		}
		at++;
	}
}

int sa_line_write(const sa_line *line, int fd)
{
	size_t done = 0;

	while (done < line->length) {
		ssize_t n = write(fd, line->text + done, line->length - done);

		/* Who takes nothing now may never take more. */
		if (n == 0)
			errno = EIO;
		if (n <= 0 && errno != EINTR)
			return -1;
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

const int sa_line_signals[SA_LINE_SIGNALS] = {SIGPIPE, SIGXFSZ};

sigset_t sa_line_signal_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (int i = 0; i < SA_LINE_SIGNALS; i++)
		sigaddset(&set, sa_line_signals[i]);
	return set;
}
