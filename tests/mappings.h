/* SPDX-License-Identifier: ISC */
/* All the mappings that the kernel grants to one process, in the test's hands:
 * the next one to ask for one is refused. */
#ifndef MAPPINGS_H
#define MAPPINGS_H

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support.h"

/* More than the kernel's default of max_map_count. */
enum { MAPPINGS_MAX = 70000 };

static void *mappings_eaten[MAPPINGS_MAX];

/* Neighbours that it cannot merge.  How many; 0 if there is no end to them. */
static inline size_t mappings_eat(void)
{
	for (size_t count = 0; count < MAPPINGS_MAX; count++) {
		mappings_eaten[count] =
			mmap(NULL, (size_t)sysconf(_SC_PAGESIZE),
			     count % 2 == 0 ? PROT_NONE : PROT_READ,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (mappings_eaten[count] == MAP_FAILED)
			return count;
	}
	return 0;
}

static inline void mappings_give_back(size_t index)
{
	SUPPORT_REQUIRE(munmap(mappings_eaten[index],
			       (size_t)sysconf(_SC_PAGESIZE)) == 0);
}

#endif
