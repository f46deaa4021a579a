/* SPDX-License-Identifier: ISC */
/*
 * What an ordinary user may lock and what a secret costs: full use of a
 * small RLIMIT_MEMLOCK, both policies past it, nothing left behind by an
 * arena, no system call where none is promised, and no memory without
 * protection when the kernel refuses any part of it.
 */
#include <config.h>

#include "mappings.h"
#include "smaps.h"
#include "support.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define PAGE ((size_t)sysconf(_SC_PAGESIZE))

/* Left by a child that could not be made what the test needs. */

/* Run in a child; what it cannot find out is no failure. */
static void assert_passes_or_skip(const char *name, support_body body,
				  void *context)
{
	if (SUPPORT_SANITIZED) {
		support_skip(name, "sanitizers lock nothing");
		return;
	}
	support_assert_passes_or_skip(name, body, context);
}

static void become_ordinary(size_t limit)
{
	if (support_become_ordinary(limit) != 0)
		_exit(SUPPORT_CANNOT_TELL);
}

static void allow_locking(size_t size)
{
	struct rlimit limit;

	if (support_can_lock(size))
		return;
	SUPPORT_REQUIRE(getrlimit(RLIMIT_MEMLOCK, &limit) == 0);
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0 || !support_can_lock(size))
		_exit(SUPPORT_CANNOT_TELL);
}

/* ------------------------------------------------------- ulimit -l 64 */

enum { MOST = 100000 };

static unsigned char *secrets[MOST];

/* As many secrets as there are to be had; each holds its number. */
static size_t fill_up(sa_arena *arena, size_t size)
{
	size_t count = 0;

	errno = 0;
	while (count < MOST &&
	       (secrets[count] = sa_arena_alloc(arena, size)) != NULL) {
		support_fill(secrets[count], size, count);
		count++;
	}
	return count;
}

static void require_intact(sa_arena *arena, size_t count, size_t size)
{
	size_t i;

	for (i = 0; i < count; i++) {
		SUPPORT_REQUIRE(support_is_filled(secrets[i], size, i));
		SUPPORT_REQUIRE(sa_arena_size(arena, secrets[i]) == size);
	}
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
}

static void require_all_locked(sa_arena *arena)
{
	sa_arena_stats stats = support_stats(arena);

	SUPPORT_REQUIRE(stats.locked_size == stats.mapped_size);
	SUPPORT_REQUIRE(stats.locked_size <= support_locked_size());
}

static void fill_64_kib(void *unused)
{
	sa_arena *arena;
	size_t count;

	(void)unused;
	become_ordinary(64 * KIB);
	arena = sa_arena_create(NULL);
	SUPPORT_REQUIRE(arena != NULL);
	count = fill_up(arena, 32);
	SUPPORT_REQUIRE(errno == EPERM);
	SUPPORT_REQUIRE(count >= 1000 && count < MOST);
	SUPPORT_REQUIRE(support_locked_size() <= 64 * KIB);
	SUPPORT_REQUIRE(support_stats(arena).failure_count == 1);
	SUPPORT_REQUIRE(support_stats(arena).live_count == count);
	require_all_locked(arena);
	require_intact(arena, count, 32);
	sa_arena_destroy(arena);
	SUPPORT_REQUIRE(support_locked_size() <= 4 * KIB);
}

START_TEST(test_64_kib)
{
	assert_passes_or_skip("64_kib", fill_64_kib, NULL);
}
END_TEST

