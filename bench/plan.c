/* SPDX-License-Identifier: ISC */
/* A cell that cannot be measured is laid out too, with a note why. */
#include <config.h>

#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "object.h"
#include "pattern.h"
#include "workload.h"

#define MILLISECOND ((uint64_t)1000000)
#define MILLION ((size_t)1000000)

const struct effort effort_usual = {5, 100 * MILLISECOND, SIZE_MAX,
				    1, MILLION,           0};
const struct effort effort_quick = {3, 20 * MILLISECOND, 100000, 10, 100000, 0};
const struct effort effort_full = {5, 100 * MILLISECOND, SIZE_MAX,
				   1, MILLION,           1};

/*
 * Bytes that an object takes in the run that goes far up, its pointer
 * included, and what the rest of the machine is left with.
 */
#define SCALE_ROOM ((size_t)64)
#define SCALE_REST ((size_t)1 << 30)

static int is_workload(const char *pattern)
{
	for (size_t i = 0; i < workload_count; i++)
		if (pattern_matches(pattern, workloads[i].name))
			return 1;
	return pattern_matches(pattern, PLAN_MEMORY) ||
	       pattern_matches(pattern, PLAN_SCALE);
}

static int is_allocator(const char *pattern)
{
	for (size_t i = 0; i < allocator_count; i++)
		if (pattern_matches(pattern, allocators[i]->name))
			return 1;
	return 0;
}

int plan_has_workloads(const char *patterns)
{
	return pattern_all_known(patterns, is_workload);
}

int plan_has_allocators(const char *patterns)
{
	return pattern_all_known(patterns, is_allocator);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* As many of `count` objects as the allocator can hold. */
static size_t count_for(const struct effort *effort,
			const struct allocator *allocator, size_t count,
			size_t room)
{
	if (allocator->object_limit != SIZE_MAX)
		count = smaller(count,
				allocator->object_limit / effort->divisor);
	return smaller(count, allocator->size_limit / room);
}

static void cell_init(struct cell *cell, const struct effort *effort,
		      const struct workload *workload,
		      const struct allocator *allocator)
{
	const char *obstacle;

	cell->workload = workload;
	cell->allocator = allocator;
	cell->count =
		count_for(effort, allocator, workload->count, workload->room);
	obstacle = workload_obstacle(workload, allocator, cell->count);
	snprintf(cell->note, sizeof(cell->note), "%s",
		 obstacle != NULL ? obstacle : "");
}

static int is_planned(const struct plan *plan, const struct workload *workload)
{
	return workload->count <= plan->effort.count_limit &&
	       (plan->effort.is_full ||
		!(workload->flags & WORKLOAD_IS_LONG)) &&
	       pattern_selects(plan->only, workload->name);
}

static void lay_out_workload(const struct plan *plan, struct report *report,
			     const struct workload *workload)
{
	if (!is_planned(plan, workload))
		return;
	for (size_t i = 0; i < allocator_count; i++)
		if (pattern_selects(plan->allocators, allocators[i]->name))
			cell_init(&report->cells[report->cell_count++],
				  &plan->effort, workload, allocators[i]);
}

static void lay_out_memory(const struct plan *plan, struct report *report)
{
	if (!pattern_selects(plan->only, PLAN_MEMORY))
		return;
	for (size_t i = 0; i < allocator_count; i++) {
		struct memory_cell *cell =
			&report->memory_cells[report->memory_cell_count];

		if (!pattern_selects(plan->allocators, allocators[i]->name))
			continue;
		cell->allocator = allocators[i];
		cell->count = count_for(&plan->effort, allocators[i],
					plan->effort.memory_count, KEY_SIZE);
		report->memory_cell_count++;
	}
}

static void scale_cell_init(struct scale_cell *cell,
			    const struct allocator *allocator, size_t count,
			    size_t available)
{
	cell->allocator = allocator;
	cell->count = count;
	if (count * SCALE_ROOM + SCALE_REST > available)
		snprintf(cell->note, sizeof(cell->note), "too little memory");
}

static void lay_out_scale(const struct plan *plan, struct report *report)
{
	size_t available = memory_available();

	if (!plan->effort.is_full || !pattern_selects(plan->only, PLAN_SCALE))
		return;
	for (size_t i = 0; i < allocator_count; i++) {
		if (!allocators[i]->is_scaled ||
		    !pattern_selects(plan->allocators, allocators[i]->name))
			continue;
		for (size_t j = 0; j < scale_count_count; j++)
			scale_cell_init(&report->scale_cells
						 [report->scale_cell_count++],
					allocators[i], scale_counts[j],
					available);
	}
}

int plan_lay_out(const struct plan *plan, struct report *report)
{
	memset(report, 0, sizeof(*report));
	report->rounds = plan->effort.rounds;
	report->cells = calloc(workload_count * allocator_count,
			       sizeof(*report->cells));
	report->memory_cells =
		calloc(allocator_count, sizeof(*report->memory_cells));
	report->scale_cells = calloc(scale_count_count * allocator_count,
				     sizeof(*report->scale_cells));
	if (report->cells == NULL || report->memory_cells == NULL ||
	    report->scale_cells == NULL)
		return -1;
	for (size_t i = 0; i < workload_count; i++)
		lay_out_workload(plan, report, &workloads[i]);
	lay_out_memory(plan, report);
	lay_out_scale(plan, report);
	return 0;
}

void plan_release(struct report *report)
{
	free(report->cells);
	free(report->memory_cells);
	free(report->scale_cells);
}
