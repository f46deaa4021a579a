/* SPDX-License-Identifier: ISC */
/* sodium-arena-bench: its options, and the order of things. */
#include <config.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "allocator.h"
#include "measure.h"
#include "report.h"
#include "run.h"
#include "workload.h"

#define PROGRAM "sodium-arena-bench"

#define MEMORY_TITLE "bytes an object, mappings, what teardown leaves"

#define EXIT_USAGE 2

struct options {
	struct run_options run;
	void (*write)(const struct report *report);
};

static void usage(FILE *stream)
{
	fprintf(stream,
		"Usage: " PROGRAM " [OPTION]...\n"
		"Compare arenas with malloc and sodium_malloc.\n"
		"\n"
		"  -n, --rounds=N         measure N times (default %zu)\n"
		"  -q, --quick            a rough look in seconds\n"
		"  -o, --only=LIST        these workloads, shell patterns\n"
		"  -a, --allocators=LIST  these allocators, shell patterns\n"
		"  -j, --json             one JSON object a line\n"
		"  -l, --list             what there is to choose from\n"
		"  -h, --help             this text\n"
		"  -V, --version          the version\n"
		"\n"
		"Exits with 1 if something could not be measured.\n",
		effort_full.rounds);
}

static void list(void)
{
	puts("workloads:");
	for (size_t i = 0; i < workload_count; i++)
		printf("  %-18s %s\n", workloads[i].name, workloads[i].title);
	printf("  %-18s %s\n", RUN_MEMORY, MEMORY_TITLE);
	puts("allocators:");
	for (size_t i = 0; i < allocator_count; i++)
		printf("  %-18s %s\n", allocators[i]->name,
		       allocators[i]->title);
}

/* 0 if `text` is no number of rounds. */
static size_t rounds_parse(const char *text)
{
	char *end;
	unsigned long rounds = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || rounds == 0 ||
	    rounds > MEASURE_VALUES_MAX) {
		fprintf(stderr, PROGRAM ": rounds are 1 to %d\n",
			MEASURE_VALUES_MAX);
		return 0;
	}
	return rounds;
}

static int options_check(const struct options *options, int argc)
{
	if (optind < argc)
		fprintf(stderr, PROGRAM ": arguments without an option\n");
	else if (!run_has_workloads(options->run.only))
		fprintf(stderr, PROGRAM ": unknown workload; see --list\n");
	else if (!run_has_allocators(options->run.allocators))
		fprintf(stderr, PROGRAM ": unknown allocator; see --list\n");
	else
		return 0;
	return -1;
}

/* 0: go on; 1: done, all is well; -1: wrong usage. */
static int options_parse(struct options *options, int argc, char **argv)
{
	static const struct option table[] = {
		{"rounds", required_argument, NULL, 'n'},
		{"quick", no_argument, NULL, 'q'},
		{"only", required_argument, NULL, 'o'},
		{"allocators", required_argument, NULL, 'a'},
		{"json", no_argument, NULL, 'j'},
		{"list", no_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	size_t rounds = 0;
	int letter;

	while ((letter = getopt_long(argc, argv, "n:qo:a:jlhV", table, NULL)) !=
	       -1) {
		switch (letter) {
		case 'n':
			rounds = rounds_parse(optarg);
			if (rounds == 0)
				return -1;
			break;
		case 'q':
			options->run.effort = effort_quick;
			break;
		case 'o':
			options->run.only = optarg;
			break;
		case 'a':
			options->run.allocators = optarg;
			break;
		case 'j':
			options->write = report_json;
			break;
		case 'l':
			list();
			return 1;
		case 'h':
			usage(stdout);
			return 1;
		case 'V':
			puts(PROGRAM " " PACKAGE_VERSION);
			return 1;
		default:
			usage(stderr);
			return -1;
		}
	}
	if (rounds != 0)
		options->run.effort.rounds = rounds;
	return options_check(options, argc);
}

/* sodium-arena refuses what it cannot lock: ask for all that is allowed. */
static void lock_limit_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &limit);
}

int main(int argc, char **argv)
{
	struct options options = {{effort_full, NULL, NULL}, report_table};
	struct report report;
	int result = options_parse(&options, argc, argv);

	if (result != 0)
		return result > 0 ? EXIT_SUCCESS : EXIT_USAGE;
	if (run_plan(&report, &options.run) != 0) {
		perror(PROGRAM);
		return EXIT_FAILURE;
	}
	lock_limit_raise();
	result = run_measure(&report, &options.run.effort);
	options.write(&report);
	run_release(&report);
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
