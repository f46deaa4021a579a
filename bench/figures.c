/* SPDX-License-Identifier: ISC */
/* Each is a ratio within one run, or a count: they outlive the machine. */
#include <config.h>

#include "figures.h"

#include <string.h>

enum kind {
	TIME_OVER_PLAIN, /* a ratio of times */
	RATE_OVER_PLAIN, /* its inverse */
	VALUE,           /* what was measured */
};

struct figure {
	const char *title;
	const char *workload;
	enum kind kind;
};

static const struct figure judged[] = {
	{"pair: time over malloc's", "pair", TIME_OVER_PLAIN},
	{"the same in a process with two threads", "pair-mt", TIME_OVER_PLAIN},
	{"churn of 100,000 objects: time over malloc's", "churn-100k",
	 TIME_OVER_PLAIN},
	{"the same of 1,000,000", "churn-1m", TIME_OVER_PLAIN},
	{"the same of 10,000,000", "churn-10m", TIME_OVER_PLAIN},
	{"fill with 1,000,000: time over malloc's", "fill-1m", TIME_OVER_PLAIN},
	{"drain of 1,000,000 in order: time over malloc's", "drain-1m",
	 TIME_OVER_PLAIN},
	{"the same at random", "drain-random-1m", TIME_OVER_PLAIN},
	{"two threads: throughput over one's", "threads-scaling", VALUE},
	{"64 threads: throughput over two's", "threads-64", VALUE},
	{"producer and consumer: pairs a second over one thread's",
	 "prodcons-rate", VALUE},
	{"session keys: requests a second over malloc's", "sessions",
	 RATE_OVER_PLAIN},
	{"open and close with 1,000,000 objects: time over that without huge "
	 "pages",
	 "access-1m-huge", VALUE},
	{"open and close around one of 1,000,000 objects: time over those of "
	 "one sodium_malloc object",
	 "access-object", VALUE},
	{"check of 1,000,000: ns an object", "check", VALUE},
	{"destroy of 1,000,000: time over sodium_free of as many bytes",
	 "destroy", VALUE},
};

static double figure_value(const struct report *report, const struct cell *cell,
			   enum kind kind)
{
	double ratio;

	if (kind == VALUE)
		return report_spread(report, cell).median;
	ratio = report_ratio(report, cell, REPORT_PLAIN);
	return kind == RATE_OVER_PLAIN && ratio > 0 ? 1 / ratio : ratio;
}

static void figure_row(const struct report *report, const struct figure *figure,
		       FILE *stream)
{
	const struct cell *cell =
		report_cell(report, figure->workload, REPORT_ARENA);
	double value;

	if (cell == NULL)
		return;
	value = figure_value(report, cell, figure->kind);
	if (value > 0)
		fprintf(stream, "| %s | %.2f |\n", figure->title, value);
}

/* Opening all objects and opening one are not the same work. */
static int is_same_work(const struct cell *cell)
{
	return cell->count == cell->workload->count &&
	       !(cell->workload->flags & WORKLOAD_NEEDS_ACCESS);
}

/* The locked peer that comes closest, over all workloads. */
static void lead_row(const struct report *report, FILE *stream)
{
	const struct cell *closest = NULL;
	double least = 0;

	for (size_t i = 0; i < report->cell_count; i++) {
		const struct cell *cell = &report->cells[i];
		double lead = report_ratio(report, cell, REPORT_ARENA);

		if (!cell->allocator->is_locked || lead <= 0 ||
		    !is_same_work(cell) || (closest != NULL && lead >= least))
			continue;
		closest = cell;
		least = lead;
	}
	if (closest != NULL)
		fprintf(stream,
			"| closest of the other locked allocators, %s at %s: "
			"its time over the arena's | %.2f |\n",
			closest->allocator->name, closest->workload->name,
			least);
}

static void memory_rows(const struct report *report, FILE *stream)
{
	for (size_t i = 0; i < report->memory_cell_count; i++) {
		const struct memory_cell *cell = &report->memory_cells[i];
		const struct memory_figures *figures = &cell->figures;

		if (cell->note[0] != '\0' ||
		    strcmp(cell->allocator->name, REPORT_ARENA) != 0)
			continue;
		fprintf(stream,
			"| locked bytes a secret of 32 bytes | %.2f |\n",
			report_per_object(figures->filled.locked,
					  figures->before.locked, cell->count));
		fprintf(stream, "| metadata, likewise | %.2f |\n",
			report_per_object(figures->metadata_size, 0,
					  cell->count));
	}
}

/* The memory's own price left out: see scale.c. */
static double scale_worst(const struct scale_figures *figures,
			  const struct scale_figures *base)
{
	static const enum scale_figure compared[] = {SCALE_ALLOC_BACKED,
						     SCALE_OWNS, SCALE_FREE};
	double worst = 0;

	for (size_t i = 0; i < sizeof(compared) / sizeof(compared[0]); i++) {
		double ratio =
			figures->costs[compared[i]] / base->costs[compared[i]];

		if (ratio > worst)
			worst = ratio;
	}
	return worst;
}

static void scale_rows(const struct report *report, FILE *stream)
{
	for (size_t i = 0; i < report->scale_cell_count; i++) {
		const struct scale_cell *cell = &report->scale_cells[i];
		const struct scale_cell *base = report_scale_base(report, cell);

		if (cell->note[0] != '\0' || base == NULL || base == cell ||
		    strcmp(cell->allocator->name, REPORT_ARENA) != 0)
			continue;
		fprintf(stream,
			"| %zu million secrets: the worst of alloc in memory "
			"at hand, owns and free over the figure at one million "
			"| %.2f |\n",
			cell->count / 1000000,
			scale_worst(&cell->figures, &base->figures));
	}
}

void figures_write(const struct report *report, FILE *stream)
{
	for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++)
		figure_row(report, &judged[i], stream);
	lead_row(report, stream);
	memory_rows(report, stream);
	scale_rows(report, stream);
}
