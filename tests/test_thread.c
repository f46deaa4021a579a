/* SPDX-License-Identifier: ISC */
/*
 * thread: no two live threads have one number, the dead's numbers come back,
 * and who gets none gets one later.
 */
#include <config.h>

#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os.h"
#include "support.h"

/* As many numbers as there are, for threads that live at once. */
#define NUMBERS (SA_THREADS_MAX - 1)
#define CROWD (NUMBERS + 45)
/* A new thread looks at a few numbers only: some dead ones' lie idle. */
#define HANDFUL 16

/* Threads that register one after another, tell, and live until let go. */
static struct guest {
	pthread_t thread;
	sa_thread self;
} guests[CROWD];

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static size_t arrived;
static bool may_leave;

static void setup(void)
{
	sa_os_start();
}

static void *stay(void *own)
{
	struct guest *guest = own;

	sa_thread_register();
	pthread_mutex_lock(&mutex);
	guest->self = sa_thread_self;
	arrived++;
	pthread_cond_broadcast(&changed);
	while (!may_leave)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void start(pthread_t *thread, void *(*body)(void *), void *context)
{
	pthread_attr_t attributes;

	SUPPORT_REQUIRE(pthread_attr_init(&attributes) == 0);
	SUPPORT_REQUIRE(pthread_attr_setstacksize(&attributes, 256 << 10) == 0);
	SUPPORT_REQUIRE(pthread_create(thread, &attributes, body, context) ==
			0);
	pthread_attr_destroy(&attributes);
}

static void join(pthread_t thread)
{
	SUPPORT_REQUIRE(pthread_join(thread, NULL) == 0);
}

static void wait_for(size_t count)
{
	pthread_mutex_lock(&mutex);
	while (arrived < count)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
}

static void invite(size_t count)
{
	pthread_mutex_lock(&mutex);
	arrived = 0;
	may_leave = false;
	pthread_mutex_unlock(&mutex);
	for (size_t i = 0; i < count; i++) {
		start(&guests[i].thread, stay, &guests[i]);
		wait_for(i + 1);
	}
}

static void dismiss(size_t count)
{
	pthread_mutex_lock(&mutex);
	may_leave = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
	for (size_t i = 0; i < count; i++)
		join(guests[i].thread);
}

/* Of live threads: serials and numbers are their own.  Returns how many have
 * a number. */
static size_t count_numbers(size_t count)
{
	bool is_taken[SA_THREADS_MAX] = {false};
	size_t numbers = 0;

	is_taken[sa_thread_self.number] = true;
	for (size_t i = 0; i < count; i++) {
		sa_thread *self = &guests[i].self;

		SUPPORT_REQUIRE(self->serial != 0);
		SUPPORT_REQUIRE(self->serial != sa_thread_self.serial);
		for (size_t j = 0; j < i; j++)
			SUPPORT_REQUIRE(self->serial != guests[j].self.serial);
		if (self->number == 0)
			continue;
		SUPPORT_REQUIRE(self->number < SA_THREADS_MAX);
		SUPPORT_REQUIRE(!is_taken[self->number]);
		is_taken[self->number] = true;
		numbers++;
	}
	return numbers;
}

/* --------------------------------------------------------------- numbers */

START_TEST(test_register)
{
	sa_thread before;

	sa_thread_register();
	before = sa_thread_self;
	ck_assert_uint_ne(before.serial, 0);
	ck_assert_uint_ge(before.number, 1);
	ck_assert_uint_lt(before.number, SA_THREADS_MAX);
	for (unsigned i = 0; i < 10000; i++)
		sa_thread_register();
	ck_assert_uint_eq(sa_thread_self.serial, before.serial);
	ck_assert_uint_eq(sa_thread_self.number, before.number);
}
END_TEST

START_TEST(test_live_threads)
{
	sa_thread_register();
	invite(50);
	ck_assert_uint_eq(count_numbers(50), 50);
	dismiss(50);
}
END_TEST

static void *tell_self(void *self)
{
	sa_thread_register();
	memcpy(self, &sa_thread_self, sizeof sa_thread_self);
	return NULL;
}

START_TEST(test_numbers_come_back)
{
	uintptr_t last = 0;
	sa_thread self;
	pthread_t thread;

	for (unsigned i = 0; i < SUPPORT_ROUNDS(2000); i++) {
		start(&thread, tell_self, &self);
		join(thread);
		ck_assert_uint_ge(self.number, 1);
		ck_assert_uint_le(self.number, HANDFUL);
		ck_assert_uint_gt(self.serial, last);
		last = self.serial;
	}
}
END_TEST

/* In groups: no more numbers than live at once, and those not reused yet. */
START_TEST(test_groups_come_back)
{
	unsigned highest = 0;

	for (unsigned round = 0; round < 20; round++) {
		invite(10);
		ck_assert_uint_eq(count_numbers(10), 10);
		for (unsigned i = 0; i < 10; i++)
			if (guests[i].self.number > highest)
				highest = guests[i].self.number;
		dismiss(10);
	}
	ck_assert_uint_le(highest, 10 + 2 * HANDFUL);
}
END_TEST

/* ------------------------------------------------------------- too many */

static atomic_uint latecomer_step;

/* Comes when there is no number; gets one once the others are gone. */
static void *come_late(void *unused)
{
	unsigned tries = 0;

	sa_thread_register();
	SUPPORT_REQUIRE(sa_thread_self.serial != 0);
	SUPPORT_REQUIRE(sa_thread_self.number == 0);
	atomic_store(&latecomer_step, 1);
	while (atomic_load(&latecomer_step) != 2)
		usleep(1000);
	for (; sa_thread_self.number == 0; tries++) {
		SUPPORT_REQUIRE(tries < 1000000);
		sa_thread_register();
	}
	SUPPORT_REQUIRE(sa_thread_self.number < SA_THREADS_MAX);
	return unused;
}

START_TEST(test_too_many)
{
	pthread_t latecomer;

	invite(CROWD);
	ck_assert_uint_eq(count_numbers(CROWD), NUMBERS);
	for (size_t i = 0; i < NUMBERS; i++)
		ck_assert_uint_ne(guests[i].self.number, 0);
	start(&latecomer, come_late, NULL);
	while (atomic_load(&latecomer_step) != 1)
		usleep(1000);
	dismiss(CROWD);
	atomic_store(&latecomer_step, 2);
	join(latecomer);
	invite(100);
	ck_assert_uint_eq(count_numbers(100), 100);
	dismiss(100);
}
END_TEST

/* Of a thread that came when there was one serial left, and of one that came
 * later. */
static void run_out(void *unused)
{
	(void)unused;
	atomic_store(&sa_thread_next_serial, UINTPTR_MAX);
	invite(2);
	SUPPORT_REQUIRE(guests[0].self.serial == UINTPTR_MAX);
	SUPPORT_REQUIRE(guests[0].self.number != 0);
	SUPPORT_REQUIRE(guests[1].self.serial == 0);
	SUPPORT_REQUIRE(guests[1].self.number == 0);
	SUPPORT_REQUIRE(atomic_load(&sa_thread_next_serial) == 0);
	dismiss(2);
}

START_TEST(test_serials_run_out)
{
	support_assert_passes(run_out, NULL);
}
END_TEST

/* ----------------------------------------------------------------- races */

static atomic_bool in_use[SA_THREADS_MAX];

static void *use_number(void *unused)
{
	sa_thread_register();
	SUPPORT_REQUIRE(sa_thread_self.number != 0);
	SUPPORT_REQUIRE(!atomic_exchange(&in_use[sa_thread_self.number], true));
	usleep(20);
	SUPPORT_REQUIRE(atomic_exchange(&in_use[sa_thread_self.number], false));
	return unused;
}

static void *start_users(void *rounds)
{
	pthread_t thread;

	for (unsigned i = 0; i < *(unsigned *)rounds; i++) {
		start(&thread, use_number, NULL);
		join(thread);
	}
	return NULL;
}

/* So many threads come and go at once, and never meet under one number. */
static void come_and_go(unsigned count, unsigned rounds)
{
	pthread_t starters[20];

	for (unsigned i = 0; i < count; i++)
		start(&starters[i], start_users, &rounds);
	for (unsigned i = 0; i < count; i++)
		join(starters[i]);
}

START_TEST(test_races)
{
	come_and_go(2, SUPPORT_ROUNDS(3000));
	come_and_go(4, SUPPORT_ROUNDS(800));
	come_and_go(20, SUPPORT_ROUNDS(100));
}
END_TEST

/* Each is the kernel's answer, but for the threads below. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static _Thread_local int false_id;
static _Thread_local void (*once_asked)(void);

long __wrap_syscall(long number, ...)
{
	long arguments[3], result;
	va_list list;
	int error;

	va_start(list, number);
	for (size_t i = 0; i < SUPPORT_LENGTH(arguments); i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_gettid && false_id != 0)
		return false_id;
	result = __real_syscall(number, arguments[0], arguments[1],
				arguments[2]);
	error = errno;
	if (number == SYS_tgkill && once_asked != NULL)
		once_asked();
	errno = error;
	return result;
}

static struct bearer {
	pthread_t thread;
	atomic_bool is_there;
	unsigned number;
} late, same_id;

static int dead_id;

static void *be_dead_soon(void *unused)
{
	sa_thread_register();
	dead_id = sa_os_thread_id();
	return unused;
}

static void *bear_id_of_dead(void *unused)
{
	false_id = dead_id;
	sa_thread_register();
	same_id.number = sa_thread_self.number;
	atomic_store(&same_id.is_there, true);
	return unused;
}

/* Unless it has to wait, it is there soon. */
static void let_come(void)
{
	once_asked = NULL;
	start(&same_id.thread, bear_id_of_dead, NULL);
	for (unsigned i = 0; i < 200 && !atomic_load(&same_id.is_there); i++)
		usleep(1000);
}

static void *be_late(void *unused)
{
	once_asked = let_come;
	sa_thread_register();
	late.number = sa_thread_self.number;
	join(same_id.thread);
	return unused;
}

/* One learns that the holder of a number is dead; before it takes the number,
 * a thread is born that gets the dead one's id. */
START_TEST(test_id_comes_back)
{
	pthread_t dead;

	start(&dead, be_dead_soon, NULL);
	join(dead);
	start(&late.thread, be_late, NULL);
	join(late.thread);
	ck_assert_uint_ne(late.number, 0);
	ck_assert_uint_ne(same_id.number, 0);
	ck_assert_uint_ne(late.number, same_id.number);
}
END_TEST

/* ------------------------------------------------------------ refusal */

/* Who cannot be told from others has no number. */
static void register_unknown(void *unused)
{
	(void)unused;
	if (support_refuse_call(SYS_gettid, EPERM) != 0) {
		support_skip("unknown", "this process may have no filters");
		return;
	}
	sa_thread_register();
	SUPPORT_REQUIRE(sa_thread_self.serial > SA_THREAD_NOBODY);
	SUPPORT_REQUIRE(sa_thread_self.number == 0);
}

START_TEST(test_unknown)
{
	if (support_under_valgrind())
		support_skip("unknown", "Valgrind needs gettid() itself");
	else
		support_assert_passes(register_unknown, NULL);
}
END_TEST

/* ----------------------------------------------------------------- fork */

/* Its own thread keeps its number, which no other gets; the rest are free. */
static void live_on(void *unused)
{
	sa_thread before = sa_thread_self;

	(void)unused;
	/* The parent's threads wait for these. */
	SUPPORT_REQUIRE(pthread_mutex_init(&mutex, NULL) == 0);
	SUPPORT_REQUIRE(pthread_cond_init(&changed, NULL) == 0);
	sa_thread_after_fork();
	SUPPORT_REQUIRE(sa_thread_self.serial == before.serial);
	SUPPORT_REQUIRE(sa_thread_self.number == before.number);
	invite(NUMBERS);
	SUPPORT_REQUIRE(count_numbers(NUMBERS) ==
			NUMBERS - (before.number != 0));
	dismiss(NUMBERS);
}

START_TEST(test_fork)
{
	support_assert_passes(live_on, NULL);
	sa_thread_register();
	support_assert_passes(live_on, NULL);
}
END_TEST

/* The parent's live threads are not in the child, nor are their numbers. */
START_TEST(test_fork_of_many)
{
	if (SUPPORT_TSAN) {
		support_skip("fork_of_many", "tsan allows no threads then");
		return;
	}
	invite(NUMBERS);
	support_assert_passes(live_on, NULL);
	dismiss(NUMBERS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("thread");
	TCase *tests = tcase_create("thread");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 30);
	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_test(tests, test_register);
	tcase_add_test(tests, test_live_threads);
	tcase_add_test(tests, test_numbers_come_back);
	tcase_add_test(tests, test_groups_come_back);
	tcase_add_test(tests, test_too_many);
	tcase_add_test(tests, test_serials_run_out);
	tcase_add_test(tests, test_races);
	tcase_add_test(tests, test_id_comes_back);
	tcase_add_test(tests, test_unknown);
	tcase_add_test(tests, test_fork);
	tcase_add_test(tests, test_fork_of_many);
	return support_run(suite);
}
