/* SPDX-License-Identifier: ISC */
/*
 * shard: what others free reaches the owner through the inbox, once and
 * whole, also while all of them are at it; two frees of one object are told.
 */
#include <config.h>

#include "shard.h"

#include <pthread.h>
#include <sched.h>

#include "stock.h"
#include "support.h"
#include "verify.h"

/* Objects of several slabs, freed by another, come back to each. */
START_TEST(test_post)
{
	static sa_slot objects[6000];
	uint32_t live, n;

	for (unsigned i = 0; i < SLABS_MAX; i++)
		adopt_slab();
	live = slot_count();
	SUPPORT_REQUIRE(live <= SUPPORT_LENGTH(objects));
	for (n = 0; n < live; n++)
		objects[n] = allocate();
	while (live > 0) {
		for (n = 1 + (uint32_t)slabs_below(live); n > 0; n--) {
			size_t at = slabs_below(live--);

			release_elsewhere(objects[at]);
			objects[at] = objects[live];
		}
		ck_assert(sa_shard_collect(shard, &misuse));
		ck_assert_ptr_null(atomic_load(&shard->inbox));
		ck_assert_uint_eq(free_count(), slot_count() - live);
		for (unsigned i = 0; i < SLABS_MAX; i++)
			ck_assert(!atomic_load(&slabs[i]->is_posted));
	}
}
END_TEST

/* A slab is in the inbox once, however often it is posted. */
START_TEST(test_post_again)
{
	adopt_slab();
	adopt_slab();
	for (unsigned i = 0; i < 10; i++)
		sa_shard_post(shard, slabs[i % 2]);
	ck_assert_ptr_eq(atomic_load(&shard->inbox), slabs[1]);
	ck_assert_ptr_eq(slabs[1]->posted_next, slabs[0]);
	ck_assert_ptr_null(slabs[0]->posted_next);
	ck_assert(sa_shard_collect(shard, &misuse));
	sa_shard_post(shard, slabs[0]);
	ck_assert_ptr_eq(atomic_load(&shard->inbox), slabs[0]);
	ck_assert_ptr_null(slabs[0]->posted_next);
}
END_TEST

/* A shard that has nothing else to give fills from what others freed. */
START_TEST(test_fill_collects)
{
	sa_slab *slab = adopt_slab();
	sa_slot last = allocate();

	while (fill() == SA_SHARD_FILLED)
		last = allocate();
	ck_assert_uint_eq(slab->nfree, 0);
	release_elsewhere(last);
	ck_assert_int_eq(fill(), SA_SHARD_DRY);
	ck_assert_uint_eq(slab->nfree, 1);
	sa_shard_relist(slab);
	ck_assert_int_eq(fill(), SA_SHARD_FILLED);
	ck_assert_ptr_eq(take().memory, last.memory);
	for (uint32_t i = 0; i < SA_STOCK_SIZE; i++)
		release_elsewhere(sa_slab_slot_at(
			slab, sa_slot_index(last) == i ? SA_STOCK_SIZE : i));
	ck_assert_int_eq(fill(), SA_SHARD_FILLED);
	ck_assert_uint_eq(bin->count, SA_STOCK_SIZE);
}
END_TEST

static sa_shard_result fill_but_from_newest(void)
{
	return sa_shard_fill(shard, bin, false, &misuse);
}

/* Every slot of some slabs holds an object. */
static void use_up(void)
{
	for (unsigned i = 0; i < 3; i++)
		adopt_slab();
	while (fill() == SA_SHARD_FILLED)
		allocate();
}

static void release_all_elsewhere(sa_slab *slab)
{
	for (uint32_t i = 0; i < slab->nslots; i++)
		release_elsewhere(sa_slab_slot_at(slab, i));
}

/* Others go on freeing where they did so last: that slab is left to them, as
 * long as there is another. */
