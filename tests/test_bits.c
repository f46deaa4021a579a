/* SPDX-License-Identifier: ISC */
/*
 * bits: checked sums at their limits; alignment, bit counting and words in
 * memory against the slow way of doing the same.
 */
#include <config.h>

#include "bits.h"

#include <stdint.h>
#include <string.h>

#include "support.h"

START_TEST(test_add_overflows)
{
	size_t sum = 1;

	ck_assert(!sa_add_overflows(0, 0, &sum));
	ck_assert_uint_eq(sum, 0);
	ck_assert(!sa_add_overflows(SIZE_MAX - 5, 5, &sum));
	ck_assert_uint_eq(sum, SIZE_MAX);
	ck_assert(sa_add_overflows(SIZE_MAX - 5, 6, &sum));
	ck_assert(sa_add_overflows(SIZE_MAX, SIZE_MAX, &sum));
}
END_TEST

START_TEST(test_mul_overflows)
{
	const size_t half = (SIZE_MAX >> 1) + 1;
	size_t product = 1;

	ck_assert(!sa_mul_overflows(SIZE_MAX, 0, &product));
	ck_assert_uint_eq(product, 0);
	ck_assert(!sa_mul_overflows(half - 1, 2, &product));
	ck_assert_uint_eq(product, SIZE_MAX - 1);
	ck_assert(!sa_mul_overflows(1, SIZE_MAX, &product));
	ck_assert_uint_eq(product, SIZE_MAX);
	ck_assert(sa_mul_overflows(half, 2, &product));
	ck_assert(sa_mul_overflows(SIZE_MAX, SIZE_MAX, &product));
}
END_TEST

static unsigned naive_ones(uint64_t x)
{
	unsigned count = 0;

	for (unsigned i = 0; i < 64; i++)
		count += (unsigned)(x >> i & 1);
	return count;
}

static unsigned naive_lowest(uint64_t x)
{
	unsigned i = 0;

	while ((x >> i & 1) == 0)
		i++;
	return i;
}

static unsigned naive_highest(uint64_t x)
{
	unsigned i = 63;

	while ((x >> i & 1) == 0)
		i--;
	return i;
}

static void assert_counts(uint64_t x)
{
	ck_assert_int_eq(sa_is_power_of_two((size_t)x),
			 naive_ones((size_t)x) == 1);
	if (x == 0)
		return;
	ck_assert_uint_eq(sa_count_trailing_zeros(x), naive_lowest(x));
	ck_assert_uint_eq(sa_floor_log2(x), naive_highest(x));
	if ((size_t)x != 0)
		ck_assert_uint_eq(sa_lowest_bit((size_t)x),
				  (size_t)1 << naive_lowest(x));
}

START_TEST(test_counting)
{
	support_random random;

	support_random_seed(&random);
	for (uint64_t x = 0; x < 2000; x++)
		assert_counts(x);
	for (unsigned i = 0; i < 64; i++) {
		uint64_t bit = (uint64_t)1 << i;

		assert_counts(bit);
		assert_counts(bit - 1);
		assert_counts(bit + 1);
		assert_counts(~bit);
		assert_counts(support_random_next(&random) & ~(bit - 1));
	}
}
END_TEST

START_TEST(test_alignment)
{
	for (size_t alignment = 1; alignment <= 4096; alignment *= 2)
		for (size_t x = 0; x < 9000; x += x < 300 ? 1 : 61) {
			size_t below = x - x % alignment;
			size_t above = below == x ? x : below + alignment;

			ck_assert_uint_eq(sa_align_down(x, alignment), below);
			ck_assert_uint_eq(sa_align_up(x, alignment), above);
		}
	ck_assert_uint_eq(sa_align_up(SIZE_MAX - 4095, 4096), SIZE_MAX - 4095);
	ck_assert_uint_eq(sa_align_down(SIZE_MAX, 4096), SIZE_MAX - 4095);
}
END_TEST

START_TEST(test_rotate_right)
{
	uint64_t word = UINT64_C(0x8877665544332211), rotated = word;

	for (unsigned n = 0; n <= 200; n++) {
		ck_assert_uint_eq(sa_rotate_right(word, n), rotated);
		rotated = rotated >> 1 | (rotated & 1) << 63;
	}
}
END_TEST

/* At every alignment; the first byte is the lowest, on any machine. */
START_TEST(test_words_in_memory)
{
	unsigned char memory[32], before[32];

	for (size_t at = 0; at <= sizeof memory - 8; at++) {
		support_fill(memory, sizeof memory, at);
		memcpy(before, memory, sizeof memory);
		sa_store_word(memory + at, UINT64_C(0x8877665544332211));
		for (size_t i = 0; i < 8; i++)
			ck_assert_uint_eq(memory[at + i], 0x11 * (i + 1));
		ck_assert_uint_eq(sa_load_word(memory + at),
				  UINT64_C(0x8877665544332211));
		memcpy(before + at, memory + at, 8);
		ck_assert_mem_eq(memory, before, sizeof memory);
	}
}
END_TEST

/* Known products, and by parts the same as whole. */
START_TEST(test_folded_product)
{
	support_random random;

	ck_assert_uint_eq(sa_folded_product_by_parts(0, UINT64_MAX), 0);
	ck_assert_uint_eq(sa_folded_product_by_parts(3, 5), 15);
	/* 2^128 - 2^65 + 1 */
	ck_assert_uint_eq(sa_folded_product_by_parts(UINT64_MAX, UINT64_MAX),
			  UINT64_MAX);
	ck_assert_uint_eq(
		sa_folded_product_by_parts((uint64_t)1 << 63, (uint64_t)6), 3);
	support_random_seed(&random);
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t a = support_random_next(&random) >> i % 64;
		uint64_t b = support_random_next(&random) >> i % 63;

		ck_assert_uint_eq(sa_folded_product(a, b),
				  sa_folded_product_by_parts(a, b));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bits");
	TCase *bits = tcase_create("bits");

	suite_add_tcase(suite, bits);
	tcase_add_test(bits, test_add_overflows);
	tcase_add_test(bits, test_mul_overflows);
	tcase_add_test(bits, test_counting);
	tcase_add_test(bits, test_alignment);
	tcase_add_test(bits, test_rotate_right);
	tcase_add_test(bits, test_words_in_memory);
	tcase_add_test(bits, test_folded_product);
	return support_run(suite);
}
