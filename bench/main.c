/* SPDX-License-Identifier: ISC */
/* sodium-arena-bench: the order of things. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "options.h"
#include "plan.h"
#include "report.h"
#include "run.h"

#define EXIT_USAGE 2

/* sodium-arena refuses what it cannot lock: ask for all that is allowed. */
static void lock_limit_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &limit);
}

static int is_empty(const struct report *report)
{
	return report->cell_count + report->memory_cell_count +
		       report->scale_cell_count ==
	       0;
}

/* 0, or -1 and it was said: a full disk must not look like success. */
static int flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	perror(PROGRAM ": standard output");
	return -1;
}

/* Better now than when all is measured. */
static int is_folder(const char *folder)
{
	if (access(folder, W_OK | X_OK) == 0)
		return 1;
	fprintf(stderr, PROGRAM ": ");
	perror(folder);
	return 0;
}

static int measure(const struct options *options, struct report *report)
{
	int result;

	if (is_empty(report)) {
		fprintf(stderr, PROGRAM ": only --full measures that\n");
		return EXIT_USAGE;
	}
	if (options->folder != NULL && !is_folder(options->folder))
		return EXIT_FAILURE;
	lock_limit_raise();
	result = run_measure(report, &options->plan.effort);
	options->write(report);
	if (flush() != 0)
		result = -1;
	if (options->folder != NULL &&
	    report_folder(report, options->folder) != 0) {
		perror(PROGRAM);
		return EXIT_FAILURE;
	}
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct options options;
	struct report report;
	int result = options_parse(&options, argc, argv);

	if (result < 0)
		return EXIT_USAGE;
	if (result > 0)
		return flush() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	if (plan_lay_out(&options.plan, &report) != 0) {
		perror(PROGRAM);
		return EXIT_FAILURE;
	}
	result = measure(&options, &report);
	plan_release(&report);
	return result;
}
