/* SPDX-License-Identifier: ISC */
/* What the kernel tells of this process's limits and of its machine. */
#ifndef SA_PROC_H
#define SA_PROC_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The huge pages that this process may ask for, in bytes; 0: none, or the
 * kernel cannot drop locked pages (MADV_DONTNEED_LOCKED, Linux 5.18).
 */
size_t sa_proc_huge_page_size(void);
/* Are they given to memory that does not ask for them? */
bool sa_proc_gives_huge_pages(void);

/* The machine's memory in bytes; SIZE_MAX: unknown. */
size_t sa_proc_memory_size(void);
/* Bytes this process may lock beyond what it has; SIZE_MAX: no limit. */
size_t sa_proc_lockable_size(void);
/* Mappings this process may have beyond those it has; SIZE_MAX: unknown. */
size_t sa_proc_available_mappings(void);

#endif
