/* SPDX-License-Identifier: ISC */
/* The rows of the summary, and figures that can be read in them. */
#ifndef EXAMPLES_REPORT_H
#define EXAMPLES_REPORT_H

#include <stddef.h>

/* Returned by value: lives to the end of the expression that calls printf. */
struct report_text {
	char s[32];
};

/* 1234567 as "1,234,567". */
struct report_text report_number(size_t number);

/* 1572864 as "1.5 MiB". */
struct report_text report_size(size_t bytes);

/* A row on standard output; any progress line gives way to it. */
__attribute__((format(printf, 2, 3))) void report_row(const char *label,
						      const char *format, ...);

#endif
