/* SPDX-License-Identifier: ISC */
/* libc's calls on memory, defined anew: counted, refused, kept in a ledger. */
#include <config.h>

#include "faults.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mapcall.h"
#include "support.h"

static struct {
	atomic_size_t met, failed;
	atomic_size_t met_of[FAULTS_CALLS];
	size_t first; /* 0: not armed */
	faults_mode mode;
	_Atomic(faults_call) kind;
} plan;

void faults_arm(size_t first, faults_mode mode)
{
	memset(&plan, 0, sizeof plan);
	plan.kind = FAULTS_CALLS;
	plan.mode = mode;
	plan.first = first;
}

void faults_disarm(void)
{
	plan.first = 0;
}

static int takes_hints;

void faults_take_hints(void)
{
	takes_hints = 1;
}

size_t faults_met(void)
{
	return plan.met;
}

size_t faults_failed(void)
{
	return plan.failed;
}

size_t faults_met_of(faults_call call)
{
	return plan.met_of[call];
}

/* --------------------------------------------------------------- ledger */

typedef struct range {
	uintptr_t start, end;
} range;

enum { RANGES = 2048 };

typedef struct ledger {
	size_t count;
	range ranges[RANGES];
} ledger;

static ledger mapped, refused;

static int is_in(const ledger *of, uintptr_t page)
{
	for (size_t i = 0; i < of->count; i++)
		if (of->ranges[i].start <= page && page < of->ranges[i].end)
			return 1;
	return 0;
}

void faults_watch(void)
{
	mapped.count = 0;
	refused.count = 0;
}

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))

/* A fork may have left out what the ledger knows. */
static int is_mapped(uintptr_t page)
{
	/* An emulator's mincore() knows only what can be read. */
	return msync((void *)page, 1, MS_ASYNC) == 0;
}

faults_left faults_left_now(void)
{
	faults_left left = {0, 0};

	for (size_t i = 0; i < mapped.count; i++)
		for (uintptr_t page = mapped.ranges[i].start;
		     page < mapped.ranges[i].end; page += PAGE) {
			if (!is_mapped(page))
				continue;
			left.size += PAGE;
			left.unexplained += is_in(&refused, page) ? 0 : PAGE;
		}
	return left;
}

static int page_holds(const unsigned char *page, const void *bytes, size_t size)
{
	for (size_t i = 0; i + size <= PAGE; i++)
		if (page[i] == *(const unsigned char *)bytes &&
		    memcmp(page + i, bytes, size) == 0)
			return 1;
	return 0;
}

int faults_left_holds(const void *bytes, size_t size)
{
	for (size_t i = 0; i < mapped.count; i++)
		for (uintptr_t page = mapped.ranges[i].start;
		     page < mapped.ranges[i].end; page += PAGE)
			if (support_is_readable((void *)page) &&
			    page_holds((void *)page, bytes, size))
				return 1;
	return 0;
}

/* ---------------------------------------------------------------- calls */

/* As the kernel might, and so that none can be taken for another's. */
static const int errors[FAULTS_CALLS] = {
	[FAULTS_MMAP] = ENOMEM,      [FAULTS_MPROTECT] = ENOMEM,
	[FAULTS_MADVISE] = EAGAIN,   [FAULTS_MLOCK] = EAGAIN,
	[FAULTS_MUNLOCK] = EAGAIN,   [FAULTS_MUNMAP] = ENOMEM,
	[FAULTS_MREMAP] = EAGAIN,    [FAULTS_MLOCK2] = EAGAIN,
	[FAULTS_MEMBARRIER] = EPERM,
};

static int is_due(size_t number, faults_call call)
{
	if (number == plan.first)
		plan.kind = call;
	switch (plan.mode) {
	case FAULTS_ONWARD:
		return number >= plan.first;
	case FAULTS_OF_KIND:
		return number >= plan.first && call == plan.kind;
	case FAULTS_CLOSED:
		return number >= plan.first &&
		       (call == FAULTS_MPROTECT || call == FAULTS_MUNMAP);
	default:
		return number == plan.first;
	}
}