START_TEST(test_fill_leaves_the_newest)
{
	use_up();
	release_all_elsewhere(slabs[1]);
	ck_assert_int_eq(fill_but_from_newest(), SA_SHARD_DRY);
	release_all_elsewhere(slabs[0]);
	release_all_elsewhere(slabs[2]);
	ck_assert_int_eq(fill_but_from_newest(), SA_SHARD_FILLED);
	ck_assert_ptr_eq(atomic_load(&shard->inbox), slabs[2]);
	ck_assert_ptr_null(slabs[2]->posted_next);
	while (fill_but_from_newest() == SA_SHARD_FILLED)
		allocate();
	ck_assert_uint_eq(free_count(), 0);
	ck_assert(atomic_load(&slabs[2]->is_posted));
	/* The next one pushes it down. */
	release_all_elsewhere(slabs[0]);
	ck_assert_int_eq(fill_but_from_newest(), SA_SHARD_FILLED);
	ck_assert_ptr_eq(bin->first, slabs[2]);
	while (fill() == SA_SHARD_FILLED)
		allocate();
	ck_assert_ptr_null(atomic_load(&shard->inbox));
	ck_assert_uint_eq(free_count(), 0);
}
END_TEST

/* Where slots are scarce, nothing is left. */
START_TEST(test_fill_leaves_nothing_when_scarce)
{
	use_up();
	atomic_store(&shard->is_scarce, true);
	release_all_elsewhere(slabs[1]);
	ck_assert_int_eq(fill_but_from_newest(), SA_SHARD_FILLED);
	ck_assert_ptr_null(atomic_load(&shard->inbox));
}
END_TEST

static unsigned posted_count(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < slab_count; i++)
		count += atomic_load(&slabs[i]->is_posted);
	return count;
}

/* One slab at a time is enough: who allocates does not wait for all. */
START_TEST(test_fill_collects_no_more_than_it_needs)
{
	static sa_slot objects[6000];
	uint32_t live;

	for (unsigned i = 0; i < SLABS_MAX; i++)
		adopt_slab();
	live = slot_count();
	SUPPORT_REQUIRE(live <= SUPPORT_LENGTH(objects));
	for (uint32_t i = 0; i < live; i++)
		objects[i] = allocate();
	for (uint32_t i = 0; i < live; i++)
		release_elsewhere(objects[i]);
	for (unsigned left = SLABS_MAX; left > 0; left--) {
		ck_assert_uint_eq(posted_count(), left);
		ck_assert_int_eq(fill(), SA_SHARD_FILLED);
		ck_assert_uint_eq(posted_count(), left - 1);
		while (bin->first != NULL || bin->count > 0)
			allocate();
	}
	ck_assert_int_eq(fill(), SA_SHARD_DRY);
}
END_TEST

/* What is claimed but not done yet is looked at again. */
START_TEST(test_pending)
{
	sa_slab *slab = adopt_slab();
	sa_slot slot = allocate();
	uint32_t index = sa_slot_index(slot);

	ck_assert(sa_shard_flush(shard, &misuse));
	atomic_fetch_or(&slab->claims[index / 64], sa_bitmap_mask(index));
	sa_shard_post(shard, slab);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert(sa_shard_collect(shard, &misuse));
		ck_assert_uint_eq(slab->nfree, slab->nslots - 1);
		ck_assert_ptr_eq(atomic_load(&shard->inbox), slab);
	}
	sa_zero_wipe(slot.memory, slab->stride - 8);
	sa_slot_set_mark(slot, SA_MARK_COLLECTABLE);
	ck_assert(sa_shard_collect(shard, &misuse));
	ck_assert_uint_eq(slab->nfree, slab->nslots);
	ck_assert_ptr_null(atomic_load(&shard->inbox));
}
END_TEST

/* Freed by the owner and by another: told when it comes to light. */
START_TEST(test_misuse)
{
	sa_slab *slab = adopt_slab();
	sa_slot slot = allocate();
	uint32_t index = sa_slot_index(slot);

	while (slab->nfree > 0)
		allocate();
	release(slot);
	atomic_fetch_or(&slab->claims[index / 64], sa_bitmap_mask(index));
	sa_shard_post(shard, slab);
	ck_assert_int_eq(fill(), SA_SHARD_MISUSE);
	ck_assert_int_eq(misuse.kind, SA_ARENA_MISUSE_DOUBLE_FREE);
	ck_assert_ptr_eq(misuse.object, slot.memory);
}
END_TEST

