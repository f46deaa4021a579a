/* SPDX-License-Identifier: ISC */
/*
 * Who holds an arena or a region open, counted by what they may do with it.
 * Pure functions; no state.
 */
#ifndef SA_HOLDERS_H
#define SA_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>

#include "sodium_arena.h"

typedef struct sa_holders {
	size_t readers;
	size_t writers;
} sa_holders;

/* The most that `resting` and the holders ask for. */
static inline sa_arena_access sa_holders_access(sa_holders holders,
						sa_arena_access resting)
{
	if (holders.writers != 0)
		return SA_ARENA_READWRITE;
	if (holders.readers != 0 && resting == SA_ARENA_NOACCESS)
		return SA_ARENA_READONLY;
	return resting;
}

static inline size_t sa_holders_count(sa_holders holders)
{
	return holders.readers + holders.writers;
}

/* One more with READONLY or READWRITE access. */
static inline sa_holders sa_holders_with(sa_holders holders,
					 sa_arena_access access)
{
	if (access == SA_ARENA_READWRITE)
		holders.writers++;
	else
		holders.readers++;
	return holders;
}

static inline bool sa_holders_has(sa_holders holders, sa_arena_access access)
{
	return (access == SA_ARENA_READWRITE ? holders.writers
					     : holders.readers) != 0;
}

/* One less; there is one. */
static inline sa_holders sa_holders_without(sa_holders holders,
					    sa_arena_access access)
{
	if (access == SA_ARENA_READWRITE)
		holders.writers--;
	else
		holders.readers--;
	return holders;
}

#endif
