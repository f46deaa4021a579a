/* SPDX-License-Identifier: ISC */
/* Linux behind os.h: mappings, advice, membarrier. */
#include <config.h>

#include "os.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
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

int sa_os_protect_read(void *memory, size_t size)
{
	return mprotect(memory, size, PROT_READ);
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

bool sa_os_can_drop(void)
{
	/* An empty range asks whether the advice is known. */
	return madvise(NULL, 0, MADV_DONTNEED_LOCKED) == 0;
}

bool sa_os_may_have_huge_pages(void)
{
	return prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 0;
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
