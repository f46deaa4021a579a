/* SPDX-License-Identifier: ISC */
/*
 * Data for the pictures: tab separated values, a line of names first.  "NaN"
 * stands for what was not measured.
 */
#ifndef BENCH_PICTURES_H
#define BENCH_PICTURES_H

#include <stdio.h>

#include "report.h"

/* Millions of operations a second: workloads down, allocators across. */
void pictures_throughput(const struct report *report, FILE *stream);

/* Nanoseconds to replace an object: numbers of live ones down. */
void pictures_objects(const struct report *report, FILE *stream);

/* Throughput over one thread's: numbers of threads down. */
void pictures_threads(const struct report *report, FILE *stream);

/* Bytes a secret: allocators down. */
void pictures_bytes(const struct report *report, FILE *stream);

#endif
