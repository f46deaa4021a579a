/* SPDX-License-Identifier: ISC */
/*
 * Reads /proc with read(2) into one static buffer: looking at memory must
 * not change it.
 */
#include <config.h>

#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocator.h"
#include "object.h"

/* After the large fill: smaller ones, each torn down, to show any leak. */
#define REFILLS 10
#define REFILL_DIVISOR 10

static char page[65536];

/* /proc/self/status and smaps_rollup are far shorter than the buffer. */
static int page_read(const char *path)
{
	size_t size = 0;
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	while ((got = read(fd, page + size, sizeof(page) - 1 - size)) > 0)
		size += (size_t)got;
	page[size] = '\0';
	close(fd);
	return got < 0 ? -1 : 0;
}

/* The figure, in kB there, of the line that begins with `key`. */
static int page_field(const char *key, size_t *bytes)
{
	const char *line = strstr(page, key);

	if (line == NULL) {
		errno = ENODATA;
		return -1;
	}
	*bytes = strtoul(line + strlen(key), NULL, 10) * 1024;
	return 0;
}

static size_t newlines(const char *text, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < size; i++)
		count += text[i] == '\n';
	return count;
}

static int mappings_count(size_t *count)
{
	ssize_t got;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	*count = 0;
	while ((got = read(fd, page, sizeof(page))) > 0)
		*count += newlines(page, (size_t)got);
	close(fd);
	return got < 0 ? -1 : 0;
}

/*
 * Code is not counted.  smaps_rollup is exact; status lags behind by some
 * pages a CPU.
 */
int memory_now(struct memory *memory)
{
	if (page_read("/proc/self/status") != 0 ||
	    page_field("\nVmLck:", &memory->locked) != 0 ||
	    page_field("\nVmPTE:", &memory->tables) != 0)
		return -1;
	if (page_read("/proc/self/smaps_rollup") != 0 ||
	    page_field("\nAnonymous:", &memory->resident) != 0)
		return -1;
	return mappings_count(&memory->mappings);
}

size_t memory_available(void)
{
	size_t bytes;

	if (page_read("/proc/meminfo") != 0 ||
	    page_field("\nMemAvailable:", &bytes) != 0)
		return 0;
	return bytes;
}

static void look(struct memory *memory)
{
	if (memory_now(memory) != 0)
		trial_give_up();
}

void memory_need_locked(size_t size)
{
	struct memory memory;

	look(&memory);
	if (memory.locked < size) {
		errno = EPERM;
		trial_give_up();
	}
}

/* Fill `count` objects, look if `figures` is given, tear down. */
static void round_trip(const struct allocator *allocator, void **objects,
		       size_t count, struct memory_figures *figures)
{
	void *context = allocator->setup(count * KEY_SIZE);

	for (size_t i = 0; i < count; i++) {
		objects[i] = trial_need(allocator->alloc(context, KEY_SIZE));
		object_write(objects[i], KEY_SIZE);
	}
	if (figures != NULL)
		look(&figures->filled);
	if (figures != NULL && allocator->metadata_size != NULL)
		figures->metadata_size = allocator->metadata_size(context);
	if (!allocator->teardown_frees)
		for (size_t i = 0; i < count; i++)
			allocator->free(context, objects[i], KEY_SIZE);
	allocator->teardown(context);
}

/*
 * A small round first, and a look, so that nothing is counted which the
 * process sets up once and keeps; but a pool that the process keeps counts.
 */
void memory_run(const struct trial *trial, void *result)
{
	struct memory_figures *figures = result;
	size_t some = trial->count / REFILL_DIVISOR;
	void **objects = trial_need(malloc(trial->count * sizeof(*objects)));

	memset(objects, 0xff, trial->count * sizeof(*objects));
	figures->metadata_size = SIZE_MAX;
	look(&figures->before);
	if (!trial->allocator->keeps_pool) {
		round_trip(trial->allocator, objects, 1, figures);
		look(&figures->before);
	}
	round_trip(trial->allocator, objects, trial->count, figures);
	for (int i = 0; i < REFILLS; i++)
		round_trip(trial->allocator, objects, some, NULL);
	look(&figures->after);
	free(objects);
}
