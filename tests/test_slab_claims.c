/* SPDX-License-Identifier: ISC */
/*
 * slab: free slots are taken and given back once; what others freed is
 * collected once; of two who free one object one is told, in every order that
 * a race can have.  Also resizing, and clearing a whole slab.
 */
#include <config.h>

#include "slab.h"

#include <pthread.h>
#include <sched.h>

#include "slab_fixture.h"
#include "support.h"
#include "verify.h"

#define SLAB_SIZE ((size_t)64 << 10)
/* Of 48 bytes: keys. */
#define KEYS 2

static sa_slab *slab;
static sa_arena_misuse misuse;

static void setup(void)
{
	slabs_setup();
	slab = slabs_create(SLAB_SIZE, 0, KEYS);
	memset(&misuse, 0x5a, sizeof misuse);
}

static void teardown(void)
{
	sa_slab_clear(slab);
	slabs_destroy(slab, 0);
	slabs_teardown();
}

static void birth(uint32_t index)
{
	SUPPORT_REQUIRE(slabs_birth(slab, index, 32));
	support_fill(sa_slab_slot(slab, index), 32, index);
}

static bool is_free(uint32_t index)
{
	return sa_bitmap_is_set(slab->free_bits, index);
}

static bool is_claimed(uint32_t index)
{
	return (atomic_load(&slab->claims[index / 64]) &
		sa_bitmap_mask(index)) != 0;
}

static void claim(uint32_t index)
{
	atomic_fetch_or(&slab->claims[index / 64], sa_bitmap_mask(index));
}

static void assert_double_free(uint32_t index)
{
	ck_assert_int_eq(misuse.kind, SA_ARENA_MISUSE_DOUBLE_FREE);
	ck_assert_ptr_eq(misuse.object, sa_slab_slot(slab, index));
	ck_assert_uint_eq(misuse.size, 0);
	ck_assert_int_eq(misuse.offset, 0);
	memset(&misuse, 0x5a, sizeof misuse);
}

static void assert_told_double_free(uint32_t index)
{
	sa_slot_explain_death(sa_slab_slot_at(slab, index), &misuse);
	assert_double_free(index);
}

/* ---------------------------------------------------------------- taking */

/* Takes so many at most; all of them were free, none is any more. */
static unsigned take(unsigned count)
{
	uint32_t before = slab->nfree;
	uint64_t free_bits[4096 / 64];
	unsigned char *memory[64];
	sa_mark_place *marks[64];
	unsigned n;

	memcpy(free_bits, slab->free_bits,
	       sa_bitmap_nwords(slab->nslots) * sizeof *free_bits);
	n = sa_slab_take(slab, count, memory, marks);
	SUPPORT_REQUIRE(n >= 1 && n <= count);
	SUPPORT_REQUIRE(slab->nfree == before - n);
	for (unsigned i = 0; i < n; i++) {
		uint32_t index = sa_slab_index(slab, (uintptr_t)memory[i]);

		SUPPORT_REQUIRE(index != SA_SLAB_NO_INDEX);
		SUPPORT_REQUIRE(sa_slab_slot_at(slab, index).mark == marks[i]);
		SUPPORT_REQUIRE(sa_bitmap_is_set(free_bits, index));
		SUPPORT_REQUIRE(!is_free(index));
		sa_bitmap_clear_range(free_bits, index, 1);
	}
	SUPPORT_REQUIRE(memcmp(free_bits, slab->free_bits,
			       sa_bitmap_nwords(slab->nslots) *
				       sizeof *free_bits) == 0);
	return n;
}

START_TEST(test_take_all)
{
	for (unsigned count = 1; count <= 64; count++) {
		uint32_t taken = 0;

		slab->cursor =
			(uint32_t)slabs_below(sa_bitmap_nwords(slab->nslots));
		while (slab->nfree > 0)
			taken += take(count);
		ck_assert_uint_eq(taken, slab->nslots);
		for (uint32_t i = 0; i < slab->nslots; i++)
			ck_assert(!is_free(i));
		sa_slab_clear(slab);
	}
}
END_TEST

START_TEST(test_take_and_give)
{
	for (unsigned i = 0; i < SUPPORT_ROUNDS(20000); i++) {
		uint32_t index = (uint32_t)slabs_below(slab->nslots);

		if (slab->nfree > 0 && slabs_below(3) != 0)
			take(1 + (unsigned)slabs_below(16));
		else
			for (unsigned j = 0; j < 20; j++, index++)
				if (index < slab->nslots && !is_free(index))
					sa_slab_give(slab, index);
	}
}
END_TEST

