/* SPDX-License-Identifier: ISC */
/* What memory a process uses, as the kernel counts it. */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <stddef.h>

#include "trial.h"

struct memory {
	size_t locked;   /* bytes */
	size_t resident; /* bytes, of anonymous memory */
	size_t mappings; /* as counted against max_map_count */
	size_t tables;   /* bytes of page tables */
};

/* An allocator's memory around a fill with keys. */
struct memory_figures {
	struct memory before;
	struct memory filled; /* trial.count objects alive */
	struct memory after;  /* that torn down, and several smaller fills */
	size_t metadata_size; /* bytes out of line; SIZE_MAX: not known */
};

/* The process as it is now; -1 with errno if /proc cannot tell. */
int memory_now(struct memory *memory);

/* Bytes that the machine can still give; 0 if /proc cannot tell. */
size_t memory_available(void);

/* End the trial unless the process has `size` bytes locked. */
void memory_need_locked(size_t size);

/* A trial; `result` is a struct memory_figures. */
void memory_run(const struct trial *trial, void *result);

#endif
