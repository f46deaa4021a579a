/* SPDX-License-Identifier: ISC */
/*
 * A cell that was scaled down has no place where costs are compared; where
 * each allocator is compared with itself it has.
 */
#include <config.h>

#include "pictures.h"

#include <math.h>
#include <string.h>

struct point {
	const char *workload;
	const char *label;
};

static const struct point throughput_points[] = {
	{"pair", "pair"},
	{"fill-1m", "fill 1M"},
	{"drain-random-1m", "drain 1M"},
	{"churn-1k", "churn 1k"},
	{"churn-100k", "churn 100k"},
	{"churn-1m", "churn 1M"},
	{"threads", "two threads"},
	{"prodcons", "hand over"},
	{"sessions", "sessions"},
};

static const struct point objects_points[] = {
	{"churn-1k", "1000"},      {"churn-10k", "10000"},
	{"churn-100k", "100000"},  {"churn-1m", "1000000"},
	{"churn-10m", "10000000"},
};

static const struct point threads_points[] = {
	{"threads-scaling", "2"},
	{"threads-scaling-4", "4"},
	{"threads-scaling-16", "16"},
	{"threads-scaling-64", "64"},
};

#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

/* NaN where there is no value to be shown. */
static double median_at(const struct report *report, const char *workload,
			const char *allocator)
{
	const struct cell *cell = report_cell(report, workload, allocator);

	if (cell == NULL || (cell->count < cell->workload->count &&
			     strcmp(cell->workload->unit, "ns") == 0))
		return NAN;
	return report_spread(report, cell).median;
}

static double million_operations(double cost)
{
	return 1000 / cost;
}

static double unchanged(double value)
{
	return value;
}

static void number(FILE *stream, double value)
{
	if (isnan(value))
		fputs("\tNaN", stream);
	else
		fprintf(stream, "\t%.5g", value);
}

static void head(FILE *stream, const char *first)
{
	fputs(first, stream);
	for (size_t i = 0; i < allocator_count; i++)
		fprintf(stream, "\t%s", allocators[i]->name);
	fputc('\n', stream);
}

static void points_write(const struct report *report, FILE *stream,
			 const struct point *points, size_t count,
			 double (*scale)(double value))
{
	for (size_t i = 0; i < count; i++) {
		fputs(points[i].label, stream);
		for (size_t j = 0; j < allocator_count; j++)
			number(stream,
			       scale(median_at(report, points[i].workload,
					       allocators[j]->name)));
		fputc('\n', stream);
	}
}

void pictures_throughput(const struct report *report, FILE *stream)
{
	head(stream, "workload");
	points_write(report, stream, throughput_points,
		     COUNT(throughput_points), million_operations);
}

void pictures_objects(const struct report *report, FILE *stream)
{
	head(stream, "objects");
	points_write(report, stream, objects_points, COUNT(objects_points),
		     unchanged);
}

/* One thread is what the others are measured by. */
void pictures_threads(const struct report *report, FILE *stream)
{
	head(stream, "threads");
	fputc('1', stream);
	for (size_t i = 0; i < allocator_count; i++)
		number(stream, 1);
	fputc('\n', stream);
	points_write(report, stream, threads_points, COUNT(threads_points),
		     unchanged);
}

void pictures_bytes(const struct report *report, FILE *stream)
{
	fputs("allocator\tresident\tlocked\n", stream);
	for (size_t i = 0; i < report->memory_cell_count; i++) {
		const struct memory_cell *cell = &report->memory_cells[i];
		const struct memory *before = &cell->figures.before;
		const struct memory *filled = &cell->figures.filled;

		if (cell->note[0] != '\0')
			continue;
		fputs(cell->allocator->name, stream);
		number(stream,
		       report_per_object(filled->resident, before->resident,
					 cell->count));
		number(stream, report_per_object(filled->locked, before->locked,
						 cell->count));
		fputc('\n', stream);
	}
}
