/* SPDX-License-Identifier: ISC */
/*
 * What no table of crimes tells: canaries seen from outside, a region's edges,
 * and the handler, which is told the kind, the arena, the object, its size and
 * the first wrong byte.  In arenas of both kinds.
 */
#include <config.h>

#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))
/* The canary that every object has at the least. */
#define CANARY 8
#define CROWD 200

static unsigned flags;

static void setup_default(void)
{
	flags = 0;
}

static void setup_single_threaded(void)
{
	flags = SA_ARENA_SINGLE_THREADED;
}

static sa_arena *create_vault(void)
{
	sa_arena_options options = support_options();
	sa_arena *vault;

	options.name = SUPPORT_VAULT;
	options.flags = flags;
	vault = sa_arena_create(&options);
	SUPPORT_REQUIRE(vault != NULL);
	return vault;
}

static unsigned char *alloc(sa_arena *vault, size_t size)
{
	unsigned char *object = sa_arena_alloc(vault, size);

	SUPPORT_REQUIRE(object != NULL);
	support_fill(object, size, size);
	return object;
}

static int by_address(const void *left, const void *right)
{
	unsigned char *const *a = left, *const *b = right;

	return (*a > *b) - (*a < *b);
}

/* CROWD objects, in the order of their addresses. */
static void alloc_crowd(sa_arena *vault, size_t size, unsigned char **crowd)
{
	size_t i;

	for (i = 0; i < CROWD; i++)
		crowd[i] = alloc(vault, size);
	qsort(crowd, CROWD, sizeof *crowd, by_address);
}

/* An object amid others of its size. */
static unsigned char *alloc_among_others(sa_arena *vault, size_t size)
{
	unsigned char *crowd[CROWD];

	alloc_crowd(vault, size, crowd);
	return crowd[CROWD / 2];
}

static void expect(support_misuse *expected, sa_arena_misuse_kind kind,
		   const void *object, size_t size, ptrdiff_t offset)
{
	expected->kind = kind;
	expected->object = object;
	expected->size = size;
	expected->offset = offset;
}

static void flip_range(const unsigned char *from, size_t count)
{
	while (count-- > 0)
		support_flip(from + count);
}

/* ------------------------------------------------------------ canaries */

static uint64_t canary_of(const unsigned char *object, size_t size)
{
	uint64_t canary = 0;
	size_t i;

	for (i = 0; i < CANARY; i++)
		canary = canary << 8 | support_peek(object + size + i);
	return canary;
}

/* A NUL never passes for the first byte, a string ends at the second, and one
 * canary tells nothing of another. */
START_TEST(test_canaries_differ)
{
	sa_arena *vault = create_vault();
	unsigned char *crowd[CROWD];
	uint64_t canary;
	size_t size, i, alike;

	for (size = 0; size < 100; size += 9) {
		alike = 0;
		alloc_crowd(vault, size, crowd);
		for (i = 0; i < CROWD; i++) {
			canary = canary_of(crowd[i], size);
			ck_assert_uint_ne(canary >> 56, 0);
			ck_assert_uint_eq(canary >> 48 & 0xff, 0);
			alike += canary == canary_of(crowd[0], size);
			alike += canary == canary_of(crowd[i / 2], size);
		}
		ck_assert_uint_le(alike, 4);
	}
	sa_arena_destroy(vault);
}
END_TEST

/* ----------------------------------------------------------- underflow */

/* The parameter is a place among the crowd and a number of bytes. */
static void underflow(support_misuse *expected, size_t parameter)
{
	sa_arena *vault = create_vault();
	unsigned char *crowd[CROWD], *object;
	size_t count = parameter / CROWD;

	alloc_crowd(vault, 32, crowd);
	object = crowd[parameter % CROWD];
	expect(expected, SA_ARENA_MISUSE_UNDERFLOW, object, 32,
	       -(ptrdiff_t)count);
	flip_range(object - count, count);
	sa_arena_free(vault, object);
}

