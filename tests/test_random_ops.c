/* SPDX-License-Identifier: ISC */
/*
 * Random operations against a shadow model that knows every object, its
 * content and every figure the arena must give.  SA_TEST_SEED=N repeats what
 * was printed.
 */
#include <config.h>

#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OBJECTS 2000
#define LARGEST 300000

/* An object as the model knows it; `object` NULL: none. */
typedef struct shadow {
	unsigned char *object;
	size_t size;
	uint64_t seed;
} shadow;

typedef struct model {
	support_random random;
	sa_arena *arena;
	int is_limited;
	shadow shadows[OBJECTS];
	size_t live_count, live_size;
	uint64_t alloc_count, free_count, failure_count;
	size_t readers, writers;
	sa_arena_access resting;
	size_t step;
	unsigned char buffer[LARGEST];
} model;

static model state;

static size_t below(size_t bound)
{
	return support_random_below(&state.random, bound);
}

static sa_arena_access access_now(void)
{
	if (state.writers > 0 || state.resting == SA_ARENA_READWRITE)
		return SA_ARENA_READWRITE;
	if (state.readers > 0 || state.resting == SA_ARENA_READONLY)
		return SA_ARENA_READONLY;
	return SA_ARENA_NOACCESS;
}

static int is_writable(void)
{
	return access_now() == SA_ARENA_READWRITE;
}

static int is_readable(void)
{
	return access_now() != SA_ARENA_NOACCESS;
}

static size_t random_size(void)
{
	switch (below(20)) {
	case 0:
		return below(3000);
	case 1:
		return below(20000);
	case 2:
		return below(10) == 0 ? below(LARGEST) : 0;
	case 3:
		return 32;
	default:
		return below(200);
	}
}

/* Every figure that the model knows; with one thread all are exact. */
static void verify_figures(void)
{
	sa_arena_stats stats = support_stats(state.arena);

	ck_assert_uint_eq(stats.live_count, state.live_count);
	ck_assert_uint_eq(stats.live_size, state.live_size);
	ck_assert_uint_eq(stats.alloc_count, state.alloc_count);
	ck_assert_uint_eq(stats.free_count, state.free_count);
	ck_assert_uint_eq(stats.failure_count, state.failure_count);
	ck_assert_uint_eq(stats.holder_count, state.readers + state.writers);
	ck_assert_int_eq(sa_arena_current_access(state.arena), access_now());
}

static void verify(const shadow *it)
{
	ck_assert_int_eq(sa_arena_owns(state.arena, it->object), 1);
	ck_assert_uint_eq(sa_arena_size(state.arena, it->object), it->size);
	if (is_readable())
		ck_assert_msg(support_is_filled(it->object, it->size, it->seed),
			      "step %zu", state.step);
}

/* NULL is right at rest, and where there may be no room. */
static int is_refused(const void *result)
{
	if (result != NULL) {
		ck_assert_msg(is_writable(), "step %zu", state.step);
		return 0;
	}
	state.failure_count++;
	if (!is_writable()) {
		ck_assert_int_eq(errno, EACCES);
	} else {
		ck_assert_int_eq(errno, ENOSPC);
		ck_assert_int_eq(state.is_limited, 1);
	}
	return 1;
}

static void adopt(shadow *it, void *object, size_t size)
{
	it->object = object;
	it->size = size;
	state.live_count++;
	state.live_size += size;
	state.alloc_count++;
}

static void disown(shadow *it)
{
	it->object = NULL;
	state.live_count--;
	state.live_size -= it->size;
	state.free_count++;
}

static void refill(shadow *it)
{
	it->seed = support_random_next(&state.random);
	support_fill(it->object, it->size, it->seed);
}

/* ---------------------------------------------------------- operations */

static void do_alloc(shadow *it)
{
	size_t size = random_size(), alignment = (size_t)1 << below(13);
	void *object;

	switch (below(4)) {
	case 0:
		object = sa_arena_calloc(state.arena, size, 1);
		break;
	case 1:
		object = sa_arena_aligned_alloc(state.arena, alignment, size);
		ck_assert_uint_eq((uintptr_t)object % alignment, 0);
		break;
	case 2:
		object = sa_arena_realloc(state.arena, NULL, size);
		break;
	default:
		object = sa_arena_alloc(state.arena, size);
	}
	if (is_refused(object))
		return;
	ck_assert(support_is_zero(object, size));
	adopt(it, object, size);
	refill(it);
}

static void do_copy(shadow *it)
{
	size_t size = random_size();
	uint64_t seed = support_random_next(&state.random);
	int takes = (int)below(2);
	void *object;

	support_fill(state.buffer, size, seed);
	object = takes ? sa_arena_take(state.arena, state.buffer, size)
		       : sa_arena_dup(state.arena, state.buffer, size);
	if (object != NULL && takes)
		ck_assert(support_is_zero(state.buffer, size));
	else
		ck_assert(support_is_filled(state.buffer, size, seed));
	if (is_refused(object))
		return;
	adopt(it, object, size);
	it->seed = seed;
}

