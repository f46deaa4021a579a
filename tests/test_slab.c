/* SPDX-License-Identifier: ISC */
/*
 * slab: where slots lie and which address is one, for every class and every
 * offset; objects are born into clean slots only, whoever frees them; every
 * damage is told by kind, object and byte.
 */
#include <config.h>

#include "slab.h"

#include <signal.h>

#include "region.h"
#include "slab_fixture.h"
#include "support.h"
#include "verify.h"

#define SLAB_SIZE ((size_t)64 << 10)
/* Classes share this many processes. */
#define GROUPS 4

static sa_slab *slab;
static sa_arena_misuse misuse;

static void for_each_class(int group, void (*test)(unsigned number))
{
	for (unsigned number = (unsigned)group; number < SA_SIZECLASS_COUNT;
	     number += GROUPS)
		test(number);
}

/* A slab of this class to work with. */
static void make(unsigned number)
{
	slab = slabs_create(SLAB_SIZE, 0, number);
}

static void drop(void)
{
	sa_slab_clear(slab);
	slabs_destroy(slab, 0);
}

static bool verifies(void)
{
	return sa_slab_verify(slab, &misuse);
}

static sa_slot slot_at(uint32_t index)
{
	return sa_slab_slot_at(slab, index);
}

static unsigned char *memory_at(uint32_t index)
{
	return sa_slab_slot(slab, index);
}

static void assert_misuse(sa_arena_misuse_kind kind, uint32_t index,
			  size_t size, ptrdiff_t offset)
{
	ck_assert_int_eq(misuse.kind, kind);
	ck_assert_ptr_eq(misuse.object, memory_at(index));
	ck_assert_uint_eq(misuse.size, size);
	ck_assert_int_eq(misuse.offset, offset);
	memset(&misuse, 0x5a, sizeof misuse);
}

/* ---------------------------------------------------------------- layout */

/* Slots as close to the start as alignment and the canary before them allow,
 * and as many as fit. */
static void assert_layout(size_t size, size_t head, unsigned number)
{
	size_t stride = sa_sizeclass_stride(number);
	size_t alignment = sa_lowest_bit(stride);
	uintptr_t first, end, start;

	if (alignment > sa_os_page_size)
		alignment = sa_os_page_size;
	if (sa_slab_capacity(size, head, stride) == 0)
		return;
	slab = slabs_create(size, head, number);
	start = (uintptr_t)slab->pages + head;
	first = (uintptr_t)slab->slots;
	end = (uintptr_t)memory_at(slab->nslots);
	ck_assert_uint_eq(slab->nslots, sa_slab_capacity(size, head, stride));
	ck_assert_uint_eq(slab->stride, stride);
	ck_assert_uint_eq(first % alignment, 0);
	ck_assert_uint_ge(first - 8, start);
	ck_assert_uint_lt(first - 8 - start, alignment);
	ck_assert_uint_le(end, (uintptr_t)slab->pages + size);
	ck_assert_uint_lt((uintptr_t)slab->pages + size - end, stride);
	ck_assert_uint_eq(slab->nfree, slab->nslots);
	for (uint32_t i = 0; i < slab->nslots; i++) {
		SUPPORT_REQUIRE(slabs_mark(slab, i) == SA_MARK_FREE);
		SUPPORT_REQUIRE(sa_bitmap_is_set(slab->free_bits, i));
		SUPPORT_REQUIRE(sa_canary_before_intact(&slabs_key,
							memory_at(i), stride));
	}
	ck_assert(verifies());
	slabs_destroy(slab, head);
}

static void lay_out(unsigned number)
{
	for (size_t npages = 1; npages <= 16; npages += npages < 4 ? 1 : 4) {
		size_t size = npages * sa_os_page_size;

		assert_layout(size, 0, number);
		assert_layout(size, SA_REGION_HEAD, number);
	}
}

START_TEST(test_layout)
{
	for_each_class(_i, lay_out);
}
END_TEST

START_TEST(test_no_capacity)
{
	size_t page = sa_os_page_size;

	ck_assert_uint_eq(sa_slab_capacity(page, 0, 2 * page), 0);
	ck_assert_uint_eq(sa_slab_capacity(page, 0, page), 0);
	ck_assert_uint_eq(sa_slab_capacity(2 * page, 0, page), 1);
	ck_assert_uint_eq(sa_slab_capacity(page, page - 8, 16), 0);
	ck_assert_uint_eq(sa_slab_capacity(page, page - 32, 16), 1);
	ck_assert_uint_eq(sa_slab_capacity(0, 0, 16), 0);
}
END_TEST

/* Every stride, and every offset up to the largest slab's end: nothing but the
 * first byte of a slot that the slab has is one. */
