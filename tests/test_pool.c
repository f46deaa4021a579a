/* SPDX-License-Identifier: ISC */
/*
 * Pools: objects of one type, as dense as their alignment allows, in memory
 * that no other type ever gets; and objects of their arena like any other.
 */
#include <config.h>

#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pools.h"
#include "slab.h"

#define CROWD 3000

static sa_arena *arena;

static void setup(void)
{
	arena = support_arena_create();
}

static void setup_single_threaded(void)
{
	arena = support_arena_create_single();
}

static void teardown(void)
{
	ck_assert_int_eq(sa_arena_check(arena), 0);
	sa_arena_destroy(arena);
}

static sa_pool *create(size_t size, size_t alignment)
{
	sa_pool *pool = sa_pool_create(arena, size, alignment);

	SUPPORT_REQUIRE(pool != NULL);
	return pool;
}

static unsigned char *alloc(sa_pool *pool)
{
	unsigned char *object = sa_pool_alloc(pool);

	SUPPORT_REQUIRE(object != NULL);
	SUPPORT_REQUIRE(support_is_zero(object, pool->size));
	return object;
}

/* `n` objects, each with content of its own. */
static void fill(sa_pool *pool, unsigned char **objects, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		objects[i] = alloc(pool);
		support_fill(objects[i], pool->size, i);
	}
}

static void free_all(sa_pool *pool, unsigned char **objects, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		SUPPORT_REQUIRE(support_is_filled(objects[i], pool->size, i));
		sa_pool_free(pool, objects[i]);
	}
}

/* -------------------------------------------------------------- geometry */

static const struct {
	size_t size, alignment, stride;
} shapes[] = {
	{1, 1, 16},         {3, 2, 16},      {8, 8, 16},
	{9, 1, 17},         {9, 8, 24},      {12, 4, 20},
	{15, 1, 23},        {16, 8, 24},     {16, 16, 32},
	{24, 8, 32},        {31, 1, 39},     {32, 1, 40},
	{32, 8, 40},        {32, 16, 48},    {32, 64, 64},
	{33, 1, 41},        {33, 8, 48},     {48, 8, 56},
	{56, 64, 64},       {57, 64, 128},   {64, 8, 72},
	{100, 4, 108},      {128, 8, 136},   {129, 1, 137},
	{137, 1, 145},      {200, 8, 208},   {248, 8, 256},
	{249, 1, 257},      {256, 256, 512}, {1000, 8, 1008},
	{1001, 1, 1009},    {1, 4096, 4096}, {4088, 4096, 4096},
	{4089, 4096, 8192}, {8184, 8, 8192}, {8184, 1, 8192},
};

/* Each where its alignment allows and no further apart; found by the gate. */
START_TEST(test_shapes)
{
	static unsigned char *objects[CROWD];
	size_t size = shapes[_i].size, alignment = shapes[_i].alignment;
	size_t stride = shapes[_i].stride, n = stride > 512 ? 100 : CROWD, i;
	sa_pool *pool = create(size, alignment);
	const unsigned char *lowest;
	size_t beside = 0;

	fill(pool, objects, n);
	lowest = objects[0];
	for (i = 0; i < n; i++) {
		ck_assert_uint_eq((uintptr_t)objects[i] % alignment, 0);
		ck_assert_uint_eq(sa_arena_size(arena, objects[i]), size);
		ck_assert_int_eq(sa_arena_owns(arena, objects[i]), 1);
		ck_assert_int_eq(sa_arena_owns(arena, objects[i] + 1), 0);
		ck_assert_int_eq(
			sa_arena_contains(arena, objects[i] + size - 1), 1);
		ck_assert_int_eq(sa_arena_contains(arena, objects[i] + size),
				 0);
		beside += i > 0 && (objects[i] == objects[i - 1] + stride ||
				    objects[i - 1] == objects[i] + stride);
		if (objects[i] < lowest)
			lowest = objects[i];
	}
	if (n == CROWD)
		ck_assert_uint_gt(beside, 0);
	ck_assert_uint_eq(support_stats(arena).live_count, n);
	ck_assert_uint_eq(support_stats(arena).live_size, n * size);
	ck_assert_int_eq(sa_arena_check(arena), 0);
	free_all(pool, objects, n);
	ck_assert_uint_eq(support_stats(arena).live_count, 0);
	ck_assert_int_eq(sa_arena_check(arena), 0);
	sa_pool_destroy(pool);
}
END_TEST

