/* SPDX-License-Identifier: ISC */
/* Places taken one at a time; objects touched only by who may. */
#include <config.h>

#include "shelf.h"

#include <errno.h>
#include <string.h>

/* What large objects there are; and what is worth an own block. */
#define LARGEST 150000

/* Of an object in the shelf's pool: one that no size class has. */
#define POOLED_SIZE 75

static atomic_size_t forks_begun;

size_t shelf_fork_begins(void)
{
	return atomic_fetch_add(&forks_begun, 1) + 1;
}

static size_t below(shelf_visitor *visitor, size_t bound)
{
	return support_random_below(&visitor->random, bound);
}

static int take(shelf_place *place)
{
	return !atomic_exchange(&place->is_taken, 1);
}

static void leave(shelf_place *place)
{
	atomic_store(&place->is_taken, 0);
}

/* --------------------------------------------------------------- access */

typedef enum touch { HELD, ARENA_OPENED, OBJECT_OPENED } touch;

/* Become a holder of what is to be touched, unless the visitor is one. */
static touch begin_touch(shelf *it, shelf_visitor *visitor,
			 const unsigned char *bytes, sa_arena_access access)
{
	if (visitor->held >= access)
		return HELD;
	if (below(visitor, 4) == 0) {
		SUPPORT_REQUIRE(sa_arena_open(it->arena, access) == 0);
		return ARENA_OPENED;
	}
	SUPPORT_REQUIRE(sa_arena_open_object(it->arena, bytes, access) == 0);
	return OBJECT_OPENED;
}

static void end_touch(shelf *it, touch how, const unsigned char *bytes,
		      sa_arena_access access)
{
	if (how == ARENA_OPENED)
		SUPPORT_REQUIRE(sa_arena_close(it->arena, access) == 0);
	if (how == OBJECT_OPENED)
		SUPPORT_REQUIRE(
			sa_arena_close_object(it->arena, bytes, access) == 0);
}

/* -------------------------------------------------------------- objects */

static size_t random_size(shelf_visitor *visitor)
{
	switch (below(visitor, 40)) {
	case 0:
		return below(visitor, LARGEST);
	case 1:
	case 2:
		return below(visitor, 20000);
	case 3:
	case 4:
	case 5:
	case 6:
		return below(visitor, 3000);
	default:
		return below(visitor, 200);
	}
}

/* Where it is refused, it is for a reason that this arena can have. */
static void require_reason(shelf *it, const shelf_visitor *visitor)
{
	const int error = errno;

	SUPPORT_REQUIRE(
		(error == EACCES && visitor->held != SA_ARENA_READWRITE) ||
		(error == ENOSPC && it->options.capacity != 0));
	atomic_fetch_add(&it->refusals, 1);
}

/* The fill is complete before the epoch is read. */
static void publish(shelf_place *place, unsigned char *bytes, size_t size,
		    uint64_t seed)
{
	place->bytes = bytes;
	place->size = size;
	place->seed = seed;
	atomic_thread_fence(memory_order_seq_cst);
	place->epoch = atomic_fetch_add(&forks_begun, 0);
}

/* Without a hold on the arena only sa_arena_alloc() touches nothing. */
static unsigned char *make_object(shelf *it, shelf_visitor *visitor,
				  size_t size)
{
	switch (visitor->held == SA_ARENA_READWRITE ? below(visitor, 4) : 0) {
	case 1:
		return sa_arena_calloc(it->arena, size, 1);
	case 2:
		return sa_arena_aligned_alloc(
			it->arena, (size_t)16 << below(visitor, 6), size);
	case 3:
		return sa_arena_realloc(it->arena, NULL, size);
	default:
		return sa_arena_alloc(it->arena, size);
	}
}

/* Sometimes of the pool: then its size is another. */
static unsigned char *make_some_object(shelf *it, shelf_visitor *visitor,
				       bool is_pooled, size_t *size)
{
	if (!is_pooled)
		return make_object(it, visitor, *size);
	*size = POOLED_SIZE;
	return sa_pool_alloc(it->pool);
}

static void fill_place(shelf *it, shelf_visitor *visitor, shelf_place *place)
{
	uint64_t seed = support_random_next(&visitor->random);
	size_t size = random_size(visitor);
	bool is_pooled = below(visitor, 8) == 0;
	unsigned char *bytes = make_some_object(it, visitor, is_pooled, &size);
	touch how;

	if (bytes == NULL) {
		require_reason(it, visitor);
		return;
	}
	atomic_fetch_add(&it->allocs, 1);
	how = begin_touch(it, visitor, bytes, SA_ARENA_READWRITE);
	SUPPORT_REQUIRE(support_is_zero(bytes, size));
	support_fill(bytes, size, seed);
	end_touch(it, how, bytes, SA_ARENA_READWRITE);
	place->is_pooled = is_pooled;
	publish(place, bytes, size, seed);
}

static void verify(shelf *it, shelf_visitor *visitor, const shelf_place *place)
{
	touch how = begin_touch(it, visitor, place->bytes, SA_ARENA_READONLY);

	SUPPORT_REQUIRE(
		support_is_filled(place->bytes, place->size, place->seed));
	end_touch(it, how, place->bytes, SA_ARENA_READONLY);
}

