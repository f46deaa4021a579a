/* SPDX-License-Identifier: ISC */
/*
 * region: zero, locked, guarded, out of dumps; every access and fork policy,
 * as /proc and the page faults tell; and nothing left behind, whether it was
 * made, refused or destroyed.
 */
#include <config.h>

#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os.h"
#include "proc.h"
#include "smaps.h"
#include "support.h"

#define MIB ((size_t)1 << 20)
#define BIG_REGION (16 * MIB)

#define NOACCESS SA_ARENA_NOACCESS
#define READONLY SA_ARENA_READONLY
#define READWRITE SA_ARENA_READWRITE
#define INHERIT SA_ARENA_FORK_INHERIT
#define EXCLUDE SA_ARENA_FORK_EXCLUDE
#define WIPE SA_ARENA_FORK_WIPE

static size_t page;
static sa_region region;

static void setup(void)
{
	SUPPORT_REQUIRE(sodium_init() >= 0);
	sa_os_start();
	page = sa_os_page_size;
}

/* Where nothing can be locked, do without. */
static sa_arena_mlock mlock_policy(size_t size)
{
	return support_can_lock(size + 16 * page) ? SA_ARENA_MLOCK_REQUIRED
						  : SA_ARENA_MLOCK_BEST_EFFORT;
}

static void create(size_t size, sa_arena_fork fork)
{
	SUPPORT_REQUIRE(sa_region_create(&region, size, 0, mlock_policy(size),
					 fork) == 0);
}

static void destroy(void)
{
	SUPPORT_REQUIRE(sa_region_destroy(&region) == 0);
}

/* Behind the head. */
static unsigned char *memory(void)
{
	return region.start + SA_REGION_HEAD;
}

static size_t memory_size(void)
{
	return region.size - SA_REGION_HEAD;
}

static void flip_byte(void *byte)
{
	support_flip(byte);
}

static void read_byte(void *byte)
{
	support_peek(byte);
}

/* ----------------------------------------------------------------- made */

START_TEST(test_create)
{
	size_t size = (size_t)_i * page;

	create(size, INHERIT);
	ck_assert_uint_eq((uintptr_t)region.start % page, 0);
	ck_assert_uint_eq(region.size, size);
	ck_assert_int_eq(region.state, SA_REGION_WHOLE);
	ck_assert_int_eq(region.access, READWRITE);
	ck_assert_int_eq(region.fork, INHERIT);
	ck_assert(support_is_zero(memory(), memory_size()));
	support_fill(memory(), memory_size(), 1);
	ck_assert(support_is_filled(memory(), memory_size(), 1));
	destroy();
}
END_TEST

START_TEST(test_guards)
{
	create(3 * page, INHERIT);
	support_assert_passes(flip_byte, memory());
	support_assert_passes(flip_byte, region.start + 3 * page - 1);
	support_assert_dies(flip_byte, region.start - 1, SIGSEGV);
	support_assert_dies(read_byte, region.start - 1, SIGSEGV);
	support_assert_dies(read_byte, region.start - page, SIGSEGV);
	support_assert_dies(flip_byte, region.start + 3 * page, SIGSEGV);
	support_assert_dies(read_byte, region.start + 3 * page, SIGSEGV);
	support_assert_dies(read_byte, region.start + 4 * page - 1, SIGSEGV);
	destroy();
}
END_TEST

/* The kernel's word for it, before and after; all of it, and nothing else. */
static void lock_and_unlock(size_t size)
{
	size_t locked = support_locked_size();

	if (SUPPORT_SANITIZED || !support_can_lock(size)) {
		support_skip("locked", "nothing can be locked here");
		return;
	}
	create(size, INHERIT);
	ck_assert(region.locked);
	ck_assert_uint_eq(support_locked_size(), locked + size);
	/* A 32-bit program's under an emulator are not the kernel's. */
	if (SUPPORT_POINTER_BITS == 64 || support_takes_advice()) {
		ck_assert(smaps_has_flag(region.start, size, "lo"));
		ck_assert_uint_eq(smaps_figure(region.start, size, "Locked"),
				  size);
	}
	destroy();
	ck_assert_uint_eq(support_locked_size(), locked);
}

START_TEST(test_locked)
{
	lock_and_unlock(page);
	lock_and_unlock(7 * page);
	lock_and_unlock(BIG_REGION);
}
END_TEST