/* One byte, with those between it and the object left alone. */
static void underflow_at_distance(support_misuse *expected, size_t parameter)
{
	sa_arena *vault = create_vault();
	unsigned char *crowd[CROWD], *object;
	size_t distance = parameter / CROWD;

	alloc_crowd(vault, 32, crowd);
	object = crowd[parameter % CROWD];
	expect(expected, SA_ARENA_MISUSE_UNDERFLOW, object, 32,
	       -(ptrdiff_t)distance);
	support_flip(object - distance);
	sa_arena_free(vault, object);
}

START_TEST(test_underflow)
{
	static const size_t places[] = {0, 1, 2, CROWD / 2, CROWD - 1};
	size_t place = places[_i], count;

	for (count = 1; count <= CANARY; count++) {
		support_assert_misuse(underflow, count * CROWD + place);
		support_assert_misuse(underflow_at_distance,
				      count * CROWD + place);
	}
}
END_TEST

/* What is kept of large objects that are gone is used anew oldest first. */
static void free_large_twice(support_misuse *expected, size_t unused)
{
	sa_arena *vault = create_vault();
	void *first = sa_arena_alloc(vault, 20000);
	void *second = sa_arena_alloc(vault, 20000);

	(void)unused;
	sa_arena_free(vault, first);
	sa_arena_free(vault, second);
	SUPPORT_REQUIRE(sa_arena_alloc(vault, 1000000) != NULL);
	expect(expected, SA_ARENA_MISUSE_DOUBLE_FREE, second, 0, 0);
	sa_arena_free(vault, second);
}

START_TEST(test_free_large_twice)
{
	support_assert_misuse(free_large_twice, 0);
}
END_TEST

/* The damaged bytes are also the lower neighbour's. */
static void underflow_seen_from_below(support_misuse *expected, size_t unused)
{
	sa_arena *vault = create_vault();
	unsigned char *crowd[CROWD];
	size_t i, lower = 0;

	(void)unused;
	alloc_crowd(vault, 32, crowd);
	for (i = 0; i + 1 < CROWD; i++)
		if (crowd[i + 1] - crowd[i] < crowd[lower + 1] - crowd[lower])
			lower = i;
	expect(expected, SA_ARENA_MISUSE_OVERFLOW, crowd[lower], 32,
	       crowd[lower + 1] - 1 - crowd[lower]);
	support_flip(crowd[lower + 1] - 1);
	sa_arena_free(vault, crowd[lower]);
}

START_TEST(test_underflow_seen_from_below)
{
	support_assert_misuse(underflow_seen_from_below, 0);
}
END_TEST

/* ------------------------------------------- pointers to no live object */

static unsigned char in_data[1];

/* There is no arena whose name the report could give. */
static void free_in_no_arena(void *context)
{
	(void)context;
	sa_arena_free(NULL, in_data);
}

static void size_in_no_arena(void *context)
{
	(void)context;
	SUPPORT_REQUIRE(sa_arena_size(NULL, in_data) == SIZE_MAX);
}

static void size_of_nothing(support_misuse *expected, size_t unused)
{
	(void)unused;
	expect(expected, SA_ARENA_MISUSE_INVALID_POINTER, NULL, 0, 0);
	SUPPORT_REQUIRE(sa_arena_size(create_vault(), NULL) == SIZE_MAX);
}

static void assert_no_arena(support_body crime)
{
	support_end end;
	char line[256];

	snprintf(line, sizeof line,
		 "sodium-arena: invalid pointer: arena \"(null)\": object %p "
		 "of 0 bytes, first wrong byte at offset 0\n",
		 (void *)in_data);
	support_child(crime, NULL, &end);
	ck_assert_int_eq(end.signal, SIGABRT);
	ck_assert_str_eq(end.text, line);
}

START_TEST(test_no_arena)
{
	assert_no_arena(free_in_no_arena);
	assert_no_arena(size_in_no_arena);
	support_assert_misuse(size_of_nothing, 0);
}
END_TEST

