/* SPDX-License-Identifier: ISC */
/*
 * Many threads on one arena: every object keeps its content, whoever frees
 * it; a race of two frees has one winner; access, checks, trims and
 * statistics go on beside allocation.
 */
#include <config.h>

#include "support.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "annotate.h"
#include "object.h"
#include "os.h"

#define WORKERS 4
#define HELD 500

static sa_arena *arena;
static atomic_int has_ended;

static void setup(void)
{
	arena = support_arena_create();
	atomic_store(&has_ended, 0);
}

static void teardown(void)
{
	sa_arena_stats stats = support_stats(arena);

	ck_assert_uint_eq(stats.live_count, 0);
	ck_assert_uint_eq(stats.live_size, 0);
	ck_assert_uint_eq(stats.holder_count, 0);
	ck_assert_int_eq(sa_arena_check(arena), 0);
	sa_arena_destroy(arena);
}

static void start(pthread_t *thread, void *(*body)(void *), void *context)
{
	pthread_attr_t attributes;

	/* Many threads' stacks have to fit into 4 GiB of addresses. */
	SUPPORT_REQUIRE(pthread_attr_init(&attributes) == 0);
	SUPPORT_REQUIRE(
		pthread_attr_setstacksize(&attributes, (size_t)1 << 20) == 0);
	SUPPORT_REQUIRE(pthread_create(thread, &attributes, body, context) ==
			0);
	SUPPORT_REQUIRE(pthread_attr_destroy(&attributes) == 0);
}

static void join(pthread_t thread)
{
	SUPPORT_REQUIRE(pthread_join(thread, NULL) == 0);
}

/* `body` in WORKERS threads, each with its number; `beside` until they end. */
static void work(void *(*body)(void *), void *(*beside)(void *))
{
	pthread_t workers[WORKERS], other;
	uintptr_t i;

	if (beside != NULL)
		start(&other, beside, NULL);
	for (i = 0; i < WORKERS; i++)
		start(&workers[i], body, (void *)i);
	for (i = 0; i < WORKERS; i++)
		join(workers[i]);
	atomic_store(&has_ended, 1);
	if (beside != NULL)
		join(other);
}

/* ------------------------------------------------------------ objects */

typedef struct item {
	unsigned char *object;
	size_t size;
	uint64_t seed;
} item;

static void item_alloc(item *it, support_random *random)
{
	it->seed = support_random_next(random);
	it->size = (size_t)(it->seed / 64 % (it->seed % 64 == 0 ? 9000 : 120));
	it->object = sa_arena_alloc(arena, it->size);
	SUPPORT_REQUIRE(it->object != NULL);
	SUPPORT_REQUIRE(support_is_zero(it->object, it->size));
	support_fill(it->object, it->size, it->seed);
}

static void item_free(item *it)
{
	if (it->object == NULL)
		return;
	SUPPORT_REQUIRE(support_is_filled(it->object, it->size, it->seed));
	SUPPORT_REQUIRE(sa_arena_size(arena, it->object) == it->size);
	sa_arena_free(arena, it->object);
	it->object = NULL;
}

static void churn(uint64_t seed, size_t rounds)
{
	support_random random = {seed};
	item *held = calloc(HELD, sizeof *held);
	size_t i;
	item *it;

	SUPPORT_REQUIRE(held != NULL);
	for (i = 0; i < rounds; i++) {
		it = &held[support_random_below(&random, HELD)];
		item_free(it);
		item_alloc(it, &random);
	}
	for (i = 0; i < HELD; i++)
		item_free(&held[i]);
	free(held);
}

/* ---------------------------------------------------- each its own ones */

static void *churn_much(void *number)
{
	churn((uintptr_t)number, SUPPORT_ROUNDS(300000));
	return NULL;
}

static void *churn_some(void *number)
{
	churn((uintptr_t)number, SUPPORT_ROUNDS(100000));
	return NULL;
}

START_TEST(test_own)
{
	work(churn_much, NULL);
	ck_assert_uint_ge(support_stats(arena).alloc_count,
			  WORKERS * SUPPORT_ROUNDS(300000));
	ck_assert_uint_ge(support_stats(arena).peak_count, HELD);
	ck_assert_uint_le(support_stats(arena).peak_count, 2 * WORKERS * HELD);
}
END_TEST

