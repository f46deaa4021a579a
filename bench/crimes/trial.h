/* SPDX-License-Identifier: ISC */
/* One crime on one allocator, in a child, and what came of it. */
#ifndef CRIMES_TRIAL_H
#define CRIMES_TRIAL_H

#include "crimes/crime.h"

typedef enum {
	OUTCOME_FAULT,         /* the processor stopped the deed itself */
	OUTCOME_FOUND_AT_ONCE, /* the deed was a call, and that ended it all */
	OUTCOME_FOUND_AT_FREE, /* when the victim or a neighbour was freed */
	OUTCOME_FOUND_LATER,   /* by later calls, or when all was taken down */
	OUTCOME_NOT_FOUND,
	OUTCOME_UNDEFINED,  /* a crash elsewhere; objects in one place, or no
			       more */
	OUTCOME_IMPOSSIBLE, /* cannot be tried on this allocator */
	OUTCOMES
} outcome;

outcome trial_run(const struct peer *peer, const struct crime *crime);

#endif
