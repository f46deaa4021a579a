/* SPDX-License-Identifier: ISC */
/* A run: measuring what is laid out, round by round. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "plan.h"
#include "report.h"

/* Fill the cells; -1 if one that should have been measured was not. */
int run_measure(struct report *report, const struct effort *effort);

#endif
