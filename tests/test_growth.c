/* SPDX-License-Identifier: ISC */
/*
 * What growing an arena looks at: if it were all that is full, the cost of a
 * long fill would be quadratic.
 */
#include <config.h>

#include "arena.h"
#include "os.h"
#include "slabs.h"
#include "support.h"

#include <errno.h>
#include <sys/mman.h>

#define SIZE 2000

/* Enough regions that most have the final size, and some lie far from both
 * ends of their list. */
#define REGIONS 20
#define ENDS 5

static sa_arena *arena;
static void *objects[REGIONS * 1200];
static size_t object_count;

/* What is known about full regions: their descriptors and their slabs'. */
static struct span {
	const void *start;
	size_t size;
} spans[REGIONS * 40];
static size_t span_count;

static size_t region_count(void)
{
	return atomic_load(&arena->region_count);
}

static void *alloc(size_t size)
{
	void *object = sa_arena_alloc(arena, size);

	ck_assert_ptr_nonnull(object);
	return object;
}

static void add_object(void)
{
	ck_assert_uint_lt(object_count, SUPPORT_LENGTH(objects));
	objects[object_count++] = alloc(SIZE);
}

/* And no page is free. */
static void fill_until(size_t regions)
{
	while (region_count() < regions)
		add_object();
	while (arena->tracts->nfree != 0)
		add_object();
}

static void set_up(void)
{
	arena = support_arena_create();
	object_count = 0;
	span_count = 0;
	fill_until(REGIONS);
}

static void tear_down(void)
{
	ck_assert_int_eq(sa_arena_check(arena), 0);
	sa_arena_destroy(arena);
}

static void add_span(const void *start, size_t size)
{
	ck_assert_uint_lt(span_count, SUPPORT_LENGTH(spans));
	spans[span_count++] = (struct span){start, size};
}

/* Of regions that are neither among the first of the list nor the last. */
static void collect_spans(void)
{
	const sa_tract *tract = arena->tracts;

	for (size_t i = 0; i < REGIONS - ENDS; i++, tract = tract->next) {
		sa_slabs_cursor at = {tract, 0};
		const sa_slab *slab;

		if (i < ENDS)
			continue;
		ck_assert_uint_eq(tract->nfree, 0);
		add_span(tract, sizeof *tract);
		while ((slab = sa_slabs_next(arena, &at)) != NULL &&
		       at.tract == tract)
			add_span(slab, sizeof *slab);
	}
}

/* The whole pages that they lie on. */
static void set_access_of_spans(int access)
{
	uintptr_t page = sa_os_page_size;

	for (size_t i = 0; i < span_count; i++) {
		uintptr_t end = (uintptr_t)spans[i].start + spans[i].size;
		uintptr_t start = (uintptr_t)spans[i].start / page * page;

		ck_assert_int_eq(mprotect((void *)start, end - start, access),
				 0);
	}
}

START_TEST(growing_looks_at_nothing_that_is_full)
{
	collect_spans();
	set_access_of_spans(PROT_NONE);
	fill_until(REGIONS + 3);
	alloc(SIZE / 2);
	set_access_of_spans(PROT_READ | PROT_WRITE);
}
END_TEST

/* Nor at what is half full, of which there may be as much: at most at the ends
 * of its list. */
START_TEST(growing_looks_at_little_that_is_used)
{
	for (size_t i = 0; i < object_count; i += 2)
		sa_arena_free(arena, objects[i]);
	collect_spans();
	set_access_of_spans(PROT_NONE);
	while (region_count() < REGIONS + 3)
		alloc(SIZE / 2);
	set_access_of_spans(PROT_READ | PROT_WRITE);
}
END_TEST

/* Where nothing more is to be had, either: neither to find that out again, nor
 * for every few objects that come and go. */
START_TEST(a_full_arena_looks_at_nothing)
{
	sa_arena_options options = support_options();
	void *object;

	sa_arena_destroy(arena);
	options.capacity = (size_t)40 << 20;
	arena = sa_arena_create(&options);
	ck_assert_ptr_nonnull(arena);
	object_count = 0;
	while ((object = sa_arena_alloc(arena, SIZE)) != NULL)
		objects[object_count++] = object;
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_uint_ge(region_count(), REGIONS);
	collect_spans();
	set_access_of_spans(PROT_NONE);
	for (size_t i = 0; i < 10; i++) {
		ck_assert_ptr_null(sa_arena_alloc(arena, SIZE));
		ck_assert_int_eq(errno, ENOSPC);
		sa_arena_free(arena, objects[i]);
		objects[i] = alloc(SIZE);
	}
	set_access_of_spans(PROT_READ | PROT_WRITE);
	/* One of a slab each, and more than a stock holds. */
	for (size_t i = 0; i < 40; i++)
		sa_arena_free(arena, objects[100 + 40 * i]);
	for (size_t i = 0; i < 40; i++)
		objects[100 + 40 * i] = alloc(SIZE);
	ck_assert_ptr_null(sa_arena_alloc(arena, SIZE));
}
END_TEST

static const sa_tract *tract_at(size_t index)
{
	const sa_tract *tract = arena->tracts;

	while (index-- > 0)
		tract = tract->next;
	return tract;
}

static void free_all_in(const sa_tract *tract)
{
	uintptr_t start = (uintptr_t)tract->region.start;

	for (size_t i = 0; i < object_count; i++)
		if ((uintptr_t)objects[i] - start < tract->region.size)
			sa_arena_free(arena, objects[i]);
}

START_TEST(pages_that_came_back_are_found)
{
	const sa_tract *tract = tract_at(REGIONS / 2);
	size_t count = tract->region.size / SIZE;

	ck_assert_uint_eq(tract->nfree, 0);
	free_all_in(tract);
	for (size_t i = 0; i < count; i++)
		alloc(SIZE / 2);
	ck_assert_uint_eq(region_count(), REGIONS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("growth");
	TCase *tests = tcase_create("growth");

	suite_add_tcase(suite, tests);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, growing_looks_at_nothing_that_is_full);
	tcase_add_test(tests, growing_looks_at_little_that_is_used);
	tcase_add_test(tests, a_full_arena_looks_at_nothing);
	tcase_add_test(tests, pages_that_came_back_are_found);
	return support_run(suite);
}
