/* SPDX-License-Identifier: ISC */
/* Every call of an arena, proved by its model from outside. */
#include <config.h>

#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

/* ---------------------------------------------------------------- model */

static sa_arena_access most(world_holders holders, sa_arena_access access)
{
	if (holders.writers > 0)
		return SA_ARENA_READWRITE;
	if (holders.readers > 0 && access == SA_ARENA_NOACCESS)
		return SA_ARENA_READONLY;
	return access;
}

static sa_arena_access access_of_arena(const world *it)
{
	return most(it->holders, it->resting);
}

static sa_arena_access access_of(const world *it, const world_object *object)
{
	return most(object->region->holders, access_of_arena(it));
}

static size_t *holders_of(world_holders *holders, sa_arena_access access)
{
	return access == SA_ARENA_READWRITE ? &holders->writers
					    : &holders->readers;
}

static int byte_agrees(uintptr_t at, sa_arena_access access)
{
	const void *byte = (const void *)at;

	return support_is_readable(byte) == (access != SA_ARENA_NOACCESS) &&
	       support_is_writable(byte) == (access == SA_ARENA_READWRITE);
}

int world_agrees(const world *it)
{
	sa_arena_access access = access_of_arena(it);
	size_t i;

	if (sa_arena_current_access(it->arena) != access)
		return 0;
	for (i = 0; i < WORLD_REGIONS; i++) {
		const world_region *region = &it->regions[i];
		sa_arena_access due = most(region->holders, access);

		if (region->count > 0 && (!byte_agrees(region->start, due) ||
					  !byte_agrees(region->end - 1, due)))
			return 0;
	}
	return 1;
}

static void require_intact(const world *it)
{
	size_t i;

	for (i = 0; i < it->count; i++) {
		const world_object *object = &it->objects[i];

		SUPPORT_REQUIRE(sa_arena_owns(it->arena, object->bytes) == 1);
		SUPPORT_REQUIRE(sa_arena_size(it->arena, object->bytes) ==
				object->size);
		if (!it->is_torn && access_of(it, object) != SA_ARENA_NOACCESS)
			SUPPORT_REQUIRE(support_is_filled(
				object->bytes, object->size, object->seed));
	}
}

/* ---------------------------------------------------------------- calls */

static void begin(world *it)
{
	it->failures = support_stats(it->arena).failure_count;
	errno = 0;
}

/* May a call leave memory other than the model says?  If so, it is counted. */
typedef enum tolerance { NEVER, IF_TEARING, TOLD } tolerance;

static void finish(world *it, tolerance tolerated)
{
	int was_torn = it->is_torn;
	sa_arena_stats stats;

	if (it->is_quiet)
		return;
	stats = support_stats(it->arena);
	SUPPORT_REQUIRE(stats.live_count == it->count);
	it->is_torn = !world_agrees(it);
	if (it->is_torn)
		SUPPORT_REQUIRE(was_torn || tolerated == TOLD ||
				(tolerated == IF_TEARING && it->may_tear));
	if (it->is_torn && !was_torn)
		SUPPORT_REQUIRE(stats.failure_count > it->failures);
	require_intact(it);
}

/* A change of access that succeeds leaves nothing torn. */
static void finish_change(world *it, int result)
{
	it->is_torn = it->is_torn && result != 0;
	finish(it, result == 0 ? NEVER : IF_TEARING);
}

/* Failure of a call that gives memory. */
static int refused_memory(world *it)
{
	const int error = errno;

	it->refused++;
	SUPPORT_REQUIRE(support_stats(it->arena).failure_count > it->failures);
	if (access_of_arena(it) != SA_ARENA_READWRITE || it->is_torn)
		SUPPORT_REQUIRE(error == EACCES || error == ENOMEM ||
				error == EPERM);
	else
		SUPPORT_REQUIRE(error == ENOMEM || error == EPERM);
	return -1;
}

/* Failure of a call that changes access: the kernel's own errno. */
static int refused_access(world *it)
{
	const int error = errno;

	it->refused++;
	SUPPORT_REQUIRE(error == ENOMEM || error == EPERM);
	SUPPORT_REQUIRE(support_stats(it->arena).failure_count > it->failures);
	return -1;
}

/* -------------------------------------------------------------- regions */

static world_region *known_region(world *it, uintptr_t at)
{
	size_t i;

	for (i = 0; i < WORLD_REGIONS; i++)
		if (it->regions[i].count > 0 && it->regions[i].start <= at &&
		    at < it->regions[i].end)
			return &it->regions[i];
	return NULL;
}

