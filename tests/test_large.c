/* SPDX-License-Identifier: ISC */
/*
 * large: an object ends at its guard page as closely as its alignment allows,
 * every byte before and behind it is watched, and it is gone when destroyed.
 */
#include <config.h>

#include "large.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>

#include "os.h"
#include "sizeclass.h"
#include "support.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define PLENTY (64 * MIB)

static sa_canary_key key;
static sa_large large;
static size_t page;

static void setup(void)
{
	support_random random;

	SUPPORT_REQUIRE(sodium_init() >= 0);
	sa_os_start();
	page = sa_os_page_size;
	support_random_seed(&random);
	key.mask = support_random_next(&random);
	key.factor = support_random_next(&random) | 1;
}

static sa_arena_mlock mlock_policy(void)
{
	return support_can_lock(PLENTY) ? SA_ARENA_MLOCK_REQUIRED
					: SA_ARENA_MLOCK_BEST_EFFORT;
}

static unsigned char *create(size_t size, size_t alignment)
{
	memset(&large, 0, sizeof large);
	SUPPORT_REQUIRE(sa_large_create(&large, size, alignment, &key,
					mlock_policy(),
					SA_ARENA_FORK_INHERIT) == 0);
	return sa_large_object(&large);
}

static void destroy(void)
{
	ck_assert_int_eq(sa_large_destroy(&large), 0);
}

static unsigned char *start(void)
{
	return large.region.start + SA_REGION_HEAD;
}

static unsigned char *end(void)
{
	return large.region.start + large.region.size;
}

static void assert_intact(void)
{
	sa_arena_misuse misuse;

	ck_assert(sa_large_verify(&large, &misuse));
}

static void flip_byte(void *byte)
{
	support_flip(byte);
}

/* ------------------------------------------------------------- placement */

static void assert_placed(size_t size, size_t alignment)
{
	unsigned char *object = create(size, alignment);
	size_t front = (size_t)(object - start());

	ck_assert_uint_eq((uintptr_t)object % alignment, 0);
	ck_assert_uint_lt((size_t)(end() - object) - size, alignment);
	ck_assert_uint_eq(large.region.size % page, 0);
	ck_assert_uint_eq(large.region.size,
			  sa_large_region_size(size, alignment));
	ck_assert_uint_ge(front, 16);
	ck_assert_uint_lt(front, page + 16);
	ck_assert(support_is_zero(object, size));
	ck_assert_uint_eq(atomic_load(&large.size), size);
	ck_assert(atomic_load(&large.is_live));
	assert_intact();
	support_fill(object, size, size);
	assert_intact();
	ck_assert(support_is_filled(object, size, size));
	ck_assert(!support_is_readable(end()));
	ck_assert(!support_is_readable(large.region.start - 1));
	destroy();
}

START_TEST(test_placement)
{
	size_t alignment = (size_t)1 << _i;

	for (size_t size = 1; size < 100000; size = size * 5 / 2 + 3)
		assert_placed(size, alignment);
	for (size_t size = 2 * page - 48; size <= 2 * page + 48; size += 3)
		assert_placed(size, alignment);
	assert_placed(2 * page, alignment);
}
END_TEST

/* A size that is a multiple of the alignment touches the guard. */
START_TEST(test_ends_at_guard)
{
	unsigned char *object = create(3 * page + 32, 16);

	ck_assert_ptr_eq(object + 3 * page + 32, end());
	support_assert_passes(flip_byte, object + 3 * page + 31);
	support_assert_dies(flip_byte, object + 3 * page + 32, SIGSEGV);
	destroy();
}
END_TEST

/* As few pages as hold object, head and front. */
START_TEST(test_region_size)
{
	for (size_t size = 0; size < 4 * page; size += 5)
		for (size_t alignment = 1; alignment <= page; alignment *= 2) {
			size_t rounded = sa_align_up(size, alignment);
			size_t region = sa_large_region_size(size, alignment);

			ck_assert_uint_eq(region % page, 0);
			ck_assert_uint_ge(region, rounded + 32);
			ck_assert_uint_lt(region, rounded + 32 + page);
		}
}
END_TEST

START_TEST(test_beyond_reason)
{
	for (size_t alignment = 1; alignment <= page; alignment *= 16) {
		size_t sizes[] = {SIZE_MAX, SIZE_MAX - 16, SIZE_MAX - 32,
				  SIZE_MAX - page + 1};

		for (size_t i = 0; i < SUPPORT_LENGTH(sizes); i++) {
			ck_assert_uint_eq(
				sa_large_region_size(sizes[i], alignment), 0);
			errno = 0;
			ck_assert_int_eq(sa_large_create(&large, sizes[i],
							 alignment, &key,
							 mlock_policy(),
							 SA_ARENA_FORK_INHERIT),
					 -1);
			ck_assert_int_eq(errno, ENOMEM);
		}
		errno = 0;
		ck_assert_int_eq(
			sa_large_create(&large, SIZE_MAX / 2, alignment, &key,
					mlock_policy(), SA_ARENA_FORK_INHERIT),
			-1);
		ck_assert_int_eq(errno, ENOMEM);
	}
}
END_TEST

/* -------------------------------------------------------------- canaries */

/* The byte, `offset` from the object, has changed: that is what is told. */
static void assert_told(ptrdiff_t offset)
{
	unsigned char *object = sa_large_object(&large);
	size_t size = atomic_load(&large.size);
	sa_arena_misuse misuse;

	object[offset] ^= 0x40;
	if (sa_large_verify(&large, &misuse))
		ck_abort_msg("byte %td was not found", offset);
	if (offset < 0)
		SUPPORT_REQUIRE(misuse.kind == SA_ARENA_MISUSE_UNDERFLOW);
	else
		SUPPORT_REQUIRE(misuse.kind == SA_ARENA_MISUSE_OVERFLOW);
	SUPPORT_REQUIRE(misuse.object == object);
	SUPPORT_REQUIRE(misuse.size == size);
	SUPPORT_REQUIRE(misuse.offset == offset);
	object[offset] ^= 0x40;
}