/* The other's mark comes last: the slot is in stock and ready to collect. */
static sa_slot race_into_stock(void)
{
	sa_slot slot = allocate();
	uint32_t index = sa_slot_index(slot);

	release(slot);
	atomic_fetch_or(&slot.slab->claims[index / 64], sa_bitmap_mask(index));
	sa_slot_set_mark(slot, SA_MARK_COLLECTABLE);
	sa_shard_post(shard, slot.slab);
	return slot;
}

START_TEST(test_race_in_stock)
{
	sa_slot slot;

	adopt_slab();
	ck_assert_int_eq(fill(), SA_SHARD_FILLED);
	ck_assert(sa_shard_verify(shard, &misuse));
	slot = race_into_stock();
	ck_assert(!sa_shard_verify(shard, &misuse));
	ck_assert_int_eq(misuse.kind, SA_ARENA_MISUSE_DOUBLE_FREE);
	ck_assert_ptr_eq(misuse.object, slot.memory);
	memset(&misuse, 0, sizeof misuse);
	ck_assert(!sa_shard_collect(shard, &misuse));
	ck_assert_int_eq(misuse.kind, SA_ARENA_MISUSE_DOUBLE_FREE);
	ck_assert_ptr_eq(misuse.object, slot.memory);
}
END_TEST

/* --------------------------------------------------------------- threads */

/* As often as they are to meet, or as there is time for: where threads share a
 * processor with other programs, each time takes a turn of those. */
#define SECONDS 3

static atomic_bool is_over;
static atomic_uint begun, done;

/* Nothing has begun; when there is no more time. */
static double start_clock(void)
{
	atomic_store(&is_over, false);
	atomic_store(&begun, 0);
	atomic_store(&done, 0);
	return support_seconds() + SECONDS;
}

/* Of each slab, one of two threads frees every other slot: the same words are
 * claimed, the same slabs posted and collected, all at once. */
#define ROUNDS SUPPORT_ROUNDS(150u)

static void *free_every_other(void *parity)
{
	for (unsigned round = 1;; round++) {
		while (atomic_load(&begun) < round) {
			if (atomic_load(&is_over))
				return NULL;
			sched_yield();
		}
		for (unsigned i = 0; i < slab_count; i++)
			for (uint32_t j = *(uint32_t *)parity;
			     j < slabs[i]->nslots; j += 2)
				release_elsewhere(sa_slab_slot_at(slabs[i], j));
		atomic_fetch_add(&done, 1);
	}
}

static void bear_all(void)
{
	for (unsigned i = 0; i < slab_count; i++) {
		sa_slab *slab = slabs[i];

		for (uint32_t j = 0; j < slab->nslots; j++)
			SUPPORT_REQUIRE(slabs_birth(slab, j, 32));
		sa_bitmap_clear_range(slab->free_bits, 0, slab->nslots);
		slab->nfree = 0;
	}
}

/* At the end of every round nothing is missing. */
START_TEST(test_claims_of_threads)
{
	uint32_t parities[] = {0, 1};
	double end = start_clock();
	pthread_t threads[2];

	for (unsigned i = 0; i < SLABS_MAX; i++)
		adopt_slab();
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						free_every_other, &parities[i]),
				 0);
	for (unsigned round = 1; round <= ROUNDS && support_seconds() < end;
	     round++) {
		bear_all();
		atomic_store(&begun, round);
		while (atomic_load(&done) < 2 * round)
			SUPPORT_REQUIRE(sa_shard_collect(shard, &misuse));
		SUPPORT_REQUIRE(sa_shard_collect(shard, &misuse));
		ck_assert_ptr_null(atomic_load(&shard->inbox));
		ck_assert_uint_eq(free_count(), slot_count());
	}
	atomic_store(&is_over, true);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}
END_TEST

#define POSTS SUPPORT_ROUNDS(50000u)

static atomic_uint posts;

/* As soon as it is out of the inbox, it is posted again. */
static void *post_on_and_on(void *slab)
{
	for (unsigned i = 0; i < POSTS && !atomic_load(&is_over); i++) {
		sa_shard_post(shard, slab);
		atomic_fetch_add(&posts, 1);
		while (atomic_load(&((sa_slab *)slab)->is_posted))
			sched_yield();
	}
	atomic_fetch_add(&done, 1);
	return NULL;
}

/* What is posted comes out, however many post at once: for a slab that got lost
 * its poster waits in vain, until Check ends the test.  Nothing less tells it
 * from one that is waited for by who does not run. */