static world_region *new_region(world *it, uintptr_t start, uintptr_t end)
{
	size_t i;

	for (i = 0; i < WORLD_REGIONS; i++)
		if (it->regions[i].count == 0) {
			it->regions[i] = (world_region){start, end, {0, 0}, 0};
			return &it->regions[i];
		}
	SUPPORT_REQUIRE(0 && "too many regions");
	return NULL;
}

/* The kernel's word on where the object's mapping begins and ends. */
static world_region *region_of(world *it, const void *object)
{
	uintptr_t at = (uintptr_t)object;
	world_region *region = known_region(it, at);
	unsigned long start, end;
	char line[512];
	FILE *file;

	if (region != NULL)
		return region;
	file = fopen("/proc/self/maps", "r");
	SUPPORT_REQUIRE(file != NULL);
	while (region == NULL && fgets(line, sizeof line, file) != NULL)
		if (sscanf(line, "%lx-%lx", &start, &end) == 2 && start <= at &&
		    at < end)
			region = new_region(it, start, end);
	fclose(file);
	SUPPORT_REQUIRE(region != NULL);
	return region;
}

/* -------------------------------------------------------------- objects */

static void adopt(world *it, unsigned char *bytes, size_t size)
{
	world_object *object = &it->objects[it->count++];

	SUPPORT_REQUIRE(it->count <= WORLD_OBJECTS);
	*object = (world_object){.bytes = bytes,
				 .size = size,
				 .seed = ++it->seeds,
				 .region = region_of(it, bytes)};
	object->region->count++;
	support_fill(bytes, size, object->seed);
}

static void disown(world *it, size_t index)
{
	it->objects[index].region->count--;
	it->objects[index] = it->objects[--it->count];
}

int world_alloc(world *it, size_t size)
{
	unsigned char *bytes;
	int result = 0;

	begin(it);
	bytes = sa_arena_alloc(it->arena, size);
	if (bytes == NULL) {
		result = refused_memory(it);
	} else {
		SUPPORT_REQUIRE(support_is_zero(bytes, size));
		adopt(it, bytes, size);
	}
	finish(it, 0);
	return result;
}

/* The old content is kept, and what is new is zero. */
static void require_moved(const unsigned char *bytes, size_t size,
			  const world_object *old)
{
	size_t kept = size < old->size ? size : old->size;

	SUPPORT_REQUIRE(support_is_filled(bytes, kept, old->seed));
	SUPPORT_REQUIRE(support_is_zero(bytes + kept, size - kept));
}

void world_fill(world *it, size_t count, size_t size)
{
	it->is_quiet = 1;
	while (count-- > 0)
		SUPPORT_REQUIRE(world_alloc(it, size) == 0);
	it->is_quiet = 0;
}

int world_realloc(world *it, size_t index, size_t size)
{
	const world_object old = it->objects[index];
	unsigned char *bytes;
	int result = 0;

	begin(it);
	bytes = sa_arena_realloc(it->arena, old.bytes, size);
	if (bytes == NULL) {
		result = refused_memory(it);
	} else {
		require_moved(bytes, size, &old);
		disown(it, index);
		adopt(it, bytes, size);
	}
	finish(it, NEVER);
	return result;
}

int world_free(world *it, size_t index)
{
	unsigned char *bytes = it->objects[index].bytes;
	int result = 0, error;

	begin(it);
	sa_arena_free(it->arena, bytes);
	error = errno;
	it->refused += error != 0;
	if (sa_arena_owns(it->arena, bytes) == 0) {
		disown(it, index);
	} else {
		SUPPORT_REQUIRE(error == ENOMEM);
		result = -1;
	}
	finish(it, error != 0 ? TOLD : NEVER);
	return result;
}

/* --------------------------------------------------------------- access */

int world_protect(world *it, sa_arena_access access)
{
	int result;

	begin(it);
	result = sa_arena_protect(it->arena, access);
	if (result == 0)
		it->resting = access;
	else
		refused_access(it);
	finish_change(it, result);
	return result;
}

int world_open(world *it, sa_arena_access access)
{
	int result;

	begin(it);
	result = sa_arena_open(it->arena, access);
	if (result == 0)
		++*holders_of(&it->holders, access);
	else
		refused_access(it);
	finish_change(it, result);
	return result;
}

int world_close(world *it, sa_arena_access access)
{
	int result;

	begin(it);
	result = sa_arena_close(it->arena, access);
	if (result == 0)
		--*holders_of(&it->holders, access);
	else
		refused_access(it);
	finish_change(it, result);
	return result;
}