/* -------------------------------------------------- each the next one's */

/* A ring of mailboxes: a thread allocates, the next one verifies and frees. */
enum { BOXES = 256 };

static _Atomic(item *) mailboxes[WORKERS][BOXES];
static pthread_mutex_t mailbox_mutex = PTHREAD_MUTEX_INITIALIZER;

/* Valgrind sees no order in atomics, but in locks. */
static item *swap_item(uintptr_t owner, size_t box, item *put)
{
	const int locks = support_under_valgrind();
	item *got;

	if (locks)
		pthread_mutex_lock(&mailbox_mutex);
	got = atomic_exchange(&mailboxes[owner][box % BOXES], put);
	if (locks)
		pthread_mutex_unlock(&mailbox_mutex);
	return got;
}

static void send_item(uintptr_t to, size_t box, support_random *random)
{
	item *sent = malloc(sizeof *sent);

	SUPPORT_REQUIRE(sent != NULL);
	item_alloc(sent, random);
	sent = swap_item(to, box, sent);
	if (sent != NULL)
		item_free(sent);
	free(sent);
}

static void *pass_on(void *number)
{
	const uintptr_t self = (uintptr_t)number;
	support_random random = {self};
	size_t i, box;
	item *got;

	for (i = 0; i < SUPPORT_ROUNDS(300000); i++) {
		box = support_random_below(&random, BOXES);
		send_item((self + 1) % WORKERS, box, &random);
		got = swap_item(self, box, NULL);
		if (got != NULL)
			item_free(got);
		free(got);
	}
	return NULL;
}

static void empty_mailboxes(void)
{
	size_t i, box;
	item *left;

	for (i = 0; i < WORKERS; i++)
		for (box = 0; box < BOXES; box++) {
			left = swap_item(i, box, NULL);
			if (left != NULL)
				item_free(left);
			free(left);
		}
}

START_TEST(test_ring)
{
	work(pass_on, NULL);
	empty_mailboxes();
	ck_assert_uint_ge(support_stats(arena).alloc_count,
			  WORKERS * SUPPORT_ROUNDS(300000));
}
END_TEST

/* One thread does nothing but allocate, the other nothing but free: memory
 * must go round, not pile up. */
static void *consume(void *unused)
{
	size_t box = 0, count = 0;
	item *got;

	while (count < SUPPORT_ROUNDS(300000)) {
		got = swap_item(0, box, NULL);
		if (got == NULL) {
			sched_yield();
			continue;
		}
		item_free(got);
		free(got);
		count++;
		box++;
	}
	return unused;
}

static void produce(size_t count)
{
	support_random random = {7};
	size_t box;
	item *sent;

	for (box = 0; box < count; box++) {
		sent = malloc(sizeof *sent);
		SUPPORT_REQUIRE(sent != NULL);
		item_alloc(sent, &random);
		while (atomic_load(&mailboxes[0][box % BOXES]) != NULL)
			sched_yield();
		SUPPORT_REQUIRE(swap_item(0, box, sent) == NULL);
	}
}

START_TEST(test_producer_and_consumer)
{
	pthread_t consumer;

	start(&consumer, consume, NULL);
	produce(SUPPORT_ROUNDS(300000));
	join(consumer);
	ck_assert_uint_le(support_stats(arena).mapped_size, (size_t)8 << 20);
}
END_TEST

static void *batch[1000];
static size_t batch_count;

/* Whose slots are given out. */
static const sa_slab *alloc_one_more(void)
{
	void *object = sa_arena_alloc(arena, 1000);

	SUPPORT_REQUIRE(batch_count < SUPPORT_LENGTH(batch));
	SUPPORT_REQUIRE(object != NULL);
	batch[batch_count++] = object;
	return sa_object_find(arena, object).slot.slab;
}

static void *free_from(void *begin)
{
	while (batch_count > *(size_t *)begin)
		sa_arena_free(arena, batch[--batch_count]);
	return NULL;
}

/* As if they were all inside: who stops them waits for ever. */
static void keep_others_inside(bool value)
{
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next)
		if (s != sa_shards_mine(arena))
			atomic_store(&s->busy, value);
}

/* What others freed into last is used again when there are no free pages any
 * more, before anybody is stopped, and before there is another region. */
