/* SPDX-License-Identifier: ISC */
/* sodium-arena: commands and their options. */
#include <config.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "text.h"

#define SIZE_DEFAULT 32

struct command {
	const char *name;
	int (*run)(const struct command_options *options);
	bool takes_figures; /* --size, --count, --json */
};

static const struct command commands[] = {
	{"doctor", doctor_run, true},
	{"bench", bench_run, true},
	{"demo", demo_run, false},
};

static const struct option table[] = {
	{"size", required_argument, NULL, 's'},
	{"count", required_argument, NULL, 'n'},
	{"json", no_argument, NULL, 'j'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static void usage(FILE *stream)
{
	fputs("Usage: " PROGRAM " COMMAND [OPTION]...\n"
	      "\n"
	      "  doctor            what this machine and process allow\n"
	      "  bench             a quick measurement\n"
	      "  demo              a guided run\n"
	      "\n"
	      "  -s, --size=BYTES  of each secret (default 32); also 4K, 1M\n"
	      "  -n, --count=N     how many secrets have to fit\n"
	      "  -j, --json        one JSON object instead of text\n"
	      "  -h, --help        this text\n"
	      "  -V, --version     the version\n"
	      "\n"
	      "Exits with 0 if all is well and what was asked for fits, 1 if "
	      "not,\n2 if it was called wrongly.\n",
	      stream);
}

/* What was asked for with --help or --version. */
static int inform(int letter)
{
	if (letter == 'h')
		usage(stdout);
	else
		puts(PROGRAM " " PACKAGE_VERSION);
	if (fflush(stdout) == 0)
		return STATUS_OK;
	perror(PROGRAM ": standard output");
	return STATUS_BAD;
}

static int wrong(const char *what, const char *which)
{
	fprintf(stderr, PROGRAM ": %s%s; see " PROGRAM " --help\n", what,
		which);
	return STATUS_USAGE;
}

static int apply(struct command_options *options, int letter)
{
	switch (letter) {
	case 's':
		return text_parse(optarg, true, &options->size)
			       ? 0
			       : wrong("no size: ", optarg);
	case 'n':
		return text_parse(optarg, false, &options->count) &&
				       options->count != 0
			       ? 0
			       : wrong("no number above 0: ", optarg);
	case 'j':
		options->sheet = sheet_json;
		return sheet_json != NULL
			       ? 0
			       : wrong("--json: this was built without "
				       "jansson",
				       "");
	default:
		return wrong("a wrong option", "");
	}
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int run(int argc, char **argv, const struct command_options *options,
	       bool has_figures)
{
	const struct command *command;

	if (optind >= argc)
		return wrong("no command", "");
	command = find(argv[optind]);
	if (command == NULL)
		return wrong("no such command: ", argv[optind]);
	if (optind + 1 < argc)
		return wrong("too many arguments: ", argv[optind + 1]);
	if (has_figures && !command->takes_figures)
		return wrong("no options are for ", command->name);
	return command->run(options);
}

int main(int argc, char **argv)
{
	struct command_options options = {SIZE_DEFAULT, 0, &sheet_text};
	bool has_figures = false;
	int letter, status;

	/* The command stands before its options, and would end them. */
	unsetenv("POSIXLY_CORRECT");
	while ((letter = getopt_long(argc, argv, "s:n:jhV", table, NULL)) !=
	       -1) {
		if (letter == 'h' || letter == 'V')
			return inform(letter);
		status = apply(&options, letter);
		if (status != 0)
			return status;
		has_figures = true;
	}
	return run(argc, argv, &options, has_figures);
}
