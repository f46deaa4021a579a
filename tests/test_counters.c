/* SPDX-License-Identifier: ISC */
/*
 * counters: against plain sums, exact with one shard at every moment; with
 * several, exact once all have told and never below what was alive at once.
 */
#include <config.h>

#include "counters.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "support.h"

#define SHARDS 4

static sa_counters shards[SHARDS];
static sa_totals totals;
static support_random random_state;

/* The truth: of each shard, and of all together. */
static struct model {
	uint64_t allocs, frees;
	int64_t count, size, peak_count, peak_size;
} models[SHARDS], whole;

static void setup(void)
{
	support_random_seed(&random_state);
	memset(shards, 0, sizeof shards);
	memset(&totals, 0, sizeof totals);
	memset(models, 0, sizeof models);
	memset(&whole, 0, sizeof whole);
}

static size_t below(size_t bound)
{
	return support_random_below(&random_state, bound);
}

static void change(struct model *model, int64_t count, int64_t size)
{
	model->count += count;
	model->size += size;
	if (model->count > model->peak_count)
		model->peak_count = model->count;
	if (model->size > model->peak_size)
		model->peak_size = model->size;
}

static void alloc(unsigned i, size_t size)
{
	sa_counters_alloc(&shards[i], size);
	models[i].allocs++;
	change(&models[i], 1, (int64_t)size);
	change(&whole, 1, (int64_t)size);
}

/* A shard may free what another allocated: its own numbers fall below 0. */
static void release(unsigned i, size_t size)
{
	sa_counters_free(&shards[i], size);
	models[i].frees++;
	change(&models[i], -1, -(int64_t)size);
	change(&whole, -1, -(int64_t)size);
}

static void resize(unsigned i, size_t old, size_t size)
{
	sa_counters_resize(&shards[i], old, size);
	change(&models[i], 0, (int64_t)size - (int64_t)old);
	change(&whole, 0, (int64_t)size - (int64_t)old);
}

static void assert_shard(unsigned i)
{
	SUPPORT_REQUIRE(sa_counters_allocs(&shards[i]) == models[i].allocs);
	SUPPORT_REQUIRE((uint64_t)SA_COUNTER_GET(shards[i].frees) ==
			models[i].frees);
	SUPPORT_REQUIRE(sa_gauge_value(&shards[i].count) == models[i].count);
	SUPPORT_REQUIRE(sa_gauge_value(&shards[i].size) == models[i].size);
}

static int64_t live(const sa_gauge *gauge, const sa_total *total)
{
	return SA_COUNTER_GET(total->value) + sa_gauge_untold(gauge);
}

/* With one shard every figure is exact, told or not. */
static void assert_exact(void)
{
	const sa_gauge *count = &shards[0].count, *size = &shards[0].size;

	assert_shard(0);
	SUPPORT_REQUIRE(live(count, &totals.count) == whole.count);
	SUPPORT_REQUIRE(live(size, &totals.size) == whole.size);
	SUPPORT_REQUIRE(sa_gauge_peak(count, &totals.count, 0) ==
			whole.peak_count);
	SUPPORT_REQUIRE(sa_gauge_peak(size, &totals.size, 0) ==
			whole.peak_size);
}

/* ------------------------------------------------------------- one shard */

START_TEST(test_new)
{
	assert_exact();
	alloc(0, 32);
	assert_exact();
	release(0, 32);
	assert_exact();
	alloc(0, 0);
	alloc(0, 10);
	assert_exact();
	resize(0, 10, 50);
	assert_exact();
	resize(0, 50, 5);
	assert_exact();
	sa_counters_tell(&shards[0], &totals);
	assert_exact();
	resize(0, 5, 5000);
	resize(0, 5000, 5);
	assert_exact();
}
END_TEST

/* Sizes of what is alive; a phase of growth, then one of shrinking. */
START_TEST(test_one_shard)
{
	static size_t sizes[1000];
	size_t n = 0;

	for (unsigned i = 0; i < SUPPORT_ROUNDS(50000); i++) {
		bool grows = i / 700 % 2 == 0;

		if (n < 1000 && below(10) < (grows ? 7 : 3)) {
			sizes[n] = below(1000);
			alloc(0, sizes[n++]);
		} else if (n > 0 && below(5) == 0) {
			size_t size = below(1000), at = below(n);

			resize(0, sizes[at], size);
			sizes[at] = size;
		} else if (n > 0) {
			size_t at = below(n);

			release(0, sizes[at]);
			sizes[at] = sizes[--n];
		}
		if (below(300) == 0)
			sa_counters_tell(&shards[0], &totals);
		else
			sa_counters_tell_sometimes(&shards[0], &totals);
		assert_exact();
	}
}
END_TEST

