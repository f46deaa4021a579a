/* SPDX-License-Identifier: ISC */
/*
 * What is compared: each allocator behind the same calls.  All of its
 * functions run inside a trial and end the trial when they are refused.
 */
#ifndef BENCH_ALLOCATOR_H
#define BENCH_ALLOCATOR_H

#include <stddef.h>

struct allocator {
	const char *name;
	const char *title;
	const char *(*version)(void);
	size_t object_limit; /* most objects alive; SIZE_MAX: no limit */
	size_t size_limit;   /* most bytes of them; likewise */
	int is_thread_safe;
	int is_locked;      /* in RAM, by itself: to be compared with arenas */
	int is_scaled;      /* part of the run that goes far up */
	int keeps_pool;     /* what the first setup makes stays */
	int keys_only;      /* objects of KEY_SIZE and no others */
	int teardown_frees; /* teardown releases objects still alive */

	/*
	 * The context for the calls below.  A pool of fixed size gets room
	 * for `room` bytes of objects and the allocator's own overhead.
	 */
	void *(*setup)(size_t room);
	void (*teardown)(void *context);
	void *(*alloc)(void *context, size_t size);
	void (*free)(void *context, void *object, size_t size);

	/* `count` times alloc(KEY_SIZE), write, free, by direct calls. */
	void (*pairs)(void *context, size_t count);

	/* Idle protection; all NULL where there is none. */
	void (*rest)(void *context, void *object);
	void (*open)(void *context, void *object);
	void (*close)(void *context, void *object);

	/* For one object while the others rest; NULL: no such calls. */
	void (*open_object)(void *context, void *object);
	void (*close_object)(void *context, void *object);

	/* NULL where there is no such call. */
	int (*owns)(void *context, const void *object);
	void (*check)(void *context);
	size_t (*metadata_size)(void *context); /* out of line, in bytes */
	size_t (*mapped_size)(void *context);   /* for objects, in bytes */
};

extern const struct allocator *const allocators[];
extern const size_t allocator_count;

/* The allocator whose name it is, or NULL. */
const struct allocator *allocator_find(const char *name);

#endif
