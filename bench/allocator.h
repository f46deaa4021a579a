/* SPDX-License-Identifier: ISC */
/*
 * What is compared: each allocator behind the same calls.  All of its
 * functions run inside a trial and end the trial when they are refused.
 */
#ifndef BENCH_ALLOCATOR_H
#define BENCH_ALLOCATOR_H

#include <stddef.h>
#include <string.h>

/* The size of an object where a workload uses only one: a key. */
#define KEY_SIZE ((size_t)32)

struct allocator {
	const char *name;
	const char *title;
	size_t object_limit; /* most objects alive; SIZE_MAX: no limit */
	int is_thread_safe;
	int teardown_frees; /* teardown releases objects still alive */

	void *(*setup)(void); /* the context for the calls below */
	void (*teardown)(void *context);
	void *(*alloc)(void *context, size_t size);
	void (*free)(void *context, void *object, size_t size);

	/* `count` times alloc(KEY_SIZE), write, free, by direct calls. */
	void (*pairs)(void *context, size_t count);

	/* Idle protection; all NULL where there is none. */
	void (*rest)(void *context, void *object);
	void (*open)(void *context, void *object);
	void (*close)(void *context, void *object);

	/* Bytes kept out of line for all objects; NULL: not known. */
	size_t (*metadata_size)(void *context);
};

extern const struct allocator *const allocators[];
extern const size_t allocator_count;

/* Fill an object; the barrier keeps the stores before the wipe. */
static inline void object_write(void *object, size_t size)
{
	memset(object, 0x5a, size);
	__asm__ __volatile__("" : : "r"(object) : "memory");
}

#endif
