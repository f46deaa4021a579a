/* SPDX-License-Identifier: ISC */
/* How many secrets of one size this process can hold, by each limit. */
#ifndef TOOLS_ROOM_H
#define TOOLS_ROOM_H

#include <sodium_arena.h>
#include <stdbool.h>
#include <stddef.h>

struct room {
	size_t memory; /* bytes to be had; SIZE_MAX: unknown */
	size_t arena;  /* objects in an arena; SIZE_MAX: no limit found */
	size_t sodium; /* objects, all locked, by sodium_malloc() */
	bool fits;     /* would `count` objects fit in an arena? */
	bool lacks_lock;
	bool lacks_mappings;
	bool lacks_memory;
	sa_arena_preflight_report needed; /* for `count` of them */
};

/* 0, or -1 with errno. */
int room_find(size_t size, size_t count, size_t memory, struct room *room);

/* By sodium_malloc(): pages locked for each, and mappings. */
size_t room_sodium_pages(size_t size);
#define ROOM_SODIUM_MAPPINGS 4

#endif
