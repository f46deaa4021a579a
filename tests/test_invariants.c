/* SPDX-License-Identifier: ISC */
/*
 * What holds of an arena's books whenever it is stopped, whatever its threads
 * were doing: bitmaps and counts agree, lists are whole and in order, nothing
 * is listed that has nothing to give, and nothing lost that has.
 */
#include <config.h>

#include "arena.h"
#include "os.h"
#include "shards.h"
#include "slabs.h"
#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIB ((size_t)1024)
#define OBJECTS 20000
#define HELD 200
#define WORKERS 3

static sa_arena *arena;
static _Atomic(void *) objects[OBJECTS];
static atomic_int has_ended;

/* ---------------------------------------------------------------- books */

static size_t bits_set(const uint64_t *bits, size_t count)
{
	size_t set = 0;

	for (size_t i = 0; i < count; i++)
		set += sa_bitmap_is_set(bits, i);
	return set;
}

static void require_linked(const sa_slab *slab)
{
	const sa_bin *bin = slab->bin;

	SUPPORT_REQUIRE(slab->previous != NULL ? slab->previous->next == slab
					       : bin->first == slab);
	SUPPORT_REQUIRE(slab->next != NULL ? slab->next->previous == slab
					   : bin->last == slab);
	/* Those without objects stand at the end. */
	SUPPORT_REQUIRE(slab->next == NULL || !sa_slab_is_unused(slab) ||
			sa_slab_is_unused(slab->next));
}

static void require_sound_slab(const sa_slab *slab)
{
	sa_shard *owner = sa_slab_owner(slab);

	SUPPORT_REQUIRE(bits_set(slab->free_bits, slab->nslots) == slab->nfree);
	SUPPORT_REQUIRE(slab->bin == sa_shard_bin(owner, slab->class));
	SUPPORT_REQUIRE(slab->is_listed || !sa_slab_is_unused(slab));
	SUPPORT_REQUIRE(slab->is_listed || slab->nfree == 0 ||
			!arena->is_scarce);
	SUPPORT_REQUIRE(!slab->is_listed || slab->nfree != 0);
	if (slab->is_listed)
		require_linked(slab);
}

/* Returns how many slabs it has. */
static size_t require_sound_tract(const sa_tract *tract)
{
	size_t slabs = 0, pages = tract->nfree;
	sa_slabs_cursor at = {tract, 0};
	const sa_slab *slab;

	SUPPORT_REQUIRE(bits_set(tract->free_pages, tract->npages) ==
			tract->nfree);
	while ((slab = sa_slabs_next(arena, &at)) != NULL &&
	       at.tract == tract) {
		require_sound_slab(slab);
		pages += slab->size / sa_os_page_size;
		slabs++;
	}
	SUPPORT_REQUIRE(pages == tract->npages);
	return slabs;
}

static void require_sound_tracts(void)
{
	const sa_tract *previous = NULL;
	size_t slabs = 0, regions = 0;

	for (const sa_tract *t = arena->tracts; t != NULL; t = t->next) {
		SUPPORT_REQUIRE(t->previous == previous);
		/* Those with free pages come first. */
		SUPPORT_REQUIRE(previous == NULL || previous->nfree != 0 ||
				t->nfree == 0);
		slabs += require_sound_tract(t);
		regions++;
		previous = t;
	}
	SUPPORT_REQUIRE(arena->last_tract == previous);
	SUPPORT_REQUIRE(atomic_load(&arena->slab_count) == slabs);
	SUPPORT_REQUIRE(atomic_load(&arena->region_count) == regions);
}

static void require_own_slabs(sa_shard *shard, const sa_bin *bin)
{
	for (const sa_slab *s = bin->first; s != NULL; s = s->next) {
		SUPPORT_REQUIRE(s->bin == bin && s->is_listed);
		SUPPORT_REQUIRE(sa_slab_owner(s) == shard);
	}
}

static void require_sound_lists(void)
{
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next)
		for (unsigned c = 0; c < SA_CLASS_POOLS + s->npool_bins; c++) {
			const sa_bin *bin = sa_shard_bin(s, c);

			if (bin != NULL)
				require_own_slabs(s, bin);
		}
}

static void require_sound(void)
{
	sa_arena_lock(arena);
	SUPPORT_REQUIRE(sa_shards_stop(arena) == 0);
	require_sound_tracts();
	require_sound_lists();
	sa_shards_resume(arena);
	sa_arena_unlock(arena);
}

/* ----------------------------------------------------------------- work */

typedef struct worker {
	support_random random;
	sa_pool *pool;
	void *held[HELD];
	size_t held_count;
} worker;

static worker workers[WORKERS];

static size_t chance(worker *w, size_t bound)
{
	return support_random_below(&w->random, bound);
}

