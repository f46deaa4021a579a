/* SPDX-License-Identifier: ISC */
/*
 * Every function's contract in the absence of misuse: results, errnos, exact
 * sizes, zeroed, aligned and distinct objects, and failures that change
 * nothing.  What concerns objects runs on arenas of both kinds.
 */
#include <config.h>

#include "support.h"

#include <errno.h>
#include <limits.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))
/* Larger than any slot. */
#define LARGE ((size_t)1 << 20)

static sa_arena *arena;

static void setup(unsigned flags)
{
	sa_arena_options options = support_options();

	options.flags = flags;
	arena = sa_arena_create(&options);
	ck_assert_ptr_nonnull(arena);
}

static void setup_default(void)
{
	setup(0);
}

static void setup_single_threaded(void)
{
	setup(SA_ARENA_SINGLE_THREADED);
}

static void teardown(void)
{
	support_stats(arena);
	ck_assert_int_eq(sa_arena_check(arena), 0);
	sa_arena_destroy(arena);
}

static sa_arena *create_limited(size_t capacity)
{
	sa_arena_options options = support_options();
	sa_arena *limited;

	options.capacity = capacity;
	limited = sa_arena_create(&options);
	ck_assert_ptr_nonnull(limited);
	return limited;
}

/* A new object of an open arena: there, zeroed, aligned, of that size. */
static void assert_object(const void *object, size_t alignment, size_t size)
{
	ck_assert_ptr_nonnull(object);
	ck_assert_uint_eq((uintptr_t)object % alignment, 0);
	ck_assert_uint_eq(sa_arena_size(arena, object), size);
	ck_assert_int_eq(sa_arena_owns(arena, object), 1);
	ck_assert(support_is_zero(object, size));
}

static void *alloc_filled(sa_arena *from, size_t size, uint64_t seed)
{
	void *object = sa_arena_alloc(from, size);

	ck_assert_ptr_nonnull(object);
	support_fill(object, size, seed);
	return object;
}

/* The call returned NULL, for this reason. */
static void assert_refused(const void *result, int error)
{
	ck_assert_int_eq(errno, error);
	ck_assert_ptr_null(result);
}

/* ---------------------------------------------------------- constants */

START_TEST(test_version)
{
	char text[32];

	snprintf(text, sizeof text, "%d.%d.%d", SODIUM_ARENA_VERSION_MAJOR,
		 SODIUM_ARENA_VERSION_MINOR, SODIUM_ARENA_VERSION_PATCH);
	ck_assert_str_eq(SODIUM_ARENA_VERSION_STRING, text);
	ck_assert_str_eq(sa_arena_version_string(), text);
	ck_assert_str_eq(PACKAGE_VERSION, text);
}
END_TEST

START_TEST(test_misuse_name)
{
	ck_assert_str_eq(sa_arena_misuse_name(SA_ARENA_MISUSE_OVERFLOW),
			 "overflow");
	ck_assert_str_eq(sa_arena_misuse_name(SA_ARENA_MISUSE_UNDERFLOW),
			 "underflow");
	ck_assert_str_eq(sa_arena_misuse_name(SA_ARENA_MISUSE_DOUBLE_FREE),
			 "double free");
	ck_assert_str_eq(sa_arena_misuse_name(SA_ARENA_MISUSE_INVALID_POINTER),
			 "invalid pointer");
	ck_assert_str_eq(sa_arena_misuse_name(SA_ARENA_MISUSE_WRITE_AFTER_FREE),
			 "write after free");
	ck_assert_str_eq(sa_arena_misuse_name((sa_arena_misuse_kind)5),
			 "unknown");
	ck_assert_str_eq(sa_arena_misuse_name((sa_arena_misuse_kind)INT_MAX),
			 "unknown");
}
END_TEST

/* ------------------------------------------------------------- create */

/* Options that differ from the defaults in what is not 0 here. */
static const struct {
	size_t size, reserve, capacity;
	unsigned mlock, fork, flags;
} bad_options[] = {
	{.size = 1},
	{.size = sizeof(sa_arena_options) - 1},
	{.size = sizeof(sa_arena_options) + 1},
	{.size = sizeof(sa_arena_options) + 8},
	{.size = SIZE_MAX},
	{.mlock = 2},
	{.mlock = UINT_MAX},
	{.fork = 3},
	{.fork = UINT_MAX},
	{.flags = 2},
	{.flags = SA_ARENA_SINGLE_THREADED | 4},
	{.flags = 1u << 31},
	{.flags = UINT_MAX},
	{.capacity = 1},
	{.capacity = 4095},
	{.reserve = 8193, .capacity = 8192},
	{.reserve = SIZE_MAX, .capacity = SIZE_MAX - 1},
};

START_TEST(test_create_bad_options)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	sa_arena *created;

	if (bad_options[_i].size != 0)
		options.size = bad_options[_i].size;
	options.reserve = bad_options[_i].reserve;
	options.capacity = bad_options[_i].capacity;
	options.mlock = (sa_arena_mlock)bad_options[_i].mlock;
	options.fork = (sa_arena_fork)bad_options[_i].fork;
	options.flags = bad_options[_i].flags;
	errno = 0;
	created = sa_arena_create(&options);
	assert_refused(created, EINVAL);
}
END_TEST

START_TEST(test_create_size_zero)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	sa_arena *created;

	options.size = 0;
	errno = 0;
	created = sa_arena_create(&options);
	assert_refused(created, EINVAL);
}
END_TEST

START_TEST(test_create_name_length)
{
	sa_arena_options options = support_options();
	char name[SA_ARENA_NAME_MAX + 2];
	sa_arena *created;

	memset(name, 'n', sizeof name);
	name[SA_ARENA_NAME_MAX + 1] = '\0';
	options.name = name;
	errno = 0;
	created = sa_arena_create(&options);
	assert_refused(created, EINVAL);

	name[SA_ARENA_NAME_MAX] = '\0';
	created = sa_arena_create(&options);
	ck_assert_ptr_nonnull(created);
	sa_arena_destroy(created);
}
END_TEST

