/* SPDX-License-Identifier: ISC */
/* The mutex, and what cancellation was before it. */
#include <config.h>

#include "lock.h"

#include <errno.h>

#include "os.h"

int sa_lock_init(sa_lock *lock)
{
	/* GCOVR_EXCL_START: in glibc and musl it takes no memory */
	if (pthread_mutex_init(&lock->mutex, NULL) != 0) {
		errno = ENOMEM;
		return -1;
	}
	/* GCOVR_EXCL_STOP */
	return 0;
}

void sa_lock_destroy(sa_lock *lock)
{
	pthread_mutex_destroy(&lock->mutex);
}

void sa_lock_take(sa_lock *lock)
{
	int state = sa_os_disable_cancel();

	pthread_mutex_lock(&lock->mutex);
	lock->cancel_state = state;
}

bool sa_lock_try(sa_lock *lock)
{
	int state = sa_os_disable_cancel();

	if (pthread_mutex_trylock(&lock->mutex) != 0) {
		sa_os_restore_cancel(state);
		return false;
	}
	lock->cancel_state = state;
	return true;
}

void sa_lock_give(sa_lock *lock)
{
	int state = lock->cancel_state;

	pthread_mutex_unlock(&lock->mutex);
	sa_os_restore_cancel(state);
}
