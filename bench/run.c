/* SPDX-License-Identifier: ISC */
/*
 * Within a round every allocator takes its turn at every workload, and who
 * begins rotates, so that a slow minute of the machine hits all alike.
 */
#include <config.h>

#include "run.h"

#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocator.h"
#include "measure.h"
#include "memory.h"
#include "trial.h"
#include "workload.h"

#define PATTERN_SIZE 64 /* longer than any name */

#define MILLISECOND ((uint64_t)1000000)

const struct effort effort_full = {5, 100 * MILLISECOND, SIZE_MAX, 1, 1000000};
const struct effort effort_quick = {3, 20 * MILLISECOND, 100000, 10, 100000};

/* ----------------------------------------------------------- selection */

/* Cut the first of comma-separated patterns off; 0 if none is left. */
static int pattern_next(const char **patterns, char pattern[PATTERN_SIZE])
{
	size_t size;

	if (*patterns == NULL)
		return 0;
	size = strcspn(*patterns, ",");
	snprintf(pattern, PATTERN_SIZE, "%.*s", (int)size, *patterns);
	*patterns = (*patterns)[size] == ',' ? *patterns + size + 1 : NULL;
	return 1;
}

/* Does `name` match one of the patterns?  NULL: yes. */
static int is_selected(const char *patterns, const char *name)
{
	char pattern[PATTERN_SIZE];

	if (patterns == NULL)
		return 1;
	while (pattern_next(&patterns, pattern))
		if (fnmatch(pattern, name, 0) == 0)
			return 1;
	return 0;
}

static int is_workload(const char *pattern)
{
	for (size_t i = 0; i < workload_count; i++)
		if (fnmatch(pattern, workloads[i].name, 0) == 0)
			return 1;
	return fnmatch(pattern, RUN_MEMORY, 0) == 0;
}

static int is_allocator(const char *pattern)
{
	for (size_t i = 0; i < allocator_count; i++)
		if (fnmatch(pattern, allocators[i]->name, 0) == 0)
			return 1;
	return 0;
}

static int are_known(const char *patterns, int (*is_known)(const char *pattern))
{
	char pattern[PATTERN_SIZE];

	while (pattern_next(&patterns, pattern))
		if (!is_known(pattern))
			return 0;
	return 1;
}

int run_has_workloads(const char *patterns)
{
	return are_known(patterns, is_workload);
}

int run_has_allocators(const char *patterns)
{
	return are_known(patterns, is_allocator);
}

static size_t count_for(const struct run_options *options,
			const struct allocator *allocator, size_t count)
{
	size_t limit = allocator->object_limit;

	if (limit != SIZE_MAX)
		limit /= options->effort.divisor;
	return count < limit ? count : limit;
}

static void cell_init(struct cell *cell, const struct run_options *options,
		      const struct workload *workload,
		      const struct allocator *allocator)
{
	const char *obstacle;

	cell->workload = workload;
	cell->allocator = allocator;
	cell->count = count_for(options, allocator, workload->count);
	obstacle = workload_obstacle(workload, allocator, cell->count);
	snprintf(cell->note, sizeof(cell->note), "%s",
		 obstacle != NULL ? obstacle : "");
}

static void plan_workload(struct report *report,
			  const struct run_options *options,
			  const struct workload *workload)
{
	if (workload->count > options->effort.count_limit ||
	    !is_selected(options->only, workload->name))
		return;
	for (size_t i = 0; i < allocator_count; i++)
		if (is_selected(options->allocators, allocators[i]->name))
			cell_init(&report->cells[report->cell_count++], options,
				  workload, allocators[i]);
}

static void plan_memory(struct report *report,
			const struct run_options *options)
{
	if (!is_selected(options->only, RUN_MEMORY))
		return;
	for (size_t i = 0; i < allocator_count; i++) {
		struct memory_cell *cell =
			&report->memory_cells[report->memory_cell_count];

		if (!is_selected(options->allocators, allocators[i]->name))
			continue;
		cell->allocator = allocators[i];
		cell->count = count_for(options, allocators[i],
					options->effort.memory_count);
		report->memory_cell_count++;
	}
}

int run_plan(struct report *report, const struct run_options *options)
{
	memset(report, 0, sizeof(*report));
	report->rounds = options->effort.rounds;
	report->cells = calloc(workload_count * allocator_count,
			       sizeof(*report->cells));
	report->memory_cells =
		calloc(allocator_count, sizeof(*report->memory_cells));
	if (report->cells == NULL || report->memory_cells == NULL)
		return -1;
	for (size_t i = 0; i < workload_count; i++)
		plan_workload(report, options, &workloads[i]);
	plan_memory(report, options);
	return 0;
}

/* ----------------------------------------------------------------- run */

/* Progress is for people: only on a terminal. */
static void progress(const char *workload, const char *allocator, size_t done,
		     size_t total)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K%3zu%% %s, %s", 100 * done / total,
			workload, allocator);
}

static void progress_end(void)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
}

/* Why a trial gave no value; empty if it gave one. */
static void note_status(char *note, int status)
{
	snprintf(note, REPORT_NOTE_SIZE, "%s",
		 status < 0   ? strsignal(-status)
		 : status > 0 ? strerror(status)
			      : "");
}

static void workload_body(const struct trial *trial, void *result)
{
	*(double *)result = trial->workload->run(trial);
}

/* Give one cell its value of this round, or a note. */
static int cell_run(struct cell *cell, const struct effort *effort,
		    size_t round)
{
	const struct trial trial = {cell->workload, cell->allocator,
				    cell->count, effort->duration};
	int status = trial_run(workload_body, &trial, &cell->values[round],
			       sizeof(cell->values[round]));

	note_status(cell->note, status);
	return status == 0 ? 0 : -1;
}

static int memory_cell_run(struct memory_cell *cell,
			   const struct effort *effort)
{
	const struct trial trial = {NULL, cell->allocator, cell->count,
				    effort->duration};
	int status = trial_run(memory_run, &trial, &cell->figures,
			       sizeof(cell->figures));

	note_status(cell->note, status);
	return status == 0 ? 0 : -1;
}

/* Cells of one workload are neighbours: the first of them and how many. */
static size_t group_size(const struct report *report, size_t first)
{
	size_t end = first;

	while (end < report->cell_count &&
	       report->cells[end].workload == report->cells[first].workload)
		end++;
	return end - first;
}

static int group_run(struct report *report, const struct effort *effort,
		     size_t first, size_t round)
{
	size_t size = group_size(report, first);
	int result = 0;

	for (size_t i = 0; i < size; i++) {
		struct cell *cell = &report->cells[first + (i + round) % size];

		progress(cell->workload->name, cell->allocator->name,
			 round * report->cell_count + first + i,
			 report->rounds * report->cell_count);
		if (cell->note[0] == '\0' && cell_run(cell, effort, round) != 0)
			result = -1;
	}
	return result;
}

int run_measure(struct report *report, const struct effort *effort)
{
	int result = 0;

	getloadavg(&report->load, 1);
	for (size_t round = 0; round < report->rounds; round++)
		for (size_t first = 0; first < report->cell_count;
		     first += group_size(report, first))
			if (group_run(report, effort, first, round) != 0)
				result = -1;
	for (size_t i = 0; i < report->memory_cell_count; i++) {
		struct memory_cell *cell = &report->memory_cells[i];

		progress(RUN_MEMORY, cell->allocator->name, 1, 1);
		if (memory_cell_run(cell, effort) != 0)
			result = -1;
	}
	progress_end();
	return result;
}

void run_release(struct report *report)
{
	free(report->cells);
	free(report->memory_cells);
}