static void empty_place(shelf *it, shelf_place *place)
{
	unsigned char *bytes = place->bytes;

	place->bytes = NULL;
	errno = 0;
	if (place->is_pooled)
		sa_pool_free(it->pool, bytes);
	else
		sa_arena_free(it->arena, bytes);
	SUPPORT_REQUIRE(errno == 0);
	atomic_fetch_add(&it->frees, 1);
}

/* The visitor holds the arena open for writing. */
static void resize(shelf *it, shelf_visitor *visitor, shelf_place *place)
{
	uint64_t seed = support_random_next(&visitor->random);
	size_t size = random_size(visitor);
	size_t kept = size < place->size ? size : place->size;
	unsigned char *bytes = sa_arena_realloc(it->arena, place->bytes, size);

	if (bytes == NULL) {
		require_reason(it, visitor);
		return;
	}
	if (bytes != place->bytes) {
		place->is_pooled = false;
		atomic_fetch_add(&it->allocs, 1);
		atomic_fetch_add(&it->frees, 1);
	}
	SUPPORT_REQUIRE(support_is_filled(bytes, kept, place->seed));
	SUPPORT_REQUIRE(support_is_zero(bytes + kept, size - kept));
	support_fill(bytes, size, seed);
	publish(place, bytes, size, seed);
}

static void use_place(shelf *it, shelf_visitor *visitor, shelf_place *place)
{
	switch (below(visitor, 8)) {
	case 0:
		SUPPORT_REQUIRE(sa_arena_owns(it->arena, place->bytes) == 1);
		SUPPORT_REQUIRE(sa_arena_size(it->arena, place->bytes) ==
				place->size);
		break;
	case 1:
		if (visitor->held == SA_ARENA_READWRITE)
			resize(it, visitor, place);
		break;
	case 2:
	case 3:
		verify(it, visitor, place);
		break;
	case 4:
		verify(it, visitor, place);
		empty_place(it, place);
		break;
	default:
		empty_place(it, place);
		break;
	}
}

void shelf_visit(shelf *it, shelf_visitor *visitor)
{
	shelf_place *place = &it->places[below(visitor, SHELF_PLACES)];

	if (!take(place))
		return;
	visitor->visits++;
	if (place->bytes == NULL)
		fill_place(it, visitor, place);
	else
		use_place(it, visitor, place);
	leave(place);
}

/* ---------------------------------------------------------------- whole */

void shelf_create(shelf *it, const sa_arena_options *options)
{
	memset(it, 0, sizeof *it);
	it->options = *options;
	it->arena = sa_arena_create(options);
	SUPPORT_REQUIRE(it->arena != NULL);
	it->pool = sa_pool_create(it->arena, POOLED_SIZE, 1);
	SUPPORT_REQUIRE(it->pool != NULL);
}

void shelf_require_intact(shelf *it)
{
	SUPPORT_REQUIRE(sa_arena_open(it->arena, SA_ARENA_READONLY) == 0);
	for (size_t i = 0; i < SHELF_PLACES; i++) {
		const shelf_place *place = &it->places[i];

		if (place->is_taken || place->bytes == NULL)
			continue;
		SUPPORT_REQUIRE(sa_arena_owns(it->arena, place->bytes) == 1);
		SUPPORT_REQUIRE(sa_arena_size(it->arena, place->bytes) ==
				place->size);
		SUPPORT_REQUIRE(support_is_filled(place->bytes, place->size,
						  place->seed));
	}
	SUPPORT_REQUIRE(sa_arena_close(it->arena, SA_ARENA_READONLY) == 0);
	SUPPORT_REQUIRE(sa_arena_check(it->arena) == 0);
}

void shelf_prove(shelf *it)
{
	sa_arena_stats stats = support_stats(it->arena);
	size_t count = 0, size = 0;

	for (size_t i = 0; i < SHELF_PLACES; i++) {
		SUPPORT_REQUIRE(!it->places[i].is_taken);
		if (it->places[i].bytes == NULL)
			continue;
		count++;
		size += it->places[i].size;
	}
	SUPPORT_REQUIRE(stats.live_count == count);
	SUPPORT_REQUIRE(stats.live_size == size);
	SUPPORT_REQUIRE(stats.alloc_count == it->allocs);
	SUPPORT_REQUIRE(stats.free_count == it->frees);
	SUPPORT_REQUIRE(stats.failure_count == it->refusals);
	SUPPORT_REQUIRE(stats.holder_count == 0);
	if (it->options.mlock == SA_ARENA_MLOCK_REQUIRED)
		SUPPORT_REQUIRE(stats.locked_size == stats.mapped_size);
	shelf_require_intact(it);
}

void shelf_after_fork(shelf *it, size_t epoch)
{
	for (size_t i = 0; i < SHELF_PLACES; i++)
		if (it->places[i].epoch >= epoch)
			it->places[i].is_taken = 1;
}

void shelf_clear(shelf *it)
{
	memset(it->places, 0, sizeof it->places);
}
