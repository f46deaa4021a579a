/* SPDX-License-Identifier: ISC */
/*
 * sodium-arena: very many small secrets in locked, guarded, watched memory.
 *
 * An arena carves sodium_malloc() regions into slots of equal stride:
 *
 *   region  |header|guard| canary | slot | slot | slot | ...       |guard|
 *
 *   slot    |<- object: exactly the bytes asked for ->|<- canary ->|
 *           ^ what sa_arena_alloc() returns           ^ up to the next slot,
 *                                                       at least 8 bytes
 *
 * The canary begins at the byte after the object, so that an overflow by one
 * byte is seen whatever size was asked for.  Nothing but objects, canaries
 * and zero bytes lies in a region: sizes and bitmaps are kept elsewhere.
 *
 * Two kinds of failure.  A resource failure returns NULL or -1 with errno and
 * changes nothing.  Misuse (a damaged canary, a pointer that is no live
 * object, a write to freed memory) is reported to the misuse handler and ends
 * the process in abort(); it never returns to the caller.
 *
 * Threads.  Unless its comment says otherwise, a function may be called by
 * any threads at once on one arena; any thread may free what another has
 * allocated.  With SA_ARENA_SINGLE_THREADED the caller promises that no two
 * calls on the arena overlap; fork() is none, and may come at any time.  No
 * function may be called from a signal handler, nor may fork(): it would wait
 * for the call that the signal interrupted.  A thread that is cancelled
 * (pthread_cancel) ends between calls, not in one that holds a lock; calls
 * may not be cancelled asynchronously.
 */
#ifndef SODIUM_ARENA_H
#define SODIUM_ARENA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * SA_ARENA_MALLOC is for functions whose new objects point nowhere: the
 * compiler relies on it (gcc, "Common Function Attributes").  Those that copy
 * contents in do not have it.
 */
#if defined(__GNUC__) || defined(__clang__)
#define SA_ARENA_API __attribute__((visibility("default")))
#define SA_ARENA_MALLOC __attribute__((malloc))
#define SA_ARENA_USE_RESULT __attribute__((warn_unused_result))
#else
#define SA_ARENA_API
#define SA_ARENA_MALLOC
#define SA_ARENA_USE_RESULT
#endif

/* ------------------------------------------------------------- version */

#define SODIUM_ARENA_VERSION_MAJOR 0
#define SODIUM_ARENA_VERSION_MINOR 1
#define SODIUM_ARENA_VERSION_PATCH 0
#define SODIUM_ARENA_VERSION_STRING "0.1.0"

/*
 * The version of the library that runs; SODIUM_ARENA_VERSION_STRING is that
 * of the header compiled against.  A constant string; never fails.
 */
SA_ARENA_API const char *sa_arena_version_string(void);

/* -------------------------------------------------------------- arenas */

typedef struct sa_arena sa_arena;

/* What may be done with an arena's memory, from least to most. */
typedef enum {
	SA_ARENA_NOACCESS,
	SA_ARENA_READONLY,
	SA_ARENA_READWRITE
} sa_arena_access;

/*
 * What to do when memory cannot be locked in RAM: refuse it (EPERM), or use
 * it and say so in sa_arena_stats.locked_size.
 */
typedef enum {
	SA_ARENA_MLOCK_REQUIRED,
	SA_ARENA_MLOCK_BEST_EFFORT
} sa_arena_mlock;

/*
 * What the child of a fork() finds:
 * INHERIT  a copy of everything, locked again before fork() returns there;
 * EXCLUDE  nothing: touching an object faults, new objects are refused with
 *          EACCES, free and destroy only tidy up;
 * WIPE     an empty arena of zeroed memory, ready for use.
 * Resting access and holders are the parent's, also those of threads that the
 * child does not have: what these held open stays open there until it calls
 * sa_arena_close() for them.  WIPE ends holders of single objects.
 * If the child cannot lock again what has to be locked, it is refused new
 * objects in that arena with EPERM from then on; what is there can be used.
 * A child made without fork()'s handlers (a raw clone(), _Fork()) must not
 * use arenas.  vfork(), posix_spawn(), system() and popen() are safe.
 */
typedef enum {
	SA_ARENA_FORK_INHERIT,
	SA_ARENA_FORK_EXCLUDE,
	SA_ARENA_FORK_WIPE
} sa_arena_fork;

