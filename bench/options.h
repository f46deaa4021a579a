/* SPDX-License-Identifier: ISC */
/* The command line. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "plan.h"
#include "report.h"

#define PROGRAM "sodium-arena-bench"

struct options {
	struct plan plan;
	size_t rounds; /* 0: what the effort says */
	void (*write)(const struct report *report);
	const char *folder; /* for tables and data; NULL: none */
};

/* 0: go on; 1: done, all is well; -1: wrong usage, and that was said. */
int options_parse(struct options *options, int argc, char **argv);

#endif
