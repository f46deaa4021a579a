/* SPDX-License-Identifier: ISC */
/*
 * sizeclass: every size and every alignment, against the table of strides
 * that the header promises.  No system call.
 */
#include <config.h>

#include "sizeclass.h"

#include "support.h"

/* The strides as the header words them, worked out one after another. */
static size_t strides[SA_SIZECLASS_COUNT];

static void setup(void)
{
	size_t stride = 0, step = 16;

	for (unsigned i = 0; i < SA_SIZECLASS_COUNT; i++) {
		if (stride >= 256 && sa_is_power_of_two(stride))
			step = stride / 8;
		stride += step;
		strides[i] = stride;
	}
}

START_TEST(test_strides)
{
	for (unsigned i = 0; i < SA_SIZECLASS_COUNT; i++) {
		ck_assert_uint_eq(sa_sizeclass_stride(i), strides[i]);
		ck_assert_uint_eq(strides[i] % 16, 0);
		ck_assert_uint_gt(strides[i], i == 0 ? 0 : strides[i - 1]);
	}
	ck_assert_uint_eq(strides[SA_SIZECLASS_COUNT - 1],
			  SA_SIZECLASS_STRIDE_MAX);
	ck_assert_uint_eq(SA_SIZECLASS_STRIDE_MAX, 8192);
	ck_assert_uint_eq(SA_SIZECLASS_SIZE_MAX, 8184);
}
END_TEST

/* The smallest stride that holds the object and its canary. */
static unsigned naive_class(size_t size, size_t alignment)
{
	unsigned i = 0;

	while (i < SA_SIZECLASS_COUNT && (strides[i] < size + SA_CANARY_SIZE ||
					  strides[i] % alignment != 0))
		i++;
	return i;
}

START_TEST(test_every_size)
{
	for (size_t size = 0; size <= SA_SIZECLASS_SIZE_MAX; size++)
		ck_assert_msg(sa_sizeclass_of(size) == naive_class(size, 1),
			      "size %zu: class %u instead of %u", size,
			      sa_sizeclass_of(size), naive_class(size, 1));
}
END_TEST

START_TEST(test_keys)
{
	ck_assert_uint_eq(sa_sizeclass_stride(sa_sizeclass_of(0)), 16);
	ck_assert_uint_eq(sa_sizeclass_stride(sa_sizeclass_of(16)), 32);
	ck_assert_uint_eq(sa_sizeclass_stride(sa_sizeclass_of(32)), 48);
	ck_assert_uint_eq(sa_sizeclass_stride(sa_sizeclass_of(64)), 80);
}
END_TEST

/* Beyond the canary: at most 15 bytes of small objects, less than a quarter
 * where that is no rounding any more, less than an eighth of large ones. */
START_TEST(test_waste)
{
	for (size_t size = 0; size <= SA_SIZECLASS_SIZE_MAX; size++) {
		size_t used = size + SA_CANARY_SIZE;
		size_t stride = sa_sizeclass_stride(sa_sizeclass_of(size));
		size_t waste = stride - used;

		if (size <= 60)
			ck_assert_uint_lt(waste, 16);
		else
			ck_assert_uint_lt(4 * waste, size);
		if (used > 256)
			ck_assert_uint_lt(8 * waste, used);
	}
}
END_TEST

START_TEST(test_every_alignment)
{
	size_t alignment = (size_t)1 << _i;

	for (size_t size = 0; size <= SA_SIZECLASS_SIZE_MAX; size++) {
		unsigned got = sa_sizeclass_of_aligned(size, alignment);

		if (got != naive_class(size, alignment))
			ck_abort_msg("size %zu: class %u instead of %u", size,
				     got, naive_class(size, alignment));
	}
}
END_TEST

START_TEST(test_no_class)
{
	for (size_t alignment = 1; alignment != 0; alignment *= 2) {
		const unsigned none = SA_SIZECLASS_COUNT;

		ck_assert_uint_eq(sa_sizeclass_of_aligned(
					  SA_SIZECLASS_SIZE_MAX + 1, alignment),
				  none);
		ck_assert_uint_eq(sa_sizeclass_of_aligned(SIZE_MAX, alignment),
				  none);
		ck_assert_uint_eq(
			sa_sizeclass_of_aligned(SIZE_MAX - 7, alignment), none);
		if (alignment > SA_SIZECLASS_STRIDE_MAX)
			ck_assert_uint_eq(sa_sizeclass_of_aligned(0, alignment),
					  none);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sizeclass");
	TCase *sizeclass = tcase_create("sizeclass");

	suite_add_tcase(suite, sizeclass);
	tcase_set_timeout(sizeclass, 30);
	tcase_add_checked_fixture(sizeclass, setup, NULL);
	tcase_add_test(sizeclass, test_strides);
	tcase_add_test(sizeclass, test_every_size);
	tcase_add_test(sizeclass, test_keys);
	tcase_add_test(sizeclass, test_waste);
	tcase_add_loop_test(sizeclass, test_every_alignment, 0, 16);
	tcase_add_test(sizeclass, test_no_class);
	return support_run(suite);
}