/* -------------------------------------------------------------- collecting */

/* Everything that was freed elsewhere, once; what is alive stays. */
START_TEST(test_collect)
{
	uint32_t freed = 0;
	bool pending;

	while (slab->nfree > 0)
		take(64);
	for (uint32_t i = 0; i < slab->nslots; i++) {
		birth(i);
		if (slabs_below(3) != 0) {
			ck_assert(slabs_death_elsewhere(slab, i));
			freed++;
		}
	}
	ck_assert_uint_eq(slab->nfree, 0);
	ck_assert(slabs_collect(slab, &pending, &misuse));
	ck_assert(!pending);
	ck_assert_uint_eq(slab->nfree, freed);
	for (uint32_t i = 0; i < slab->nslots; i++) {
		bool is_live = sa_mark_is_live(slabs_mark(slab, i));

		SUPPORT_REQUIRE(is_free(i) == !is_live);
		SUPPORT_REQUIRE(!is_claimed(i));
		SUPPORT_REQUIRE(is_live || slabs_mark(slab, i) == SA_MARK_FREE);
		SUPPORT_REQUIRE(
			!is_live ||
			support_is_filled(sa_slab_slot(slab, i), 32, i));
	}
	ck_assert(slabs_collect(slab, &pending, &misuse));
	ck_assert_uint_eq(slab->nfree, freed);
	ck_assert(sa_slab_verify(slab, &misuse));
}
END_TEST

/* Claimed, but not wiped yet: left alone until it is. */
START_TEST(test_pending)
{
	bool pending;

	while (slab->nfree > 0)
		take(64);
	birth(10);
	birth(11);
	birth(200);
	claim(10);
	ck_assert(slabs_death_elsewhere(slab, 11));
	ck_assert(slabs_death_elsewhere(slab, 200));
	ck_assert(slabs_collect(slab, &pending, &misuse));
	ck_assert(pending);
	ck_assert_uint_eq(slab->nfree, 2);
	ck_assert(is_claimed(10) && !is_claimed(11) && !is_claimed(200));
	ck_assert(!is_free(10) && is_free(11) && is_free(200));
	ck_assert(support_is_filled(sa_slab_slot(slab, 10), 32, 10));
	sa_zero_wipe(sa_slab_slot(slab, 10), slab->stride - 8);
	sa_slot_set_mark(sa_slab_slot_at(slab, 10), SA_MARK_COLLECTABLE);
	ck_assert(slabs_collect(slab, &pending, &misuse));
	ck_assert(!pending);
	ck_assert_uint_eq(slab->nfree, 3);
	ck_assert(is_free(10) && !is_claimed(10));
}
END_TEST

/* ------------------------------------------------------------ double free */

/* By one after the other. */
START_TEST(test_double_free)
{
	bool pending;

	birth(1);
	ck_assert(slabs_death(slab, 1));
	ck_assert(!slabs_death(slab, 1));
	assert_told_double_free(1);
	birth(2);
	ck_assert(slabs_death_elsewhere(slab, 2));
	ck_assert(!slabs_death_elsewhere(slab, 2));
	assert_told_double_free(2);
	ck_assert(!slabs_death(slab, 2));
	assert_told_double_free(2);
	ck_assert(slabs_collect(slab, &pending, &misuse));
	ck_assert(!slabs_death(slab, 2));
	assert_told_double_free(2);
	ck_assert(!slabs_death_elsewhere(slab, 2));
	assert_told_double_free(2);
}
END_TEST

/* Not live and never was. */
START_TEST(test_free_of_free)
{
	ck_assert(!slabs_death(slab, 77));
	assert_told_double_free(77);
	ck_assert(!slabs_death_elsewhere(slab, 78));
	assert_told_double_free(78);
}
END_TEST

/* Two others at once: the second finds the first's claim, the object alive. */
START_TEST(test_race_of_others)
{
	birth(3);
	claim(3);
	ck_assert(!slabs_death_elsewhere(slab, 3));
	assert_told_double_free(3);
	ck_assert(support_is_filled(sa_slab_slot(slab, 3), 32, 3));
	ck_assert(!sa_slab_verify(slab, &misuse));
	assert_double_free(3);
}
END_TEST

