/* SPDX-License-Identifier: ISC */
/* A table of objects by address, stacks, and the text that is made of them. */
#include <config.h>

#include "history.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "annotate.h"
#include "line.h"
#include "os.h"

#if defined(HAVE_SANITIZER_ASAN_INTERFACE_H) &&                                \
	__has_include(<sanitizer/asan_interface.h>) && __has_include(<unwind.h>)

#include <sanitizer/asan_interface.h>
#include <unwind.h>

/* All of them are there in programs that are built with the sanitizer. */
#pragma weak __asan_get_report_address
#pragma weak __asan_set_error_report_callback
#pragma weak __sanitizer_symbolize_pc
#pragma weak _Unwind_Backtrace
#pragma weak _Unwind_GetIP

/* Some of them are the library's. */
#define DEPTH 20
#define NAME_SIZE 48
#define FIRST_CAPACITY 1024
/* Stacks that are written at exit. */
#define TOLD_MAX 20

typedef struct {
	uint32_t depth;
	uintptr_t at[DEPTH];
} stack;

typedef struct {
	sa_history_place place; /* .object NULL: no record */
	bool is_alive;
	bool is_told;
	uint64_t turn; /* when it changed last */
	stack allocated;
	stack freed;
	char arena[NAME_SIZE]; /* cut off there */
} record;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
/* Under the mutex; open addressing, a power of two, never full. */
static record *table;
static size_t capacity;
static size_t count;
static uint64_t turns;
/* Where text is made, by one thread at a time. */
static sa_line line;

void sa_history_lock(void)
{
	pthread_mutex_lock(&mutex);
}

void sa_history_unlock(void)
{
	pthread_mutex_unlock(&mutex);
}

/* ----------------------------------------------------------------- stacks */

static _Unwind_Reason_Code add_frame(struct _Unwind_Context *context,
				     void *into)
{
	stack *s = into;

	uintptr_t at = (uintptr_t)_Unwind_GetIP(context);

	if (s->depth == DEPTH || at == 0)
		return _URC_END_OF_STACK;
	s->at[s->depth++] = at;
	return _URC_NO_REASON;
}

static void take_stack(stack *s)
{
	s->depth = 0;
	if (_Unwind_Backtrace != NULL && _Unwind_GetIP != NULL)
		_Unwind_Backtrace(add_frame, s);
}

static bool is_same(const stack *a, const stack *b)
{
	return a->depth == b->depth &&
	       memcmp(a->at, b->at, a->depth * sizeof a->at[0]) == 0;
}

/* ------------------------------------------------------------------ table */

static record *find(record *in, size_t size, const void *object)
{
	size_t at = ((uintptr_t)object >> 4) * 0x9e3779b1u;

	for (;; at++) {
		record *r = &in[at & (size - 1)];

		if (r->place.object == NULL || r->place.object == object)
			return r;
	}
}

/* False if there is no memory: then less is told. */
static bool grow(void)
{
	size_t size = capacity == 0 ? FIRST_CAPACITY : capacity * 2;
	size_t bytes = sa_align_up(size * sizeof(record), sa_os_page_size);
	record *larger = sa_os_map_guarded(bytes);

	if (larger == NULL)
		return false;
	for (size_t i = 0; i < capacity; i++)
		if (table[i].place.object != NULL)
			*find(larger, size, table[i].place.object) = table[i];
	if (table != NULL)
		(void)sa_os_unmap_guarded(table,
					  sa_align_up(capacity * sizeof(record),
						      sa_os_page_size));
	table = larger;
	capacity = size;
	return true;
}

static record *find_or_add(const void *object)
{
	record *r;

	if ((count + 1) * 4 > capacity * 3 && !grow())
		return NULL;
	r = find(table, capacity, object);
	if (r->place.object == NULL)
		count++;
	return r;
}

static record *find_known(const void *object)
{
	record *r = capacity == 0 ? NULL : find(table, capacity, object);

	return r == NULL || r->place.object == NULL ? NULL : r;
}

/* Bytes from the object to an address outside; 0 inside. */
static size_t distance(const record *r, uintptr_t address)
{
	uintptr_t object = (uintptr_t)r->place.object;

	if (address < object)
		return object - address;
	return address - object < r->place.size
		       ? 0
		       : address - object - r->place.size + 1;
}

/* Is the address rather the first one's?  What was freed may have come to
 * belong to other slots since. */
static bool is_likelier(const record *a, const record *b, uintptr_t address)
{
	size_t to_a = distance(a, address);
	size_t to_b = distance(b, address);

	if (to_a != 0 && to_b != 0 && a->is_alive != b->is_alive)
		return a->is_alive;
	return to_a != to_b ? to_a < to_b : a->turn > b->turn;
}

static const record *find_around(uintptr_t address)
{
	const record *found = NULL;

	for (size_t i = 0; i < capacity; i++) {
		const record *r = &table[i];

		if (r->place.object != NULL &&
		    address >= (uintptr_t)r->place.start &&
		    address < (uintptr_t)r->place.end &&
		    (found == NULL || is_likelier(r, found, address)))
			found = r;
	}
	return found;
}

/* ----------------------------------------------------------------- events */

static bool is_kept(void)
{
	return sa_annotate_found == SA_ANNOTATE_ASAN;
}

