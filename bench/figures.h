/* SPDX-License-Identifier: ISC */
/* The few figures by which an arena is judged. */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include <stdio.h>

#include "report.h"

/* As rows of a Markdown table with two columns; what is missing is left out. */
void figures_write(const struct report *report, FILE *stream);

#endif
