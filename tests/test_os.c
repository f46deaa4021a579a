/* SPDX-License-Identifier: ISC */
/*
 * os: what each call asks of the kernel is what /proc then shows, and limits
 * are told as they are.  The barrier has a test of its own.
 */
#include <config.h>

#include "os.h"
#include "proc.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "smaps.h"
#include "support.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

static size_t page;

static void setup(void)
{
	sa_os_start();
	page = sa_os_page_size;
}

static unsigned char *map(size_t size)
{
	unsigned char *memory = sa_os_map_guarded(size);

	SUPPORT_REQUIRE(memory != NULL);
	return memory;
}

static void unmap(void *memory, size_t size)
{
	ck_assert_int_eq(sa_os_unmap_guarded(memory, size), 0);
}

static void flip_byte(void *byte)
{
	support_flip(byte);
}

/* ------------------------------------------------------------- mappings */

START_TEST(test_page_size)
{
	sa_os_start();
	ck_assert_uint_eq(sa_os_page_size, (size_t)sysconf(_SC_PAGESIZE));
}
END_TEST

START_TEST(test_map_guarded)
{
	size_t size = (size_t)_i * page;
	unsigned char *memory = map(size);

	ck_assert_uint_eq((uintptr_t)memory % page, 0);
	ck_assert(support_is_zero(memory, size));
	support_fill(memory, size, 1);
	ck_assert(support_is_filled(memory, size, 1));
	ck_assert(!support_is_readable(memory - 1));
	ck_assert(!support_is_readable(memory + size));
	support_assert_passes(flip_byte, memory);
	support_assert_passes(flip_byte, memory + size - 1);
	support_assert_dies(flip_byte, memory - 1, SIGSEGV);
	support_assert_dies(flip_byte, memory - page, SIGSEGV);
	support_assert_dies(flip_byte, memory + size, SIGSEGV);
	support_assert_dies(flip_byte, memory + size + page - 1, SIGSEGV);
	unmap(memory, size);
	ck_assert(!support_is_readable(memory));
}
END_TEST

START_TEST(test_map_leaves_nothing)
{
	size_t count, i;
	void *memory[10];

	support_mapping_count();
	count = support_mapping_count();
	for (i = 0; i < 10; i++)
		memory[i] = map(4 * page);
	for (i = 0; i < 10; i++)
		unmap(memory[i], 4 * page);
	errno = 0;
	ck_assert_ptr_null(sa_os_map_guarded(SIZE_MAX / 2 + 1));
	ck_assert_int_eq(errno, ENOMEM);
	errno = 0;
	ck_assert_ptr_null(sa_os_map_guarded(SIZE_MAX - page + 1));
	ck_assert_int_eq(errno, ENOMEM);
	if (support_is_alone())
		ck_assert_uint_eq(support_mapping_count(), count);
}
END_TEST

START_TEST(test_unmap)
{
	unsigned char *memory = map(4 * page);

	ck_assert_int_eq(sa_os_protect_none(memory + page, page), 0);
	ck_assert(!support_is_readable(memory + page));
	ck_assert(support_is_writable(memory));
	ck_assert(support_is_writable(memory + 2 * page));
	ck_assert_int_eq(sa_os_unmap(memory + 2 * page, page), 0);
	ck_assert(!support_is_readable(memory + 2 * page));
	ck_assert(support_is_writable(memory + 3 * page));
	/* An emulator keeps a 32-bit program's addresses. */
	if (SUPPORT_POINTER_BITS == 64 || support_takes_advice()) {
		errno = 0;
		ck_assert_int_eq(sa_os_protect_none(memory + 2 * page, page),
				 -1);
		ck_assert_int_eq(errno, ENOMEM);
	}
	errno = 0;
	ck_assert_int_eq(sa_os_unmap(memory + 1, page), -1);
	ck_assert_int_eq(errno, EINVAL);
	unmap(memory, 4 * page);
}
END_TEST

