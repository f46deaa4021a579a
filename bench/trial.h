/* SPDX-License-Identifier: ISC */
/*
 * A trial runs in a process of its own: no allocator inherits another's
 * heap, and a process that was never threaded is one.
 */
#ifndef BENCH_TRIAL_H
#define BENCH_TRIAL_H

#include <stddef.h>
#include <stdint.h>

struct allocator;
struct workload;

struct trial {
	const struct workload *workload; /* NULL: none, memory is looked at */
	const struct allocator *allocator;
	size_t count;      /* objects alive at once */
	size_t room;       /* bytes of them, with what is lost to rounding */
	uint64_t duration; /* ns to spend in what is timed */
};

/*
 * Run body(trial, result) in a child and bring the `size` bytes of the result
 * back.  0; the errno that the child gave up with; or, if a signal ended it,
 * minus that signal's number.
 */
int trial_run(void (*body)(const struct trial *trial, void *result),
	      const struct trial *trial, void *result, size_t size);

/* In the child: end the trial with errno. */
_Noreturn void trial_give_up(void);

/* In the child: `pointer`, or the end of the trial if it is NULL. */
static inline void *trial_need(void *pointer)
{
	if (pointer == NULL)
		trial_give_up();
	return pointer;
}

#endif
