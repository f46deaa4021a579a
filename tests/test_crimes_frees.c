/* SPDX-License-Identifier: ISC */
/*
 * Crimes on what was freed: freed again, used, or written to; at once, later,
 * by another thread, by two at the same moment.
 */
#include <config.h>

#include "crime.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define CROWD 64
#define LARGE (((size_t)1 << 20) + 5)
#define RESERVE(size) ((size) <= 256 ? 0 : (size_t)1 << 20)
#define TAIL 8
/* libsodium's canary before a region's first byte of memory. */
#define HEAD 16

static sa_arena *vault;
static unsigned char *crowd[CROWD];
static size_t crowd_size;

/* The one that everything is done to.  Its neighbours live, so that nobody
 * comes upon its canary from another side. */
#define VICTIM (CROWD / 2)

static void swap(size_t i, size_t j)
{
	unsigned char *object = crowd[i];

	crowd[i] = crowd[j];
	crowd[j] = object;
}

static void make_crowd(size_t size)
{
	vault = crime_vault(RESERVE(size));
	crowd_size = size;
	crime_alloc_crowd(vault, size, crowd, CROWD);
	if (!crime_is_large(size))
		swap(crime_between(crowd, CROWD, size), VICTIM);
}

static void free_others(size_t count)
{
	size_t i;

	for (i = 0; count > 0 && i < CROWD; i++)
		if (i != VICTIM) {
			sa_arena_free(vault, crowd[i]);
			count--;
		}
}

static void rest(sa_arena_access access)
{
	SUPPORT_REQUIRE(sa_arena_protect(vault, access) == 0);
}

/* ------------------------------------------------------------ first free */

static void free_here(void)
{
	sa_arena_free(vault, crowd[VICTIM]);
}

static void free_before_one(void)
{
	free_here();
	free_others(1);
}

/* As many as a stock holds. */
static void free_before_a_stock(void)
{
	free_here();
	free_others(16);
}

static void free_before_all(void)
{
	free_here();
	free_others(CROWD);
}

static void free_after_all(void)
{
	free_others(CROWD);
	free_here();
}

static void free_elsewhere(void)
{
	crime_free_elsewhere(vault, crowd[VICTIM]);
}

static void free_elsewhere_amid_others(void)
{
	free_others(20);
	free_elsewhere();
	crime_free_elsewhere(vault, crowd[CROWD - 1]);
}

static void free_at_rest(void)
{
	rest(SA_ARENA_NOACCESS);
	free_here();
	rest(SA_ARENA_READWRITE);
}

static void free_and_check(void)
{
	free_here();
	SUPPORT_REQUIRE(sa_arena_check(vault) == 0);
}

static void free_elsewhere_and_check(void)
{
	free_elsewhere();
	SUPPORT_REQUIRE(sa_arena_check(vault) == 0);
}

/* The others keep the region. */
static void free_and_trim(void)
{
	free_here();
	sa_arena_trim(vault);
}

static void move_away(void)
{
	SUPPORT_REQUIRE(sa_arena_realloc(vault, crowd[VICTIM],
					 2 * crowd_size + 10000) != NULL);
}

static void move_and_free(void)
{
	void *moved =
		sa_arena_realloc(vault, crowd[VICTIM], 2 * crowd_size + 10000);

	SUPPORT_REQUIRE(moved != NULL);
	sa_arena_free(vault, moved);
}

static const struct {
	const char *name;
	void (*run)(void);
} histories[] = {
	{"freed", free_here},
	{"freed before another", free_before_one},
	{"freed before a stockful", free_before_a_stock},
	{"freed before all others", free_before_all},
	{"freed after all others", free_after_all},
	{"freed by another thread", free_elsewhere},
	{"freed by another thread, amid others", free_elsewhere_amid_others},
	{"freed at rest", free_at_rest},
	{"freed, then a check", free_and_check},
	{"freed by another thread, then a check", free_elsewhere_and_check},
	{"freed, then a trim", free_and_trim},
	{"moved by realloc", move_away},
	{"moved by realloc, and freed there", move_and_free},
};

/* ----------------------------------------------------------- second free */

static void again_here(void *object)
{
	sa_arena_free(vault, object);
}

static void again_elsewhere(void *object)
{
	crime_free_elsewhere(vault, object);
}

