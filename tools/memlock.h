/* SPDX-License-Identifier: ISC */
/* RLIMIT_MEMLOCK of this process, and what can be told of who set it. */
#ifndef TOOLS_MEMLOCK_H
#define TOOLS_MEMLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

struct memlock {
	size_t soft; /* bytes; SIZE_MAX: no limit */
	size_t hard;
	size_t locked;        /* by this process now */
	bool is_exempt;       /* CAP_IPC_LOCK: no limit applies */
	struct text origin;   /* a sentence */
	struct text settings; /* files that set it at login; or "" */
};

void memlock_read(struct memlock *memlock);

#endif