int world_open_object(world *it, size_t index, sa_arena_access access)
{
	const world_object *object = &it->objects[index];
	int result;

	begin(it);
	result = sa_arena_open_object(it->arena, object->bytes, access);
	if (result == 0)
		++*holders_of(&object->region->holders, access);
	else
		refused_access(it);
	finish(it, IF_TEARING);
	return result;
}

int world_close_object(world *it, size_t index, sa_arena_access access)
{
	const world_object *object = &it->objects[index];
	int result;

	begin(it);
	result = sa_arena_close_object(it->arena, object->bytes, access);
	if (result == 0)
		--*holders_of(&object->region->holders, access);
	else
		refused_access(it);
	finish(it, IF_TEARING);
	return result;
}

/* --------------------------------------------------------- whole arenas */

int world_check(world *it)
{
	int result;

	begin(it);
	result = sa_arena_check(it->arena);
	if (result != 0)
		refused_access(it);
	it->is_torn = it->is_torn && result != 0;
	finish(it, result == 0 ? NEVER : TOLD);
	return result;
}

static void forget_all(world *it)
{
	it->count = 0;
	memset(it->regions, 0, sizeof it->regions);
}

int world_reset(world *it)
{
	int result;

	begin(it);
	result = sa_arena_reset(it->arena);
	if (result != 0)
		refused_access(it);
	else
		forget_all(it);
	finish(it, TOLD);
	return result;
}

void world_trim(world *it)
{
	size_t before = support_stats(it->arena).mapped_size, returned;

	begin(it);
	returned = sa_arena_trim(it->arena);
	SUPPORT_REQUIRE(support_stats(it->arena).mapped_size ==
			before - returned);
	if (support_stats(it->arena).failure_count > it->failures)
		it->refused++;
	finish(it, TOLD);
}

/* ------------------------------------------------------- birth and death */

int world_create(world *it, const sa_arena_options *options)
{
	memset(it, 0, sizeof *it);
	it->resting = SA_ARENA_READWRITE;
	it->options = *options;
	errno = 0;
	it->arena = sa_arena_create(options);
	if (it->arena != NULL)
		return 0;
	SUPPORT_REQUIRE(errno == ENOMEM || errno == EPERM);
	return -1;
}

void world_destroy(world *it)
{
	sa_arena_destroy(it->arena);
	it->arena = NULL;
}

/* ---------------------------------------------------------------- proof */

static void require_guarded(const world_region *region)
{
	const unsigned char *start = (const unsigned char *)region->start;
	const unsigned char *end = (const unsigned char *)region->end;

	SUPPORT_REQUIRE(!support_is_readable(start - 1));
	SUPPORT_REQUIRE(!support_is_readable(end));
}

/* A line of VmFlags in smaps(5): out of dumps, locked, the advice on forks. */
static void require_flags(const world *it, const char *flags)
{
	SUPPORT_REQUIRE(strstr(flags, " dd") != NULL);
	if (it->options.mlock == SA_ARENA_MLOCK_REQUIRED)
		SUPPORT_REQUIRE(strstr(flags, " lo") != NULL);
	SUPPORT_REQUIRE((strstr(flags, " dc") != NULL) ==
			(it->options.fork == SA_ARENA_FORK_EXCLUDE));
	SUPPORT_REQUIRE((strstr(flags, " wf") != NULL) ==
			(it->options.fork == SA_ARENA_FORK_WIPE));
}

static void require_all_protected(world *it)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	const world_region *region = NULL;
	unsigned long start, end;
	char line[512];

	SUPPORT_REQUIRE(file != NULL);
	while (fgets(line, sizeof line, file) != NULL) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			region = known_region(it, start);
		if (region != NULL && strncmp(line, "VmFlags:", 8) == 0)
			require_flags(it, line);
	}
	fclose(file);
	for (size_t i = 0; i < WORLD_REGIONS; i++)
		if (it->regions[i].count > 0)
			require_guarded(&it->regions[i]);
}

void world_prove(world *it)
{
	sa_arena_stats stats;

	it->may_tear = 0;
	SUPPORT_REQUIRE(world_protect(it, it->resting) == 0);
	SUPPORT_REQUIRE(world_agrees(it));
	SUPPORT_REQUIRE(world_check(it) == 0);
	SUPPORT_REQUIRE(world_open(it, SA_ARENA_READONLY) == 0);
	require_all_protected(it);
	SUPPORT_REQUIRE(world_close(it, SA_ARENA_READONLY) == 0);
	stats = support_stats(it->arena);
	SUPPORT_REQUIRE(stats.locked_size <= support_locked_size());
}
