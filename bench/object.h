/* SPDX-License-Identifier: ISC */
/* What every workload does with an object. */
#ifndef BENCH_OBJECT_H
#define BENCH_OBJECT_H

#include <stddef.h>
#include <string.h>

/* The size of an object where a workload uses only one: a key. */
#define KEY_SIZE ((size_t)32)

/* Fill an object; the barrier keeps the stores before the wipe. */
static inline void object_write(void *object, size_t size)
{
	memset(object, 0x5a, size);
	__asm__ __volatile__("" : : "r"(object) : "memory");
}

#endif
