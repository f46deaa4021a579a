/* SPDX-License-Identifier: ISC */
/* What the system does not tell is called "unknown". */
#include <config.h>

#include "machine.h"

#include <gnu/libc-version.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "allocator.h"

#define LINE_SIZE 256

#define HUGE_PAGES "/sys/kernel/mm/transparent_hugepage/"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

struct line {
	char string[LINE_SIZE];
};

/* What follows `key` and blanks in the first line of the file that has it. */
static struct line line_after(const char *path, const char *key)
{
	struct line line = {"unknown"};
	char buffer[LINE_SIZE];
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return line;
	while (fgets(buffer, sizeof(buffer), file) != NULL) {
		const char *value = buffer + strlen(key);

		if (strncmp(buffer, key, strlen(key)) != 0)
			continue;
		value += strspn(value, " \t:");
		snprintf(line.string, sizeof(line.string), "%.*s",
			 (int)strcspn(value, "\n"), value);
		break;
	}
	fclose(file);
	return line;
}

static void row(FILE *stream, const char *what, const char *value)
{
	fprintf(stream, "| %s | %s |\n", what, value);
}

static void row_memory(FILE *stream)
{
	struct line total = line_after("/proc/meminfo", "MemTotal");

	fprintf(stream, "| memory | %.1f GiB |\n",
		strtod(total.string, NULL) / (1 << 20));
}

static void row_kernel(FILE *stream)
{
	struct utsname name;

	if (uname(&name) == 0)
		fprintf(stream, "| kernel | %s %s, %s |\n", name.sysname,
			name.release, name.machine);
}

/* A preloaded library may stand for malloc: its name without its folder. */
static void row_preload(FILE *stream)
{
	const char *preload = getenv("LD_PRELOAD");
	const char *slash;

	if (preload == NULL || *preload == '\0')
		return;
	slash = strrchr(preload, '/');
	row(stream, "preloaded", slash != NULL ? slash + 1 : preload);
}

static void rows_versions(FILE *stream)
{
	row(stream, "compiler", COMPILER);
	row(stream, "C library", gnu_get_libc_version());
	for (size_t i = 0; i < allocator_count; i++)
		row(stream, allocators[i]->name, allocators[i]->version());
}

void machine_describe(FILE *stream)
{
	row(stream, "processor",
	    line_after("/proc/cpuinfo", "model name").string);
	fprintf(stream, "| processors | %ld |\n",
		sysconf(_SC_NPROCESSORS_ONLN));
	row_memory(stream);
	row_kernel(stream);
	fprintf(stream, "| page size | %ld bytes |\n", sysconf(_SC_PAGESIZE));
	row(stream, "transparent huge pages",
	    line_after(HUGE_PAGES "enabled", "").string);
	row(stream, "their defragmentation",
	    line_after(HUGE_PAGES "defrag", "").string);
	row(stream, "vm.max_map_count",
	    line_after("/proc/sys/vm/max_map_count", "").string);
	rows_versions(stream);
	row_preload(stream);
}