/* What it costs: 40 bytes for a 32-byte key, and a little for ends of slabs. */
START_TEST(test_density)
{
	sa_pool *pool = create(32, 8);
	sa_arena_stats before, after = support_stats(arena);
	size_t n = 0;

	/* The regions before the last are full. */
	do {
		before = after;
		alloc(pool);
		n++;
		after = support_stats(arena);
	} while (after.region_count == before.region_count ||
		 before.mapped_size < (size_t)4 << 20);
	ck_assert_uint_gt((n - 1) * 40, before.mapped_size / 100 * 99);
	sa_pool_destroy(pool);
	ck_assert_uint_eq(support_stats(arena).live_count, 0);
}
END_TEST

START_TEST(test_bad_input)
{
	static const struct {
		size_t size, alignment;
	} bad[] = {
		{0, 8},   {8185, 1},      {SIZE_MAX, 1},
		{32, 0},  {32, 3},        {SIZE_MAX - 7, 8},
		{32, 48}, {32, SIZE_MAX}, {32, (SIZE_MAX >> 1) + 1},
	};
	size_t page = (size_t)sysconf(_SC_PAGESIZE), i;
	sa_pool *pool;

	for (i = 0; i < SUPPORT_LENGTH(bad); i++) {
		errno = 0;
		pool = sa_pool_create(arena, bad[i].size, bad[i].alignment);
		ck_assert_ptr_null(pool);
		ck_assert_int_eq(errno, EINVAL);
	}
	errno = 0;
	ck_assert_ptr_null(sa_pool_create(arena, 32, 2 * page));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(sa_pool_create(NULL, 32, 8));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(sa_pool_alloc(NULL));
	ck_assert_int_eq(errno, EINVAL);
	sa_pool_free(NULL, NULL);
	pool = create(32, 8);
	sa_pool_free(pool, NULL);
	errno = 77;
	sa_pool_destroy(NULL);
	sa_pool_destroy(pool);
	ck_assert_int_eq(errno, 77);
}
END_TEST

/* --------------------------------------------------------- a type's memory */

static uintptr_t page_of(const void *object)
{
	return (uintptr_t)object / (uintptr_t)sysconf(_SC_PAGESIZE);
}

/* Nobody else gets it, however much is free there; trim leaves it alone. */
START_TEST(test_never_anothers)
{
	static unsigned char *objects[CROWD];
	sa_pool *pool = create(32, 16);
	sa_pool *other = create(32, 16);
	size_t regions, i, j;

	fill(pool, objects, CROWD);
	regions = support_stats(arena).region_count;
	free_all(pool, objects, CROWD);
	sa_arena_trim(arena);
	ck_assert_uint_gt(support_stats(arena).region_count, 0);
	for (i = 0; i < 20000; i++) {
		void *foreign = i % 2 == 0 ? sa_pool_alloc(other)
					   : sa_arena_alloc(arena, 32);

		ck_assert_ptr_nonnull(foreign);
		for (j = 0; j < CROWD; j += 64)
			ck_assert_uint_ne(page_of(foreign),
					  page_of(objects[j]));
	}
	/* The pool itself does, without growing. */
	i = support_stats(arena).region_count;
	fill(pool, objects, CROWD);
	ck_assert_uint_eq(support_stats(arena).region_count, i);
	ck_assert_uint_ge(i, regions);
	sa_pool_destroy(other);
	free_all(pool, objects, CROWD);
	sa_pool_destroy(pool);
}
END_TEST