/*
 * Flag: no two calls on this arena ever overlap in time.  Any thread may make
 * them, one after another.  Saves the arena's atomics and barriers.
 */
#define SA_ARENA_SINGLE_THREADED 0x1u

/* The longest name of an arena, in bytes, without its terminating NUL. */
#define SA_ARENA_NAME_MAX 255

typedef struct sa_arena_options {
	size_t          size;     /* sizeof(sa_arena_options) */
	const char     *name;     /* shown in statistics and reports; copied;
	                             NULL: "arena" */
	size_t          reserve;  /* bytes of secret memory mapped and locked
	                             at creation, in whole pages, as many as
	                             the capacity has room for; 0: a few */
	size_t          capacity; /* most bytes of secret memory ever mapped,
	                             guard pages not counted; 0: no limit but
	                             the system's */
	sa_arena_mlock  mlock;
	sa_arena_fork   fork;
	unsigned        flags;    /* SA_ARENA_SINGLE_THREADED, or 0 */
} sa_arena_options;

/* All defaults; assign the members that should differ. */
#define SA_ARENA_OPTIONS_INIT                                              \
	{                                                                  \
		sizeof(sa_arena_options), NULL, 0, 0,                      \
			SA_ARENA_MLOCK_REQUIRED, SA_ARENA_FORK_INHERIT, 0u \
	}

/*
 * Make an arena, accessible READWRITE.  `options` NULL means all defaults.
 * Calls sodium_init() itself.  The arena is sa_arena_destroy()'s to release.
 *
 * NULL with errno:
 * EINVAL  wrong options->size (a newer header's too), unknown flags or
 *         enumerators, a reserve above the capacity, a capacity below one
 *         page, a name longer than SA_ARENA_NAME_MAX;
 * ENOMEM  no memory, no mappings, or libsodium failed to start;
 * EPERM   the memory cannot be locked and options->mlock requires it.
 */
SA_ARENA_API SA_ARENA_USE_RESULT sa_arena *
sa_arena_create(const sa_arena_options *options);

/*
 * Verify every live object's canary and that free memory is zero, then zero
 * everything and return it through sodium_free().  Objects still alive are
 * not an error, nor is any access state; a region that the system refuses to
 * open is unmapped as it is (the kernel clears its pages).  NULL: nothing.
 *
 * No other call on the arena may overlap or follow.
 * Misuse detected: OVERFLOW, UNDERFLOW, WRITE_AFTER_FREE.
 */
SA_ARENA_API void sa_arena_destroy(sa_arena *arena);

/* ------------------------------------------------------------- objects */

/*
 * Allocate `size` bytes, zeroed, aligned for any type (max_align_t).
 * Size 0 gives a distinct pointer to no usable bytes.
 *
 * An object too large for a slot gets a sodium_malloc() block of its own, and
 * ends at that block's guard page as closely as its alignment allows.
 *
 * NULL with errno:
 * EINVAL  arena is NULL;
 * ENOMEM  no memory or no mappings, or the size is beyond all reason;
 * EPERM   memory could not be locked and the arena requires it;
 * ENOSPC  the arena's capacity is used up;
 * EACCES  the arena is not READWRITE now, or not all of it, or was excluded
 *         from this child.
 * Misuse detected: WRITE_AFTER_FREE in the slot handed out, DOUBLE_FREE by two
 * racing threads.
 */
SA_ARENA_API SA_ARENA_MALLOC SA_ARENA_USE_RESULT void *
sa_arena_alloc(sa_arena *arena, size_t size);

/* As sa_arena_alloc(arena, count * size); ENOMEM if the product overflows. */
SA_ARENA_API SA_ARENA_MALLOC SA_ARENA_USE_RESULT void *
sa_arena_calloc(sa_arena *arena, size_t count, size_t size);

/*
 * As sa_arena_alloc(), aligned to `alignment` bytes: any power of two up to
 * the page size, else EINVAL.  Any size.
 */
SA_ARENA_API SA_ARENA_MALLOC SA_ARENA_USE_RESULT void *
sa_arena_aligned_alloc(sa_arena *arena, size_t alignment, size_t size);

