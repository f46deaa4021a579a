/* SPDX-License-Identifier: ISC */
/*
 * meta: blocks are zeroed, aligned and apart, freed ones are found again by
 * their size, and what lies around them faults.
 */
#include <config.h>

#include "meta.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>

#include "os.h"
#include "support.h"

#define BLOCKS 600
#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

static sa_meta meta;

static void setup(void)
{
	sa_os_start();
	memset(&meta, 0x5a, sizeof meta);
	sa_meta_init(&meta);
}

static void teardown(void)
{
	sa_meta_destroy(&meta);
}

static unsigned char *allocate(size_t size)
{
	unsigned char *block = sa_meta_alloc(&meta, size);

	SUPPORT_REQUIRE(block != NULL);
	SUPPORT_REQUIRE((uintptr_t)block % SA_META_STEP == 0);
	SUPPORT_REQUIRE(support_is_zero(block, size));
	return block;
}

static size_t some_size(support_random *random)
{
	switch (support_random_below(random, 8)) {
	case 0:
		return support_random_below(random, 100000);
	case 1:
		return SA_META_LISTED_MAX - 64 +
		       support_random_below(random, 129);
	case 2:
		return support_random_below(random, 3) * SA_META_STEP;
	default:
		return support_random_below(random, 3000);
	}
}

/* --------------------------------------------------------------- blocks */

START_TEST(test_blocks_are_apart)
{
	static struct {
		unsigned char *start;
		size_t size;
	} blocks[BLOCKS];
	support_random random;

	support_random_seed(&random);
	for (size_t i = 0; i < BLOCKS; i++) {
		blocks[i].size = some_size(&random);
		blocks[i].start = allocate(blocks[i].size);
		support_fill(blocks[i].start, blocks[i].size, i);
	}
	for (size_t i = 0; i < BLOCKS; i++) {
		ck_assert(
			support_is_filled(blocks[i].start, blocks[i].size, i));
		for (size_t j = 0; j < i; j++)
			SUPPORT_REQUIRE(blocks[i].start != blocks[j].start);
	}
}
END_TEST

START_TEST(test_reuse)
{
	for (size_t size = 0; size <= SA_META_LISTED_MAX; size += 61) {
		unsigned char *block = allocate(size), *other;
		size_t rounded = size == 0
					 ? SA_META_STEP
					 : (size + SA_META_STEP - 1) /
						   SA_META_STEP * SA_META_STEP;

		support_fill(block, rounded, size);
		sa_meta_free(&meta, block, size);
		other = allocate(rounded + 1);
		ck_assert_ptr_ne(other, block);
		other = allocate(rounded);
		ck_assert_ptr_eq(other, block);
		ck_assert_ptr_ne(allocate(rounded), block);
	}
}
END_TEST

/* Many freed blocks of one size are all found again. */
START_TEST(test_reuse_of_many)
{
	static unsigned char *blocks[BLOCKS];
	size_t mapped;

	for (size_t round = 0; round < 5; round++) {
		for (size_t i = 0; i < BLOCKS; i++) {
			blocks[i] = allocate(1000);
			support_fill(blocks[i], 1000, i);
		}
		mapped = round == 0 ? meta.mapped_size : mapped;
		ck_assert_uint_eq(meta.mapped_size, mapped);
		for (size_t i = 0; i < BLOCKS; i++) {
			ck_assert(support_is_filled(blocks[i], 1000, i));
			sa_meta_free(&meta, blocks[i], 1000);
		}
	}
}
END_TEST

START_TEST(test_large_blocks)
{
	for (size_t size = 64 * KIB; size <= 4 * MIB; size += size / 2 + 1) {
		unsigned char *block = allocate(size);

		support_fill(block, size, 1);
		ck_assert(support_is_filled(block, size, 1));
	}
}
END_TEST

/* ----------------------------------------------------------------- sizes */

START_TEST(test_beyond_reason)
{
	const size_t sizes[] = {SIZE_MAX,
				SIZE_MAX - SA_META_STEP,
				SIZE_MAX - 2 * SA_META_STEP + 1,
				SIZE_MAX - sa_os_page_size,
				SIZE_MAX - 2 * sa_os_page_size,
				SIZE_MAX / 2};
	size_t mapped;

	allocate(1);
	mapped = meta.mapped_size;
	errno = 0;
	ck_assert_ptr_null(sa_meta_alloc(&meta, sizes[_i]));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_uint_eq(meta.mapped_size, mapped);
	allocate(1);
}
END_TEST

/* What is told is what the kernel counts, and most of it is of use. */
START_TEST(test_mapped_size)
{
	size_t before = support_data_size(), used = 0;

	ck_assert_uint_eq(meta.mapped_size, 0);
	while (used < 8 * MIB) {
		allocate(6400);
		used += 6400;
	}
	ck_assert_uint_ge(meta.mapped_size, used);
	ck_assert_uint_le(meta.mapped_size, used + used / 4);
	if (!support_is_alone() || !support_keeps_limits())
		return;
	ck_assert_uint_ge(support_data_size() + MIB / 16,
			  before + meta.mapped_size);
	ck_assert_uint_le(support_data_size(),
			  before + meta.mapped_size + MIB / 16);
}
END_TEST

