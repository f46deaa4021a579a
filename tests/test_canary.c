/* SPDX-License-Identifier: ISC */
/*
 * canary: every byte behind an object is written and, once changed, found at
 * exactly its offset; object, tail and neighbours are not touched.  Plain
 * buffers; no system call of the library's.
 */
#include <config.h>

#include "canary.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sizeclass.h"
#include "support.h"

#define STRIDE_MAX SA_SIZECLASS_STRIDE_MAX
/* Up to here every byte of every slack is tried. */
#define STRIDE_EXHAUSTIVE 512
/* And those of pools, which are any number of bytes. */
#define STRIDE_ANY 300
#define AROUND 64
/* Strides share this many processes. */
#define GROUPS 4

static _Alignas(64) unsigned char memory[AROUND + STRIDE_MAX + AROUND];
static unsigned char *const slot = memory + AROUND;
static support_random random_state;
static sa_canary_key key;

static void draw_key(void)
{
	key.mask = support_random_next(&random_state);
	key.factor = support_random_next(&random_state) | 1;
}

static void setup(void)
{
	support_random_seed(&random_state);
	draw_key();
}

static void for_each_stride(int group, void (*test)(size_t stride))
{
	for (unsigned i = (unsigned)group; i < SA_SIZECLASS_COUNT; i += GROUPS)
		test(sa_sizeclass_stride(i));
}

/* ---------------------------------------------------------------- words */

static unsigned char byte_of(uint64_t word, size_t index)
{
	return (unsigned char)(word >> index % 8 * 8);
}

/* The first byte is never zero, the second always is, the others vary: with the
 * key, too, for of small factors there are some that leave a bit as it is. */
START_TEST(test_words)
{
	uint64_t ones = 0, zeroes = 0, last = 0;
	unsigned repeated = 0;

	for (unsigned i = 0; i < 100000; i++) {
		const void *at = (const void *)(UINTPTR_MAX / 3 + 16 * i);
		uint64_t word;

		if (i % 1000 == 0)
			draw_key();
		word = sa_canary_word(&key, at);
		SUPPORT_REQUIRE(byte_of(word, 0) != 0);
		SUPPORT_REQUIRE(byte_of(word, 1) == 0);
		SUPPORT_REQUIRE(sa_canary_word(&key, at) == word);
		ones |= word;
		zeroes |= ~word;
		repeated += word == last;
		last = word;
	}
	ck_assert_uint_eq(ones, ~UINT64_C(0xff00));
	ck_assert_uint_eq(zeroes, ~UINT64_C(1));
	ck_assert_uint_eq(repeated, 0);
}
END_TEST

/* The share of bits that differ, of those that can: a half, roughly. */
static double distance(uint64_t a, uint64_t b)
{
	return __builtin_popcountll(a ^ b) / 55.0;
}

/* No word can be told from another's, nor under another key.  Of one key the
 * mean would be that key's; of 2000 its standard deviation is 0.0015, measured.
 */
START_TEST(test_words_are_unlike)
{
	double by_slot = 0, by_mask = 0, by_factor = 0;
	const unsigned rounds = 2000;

	for (unsigned i = 0; i < rounds; i++) {
		const unsigned char *at =
			(const unsigned char *)(UINTPTR_MAX / 5) + 4096 * i;
		sa_canary_key other;
		uint64_t word;

		draw_key();
		other = key;
		word = sa_canary_word(&key, at);
		by_slot += distance(word, sa_canary_word(&key, at + 16));
		other.mask ^= (uint64_t)1 << i % 64;
		by_mask += distance(word, sa_canary_word(&other, at));
		other.mask = key.mask;
		other.factor += 2;
		by_factor += distance(word, sa_canary_word(&other, at));
	}
	ck_assert_double_eq_tol(by_slot / rounds, 0.5, 0.05);
	ck_assert_double_eq_tol(by_mask / rounds, 0.5, 0.05);
	ck_assert_double_eq_tol(by_factor / rounds, 0.5, 0.05);
}
END_TEST

/* -------------------------------------------------------------- writing */

typedef void (*writer)(unsigned char *, size_t, size_t, uint64_t);