static void again_at_rest(void *object)
{
	rest(SA_ARENA_NOACCESS);
	sa_arena_free(vault, object);
}

static void resize(void *object)
{
	SUPPORT_REQUIRE(sa_arena_realloc(vault, object, crowd_size) != NULL);
}

static void grow(void *object)
{
	SUPPORT_REQUIRE(sa_arena_realloc(vault, object, 50000) != NULL);
}

static void ask_size(void *object)
{
	SUPPORT_REQUIRE(sa_arena_size(vault, object) == SIZE_MAX);
}

static void open_it(void *object)
{
	SUPPORT_REQUIRE(
		sa_arena_open_object(vault, object, SA_ARENA_READONLY) == 0);
}

static void open_it_at_rest(void *object)
{
	rest(SA_ARENA_NOACCESS);
	open_it(object);
}

/* A holder may close after the object was freed; here is none. */
static void close_it(void *object)
{
	SUPPORT_REQUIRE(
		sa_arena_close_object(vault, object, SA_ARENA_READONLY) == -1);
	SUPPORT_REQUIRE(errno == EINVAL);
}

static const struct {
	const char *name;
	void (*call)(void *object);
	int is_allowed;
} uses[] = {
	{"freed again", again_here, 0},
	{"freed again by another thread", again_elsewhere, 0},
	{"freed again at rest", again_at_rest, 0},
	{"resized", resize, 0},
	{"resized to more", grow, 0},
	{"asked for its size", ask_size, 0},
	{"opened", open_it, 0},
	{"opened at rest", open_it_at_rest, 0},
	{"closed", close_it, 1},
};

typedef struct again {
	size_t history;
	size_t use;
} again;

static void commit_again(void *context)
{
	const again *act = context;
	void *object = crowd[VICTIM];

	histories[act->history].run();
	uses[act->use].call(object);
}

static const size_t freed_sizes[] = {
	0, 1, 8, 32, 33, 100, 1000, 8000, 8184, 8185, 20000,
};

static void try_again(const again *act)
{
	crime_verdict verdict =
		crime_report(SA_ARENA_MISUSE_DOUBLE_FREE, crowd[VICTIM], 0, 0);

	if (uses[act->use].is_allowed)
		verdict = crime_unnoticed();
	crime_commit(commit_again, (void *)(uintptr_t)act, &verdict,
		     "size %zu, %s, %s", crowd_size,
		     histories[act->history].name, uses[act->use].name);
}

START_TEST(test_again)
{
	again act;

	make_crowd(freed_sizes[_i]);
	for (act.history = 0; act.history < SUPPORT_LENGTH(histories);
	     act.history++)
		for (act.use = 0; act.use < SUPPORT_LENGTH(uses); act.use++)
			if (!SUPPORT_SLOW ||
			    (act.use + act.history + (size_t)_i) % 7 == 0)
				try_again(&act);
	sa_arena_destroy(vault);
}
END_TEST

/* ----------------------------------------------------------------- races */

static atomic_int runners;

static void *free_at_once(void *object)
{
	void *first = sa_arena_alloc(vault, 1);

	SUPPORT_REQUIRE(first != NULL);
	sa_arena_free(vault, first);
	atomic_fetch_sub(&runners, 1);
	while (atomic_load(&runners) > 0)
		;
	sa_arena_free(vault, object);
	return NULL;
}

/* Two threads, of which the object's maker may be one.  A race that neither
 * has seen is seen by whoever gets the slot, or at the end. */
static void commit_race(void *context)
{
	int owner_runs = *(int *)context, i;
	pthread_t threads[2];

	atomic_store(&runners, 2);
	for (i = 0; i < 2 - owner_runs; i++)
		SUPPORT_REQUIRE(pthread_create(&threads[i], NULL, free_at_once,
					       crowd[VICTIM]) == 0);
	if (owner_runs)
		free_at_once(crowd[VICTIM]);
	for (i = 0; i < 2 - owner_runs; i++)
		SUPPORT_REQUIRE(pthread_join(threads[i], NULL) == 0);
	for (i = 0; i < 1000 && !crime_is_large(crowd_size); i++)
		SUPPORT_REQUIRE(sa_arena_alloc(vault, crowd_size) != NULL);
	sa_arena_destroy(vault);
}

