/* SPDX-License-Identifier: ISC */
/*
 * tract: pages are handed out once, in runs that hold a slot at least, as
 * many slots in all as was told beforehand; and come back.  Only page numbers
 * are dealt with: the region's memory is never touched.
 */
#include <config.h>

#include "tract.h"

#include <stdbool.h>
#include <string.h>

#include "bitmap.h"
#include "os.h"
#include "sizeclass.h"
#include "slab.h"
#include "support.h"

#define PAGES_MAX 600
#define RUNS_MAX PAGES_MAX

static size_t page;
static sa_tract tract;
static uint64_t bits[PAGES_MAX / 64 + 2];
static unsigned char *const start = (unsigned char *)((uintptr_t)1 << 30);

/* What was taken. */
static struct run {
	unsigned char *pages;
	size_t size, head;
} runs[RUNS_MAX];
static size_t run_count;
static bool is_taken[PAGES_MAX];

static void make_tract(size_t npages)
{
	memset(bits, 0, sizeof bits);
	bits[sa_bitmap_nwords(npages)] = UINT64_C(0x5a5a5a5a5a5a5a5a);
	memset(&tract, 0, sizeof tract);
	tract.region.start = start;
	tract.region.size = npages * page;
	sa_tract_init(&tract, bits);
	run_count = 0;
	memset(is_taken, 0, sizeof is_taken);
}

static void setup(void)
{
	sa_os_start();
	page = sa_os_page_size;
}

static void mark_pages(const struct run *run, bool value)
{
	size_t first = (size_t)(run->pages - start) / page;

	SUPPORT_REQUIRE(run->pages >= start && run->size > 0);
	SUPPORT_REQUIRE((size_t)(run->pages - start) % page == 0);
	SUPPORT_REQUIRE(run->size % page == 0);
	SUPPORT_REQUIRE(first + run->size / page <= tract.npages);
	for (size_t i = first; i < first + run->size / page; i++) {
		SUPPORT_REQUIRE(is_taken[i] != value);
		is_taken[i] = value;
	}
}

static size_t count_free(void)
{
	size_t count = 0;

	for (size_t i = 0; i < tract.npages; i++)
		count += !is_taken[i];
	return count;
}

static size_t capacity(const struct run *run, unsigned number)
{
	return sa_slab_capacity(run->size, run->head,
				sa_sizeclass_stride(number));
}

/* The slots that one more slab gives; 0 if there is no room for one. */
static size_t take(unsigned number)
{
	struct run *run = &runs[run_count];

	run->pages = sa_tract_take(&tract, sa_sizeclass_stride(number),
				   &run->size, &run->head);
	SUPPORT_REQUIRE(count_free() ==
			tract.nfree +
				(run->pages == NULL ? 0 : run->size / page));
	if (run->pages == NULL)
		return 0;
	mark_pages(run, true);
	SUPPORT_REQUIRE(run->head ==
			(run->pages == start ? SA_REGION_HEAD : 0));
	SUPPORT_REQUIRE(capacity(run, number) > 0);
	run_count++;
	return capacity(run, number);
}

static size_t take_all(unsigned number)
{
	size_t slots, sum = 0;

	while ((slots = take(number)) != 0)
		sum += slots;
	return sum;
}

static void give(size_t index)
{
	mark_pages(&runs[index], false);
	sa_tract_give(&tract, runs[index].pages, runs[index].size);
	runs[index] = runs[--run_count];
	SUPPORT_REQUIRE(count_free() == tract.nfree);
}

/* ---------------------------------------------------------------- counts */

START_TEST(test_init)
{
	for (size_t npages = 1; npages <= PAGES_MAX; npages++) {
		make_tract(npages);
		ck_assert_uint_eq(sa_tract_bits_size(npages * page),
				  8 * sa_bitmap_nwords(npages));
		ck_assert_uint_eq(tract.npages, npages);
		ck_assert_uint_eq(tract.nfree, npages);
		for (size_t i = 0; i < sa_bitmap_nwords(npages) * 64; i++)
			SUPPORT_REQUIRE(sa_bitmap_is_set(bits, i) ==
					(i < npages));
		ck_assert_uint_eq(bits[sa_bitmap_nwords(npages)],
				  UINT64_C(0x5a5a5a5a5a5a5a5a));
	}
}
END_TEST

