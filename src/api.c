/* SPDX-License-Identifier: ISC */
/* The public calls: arguments checked, errno spoken, locks taken. */
#include <config.h>

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "access.h"
#include "arena.h"
#include "fatal.h"
#include "fault.h"
#include "hold.h"
#include "object.h"
#include "os.h"
#include "preflight.h"
#include "registry.h"
#include "resize.h"
#include "stats.h"
#include "sweep.h"

const char *sa_arena_version_string(void)
{
	return SODIUM_ARENA_VERSION_STRING;
}

void sa_arena_set_misuse_handler(sa_arena_misuse_handler handler, void *context)
{
	sa_fatal_set_handler(handler, context);
}

int sa_arena_install_fault_reporter(void)
{
	return sa_fault_install();
}

/* A caller's `const` says that the arena means the same afterwards; its mutex
 * is taken all the same. */
static sa_arena *unconst(const sa_arena *arena)
{
	return (sa_arena *)(uintptr_t)arena;
}

static int invalid(void)
{
	errno = EINVAL;
	return -1;
}

static void *invalid_pointer_result(void)
{
	errno = EINVAL;
	return NULL;
}

/* --------------------------------------------------------------- objects */

void *sa_arena_alloc(sa_arena *arena, size_t size)
{
	if (SA_UNLIKELY(arena == NULL))
		return invalid_pointer_result();
	return sa_object_alloc(arena, size);
}

void *sa_arena_calloc(sa_arena *arena, size_t count, size_t size)
{
	size_t product;

	if (arena == NULL)
		return invalid_pointer_result();
	if (sa_mul_overflows(count, size, &product)) {
		sa_arena_fail(arena, ENOMEM);
		return NULL;
	}
	return sa_object_alloc(arena, product);
}

void *sa_arena_aligned_alloc(sa_arena *arena, size_t alignment, size_t size)
{
	unsigned class;

	if (arena == NULL || !sa_is_power_of_two(alignment) ||
	    alignment > sa_os_page_size)
		return invalid_pointer_result();
	class = sa_sizeclass_of_aligned(size, alignment);
	if (class == SA_SIZECLASS_COUNT)
		return sa_object_alloc_locked(arena, size, class, alignment);
	return sa_object_alloc_in_class(arena, size, class);
}

void *sa_arena_realloc(sa_arena *arena, void *ptr, size_t size)
{
	if (arena == NULL)
		return invalid_pointer_result();
	if (ptr == NULL)
		return sa_object_alloc(arena, size);
	return sa_resize_object(arena, ptr, size);
}

void *sa_arena_dup(sa_arena *arena, const void *src, size_t size)
{
	void *copy;

	if (arena == NULL || (src == NULL && size != 0))
		return invalid_pointer_result();
	copy = sa_object_alloc(arena, size);
	if (copy != NULL && size != 0)
		memcpy(copy, src, size);
	return copy;
}

void *sa_arena_take(sa_arena *arena, void *src, size_t size)
{
	void *taken = sa_arena_dup(arena, src, size);

	if (taken != NULL && size != 0)
		sodium_memzero(src, size);
	return taken;
}

_Noreturn SA_COLD static void without_arena(const void *ptr)
{
	const sa_arena_misuse misuse = {.kind = SA_ARENA_MISUSE_INVALID_POINTER,
					.arena = "(null)",
					.object = ptr};

	sa_fatal_misuse(&misuse);
}

void sa_arena_free(sa_arena *arena, void *ptr)
{
	if (SA_UNLIKELY(ptr == NULL))
		return;
	if (SA_UNLIKELY(arena == NULL))
		without_arena(ptr);
	sa_object_free(arena, ptr);
}

size_t sa_arena_size(const sa_arena *arena, const void *ptr)
{
	if (arena == NULL)
		without_arena(ptr);
	return sa_object_size(arena, ptr);
}

int sa_arena_owns(const sa_arena *arena, const void *ptr)
{
	return arena != NULL && sa_object_is_live(unconst(arena), ptr);
}

int sa_arena_contains(const sa_arena *arena, const void *ptr)
{
	return arena != NULL && sa_object_contains(unconst(arena), ptr);
}

/* ---------------------------------------------------------------- access */

static bool access_is_valid(sa_arena_access access)
{
	return (int)access >= SA_ARENA_NOACCESS && access <= SA_ARENA_READWRITE;
}

/* One call under the mutex. */
static int with_access(sa_arena *arena, sa_arena_access access,
		       int (*call)(sa_arena *, sa_arena_access))
{
	int result;

	sa_arena_lock(arena);
	result = call(arena, access);
	sa_arena_unlock(arena);
	return result;
}

