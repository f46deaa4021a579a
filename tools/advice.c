/* SPDX-License-Identifier: ISC */
/* The figures are those needed, a little rounded up; never less. */
#include <config.h>

#include "advice.h"

#include <stdint.h>

#include "text.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)

/* A program maps files and memory of its own besides. */
#define OTHER_MAPPINGS 1000

/* SIZE_MAX if it is more. */
static size_t sum(size_t a, size_t b)
{
	return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

static size_t round_up(size_t size, size_t step)
{
	return size > SIZE_MAX - step ? size : (size + step - 1) / step * step;
}

/* Whole megabytes, but where little is needed. */
static size_t handy(size_t size)
{
	return round_up(size, size < MIB ? 4 * KIB : MIB);
}

static void advise_lock(const struct sheet_form *sheet, size_t need,
			size_t hard)
{
	static const char limit[] = "RLIMIT_MEMLOCK";
	size_t size = handy(need);

	if (size <= hard)
		sheet->advice(limit, "in the shell that starts it",
			      text_format("ulimit -l %zu", size / KIB).string);
	else
		sheet->advice(limit, "for the shell that starts it",
			      text_format("sudo prlimit --pid $$ "
					  "--memlock=%zu:%zu",
					  size, size)
				      .string);
	sheet->advice(limit, "for a user, in /etc/security/limits.d/*.conf",
		      text_format("USER - memlock %zu", size / KIB).string);
	sheet->advice(limit, "in a systemd unit's [Service] section",
		      text_format("LimitMEMLOCK=%zu", size).string);
	sheet->advice(
		limit, "with Docker or Podman",
		text_format("docker run --ulimit memlock=%zu:%zu", size, size)
			.string);
	sheet->advice(limit,
		      "with Kubernetes, in the container's entry, "
		      "for a program that runs as root there",
		      "securityContext: {capabilities: {add: [IPC_LOCK]}}");
}

static void advise_mappings(const struct sheet_form *sheet, size_t need)
{
	static const char limit[] = "vm.max_map_count";
	size_t count = round_up(sum(need, OTHER_MAPPINGS), 1000);

	sheet->advice(limit, "until the next start of the machine",
		      text_format("sudo sysctl -w vm.max_map_count=%zu", count)
			      .string);
	sheet->advice(limit, "from then on, in /etc/sysctl.d/*.conf",
		      text_format("vm.max_map_count = %zu", count).string);
}

static void advise_memory(const struct sheet_form *sheet, size_t need)
{
	static const char limit[] = "memory";
	size_t size = handy(need);

	sheet->advice(limit, "in a systemd unit's [Service] section",
		      text_format("MemoryMax=%zu", size).string);
	sheet->advice(limit, "with Docker or Podman",
		      text_format("docker run --memory=%zu", size).string);
	sheet->advice(
		limit, "with Kubernetes, in the container's entry",
		text_format("resources: {limits: {memory: %zu}}", size).string);
}

void advice_write(const struct sheet_form *sheet, const struct room *room,
		  const struct memlock *memlock)
{
	const sa_arena_preflight_report *needed = &room->needed;

	if (room->lacks_lock)
		advise_lock(sheet, sum(memlock->locked, needed->required_size),
			    memlock->hard);
	if (room->lacks_mappings)
		advise_mappings(sheet, needed->required_mappings);
	if (room->lacks_memory)
		advise_memory(sheet, needed->required_size);
}
