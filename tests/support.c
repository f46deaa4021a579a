/* SPDX-License-Identifier: ISC */
/* Children, reports, /proc, probes and randomness behind support.h. */
#include <config.h>

#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* "nobody" where there is one; ordinary everywhere. */
#define ORDINARY_ID 65534
/* The bit of CAP_IPC_LOCK in CapEff: see capabilities(7). */
#define CAPABILITY_IPC_LOCK 14
/* A child that has not ended by then hangs. */
#define CHILD_SECONDS 40U
#define GIVEN_UP 99

/* For cases that say nothing else Check has four, which are few where others
 * have the processors, too. */
#define TEST_SECONDS "30"

__attribute__((constructor)) static void give_time(void)
{
	(void)setenv("CK_DEFAULT_TIMEOUT", TEST_SECONDS, 0);
}

int support_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void support_skip(const char *test, const char *reason)
{
	printf("skipped: %s: %s\n", test, reason);
	fflush(stdout);
}

/* ------------------------------------------------------------- children */

void support_give_up(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s (errno %d)\n", file, line, what,
		errno);
	_exit(GIVEN_UP);
}

/* A coverage build writes its counters in exit(), which _exit() and signals do
 * without. */
#ifdef HAVE___GCOV_DUMP
void __gcov_dump(void);

void support_keep_counters(void)
{
	__gcov_dump();
}

static void dump(int signal)
{
	(void)signal;
	support_keep_counters();
}

/* With the action reset, the signal then ends the process as it would. */
static void count_what_aborts(void)
{
	struct sigaction action = {.sa_handler = dump,
				   .sa_flags = (int)SA_RESETHAND};

	sigaction(SIGABRT, &action, NULL);
}
#else
void support_keep_counters(void)
{
}

static void count_what_aborts(void)
{
}
#endif

void support_leave(int status)
{
	support_keep_counters();
	_exit(status);
}

/* As many times longer as Check gives its tests. */
static unsigned child_seconds(void)
{
	const char *given = getenv("CK_TIMEOUT_MULTIPLIER");
	long factor = given != NULL ? strtol(given, NULL, 10) : 1;

	return factor > 1 && factor <= 1000 ? CHILD_SECONDS * (unsigned)factor
					    : CHILD_SECONDS;
}

static void become_child(int error_fd)
{
	static const int fatal[] = {SIGABRT, SIGALRM, SIGBUS,
				    SIGFPE,  SIGILL,  SIGSEGV};
	const struct rlimit none = {0, 0};
	size_t i;

	for (i = 0; i < SUPPORT_LENGTH(fatal); i++)
		signal(fatal[i], SIG_DFL);
	count_what_aborts();
	setrlimit(RLIMIT_CORE, &none);
	dup2(error_fd, STDERR_FILENO);
	alarm(child_seconds());
}

/* Sanitizers have work to do in exit() that a child's limits may forbid; the
 * counters of a coverage build are written there. */
static _Noreturn void leave_child(void)
{
	if (SUPPORT_SANITIZED)
		_exit(EXIT_SUCCESS);
	exit(EXIT_SUCCESS);
}

