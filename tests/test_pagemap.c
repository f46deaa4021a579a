/* SPDX-License-Identifier: ISC */
/*
 * pagemap: random ranges of the address space against a list of them, any
 * 64-bit value safe to ask about, and look-ups that overlap changes.
 */
#include <config.h>

#include "pagemap.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>

#include "meta.h"
#include "os.h"
#include "support.h"

/* More than a leaf each for some, and not half of 4 GiB together. */
#define RANGES (sizeof(void *) == 8 ? 200 : 30)
#define PAGES_MAX 9000

static sa_meta meta;
static sa_pagemap map;
static support_random random_state;
static uintptr_t page;

static void setup(void)
{
	sa_os_start();
	page = sa_os_page_size;
	sa_meta_init(&meta);
	support_random_seed(&random_state);
	ck_assert_int_eq(sa_pagemap_init(&map, &meta), 0);
}

static void teardown(void)
{
	sa_meta_destroy(&meta);
}

static const void *at(uintptr_t address)
{
	return (const void *)address;
}

/* As many different ones as there are numbers; never NULL. */
static sa_pagemap_entry entry_of(uintptr_t number)
{
	return (sa_pagemap_entry)((number + 1) * 64);
}

static void cover(uintptr_t start, size_t size)
{
	ck_assert_int_eq(sa_pagemap_cover(&map, at(start), size), 0);
}

static void assert_entry(uintptr_t address, sa_pagemap_entry entry)
{
	if (sa_pagemap_find(&map, address) != entry)
		ck_abort_msg("address %#zx: %p instead of %p", address,
			     sa_pagemap_find(&map, address), entry);
}

/* On every kind of address within the pages. */
static void assert_entries(uintptr_t start, size_t npages,
			   sa_pagemap_entry entry)
{
	for (size_t i = 0; i < npages; i++) {
		uintptr_t first = start + i * page;

		assert_entry(first, entry);
		assert_entry(first + page / 2 + 1, entry);
		assert_entry(first + page - 1, entry);
	}
}

/* ---------------------------------------------------------------- ranges */

static struct range {
	uintptr_t start;
	size_t npages;
	sa_pagemap_entry entry;
} ranges[RANGES];

static bool overlaps(const struct range *a, const struct range *b)
{
	return a->start < b->start + b->npages * page &&
	       b->start < a->start + a->npages * page;
}

/* Anywhere in the lower half, some of them close together; none overlaps
 * another. */
static void make_range(size_t index)
{
	struct range *range = &ranges[index];
	bool is_free;

	do {
		uintptr_t address =
			(uintptr_t)(support_random_next(&random_state) >>
				    (65 - SUPPORT_USER_BITS));

		if (index > 0 && index % 3 == 0)
			address = ranges[index - 1].start +
				  support_random_below(&random_state,
						       64 * page * page);
		range->start = address & ~(page - 1);
		range->npages = 1 + support_random_below(
					    &random_state,
					    index % 10 == 0 ? PAGES_MAX : 40);
		is_free = true;
		for (size_t i = 0; i < index; i++)
			is_free &= !overlaps(range, &ranges[i]);
	} while (!is_free);
	range->entry = entry_of(index);
}

static sa_pagemap_entry expected_at(uintptr_t address)
{
	for (size_t i = 0; i < RANGES; i++)
		if (address >= ranges[i].start &&
		    address - ranges[i].start < ranges[i].npages * page)
			return ranges[i].entry;
	return NULL;
}

static void set_range(struct range *range, sa_pagemap_entry entry)
{
	range->entry = entry;
	sa_pagemap_set(&map, at(range->start), range->npages * page, entry);
}

static void assert_all(void)
{
	for (size_t i = 0; i < RANGES; i++) {
		uintptr_t end = ranges[i].start + ranges[i].npages * page;

		assert_entries(ranges[i].start, ranges[i].npages,
			       ranges[i].entry);
		assert_entry(ranges[i].start - 1,
			     expected_at(ranges[i].start - 1));
		assert_entry(end, expected_at(end));
	}
	for (size_t i = 0; i < 5000; i++) {
		uintptr_t address =
			(uintptr_t)(support_random_next(&random_state) >>
				    i % 30);

		assert_entry(address, expected_at(address));
	}
}

START_TEST(test_ranges)
{
	for (size_t i = 0; i < RANGES; i++) {
		make_range(i);
		cover(ranges[i].start, ranges[i].npages * page);
		assert_entries(ranges[i].start, ranges[i].npages, NULL);
		set_range(&ranges[i], ranges[i].entry);
	}
	assert_all();
	for (size_t i = 0; i < RANGES; i += 2)
		set_range(&ranges[i], i % 4 == 0 ? NULL : entry_of(i + RANGES));
	assert_all();
}
END_TEST

/* Across the borders of leaves and of nodes; a page at each end stays out. */
START_TEST(test_borders)
{
	uintptr_t leaf = SA_PAGEMAP_LEAF_SIZE * page;
	uintptr_t node = SA_PAGEMAP_NODE_SIZE * leaf;
	uintptr_t borders[] = {leaf, 5 * leaf, node, 3 * node,
			       SA_PAGEMAP_BRANCH_SIZE * node};
	uintptr_t start = borders[_i] - 3 * page;

	if (_i >= 2 && UINTPTR_MAX / leaf < SA_PAGEMAP_NODE_SIZE) {
		support_skip("borders", "one node covers all addresses");
		return;
	}
	cover(start, 6 * page);
	sa_pagemap_set(&map, at(start + page), 4 * page, entry_of(1));
	assert_entry(start, NULL);
	assert_entries(start + page, 4, entry_of(1));
	assert_entry(start + 5 * page, NULL);
	cover(start, 6 * page);
	assert_entries(start + page, 4, entry_of(1));
}
END_TEST