START_TEST(test_newest_slab_is_left)
{
	size_t begin = 0;
	const sa_slab *first;
	pthread_t thread;

	if (sa_annotate_is_on() || !sa_os_has_barrier()) {
		support_skip("newest_slab_is_left", "all take the mutex here");
		return;
	}
	first = alloc_one_more();
	while (alloc_one_more() == first)
		continue;
	start(&thread, free_from, &begin);
	join(thread);
	keep_others_inside(true);
	while (arena->tracts->nfree != 0)
		ck_assert_ptr_ne(alloc_one_more(), first);
	while (alloc_one_more() != first)
		ck_assert_uint_eq(atomic_load(&arena->region_count), 1);
	ck_assert_uint_eq(atomic_load(&arena->region_count), 1);
	keep_others_inside(false);
	free_from(&begin);
}
END_TEST

/* ------------------------------------------------------- short-lived */

static void *live_shortly(void *number)
{
	churn((uintptr_t)number, 20);
	return NULL;
}

/* Thousands of threads, few at a time: none leaves anything behind. */
START_TEST(test_short_lives)
{
	const size_t rounds = SUPPORT_ROUNDS(1000);
	size_t round;
	sa_arena_stats early = {0}, late;

	for (round = 0; round < rounds; round++) {
		work(live_shortly, NULL);
		if (round == rounds / 4)
			early = support_stats(arena);
	}
	late = support_stats(arena);
	/* How many there are at a time, and so what they leave, is chance. */
	ck_assert_uint_le(late.mapped_size,
			  4 * early.mapped_size + ((size_t)1 << 20));
	ck_assert_uint_le(late.metadata_size, 2 * early.metadata_size);
}
END_TEST

/* More threads at once than any table of threads has room for. */
enum { MULTITUDE = SUPPORT_SANITIZED ? 300 : 600 };

static pthread_barrier_t barrier;

static void *live_at_once(void *number)
{
	void *object = sa_arena_alloc(arena, 32);

	SUPPORT_REQUIRE(object != NULL);
	support_fill(object, 32, (uintptr_t)number);
	pthread_barrier_wait(&barrier);
	SUPPORT_REQUIRE(support_is_filled(object, 32, (uintptr_t)number));
	churn((uintptr_t)number, 10);
	sa_arena_free(arena, object);
	return NULL;
}

START_TEST(test_multitude)
{
	static pthread_t threads[MULTITUDE];
	uintptr_t i;
	int round;

	for (round = 0; round < 2; round++) {
		pthread_barrier_init(&barrier, NULL, MULTITUDE);
		for (i = 0; i < MULTITUDE; i++)
			start(&threads[i], live_at_once, (void *)i);
		for (i = 0; i < MULTITUDE; i++)
			join(threads[i]);
		pthread_barrier_destroy(&barrier);
	}
}
END_TEST

/* ----------------------------------------- a single thread at a time */

/* SINGLE_THREADED forbids overlap, not other threads. */
static void *take_turns(void *object)
{
	SUPPORT_REQUIRE(support_is_filled(object, 32, 1));
	sa_arena_free(arena, object);
	churn(1, 1000);
	object = sa_arena_alloc(arena, 32);
	SUPPORT_REQUIRE(object != NULL);
	support_fill(object, 32, 1);
	return object;
}

START_TEST(test_turns)
{
	sa_arena *shared = arena;
	pthread_t thread;
	void *object;
	int turn;

	arena = support_arena_create_single();
	object = sa_arena_alloc(arena, 32);
	ck_assert_ptr_nonnull(object);
	support_fill(object, 32, 1);
	for (turn = 0; turn < 100; turn++) {
		start(&thread, take_turns, object);
		ck_assert_int_eq(pthread_join(thread, &object), 0);
	}
	ck_assert_uint_eq(support_stats(arena).live_count, 1);
	sa_arena_destroy(arena);
	arena = shared;
}
END_TEST

/* --------------------------------------------------- beside the others */

/* Until the workers have ended; what holds them up gives way in between. */
static int goes_on(void)
{
	const struct timespec pause = {0, 50000};

	nanosleep(&pause, NULL);
	return !atomic_load(&has_ended);
}

