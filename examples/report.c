/* SPDX-License-Identifier: ISC */
/* Figures look the same in every locale. */
#include <stdarg.h>
#include <stdio.h>

#include "progress.h"
#include "report.h"

struct report_text report_number(size_t number)
{
	struct report_text text;
	char digits[24];
	int count = snprintf(digits, sizeof(digits), "%zu", number);
	char *out = text.s;

	for (int i = 0; i < count; i++) {
		if (i > 0 && (count - i) % 3 == 0)
			*out++ = ',';
		*out++ = digits[i];
	}
	*out = '\0';
	return text;
}

struct report_text report_size(size_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
	struct report_text text;
	double value = (double)bytes / 1024;
	size_t unit = 0;

	for (; value >= 1024 && unit < 4; unit++)
		value /= 1024;
	snprintf(text.s, sizeof(text.s), "%.1f %s", value, units[unit]);
	return text;
}

void report_row(const char *label, const char *format, ...)
{
	va_list arguments;

	progress_clear();
	printf("  %-16s ", label);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}