/*
 * Make the object `size` bytes long; its content is kept up to the smaller of
 * both sizes and new bytes are zero.  In place where the slot allows, else
 * moved, and the copy left behind is wiped; what moves is aligned as by
 * sa_arena_alloc(), whatever it was before.  What shrinks and finds no room to
 * move to stays where it is.  `ptr` NULL allocates; size 0 gives an object of
 * no bytes and never frees.  The arena has to be READWRITE,
 * even if the object shrinks where it lies, and to stay so: whoever shares it
 * with threads that close it holds it open meanwhile (sa_arena_open()), or the
 * copying may fault.
 *
 * NULL with errno as sa_arena_alloc(), and the object is untouched.
 * The object itself must not be used by another thread meanwhile.
 * Misuse detected: as sa_arena_free().
 */
SA_ARENA_API SA_ARENA_USE_RESULT void *
sa_arena_realloc(sa_arena *arena, void *ptr, size_t size);

/*
 * Allocate `size` bytes and copy them in from `src`, which may be NULL only
 * if size is 0 (else EINVAL).  The arena has to be READWRITE and stay so, as for
 * sa_arena_realloc(); a source in an arena, readable.  Errors as sa_arena_alloc().
 */
SA_ARENA_API SA_ARENA_USE_RESULT void *
sa_arena_dup(sa_arena *arena, const void *src, size_t size);

/*
 * As sa_arena_dup(), and then wipe the source, which has to be writable.  On
 * failure the source is untouched.
 */
SA_ARENA_API SA_ARENA_USE_RESULT void *
sa_arena_take(sa_arena *arena, void *src, size_t size);

/*
 * Verify the canaries around the object, wipe it and give its slot back.
 * NULL: nothing.  Works in every access state: a resting region is opened for
 * it and closed again.  If the system refuses to open that region, the object
 * stays alive, errno is set and the failure counted.  So it is if the object
 * was freed and the region could not be closed again; the next change of
 * access closes it.  Otherwise errno is kept.
 *
 * Misuse detected: OVERFLOW, UNDERFLOW, DOUBLE_FREE (two racing threads
 * included), INVALID_POINTER (interior, foreign, wild, or NULL arena).
 */
SA_ARENA_API void sa_arena_free(sa_arena *arena, void *ptr);

/*
 * Exactly the bytes asked for.  Needs no access to the object.
 * Misuse detected: DOUBLE_FREE (a freed object), INVALID_POINTER.
 */
SA_ARENA_API size_t sa_arena_size(const sa_arena *arena, const void *ptr);

/*
 * 1 if `ptr` is the first byte of a live object of this arena, else 0; any
 * 64-bit value may be asked about.  Needs no access to the object.
 */
SA_ARENA_API int sa_arena_owns(const sa_arena *arena, const void *ptr);

/*
 * 1 if the byte at `ptr` belongs to a live object of this arena, be it the
 * first or another, else 0; any 64-bit value may be asked about.  Needs no
 * access to the object.  Unless the byte is in a slot, takes longer the more
 * objects too large for a slot there are, and waits for calls that concern the
 * whole arena or such an object.
 */
SA_ARENA_API int sa_arena_contains(const sa_arena *arena, const void *ptr);

/* -------------------------------------------------------------- access */

/*
 * An arena has a resting access (READWRITE at birth) and holders.  Its access
 * is always the most that the resting access and the holders ask for.
 * A change is made to all of its memory or to none.
 *
 * Only if the kernel refuses a change and then also to undo what was done of
 * it, some memory stays as it is: the call fails, further allocation is
 * refused with EACCES, and the next change, be it to the access in force,
 * sets everything anew.
 *
 * Calls that give out an object or change its size need the arena READWRITE:
 * sa_arena_alloc(), _calloc(), _aligned_alloc(), _realloc(), _dup(), _take()
 * and sa_pool_alloc(); else they fail with EACCES.  All others work in every
 * access state, and open for themselves what rests.
 */

/*
 * Set the resting access.  0, or -1 with errno and nothing changed: EINVAL
 * (NULL arena, unknown access), EACCES (excluded from this child), or the
 * errno of mprotect(2), ENOMEM for instance.
 */
SA_ARENA_API SA_ARENA_USE_RESULT int
sa_arena_protect(sa_arena *arena, sa_arena_access access);

/*
 * Become a holder with READONLY or READWRITE access.  Counted: holders may
 * nest and may be different threads.  0, or -1 with errno and nothing
 * changed: EINVAL (NULL arena, NOACCESS or unknown access), EACCES (excluded
 * from this child), or the errno of mprotect(2).
 */