/* A length that may be hostile is refused before its pages are touched. */
static void ask_for_far_too_much(void *unused)
{
	static const size_t sizes[] = {100 * MIB, 400 * MIB, PTRDIFF_MAX / 2};
	const size_t pages = (size_t)sysconf(_SC_PHYS_PAGES);
	sa_arena *arena;
	struct rusage before, after;

	(void)unused;
	become_ordinary(8 * MIB);
	arena = sa_arena_create(NULL);
	SUPPORT_REQUIRE(arena != NULL);
	SUPPORT_REQUIRE(getrusage(RUSAGE_SELF, &before) == 0);
	for (size_t i = 0; i < SUPPORT_LENGTH(sizes); i++) {
		errno = 0;
		SUPPORT_REQUIRE(sa_arena_alloc(arena, sizes[i]) == NULL);
		/* With 32 bits no size is more than most machines have. */
		SUPPORT_REQUIRE(errno ==
				(sizes[i] / PAGE > pages ? ENOMEM : EPERM));
	}
	SUPPORT_REQUIRE(getrusage(RUSAGE_SELF, &after) == 0);
	/* in kilobytes */
	SUPPORT_REQUIRE(after.ru_maxrss - before.ru_maxrss < 10 * 1024);
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 4 * MIB) != NULL);
	sa_arena_destroy(arena);
}

START_TEST(test_far_too_much)
{
	assert_passes_or_skip("far_too_much", ask_for_far_too_much, NULL);
}
END_TEST

/* Refused, it goes on with what it has. */
static void live_at_the_limit(void *unused)
{
	sa_arena *arena;
	size_t count, i;

	(void)unused;
	become_ordinary(64 * KIB);
	arena = sa_arena_create(NULL);
	SUPPORT_REQUIRE(arena != NULL);
	count = fill_up(arena, 32);
	for (i = 0; i < 100; i++) {
		sa_arena_free(arena, secrets[i]);
		secrets[i] = sa_arena_alloc(arena, 32);
		SUPPORT_REQUIRE(secrets[i] != NULL);
		support_fill(secrets[i], 32, i);
		SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) == NULL);
		SUPPORT_REQUIRE(errno == EPERM);
		SUPPORT_REQUIRE(sa_arena_alloc(arena, 100 * KIB) == NULL);
		SUPPORT_REQUIRE(errno == EPERM);
		SUPPORT_REQUIRE(sa_arena_realloc(arena, secrets[i], 5000) ==
				NULL);
		SUPPORT_REQUIRE(errno == EPERM);
	}
	require_intact(arena, count, 32);
	SUPPORT_REQUIRE(sa_arena_reset(arena) == 0);
	SUPPORT_REQUIRE(fill_up(arena, 32) >= count);
	SUPPORT_REQUIRE(sa_arena_reset(arena) == 0);
	SUPPORT_REQUIRE(sa_arena_trim(arena) > 0);
	SUPPORT_REQUIRE(fill_up(arena, 1000) >= 30);
	sa_arena_destroy(arena);
}

START_TEST(test_live_at_the_limit)
{
	assert_passes_or_skip("live_at_the_limit", live_at_the_limit, NULL);
}
END_TEST

/* Every size uses the limit well: secrets and canaries fill half of it. */
static void fill_with_size(void *context)
{
	const size_t size = *(const size_t *)context;
	sa_arena *arena;
	size_t count;

	become_ordinary(256 * KIB);
	arena = sa_arena_create(NULL);
	SUPPORT_REQUIRE(arena != NULL);
	count = fill_up(arena, size);
	SUPPORT_REQUIRE(errno == EPERM);
	SUPPORT_REQUIRE(count * (size + 16) >= 128 * KIB);
	SUPPORT_REQUIRE(support_locked_size() <= 256 * KIB);
	require_all_locked(arena);
	require_intact(arena, count, size);
	sa_arena_destroy(arena);
}

START_TEST(test_other_sizes)
{
	static const size_t sizes[] = {0, 16, 33, 64, 100, 256, 1000, 4000};
	size_t size = sizes[_i];

	assert_passes_or_skip("other_sizes", fill_with_size, &size);
}
END_TEST

/* ------------------------------------------------------------ no limit */