/* Another claims, the owner frees: the owner cannot see it, but finds the
 * claim when it collects. */
START_TEST(test_race_with_owner)
{
	bool pending;

	birth(4);
	claim(4);
	ck_assert(slabs_death(slab, 4));
	ck_assert(!slabs_collect(slab, &pending, &misuse));
	assert_double_free(4);
	ck_assert(!sa_slab_verify(slab, &misuse));
	assert_double_free(4);
}
END_TEST

/* The owner looked at the mark before, and acts after, another's free. */
START_TEST(test_stale_mark)
{
	uint16_t mark;

	birth(5);
	mark = slabs_mark(slab, 5);
	ck_assert(slabs_death_elsewhere(slab, 5));
	ck_assert(!sa_slot_death(sa_slot_site(sa_slab_slot_at(slab, 5)),
				 slab->stride, mark, slab->key));
	assert_told_double_free(5);
}
END_TEST

/* The other's mark comes last, and the owner has given the slot back: it would
 * be free twice. */
START_TEST(test_race_told_by_bit)
{
	sa_slot slot = sa_slab_slot_at(slab, 6);
	uint32_t nfree = slab->nfree;
	bool pending;

	birth(6);
	claim(6);
	ck_assert(slabs_death(slab, 6));
	sa_slot_set_mark(slot, SA_MARK_COLLECTABLE);
	ck_assert(sa_slab_give(slab, 6));
	ck_assert(!sa_slab_give(slab, 6));
	ck_assert_uint_eq(slab->nfree, nfree);
	ck_assert(!slabs_collect(slab, &pending, &misuse));
	assert_double_free(6);
}
END_TEST

/* The same, but the owner has it in stock. */
START_TEST(test_race_told_by_stock)
{
	const uint32_t stock[] = {300, 6, 70};
	bool pending;

	birth(6);
	birth(7);
	ck_assert(slabs_death_elsewhere(slab, 7));
	claim(6);
	ck_assert(slabs_death(slab, 6));
	sa_slot_set_mark(sa_slab_slot_at(slab, 6), SA_MARK_COLLECTABLE);
	ck_assert(!sa_slab_collect(slab, (sa_slab_taken){stock, 3}, &pending,
				   &misuse));
	assert_double_free(6);
	ck_assert(!is_free(6));
}
END_TEST

/* The same again, and before anyone collects, all is verified. */
START_TEST(test_race_told_by_verify)
{
	birth(6);
	claim(6);
	ck_assert(slabs_death(slab, 6));
	sa_slot_set_mark(sa_slab_slot_at(slab, 6), SA_MARK_COLLECTABLE);
	ck_assert(sa_slab_verify(slab, &misuse));
	ck_assert(sa_slab_give(slab, 6));
	ck_assert(!sa_slab_verify(slab, &misuse));
	assert_double_free(6);
}
END_TEST

/* What was collected before a double free was met is free, and nothing else:
 * who handles the report may go on. */
START_TEST(test_collected_before_double_free)
{
	bool pending;

	birth(6);
	birth(7);
	ck_assert(slabs_death_elsewhere(slab, 6));
	claim(7);
	ck_assert(slabs_death(slab, 7));
	ck_assert(!slabs_collect(slab, &pending, &misuse));
	assert_double_free(7);
	ck_assert(is_free(6) && !is_claimed(6));
	birth(6);
	ck_assert(slabs_death_elsewhere(slab, 6));
}
END_TEST

/* The loser sees a canary that the winner is wiping: that is no overflow. */
START_TEST(test_race_sees_wipe)
{
	const sa_slot eighth = sa_slab_slot_at(slab, 8);
	bool had_claim;

	birth(7);
	claim(7);
	memset(sa_slab_slot(slab, 7), 0, slab->stride - 8);
	ck_assert(!slabs_death(slab, 7));
	assert_told_double_free(7);
	birth(8);
	memset(sa_slab_slot(slab, 8), 0, slab->stride - 8);
	ck_assert(!sa_slot_death_elsewhere(&eighth, &had_claim));
	ck_assert(!had_claim);
	sa_slot_set_mark(sa_slab_slot_at(slab, 8), SA_MARK_FREE);
	sa_slot_explain_death_elsewhere(sa_slab_slot_at(slab, 8), had_claim,
					&misuse);
	assert_double_free(8);
}
END_TEST

