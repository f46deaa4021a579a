/* SPDX-License-Identifier: ISC */
/*
 * A few real threads of which one at a time runs, the one that holds the
 * baton: each has shards of its own, and a run is the same every time.
 */
#ifndef FUZZ_BATON_H
#define FUZZ_BATON_H

#define BATON_THREADS 4

/* Start the threads, unless they are there.  AFL++ forks after initialisation,
 * which they would not survive. */
void baton_start(void);

/* Have `turn` run on that thread, below BATON_THREADS, and wait for its end.
 * Thread 0 is the caller. */
void baton_pass(unsigned thread, void (*turn)(void));

#endif
