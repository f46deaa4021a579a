/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as options, for creation and preflight: what is invalid is EINVAL
 * and nothing else is, a report agrees with its result, and what preflight
 * promises can be had.
 */
#include <config.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "input.h"
#include "refuse.h"
#include "require.h"
#include "sodium_arena.h"

/* What is tried out, not only reckoned. */
#define TRIED_SIZE ((size_t)1 << 20)
#define TRIED_COUNT 64

#define NAME_SIZE 400

static char name[NAME_SIZE];

static void draw_name(fuzz_input *input, sa_arena_options *options)
{
	size_t size = (size_t)fuzz_byte(input) * 2;

	if (size > sizeof name - 1)
		size = sizeof name - 1;
	memset(name, fuzz_byte(input), size);
	name[size] = '\0';
	options->name = size % 8 == 6 ? NULL : name;
}

/* Every bit of each member can be set; most inputs set few. */
static sa_arena_options draw_options(fuzz_input *input)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	unsigned which = fuzz_byte(input);
	uint64_t word;

	if (which & 1)
		options.size = (size_t)fuzz_word(input);
	if (which & 2)
		draw_name(input, &options);
	if (which & 4)
		options.reserve = (size_t)fuzz_word(input);
	if (which & 8)
		options.capacity = (size_t)fuzz_word(input);
	word = fuzz_word(input);
	/* Enumerators as a caller in another language may pass them. */
	if (which & 16)
		memcpy(&options.mlock, &word, sizeof options.mlock);
	if (which & 32)
		memcpy(&options.fork, (char *)&word + 4, sizeof options.fork);
	if (which & 64)
		options.flags = (unsigned)fuzz_word(input);
	return options;
}

static int as_int(const void *enumerator)
{
	int value;

	memcpy(&value, enumerator, sizeof value);
	return value;
}

/* As the header says it. */
static int is_valid(const sa_arena_options *o)
{
	int mlock = as_int(&o->mlock), fork = as_int(&o->fork);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return o->size == sizeof *o && mlock >= 0 && mlock <= 1 && fork >= 0 &&
	       fork <= 2 && (o->flags & ~SA_ARENA_SINGLE_THREADED) == 0 &&
	       (o->name == NULL || strlen(o->name) <= SA_ARENA_NAME_MAX) &&
	       (o->capacity == 0 ||
		(o->capacity >= page && o->reserve <= o->capacity));
}

static int is_resource_error(int error)
{
	return error == ENOMEM || error == EPERM || error == ENOSPC;
}

/* All that is allocated is at hand, and no more is mapped than was told. */
static void try(const sa_arena_options *options, size_t count, size_t size)
{
	sa_arena_stats stats = SA_ARENA_STATS_INIT;
	sa_arena *arena = sa_arena_create(options);

	FUZZ_REQUIRE(arena != NULL);
	for (size_t i = 0; i < count; i++)
		FUZZ_REQUIRE(sa_arena_alloc(arena, size) != NULL);
	FUZZ_REQUIRE(sa_arena_stats_get(arena, &stats) == 0);
	FUZZ_REQUIRE(stats.live_count == count);
	sa_arena_destroy(arena);
}

static void verify_report(const sa_arena_options *options,
			  const sa_arena_preflight_report *report, size_t count,
			  int result)
{
	if (result != 0) {
		FUZZ_REQUIRE(report->max_count < count || count == 0);
		return;
	}
	FUZZ_REQUIRE(report->max_count >= count);
	FUZZ_REQUIRE(options->mlock == SA_ARENA_MLOCK_BEST_EFFORT ||
		     report->required_size <= report->lockable_size);
	FUZZ_REQUIRE(report->required_mappings <= report->available_mappings);
}

static void ask(const sa_arena_options *options, size_t count, size_t size)
{
	sa_arena_preflight_report report = SA_ARENA_PREFLIGHT_REPORT_INIT;
	int result;

	errno = 0;
	result = sa_arena_preflight(options, count, size, &report);
	if (!is_valid(options)) {
		FUZZ_REQUIRE(result == -1 && errno == EINVAL);
		FUZZ_REQUIRE(report.required_size == 0);
		return;
	}
	FUZZ_REQUIRE(result == 0 || is_resource_error(errno));
	verify_report(options, &report, count, result);
	if (result == 0 && count <= TRIED_COUNT && size <= TRIED_SIZE / 16 &&
	    options->reserve <= TRIED_SIZE)
		try(options, count, size);
}

static void create(const sa_arena_options *options)
{
	sa_arena *arena = sa_arena_create(options);

	if (arena != NULL) {
		FUZZ_REQUIRE(is_valid(options));
		FUZZ_REQUIRE(sa_arena_alloc(arena, 0) != NULL ||
			     options->capacity != 0);
		sa_arena_destroy(arena);
	} else if (is_valid(options)) {
		FUZZ_REQUIRE(is_resource_error(errno));
	} else {
		FUZZ_REQUIRE(errno == EINVAL);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_input input = {data, data + size};
	sa_arena_options options = draw_options(&input);
	size_t count = (size_t)fuzz_word(&input);
	size_t mapped = refuse_mapped_size();

	ask(&options, count, (size_t)fuzz_word(&input));
	/* What the machine could have would take too long. */
	if (options.reserve <= TRIED_SIZE || options.reserve > SIZE_MAX / 2)
		create(&options);
	FUZZ_REQUIRE(refuse_mapped_size() == mapped);
	return 0;
}
