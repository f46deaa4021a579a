/* SPDX-License-Identifier: ISC */
/*
 * What the kernel knows of this process: its mappings and its locked memory.
 * Every function returns 0, or -1 with errno.
 */
#ifndef EXAMPLES_PROCESS_H
#define EXAMPLES_PROCESS_H

#include <stddef.h>

/* Mappings in use; the kernel holds them to the count of the next one. */
int process_mapping_count(size_t *count);
int process_mapping_limit(size_t *count);

/* Bytes locked in RAM. */
int process_locked_size(size_t *size);

/* Raise the soft limit on locked memory to the hard one. */
int process_raise_memlock(void);

#endif