START_TEST(test_every_byte)
{
	static const size_t alignments[] = {1, 16, 64, 4096};
	size_t alignment = alignments[_i];
	size_t size = 10000 + 7 * (size_t)_i;
	unsigned char *object = create(size, alignment);
	ptrdiff_t front = object - start(), back = end() - object;
	ptrdiff_t step = SUPPORT_SANITIZED ? 11 : 1;

	for (ptrdiff_t offset = -front; offset < 0; offset += step)
		assert_told(offset);
	for (ptrdiff_t offset = (ptrdiff_t)size; offset < back; offset += step)
		assert_told(offset);
	assert_told(-1);
	assert_told(-front);
	if (alignment > 1) {
		assert_told((ptrdiff_t)size);
		assert_told(back - 1);
	}
	assert_intact();
	destroy();
}
END_TEST

/* What lies first is told; an overflow before an underflow. */
START_TEST(test_several)
{
	unsigned char *object = create(10001, 64);
	sa_arena_misuse misuse;

	object[-1] ^= 1;
	object[-5] ^= 1;
	ck_assert(!sa_large_verify(&large, &misuse));
	ck_assert_int_eq(misuse.kind, SA_ARENA_MISUSE_UNDERFLOW);
	ck_assert_int_eq(misuse.offset, -5);
	object[10003] ^= 1;
	object[10002] ^= 1;
	ck_assert(!sa_large_verify(&large, &misuse));
	ck_assert_int_eq(misuse.kind, SA_ARENA_MISUSE_OVERFLOW);
	ck_assert_int_eq(misuse.offset, 10002);
	destroy();
}
END_TEST

/* A C string's end and a NUL too far are both told from a canary byte. */
START_TEST(test_canary_bytes)
{
	unsigned char *object = create(10001, 64);

	ck_assert_uint_ne(object[10001], 0);
	ck_assert_uint_eq(object[10002], 0);
	destroy();
}
END_TEST

/* ---------------------------------------------------------------- resize */

static void assert_resizes(size_t from, size_t to, size_t alignment)
{
	unsigned char *object = create(from, alignment);
	bool fits = sa_align_up(from, alignment) == sa_align_up(to, alignment);
	size_t kept = from < to ? from : to;

	support_fill(object, from, 6);
	ck_assert_int_eq(sa_large_suits(&large, to, alignment), fits);
	if (fits)
		sa_large_resize(&large, to);
	ck_assert_ptr_eq(sa_large_object(&large), object);
	ck_assert_uint_eq(atomic_load(&large.size), fits ? to : from);
	assert_intact();
	if (fits) {
		ck_assert(support_is_filled(object, kept, 6));
		ck_assert(support_is_zero(object + kept, to - kept));
	} else {
		ck_assert(support_is_filled(object, from, 6));
	}
	destroy();
}

START_TEST(test_resize)
{
	for (size_t to = 10000 - 70; to <= 10000 + 70; to += 3)
		for (size_t alignment = 1; alignment <= 64; alignment *= 8)
			assert_resizes(10000, to, alignment);
	create(10000, 16);
	ck_assert(!sa_large_suits(&large, SIZE_MAX, 16));
	ck_assert(!sa_large_suits(&large, SIZE_MAX - 15, 16));
	ck_assert(!sa_large_suits(&large, SIZE_MAX - 20, 16));
	ck_assert_uint_eq(atomic_load(&large.size), 10000);
	assert_intact();
	destroy();
}
END_TEST

/* What it had is canary, as far as the guard page. */
START_TEST(test_shrink)
{
	unsigned char *object = create(10000, 16);

	support_fill(object, 10000, 6);
	sa_large_resize(&large, 10);
	ck_assert_uint_eq(atomic_load(&large.size), 10);
	ck_assert(support_is_filled(object, 10, 6));
	assert_intact();
	assert_told(10);
	assert_told(9999);
	destroy();
}
END_TEST

/* --------------------------------------------------------------- destroy */

/* Nothing stays mapped, but what it was is still known. */
START_TEST(test_destroy)
{
	unsigned char *object;
	size_t count, locked;

	create(MIB, 16);
	destroy();
	count = support_mapping_count();
	locked = support_locked_size();
	for (int access = SA_ARENA_NOACCESS; access <= SA_ARENA_READWRITE;
	     access++) {
		object = create(MIB + 5, 16);
		ck_assert_int_eq(sa_region_set_access(&large.region,
						      (sa_arena_access)access),
				 0);
		destroy();
		ck_assert(!atomic_load(&large.is_live));
		ck_assert_uint_eq(atomic_load(&large.object),
				  (uintptr_t)object);
	}
	if (!SUPPORT_SANITIZED)
		ck_assert_uint_eq(support_mapping_count(), count);
	ck_assert_uint_eq(support_locked_size(), locked);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("large");
	TCase *tests = tcase_create("large");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 30);
	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_loop_test(tests, test_placement, 0, 13);
	tcase_add_test(tests, test_ends_at_guard);
	tcase_add_test(tests, test_region_size);
	tcase_add_test(tests, test_beyond_reason);
	tcase_add_loop_test(tests, test_every_byte, 0, 4);
	tcase_add_test(tests, test_several);
	tcase_add_test(tests, test_canary_bytes);
	tcase_add_test(tests, test_resize);
	tcase_add_test(tests, test_shrink);
	tcase_add_test(tests, test_destroy);
	return support_run(suite);
}