/* --------------------------------------------------------- double free */

/* The memory may have gone back, and with it what was known of the object. */
static void free_after_reset(void *unused)
{
	sa_arena *vault = create_vault();
	unsigned char *object = alloc_among_others(vault, 32);

	(void)unused;
	SUPPORT_REQUIRE(sa_arena_reset(vault) == 0);
	sa_arena_free(vault, object);
}

/* The old address of an object that a realloc has moved. */
static void free_what_moved(support_misuse *expected, size_t unused)
{
	sa_arena *vault = create_vault();
	unsigned char *object = alloc_among_others(vault, 32);
	uintptr_t old = (uintptr_t)object;

	(void)unused;
	expect(expected, SA_ARENA_MISUSE_DOUBLE_FREE, (void *)old, 0, 0);
	SUPPORT_REQUIRE(sa_arena_realloc(vault, object, 2000) != NULL);
	sa_arena_free(vault, (void *)old);
}

START_TEST(test_double_free_by_other_means)
{
	support_assert_dies(free_after_reset, NULL, SIGABRT);
	support_assert_misuse(free_what_moved, 0);
}
END_TEST

/* --------------------------------------------------- write after free */

/* Trim looks at what it gives back. */
static void write_before_trim(support_misuse *expected, size_t size)
{
	enum { COUNT = 20000 };
	static unsigned char *objects[COUNT];
	sa_arena *vault = create_vault();
	size_t i;

	for (i = 0; i < COUNT; i++)
		objects[i] = alloc(vault, size);
	for (i = 0; i < COUNT; i++)
		sa_arena_free(vault, objects[i]);
	for (i = 0; i < COUNT; i++)
		support_flip(objects[i] + size - 1);
	expect(expected, SA_ARENA_MISUSE_WRITE_AFTER_FREE, SUPPORT_ANY, 0,
	       (ptrdiff_t)size - 1);
	SUPPORT_REQUIRE(sa_arena_trim(vault) > 0);
}

START_TEST(test_write_before_trim)
{
	support_assert_misuse(write_before_trim, 1);
	support_assert_misuse(write_before_trim, 32);
	support_assert_misuse(write_before_trim, 100);
}
END_TEST

/* So does an arena that may not grow, when it gives another size the room. */
static void write_before_another_size(support_misuse *expected, size_t size)
{
	sa_arena_options options = support_options();
	sa_arena *vault;
	unsigned char *object;

	options.name = SUPPORT_VAULT;
	options.flags = flags;
	options.capacity = 64 * 1024;
	vault = sa_arena_create(&options);
	SUPPORT_REQUIRE(vault != NULL);
	object = alloc(vault, size);
	sa_arena_free(vault, object);
	support_flip(object + 5);
	expect(expected, SA_ARENA_MISUSE_WRITE_AFTER_FREE, object, 0, 5);
	while (sa_arena_alloc(vault, 500) != NULL)
		continue;
}

START_TEST(test_write_before_another_size)
{
	support_assert_misuse(write_before_another_size, 100);
	support_assert_misuse(write_before_another_size, 2000);
}
END_TEST

/* ------------------------------------------------------------ the line */

static const unsigned char *shared_object;

static sa_arena *create_named(const char *name)
{
	sa_arena_options options = support_options();
	sa_arena *arena;

	options.name = name;
	options.flags = flags;
	arena = sa_arena_create(&options);
	ck_assert_ptr_nonnull(arena);
	return arena;
}

static void spoil_and_free(void *context)
{
	support_flip(shared_object + 32);
	sa_arena_free(context, (void *)(uintptr_t)shared_object);
}

