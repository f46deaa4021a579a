/* SPDX-License-Identifier: ISC */
/*
 * No secret is left behind: after each way that an object can go, and each
 * call that fails, another process looks for the secret in all memory of this
 * one.  And what is told of misuse tells nothing of what was misused.
 */
#include <config.h>

#include "seeker.h"
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 32
/* Of every kind of slot, and blocks of their own. */
static const size_t sizes[] = {
	8, 31, 32, 100, 247, 1000, 8184, 8185, 20000, 65537,
};

static unsigned flags;
static sa_arena *arena;
/* Of the secret that is in use. */
static uint64_t number;
static int is_seen;

static sa_arena *create_with(sa_arena_options options)
{
	sa_arena *made;

	options.flags = flags;
	made = sa_arena_create(&options);
	SUPPORT_REQUIRE(made != NULL);
	return made;
}

static sa_arena *create(size_t capacity, sa_arena_fork fork)
{
	sa_arena_options options = support_options();

	options.fork = fork;
	options.capacity = capacity;
	return create_with(options);
}

/* Sanitizers map terabytes for their own notes. */
static void setup(void)
{
	is_seen = !SUPPORT_SANITIZED && seeker_start() == 0;
	arena = create(0, SA_ARENA_FORK_INHERIT);
	number = 1;
}

static void setup_default(void)
{
	flags = 0;
	setup();
}

static void setup_single_threaded(void)
{
	flags = SA_ARENA_SINGLE_THREADED;
	setup();
}

static void teardown(void)
{
	sa_arena_destroy(arena);
	if (!SUPPORT_SANITIZED)
		seeker_stop();
}

/* A loop test has a name for all of its rounds. */
#define RETURN_UNLESS_SEEN(test)                                               \
	do {                                                                   \
		if (!is_seen) {                                                \
			support_skip(test,                                     \
				     SUPPORT_SANITIZED                         \
					     ? "a sanitizer's memory is too "  \
					       "much to look through"          \
					     : "no process may look at "       \
					       "another's memory here");       \
			return;                                                \
		}                                                              \
	} while (0)

/* ---------------------------------------------------------------- secrets */

/* A new secret. */
static unsigned char *alloc_in(sa_arena *its, size_t size)
{
	unsigned char *object = sa_arena_alloc(its, size);

	SUPPORT_REQUIRE(object != NULL);
	seeker_write(object, size, ++number);
	return object;
}

/* Amid others, which stay. */
static unsigned char *alloc(size_t size)
{
	unsigned char *object;

	SUPPORT_REQUIRE(sa_arena_alloc(arena, size) != NULL);
	object = alloc_in(arena, size);
	SUPPORT_REQUIRE(sa_arena_alloc(arena, size) != NULL);
	return object;
}

/* No eight bytes of the secret, which had `size`, are anywhere. */
static void require_gone(size_t size)
{
	seeker_traces traces = seeker_search(number, size, NULL, 0);

	SUPPORT_REQUIRE(SUPPORT_COUNTED || traces.outside == 0);
}

/*
 * The secret's first `kept` bytes are here, and nothing of it elsewhere.  What
 * took the place of the rest may by chance begin as that did.
 */
static void require_only(const void *place, size_t kept, size_t size)
{
	size_t chance = kept < size ? 3 : 0;
	seeker_traces traces =
		seeker_search(number, size, place, kept + chance);

	SUPPORT_REQUIRE(traces.inside >= SEEKER_TRACES(kept));
	SUPPORT_REQUIRE(SUPPORT_COUNTED || traces.outside == 0);
}

static void rest(sa_arena_access access)
{
	SUPPORT_REQUIRE(sa_arena_protect(arena, access) == 0);
}

/* --------------------------------------------- that the search finds them */

/* A copy that no compiler does without. */
static void copy_bytes(unsigned char *to, const unsigned char *from,
		       size_t size)
{
	while (size-- > 0)
		support_poke(to + size, support_peek(from + size));
}