static void require_nothing_lockable(void *unused)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;

	(void)unused;
	become_ordinary(0);
	errno = 0;
	SUPPORT_REQUIRE(sa_arena_create(NULL) == NULL);
	SUPPORT_REQUIRE(errno == EPERM);
	options.reserve = MIB;
	errno = 0;
	SUPPORT_REQUIRE(sa_arena_create(&options) == NULL);
	SUPPORT_REQUIRE(errno == EPERM);
}

START_TEST(test_required_without_limit)
{
	assert_passes_or_skip("required_without_limit",
			      require_nothing_lockable, NULL);
}
END_TEST

static void best_effort(void *limit)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	sa_arena *arena;
	sa_arena_stats stats;

	become_ordinary(*(size_t *)limit);
	options.mlock = SA_ARENA_MLOCK_BEST_EFFORT;
	arena = sa_arena_create(&options);
	SUPPORT_REQUIRE(arena != NULL);
	SUPPORT_REQUIRE(fill_up(arena, 32) == MOST);
	SUPPORT_REQUIRE(sa_arena_alloc(arena, MIB) != NULL);
	require_intact(arena, MOST, 32);
	stats = support_stats(arena);
	SUPPORT_REQUIRE(stats.mapped_size >= MOST * 48 + MIB);
	SUPPORT_REQUIRE(stats.locked_size <= support_locked_size());
	SUPPORT_REQUIRE((stats.locked_size == 0) == (*(size_t *)limit == 0));
	SUPPORT_REQUIRE(stats.failure_count == 0);
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_NOACCESS) == 0);
	sa_arena_destroy(arena);
}

START_TEST(test_best_effort)
{
	static const size_t limits[] = {0, 64 * KIB};
	size_t limit = limits[_i];

	assert_passes_or_skip("best_effort", best_effort, &limit);
}
END_TEST

/* The limit falls to nothing, and then the process forks. */
static void fork_without_limit(sa_arena *arena,
			       void (*child)(sa_arena *, size_t), size_t count)
{
	static const struct rlimit none = {0, 0};
	size_t locked = support_stats(arena).locked_size;
	pid_t pid;
	int status;

	SUPPORT_REQUIRE(locked > 0);
	SUPPORT_REQUIRE(setrlimit(RLIMIT_MEMLOCK, &none) == 0);
	pid = fork();
	SUPPORT_REQUIRE(pid >= 0);
	if (pid == 0) {
		SUPPORT_REQUIRE(support_locked_size() == 0);
		SUPPORT_REQUIRE(support_stats(arena).locked_size == 0);
		child(arena, count);
		support_leave(0);
	}
	SUPPORT_REQUIRE(waitpid(pid, &status, 0) == pid);
	SUPPORT_REQUIRE(status == 0);
	SUPPORT_REQUIRE(support_stats(arena).locked_size == locked);
	require_intact(arena, count, 100);
	sa_arena_destroy(arena);
}

static void go_on_unlocked(sa_arena *arena, size_t count)
{
	require_intact(arena, count, 100);
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 100) != NULL);
	sa_arena_destroy(arena);
}

/* What requires locks gets no more secrets; the old ones can be given up. */
static void tidy_up_unlocked(sa_arena *arena, size_t count)
{
	size_t i;

	errno = 0;
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 100) == NULL);
	SUPPORT_REQUIRE(errno == EPERM);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	for (i = 0; i < count; i++)
		sa_arena_free(arena, secrets[i]);
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 100) == NULL);
	sa_arena_destroy(arena);
}

static void best_effort_in_child(void *unused)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	sa_arena *arena;

	(void)unused;
	become_ordinary(64 * KIB);
	options.mlock = SA_ARENA_MLOCK_BEST_EFFORT;
	arena = sa_arena_create(&options);
	SUPPORT_REQUIRE(arena != NULL);
	SUPPORT_REQUIRE(fill_up(arena, 100) == MOST);
	fork_without_limit(arena, go_on_unlocked, MOST);
}

