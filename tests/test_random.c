/* SPDX-License-Identifier: ISC */
/*
 * random: numbers below their bound and evenly spread, a stream that its seed
 * decides, and a seed that does not outlive its use.  Seeded by hand: no
 * system call.
 */
#include <config.h>

#include "random.h"

#include <sodium.h>
#include <string.h>

#include "support.h"

#define SEED_SIZE SA_RANDOM_SEED_SIZE
#define POOL_SIZE SA_RANDOM_POOL_SIZE

/* As after the last number of a pool. */
static sa_random make_random(uint64_t seed)
{
	sa_random random;

	support_fill(random.seed, SEED_SIZE, seed);
	memset(random.pool, 0, POOL_SIZE);
	random.next = POOL_SIZE;
	return random;
}

/* Each byte of the pool once: every number comes up as often as any other,
 * give or take one. */
START_TEST(test_even)
{
	sa_random random;

	for (unsigned i = 0; i < POOL_SIZE; i++)
		random.pool[i] = (unsigned char)i;
	for (unsigned count = 1; count <= 256; count++) {
		unsigned times[256] = {0};

		random.next = 0;
		for (unsigned i = 0; i < 256; i++) {
			unsigned number = sa_random_below(&random, count);

			ck_assert_uint_lt(number, count);
			times[number]++;
		}
		for (unsigned i = 0; i < count; i++) {
			ck_assert_uint_ge(times[i], 256 / count);
			ck_assert_uint_le(times[i], 256 / count + 1);
		}
	}
}
END_TEST

/* One byte is one number, and none is used twice. */
START_TEST(test_uses_whole_pool)
{
	sa_random random = make_random(1), before;

	sa_random_refill(&random);
	before = random;
	for (unsigned i = 0; i < POOL_SIZE; i++)
		ck_assert_uint_eq(sa_random_below(&random, 256),
				  before.pool[i]);
	ck_assert_mem_eq(random.seed, before.seed, SEED_SIZE);
	ck_assert_mem_eq(random.pool, before.pool, POOL_SIZE);
	sa_random_below(&random, 256);
	ck_assert_mem_ne(random.seed, before.seed, SEED_SIZE);
	ck_assert_mem_ne(random.pool, before.pool, POOL_SIZE);
	ck_assert_uint_eq(random.next, 1);
}
END_TEST

START_TEST(test_seed_decides)
{
	sa_random one = make_random(1), same = make_random(1);
	sa_random other = make_random(2);
	unsigned equal = 0;

	for (unsigned i = 0; i < 4 * POOL_SIZE; i++) {
		unsigned number = sa_random_below(&one, 256);

		ck_assert_uint_eq(number, sa_random_below(&same, 256));
		equal += number == sa_random_below(&other, 256);
	}
	ck_assert_uint_lt(equal, 4 * POOL_SIZE / 16);
}
END_TEST

/* Fast key erasure: the stream's first bytes are the next seed, and neither
 * the old seed nor the new one is to be had from the pool. */
START_TEST(test_erases_its_seed)
{
	unsigned char stream[SEED_SIZE + POOL_SIZE], old[SEED_SIZE];
	sa_random random = make_random(3);

	for (unsigned round = 0; round < 4; round++) {
		memcpy(old, random.seed, SEED_SIZE);
		randombytes_buf_deterministic(stream, sizeof stream, old);
		sa_random_refill(&random);
		ck_assert_uint_eq(random.next, 0);
		ck_assert_mem_eq(random.seed, stream, SEED_SIZE);
		ck_assert_mem_eq(random.pool, stream + SEED_SIZE, POOL_SIZE);
		ck_assert_ptr_null(
			memmem(&random, sizeof random, old, SEED_SIZE));
		ck_assert_ptr_null(
			memmem(random.pool, POOL_SIZE, random.seed, SEED_SIZE));
	}
}
END_TEST

/* Of 16 in stock, each is as likely: 16 slots, 65,536 picks, four standard
 * deviations of 62. */
START_TEST(test_fair)
{
	sa_random random = make_random(4);
	unsigned times[16] = {0};

	for (unsigned i = 0; i < 65536; i++)
		times[sa_random_below(&random, 16)]++;
	for (unsigned i = 0; i < 16; i++) {
		ck_assert_uint_gt(times[i], 4096 - 248);
		ck_assert_uint_lt(times[i], 4096 + 248);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("random");
	TCase *random = tcase_create("random");

	suite_add_tcase(suite, random);
	tcase_add_test(random, test_even);
	tcase_add_test(random, test_uses_whole_pool);
	tcase_add_test(random, test_seed_decides);
	tcase_add_test(random, test_erases_its_seed);
	tcase_add_test(random, test_fair);
	return support_run(suite);
}