/* One of two threads succeeds, always. */
static atomic_uint successes, ready;

static void *free_elsewhere(void *unused)
{
	for (uint32_t i = 0; i < slab->nslots; i++) {
		atomic_fetch_add(&ready, 1);
		while (atomic_load(&ready) < 2 * (i + 1))
			sched_yield();
		if (slabs_death_elsewhere(slab, i))
			atomic_fetch_add(&successes, 1);
	}
	return unused;
}

START_TEST(test_race_of_threads)
{
	pthread_t thread;

	if (SUPPORT_TSAN) {
		support_skip("race_of_threads", "it is a race");
		return;
	}
	for (uint32_t i = 0; i < slab->nslots; i++)
		birth(i);
	ck_assert_int_eq(pthread_create(&thread, NULL, free_elsewhere, NULL),
			 0);
	free_elsewhere(NULL);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(atomic_load(&successes), slab->nslots);
}
END_TEST

/* ------------------------------------------------------- resize and clear */

static void assert_resizes(size_t from, size_t to)
{
	unsigned char *object = sa_slab_slot(slab, 7);
	size_t kept = from < to ? from : to;

	ck_assert(slabs_birth(slab, 7, from));
	support_fill(object, from, 8);
	sa_slot_resize(sa_slab_slot_at(slab, 7), to);
	ck_assert_uint_eq(sa_mark_size(slabs_mark(slab, 7)), to);
	ck_assert(support_is_filled(object, kept, 8));
	ck_assert(support_is_zero(object + kept, to - kept));
	ck_assert(sa_slab_verify(slab, &misuse));
	ck_assert(slabs_death(slab, 7));
}

START_TEST(test_resize)
{
	for (size_t from = 0; from <= 40; from++)
		for (size_t to = 0; to <= 40; to++)
			assert_resizes(from, to);
}
END_TEST

START_TEST(test_resize_in_large_slot)
{
	sa_slab_clear(slab);
	slabs_destroy(slab, 0);
	slab = slabs_create(SLAB_SIZE, 0, sa_sizeclass_of(3000));
	for (size_t from = 0; from <= 3000; from += 123)
		for (size_t to = 0; to <= 3000; to += 119)
			assert_resizes(from, to);
}
END_TEST

/* Live, claimed and collectable: everything ends. */
START_TEST(test_clear)
{
	for (uint32_t i = 0; i < slab->nslots; i++) {
		if (i % 5 != 0)
			sa_bitmap_clear_range(slab->free_bits, i, 1);
		if (i % 5 == 2 || i % 5 == 3)
			birth(i);
		if (i % 5 == 3)
			ck_assert(slabs_death_elsewhere(slab, i));
	}
	slab->nfree = slab->nslots / 5;
	sa_slab_clear(slab);
	ck_assert_uint_eq(slab->nfree, slab->nslots);
	for (uint32_t i = 0; i < slab->nslots; i++) {
		SUPPORT_REQUIRE(is_free(i) && !is_claimed(i));
		SUPPORT_REQUIRE(slabs_mark(slab, i) == SA_MARK_FREE);
		SUPPORT_REQUIRE(support_is_zero(sa_slab_slot(slab, i),
						slab->stride - 8));
	}
	ck_assert(sa_slab_verify(slab, &misuse));
	for (uint32_t i = slab->nslots; i % 64 != 0; i++)
		ck_assert(!is_free(i));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("slab claims");
	TCase *tests = tcase_create("slab claims");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 30);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_take_all);
	tcase_add_test(tests, test_take_and_give);
	tcase_add_test(tests, test_collect);
	tcase_add_test(tests, test_pending);
	tcase_add_test(tests, test_double_free);
	tcase_add_test(tests, test_race_told_by_bit);
	tcase_add_test(tests, test_race_told_by_stock);
	tcase_add_test(tests, test_collected_before_double_free);
	tcase_add_test(tests, test_race_told_by_verify);
	tcase_add_test(tests, test_race_sees_wipe);
	tcase_add_test(tests, test_free_of_free);
	tcase_add_test(tests, test_race_of_others);
	tcase_add_test(tests, test_race_with_owner);
	tcase_add_test(tests, test_stale_mark);
	tcase_add_test(tests, test_race_of_threads);
	tcase_add_test(tests, test_resize);
	tcase_add_test(tests, test_resize_in_large_slot);
	tcase_add_test(tests, test_clear);
	return support_run(suite);
}
