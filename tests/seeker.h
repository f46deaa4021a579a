/* SPDX-License-Identifier: ISC */
/*
 * The search for secrets that should not be there: through all memory of a
 * process, by another one, which reads inaccessible pages too; and through
 * files and text.  A secret is told by its number; nobody but who was asked to
 * write it has its bytes.  Any eight of them in a row are a trace.
 */
#ifndef SEEKER_H
#define SEEKER_H

#include <stddef.h>
#include <stdint.h>

/* Bytes in a row that count as a trace. */
#define SEEKER_TRACE 8
/* The traces that a secret of so many bytes makes where it lies. */
#define SEEKER_TRACES(size) ((size)-SEEKER_TRACE + 1)

/* Write the secret of that number and size, leaving nothing elsewhere. */
void seeker_write(void *memory, size_t size, uint64_t number);

typedef struct seeker_traces {
	size_t inside;   /* where the secret may be */
	size_t outside;  /* anywhere else */
	uintptr_t where; /* the first of these */
} seeker_traces;

/*
 * A process that looks at others' memory.  0, or -1 if the system does not let
 * it see all of that.
 */
int seeker_start(void);
void seeker_stop(void);

/* Have it look through the calling process, which may be in the middle of
 * anything.  `place` may hold the secret's first `size` bytes; NULL: no place
 * may. */
seeker_traces seeker_search(uint64_t number, size_t secret_size,
			    const void *place, size_t size);

/* How many of `count` secrets, numbered from `first`, have left a trace in the
 * file; fails the test if it cannot be read. */
size_t seeker_search_file(const char *path, uint64_t first, size_t count,
			  size_t size);

/* 1 if the text has four bytes in a row, as they are or in hexadecimal, of
 * what is in memory there. */
int seeker_text_tells(const char *text, const void *memory, size_t size);

#endif
