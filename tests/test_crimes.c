/* SPDX-License-Identifier: ISC */
/*
 * Every misuse ends the process by SIGABRT, and the report before it names
 * the kind, the arena, the object, its size and the first wrong byte.  One
 * crime a child; each in arenas of both kinds.
 */
#include <config.h>

#include "support.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))
/* Larger than any slot; where it begins, no other object ends. */
#define LARGE (((size_t)1 << 20) + 5)
/* The canary that every object has at the least. */
#define CANARY 8
#define CROWD 200
/* Of many sizes, an instrumented program has time for one in five. */
#define STRIDE(n) ((n) * (SUPPORT_SANITIZED ? 5 : 1))

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

	if (size > 4096)
		return alloc(vault, size);
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

/* ------------------------------------------------------------ overflow */

static const size_t odd_sizes[] = {
	319,   511,   513,   777,    1000,   1023,  1025,
	1500,  2047,  2049,  3001,   4095,   4097,  5001,
	8191,  8193,  10001, 16383,  16385,  20001, 32767,
	50001, 65535, 65537, 100001, 262143, LARGE, 2 * LARGE,
};

static void overflow_by_one(support_misuse *expected, size_t size)
{
	sa_arena *vault = create_vault();
	unsigned char *object = alloc_among_others(vault, size);

	expect(expected, SA_ARENA_MISUSE_OVERFLOW, object, size,
	       (ptrdiff_t)size);
	support_flip(object + size);
	sa_arena_free(vault, object);
}

/* The classic: a string's NUL one byte too far. */
static void overflow_by_nul(support_misuse *expected, size_t size)
{
	sa_arena *vault = create_vault();
	unsigned char *object = alloc_among_others(vault, size);

	expect(expected, SA_ARENA_MISUSE_OVERFLOW, object, size,
	       (ptrdiff_t)size);
	support_poke(object + size, '\0');
	sa_arena_free(vault, object);
}

START_TEST(test_overflow_by_one)
{
	size_t size;

	for (size = (size_t)_i; size <= 300; size += STRIDE(10)) {
		support_assert_misuse(overflow_by_one, size);
		support_assert_misuse(overflow_by_nul, size);
	}
}
END_TEST

START_TEST(test_overflow_by_one_of_odd_size)
{
	support_assert_misuse(overflow_by_one, odd_sizes[_i]);
	support_assert_misuse(overflow_by_nul, odd_sizes[_i]);
}
END_TEST

enum { OVERFLOW_SIZES = 50 };

/* The parameter is a size and a number of bytes. */
static void overflow_by_many(support_misuse *expected, size_t parameter)
{
	size_t size = parameter % OVERFLOW_SIZES;
	sa_arena *vault = create_vault();
	unsigned char *object = alloc_among_others(vault, size);

	expect(expected, SA_ARENA_MISUSE_OVERFLOW, object, size,
	       (ptrdiff_t)size);
	flip_range(object + size, parameter / OVERFLOW_SIZES);
	sa_arena_free(vault, object);
}

/* A stride past the object: what it leaves alone hides nothing. */
static void overflow_at_distance(support_misuse *expected, size_t parameter)
{
	size_t size = parameter % OVERFLOW_SIZES;
	size_t offset = size + parameter / OVERFLOW_SIZES;
	sa_arena *vault = create_vault();
	unsigned char *object = alloc_among_others(vault, size);

	expect(expected, SA_ARENA_MISUSE_OVERFLOW, object, size,
	       (ptrdiff_t)offset);
	support_flip(object + offset);
	sa_arena_free(vault, object);
}

START_TEST(test_overflow_by_many)
{
	size_t count, size;

	for (size = (size_t)_i; size < OVERFLOW_SIZES; size += STRIDE(7))
		for (count = 1; count <= CANARY; count++) {
			support_assert_misuse(overflow_by_many,
					      count * OVERFLOW_SIZES + size);
			support_assert_misuse(overflow_at_distance,
					      (count - 1) * OVERFLOW_SIZES +
						      size);
		}
}
END_TEST

