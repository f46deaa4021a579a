/* SPDX-License-Identifier: ISC */
/*
 * System calls on memory that fail on demand, whoever makes them: this
 * library, or libsodium on its behalf.  And a ledger of what was mapped since,
 * so that a test can tell what is left of it, and why.
 *
 * The functions of libc are defined anew in the test program.  That reaches
 * the calls of a shared libsodium, since the dynamic linker looks into the
 * program first, and those of a static one alike; a preloaded object would not
 * reach a static program, and ld's --wrap no shared library.  syscall() alone
 * is wrapped: only this library makes calls on memory through it, and what is
 * defined here needs the true one.  Not for sanitizers, which define the same.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stddef.h>

typedef enum faults_call {
	FAULTS_MMAP,
	FAULTS_MPROTECT,
	FAULTS_MADVISE,
	FAULTS_MLOCK,
	FAULTS_MUNLOCK,
	FAULTS_MUNMAP,
	FAULTS_MREMAP,
	FAULTS_MLOCK2,
	FAULTS_MEMBARRIER,
	FAULTS_CALLS
} faults_call;

/* Which calls fail. */
typedef enum faults_mode {
	FAULTS_ONCE,    /* the k-th */
	FAULTS_ONWARD,  /* the k-th and all that follow */
	FAULTS_OF_KIND, /* the k-th and all of its kind that follow */
	FAULTS_MODES,
	/* Not by turns: nothing is opened nor unmapped from the k-th call on.
	 */
	FAULTS_CLOSED
} faults_mode;

/* From now on, until disarmed; `first` counts from 1. */
void faults_arm(size_t first, faults_mode mode);
void faults_disarm(void);

/* From now on mmap() takes every address as a hint, as kernels before 4.17 do
 * that do not know MAP_FIXED_NOREPLACE. */
void faults_take_hints(void);

/* Calls met, and made to fail, since it was armed; met of one kind. */
size_t faults_met(void);
size_t faults_failed(void);
size_t faults_met_of(faults_call call);

/* Begin the ledger anew. */
void faults_watch(void);

typedef struct faults_left {
	size_t size;        /* bytes mapped since watching, and still mapped */
	size_t unexplained; /* of those, nobody was refused to unmap them */
} faults_left;

faults_left faults_left_now(void);

/* 1 if these bytes stand in what is left, as far as it can be read. */
int faults_left_holds(const void *bytes, size_t size);

#endif
