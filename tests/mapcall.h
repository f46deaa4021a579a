/* SPDX-License-Identifier: ISC */
/*
 * mmap(2) by way of syscall(2), for who defines mmap() anew.  The call has
 * other forms on some processors: mmap2(2), and what mmap(2) says of s390.
 */
#ifndef MAPCALL_H
#define MAPCALL_H

#include <stddef.h>
#include <sys/syscall.h>
#include <sys/types.h>

/* -1 with errno, or the address; `call` is syscall(). */
static inline long mapcall(long (*call)(long, ...), void *place, size_t size,
			   int access, int flags, int fd, off_t offset)
{
#if defined SYS_mmap2
	return call(SYS_mmap2, place, size, access, flags, fd,
		    (long)(offset / 4096));
#elif defined __s390__
	unsigned long arguments[] = {
		(unsigned long)place,  size,
		(unsigned long)access, (unsigned long)flags,
		(unsigned long)fd,     (unsigned long)offset};

	return call(SYS_mmap, arguments);
#else
	return call(SYS_mmap, place, size, access, flags, fd, offset);
#endif
}

#endif
