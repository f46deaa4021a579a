/* SPDX-License-Identifier: ISC */
/*
 * A shadow of one arena: every object with its content, all holders, and every
 * figure that the arena must give.  Refused system calls make figures of
 * failure and access uncertain; nothing else.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "sodium_arena.h"

#define MODEL_OBJECTS 64
#define MODEL_HOLDS 8
#define MODEL_POOLS 4

/* `object` NULL: none.  All its bytes are `fill`. */
typedef struct shadow {
	unsigned char *object;
	size_t size;
	unsigned char fill;
	int is_large;
	unsigned pool; /* its number + 1, or 0: of no pool */
} shadow;

/* A pool; `pool` NULL: none. */
typedef struct model_pool {
	sa_pool *pool;
	size_t size;
	size_t alignment;
} model_pool;

/* A holder of one object; `object` NULL: none.  The object may be gone. */
typedef struct hold {
	unsigned char *object;
	sa_arena_access access;
	int is_large;
} hold;

typedef struct model {
	sa_arena *arena;
	sa_arena_options options;
	shadow shadows[MODEL_OBJECTS];
	hold holds[MODEL_HOLDS];
	model_pool pools[MODEL_POOLS];
	size_t live_count, live_size;
	uint64_t alloc_count, free_count, failure_count;
	size_t readers, writers;
	sa_arena_access resting;
	size_t refused; /* refuse_total() when the call began */
	int is_off;     /* after a refusal, access is not as asked for */
	sa_arena_access in_force;
	int is_torn;        /* regions may differ, and nothing be allocated */
	unsigned char turn; /* what the next object is filled with */
} model;

/* A new arena, or none where the kernel refused.  1 or 0. */
int model_begin(model *m, const sa_arena_options *options);

/* Around every call on the arena. */
void model_call(model *m);
/* Has a system call been refused since? */
int model_was_refused(const model *m);
/* The call is over: compare what can be told at once. */
void model_return(model *m);

/* The arena's access was set anew, everywhere. */
void model_settle(model *m);

/* What the holders and the resting access ask for. */
sa_arena_access model_access(const model *m);
/* The access of the object's memory is at least that. */
int model_allows(const model *m, const shadow *it, sa_arena_access access);

/* An object appeared, changed (moved or not), or is gone. */
void model_adopt(model *m, shadow *it, void *object, size_t size);
void model_resize(model *m, shadow *it, void *object, size_t size);
void model_disown(model *m, shadow *it);

/* Fill the object anew, if its memory is writable now. */
void model_fill(model *m, shadow *it);

/* The object's size, owner and, if it is readable, content. */
void model_verify(const model *m, const shadow *it);
/* All objects and all figures. */
void model_verify_all(const model *m);

#endif
