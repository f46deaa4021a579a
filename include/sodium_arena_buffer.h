/* SPDX-License-Identifier: ISC */
/*
 * Buffers for secrets that grow: bytes and text collected in an arena, from
 * memory, descriptors, files and the terminal.
 *
 *   sa_buffer buffer = SA_BUFFER_INIT(arena);
 *
 *   if (sa_buffer_read_passphrase(&buffer, "Passphrase: ", 1024, 0) != 0)
 *           ...
 *   use(buffer.bytes, buffer.length);
 *   sa_buffer_free(&buffer);
 *
 * The bytes lie in one object of the arena and nowhere else: what comes from
 * the kernel is read into it, text is formatted in it, and when it has to grow
 * beyond its slot, the storage left behind is wiped.  What follows the content
 * is zero, the first of it always there: text is a C string.
 *
 * Storage grows by doubling, so appending costs constant time on average.
 *
 * Failure changes nothing, unless said otherwise: NULL or -1, with errno as
 * sa_arena_alloc(), with ENOMEM if lengths overflow, or with EINVAL for a NULL
 * buffer or arena, besides what each function says.
 *
 * Threads.  A buffer is used by one thread at a time; buffers of one arena are
 * independent.  The content must be accessible: READWRITE for what changes it.
 * No function may be called from a signal handler.
 * Misuse detected: as sa_arena_free() and sa_arena_realloc(), whenever storage
 * grows or is freed; a write past the storage is an overflow.
 */
#ifndef SODIUM_ARENA_BUFFER_H
#define SODIUM_ARENA_BUFFER_H

#include <sodium_arena.h>
#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define SA_BUFFER_FORMAT(text, first) \
	__attribute__((format(printf, text, first)))
#else
#define SA_BUFFER_FORMAT(text, first)
#endif

/*
 * To be read, but changed by the functions alone; the bytes themselves may be
 * written.  Copying the struct does not copy the content.
 */
typedef struct sa_buffer {
	sa_arena      *arena;
	unsigned char *bytes;    /* NULL: no storage yet */
	size_t         length;   /* of the content */
	size_t         capacity; /* most content before storage has to grow */
} sa_buffer;

/* Empty, without storage.  Needs no sa_buffer_free() until it has some. */
#define SA_BUFFER_INIT(arena) \
	{                     \
		(arena), NULL, 0, 0 \
	}

/* Make it what SA_BUFFER_INIT() is; what it was before does not matter. */
SA_ARENA_API void sa_buffer_init(sa_buffer *buffer, sa_arena *arena);

/* Wipe and free the storage; the buffer is empty and can be used again.  NULL:
 * nothing.  Works in every access state, as sa_arena_free(). */
SA_ARENA_API void sa_buffer_free(sa_buffer *buffer);

/* ------------------------------------------------------------- content */

/* Have room for `more` bytes beyond the content.  0 or -1. */
SA_ARENA_API SA_ARENA_USE_RESULT int
sa_buffer_reserve(sa_buffer *buffer, size_t more);

/*
 * Append bytes, which may lie in the buffer itself.  0 or -1; EINVAL also for
 * NULL `bytes` unless size is 0.
 */
SA_ARENA_API SA_ARENA_USE_RESULT int
sa_buffer_append(sa_buffer *buffer, const void *bytes, size_t size);

/* As sa_buffer_append(), and then wipe the source, which may not lie in the
 * buffer.  On failure the source is untouched. */
SA_ARENA_API SA_ARENA_USE_RESULT int
sa_buffer_take(sa_buffer *buffer, void *bytes, size_t size);

/*
 * Append text, formatted as printf() does, by a formatter of the library's
 * own: stdio's may keep copies on the heap and the stack.  It knows
 *
 *   %s %c %d %i %u %x %X %o %p %%
 *
 * with the flags - and 0, width and precision (numbers or *), and the lengths
 * hh h l ll j z t.  No argument may lie in the buffer.
 *
 * 0 or -1; EINVAL also for any other conversion, flag or length, a NULL string,
 * or a width or precision above INT_MAX.  Terminating NULs are not counted.
 */