static void required_in_child(void *unused)
{
	sa_arena *arena;

	(void)unused;
	become_ordinary(64 * KIB);
	arena = sa_arena_create(NULL);
	SUPPORT_REQUIRE(arena != NULL);
	fork_without_limit(arena, tidy_up_unlocked, fill_up(arena, 100));
}

START_TEST(test_child_without_limit)
{
	assert_passes_or_skip(
		"child_without_limit",
		_i == 0 ? best_effort_in_child : required_in_child, NULL);
}
END_TEST

/* -------------------------------------------------- the kernel's own word */

static void require_flags(const void *object, sa_arena_fork policy)
{
	if (!support_takes_advice())
		_exit(SUPPORT_CANNOT_TELL);
	SUPPORT_REQUIRE(support_has_flag(object, "lo"));
	SUPPORT_REQUIRE(support_has_flag(object, "dd"));
	SUPPORT_REQUIRE(support_has_flag(object, "dc") ==
			(policy == SA_ARENA_FORK_EXCLUDE));
	SUPPORT_REQUIRE(support_has_flag(object, "wf") ==
			(policy == SA_ARENA_FORK_WIPE));
}

/* Locked, out of core dumps, and out of forks if so wished: small, large and
 * of a region large enough for huge pages. */
static void ask_for_flags(void *policy)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	sa_arena *arena;
	size_t i;

	options.fork = *(sa_arena_fork *)policy;
	allow_locking(32 * MIB);
	arena = sa_arena_create(&options);
	SUPPORT_REQUIRE(arena != NULL);
	require_flags(sa_arena_alloc(arena, 32), options.fork);
	require_flags(sa_arena_alloc(arena, 5 * MIB), options.fork);
	for (i = 0; i < MOST; i++) {
		secrets[i] = sa_arena_alloc(arena, 100);
		SUPPORT_REQUIRE(secrets[i] != NULL);
	}
	for (i = 0; i < MOST; i += MOST / 50)
		require_flags(secrets[i], options.fork);
	sa_arena_destroy(arena);
}

/* What a child inherits is no less protected. */
static void ask_in_child(void *unused)
{
	sa_arena *arena;
	void *object, *large;
	pid_t pid;
	int status;

	(void)unused;
	if (!support_takes_advice())
		_exit(SUPPORT_CANNOT_TELL);
	allow_locking(4 * MIB);
	arena = sa_arena_create(NULL);
	SUPPORT_REQUIRE(arena != NULL);
	object = sa_arena_alloc(arena, 32);
	large = sa_arena_alloc(arena, MIB);
	pid = fork();
	SUPPORT_REQUIRE(pid >= 0);
	if (pid == 0) {
		require_flags(object, SA_ARENA_FORK_INHERIT);
		require_flags(large, SA_ARENA_FORK_INHERIT);
		require_flags(sa_arena_alloc(arena, 2 * MIB),
			      SA_ARENA_FORK_INHERIT);
		support_leave(0);
	}
	SUPPORT_REQUIRE(waitpid(pid, &status, 0) == pid);
	SUPPORT_REQUIRE(status == 0);
	sa_arena_destroy(arena);
}

START_TEST(test_flags)
{
	sa_arena_fork policy = (sa_arena_fork)_i;

	assert_passes_or_skip("flags", ask_for_flags, &policy);
	if (policy == SA_ARENA_FORK_INHERIT)
		assert_passes_or_skip("flags", ask_in_child, NULL);
}
END_TEST

/* ---------------------------------------------------- what a secret costs */

static void keep_one(void *unused)
{
	size_t before = support_locked_size(), locked;
	sa_arena *arena;

	(void)unused;
	allow_locking(64 * KIB);
	arena = sa_arena_create(NULL);
	SUPPORT_REQUIRE(arena != NULL);
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) != NULL);
	locked = support_locked_size() - before;
	SUPPORT_REQUIRE(locked > 0 && locked <= 32 * KIB);
	require_all_locked(arena);
	sa_arena_destroy(arena);
}

