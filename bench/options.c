/* SPDX-License-Identifier: ISC */
/* Every option has a letter and a word; what asks for text ends the program. */
#include <config.h>

#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "allocator.h"
#include "workload.h"

static const struct option table[] = {
	{"rounds", required_argument, NULL, 'n'},
	{"quick", no_argument, NULL, 'q'},
	{"full", no_argument, NULL, 'f'},
	{"scale", no_argument, NULL, 's'},
	{"only", required_argument, NULL, 'o'},
	{"allocators", required_argument, NULL, 'a'},
	{"json", no_argument, NULL, 'j'},
	{"report", required_argument, NULL, 'r'},
	{"list", no_argument, NULL, 'l'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static void usage(FILE *stream)
{
	fprintf(stream,
		"Usage: " PROGRAM " [OPTION]...\n"
		"Compare arenas with malloc and allocators of locked memory.\n"
		"\n"
		"  -n, --rounds=N         measure N times (default %zu)\n"
		"  -q, --quick            a rough look in seconds\n"
		"  -f, --full             ten million objects and more, too\n"
		"  -s, --scale            only up to 100 million objects\n"
		"  -o, --only=LIST        these workloads, shell patterns\n"
		"  -a, --allocators=LIST  these allocators, shell patterns\n"
		"  -j, --json             one JSON object a line\n"
		"  -r, --report=FOLDER    tables and data for pictures, too\n"
		"  -l, --list             what there is to choose from\n"
		"  -h, --help             this text\n"
		"  -V, --version          the version\n"
		"\n"
		"Exits with 1 if something could not be measured or written.\n",
		effort_usual.rounds);
}

static void list(void)
{
	puts("workloads:");
	for (size_t i = 0; i < workload_count; i++)
		printf("  %-18s %s%s\n", workloads[i].name, workloads[i].title,
		       workloads[i].flags & WORKLOAD_IS_LONG ? " (--full)"
							     : "");
	puts("  " PLAN_MEMORY "             bytes an object, mappings, what "
	     "teardown leaves");
	puts("  " PLAN_SCALE "              up to 100 million objects (--full, "
	     "--scale)");
	puts("allocators:");
	for (size_t i = 0; i < allocator_count; i++)
		printf("  %-18s %s\n", allocators[i]->name,
		       allocators[i]->title);
}

static int rounds_parse(struct options *options, const char *text)
{
	char *end;
	unsigned long rounds = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || rounds == 0 ||
	    rounds > MEASURE_VALUES_MAX) {
		fprintf(stderr, PROGRAM ": rounds are 1 to %d\n",
			MEASURE_VALUES_MAX);
		return -1;
	}
	options->rounds = rounds;
	return 0;
}

/* A letter that ends the program: 1 if that is what was asked for, or -1. */
static int end_with(int letter)
{
	if (letter == 'l')
		list();
	else if (letter == 'V')
		puts(PROGRAM " " PACKAGE_VERSION);
	else
		usage(letter == 'h' ? stdout : stderr);
	return letter == '?' ? -1 : 1;
}

static int apply(struct options *options, int letter)
{
	switch (letter) {
	case 'n':
		return rounds_parse(options, optarg);
	case 'q':
		options->plan.effort = effort_quick;
		return 0;
	case 'f':
		options->plan.effort = effort_full;
		return 0;
	case 's':
		options->plan.effort = effort_full;
		options->plan.only = PLAN_SCALE;
		return 0;
	case 'o':
		options->plan.only = optarg;
		return 0;
	case 'a':
		options->plan.allocators = optarg;
		return 0;
	case 'j':
		options->write = report_json;
		return 0;
	case 'r':
		options->folder = optarg;
		return 0;
	default:
		return end_with(letter);
	}
}

static int check(const struct options *options, int argc)
{
	if (optind < argc)
		fprintf(stderr, PROGRAM ": arguments without an option\n");
	else if (!plan_has_workloads(options->plan.only))
		fprintf(stderr, PROGRAM ": unknown workload; see --list\n");
	else if (!plan_has_allocators(options->plan.allocators))
		fprintf(stderr, PROGRAM ": unknown allocator; see --list\n");
	else
		return 0;
	return -1;
}

int options_parse(struct options *options, int argc, char **argv)
{
	int result = 0;
	int letter;

	*options = (struct options){.plan = {effort_usual, NULL, NULL},
				    .write = report_table};
	while (result == 0 &&
	       (letter = getopt_long(argc, argv, "n:qfso:a:jr:lhV", table,
				     NULL)) != -1)
		result = apply(options, letter);
	if (result != 0)
		return result;
	if (options->rounds != 0)
		options->plan.effort.rounds = options->rounds;
	return check(options, argc);
}