START_TEST(test_search)
{
	unsigned char *object, *copy, on_stack[SIZE];
	seeker_traces traces;

	RETURN_UNLESS_SEEN("search");
	copy = malloc(SIZE);
	SUPPORT_REQUIRE(copy != NULL);
	object = alloc(SIZE);
	require_only(object, SIZE, SIZE);
	rest(SA_ARENA_NOACCESS);
	require_only(object, SIZE, SIZE);
	rest(SA_ARENA_READWRITE);

	copy_bytes(copy, object, SIZE);
	traces = seeker_search(number, SIZE, object, SIZE);
	ck_assert_uint_eq(traces.outside, SEEKER_TRACES(SIZE));
	ck_assert_uint_eq(traces.where, (uintptr_t)copy);

	/* A piece of it, at an odd address. */
	sodium_memzero(copy, SIZE);
	copy_bytes(copy + 3, object + 5, SEEKER_TRACE);
	traces = seeker_search(number, SIZE, object, SIZE);
	ck_assert_uint_eq(traces.outside, 1);
	ck_assert_uint_eq(traces.where, (uintptr_t)copy + 3);
	free(copy);

	object = alloc(SIZE);
	require_only(object, SIZE, SIZE);
	copy_bytes(on_stack, object, SIZE);
	traces = seeker_search(number, SIZE, object, SIZE);
	ck_assert_uint_eq(traces.outside, SEEKER_TRACES(SIZE));
	ck_assert_uint_eq(traces.where, (uintptr_t)on_stack);
}
END_TEST

/* ------------------------------------------------------- objects that end */

START_TEST(test_free)
{
	size_t size = sizes[_i];
	unsigned char *object;

	RETURN_UNLESS_SEEN("free");
	object = alloc(size);
	require_only(object, size, size);
	sa_arena_free(arena, object);
	require_gone(size);

	object = alloc(size);
	rest(SA_ARENA_NOACCESS);
	sa_arena_free(arena, object);
	require_gone(size);
}
END_TEST

static void *free_it(void *object)
{
	void *first = sa_arena_alloc(arena, 1);

	SUPPORT_REQUIRE(first != NULL);
	sa_arena_free(arena, first);
	sa_arena_free(arena, object);
	return NULL;
}

static void *use_and_free(void *unused)
{
	unsigned char *object = alloc_in(arena, SIZE);

	(void)unused;
	return free_it(object);
}

static void run(void *(*body)(void *), void *context)
{
	pthread_t thread;

	SUPPORT_REQUIRE(pthread_create(&thread, NULL, body, context) == 0);
	SUPPORT_REQUIRE(pthread_join(thread, NULL) == 0);
}

START_TEST(test_free_elsewhere)
{
	size_t size = sizes[_i];

	RETURN_UNLESS_SEEN("free elsewhere");
	run(free_it, alloc(size));
	require_gone(size);
	run(use_and_free, NULL);
	require_gone(SIZE);
}
END_TEST

/* What is left of the old size, and then nothing. */
static void resize(size_t from, size_t to)
{
	size_t kept = from < to ? from : to;
	unsigned char *object = alloc(from), *resized;

	resized = sa_arena_realloc(arena, object, to);
	SUPPORT_REQUIRE(resized != NULL);
	if (kept >= SEEKER_TRACE)
		require_only(resized, kept, from);
	else
		require_gone(from);
	sa_arena_free(arena, resized);
	require_gone(from);
}

START_TEST(test_realloc)
{
	size_t from = sizes[_i], i;

	RETURN_UNLESS_SEEN("realloc");
	resize(from, 0);
	resize(from, from - 1);
	resize(from, from + 1);
	resize(from, from / 2);
	for (i = 0; i < SUPPORT_LENGTH(sizes); i += 2)
		resize(from, sizes[i]);
}
END_TEST

START_TEST(test_reset)
{
	size_t size = sizes[_i];

	RETURN_UNLESS_SEEN("reset");
	alloc(size);
	SUPPORT_REQUIRE(sa_arena_reset(arena) == 0);
	require_gone(size);
	alloc(size);
	rest(SA_ARENA_NOACCESS);
	SUPPORT_REQUIRE(sa_arena_reset(arena) == 0);
	require_gone(size);
}
END_TEST

START_TEST(test_destroy)
{
	size_t size = sizes[_i];

	RETURN_UNLESS_SEEN("destroy");
	alloc(size);
	sa_arena_destroy(arena);
	require_gone(size);
	arena = create(0, SA_ARENA_FORK_INHERIT);
	alloc(size);
	rest(SA_ARENA_NOACCESS);
	sa_arena_destroy(arena);
	require_gone(size);
	arena = create(0, SA_ARENA_FORK_INHERIT);
}
END_TEST

START_TEST(test_trim)
{
	size_t size = sizes[_i];

	RETURN_UNLESS_SEEN("trim");
	sa_arena_free(arena, alloc(size));
	sa_arena_trim(arena);
	require_gone(size);
}
END_TEST