/* A range begins and ends anywhere: the pages that it touches. */
START_TEST(test_parts_of_pages)
{
	uintptr_t start = 1000 * page;

	cover(start + page - 1, 2);
	sa_pagemap_set(&map, at(start + page - 1), 2, entry_of(1));
	assert_entry(start - 1, NULL);
	assert_entries(start, 2, entry_of(1));
	assert_entry(start + 2 * page, NULL);
	sa_pagemap_set(&map, at(start + 1), 1, entry_of(2));
	assert_entries(start, 1, entry_of(2));
	assert_entries(start + page, 1, entry_of(1));
	sa_pagemap_set(&map, at(start + page), page, NULL);
	assert_entries(start, 1, entry_of(2));
	assert_entries(start + page, 1, NULL);
}
END_TEST

/* ------------------------------------------------------------ any value */

START_TEST(test_any_value)
{
	uintptr_t start = (uintptr_t)&map & ~(page - 1);

	cover(start, page);
	sa_pagemap_set(&map, at(start), page, entry_of(1));
	for (unsigned i = 0; i < SUPPORT_POINTER_BITS; i++) {
		uintptr_t bit = (uintptr_t)1 << i;

		assert_entry(bit, NULL);
		assert_entry(bit - 1, NULL);
		assert_entry(~bit, NULL);
		assert_entry(0 - bit, NULL);
		/* Not confused by bits that no level looks at. */
		assert_entry(start ^ bit, bit < page ? entry_of(1) : NULL);
	}
	assert_entry(UINTPTR_MAX, NULL);
	for (size_t i = 0; i < 100000; i++) {
		uintptr_t address =
			(uintptr_t)support_random_next(&random_state);

		if ((address & ~(page - 1)) != start)
			assert_entry(address, NULL);
	}
}
END_TEST

/* No user address has so many bits; nothing is allocated for them. */
START_TEST(test_beyond_reason)
{
	static const unsigned char shifts[] = {48, 52, 56, 63};
	const uintptr_t top =
		UINTPTR_MAX >> (SUPPORT_POINTER_BITS - SUPPORT_USER_BITS);
	size_t mapped = meta.mapped_size;

	for (size_t i = 0; i < sizeof shifts; i++) {
		if (shifts[i] >= SUPPORT_POINTER_BITS)
			continue;
		errno = 0;
		ck_assert_int_eq(sa_pagemap_cover(&map,
						  at((uintptr_t)1 << shifts[i]),
						  page),
				 -1);
		ck_assert_int_eq(errno, ENOMEM);
	}
	ck_assert_uint_eq(meta.mapped_size, mapped);
	cover(top - page + 1, page);
	sa_pagemap_set(&map, at(top - page + 1), page, entry_of(1));
	assert_entry(top, entry_of(1));
}
END_TEST

/* Nodes are made once: what is covered again costs nothing. */
START_TEST(test_covers_once)
{
	size_t mapped;

	cover(page, 100000 * page);
	mapped = meta.mapped_size;
	for (size_t i = 1; i < 100000; i += 7)
		cover(i * page, page);
	cover(page, 100000 * page);
	ck_assert_uint_eq(meta.mapped_size, mapped);
}
END_TEST

/* --------------------------------------------------------------- threads */

#define SHARED_PAGES 5000

static uintptr_t shared_start;
static atomic_bool is_over;
static atomic_size_t look_ups;

/* An entry is there or not yet; never anything else. */
static void *look_up(void *unused)
{
	size_t i = 0;

	while (!atomic_load(&is_over)) {
		uintptr_t address = shared_start + i * page;
		sa_pagemap_entry found = sa_pagemap_find(&map, address);

		SUPPORT_REQUIRE(found == NULL || found == entry_of(address));
		i = (i + 1) % (2 * SHARED_PAGES);
		atomic_fetch_add(&look_ups, 1);
	}
	return unused;
}

START_TEST(test_look_ups_overlap_changes)
{
	pthread_t thread;

	/* On both sides of where one node ends and the next begins. */
	shared_start = ((uintptr_t)1 << (SUPPORT_USER_BITS - 7)) -
		       SHARED_PAGES / 2 * page;
	ck_assert_int_eq(pthread_create(&thread, NULL, look_up, NULL), 0);
	while (atomic_load(&look_ups) == 0)
		sched_yield();
	for (size_t round = 0; round < 10; round++)
		for (size_t i = 0; i < SHARED_PAGES; i++) {
			uintptr_t address = shared_start + i * page;

			cover(address, page);
			sa_pagemap_set(&map, at(address), page,
				       round % 3 == 2 ? NULL
						      : entry_of(address));
		}
	atomic_store(&is_over, true);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pagemap");
	TCase *tests = tcase_create("pagemap");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 30);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_ranges);
	tcase_add_loop_test(tests, test_borders, 0, 5);
	tcase_add_test(tests, test_parts_of_pages);
	tcase_add_test(tests, test_any_value);
	tcase_add_test(tests, test_beyond_reason);
	tcase_add_test(tests, test_covers_once);
	tcase_add_test(tests, test_look_ups_overlap_changes);
	return support_run(suite);
}