/* 1, and errno, if this call is to fail. */
static int is_refused(faults_call call)
{
	if (plan.first == 0)
		return 0;
	plan.met_of[call]++;
	if (!is_due(++plan.met, call))
		return 0;
	plan.failed++;
	errno = errors[call];
	return 1;
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

long __wrap_syscall(long number, ...)
{
	long arguments[6];
	va_list list;

	va_start(list, number);
	for (size_t i = 0; i < SUPPORT_LENGTH(arguments); i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
#ifdef SYS_mlock2
	if (number == SYS_mlock2 && is_refused(FAULTS_MLOCK2))
		return -1;
#endif
#ifdef SYS_membarrier
	if (number == SYS_membarrier && is_refused(FAULTS_MEMBARRIER))
		return -1;
#endif
	return __real_syscall(number, arguments[0], arguments[1], arguments[2],
			      arguments[3], arguments[4], arguments[5]);
}

#if !SUPPORT_SANITIZED

static atomic_flag ledger_lock = ATOMIC_FLAG_INIT;

static void add(ledger *to, uintptr_t start, size_t size)
{
	SUPPORT_REQUIRE(to->count < RANGES);
	to->ranges[to->count++] = (range){start, start + size};
}

/* What lies in the range stands there no longer; others may be cut in two. */
static void subtract(ledger *from, uintptr_t start, size_t size)
{
	const ledger old = *from;
	const uintptr_t end = start + size;

	from->count = 0;
	for (size_t i = 0; i < old.count; i++) {
		const range r = old.ranges[i];

		if (r.end <= start || r.start >= end) {
			add(from, r.start, r.end - r.start);
			continue;
		}
		if (r.start < start)
			add(from, r.start, start - r.start);
		if (r.end > end)
			add(from, end, r.end - end);
	}
}

static void lock_ledger(void)
{
	while (atomic_flag_test_and_set(&ledger_lock))
		;
}

static void unlock_ledger(void)
{
	atomic_flag_clear(&ledger_lock);
}

static void note(ledger *out_of, ledger *into, const void *start, size_t size)
{
	lock_ledger();
	if (out_of != NULL)
		subtract(out_of, (uintptr_t)start, size);
	if (into != NULL)
		add(into, (uintptr_t)start, size);
	unlock_ledger();
}

#define EXPORTED __attribute__((visibility("default")))

EXPORTED void *mmap(void *place, size_t size, int access, int flags, int fd,
		    off_t offset)
{
	void *memory;

	if (is_refused(FAULTS_MMAP))
		return MAP_FAILED;
#ifdef MAP_FIXED_NOREPLACE
	if (takes_hints)
		flags &= ~MAP_FIXED_NOREPLACE;
#endif
	memory = (void *)mapcall(__real_syscall, place, size, access, flags, fd,
				 offset);
	if (memory != MAP_FAILED)
		note(&mapped, &mapped, memory, size);
	return memory;
}

EXPORTED int munmap(void *memory, size_t size)
{
	int result = is_refused(FAULTS_MUNMAP)
			     ? -1
			     : (int)__real_syscall(SYS_munmap, memory, size);

	note(result == 0 ? &mapped : NULL, result == 0 ? NULL : &refused,
	     memory, size);
	return result;
}

EXPORTED void *mremap(void *memory, size_t old_size, size_t size, int flags,
		      ...)
{
	va_list list;
	void *place, *moved;

	va_start(list, flags);
	place = (flags & MREMAP_FIXED) != 0 ? va_arg(list, void *) : NULL;
	va_end(list);
	if (is_refused(FAULTS_MREMAP))
		return MAP_FAILED;
	moved = (void *)__real_syscall(SYS_mremap, memory, old_size, size,
				       flags, place);
	if (moved != MAP_FAILED) {
		note(&mapped, NULL, memory, old_size);
		note(&mapped, &mapped, moved, size);
	}
	return moved;
}

EXPORTED int mprotect(void *memory, size_t size, int access)
{
	return is_refused(FAULTS_MPROTECT)
		       ? -1
		       : (int)__real_syscall(SYS_mprotect, memory, size,
					     access);
}

EXPORTED int madvise(void *memory, size_t size, int advice)
{
	return is_refused(FAULTS_MADVISE)
		       ? -1
		       : (int)__real_syscall(SYS_madvise, memory, size, advice);
}

EXPORTED int mlock(const void *memory, size_t size)
{
	return is_refused(FAULTS_MLOCK)
		       ? -1
		       : (int)__real_syscall(SYS_mlock, memory, size);
}

EXPORTED int munlock(const void *memory, size_t size)
{
	return is_refused(FAULTS_MUNLOCK)
		       ? -1
		       : (int)__real_syscall(SYS_munlock, memory, size);
}

#endif
