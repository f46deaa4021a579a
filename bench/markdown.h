/* SPDX-License-Identifier: ISC */
/* The report as Markdown. */
#ifndef BENCH_MARKDOWN_H
#define BENCH_MARKDOWN_H

#include <stdio.h>

#include "report.h"

void markdown_write(const struct report *report, FILE *stream);

#endif