/* Only where there is nothing at all. */
START_TEST(test_reserve)
{
	unsigned char *memory = map(4 * page);

	support_fill(memory, 4 * page, 2);
	ck_assert_int_eq(sa_os_unmap(memory + page, 2 * page), 0);
	errno = 0;
	ck_assert_int_eq(sa_os_reserve(memory, 4 * page), -1);
	ck_assert_int_eq(errno, EEXIST);
	errno = 0;
	ck_assert_int_eq(sa_os_reserve(memory + 2 * page, 2 * page), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert(support_is_filled(memory, page, 2));
	ck_assert_uint_eq(memory[4 * page - 1],
			  support_pattern(2, 4 * page - 1));
	ck_assert_int_eq(sa_os_reserve(memory + page, 2 * page), 0);
	ck_assert(!support_is_readable(memory + page));
	ck_assert_int_eq(sa_os_reserve(memory + page, page), -1);
	support_assert_dies(flip_byte, memory + page, SIGSEGV);
	unmap(memory, 4 * page);
}
END_TEST

/* --------------------------------------------------------------- advice */

/* Of the middle two pages, and no other piece of advice. */
static void assert_advice(int (*advise)(void *, size_t), const char *flag)
{
	static const char *const flags[] = {"dd", "dc", "wf"};
	unsigned char *memory = map(4 * page);

	ck_assert_int_eq(advise(memory + page, 2 * page), 0);
	ck_assert(smaps_has_flag(memory + page, 2 * page, flag));
	ck_assert(smaps_lacks_flag(memory, page, flag));
	ck_assert(smaps_lacks_flag(memory + 3 * page, page, flag));
	for (size_t i = 0; i < SUPPORT_LENGTH(flags); i++)
		if (strcmp(flags[i], flag) != 0)
			ck_assert(smaps_lacks_flag(memory, 4 * page, flags[i]));
	ck_assert_int_eq(sa_os_unmap(memory + page, page), 0);
	ck_assert_int_eq(advise(memory + page, 2 * page), -1);
	unmap(memory, 4 * page);
}

START_TEST(test_advice)
{
	if (!support_takes_advice()) {
		support_skip("advice", "no advice is taken here");
		return;
	}
	assert_advice(sa_os_exclude_from_dumps, "dd");
	assert_advice(sa_os_exclude_from_forks, "dc");
	assert_advice(sa_os_wipe_on_fork, "wf");
}
END_TEST

/* Pages that were locked come back zero, and locked. */
START_TEST(test_drop)
{
	unsigned char *memory = map(16 * page);
	size_t locked = support_locked_size();

	if (SUPPORT_SANITIZED || !support_can_lock(16 * page) ||
	    sa_proc_huge_page_size() == 0) {
		support_skip("drop", "no lock, or no such advice");
		return;
	}
	support_fill(memory, 16 * page, 4);
	ck_assert_int_eq(sodium_mlock(memory, 16 * page), 0);
	ck_assert_int_eq(sa_os_drop(memory + page, 8 * page), 0);
	ck_assert(support_is_filled(memory, page, 4));
	ck_assert(support_is_zero(memory + page, 8 * page));
	ck_assert_uint_eq(support_locked_size(), locked + 16 * page);
	unmap(memory, 16 * page);
}
END_TEST

/* A process that wants no huge pages is offered none. */
static void refuse_huge_pages(void *unused)
{
	(void)unused;
	SUPPORT_REQUIRE(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
	SUPPORT_REQUIRE(sa_proc_huge_page_size() == 0);
}

static void *map_nothing(size_t size)
{
	void *memory =
		mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	return memory;
}

static int cannot_aim(void)
{
	if (!support_takes_advice())
		support_skip("aim", "no advice is taken here");
	else if (support_under_valgrind())
		support_skip("aim", "Valgrind chooses addresses");
	else
		return 0;
	return 1;
}

/* What is mapped next lies as it was aimed: it is too large for the gaps that
 * were left before. */
START_TEST(test_aim)
{
	const size_t alignment = 512 * page, offset = 2 * page;
	const size_t least = 4 * alignment;
	void *others[40];
	size_t size, i;

	if (cannot_aim())
		return;
	for (i = 0; i < SUPPORT_LENGTH(others); i++) {
		sa_os_aim aim;

		size = least + (i + 1) * page;
		aim = sa_os_take_aim(size, offset, alignment);
		others[i] = map_nothing(size);
		ck_assert_int_eq(sa_os_drop_aim(&aim), 0);
		ck_assert_uint_eq(((uintptr_t)others[i] + offset) % alignment,
				  0);
	}
	for (i = 0; i < SUPPORT_LENGTH(others); i++)
		ck_assert_int_eq(munmap(others[i], least + (i + 1) * page), 0);
}
END_TEST

/* Gaps that have room, but not so aligned, do not get it. */
START_TEST(test_aim_past_gaps)
{
	const size_t alignment = 512 * page, offset = 2 * page;
	const size_t size = 8 * alignment + page, step = size + page;
	const size_t gaps = (size_t)_i;
	unsigned char *around, *memory;
	sa_os_aim aim;
	size_t i;

	if (cannot_aim())
		return;
	around = map_nothing(gaps * step);
	for (i = 0; i < gaps; i++)
		ck_assert_int_eq(munmap(around + i * step + page, size), 0);
	aim = sa_os_take_aim(size, offset, alignment);
	memory = map_nothing(size);
	ck_assert_int_eq(sa_os_drop_aim(&aim), 0);
	ck_assert_uint_eq(((uintptr_t)memory + offset) % alignment, 0);
	ck_assert_int_eq(munmap(memory, size), 0);
	for (i = 0; i < gaps; i++)
		ck_assert_int_eq(munmap(around + i * step, page), 0);
}
END_TEST

/* Without room there is no aim, and nothing to drop. */
START_TEST(test_no_aim)
{
	size_t mappings = support_mapping_count();
	sa_os_aim aim = sa_os_take_aim(SIZE_MAX - page + 1, 0, page);

	ck_assert_ptr_null(aim.above);
	ck_assert_int_eq(sa_os_drop_aim(&aim), 0);
	aim = sa_os_take_aim(SIZE_MAX / 2 + 1, 0, 16 * page);
	ck_assert_ptr_null(aim.above);
	ck_assert_int_eq(sa_os_drop_aim(&aim), 0);
	for (size_t i = 1; i < 100; i++) {
		aim = sa_os_take_aim(i * page, page, 128 * page);
		ck_assert_int_eq(sa_os_drop_aim(&aim), 0);
	}
	if (support_is_alone())
		ck_assert_uint_eq(support_mapping_count(), mappings);
}
END_TEST

START_TEST(test_huge_page_size)
{
	size_t size = sa_proc_huge_page_size();
	unsigned char *memory;

	if (!support_takes_advice()) {
		support_skip("huge_page_size", "no advice is taken here");
		return;
	}
	support_assert_passes(refuse_huge_pages, NULL);
	if (size == 0) {
		support_skip("huge_page_size", "the kernel has none");
		return;
	}
	ck_assert_uint_eq(size & (size - 1), 0);
	ck_assert_uint_gt(size, page);
	memory = map(16 * page);
	ck_assert_int_eq(sa_os_ask_for_huge_pages(memory, 16 * page), 0);
	ck_assert(smaps_has_flag(memory, 16 * page, "hg"));
	unmap(memory, 16 * page);
}
END_TEST

/* Nothing is touched now; what is touched later is locked. */
START_TEST(test_lock_present)
{
	unsigned char *memory = map(16 * page);
	size_t locked = support_locked_size();

	if (!support_takes_advice()) {
		support_skip("lock_present", "no advice is taken here");
		return;
	}
	if (!support_can_lock(16 * page)) {
		support_skip("lock_present", "nothing can be locked here");
		return;
	}
	if (!support_locks_present()) {
		support_skip("lock_present", "there is no mlock2()");
		return;
	}
	memory[0] = 1;
	ck_assert_int_eq(sa_os_lock_present(memory, 16 * page), 0);
	ck_assert_uint_eq(support_locked_size(), locked + 16 * page);
	ck_assert(smaps_has_flag(memory, 16 * page, "lo"));
	ck_assert_uint_eq(smaps_figure(memory, 16 * page, "Rss"), page);
	memory[5 * page] = 1;
	ck_assert_uint_eq(smaps_figure(memory, 16 * page, "Locked"), 2 * page);
	unmap(memory, 16 * page);
	ck_assert_uint_eq(support_locked_size(), locked);
}
END_TEST

/* --------------------------------------------------------------- limits */

/* As /proc/meminfo has it, to the page, or as much as a size can tell. */
START_TEST(test_memory_size)
{
	FILE *file = fopen("/proc/meminfo", "r");
	uint64_t size, kib = 0;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "MemTotal: %" SCNu64 " kB", &kib), 1);
	fclose(file);
	/* What qemu 7.2 tells a 32-bit program is cut off. */
	if (!support_takes_advice() && kib * KIB > SIZE_MAX) {
		support_skip("memory_size", "an emulator's is another");
		return;
	}
	size = kib * KIB < SIZE_MAX ? kib * KIB : SIZE_MAX;
	ck_assert_uint_eq(sa_proc_memory_size() / page, size / page);
}
END_TEST