static void find_all(size_t stride)
{
	const uintptr_t start = UINTPTR_MAX / 3;
	sa_slab any = {.slots = (unsigned char *)start};
	size_t index = 0, next = 0;

	any.stride = (uint32_t)stride;
	any.nslots = (uint32_t)sa_slab_capacity(SLAB_SIZE, 0, stride);
	any.reciprocal = sa_slab_reciprocal(stride);
	for (size_t offset = 0; offset < SLAB_SIZE + stride; offset++) {
		bool is_slot = offset == next && index < any.nslots;

		SUPPORT_REQUIRE(sa_slab_index(&any, start + offset) ==
				(is_slot ? index : SA_SLAB_NO_INDEX));
		SUPPORT_REQUIRE(sa_slab_index(&any, start - 1 - offset) ==
				SA_SLAB_NO_INDEX);
		if (offset == next) {
			index++;
			next += stride;
		}
	}
	ck_assert_uint_ge(index, any.nslots);
}

START_TEST(test_every_stride_and_offset)
{
	for (size_t stride = SA_SLAB_STRIDE_MIN + (size_t)_i;
	     stride <= SA_SIZECLASS_STRIDE_MAX;
	     stride += GROUPS * (SUPPORT_SANITIZED ? 29 : 1))
		find_all(stride);
}
END_TEST

/* As many slots of any stride as fit behind the canary before the first, which
 * is aligned as the stride is; with every number of pages. */
START_TEST(test_every_capacity)
{
	for (size_t stride = SA_SLAB_STRIDE_MIN;
	     stride <= SA_SIZECLASS_STRIDE_MAX; stride++) {
		size_t alignment = sa_lowest_bit(stride);
		size_t first = 0;

		if (alignment > sa_os_page_size)
			alignment = sa_os_page_size;
		while (first < SA_CANARY_SIZE)
			first += alignment;
		for (size_t size = sa_os_page_size; size <= SLAB_SIZE;
		     size += sa_os_page_size) {
			size_t nslots = sa_slab_capacity(size, 0, stride);
			size_t end = first + nslots * stride;

			SUPPORT_REQUIRE(nslots == 0 || end <= size);
			SUPPORT_REQUIRE(end + stride > size);
		}
	}
}
END_TEST

/* Descriptors and metadata are used again, and start anew. */
START_TEST(test_destroy)
{
	size_t mapped = 0;

	for (unsigned round = 0; round < 100; round++) {
		make(2);
		for (uint32_t i = 0; i < slab->nslots; i += 1 + round) {
			ck_assert(slabs_birth(slab, i, 32));
			ck_assert(i % 2 == 0 || slabs_death_elsewhere(slab, i));
		}
		drop();
		mapped = round == 0 ? slabs_meta.mapped_size : mapped;
		ck_assert_uint_eq(slabs_meta.mapped_size, mapped);
	}
}
END_TEST

/* ----------------------------------------------------------------- index */

static uint32_t naive_index(uintptr_t address)
{
	uintptr_t offset = address - (uintptr_t)slab->slots;

	if (address < (uintptr_t)slab->slots || offset % slab->stride != 0 ||
	    offset / slab->stride >= slab->nslots)
		return SA_SLAB_NO_INDEX;
	return (uint32_t)(offset / slab->stride);
}

static void assert_index(uintptr_t address)
{
	if (sa_slab_index(slab, address) != naive_index(address))
		ck_abort_msg("offset %zd of stride %u: slot %u, not %u",
			     (ptrdiff_t)(address - (uintptr_t)slab->slots),
			     slab->stride, sa_slab_index(slab, address),
			     naive_index(address));
}

/* Every offset of every class, the pages around, and any other value. */
static void find_slots(unsigned number)
{
	uintptr_t start;

	make(number);
	start = (uintptr_t)slab->slots;
	for (size_t i = 0; i < SLAB_SIZE + 2 * sa_os_page_size;
	     i += SUPPORT_TSAN ? 8 : 1)
		assert_index((uintptr_t)slab->pages - sa_os_page_size + i);
	for (unsigned bit = 16; bit < SUPPORT_POINTER_BITS; bit++)
		for (uint32_t i = 0; i < slab->nslots; i += 7) {
			uintptr_t far = (uintptr_t)1 << bit;

			assert_index(start + i * slab->stride + far);
			assert_index(start + i * slab->stride - far);
			assert_index(start + far / slab->stride * slab->stride);
		}
	for (unsigned i = 0; i < 10000; i++)
		assert_index((uintptr_t)support_random_next(&slabs_random));
	drop();
}

START_TEST(test_index)
{
	for_each_class(_i, find_slots);
}
END_TEST

