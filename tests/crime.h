/* SPDX-License-Identifier: ISC */
/*
 * Crimes from tables.  A row is a deed and the verdict that it must come to:
 * the signal, and the exact line on standard error.  Each is committed in a
 * child, under the default handler.
 */
#ifndef CRIME_H
#define CRIME_H

#include "support.h"

/* The flags of the arenas that are made; set by the fixtures. */
extern unsigned crime_flags;

void crime_setup_default(void);
void crime_setup_single_threaded(void);

/* What must come of a deed. */
typedef struct crime_verdict {
	int signal;      /* 0: nobody notices, and the child leaves */
	int is_reported; /* by a line; else nothing is written */
	sa_arena_misuse misuse;
} crime_verdict;

crime_verdict crime_unnoticed(void);
crime_verdict crime_fault(void);
crime_verdict crime_report(sa_arena_misuse_kind kind, const void *object,
			   size_t size, ptrdiff_t offset);

/*
 * Do it in a child; fails the test if it comes to anything else.  What the row
 * is, is said as by printf().
 */
void crime_commit(support_body deed, void *context,
		  const crime_verdict *expected, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* 1 if `text` is exactly the line that this verdict has reported. */
int crime_is_line(const char *text, const crime_verdict *verdict);

/* The exit status for main(); says how many crimes were committed. */
int crime_run(Suite *suite);

/* An arena named SUPPORT_VAULT; fails the test if there is none. */
sa_arena *crime_vault(size_t reserve);

/* A filled object; fails the test if there is none. */
unsigned char *crime_alloc(sa_arena *vault, size_t size);

/* So many of them, in the order of their addresses. */
void crime_alloc_crowd(sa_arena *vault, size_t size, unsigned char **crowd,
		       size_t count);

/* The index of one that has another right before it and another right behind
 * it; fails the test if there is none. */
size_t crime_between(unsigned char *const *crowd, size_t count, size_t size);

/* The object in such a place, in a crowd that is made for it. */
unsigned char *crime_alloc_between(sa_arena *vault, size_t size);

/* Bytes from one object of that size to the next: its slot. */
size_t crime_stride(size_t size);
/* 1 if an object of that size has a block of its own. */
int crime_is_large(size_t size);

/* ------------------------------------------------------------- finders */

/* Who comes upon damage, and how much of the arena he looks at. */
typedef struct crime_finder {
	const char *name;
	void (*find)(sa_arena *vault, void *object, size_t size);
	int sees_all; /* or the one object only */
} crime_finder;

#define CRIME_FINDERS 11
extern const crime_finder crime_finders[CRIME_FINDERS];
/* From this one on they need no object: it may be free. */
#define CRIME_SWEEPERS 5

/* Free it in a thread that has used the arena before. */
void crime_free_elsewhere(sa_arena *vault, void *object);

#endif
