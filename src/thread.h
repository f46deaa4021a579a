/* SPDX-License-Identifier: ISC */
/*
 * Small numbers for threads, so that each finds what is its own by an index.
 * No two live threads have one number; a dead thread's is given to a new one.
 * No exit hook: whether a thread is alive is asked when a number is wanted.
 */
#ifndef SA_THREAD_H
#define SA_THREAD_H

#include <stdatomic.h>
#include <stdint.h>

/* Numbers run from 1 to SA_THREADS_MAX - 1.  0: none was left. */
#define SA_THREADS_MAX 256

/* Serials are higher; and 0 is that of a thread that has not asked. */
#define SA_THREAD_NOBODY ((uintptr_t)1)

typedef struct sa_thread {
	uintptr_t serial; /* never that of another thread; 0: not yet asked, or
			     none was left */
	unsigned number;
	unsigned attempts; /* to get a number when there was none */
} sa_thread;

/* The calling thread.  Initial-exec: no call to find it, here or in a
 * library loaded late (16 bytes of the reserve that glibc keeps for that). */
extern _Thread_local sa_thread sa_thread_self
	__attribute__((tls_model("initial-exec")));

/* What the next thread gets; 0: none is left, as after 2^32 threads if that is
 * all a word can tell. */
extern atomic_uintptr_t sa_thread_next_serial;

/* Give the calling thread a serial and a number, if there are any left. */
void sa_thread_register(void);

/* In the child of a fork, where one thread is left: its number is its own and
 * all others are free. */
void sa_thread_after_fork(void);

#endif
