/* SPDX-License-Identifier: ISC */
/*
 * The operating system: the only file that knows mmap(), advice values and
 * barriers.  Every call reports what the kernel said.  Functions
 * that return int return 0, or -1 with errno.
 */
#ifndef SA_OS_H
#define SA_OS_H

#include <stdbool.h>
#include <stddef.h>

/* Read once, by sa_os_start(), before anything else here is called. */
extern size_t sa_os_page_size;

/* Idempotent; any thread. */
void sa_os_start(void);

/* Zeroed read-write memory of `size` bytes (a multiple of the page size)
 * between two guard pages, on no heap.  NULL with ENOMEM. */
void *sa_os_map_guarded(size_t size);
/* Undo that; `size` as then. */
int sa_os_unmap_guarded(void *memory, size_t size);

/* Whole pages.  `reserve` puts an inaccessible mapping where there is none. */
int sa_os_unmap(void *memory, size_t size);
int sa_os_protect_none(void *memory, size_t size);
int sa_os_protect_read(void *memory, size_t size);
int sa_os_reserve(void *memory, size_t size);

/*
 * Make it likely that what is mapped next, if it has `size` bytes, has its
 * byte `offset` on a multiple of `alignment`: the kernel maps from above, so
 * the addresses above that place are taken until the aim is dropped, and so
 * are gaps higher up that have room for `size`.
 * Alignment and size are whole pages; another thread's mapping can spoil it.
 */
enum { SA_OS_AIM_GAPS = 8 };
typedef struct sa_os_aim {
	void *above; /* NULL: nothing */
	size_t above_size;
	void *gaps[SA_OS_AIM_GAPS];
	size_t gap_count;
	size_t gap_size;
} sa_os_aim;

sa_os_aim sa_os_take_aim(size_t size, size_t offset, size_t alignment);
int sa_os_drop_aim(const sa_os_aim *aim);

/* One call per piece of advice: the values are numbers, not flags. */
int sa_os_exclude_from_dumps(void *memory, size_t size);
int sa_os_exclude_from_forks(void *memory, size_t size);
int sa_os_wipe_on_fork(void *memory, size_t size);

/* Has this process not given huge pages up? */
bool sa_os_may_have_huge_pages(void);
int sa_os_ask_for_huge_pages(void *memory, size_t size);

/* Does the kernel drop locked pages (MADV_DONTNEED_LOCKED, Linux 5.18)? */
bool sa_os_can_drop(void);
/* Take locked pages out, so that the next touch or lock finds zeroes. */
int sa_os_drop(void *memory, size_t size);

/* The same of memory that need not be accessible, nor stay locked: there
 * before Linux 5.18, too. */
int sa_os_empty(void *memory, size_t size);

/* Name a mapping for who looks at it from outside; the kernel may not keep
 * names (CONFIG_ANON_VMA_NAME). */
int sa_os_name(void *memory, size_t size, const char *name);

/* Lock what is present, and what will be when it is touched; no page is
 * touched now.  For the copy that a forked child got of locked memory.  Where
 * the kernel or a filter refuses mlock2(), all of it, which has to be readable.
 */
int sa_os_lock_present(void *memory, size_t size);

/*
 * A memory barrier in every running thread of this process, so that the
 * others' fast paths need none (membarrier(2), private expedited).
 */
bool sa_os_has_barrier(void);
int sa_os_barrier(void);

/* Wait a little, for the `turn`-th time, until another thread has gone on. */
void sa_os_let_run(unsigned turn);

int sa_os_thread_id(void);
/* Keep the calling thread from being cancelled in some call of ours that waits,
 * with a mutex locked; back to what it was. */
int sa_os_disable_cancel(void);
void sa_os_restore_cancel(int state);
bool sa_os_thread_is_alive(int id);

#endif