/* When the pool goes, its memory is wiped and the arena's again. */
START_TEST(test_destroy_gives_back)
{
	static unsigned char *objects[CROWD];
	sa_pool *pool = create(100, 4);
	size_t mapped;

	fill(pool, objects, CROWD);
	mapped = support_stats(arena).mapped_size;
	sa_pool_destroy(pool);
	ck_assert_uint_eq(support_stats(arena).live_count, 0);
	ck_assert_uint_eq(support_stats(arena).live_size, 0);
	ck_assert_uint_eq(support_stats(arena).slab_count, 0);
	ck_assert(support_is_zero(objects[0] - 8, 116));
	ck_assert_int_eq(sa_arena_owns(arena, objects[0]), 0);
	ck_assert_int_eq(sa_arena_check(arena), 0);
	ck_assert_uint_eq(sa_arena_trim(arena), mapped);
}
END_TEST

/* Its number goes to another, whose objects are of another size. */
START_TEST(test_numbers_are_used_again)
{
	unsigned char *objects[40];
	size_t round;

	for (round = 0; round < 50; round++) {
		size_t size = 8 + round * 37 % 500;
		sa_pool *pool = create(size, 4);

		ck_assert_uint_eq(pool->class, SA_CLASS_POOLS);
		fill(pool, objects, SUPPORT_LENGTH(objects));
		if (round % 3 == 0)
			free_all(pool, objects, SUPPORT_LENGTH(objects));
		sa_pool_destroy(pool);
	}
	ck_assert_uint_le(support_stats(arena).mapped_size, 1 << 20);
}
END_TEST

START_TEST(test_many_pools)
{
	enum { N = 300 };
	static sa_pool *pools[N];
	static unsigned char *objects[N][3];
	size_t i;

	for (i = 0; i < N; i++) {
		pools[i] = create(1 + i, 1);
		fill(pools[i], objects[i], 3);
	}
	for (i = 0; i < N; i += 2) {
		free_all(pools[i], objects[i], 3);
		sa_pool_destroy(pools[i]);
	}
	ck_assert_int_eq(sa_arena_check(arena), 0);
	for (i = 0; i < N; i += 2) {
		pools[i] = create(2 * i + 1, 8);
		fill(pools[i], objects[i], 3);
	}
	for (i = 0; i < N; i++) {
		free_all(pools[i], objects[i], 3);
		sa_pool_destroy(pools[i]);
	}
	ck_assert_uint_eq(support_stats(arena).live_count, 0);
	ck_assert_uint_eq(support_stats(arena).slab_count, 0);
}
END_TEST

/* ----------------------------------------------------- an arena's objects */

START_TEST(test_calls_of_the_arena)
{
	sa_pool *pool = create(32, 8);
	unsigned char *object = alloc(pool), *kept = alloc(pool), *moved;

	support_fill(object, 32, 1);
	ck_assert_ptr_eq(sa_arena_realloc(arena, object, 30), object);
	ck_assert_uint_eq(sa_arena_size(arena, object), 30);
	ck_assert_ptr_eq(sa_arena_realloc(arena, object, 32), object);
	ck_assert(support_is_filled(object, 30, 1));
	moved = sa_arena_realloc(arena, object, 100);
	ck_assert_ptr_ne(moved, object);
	ck_assert(support_is_filled(moved, 30, 1));
	ck_assert_int_eq(sa_arena_owns(arena, object), 0);
	sa_arena_free(arena, moved);
	sa_arena_free(arena, kept);
	ck_assert_uint_eq(support_stats(arena).live_count, 0);
	sa_pool_destroy(pool);
}
END_TEST

START_TEST(test_shrunk_stays)
{
	static const size_t sizes[] = {1, 32, 100, 1000, 8184};

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		sa_pool *pool = create(sizes[i], 8);
		unsigned char *object = alloc(pool);

		for (size_t size = sizes[i];; size /= 2) {
			ck_assert_ptr_eq(sa_arena_realloc(arena, object, size),
					 object);
			if (size == 0)
				break;
		}
		sa_pool_free(pool, object);
		ck_assert_uint_eq(support_stats(arena).live_count, 0);
		sa_pool_destroy(pool);
	}
}
END_TEST