static void assert_flags(sa_arena_fork fork, int excluded, int wiped)
{
	create(5 * page, fork);
	ck_assert(smaps_has_flag(region.start, region.size, "dd"));
	ck_assert_int_eq(smaps_has_flag(region.start, region.size, "dc"),
			 excluded);
	ck_assert_int_eq(smaps_has_flag(region.start, region.size, "wf"),
			 wiped);
	destroy();
}

START_TEST(test_flags)
{
	if (!support_takes_advice()) {
		support_skip("flags", "no advice is taken here");
		return;
	}
	assert_flags(INHERIT, 0, 0);
	assert_flags(EXCLUDE, 1, 0);
	assert_flags(WIPE, 0, 1);
}
END_TEST

/* ------------------------------------------------------------ huge pages */

/* A region that can come to consist of huge pages; 0: the kernel has none. */
static size_t create_alike(size_t count, sa_arena_fork fork)
{
	size_t huge = sa_proc_huge_page_size();

	if (huge == 0 || huge > 4 * MIB) {
		support_skip("huge_pages", "the kernel has none");
		return 0;
	}
	if (support_under_valgrind()) {
		support_skip("huge_pages", "Valgrind chooses addresses");
		return 0;
	}
	SUPPORT_REQUIRE(sa_region_create(&region, count * huge, huge,
					 mlock_policy(count * huge),
					 fork) == 0);
	ck_assert_uint_eq((uintptr_t)region.start % huge, 0);
	ck_assert(sa_region_is_huge_sized(&region, huge));
	return huge;
}

START_TEST(test_huge_sized)
{
	const size_t huge = 4 * page;
	const sa_region regions[] = {
		{.start = (unsigned char *)(uintptr_t)(3 * huge),
		 .size = 2 * huge},
		{.start = (unsigned char *)(uintptr_t)(3 * huge),
		 .size = 3 * page},
		{.start = (unsigned char *)(uintptr_t)(3 * page),
		 .size = 2 * huge},
	};

	ck_assert(sa_region_is_huge_sized(&regions[0], huge));
	ck_assert(!sa_region_is_huge_sized(&regions[1], huge));
	ck_assert(!sa_region_is_huge_sized(&regions[2], huge));
}
END_TEST

static sa_region make_scratch(void)
{
	sa_region scratch;

	SUPPORT_REQUIRE(sa_region_create(&scratch, region.size + page, 0,
					 mlock_policy(region.size + page),
					 EXCLUDE) == 0);
	return scratch;
}

/* Everything is as before, libsodium's canary too, but for the pages: flags,
 * lock, contents; and nothing of them stays in scratch. */
START_TEST(test_make_huge)
{
	size_t locked, huge = create_alike(2, (sa_arena_fork)_i);
	sa_region scratch;

	if (huge == 0)
		return;
	support_fill(memory(), memory_size(), 2);
	ck_assert_int_eq(sa_region_set_access(&region, READONLY), 0);
	scratch = make_scratch();
	locked = support_locked_size();
	ck_assert_int_eq(sa_region_make_huge(&region, &scratch), 0);
	ck_assert_uint_eq(support_locked_size(), locked);
	ck_assert(support_is_zero(scratch.start + SA_REGION_HEAD,
				  scratch.size - SA_REGION_HEAD));
	ck_assert_int_eq(sa_region_destroy(&scratch), 0);
	ck_assert_uint_eq(
		smaps_figure(region.start, region.size, "AnonHugePages"),
		region.size);
	ck_assert(smaps_has_flag(region.start, region.size, "dd"));
	ck_assert_int_eq(smaps_has_flag(region.start, region.size, "lo"),
			 region.locked && !SUPPORT_SANITIZED);
	ck_assert_int_eq(smaps_has_flag(region.start, region.size, "dc"),
			 _i == EXCLUDE);
	ck_assert_int_eq(smaps_has_flag(region.start, region.size, "wf"),
			 _i == WIPE);
	ck_assert_int_eq(sa_region_set_access(&region, NOACCESS), 0);
	ck_assert_int_eq(sa_region_set_access(&region, READWRITE), 0);
	ck_assert(support_is_filled(memory(), memory_size(), 2));
	destroy();
}
END_TEST