int sa_arena_protect(sa_arena *arena, sa_arena_access access)
{
	if (arena == NULL || !access_is_valid(access))
		return invalid();
	return with_access(arena, access, sa_access_protect);
}

int sa_arena_open(sa_arena *arena, sa_arena_access access)
{
	if (arena == NULL || !access_is_valid(access) ||
	    access == SA_ARENA_NOACCESS)
		return invalid();
	return with_access(arena, access, sa_access_open);
}

int sa_arena_close(sa_arena *arena, sa_arena_access access)
{
	if (arena == NULL || !access_is_valid(access) ||
	    access == SA_ARENA_NOACCESS)
		return invalid();
	return with_access(arena, access, sa_access_close);
}

sa_arena_access sa_arena_current_access(const sa_arena *arena)
{
	return arena == NULL ? SA_ARENA_NOACCESS : atomic_load(&arena->access);
}

static bool may_hold(const sa_arena *arena, const void *ptr,
		     sa_arena_access access)
{
	return arena != NULL && ptr != NULL && access_is_valid(access) &&
	       access != SA_ARENA_NOACCESS;
}

int sa_arena_open_object(sa_arena *arena, const void *ptr,
			 sa_arena_access access)
{
	if (!may_hold(arena, ptr, access))
		return invalid();
	return sa_hold_open(arena, ptr, access);
}

int sa_arena_close_object(sa_arena *arena, const void *ptr,
			  sa_arena_access access)
{
	if (!may_hold(arena, ptr, access))
		return invalid();
	return sa_hold_close(arena, ptr, access);
}

/* ---------------------------------------------------------- whole arenas */

/* One sweep under the mutex; misuse is reported once that is given back. */
static int sweep(sa_arena *arena,
		 sa_sweep_result (*call)(sa_arena *, sa_arena_misuse *))
{
	sa_arena_misuse misuse;
	sa_sweep_result result;

	sa_arena_lock(arena);
	result = call(arena, &misuse);
	sa_arena_unlock(arena);
	if (result == SA_SWEEP_MISUSE)
		sa_arena_misused(arena, &misuse);
	return result == SA_SWEEP_DONE ? 0 : -1;
}

int sa_arena_reset(sa_arena *arena)
{
	return arena == NULL ? invalid() : sweep(arena, sa_sweep_reset);
}

int sa_arena_check(sa_arena *arena)
{
	return arena == NULL ? invalid() : sweep(arena, sa_sweep_check);
}

size_t sa_arena_trim(sa_arena *arena)
{
	sa_arena_misuse misuse;
	sa_sweep_result result;
	size_t returned;

	if (arena == NULL) {
		errno = EINVAL;
		return 0;
	}
	sa_arena_lock(arena);
	result = sa_sweep_trim(arena, &returned, &misuse);
	sa_arena_unlock(arena);
	if (result == SA_SWEEP_MISUSE)
		sa_arena_misused(arena, &misuse);
	return returned;
}

int sa_arena_stats_get(const sa_arena *arena, sa_arena_stats *stats)
{
	if (arena == NULL || stats == NULL || stats->size != sizeof *stats)
		return invalid();
	sa_stats_gather(unconst(arena), stats);
	return 0;
}

int sa_arena_stats_print(const sa_arena *arena, int fd)
{
	sa_arena_stats stats = SA_ARENA_STATS_INIT;
	sa_line line;

	if (sa_arena_stats_get(arena, &stats) != 0)
		return -1;
	sa_stats_format(arena, &stats, &line);
	return sa_line_write(&line, fd);
}

static void format_stats(sa_arena *arena, void *line)
{
	sa_arena_stats stats = SA_ARENA_STATS_INIT;

	sa_stats_gather(arena, &stats);
	sa_stats_format(arena, &stats, line);
}

/* Nothing is held while writing, which may take as long as it likes. */
int sa_arena_stats_print_all(int fd)
{
	uint64_t serial = 0;
	sa_line line;

	while (sa_registry_visit(&serial, format_stats, &line))
		if (sa_line_write(&line, fd) != 0)
			return -1;
	return 0;
}

int sa_arena_preflight(const sa_arena_options *options, size_t count,
		       size_t size, sa_arena_preflight_report *report)
{
	int error, state;

	sa_os_start();
	options = sa_arena_options_of(options);
	if (options == NULL || report == NULL || report->size != sizeof *report)
		return invalid();
	state = sa_os_disable_cancel();
	error = sa_preflight(options, count, size, report);
	sa_os_restore_cancel(state);
	if (error == 0)
		return 0;
	errno = error;
	return -1;
}