START_TEST(test_min_pages)
{
	for (unsigned i = 0; i < SA_SIZECLASS_COUNT; i++) {
		size_t npages = sa_tract_min_pages(sa_sizeclass_stride(i));
		size_t stride = sa_sizeclass_stride(i);

		ck_assert_uint_gt(
			sa_slab_capacity(npages * page, SA_REGION_HEAD, stride),
			0);
		ck_assert_uint_eq(sa_slab_capacity((npages - 1) * page,
						   SA_REGION_HEAD, stride),
				  0);
	}
}
END_TEST

/* What is told is what taking until nothing is left gives. */
START_TEST(test_nslots)
{
	unsigned number = (unsigned)_i;
	size_t step = SUPPORT_SANITIZED ? 13 : 1;

	for (size_t npages = 1; npages <= PAGES_MAX;
	     npages += npages < 80 ? 1 : 7 * step) {
		size_t told = sa_tract_nslots(npages * page,
					      sa_sizeclass_stride(number)),
		       taken;

		make_tract(npages);
		taken = take_all(number);
		ck_assert_msg(told == taken, "%zu pages: %zu told, %zu taken",
			      npages, told, taken);
		ck_assert_uint_lt(
			tract.nfree,
			sa_tract_min_pages(sa_sizeclass_stride(number)));
		ck_assert_int_eq(taken > 0,
				 npages >=
					 sa_tract_min_pages(
						 sa_sizeclass_stride(number)));
	}
}
END_TEST

/* What is not used for slots of 32 bytes stays below a fiftieth. */
START_TEST(test_little_is_lost)
{
	for (size_t npages = 16; npages <= PAGES_MAX; npages++) {
		size_t nslots = sa_tract_nslots(npages * page, 48);

		ck_assert_uint_gt(nslots * 48 * 50, npages * page * 49);
	}
}
END_TEST

/* A small tract is not spent on one class. */
START_TEST(test_room_for_others)
{
	make_tract(16);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_gt(take(i), 0);
}
END_TEST

/* --------------------------------------------------------- taking, giving */

START_TEST(test_give)
{
	make_tract(PAGES_MAX);
	for (unsigned i = 0; i < SA_SIZECLASS_COUNT; i++) {
		size_t taken = take_all(i);

		while (run_count > 0)
			give(run_count / 2);
		ck_assert_uint_eq(tract.nfree, PAGES_MAX);
		ck_assert_uint_eq(take_all(i), taken);
		while (run_count > 0)
			give(0);
	}
	ck_assert_uint_eq(bits[sa_bitmap_nwords(PAGES_MAX)],
			  UINT64_C(0x5a5a5a5a5a5a5a5a));
}
END_TEST

static size_t longest_free_run(void)
{
	size_t longest = 0, length = 0;

	for (size_t i = 0; i < tract.npages; i++) {
		length = is_taken[i] ? 0 : length + 1;
		longest = length > longest ? length : longest;
	}
	return longest;
}

/* Random classes come and go: none is refused while its pages are there. */
START_TEST(test_random)
{
	support_random random;

	support_random_seed(&random);
	make_tract(100 + support_random_below(&random, 400));
	for (unsigned i = 0; i < SUPPORT_ROUNDS(20000); i++) {
		unsigned number = (unsigned)support_random_below(
			&random, SA_SIZECLASS_COUNT);

		if (run_count > 0 && support_random_below(&random, 5) < 2)
			give(support_random_below(&random, run_count));
		else if (take(number) == 0)
			SUPPORT_REQUIRE(longest_free_run() <
					sa_tract_min_pages(
						sa_sizeclass_stride(number)));
	}
	while (run_count > 0)
		give(0);
	ck_assert_uint_eq(tract.nfree, tract.npages);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tract");
	TCase *tests = tcase_create("tract");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 30);
	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_test(tests, test_init);
	tcase_add_test(tests, test_min_pages);
	tcase_add_loop_test(tests, test_nslots, 0, SA_SIZECLASS_COUNT);
	tcase_add_test(tests, test_little_is_lost);
	tcase_add_test(tests, test_room_for_others);
	tcase_add_test(tests, test_give);
	tcase_add_test(tests, test_random);
	return support_run(suite);
}
