/* SPDX-License-Identifier: ISC */
/*
 * Where each object was allocated and freed, as stacks of return addresses: for
 * AddressSanitizer, which keeps none of memory that is poisoned by hand.  Kept
 * in memory of its own, only where that is running; what it is told about
 * carries over from object to report.  No contents.
 */
#ifndef SA_HISTORY_H
#define SA_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "annotate.h"
#include "backtrace.h"

/* An object, and the memory around it whose faults may be its own. */
typedef struct sa_history_place {
	const unsigned char *object;
	size_t size;
	const unsigned char *start;
	const unsigned char *end;
} sa_history_place;

#define SA_HISTORY_NAME_SIZE 48

typedef struct sa_history_record {
	sa_history_place place; /* .object NULL: no record */
	bool is_alive;
	bool is_told;
	uint64_t turn; /* when it changed last */
	sa_backtrace allocated;
	sa_backtrace freed;
	char arena[SA_HISTORY_NAME_SIZE]; /* cut off there */
} sa_history_record;

SA_INLINE bool sa_history_is_kept(void)
{
	return sa_annotate_found == SA_ANNOTATE_ASAN;
}

/* From where this is called. */
void sa_history_alloc(const char *arena, const sa_history_place *place);
void sa_history_free(const void *object);
void sa_history_resize(const void *object, size_t size);

/* Keep it as it is: for what is below, and so that a fork in between copies it
 * whole.  Trying: 1 if it worked. */
void sa_history_lock(void);
int sa_history_try_lock(void);
void sa_history_unlock(void);

/* The record whose object an address most likely belongs to; or NULL. */
const sa_history_record *sa_history_find_around(uintptr_t address);

/* The records one after another, from *at on, which is 0 at first; NULL at
 * the end. */
sa_history_record *sa_history_next(size_t *at);

#endif
