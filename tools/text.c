/* SPDX-License-Identifier: ISC */
/* Lines and numbers out of files, by stdio. */
#include <config.h>

#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool text_after(const char *path, const char *key, struct text *value)
{
	struct text line;
	FILE *file = fopen(path, "re");
	bool found = false;

	if (file == NULL)
		return false;
	while (!found && fgets(line.string, TEXT_SIZE, file) != NULL) {
		const char *from = line.string + strlen(key);

		if (strncmp(line.string, key, strlen(key)) != 0)
			continue;
		from += strspn(from, " \t");
		snprintf(value->string, TEXT_SIZE, "%.*s",
			 (int)strcspn(from, "\n"), from);
		found = true;
	}
	fclose(file);
	return found;
}

bool text_line(const char *path, struct text *line)
{
	return text_after(path, "", line);
}

bool text_number(const char *path, size_t *number)
{
	struct text line;
	size_t digits;

	if (!text_line(path, &line))
		return false;
	digits = strspn(line.string, "0123456789");
	if (strcmp(line.string, "max") == 0)
		*number = SIZE_MAX;
	else if (digits != 0 && line.string[digits] == '\0')
		*number = text_size(line.string, 1);
	else
		return false;
	return true;
}

size_t text_size(const char *text, size_t unit)
{
	unsigned long long value = strtoull(text, NULL, 10);

	return value > SIZE_MAX / unit ? SIZE_MAX : (size_t)value * unit;
}

static bool shift_of(const char *suffix, unsigned *shift)
{
	static const char letters[] = "KMG";
	const char *letter;

	*shift = 0;
	if (*suffix == '\0')
		return true;
	letter = strchr(letters, *suffix);
	if (letter == NULL || suffix[1] != '\0')
		return false;
	*shift = 10 * (unsigned)(letter - letters + 1);
	return true;
}

bool text_parse(const char *text, bool with_suffix, size_t *number)
{
	unsigned long long value;
	unsigned shift;
	char *end;

	/* strtoull() takes signs and blanks, too. */
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || (!with_suffix && *end != '\0') ||
	    !shift_of(end, &shift) || value > SIZE_MAX >> shift)
		return false;
	*number = (size_t)value << shift;
	return true;
}

struct text text_format(const char *format, ...)
{
	struct text text;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text.string, TEXT_SIZE, format, arguments);
	va_end(arguments);
	return text;
}
