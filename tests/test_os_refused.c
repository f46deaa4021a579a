/* SPDX-License-Identifier: ISC */
/*
 * os where the kernel refuses a call, is an older one, or its files say
 * something else than this machine's: what is done instead, and what is told.
 */
#include <config.h>

#include "os.h"
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults.h"
#include "support.h"

#define KIB ((size_t)1024)

static size_t page;

/* ------------------------------------------------- files of the kernel's */

#define LIMIT "/proc/sys/vm/max_map_count"
#define MAPPINGS "/proc/self/maps"
#define STATUS "/proc/self/status"
#define NAMESPACE "/proc/self/uid_map"
#define HUGE_ENABLED "/sys/kernel/mm/transparent_hugepage/enabled"
#define HUGE_SIZE "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"

/* Opens, and cannot be read: a folder. */
static const char unreadable[] = "";

/* What stands in them instead; NULL: they cannot be opened. */
static struct {
	const char *path;
	const char *text;
} files[4];
static size_t file_count;

static void say(const char *path, const char *text)
{
	size_t i = 0;

	while (i < file_count && strcmp(files[i].path, path) != 0)
		i++;
	SUPPORT_REQUIRE(i < SUPPORT_LENGTH(files));
	files[i].path = path;
	files[i].text = text;
	if (i == file_count)
		file_count++;
}

static int open_text(const char *text)
{
	int fds[2];

	SUPPORT_REQUIRE(pipe(fds) == 0);
	SUPPORT_REQUIRE(write(fds[1], text, strlen(text)) ==
			(ssize_t)strlen(text));
	close(fds[1]);
	return fds[0];
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);

static int open_any(const char *path, int flags, unsigned mode)
{
	for (size_t i = 0; i < file_count; i++) {
		if (strcmp(files[i].path, path) != 0)
			continue;
		if (files[i].text == unreadable)
			return __real_open("/", flags, mode);
		if (files[i].text != NULL)
			return open_text(files[i].text);
		errno = EACCES;
		return -1;
	}
	return __real_open(path, flags, mode);
}

static unsigned mode_of(int flags, va_list list)
{
	return (flags & O_CREAT) != 0 ? va_arg(list, unsigned) : 0;
}

int __wrap_open(const char *path, int flags, ...)
{
	va_list list;
	unsigned mode;

	va_start(list, flags);
	mode = mode_of(flags, list);
	va_end(list);
	return open_any(path, flags, mode);
}

/* 32-bit programs may be built to open large files. */
int __wrap_open64(const char *path, int flags, ...)
{
	va_list list;
	unsigned mode;

	va_start(list, flags);
	mode = mode_of(flags, list);
	va_end(list);
	return open_any(path, flags | O_LARGEFILE, mode);
}

/* ---------------------------------------------------------------- common */

