/* SPDX-License-Identifier: ISC */
/*
 * shard: no slot is lost or handed out twice on its way between slab, stock
 * and object; which one comes next is left to chance; slabs are listed while
 * they have something to give; and who is shut out does not get in.
 */
#include <config.h>

#include "shard.h"

#include "stock.h"
#include "support.h"

/* Is the slab in the list, once; and is the list whole, both ways? */
static bool is_in_list(const sa_slab *slab)
{
	const sa_slab *previous = NULL;
	unsigned times = 0;

	for (const sa_slab *s = bin->first; s != NULL; s = s->next) {
		SUPPORT_REQUIRE(s->previous == previous);
		SUPPORT_REQUIRE(s->is_listed);
		/* Those without objects come last. */
		SUPPORT_REQUIRE(previous == NULL ||
				!sa_slab_is_unused(previous) ||
				sa_slab_is_unused(s));
		times += s == slab;
		previous = s;
	}
	SUPPORT_REQUIRE(bin->last == previous);
	SUPPORT_REQUIRE(times <= 1);
	SUPPORT_REQUIRE(slab->is_listed == (times == 1));
	return times == 1;
}

/* --------------------------------------------------------- fill and take */

START_TEST(test_new)
{
	sa_shard *other = create_shard();

	ck_assert_int_eq(fill(), SA_SHARD_DRY);
	for (unsigned i = 0; i < SA_SIZECLASS_COUNT; i++) {
		ck_assert_uint_eq(shard->bins[i].count, 0);
		ck_assert_uint_eq(shard->bins[i].stride,
				  sa_sizeclass_stride(i));
	}
	/* Seeded by the system, each on its own. */
	ck_assert_mem_ne(shard->random.seed, other->random.seed,
			 SA_RANDOM_SEED_SIZE);
	ck_assert_mem_ne(shard->random.pool, other->random.pool,
			 SA_RANDOM_POOL_SIZE);
}
END_TEST

/* Every slot of every slab comes once; then there is nothing. */
START_TEST(test_take_all)
{
	uint32_t nslots;

	adopt_slab();
	adopt_slab();
	adopt_slab();
	nslots = slot_count();
	for (uint32_t i = 0; i < nslots; i++) {
		ck_assert_int_eq(fill(), SA_SHARD_FILLED);
		ck_assert_uint_le(bin->count, SA_STOCK_SIZE);
		allocate();
	}
	ck_assert_uint_eq(bin->count, 0);
	ck_assert_int_eq(fill(), SA_SHARD_DRY);
	ck_assert_ptr_null(bin->first);
	for (unsigned i = 0; i < slab_count; i++) {
		ck_assert_uint_eq(slabs[i]->nfree, 0);
		ck_assert(!is_in_list(slabs[i]));
	}
}
END_TEST

START_TEST(test_fill)
{
	sa_slab *slab = adopt_slab();

	ck_assert_ptr_eq(atomic_load(&slab->owner), shard);
	ck_assert(is_in_list(slab));
	ck_assert_int_eq(fill(), SA_SHARD_FILLED);
	ck_assert_uint_eq(bin->count, SA_STOCK_SIZE);
	ck_assert_uint_eq(slab->nfree, slab->nslots - SA_STOCK_SIZE);
	ck_assert_int_eq(sa_shard_fill(shard, sa_shard_bin(shard, KEYS + 1),
				       true, &misuse),
			 SA_SHARD_DRY);
}
END_TEST

/* Which of the stock is taken is not to be foretold: two shards alike take
 * differently, and no place is preferred. */
START_TEST(test_chance)
{
	unsigned times[SA_STOCK_SIZE] = {0};

	adopt_slab();
	for (unsigned i = 0; i < 16000; i++) {
		sa_mark_place *before[SA_STOCK_SIZE];
		unsigned place = 0;
		sa_slot slot;

		fill();
		memcpy(before, bin->mark, sizeof before);
		slot = take();
		while (before[place] != slot.mark)
			place++;
		times[place]++;
		put(slot);
	}
	/* 1,000 each, give or take six standard deviations of 31. */
	for (unsigned i = 0; i < SA_STOCK_SIZE; i++) {
		ck_assert_uint_gt(times[i], 810);
		ck_assert_uint_lt(times[i], 1190);
	}
}
END_TEST

