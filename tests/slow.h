/* SPDX-License-Identifier: ISC */
/*
 * libsodium's random numbers, slow once: who draws first, as the first arena's
 * key is, waits until another thread is about to do something meanwhile.
 */
#ifndef SLOW_H
#define SLOW_H

/* Before libsodium is used.  The first draw lasts `microseconds` longer than
 * until slow_go_on(). */
void slow_start(unsigned microseconds);

/* Wait until the first draw has begun. */
void slow_await(void);
void slow_go_on(void);

#endif