START_TEST(test_posts_of_threads)
{
	double end = start_clock();
	pthread_t threads[2];
	unsigned idle = 0;

	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						post_on_and_on, adopt_slab()),
				 0);
	while (atomic_load(&done) < 2) {
		unsigned before = atomic_load(&posts);

		SUPPORT_REQUIRE(sa_shard_collect(shard, &misuse));
		idle = atomic_load(&posts) == before ? idle + 1 : 0;
		if (idle > 100)
			sched_yield();
		if (support_seconds() >= end)
			atomic_store(&is_over, true);
	}
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}
END_TEST

#define RING 64
#define HANDED SUPPORT_ROUNDS(300000u)

/* Objects on their way from the owner to those who free them. */
static struct {
	_Alignas(64) _Atomic(unsigned char *) places[RING];
} ring;
static atomic_uint freed;

static void *free_what_comes(void *unused)
{
	for (unsigned i = 0; !atomic_load(&is_over); i++) {
		unsigned char *memory =
			atomic_exchange(&ring.places[i % RING], NULL);
		uint32_t index;

		if (memory == NULL) {
			if (i % RING == 0)
				sched_yield();
			continue;
		}
		for (unsigned j = 0; j < slab_count; j++) {
			index = sa_slab_index(slabs[j], (uintptr_t)memory);
			if (index != SA_SLAB_NO_INDEX)
				release_elsewhere(
					sa_slab_slot_at(slabs[j], index));
		}
		atomic_fetch_add(&freed, 1);
	}
	return unused;
}

/* Most objects go to the others; the owner frees some. */
static void hand_over(sa_slot slot, unsigned i)
{
	unsigned char *nothing = NULL;

	support_fill(slot.memory, 32, i);
	if (i % 4 == 0) {
		release(slot);
		return;
	}
	while (!atomic_compare_exchange_strong(&ring.places[i * 7 % RING],
					       &nothing, slot.memory)) {
		nothing = NULL;
		sched_yield();
	}
}

/* Two threads free what the owner allocates: all slots are there in the end,
 * and none was ever given to two. */
START_TEST(test_threads)
{
	double end = start_clock();
	pthread_t threads[2];
	unsigned handed = 0;

	for (unsigned i = 0; i < SLABS_MAX; i++)
		adopt_slab();
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						free_what_comes, NULL),
				 0);
	for (; handed < HANDED && support_seconds() < end; handed++) {
		/* Seldom and often: an inbox that fills, and one that is
		 * emptied as it does. */
		if (handed / 1000 % 2 == 0)
			SUPPORT_REQUIRE(sa_shard_collect(shard, &misuse));
		while (bin->count == 0 && fill() == SA_SHARD_DRY)
			sched_yield();
		hand_over(allocate(), handed);
	}
	for (unsigned i = 0; i < RING; i++)
		while (atomic_load(&ring.places[i]) != NULL)
			sched_yield();
	atomic_store(&is_over, true);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(atomic_load(&freed), handed - (handed + 3) / 4);
	ck_assert(sa_shard_collect(shard, &misuse));
	ck_assert(sa_shard_flush(shard, &misuse));
	ck_assert_uint_eq(free_count(), slot_count());
	for (unsigned i = 0; i < slab_count; i++)
		ck_assert(sa_slab_verify(slabs[i], &misuse));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("shard inbox");
	TCase *tests = tcase_create("shard inbox");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 30);
	tcase_add_checked_fixture(tests, setup, slabs_teardown);
	tcase_add_test(tests, test_post);
	tcase_add_test(tests, test_post_again);
	tcase_add_test(tests, test_fill_collects);
	tcase_add_test(tests, test_fill_collects_no_more_than_it_needs);
	tcase_add_test(tests, test_fill_leaves_the_newest);
	tcase_add_test(tests, test_fill_leaves_nothing_when_scarce);
	tcase_add_test(tests, test_pending);
	tcase_add_test(tests, test_misuse);
	tcase_add_test(tests, test_race_in_stock);
	tcase_add_test(tests, test_claims_of_threads);
	tcase_add_test(tests, test_posts_of_threads);
	tcase_add_test(tests, test_threads);
	return support_run(suite);
}