START_TEST(test_reset)
{
	static unsigned char *objects[CROWD];
	sa_pool *pool = create(40, 8);

	fill(pool, objects, CROWD);
	ck_assert_int_eq(sa_arena_reset(arena), 0);
	ck_assert_uint_eq(support_stats(arena).live_count, 0);
	fill(pool, objects, CROWD);
	free_all(pool, objects, CROWD);
	sa_pool_destroy(pool);
}
END_TEST

START_TEST(test_capacity)
{
	sa_arena_options options = support_options();
	sa_pool *pool;
	size_t n = 0;

	sa_arena_destroy(arena);
	options.capacity = 256 << 10;
	arena = sa_arena_create(&options);
	pool = create(32, 8);
	errno = 0;
	while (sa_pool_alloc(pool) != NULL)
		n++;
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_uint_gt(n, (256 << 10) / 40 * 9 / 10);
	sa_pool_destroy(pool);
	ck_assert_ptr_nonnull(sa_arena_alloc(arena, 32));
}
END_TEST

/* ---------------------------------------------------------------- access */

START_TEST(test_resting)
{
	static const sa_arena_access all[] = {SA_ARENA_NOACCESS,
					      SA_ARENA_READONLY};
	sa_pool *pool = create(32, 8), *late;
	unsigned char *object = alloc(pool);

	alloc(pool);
	ck_assert_int_eq(sa_arena_protect(arena, all[_i]), 0);
	errno = 0;
	ck_assert_ptr_null(sa_pool_alloc(pool));
	ck_assert_int_eq(errno, EACCES);
	sa_pool_free(pool, object);
	ck_assert_uint_eq(support_stats(arena).live_count, 1);
	late = create(10, 1);
	sa_pool_destroy(late);
	sa_pool_destroy(pool);
	ck_assert_uint_eq(support_stats(arena).live_count, 0);
	ck_assert_int_eq(sa_arena_current_access(arena), all[_i]);
}
END_TEST

/* A holder of one of its objects may close after the pool is gone. */
START_TEST(test_destroy_while_held)
{
	sa_pool *pool = create(32, 8);
	unsigned char *object = alloc(pool), *other;

	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_NOACCESS), 0);
	ck_assert_int_eq(
		sa_arena_open_object(arena, object, SA_ARENA_READWRITE), 0);
	support_fill(object, 32, 1);
	sa_pool_destroy(pool);
	ck_assert(support_is_zero(object, 32));
	/* Another gets the number, but not that memory. */
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_READWRITE), 0);
	pool = create(64, 8);
	other = alloc(pool);
	ck_assert_uint_ne(page_of(other), page_of(object));
	ck_assert_int_eq(sa_arena_check(arena), 0);
	ck_assert_int_eq(
		sa_arena_close_object(arena, object, SA_ARENA_READWRITE), 0);
	ck_assert_uint_eq(support_stats(arena).holder_count, 0);
	sa_pool_destroy(pool);
	sa_arena_trim(arena);
	ck_assert_uint_eq(support_stats(arena).slab_count, 0);
}
END_TEST

static void be_refused(void *context)
{
	sa_pool *pool = context;

	if (support_refuse_call(SYS_mprotect, ENOMEM) != 0)
		return;
	errno = 0;
	sa_pool_destroy(pool);
	SUPPORT_REQUIRE(errno == ENOMEM);
	SUPPORT_REQUIRE(support_stats(arena).live_count == 1);
	SUPPORT_REQUIRE(support_stats(arena).failure_count == 1);
}

