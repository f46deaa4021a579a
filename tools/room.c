/* SPDX-License-Identifier: ISC */
/* Preflight for arenas; arithmetic for sodium_malloc(). */
#include <config.h>

#include "room.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

/* libsodium's canary before each object (1.0.18, sodium/utils.c). */
#define SODIUM_CANARY 16

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t room_sodium_pages(size_t size)
{
	size_t page = page_size();

	return size / page + (size % page + SODIUM_CANARY + page - 1) / page;
}

/* Besides what it locks, each takes a page for its header. */
static size_t sodium_count(const struct room *room, size_t size)
{
	size_t pages = room_sodium_pages(size);
	size_t mappings = room->needed.available_mappings;
	size_t lockable = room->needed.lockable_size;
	size_t count = SIZE_MAX;

	if (mappings != SIZE_MAX)
		count = mappings / ROOM_SODIUM_MAPPINGS;
	if (lockable != SIZE_MAX)
		count = least(count, lockable / page_size() / pages);
	return least(count, room->memory / page_size() / (pages + 1));
}

/* 0, or -1 if the question makes no sense; the report is filled otherwise. */
static int ask(const sa_arena_options *options, size_t size, size_t count,
	       sa_arena_preflight_report *report)
{
	*report = (sa_arena_preflight_report)SA_ARENA_PREFLIGHT_REPORT_INIT;
	if (sa_arena_preflight(options, count, size, report) == 0)
		return 0;
	return errno == EINVAL ? -1 : 0;
}

int room_find(size_t size, size_t count, size_t memory, struct room *room)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	sa_arena_preflight_report *needed = &room->needed, bounded;

	room->memory = memory;
	if (ask(&options, size, count, needed) != 0)
		return -1;
	/* What the limits allow, memory may not: a capacity stands for it. */
	if (memory != SIZE_MAX)
		options.capacity = memory < page_size() ? page_size() : memory;
	if (ask(&options, size, count, &bounded) != 0)
		return -1;
	room->arena = bounded.max_count;
	room->fits = room->arena >= count;
	room->lacks_lock = needed->lockable_size < needed->required_size;
	room->lacks_mappings =
		needed->available_mappings < needed->required_mappings;
	room->lacks_memory = memory < needed->required_size;
	room->sodium = sodium_count(room, size);
	return 0;
}