/* Sanitizers make mlock() a call that does nothing. */
static bool can_lock(void *memory, size_t size)
{
	return syscall(SYS_mlock, memory, size) == 0;
}

/* All that is said to be left can be locked, and not a page more. */
static void lock_what_is_left(size_t left)
{
	unsigned char *memory = map(left + page);

	SUPPORT_REQUIRE(sa_proc_lockable_size() == left);
	SUPPORT_REQUIRE(!can_lock(memory, left + page));
	SUPPORT_REQUIRE(left == 0 || can_lock(memory, left));
	SUPPORT_REQUIRE(sa_proc_lockable_size() == 0);
}

static void ask_for_lockable(void *limit)
{
	size_t most = *(const size_t *)limit, left = most - most % page;
	size_t first = left / 2 - left / 2 % page;

	if (support_become_ordinary(most) != 0)
		_exit(SUPPORT_CANNOT_TELL);
	SUPPORT_REQUIRE(support_locked_size() == 0);
	SUPPORT_REQUIRE(sa_proc_lockable_size() == left);
	if (first != 0)
		SUPPORT_REQUIRE(can_lock(map(first), first));
	lock_what_is_left(left - first);
	support_leave(0);
}

START_TEST(test_lockable_size)
{
	const size_t limits[] = {0, 1, page, 4 * page, 64 * KIB, 100001};
	size_t limit = limits[_i];

	support_assert_passes_or_skip("lockable_size", ask_for_lockable,
				      &limit);
}
END_TEST