START_TEST(test_create_without_options)
{
	sa_arena *created;

	if (!support_can_lock((size_t)64 << 10)) {
		support_skip("create_without_options", "nothing can be locked");
		return;
	}
	created = sa_arena_create(NULL);
	ck_assert_ptr_nonnull(created);
	ck_assert_int_eq(sa_arena_current_access(created), SA_ARENA_READWRITE);
	ck_assert_ptr_nonnull(sa_arena_alloc(created, 32));
	sa_arena_destroy(created);
}
END_TEST

START_TEST(test_create_reserve)
{
	static const size_t reserves[] = {1, 4096, 5000, 100000, LARGE};
	sa_arena_options options = support_options();
	sa_arena *created;
	sa_arena_stats before, after;
	size_t used = 0;

	options.reserve = reserves[_i];
	created = sa_arena_create(&options);
	ck_assert_ptr_nonnull(created);
	before = support_stats(created);
	ck_assert_uint_ge(before.mapped_size, options.reserve);
	ck_assert_uint_eq(before.live_count, 0);
	for (; used + 64 < options.reserve / 2; used += 64)
		ck_assert_ptr_nonnull(sa_arena_alloc(created, 40));
	after = support_stats(created);
	if (used > 0)
		ck_assert_uint_eq(after.mapped_size, before.mapped_size);
	ck_assert_int_eq(sa_arena_reset(created), 0);
	ck_assert_uint_eq(sa_arena_trim(created), before.mapped_size);
	sa_arena_destroy(created);
}
END_TEST

START_TEST(test_create_too_much)
{
	static const size_t reserves[] = {SIZE_MAX, SIZE_MAX - 4096,
					  SIZE_MAX / 2, PTRDIFF_MAX};
	sa_arena_options options = support_options();
	size_t mappings = support_mapping_count();
	sa_arena *created;

	options.reserve = reserves[_i];
	if (SUPPORT_POINTER_BITS < 64 && options.reserve != SIZE_MAX) {
		support_skip("create_too_much", "so much may be had");
		return;
	}
	errno = 0;
	created = sa_arena_create(&options);
	assert_refused(created, ENOMEM);
	if (!SUPPORT_SANITIZED)
		ck_assert_uint_le(support_mapping_count(), mappings + 16);
}
END_TEST

/* The smallest capacity, and a reserve that is all of it, in whole pages. */
START_TEST(test_create_small_capacity)
{
	const size_t reserves[] = {0, PAGE, PAGE + PAGE / 2};
	sa_arena_options options = support_options();
	sa_arena *created;

	options.reserve = reserves[_i];
	options.capacity = options.reserve == 0 ? PAGE : options.reserve;
	created = sa_arena_create(&options);
	ck_assert_ptr_nonnull(created);
	ck_assert_ptr_nonnull(sa_arena_alloc(created, 32));
	ck_assert_uint_le(support_stats(created).mapped_size, PAGE);
	sa_arena_destroy(created);
}
END_TEST

START_TEST(test_create_and_destroy_many)
{
	sa_arena *many[50];
	size_t i;

	for (i = 0; i < SUPPORT_LENGTH(many); i++) {
		many[i] = support_arena_create();
		ck_assert_ptr_nonnull(sa_arena_dup(many[i], &i, sizeof i));
	}
	for (i = 0; i < SUPPORT_LENGTH(many); i++)
		sa_arena_destroy(many[i]);
}
END_TEST

START_TEST(test_destroy_nothing)
{
	errno = ERANGE;
	sa_arena_destroy(NULL);
	ck_assert_int_eq(errno, ERANGE);
}
END_TEST

/* ------------------------------------------------------- no such arena */

START_TEST(test_null_arena)
{
	char bytes[8] = "secret";

	errno = 0;
	assert_refused(sa_arena_alloc(NULL, 8), EINVAL);
	errno = 0;
	assert_refused(sa_arena_calloc(NULL, 1, 8), EINVAL);
	errno = 0;
	assert_refused(sa_arena_aligned_alloc(NULL, 8, 8), EINVAL);
	errno = 0;
	assert_refused(sa_arena_realloc(NULL, NULL, 8), EINVAL);
	errno = 0;
	assert_refused(sa_arena_dup(NULL, bytes, sizeof bytes), EINVAL);
	errno = 0;
	assert_refused(sa_arena_take(NULL, bytes, sizeof bytes), EINVAL);
	ck_assert_str_eq(bytes, "secret");
	sa_arena_free(NULL, NULL);
	ck_assert_int_eq(sa_arena_owns(NULL, bytes), 0);
	ck_assert_int_eq(sa_arena_owns(NULL, NULL), 0);
	ck_assert_int_eq(sa_arena_current_access(NULL), SA_ARENA_NOACCESS);
}
END_TEST