static void *open_and_close(void *unused)
{
	while (goes_on()) {
		SUPPORT_REQUIRE(sa_arena_open(arena, SA_ARENA_READONLY) == 0);
		SUPPORT_REQUIRE(sa_arena_open(arena, SA_ARENA_READWRITE) == 0);
		SUPPORT_REQUIRE(sa_arena_close(arena, SA_ARENA_READONLY) == 0);
		SUPPORT_REQUIRE(sa_arena_close(arena, SA_ARENA_READWRITE) == 0);
	}
	return unused;
}

static void *check_and_trim(void *unused)
{
	while (goes_on()) {
		SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
		(void)sa_arena_trim(arena);
	}
	return unused;
}

static void *ask(void *unused)
{
	sa_arena_stats stats = SA_ARENA_STATS_INIT;

	while (goes_on()) {
		SUPPORT_REQUIRE(sa_arena_stats_get(arena, &stats) == 0);
		SUPPORT_REQUIRE(stats.region_count > 0);
		SUPPORT_REQUIRE(stats.live_count <= 2 * WORKERS * HELD);
		SUPPORT_REQUIRE(sa_arena_owns(arena, &stats) == 0);
		SUPPORT_REQUIRE(sa_arena_current_access(arena) ==
				SA_ARENA_READWRITE);
	}
	return unused;
}

START_TEST(test_beside)
{
	static void *(*const beside[])(void *) = {open_and_close,
						  check_and_trim, ask};

	work(churn_some, beside[_i]);
}
END_TEST

/* Every worker holds the arena open while it works; otherwise it rests. */
static void *churn_as_holder(void *number)
{
	size_t round;

	for (round = 0; round < SUPPORT_ROUNDS(300); round++) {
		SUPPORT_REQUIRE(sa_arena_open(arena, SA_ARENA_READWRITE) == 0);
		churn((uintptr_t)number + round, 20);
		SUPPORT_REQUIRE(sa_arena_close(arena, SA_ARENA_READWRITE) == 0);
	}
	return NULL;
}

START_TEST(test_holders)
{
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_NOACCESS), 0);
	work(churn_as_holder, _i == 0 ? NULL : check_and_trim);
	ck_assert_int_eq(sa_arena_current_access(arena), SA_ARENA_NOACCESS);
	ck_assert_uint_gt(support_stats(arena).access_change_count, 0);
}
END_TEST

/* Frees in an arena that opens and rests all the time. */
static unsigned char *given[WORKERS][HELD];

static void *free_whenever(void *number)
{
	unsigned char **objects = given[(uintptr_t)number];
	size_t i;

	for (i = 0; i < HELD; i++)
		sa_arena_free(arena, objects[i]);
	return NULL;
}

static void *rest_and_wake(void *unused)
{
	while (goes_on()) {
		SUPPORT_REQUIRE(sa_arena_open(arena, SA_ARENA_READONLY) == 0);
		SUPPORT_REQUIRE(sa_arena_close(arena, SA_ARENA_READONLY) == 0);
		SUPPORT_REQUIRE(sa_arena_open(arena, SA_ARENA_READWRITE) == 0);
		SUPPORT_REQUIRE(sa_arena_close(arena, SA_ARENA_READWRITE) == 0);
	}
	return unused;
}

START_TEST(test_free_at_any_time)
{
	size_t i;

	for (i = 0; i < WORKERS * HELD; i++) {
		given[i / HELD][i % HELD] = sa_arena_alloc(arena, i % 200);
		ck_assert_ptr_nonnull(given[i / HELD][i % HELD]);
	}
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_NOACCESS), 0);
	work(free_whenever, rest_and_wake);
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_READWRITE), 0);
}
END_TEST

/* Workers take what they get while another lets the arena rest: an object
 * or EACCES, nothing else. */
static void *alloc_whenever(void *number)
{
	size_t i;
	void *object;

	for (i = 0; i < SUPPORT_ROUNDS(20000); i++) {
		errno = 0;
		object = sa_arena_alloc(arena, (uintptr_t)number * 50);
		SUPPORT_REQUIRE(object != NULL || errno == EACCES);
		sa_arena_free(arena, object);
	}
	return NULL;
}

START_TEST(test_alloc_at_any_time)
{
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_READONLY), 0);
	work(alloc_whenever, rest_and_wake);
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_READWRITE), 0);
}
END_TEST

/* Likewise where nothing can move, for there is no room. */
static sa_arena *full;
static void *fillers[WORKERS * 32];