static void keep_alloc(record *r, const char *arena,
		       const sa_history_place *place)
{
	r->place = *place;
	r->is_alive = true;
	r->turn = ++turns;
	r->freed.depth = 0;
	take_stack(&r->allocated);
	strncpy(r->arena, arena, NAME_SIZE - 1);
}

void sa_history_alloc(const char *arena, const sa_history_place *place)
{
	record *r;

	if (!is_kept())
		return;
	sa_history_lock();
	r = find_or_add(place->object);
	if (r != NULL)
		keep_alloc(r, arena, place);
	sa_history_unlock();
}

void sa_history_free(const void *object)
{
	record *r;

	if (!is_kept())
		return;
	sa_history_lock();
	r = find_known(object);
	if (r != NULL) {
		r->is_alive = false;
		r->turn = ++turns;
		take_stack(&r->freed);
	}
	sa_history_unlock();
}

void sa_history_resize(const void *object, size_t size)
{
	record *r;

	if (!is_kept())
		return;
	sa_history_lock();
	r = find_known(object);
	if (r != NULL)
		r->place.size = size;
	sa_history_unlock();
}

/* ------------------------------------------------------------------- text */

static void write_line(void)
{
	(void)sa_line_write(&line, STDERR_FILENO);
	sa_line_clear(&line);
}

static void tell_frame(uint32_t number, uintptr_t pc)
{
	char text[1024] = "";

	if (__sanitizer_symbolize_pc != NULL)
		/* The call lies before the address that it returns to. */
		__sanitizer_symbolize_pc((void *)(pc - 1), "%p %F %L", text,
					 sizeof text);
	sa_line_add(&line, "    #");
	sa_line_add_unsigned(&line, number);
	sa_line_add(&line, " ");
	sa_line_add(&line, text);
	sa_line_add(&line, "\n");
	write_line();
}

static void tell_stack(const char *what, const stack *s)
{
	if (s->depth == 0)
		return;
	sa_line_add(&line, what);
	sa_line_add(&line, " here:\n");
	write_line();
	/* The first two are this file's and its caller's. */
	for (uint32_t i = 2; i < s->depth; i++)
		tell_frame(i - 2, s->at[i]);
}

static void add_object(const record *r)
{
	sa_line_add(&line, "an object of ");
	sa_line_add_unsigned(&line, r->place.size);
	sa_line_add(&line, " bytes of arena \"");
	sa_line_add_escaped(&line, r->arena);
	sa_line_add(&line, "\" at ");
	sa_line_add_pointer(&line, r->place.object);
}

/* How the address lies to the object. */
static void add_distance(const record *r, uintptr_t address)
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

static void tell_record(const record *r, uintptr_t address)
{
	sa_line_clear(&line);
	sa_line_add(&line, "sodium-arena: ");
	sa_line_add_pointer(&line, (const void *)address);
	sa_line_add(&line, " is ");
	add_distance(r, address);
	add_object(r);
	sa_line_add(&line, r->is_alive ? "\n" : ", which was freed\n");
	write_line();
	tell_stack("allocated", &r->allocated);
	if (!r->is_alive)
		tell_stack("freed", &r->freed);
}

static void tell_address(uintptr_t address)
{
	const record *r;

	/* The process is about to end, perhaps with the mutex held. */
	if (pthread_mutex_trylock(&mutex) != 0)
		return;
	r = find_around(address);
	if (r != NULL)
		tell_record(r, address);
	sa_history_unlock();
}

static void tell_here(void)
{
	stack here;

	take_stack(&here);
	if (pthread_mutex_trylock(&mutex) != 0)
		return;
	tell_stack("found", &here);
	sa_history_unlock();
}

void sa_history_tell(const sa_arena_misuse *misuse)
{
	uintptr_t address = (uintptr_t)misuse->object;

	if (!is_kept())
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
static void tell_kin(const record *first)
{
	size_t objects = 0, size = 0;

	for (size_t i = 0; i < capacity; i++) {
		record *r = &table[i];

		if (!r->is_alive || r->is_told ||
		    !is_same(&r->allocated, &first->allocated))
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
	tell_stack("allocated", &first->allocated);
}

void sa_history_tell_alive(void)
{
	unsigned told = 0;

	if (!is_kept() || !looks_for_leaks() ||
	    pthread_mutex_trylock(&mutex) != 0)
		return;
	for (size_t i = 0; i < capacity && told < TOLD_MAX; i++)
		if (table[i].is_alive && !table[i].is_told) {
			tell_kin(&table[i]);
			told++;
		}
	sa_history_unlock();
}

/* ------------------------------------------------------------------ start */

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

void sa_history_start(void)
{
	if (is_kept() && __asan_set_error_report_callback != NULL &&
	    __asan_get_report_address != NULL)
		__asan_set_error_report_callback(follow_report);
}

#else

void sa_history_start(void)
{
}

void sa_history_alloc(const char *arena, const sa_history_place *place)
{
	(void)arena;
	(void)place;
}

void sa_history_free(const void *object)
{
	(void)object;
}

void sa_history_resize(const void *object, size_t size)
{
	(void)object;
	(void)size;
}

void sa_history_tell(const sa_arena_misuse *misuse)
{
	(void)misuse;
}

void sa_history_tell_alive(void)
{
}

void sa_history_lock(void)
{
}

void sa_history_unlock(void)
{
}

#endif