/* As long as the kernel will not open the memory, the pool stays. */
START_TEST(test_destroy_refused)
{
	sa_pool *pool = create(32, 8);

	alloc(pool);
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_NOACCESS), 0);
	support_assert_passes(be_refused, pool);
	sa_pool_destroy(pool);
	ck_assert_uint_eq(support_stats(arena).live_count, 0);
}
END_TEST

/* A pool that has no memory opens none when it goes. */
static void go_without_opening(void *pool)
{
	if (support_refuse_call(SYS_mprotect, ENOMEM) != 0)
		_exit(SUPPORT_CANNOT_TELL);
	errno = 0;
	sa_pool_destroy(pool);
	SUPPORT_REQUIRE(errno == 0);
	SUPPORT_REQUIRE(support_stats(arena).failure_count == 0);
}

START_TEST(test_destroy_unused)
{
	sa_pool *pool = create(32, 8);

	alloc(create(32, 8));
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_NOACCESS), 0);
	support_assert_passes_or_skip("destroy_unused", go_without_opening,
				      pool);
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_READWRITE), 0);
}
END_TEST

/* ---------------------------------------------------------------- misuse */

enum { OF_ARENA, OF_OTHER_POOL, INTERIOR, ON_STACK, TWICE, AFTER_DESTROY };

static void free_what_is_none(support_misuse *expected, size_t what)
{
	sa_pool *pool = create(32, 8), *other = create(32, 8);
	unsigned char *object = alloc(pool), *wrong = object;

	strcpy(expected->arena, "arena");
	expected->kind = SA_ARENA_MISUSE_INVALID_POINTER;
	switch (what) {
	case OF_ARENA:
		wrong = sa_arena_alloc(arena, 32);
		break;
	case OF_OTHER_POOL:
		wrong = alloc(other);
		break;
	case INTERIOR:
		wrong = object + 8;
		break;
	case ON_STACK:
		wrong = (unsigned char *)&what;
		break;
	case TWICE:
		sa_pool_free(pool, object);
		expected->kind = SA_ARENA_MISUSE_DOUBLE_FREE;
		break;
	default:
		sa_pool_destroy(pool);
		pool = other;
	}
	expected->object = wrong;
	sa_pool_free(pool, wrong);
}

START_TEST(test_wrong_pointers)
{
	support_assert_misuse(free_what_is_none, (size_t)_i);
}
END_TEST

static void free_without_pool(support_misuse *expected, size_t unused)
{
	(void)unused;
	expected->kind = SA_ARENA_MISUSE_INVALID_POINTER;
	expected->object = expected;
	strcpy(expected->arena, "(null)");
	sa_pool_free(NULL, expected);
}

START_TEST(test_without_pool)
{
	support_assert_misuse(free_without_pool, 0);
}
END_TEST

/* One byte, beside an object of every shape; found by free, and by destroy. */
static void overflow(support_misuse *expected, size_t parameter)
{
	size_t shape = parameter / 4, size = shapes[shape].size;
	sa_pool *pool = create(size, shapes[shape].alignment);
	unsigned char *object = alloc(pool);
	bool is_before = parameter / 2 % 2 == 1;

	strcpy(expected->arena, "arena");
	expected->kind = is_before ? SA_ARENA_MISUSE_UNDERFLOW
				   : SA_ARENA_MISUSE_OVERFLOW;
	expected->object = object;
	expected->size = size;
	expected->offset = is_before ? -1 : (ptrdiff_t)size;
	support_flip(object + expected->offset);
	if (parameter % 2 == 1) {
		sa_pool_free(pool, object);
		return;
	}
	/* What is before it belongs to the slot before, if there is one. */
	if (is_before)
		expected->object = SUPPORT_ANY;
	if (is_before)
		sa_pool_free(pool, object);
	else
		sa_pool_destroy(pool);
}

START_TEST(test_overflow)
{
	support_assert_misuse(overflow, (size_t)_i);
}
END_TEST