/* A descriptor that describes nothing any more names no slot. */
START_TEST(test_index_of_nothing)
{
	sa_slab *nothing = sa_meta_alloc(&slabs_meta, sizeof *nothing);
	uintptr_t start;

	for (unsigned i = 0; i < 64; i++)
		ck_assert_uint_eq(sa_slab_index(nothing, (uintptr_t)1 << i),
				  SA_SLAB_NO_INDEX);
	ck_assert_uint_eq(sa_slab_index(nothing, 0), SA_SLAB_NO_INDEX);
	make(2);
	start = (uintptr_t)slab->slots;
	sa_slab_wipe_tails(slab);
	sa_slab_destroy(slab, &slabs_meta);
	for (size_t i = 0; i < SLAB_SIZE; i++)
		SUPPORT_REQUIRE(sa_slab_index(slab, start + i) ==
				SA_SLAB_NO_INDEX);
}
END_TEST

/* --------------------------------------------------------- birth, death */

static void assert_wiped(uint32_t index, uint16_t mark)
{
	ck_assert_uint_eq(slabs_mark(slab, index), mark);
	ck_assert(support_is_zero(memory_at(index), slab->stride - 8));
}

static void live_and_die(uint32_t index, size_t size)
{
	unsigned char *object = memory_at(index);

	ck_assert(slabs_birth(slab, index, size));
	ck_assert(sa_mark_is_live(slabs_mark(slab, index)));
	ck_assert_uint_eq(sa_mark_size(slabs_mark(slab, index)), size);
	ck_assert(support_is_zero(object, size));
	support_fill(object, size, size);
	ck_assert(verifies());
	ck_assert(slabs_death(slab, index));
	assert_wiped(index, SA_MARK_FREE);
	ck_assert(slabs_birth(slab, index, size));
	support_fill(object, size, size);
	ck_assert(slabs_death_elsewhere(slab, index));
	assert_wiped(index, SA_MARK_COLLECTABLE);
	ck_assert(verifies());
	sa_slab_clear(slab);
}

static void live_in(unsigned number)
{
	make(number);
	for (size_t size = 0; size <= slab->stride - 8;
	     size += 1 + slab->stride / 60)
		live_and_die((uint32_t)size % slab->nslots, size);
	live_and_die(0, slab->stride - 8);
	live_and_die(slab->nslots - 1, slab->stride - 8);
	drop();
}

START_TEST(test_life)
{
	for_each_class(_i, live_in);
}
END_TEST

static void claim(uint32_t index)
{
	atomic_fetch_or(&slab->claims[index / SA_BITMAP_WORD_BITS],
			sa_bitmap_mask(index));
}

/* One slot is left at each step that a thread may be at. */
static void leave_in_the_middle(void)
{
	const size_t size = slab->stride - 8;

	for (uint32_t i = 0; i < 5; i++) {
		ck_assert(slabs_birth(slab, i, size));
		support_fill(memory_at(i), size, i);
	}
	sa_slot_set_mark(slot_at(1), SA_MARK_FREE);
	claim(2);
	memset(memory_at(2), 0, size - 1);
	ck_assert(slabs_death_elsewhere(slab, 3));
	ck_assert(slabs_death(slab, 4));
	slab->nfree += 2;
	slab->is_listed = true;
	atomic_store(&slab->is_posted, true);
}

static void mend(unsigned number)
{
	make(number);
	if (slab->nslots >= 5) {
		leave_in_the_middle();
		sa_slab_mend(slab, true);
		ck_assert(verifies());
		ck_assert_uint_eq(slab->nfree, slab->nslots - 1);
		ck_assert(!sa_bitmap_is_set(slab->free_bits, 0));
		ck_assert(!slab->is_listed && !atomic_load(&slab->is_posted));
		for (uint32_t i = 1; i < slab->nslots; i++) {
			assert_wiped(i, SA_MARK_FREE);
			ck_assert(sa_bitmap_is_set(slab->free_bits, i));
			ck_assert(!sa_slot_is_claimed(slot_at(i)));
		}
		ck_assert(support_is_filled(memory_at(0), slab->stride - 8, 0));
	}
	drop();
}

START_TEST(test_mend)
{
	for_each_class(_i, mend);
}
END_TEST

/* Any byte of a free slot that is not as it was left, its tail included. */
static void write_to_free(unsigned number)
{
	uint32_t index;
	size_t step;

	make(number);
	index = slab->nslots / 2;
	step = slab->stride <= 512 && !SUPPORT_SANITIZED ? 1 : 61;
	for (size_t i = 0; i < slab->stride; i += step) {
		memory_at(index)[i] ^= 0x21;
		ck_assert(!slabs_birth(slab, index, 1));
		sa_slot_explain_birth(slot_at(index), &misuse);
		assert_misuse(SA_ARENA_MISUSE_WRITE_AFTER_FREE, index, 0,
			      (ptrdiff_t)i);
		ck_assert(!verifies());
		assert_misuse(SA_ARENA_MISUSE_WRITE_AFTER_FREE, index, 0,
			      (ptrdiff_t)i);
		memory_at(index)[i] ^= 0x21;
	}
	drop();
}

