/* SPDX-License-Identifier: ISC */
/*
 * Ratios are taken within each round, where all allocators met the same
 * machine, and their median is shown.
 */
#include <config.h>

#include "report.h"

#include <stdio.h>
#include <string.h>

const struct cell *report_cell(const struct report *report,
			       const char *workload, const char *allocator)
{
	for (size_t i = 0; i < report->cell_count; i++) {
		const struct cell *cell = &report->cells[i];

		if (cell->note[0] == '\0' &&
		    strcmp(cell->workload->name, workload) == 0 &&
		    strcmp(cell->allocator->name, allocator) == 0)
			return cell;
	}
	return NULL;
}

struct measure_spread report_spread(const struct report *report,
				    const struct cell *cell)
{
	return measure_spread(cell->values, report->rounds);
}

double report_ratio(const struct report *report, const struct cell *cell,
		    const char *name)
{
	const struct cell *base =
		report_cell(report, cell->workload->name, name);

	if (base == NULL || cell->note[0] != '\0' ||
	    strcmp(cell->workload->unit, "ns") != 0)
		return 0;
	return measure_ratio(cell->values, base->values, report->rounds).median;
}

const struct scale_cell *report_scale_base(const struct report *report,
					   const struct scale_cell *cell)
{
	for (size_t i = 0; i < report->scale_cell_count; i++) {
		const struct scale_cell *base = &report->scale_cells[i];

		if (base->allocator == cell->allocator &&
		    base->count == scale_counts[0] && base->note[0] == '\0')
			return base;
	}
	return NULL;
}

double report_per_object(size_t filled, size_t before, size_t count)
{
	return ((double)filled - (double)before) / (double)count;
}

struct text report_figure(double value)
{
	struct text text;
	int digits = value < 10 ? 2 : value < 1000 ? 1 : 0;

	snprintf(text.string, sizeof(text.string), "%.*f", digits, value);
	return text;
}
