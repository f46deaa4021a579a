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

void sa_line_add_escaped(sa_line *line, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte == '"' || byte == '\\') {
			add_byte(line, '\\');
			add_byte(line, (char)byte);
		} else if (byte < 0x20 || byte == 0x7f) {
			sa_line_add(line, "\\u00");
			add_byte(line, hex_digits[byte >> 4]);
			add_byte(line, hex_digits[byte & 15]);
		} else {
			add_byte(line, (char)byte);
		}
	}
}

int sa_line_write(const sa_line *line, int fd)
{
	size_t done = 0;

	while (done < line->length) {
		ssize_t n = write(fd, line->text + done, line->length - done);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}
