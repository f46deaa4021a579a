/* SPDX-License-Identifier: ISC */
/* The table of thread numbers: who holds which, and whether they live. */
#include <config.h>

#include "thread.h"

#include <stdbool.h>

#include "lock.h"
#include "os.h"

/* A thread that has none asks again each time it has been refused this often.
 * Asking costs a system call for every number. */
#define ATTEMPTS_BETWEEN_SCANS 4096

/* Short-lived threads come one after another: one look at two of the numbers
 * in use mostly finds a dead one, and the table stays small. */
#define EARLY_PROBES 2

_Thread_local sa_thread sa_thread_self;

atomic_uintptr_t sa_thread_next_serial = SA_THREAD_NOBODY + 1;

/* Who takes a number over has asked whether its holder lives: nobody else may
 * take it meanwhile, for the kernel gives ids again, and it would not be seen.
 * At a fork nobody has the lock: it is taken under an arena's only. */
static sa_lock lock = SA_LOCK_INIT;
static int holders[SA_THREADS_MAX]; /* thread ids; 0: free */
static unsigned used = 1;           /* numbers below were given out once */
static unsigned hand = 1;           /* where the next probe looks */

/* Take `number` over if its holder is dead, or was another bearer of our own
 * id (ids are reused, and we have no number yet). */
static bool take_over(unsigned number, int id)
{
	int holder = holders[number];

	if (holder != id && holder != 0 && sa_os_thread_is_alive(holder))
		return false;
	holders[number] = id;
	return true;
}

static unsigned probe(unsigned count, int id)
{
	for (unsigned i = 0; i < count && used > 1; i++) {
		unsigned number = 1 + hand++ % (used - 1);

		if (take_over(number, id))
			return number;
	}
	return 0;
}

static unsigned take_unused(int id)
{
	if (used == SA_THREADS_MAX)
		return 0;
	holders[used] = id;
	return used++;
}

static unsigned take_number(int id)
{
	unsigned number;

	sa_lock_take(&lock);
	number = probe(EARLY_PROBES, id);
	if (number == 0)
		number = take_unused(id);
	if (number == 0)
		number = probe(SA_THREADS_MAX, id);
	sa_lock_give(&lock);
	return number;
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

	if (sa_thread_self.serial == 0)
		sa_thread_self.serial = take_serial();
	if (sa_thread_self.serial == 0 || sa_thread_self.number != 0 ||
	    sa_thread_self.attempts++ % ATTEMPTS_BETWEEN_SCANS != 0)
		return;
	id = sa_os_thread_id();
	if (id > 0)
		sa_thread_self.number = take_number(id);
}

void sa_thread_after_fork(void)
{
	for (unsigned i = 1; i < SA_THREADS_MAX; i++)
		holders[i] = 0;
	if (sa_thread_self.number != 0)
		holders[sa_thread_self.number] = sa_os_thread_id();
}