static void resize_to(void *object, size_t size)
{
	void *resized;

	errno = 0;
	resized = sa_arena_realloc(full, object, size);
	SUPPORT_REQUIRE(resized == object ||
			(resized == NULL && errno == EACCES));
}

static void *resize_whenever(void *number)
{
	size_t i;

	for (i = 0; i < SUPPORT_ROUNDS(2000); i++) {
		resize_to(fillers[(uintptr_t)number], 10);
		resize_to(fillers[(uintptr_t)number], 2000);
	}
	return NULL;
}

static void *rest_and_wake_full(void *unused)
{
	while (goes_on()) {
		SUPPORT_REQUIRE(sa_arena_open(full, SA_ARENA_READWRITE) == 0);
		SUPPORT_REQUIRE(sa_arena_close(full, SA_ARENA_READWRITE) == 0);
	}
	return unused;
}

START_TEST(test_resize_at_any_time)
{
	sa_arena_options options = support_options();
	size_t i;

	options.capacity = 4 * (size_t)sysconf(_SC_PAGESIZE);
	full = sa_arena_create(&options);
	ck_assert_ptr_nonnull(full);
	for (i = 0; i < SUPPORT_LENGTH(fillers); i++)
		fillers[i] = sa_arena_alloc(full, 2000);
	ck_assert_ptr_nonnull(fillers[WORKERS - 1]);
	ck_assert_ptr_null(fillers[i - 1]);
	ck_assert_int_eq(sa_arena_protect(full, SA_ARENA_READONLY), 0);
	work(resize_whenever, rest_and_wake_full);
	sa_arena_destroy(full);
}
END_TEST

/* --------------------------------------------- without the fast path */

/* Of such a thread nobody can say whose shard is its. */
static void *live_without_serial(void *unused)
{
	void *objects[100];

	for (size_t i = 0; i < SUPPORT_LENGTH(objects); i++) {
		objects[i] = sa_arena_alloc(arena, 32);
		SUPPORT_REQUIRE(objects[i] != NULL);
	}
	SUPPORT_REQUIRE(sa_thread_self.serial == 0);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	for (size_t i = 0; i < SUPPORT_LENGTH(objects); i++)
		sa_arena_free(arena, objects[i]);
	return unused;
}

START_TEST(test_without_serials)
{
	void *own = sa_arena_alloc(arena, 32);
	uintptr_t next = atomic_exchange(&sa_thread_next_serial, 0);

	work(live_without_serial, NULL);
	atomic_store(&sa_thread_next_serial, next);
	sa_arena_free(arena, own);
}
END_TEST

/* Where the kernel has no membarrier(), threads meet in another way. */
static void work_without_barrier(void *unused)
{
	(void)unused;
	sa_arena_destroy(arena);
	if (support_refuse_call(SYS_membarrier, ENOSYS) != 0)
		return;
	arena = support_arena_create();
	work(churn_some, check_and_trim);
	atomic_store(&has_ended, 0);
	work(churn_as_holder, open_and_close);
	SUPPORT_REQUIRE(support_stats(arena).live_count == 0);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	sa_arena_destroy(arena);
}

/* A thread that is to be cancelled ends between calls, not within one that has
 * a lock and makes system calls: its first, one that needs a region, one that
 * makes an arena, one that looks limits up.  Nothing is left locked. */
static sa_arena_options cancelled_options;

__attribute__((noinline)) static void call(uintptr_t which)
{
	sa_arena_preflight_report report = SA_ARENA_PREFLIGHT_REPORT_INIT;
	sa_arena *other = NULL;
	void *object = NULL;

	if (which == 2)
		other = sa_arena_create(&cancelled_options);
	else if (which == 3)
		SUPPORT_REQUIRE(sa_arena_preflight(&cancelled_options, 1, 1,
						   &report) == 0);
	else
		object = sa_arena_alloc(arena,
					which == 0 ? 32 : (size_t)3 << 20);
	SUPPORT_REQUIRE(which == 3 || object != NULL || other != NULL);
	sa_arena_free(arena, object);
	sa_arena_destroy(other);
	atomic_store(&has_ended, 1);
}

/* It has no variables when it ends: AddressSanitizer is not told of frames that
 * a cancelled thread leaves. */
static void *call_while_cancelled(void *which)
{
	pthread_cancel(pthread_self());
	call((uintptr_t)which);
	pthread_testcancel();
	return which;
}