SA_ARENA_API SA_ARENA_USE_RESULT SA_BUFFER_FORMAT(2, 3) int
sa_buffer_printf(sa_buffer *buffer, const char *format, ...);
SA_ARENA_API SA_ARENA_USE_RESULT SA_BUFFER_FORMAT(2, 0) int
sa_buffer_vprintf(sa_buffer *buffer, const char *format, va_list arguments);

/*
 * Make the content `length` bytes long: new bytes are zero, bytes cut off are
 * wiped.  0 or -1; what shrinks does not fail.  Storage does not shrink.
 */
SA_ARENA_API int sa_buffer_resize(sa_buffer *buffer, size_t length);

/* Wipe the content and keep the storage.  NULL: nothing. */
SA_ARENA_API void sa_buffer_clear(sa_buffer *buffer);

/*
 * The content as a C string, until the buffer changes.  Never NULL; "" for a
 * NULL buffer or without storage.  It may have other NULs.
 */
SA_ARENA_API const char *sa_buffer_string(const sa_buffer *buffer);

/*
 * Hand the content over as an object of the arena, exactly as long as it is
 * (with its NUL, for the string), and sa_arena_free()'s to end.  The buffer is
 * empty then, without storage.  `length`, unless NULL, is set to the content's
 * length.  NULL with errno on failure.
 */
SA_ARENA_API SA_ARENA_USE_RESULT void *
sa_buffer_steal(sa_buffer *buffer, size_t *length);
SA_ARENA_API SA_ARENA_USE_RESULT char *
sa_buffer_steal_string(sa_buffer *buffer, size_t *length);

/* ------------------------------------------------------------- reading */

/*
 * Append what comes from `fd`, until its end or until `most` bytes have come;
 * SIZE_MAX: no limit.  Interruptions by signals are gone over.  0, or -1 with
 * the errno of read(2) too; what has come before an error stays in the buffer.
 */
SA_ARENA_API SA_ARENA_USE_RESULT int
sa_buffer_read_fd(sa_buffer *buffer, int fd, size_t most);

/*
 * Append a whole file.  0 or -1; EFBIG if it has more than `most` bytes, or the
 * errno of open(2) or read(2).  The kernel may keep the file's pages in memory.
 * The calling thread cannot be cancelled meanwhile.
 */
SA_ARENA_API SA_ARENA_USE_RESULT int
sa_buffer_read_file(sa_buffer *buffer, const char *path, size_t most);

/* Flag: fail with ENOTTY rather than read standard input. */
#define SA_BUFFER_REQUIRE_TERMINAL 0x1u

/*
 * Ask for a line, and append it without its newline.  Prompts and reads on the
 * process's terminal, /dev/tty; if there is none, reads a line of standard
 * input, no byte further, and prompts on standard error.  On a terminal,
 * nothing is echoed meanwhile, and what was typed before is dropped.
 *
 * The terminal is put back before the function returns, and before a signal
 * that comes meanwhile (ALRM, HUP, INT, PIPE, QUIT, TERM, TSTP, TTIN, TTOU) has
 * its effect; then the signal ends the process, stops it (when it goes on, the
 * prompt is shown again), or goes to the program's handler.  After a handler
 * without SA_RESTART the call fails with EINTR; else reading goes on.  A handler
 * may not jump out.  Where another signal ends the process, or another thread
 * does (exit(), misuse), nothing is echoed afterwards.
 *
 * Two threads take turns.  The calling thread cannot be cancelled meanwhile.  A
 * child that another thread forks meanwhile has the program's actions of
 * signals, and may ask itself.
 *
 * 0 or -1; EINTR; EMSGSIZE if the line has more than `most` bytes, all of which
 * are read; ENODATA if the input ends before it begins; ENOTTY; EINVAL also for
 * a NULL prompt or unknown flags; or that of a call on the terminal.
 */
SA_ARENA_API SA_ARENA_USE_RESULT int
sa_buffer_read_passphrase(sa_buffer *buffer, const char *prompt, size_t most,
                          unsigned flags);

#ifdef __cplusplus
}
#endif

#endif /* SODIUM_ARENA_BUFFER_H */