/* Where there are huge pages, memory that rests again and again moves to them,
 * by way of another place. */
START_TEST(test_rests)
{
	sa_arena_options options = support_options();
	unsigned char *object;
	int round;

	RETURN_UNLESS_SEEN("rests");
	sa_arena_destroy(arena);
	options.reserve = (size_t)8 << 20;
	arena = create_with(options);
	object = alloc(SIZE);
	for (round = 0; round < 5; round++) {
		rest(SA_ARENA_NOACCESS);
		require_only(object, SIZE, SIZE);
		rest(SA_ARENA_READWRITE);
	}
	sa_arena_free(arena, object);
	require_gone(SIZE);
}
END_TEST

/* --------------------------------------------------- copies in and out */

START_TEST(test_take)
{
	size_t size = sizes[_i];
	unsigned char *source, *object;

	RETURN_UNLESS_SEEN("take");
	source = malloc(size);
	SUPPORT_REQUIRE(source != NULL);
	seeker_write(source, size, ++number);
	require_only(source, size, size);
	object = sa_arena_take(arena, source, size);
	SUPPORT_REQUIRE(object != NULL);
	require_only(object, size, size);
	sa_arena_free(arena, object);
	require_gone(size);
	free(source);
}
END_TEST

START_TEST(test_dup)
{
	unsigned char source[SIZE], *object;
	seeker_traces traces;

	RETURN_UNLESS_SEEN("dup");
	seeker_write(source, SIZE, ++number);
	object = sa_arena_dup(arena, source, SIZE);
	SUPPORT_REQUIRE(object != NULL);
	traces = seeker_search(number, SIZE, object, SIZE);
	ck_assert_uint_eq(traces.inside, SEEKER_TRACES(SIZE));
	ck_assert_uint_eq(traces.outside, SEEKER_TRACES(SIZE));
	ck_assert_uint_eq(traces.where, (uintptr_t)source);
	sa_arena_free(arena, object);
	require_only(source, SIZE, SIZE);
}
END_TEST

/* -------------------------------------------------------- calls that fail */

/* All of them have to fail, with that errno. */
static void fail_all(unsigned char *source, unsigned char *object, int error)
{
	SUPPORT_REQUIRE(sa_arena_take(arena, source, SIZE) == NULL);
	SUPPORT_REQUIRE(errno == error);
	require_only(source, SIZE, SIZE);
	SUPPORT_REQUIRE(sa_arena_dup(arena, source, SIZE) == NULL);
	require_only(source, SIZE, SIZE);
	seeker_write(source, SIZE, 0);

	seeker_write(object, SIZE, ++number);
	SUPPORT_REQUIRE(sa_arena_realloc(arena, object, 100) == NULL);
	SUPPORT_REQUIRE(errno == error);
	require_only(object, SIZE, SIZE);
	SUPPORT_REQUIRE(sa_arena_realloc(arena, object, 100000) == NULL);
	require_only(object, SIZE, SIZE);
	SUPPORT_REQUIRE(sa_arena_realloc(arena, object, SIZE_MAX - 5) == NULL);
	require_only(object, SIZE, SIZE);
}

static void fill_up(void)
{
	while (sa_arena_alloc(arena, 100) != NULL)
		continue;
	while (sa_arena_alloc(arena, SIZE) != NULL)
		continue;
	SUPPORT_REQUIRE(errno == ENOSPC);
}

START_TEST(test_full)
{
	unsigned char source[SIZE], *object;

	RETURN_UNLESS_SEEN("full");
	sa_arena_destroy(arena);
	arena = create((size_t)64 << 10, SA_ARENA_FORK_INHERIT);
	object = sa_arena_alloc(arena, SIZE);
	SUPPORT_REQUIRE(object != NULL);
	fill_up();
	seeker_write(source, SIZE, ++number);
	fail_all(source, object, ENOSPC);
	sa_arena_free(arena, object);
	require_gone(SIZE);
}
END_TEST