SA_ARENA_API SA_ARENA_USE_RESULT int
sa_arena_open(sa_arena *arena, sa_arena_access access);

/*
 * Stop being a holder; `access` is what it was opened with.  Any thread may
 * close.  0, or -1 with errno and nothing changed: EINVAL (NULL arena, or no
 * such holder), or the errno of mprotect(2).
 */
SA_ARENA_API int sa_arena_close(sa_arena *arena, sa_arena_access access);

/*
 * Become a holder of one object: while its arena rests, only what the object
 * needs becomes accessible.  That is the region its slot lies in, or its own
 * block if it is too large for a slot; objects that lie elsewhere stay as they
 * are.  Counted for each region: holders may nest, may be different threads,
 * and add to sa_arena_open() and the resting access; the region's access is
 * always the most that any of them asks for.  sa_arena_current_access() does
 * not tell of it.  Costs one mprotect(2) at most.  Realloc that moves the object
 * leaves the holder where it was, to be closed by the old pointer.
 *
 * 0, or -1 with errno and nothing changed: EINVAL (NULL arena or pointer,
 * NOACCESS or unknown access), EACCES (excluded from this child), or the errno
 * of mprotect(2).
 * Misuse detected: as sa_arena_size().
 */
SA_ARENA_API SA_ARENA_USE_RESULT int
sa_arena_open_object(sa_arena *arena, const void *ptr, sa_arena_access access);

/*
 * Stop being that holder; `access` is what the object was opened with.  Any
 * thread may close.  The object may have been freed meanwhile; if it was a
 * large one, its holders ended then, as all do with sa_arena_reset().
 *
 * 0, or -1 with errno and nothing changed: EINVAL (NULL arena or pointer,
 * NOACCESS or unknown access, or no such holder, whatever has become of the
 * object's memory), or the errno of mprotect(2).
 * Misuse detected: INVALID_POINTER, where no object of the arena can ever have
 * begun.
 */
SA_ARENA_API int
sa_arena_close_object(sa_arena *arena, const void *ptr, sa_arena_access access);

/* The access in force now.  NOACCESS for a NULL arena. */
SA_ARENA_API sa_arena_access sa_arena_current_access(const sa_arena *arena);

/* --------------------------------------------------------------- pools */

/*
 * A pool gives objects of one type, all of one size: slots of their own in the
 * arena's regions, rounded up to nothing but the alignment, and never used for
 * anything else while the pool is there.  So a pointer that is used after its
 * object was freed meets an object of the same type, or zeros; and a 32-byte
 * key takes 40 bytes, 8 of them canary, not 48.  They come in slabs of up to
 * 64 KiB, at least one for each pool and thread that allocates from it: a pool
 * is for a type, not for a handful of objects.
 *
 * Objects of a pool are objects of its arena, which every call above takes:
 * sa_arena_size(), sa_arena_free(), access, check.  sa_arena_realloc() keeps
 * them in the pool's slot if the new size fits it, or else moves them out of
 * the pool.  sa_arena_reset() frees them, and the pool goes on; sa_arena_trim()
 * keeps the regions in which a pool has slots; sa_arena_destroy() ends the
 * arena's pools.
 */
typedef struct sa_pool sa_pool;

/*
 * Make a pool of objects of `object_size` bytes, at least 1 and at most 8,184,
 * at multiples of `alignment`, any power of two up to the page size.  From one
 * object to the next it is object_size + 8 bytes, rounded up to the alignment;
 * at least 16, at most 8,192.  Takes no secret memory yet.
 *
 * Any thread may call, in any access state.  NULL with errno: EINVAL (NULL
 * arena, or the above does not hold), ENOMEM.
 */
SA_ARENA_API SA_ARENA_USE_RESULT sa_pool *
sa_pool_create(sa_arena *arena, size_t object_size, size_t alignment);

/*
 * An object of the pool, zeroed.  Threads, errno and misuse detected as
 * sa_arena_alloc(); EINVAL if pool is NULL.
 */
SA_ARENA_API SA_ARENA_MALLOC SA_ARENA_USE_RESULT void *
sa_pool_alloc(sa_pool *pool);

/*
 * Free an object of this pool, as sa_arena_free() does.  NULL: nothing.
 * Misuse detected: as sa_arena_free(); INVALID_POINTER also for an object that
 * is of the arena, but not of this pool.
 */