START_TEST(test_birth_in_written_slot)
{
	for_each_class(_i, write_to_free);
}
END_TEST

START_TEST(test_birth_in_taken_slot)
{
	make(2);
	ck_assert(slabs_birth(slab, 5, 32));
	ck_assert(!slabs_birth(slab, 5, 32));
	sa_slot_explain_birth(slot_at(5), &misuse);
	assert_misuse(SA_ARENA_MISUSE_DOUBLE_FREE, 5, 0, 0);
	ck_assert(slabs_death_elsewhere(slab, 5));
	ck_assert(!slabs_birth(slab, 5, 32));
	sa_slot_explain_birth(slot_at(5), &misuse);
	assert_misuse(SA_ARENA_MISUSE_DOUBLE_FREE, 5, 0, 0);
	drop();
}
END_TEST

/* The byte has changed: no way to free the object, by whomever. */
static void assert_damage(uint32_t index, size_t size, ptrdiff_t offset)
{
	sa_arena_misuse_kind kind = offset < 0 ? SA_ARENA_MISUSE_UNDERFLOW
					       : SA_ARENA_MISUSE_OVERFLOW;
	unsigned char *object = memory_at(index);
	uint16_t mark = slabs_mark(slab, index);

	object[offset] ^= 0x40;
	ck_assert(!slabs_death(slab, index));
	sa_slot_explain_death(slot_at(index), &misuse);
	assert_misuse(kind, index, size, offset);
	ck_assert(!slabs_death_elsewhere(slab, index));
	atomic_store(&slab->claims[index / 64], 0);
	ck_assert(!verifies());
	/* The tail before a slot is the end of the slot before. */
	if (offset >= 0 || index == 0)
		assert_misuse(kind, index, size, offset);
	ck_assert_uint_eq(slabs_mark(slab, index), mark);
	ck_assert(support_is_filled(object, size, size));
	object[offset] ^= 0x40;
}

static void damage_objects(unsigned number)
{
	size_t sizes[3], step;

	make(number);
	sizes[0] = 0;
	sizes[1] = slab->stride / 2 + 1;
	sizes[2] = slab->stride - 8;
	if (sizes[1] > sizes[2])
		sizes[1] = sizes[2];
	step = slab->stride <= 256 && !SUPPORT_SANITIZED
		       ? 1
		       : 1 + slab->stride / 50;
	for (size_t i = 0; i < 3; i++)
		for (uint32_t index = 0; index < 2; index++) {
			size_t size = sizes[i];

			ck_assert(slabs_birth(slab, index, size));
			support_fill(memory_at(index), size, size);
			for (ptrdiff_t at = -8; at < 0; at++)
				assert_damage(index, size, at);
			for (size_t at = size; at < slab->stride; at += step)
				assert_damage(index, size, (ptrdiff_t)at);
			assert_damage(index, size, (ptrdiff_t)slab->stride - 1);
			ck_assert(slabs_death(slab, index));
		}
	drop();
}

START_TEST(test_damage)
{
	for_each_class(_i, damage_objects);
}
END_TEST

/* Nobody's object is before the first slot, nor in it. */
START_TEST(test_damage_before_free_slot)
{
	make(2);
	for (ptrdiff_t at = -8; at < 0; at++) {
		memory_at(0)[at] ^= 0x40;
		ck_assert(!verifies());
		assert_misuse(SA_ARENA_MISUSE_WRITE_AFTER_FREE, 0, 0, at);
		memory_at(0)[at] ^= 0x40;
	}
	ck_assert(verifies());
	drop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("slab");
	TCase *tests = tcase_create("slab");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 30);
	tcase_add_checked_fixture(tests, slabs_setup, slabs_teardown);
	tcase_add_loop_test(tests, test_layout, 0, GROUPS);
	tcase_add_test(tests, test_no_capacity);
	tcase_add_test(tests, test_every_capacity);
	tcase_add_loop_test(tests, test_every_stride_and_offset, 0, GROUPS);
	tcase_add_test(tests, test_destroy);
	tcase_add_loop_test(tests, test_index, 0, GROUPS);
	tcase_add_test(tests, test_index_of_nothing);
	tcase_add_loop_test(tests, test_life, 0, GROUPS);
	tcase_add_loop_test(tests, test_mend, 0, GROUPS);
	tcase_add_loop_test(tests, test_birth_in_written_slot, 0, GROUPS);
	tcase_add_test(tests, test_birth_in_taken_slot);
	tcase_add_loop_test(tests, test_damage, 0, GROUPS);
	tcase_add_test(tests, test_damage_before_free_slot);
	return support_run(suite);
}