START_TEST(test_refused)
{
	unsigned char source[SIZE], *object;

	RETURN_UNLESS_SEEN("refused");
	object = alloc(SIZE);
	rest(SA_ARENA_READONLY);
	SUPPORT_REQUIRE(sa_arena_realloc(arena, object, 100) == NULL);
	SUPPORT_REQUIRE(errno == EACCES);
	require_only(object, SIZE, SIZE);
	SUPPORT_REQUIRE(sa_arena_realloc(arena, object, SIZE - 1) == NULL);
	require_only(object, SIZE, SIZE);
	seeker_write(source, SIZE, ++number);
	SUPPORT_REQUIRE(sa_arena_take(arena, source, SIZE) == NULL);
	SUPPORT_REQUIRE(errno == EACCES);
	require_only(source, SIZE, SIZE);
}
END_TEST

/* ------------------------------------------------------------------ fork */

static void find_nothing(void *object)
{
	(void)object;
	require_gone(SIZE);
}

static void find_it_and_free(void *object)
{
	require_only(object, SIZE, SIZE);
	sa_arena_free(arena, object);
	require_gone(SIZE);
}

START_TEST(test_fork)
{
	static const sa_arena_fork policies[] = {SA_ARENA_FORK_INHERIT,
						 SA_ARENA_FORK_EXCLUDE,
						 SA_ARENA_FORK_WIPE};
	unsigned char *object;

	RETURN_UNLESS_SEEN("fork");
	if (policies[_i] != SA_ARENA_FORK_INHERIT && !support_takes_advice()) {
		support_skip("fork", "no advice is taken here");
		return;
	}
	sa_arena_destroy(arena);
	arena = create(0, policies[_i]);
	object = alloc(SIZE);
	support_assert_passes(policies[_i] == SA_ARENA_FORK_INHERIT
				      ? find_it_and_free
				      : find_nothing,
			      object);
	require_only(object, SIZE, SIZE);
}
END_TEST

/* ---------------------------------------------------------------- misuse */

/* Where the secret is when the process ends; NULL: nowhere. */
static const void *last_place;

static void look_around(const sa_arena_misuse *misuse, void *context)
{
	(void)misuse;
	(void)context;
	if (last_place == NULL)
		require_gone(SIZE);
	else
		require_only(last_place, SIZE, SIZE);
}

static void overflow(unsigned char *object)
{
	support_flip(object + SIZE);
	sa_arena_free(arena, object);
}

static void overflow_and_move(unsigned char *object)
{
	support_flip(object + SIZE);
	SUPPORT_REQUIRE(sa_arena_realloc(arena, object, SIZE - 1) != NULL);
}

static void overflow_and_check(unsigned char *object)
{
	support_flip(object + SIZE);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
}

static void overflow_and_destroy(unsigned char *object)
{
	support_flip(object + SIZE);
	sa_arena_destroy(arena);
}

static void underflow(unsigned char *object)
{
	support_flip(object - 1);
	sa_arena_free(arena, object);
}

static void free_inside(unsigned char *object)
{
	sa_arena_free(arena, object + 1);
}

static void free_twice(unsigned char *object)
{
	sa_arena_free(arena, object);
	sa_arena_free(arena, object);
}

static void write_after_free(unsigned char *object)
{
	sa_arena_free(arena, object);
	support_poke(object, 1);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
}

static const struct {
	void (*commit)(unsigned char *object);
	int outlives; /* the object is still there */
} crimes[] = {
	{overflow, 1},   {overflow_and_move, 1},    {overflow_and_check, 1},
	{underflow, 1},  {overflow_and_destroy, 1}, {free_inside, 1},
	{free_twice, 0}, {write_after_free, 0},
};

static void commit_watched(void *context)
{
	size_t crime = *(size_t *)context;
	unsigned char *object = alloc(SIZE);

	last_place = crimes[crime].outlives ? object : NULL;
	sa_arena_set_misuse_handler(look_around, NULL);
	crimes[crime].commit(object);
}

START_TEST(test_misuse)
{
	size_t crime = (size_t)_i;
	support_end end;

	RETURN_UNLESS_SEEN("misuse");
	support_child(commit_watched, &crime, &end);
	ck_assert_msg(end.signal == SIGABRT, "status %d: %s", end.status,
		      end.text);
	ck_assert_str_eq(end.text, "");
}
END_TEST

/* ------------------------------------------------------------- messages */

#define CANARY 8

/* A text, too, could have these four bytes. */
static int is_text(const unsigned char *bytes)
{
	int count = 0;

	for (size_t i = 0; i < 4; i++)
		count += (bytes[i] >= ' ' && bytes[i] <= '~') ||
			 bytes[i] == '\n';
	return count == 4;
}

/* Something is told of it, with its canaries, by chance: by words, or by its
 * address. */