/* Who is root in a user namespace only may not lock more than before. */
static void ask_as_root_of_namespace(void *unused)
{
	(void)unused;
	if (support_become_ordinary(64 * KIB) != 0 ||
	    unshare(CLONE_NEWUSER) != 0)
		_exit(SUPPORT_CANNOT_TELL);
	lock_what_is_left(64 * KIB);
	support_leave(0);
}

START_TEST(test_lockable_in_namespace)
{
	support_assert_passes_or_skip("lockable_in_namespace",
				      ask_as_root_of_namespace, NULL);
}
END_TEST

/* In /proc/self/status a user's groups stand before what is asked for. */
static void ask_with_many_groups(void *unused)
{
	gid_t groups[2000];

	(void)unused;
	for (size_t i = 0; i < SUPPORT_LENGTH(groups); i++)
		groups[i] = (gid_t)(1000000000 + i);
	if (setgroups(SUPPORT_LENGTH(groups), groups) != 0 ||
	    setresuid(65534, 65534, 65534) != 0 ||
	    support_become_ordinary(64 * KIB) != 0)
		_exit(SUPPORT_CANNOT_TELL);
	SUPPORT_REQUIRE(getgroups(0, NULL) == SUPPORT_LENGTH(groups));
	SUPPORT_REQUIRE(can_lock(map(64 * KIB), 64 * KIB));
	SUPPORT_REQUIRE(sa_proc_lockable_size() == 0);
	support_leave(0);
}

START_TEST(test_lockable_with_many_groups)
{
	support_assert_passes_or_skip("lockable_with_many_groups",
				      ask_with_many_groups, NULL);
}
END_TEST

START_TEST(test_lockable_as_we_are)
{
	ck_assert_int_eq(support_can_lock(MIB), sa_proc_lockable_size() >= MIB);
}
END_TEST