START_TEST(test_race)
{
	crime_verdict verdict;
	int round, owner_runs;

	make_crowd(freed_sizes[_i]);
	verdict =
		crime_report(SA_ARENA_MISUSE_DOUBLE_FREE, crowd[VICTIM], 0, 0);
	for (round = 0; round < SUPPORT_ROUNDS(10); round++) {
		owner_runs = round % 2;
		crime_commit(commit_race, &owner_runs, &verdict,
			     "size %zu, freed by two threads at once%s",
			     crowd_size, owner_runs ? ", one its maker" : "");
	}
	sa_arena_destroy(vault);
}
END_TEST

/* ------------------------------------------------------ write after free */

/* The slot comes back, among others. */
static void find_by_reuse(sa_arena *arena, void *object, size_t size)
{
	size_t i;

	for (i = 0; i < 10000; i++)
		if (sa_arena_alloc(arena, size) == object)
			return;
	support_give_up(__FILE__, __LINE__, "the slot came back");
}

/* Slots that come and go. */
static void find_by_pairs(sa_arena *arena, void *object, size_t size)
{
	void *other = NULL;
	size_t i;

	for (i = 0; i < 1000000 && other != object; i++) {
		other = sa_arena_alloc(arena, size);
		SUPPORT_REQUIRE(other != NULL);
		sa_arena_free(arena, other);
	}
	SUPPORT_REQUIRE(other == object);
}

static void find_by_trim(sa_arena *arena, void *object, size_t size)
{
	(void)object;
	(void)size;
	SUPPORT_REQUIRE(sa_arena_trim(arena) > 0);
}

static void find_by_trim_at_rest(sa_arena *arena, void *object, size_t size)
{
	rest(SA_ARENA_NOACCESS);
	find_by_trim(arena, object, size);
}

/* Trim looks at what it gives back, so that nothing else may be alive. */
static const struct {
	crime_finder finder;
	void (*history)(void);
} own_finders[] = {
	{{"reuse", find_by_reuse, 0}, free_here},
	{{"reuse of what is freed", find_by_pairs, 0}, free_here},
	{{"reuse after all were freed", find_by_reuse, 0}, free_before_all},
	{{"trim", find_by_trim, 1}, free_before_all},
	{{"trim at rest", find_by_trim_at_rest, 1}, free_before_all},
};
#define OWN_FINDERS SUPPORT_LENGTH(own_finders)
/* Those that every suite has: they look at all, whoever freed it. */
#define SWEEPS (2 * (CRIME_FINDERS - CRIME_SWEEPERS))
#define FINDERS (OWN_FINDERS + SWEEPS)

static const crime_finder *finder_of(size_t row)
{
	if (row < OWN_FINDERS)
		return &own_finders[row].finder;
	return &crime_finders[CRIME_SWEEPERS + (row - OWN_FINDERS) / 2];
}

static void (*history_of(size_t row))(void)
{
	if (row < OWN_FINDERS)
		return own_finders[row].history;
	return (row - OWN_FINDERS) % 2 == 0 ? free_here : free_elsewhere;
}

/* Bytes of a freed slot, and what is written to them. */
typedef struct scrawl {
	size_t finder;
	size_t offset;
	size_t count;
	unsigned char value;
} scrawl;

static void commit_scrawl(void *context)
{
	const scrawl *act = context;
	unsigned char *object = crowd[VICTIM];
	size_t i;

	history_of(act->finder)();
	for (i = 0; i < act->count; i++)
		support_poke(object + act->offset + i, act->value);
	finder_of(act->finder)->find(vault, object, crowd_size);
}

/* The slot is all zero but for its tail, which is there already. */
static size_t first_changed(const scrawl *act)
{
	size_t tail = crime_stride(crowd_size) - TAIL, at = act->offset;

	for (; at < act->offset + act->count; at++)
		if (act->value !=
		    (at < tail ? 0 : support_peek(crowd[VICTIM] + at)))
			return at;
	return SIZE_MAX;
}

static void try_scrawl(scrawl *act)
{
	size_t at = first_changed(act);
	crime_verdict verdict = crime_report(SA_ARENA_MISUSE_WRITE_AFTER_FREE,
					     crowd[VICTIM], 0, (ptrdiff_t)at);

	if (at == SIZE_MAX)
		verdict = crime_unnoticed();
	crime_commit(commit_scrawl, act, &verdict,
		     "size %zu, %zu bytes of %#x written at offset %zu after "
		     "free, found by %s (%zu)",
		     crowd_size, act->count, act->value, act->offset,
		     finder_of(act->finder)->name, act->finder);
}