/* A run of places is filled, or emptied, by whoever comes. */
static void come_and_go(worker *w)
{
	static const size_t sizes[] = {8, 32, 32, 100, 300, 2000, 8000, 9000};
	size_t size = sizes[chance(w, SUPPORT_LENGTH(sizes))];
	size_t place = chance(w, OBJECTS);
	bool fills = chance(w, 2) == 0;

	for (size_t run = chance(w, 40); run > 0; run--) {
		void *none = NULL;
		void *made = fills ? sa_arena_alloc(arena, size) : NULL;

		place = (place + 1) % OBJECTS;
		if (!fills)
			sa_arena_free(arena,
				      atomic_exchange(&objects[place], NULL));
		else if (!atomic_compare_exchange_strong(&objects[place], &none,
							 made))
			sa_arena_free(arena, made);
	}
}

static void end_pool(worker *w)
{
	sa_pool_destroy(w->pool);
	w->pool = NULL;
	w->held_count = 0;
}

/* It may end while one of its objects is held open. */
static void use_pool(worker *w)
{
	void *held;

	if (w->pool == NULL)
		w->pool = sa_pool_create(arena, 16 + chance(w, 300), 8);
	while (w->pool != NULL && w->held_count < HELD &&
	       (held = sa_pool_alloc(w->pool)) != NULL)
		w->held[w->held_count++] = held;
	if (w->held_count == 0)
		return;
	held = w->held[chance(w, w->held_count)];
	if (sa_arena_open_object(arena, held, SA_ARENA_READONLY) == 0) {
		if (chance(w, 2) == 0)
			end_pool(w);
		sched_yield();
		SUPPORT_REQUIRE(sa_arena_close_object(arena, held,
						      SA_ARENA_READONLY) == 0);
	}
	while (w->held_count > 0)
		sa_pool_free(w->pool, w->held[--w->held_count]);
	if (chance(w, 4) == 0)
		end_pool(w);
}

static void empty_all(void)
{
	for (size_t i = 0; i < OBJECTS; i++)
		sa_arena_free(arena, atomic_exchange(&objects[i], NULL));
}

static void *work(void *context)
{
	worker *w = context;

	while (!atomic_load(&has_ended))
		switch (chance(w, 400)) {
		case 0:
			(void)sa_arena_trim(arena);
			break;
		case 1:
			empty_all();
			break;
		case 2:
			SUPPORT_REQUIRE(sa_arena_protect(
						arena, SA_ARENA_NOACCESS) == 0);
			sched_yield();
			SUPPORT_REQUIRE(
				sa_arena_protect(arena, SA_ARENA_READWRITE) ==
				0);
			break;
		case 3:
		case 4:
			use_pool(w);
			break;
		default:
			come_and_go(w);
		}
	sa_pool_destroy(w->pool);
	return NULL;
}

/* ---------------------------------------------------------------- tests */

static void go_on_in_child(void *policy)
{
	alarm(60);
	require_sound();
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	if (*(sa_arena_fork *)policy != SA_ARENA_FORK_WIPE)
		empty_all();
	(void)sa_arena_trim(arena);
	require_sound();
	SUPPORT_REQUIRE(sa_arena_reset(arena) == 0);
	require_sound();
	sa_arena_destroy(arena);
}

/* At a limit that is near, one that is far, and none. */
START_TEST(test_books_agree)
{
	static const size_t capacities[] = {200 * KIB, 3000 * KIB, 0};
	sa_arena_options options = support_options();
	pthread_t threads[WORKERS];
	void *last;

	memset(workers, 0, sizeof workers);
	options.capacity = capacities[_i];
	if (support_takes_advice())
		options.fork = (sa_arena_fork)_i;
	arena = sa_arena_create(&options);
	ck_assert_ptr_nonnull(arena);
	atomic_store(&has_ended, 0);
	for (size_t i = 0; i < WORKERS; i++) {
		support_random_seed(&workers[i].random);
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, work, &workers[i]),
			0);
	}
	for (size_t i = 0; i < SUPPORT_ROUNDS(200); i++) {
		require_sound();
		sched_yield();
		if (i % 20 == 0)
			support_assert_passes(go_on_in_child, &options.fork);
	}
	atomic_store(&has_ended, 1);
	for (size_t i = 0; i < WORKERS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	require_sound();
	empty_all();
	ck_assert_uint_eq(support_stats(arena).live_count, 0);
	/* A worker's last act may have been to trim when there was nothing. */
	last = sa_arena_alloc(arena, 32);
	ck_assert_ptr_nonnull(last);
	sa_arena_free(arena, last);
	ck_assert_int_eq(sa_arena_check(arena), 0);
	ck_assert_uint_gt(sa_arena_trim(arena), 0);
	ck_assert_uint_eq(support_stats(arena).slab_count, 0);
	sa_arena_destroy(arena);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("invariants");
	TCase *tests = tcase_create("invariants");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, test_books_agree, 0, 3);
	return support_run(suite);
}
