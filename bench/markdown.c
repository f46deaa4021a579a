/* SPDX-License-Identifier: ISC */
/*
 * Workloads go down and allocators across.  What was measured with fewer
 * objects than the workload has says so in its place.
 */
#include <config.h>

#include "markdown.h"

#include <stdint.h>
#include <string.h>

#include "figures.h"
#include "machine.h"
#include "object.h"

/* A load above this comes from others than the shell that started us. */
#define IDLE_LOAD 0.5

#define BUSY_REMARK                                                            \
	": it was busy, so times are too long, and figures with several "      \
	"threads say nothing"

static void head(FILE *stream, const char *first)
{
	fprintf(stream, "\n| %s |", first);
	for (size_t i = 0; i < allocator_count; i++)
		fprintf(stream, " %s |", allocators[i]->name);
	fputs("\n|---|", stream);
	for (size_t i = 0; i < allocator_count; i++)
		fputs("--:|", stream);
	fputc('\n', stream);
}

/* ----------------------------------------------------------- workloads */

static const struct cell *any_cell(const struct report *report,
				   const struct workload *workload,
				   const struct allocator *allocator)
{
	for (size_t i = 0; i < report->cell_count; i++)
		if (report->cells[i].workload == workload &&
		    report->cells[i].allocator == allocator)
			return &report->cells[i];
	return NULL;
}

static int is_laid_out(const struct report *report,
		       const struct workload *workload)
{
	for (size_t i = 0; i < report->cell_count; i++)
		if (report->cells[i].workload == workload)
			return 1;
	return 0;
}

static void median_entry(const struct report *report, const struct cell *cell,
			 FILE *stream)
{
	struct measure_spread spread = report_spread(report, cell);

	fprintf(stream, " %s ±%s", report_figure(spread.median).string,
		report_figure(spread.mad).string);
}

static void ratio_entry(const struct report *report, const struct cell *cell,
			FILE *stream)
{
	double ratio = report_ratio(report, cell, REPORT_PLAIN);

	if (ratio > 0)
		fprintf(stream, " %s", report_figure(ratio).string);
}

typedef void entry_write(const struct report *report, const struct cell *cell,
			 FILE *stream);

static void entry(const struct report *report, const struct cell *cell,
		  FILE *stream, entry_write *write)
{
	if (cell == NULL) {
		fputs(" |", stream);
		return;
	}
	if (cell->note[0] != '\0') {
		fprintf(stream, " %s |", cell->note);
		return;
	}
	write(report, cell, stream);
	if (cell->count < cell->workload->count)
		fprintf(stream, " at %zu", cell->count);
	fputs(" |", stream);
}

static void workload_row(const struct report *report,
			 const struct workload *workload, FILE *stream,
			 entry_write *write)
{
	fprintf(stream, "| %s |", workload->name);
	for (size_t i = 0; i < allocator_count; i++)
		entry(report, any_cell(report, workload, allocators[i]), stream,
		      write);
	fputc('\n', stream);
}

static void medians_table(const struct report *report, FILE *stream,
			  const char *unit)
{
	head(stream, "workload");
	for (size_t i = 0; i < workload_count; i++)
		if (is_laid_out(report, &workloads[i]) &&
		    strcmp(workloads[i].unit, unit) == 0)
			workload_row(report, &workloads[i], stream,
				     median_entry);
}

/* Where malloc has no value there is nothing to compare with. */
static void ratios_table(const struct report *report, FILE *stream)
{
	head(stream, "workload");
	for (size_t i = 0; i < workload_count; i++)
		if (strcmp(workloads[i].unit, "ns") == 0 &&
		    report_cell(report, workloads[i].name, REPORT_PLAIN) !=
			    NULL)
			workload_row(report, &workloads[i], stream,
				     ratio_entry);
}

static void titles(const struct report *report, FILE *stream)
{
	fputs("\n| workload | |\n|---|---|\n", stream);
	for (size_t i = 0; i < workload_count; i++)
		if (is_laid_out(report, &workloads[i]))
			fprintf(stream, "| %s | %s |\n", workloads[i].name,
				workloads[i].title);
}

/* ---------------------------------------------------- memory and scale */

