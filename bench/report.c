/* SPDX-License-Identifier: ISC */
/*
 * Ratios are taken within each round, where all allocators met the same
 * machine, and their median is shown.
 */
#include <config.h>

#include "report.h"

#include <gnu/libc-version.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sodium_arena.h>

/* The allocators that others are compared with. */
#define PLAIN "malloc"
#define SODIUM "sodium_malloc"

struct text {
	char string[24];
};

/* ------------------------------------------------------------- figures */

static int is_measured(const struct cell *cell)
{
	return cell->note[0] == '\0';
}

/*
 * The same workload by the allocator `name`; NULL if there is no value, or
 * if the values are factors: those have no ratio.
 */
static const struct cell *rival(const struct report *report,
				const struct cell *cell, const char *name)
{
	if (strcmp(cell->workload->unit, "ns") != 0)
		return NULL;
	for (size_t i = 0; i < report->cell_count; i++) {
		const struct cell *other = &report->cells[i];

		if (other->workload == cell->workload && is_measured(other) &&
		    strcmp(other->allocator->name, name) == 0)
			return other;
	}
	return NULL;
}

/* Time over malloc's; 0 where there is none. */
static double plain_ratio(const struct report *report, const struct cell *cell)
{
	const struct cell *plain = rival(report, cell, PLAIN);

	if (plain == NULL)
		return 0;
	return measure_ratio(cell->values, plain->values, report->rounds)
		.median;
}

/* sodium_malloc's time over this; 0 where there is none. */
static double sodium_ratio(const struct report *report, const struct cell *cell)
{
	const struct cell *sodium = rival(report, cell, SODIUM);

	if (sodium == NULL)
		return 0;
	return measure_ratio(sodium->values, cell->values, report->rounds)
		.median;
}

static double per_object(size_t now, size_t before, size_t count)
{
	return ((double)now - (double)before) / (double)count;
}

static long long difference(size_t now, size_t before)
{
	return (long long)now - (long long)before;
}

/* --------------------------------------------------------------- table */

/* About three significant digits. */
static struct text figure(double value)
{
	struct text text;
	int digits = value < 10 ? 2 : value < 1000 ? 1 : 0;

	snprintf(text.string, sizeof(text.string), "%.*f", digits, value);
	return text;
}

static struct text figure_or_dash(double value)
{
	return value > 0 ? figure(value) : (struct text){"-"};
}

static void row_values(const struct report *report, const struct cell *cell)
{
	struct measure_spread spread =
		measure_spread(cell->values, report->rounds);
	double plain = plain_ratio(report, cell);
	double sodium = sodium_ratio(report, cell);

	printf("  %-13s %9s %9s %9s %9s %9s", cell->allocator->name,
	       figure(spread.median).string, figure(spread.min).string,
	       figure(spread.max).string, figure_or_dash(plain).string,
	       figure_or_dash(sodium).string);
	if (cell->count < cell->workload->count)
		printf("  at %zu", cell->count);
	putchar('\n');
}

static void row(const struct report *report, const struct cell *cell)
{
	if (is_measured(cell))
		row_values(report, cell);
	else
		printf("  %-13s %9s  (%s)\n", cell->allocator->name, "-",
		       cell->note);
}

static void table_head(const struct report *report)
{
	printf("sodium-arena %s, libsodium %s, glibc %s\n",
	       sa_arena_version_string(), sodium_version_string(),
	       gnu_get_libc_version());
	printf("%zu rounds, %ld processors, load %.2f before\n\n",
	       report->rounds, sysconf(_SC_NPROCESSORS_ONLN), report->load);
	if (report->cell_count != 0)
		printf("  %-13s %9s %9s %9s %9s %9s\n", "", "median", "min",
		       "max", "x malloc", "sodium x");
}