START_TEST(test_one_secret)
{
	assert_passes_or_skip("one_secret", keep_one, NULL);
}
END_TEST

static void keep_a_million(void *unused)
{
	const size_t count = 1000000;
	size_t before, mappings, i;
	sa_arena *arena;

	(void)unused;
	allow_locking(64 * MIB);
	before = support_locked_size();
	mappings = support_mapping_count();
	arena = sa_arena_create(NULL);
	SUPPORT_REQUIRE(arena != NULL);
	for (i = 0; i < count; i++)
		SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) != NULL);
	require_all_locked(arena);
	SUPPORT_REQUIRE(support_stats(arena).locked_size <= 52 * count);
	SUPPORT_REQUIRE(support_locked_size() - before <= 52 * count);
	SUPPORT_REQUIRE(support_mapping_count() - mappings <= 400);
	sa_arena_destroy(arena);
}

START_TEST(test_a_million_secrets)
{
	assert_passes_or_skip("a_million_secrets", keep_a_million, NULL);
}
END_TEST

/* ----------------------------------------------------- nothing is left */

/* Less than a page a round. */
#define RESIDENT_SLACK (16 * PAGE)

/* Mapping by mapping: VmRSS may be off by more with each processor. */
static size_t resident_size(void)
{
	return smaps_sum(NULL, UINTPTR_MAX, NULL, "Rss");
}

static void use_and_destroy(size_t count)
{
	sa_arena *arena = sa_arena_create(NULL);
	size_t i;

	SUPPORT_REQUIRE(arena != NULL);
	for (i = 0; i < count; i++)
		SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) != NULL);
	SUPPORT_REQUIRE(sa_arena_alloc(arena, MIB) != NULL);
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_NOACCESS) == 0);
	sa_arena_destroy(arena);
}

static void come_and_go(void *unused)
{
	size_t mappings, locked, resident, round;

	(void)unused;
	allow_locking(7 * MIB + MIB / 2);
	use_and_destroy(100000);
	mappings = support_mapping_count();
	locked = support_locked_size();
	resident = resident_size();
	for (round = 0; round < 20; round++) {
		use_and_destroy(100000);
		SUPPORT_REQUIRE(support_under_valgrind() ||
				support_mapping_count() == mappings);
		SUPPORT_REQUIRE(support_locked_size() == locked);
	}
	/* An emulator's own memory is in it. */
	SUPPORT_REQUIRE(support_under_valgrind() || !support_takes_advice() ||
			resident_size() <= resident + RESIDENT_SLACK);
}

START_TEST(test_come_and_go)
{
	assert_passes_or_skip("come_and_go", come_and_go, NULL);
}
END_TEST

static void fill_and_trim(sa_arena *arena)
{
	size_t i;

	for (i = 0; i < 50000; i++)
		SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) != NULL);
	SUPPORT_REQUIRE(sa_arena_reset(arena) == 0);
	SUPPORT_REQUIRE(sa_arena_trim(arena) > 0);
	require_all_locked(arena);
}

/* The same for memory that a living arena gave back. */
static void breathe(void *unused)
{
	sa_arena *arena;
	size_t mappings, locked, round;

	(void)unused;
	allow_locking(7 * MIB + MIB / 2);
	arena = sa_arena_create(NULL);
	SUPPORT_REQUIRE(arena != NULL);
	fill_and_trim(arena);
	mappings = support_mapping_count();
	locked = support_locked_size();
	for (round = 0; round < 5; round++) {
		fill_and_trim(arena);
		SUPPORT_REQUIRE(support_mapping_count() <= mappings);
		SUPPORT_REQUIRE(support_locked_size() <= locked);
	}
	sa_arena_destroy(arena);
}

START_TEST(test_fill_and_trim)
{
	assert_passes_or_skip("fill_and_trim", breathe, NULL);
}
END_TEST