/* Not at every operation, but at every interval's end. */
START_TEST(test_tell_sometimes)
{
	unsigned told = 0;

	for (unsigned i = 1; i <= 10 * SA_COUNTERS_INTERVAL; i++) {
		int64_t before = SA_COUNTER_GET(totals.count.value);

		alloc(0, 1);
		sa_counters_tell_sometimes(&shards[0], &totals);
		told += SA_COUNTER_GET(totals.count.value) != before;
		SUPPORT_REQUIRE(sa_gauge_untold(&shards[0].count) <
				SA_COUNTERS_INTERVAL);
	}
	ck_assert_uint_eq(told, 10);
	for (unsigned i = 1; i <= SA_COUNTERS_INTERVAL; i++) {
		release(0, 1);
		sa_counters_tell_sometimes(&shards[0], &totals);
		told += sa_gauge_untold(&shards[0].count) == 0;
	}
	ck_assert_uint_eq(told, 11);
	assert_exact();
}
END_TEST

START_TEST(test_clear)
{
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < 100; i++)
			alloc(0, 10 * round);
		release(0, 10 * round);
		if (round == 3)
			sa_counters_tell(&shards[0], &totals);
		sa_counters_clear(&shards[0], &totals);
		models[0].frees += 99;
		change(&models[0], -99, -990 * (int64_t)round);
		change(&whole, -99, -990 * (int64_t)round);
		assert_exact();
		ck_assert_int_eq(SA_COUNTER_GET(totals.count.value), 0);
		ck_assert_int_eq(SA_COUNTER_GET(totals.size.value), 0);
	}
	ck_assert_int_eq(whole.peak_count, 100);
}
END_TEST

/* Whatever was caught half told: the frees stay, all else is as said. */
START_TEST(test_restart)
{
	for (unsigned i = 0; i < 3000; i++)
		alloc(0, 10);
	release(0, 10);
	sa_counters_tell(&shards[0], &totals);
	atomic_fetch_sub(&shards[0].count.room, 2);
	atomic_fetch_add(&shards[0].count.told, 77);
	atomic_fetch_sub(&shards[0].size.peak, 5);
	memset(&totals, 0, sizeof totals);
	sa_counters_restart(&shards[0], 20, 150);
	models[0].allocs = models[0].frees + 20;
	models[0].count = whole.count = whole.peak_count = 20;
	models[0].size = whole.size = whole.peak_size = 150;
	assert_exact();
	sa_counters_tell_sometimes(&shards[0], &totals);
	ck_assert_int_eq(SA_COUNTER_GET(totals.count.value), 0);
	sa_counters_tell(&shards[0], &totals);
	assert_exact();
}
END_TEST

/* -------------------------------------------------------- several shards */

/* Of the whole arena, as its statistics are made. */
static void assert_whole(void)
{
	int64_t count = SA_COUNTER_GET(totals.count.value);
	int64_t size = SA_COUNTER_GET(totals.size.value);

	for (unsigned i = 0; i < SHARDS; i++) {
		assert_shard(i);
		count += sa_gauge_untold(&shards[i].count);
		size += sa_gauge_untold(&shards[i].size);
	}
	SUPPORT_REQUIRE(count == whole.count);
	SUPPORT_REQUIRE(size == whole.size);
}

static void tell_all(void)
{
	for (unsigned i = 0; i < SHARDS; i++)
		sa_counters_tell(&shards[i], &totals);
}

