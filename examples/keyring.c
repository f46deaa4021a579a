/* SPDX-License-Identifier: ISC */
/*
 * Hold very many keys in one arena: sign the published Ed25519 vectors with
 * their seeds, fill up with derived keys, say what that costs beside
 * sodium_malloc(), and tear down with every canary verified.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "baseline.h"
#include "process.h"
#include "progress.h"
#include "report.h"
#include "ring.h"
#include "scratch.h"
#include "vectors.h"

#define EXIT_USAGE 2
#define DEFAULT_COUNT 1000000

/* No size computed from a count up to this overflows. */
#define COUNT_MAX (SIZE_MAX / 128)

/* Under the kernel's default limit sodium_malloc() ends well before. */
#define BASELINE_MAX 20000

/* Odd, so that one measurement is the median. */
#define TIMINGS 15

struct settings {
	const char *path;
	size_t count; /* derived keys */
	bool count_given;
};

/* --------------------------------------------------------- the limits */

static void advise_memlock(const sa_arena_preflight_report *report)
{
	size_t locked = 0, limit;

	if (process_locked_size(&locked) != 0)
		return;
	limit = (report->required_size + locked + 1023) / 1024;
	warnx("they need %s of locked memory, %s may still be locked",
	      report_size(report->required_size).s,
	      report_size(report->lockable_size).s);
	warnx("raise the limit: ulimit -l %zu, LimitMEMLOCK=%zuK for systemd, "
	      "docker run --ulimit memlock=%zu",
	      limit, limit, limit * 1024);
}

static void advise_mappings(const sa_arena_preflight_report *report)
{
	warnx("they need %s mappings, %s are left: raise vm.max_map_count",
	      report_number(report->required_mappings).s,
	      report_number(report->available_mappings).s);
}

static void advise(size_t count, const sa_arena_preflight_report *report)
{
	warnx("%s keys do not fit, %s would", report_number(count).s,
	      report_number(report->max_count).s);
	if (report->required_size > report->lockable_size)
		advise_memlock(report);
	if (report->required_mappings > report->available_mappings)
		advise_mappings(report);
}

/*
 * Will the seeds and the derived keys fit?  Unless their count was asked for,
 * reduce it to what fits.
 */
static int plan(const struct settings *settings, size_t seed_count,
		size_t *count)
{
	sa_arena_preflight_report report = SA_ARENA_PREFLIGHT_REPORT_INIT;
	size_t total = seed_count + settings->count;

	*count = settings->count;
	if (sa_arena_preflight(&ring_options, total, RING_KEY_SIZE, &report) ==
	    0)
		return 0;
	if (errno == EINVAL) {
		warn("cannot tell whether the keys fit");
		return -1;
	}
	advise(total, &report);
	if (settings->count_given || report.max_count < seed_count)
		return -1;
	*count = report.max_count - seed_count;
	report_row("limited", "only %s of %s derived keys fit",
		   report_number(*count).s, report_number(settings->count).s);
	return 0;
}

/* ------------------------------------------------------ sodium_malloc */

static void report_baseline(const struct baseline *baseline)
{
	static const char *const ends[] = {
		[BASELINE_REACHED] = "and was asked for no more",
		[BASELINE_REFUSED] = "and then gave NULL",
		[BASELINE_UNLOCKED] = "and then gave one that is not locked",
	};

	report_row("sodium_malloc", "gave %s locked keys, %s",
		   report_number(baseline->count).s, ends[baseline->end]);
}

/* What one block took; the pointers' own mapping is rounded away. */
static size_t per_block(const struct baseline *baseline, size_t total)
{
	return (total + baseline->count / 2) / baseline->count;
}

static void report_baseline_needs(const struct baseline *baseline, size_t count)
{
	size_t limit = 0, locked, mappings;

	if (baseline->count == 0 || process_mapping_limit(&limit) != 0)
		return;
	locked = per_block(baseline, baseline->locked_size) * count;
	mappings = per_block(baseline, baseline->mapping_count) * count;
	report_row("", "%s keys would take it %s locked and %s mappings",
		   report_number(count).s, report_size(locked).s,
		   report_number(mappings).s);
	report_row("", "(the system allows %s)", report_number(limit).s);
}

static int run_baseline(size_t count)
{
	struct baseline baseline;
	size_t limit = count < BASELINE_MAX ? count : BASELINE_MAX;

	if (baseline_measure(&baseline, limit, RING_KEY_SIZE) != 0) {
		warn("cannot measure sodium_malloc");
		return -1;
	}
	report_baseline(&baseline);
	report_baseline_needs(&baseline, count);
	return 0;
}

/* ----------------------------------------------------------- the ring */

struct usage {
	size_t mapping_count;
	size_t locked_size;
};

static int measure_usage(struct usage *usage)
{
	if (process_mapping_count(&usage->mapping_count) == 0 &&
	    process_locked_size(&usage->locked_size) == 0)
		return 0;
	warn("cannot read /proc/self");
	return -1;
}

static int sign(const struct ring *ring, const struct vectors *vectors)
{
	size_t matches;

	if (ring_sign(ring, vectors, &matches) != 0)
		return -1;
	report_row("signatures", "%s of %s as published",
		   report_number(matches).s, report_number(ring->seed_count).s);
	if (matches == ring->seed_count)
		return 0;
	warnx("%s signatures differ from the published ones",
	      report_number(ring->seed_count - matches).s);
	return -1;
}

static int derive(struct ring *ring, size_t count)
{
	if (ring_derive(ring, count) != 0 || ring_verify(ring) != 0)
		return -1;
	report_row("keys held", "%s: %s published, %s derived, all verified",
		   report_number(ring->count).s,
		   report_number(ring->seed_count).s, report_number(count).s);
	return 0;
}