static void do_free(shadow *it)
{
	verify(it);
	sa_arena_free(state.arena, it->object);
	ck_assert_int_eq(sa_arena_owns(state.arena, it->object), 0);
	disown(it);
}

static void do_realloc(shadow *it)
{
	size_t size = random_size();
	size_t kept = size < it->size ? size : it->size;
	uintptr_t old = (uintptr_t)it->object;
	unsigned char *object;

	if (!is_writable() && size <= it->size)
		return;
	object = sa_arena_realloc(state.arena, it->object, size);
	if (is_refused(object)) {
		verify(it);
		return;
	}
	ck_assert(support_is_filled(object, kept, it->seed));
	ck_assert(support_is_zero(object + kept, size - kept));
	state.alloc_count += old != (uintptr_t)object;
	state.free_count += old != (uintptr_t)object;
	state.live_size += size - it->size;
	it->object = object;
	it->size = size;
	refill(it);
}

static void do_ask(const shadow *it)
{
	const size_t offset = 1 + below(it->size + 7);

	verify(it);
	ck_assert_int_eq(sa_arena_owns(state.arena, it->object + offset), 0);
}

static void do_protect(void)
{
	sa_arena_access access = (sa_arena_access)below(3);

	ck_assert_int_eq(sa_arena_protect(state.arena, access), 0);
	state.resting = access;
}

static void do_open(void)
{
	int writes = (int)below(2);

	ck_assert_int_eq(sa_arena_open(state.arena, writes ? SA_ARENA_READWRITE
							   : SA_ARENA_READONLY),
			 0);
	state.writers += writes != 0;
	state.readers += writes == 0;
}

static void do_close(void)
{
	int writes = (int)below(2);
	size_t *holders = writes ? &state.writers : &state.readers;
	int result = sa_arena_close(state.arena, writes ? SA_ARENA_READWRITE
							: SA_ARENA_READONLY);

	ck_assert_int_eq(result, *holders > 0 ? 0 : -1);
	if (result == 0)
		(*holders)--;
}

static void do_reset(void)
{
	size_t i;

	ck_assert_int_eq(sa_arena_reset(state.arena), 0);
	for (i = 0; i < OBJECTS; i++)
		if (state.shadows[i].object != NULL)
			disown(&state.shadows[i]);
}

static void do_whole(void)
{
	sa_arena_stats before;
	size_t returned;

	if (below(40) == 0)
		do_reset();
	ck_assert_int_eq(sa_arena_check(state.arena), 0);
	before = support_stats(state.arena);
	returned = sa_arena_trim(state.arena);
	ck_assert_uint_eq(support_stats(state.arena).mapped_size,
			  before.mapped_size - returned);
	ck_assert_int_eq(sa_arena_check(state.arena), 0);
}

/* Objects come and go; now and then something befalls all of them. */
static void do_something(void)
{
	shadow *it = &state.shadows[below(OBJECTS)];

	switch (below(1000)) {
	case 0:
	case 1:
		do_whole();
		break;
	case 2:
	case 3:
		do_protect();
		break;
	case 4:
	case 5:
	case 6:
		do_open();
		break;
	case 7:
	case 8:
	case 9:
		do_close();
		break;
	default:
		if (it->object == NULL)
			below(3) == 0 ? do_copy(it) : do_alloc(it);
		else if (below(4) == 0)
			do_realloc(it);
		else if (below(4) == 0)
			do_ask(it);
		else
			do_free(it);
	}
}

/* --------------------------------------------------------------- runs */

static const struct {
	unsigned flags;
	size_t capacity, reserve;
} arenas[] = {
	{0, 0, 0},
	{SA_ARENA_SINGLE_THREADED, 0, 0},
	{0, 300000, 0},
	{SA_ARENA_SINGLE_THREADED, 50000, 50000},
	{0, 0, (size_t)1 << 20},
};

static void create(size_t i)
{
	sa_arena_options options = support_options();

	memset(&state, 0, sizeof state);
	support_random_seed(&state.random);
	options.flags = arenas[i].flags;
	options.capacity = arenas[i].capacity;
	options.reserve = arenas[i].reserve;
	state.arena = sa_arena_create(&options);
	ck_assert_ptr_nonnull(state.arena);
	state.is_limited = arenas[i].capacity != 0;
	state.resting = SA_ARENA_READWRITE;
}

START_TEST(test_random_operations)
{
	const size_t steps = SUPPORT_ROUNDS(100000);
	size_t i;

	create((size_t)_i);
	for (state.step = 0; state.step < steps; state.step++) {
		do_something();
		if (state.step % 64 == 0)
			verify_figures();
	}
	for (i = 0; i < OBJECTS; i++)
		if (state.shadows[i].object != NULL)
			verify(&state.shadows[i]);
	verify_figures();
	sa_arena_destroy(state.arena);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("random operations");
	TCase *random = tcase_create("random operations");

	suite_add_tcase(suite, random);
	tcase_set_timeout(random, 120);
	tcase_add_loop_test(random, test_random_operations, 0,
			    SUPPORT_LENGTH(arenas));
	return support_run(suite);
}
