/* SPDX-License-Identifier: ISC */
/* Linux behind os.h: mappings, advice, limits from /proc, membarrier. */
#include <config.h>

#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bits.h"

/* Values of the kernel's ABI that older headers lack: asm-generic/mman-common.h
 * linux/membarrier.h and linux/prctl.h of Linux 6.1. */
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif
#define BARRIER_QUERY 0
#define BARRIER_PRIVATE_EXPEDITED (1 << 3)
#define BARRIER_REGISTER_PRIVATE_EXPEDITED (1 << 4)

/* CAP_IPC_LOCK of linux/capability.h: its holder locks without limit. */
#define CAPABILITY_IPC_LOCK 14

/* What the kernel allows when /proc does not tell: its default. */
#define DEFAULT_MAX_MAP_COUNT 65530

/* Yields before waiting turns into sleeping. */
#define PATIENCE 100

size_t sa_os_page_size;

static void read_page_size(void)
{
	sa_os_page_size = (size_t)sysconf(_SC_PAGESIZE);
}

void sa_os_start(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	/* GCOVR_EXCL_START: nothing can be wrong with a control of our own */
	if (pthread_once(&once, read_page_size) != 0)
		read_page_size();
	/* GCOVR_EXCL_STOP */
}

/* ------------------------------------------------------------- mappings */