/* Neither the object's bytes nor what a name holds gets through. */
START_TEST(test_line_is_clean)
{
	sa_arena *arena = create_named("two\nlines \"and\\ \x1b[31mmore");
	support_end end;
	char *object = sa_arena_alloc(arena, 32);

	ck_assert_ptr_nonnull(object);
	memcpy(object, "correct horse battery staple!!!!", 32);
	shared_object = (unsigned char *)object;
	support_child(spoil_and_free, arena, &end);
	ck_assert_int_eq(end.signal, SIGABRT);
	ck_assert_ptr_null(strstr(end.text, "horse"));
	ck_assert_ptr_null(strchr(end.text, '\x1b'));
	ck_assert_ptr_eq(strchr(end.text, '\n'),
			 end.text + strlen(end.text) - 1);
	sa_arena_destroy(arena);
}
END_TEST

/* ------------------------------------------------------------- handlers */

static void leave_with(const sa_arena_misuse *misuse, void *context)
{
	(void)misuse;
	support_leave(*(int *)context);
}

static void use_arena(const sa_arena_misuse *misuse, void *context)
{
	sa_arena *arena = context;
	void *object = sa_arena_alloc(arena, 100);

	SUPPORT_REQUIRE(object != NULL);
	SUPPORT_REQUIRE(sa_arena_owns(arena, object));
	sa_arena_free(arena, object);
	SUPPORT_REQUIRE(support_stats(arena).live_count == 1);
	SUPPORT_REQUIRE(sa_arena_open(arena, SA_ARENA_READONLY) == 0);
	SUPPORT_REQUIRE(sa_arena_close(arena, SA_ARENA_READONLY) == 0);
	(void)sa_arena_trim(arena);
	sa_arena_destroy(create_vault());
	fprintf(stderr, "%s", sa_arena_misuse_name(misuse->kind));
}

static void commit_with_leaving_handler(void *context)
{
	static int status = 7;

	sa_arena_set_misuse_handler(use_arena, context);
	sa_arena_set_misuse_handler(leave_with, &status);
	spoil_and_free(context);
}

static void commit_with_restored_handler(void *context)
{
	static int status = 7;

	sa_arena_set_misuse_handler(leave_with, &status);
	sa_arena_set_misuse_handler(NULL, NULL);
	spoil_and_free(context);
}

/* No lock is held while the handler runs, whoever finds the damage. */
static void commit_with_busy_handler(void *context)
{
	sa_arena_set_misuse_handler(use_arena, context);
	spoil_and_free(context);
}

static void check_with_busy_handler(void *context)
{
	sa_arena_set_misuse_handler(use_arena, context);
	support_flip(shared_object + 32);
	SUPPORT_REQUIRE(sa_arena_check(context) == 0);
}

static void reset_with_busy_handler(void *context)
{
	sa_arena_set_misuse_handler(use_arena, context);
	support_flip(shared_object + 32);
	SUPPORT_REQUIRE(sa_arena_reset(context) == 0);
}

static void realloc_with_busy_handler(void *context)
{
	sa_arena_set_misuse_handler(use_arena, context);
	support_flip(shared_object + 32);
	SUPPORT_REQUIRE(sa_arena_realloc(context,
					 (void *)(uintptr_t)shared_object,
					 31) != NULL);
}

static void misfree_with_busy_handler(void *context)
{
	sa_arena_set_misuse_handler(use_arena, context);
	sa_arena_free(context, in_data);
}

/* What was opened to look at the damage is closed before the handler runs. */
static void look_whether_closed(const sa_arena_misuse *misuse, void *object)
{
	(void)misuse;
	if (!support_is_readable(object))
		fputs("closed", stderr);
}

static void free_at_rest(void *context)
{
	sa_arena_set_misuse_handler(look_whether_closed,
				    (void *)(uintptr_t)shared_object);
	sa_arena_free(context, (void *)(uintptr_t)shared_object);
}

START_TEST(test_handler_finds_regions_closed)
{
	sa_arena *arena = create_named("keys");
	/* With slack behind it, which is watched. */
	size_t size = _i == 0 ? 32 : 99999;
	support_end end;

	shared_object = alloc(arena, size);
	support_flip(shared_object + size);
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_NOACCESS), 0);
	support_child(free_at_rest, arena, &end);
	ck_assert_int_eq(end.signal, SIGABRT);
	ck_assert_ptr_nonnull(strstr(end.text, "closed"));
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_READWRITE), 0);
	support_flip(shared_object + size);
	sa_arena_destroy(arena);
}
END_TEST

