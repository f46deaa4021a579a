/* SPDX-License-Identifier: ISC */
/* Whether so many objects of a size would fit, by growing an arena on paper. */
#ifndef SA_PREFLIGHT_H
#define SA_PREFLIGHT_H

#include "sodium_arena.h"

/* Valid options; fills all members but `size`.  0, or the errno. */
int sa_preflight(const sa_arena_options *options, size_t count, size_t size,
		 sa_arena_preflight_report *report);

#endif