/* All that comes, as far as there is room for it. */
static void read_text(int fd, char *text, size_t size)
{
	char rest[256];
	size_t length = 0;
	ssize_t n;

	do {
		if (length < size - 1)
			n = read(fd, text + length, size - 1 - length);
		else
			n = read(fd, rest, sizeof rest);
		if (n > 0 && length < size - 1)
			length += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	text[length] = '\0';
}

/* Where a program plays the processor, it tells of fatal signals itself. */
static void drop_emulator_words(char *text)
{
	char *words = strstr(text, "qemu: uncaught target signal ");

	if (words != NULL)
		*words = '\0';
}

void support_child(support_body body, void *context, support_end *end)
{
	int fds[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	fflush(NULL);
	pid = fork();
	/* Not in the child: assertions allocate, and a thread that is not there
	 * may have had AddressSanitizer's lock. */
	if (pid != 0)
		ck_assert_int_gt(pid, 0);
	if (pid == 0) {
		become_child(fds[1]);
		close(fds[0]);
		close(fds[1]);
		body(context);
		leave_child();
	}
	close(fds[1]);
	read_text(fds[0], end->text, sizeof end->text);
	drop_emulator_words(end->text);
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	end->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	end->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

void support_assert_passes(support_body body, void *context)
{
	support_end end;

	support_child(body, context, &end);
	ck_assert_msg(end.status == 0 && end.text[0] == '\0',
		      "child: status %d, signal %d: %s", end.status, end.signal,
		      end.text);
}

void support_assert_passes_or_skip(const char *test, support_body body,
				   void *context)
{
	support_end end;

	support_child(body, context, &end);
	if (end.status == SUPPORT_CANNOT_TELL)
		support_skip(test, "not permitted here");
	else
		ck_assert_msg(end.status == 0, "status %d, signal %d: %s",
			      end.status, end.signal, end.text);
}

void support_assert_dies(support_body body, void *context, int signal)
{
	support_end end;

	support_child(body, context, &end);
	ck_assert_msg(end.signal == signal,
		      "child: status %d, signal %d instead of %d: %s",
		      end.status, end.signal, signal, end.text);
}

void support_lose_reader(void)
{
	int fds[2];

	SUPPORT_REQUIRE(pipe(fds) == 0);
	close(fds[0]);
	SUPPORT_REQUIRE(dup2(fds[1], STDERR_FILENO) == STDERR_FILENO);
	close(fds[1]);
	signal(SIGPIPE, SIG_DFL);
}

/* Other files, a coverage build's counters, have room. */
void support_lose_room(void)
{
	const off_t end = 64 << 20;
	struct rlimit limit;
	FILE *file = tmpfile();

	SUPPORT_REQUIRE(file != NULL);
	SUPPORT_REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	limit.rlim_cur = (rlim_t)end;
	SUPPORT_REQUIRE(dup2(fileno(file), STDERR_FILENO) == STDERR_FILENO);
	SUPPORT_REQUIRE(lseek(STDERR_FILENO, end, SEEK_SET) == end);
	SUPPORT_REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	signal(SIGXFSZ, SIG_DFL);
}

/* -------------------------------------------------------------- misuse */

/* In memory that the child shares with the test. */
typedef struct stage {
	support_crime crime;
	size_t parameter;
	support_misuse expected;
	support_misuse reported;
} stage;

static void record(const sa_arena_misuse *misuse, void *context)
{
	support_misuse *reported = context;

	reported->kind = misuse->kind;
	reported->object = misuse->object;
	reported->size = misuse->size;
	reported->offset = misuse->offset;
	strncpy(reported->arena, misuse->arena, sizeof reported->arena - 1);
	reported->count++;
}

static void commit(void *context)
{
	stage *scene = context;

	sa_arena_set_misuse_handler(record, &scene->reported);
	scene->crime(&scene->expected, scene->parameter);
}

static int agree(const support_misuse *expected, const support_misuse *reported)
{
	return expected->count == reported->count &&
	       expected->kind == reported->kind &&
	       expected->size == reported->size &&
	       expected->offset == reported->offset &&
	       strcmp(expected->arena, reported->arena) == 0 &&
	       (expected->object == SUPPORT_ANY ||
		expected->object == reported->object);
}

static void describe(const support_misuse *misuse, char *text, size_t size)
{
	snprintf(text, size,
		 "%u of %s: object %p, size %zu, offset %td, "
		 "arena \"%s\"",
		 misuse->count, sa_arena_misuse_name(misuse->kind),
		 misuse->object, misuse->size, misuse->offset, misuse->arena);
}

static void judge(const stage *scene, const support_end *end)
{
	char expected[512], reported[512];

	describe(&scene->expected, expected, sizeof expected);
	describe(&scene->reported, reported, sizeof reported);
	ck_assert_msg(end->signal == SIGABRT,
		      "parameter %zu: status %d, signal %d, expected %s: %s",
		      scene->parameter, end->status, end->signal, expected,
		      end->text);
	ck_assert_msg(agree(&scene->expected, &scene->reported),
		      "parameter %zu: expected %s; reported %s",
		      scene->parameter, expected, reported);
}

void support_assert_misuse(support_crime crime, size_t parameter)
{
	stage *scene;
	support_end end;

	scene = mmap(NULL, sizeof *scene, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(scene, MAP_FAILED);
	scene->crime = crime;
	scene->parameter = parameter;
	scene->expected.count = 1;
	strcpy(scene->expected.arena, SUPPORT_VAULT);
	support_child(commit, scene, &end);
	judge(scene, &end);
	munmap(scene, sizeof *scene);
}

static volatile unsigned char *byte_at(const void *byte)
{
	return (volatile unsigned char *)(uintptr_t)byte;
}

SUPPORT_UNCHECKED void support_flip(const void *byte)
{
	*byte_at(byte) ^= 0x5a;
}

SUPPORT_UNCHECKED unsigned char support_peek(const void *byte)
{
	return *byte_at(byte);
}

SUPPORT_UNCHECKED void support_poke(const void *byte, unsigned char value)
{
	*byte_at(byte) = value;
}

/* ------------------------------------------------------------- process */

/* The number after `key` in /proc/self/status. */
static uint64_t status_value(const char *key, int base)
{
	FILE *file = fopen("/proc/self/status", "r");
	size_t length = strlen(key);
	uint64_t value = 0;
	char line[256];

	SUPPORT_REQUIRE(file != NULL);
	while (fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, key, length) == 0)
			value = strtoull(line + length, NULL, base);
	fclose(file);
	return value;
}

size_t support_locked_size(void)
{
	return (size_t)status_value("VmLck:", 10) * 1024;
}

size_t support_data_size(void)
{
	return (size_t)status_value("VmData:", 10) * 1024;
}

size_t support_mapping_count(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	size_t count = 0;
	int c;

	SUPPORT_REQUIRE(file != NULL);
	while ((c = getc(file)) != EOF)
		count += c == '\n';
	fclose(file);
	return count;
}

static int is_within(const char *line, const void *byte)
{
	unsigned long start, end;

	return sscanf(line, "%lx-%lx ", &start, &end) == 2 &&
	       start <= (uintptr_t)byte && (uintptr_t)byte < end;
}

int support_has_flag(const void *byte, const char *flag)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	char line[512], word[8];
	int is_here = 0, found = 0;

	SUPPORT_REQUIRE(file != NULL);
	snprintf(word, sizeof word, " %s ", flag);
	while (fgets(line, sizeof line, file) != NULL) {
		if (strncmp(line, "VmFlags:", 8) != 0)
			is_here |= is_within(line, byte);
		else if (is_here) {
			found = strstr(line, word) != NULL;
			break;
		}
	}
	fclose(file);
	return found;
}

int support_takes_advice(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int is_taken;

	SUPPORT_REQUIRE(page != MAP_FAILED);
	is_taken = madvise(page, size, MADV_DONTDUMP) == 0 &&
		   support_has_flag(page, "dd");
	SUPPORT_REQUIRE(munmap(page, size) == 0);
	return is_taken;
}

int support_keeps_limits(void)
{
	const size_t size = (size_t)64 << 20;
	struct rlimit before, tight;
	void *memory;

	SUPPORT_REQUIRE(getrlimit(RLIMIT_AS, &before) == 0);
	tight = before;
	tight.rlim_cur = size / 2;
	SUPPORT_REQUIRE(setrlimit(RLIMIT_AS, &tight) == 0);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	SUPPORT_REQUIRE(setrlimit(RLIMIT_AS, &before) == 0);
	if (memory == MAP_FAILED)
		return 1;
	SUPPORT_REQUIRE(munmap(memory, size) == 0);
	return 0;
}

void support_limit_data(uint64_t size)
{
	struct rlimit limit;

	SUPPORT_REQUIRE(getrlimit(RLIMIT_DATA, &limit) == 0);
	limit.rlim_cur = size < limit.rlim_max ? (rlim_t)size : limit.rlim_max;
	SUPPORT_REQUIRE(setrlimit(RLIMIT_DATA, &limit) == 0);
}

int support_keeps_data_limit(void)
{
	const size_t size = (size_t)64 << 20;
	struct rlimit before;
	void *memory =
		mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int is_kept;

	SUPPORT_REQUIRE(memory != MAP_FAILED);
	SUPPORT_REQUIRE(getrlimit(RLIMIT_DATA, &before) == 0);
	support_limit_data(support_data_size() + size / 2);
	is_kept = mprotect(memory, size, PROT_READ | PROT_WRITE) != 0;
	support_limit_data(before.rlim_cur);
	SUPPORT_REQUIRE(munmap(memory, size) == 0);
	return is_kept;
}

/* With flags that no kernel knows. */
int support_locks_present(void)
{
#ifdef SYS_mlock2
	return syscall(SYS_mlock2, NULL, (size_t)0, ~0U) == -1 &&
	       errno == EINVAL;
#else
	return 0;
#endif
}

/* In a child: 1 if the page is there to be had. */
static int can_map_at(void *page, size_t size)
{
	void *got =
		mmap(page, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return got == page;
}

int support_has_gaps_after_fork(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	SUPPORT_REQUIRE(page != MAP_FAILED);
	SUPPORT_REQUIRE(madvise(page, size, MADV_DONTFORK) == 0);
	fflush(NULL);
	pid = fork();
	SUPPORT_REQUIRE(pid >= 0);
	if (pid == 0)
		_exit(can_map_at(page, size) ? EXIT_SUCCESS : EXIT_FAILURE);
	SUPPORT_REQUIRE(waitpid(pid, &status, 0) == pid);
	SUPPORT_REQUIRE(munmap(page, size) == 0);
	return status == 0;
}

static int is_under_valgrind;

__attribute__((constructor)) static void look_for_valgrind(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	is_under_valgrind =
		preloaded != NULL && strstr(preloaded, "/vgpreload_") != NULL;
}

int support_under_valgrind(void)
{
	return is_under_valgrind;
}

int support_is_alone(void)
{
	return !SUPPORT_SANITIZED && !support_under_valgrind();
}

/* Raw calls: a sanitizer's wrapper would look at the bytes itself. */
int support_is_readable(const void *byte)
{
	int fds[2];
	long written;

	SUPPORT_REQUIRE(pipe(fds) == 0);
	written = syscall(SYS_write, fds[1], byte, 1);
	SUPPORT_REQUIRE(written == 1 || errno == EFAULT);
	close(fds[0]);
	close(fds[1]);
	return written == 1;
}

/* Writes what is there already, or any byte where that cannot be read. */
int support_is_writable(const void *byte)
{
	int fds[2];
	long got;

	SUPPORT_REQUIRE(pipe(fds) == 0);
	if (syscall(SYS_write, fds[1], byte, 1) != 1)
		SUPPORT_REQUIRE(write(fds[1], "", 1) == 1);
	got = syscall(SYS_read, fds[0], byte, 1);
	SUPPORT_REQUIRE(got == 1 || errno == EFAULT);
	close(fds[0]);
	close(fds[1]);
	return got == 1;
}

static int may_lock_anything(void)
{
	return (status_value("CapEff:", 16) >> CAPABILITY_IPC_LOCK & 1) != 0;
}

/* Refused where there is no right to do so; what counts is what the process
 * may do in the end. */
static int drop_root(void)
{
	return geteuid() != 0 ||
	       (setgroups(0, NULL) == 0 &&
		setresgid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID) == 0 &&
		setresuid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID) == 0);
}

int support_become_ordinary(size_t limit)
{
	const struct rlimit memlock = {limit, limit};

	if (setrlimit(RLIMIT_MEMLOCK, &memlock) != 0)
		return -1;
	(void)drop_root();
	return may_lock_anything() ? -1 : 0;
}

int support_refuse_call(long number, int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K,
			 SECCOMP_RET_ERRNO |
				 ((uint32_t)error & SECCOMP_RET_DATA)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {SUPPORT_LENGTH(code), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int support_can_lock(size_t size)
{
	struct rlimit memlock;

	if (may_lock_anything())
		return 1;
	SUPPORT_REQUIRE(getrlimit(RLIMIT_MEMLOCK, &memlock) == 0);
	return size <= memlock.rlim_cur &&
	       support_locked_size() <= memlock.rlim_cur - size;
}

double support_seconds(void)
{
	struct timespec now;

	SUPPORT_REQUIRE(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* -------------------------------------------------------------- arenas */

sa_arena_options support_options(void)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;

	if (!support_can_lock((size_t)256 << 20))
		options.mlock = SA_ARENA_MLOCK_BEST_EFFORT;
	return options;
}

static sa_arena *create_with(unsigned flags)
{
	sa_arena_options options = support_options();
	sa_arena *arena;

	options.flags = flags;
	arena = sa_arena_create(&options);
	SUPPORT_REQUIRE(arena != NULL);
	return arena;
}

sa_arena *support_arena_create(void)
{
	return create_with(0);
}

sa_arena *support_arena_create_single(void)
{
	return create_with(SA_ARENA_SINGLE_THREADED);
}

sa_arena_stats support_stats(const sa_arena *arena)
{
	sa_arena_stats stats = SA_ARENA_STATS_INIT;

	SUPPORT_REQUIRE(sa_arena_stats_get(arena, &stats) == 0);
	SUPPORT_REQUIRE(stats.size == sizeof stats);
	SUPPORT_REQUIRE(stats.alloc_count - stats.free_count ==
			stats.live_count);
	SUPPORT_REQUIRE(stats.live_count <= stats.peak_count);
	SUPPORT_REQUIRE(stats.live_size <= stats.peak_size);
	SUPPORT_REQUIRE(stats.large_count <= stats.live_count);
	SUPPORT_REQUIRE(stats.live_size <= stats.mapped_size);
	SUPPORT_REQUIRE(stats.locked_size <= stats.mapped_size);
	return stats;
}

unsigned char support_pattern(uint64_t seed, size_t offset)
{
	uint64_t word = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) + offset;

	return (unsigned char)(word * UINT64_C(0xd6e8feb86659fd93) >> 56);
}

void support_fill(void *object, size_t size, uint64_t seed)
{
	unsigned char *bytes = object;
	size_t i;

	for (i = 0; i < size; i++)
		bytes[i] = support_pattern(seed, i);
}

int support_is_filled(const void *object, size_t size, uint64_t seed)
{
	const unsigned char *bytes = object;
	size_t i;

	for (i = 0; i < size; i++)
		if (bytes[i] != support_pattern(seed, i))
			return 0;
	return 1;
}

SUPPORT_UNCHECKED int support_is_zero(const void *bytes, size_t size)
{
	const volatile unsigned char *byte = bytes;
	size_t i;

	for (i = 0; i < size; i++)
		if (byte[i] != 0)
			return 0;
	return 1;
}

/* ---------------------------------------------------------- randomness */

void support_random_seed(support_random *random)
{
	const char *given = getenv("SA_TEST_SEED");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	random->state = given != NULL ? strtoull(given, NULL, 0)
				      : (uint64_t)now.tv_nsec ^
						(uint64_t)now.tv_sec << 30;
	printf("SA_TEST_SEED=%#llx\n", (unsigned long long)random->state);
	fflush(stdout);
}

/* SplitMix64. */
uint64_t support_random_next(support_random *random)
{
	uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

size_t support_random_below(support_random *random, size_t bound)
{
	return (size_t)(support_random_next(random) % bound);
}