/* Where a slab's taking begins is random too: a word is left out by one slab of
 * 10^15, however many there are. */
START_TEST(test_random_start)
{
	bool is_start[64] = {false};
	unsigned starts = 0;
	sa_slab *slab = adopt_slab();
	size_t nwords = sa_bitmap_nwords(slab->nslots);

	for (unsigned i = 0; i < 40 * nwords; i++) {
		sa_shard_disown(slab);
		sa_shard_adopt(shard, slab);
		ck_assert_uint_lt(slab->cursor, nwords);
		starts += !is_start[slab->cursor];
		is_start[slab->cursor] = true;
	}
	ck_assert_uint_eq(starts, nwords);
}
END_TEST

/* ---------------------------------------------------------- put and give */

static bool give(sa_slot slot)
{
	return sa_shard_give(slot.slab, sa_slot_index(slot));
}

/* A full stock stays as it is; what comes then goes back to its slab. */
START_TEST(test_full)
{
	sa_slab *slab = adopt_slab();
	sa_slot objects[3 * SA_STOCK_SIZE];
	uint32_t nfree;

	for (unsigned i = 0; i < SUPPORT_LENGTH(objects); i++)
		objects[i] = allocate();
	nfree = slab->nfree;
	for (unsigned i = 0; i < SUPPORT_LENGTH(objects); i++) {
		bool has_room = bin->count < SA_STOCK_SIZE;
		uint32_t count = bin->count;
		bool is_there = false;

		release(objects[i]);
		ck_assert_uint_eq(bin->count, count + has_room);
		nfree += !has_room;
		ck_assert_uint_eq(slab->nfree, nfree);
		for (uint32_t j = 0; j < bin->count; j++)
			is_there |= bin->mark[j] == objects[i].mark;
		ck_assert_int_eq(is_there, has_room);
		ck_assert_int_eq(sa_bitmap_is_set(slab->free_bits,
						  sa_slot_index(objects[i])),
				 !has_room);
	}
	ck_assert_uint_eq(bin->count, SA_STOCK_SIZE);
	ck_assert(sa_shard_flush(shard, &misuse));
	ck_assert_uint_eq(slab->nfree, slab->nslots);
}
END_TEST

/* A slot that is in stock and in its slab was freed by two. */
START_TEST(test_free_twice)
{
	sa_slot slot;

	adopt_slab();
	while (bin->count < SA_STOCK_SIZE)
		put(take());
	slot = sa_shard_slot(shard, sa_bin_get(bin, 3));
	ck_assert(give(slot));
	ck_assert(!give(slot));
	ck_assert(!sa_shard_flush(shard, &misuse));
	ck_assert_int_eq(misuse.kind, SA_ARENA_MISUSE_DOUBLE_FREE);
	ck_assert_ptr_eq(misuse.object, slot.memory);
}
END_TEST

/* A slab that ran out is not listed at its first free slot, but is before
 * long; a slab with room always is. */
START_TEST(test_listing)
{
	static sa_slot objects[2000];
	sa_slab *slab = adopt_slab();
	uint32_t n = 0;

	while (n < slab->nslots)
		objects[n++] = allocate();
	ck_assert_int_eq(fill(), SA_SHARD_DRY);
	ck_assert(give(objects[0]));
	ck_assert_uint_eq(slab->nfree, 1);
	ck_assert(!is_in_list(slab));
	sa_shard_relist(slab);
	ck_assert(is_in_list(slab));
	sa_shard_relist(slab);
	ck_assert(is_in_list(slab));
	sa_shard_disown(slab);
	ck_assert(!is_in_list(slab));
	ck_assert_ptr_null(atomic_load(&slab->owner));
	sa_shard_adopt(shard, slab);
	for (uint32_t i = 1; i <= SA_STOCK_SIZE; i++)
		ck_assert(give(objects[i]));
	ck_assert(is_in_list(slab));
}
END_TEST