static void memory_row(const struct memory_cell *cell)
{
	const struct memory_figures *figures = &cell->figures;
	const struct memory *before = &figures->before;
	const struct memory *filled = &figures->filled;
	const struct memory *after = &figures->after;
	double locked = per_object(filled->locked, before->locked, cell->count);
	double resident =
		per_object(filled->resident, before->resident, cell->count);
	double metadata = per_object(figures->metadata_size, 0, cell->count);

	if (cell->note[0] != '\0') {
		printf("  %-13s %7s  (%s)\n", cell->allocator->name, "-",
		       cell->note);
		return;
	}
	printf("  %-13s %7zu %7.2f %8.2f %8s %5lld | %6lld %8lld %4lld\n",
	       cell->allocator->name, cell->count, locked, resident,
	       figures->metadata_size == SIZE_MAX ? "-"
						  : figure(metadata).string,
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
	printf("  %-13s %7s %7s %8s %8s %5s | %6s %8s %4s\n", "", "objects",
	       "locked", "resident", "metadata", "maps", "locked", "resident",
	       "maps");
	for (size_t i = 0; i < report->memory_cell_count; i++)
		memory_row(&report->memory_cells[i]);
}

void report_table(const struct report *report)
{
	const struct workload *workload = NULL;

	table_head(report);
	for (size_t i = 0; i < report->cell_count; i++) {
		const struct cell *cell = &report->cells[i];

		if (cell->workload != workload)
			printf("%s: %s (%s)\n", cell->workload->name,
			       cell->workload->title, cell->workload->unit);
		workload = cell->workload;
		row(report, cell);
	}
	if (report->cell_count != 0)
		putchar('\n');
	memory_table(report);
}

/* ---------------------------------------------------------------- JSON */

static void json_ratio(const char *key, double ratio)
{
	if (ratio > 0)
		printf(",\"%s\":%.6g", key, ratio);
}

static void json_values(const struct report *report, const struct cell *cell)
{
	struct measure_spread spread =
		measure_spread(cell->values, report->rounds);

	printf(",\"median\":%.6g,\"min\":%.6g,\"max\":%.6g,\"mad\":%.6g",
	       spread.median, spread.min, spread.max, spread.mad);
	json_ratio("over_malloc", plain_ratio(report, cell));
	json_ratio("sodium_over", sodium_ratio(report, cell));
	printf(",\"values\":[");
	for (size_t i = 0; i < report->rounds; i++)
		printf("%s%.6g", i == 0 ? "" : ",", cell->values[i]);
	putchar(']');
}

static void json_cell(const struct report *report, const struct cell *cell)
{
	printf("{\"workload\":\"%s\",\"allocator\":\"%s\",\"unit\":\"%s\","
	       "\"objects\":%zu",
	       cell->workload->name, cell->allocator->name,
	       cell->workload->unit, cell->count);
	if (is_measured(cell))
		json_values(report, cell);
	else
		printf(",\"note\":\"%s\"", cell->note);
	printf("}\n");
}

static void json_memory(const char *when, const struct memory *memory)
{
	printf(",\"%s\":{\"locked\":%zu,\"resident\":%zu,\"mappings\":%zu}",
	       when, memory->locked, memory->resident, memory->mappings);
}

static void json_memory_cell(const struct memory_cell *cell)
{
	printf("{\"workload\":\"memory\",\"allocator\":\"%s\",\"objects\":%zu",
	       cell->allocator->name, cell->count);
	if (cell->note[0] != '\0') {
		printf(",\"note\":\"%s\"}\n", cell->note);
		return;
	}
	json_memory("before", &cell->figures.before);
	json_memory("filled", &cell->figures.filled);
	json_memory("after", &cell->figures.after);
	if (cell->figures.metadata_size != SIZE_MAX)
		printf(",\"metadata\":%zu", cell->figures.metadata_size);
	printf("}\n");
}

void report_json(const struct report *report)
{
	for (size_t i = 0; i < report->cell_count; i++)
		json_cell(report, &report->cells[i]);
	for (size_t i = 0; i < report->memory_cell_count; i++)
		json_memory_cell(&report->memory_cells[i]);
}
