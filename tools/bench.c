/* SPDX-License-Identifier: ISC */
/*
 * A quick measurement of this machine, some seconds long: medians of a few
 * rounds.  The benchmark proper is "make bench".
 */
#include <config.h>

#include <sodium.h>
#include <sodium_arena.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "command.h"

#define ROUNDS 5
#define PAIRS 200000
#define SODIUM_PAIRS 1000
#define OPENINGS 200
#define FILL_DEFAULT 10000
/* Bytes; what is large is filled in for fewer objects. */
#define FILL_SIZE_DEFAULT ((size_t)64 << 20)
/* Nanoseconds, after which a round of large objects ends. */
#define ROUND_TIME 5e7

/* What a round may need.  `many` has room for `count` objects. */
struct bench {
	sa_arena *arena;
	size_t size;
	size_t count;
	void **many;
};

/* One round: 0 and how many operations were made, or -1 with errno. */
typedef int bench_work(struct bench *bench, size_t *operations);

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* How many operations come next: as many as there were already, so that the
 * clock is seldom read; 0 ends the round. */
static size_t batch(size_t done, size_t most, double start)
{
	size_t left = most - done;

	if (done == 0)
		return 1;
	if (now() - start > ROUND_TIME)
		return 0;
	return done < left ? done : left;
}

static int pairs(struct bench *bench, size_t *operations)
{
	double start = now();
	size_t n = 0, end;

	while ((end = n + batch(n, PAIRS, start)) > n)
		for (; n < end; n++) {
			void *object =
				sa_arena_alloc(bench->arena, bench->size);

			if (object == NULL)
				return -1;
			sa_arena_free(bench->arena, object);
		}
	*operations = n;
	return 0;
}

static int sodium_pairs(struct bench *bench, size_t *operations)
{
	double start = now();
	size_t n = 0, end;

	while ((end = n + batch(n, SODIUM_PAIRS, start)) > n)
		for (; n < end; n++) {
			void *object = sodium_malloc(bench->size);

			if (object == NULL)
				return -1;
			sodium_free(object);
		}
	*operations = n;
	return 0;
}

static int fill(struct bench *bench, size_t *operations)
{
	int result = 0;
	size_t n;

	for (n = 0; n < bench->count && result == 0; n++) {
		bench->many[n] = sa_arena_alloc(bench->arena, bench->size);
		if (bench->many[n] == NULL)
			result = -1;
	}
	while (n > 0)
		sa_arena_free(bench->arena, bench->many[--n]);
	*operations = bench->count;
	return result;
}

static int openings(struct bench *bench, size_t *operations)
{
	double start = now();
	size_t n = 0, end;

	while ((end = n + batch(n, OPENINGS, start)) > n)
		for (; n < end; n++)
			if (sa_arena_open(bench->arena, SA_ARENA_READONLY) !=
				    0 ||
			    sa_arena_close(bench->arena, SA_ARENA_READONLY) !=
				    0)
				return -1;
	*operations = n;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int measure(struct bench *bench, const struct sheet_form *sheet,
		   bench_work *work, const char *key, const char *label)
{
	double costs[ROUNDS];

	for (size_t i = 0; i < ROUNDS; i++) {
		size_t operations;
		double start = now();

		if (work(bench, &operations) != 0)
			return -1;
		costs[i] = (now() - start) / (double)operations;
	}
	qsort(costs, ROUNDS, sizeof costs[0], compare);
	sheet->real(key, label, costs[ROUNDS / 2], "ns");
	return 0;
}

/* With all objects in place and the arena at rest. */
static int measure_openings(struct bench *bench, const struct sheet_form *sheet)
{
	for (size_t i = 0; i < bench->count; i++)
		if (sa_arena_alloc(bench->arena, bench->size) == NULL)
			return -1;
	if (sa_arena_protect(bench->arena, SA_ARENA_NOACCESS) != 0)
		return -1;
	return measure(bench, sheet, openings, "open_close",
		       "open and close the arena");
}

static int measure_all(struct bench *bench, const struct sheet_form *sheet)
{
	sheet->section("bench", "Medians of five rounds");
	sheet->number("size", "bytes each", bench->size);
	sheet->number("count", "objects", bench->count);
	if (measure(bench, sheet, pairs, "pair", "allocate and free one") !=
		    0 ||
	    measure(bench, sheet, fill, "fill",
		    "allocate and free all, each") != 0 ||
	    measure(bench, sheet, sodium_pairs, "sodium_malloc_pair",
		    "one by sodium_malloc()") != 0)
		return -1;
	return measure_openings(bench, sheet);
}

/* As many as were asked for; else what takes not too long and, where little may
 * be locked, fits. */
static size_t count_for(const struct command_options *options)
{
	sa_arena_preflight_report report = SA_ARENA_PREFLIGHT_REPORT_INIT;
	size_t size = options->size == 0 ? 1 : options->size;
	size_t count = FILL_SIZE_DEFAULT / size;

	if (options->count != 0)
		return options->count;
	if (count == 0)
		count = 1;
	if (count > FILL_DEFAULT)
		count = FILL_DEFAULT;
	if (sa_arena_preflight(NULL, count, options->size, &report) != 0 &&
	    report.max_count < count)
		count = report.max_count;
	return count;
}

int bench_run(const struct command_options *options)
{
	struct bench bench = {.size = options->size,
			      .count = count_for(options)};
	int result = -1;

	bench.arena = sa_arena_create(NULL);
	/* Nothing between what fails and what says why. */
	if (bench.arena != NULL)
		bench.many = calloc(bench.count == 0 ? 1 : bench.count,
				    sizeof bench.many[0]);
	if (bench.many != NULL)
		result = measure_all(&bench, options->sheet);
	if (result != 0) {
		perror(PROGRAM ": bench");
	} else if (options->sheet->end() != 0) {
		perror(PROGRAM ": standard output");
		result = -1;
	}
	sa_arena_destroy(bench.arena);
	free(bench.many);
	return result == 0 ? STATUS_OK : STATUS_BAD;
}