/* Neighbours may share a guard page: never more than is told. */
START_TEST(test_mappings)
{
	size_t count = support_mapping_count(), used = 0;

	ck_assert_uint_eq(sa_meta_mappings(0), 0);
	for (size_t size = 1; size < 100 * MIB; size *= 2)
		ck_assert_uint_ge(sa_meta_mappings(2 * size),
				  sa_meta_mappings(size));
	while (used < 3 * MIB) {
		allocate(6400);
		used += 6400;
		if (used % 640000 == 0 && support_is_alone())
			ck_assert_uint_le(support_mapping_count() - count,
					  sa_meta_mappings(meta.mapped_size));
	}
	ck_assert_uint_ge(sa_meta_mappings(used), 3);
	ck_assert_uint_le(sa_meta_mappings(used), 3 * (used / (128 * KIB) + 1));
}
END_TEST

/* Within 64 MiB of address space: refused, and what there is stays. */
static void run_out(void *unused)
{
	const struct rlimit limit = {64 * MIB, 64 * MIB};
	unsigned char *first = allocate(1000);
	size_t count = 0, mapped;

	(void)unused;
	support_fill(first, 1000, 1);
	SUPPORT_REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
	errno = 0;
	while (sa_meta_alloc(&meta, 100000) != NULL)
		SUPPORT_REQUIRE(++count < 1000);
	SUPPORT_REQUIRE(errno == ENOMEM);
	mapped = meta.mapped_size;
	SUPPORT_REQUIRE(sa_meta_alloc(&meta, 100000) == NULL);
	SUPPORT_REQUIRE(meta.mapped_size == mapped);
	SUPPORT_REQUIRE(support_is_filled(first, 1000, 1));
	sa_meta_free(&meta, first, 1000);
	SUPPORT_REQUIRE(allocate(1000) == first);
}

START_TEST(test_no_memory)
{
	if (!support_is_alone())
		support_skip("no_memory",
			     "sanitizers and Valgrind need address space");
	else if (!support_keeps_limits())
		support_skip("no_memory", "limits are not kept here");
	else
		support_assert_passes(run_out, NULL);
}
END_TEST

/* --------------------------------------------------------------- guards */

static void flip_byte(void *byte)
{
	support_flip(byte);
}

START_TEST(test_guards)
{
	unsigned char *end, *start;

	for (unsigned i = 0; i < 100; i++) {
		allocate(10000);
		end = meta.end;
		start = (unsigned char *)meta.chunks;
		ck_assert(!support_is_readable(end));
		ck_assert(!support_is_readable(start - 1));
	}
	support_assert_passes(flip_byte, end - 1);
	support_assert_dies(flip_byte, end, SIGSEGV);
	support_assert_dies(flip_byte, start - 1, SIGSEGV);
}
END_TEST

/* --------------------------------------------------------------- destroy */

START_TEST(test_destroy)
{
	unsigned char *small = allocate(1), *large = allocate(4 * MIB);
	size_t count;

	ck_assert(support_is_writable(small) && support_is_writable(large));
	sa_meta_destroy(&meta);
	ck_assert(!support_is_readable(small));
	ck_assert(!support_is_readable(large));
	sa_meta_init(&meta);
	count = support_mapping_count();
	for (unsigned i = 0; i < 50; i++) {
		allocate(100000);
		allocate(1000000);
		sa_meta_destroy(&meta);
		sa_meta_init(&meta);
	}
	if (support_is_alone())
		ck_assert_uint_eq(support_mapping_count(), count);
}
END_TEST

/* As an arena has it: in the first block of its own. */
START_TEST(test_lies_in_itself)
{
	sa_meta *inner = sa_meta_alloc(&meta, sizeof *inner);

	ck_assert_ptr_nonnull(inner);
	*inner = meta;
	ck_assert_ptr_nonnull(sa_meta_alloc(inner, MIB));
	ck_assert_ptr_nonnull(sa_meta_alloc(inner, MIB));
	sa_meta_destroy(inner);
	ck_assert(!support_is_readable(inner));
	sa_meta_init(&meta);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("meta");
	TCase *tests = tcase_create("meta");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 30);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_blocks_are_apart);
	tcase_add_test(tests, test_reuse);
	tcase_add_test(tests, test_reuse_of_many);
	tcase_add_test(tests, test_large_blocks);
	tcase_add_loop_test(tests, test_beyond_reason, 0, 6);
	tcase_add_test(tests, test_mapped_size);
	tcase_add_test(tests, test_mappings);
	tcase_add_test(tests, test_no_memory);
	tcase_add_test(tests, test_guards);
	tcase_add_test(tests, test_destroy);
	tcase_add_test(tests, test_lies_in_itself);
	return support_run(suite);
}