static void write_at_birth(unsigned char *at, size_t stride, size_t size,
			   uint64_t word)
{
	sa_canary_write(at, stride, size, word);
}

/* Is everything as it was, the object too, but for the slack, which repeats
 * the word? */
static bool only_slack_is_written(const unsigned char *before, size_t stride,
				  size_t size, uint64_t word)
{
	for (size_t i = 0; i < sizeof memory; i++) {
		unsigned char expected = before[i];
		size_t at = i - AROUND;

		if (i >= AROUND + size && at < stride - 8)
			expected = byte_of(word, at - size);
		if (memory[i] != expected)
			return false;
	}
	return true;
}

static void assert_only_slack(writer write, size_t stride, size_t size)
{
	static unsigned char before[sizeof memory];
	uint64_t word = sa_canary_word(&key, slot + size);

	memcpy(before, memory, sizeof memory);
	write(slot, stride, size, word);
	if (!only_slack_is_written(before, stride, size, word))
		ck_abort_msg("stride %zu, size %zu", stride, size);
}

/* An object with content, and one that is about to be born. */
static void assert_write(size_t stride, size_t size)
{
	support_fill(memory, sizeof memory, size);
	assert_only_slack(sa_canary_write_beside, stride, size);
	support_fill(memory, sizeof memory, size);
	memset(slot, 0, size);
	assert_only_slack(write_at_birth, stride, size);
}

/* Every size in a slot of any stride, as pools have them.  Objects are not born
 * so small in the smallest, and only shrink to that. */
static bool is_born(size_t stride, size_t size)
{
	return stride == 16 || stride >= 24 || size >= stride - 16;
}

static void write_any(size_t stride)
{
	for (size_t size = 0; size <= stride - 8; size++)
		if (is_born(stride, size)) {
			assert_write(stride, size);
		} else {
			support_fill(memory, sizeof memory, size);
			assert_only_slack(sa_canary_write_beside, stride, size);
		}
}

START_TEST(test_write_any_stride)
{
	for (size_t stride = 16 + (size_t)_i; stride <= STRIDE_ANY;
	     stride += GROUPS * (SUPPORT_SLOW ? 7u : 1u))
		write_any(stride);
}
END_TEST

static void write_all(size_t stride)
{
	bool all = stride <= STRIDE_EXHAUSTIVE && !SUPPORT_SLOW;
	size_t step = all ? 1 : 1 + stride / SUPPORT_ROUNDS(300);

	for (size_t slack = 0; slack <= 40 && slack <= stride - 8; slack++)
		assert_write(stride, stride - 8 - slack);
	for (size_t size = 0; size <= stride - 8; size += step)
		assert_write(stride, size);
}

START_TEST(test_write)
{
	for_each_stride(_i, write_all);
}
END_TEST

START_TEST(test_write_tail)
{
	for (size_t stride = 16; stride <= 512; stride += 16) {
		uint64_t word = sa_canary_word(&key, slot + stride);

		support_fill(memory, sizeof memory, stride);
		sa_canary_write_tail(slot, stride, word);
		for (size_t i = 0; i < 8; i++)
			ck_assert_uint_eq(slot[stride - 8 + i],
					  byte_of(word, i));
		support_fill(slot + stride - 8, 8, 0);
		for (size_t i = 0; i < sizeof memory; i++)
			SUPPORT_REQUIRE(memory[i] ==
						support_pattern(stride, i) ||
					(i >= AROUND + stride - 8 &&
					 i < AROUND + stride));
	}
}
END_TEST

/* Not even with what is there: its neighbour may be reading it. */
START_TEST(test_write_leaves_tail_alone)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *pages = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(pages, MAP_FAILED);
	ck_assert_int_eq(mprotect(pages + 3 * page, page, PROT_READ), 0);
	for (size_t stride = 16; stride <= 1024; stride += 16)
		for (size_t size = 0; size <= stride - 8; size++)
			sa_canary_write(pages + 3 * page - (stride - 8), stride,
					size, UINT64_MAX);
	ck_assert_int_eq(munmap(pages, 4 * page), 0);
}
END_TEST

/* -------------------------------------------------------------- finding */