static void setup(void)
{
	sa_os_start();
	page = sa_os_page_size;
	file_count = 0;
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

/* In a child, for it is for good. */
static void refuse(long number, int error)
{
	if (support_refuse_call(number, error) != 0)
		_exit(SUPPORT_CANNOT_TELL);
}

static int cannot_fail(const char *test)
{
	if (SUPPORT_SANITIZED)
		support_skip(test, "sanitizers define the same functions");
	return SUPPORT_SANITIZED;
}

/* --------------------------------------------------------------- mappings */

/* Nothing is left, unless unmapping it was what was refused. */
START_TEST(test_map_guarded)
{
	if (cannot_fail("map_guarded"))
		return;
	for (size_t first = 1; first <= 2; first++) {
		faults_watch();
		faults_arm(first, FAULTS_ONCE);
		errno = 0;
		ck_assert_ptr_null(sa_os_map_guarded(page));
		ck_assert_int_eq(errno, ENOMEM);
		faults_disarm();
		ck_assert_uint_eq(faults_left_now().size, 0);
	}
	faults_watch();
	faults_arm(2, FAULTS_ONWARD);
	ck_assert_ptr_null(sa_os_map_guarded(page));
	ck_assert_int_eq(errno, ENOMEM);
	faults_disarm();
	ck_assert_uint_eq(faults_left_now().size, 3 * page);
	ck_assert_uint_eq(faults_left_now().unexplained, 0);
}
END_TEST

/* Where addresses are hints, a place that is taken still stays as it is. */
START_TEST(test_reserve_by_hint)
{
	unsigned char *memory = map(4 * page);
	size_t mappings;

	if (cannot_fail("reserve_by_hint"))
		return;
	faults_take_hints();
	support_fill(memory, 4 * page, 1);
	support_mapping_count();
	mappings = support_mapping_count();
	errno = 0;
	ck_assert_int_eq(sa_os_reserve(memory + page, 2 * page), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_uint_eq(support_mapping_count(), mappings);
	ck_assert(support_is_filled(memory, 4 * page, 1));
	faults_arm(2, FAULTS_ONCE);
	ck_assert_int_eq(sa_os_reserve(memory + page, 2 * page), -1);
	ck_assert_int_eq(errno, ENOMEM);
	faults_disarm();
	ck_assert_int_eq(sa_os_unmap(memory + page, 2 * page), 0);
	ck_assert_int_eq(sa_os_reserve(memory + page, 2 * page), 0);
	ck_assert(!support_is_readable(memory + page));
	ck_assert_int_eq(sa_os_reserve(memory + page, page), -1);
	unmap(memory, 4 * page);
}
END_TEST

/* Without room, or when room cannot be given up in parts, nothing is left
 * once the aim is dropped. */
START_TEST(test_aim)
{
	const size_t size = 16 * page, alignment = 64 * page;
	sa_os_aim aim;

	if (cannot_fail("aim"))
		return;
	faults_watch();
	faults_arm(1, FAULTS_ONCE);
	aim = sa_os_take_aim(size, 0, alignment);
	ck_assert_ptr_null(aim.above);
	ck_assert_int_eq(sa_os_drop_aim(&aim), 0);
	faults_arm(2, FAULTS_ONCE);
	aim = sa_os_take_aim(size, 0, alignment);
	ck_assert_ptr_nonnull(aim.above);
	ck_assert_uint_eq(aim.above_size, size + alignment);
	ck_assert_uint_eq(aim.gap_count, 0);
	ck_assert_uint_eq(faults_left_now().size, size + alignment);
	faults_disarm();
	ck_assert_int_eq(sa_os_drop_aim(&aim), 0);
	ck_assert_uint_eq(faults_left_now().size, 0);
}
END_TEST

/* Every page is such a place: nothing lies above it to be taken. */
START_TEST(test_aim_at_any_page)
{
	sa_os_aim aim;

	faults_watch();
	aim = sa_os_take_aim(16 * page, 0, page);
	ck_assert_ptr_null(aim.above);
	if (!SUPPORT_SANITIZED)
		ck_assert_uint_eq(faults_left_now().size, 0);
	ck_assert_int_eq(sa_os_drop_aim(&aim), 0);
}
END_TEST

/* ----------------------------------------------------------------- advice */

/* Where locked pages cannot be dropped, they are unlocked first. */
START_TEST(test_empty)
{
	unsigned char *memory = map(4 * page);

	if (cannot_fail("empty"))
		return;
	support_fill(memory, 4 * page, 2);
	faults_arm(1, FAULTS_ONWARD);
	errno = 0;
	ck_assert_int_eq(sa_os_empty(memory + page, 2 * page), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_eq(faults_met_of(FAULTS_MUNLOCK), 1);
	faults_disarm();
	ck_assert(support_is_filled(memory, 4 * page, 2));
	if (support_can_lock(4 * page))
		ck_assert_int_eq(mlock(memory, 4 * page), 0);
	faults_arm(1, FAULTS_ONCE);
	ck_assert_int_eq(sa_os_empty(memory + page, 2 * page), 0);
	ck_assert_uint_eq(faults_failed(), 1);
	faults_disarm();
	ck_assert(support_is_filled(memory, page, 2));
	ck_assert(support_is_zero(memory + page, 2 * page));
	unmap(memory, 4 * page);
}
END_TEST

#ifdef SYS_mlock2

/* Kernels before 4.4 lack the call, some its flag, and filters forbid it: all
 * is locked at once. */
static void lock_without_flag(void *error)
{
	size_t before = support_locked_size();
	unsigned char *memory = map(4 * page);

	refuse(SYS_mlock2, *(int *)error);
	SUPPORT_REQUIRE(sa_os_lock_present(memory, 4 * page) == 0);
	SUPPORT_REQUIRE(support_locked_size() == before + 4 * page);
}

static void lock_unreadable(void *error)
{
	unsigned char *memory = map(4 * page);

	SUPPORT_REQUIRE(mprotect(memory, 4 * page, PROT_NONE) == 0);
	refuse(SYS_mlock2, *(int *)error);
	SUPPORT_REQUIRE(sa_os_lock_present(memory, 4 * page) == -1);
	SUPPORT_REQUIRE(errno == ENOMEM);
}

START_TEST(test_lock_present)
{
	int missing = ENOSYS, unknown = EINVAL, forbidden = EPERM;

	if (SUPPORT_SANITIZED || !support_can_lock(4 * page)) {
		support_skip("lock_present", "nothing can be locked here");
		return;
	}
	support_assert_passes_or_skip("lock_present", lock_without_flag,
				      &missing);
	support_assert_passes_or_skip("lock_present", lock_without_flag,
				      &unknown);
	support_assert_passes_or_skip("lock_present", lock_without_flag,
				      &forbidden);
	support_assert_passes_or_skip("lock_present", lock_unreadable,
				      &missing);
}
END_TEST

#endif

/* What "enabled" says, and the size; what then may be asked for, and whether
 * it comes unasked. */
static const struct {
	const char *enabled, *size;
	size_t huge;
	bool is_given;
} huge_pages[] = {
	{"[always] madvise never\n", "2097152\n", 2048 * KIB, true},
	{"always [madvise] never\n", "2097152\n", 2048 * KIB, false},
	{"always madvise [never]\n", "2097152\n", 0, false},
	{"always [madvise] never\n", NULL, 0, false},
	{"always [madvise] never\n", unreadable, 0, false},
	{NULL, "2097152\n", 0, false},
	{unreadable, "2097152\n", 0, false},
};

START_TEST(test_huge_pages)
{
	bool may_ask = sa_proc_huge_page_size() != 0;

	say(HUGE_ENABLED, huge_pages[_i].enabled);
	say(HUGE_SIZE, huge_pages[_i].size);
	ck_assert_int_eq(sa_proc_gives_huge_pages(), huge_pages[_i].is_given);
	ck_assert_uint_eq(sa_proc_huge_page_size(),
			  may_ask ? huge_pages[_i].huge : 0);
	if (cannot_fail("huge_pages"))
		return;
	/* The advice is not known. */
	faults_arm(1, FAULTS_ONCE);
	ck_assert_uint_eq(sa_proc_huge_page_size(), 0);
	faults_disarm();
}
END_TEST

/* ----------------------------------------------------------------- limits */

static void limit_locking(size_t size)
{
	struct rlimit limit;

	SUPPORT_REQUIRE(getrlimit(RLIMIT_MEMLOCK, &limit) == 0);
	limit.rlim_cur = size;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		_exit(SUPPORT_CANNOT_TELL);
}

/* Where 64 KiB may be locked. */
static const struct {
	const char *status;
	size_t lockable;
} lockable[] = {
	{"Name:\tx\nVmLck:\t       8 kB\nCapEff:\t0000000000000000\n",
	 56 * KIB},
	{"Name:\tx\nVmLck:\t0 kB\nCapEff:\t0000000000000000\n", 64 * KIB},
	{"Name:\tx\nCapEff:\tffffffffffffbfff\n", 64 * KIB},
	{"Name:\tx\nVmLck:\t64 kB\nCapEff:\t0\n", 0},
	{"Name:\tx\nVmLck:\t100 kB\nCapEff:\t0\n", 0},
	{"Name:\tx\nVmLck:\t8 kB\nCapEff:\t0000000000004000\n", SIZE_MAX},
	{"Name:\tx\nVmLck:\t8 kB\nCapEff:\t000001ffffffffff\n", SIZE_MAX},
	/* What is no line's beginning is no key; the first one counts. */
	{"Name:\tVmLck:\t9 kB\nVmLck\nVmLck:\t8 kB\nVmLck:\t4 kB\nCapEff:\t0\n",
	 56 * KIB},
	{"Name:\tx\nVmLck:\t8 kB\nCapEff:\t0", 56 * KIB},
	{"Name:\tx\nVmLck:\t8 4 kB\nCapEff:\t0 4000\n", 56 * KIB},
	/* No base has such digits. */
	{"Name:\tx\nVmLck:\t8a kB\nCapEff:\tX4000\n", 56 * KIB},
	{"Name:\tx\n", 64 * KIB},
	{unreadable, SIZE_MAX},
	{NULL, SIZE_MAX},
};

static void ask_for_lockable(void *index)
{
	size_t i = *(size_t *)index;

	limit_locking(64 * KIB);
	say(NAMESPACE, "         0          0 4294967295\n");
	say(STATUS, lockable[i].status);
	SUPPORT_REQUIRE(sa_proc_lockable_size() == lockable[i].lockable);
}

/* The figures are those of small pages. */
static void assert_lockable(const char *name, support_body body, size_t i)
{
	if (page > 8 * KIB)
		support_skip(name, "pages are too large");
	else
		support_assert_passes_or_skip(name, body, &i);
}

START_TEST(test_lockable_size)
{
	assert_lockable("lockable_size", ask_for_lockable, (size_t)_i);
}
END_TEST

/* Which ids a user namespace has; is it the first, where CAP_IPC_LOCK counts?
 */
static const struct {
	const char *ids;
	bool is_first;
} namespaces[] = {
	{"         0          0 4294967295\n", true},
	{"         0       1000          1\n", false},
	{"0 1000 1\n1 100000 65536\n", false},
	{"\n", false},
	/* A kernel without namespaces has no such file. */
	{NULL, true},
};

static void ask_in_namespace(void *index)
{
	size_t i = *(size_t *)index;

	limit_locking(64 * KIB);
	say(NAMESPACE, namespaces[i].ids);
	say(STATUS, "Name:\tx\nVmLck:\t8 kB\nCapEff:\t000001ffffffffff\n");
	SUPPORT_REQUIRE(sa_proc_lockable_size() ==
			(namespaces[i].is_first ? SIZE_MAX : 56 * KIB));
}

START_TEST(test_namespaces)
{
	assert_lockable("namespaces", ask_in_namespace, (size_t)_i);
}
END_TEST

/* Figures may stand anywhere in a long file; reads end where they like. */
static void ask_in_long_file(void *unused)
{
	static const char figures[] = "\nVmLck:\t8 kB\nCapEff:\t0\n";
	static char status[9000];

	(void)unused;
	limit_locking(64 * KIB);
	for (size_t i = 0; i <= 4200; i += i < 4000 ? 500 : 1) {
		memset(status, 'x', sizeof status - 1);
		memcpy(status + i, figures, sizeof figures - 1);
		say(STATUS, status);
		SUPPORT_REQUIRE(sa_proc_lockable_size() == 56 * KIB);
	}
}

START_TEST(test_long_status)
{
	support_assert_passes_or_skip("long_status", ask_in_long_file, NULL);
}
END_TEST

static void lift_limit(void *unused)
{
	const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};

	(void)unused;
	if (setrlimit(RLIMIT_MEMLOCK, &none) != 0)
		_exit(SUPPORT_CANNOT_TELL);
	say(STATUS, "VmLck:\t8 kB\nCapEff:\t0\n");
	SUPPORT_REQUIRE(sa_proc_lockable_size() == SIZE_MAX);
}

/* What the kernel does not tell is no limit: locking will tell. */
static void hide_limit(void *unused)
{
	(void)unused;
	limit_locking(64 * KIB);
	refuse(SYS_prlimit64, EPERM);
#ifdef SYS_ugetrlimit
	refuse(SYS_ugetrlimit, EPERM);
#endif
	say(STATUS, "VmLck:\t8 kB\nCapEff:\t0\n");
	SUPPORT_REQUIRE(sa_proc_lockable_size() == SIZE_MAX);
}

START_TEST(test_no_limit)
{
	support_assert_passes_or_skip("no_limit", lift_limit, NULL);
	support_assert_passes_or_skip("no_limit", hide_limit, NULL);
}
END_TEST

static SUPPORT_UNCHECKED void soil_stack(int byte)
{
	volatile unsigned char stack[4096];

	for (size_t i = 0; i < sizeof stack; i++)
		stack[i] = (unsigned char)byte;
}

/* Whatever lies on the stack where the kernel would have told. */
static void hide_memory(void *unused)
{
	(void)unused;
	refuse(SYS_sysinfo, EPERM);
	for (int byte = 0; byte < 4; byte++) {
		soil_stack(byte);
		SUPPORT_REQUIRE(sa_proc_memory_size() == SIZE_MAX);
	}
}

START_TEST(test_memory_size)
{
	support_assert_passes_or_skip("memory_size", hide_memory, NULL);
}
END_TEST

static const struct {
	const char *limit, *mappings;
	size_t available;
} mappings[] = {
	{"12\n", "a\nb\nc\n", 9},
	{"3\n", "a\nb\nc\n", 0},
	{"2\n", "a\nb\nc\n", 0},
	{"12\n", unreadable, SIZE_MAX},
	{"12\n", NULL, SIZE_MAX},
	/* The kernel's own number where the file tells none. */
	{NULL, "a\nb\n", 65528},
	{unreadable, "a\nb\n", 65528},
};

START_TEST(test_available_mappings)
{
	say(LIMIT, mappings[_i].limit);
	say(MAPPINGS, mappings[_i].mappings);
	ck_assert_uint_eq(sa_proc_available_mappings(), mappings[_i].available);
}
END_TEST

/* ---------------------------------------------------------------- threads */

/* The question, then the registration. */
START_TEST(test_barrier_refused)
{
	for (size_t first = 1; first <= 2; first++) {
		faults_arm(first, FAULTS_OF_KIND);
		ck_assert(!sa_os_has_barrier());
		faults_disarm();
	}
	faults_arm(1, FAULTS_ONCE);
	errno = 0;
	ck_assert_int_eq(sa_os_barrier(), -1);
	ck_assert_int_eq(errno, EPERM);
	faults_disarm();
}
END_TEST

#ifdef SYS_membarrier

static void know_no_barrier(void *result)
{
	refuse(SYS_membarrier, *(int *)result);
	SUPPORT_REQUIRE(!sa_os_has_barrier());
}

/* The call may be unknown, and know nothing. */
START_TEST(test_no_barrier)
{
	int missing = ENOSYS, no_commands = 0;

	support_assert_passes_or_skip("no_barrier", know_no_barrier, &missing);
	support_assert_passes_or_skip("no_barrier", know_no_barrier,
				      &no_commands);
}
END_TEST

#endif

/* Who may not sleep yields at least; that this is refused, too, shows it. */
static void wait_without_sleep(void *unused)
{
	(void)unused;
	refuse(SYS_nanosleep, EPERM);
	refuse(SYS_clock_nanosleep, EPERM);
#ifdef SYS_clock_nanosleep_time64
	refuse(SYS_clock_nanosleep_time64, EPERM);
#endif
	refuse(SYS_sched_yield, EBUSY);
	errno = 0;
	sa_os_let_run(1000000);
	SUPPORT_REQUIRE(errno == EBUSY);
}

START_TEST(test_let_run)
{
	support_assert_passes_or_skip("let_run", wait_without_sleep, NULL);
}
END_TEST

static void *tell_id(void *id)
{
	*(int *)id = sa_os_thread_id();
	return NULL;
}

/* Only who is known to be dead is. */
static void ask_in_vain(void *id)
{
	refuse(SYS_tgkill, EPERM);
	SUPPORT_REQUIRE(sa_os_thread_is_alive(*(int *)id));
}

START_TEST(test_thread_is_alive)
{
	pthread_t thread;
	int id;

	ck_assert_int_eq(pthread_create(&thread, NULL, tell_id, &id), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	support_assert_passes_or_skip("thread_is_alive", ask_in_vain, &id);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("os_refused");
	TCase *os = tcase_create("os_refused");

	suite_add_tcase(suite, os);
	tcase_set_timeout(os, 30);
	tcase_add_checked_fixture(os, setup, NULL);
	tcase_add_test(os, test_map_guarded);
	tcase_add_test(os, test_reserve_by_hint);
	tcase_add_test(os, test_aim);
	tcase_add_test(os, test_aim_at_any_page);
	tcase_add_test(os, test_empty);
#ifdef SYS_mlock2
	tcase_add_test(os, test_lock_present);
#endif
	tcase_add_loop_test(os, test_huge_pages, 0, SUPPORT_LENGTH(huge_pages));
	tcase_add_loop_test(os, test_lockable_size, 0,
			    SUPPORT_LENGTH(lockable));
	tcase_add_loop_test(os, test_namespaces, 0, SUPPORT_LENGTH(namespaces));
	tcase_add_test(os, test_long_status);
	tcase_add_test(os, test_no_limit);
	tcase_add_test(os, test_memory_size);
	tcase_add_loop_test(os, test_available_mappings, 0,
			    SUPPORT_LENGTH(mappings));
	tcase_add_test(os, test_barrier_refused);
#ifdef SYS_membarrier
	tcase_add_test(os, test_no_barrier);
#endif
	tcase_add_test(os, test_let_run);
	tcase_add_test(os, test_thread_is_alive);
	return support_run(suite);
}