static int report_usage(const struct ring *ring, const struct usage *before)
{
	struct usage now;
	size_t locked;

	if (measure_usage(&now) != 0)
		return -1;
	locked = now.locked_size - before->locked_size;
	report_row("locked", "%s, %.1f bytes a key", report_size(locked).s,
		   (double)locked / (double)ring->count);
	report_row("mappings", "%s more than before",
		   report_number(now.mapping_count - before->mapping_count).s);
	return 0;
}

static int by_value(const void *left, const void *right)
{
	unsigned long long a = *(const unsigned long long *)left;
	unsigned long long b = *(const unsigned long long *)right;

	return (a > b) - (a < b);
}

static double median_microseconds(unsigned long long times[TIMINGS])
{
	qsort(times, TIMINGS, sizeof(times[0]), by_value);
	return (double)times[TIMINGS / 2] / 1000;
}

static int time_access(const struct ring *ring)
{
	unsigned long long opening[TIMINGS], closing[TIMINGS], start, middle;

	for (int i = 0; i < TIMINGS; i++) {
		start = progress_now();
		if (sa_arena_open(ring->arena, SA_ARENA_READONLY) != 0)
			return -1;
		middle = progress_now();
		if (sa_arena_close(ring->arena, SA_ARENA_READONLY) != 0)
			return -1;
		opening[i] = middle - start;
		closing[i] = progress_now() - middle;
	}
	report_row("open, close",
		   "%.0f us, %.0f us for all of them (medians of %d)",
		   median_microseconds(opening), median_microseconds(closing),
		   TIMINGS);
	return 0;
}

static int use_ring(struct ring *ring, const struct vectors *vectors,
		    size_t count, const struct usage *before)
{
	if (ring_take_seeds(ring, vectors) != 0 || sign(ring, vectors) != 0)
		return -1;
	if (derive(ring, count) != 0 || report_usage(ring, before) != 0)
		return -1;
	if (time_access(ring) != 0 || sa_arena_check(ring->arena) != 0) {
		warn("cannot open or close the arena");
		return -1;
	}
	return 0;
}

/* Nothing that was locked for the ring may still be. */
static int report_end(const struct usage *before)
{
	struct usage now;

	if (measure_usage(&now) != 0)
		return -1;
	report_row("destroyed",
		   "every canary intact, %s still locked (%s before)",
		   report_size(now.locked_size).s,
		   report_size(before->locked_size).s);
	if (now.locked_size == before->locked_size)
		return 0;
	warnx("not all memory that was locked for the keys is unlocked");
	return -1;
}

static int run_ring(const struct vectors *vectors, size_t count,
		    struct scratch *scratch)
{
	struct usage before;
	struct ring ring;
	int result;

	if (measure_usage(&before) != 0 ||
	    ring_create(&ring, vectors->count + count, scratch) != 0)
		return -1;
	result = use_ring(&ring, vectors, count, &before);
	ring_destroy(&ring);
	return result == 0 ? report_end(&before) : -1;
}

/* ------------------------------------------------------------ the job */

static int run(const struct settings *settings, struct scratch *scratch)
{
	struct vectors vectors;
	size_t count;
	int result = -1;

	if (vectors_open(&vectors, settings->path, scratch) != 0)
		return -1;
	printf("sodium-arena %s\n", sa_arena_version_string());
	if (plan(settings, vectors.count, &count) == 0 &&
	    run_baseline(vectors.count + count) == 0)
		result = run_ring(&vectors, count, scratch);
	vectors_close(&vectors);
	return result;
}

static void print_help(void)
{
	printf("Usage: keyring [--count N] [FILE]\n"
	       "Sign the Ed25519 vectors in FILE from seeds held in an "
	       "arena, then hold N\nderived keys beside them.\n\n"
	       "  -c, --count N  derived keys, %d or as many as fit if not "
	       "given\n"
	       "  -h, --help     this text\n\n"
	       "FILE is, if not given,\n%s\n"
	       "from the Debian package python3-cryptography-vectors.\n",
	       DEFAULT_COUNT, VECTORS_DEFAULT_PATH);
}

static void parse_count(struct settings *settings, const char *text)
{
	uintmax_t count;
	char *end;

	errno = 0;
	count = strtoumax(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 ||
	    count > COUNT_MAX)
		errx(EXIT_USAGE, "--count: no number of keys: %s", text);
	settings->count = (size_t)count;
	settings->count_given = true;
}

static void parse_arguments(struct settings *settings, int argc, char **argv)
{
	static const struct option options[] = {
		{"count", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			parse_count(settings, optarg);
			break;
		case 'h':
			print_help();
			exit(EXIT_SUCCESS);
		default:
			exit(EXIT_USAGE);
		}
	}
	if (argc - optind > 1)
		errx(EXIT_USAGE, "one file at most; see --help");
	if (argc > optind)
		settings->path = argv[optind];
}

int main(int argc, char **argv)
{
	struct settings settings = {VECTORS_DEFAULT_PATH, DEFAULT_COUNT, false};
	struct scratch *scratch;
	int result;

	parse_arguments(&settings, argc, argv);
	/* What is printed must be seen even if a canary ends the process. */
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	progress_start();
	if (sodium_init() < 0)
		errx(EXIT_FAILURE, "libsodium does not start");
	if (process_raise_memlock() != 0)
		warn("cannot raise the limit on locked memory");
	scratch = scratch_create();
	if (scratch == NULL)
		err(EXIT_FAILURE, "cannot lock a page of memory");
	result = run(&settings, scratch);
	scratch_destroy(scratch);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		warn("standard output");
		result = -1;
	}
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
