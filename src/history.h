/* SPDX-License-Identifier: ISC */
/*
 * Where each object was allocated and freed, as stacks of return addresses: for
 * AddressSanitizer, which keeps none of memory that is poisoned by hand.  Kept
 * in memory of its own, only where that is running; what it is told about
 * carries over from object to report.  No contents.
 */
#ifndef SA_HISTORY_H
#define SA_HISTORY_H

#include <stddef.h>

#include "sodium_arena.h"

/* An object, and the memory around it whose faults may be its own. */
typedef struct sa_history_place {
	const unsigned char *object;
	size_t size;
	const unsigned char *start;
	const unsigned char *end;
} sa_history_place;

/* From now on the sanitizer's reports are followed by the object's history. */
void sa_history_start(void);

/* From where this is called. */
void sa_history_alloc(const char *arena, const sa_history_place *place);
void sa_history_free(const void *object);
void sa_history_resize(const void *object, size_t size);

/* Write to standard error what is known of a bad pointer or damaged object. */
void sa_history_tell(const sa_arena_misuse *misuse);

/* The same of all objects that are alive, if the sanitizer looks for leaks. */
void sa_history_tell_alive(void);

/* Keep it as it is, so that a fork in between copies it whole. */
void sa_history_lock(void);
void sa_history_unlock(void);

#endif
