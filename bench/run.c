/* SPDX-License-Identifier: ISC */
/*
 * Within a round every allocator takes its turn at every workload, and who
 * begins rotates, so that a slow minute of the machine hits all alike.
 */
#include <config.h>

#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocator.h"
#include "memory.h"
#include "object.h"
#include "scale.h"
#include "trial.h"
#include "workload.h"

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
static int note_status(char *note, int status)
{
	snprintf(note, REPORT_NOTE_SIZE, "%s",
		 status < 0   ? strsignal(-status)
		 : status > 0 ? strerror(status)
			      : "");
	return status == 0 ? 0 : -1;
}

/* ----------------------------------------------------------- workloads */

static void workload_body(const struct trial *trial, void *result)
{
	*(double *)result = trial->workload->run(trial);
}

/* Give one cell its value of this round, or a note. */
static int cell_run(struct cell *cell, const struct effort *effort,
		    size_t round)
{
	const struct trial trial = {
		cell->workload, cell->allocator, cell->count,
		cell->count * cell->workload->room, effort->duration};

	return note_status(cell->note, trial_run(workload_body, &trial,
						 &cell->values[round],
						 sizeof(cell->values[round])));
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

static int workloads_run(struct report *report, const struct effort *effort)
{
	int result = 0;

	for (size_t round = 0; round < report->rounds; round++)
		for (size_t first = 0; first < report->cell_count;
		     first += group_size(report, first))
			if (group_run(report, effort, first, round) != 0)
				result = -1;
	return result;
}

/* ---------------------------------------------------- memory and scale */

static int memory_cells_run(struct report *report)
{
	int result = 0;

	for (size_t i = 0; i < report->memory_cell_count; i++) {
		struct memory_cell *cell = &report->memory_cells[i];
		const struct trial trial = {NULL, cell->allocator, cell->count,
					    cell->count * KEY_SIZE, 0};

		progress(PLAN_MEMORY, cell->allocator->name, i,
			 report->memory_cell_count);
		if (note_status(cell->note,
				trial_run(memory_run, &trial, &cell->figures,
					  sizeof(cell->figures))) != 0)
			result = -1;
	}
	return result;
}

static int scale_cells_run(struct report *report)
{
	int result = 0;

	for (size_t i = 0; i < report->scale_cell_count; i++) {
		struct scale_cell *cell = &report->scale_cells[i];
		const struct trial trial = {NULL, cell->allocator, cell->count,
					    cell->count * KEY_SIZE, 0};

		progress(PLAN_SCALE, cell->allocator->name, i,
			 report->scale_cell_count);
		if (cell->note[0] == '\0' &&
		    note_status(cell->note,
				trial_run(scale_run, &trial, &cell->figures,
					  sizeof(cell->figures))) != 0)
			result = -1;
	}
	return result;
}

int run_measure(struct report *report, const struct effort *effort)
{
	int result = 0;

	getloadavg(&report->load, 1);
	if (workloads_run(report, effort) != 0)
		result = -1;
	if (memory_cells_run(report) != 0)
		result = -1;
	if (scale_cells_run(report) != 0)
		result = -1;
	progress_end();
	return result;
}
