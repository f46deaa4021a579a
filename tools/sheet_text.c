/* SPDX-License-Identifier: ISC */
/* A sheet as text on standard output. */
#include <config.h>

#include "sheet.h"

#include <stdio.h>
#include <string.h>

#define LABEL_WIDTH 40

static void write_section(const char *key, const char *title)
{
	(void)key;
	printf("%s\n", title);
}

static void write_text(const char *key, const char *label, const char *value)
{
	(void)key;
	printf("  %-*s %s\n", LABEL_WIDTH, label, value);
}

static void write_number(const char *key, const char *label, size_t value)
{
	if (value == SHEET_UNLIMITED)
		write_text(key, label, "no limit");
	else
		printf("  %-*s %zu\n", LABEL_WIDTH, label, value);
}

static void write_bytes(const char *key, const char *label, size_t value)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	double handy = (double)value / 1024;
	size_t unit = 0;

	if (value == SHEET_UNLIMITED || value < 1024) {
		write_number(key, label, value);
		return;
	}
	while (handy >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
		handy /= 1024;
		unit++;
	}
	printf("  %-*s %zu (%.4g %s)\n", LABEL_WIDTH, label, value, handy,
	       units[unit]);
}

static void write_real(const char *key, const char *label, double value,
		       const char *unit)
{
	(void)key;
	printf("  %-*s %.1f %s\n", LABEL_WIDTH, label, value, unit);
}

static void write_flag(const char *key, const char *label, bool value)
{
	write_text(key, label, value ? "yes" : "no");
}

static void write_advice(const char *what, const char *where, const char *line)
{
	printf("  %s, %s:\n      %s\n", what, where, line);
}

static int end(void)
{
	return fflush(stdout) == 0 && ferror(stdout) == 0 ? 0 : -1;
}

const struct sheet_form sheet_text = {
	write_section, write_text, write_number, write_bytes,
	write_real,    write_flag, write_advice, end,
};
