/* SPDX-License-Identifier: ISC */
/* The machine on which was measured; nothing that tells whose it is. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdio.h>

/* As rows of a Markdown table with two columns. */
void machine_describe(FILE *stream);

#endif