static void scrawl_at(size_t offset, size_t count)
{
	static const unsigned char values[] = {0, 0xff, 0x01, 0x80};
	scrawl act = {.offset = offset, .count = count};
	size_t i;

	for (act.finder = 0; act.finder < FINDERS; act.finder++)
		for (i = 0; i < SUPPORT_LENGTH(values); i++) {
			act.value = values[i];
			if (!SUPPORT_SLOW ||
			    (act.finder + i + offset) % 11 == 0)
				try_scrawl(&act);
		}
}

/* Single bytes of object, slack and tail; the whole object; the whole slot. */
START_TEST(test_write)
{
	static const size_t sizes[] = {1, 8, 24, 32, 33, 100, 1000, 8184};
	size_t size = sizes[_i], stride;

	make_crowd(size);
	stride = crime_stride(size);
	scrawl_at(0, 1);
	scrawl_at(7, 1);
	scrawl_at(size / 2, 1);
	scrawl_at(size - 1, 1);
	scrawl_at(size, 1);
	scrawl_at(stride - TAIL, 1);
	scrawl_at(stride - 1, 1);
	scrawl_at(0, size);
	scrawl_at(size / 2, stride - size / 2);
	sa_arena_destroy(vault);
}
END_TEST

/* Memory that a reset took back from all slots: what is told is the page. */
static void commit_scrawl_after_reset(void *context)
{
	size_t finder = *(size_t *)context;

	SUPPORT_REQUIRE(sa_arena_reset(vault) == 0);
	support_poke(crowd[VICTIM] + 5, 1);
	crime_finders[finder].find(vault, NULL, 0);
}

START_TEST(test_write_after_reset)
{
	size_t page_size = (size_t)sysconf(_SC_PAGESIZE), finder;
	crime_verdict verdict;
	unsigned char *page;

	make_crowd(32);
	page = crowd[VICTIM] - (uintptr_t)crowd[VICTIM] % page_size;
	if (!support_is_readable(page - 1))
		page += HEAD;
	verdict = crime_report(SA_ARENA_MISUSE_WRITE_AFTER_FREE, page, 0,
			       crowd[VICTIM] + 5 - page);
	for (finder = CRIME_SWEEPERS; finder < CRIME_FINDERS; finder++)
		crime_commit(commit_scrawl_after_reset, &finder, &verdict,
			     "written after a reset, found by %s",
			     crime_finders[finder].name);
	sa_arena_destroy(vault);
}
END_TEST

/* A large object's memory is gone. */
static void commit_scrawl_on_large(void *context)
{
	sa_arena_free(vault, context);
	support_poke((unsigned char *)context + 5, 1);
}

START_TEST(test_write_to_large)
{
	static const size_t sizes[] = {8185, 8192, 65536, LARGE};
	crime_verdict verdict = crime_fault();
	size_t i;

	vault = crime_vault(0);
	for (i = 0; i < SUPPORT_LENGTH(sizes); i++)
		crime_commit(commit_scrawl_on_large,
			     crime_alloc(vault, sizes[i]), &verdict,
			     "written after free, of %zu bytes", sizes[i]);
	sa_arena_destroy(vault);
}
END_TEST

/* ------------------------------------------------------------- suite */

static TCase *add_frees(Suite *suite, const char *name, void (*setup)(void))
{
	TCase *frees = tcase_create(name);

	suite_add_tcase(suite, frees);
	tcase_set_timeout(frees, 60);
	tcase_add_checked_fixture(frees, setup, NULL);
	tcase_add_loop_test(frees, test_again, 0, SUPPORT_LENGTH(freed_sizes));
	tcase_add_loop_test(frees, test_write, 0, 8);
	tcase_add_test(frees, test_write_after_reset);
	tcase_add_test(frees, test_write_to_large);
	return frees;
}

int main(void)
{
	Suite *suite = suite_create("frees");
	TCase *frees = add_frees(suite, "frees", crime_setup_default);

	tcase_add_loop_test(frees, test_race, 0, SUPPORT_LENGTH(freed_sizes));
	add_frees(suite, "frees, single-threaded", crime_setup_single_threaded);
	return crime_run(suite);
}