START_TEST(test_several_shards)
{
	size_t n = 0;

	for (unsigned i = 0; i < SUPPORT_ROUNDS(50000); i++) {
		unsigned shard = (unsigned)below(SHARDS);

		if (n == 0 || below(10) < (i / 1000 % 2 == 0 ? 7 : 4)) {
			alloc(shard, 7);
			n++;
		} else {
			release(shard, 7);
			n--;
		}
		sa_counters_tell_sometimes(&shards[shard], &totals);
		assert_whole();
	}
	tell_all();
	ck_assert_int_eq(SA_COUNTER_GET(totals.count.value), whole.count);
	ck_assert_int_eq(SA_COUNTER_GET(totals.size.value), whole.size);
	ck_assert_int_ge(SA_COUNTER_GET(totals.count.peak), whole.count);
	/* Each shard may have had an interval untold. */
	ck_assert_int_ge(SA_COUNTER_GET(totals.count.peak),
			 whole.peak_count - SHARDS * SA_COUNTERS_INTERVAL);
	ck_assert_int_le(SA_COUNTER_GET(totals.count.peak),
			 whole.peak_count + SHARDS * SA_COUNTERS_INTERVAL);
}
END_TEST

/* One allocates, the other frees: what counts is what others have untold. */
START_TEST(test_others)
{
	for (unsigned i = 0; i < 100; i++)
		alloc(0, 1);
	for (unsigned i = 0; i < 60; i++)
		release(1, 1);
	assert_whole();
	ck_assert_int_eq(sa_gauge_peak(&shards[1].count, &totals.count,
				       sa_gauge_untold(&shards[0].count)),
			 100);
	tell_all();
	ck_assert_int_eq(SA_COUNTER_GET(totals.count.value), 40);
	ck_assert_int_eq(SA_COUNTER_GET(totals.count.peak), 100);
	alloc(1, 1);
	ck_assert_int_eq(sa_gauge_peak(&shards[1].count, &totals.count, 0),
			 100);
}
END_TEST

/* What a shard had once it does not have again beside another's. */
START_TEST(test_one_after_another)
{
	for (unsigned round = 0; round < 2 * SHARDS; round++) {
		unsigned shard = round % SHARDS;

		for (unsigned i = 0; i < 100; i++)
			alloc(shard, 5);
		sa_counters_tell(&shards[shard], &totals);
		if (round % 2 == 1) {
			for (unsigned i = 0; i < SHARDS; i++)
				sa_counters_tell(&shards[i], &totals);
			ck_assert_int_eq(SA_COUNTER_GET(totals.count.peak),
					 100);
		}
		for (unsigned i = 0; i < 100; i++)
			release(shard, 5);
		sa_counters_tell(&shards[shard], &totals);
	}
	ck_assert_int_eq(SA_COUNTER_GET(totals.count.peak), 100);
	ck_assert_int_eq(SA_COUNTER_GET(totals.size.peak), 500);
	assert_whole();
}
END_TEST

/* Threads tell at once: nothing is lost. */
static void *count_and_tell(void *own)
{
	sa_counters *counters = own;

	for (unsigned i = 0; i < 100000; i++) {
		sa_counters_alloc(counters, 3);
		if (i % 3 == 0)
			sa_counters_free(counters, 3);
		if (i % 10 == 0)
			sa_counters_tell(counters, &totals);
	}
	sa_counters_tell(counters, &totals);
	return NULL;
}

START_TEST(test_threads)
{
	const int64_t live_each = 100000 - 33334;
	pthread_t threads[SHARDS];

	for (unsigned i = 0; i < SHARDS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						count_and_tell, &shards[i]),
				 0);
	for (unsigned i = 0; i < SHARDS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_int_eq(SA_COUNTER_GET(totals.count.value),
			 SHARDS * live_each);
	ck_assert_int_eq(SA_COUNTER_GET(totals.size.value),
			 3 * SHARDS * live_each);
	ck_assert_int_ge(SA_COUNTER_GET(totals.count.peak), SHARDS * live_each);
	ck_assert_int_le(SA_COUNTER_GET(totals.count.peak),
			 SHARDS * (live_each + 1));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("counters");
	TCase *tests = tcase_create("counters");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 30);
	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_test(tests, test_new);
	tcase_add_test(tests, test_one_shard);
	tcase_add_test(tests, test_tell_sometimes);
	tcase_add_test(tests, test_clear);
	tcase_add_test(tests, test_restart);
	tcase_add_test(tests, test_several_shards);
	tcase_add_test(tests, test_others);
	tcase_add_test(tests, test_one_after_another);
	tcase_add_test(tests, test_threads);
	return support_run(suite);
}