static void write_after_free(support_misuse *expected, size_t parameter)
{
	size_t size = shapes[parameter].size;
	sa_pool *pool = create(size, shapes[parameter].alignment);
	unsigned char *object = alloc(pool);

	strcpy(expected->arena, "arena");
	expected->kind = SA_ARENA_MISUSE_WRITE_AFTER_FREE;
	expected->object = object;
	expected->offset = (ptrdiff_t)size - 1;
	sa_pool_free(pool, object);
	support_flip(object + size - 1);
	if (parameter % 2 == 1)
		sa_pool_destroy(pool);
	for (size_t i = 0; i < 1000000; i++)
		alloc(pool);
}

START_TEST(test_write_after_free)
{
	support_assert_misuse(write_after_free, (size_t)_i);
}
END_TEST

/* --------------------------------------------------------------- threads */

#define WORKERS 4

static sa_pool *shared;

static void *churn(void *context)
{
	unsigned char *objects[200] = {NULL};
	support_random random = {(uintptr_t)context};
	size_t n = SUPPORT_ROUNDS(100000), i;

	for (i = 0; i < n; i++) {
		size_t at = support_random_below(&random, 200);

		if (objects[at] == NULL) {
			objects[at] = alloc(shared);
			support_fill(objects[at], 24, at);
			continue;
		}
		SUPPORT_REQUIRE(support_is_filled(objects[at], 24, at));
		sa_pool_free(shared, objects[at]);
		objects[at] = NULL;
	}
	for (i = 0; i < 200; i++)
		sa_pool_free(shared, objects[i]);
	return NULL;
}

START_TEST(test_threads)
{
	pthread_t threads[WORKERS];
	size_t i;

	shared = create(24, 8);
	for (i = 0; i < WORKERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, churn,
						(void *)(i + 1)),
				 0);
	for (i = 0; i < WORKERS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(support_stats(arena).live_count, 0);
	ck_assert_int_eq(sa_arena_check(arena), 0);
	sa_pool_destroy(shared);
}
END_TEST

static unsigned char *passed[CROWD];

static void *fill_shared(void *unused)
{
	(void)unused;
	fill(shared, passed, CROWD);
	return NULL;
}

static void *free_shared(void *unused)
{
	(void)unused;
	free_all(shared, passed, CROWD);
	return NULL;
}

static void in_thread(void *(*body)(void *))
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, body, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

/* Made by one thread, freed by another, the memory used by a third. */
START_TEST(test_from_thread_to_thread)
{
	size_t mapped, round;

	shared = create(32, 8);
	in_thread(fill_shared);
	in_thread(free_shared);
	mapped = support_stats(arena).mapped_size;
	for (round = 0; round < 20; round++) {
		in_thread(fill_shared);
		free_shared(NULL);
	}
	ck_assert_uint_le(support_stats(arena).mapped_size, 3 * mapped);
	/* And the thread's bin serves the next pool of that number. */
	fill_shared(NULL);
	sa_pool_destroy(shared);
	shared = create(80, 16);
	in_thread(fill_shared);
	in_thread(free_shared);
	sa_pool_destroy(shared);
	ck_assert_uint_eq(support_stats(arena).slab_count, 0);
}
END_TEST

/* What a reset forgets of others' frees does not keep their slabs from being
 * collected later. */
START_TEST(test_reset_between_threads)
{
	size_t slabs = 0, round;

	shared = create(32, 8);
	for (round = 0; round < 12; round++) {
		fill(shared, passed, CROWD);
		in_thread(free_shared);
		if (round < 4)
			ck_assert_int_eq(sa_arena_reset(arena), 0);
		if (round == 4)
			slabs = support_stats(arena).slab_count;
	}
	ck_assert_uint_eq(support_stats(arena).slab_count, slabs);
	sa_pool_destroy(shared);
}
END_TEST

/* ------------------------------------------------------------------ fork */

static void use_in_child(void *unused)
{
	(void)unused;
	free_all(shared, passed, CROWD);
	fill(shared, passed, CROWD);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	sa_pool_destroy(shared);
	SUPPORT_REQUIRE(support_stats(arena).live_count == 0);
	sa_arena_destroy(arena);
}

