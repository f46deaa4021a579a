/* SPDX-License-Identifier: ISC */
/*
 * os: its barrier orders what another thread does, well enough to keep that
 * thread out by looking alone.
 */
#include <config.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "os.h"
#include "support.h"

/*
 * Mutual exclusion as shards have it: one side enters with a plain store and
 * a look, the other shuts it out with a store, the barrier and a look.  Both
 * count what only one at a time may count.
 */
static struct room {
	_Alignas(64) atomic_bool busy;
	_Alignas(64) atomic_bool shut;
	_Alignas(64) atomic_uint count;
	atomic_uint entered;
	atomic_bool over;
} room;

/* Counts at a time; and for how long, since both have to be running at once
 * for anything to be seen. */
#define SHUT_COUNTS 40u
#define SECONDS 0.5

/* Not an increment that is atomic. */
static void count(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned value =
			atomic_load_explicit(&room.count, memory_order_relaxed);

		atomic_store_explicit(&room.count, value + 1,
				      memory_order_relaxed);
	}
}

static void *come_and_go(void *unused)
{
	unsigned entered = 0;

	while (!atomic_load_explicit(&room.over, memory_order_relaxed)) {
		atomic_store_explicit(&room.busy, true, memory_order_relaxed);
		atomic_signal_fence(memory_order_seq_cst);
		if (!atomic_load_explicit(&room.shut, memory_order_acquire)) {
			count(1);
			entered++;
		}
		atomic_store_explicit(&room.busy, false, memory_order_release);
	}
	atomic_store(&room.entered, entered);
	return unused;
}

static void shut_out(void)
{
	unsigned before =
		atomic_load_explicit(&room.count, memory_order_relaxed);

	while (atomic_load_explicit(&room.count, memory_order_relaxed) ==
	       before)
		sched_yield();
	atomic_store_explicit(&room.shut, true, memory_order_relaxed);
	SUPPORT_REQUIRE(sa_os_barrier() == 0);
	while (atomic_load_explicit(&room.busy, memory_order_acquire))
		continue;
	count(SHUT_COUNTS);
	atomic_store_explicit(&room.shut, false, memory_order_release);
}

START_TEST(test_barrier)
{
	pthread_t thread;
	unsigned counted, expected, rounds = 0;
	double end = support_seconds() + SECONDS;

	if (!sa_os_has_barrier()) {
		support_skip("barrier", "the kernel has none");
		return;
	}
	ck_assert(sa_os_has_barrier());
	ck_assert_int_eq(pthread_create(&thread, NULL, come_and_go, NULL), 0);
	for (; support_seconds() < end; rounds++)
		shut_out();
	atomic_store(&room.over, true);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	counted = atomic_load(&room.count);
	expected = atomic_load(&room.entered) + rounds * SHUT_COUNTS;
	ck_assert_uint_eq(counted, expected);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("barrier");
	TCase *barrier = tcase_create("barrier");

	suite_add_tcase(suite, barrier);
	tcase_set_timeout(barrier, 30);
	tcase_add_test(barrier, test_barrier);
	return support_run(suite);
}
