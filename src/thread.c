/* SPDX-License-Identifier: ISC */
/* The table of thread numbers: who holds which, and whether they live. */
#include <config.h>

#include "thread.h"

#include <stdbool.h>

#include "os.h"

/* A thread that has none asks again each time it has been refused this often.
 * Asking costs a system call for every number. */
#define ATTEMPTS_BETWEEN_SCANS 4096

/* Short-lived threads come one after another: one look at two of the numbers
 * in use mostly finds a dead one, and the table stays small. */
#define EARLY_PROBES 2

_Thread_local sa_thread sa_thread_self;

atomic_uintptr_t sa_thread_next_serial = SA_THREAD_NOBODY + 1;
static atomic_int holders[SA_THREADS_MAX]; /* thread ids; 0: free */
static atomic_uint used = 1; /* numbers below were given out once */
static atomic_uint hand = 1; /* where the next probe looks */

/* Take `number` over if its holder is dead, or was another bearer of our own
 * id (ids are reused, and we have no number yet). */
static bool take_over(unsigned number, int id)
{
	int holder = atomic_load(&holders[number]);

	if (holder != id && holder != 0 && sa_os_thread_is_alive(holder))
		return false;
	return atomic_compare_exchange_strong(&holders[number], &holder, id);
}

static unsigned probe(unsigned count, int id)
{
	unsigned limit = atomic_load(&used);

	for (unsigned i = 0; i < count && limit > 1; i++) {
		unsigned number = 1 + atomic_fetch_add(&hand, 1) % (limit - 1);

		if (take_over(number, id))
			return number;
	}
	return 0;
}

static unsigned take_unused(int id)
{
	unsigned number = atomic_load(&used);

	while (number < SA_THREADS_MAX) {
		int nobody = 0;

		/* GCOVR_EXCL_START: others are faster by chance only */
		if (!atomic_compare_exchange_weak(&used, &number, number + 1))
			continue;
		/* GCOVR_EXCL_STOP */
		if (atomic_compare_exchange_strong(&holders[number], &nobody,
						   id))
			return number;
		number = atomic_load(&used);
	}
	return 0;
}

static uintptr_t take_serial(void)
{
	uintptr_t serial = atomic_load(&sa_thread_next_serial);

	while (serial != 0 &&
	       !atomic_compare_exchange_weak(&sa_thread_next_serial, &serial,
					     serial + 1))
		continue;
	return serial;
}

void sa_thread_register(void)
{
	int id;
	unsigned number;

	if (sa_thread_self.serial == 0)
		sa_thread_self.serial = take_serial();
	if (sa_thread_self.serial == 0 || sa_thread_self.number != 0 ||
	    sa_thread_self.attempts++ % ATTEMPTS_BETWEEN_SCANS != 0)
		return;
	id = sa_os_thread_id();
	if (id <= 0)
		return;
	number = probe(EARLY_PROBES, id);
	if (number == 0)
		number = take_unused(id);
	if (number == 0)
		number = probe(SA_THREADS_MAX, id);
	sa_thread_self.number = number;
}

void sa_thread_after_fork(void)
{
	for (unsigned i = 1; i < SA_THREADS_MAX; i++)
		atomic_store(&holders[i], 0);
	if (sa_thread_self.number != 0)
		atomic_store(&holders[sa_thread_self.number],
			     sa_os_thread_id());
}