/* What /proc/sys allows, less the lines of /proc/self/maps. */
START_TEST(test_all_mappings)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
	size_t most = 0, used;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%zu", &most), 1);
	fclose(file);
	for (unsigned i = 0; i < 200; i++)
		map(page);
	support_mapping_count();
	used = support_mapping_count();
	ck_assert_uint_gt(used, 200);
	ck_assert_uint_le(sa_proc_available_mappings(), most - used + 2);
	ck_assert_uint_ge(sa_proc_available_mappings(), most - used - 2);
}
END_TEST

/* Neighbours with one access would be one mapping. */
START_TEST(test_available_mappings)
{
	size_t available = sa_proc_available_mappings();
	const size_t n = 100;
	void *memory;

	ck_assert_uint_ne(available, SIZE_MAX);
	ck_assert_uint_gt(available, 2 * n);
	memory = map(2 * n * page);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(sa_os_protect_none((unsigned char *)memory +
							    2 * i * page,
						    page),
				 0);
	ck_assert_uint_le(sa_proc_available_mappings(), available - 2 * n + 2);
	ck_assert_uint_ge(sa_proc_available_mappings(), available - 2 * n - 20);
	unmap(memory, 2 * n * page);
	if (support_is_alone())
		ck_assert_uint_eq(sa_proc_available_mappings(), available);
}
END_TEST

/* -------------------------------------------------------------- threads */

static void *tell_id(void *id)
{
	*(int *)id = sa_os_thread_id();
	SUPPORT_REQUIRE(sa_os_thread_is_alive(*(int *)id));
	return NULL;
}

/* At first it only yields, later it sleeps; it always comes back. */
START_TEST(test_let_run)
{
	struct timespec before, after;
	int64_t elapsed;

	for (unsigned turn = 0; turn < 10; turn++)
		sa_os_let_run(turn);
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (unsigned turn = 1000; turn < 1010; turn++)
		sa_os_let_run(turn);
	clock_gettime(CLOCK_MONOTONIC, &after);
	elapsed = (after.tv_sec - before.tv_sec) * 1000000000 +
		  (after.tv_nsec - before.tv_nsec);
	ck_assert_int_ge(elapsed, 10 * 10000);
}
END_TEST

/* A joined thread leaves the kernel a moment later. */
START_TEST(test_thread_is_alive)
{
	pthread_t thread;
	int id = 0, own = sa_os_thread_id();

	ck_assert_int_eq(own, getpid());
	ck_assert(sa_os_thread_is_alive(own));
	ck_assert_int_eq(pthread_create(&thread, NULL, tell_id, &id), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_ne(id, own);
	for (int i = 0; i < 1000 && sa_os_thread_is_alive(id); i++)
		usleep(1000);
	ck_assert(!sa_os_thread_is_alive(id));
	ck_assert(!sa_os_thread_is_alive(getppid()));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("os");
	TCase *os = tcase_create("os");

	suite_add_tcase(suite, os);
	tcase_set_timeout(os, 30);
	tcase_add_checked_fixture(os, setup, NULL);
	tcase_add_test(os, test_page_size);
	tcase_add_loop_test(os, test_map_guarded, 1, 4);
	tcase_add_test(os, test_map_leaves_nothing);
	tcase_add_test(os, test_unmap);
	tcase_add_test(os, test_reserve);
	tcase_add_test(os, test_advice);
	tcase_add_test(os, test_drop);
	tcase_add_test(os, test_aim);
	tcase_add_loop_test(os, test_aim_past_gaps, 1, 8);
	tcase_add_test(os, test_no_aim);
	tcase_add_test(os, test_huge_page_size);
	tcase_add_test(os, test_lock_present);
	tcase_add_test(os, test_memory_size);
	tcase_add_loop_test(os, test_lockable_size, 0, 6);
	tcase_add_test(os, test_lockable_in_namespace);
	tcase_add_test(os, test_lockable_with_many_groups);
	tcase_add_test(os, test_lockable_as_we_are);
	tcase_add_test(os, test_all_mappings);
	tcase_add_test(os, test_available_mappings);
	tcase_add_test(os, test_let_run);
	tcase_add_test(os, test_thread_is_alive);
	return support_run(suite);
}
