/* SPDX-License-Identifier: ISC */
/*
 * zero: every size that a slot has is wiped to its last byte and no further,
 * and every single byte that is not zero is found.  Plain buffers; no system
 * call.
 */
#include <config.h>

#include "zero.h"

#include <string.h>

#include "sizeclass.h"
#include "support.h"

#define SIZE_LARGEST SA_SIZECLASS_SIZE_MAX
#define AROUND 64

static _Alignas(64) unsigned char memory[AROUND + SIZE_LARGEST + AROUND];
static unsigned char *const slot = memory + AROUND;

/* Sizes 8, 24, 40 ... */
#define FOR_EACH_SIZE(size)                                                    \
	for (size_t size = 8; size <= SIZE_LARGEST; size += 16)

/* Zero inside, and none of the bytes outside is. */
static void make_wiped(size_t size)
{
	memset(memory, 0xff, sizeof memory);
	memset(slot, 0, size);
}

static bool is_wiped(size_t size)
{
	for (size_t i = 0; i < sizeof memory; i++) {
		bool inside = i >= AROUND && i < AROUND + size;

		if (memory[i] != (inside ? 0 : 0xff))
			return false;
	}
	return true;
}

START_TEST(test_wipe)
{
	FOR_EACH_SIZE(size)
	{
		memset(memory, 0xff, sizeof memory);
		sa_zero_wipe(slot, size);
		ck_assert_msg(is_wiped(size), "size %zu", size);
		memset(memory, 0xff, sizeof memory);
		sa_zero_wipe_long(slot, size);
		ck_assert_msg(is_wiped(size), "size %zu", size);
	}
}
END_TEST

START_TEST(test_intact)
{
	FOR_EACH_SIZE(size)
	{
		make_wiped(size);
		ck_assert_msg(sa_zero_intact(slot, size), "size %zu", size);
		ck_assert_msg(sa_zero_intact_long(slot, size), "size %zu",
			      size);
		ck_assert_uint_eq(sa_zero_first_wrong(slot, size), size);
		ck_assert_msg(is_wiped(size), "size %zu", size);
	}
}
END_TEST

/* A single bit, another one in each byte. */
static bool byte_is_found(size_t size, size_t at)
{
	bool is_found;

	slot[at] = (unsigned char)(1u << (at + at / 8) % 8);
	is_found = !sa_zero_intact(slot, size);
	slot[at] = 0;
	return is_found;
}

START_TEST(test_every_byte)
{
	FOR_EACH_SIZE(size)
	{
		size_t step = SUPPORT_SANITIZED && size > 600 ? 41 : 1;

		make_wiped(size);
		for (size_t at = 0; at < size; at += step)
			if (!byte_is_found(size, at))
				ck_abort_msg("size %zu, byte %zu", size, at);
		ck_assert(byte_is_found(size, size - 1));
	}
}
END_TEST

/* Long checks are used for runs of pages too, less a head: any size. */
START_TEST(test_long_of_any_size)
{
	for (size_t size = 0; size <= 300; size++) {
		make_wiped(size);
		ck_assert(sa_zero_intact_long(slot, size));
		for (size_t at = 0; at < size; at++) {
			slot[at] = 0x80;
			SUPPORT_REQUIRE(!sa_zero_intact_long(slot, size));
			slot[at] = 0;
		}
	}
}
END_TEST

/* Slots of pools have strides of any number of bytes, 16 to 8192. */
static bool is_right(size_t size)
{
	bool is_clean, is_found;

	memset(slot - AROUND, 0xff, AROUND);
	memset(slot, 0xff, size + AROUND);
	sa_zero_wipe(slot, size);
	is_clean = support_is_zero(slot, size) && sa_zero_intact(slot, size);
	for (size_t i = 0; i < AROUND; i++)
		is_clean &= slot[size + i] == 0xff &&
			    memory[AROUND - 1 - i] == 0xff;
	/* Each byte of those that are wiped and checked in line, and of others
	 * the ends and some. */
	is_found = true;
	for (size_t at = 0; at < size;
	     at += size <= 256 || size - at < 32 ? 1 : 1 + size / 64)
		is_found &= byte_is_found(size, at);
	return is_clean && is_found;
}

START_TEST(test_any_size)
{
	for (size_t size = 8; size <= SIZE_LARGEST; size++)
		ck_assert_msg(is_right(size), "size %zu", size);
}
END_TEST

START_TEST(test_first_wrong)
{
	FOR_EACH_SIZE(size)
	{
		make_wiped(size);
		for (size_t at = size; at > 0; at -= 1 + at / 17) {
			slot[at - 1] = 1;
			ck_assert_uint_eq(sa_zero_first_wrong(slot, size),
					  at - 1);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("zero");
	TCase *zero = tcase_create("zero");

	suite_add_tcase(suite, zero);
	tcase_set_timeout(zero, 30);
	tcase_add_test(zero, test_wipe);
	tcase_add_test(zero, test_intact);
	tcase_add_test(zero, test_every_byte);
	tcase_add_test(zero, test_long_of_any_size);
	tcase_add_test(zero, test_any_size);
	tcase_add_test(zero, test_first_wrong);
	return support_run(suite);
}