void *sa_os_map_guarded(size_t size)
{
	size_t page = sa_os_page_size;
	unsigned char *base;

	/* 32-bit kernels would, but offsets have to fit ptrdiff_t. */
	if (size > PTRDIFF_MAX - 2 * page) {
		errno = ENOMEM;
		return NULL;
	}
	base = mmap(NULL, size + 2 * page, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		return NULL;
	if (mprotect(base + page, size, PROT_READ | PROT_WRITE) != 0) {
		int error = errno;

		if (munmap(base, size + 2 * page) != 0)
			error = errno;
		errno = error;
		return NULL;
	}
	return base + page;
}

int sa_os_unmap_guarded(void *memory, size_t size)
{
	size_t page = sa_os_page_size;

	return munmap((unsigned char *)memory - page, size + 2 * page);
}

int sa_os_unmap(void *memory, size_t size)
{
	return munmap(memory, size);
}

int sa_os_protect_none(void *memory, size_t size)
{
	return mprotect(memory, size, PROT_NONE);
}

int sa_os_reserve(void *memory, size_t size)
{
	void *got =
		mmap(memory, size, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (got == MAP_FAILED)
		return -1;
	if (got == memory)
		return 0;
	/* A kernel before 4.17 takes the address as a hint only. */
	if (munmap(got, size) == 0)
		errno = EEXIST;
	return -1;
}

/* Addresses, no memory; NULL if there are none. */
static void *map_nothing(size_t size)
{
	void *memory = mmap(NULL, size, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* What is mapped and lies otherwise fills a gap: the next one lies lower. */
static void fill_gaps(sa_os_aim *aim, size_t offset, size_t alignment)
{
	while (aim->gap_count < SA_OS_AIM_GAPS) {
		void *trial = map_nothing(aim->gap_size);

		if (trial == NULL)
			return;
		if (((uintptr_t)trial + offset) % alignment == 0 &&
		    munmap(trial, aim->gap_size) == 0)
			return;
		aim->gaps[aim->gap_count++] = trial;
	}
}

/* The room is found, and given up again but for what lies above the place. */
sa_os_aim sa_os_take_aim(size_t size, size_t offset, size_t alignment)
{
	sa_os_aim aim = {.gap_size = size};
	uintptr_t start, end, top;
	void *room;

	if (size > PTRDIFF_MAX)
		return aim;
	room = map_nothing(size + alignment);
	if (room == NULL)
		return aim;
	start = (uintptr_t)room;
	end = start + size + alignment;
	top = sa_align_down(end - size + offset, alignment) - offset + size;
	aim.above = room;
	aim.above_size = size + alignment;
	if (munmap(room, top - start) != 0)
		return aim;
	aim.above_size = end - top;
	aim.above = aim.above_size == 0 ? NULL
					: (unsigned char *)room + (top - start);
	fill_gaps(&aim, offset, alignment);
	return aim;
}

int sa_os_drop_aim(const sa_os_aim *aim)
{
	int result =
		aim->above == NULL ? 0 : munmap(aim->above, aim->above_size);
	size_t i;

	for (i = 0; i < aim->gap_count; i++)
		if (munmap(aim->gaps[i], aim->gap_size) != 0)
			result = -1;
	return result;
}

/* --------------------------------------------------------------- advice */

int sa_os_exclude_from_dumps(void *memory, size_t size)
{
	return madvise(memory, size, MADV_DONTDUMP);
}

int sa_os_exclude_from_forks(void *memory, size_t size)
{
	return madvise(memory, size, MADV_DONTFORK);
}

int sa_os_wipe_on_fork(void *memory, size_t size)
{
	return madvise(memory, size, MADV_WIPEONFORK);
}

int sa_os_ask_for_huge_pages(void *memory, size_t size)
{
	return madvise(memory, size, MADV_HUGEPAGE);
}

int sa_os_drop(void *memory, size_t size)
{
	return madvise(memory, size, MADV_DONTNEED_LOCKED);
}

int sa_os_empty(void *memory, size_t size)
{
	if (sa_os_drop(memory, size) == 0)
		return 0;
	if (munlock(memory, size) != 0)
		return -1;
	return madvise(memory, size, MADV_DONTNEED);
}

int sa_os_name(void *memory, size_t size, const char *name)
{
	return prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, (unsigned long)memory,
		     size, (unsigned long)name);
}

int sa_os_lock_present(void *memory, size_t size)
{
#ifdef SYS_mlock2
	if (syscall(SYS_mlock2, memory, size, MLOCK_ONFAULT) == 0)
		return 0;
#endif
	return mlock(memory, size);
}

/* --------------------------------------------------------------- limits */

/*
 * Hand the file's text to `use` a piece at a time; false if it can't be read.
 * A descriptor of our own, for a moment: no stdio, which would allocate.
 */
static bool read_file(const char *path,
		      void (*use)(const char *, size_t, void *), void *state)
{
	char buffer[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	while ((n = read(fd, buffer, sizeof buffer)) > 0)
		use(buffer, (size_t)n, state);
	return close(fd) == 0 && n == 0;
}

/* The head of a file, with a NUL behind it. */
typedef struct {
	size_t length;
	char text[4096];
} head;

static void keep_head(const char *piece, size_t size, void *state)
{
	head *h = state;
	size_t room = sizeof h->text - 1 - h->length;

	if (size > room)
		size = room;
	memcpy(h->text + h->length, piece, size);
	h->length += size;
	h->text[h->length] = '\0';
}

/* What no size can tell is as good as no limit: 32-bit programs on machines
 * with more than 4 GiB. */
static size_t saturate(uint64_t value)
{
	return value > SIZE_MAX ? SIZE_MAX : (size_t)value;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* False if that is no digit in this base. */
static bool append_digit(uint64_t *value, char c, unsigned base)
{
	unsigned digit;

	if (c >= '0' && c <= '9')
		digit = (unsigned)(c - '0');
	else if (c >= 'a' && c <= 'f')
		digit = (unsigned)(c - 'a') + 10;
	else
		return false;
	if (digit >= base)
		return false;
	*value = *value * base + digit;
	return true;
}

static uint64_t parse_number(const char *text)
{
	uint64_t value = 0;

	while (is_blank(*text))
		text++;
	while (append_digit(&value, *text, 10))
		text++;
	return value;
}

/* The number behind `key`, which begins with a newline and has no other; 0 if
 * it is not there. */
typedef struct {
	const char *key;
	unsigned base;
	size_t matched; /* bytes of the key */
	bool is_begun;
	bool is_complete;
	uint64_t value;
} figure;

static void take_byte(figure *f, char c)
{
	if (f->is_complete)
		return;
	if (f->key[f->matched] == c) {
		f->matched++;
	} else if (f->key[f->matched] != '\0') {
		f->matched = c == '\n';
	} else if (f->is_begun || !is_blank(c)) {
		f->is_begun = true;
		f->is_complete = !append_digit(&f->value, c, f->base);
	}
}

/* Of /proc/self/status.  The groups stand before them, and may be thousands. */
typedef struct {
	figure locked; /* KiB */
	figure capabilities;
} status_figures;

static void take_figures(const char *piece, size_t size, void *state)
{
	status_figures *status = state;

	for (size_t i = 0; i < size; i++) {
		take_byte(&status->locked, piece[i]);
		take_byte(&status->capabilities, piece[i]);
	}
}

/* Read a file of the kernel's that is about huge pages. */
static bool read_huge(const char *name, head *text)
{
	static const char folder[] = "/sys/kernel/mm/transparent_hugepage/";
	char path[sizeof folder + sizeof "hpage_pmd_size"];

	memcpy(path, folder, sizeof folder);
	memcpy(path + sizeof folder - 1, name, strlen(name) + 1);
	return read_file(path, keep_head, text);
}

size_t sa_os_huge_page_size(void)
{
	head enabled = {0}, size = {0};

	if (!read_huge("enabled", &enabled) ||
	    strstr(enabled.text, "[never]") != NULL)
		return 0;
	/* An empty range asks whether the advice is known. */
	if (!read_huge("hpage_pmd_size", &size) ||
	    prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) != 0 ||
	    madvise(NULL, 0, MADV_DONTNEED_LOCKED) != 0)
		return 0;
	return (size_t)parse_number(size.text);
}

bool sa_os_gives_huge_pages(void)
{
	head enabled = {0};

	return read_huge("enabled", &enabled) &&
	       strstr(enabled.text, "[always]") != NULL;
}

size_t sa_os_memory_size(void)
{
	long pages = sysconf(_SC_PHYS_PAGES);

	/* GCOVR_EXCL_START: Linux knows */
	if (pages <= 0)
		return SIZE_MAX;
	/* GCOVR_EXCL_STOP */
	return saturate((uint64_t)pages * sa_os_page_size);
}

size_t sa_os_lockable_size(void)
{
	status_figures status = {
		.locked = {.key = "\nVmLck:", .base = 10},
		.capabilities = {.key = "\nCapEff:", .base = 16}};
	struct rlimit limit;
	uint64_t locked;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 ||
	    limit.rlim_cur == RLIM_INFINITY ||
	    !read_file("/proc/self/status", take_figures, &status))
		return SIZE_MAX;
	if ((status.capabilities.value >> CAPABILITY_IPC_LOCK & 1) != 0)
		return SIZE_MAX;
	locked = status.locked.value * 1024;
	if (locked >= limit.rlim_cur)
		return 0;
	return sa_align_down(saturate(limit.rlim_cur - locked),
			     sa_os_page_size);
}

static void count_lines(const char *piece, size_t size, void *state)
{
	size_t *count = state;

	for (size_t i = 0; i < size; i++)
		*count += piece[i] == '\n';
}

size_t sa_os_available_mappings(void)
{
	head maximum = {0};
	size_t limit = DEFAULT_MAX_MAP_COUNT, used = 0;

	if (read_file("/proc/sys/vm/max_map_count", keep_head, &maximum))
		limit = (size_t)parse_number(maximum.text);
	if (!read_file("/proc/self/maps", count_lines, &used))
		return SIZE_MAX;
	return used < limit ? limit - used : 0;
}

/* -------------------------------------------------------------- threads */

bool sa_os_has_barrier(void)
{
#ifdef SYS_membarrier
	long commands = syscall(SYS_membarrier, BARRIER_QUERY, 0, 0);

	return commands > 0 && (commands & BARRIER_PRIVATE_EXPEDITED) != 0 &&
	       syscall(SYS_membarrier, BARRIER_REGISTER_PRIVATE_EXPEDITED, 0,
		       0) == 0;
#else
	return false;
#endif
}

int sa_os_barrier(void)
{
#ifdef SYS_membarrier
	return (int)syscall(SYS_membarrier, BARRIER_PRIVATE_EXPEDITED, 0, 0);
#else
	errno = ENOSYS;
	return -1;
#endif
}

void sa_os_let_run(unsigned turn)
{
	const struct timespec moment = {0, 50000};

	/* Yielding lets no thread of a lower real-time priority run. */
	if (turn < PATIENCE || nanosleep(&moment, NULL) != 0)
		sched_yield();
}

/* Neither fails: the states are valid. */
int sa_os_disable_cancel(void)
{
	int state = PTHREAD_CANCEL_ENABLE;

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	return state;
}

void sa_os_restore_cancel(int state)
{
	int disabled;

	(void)pthread_setcancelstate(state, &disabled);
}

int sa_os_thread_id(void)
{
	return (int)syscall(SYS_gettid);
}

bool sa_os_thread_is_alive(int id)
{
	return syscall(SYS_tgkill, getpid(), id, 0) == 0 || errno != ESRCH;
}