/* Arenas that could not be made leave nothing either. */
static void fail_to_create(void *unused)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	size_t mappings, locked, round;

	(void)unused;
	become_ordinary(64 * KIB);
	options.reserve = MIB;
	SUPPORT_REQUIRE(sa_arena_create(&options) == NULL);
	mappings = support_mapping_count();
	locked = support_locked_size();
	for (round = 0; round < 100; round++) {
		errno = 0;
		SUPPORT_REQUIRE(sa_arena_create(&options) == NULL);
		SUPPORT_REQUIRE(errno == EPERM);
	}
	SUPPORT_REQUIRE(support_mapping_count() == mappings);
	SUPPORT_REQUIRE(support_locked_size() == locked);
}

START_TEST(test_fail_to_create)
{
	assert_passes_or_skip("fail_to_create", fail_to_create, NULL);
}
END_TEST

/* ------------------------------------------------------ no system calls */

#define ALLOW(number)                                                          \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1),                   \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void install_filter(struct sock_filter *code, size_t length)
{
	const struct sock_fprog program = {.len = (unsigned short)length,
					   .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		_exit(SUPPORT_CANNOT_TELL);
}

/* From here on only the end of the process is allowed. */
static void forbid_system_calls(void)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_write),
		ALLOW(SYS_exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};

	install_filter(code, SUPPORT_LENGTH(code));
}

/* From here on no file may be opened. */
static void forbid_opening(void)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	install_filter(code, SUPPORT_LENGTH(code));
}

static void require_pairs(sa_arena *arena, size_t size, size_t count)
{
	unsigned char *object;

	while (count-- > 0) {
		object = sa_arena_alloc(arena, size);
		SUPPORT_REQUIRE(object != NULL);
		object[0] = 1;
		sa_arena_free(arena, object);
	}
}

static sa_arena *create_with_room(unsigned flags)
{
	sa_arena_options options = support_options();
	sa_arena *arena;
	size_t i;

	options.flags = flags;
	options.reserve = MIB;
	arena = sa_arena_create(&options);
	SUPPORT_REQUIRE(arena != NULL);
	for (i = 0; i < 1000; i++)
		SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) != NULL);
	return arena;
}

static void work_in_silence(void *flags)
{
	sa_arena *arena = create_with_room(*(unsigned *)flags);

	forbid_system_calls();
	require_pairs(arena, 32, 1000000);
	_exit(0);
}

/* The same for sizes that come for the first time, and for questions. */
static void ask_in_silence(void *flags)
{
	sa_arena *arena = create_with_room(*(unsigned *)flags);
	void *object = sa_arena_alloc(arena, 48);
	size_t i;

	SUPPORT_REQUIRE(object != NULL);
	require_pairs(arena, 100, 1);
	forbid_system_calls();
	for (i = 0; i < 100000; i++) {
		SUPPORT_REQUIRE(sa_arena_owns(arena, object) == 1);
		SUPPORT_REQUIRE(sa_arena_size(arena, object) == 48);
	}
	require_pairs(arena, 100, 100000);
	_exit(0);
}

/* Proves that the filter works: what is refused is seen. */
static void call_in_silence(void *unused)
{
	(void)unused;
	forbid_system_calls();
	(void)syscall(SYS_getpid);
}

START_TEST(test_no_system_calls)
{
	unsigned flags = (unsigned)_i;
	support_end end;

	if (support_under_valgrind()) {
		support_skip("no_system_calls", "Valgrind makes some");
		return;
	}
	assert_passes_or_skip("no_system_calls", work_in_silence, &flags);
	assert_passes_or_skip("no_system_calls", ask_in_silence, &flags);
	if (SUPPORT_SANITIZED)
		return;
	support_child(call_in_silence, NULL, &end);
	ck_assert(end.signal == SIGSYS || end.status == SUPPORT_CANNOT_TELL);
}
END_TEST

