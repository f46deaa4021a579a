/* SPDX-License-Identifier: ISC */
/*
 * What the test suites share: children whose end is expected, reports of
 * misuse brought home from them, figures from /proc, probes of memory that
 * may not be accessible, repeatable randomness, and the runner.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>

#include "sodium_arena.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------- sanitizers */

#ifdef __has_feature
#define SUPPORT_HAS_FEATURE(feature) __has_feature(feature)
#else
#define SUPPORT_HAS_FEATURE(feature) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || SUPPORT_HAS_FEATURE(address_sanitizer)
#define SUPPORT_ASAN 1
#else
#define SUPPORT_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__) || SUPPORT_HAS_FEATURE(thread_sanitizer)
#define SUPPORT_TSAN 1
#else
#define SUPPORT_TSAN 0
#endif

/*
 * Both turn mlock() into nothing, map memory of their own and make system
 * calls of their own: what a test can count then says nothing.
 */
#define SUPPORT_SANITIZED (SUPPORT_ASAN || SUPPORT_TSAN)

/*
 * A coverage build's counters take registers: what is read of an object may lie
 * on the stack for want of one, which says nothing of the library as it is
 * installed.
 */
#ifdef HAVE___GCOV_DUMP
#define SUPPORT_COUNTED 1
#else
#define SUPPORT_COUNTED 0
#endif

/* 1 if the program is instrumented, or runs under Valgrind: many times slower.
 * Of a number of rounds, as many as there is time for then. */
#define SUPPORT_SLOW (!support_is_alone())
#define SUPPORT_ROUNDS(n) (SUPPORT_SLOW ? ((n) + 9) / 10 : (n))

/* Functions that touch what they should not. */
#define SUPPORT_UNCHECKED                                                      \
	__attribute__((noinline, no_sanitize("address"),                       \
		       no_sanitize("thread"), no_sanitize("undefined")))

/* Functions that run before a sanitizer has begun. */
#if defined(__has_attribute)
#if __has_attribute(disable_sanitizer_instrumentation)
#define SUPPORT_EARLY __attribute__((disable_sanitizer_instrumentation))
#endif
#endif
#ifndef SUPPORT_EARLY
#define SUPPORT_EARLY SUPPORT_UNCHECKED
#endif

/* Bits of an address, and of the highest that user programs have. */
#define SUPPORT_POINTER_BITS (sizeof(void *) * 8)
#define SUPPORT_USER_BITS (sizeof(void *) == 8 ? 47 : 32)

#define SUPPORT_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* -------------------------------------------------------------- runner */

/*
 * Run the suite and free it.  Each test has a process of its own unless
 * CK_FORK=no.  The exit status for main().
 */
int support_run(Suite *suite);

/* Say on standard output that the running test proves nothing, and why. */
void support_skip(const char *test, const char *reason);

/* ------------------------------------------------------------- children */

#define SUPPORT_TEXT_SIZE 4096

typedef struct support_end {
	int status;                   /* of exit(), or -1 */
	int signal;                   /* that ended the process, or 0 */
	char text[SUPPORT_TEXT_SIZE]; /* written to standard error */
} support_end;

typedef void (*support_body)(void *context);

/*
 * Run `body` in a child that has its own standard error, no core dumps and
 * default signal actions, and leaves with status 0 if the body returns.
 */
void support_child(support_body body, void *context, support_end *end);

/* Fail the test unless the child leaves with status 0, silently. */
void support_assert_passes(support_body body, void *context);

/* The same for what may not be permitted: a child that leaves with this status
 * says so, and its test is skipped.  It may write. */
#define SUPPORT_CANNOT_TELL 77
void support_assert_passes_or_skip(const char *test, support_body body,
				   void *context);

/* Fail the test unless that signal ends the child. */
void support_assert_dies(support_body body, void *context, int signal);

/*
 * ck_assert() for children and for threads, where Check's own cannot be
 * used: says where on standard error and leaves with status 99.
 */
