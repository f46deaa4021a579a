/* SPDX-License-Identifier: ISC */
/*
 * A mutex whose holder is not cancelled: calls that wait meanwhile, for /proc
 * or random bytes, would end the thread and leave it locked.
 */
#ifndef SA_LOCK_H
#define SA_LOCK_H

#include <pthread.h>
#include <stdbool.h>

typedef struct sa_lock {
	pthread_mutex_t mutex;
	int cancel_state; /* of who has it, before */
} sa_lock;

#define SA_LOCK_INIT                                                           \
	{                                                                      \
		PTHREAD_MUTEX_INITIALIZER, 0                                   \
	}

/* 0, or -1 with ENOMEM. */
int sa_lock_init(sa_lock *lock);
void sa_lock_destroy(sa_lock *lock);

void sa_lock_take(sa_lock *lock);
/* False if it is not free. */
bool sa_lock_try(sa_lock *lock);
void sa_lock_give(sa_lock *lock);

#endif
