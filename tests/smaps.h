/* SPDX-License-Identifier: ISC */
/*
 * What the kernel says of a range of memory in /proc/self/smaps: the flags
 * and figures of the mappings that it lies in (proc(5)).
 */
#ifndef SMAPS_H
#define SMAPS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

typedef struct smaps_scan {
	uintptr_t start, end; /* of the range */
	size_t inside;        /* bytes of it in the current mapping */
	char line[512];
} smaps_scan;

/* If this line begins a mapping, how much of the range lies in it? */
static inline void smaps_begin(smaps_scan *scan)
{
	unsigned long long from, to;

	if (sscanf(scan->line, "%llx-%llx %*s", &from, &to) != 2)
		return;
	from = from > scan->start ? from : scan->start;
	to = to < scan->end ? to : scan->end;
	scan->inside = from < to ? (size_t)(to - from) : 0;
}

/* The bytes of the range whose mapping has this of VmFlags, "lo" for one; or
 * the sum of this figure, "Rss" for one, over the mappings that hold any. */
static inline size_t smaps_sum(const void *memory, size_t size,
			       const char *flag, const char *figure)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	smaps_scan scan = {.start = (uintptr_t)memory,
			   .end = (uintptr_t)memory + size};
	size_t sum = 0, kib;

	SUPPORT_REQUIRE(file != NULL);
	while (fgets(scan.line, sizeof scan.line, file) != NULL) {
		smaps_begin(&scan);
		if (scan.inside == 0)
			continue;
		if (flag != NULL && strncmp(scan.line, "VmFlags:", 8) == 0 &&
		    strstr(scan.line + 8, flag) != NULL)
			sum += scan.inside;
		if (figure != NULL &&
		    strncmp(scan.line, figure, strlen(figure)) == 0 &&
		    sscanf(scan.line + strlen(figure), ": %zu kB", &kib) == 1)
			sum += kib * 1024;
	}
	fclose(file);
	return sum;
}

static inline int smaps_has_flag(const void *memory, size_t size,
				 const char *flag)
{
	return smaps_sum(memory, size, flag, NULL) == size;
}

/* 1 if no byte of the range has it. */
static inline int smaps_lacks_flag(const void *memory, size_t size,
				   const char *flag)
{
	return smaps_sum(memory, size, flag, NULL) == 0;
}

static inline size_t smaps_figure(const void *memory, size_t size,
				  const char *figure)
{
	return smaps_sum(memory, size, NULL, figure);
}

#endif