static void begin_anew_in_child(void *unused)
{
	(void)unused;
	SUPPORT_REQUIRE(support_stats(arena).live_count == 0);
	SUPPORT_REQUIRE(!sa_arena_owns(arena, passed[0]));
	fill(shared, passed, CROWD);
	free_all(shared, passed, CROWD);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	sa_pool_destroy(shared);
	SUPPORT_REQUIRE(support_stats(arena).slab_count == 0);
	sa_arena_destroy(arena);
}

static void tidy_up_in_child(void *unused)
{
	(void)unused;
	errno = 0;
	SUPPORT_REQUIRE(sa_pool_alloc(shared) == NULL);
	SUPPORT_REQUIRE(errno == EACCES);
	sa_pool_free(shared, passed[0]);
	SUPPORT_REQUIRE(support_stats(arena).live_count == CROWD - 1);
	sa_pool_destroy(shared);
	SUPPORT_REQUIRE(support_stats(arena).live_count == 0);
	sa_arena_destroy(arena);
}

START_TEST(test_fork)
{
	static const support_body bodies[] = {use_in_child, tidy_up_in_child,
					      begin_anew_in_child};
	sa_arena_options options = support_options();

	if (!support_takes_advice() && _i != SA_ARENA_FORK_INHERIT) {
		support_skip("fork", "no advice is taken here");
		return;
	}
	sa_arena_destroy(arena);
	options.fork = (sa_arena_fork)_i;
	arena = sa_arena_create(&options);
	shared = create(32, 8);
	in_thread(fill_shared);
	support_assert_passes(bodies[_i], NULL);
	free_all(shared, passed, CROWD);
	sa_pool_destroy(shared);
}
END_TEST

/* ----------------------------------------------------------------- suite */

static Suite *pool_suite(void)
{
	const int nshapes = (int)SUPPORT_LENGTH(shapes);
	Suite *suite = suite_create("pool");
	TCase *cases = tcase_create("pool");
	TCase *single = tcase_create("pool, one thread at a time");

	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_set_timeout(cases, 120);
	tcase_add_loop_test(cases, test_shapes, 0, nshapes);
	tcase_add_test(cases, test_density);
	tcase_add_test(cases, test_bad_input);
	tcase_add_test(cases, test_never_anothers);
	tcase_add_test(cases, test_destroy_gives_back);
	tcase_add_test(cases, test_numbers_are_used_again);
	tcase_add_test(cases, test_many_pools);
	tcase_add_test(cases, test_calls_of_the_arena);
	tcase_add_test(cases, test_shrunk_stays);
	tcase_add_test(cases, test_reset);
	tcase_add_test(cases, test_capacity);
	tcase_add_loop_test(cases, test_resting, 0, 2);
	tcase_add_test(cases, test_destroy_while_held);
	tcase_add_test(cases, test_destroy_refused);
	tcase_add_test(cases, test_destroy_unused);
	tcase_add_loop_test(cases, test_wrong_pointers, 0, AFTER_DESTROY + 1);
	tcase_add_test(cases, test_without_pool);
	tcase_add_loop_test(cases, test_overflow, 0, 4 * nshapes);
	tcase_add_loop_test(cases, test_write_after_free, 0, nshapes);
	tcase_add_test(cases, test_threads);
	tcase_add_test(cases, test_from_thread_to_thread);
	tcase_add_test(cases, test_reset_between_threads);
	tcase_add_loop_test(cases, test_fork, 0, 3);
	suite_add_tcase(suite, cases);

	tcase_add_checked_fixture(single, setup_single_threaded, teardown);
	tcase_add_loop_test(single, test_shapes, 0, nshapes);
	tcase_add_test(single, test_many_pools);
	tcase_add_loop_test(single, test_resting, 0, 2);
	tcase_add_test(single, test_destroy_while_held);
	suite_add_tcase(suite, single);
	return suite;
}

int main(void)
{
	return support_run(pool_suite());
}