static void memory_row(const struct memory_cell *cell, FILE *stream)
{
	const struct memory_figures *figures = &cell->figures;
	const struct memory *before = &figures->before;
	const struct memory *filled = &figures->filled;
	size_t count = cell->count;

	if (cell->note[0] != '\0') {
		fprintf(stream, "| %s | %s | | | | | |\n",
			cell->allocator->name, cell->note);
		return;
	}
	fprintf(stream, "| %s | %zu | %.2f | %.2f |", cell->allocator->name,
		count,
		report_per_object(filled->resident, before->resident, count),
		report_per_object(filled->locked, before->locked, count));
	if (figures->metadata_size != SIZE_MAX)
		fprintf(stream, " %.2f",
			report_per_object(figures->metadata_size, 0, count));
	fprintf(stream, " | %.2f | %zu |\n",
		report_per_object(filled->tables, before->tables, count),
		filled->mappings - before->mappings);
}

static void memory_table(const struct report *report, FILE *stream)
{
	if (report->memory_cell_count == 0)
		return;
	fprintf(stream,
		"\n## Memory\n\nBytes an object of %zu; mappings of all "
		"together.\n\n"
		"| allocator | objects | resident | locked | metadata | page "
		"tables | mappings |\n|---|--:|--:|--:|--:|--:|--:|\n",
		KEY_SIZE);
	for (size_t i = 0; i < report->memory_cell_count; i++)
		memory_row(&report->memory_cells[i], stream);
}

/* The figure, and how many times the one at the least number it is. */
static void scale_entry(double value, double base, FILE *stream)
{
	if (value < 0)
		fputs(" |", stream);
	else
		fprintf(stream, " %.1f (%.2f) |", value, value / base);
}

static void scale_row(const struct scale_cell *cell,
		      const struct scale_cell *base, FILE *stream)
{
	const double *costs = cell->figures.costs;

	fprintf(stream, "| %s | %zu |", cell->allocator->name, cell->count);
	if (cell->note[0] != '\0') {
		fprintf(stream, " %s |\n", cell->note);
		return;
	}
	for (size_t i = 0; i < SCALE_FIGURES; i++)
		scale_entry(costs[i],
			    base != NULL ? base->figures.costs[i] : costs[i],
			    stream);
	fputc('\n', stream);
}

static void scale_head(FILE *stream)
{
	fputs("| allocator | objects |", stream);
	for (size_t i = 0; i < SCALE_FIGURES; i++)
		fprintf(stream, " %s |", scale_names[i]);
	fputs("\n|---|--:|", stream);
	for (size_t i = 0; i < SCALE_FIGURES; i++)
		fputs("--:|", stream);
	fputc('\n', stream);
}

static void scale_table(const struct report *report, FILE *stream)
{
	if (report->scale_cell_count == 0)
		return;
	fprintf(stream,
		"\n## Scale\n\nNanoseconds an object of %zu, and in brackets "
		"over the figure at %zu.\n\n",
		KEY_SIZE, scale_counts[0]);
	scale_head(stream);
	for (size_t i = 0; i < report->scale_cell_count; i++)
		scale_row(&report->scale_cells[i],
			  report_scale_base(report, &report->scale_cells[i]),
			  stream);
}

/* ---------------------------------------------------------------- page */

static void intro(const struct report *report, FILE *stream)
{
	fprintf(stream,
		"# Benchmarks\n\n"
		"Written by `make bench-report`; "
		"[bench/README.md](../../bench/README.md) tells how it "
		"measures.\n"
		"Medians of %zu rounds. The load of the machine was %.2f "
		"before the first%s.\n\n"
		"| | |\n|---|---|\n",
		report->rounds, report->load,
		report->load > IDLE_LOAD ? BUSY_REMARK : "");
	machine_describe(stream);
}

static void pictures(FILE *stream)
{
	fputs("\n## Pictures\n\n"
	      "![throughput](throughput.svg)\n\n"
	      "![cost against live objects](objects.svg)\n\n"
	      "![scaling with threads](threads.svg)\n\n"
	      "![bytes a secret](bytes.svg)\n",
	      stream);
}

void markdown_write(const struct report *report, FILE *stream)
{
	intro(report, stream);
	fputs("\n## An arena in short\n\n| | |\n|---|--:|\n", stream);
	figures_write(report, stream);
	pictures(stream);
	fputs("\n## Workloads\n\nNanoseconds an operation, ± the median "
	      "distance from the median.\n",
	      stream);
	medians_table(report, stream, "ns");
	fputs("\nTime over malloc's.\n", stream);
	ratios_table(report, stream);
	fputs("\nFactors.\n", stream);
	medians_table(report, stream, "x");
	memory_table(report, stream);
	scale_table(report, stream);
	fputs("\n## What the workloads are\n", stream);
	titles(report, stream);
}