/* Whatever the kernel refuses, the contents are there, and the lock. */
static void make_huge_in_vain(void *call)
{
	size_t huge = create_alike(1, INHERIT);
	sa_region scratch;

	if (huge == 0)
		return;
	support_fill(memory(), memory_size(), 3);
	scratch = make_scratch();
	if (support_refuse_call(*(long *)call, ENOMEM) != 0)
		_exit(SUPPORT_CANNOT_TELL);
	SUPPORT_REQUIRE(sa_region_make_huge(&region, &scratch) == -1);
	SUPPORT_REQUIRE(support_is_filled(memory(), memory_size(), 3));
	SUPPORT_REQUIRE(support_is_zero(scratch.start + SA_REGION_HEAD,
					scratch.size - SA_REGION_HEAD));
	if (*(long *)call == SYS_madvise)
		SUPPORT_REQUIRE(region.locked || SUPPORT_SANITIZED);
	if (*(long *)call == SYS_mlock)
		SUPPORT_REQUIRE(!region.locked);
}

START_TEST(test_make_huge_in_vain)
{
	static long calls[] = {SYS_madvise, SYS_mlock};

	if (SUPPORT_SANITIZED || !support_can_lock(4 * MIB)) {
		support_skip("make_huge_in_vain", "nothing can be locked");
		return;
	}
	support_assert_passes_or_skip("make_huge_in_vain", make_huge_in_vain,
				      &calls[_i]);
}
END_TEST

/* ---------------------------------------------------------------- access */

static void assert_access(sa_arena_access access)
{
	unsigned char *last = region.start + region.size - 1;

	ck_assert_int_eq(region.access, access);
	ck_assert_int_eq(support_is_readable(memory()), access >= READONLY);
	ck_assert_int_eq(support_is_writable(memory()), access >= READWRITE);
	ck_assert_int_eq(support_is_readable(last), access >= READONLY);
	ck_assert_int_eq(support_is_writable(last), access >= READWRITE);
	ck_assert(!support_is_readable(region.start - 1));
	ck_assert(!support_is_readable(last + 1));
}

START_TEST(test_access)
{
	static const sa_arena_access all[] = {READWRITE, NOACCESS,  READONLY,
					      NOACCESS,  READWRITE, READONLY,
					      READONLY,  READWRITE};

	create(3 * page, INHERIT);
	support_fill(memory(), memory_size(), 3);
	for (size_t i = 0; i < SUPPORT_LENGTH(all); i++) {
		ck_assert_int_eq(sa_region_set_access(&region, all[i]), 0);
		assert_access(all[i]);
	}
	ck_assert(support_is_filled(memory(), memory_size(), 3));
	destroy();
}
END_TEST

START_TEST(test_destroy_in_any_access)
{
	size_t count;

	create(3 * page, INHERIT);
	destroy();
	count = support_mapping_count();
	for (unsigned i = 0; i < 10; i++) {
		create(3 * page, INHERIT);
		support_fill(memory(), memory_size(), i);
		ck_assert_int_eq(
			sa_region_set_access(&region, (sa_arena_access)_i), 0);
		destroy();
		ck_assert_ptr_null(region.start);
	}
	if (support_is_alone())
		ck_assert_uint_eq(support_mapping_count(), count);
}
END_TEST

/* Part of the mapping is gone, so that mprotect() refuses it as a whole. */
static void open_what_cannot_be(void *unused)
{
	unsigned char *start;

	(void)unused;
	create(3 * page, INHERIT);
	start = region.start;
	SUPPORT_REQUIRE(sa_region_set_access(&region, NOACCESS) == 0);
	SUPPORT_REQUIRE(munmap(start + page, page) == 0);
	errno = 0;
	SUPPORT_REQUIRE(sa_region_set_access(&region, READONLY) == -1);
	SUPPORT_REQUIRE(errno == ENOMEM);
	SUPPORT_REQUIRE(region.access == NOACCESS);
	destroy();
	SUPPORT_REQUIRE(!support_is_readable(start));
	SUPPORT_REQUIRE(!support_is_readable(start + 2 * page));
}

START_TEST(test_cannot_be_opened)
{
	if (!support_keeps_limits())
		support_skip("cannot_be_opened", "limits are not kept here");
	else
		support_assert_passes(open_what_cannot_be, NULL);
}
END_TEST

/* --------------------------------------------------------------- refused */

