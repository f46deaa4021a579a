/* SPDX-License-Identifier: ISC */
/* The text that is made of objects' histories. */
#include <config.h>

#include "report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "history.h"
#include "line.h"

/* Stacks that are written at exit. */
#define TOLD_MAX 20

/* Where text is made, by one thread at a time: whoever has the history's lock.
 */
static sa_line line;

static void write_line(void)
{
	(void)sa_line_write(&line, STDERR_FILENO);
	sa_line_clear(&line);
}

static void add_object(const sa_history_record *r)
{
	sa_line_add(&line, "an object of ");
	sa_line_add_unsigned(&line, r->place.size);
	sa_line_add(&line, " bytes of arena \"");
	sa_line_add_escaped(&line, r->arena);
	sa_line_add(&line, "\" at ");
	sa_line_add_pointer(&line, r->place.object);
}

/* How the address lies to the object. */
static void add_distance(const sa_history_record *r, uintptr_t address)
{
	uintptr_t object = (uintptr_t)r->place.object;
	uintptr_t end = object + r->place.size;

	sa_line_add_unsigned(&line, address < object ? object - address
				    : address < end  ? address - object
						     : address - end);
	sa_line_add(&line, address < object ? " bytes before "
			   : address < end  ? " bytes inside "
					    : " bytes behind ");
}

static void tell_record(const sa_history_record *r, uintptr_t address)
{
	sa_line_clear(&line);
	sa_line_add(&line, "sodium-arena: ");
	sa_line_add_pointer(&line, (const void *)address);
	sa_line_add(&line, " is ");
	add_distance(r, address);
	add_object(r);
	sa_line_add(&line, r->is_alive ? "\n" : ", which was freed\n");
	write_line();
	sa_backtrace_tell(&r->allocated, "allocated", &line);
	if (!r->is_alive)
		sa_backtrace_tell(&r->freed, "freed", &line);
}

static void tell_address(uintptr_t address)
{
	const sa_history_record *r;

	/* The process is about to end, perhaps with the mutex held. */
	if (!sa_history_try_lock())
		return;
	r = sa_history_find_around(address);
	if (r != NULL)
		tell_record(r, address);
	sa_history_unlock();
}

static void tell_here(void)
{
	sa_backtrace here;

	sa_backtrace_take(&here);
	if (!sa_history_try_lock())
		return;
	sa_backtrace_tell(&here, "found", &line);
	sa_history_unlock();
}

void sa_report_misuse(const sa_arena_misuse *misuse)
{
	uintptr_t address = (uintptr_t)misuse->object;

	if (!sa_history_is_kept())
		return;
	if (misuse->kind == SA_ARENA_MISUSE_OVERFLOW ||
	    misuse->kind == SA_ARENA_MISUSE_UNDERFLOW)
		address += (uintptr_t)misuse->offset;
	tell_here();
	tell_address(address);
}

/* ----------------------------------------------------------------- alive */

static bool looks_for_leaks(void)
{
	static const char *const names[] = {"ASAN_OPTIONS", "LSAN_OPTIONS"};

	for (size_t i = 0; i < 2; i++) {
		const char *options = secure_getenv(names[i]);

		if (options != NULL &&
		    strstr(options, "detect_leaks=0") != NULL)
			return false;
	}
	return true;
}

/* Those that were allocated by the same stack, at once. */
static void tell_kin(const sa_history_record *first)
{
	size_t objects = 0, size = 0, at = 0;
	sa_history_record *r;

	while ((r = sa_history_next(&at)) != NULL) {
		if (!r->is_alive || r->is_told ||
		    !sa_backtrace_is_same(&r->allocated, &first->allocated))
			continue;
		r->is_told = true;
		objects++;
		size += r->place.size;
	}
	sa_line_clear(&line);
	sa_line_add(&line, "sodium-arena: alive at exit: ");
	sa_line_add_unsigned(&line, objects);
	sa_line_add(&line, " objects, ");
	sa_line_add_unsigned(&line, size);
	sa_line_add(&line, " bytes, of arena \"");
	sa_line_add_escaped(&line, first->arena);
	sa_line_add(&line, "\"\n");
	write_line();
	sa_backtrace_tell(&first->allocated, "allocated", &line);
}

void sa_report_alive(void)
{
	const sa_history_record *r;
	unsigned told = 0;
	size_t at = 0;

	if (!sa_history_is_kept() || !looks_for_leaks() ||
	    !sa_history_try_lock())
		return;
	while (told < TOLD_MAX && (r = sa_history_next(&at)) != NULL)
		if (r->is_alive && !r->is_told) {
			tell_kin(r);
			told++;
		}
	sa_history_unlock();
}

/* ------------------------------------------------------------------ start */

#if defined(HAVE_SANITIZER_ASAN_INTERFACE_H) &&                                \
	__has_include(<sanitizer/asan_interface.h>)

#include <sanitizer/asan_interface.h>

/* Both are there in programs that are built with the sanitizer. */
#pragma weak __asan_get_report_address
#pragma weak __asan_set_error_report_callback

/* A fault is told by its text alone. */
static uintptr_t address_in(const char *report)
{
	static const char key[] = "unknown address 0x";
	const char *at = strstr(report, key);

	return at == NULL ? 0
			  : (uintptr_t)strtoull(at + sizeof key - 1, NULL, 16);
}

static void follow_report(const char *report)
{
	uintptr_t address = (uintptr_t)__asan_get_report_address();

	if (address == 0)
		address = address_in(report);
	if (address != 0)
		tell_address(address);
}

void sa_report_start(void)
{
	if (sa_history_is_kept() && __asan_set_error_report_callback != NULL &&
	    __asan_get_report_address != NULL)
		__asan_set_error_report_callback(follow_report);
}

#else

void sa_report_start(void)
{
}

#endif