static int is_told_by_chance(const unsigned char *object)
{
	const unsigned char *bytes = object - CANARY;
	const size_t size = CANARY + SIZE + CANARY;
	char address[64];

	for (size_t i = 0; i + 4 <= size; i++)
		if (is_text(bytes + i))
			return 1;
	snprintf(address, sizeof address, "%p %p", (const void *)object,
		 (const void *)(object + 1));
	return seeker_text_tells(address, bytes, size);
}

/* What is told of it is no chance. */
static unsigned char *alloc_unlike_text(void)
{
	unsigned char *object;

	do
		object = alloc(SIZE);
	while (is_told_by_chance(object));
	return object;
}

static unsigned char *told_object;

static void commit_told(void *context)
{
	crimes[*(size_t *)context].commit(told_object);
}

/* Neither of the secret nor of the canaries that guard it. */
START_TEST(test_report)
{
	size_t crime = (size_t)_i;
	support_end end;

	told_object = alloc_unlike_text();
	support_child(commit_told, &crime, &end);
	ck_assert_int_eq(end.signal, SIGABRT);
	ck_assert_uint_gt(strlen(end.text), 0);
	ck_assert(!seeker_text_tells(end.text, told_object, SIZE));
	ck_assert(!seeker_text_tells(end.text, told_object + SIZE, CANARY));
	ck_assert(!seeker_text_tells(end.text, told_object - CANARY, CANARY));
}
END_TEST

START_TEST(test_text)
{
	unsigned char bytes[SIZE];
	char text[100];

	seeker_write(bytes, SIZE, ++number);
	snprintf(text, sizeof text, "at %02x%02x%02x%02x", bytes[9], bytes[10],
		 bytes[11], bytes[12]);
	ck_assert(seeker_text_tells(text, bytes, SIZE));
	snprintf(text, sizeof text, "at %02x%02x%02x%02x", bytes[4], bytes[3],
		 bytes[2], bytes[1]);
	ck_assert(seeker_text_tells(text, bytes, SIZE));
	ck_assert(seeker_text_tells("a plain secret", "plain", 5));
	ck_assert(!seeker_text_tells("a plain secret", "plane", 5));
}
END_TEST

START_TEST(test_statistics)
{
	unsigned char *object = alloc_unlike_text();
	char text[4096] = "";
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(sa_arena_stats_print(arena, fds[1]), 0);
	ck_assert_int_gt(read(fds[0], text, sizeof text - 1), 0);
	ck_assert(!seeker_text_tells(text, object, SIZE));
	ck_assert(!seeker_text_tells(text, object + SIZE, CANARY));
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* ------------------------------------------------------------- suite */

static void add_residue(Suite *suite, const char *name, void (*kind)(void))
{
	TCase *residue = tcase_create(name);
	int count = SUPPORT_LENGTH(sizes);

	suite_add_tcase(suite, residue);
	tcase_set_timeout(residue, 60);
	tcase_add_checked_fixture(residue, kind, teardown);
	tcase_add_test(residue, test_search);
	tcase_add_loop_test(residue, test_free, 0, count);
	tcase_add_loop_test(residue, test_free_elsewhere, 0, count);
	tcase_add_loop_test(residue, test_realloc, 0, count);
	tcase_add_loop_test(residue, test_reset, 0, count);
	tcase_add_loop_test(residue, test_destroy, 0, count);
	tcase_add_loop_test(residue, test_trim, 0, count);
	tcase_add_loop_test(residue, test_take, 0, count);
	tcase_add_test(residue, test_rests);
	tcase_add_test(residue, test_dup);
	tcase_add_test(residue, test_full);
	tcase_add_test(residue, test_refused);
	tcase_add_loop_test(residue, test_fork, 0, 3);
	tcase_add_loop_test(residue, test_misuse, 0, SUPPORT_LENGTH(crimes));
	tcase_add_loop_test(residue, test_report, 0, SUPPORT_LENGTH(crimes));
	tcase_add_test(residue, test_text);
	tcase_add_test(residue, test_statistics);
}

int main(void)
{
	Suite *suite = suite_create("residue");

	if (SUPPORT_COUNTED)
		support_skip("residue", "counters take registers: the calls "
					"are made, nothing is looked for");
	add_residue(suite, "residue", setup_default);
	add_residue(suite, "residue, single-threaded", setup_single_threaded);
	return support_run(suite);
}
