/* SPDX-License-Identifier: ISC */
/*
 * bitmap: ranges and runs against a bit at a time, every small case and many
 * random ones.  Plain buffers; no system call.
 */
#include <config.h>

#include "bitmap.h"

#include <stdint.h>
#include <string.h>

#include "support.h"

#define WORDS 5
#define BITS (WORDS * 64)

static support_random random_state;

static void setup(void)
{
	support_random_seed(&random_state);
}

static bool bit(const uint64_t *words, size_t index)
{
	return (words[index / 64] >> index % 64 & 1) != 0;
}

START_TEST(test_single_bits)
{
	for (size_t nbits = 0; nbits < 300; nbits++)
		ck_assert_uint_eq(sa_bitmap_nwords(nbits),
				  nbits / 64 + (nbits % 64 != 0));
	for (size_t i = 0; i < BITS; i++) {
		uint64_t words[WORDS] = {0};

		ck_assert_uint_eq(sa_bitmap_mask(i), (uint64_t)1 << i % 64);
		words[i / 64] = sa_bitmap_mask(i);
		for (size_t j = 0; j < BITS; j++)
			ck_assert_int_eq(sa_bitmap_is_set(words, j), i == j);
	}
}
END_TEST

/* --------------------------------------------------------------- ranges */

static void make_random(uint64_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		words[i] = support_random_next(&random_state);
}

/* Is `after` like `before`, but for the range, which is `value`? */
static bool range_is(const uint64_t *before, const uint64_t *after,
		     size_t index, size_t count, bool value)
{
	for (size_t i = 0; i < BITS; i++) {
		bool inside = i >= index && i < index + count;

		if (bit(after, i) != (inside ? value : bit(before, i)))
			return false;
	}
	return true;
}

static bool ranges_work(size_t index, size_t count)
{
	uint64_t before[WORDS], after[WORDS];

	make_random(before, WORDS);
	memcpy(after, before, sizeof after);
	sa_bitmap_set_range(after, index, count);
	if (!range_is(before, after, index, count, true))
		return false;
	memcpy(after, before, sizeof after);
	sa_bitmap_clear_range(after, index, count);
	return range_is(before, after, index, count, false);
}

START_TEST(test_ranges)
{
	size_t step = SUPPORT_SLOW ? 3 : 1;

	for (size_t index = 0; index < BITS; index++)
		for (size_t count = 0; count <= BITS - index; count += step)
			if (!ranges_work(index, count))
				ck_abort_msg("index %zu, count %zu", index,
					     count);
	for (size_t index = 0; index < BITS; index++)
		ck_assert(ranges_work(index, BITS - index));
}
END_TEST

/* ----------------------------------------------------------------- runs */

static size_t naive_find_run(const uint64_t *words, size_t nbits, size_t count)
{
	size_t length = 0;

	for (size_t i = 0; i < nbits; i++) {
		length = bit(words, i) ? length + 1 : 0;
		if (length == count)
			return i + 1 - count;
	}
	return SIZE_MAX;
}

static void assert_runs(const uint64_t *words, size_t nbits, size_t count)
{
	size_t found = sa_bitmap_find_run(words, nbits, count);
	size_t expected = naive_find_run(words, nbits, count);

	if (found != expected)
		ck_abort_msg("%zu bits, run of %zu: %zu instead of %zu", nbits,
			     count, found, expected);
}

/* Every pattern of ten bits across the boundary of two words. */
START_TEST(test_find_run_every_pattern)
{
	for (uint64_t pattern = 0; pattern < 1024; pattern++) {
		uint64_t words[2] = {pattern << 59, pattern >> 5};

		for (size_t nbits = 58; nbits <= 72; nbits++)
			for (size_t count = 1; count <= 12; count++)
				assert_runs(words, nbits, count);
	}
}
END_TEST

START_TEST(test_find_run_edges)
{
	uint64_t words[WORDS];

	memset(words, 0xff, sizeof words);
	for (size_t nbits = 0; nbits <= BITS; nbits++) {
		for (size_t count = 1; count <= BITS + 1; count += 9)
			assert_runs(words, nbits, count);
		if (nbits > 0)
			assert_runs(words, nbits, nbits);
		assert_runs(words, nbits, nbits + 1);
	}
	assert_runs(words, BITS, SIZE_MAX);
	memset(words, 0, sizeof words);
	for (size_t nbits = 0; nbits <= BITS; nbits++)
		assert_runs(words, nbits, 1);
}
END_TEST

/* Long runs of ones and zeroes; what lies past nbits is random too. */
static void make_runs(uint64_t *words)
{
	size_t longest = 1 + support_random_below(&random_state, 150);
	bool value = support_random_below(&random_state, 2) != 0;
	size_t at = 0;

	memset(words, 0, WORDS * sizeof *words);
	while (at < BITS) {
		size_t n = 1 + support_random_below(&random_state, longest);

		for (; n > 0 && at < BITS; n--, at++)
			words[at / 64] |= (uint64_t)value << at % 64;
		value = !value;
	}
}

START_TEST(test_find_run_random)
{
	for (unsigned round = 0; round < SUPPORT_ROUNDS(5000); round++) {
		uint64_t words[WORDS];

		make_runs(words);
		for (size_t count = 1; count <= 160; count += 1 + count / 8)
			assert_runs(
				words,
				support_random_below(&random_state, BITS + 1),
				count);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bitmap");
	TCase *bitmap = tcase_create("bitmap");

	suite_add_tcase(suite, bitmap);
	tcase_set_timeout(bitmap, 30);
	tcase_add_checked_fixture(bitmap, setup, NULL);
	tcase_add_test(bitmap, test_single_bits);
	tcase_add_test(bitmap, test_ranges);
	tcase_add_test(bitmap, test_find_run_every_pattern);
	tcase_add_test(bitmap, test_find_run_edges);
	tcase_add_test(bitmap, test_find_run_random);
	return support_run(suite);
}