START_TEST(test_handler)
{
	sa_arena *arena = create_named("keys");
	support_end end;

	shared_object = alloc(arena, 32);
	support_child(commit_with_leaving_handler, arena, &end);
	ck_assert_int_eq(end.status, 7);
	ck_assert_str_eq(end.text, "");
	support_child(commit_with_restored_handler, arena, &end);
	ck_assert_int_eq(end.signal, SIGABRT);
	ck_assert_ptr_nonnull(strstr(end.text, "sodium-arena: overflow: "));
	sa_arena_destroy(arena);
}
END_TEST

START_TEST(test_handler_uses_arena)
{
	static const struct {
		support_body crime;
		const char *kind;
	} crimes[] = {
		{commit_with_busy_handler, "overflow"},
		{check_with_busy_handler, "overflow"},
		{reset_with_busy_handler, "overflow"},
		{realloc_with_busy_handler, "overflow"},
		{misfree_with_busy_handler, "invalid pointer"},
	};
	sa_arena *arena = create_named("keys");
	support_end end;

	shared_object = alloc(arena, 32);
	support_child(crimes[_i].crime, arena, &end);
	ck_assert_str_eq(end.text, crimes[_i].kind);
	ck_assert_int_eq(end.signal, SIGABRT);
	sa_arena_destroy(arena);
}
END_TEST

/* ------------------------------------------------------- region's ends */

static void walk(const unsigned char *from, ptrdiff_t step, size_t size)
{
	size_t walked;

	for (walked = 0; walked <= size; walked += PAGE)
		support_peek(from + step * (ptrdiff_t)walked);
}

static void walk_up(void *context)
{
	walk(shared_object, 1, support_stats(context).mapped_size);
}

static void walk_down(void *context)
{
	walk(shared_object, -1, support_stats(context).mapped_size);
}

/* What a small object's overread meets at last: a guard page. */
START_TEST(test_guards)
{
	sa_arena *arena = create_named("keys");
	size_t i;

	for (i = 0; i < 5000; i++) {
		shared_object = alloc(arena, 32);
		if (i % 1000 != 0)
			continue;
		support_assert_dies(walk_up, arena, SIGSEGV);
		support_assert_dies(walk_down, arena, SIGSEGV);
	}
	sa_arena_destroy(arena);
}
END_TEST

/* -------------------------------------------------------------- suite */

static void add_crimes(Suite *suite, const char *name, void (*setup)(void))
{
	TCase *crimes = tcase_create(name);

	suite_add_tcase(suite, crimes);
	tcase_set_timeout(crimes, 60);
	tcase_add_checked_fixture(crimes, setup, NULL);
	tcase_add_test(crimes, test_canaries_differ);
	tcase_add_loop_test(crimes, test_underflow, 0, 5);
	tcase_add_test(crimes, test_underflow_seen_from_below);
	tcase_add_test(crimes, test_free_large_twice);
	tcase_add_test(crimes, test_no_arena);
	tcase_add_test(crimes, test_double_free_by_other_means);
	tcase_add_test(crimes, test_write_before_trim);
	tcase_add_test(crimes, test_write_before_another_size);
	tcase_add_test(crimes, test_line_is_clean);
	tcase_add_test(crimes, test_handler);
	tcase_add_loop_test(crimes, test_handler_finds_regions_closed, 0, 2);
	tcase_add_loop_test(crimes, test_handler_uses_arena, 0, 5);
	tcase_add_test(crimes, test_guards);
}

int main(void)
{
	Suite *suite = suite_create("crimes");

	add_crimes(suite, "crimes", setup_default);
	add_crimes(suite, "crimes, single-threaded", setup_single_threaded);
	return support_run(suite);
}