SA_ARENA_API void sa_pool_free(sa_pool *pool, void *ptr);

/*
 * Free all objects of the pool, verified and wiped, and give its memory back to
 * the arena.  Objects still alive are not an error, nor is any access state.
 * NULL: nothing.  If the system refuses to open a resting region, the pool stays
 * as it is, errno is set and the failure counted; otherwise errno is kept.
 *
 * No other call on the pool may overlap or follow; others on the arena may
 * overlap.
 * Misuse detected: OVERFLOW, UNDERFLOW, WRITE_AFTER_FREE.
 */
SA_ARENA_API void sa_pool_destroy(sa_pool *pool);

/* -------------------------------------------------------- whole arenas */

/*
 * Free every object at once: each is verified and wiped; regions are kept.
 * Works in every access state.  The caller sees to it that no other thread
 * still uses the objects.  0, or -1 with errno and nothing freed: EINVAL
 * (NULL arena), or the errno of mprotect(2) when a resting region cannot be
 * opened.
 * Misuse detected: OVERFLOW, UNDERFLOW, WRITE_AFTER_FREE.
 */
SA_ARENA_API int sa_arena_reset(sa_arena *arena);

/*
 * Give wholly free regions back to the system, in every access state, also
 * what options->reserve had mapped.  Returns the bytes of secret memory
 * returned; 0 with EINVAL for a NULL arena.
 * Misuse detected: WRITE_AFTER_FREE in what is given back.
 */
SA_ARENA_API size_t sa_arena_trim(sa_arena *arena);

/*
 * Verify every canary and that free memory is zero, in every access state.
 * Other threads may go on allocating and freeing; they wait where they meet
 * it.  0, or -1 with errno: EINVAL (NULL arena), or the errno of mprotect(2)
 * when a resting region cannot be opened for reading or closed again, which
 * sa_arena_current_access() then tells.
 * Misuse detected: OVERFLOW, UNDERFLOW, WRITE_AFTER_FREE.  What was written
 * before the start of one object lies behind the one below, and whose it was
 * the bytes do not tell: a small object's underflow is told as OVERFLOW of the
 * object below, or as WRITE_AFTER_FREE where that is freed, unless the object
 * is the first of its slab.  sa_arena_free() of the damaged object says
 * UNDERFLOW.
 */
SA_ARENA_API int sa_arena_check(sa_arena *arena);

typedef struct sa_arena_stats {
	size_t   size;                /* sizeof(sa_arena_stats) */
	size_t   live_count;          /* objects alive */
	size_t   live_size;           /* bytes asked for by them */
	size_t   peak_count;          /* their high-water marks; exact with */
	size_t   peak_size;           /*   one thread, close with several */
	size_t   mapped_size;         /* bytes of secret memory mapped, guard
	                                 pages not counted; in a child that it
	                                 was excluded from, what is absent */
	size_t   locked_size;         /* of those, verified to be locked */
	size_t   metadata_size;       /* bytes of out-of-line metadata mapped */
	size_t   region_count;        /* sodium_malloc() blocks cut in slabs */
	size_t   slab_count;          /* runs of equal slots */
	size_t   large_count;         /* objects in blocks of their own */
	uint64_t alloc_count;         /* objects ever allocated and freed; */
	uint64_t free_count;          /*   their difference is live_count */
	uint64_t failure_count;       /* calls that returned a resource error */
	uint64_t access_change_count; /* transitions made, not asked for */
	size_t   holder_count;        /* of the arena and of single objects */
} sa_arena_stats;

