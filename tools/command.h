/* SPDX-License-Identifier: ISC */
/* The commands of the program, and what they may be told. */
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "sheet.h"

#define PROGRAM "sodium-arena"

/* Exit statuses. */
#define STATUS_OK 0
#define STATUS_BAD 1   /* does not fit; could not be done */
#define STATUS_USAGE 2 /* was asked wrongly */

struct command_options {
	size_t size;  /* of a secret */
	size_t count; /* of secrets; 0: not given */
	const struct sheet_form *sheet;
};

/* Each returns an exit status. */
int doctor_run(const struct command_options *options);
int bench_run(const struct command_options *options);
int demo_run(const struct command_options *options);

#endif