/* Growth asks /proc for the limit only once it has met it. */
static void grow_without_asking(void *limit)
{
	sa_arena *arena;

	become_ordinary(*(size_t *)limit);
	arena = sa_arena_create(NULL);
	SUPPORT_REQUIRE(arena != NULL);
	forbid_opening();
	while (support_stats(arena).mapped_size < MIB)
		SUPPORT_REQUIRE(sa_arena_alloc(arena, 1000) != NULL);
	_exit(0);
}

START_TEST(test_growth_does_not_ask)
{
	size_t enough = 4 * MIB, little = 256 * KIB;
	support_end end;

	assert_passes_or_skip("growth_does_not_ask", grow_without_asking,
			      &enough);
	if (SUPPORT_SANITIZED)
		return;
	support_child(grow_without_asking, &little, &end);
	ck_assert(end.signal == SIGSYS || end.status == SUPPORT_CANNOT_TELL);
}
END_TEST

/* ------------------------------------------------- the kernel refuses */

static void refuse(long number, int error)
{
	if (support_refuse_call(number, error) != 0)
		_exit(SUPPORT_CANNOT_TELL);
}

/* What an arena cannot do without, and what it says then. */
static const struct {
	long number;
	int error;    /* of the system call */
	int expected; /* of the arena */
} refused_calls[] = {
#ifdef SYS_mmap2
	{SYS_mmap2, ENOMEM, ENOMEM},
#else
	{SYS_mmap, ENOMEM, ENOMEM},
#endif
	{SYS_mprotect, ENOMEM, ENOMEM}, {SYS_mlock, EPERM, EPERM},
	{SYS_mlock, ENOMEM, EPERM},     {SYS_madvise, EINVAL, ENOMEM},
};

static void create_refused(void *which)
{
	const int i = *(int *)which;
	size_t mappings, round;

	refuse(refused_calls[i].number, refused_calls[i].error);
	mappings = support_mapping_count();
	for (round = 0; round < 20; round++) {
		errno = 0;
		SUPPORT_REQUIRE(sa_arena_create(NULL) == NULL);
		SUPPORT_REQUIRE(errno == refused_calls[i].expected);
	}
	SUPPORT_REQUIRE(support_mapping_count() <= mappings + 16);
}

/* No memory without protection; what there is already stays as it is. */
static void growth_refused(void *which)
{
	const int i = *(int *)which;
	sa_arena *arena;
	sa_arena_stats before;
	size_t count;

	allow_locking(2 * MIB);
	arena = sa_arena_create(NULL);
	SUPPORT_REQUIRE(arena != NULL);
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 100) != NULL);
	before = support_stats(arena);
	refuse(refused_calls[i].number, refused_calls[i].error);
	count = fill_up(arena, 32);
	SUPPORT_REQUIRE(count > 0 && count < MOST);
	SUPPORT_REQUIRE(errno == refused_calls[i].expected);
	errno = 0;
	SUPPORT_REQUIRE(sa_arena_alloc(arena, MIB) == NULL);
	SUPPORT_REQUIRE(errno == refused_calls[i].expected);
	SUPPORT_REQUIRE(support_stats(arena).mapped_size == before.mapped_size);
	SUPPORT_REQUIRE(support_stats(arena).failure_count == 2);
	require_intact(arena, count, 32);
	while (count > 0)
		sa_arena_free(arena, secrets[--count]);
	sa_arena_destroy(arena);
}

START_TEST(test_kernel_refuses)
{
	int which = _i;

	/* The first is mmap(). */
	if (which == 0 && support_under_valgrind()) {
		support_skip("kernel_refuses", "Valgrind needs memory itself");
		return;
	}
	assert_passes_or_skip("kernel_refuses", create_refused, &which);
	assert_passes_or_skip("kernel_refuses", growth_refused, &which);
}
END_TEST

/* ------------------------------------------------- max_map_count is met */

