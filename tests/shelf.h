/* SPDX-License-Identifier: ISC */
/*
 * An arena that threads share, and a shelf of places for its objects: who
 * takes a place has its object alone, whoever made it.  The shelf is the
 * model: it knows what should be alive, and what each object holds.
 */
#ifndef SHELF_H
#define SHELF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sodium_arena.h"
#include "support.h"

enum { SHELF_PLACES = 1024 };

typedef struct shelf_place {
	_Alignas(64) atomic_bool is_taken;
	unsigned char *bytes; /* NULL: none */
	size_t size;
	uint64_t seed;
	bool is_pooled;
	size_t epoch; /* forks that had begun when it was filled */
} shelf_place;

typedef struct shelf {
	sa_arena *arena;
	sa_pool *pool;
	sa_arena_options options;
	shelf_place places[SHELF_PLACES];
	atomic_size_t allocs, frees, refusals;
} shelf;

/* A thread's own. */
typedef struct shelf_visitor {
	support_random random;
	sa_arena_access held; /* of the arena; NOACCESS: nothing */
	size_t visits;
} shelf_visitor;

/* Begins an epoch: the number of forks begun, with this one. */
size_t shelf_fork_begins(void);

void shelf_create(shelf *it, const sa_arena_options *options);

/* Make, use or free the object at some place. */
void shelf_visit(shelf *it, shelf_visitor *visitor);

/* With no visitors: all objects are intact, and figures are the arena's. */
void shelf_prove(shelf *it);

/* In the child of a fork that began this epoch: leave alone what threads that
 * are not there were at; or all, if fork has wiped it. */
void shelf_after_fork(shelf *it, size_t epoch);
void shelf_clear(shelf *it);

/* What can be seen is what was there; needs no holder. */
void shelf_require_intact(shelf *it);

#endif
