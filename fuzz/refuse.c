/* SPDX-License-Identifier: ISC */
/* System calls of this program's own, by syscall(). */
#include <config.h>

#include "refuse.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../tests/mapcall.h"

/* Else the shared libsodium would not find them. */
#define INTERPOSE __attribute__((visibility("default")))

static struct {
	unsigned calls, skip, count;
	int error;
} plan;
static size_t refused, mapped;

void refuse_calls(unsigned calls, unsigned skip, unsigned count, int error)
{
	plan.calls = calls;
	plan.skip = skip;
	plan.count = count;
	plan.error = error;
}

void refuse_nothing(void)
{
	refuse_calls(0, 0, 0, 0);
}

size_t refuse_total(void)
{
	return refused;
}

size_t refuse_mapped_size(void)
{
	return mapped;
}

static int is_refused(unsigned call)
{
	if ((plan.calls & call) == 0 || plan.count == 0)
		return 0;
	if (plan.skip > 0) {
		plan.skip--;
		return 0;
	}
	plan.count--;
	refused++;
	errno = plan.error;
	return 1;
}

INTERPOSE void *mmap(void *address, size_t size, int access, int flags, int fd,
		     off_t offset)
{
	long got;

	if (is_refused(REFUSE_MMAP))
		return MAP_FAILED;
	got = mapcall(syscall, address, size, access, flags, fd, offset);
	if (got == -1)
		return MAP_FAILED;
	mapped += size;
	return (void *)got;
}

INTERPOSE int munmap(void *address, size_t size)
{
	if (syscall(SYS_munmap, address, size) != 0)
		return -1;
	mapped -= size;
	return 0;
}

INTERPOSE int mprotect(void *address, size_t size, int access)
{
	if (is_refused(REFUSE_MPROTECT))
		return -1;
	return (int)syscall(SYS_mprotect, address, size, access);
}

INTERPOSE int mlock(const void *address, size_t size)
{
	if (is_refused(REFUSE_MLOCK))
		return -1;
	return (int)syscall(SYS_mlock, address, size);
}

INTERPOSE int madvise(void *address, size_t size, int advice)
{
	if (is_refused(REFUSE_MADVISE))
		return -1;
	return (int)syscall(SYS_madvise, address, size, advice);
}
