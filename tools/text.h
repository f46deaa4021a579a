/* SPDX-License-Identifier: ISC */
/* Small files of the kernel's, read as text. */
#ifndef TOOLS_TEXT_H
#define TOOLS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_SIZE 512

struct text {
	char string[TEXT_SIZE];
};

/* The file's first line.  False if there is none to be read. */
bool text_line(const char *path, struct text *line);

/* What follows `key` and blanks in the file's first line that begins so. */
bool text_after(const char *path, const char *key, struct text *value);

/* The number that a file begins with; SIZE_MAX for "max", and for what no size
 * can tell: a 32-bit program on a 64-bit kernel reads such numbers. */
bool text_number(const char *path, size_t *number);

/* The decimal number that `text` begins with, in units of so many bytes; as
 * much as a size can tell. */
size_t text_size(const char *text, size_t unit);

/* All of `text` as a number, with or without a suffix K, M or G (of 1,024).
 * False if it is none, or too large. */
bool text_parse(const char *text, bool with_suffix, size_t *number);

/* printf() into a struct text; what does not fit is cut off. */
struct text text_format(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

#endif