/* Any of several is unlisted without harm to the others. */
START_TEST(test_lists)
{
	for (unsigned i = 0; i < SLABS_MAX; i++)
		adopt_slab();
	for (unsigned first = 0; first < SLABS_MAX; first++)
		for (unsigned second = 0; second < SLABS_MAX; second++) {
			sa_shard_disown(slabs[first]);
			sa_shard_disown(slabs[second]);
			for (unsigned i = 0; i < SLABS_MAX; i++)
				ck_assert_int_eq(is_in_list(slabs[i]),
						 i != first && i != second);
			sa_shard_adopt(shard, slabs[first]);
			if (second != first)
				sa_shard_adopt(shard, slabs[second]);
		}
}
END_TEST

/* Whatever comes and goes, slabs without objects stand at the end. */
START_TEST(test_unused_are_last)
{
	static sa_slot objects[6000];
	size_t live = 0;
	unsigned unused = 0;

	for (unsigned i = 0; i < SLABS_MAX; i++)
		adopt_slab();
	for (unsigned round = 0; round < 40; round++) {
		size_t aim = slabs_below(round % 4 == 0 ? 20 : slot_count());

		while (live < aim)
			objects[live++] = allocate();
		ck_assert(sa_shard_flush(shard, &misuse));
		while (live > aim) {
			size_t at = slabs_below(live--);

			release(objects[at]);
			objects[at] = objects[live];
		}
		ck_assert(sa_shard_flush(shard, &misuse));
		for (unsigned i = 0; i < SLABS_MAX; i++) {
			ck_assert(is_in_list(slabs[i]) || slabs[i]->nfree == 0);
			unused += sa_slab_is_unused(slabs[i]);
		}
	}
	ck_assert_uint_gt(unused, 0);
}
END_TEST

START_TEST(test_flush)
{
	adopt_slab();
	adopt_slab();
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < round; i++)
			take();
		for (unsigned i = 0; i < slab_count; i++)
			sa_slab_clear(slabs[i]);
		bin->count = 0;
		fill();
		ck_assert(sa_shard_flush(shard, &misuse));
		ck_assert_uint_eq(bin->count, 0);
		ck_assert_uint_eq(free_count(), slot_count());
		ck_assert(is_in_list(slabs[0]) && is_in_list(slabs[1]));
	}
}
END_TEST

START_TEST(test_empty)
{
	sa_slot slot;

	adopt_slab();
	slot = allocate();
	release_elsewhere(slot);
	fill();
	sa_shard_empty(shard);
	ck_assert_uint_eq(bin->count, 0);
	ck_assert_ptr_null(atomic_load(&shard->inbox));
}
END_TEST

START_TEST(test_enter)
{
	ck_assert(!sa_shard_enter(shard, 5));
	ck_assert(!atomic_load(&shard->busy));
	atomic_store(&shard->owner, 5);
	ck_assert(!sa_shard_enter(shard, 6));
	ck_assert(!atomic_load(&shard->busy));
	ck_assert(sa_shard_enter(shard, 5));
	ck_assert(atomic_load(&shard->busy));
	sa_shard_leave(shard);
	ck_assert(!atomic_load(&shard->busy));
	atomic_store(&shard->owner, 0);
	ck_assert(!sa_shard_enter(shard, 5));
	ck_assert(!atomic_load(&shard->busy));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("shard");
	TCase *tests = tcase_create("shard");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 30);
	tcase_add_checked_fixture(tests, setup, slabs_teardown);
	tcase_add_test(tests, test_new);
	tcase_add_test(tests, test_take_all);
	tcase_add_test(tests, test_fill);
	tcase_add_test(tests, test_chance);
	tcase_add_test(tests, test_free_twice);
	tcase_add_test(tests, test_random_start);
	tcase_add_test(tests, test_full);
	tcase_add_test(tests, test_listing);
	tcase_add_test(tests, test_lists);
	tcase_add_test(tests, test_unused_are_last);
	tcase_add_test(tests, test_flush);
	tcase_add_test(tests, test_empty);
	tcase_add_test(tests, test_enter);
	return support_run(suite);
}
