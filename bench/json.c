/* SPDX-License-Identifier: ISC */
/* The report as JSON, one object a line, to standard output. */
#include <config.h>

#include <stdint.h>
#include <stdio.h>

#include "report.h"

static void member(const char *key, double value)
{
	if (value > 0)
		printf(",\"%s\":%.6g", key, value);
}

static void cell_values(const struct report *report, const struct cell *cell)
{
	struct measure_spread spread = report_spread(report, cell);

	printf(",\"median\":%.6g,\"min\":%.6g,\"max\":%.6g,\"mad\":%.6g",
	       spread.median, spread.min, spread.max, spread.mad);
	member("over_malloc", report_ratio(report, cell, REPORT_PLAIN));
	member("over_arena", report_ratio(report, cell, REPORT_ARENA));
	printf(",\"values\":[");
	for (size_t i = 0; i < report->rounds; i++)
		printf("%s%.6g", i == 0 ? "" : ",", cell->values[i]);
	putchar(']');
}

static void cell_line(const struct report *report, const struct cell *cell)
{
	printf("{\"workload\":\"%s\",\"allocator\":\"%s\",\"unit\":\"%s\","
	       "\"objects\":%zu",
	       cell->workload->name, cell->allocator->name,
	       cell->workload->unit, cell->count);
	if (cell->note[0] == '\0')
		cell_values(report, cell);
	else
		printf(",\"note\":\"%s\"", cell->note);
	printf("}\n");
}

static void memory_member(const char *when, const struct memory *memory)
{
	printf(",\"%s\":{\"locked\":%zu,\"resident\":%zu,\"mappings\":%zu,"
	       "\"tables\":%zu}",
	       when, memory->locked, memory->resident, memory->mappings,
	       memory->tables);
}

static void memory_line(const struct memory_cell *cell)
{
	printf("{\"workload\":\"memory\",\"allocator\":\"%s\",\"objects\":%zu",
	       cell->allocator->name, cell->count);
	if (cell->note[0] != '\0') {
		printf(",\"note\":\"%s\"}\n", cell->note);
		return;
	}
	memory_member("before", &cell->figures.before);
	memory_member("filled", &cell->figures.filled);
	memory_member("after", &cell->figures.after);
	if (cell->figures.metadata_size != SIZE_MAX)
		printf(",\"metadata\":%zu", cell->figures.metadata_size);
	printf("}\n");
}

static void scale_line(const struct scale_cell *cell)
{
	printf("{\"workload\":\"scale\",\"allocator\":\"%s\",\"objects\":%zu",
	       cell->allocator->name, cell->count);
	if (cell->note[0] != '\0') {
		printf(",\"note\":\"%s\"}\n", cell->note);
		return;
	}
	for (size_t i = 0; i < SCALE_FIGURES; i++)
		member(scale_names[i], cell->figures.costs[i]);
	printf("}\n");
}

void report_json(const struct report *report)
{
	for (size_t i = 0; i < report->cell_count; i++)
		cell_line(report, &report->cells[i]);
	for (size_t i = 0; i < report->memory_cell_count; i++)
		memory_line(&report->memory_cells[i]);
	for (size_t i = 0; i < report->scale_cell_count; i++)
		scale_line(&report->scale_cells[i]);
}