static uint64_t make_slot(size_t stride, size_t size)
{
	uint64_t word = sa_canary_word(&key, slot + size);

	support_fill(memory, sizeof memory, size);
	sa_canary_write_tail(slot, stride, word);
	sa_canary_write_beside(slot, stride, size, word);
	return word;
}

static unsigned char any_change(void)
{
	return (unsigned char)(1 + support_random_below(&random_state, 255));
}

/* By each of the functions that look without a key, and they agree. */
static bool is_intact(size_t stride, size_t size, uint64_t word)
{
	bool intact = sa_canary_intact_alone(slot, stride, size, word);

	SUPPORT_REQUIRE(sa_canary_intact(slot, stride, size, word) == intact);
	if (size == stride - 16)
		SUPPORT_REQUIRE(sa_canary_intact_full(slot, stride, word) ==
				intact);
	return intact;
}

/* Is a change of the byte at `at`, and no other, found; and, where that is
 * cheap, found there? */
static bool change_is_found(size_t stride, size_t size, uint64_t word,
			    size_t at)
{
	bool is_canary = at >= size && at < stride;
	unsigned char change = any_change();
	bool is_right;

	slot[at] ^= change;
	is_right = is_intact(stride, size, word) == !is_canary;
	if (stride <= STRIDE_EXHAUSTIVE || at % 64 == size % 64)
		is_right &=
			sa_canary_slot_first_wrong(slot, stride, size, word) ==
			(is_canary ? at : stride);
	slot[at] ^= change;
	return is_right;
}

static void assert_found(size_t stride, size_t size, uint64_t word, size_t at)
{
	if (!change_is_found(stride, size, word, at))
		ck_abort_msg("stride %zu, size %zu, byte %zu", stride, size,
			     at);
}

/* The bytes on both sides of every seam, and some between. */
static void assert_some_found(size_t stride, size_t size)
{
	uint64_t word = make_slot(stride, size);

	ck_assert(is_intact(stride, size, word));
	for (size_t i = 0; i < 24 && size + i < stride; i++)
		assert_found(stride, size, word, size + i);
	for (size_t i = 1; i <= 32 && i <= stride - size; i++)
		assert_found(stride, size, word, stride - i);
	for (size_t i = 0; i < 16; i++)
		assert_found(stride, size, word,
			     support_random_below(&random_state, stride));
	assert_found(stride, size, word, stride);
}

static void assert_all_found(size_t stride, size_t size)
{
	uint64_t word = make_slot(stride, size);

	ck_assert(is_intact(stride, size, word));
	for (size_t at = 0; at < stride + 16; at++)
		assert_found(stride, size, word, at);
}

/* Every byte of the slots of up to 512 bytes, whatever the object's size. */
static void change_every_byte(size_t stride)
{
	size_t step = SUPPORT_SLOW && stride > 64 ? 37 : 1;

	if (stride <= STRIDE_EXHAUSTIVE)
		for (size_t size = 0; size <= stride - 8; size += step)
			assert_all_found(stride, size);
}

START_TEST(test_every_byte)
{
	for_each_stride(_i, change_every_byte);
}
END_TEST

START_TEST(test_every_byte_of_any_stride)
{
	for (size_t stride = 16 + (size_t)_i; stride <= STRIDE_ANY;
	     stride += GROUPS * (SUPPORT_SLOW ? 31u : 1u))
		for (size_t size = 0; size <= stride - 8; size++)
			assert_all_found(stride, size);
}
END_TEST

static void change_some(size_t stride)
{
	if (SUPPORT_TSAN && stride > STRIDE_EXHAUSTIVE)
		return;
	for (size_t size = 0; size <= stride - 8;
	     size += 1 + stride / SUPPORT_ROUNDS(500))
		assert_some_found(stride, size);
	for (size_t slack = 0; slack <= 64 && slack <= stride - 8; slack++)
		assert_some_found(stride, stride - 8 - slack);
	if (stride <= 1024 || !SUPPORT_SLOW) {
		assert_all_found(stride, 0);
		assert_all_found(stride, stride / 2);
	}
}

START_TEST(test_some_bytes)
{
	for_each_stride(_i, change_some);
}
END_TEST