/* Any change of any bit of the first byte. */
static void overflow_by_bit(support_misuse *expected, size_t bit)
{
	sa_arena *vault = create_vault();
	unsigned char *object = alloc_among_others(vault, 32), *byte;

	byte = object + 32 + bit / 8;
	expect(expected, SA_ARENA_MISUSE_OVERFLOW, object, 32,
	       (ptrdiff_t)(32 + bit / 8));
	support_poke(byte, (unsigned char)(support_peek(byte) ^ 1u << bit % 8));
	sa_arena_free(vault, object);
}

START_TEST(test_overflow_by_bit)
{
	size_t bit;

	for (bit = 0; bit < 8 * CANARY; bit++)
		support_assert_misuse(overflow_by_bit, bit);
}
END_TEST

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

/* Past a large object's last byte that its alignment allows: the guard. */
static void overflow_into_guard(void *context)
{
	size_t size = *(size_t *)context;
	unsigned char *object = alloc(create_vault(), size);

	support_poke(object + size, 0);
}

START_TEST(test_overflow_into_guard)
{
	size_t size = ((size_t)1 << 20) + 16 * (size_t)_i;

	support_assert_dies(overflow_into_guard, &size, SIGSEGV);
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

static void underflow_by_one(support_misuse *expected, size_t size)
{
	sa_arena *vault = create_vault();
	unsigned char *object = alloc_among_others(vault, size);

	expect(expected, SA_ARENA_MISUSE_UNDERFLOW, object, size, -1);
	support_flip(object - 1);
	sa_arena_free(vault, object);
}

START_TEST(test_underflow_by_one)
{
	size_t size;

	for (size = (size_t)_i; size <= 300; size += STRIDE(30))
		support_assert_misuse(underflow_by_one, size);
}
END_TEST

START_TEST(test_underflow_by_one_of_odd_size)
{
	support_assert_misuse(underflow_by_one, odd_sizes[_i]);
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

/* ------------------------------------------- who finds a damaged canary */

static void find_by_free(sa_arena *vault, void *object)
{
	sa_arena_free(vault, object);
}

static void find_by_realloc(sa_arena *vault, void *object)
{
	SUPPORT_REQUIRE(sa_arena_realloc(vault, object, 31) != NULL);
}

static void find_by_moving(sa_arena *vault, void *object)
{
	SUPPORT_REQUIRE(sa_arena_realloc(vault, object, 10000) != NULL);
}

static void find_by_check(sa_arena *vault, void *object)
{
	(void)object;
	SUPPORT_REQUIRE(sa_arena_check(vault) == 0);
}

static void find_by_reset(sa_arena *vault, void *object)
{
	(void)object;
	SUPPORT_REQUIRE(sa_arena_reset(vault) == 0);
}

static void find_by_destroy(sa_arena *vault, void *object)
{
	(void)object;
	sa_arena_destroy(vault);
}

static void rest(sa_arena *vault, sa_arena_access access)
{
	SUPPORT_REQUIRE(sa_arena_protect(vault, access) == 0);
}

static void find_by_free_at_rest(sa_arena *vault, void *object)
{
	rest(vault, SA_ARENA_NOACCESS);
	sa_arena_free(vault, object);
}

static void find_by_check_at_rest(sa_arena *vault, void *object)
{
	rest(vault, SA_ARENA_NOACCESS);
	find_by_check(vault, object);
}

static void find_by_reset_at_rest(sa_arena *vault, void *object)
{
	rest(vault, SA_ARENA_READONLY);
	find_by_reset(vault, object);
}

static void find_by_destroy_at_rest(sa_arena *vault, void *object)
{
	rest(vault, SA_ARENA_NOACCESS);
	find_by_destroy(vault, object);
}

static void (*const finders[])(sa_arena *, void *) = {
	find_by_free,          find_by_realloc,
	find_by_moving,        find_by_check,
	find_by_reset,         find_by_destroy,
	find_by_free_at_rest,  find_by_check_at_rest,
	find_by_reset_at_rest, find_by_destroy_at_rest,
};

static void overflow_found(support_misuse *expected, size_t finder)
{
	sa_arena *vault = create_vault();
	unsigned char *object = alloc_among_others(vault, 32);

	expect(expected, SA_ARENA_MISUSE_OVERFLOW, object, 32, 32);
	support_flip(object + 32);
	finders[finder](vault, object);
}

static void large_overflow_found(support_misuse *expected, size_t finder)
{
	sa_arena *vault = create_vault();
	unsigned char *object = alloc(vault, LARGE);

	expect(expected, SA_ARENA_MISUSE_OVERFLOW, object, LARGE,
	       (ptrdiff_t)LARGE);
	support_flip(object + LARGE);
	finders[finder](vault, object);
}

static void large_underflow_found(support_misuse *expected, size_t finder)
{
	sa_arena *vault = create_vault();
	unsigned char *object = alloc(vault, LARGE);

	expect(expected, SA_ARENA_MISUSE_UNDERFLOW, object, LARGE, -1);
	support_flip(object - 1);
	finders[finder](vault, object);
}

START_TEST(test_overflow_found)
{
	support_assert_misuse(overflow_found, (size_t)_i);
	support_assert_misuse(large_overflow_found, (size_t)_i);
	support_assert_misuse(large_underflow_found, (size_t)_i);
}
END_TEST

/* ------------------------------------------- pointers to no live object */

enum { POINTER_SIZE = 64 };

static unsigned char in_data[POINTER_SIZE];

static void *from_inside(sa_arena *vault)
{
	return alloc_among_others(vault, POINTER_SIZE) + 1;
}

static void *from_inside_aligned(sa_arena *vault)
{
	return alloc_among_others(vault, POINTER_SIZE) + 16;
}

static void *from_end(sa_arena *vault)
{
	return alloc_among_others(vault, POINTER_SIZE) + POINTER_SIZE;
}

static void *from_before(sa_arena *vault)
{
	return alloc_among_others(vault, POINTER_SIZE) - 1;
}

static void *from_inside_large(sa_arena *vault)
{
	return alloc(vault, LARGE) + 16;
}

static void *from_deep_inside_large(sa_arena *vault)
{
	return alloc(vault, LARGE) + PAGE;
}

static void *from_before_large(sa_arena *vault)
{
	return alloc(vault, LARGE) - 16;
}

static void *from_guard_after_large(sa_arena *vault)
{
	return alloc(vault, LARGE) + LARGE + 11;
}

static void *from_other_arena(sa_arena *vault)
{
	(void)vault;
	return alloc(create_vault(), POINTER_SIZE);
}

static void *from_other_arena_large(sa_arena *vault)
{
	(void)vault;
	return alloc(create_vault(), LARGE);
}

static void *from_destroyed_arena(sa_arena *vault)
{
	sa_arena *gone = create_vault();
	void *object = alloc(gone, POINTER_SIZE);

	(void)vault;
	sa_arena_destroy(gone);
	return object;
}

static void *from_stack(sa_arena *vault)
{
	(void)vault;
	return __builtin_frame_address(0);
}

static void *from_heap(sa_arena *vault)
{
	(void)vault;
	return malloc(POINTER_SIZE);
}

static void *from_sodium(sa_arena *vault)
{
	(void)vault;
	return sodium_malloc(POINTER_SIZE);
}

static void *from_data(sa_arena *vault)
{
	(void)vault;
	return in_data;
}

static void *from_unmapped(sa_arena *vault)
{
	void *page =
		mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)vault;
	SUPPORT_REQUIRE(page != MAP_FAILED && munmap(page, PAGE) == 0);
	return page;
}

static void *from_arena(sa_arena *vault)
{
	return vault;
}

static void *from_lowest(sa_arena *vault)
{
	(void)vault;
	return (void *)(uintptr_t)1;
}

static void *from_highest(sa_arena *vault)
{
	(void)vault;
	return (void *)UINTPTR_MAX;
}

static void *from_non_canonical(sa_arena *vault)
{
	return (void *)((uintptr_t)alloc(vault, POINTER_SIZE) | (uintptr_t)1
									<< 62);
}

static void *from_sign_bit(sa_arena *vault)
{
	return (void *)((uintptr_t)alloc(vault, POINTER_SIZE) ^ (uintptr_t)1
									<< 63);
}

static void *(*const sources[])(sa_arena *) = {
	from_inside,
	from_inside_aligned,
	from_end,
	from_before,
	from_inside_large,
	from_deep_inside_large,
	from_before_large,
	from_guard_after_large,
	from_other_arena,
	from_other_arena_large,
	from_destroyed_arena,
	from_stack,
	from_heap,
	from_sodium,
	from_data,
	from_unmapped,
	from_arena,
	from_lowest,
	from_highest,
	from_non_canonical,
	from_sign_bit,
};

static void use_free(sa_arena *vault, void *pointer)
{
	sa_arena_free(vault, pointer);
}

static void use_realloc(sa_arena *vault, void *pointer)
{
	SUPPORT_REQUIRE(sa_arena_realloc(vault, pointer, 10) != NULL);
}

static void use_realloc_more(sa_arena *vault, void *pointer)
{
	SUPPORT_REQUIRE(sa_arena_realloc(vault, pointer, 5000) != NULL);
}

static void use_size(sa_arena *vault, void *pointer)
{
	SUPPORT_REQUIRE(sa_arena_size(vault, pointer) == SIZE_MAX);
}

static void use_free_at_rest(sa_arena *vault, void *pointer)
{
	rest(vault, SA_ARENA_NOACCESS);
	sa_arena_free(vault, pointer);
}

static void (*const uses[])(sa_arena *, void *) = {
	use_free, use_realloc, use_realloc_more, use_size, use_free_at_rest,
};

/* The parameter is a use and a source. */
static void use_invalid(support_misuse *expected, size_t parameter)
{
	sa_arena *vault = create_vault();
	void *pointer;

	alloc_among_others(vault, POINTER_SIZE);
	pointer = sources[parameter / SUPPORT_LENGTH(uses)](vault);
	expect(expected, SA_ARENA_MISUSE_INVALID_POINTER, pointer, 0, 0);
	uses[parameter % SUPPORT_LENGTH(uses)](vault, pointer);
}

START_TEST(test_invalid_pointer)
{
	size_t use;

	for (use = 0; use < SUPPORT_LENGTH(uses); use++)
		support_assert_misuse(use_invalid,
				      (size_t)_i * SUPPORT_LENGTH(uses) + use);
}
END_TEST

/* Every byte of a small object but its first. */
static void free_interior(support_misuse *expected, size_t offset)
{
	sa_arena *vault = create_vault();
	unsigned char *object = alloc_among_others(vault, POINTER_SIZE);

	expect(expected, SA_ARENA_MISUSE_INVALID_POINTER, object + offset, 0,
	       0);
	sa_arena_free(vault, object + offset);
}

START_TEST(test_interior_pointer)
{
	size_t offset;

	for (offset = 1; offset < POINTER_SIZE + CANARY; offset++)
		support_assert_misuse(free_interior, offset);
}
END_TEST

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

START_TEST(test_no_arena)
{
	support_end end;

	support_child(free_in_no_arena, NULL, &end);
	ck_assert_int_eq(end.signal, SIGABRT);
	ck_assert_ptr_nonnull(strstr(end.text, "invalid pointer"));
	support_child(size_in_no_arena, NULL, &end);
	ck_assert_int_eq(end.signal, SIGABRT);
	ck_assert_ptr_nonnull(strstr(end.text, "invalid pointer"));
	support_assert_misuse(size_of_nothing, 0);
}
END_TEST

/* --------------------------------------------------------- double free */

/* The parameter is a size and a use. */
static void use_freed(support_misuse *expected, size_t parameter)
{
	static const size_t sizes[] = {0, 1, 32, 100, 1000};
	size_t size = sizes[parameter / SUPPORT_LENGTH(uses)];
	sa_arena *vault = create_vault();
	unsigned char *object = alloc_among_others(vault, size);

	expect(expected, SA_ARENA_MISUSE_DOUBLE_FREE, object, 0, 0);
	sa_arena_free(vault, object);
	uses[parameter % SUPPORT_LENGTH(uses)](vault, object);
}

START_TEST(test_double_free)
{
	size_t use;

	for (use = 0; use < SUPPORT_LENGTH(uses); use++)
		support_assert_misuse(use_freed,
				      (size_t)_i * SUPPORT_LENGTH(uses) + use);
}
END_TEST

/* With other frees in between. */
static void free_again_later(support_misuse *expected, size_t later)
{
	sa_arena *vault = create_vault();
	unsigned char *crowd[CROWD];
	size_t i;

	alloc_crowd(vault, 32, crowd);
	expect(expected, SA_ARENA_MISUSE_DOUBLE_FREE, crowd[0], 0, 0);
	for (i = 0; i <= later; i++)
		sa_arena_free(vault, crowd[i]);
	sa_arena_free(vault, crowd[0]);
}

START_TEST(test_double_free_later)
{
	size_t later;

	for (later = 1; later < CROWD; later += 11)
		support_assert_misuse(free_again_later, later);
}
END_TEST

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

static void free_large_twice(support_misuse *expected, size_t use)
{
	sa_arena *vault = create_vault();
	unsigned char *object = alloc(vault, LARGE);

	expect(expected, SA_ARENA_MISUSE_DOUBLE_FREE, object, 0, 0);
	sa_arena_free(vault, object);
	uses[use](vault, object);
}

START_TEST(test_double_free_of_large)
{
	support_assert_misuse(free_large_twice, (size_t)_i);
}
END_TEST

/* --------------------------------------------------- write after free */

/* More than any delay before a slot is used again. */
#define ALLOCATIONS 100000

static void find_by_alloc(sa_arena *vault, void *object)
{
	size_t i;

	(void)object;
	for (i = 0; i < ALLOCATIONS; i++)
		SUPPORT_REQUIRE(sa_arena_alloc(vault, 32) != NULL);
}

/* Slots that come and go. */
static void find_by_pairs(sa_arena *vault, void *object)
{
	size_t i;
	void *other;

	(void)object;
	for (i = 0; i < ALLOCATIONS * 10; i++) {
		other = sa_arena_alloc(vault, 32);
		SUPPORT_REQUIRE(other != NULL);
		sa_arena_free(vault, other);
	}
}

static void (*const late_finders[])(sa_arena *, void *) = {
	find_by_alloc,         find_by_pairs,           find_by_check,
	find_by_reset,         find_by_destroy,         find_by_check_at_rest,
	find_by_reset_at_rest, find_by_destroy_at_rest,
};

enum { WRITE_OFFSETS = 32 };

/* The parameter is a finder and an offset. */
static void write_after_free(support_misuse *expected, size_t parameter)
{
	size_t offset = parameter % WRITE_OFFSETS;
	sa_arena *vault = create_vault();
	unsigned char *object = alloc_among_others(vault, 32);

	expect(expected, SA_ARENA_MISUSE_WRITE_AFTER_FREE, object, 0,
	       (ptrdiff_t)offset);
	sa_arena_free(vault, object);
	support_flip(object + offset);
	late_finders[parameter / WRITE_OFFSETS](vault, object);
}

START_TEST(test_write_after_free)
{
	static const size_t offsets[] = {0, 1, 7, 8, 15, 16, 23, 24, 30, 31};
	size_t i;

	for (i = 0; i < SUPPORT_LENGTH(offsets); i++)
		support_assert_misuse(write_after_free,
				      (size_t)_i * WRITE_OFFSETS + offsets[i]);
}
END_TEST

/* A whole object, written by one who held its address for too long. */
static void write_all_after_free(support_misuse *expected, size_t finder)
{
	sa_arena *vault = create_vault();
	unsigned char *object = alloc_among_others(vault, 32);

	expect(expected, SA_ARENA_MISUSE_WRITE_AFTER_FREE, object, 0, 3);
	sa_arena_free(vault, object);
	flip_range(object + 3, 29);
	late_finders[finder](vault, object);
}

START_TEST(test_write_all_after_free)
{
	support_assert_misuse(write_all_after_free, (size_t)_i);
}
END_TEST

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

static void spoil_below_and_free(void *context)
{
	support_flip(shared_object - 3);
	sa_arena_free(context, (void *)(uintptr_t)shared_object);
}

static void spoil_after_free(void *context)
{
	sa_arena_free(context, (void *)(uintptr_t)shared_object);
	support_flip(shared_object + 5);
	SUPPORT_REQUIRE(sa_arena_check(context) == 0);
}

/* Runs the crime under the default handler; what it says has to be this. */
static void assert_line(support_body crime, const char *kind, size_t size,
			long offset)
{
	sa_arena *arena = create_named("keys");
	support_end end;
	char line[256];

	shared_object = alloc(arena, 32);
	snprintf(line, sizeof line,
		 "sodium-arena: %s: arena \"keys\": object %p of %zu bytes, "
		 "first wrong byte at offset %ld\n",
		 kind, (const void *)shared_object, size, offset);
	support_child(crime, arena, &end);
	ck_assert_int_eq(end.signal, SIGABRT);
	ck_assert_str_eq(end.text, line);
	sa_arena_destroy(arena);
}

START_TEST(test_line)
{
	assert_line(spoil_and_free, "overflow", 32, 32);
	assert_line(spoil_below_and_free, "underflow", 32, -3);
	assert_line(spoil_after_free, "write after free", 0, 5);
}
END_TEST

static void free_twice(void *context)
{
	sa_arena_free(context, (void *)(uintptr_t)shared_object);
	sa_arena_free(context, (void *)(uintptr_t)shared_object);
}

static void free_inside(void *context)
{
	sa_arena_free(context, (void *)(uintptr_t)(shared_object + 1));
}

/* Of a pointer there is nothing to say but its value. */
static void assert_pointer_line(support_body crime, const char *kind,
				size_t offset)
{
	sa_arena *arena = create_named("keys");
	support_end end;
	char line[256];

	shared_object = alloc(arena, 32);
	snprintf(line, sizeof line, "sodium-arena: %s: arena \"keys\": ", kind);
	support_child(crime, arena, &end);
	ck_assert_int_eq(end.signal, SIGABRT);
	ck_assert_int_eq(strncmp(end.text, line, strlen(line)), 0);
	snprintf(line, sizeof line, "%p",
		 (const void *)(shared_object + offset));
	ck_assert_ptr_nonnull(strstr(end.text, line));
	ck_assert_ptr_eq(strchr(end.text, '\n'),
			 end.text + strlen(end.text) - 1);
	sa_arena_destroy(arena);
}

START_TEST(test_pointer_line)
{
	assert_pointer_line(free_twice, "double free", 0);
	assert_pointer_line(free_inside, "invalid pointer", 1);
}
END_TEST

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
	_exit(*(int *)context);
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
	find_by_realloc(context, (void *)(uintptr_t)shared_object);
}