START_TEST(test_cancelled)
{
	pthread_t thread;
	void *result;

	cancelled_options = support_options();
	ck_assert_int_eq(pthread_create(&thread, NULL, call_while_cancelled,
					(void *)(uintptr_t)_i),
			 0);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	ck_assert_int_eq(atomic_load(&has_ended), 1);
	ck_assert_uint_eq(support_stats(arena).live_count, 0);
	ck_assert_uint_eq(support_stats(arena).alloc_count, _i < 2 ? 1 : 0);
	ck_assert_int_eq(sa_arena_check(arena), 0);
	sa_arena_destroy(support_arena_create());
}
END_TEST

/* -------------------------------------------------------------- little stack
 */

/* Closed for the second time, regions may move to huge pages. */
static void *call_on_little_stack(void *context)
{
	sa_arena_preflight_report report = SA_ARENA_PREFLIGHT_REPORT_INIT;
	sa_arena *mine = sa_arena_create(context);
	void *object;

	SUPPORT_REQUIRE(mine != NULL);
	for (int i = 0; i < 3; i++) {
		SUPPORT_REQUIRE(sa_arena_protect(mine, SA_ARENA_NOACCESS) == 0);
		SUPPORT_REQUIRE(sa_arena_protect(mine, SA_ARENA_READWRITE) ==
				0);
	}
	object = sa_arena_alloc(mine, (size_t)3 << 20);
	SUPPORT_REQUIRE(object != NULL);
	sa_arena_free(mine, object);
	SUPPORT_REQUIRE(sa_arena_check(mine) == 0);
	SUPPORT_REQUIRE(sa_arena_trim(mine) != 0);
	(void)!sa_arena_preflight(context, 1000, 32, &report);
	SUPPORT_REQUIRE(sa_arena_stats_print(mine, -1) == -1);
	sa_arena_destroy(mine);
	return NULL;
}

static void run_on_little_stack(void *context)
{
	pthread_attr_t attributes;
	pthread_t thread;

	SUPPORT_REQUIRE(pthread_attr_init(&attributes) == 0);
	SUPPORT_REQUIRE(pthread_attr_setstacksize(
				&attributes, (size_t)PTHREAD_STACK_MIN) == 0);
	SUPPORT_REQUIRE(pthread_create(&thread, &attributes,
				       call_on_little_stack, context) == 0);
	SUPPORT_REQUIRE(pthread_join(thread, NULL) == 0);
}

/* The smallest that a thread can have is enough. */
START_TEST(test_little_stack)
{
	sa_arena_options options = support_options();

	options.reserve = (size_t)4 << 20;
	if (SUPPORT_SANITIZED || !support_is_alone())
		support_skip(__func__, "tools have stacks of their own");
	else
		support_assert_passes(run_on_little_stack, &options);
}
END_TEST

/* Of addresses that were objects once: their slabs are given back and used by
 * other classes meanwhile.  The answer may be anything; ThreadSanitizer is the
 * judge of what is read for it. */
static void *dead[4096];

static void *ask_about_the_dead(void *unused)
{
	size_t count = 0;

	while (!atomic_load(&has_ended))
		for (size_t i = 0; i < SUPPORT_LENGTH(dead); i++) {
			count += (size_t)sa_arena_owns(arena, dead[i]);
			count += (size_t)sa_arena_contains(arena, dead[i]);
		}
	SUPPORT_REQUIRE(count < SIZE_MAX);
	return unused;
}

