/* SPDX-License-Identifier: ISC */
/*
 * What the examples of other libraries on the default arena share: a stack
 * inside the arena, secrets, and the proof that they are nowhere else.
 */
#ifndef EXAMPLES_HOOK_H
#define EXAMPLES_HOOK_H

#include <stddef.h>

/* Of a program that cannot run here: nothing may be locked. */
#define HOOK_SKIPPED 77

/*
 * Make the default arena and run `body` on a stack that is an object of it,
 * for what a library computes with is left behind on the stack.  The exit
 * status for main(): that of `body`, or HOOK_SKIPPED.
 */
int hook_main(int (*body)(void));

/* Bytes in use on the C library's heap; 0 where it does not tell. */
size_t hook_heap_size(void);

/* Random bytes in the default arena, or no return. */
unsigned char *hook_secret(size_t size);

/* `size` random bytes as lower-case hexadecimal digits and NUL; likewise. */
char *hook_secret_text(size_t size);

/*
 * Search the process for the secret and say on standard output what was found.
 * 1 if there are at least `copies` of it and all are in the arena, else 0.
 */
int hook_is_only_in_arena(const char *what, const void *secret, size_t size,
			  size_t copies);

/* End the process with a message unless the condition holds. */
#define HOOK_REQUIRE(condition)                                                \
	((condition) ? (void)0 : hook_give_up(__FILE__, __LINE__, #condition))

_Noreturn void hook_give_up(const char *file, int line, const char *what);

/* Seconds that this thread has spent on a processor. */
double hook_cpu_time(void);

#endif
