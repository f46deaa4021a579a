/* SPDX-License-Identifier: ISC */
/* A table of objects by address. */
#include <config.h>

#include "history.h"

#include <pthread.h>
#include <string.h>

#include "os.h"

#define FIRST_CAPACITY 1024

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
/* Under the mutex; open addressing, a power of two, never full. */
static sa_history_record *table;
static size_t capacity;
static size_t count;
static uint64_t turns;

void sa_history_lock(void)
{
	pthread_mutex_lock(&mutex);
}

int sa_history_try_lock(void)
{
	return pthread_mutex_trylock(&mutex) == 0;
}

void sa_history_unlock(void)
{
	pthread_mutex_unlock(&mutex);
}

/* ------------------------------------------------------------------ table */

static sa_history_record *find(sa_history_record *in, size_t size,
			       const void *object)
{
	size_t at = ((uintptr_t)object >> 4) * 0x9e3779b1u;

	for (;; at++) {
		sa_history_record *r = &in[at & (size - 1)];

		if (r->place.object == NULL || r->place.object == object)
			return r;
	}
}

/* False if there is no memory: then less is told. */
static bool grow(void)
{
	size_t size = capacity == 0 ? FIRST_CAPACITY : capacity * 2;
	size_t bytes =
		sa_align_up(size * sizeof(sa_history_record), sa_os_page_size);
	sa_history_record *larger = sa_os_map_guarded(bytes);

	if (larger == NULL)
		return false;
	for (size_t i = 0; i < capacity; i++)
		if (table[i].place.object != NULL)
			*find(larger, size, table[i].place.object) = table[i];
	if (table != NULL)
		(void)sa_os_unmap_guarded(
			table, sa_align_up(capacity * sizeof(sa_history_record),
					   sa_os_page_size));
	table = larger;
	capacity = size;
	return true;
}

static sa_history_record *find_or_add(const void *object)
{
	sa_history_record *r;

	if ((count + 1) * 4 > capacity * 3 && !grow())
		return NULL;
	r = find(table, capacity, object);
	if (r->place.object == NULL)
		count++;
	return r;
}

static sa_history_record *find_known(const void *object)
{
	sa_history_record *r =
		capacity == 0 ? NULL : find(table, capacity, object);

	return r == NULL || r->place.object == NULL ? NULL : r;
}

/* Bytes from the object to an address outside; 0 inside. */
static size_t distance(const sa_history_record *r, uintptr_t address)
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
static bool is_likelier(const sa_history_record *a, const sa_history_record *b,
			uintptr_t address)
{
	size_t to_a = distance(a, address);
	size_t to_b = distance(b, address);

	if (to_a != 0 && to_b != 0 && a->is_alive != b->is_alive)
		return a->is_alive;
	return to_a != to_b ? to_a < to_b : a->turn > b->turn;
}

const sa_history_record *sa_history_find_around(uintptr_t address)
{
	const sa_history_record *found = NULL;

	for (size_t i = 0; i < capacity; i++) {
		const sa_history_record *r = &table[i];

		if (r->place.object != NULL &&
		    address >= (uintptr_t)r->place.start &&
		    address < (uintptr_t)r->place.end &&
		    (found == NULL || is_likelier(r, found, address)))
			found = r;
	}
	return found;
}

sa_history_record *sa_history_next(size_t *at)
{
	while (*at < capacity) {
		sa_history_record *r = &table[(*at)++];

		if (r->place.object != NULL)
			return r;
	}
	return NULL;
}

/* ----------------------------------------------------------------- events */

static void keep_alloc(sa_history_record *r, const char *arena,
		       const sa_history_place *place)
{
	r->place = *place;
	r->is_alive = true;
	r->turn = ++turns;
	r->freed.depth = 0;
	sa_backtrace_take(&r->allocated);
	strncpy(r->arena, arena, SA_HISTORY_NAME_SIZE - 1);
}

void sa_history_alloc(const char *arena, const sa_history_place *place)
{
	sa_history_record *r;

	if (!sa_history_is_kept())
		return;
	sa_history_lock();
	r = find_or_add(place->object);
	if (r != NULL)
		keep_alloc(r, arena, place);
	sa_history_unlock();
}

void sa_history_free(const void *object)
{
	sa_history_record *r;

	if (!sa_history_is_kept())
		return;
	sa_history_lock();
	r = find_known(object);
	if (r != NULL) {
		r->is_alive = false;
		r->turn = ++turns;
		sa_backtrace_take(&r->freed);
	}
	sa_history_unlock();
}

void sa_history_resize(const void *object, size_t size)
{
	sa_history_record *r;

	if (!sa_history_is_kept())
		return;
	sa_history_lock();
	r = find_known(object);
	if (r != NULL)
		r->place.size = size;
	sa_history_unlock();
}