/* The object ends where the memory that may be read begins. */
START_TEST(test_reads_no_object)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(pages, MAP_FAILED);
	ck_assert_int_eq(mprotect(pages, page, PROT_NONE), 0);
	for (size_t stride = 16; stride <= 512; stride += 16)
		for (size_t size = 0; size <= stride - 8; size++) {
			unsigned char *at = pages + page - size;
			uint64_t word = sa_canary_word(&key, at);

			sa_canary_fill(at + size, stride - 8 - size, word);
			sa_canary_write_tail(at, stride, word);
			SUPPORT_REQUIRE(
				sa_canary_intact_alone(at, stride, size, word));
			SUPPORT_REQUIRE(
				size != stride - 16 ||
				sa_canary_intact_full(at, stride, word));
			SUPPORT_REQUIRE(
				sa_canary_slot_first_wrong(at, stride, size,
							   word) == stride);
		}
	ck_assert_int_eq(munmap(pages, 2 * page), 0);
}
END_TEST

/* A loop over words must not stop early: all of them, one after another. */
START_TEST(test_first_of_several)
{
	const size_t stride = 256, size = 100;
	uint64_t word = make_slot(stride, size);

	for (size_t at = stride; at-- > size;) {
		slot[at] ^= any_change();
		ck_assert(!sa_canary_intact(slot, stride, size, word));
		ck_assert_uint_eq(
			sa_canary_slot_first_wrong(slot, stride, size, word),
			at);
	}
}
END_TEST

START_TEST(test_canary_before)
{
	for (size_t stride = 16; stride <= 512; stride += 16) {
		unsigned char *next = slot + stride;

		support_fill(memory, sizeof memory, stride);
		sa_canary_write_tail(slot, stride, sa_canary_word(&key, slot));
		ck_assert(sa_canary_before_intact(&key, next, stride));
		for (size_t i = 1; i <= 8; i++) {
			unsigned char change = any_change();

			next[-(ptrdiff_t)i] ^= change;
			ck_assert(!sa_canary_before_intact(&key, next, stride));
			next[-(ptrdiff_t)i] ^= change;
		}
		next[0] ^= 1;
		next[-9] ^= 1;
		ck_assert(sa_canary_before_intact(&key, next, stride));
	}
}
END_TEST

/* ----------------------------------------------------------------- runs */

static void assert_run(size_t size)
{
	uint64_t word = sa_canary_word(&key, slot + size);

	support_fill(memory, sizeof memory, size);
	sa_canary_fill(slot, size, word);
	for (size_t i = 0; i < sizeof memory; i++) {
		size_t at = i - AROUND;

		SUPPORT_REQUIRE(memory[i] ==
				(i >= AROUND && at < size
					 ? byte_of(word, at)
					 : support_pattern(size, i)));
	}
	ck_assert_uint_eq(sa_canary_first_wrong(slot, size, word), size);
	for (size_t at = size; at-- > 0;) {
		slot[at] ^= any_change();
		ck_assert_uint_eq(sa_canary_first_wrong(slot, size, word), at);
	}
}

START_TEST(test_runs)
{
	for (size_t size = 0; size <= 100; size++)
		assert_run(size);
	assert_run(1001);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("canary");
	TCase *canary = tcase_create("canary");

	suite_add_tcase(suite, canary);
	tcase_set_timeout(canary, 30);
	tcase_add_unchecked_fixture(canary, setup, NULL);
	tcase_add_test(canary, test_words);
	tcase_add_test(canary, test_words_are_unlike);
	tcase_add_loop_test(canary, test_write, 0, GROUPS);
	tcase_add_test(canary, test_write_tail);
	tcase_add_test(canary, test_write_leaves_tail_alone);
	tcase_add_loop_test(canary, test_write_any_stride, 0, GROUPS);
	tcase_add_loop_test(canary, test_every_byte, 0, GROUPS);
	tcase_add_loop_test(canary, test_every_byte_of_any_stride, 0, GROUPS);
	tcase_add_loop_test(canary, test_some_bytes, 0, GROUPS);
	tcase_add_test(canary, test_reads_no_object);
	tcase_add_test(canary, test_first_of_several);
	tcase_add_test(canary, test_canary_before);
	tcase_add_test(canary, test_runs);
	return support_run(suite);
}