START_TEST(test_asked_about_the_dead)
{
	pthread_t thread;

	for (size_t i = 0; i < SUPPORT_LENGTH(dead); i++)
		dead[i] = sa_arena_alloc(arena, 32);
	for (size_t i = 0; i < SUPPORT_LENGTH(dead); i++)
		sa_arena_free(arena, dead[i]);
	ck_assert_int_eq(
		pthread_create(&thread, NULL, ask_about_the_dead, NULL), 0);
	for (unsigned round = 0; round < SUPPORT_ROUNDS(200); round++) {
		static void *objects[300];
		size_t size = round % 2 == 0 ? 32 : 3000;

		for (size_t i = 0; i < SUPPORT_LENGTH(objects); i++)
			objects[i] = sa_arena_alloc(arena, size);
		for (size_t i = 0; i < SUPPORT_LENGTH(objects); i++)
			sa_arena_free(arena, objects[i]);
		ck_assert_int_eq(sa_arena_reset(arena), 0);
	}
	atomic_store(&has_ended, 1);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

START_TEST(test_without_barrier)
{
	support_assert_passes(work_without_barrier, NULL);
}
END_TEST

/* ----------------------------------------------- crimes across threads */

static unsigned char *victim;

/* A thread's first calls may go another way than all that follow; not for
 * slots beside a victim, whose damage they might find. */
static void settle_in(void)
{
	size_t i;

	for (i = 0; i < 3; i++)
		sa_arena_free(arena, sa_arena_alloc(arena, 64));
}

static void *free_victim(void *unused)
{
	settle_in();
	sa_arena_free(arena, victim);
	return unused;
}

static void free_in(int elsewhere)
{
	pthread_t thread;

	if (!elsewhere) {
		sa_arena_free(arena, victim);
		return;
	}
	start(&thread, free_victim, NULL);
	join(thread);
}

static void choose_victim(support_misuse *expected, sa_arena_misuse_kind kind,
			  ptrdiff_t offset)
{
	size_t i;

	for (i = 0; i < 100; i++) {
		victim = sa_arena_alloc(arena, 32);
		SUPPORT_REQUIRE(victim != NULL);
	}
	expected->kind = kind;
	expected->object = victim;
	expected->size = kind == SA_ARENA_MISUSE_DOUBLE_FREE ? 0 : 32;
	expected->offset = offset;
	strcpy(expected->arena, "arena");
}

/* The parameter says of either free whether another thread does it. */
static void free_twice(support_misuse *expected, size_t elsewhere)
{
	choose_victim(expected, SA_ARENA_MISUSE_DOUBLE_FREE, 0);
	free_in((int)elsewhere & 1);
	free_in((int)elsewhere >> 1);
}

static void overflow(support_misuse *expected, size_t elsewhere)
{
	choose_victim(expected, SA_ARENA_MISUSE_OVERFLOW, 32);
	support_flip(victim + 32);
	free_in((int)elsewhere);
}

static void underflow(support_misuse *expected, size_t elsewhere)
{
	choose_victim(expected, SA_ARENA_MISUSE_UNDERFLOW, -1);
	support_flip(victim - 1);
	free_in((int)elsewhere);
}

/* It does not matter who frees: found at once, and told alike. */
START_TEST(test_crimes_across_threads)
{
	size_t elsewhere;

	for (elsewhere = 0; elsewhere < 4; elsewhere++)
		support_assert_misuse(free_twice, elsewhere);
	for (elsewhere = 0; elsewhere < 2; elsewhere++) {
		support_assert_misuse(overflow, elsewhere);
		support_assert_misuse(underflow, elsewhere);
	}
}
END_TEST

/* -------------------------------------------------- double free races */

/* A slot's size that takes long to wipe: the two frees are sure to meet. */
#define WIDE 8000

/* In memory that a child shares with its test. */
typedef struct race {
	sa_arena_misuse_kind kind;
	const void *reported, *object;
	atomic_uint reports;
	int returned;
	int owner_runs;
	size_t size;
} race;

static race *track;
static atomic_int runners;

static void record_race(const sa_arena_misuse *misuse, void *context)
{
	race *recorded = context;

	if (atomic_fetch_add(&recorded->reports, 1) > 0)
		return;
	recorded->kind = misuse->kind;
	recorded->reported = misuse->object;
}

static void *free_at_once(void *object)
{
	settle_in();
	atomic_fetch_sub(&runners, 1);
	while (atomic_load(&runners) > 0)
		;
	sa_arena_free(arena, object);
	return NULL;
}

/* The thread that allocated may be one of the two, or only look on.  A race
 * that neither free has seen is seen by whoever gets the slot. */
static void run_race(void *unused)
{
	pthread_t threads[2];
	void *object = NULL;
	size_t i;

	(void)unused;
	sa_arena_set_misuse_handler(record_race, track);
	for (i = 0; i < 50; i++)
		object = sa_arena_alloc(arena, track->size);
	SUPPORT_REQUIRE(object != NULL);
	track->object = object;
	atomic_store(&runners, 2);
	start(&threads[0], free_at_once, object);
	if (track->owner_runs)
		free_at_once(object);
	else
		start(&threads[1], free_at_once, object);
	join(threads[0]);
	if (!track->owner_runs)
		join(threads[1]);
	for (i = 0; i < 1000 && track->size <= WIDE; i++)
		SUPPORT_REQUIRE(sa_arena_alloc(arena, track->size) != NULL);
	sa_arena_destroy(arena);
	track->returned = 1;
}

static void assert_one_loser(size_t size, int owner_runs)
{
	support_end end;

	memset(track, 0, sizeof *track);
	track->size = size;
	track->owner_runs = owner_runs;
	support_child(run_race, NULL, &end);
	ck_assert_msg(end.signal == SIGABRT, "status %d: %s", end.status,
		      end.text);
	ck_assert_uint_eq(atomic_load(&track->reports), 1);
	ck_assert_int_eq(track->returned, 0);
	ck_assert_ptr_eq(track->reported, track->object);
	ck_assert_int_eq(track->kind, SA_ARENA_MISUSE_DOUBLE_FREE);
}

START_TEST(test_double_free_race)
{
	size_t round;

	track = mmap(NULL, sizeof *track, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(track, MAP_FAILED);
	for (round = 0; round < SUPPORT_ROUNDS(150); round++) {
		assert_one_loser(32, round % 2 == 0);
		assert_one_loser(WIDE, round % 2 != 0);
		if (round % 4 == 0)
			assert_one_loser(200000, round % 8 == 0);
	}
	munmap(track, sizeof *track);
}
END_TEST

/*
 * The rarest of these races, played: the owner has put the slot into stock,
 * and the other's mark is stored only now.  Whatever is called next, it is
 * told, at the latest by the teardown.
 */
static void finish_free_late(support_misuse *expected, size_t what)
{
	sa_slot slot;
	uint32_t index;

	choose_victim(expected, SA_ARENA_MISUSE_DOUBLE_FREE, 0);
	slot = sa_object_find(arena, victim).slot;
	index = sa_slot_index(slot);
	sa_arena_free(arena, victim);
	atomic_fetch_or(&slot.slab->claims[index / 64], sa_bitmap_mask(index));
	sa_slot_set_mark(slot, SA_MARK_COLLECTABLE);
	sa_shard_post(atomic_load(&slot.slab->owner), slot.slab);
	if (what == 0)
		(void)sa_arena_check(arena);
	else if (what == 1)
		(void)sa_arena_reset(arena);
	else if (what == 2)
		sa_arena_trim(arena);
	else if (what == 3)
		while (sa_arena_alloc(arena, 32) != NULL && index++ < 100000)
			continue;
	else
		sa_arena_destroy(arena);
}

START_TEST(test_double_free_finished_late)
{
	support_assert_misuse(finish_free_late, (size_t)_i);
}
END_TEST

/* -------------------------------------------------------------- suite */

int main(void)
{
	Suite *suite = suite_create("threads");
	TCase *threads = tcase_create("threads");

	suite_add_tcase(suite, threads);
	tcase_set_timeout(threads, 120);
	tcase_add_checked_fixture(threads, setup, teardown);
	tcase_add_test(threads, test_own);
	tcase_add_test(threads, test_ring);
	tcase_add_test(threads, test_producer_and_consumer);
	tcase_add_test(threads, test_newest_slab_is_left);
	tcase_add_test(threads, test_short_lives);
	tcase_add_test(threads, test_multitude);
	tcase_add_test(threads, test_turns);
	tcase_add_loop_test(threads, test_beside, 0, 3);
	tcase_add_loop_test(threads, test_holders, 0, 2);
	tcase_add_test(threads, test_free_at_any_time);
	tcase_add_test(threads, test_alloc_at_any_time);
	tcase_add_test(threads, test_resize_at_any_time);
	tcase_add_test(threads, test_asked_about_the_dead);
	tcase_add_loop_test(threads, test_cancelled, 0, 4);
	tcase_add_test(threads, test_little_stack);
	tcase_add_test(threads, test_without_barrier);
	tcase_add_test(threads, test_without_serials);
	tcase_add_test(threads, test_crimes_across_threads);
	tcase_add_test(threads, test_double_free_race);
	tcase_add_loop_test(threads, test_double_free_finished_late, 0, 5);
	return support_run(suite);
}
