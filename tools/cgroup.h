/* SPDX-License-Identifier: ISC */
/* What control groups leave this process of the machine's memory. */
#ifndef TOOLS_CGROUP_H
#define TOOLS_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

struct cgroup {
	struct text path; /* as /proc/self/cgroup has it */
	size_t limit;     /* the least memory.max on the way up; SIZE_MAX */
	size_t left;      /* the least that any of them has left; SIZE_MAX */
};

/*
 * Of version 2, or of version 1's memory controller.  False if this process
 * is in neither.  `root` stands before every path: "" but in tests.
 */
bool cgroup_read(const char *root, struct cgroup *group);

#endif