static void assert_einval(int result)
{
	ck_assert_int_eq(result, -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
}

START_TEST(test_null_arena_as_a_whole)
{
	sa_arena_stats stats = SA_ARENA_STATS_INIT;

	errno = 0;
	assert_einval(sa_arena_protect(NULL, SA_ARENA_NOACCESS));
	assert_einval(sa_arena_open(NULL, SA_ARENA_READWRITE));
	assert_einval(sa_arena_close(NULL, SA_ARENA_READWRITE));
	assert_einval(sa_arena_reset(NULL));
	assert_einval(sa_arena_check(NULL));
	assert_einval(sa_arena_stats_get(NULL, &stats));
	assert_einval(sa_arena_stats_print(NULL, STDERR_FILENO));
	ck_assert_uint_eq(sa_arena_trim(NULL), 0);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* ------------------------------------------------------ sizes, alignment */

/* Objects of every size around, so that neighbours are of all kinds. */
START_TEST(test_every_size)
{
	const size_t step = SUPPORT_SLOW ? 17 : 1;
	void *kept[64] = {NULL};
	size_t size, place;

	for (size = 0; size <= 20000; size += step) {
		place = size % SUPPORT_LENGTH(kept);
		sa_arena_free(arena, kept[place]);
		kept[place] = sa_arena_alloc(arena, size);
		assert_object(kept[place], alignof(max_align_t), size);
		support_fill(kept[place], size, size);
		if (size % 1000 == 0)
			ck_assert_int_eq(sa_arena_check(arena), 0);
	}
}
END_TEST

static const size_t large_sizes[] = {
	LARGE,     LARGE + 1,    LARGE + 15,       LARGE + 16,
	LARGE - 1, LARGE + 4081, 3 * LARGE + 4095, 5 * LARGE,
};

/* A large object ends where its guard page begins, but for its alignment. */
START_TEST(test_large)
{
	size_t size = large_sizes[_i];
	sa_arena_stats before = support_stats(arena), after;
	unsigned char *object = sa_arena_alloc(arena, size);
	uintptr_t end = (uintptr_t)object + size;

	assert_object(object, alignof(max_align_t), size);
	support_fill(object, size, size);
	after = support_stats(arena);
	ck_assert_uint_eq(after.large_count, 1);
	ck_assert_uint_ge(after.mapped_size, before.mapped_size + size);
	end += (size_t)-end % alignof(max_align_t);
	ck_assert_uint_eq(end % PAGE, 0);
	ck_assert_int_eq(support_is_readable(object + size - 1), 1);
	ck_assert_int_eq(support_is_readable((const void *)end), 0);

	ck_assert_int_eq(sa_arena_check(arena), 0);
	ck_assert(support_is_filled(object, size, size));
	sa_arena_free(arena, object);
	after = support_stats(arena);
	ck_assert_uint_eq(after.large_count, 0);
	ck_assert_uint_eq(after.mapped_size, before.mapped_size);
}
END_TEST

START_TEST(test_alignments)
{
	const size_t step = SUPPORT_SLOW ? 501 : 97;
	size_t alignment = (size_t)1 << _i, size;
	void *object, *previous = NULL;

	for (size = 0; size <= 20000; size += size < 600 ? 7 : step) {
		object = sa_arena_aligned_alloc(arena, alignment, size);
		assert_object(object, alignment, size);
		support_fill(object, size, size);
		sa_arena_free(arena, previous);
		previous = object;
	}
	ck_assert_int_eq(sa_arena_check(arena), 0);
	sa_arena_free(arena, previous);
	object = sa_arena_aligned_alloc(arena, alignment, LARGE + 1);
	assert_object(object, alignment, LARGE + 1);
	support_fill(object, LARGE + 1, 0);
}
END_TEST

START_TEST(test_bad_alignments)
{
	const size_t bad[] = {0,        3,       5,        6,
			      7,        24,      4095,     4097,
			      2 * PAGE, 1 << 30, SIZE_MAX, SIZE_MAX / 2 + 1};
	size_t i;

	for (i = 0; i < SUPPORT_LENGTH(bad); i++) {
		errno = 0;
		assert_refused(sa_arena_aligned_alloc(arena, bad[i], 32),
			       EINVAL);
	}
	ck_assert_uint_eq(support_stats(arena).alloc_count, 0);
}
END_TEST

START_TEST(test_sizes_beyond_reason)
{
	static const size_t sizes[] = {
		SIZE_MAX,           SIZE_MAX - 7,    SIZE_MAX - 15,
		SIZE_MAX - 16,      SIZE_MAX - 31,   SIZE_MAX - 4095,
		SIZE_MAX - 4096,    SIZE_MAX - 8191, SIZE_MAX - 12288,
		SIZE_MAX - 65536,   SIZE_MAX / 2,    SIZE_MAX / 2 + 1,
		PTRDIFF_MAX - 4096,
	};
	size_t size = sizes[_i];
	unsigned char *object = alloc_filled(arena, 100, 1), byte = 1;
	sa_arena_stats before = support_stats(arena), after;

	errno = 0;
	assert_refused(sa_arena_alloc(arena, size), ENOMEM);
	errno = 0;
	assert_refused(sa_arena_calloc(arena, 1, size), ENOMEM);
	errno = 0;
	assert_refused(sa_arena_aligned_alloc(arena, 1, size), ENOMEM);
	errno = 0;
	assert_refused(sa_arena_aligned_alloc(arena, 4096, size), ENOMEM);
	errno = 0;
	assert_refused(sa_arena_realloc(arena, NULL, size), ENOMEM);
	errno = 0;
	assert_refused(sa_arena_realloc(arena, object, size), ENOMEM);
	errno = 0;
	assert_refused(sa_arena_dup(arena, &byte, size), ENOMEM);
	errno = 0;
	assert_refused(sa_arena_take(arena, &byte, size), ENOMEM);
	ck_assert_uint_eq(byte, 1);
	ck_assert_uint_eq(sa_arena_size(arena, object), 100);
	ck_assert(support_is_filled(object, 100, 1));
	after = support_stats(arena);
	ck_assert_uint_eq(after.failure_count, before.failure_count + 8);
	ck_assert_uint_eq(after.alloc_count, before.alloc_count);
	ck_assert_uint_eq(after.mapped_size, before.mapped_size);
}
END_TEST

START_TEST(test_calloc)
{
	static const struct {
		size_t count, size;
	} overflowing[] = {
		{SIZE_MAX, 2},
		{2, SIZE_MAX},
		{SIZE_MAX, SIZE_MAX},
		{SIZE_MAX / 2 + 1, 2},
		{(size_t)1 << (sizeof(size_t) * 4),
		 (size_t)1 << (sizeof(size_t) * 4)},
		{((size_t)1 << (sizeof(size_t) * 4)) + 1,
		 (size_t)1 << (sizeof(size_t) * 4)},
	};
	size_t i;

	assert_object(sa_arena_calloc(arena, 7, 11), alignof(max_align_t), 77);
	assert_object(sa_arena_calloc(arena, 0, 11), alignof(max_align_t), 0);
	assert_object(sa_arena_calloc(arena, 7, 0), alignof(max_align_t), 0);
	assert_object(sa_arena_calloc(arena, 0, SIZE_MAX), 1, 0);
	assert_object(sa_arena_calloc(arena, SIZE_MAX, 0), 1, 0);
	for (i = 0; i < SUPPORT_LENGTH(overflowing); i++) {
		errno = 0;
		assert_refused(sa_arena_calloc(arena, overflowing[i].count,
					       overflowing[i].size),
			       ENOMEM);
	}
}
END_TEST

/* ---------------------------------------------------- zeroed, distinct */

/* Slots that were full are handed out again, empty. */
START_TEST(test_reuse_is_zeroed)
{
	static const size_t sizes[] = {1,   8,    24,   32,   40,
				       100, 1000, 5000, 50000};
	size_t size = sizes[_i], round, i;
	unsigned char *objects[100];

	for (round = 0; round < 5; round++) {
		for (i = 0; i < SUPPORT_LENGTH(objects); i++) {
			objects[i] = sa_arena_alloc(arena, size);
			assert_object(objects[i], 1, size);
			memset(objects[i], 0xff, size);
		}
		for (i = 0; i < SUPPORT_LENGTH(objects); i++)
			sa_arena_free(arena, objects[i]);
	}
}
END_TEST

/* A free slot is zero at once, not at its next use. */
START_TEST(test_free_wipes)
{
	size_t size;
	const unsigned char *object, *sibling;

	for (size = 1; size <= 1000; size += 13) {
		sibling = alloc_filled(arena, size, 1);
		object = alloc_filled(arena, size, 2);
		sa_arena_free(arena, (void *)(uintptr_t)object);
		ck_assert(support_is_zero(object, size));
		ck_assert(support_is_filled(sibling, size, 1));
	}
}
END_TEST

START_TEST(test_size_zero)
{
	enum { COUNT = 400 };
	unsigned char *objects[COUNT];
	size_t i, j;

	for (i = 0; i < COUNT; i++) {
		objects[i] = sa_arena_alloc(arena, 0);
		assert_object(objects[i], alignof(max_align_t), 0);
	}
	for (i = 0; i < COUNT; i++)
		for (j = 0; j < i; j++)
			ck_assert_ptr_ne(objects[i], objects[j]);
	for (i = 0; i < COUNT; i++)
		sa_arena_free(arena, objects[i]);
	ck_assert_uint_eq(support_stats(arena).live_count, 0);
}
END_TEST

/* Neither the slot freed last nor the next in order is what one gets. */
START_TEST(test_placement)
{
	enum { COUNT = 2000 };
	unsigned char *previous = sa_arena_alloc(arena, 32), *object;
	size_t again = 0, next = 0, i;

	for (i = 0; i < COUNT; i++) {
		object = sa_arena_alloc(arena, 32);
		ck_assert_ptr_nonnull(object);
		next += (uintptr_t)object - (uintptr_t)previous == 48;
		previous = object;
	}
	for (i = 0; i < COUNT; i++) {
		sa_arena_free(arena, previous);
		object = sa_arena_alloc(arena, 32);
		ck_assert_ptr_nonnull(object);
		again += object == previous;
		previous = object;
	}
	ck_assert_uint_lt(next, COUNT / 2);
	ck_assert_uint_lt(again, COUNT / 2);
}
END_TEST

typedef struct extent {
	unsigned char *object;
	size_t size, seed;
} extent;

static int by_address(const void *left, const void *right)
{
	const extent *a = left, *b = right;

	return (a->object > b->object) - (a->object < b->object);
}

static void make_extents(extent *extents, size_t count)
{
	static const size_t usual[] = {0, 1, 16, 31, 32, 33, 64, 100};
	size_t i;

	for (i = 0; i < count; i++) {
		extents[i].seed = i;
		extents[i].size = i % 100 == 0 ? i % 3000 : usual[i % 8];
		extents[i].object = alloc_filled(arena, extents[i].size, i);
	}
}

/* A hundred thousand objects, and between any two of them a canary. */
START_TEST(test_distinct)
{
	const size_t count = SUPPORT_ROUNDS(100000);
	extent *extents = calloc(count, sizeof *extents);
	size_t i;

	ck_assert_ptr_nonnull(extents);
	make_extents(extents, count);
	qsort(extents, count, sizeof *extents, by_address);
	for (i = 0; i + 1 < count; i++)
		ck_assert_uint_ge(
			(size_t)(extents[i + 1].object - extents[i].object),
			extents[i].size + 8);
	for (i = 0; i < count; i++) {
		ck_assert(support_is_filled(extents[i].object, extents[i].size,
					    extents[i].seed));
		ck_assert_uint_eq(sa_arena_size(arena, extents[i].object),
				  extents[i].size);
	}
	ck_assert_uint_eq(support_stats(arena).live_count, count);
	free(extents);
}
END_TEST

/* ------------------------------------------------------------ realloc */

static const size_t steps[] = {
	0,    1,    7,     8,     15,     16,    24,        31,
	32,   33,   40,    41,    64,     100,   500,       1000,
	1024, 4096, 10000, 20000, 100000, LARGE, LARGE + 7, 2 * LARGE};

/* From each size to each other one: content, new bytes, counts. */
static void resize(size_t from, size_t to)
{
	unsigned char *object = alloc_filled(arena, from, from), *moved;
	uintptr_t old = (uintptr_t)object;
	sa_arena_stats before = support_stats(arena), after;
	size_t kept = from < to ? from : to;
	int has_moved;

	moved = sa_arena_realloc(arena, object, to);
	ck_assert_ptr_nonnull(moved);
	ck_assert_uint_eq(sa_arena_size(arena, moved), to);
	ck_assert_uint_eq((uintptr_t)moved % alignof(max_align_t), 0);
	ck_assert(support_is_filled(moved, kept, from));
	ck_assert(support_is_zero(moved + kept, to - kept));
	support_fill(moved, to, to);
	has_moved = (uintptr_t)moved != old;
	ck_assert_int_eq(sa_arena_owns(arena, (const void *)old), !has_moved);
	after = support_stats(arena);
	ck_assert_uint_eq(after.live_count, before.live_count);
	ck_assert_uint_eq(after.live_size, before.live_size + to - from);
	ck_assert_uint_eq(after.alloc_count,
			  before.alloc_count + (unsigned)has_moved);
	ck_assert_uint_eq(after.free_count,
			  before.free_count + (unsigned)has_moved);
	ck_assert(from != to || !has_moved);
	sa_arena_free(arena, moved);
}

START_TEST(test_realloc)
{
	size_t i;

	for (i = 0; i < SUPPORT_LENGTH(steps); i++)
		resize(steps[_i], steps[i]);
	ck_assert_int_eq(sa_arena_check(arena), 0);
}
END_TEST

START_TEST(test_realloc_nothing)
{
	void *object = sa_arena_realloc(arena, NULL, 50);

	assert_object(object, alignof(max_align_t), 50);
	object = sa_arena_realloc(arena, object, 0);
	assert_object(object, alignof(max_align_t), 0);
	assert_object(sa_arena_realloc(arena, NULL, 0), 1, 0);
	ck_assert_uint_eq(support_stats(arena).live_count, 2);
}
END_TEST

/* Bytes given up come back as zeros. */
START_TEST(test_realloc_forgets)
{
	size_t size, less;
	unsigned char *object;

	for (size = 1; size <= 700; size += 23)
		for (less = 0; less < size; less += 5) {
			object = alloc_filled(arena, size, 1);
			object = sa_arena_realloc(arena, object, less);
			ck_assert_ptr_nonnull(object);
			object = sa_arena_realloc(arena, object, size);
			ck_assert_ptr_nonnull(object);
			ck_assert(support_is_filled(object, less, 1));
			ck_assert(support_is_zero(object + less, size - less));
			sa_arena_free(arena, object);
		}
}
END_TEST

START_TEST(test_realloc_wipes_what_it_leaves)
{
	const unsigned char *sibling, *old;
	void *moved;
	size_t size;

	for (size = 8; size <= 900; size += 12) {
		sibling = alloc_filled(arena, size, 1);
		old = alloc_filled(arena, size, 2);
		moved = sa_arena_realloc(arena, (void *)(uintptr_t)old,
					 4 * size + 100);
		ck_assert_ptr_nonnull(moved);
		ck_assert_ptr_ne(moved, old);
		ck_assert(support_is_zero(old, size));
		ck_assert(support_is_filled(sibling, size, 1));
	}
}
END_TEST

/* ----------------------------------------------------------- dup, take */

START_TEST(test_dup_and_take)
{
	static const size_t sizes[] = {1, 16, 32, 33, 1000, 20000, LARGE + 3};
	size_t size = sizes[_i];
	unsigned char *source = malloc(size), *object;

	ck_assert_ptr_nonnull(source);
	support_fill(source, size, 5);
	object = sa_arena_dup(arena, source, size);
	ck_assert_ptr_nonnull(object);
	ck_assert_uint_eq(sa_arena_size(arena, object), size);
	ck_assert(support_is_filled(object, size, 5));
	ck_assert(support_is_filled(source, size, 5));
	object = sa_arena_take(arena, source, size);
	ck_assert_ptr_nonnull(object);
	ck_assert_uint_eq(sa_arena_size(arena, object), size);
	ck_assert(support_is_filled(object, size, 5));
	ck_assert(support_is_zero(source, size));
	free(source);
}
END_TEST

START_TEST(test_dup_and_take_nothing)
{
	unsigned char byte = 9;

	assert_object(sa_arena_dup(arena, NULL, 0), 1, 0);
	assert_object(sa_arena_take(arena, NULL, 0), 1, 0);
	assert_object(sa_arena_dup(arena, &byte, 0), 1, 0);
	assert_object(sa_arena_take(arena, &byte, 0), 1, 0);
	ck_assert_uint_eq(byte, 9);
	errno = 0;
	assert_refused(sa_arena_dup(arena, NULL, 1), EINVAL);
	errno = 0;
	assert_refused(sa_arena_take(arena, NULL, 1), EINVAL);
	ck_assert_uint_eq(support_stats(arena).live_count, 4);
}
END_TEST

/* The source may be an object of the same arena. */
START_TEST(test_take_from_itself)
{
	unsigned char *object = alloc_filled(arena, 48, 3);
	unsigned char *copy = sa_arena_take(arena, object, 48);

	ck_assert_ptr_nonnull(copy);
	ck_assert(support_is_filled(copy, 48, 3));
	ck_assert(support_is_zero(object, 48));
	ck_assert_int_eq(sa_arena_owns(arena, object), 1);
}
END_TEST

/* What an object of a program's own type points to.  The compiler takes what
 * malloc's attribute says of a function as true: nothing is pointed to. */
struct session {
	unsigned *uses;
	unsigned char key[32];
};

static unsigned count_uses(struct session *session, unsigned *uses)
{
	*uses = 1;
	*session->uses = 2;
	return *uses;
}

START_TEST(test_copies_point_where_they_did)
{
	unsigned uses = 0;
	struct session plain = {&uses, {0}};
	struct session *copy = sa_arena_dup(arena, &plain, sizeof plain);
	struct session *taken;

	SUPPORT_REQUIRE(copy != NULL);
	ck_assert_uint_eq(count_uses(copy, &uses), 2);
	uses = 0;
	taken = sa_arena_take(arena, &plain, sizeof plain);
	SUPPORT_REQUIRE(taken != NULL);
	ck_assert_uint_eq(count_uses(taken, &uses), 2);
}
END_TEST

/* --------------------------------------------------------- free, owns */

START_TEST(test_free_keeps_errno)
{
	void *small = alloc_filled(arena, 32, 1);
	void *large = alloc_filled(arena, LARGE, 1);

	errno = ERANGE;
	sa_arena_free(arena, small);
	ck_assert_int_eq(errno, ERANGE);
	sa_arena_free(arena, large);
	ck_assert_int_eq(errno, ERANGE);
	sa_arena_free(arena, NULL);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_uint_eq(support_stats(arena).free_count, 2);
}
END_TEST

/* Whatever differs from the one object's address by one bit is not it. */
static void assert_owns_only(const void *object)
{
	uintptr_t address = (uintptr_t)object;
	unsigned bit;

	ck_assert_int_eq(sa_arena_owns(arena, object), 1);
	for (bit = 0; bit < sizeof address * CHAR_BIT; bit++) {
		const uintptr_t one = (uintptr_t)1 << bit;

		ck_assert_int_eq(
			sa_arena_owns(arena, (const void *)(address ^ one)), 0);
		ck_assert_int_eq(sa_arena_owns(arena, (const void *)one), 0);
		ck_assert_int_eq(sa_arena_owns(arena, (const void *)(one - 1)),
				 0);
		ck_assert_int_eq(sa_arena_owns(arena, (const void *)~one), 0);
	}
}

START_TEST(test_owns)
{
	static const size_t sizes[] = {0, 1, 32, 1000, 20000, LARGE + 5};
	size_t size = sizes[_i], offset;
	unsigned char *object = alloc_filled(arena, size, 0);
	sa_arena *other = support_arena_create();

	assert_owns_only(object);
	ck_assert_int_eq(sa_arena_owns(other, object), 0);
	for (offset = 1; offset <= size + 16; offset += 1 + size / 2000)
		ck_assert_int_eq(sa_arena_owns(arena, object + offset), 0);
	sa_arena_free(arena, object);
	ck_assert_int_eq(sa_arena_owns(arena, object), 0);
	sa_arena_destroy(other);
}
END_TEST

START_TEST(test_contains)
{
	static const size_t sizes[] = {0, 1, 32, 500, 5000, LARGE, LARGE + 5};
	size_t size = sizes[_i], offset;
	unsigned char *before = alloc_filled(arena, 32, 0);
	unsigned char *object = alloc_filled(arena, size, 0);
	unsigned char *neighbour = alloc_filled(arena, size, 0);
	sa_arena *other = support_arena_create();

	for (offset = 0; offset < size; offset += 1 + offset / 100)
		ck_assert_int_eq(sa_arena_contains(arena, object + offset), 1);
	ck_assert_int_eq(sa_arena_contains(arena, object + size), 0);
	ck_assert_int_eq(sa_arena_contains(arena, object - 1), 0);
	ck_assert_int_eq(sa_arena_contains(other, object), 0);
	sa_arena_free(arena, object);
	ck_assert_int_eq(sa_arena_contains(arena, object), 0);
	ck_assert_int_eq(sa_arena_contains(arena, object + size / 2), 0);
	ck_assert_int_eq(sa_arena_contains(arena, neighbour), size != 0);
	ck_assert_int_eq(sa_arena_contains(arena, before + 31), 1);
	ck_assert_int_eq(sa_arena_contains(NULL, before), 0);
	ck_assert_int_eq(sa_arena_contains(arena, NULL), 0);
	ck_assert_int_eq(sa_arena_contains(arena, (void *)UINTPTR_MAX), 0);
	sa_arena_free(arena, neighbour);
	sa_arena_free(arena, before);
	sa_arena_destroy(other);
}
END_TEST

START_TEST(test_owns_anything)
{
	support_random random;
	sa_arena *other = support_arena_create();
	int stacked;
	unsigned char *object = alloc_filled(arena, 32, 0);
	size_t i;

	support_random_seed(&random);
	ck_assert_int_eq(sa_arena_owns(arena, NULL), 0);
	ck_assert_int_eq(sa_arena_owns(arena, &stacked), 0);
	ck_assert_int_eq(sa_arena_owns(arena, &arena), 0);
	ck_assert_int_eq(sa_arena_owns(arena, arena), 0);
	ck_assert_int_eq(sa_arena_owns(arena, alloc_filled(other, 32, 0)), 0);
	for (i = 0; i < SUPPORT_ROUNDS(300000); i++) {
		uintptr_t wild = (uintptr_t)support_random_next(&random);

		wild >>= i % 64;
		ck_assert_int_eq(sa_arena_owns(arena, (const void *)wild),
				 wild == (uintptr_t)object);
	}
	sa_arena_destroy(other);
}
END_TEST

/* ----------------------------------------------------------- capacity */

#define CAPACITY ((size_t)64 << 10)

/* Fill an arena to its capacity; the objects hold their number. */
static size_t fill_up(sa_arena *limited, void **objects, size_t most,
		      size_t size)
{
	size_t count = 0;
	void *object;

	errno = 0;
	while (count < most && (object = sa_arena_alloc(limited, size))) {
		support_fill(object, size, count);
		objects[count++] = object;
	}
	ck_assert_uint_lt(count, most);
	ck_assert_int_eq(errno, ENOSPC);
	return count;
}

START_TEST(test_capacity)
{
	static const size_t sizes[] = {0, 1, 32, 100, 1000, 3000};
	enum { MOST = 10000 };
	static void *objects[MOST];
	sa_arena *limited = create_limited(CAPACITY);
	size_t size = sizes[_i], count, i;
	void *again;

	count = fill_up(limited, objects, MOST, size);
	ck_assert_uint_ge(count * (size + 8), CAPACITY / 4);
	ck_assert_uint_le(support_stats(limited).mapped_size, CAPACITY);
	ck_assert_uint_eq(support_stats(limited).failure_count, 1);
	ck_assert_uint_eq(support_stats(limited).live_count, count);
	for (i = 0; i < count; i++) {
		ck_assert(support_is_filled(objects[i], size, i));
		ck_assert_uint_eq(sa_arena_size(limited, objects[i]), size);
	}
	sa_arena_free(limited, objects[0]);
	again = sa_arena_alloc(limited, size);
	ck_assert_ptr_nonnull(again);
	assert_refused(sa_arena_alloc(limited, size), ENOSPC);
	ck_assert_int_eq(sa_arena_check(limited), 0);
	sa_arena_destroy(limited);
}
END_TEST

/* Failures for want of room leave every argument as it was. */
START_TEST(test_capacity_changes_nothing)
{
	enum { MOST = 10000 };
	static void *objects[MOST];
	sa_arena *limited = create_limited(CAPACITY);
	unsigned char bytes[2000];
	unsigned char *object;

	fill_up(limited, objects, MOST, 32);
	object = objects[7];
	support_fill(bytes, sizeof bytes, 1);
	errno = 0;
	assert_refused(sa_arena_take(limited, bytes, sizeof bytes), ENOSPC);
	ck_assert(support_is_filled(bytes, sizeof bytes, 1));
	errno = 0;
	assert_refused(sa_arena_dup(limited, bytes, sizeof bytes), ENOSPC);
	errno = 0;
	assert_refused(sa_arena_calloc(limited, 100, 100), ENOSPC);
	errno = 0;
	assert_refused(sa_arena_aligned_alloc(limited, 4096, 1), ENOSPC);
	errno = 0;
	assert_refused(sa_arena_realloc(limited, object, 2000), ENOSPC);
	errno = 0;
	assert_refused(sa_arena_realloc(limited, object, LARGE), ENOSPC);
	ck_assert_uint_eq(sa_arena_size(limited, object), 32);
	ck_assert(support_is_filled(object, 32, 7));
	ck_assert_uint_eq(support_stats(limited).failure_count, 7);
	ck_assert_int_eq(sa_arena_check(limited), 0);
	sa_arena_destroy(limited);
}
END_TEST

/* Large objects count, and give back what they took. */
START_TEST(test_capacity_of_large)
{
	sa_arena *limited = create_limited(3 * LARGE);
	void *first, *second;
	int round;

	for (round = 0; round < 10; round++) {
		first = sa_arena_alloc(limited, LARGE);
		ck_assert_ptr_nonnull(first);
		second = sa_arena_alloc(limited, LARGE);
		ck_assert_ptr_nonnull(second);
		errno = 0;
		assert_refused(sa_arena_alloc(limited, LARGE), ENOSPC);
		errno = 0;
		assert_refused(sa_arena_alloc(limited, 4 * LARGE), ENOSPC);
		ck_assert_uint_le(support_stats(limited).mapped_size,
				  3 * LARGE);
		sa_arena_free(limited, first);
		sa_arena_free(limited, second);
	}
	sa_arena_destroy(limited);
}
END_TEST

/* ------------------------------------------------- reset, trim, check */

enum { CROWD = 20000 };

static void *crowd[CROWD];

static void gather(size_t size)
{
	size_t i;

	for (i = 0; i < CROWD; i++)
		crowd[i] = alloc_filled(arena, size, i);
}

START_TEST(test_reset)
{
	sa_arena_stats before, after;
	void *large = alloc_filled(arena, LARGE, 1);

	gather(32);
	before = support_stats(arena);
	ck_assert_int_eq(sa_arena_reset(arena), 0);
	after = support_stats(arena);
	ck_assert_uint_eq(after.live_count, 0);
	ck_assert_uint_eq(after.live_size, 0);
	ck_assert_uint_eq(after.large_count, 0);
	ck_assert_uint_eq(after.region_count, before.region_count);
	ck_assert_uint_eq(after.alloc_count, CROWD + 1);
	ck_assert_uint_eq(after.free_count, CROWD + 1);
	ck_assert_uint_eq(after.peak_count, CROWD + 1);
	ck_assert_uint_eq(after.peak_size, CROWD * 32 + LARGE);
	ck_assert_int_eq(sa_arena_owns(arena, crowd[0]), 0);
	ck_assert_int_eq(sa_arena_owns(arena, large), 0);
	ck_assert_int_eq(sa_arena_check(arena), 0);

	gather(32);
	ck_assert_uint_eq(support_stats(arena).mapped_size, after.mapped_size);
	ck_assert_int_eq(sa_arena_reset(arena), 0);
	ck_assert_int_eq(sa_arena_reset(arena), 0);
	assert_object(sa_arena_alloc(arena, 32), 16, 32);
}
END_TEST

START_TEST(test_reset_wipes)
{
	size_t i;

	gather(32);
	ck_assert_int_eq(sa_arena_reset(arena), 0);
	for (i = 0; i < CROWD; i++)
		ck_assert(support_is_zero(crowd[i], 32));
}
END_TEST

START_TEST(test_trim)
{
	sa_arena_stats before, after;
	size_t i, returned;

	gather(32);
	before = support_stats(arena);
	for (i = 0; i < CROWD; i++)
		sa_arena_free(arena, crowd[i]);
	returned = sa_arena_trim(arena);
	after = support_stats(arena);
	ck_assert_uint_gt(returned, 0);
	ck_assert_uint_eq(before.mapped_size - after.mapped_size, returned);
	ck_assert_uint_lt(after.region_count, before.region_count);
	ck_assert_uint_lt(after.mapped_size, before.mapped_size / 4);
	for (i = 0; i < CROWD; i++)
		ck_assert_int_eq(sa_arena_owns(arena, crowd[i]), 0);
	ck_assert_uint_eq(sa_arena_trim(arena), 0);

	gather(32);
	ck_assert_int_eq(sa_arena_check(arena), 0);
}
END_TEST

/* One object holds its region, and only that. */
START_TEST(test_trim_keeps_the_living)
{
	sa_arena_stats before;
	size_t i;

	gather(32);
	before = support_stats(arena);
	ck_assert_uint_lt(sa_arena_trim(arena), before.mapped_size / 2);
	for (i = 0; i < CROWD; i++)
		if (i != CROWD / 2)
			sa_arena_free(arena, crowd[i]);
	ck_assert_uint_gt(sa_arena_trim(arena), 0);
	ck_assert_uint_gt(support_stats(arena).mapped_size, 0);
	ck_assert(support_is_filled(crowd[CROWD / 2], 32, CROWD / 2));
	ck_assert_uint_eq(sa_arena_size(arena, crowd[CROWD / 2]), 32);
	sa_arena_free(arena, crowd[CROWD / 2]);
}
END_TEST

/* Memory that trim gave back to the system serves other sizes. */
START_TEST(test_trim_again_and_again)
{
	static const size_t sizes[] = {16, 200, 32, 1000, 64};
	size_t round, i;

	for (round = 0; round < SUPPORT_LENGTH(sizes); round++) {
		for (i = 0; i < 2000; i++)
			crowd[i] = alloc_filled(arena, sizes[round], i);
		for (i = 0; i < 2000; i++)
			sa_arena_free(arena, crowd[i]);
		ck_assert_uint_gt(sa_arena_trim(arena), 0);
	}
}
END_TEST

START_TEST(test_check)
{
	void *large = alloc_filled(arena, LARGE + 1, 1);

	ck_assert_int_eq(sa_arena_check(arena), 0);
	gather(45);
	ck_assert_int_eq(sa_arena_check(arena), 0);
	sa_arena_free(arena, crowd[1]);
	sa_arena_free(arena, large);
	ck_assert_int_eq(sa_arena_check(arena), 0);
}
END_TEST

/* -------------------------------------------------------------- suite */

static void add_object_tests(Suite *suite, const char *name,
			     void (*setup_arena)(void))
{
	TCase *objects = tcase_create(name);

	suite_add_tcase(suite, objects);
	tcase_set_timeout(objects, 60);
	tcase_add_checked_fixture(objects, setup_arena, teardown);
	tcase_add_test(objects, test_every_size);
	tcase_add_loop_test(objects, test_large, 0,
			    SUPPORT_LENGTH(large_sizes));
	tcase_add_loop_test(objects, test_alignments, 0, 13);
	tcase_add_test(objects, test_bad_alignments);
	tcase_add_loop_test(objects, test_sizes_beyond_reason, 0, 13);
	tcase_add_test(objects, test_calloc);
	tcase_add_loop_test(objects, test_reuse_is_zeroed, 0, 9);
	tcase_add_test(objects, test_free_wipes);
	tcase_add_test(objects, test_size_zero);
	tcase_add_test(objects, test_placement);
	tcase_add_test(objects, test_distinct);
	tcase_add_loop_test(objects, test_realloc, 0, SUPPORT_LENGTH(steps));
	tcase_add_test(objects, test_realloc_nothing);
	tcase_add_test(objects, test_realloc_forgets);
	tcase_add_test(objects, test_realloc_wipes_what_it_leaves);
	tcase_add_loop_test(objects, test_dup_and_take, 0, 7);
	tcase_add_test(objects, test_dup_and_take_nothing);
	tcase_add_test(objects, test_take_from_itself);
	tcase_add_test(objects, test_copies_point_where_they_did);
	tcase_add_test(objects, test_free_keeps_errno);
	tcase_add_loop_test(objects, test_owns, 0, 6);
	tcase_add_loop_test(objects, test_contains, 0, 7);
	tcase_add_test(objects, test_owns_anything);
	tcase_add_test(objects, test_reset);
	tcase_add_test(objects, test_reset_wipes);
	tcase_add_test(objects, test_trim);
	tcase_add_test(objects, test_trim_keeps_the_living);
	tcase_add_test(objects, test_trim_again_and_again);
	tcase_add_test(objects, test_check);
}

static void add_arena_tests(Suite *suite)
{
	TCase *arenas = tcase_create("arenas");

	suite_add_tcase(suite, arenas);
	tcase_set_timeout(arenas, 60);
	tcase_add_test(arenas, test_version);
	tcase_add_test(arenas, test_misuse_name);
	tcase_add_loop_test(arenas, test_create_bad_options, 0,
			    SUPPORT_LENGTH(bad_options));
	tcase_add_test(arenas, test_create_size_zero);
	tcase_add_test(arenas, test_create_name_length);
	tcase_add_test(arenas, test_create_without_options);
	tcase_add_loop_test(arenas, test_create_reserve, 0, 5);
	tcase_add_loop_test(arenas, test_create_too_much, 0, 4);
	tcase_add_loop_test(arenas, test_create_small_capacity, 0, 3);
	tcase_add_test(arenas, test_create_and_destroy_many);
	tcase_add_test(arenas, test_destroy_nothing);
	tcase_add_test(arenas, test_null_arena);
	tcase_add_test(arenas, test_null_arena_as_a_whole);
	tcase_add_loop_test(arenas, test_capacity, 0, 6);
	tcase_add_test(arenas, test_capacity_changes_nothing);
	tcase_add_test(arenas, test_capacity_of_large);
}

int main(void)
{
	Suite *suite = suite_create("api");

	add_arena_tests(suite);
	add_object_tests(suite, "objects", setup_default);
	add_object_tests(suite, "objects, single-threaded",
			 setup_single_threaded);
	return support_run(suite);
}