static void misfree_with_busy_handler(void *context)
{
	sa_arena_set_misuse_handler(use_arena, context);
	sa_arena_free(context, in_data);
}

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
	tcase_add_loop_test(crimes, test_overflow_by_one, 0, 10);
	tcase_add_loop_test(crimes, test_overflow_by_one_of_odd_size, 0,
			    SUPPORT_LENGTH(odd_sizes));
	tcase_add_loop_test(crimes, test_overflow_by_many, 0, 7);
	tcase_add_test(crimes, test_overflow_by_bit);
	tcase_add_test(crimes, test_canaries_differ);
	tcase_add_loop_test(crimes, test_overflow_into_guard, 0, 3);
	tcase_add_loop_test(crimes, test_underflow, 0, 5);
	tcase_add_loop_test(crimes, test_underflow_by_one, 0, 30);
	tcase_add_loop_test(crimes, test_underflow_by_one_of_odd_size, 0,
			    SUPPORT_LENGTH(odd_sizes));
	tcase_add_test(crimes, test_underflow_seen_from_below);
	tcase_add_loop_test(crimes, test_overflow_found, 0,
			    SUPPORT_LENGTH(finders));
	tcase_add_loop_test(crimes, test_invalid_pointer, 0,
			    SUPPORT_LENGTH(sources));
	tcase_add_test(crimes, test_interior_pointer);
	tcase_add_test(crimes, test_no_arena);
	tcase_add_loop_test(crimes, test_double_free, 0, 5);
	tcase_add_test(crimes, test_double_free_later);
	tcase_add_test(crimes, test_double_free_by_other_means);
	tcase_add_loop_test(crimes, test_double_free_of_large, 0,
			    SUPPORT_LENGTH(uses));
	tcase_add_loop_test(crimes, test_write_after_free, 0,
			    SUPPORT_LENGTH(late_finders));
	tcase_add_loop_test(crimes, test_write_all_after_free, 0,
			    SUPPORT_LENGTH(late_finders));
	tcase_add_test(crimes, test_write_before_trim);
	tcase_add_test(crimes, test_line);
	tcase_add_test(crimes, test_pointer_line);
	tcase_add_test(crimes, test_line_is_clean);
	tcase_add_test(crimes, test_handler);
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
