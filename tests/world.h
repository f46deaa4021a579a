/* SPDX-License-Identifier: ISC */
/*
 * An arena, the objects in it, and a model of what access each should have.
 * Every call is made through here, and proved at once from outside: it
 * succeeded or said why not, in the errno that it may; all objects are intact;
 * all memory is exactly as accessible as the model says.
 */
#ifndef WORLD_H
#define WORLD_H

#include <stddef.h>
#include <stdint.h>

#include "sodium_arena.h"

enum { WORLD_OBJECTS = 400, WORLD_REGIONS = 64 };

typedef struct world_holders {
	size_t readers, writers;
} world_holders;

/* A mapping that holds objects. */
typedef struct world_region {
	uintptr_t start, end;
	world_holders holders;
	size_t count; /* of objects */
} world_region;

typedef struct world_object {
	unsigned char *bytes;
	size_t size;
	uint64_t seed;
	world_region *region;
} world_object;

typedef struct world {
	sa_arena *arena;
	sa_arena_options options;
	uint64_t seeds;
	size_t count;
	world_object objects[WORLD_OBJECTS];
	world_region regions[WORLD_REGIONS];
	sa_arena_access resting;
	world_holders holders;
	uint64_t failures; /* that the arena had counted before this call */
	size_t refused;    /* calls that failed */

	/* The kernel may refuse twice: to change a region, and to change it
	 * back.  What then is left must be told, and mended by the next
	 * change. */
	int may_tear;
	int is_torn;
	int is_quiet; /* nothing is proved, while there is no doubt */
} world;

/* 0, or -1 with a proper errno. */
int world_create(world *it, const sa_arena_options *options);
/* The caller has looked for what is left. */
void world_destroy(world *it);

/* That many objects of that size, for which there is room. */
void world_fill(world *it, size_t count, size_t size);

/* Each 0, or -1 if it failed as it may. */
int world_alloc(world *it, size_t size);
int world_realloc(world *it, size_t index, size_t size);
int world_free(world *it, size_t index);
int world_protect(world *it, sa_arena_access access);
int world_open(world *it, sa_arena_access access);
int world_close(world *it, sa_arena_access access);
int world_open_object(world *it, size_t index, sa_arena_access access);
int world_close_object(world *it, size_t index, sa_arena_access access);
int world_check(world *it);
int world_reset(world *it);
void world_trim(world *it);

/* With nothing refused any more: everything as the model says, every object
 * intact and behind guards; locked too, if that is required. */
void world_prove(world *it);

/* 1 if all memory is as accessible as the model says. */
int world_agrees(const world *it);

#endif
