/* SPDX-License-Identifier: ISC */
/* Where in this process's memory a secret lies. */
#ifndef EXAMPLES_SEARCH_H
#define EXAMPLES_SEARCH_H

#include <stddef.h>
#include <stdint.h>

struct search {
	size_t inside;  /* copies in live objects of the default arena */
	size_t outside; /* copies anywhere else */
	uintptr_t first_outside;
};

/*
 * Look through every readable mapping.  The needle itself counts; it is to be
 * in the default arena.  0, or -1 with errno.
 */
int search_memory(const void *needle, size_t size, struct search *found);

#endif
