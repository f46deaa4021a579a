/* SPDX-License-Identifier: ISC */
/* The report as a table for people, to standard output. */
#include <config.h>

#include <gnu/libc-version.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <sodium_arena.h>

#include "object.h"
#include "report.h"

static struct text figure_or_dash(double value)
{
	return value > 0 ? report_figure(value) : (struct text){"-"};
}

/* ----------------------------------------------------------- workloads */

static void row_values(const struct report *report, const struct cell *cell)
{
	struct measure_spread spread = report_spread(report, cell);
	double plain = report_ratio(report, cell, REPORT_PLAIN);
	double arena = report_ratio(report, cell, REPORT_ARENA);

	printf("  %-13s %9s %9s %9s %9s %9s", cell->allocator->name,
	       report_figure(spread.median).string,
	       report_figure(spread.min).string,
	       report_figure(spread.max).string, figure_or_dash(plain).string,
	       figure_or_dash(arena).string);
	if (cell->count < cell->workload->count)
		printf("  at %zu", cell->count);
	putchar('\n');
}

static void row(const struct report *report, const struct cell *cell)
{
	if (cell->note[0] == '\0')
		row_values(report, cell);
	else
		printf("  %-13s %9s  (%s)\n", cell->allocator->name, "-",
		       cell->note);
}

static void workload_tables(const struct report *report)
{
	const struct workload *workload = NULL;

	if (report->cell_count == 0)
		return;
	printf("  %-13s %9s %9s %9s %9s %9s\n", "", "median", "min", "max",
	       "x malloc", "x arena");
	for (size_t i = 0; i < report->cell_count; i++) {
		const struct cell *cell = &report->cells[i];

		if (cell->workload != workload)
			printf("%s: %s (%s)\n", cell->workload->name,
			       cell->workload->title, cell->workload->unit);
		workload = cell->workload;
		row(report, cell);
	}
	putchar('\n');
}

/* -------------------------------------------------------------- memory */

static long long difference(size_t now, size_t before)
{
	return (long long)now - (long long)before;
}

static void memory_values(const struct memory_cell *cell)
{
	const struct memory_figures *figures = &cell->figures;
	const struct memory *before = &figures->before;
	const struct memory *filled = &figures->filled;
	const struct memory *after = &figures->after;
	size_t count = cell->count;
	double metadata = report_per_object(figures->metadata_size, 0, count);

	printf("  %-13s %7zu %7.2f %8.2f %8s %6.2f %6lld | %6lld %8lld %5lld\n",
	       cell->allocator->name, count,
	       report_per_object(filled->locked, before->locked, count),
	       report_per_object(filled->resident, before->resident, count),
	       figures->metadata_size == SIZE_MAX
		       ? "-"
		       : report_figure(metadata).string,
	       report_per_object(filled->tables, before->tables, count),
	       difference(filled->mappings, before->mappings),
	       difference(after->locked, before->locked) / 1024,
	       difference(after->resident, before->resident) / 1024,
	       difference(after->mappings, before->mappings));
}

static void memory_table(const struct report *report)
{
	if (report->memory_cell_count == 0)
		return;
	printf("memory: bytes an object of %zu; KiB and mappings left after "
	       "teardown\n",
	       KEY_SIZE);
	printf("  %-13s %7s %7s %8s %8s %6s %6s | %6s %8s %5s\n", "", "objects",
	       "locked", "resident", "metadata", "tables", "maps", "locked",
	       "resident", "maps");
	for (size_t i = 0; i < report->memory_cell_count; i++) {
		const struct memory_cell *cell = &report->memory_cells[i];

		if (cell->note[0] == '\0')
			memory_values(cell);
		else
			printf("  %-13s %7s  (%s)\n", cell->allocator->name,
			       "-", cell->note);
	}
	putchar('\n');
}

/* --------------------------------------------------------------- scale */

/* The figure, and in brackets how many times the base's it is. */
static void scale_value(double value, double base)
{
	if (value < 0)
		printf("%15s", "-");
	else if (base > 0)
		printf("%8.1f (%4.2f)", value, value / base);
	else
		printf("%8.1f (  - )", value);
}

static void scale_values(const struct report *report,
			 const struct scale_cell *cell)
{
	const struct scale_cell *base = report_scale_base(report, cell);

	printf("  %-13s %9zu ", cell->allocator->name, cell->count);
	for (size_t i = 0; i < SCALE_FIGURES; i++)
		scale_value(cell->figures.costs[i],
			    base != NULL ? base->figures.costs[i] : 0);
	putchar('\n');
}

static void scale_table(const struct report *report)
{
	if (report->scale_cell_count == 0)
		return;
	printf("scale: ns an object of %zu (over the figure at %zu)\n",
	       KEY_SIZE, scale_counts[0]);
	printf("  %-13s %9s ", "", "objects");
	for (size_t i = 0; i < SCALE_FIGURES; i++)
		printf("%15s", scale_names[i]);
	putchar('\n');
	for (size_t i = 0; i < report->scale_cell_count; i++) {
		const struct scale_cell *cell = &report->scale_cells[i];

		if (cell->note[0] == '\0')
			scale_values(report, cell);
		else
			printf("  %-13s %9zu  (%s)\n", cell->allocator->name,
			       cell->count, cell->note);
	}
}

void report_table(const struct report *report)
{
	printf("sodium-arena %s, libsodium %s, glibc %s\n",
	       sa_arena_version_string(), sodium_version_string(),
	       gnu_get_libc_version());
	printf("%zu rounds, %ld processors, load %.2f before\n\n",
	       report->rounds, sysconf(_SC_NPROCESSORS_ONLN), report->load);
	workload_tables(report);
	memory_table(report);
	scale_table(report);
}