#define SUPPORT_REQUIRE(condition)                                             \
	((condition) ? (void)0                                                 \
		     : support_give_up(__FILE__, __LINE__, #condition))

__attribute__((noreturn)) void support_give_up(const char *file, int line,
					       const char *what);

/*
 * _exit() for a process that a test forks by itself: nothing registered with
 * atexit() runs, but a coverage build's counters are kept.  Writing those takes
 * system calls and the heap: not where a filter forbids calls, nor where bytes
 * are searched for.
 */
__attribute__((noreturn)) void support_leave(int status);

/* The same for a process that ends by a signal; nothing else than a coverage
 * build does it. */
void support_keep_counters(void);

/* Where standard error leads to from here on: a pipe that nobody reads, or a
 * file at RLIMIT_FSIZE.  Who writes there gets SIGPIPE, or SIGXFSZ. */
void support_lose_reader(void);
void support_lose_room(void);

/* -------------------------------------------------------------- misuse */

/* The name that arenas of crimes have. */
#define SUPPORT_VAULT "vault"

/* For `object`: any will do. */
#define SUPPORT_ANY ((const void *)UINTPTR_MAX)

typedef struct support_misuse {
	sa_arena_misuse_kind kind;
	const void *object;
	size_t size;
	ptrdiff_t offset;
	char arena[SA_ARENA_NAME_MAX + 1];
	unsigned count; /* how often the handler was called */
} support_misuse;

/*
 * Says in `expected` what the report has to be, then does what must not be
 * done.  `expected` is preset to no object, no bytes, offset 0, the name
 * SUPPORT_VAULT and one report.
 */
typedef void (*support_crime)(support_misuse *expected, size_t parameter);

/*
 * Commit the crime in a child with a misuse handler installed.  Fails the
 * test unless the child ends by SIGABRT with the report that it expected.
 */
void support_assert_misuse(support_crime crime, size_t parameter);

/* Change the byte, whatever it is. */
void support_flip(const void *byte);
/* Read or write the byte; the compiler leaves it alone. */
unsigned char support_peek(const void *byte);
void support_poke(const void *byte, unsigned char value);

/* ------------------------------------------------------------- process */

/* Bytes locked, bytes that RLIMIT_DATA counts. */
size_t support_locked_size(void);
size_t support_data_size(void);
/* Lines of /proc/self/maps. */
size_t support_mapping_count(void);

/* 1 if the byte's mapping has this one of the VmFlags that proc(5) names. */
int support_has_flag(const void *byte, const char *flag);

/* 1 if advice is taken and VmFlags tell of it.  Not so where one kernel is
 * played by a program on another. */
int support_takes_advice(void);
/* 1 if RLIMIT_AS keeps this process from having more memory; likewise. */
int support_keeps_limits(void);
/*
 * Set RLIMIT_DATA, as far as that may be raised.  Private memory that becomes
 * writable counts as data: mprotect() refuses to go above, with ENOMEM.
 */
void support_limit_data(uint64_t size);
/* 1 if RLIMIT_DATA keeps mprotect() from opening more; likewise. */
int support_keeps_data_limit(void);
/* 1 if there is mlock2(), and so a way to lock what is present alone. */
int support_locks_present(void);
/* 1 if a forked child may map memory where MADV_DONTFORK left it none. */
int support_has_gaps_after_fork(void);
/*
 * 1 if Valgrind plays the processor.  It maps memory, makes system calls and
 * has copies of its own in this process, chooses addresses itself, and has to
 * stop where it can have no more memory.
 */
int support_under_valgrind(void);
/* 1 if what the kernel counts of this process, memory or calls, is what the
 * test has caused: no sanitizer's, nor Valgrind's. */
int support_is_alone(void);

/* 1 if the byte could be read (written); asks the kernel, never faults. */
int support_is_readable(const void *byte);
int support_is_writable(const void *byte);

/*
 * Become an ordinary user who may lock `limit` bytes, for good.  0, or -1 if
 * this process cannot give up its right to lock as much as it likes.
 */
int support_become_ordinary(size_t limit);

/*
 * From here on the kernel refuses that system call with `error`, for good.
 * 0, or -1 if this process may have no filters.
 */
int support_refuse_call(long number, int error);

/* 1 if this process may lock `size` bytes, as far as limits can tell. */
int support_can_lock(size_t size);

/* Of a clock that nobody sets: for how long threads are to meet. */
double support_seconds(void);

/* -------------------------------------------------------------- arenas */

/*
 * All defaults, but memory that cannot be locked is accepted where this
 * process may lock little: for suites whose subject is not locking.
 */
sa_arena_options support_options(void);
sa_arena *support_arena_create(void);
/* Likewise, with SA_ARENA_SINGLE_THREADED. */
sa_arena *support_arena_create_single(void);

/* The statistics; fails the test if they do not add up. */
sa_arena_stats support_stats(const sa_arena *arena);

/* Bytes that tell objects and offsets apart. */
unsigned char support_pattern(uint64_t seed, size_t offset);
void support_fill(void *object, size_t size, uint64_t seed);
/* 1 if the first `size` bytes are what support_fill() wrote. */
int support_is_filled(const void *object, size_t size, uint64_t seed);
int support_is_zero(const void *bytes, size_t size);

/* ---------------------------------------------------------- randomness */

typedef struct support_random {
	uint64_t state;
} support_random;

/* Seeded from SA_TEST_SEED, else anew; prints the seed. */
void support_random_seed(support_random *random);
uint64_t support_random_next(support_random *random);
/* Below `bound`, which is not 0. */
size_t support_random_below(support_random *random, size_t bound);

#ifdef __cplusplus
}
#endif

#endif
