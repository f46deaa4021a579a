/* SPDX-License-Identifier: ISC */
/* What an arena has and has done: gathered from its shards, and as JSON. */
#ifndef SA_STATS_H
#define SA_STATS_H

#include "arena.h"
#include "line.h"

/* All members but `size`. */
void sa_stats_gather(sa_arena *arena, sa_arena_stats *stats);

/* In a forked child that found threads in the middle of counting: count what is
 * alive anew. */
void sa_stats_recount(sa_arena *arena);

/* One JSON object and a newline. */
void sa_stats_format(const sa_arena *arena, const sa_arena_stats *stats,
		     sa_line *line);

#endif