#define SA_ARENA_STATS_INIT                                               \
	{                                                                 \
		sizeof(sa_arena_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  \
			0, 0, 0, 0                                        \
	}

/*
 * Fill `stats`.  Figures of threads that allocate meanwhile are a snapshot;
 * once they are quiet, all are exact.  0, or -1 with EINVAL: NULL arena,
 * NULL stats or wrong stats->size.
 */
SA_ARENA_API int
sa_arena_stats_get(const sa_arena *arena, sa_arena_stats *stats);

/*
 * Write the statistics to `fd` as one JSON object and a newline, by write(2)
 * without allocation.  0, or -1 with errno: EINVAL (NULL arena) or that of
 * write(2).
 */
SA_ARENA_API int sa_arena_stats_print(const sa_arena *arena, int fd);

/*
 * The same for every arena of the process, a line each, oldest first.  Arenas
 * that other threads create or destroy meanwhile may be missing; no arena is
 * kept from anything while lines are written.  Reads single-threaded arenas,
 * too: no call on one of them may overlap with it.  0, or -1 with the errno of
 * write(2); lines written before stay written.
 */
SA_ARENA_API int sa_arena_stats_print_all(int fd);

/* ----------------------------------------------------------- preflight */

typedef struct sa_arena_preflight_report {
	size_t size;               /* sizeof(sa_arena_preflight_report) */
	size_t required_size;      /* bytes that would be locked */
	size_t lockable_size;      /* bytes this process can still lock;
	                              SIZE_MAX: no limit */
	size_t required_mappings;  /* of the kernel's max_map_count: mappings */
	size_t available_mappings; /*   needed, and still to be had */
	size_t max_count;          /* objects of that size that would fit;
	                              SIZE_MAX: no limit found */
} sa_arena_preflight_report;

#define SA_ARENA_PREFLIGHT_REPORT_INIT                                   \
	{                                                                \
		sizeof(sa_arena_preflight_report), 0, 0, 0, 0, 0         \
	}

/*
 * Would `count` objects of `size` bytes fit into a new arena made with
 * `options` (NULL: defaults) within this process's limits as they are now?
 * Allocates nothing.  0 if they would; else -1 with the errno that an
 * allocation would give: EPERM, ENOMEM or ENOSPC; the report is filled either
 * way.  -1 with EINVAL and nothing filled: bad options, NULL report or wrong
 * report->size.  Any thread may call it at any time.
 * It does not look at limits on address space and data (RLIMIT_AS,
 * RLIMIT_DATA), nor at memory that is free.
 */
SA_ARENA_API int
sa_arena_preflight(const sa_arena_options *options, size_t count, size_t size,
                   sa_arena_preflight_report *report);

/* -------------------------------------------------------- malloc front */

/*
 * malloc's functions over one arena for the whole process, to be handed to
 * libraries that take allocation hooks (doc/integration.md).  They may be used
 * before main(), in constructors, destructors and atexit handlers, and in the
 * child of a fork as the arena's fork policy allows; never in a signal
 * handler.  None of them, nor anything in this header, calls malloc().
 *
 * They differ from the C library's in this: objects are zeroed and wiped, end
 * where the size asked for ends (sa_malloc_usable_size() is that size), and
 * misuse stops the process.
 *
 * errno is malloc's.  Where one of them returns NULL for want of anything, it
 * is ENOMEM: no memory, nothing more to be locked, the capacity used up, an
 * arena that is not READWRITE or was excluded from this child.  Which of them
 * it was, sa_arena_alloc() on sa_default_arena() says.
 */

/*
 * The default arena, made at first use of any function of this section that
 * allocates: as by sa_arena_create(NULL), so memory must be locked, named
 * "default".  It is never destroyed: objects can be freed at exit, and the
 * kernel clears what is left.  Do not destroy it; everything else can be done
 * with it.
 *
 * NULL with errno as sa_arena_create(), and the next call tries again.
 */
SA_ARENA_API SA_ARENA_USE_RESULT sa_arena *sa_default_arena(void);

/*
 * Make the default arena with these options (NULL: all defaults); without a
 * name it is "default".  Must come before its first use: as the first thing
 * in main(), or in a constructor.  SA_ARENA_SINGLE_THREADED holds for every
 * library that it is given to, and for their threads.
 *
 * 0, or -1 with errno: EBUSY if the arena exists already, which is then
 * unchanged, else as sa_arena_create(), and it may be called again.
 */
SA_ARENA_API SA_ARENA_USE_RESULT int
sa_default_arena_init(const sa_arena_options *options);

/* Size 0 gives a distinct pointer to no usable bytes.  NULL with ENOMEM.
 * Misuse detected: as sa_arena_alloc(). */
SA_ARENA_API SA_ARENA_MALLOC SA_ARENA_USE_RESULT void *sa_malloc(size_t size);

/* As sa_malloc(count * size); ENOMEM if the product overflows. */
SA_ARENA_API SA_ARENA_MALLOC SA_ARENA_USE_RESULT void *
sa_calloc(size_t count, size_t size);

/*
 * As the GNU C library's realloc(): `ptr` NULL allocates; else size 0 frees
 * the object and returns NULL, errno unchanged.  New bytes are zero; the copy
 * left behind is wiped.  NULL with ENOMEM, and the object is untouched.
 * Misuse detected: as sa_arena_free().
 */
SA_ARENA_API SA_ARENA_USE_RESULT void *sa_realloc(void *ptr, size_t size);

/* NULL: nothing.  As sa_arena_free(), errno included; misuse as there. */
SA_ARENA_API void sa_free(void *ptr);

/* A copy of the string, with its terminating NUL.  NULL with ENOMEM. */
SA_ARENA_API SA_ARENA_MALLOC SA_ARENA_USE_RESULT char *sa_strdup(const char *s);

/*
 * Any size, aligned to any power of two up to the page size.  NULL with
 * EINVAL for another alignment, else with ENOMEM.
 */
SA_ARENA_API SA_ARENA_MALLOC SA_ARENA_USE_RESULT void *
sa_aligned_alloc(size_t alignment, size_t size);

/* Exactly the bytes asked for; 0 for NULL.  Misuse detected: as
 * sa_arena_size(). */
SA_ARENA_API size_t sa_malloc_usable_size(const void *ptr);

/* -------------------------------------------------------------- misuse */

typedef enum {
	SA_ARENA_MISUSE_OVERFLOW,
	SA_ARENA_MISUSE_UNDERFLOW,
	SA_ARENA_MISUSE_DOUBLE_FREE,
	SA_ARENA_MISUSE_INVALID_POINTER,
	SA_ARENA_MISUSE_WRITE_AFTER_FREE
} sa_arena_misuse_kind;

typedef struct sa_arena_misuse {
	sa_arena_misuse_kind kind;
	const char *arena;  /* its name; valid during the report */
	const void *object; /* its first byte; for DOUBLE_FREE and
	                       INVALID_POINTER the pointer passed in */
	size_t size;        /* as asked for; 0 where no live object is meant */
	ptrdiff_t offset;   /* the first wrong byte, relative to object */
} sa_arena_misuse;

typedef void (*sa_arena_misuse_handler)(const sa_arena_misuse *misuse,
                                        void *context);

/*
 * Have `handler` told of misuse in any arena of the process; NULL restores
 * the default, one line on standard error:
 *
 *   sodium-arena: overflow: arena "keys": object 0x7f32c5a01230 of 32 bytes,
 *   first wrong byte at offset 32
 *
 * (in one line).  Whatever the handler does, the process ends in abort() if it
 * returns.  No lock is held while it runs; its thread cannot be cancelled, and
 * has SIGPIPE and SIGXFSZ blocked.  If it meets misuse itself, it is not called
 * again: that is told by the line, and the process ends.  One that leaves by
 * longjmp() is called again in that thread once it is set anew.  May be called
 * at any time by any thread; handler and context change together.
 */
SA_ARENA_API void
sa_arena_set_misuse_handler(sa_arena_misuse_handler handler, void *context);

/* "overflow", "underflow", "double free", "invalid pointer",
 * "write after free"; "unknown" for any other value. */
SA_ARENA_API const char *sa_arena_misuse_name(sa_arena_misuse_kind kind);

/*
 * Touching an object that nobody has opened, or a guard page, is SIGSEGV.  From
 * here on a handler says in one line on standard error whose memory it was:
 *
 *   sodium-arena: fault: arena "keys": address 0x7f32c5a01230 lies in memory
 *   that is NOACCESS now
 *
 * (in one line; s390x knows only the page's address), and then does what the
 * signal meant before: calls the handler that was there (once, if it had
 * SA_RESETHAND), or lets the default action end the process.  Faults that are
 * no arena's are handed on without a word, and so is one that comes while its
 * arena is busy.  The handler runs on the thread's alternate stack, if it has
 * one (sigaltstack(2)), allocates nothing and waits for nobody.
 *
 * For the whole process; a second call changes nothing.  0, or -1 with errno:
 * EBUSY (it was installed, and another handler took its place), or that of
 * sigaction(2).  May be called by any thread.
 */
SA_ARENA_API SA_ARENA_USE_RESULT int sa_arena_install_fault_reporter(void);

#ifdef __cplusplus
}
#endif

#endif /* SODIUM_ARENA_H */