static void create_without_right(void *unused)
{
	size_t count;

	(void)unused;
	if (support_become_ordinary(0) != 0)
		_exit(SUPPORT_CANNOT_TELL);
	count = support_mapping_count();
	errno = 0;
	SUPPORT_REQUIRE(sa_region_create(&region, 4 * page, 0,
					 SA_ARENA_MLOCK_REQUIRED,
					 INHERIT) == -1);
	SUPPORT_REQUIRE(errno == EPERM);
	SUPPORT_REQUIRE(support_under_valgrind() ||
			support_mapping_count() == count);
	SUPPORT_REQUIRE(support_locked_size() == 0);
	SUPPORT_REQUIRE(sa_region_create(&region, 4 * page, 0,
					 SA_ARENA_MLOCK_BEST_EFFORT,
					 INHERIT) == 0);
	SUPPORT_REQUIRE(!region.locked);
	SUPPORT_REQUIRE(support_locked_size() == 0);
	SUPPORT_REQUIRE(!support_takes_advice() ||
			smaps_has_flag(region.start, 4 * page, "dd"));
	SUPPORT_REQUIRE(support_is_zero(memory(), memory_size()));
	SUPPORT_REQUIRE(!support_is_readable(region.start - 1));
	SUPPORT_REQUIRE(!support_is_readable(region.start + 4 * page));
	destroy();
	SUPPORT_REQUIRE(support_under_valgrind() ||
			support_mapping_count() == count);
	support_leave(0);
}

START_TEST(test_no_right_to_lock)
{
	if (SUPPORT_SANITIZED) {
		support_skip("no_right_to_lock", "sanitizers lock nothing");
		return;
	}
	support_assert_passes_or_skip("no_right_to_lock", create_without_right,
				      NULL);
}
END_TEST

START_TEST(test_no_memory)
{
	size_t count = support_mapping_count();

	errno = 0;
	ck_assert_int_eq(sa_region_create(&region, SIZE_MAX / 2 + 1, 0,
					  SA_ARENA_MLOCK_BEST_EFFORT, INHERIT),
			 -1);
	ck_assert_int_eq(errno, ENOMEM);
	if (support_is_alone())
		ck_assert_uint_eq(support_mapping_count(), count);
}
END_TEST

/* ----------------------------------------------------------------- fork */

/* What the child finds, per policy; and again in a child of its own. */
static void inherit(void *was_locked)
{
	SUPPORT_REQUIRE(sa_region_after_fork(&region) == 0);
	SUPPORT_REQUIRE(region.state == SA_REGION_WHOLE);
	SUPPORT_REQUIRE(region.locked == *(int *)was_locked);
	SUPPORT_REQUIRE(support_is_filled(memory(), memory_size(), 4));
	if (region.locked)
		SUPPORT_REQUIRE(
			smaps_has_flag(region.start, region.size, "lo"));
	support_flip(memory());
	destroy();
}

static void touch_excluded(void *unused)
{
	(void)unused;
	SUPPORT_REQUIRE(sa_region_after_fork(&region) == 0);
	support_peek(memory());
}

static void exclude(void *unused)
{
	unsigned char *start = region.start;

	(void)unused;
	SUPPORT_REQUIRE(sa_region_after_fork(&region) == 0);
	SUPPORT_REQUIRE(region.state == SA_REGION_ABSENT);
	SUPPORT_REQUIRE(sa_region_is_excluded(&region));
	SUPPORT_REQUIRE(!region.locked);
	SUPPORT_REQUIRE(!support_is_readable(start));
	SUPPORT_REQUIRE(sa_os_reserve(start, region.size) == -1);
	SUPPORT_REQUIRE(sa_region_set_access(&region, READWRITE) == 0);
	SUPPORT_REQUIRE(!support_is_readable(start));
	SUPPORT_REQUIRE(sa_region_after_fork(&region) == 0);
	SUPPORT_REQUIRE(region.state == SA_REGION_ABSENT);
	destroy();
	SUPPORT_REQUIRE(sa_os_reserve(start, 3 * page) == 0);
}