/* An object that came in spite of the dearth: locked, and with its guards. */
static void require_protected(sa_arena *arena, const unsigned char *object,
			      size_t size, const sa_arena_stats *before)
{
	sa_arena_stats after = support_stats(arena);
	size_t mapped = after.mapped_size - before->mapped_size;
	const unsigned char *end = object + size;

	SUPPORT_REQUIRE(after.locked_size - before->locked_size == mapped);
	SUPPORT_REQUIRE((uintptr_t)end % PAGE == 0);
	SUPPORT_REQUIRE(support_is_writable(end - mapped));
	SUPPORT_REQUIRE(!support_is_readable(end));
	SUPPORT_REQUIRE(!support_is_readable(end - mapped - 1));
}

/* With so few mappings to spare, a large object comes whole or not at all. */
static size_t alloc_with_spare(sa_arena *arena, size_t *count, size_t spare)
{
	sa_arena_stats before = support_stats(arena);
	unsigned char *object;

	errno = 0;
	object = sa_arena_alloc(arena, MIB);
	if (object == NULL) {
		SUPPORT_REQUIRE(errno == ENOMEM);
		SUPPORT_REQUIRE(support_stats(arena).mapped_size ==
				before.mapped_size);
	} else {
		require_protected(arena, object, MIB, &before);
		sa_arena_free(arena, object);
	}
	mappings_give_back(--*count);
	return object == NULL ? 0 : spare;
}

static void run_out_of_mappings(void *unused)
{
	size_t count, spare, enough = 0;
	sa_arena *arena;

	(void)unused;
	/* An emulator needs mappings itself. */
	if (!support_takes_advice())
		_exit(SUPPORT_CANNOT_TELL);
	allow_locking(7 * MIB + MIB / 2);
	arena = sa_arena_create(NULL);
	SUPPORT_REQUIRE(arena != NULL);
	SUPPORT_REQUIRE(fill_up(arena, 32) == MOST);
	count = mappings_eat();
	if (count == 0)
		_exit(SUPPORT_CANNOT_TELL);
	for (spare = 0; spare < 40 && enough == 0; spare++)
		enough = alloc_with_spare(arena, &count, spare);
	SUPPORT_REQUIRE(enough > 0);
	require_intact(arena, MOST, 32);
	sa_arena_destroy(arena);
}

START_TEST(test_max_map_count)
{
	if (support_under_valgrind())
		support_skip("max_map_count", "Valgrind has fewer to give");
	else
		assert_passes_or_skip("max_map_count", run_out_of_mappings,
				      NULL);
}
END_TEST

/* -------------------------------------------------------------- suite */

int main(void)
{
	Suite *suite = suite_create("limits");
	TCase *limits = tcase_create("limits");

	suite_add_tcase(suite, limits);
	tcase_set_timeout(limits, 120);
	tcase_add_test(limits, test_64_kib);
	tcase_add_test(limits, test_live_at_the_limit);
	tcase_add_test(limits, test_far_too_much);
	tcase_add_loop_test(limits, test_other_sizes, 0, 8);
	tcase_add_test(limits, test_required_without_limit);
	tcase_add_loop_test(limits, test_best_effort, 0, 2);
	tcase_add_loop_test(limits, test_child_without_limit, 0, 2);
	tcase_add_loop_test(limits, test_flags, 0, 3);
	tcase_add_test(limits, test_one_secret);
	tcase_add_test(limits, test_a_million_secrets);
	tcase_add_test(limits, test_come_and_go);
	tcase_add_test(limits, test_fill_and_trim);
	tcase_add_test(limits, test_fail_to_create);
	tcase_add_loop_test(limits, test_no_system_calls, 0, 2);
	tcase_add_test(limits, test_growth_does_not_ask);
	tcase_add_loop_test(limits, test_kernel_refuses, 0,
			    SUPPORT_LENGTH(refused_calls));
	tcase_add_test(limits, test_max_map_count);
	return support_run(suite);
}
