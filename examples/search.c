/* SPDX-License-Identifier: ISC */
/* Memory is read through /proc/self/mem, which refuses where a load faults. */
#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium_arena.h>

#include "search.h"

#define STEP ((size_t)256 << 10)

struct reader {
	const void *needle;
	size_t size;
	int fd;
	unsigned char *buffer; /* STEP + size bytes, in the arena */
	struct search *found;
};

static void count(const struct reader *reader, uintptr_t address)
{
	uintptr_t buffer = (uintptr_t)reader->buffer;

	if (address - buffer < STEP + reader->size)
		return;
	if (sa_arena_contains(sa_default_arena(), (const void *)address)) {
		reader->found->inside++;
		return;
	}
	if (reader->found->outside++ == 0)
		reader->found->first_outside = address;
}

/* Matches that begin within the step; they may end behind it. */
static void search_step(const struct reader *reader, uintptr_t start,
			size_t length)
{
	const unsigned char *at = reader->buffer, *match;
	ssize_t got = pread(reader->fd, reader->buffer, length, (off_t)start);
	const unsigned char *end = reader->buffer + (got > 0 ? got : 0);

	while ((match = memmem(at, (size_t)(end - at), reader->needle,
			       reader->size)) != NULL) {
		if ((size_t)(match - reader->buffer) < STEP)
			count(reader,
			      start + (uintptr_t)(match - reader->buffer));
		at = match + 1;
	}
}

static void search_mapping(const struct reader *reader, uintptr_t start,
			   uintptr_t end)
{
	size_t whole = STEP + reader->size - 1;

	for (; start < end; start += STEP) {
		size_t left = end - start;

		search_step(reader, start, left < whole ? left : whole);
		if (left <= STEP)
			return;
	}
}

static void search_mappings(const struct reader *reader, FILE *maps)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, maps) > 0) {
		char *dash, *space;
		uintptr_t start = strtoul(line, &dash, 16);
		uintptr_t end = strtoul(dash + 1, &space, 16);

		if (space[1] == 'r')
			search_mapping(reader, start, end);
	}
	free(line);
}

int search_memory(const void *needle, size_t size, struct search *found)
{
	struct reader reader = {needle, size, -1, NULL, found};
	FILE *maps = fopen("/proc/self/maps", "re");
	int result = -1;

	*found = (struct search){0, 0, 0};
	reader.fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	reader.buffer = sa_malloc(STEP + size);
	if (maps != NULL && reader.fd >= 0 && reader.buffer != NULL) {
		search_mappings(&reader, maps);
		result = 0;
	}
	sa_free(reader.buffer);
	if (reader.fd >= 0)
		close(reader.fd);
	if (maps != NULL)
		fclose(maps);
	return result;
}