/* Something else has come to lie there: it is not the region's to touch. */
static void take_place(void *unused)
{
	unsigned char *start = region.start, *other;

	(void)unused;
	other = mmap(start + page, page, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	SUPPORT_REQUIRE(other == start + page);
	support_fill(other, page, 6);
	SUPPORT_REQUIRE(sa_region_after_fork(&region) == 0);
	SUPPORT_REQUIRE(region.state == SA_REGION_TAKEN);
	SUPPORT_REQUIRE(sa_region_is_excluded(&region));
	SUPPORT_REQUIRE(!region.locked);
	SUPPORT_REQUIRE(sa_region_set_access(&region, NOACCESS) == 0);
	destroy();
	SUPPORT_REQUIRE(support_is_filled(other, page, 6));
	SUPPORT_REQUIRE(support_is_writable(other));
	SUPPORT_REQUIRE(sa_os_reserve(start - 2 * page, 3 * page) == 0);
	SUPPORT_REQUIRE(sa_os_reserve(start + 2 * page, 2 * page) == 0);
}

static void wipe(void *was_locked)
{
	SUPPORT_REQUIRE(sa_region_after_fork(&region) == 0);
	SUPPORT_REQUIRE(region.state == SA_REGION_WIPED);
	SUPPORT_REQUIRE(region.locked == *(int *)was_locked);
	SUPPORT_REQUIRE(sa_region_set_access(&region, READWRITE) == 0);
	SUPPORT_REQUIRE(support_is_zero(region.start, region.size));
	if (region.locked)
		SUPPORT_REQUIRE(
			smaps_has_flag(region.start, region.size, "lo"));
	support_fill(memory(), memory_size(), 5);
	SUPPORT_REQUIRE(sa_region_set_access(&region, NOACCESS) == 0);
	destroy();
}

static void assert_forks(sa_arena_fork fork, support_body child)
{
	int was_locked;

	create(3 * page, fork);
	was_locked = region.locked;
	support_fill(memory(), memory_size(), 4);
	support_assert_passes(child, &was_locked);
	if (fork != INHERIT) {
		SUPPORT_REQUIRE(sa_region_set_access(&region, NOACCESS) == 0);
		support_assert_passes(child, &was_locked);
		SUPPORT_REQUIRE(sa_region_set_access(&region, READWRITE) == 0);
	}
	if (fork == EXCLUDE)
		support_assert_dies(touch_excluded, NULL, SIGSEGV);
	ck_assert(support_is_filled(memory(), memory_size(), 4));
	destroy();
}

START_TEST(test_fork)
{
	if (!support_takes_advice()) {
		support_skip("fork", "no advice is taken here");
		return;
	}
	assert_forks(INHERIT, inherit);
	assert_forks(WIPE, wipe);
	if (!support_has_gaps_after_fork()) {
		support_skip("fork", "what a child lacks is not free here");
		return;
	}
	assert_forks(EXCLUDE, exclude);
	assert_forks(EXCLUDE, take_place);
}
END_TEST

/* What could not be locked is not in the child either. */
static void stay_unlocked(void *unused)
{
	(void)unused;
	SUPPORT_REQUIRE(sa_region_after_fork(&region) == 0);
	SUPPORT_REQUIRE(!region.locked);
	SUPPORT_REQUIRE(support_locked_size() == 0);
	SUPPORT_REQUIRE(support_is_filled(memory(), memory_size(), 6));
}

START_TEST(test_fork_unlocked)
{
	create(4 * page, INHERIT);
	region.locked = false;
	support_fill(memory(), memory_size(), 6);
	support_assert_passes(stay_unlocked, NULL);
	destroy();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("region");
	TCase *tests = tcase_create("region");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 30);
	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_loop_test(tests, test_create, 1, 20);
	tcase_add_test(tests, test_guards);
	tcase_add_test(tests, test_locked);
	tcase_add_test(tests, test_flags);
	tcase_add_test(tests, test_huge_sized);
	tcase_add_loop_test(tests, test_make_huge, INHERIT, WIPE + 1);
	tcase_add_loop_test(tests, test_make_huge_in_vain, 0, 2);
	tcase_add_test(tests, test_fork_unlocked);
	tcase_add_test(tests, test_access);
	tcase_add_loop_test(tests, test_destroy_in_any_access, NOACCESS,
			    READWRITE + 1);
	tcase_add_test(tests, test_cannot_be_opened);
	tcase_add_test(tests, test_no_right_to_lock);
	tcase_add_test(tests, test_no_memory);
	tcase_add_test(tests, test_fork);
	return support_run(suite);
}
