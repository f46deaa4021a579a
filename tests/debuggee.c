/* SPDX-License-Identifier: ISC */
/*
 * Mistakes with arena objects, one a run, for memory debuggers to tell of:
 * tests/check-debuggers.sh looks for the names of these functions in reports.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sodium_arena.h"

#ifdef COUNTED
#include <sanitizer/common_interface_defs.h>
#include <signal.h>

void __gcov_dump(void);

static void dump(int number)
{
	signal(number, SIG_DFL);
	__gcov_dump();
}

/* A coverage build's counters are kept, whoever ends this. */
static void keep_counters(void)
{
	__sanitizer_set_death_callback(__gcov_dump);
	signal(SIGABRT, dump);
}
#else
static void keep_counters(void)
{
}
#endif

#define NOINLINE __attribute__((noinline))

static sa_arena *vault;
/* Where objects come from if it is there. */
static sa_pool *pool;
/* Lost by whoever sets it to something else. */
static unsigned char *volatile held;
static volatile unsigned char sink;

/* ------------------------------------------- who the reports have to name */

NOINLINE static unsigned char *allocate_it(size_t size)
{
	unsigned char *object = pool == NULL ? sa_arena_alloc(vault, size)
					     : sa_pool_alloc(pool);

	if (object == NULL)
		exit(77);
	return object;
}

NOINLINE static void release_it(unsigned char *object)
{
	if (pool == NULL)
		sa_arena_free(vault, object);
	else
		sa_pool_free(pool, object);
}

NOINLINE static void read_it(const volatile unsigned char *byte)
{
	sink = *byte;
}

NOINLINE static void write_it(volatile unsigned char *byte)
{
	*byte = 1;
}

/* -------------------------------------------------------------- mistakes */

static void read_behind(void)
{
	read_it(allocate_it(33) + 33);
}

static void write_behind(void)
{
	write_it(allocate_it(33) + 33);
}

/* The oldest of so many that what is known of them has been moved twice. */
static void write_behind_of_many(void)
{
	unsigned char *object = allocate_it(33);

	for (int i = 0; i < 2000; i++)
		allocate_it(33);
	write_it(object + 33);
}

static void write_before(void)
{
	write_it(allocate_it(33) - 1);
}

static void read_freed(void)
{
	unsigned char *object = allocate_it(32);

	release_it(object);
	read_it(object + 5);
}

static void write_freed(void)
{
	unsigned char *object = allocate_it(32);

	release_it(object);
	free(malloc(1));
	/* Of another size: it must not get the slot. */
	allocate_it(300);
	write_it(object + 5);
}

static void free_twice(void)
{
	unsigned char *object = allocate_it(32);

	release_it(object);
	release_it(object);
}

static void free_inside(void)
{
	release_it(allocate_it(32) + 16);
}

static void write_behind_large(void)
{
	write_it(allocate_it(20001) + 20001);
}

static void write_before_large(void)
{
	write_it(allocate_it(20000) - 1);
}

static void read_freed_large(void)
{
	unsigned char *object = allocate_it(20000);

	release_it(object);
	read_it(object + 5);
}

static void free_large_twice(void)
{
	unsigned char *object = allocate_it(20000);

	release_it(object);
	release_it(object);
}

NOINLINE static unsigned char *resize_it(unsigned char *object, size_t size)
{
	return sa_arena_realloc(vault, object, size);
}

static void read_moved(void)
{
	unsigned char *object = allocate_it(32);

	held = resize_it(object, 3000);
	read_it(object + 5);
}

static void read_shrunk(void)
{
	unsigned char *object = resize_it(allocate_it(40), 35);

	read_it(object + 35);
}

static void read_reset(void)
{
	unsigned char *object = allocate_it(32);

	if (sa_arena_reset(vault) != 0)
		exit(77);
	read_it(object);
}

static void read_behind_reopened(void)
{
	unsigned char *object = allocate_it(32);

	if (sa_arena_protect(vault, SA_ARENA_NOACCESS) != 0 ||
	    sa_arena_open(vault, SA_ARENA_READONLY) != 0)
		exit(77);
	read_it(object);
	read_it(object + 32);
}

static void copy_behind(void)
{
	unsigned char *object = allocate_it(24);
	unsigned char *other = allocate_it(24);

	memcpy(object, other, 25 + sink);
}

static void use_pool(size_t size)
{
	pool = sa_pool_create(vault, size, 8);
	if (pool == NULL)
		exit(77);
}

NOINLINE static void end_pool(void)
{
	sa_pool_destroy(pool);
	pool = NULL;
}

static void write_behind_in_pool(void)
{
	use_pool(41);
	write_it(allocate_it(41) + 41);
}

static void read_freed_in_pool(void)
{
	unsigned char *object;

	use_pool(41);
	object = allocate_it(41);
	release_it(object);
	read_it(object + 5);
}

static void free_twice_in_pool(void)
{
	unsigned char *object;

	use_pool(41);
	object = allocate_it(41);
	release_it(object);
	release_it(object);
}

static void read_after_pool(void)
{
	unsigned char *object;

	use_pool(41);
	object = allocate_it(41);
	end_pool();
	read_it(object + 5);
}

NOINLINE static void lose(size_t size)
{
	for (int i = 0; i < 4; i++)
		held = allocate_it(size);
	held = NULL;
}

/* Stale pointers go from the stack. */
NOINLINE static void scrub(void)
{
	volatile unsigned char stack[8192];

	for (size_t i = 0; i < sizeof stack; i++)
		stack[i] = 0;
}

static void leak(void)
{
	lose(200);
	scrub();
}

static void leak_large(void)
{
	lose(20000);
	scrub();
}

/* ------------------------------------------------------------ no mistakes */

static void *use_all(void *unused)
{
	unsigned char *objects[60];

	(void)unused;
	for (size_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < 60; i++) {
			size_t size = i * (i + 1);

			objects[i] = allocate_it(size);
			memset(objects[i], 1, size);
		}
		for (size_t i = 0; i < 60; i++) {
			size_t size = (i * 37) % 9000;

			objects[i] = resize_it(objects[i], size);
			memset(objects[i], 2, size);
		}
		for (size_t i = 0; i < 60; i++)
			release_it(objects[i]);
	}
	return NULL;
}

static void behave(void)
{
	pthread_t threads[2];
	unsigned char *kept;
	char **heap;

	for (size_t i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, use_all, NULL) != 0)
			exit(77);
	use_all(NULL);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	/* A heap block whose only pointer lies in the arena is not lost. */
	heap = (char **)(void *)allocate_it(sizeof *heap);
	*heap = malloc(10);
	held = (unsigned char *)heap;
	kept = allocate_it(32);
	if (sa_arena_check(vault) != 0 ||
	    sa_arena_protect(vault, SA_ARENA_NOACCESS) != 0 ||
	    sa_arena_open(vault, SA_ARENA_READWRITE) != 0)
		exit(1);
	kept[31] = 1;
	release_it(kept);
	sa_arena_trim(vault);
	if (sa_arena_protect(vault, SA_ARENA_READWRITE) != 0)
		exit(1);
	use_all(NULL);
}

static void behave_and_destroy(void)
{
	use_all(NULL);
	allocate_it(40);
	if (sa_arena_reset(vault) != 0)
		exit(1);
	use_all(NULL);
	allocate_it(30000);
	allocate_it(40);
	sa_arena_destroy(vault);
}

static void *use_slots(void *unused)
{
	unsigned char *objects[300];

	(void)unused;
	for (size_t i = 0; i < 300; i++) {
		objects[i] = allocate_it(41);
		memset(objects[i], 1, 41);
	}
	for (size_t i = 0; i < 300; i++)
		release_it(objects[i]);
	return NULL;
}

static void behave_in_pool(void)
{
	pthread_t thread;

	use_pool(41);
	if (pthread_create(&thread, NULL, use_slots, NULL) != 0)
		exit(77);
	use_slots(NULL);
	pthread_join(thread, NULL);
	allocate_it(41);
	if (sa_arena_check(vault) != 0)
		exit(1);
	end_pool();
	use_all(NULL);
}

/* A slot goes from one thread to another; only the library's own lock says in
 * what order. */
static void *write_and_free(void *unused)
{
	(void)unused;
	for (int i = 0; i < 2000; i++) {
		unsigned char *object = allocate_it(48);

		memset(object, i, 48);
		release_it(object);
	}
	return NULL;
}

static unsigned char *volatile passed[500];

static void *free_passed(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < 500; i++)
		release_it(passed[i]);
	return NULL;
}

static void share(void)
{
	pthread_t threads[2];

	for (size_t i = 0; i < 500; i++) {
		passed[i] = allocate_it(48);
		memset(passed[i], 1, 48);
	}
	if (pthread_create(&threads[0], NULL, free_passed, NULL) != 0 ||
	    pthread_create(&threads[1], NULL, write_and_free, NULL) != 0)
		exit(77);
	write_and_free(NULL);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

/* ------------------------------------------------------------------- main */

static const struct deed {
	const char *name;
	void (*commit)(void);
} deeds[] = {
	{"behave", behave},
	{"behave-and-destroy", behave_and_destroy},
	{"behave-in-pool", behave_in_pool},
	{"copy-behind", copy_behind},
	{"free-inside", free_inside},
	{"free-large-twice", free_large_twice},
	{"free-twice", free_twice},
	{"free-twice-in-pool", free_twice_in_pool},
	{"leak", leak},
	{"leak-large", leak_large},
	{"read-after-pool", read_after_pool},
	{"read-behind", read_behind},
	{"read-behind-reopened", read_behind_reopened},
	{"read-freed", read_freed},
	{"read-freed-in-pool", read_freed_in_pool},
	{"read-freed-large", read_freed_large},
	{"read-moved", read_moved},
	{"read-reset", read_reset},
	{"read-shrunk", read_shrunk},
	{"share", share},
	{"write-before", write_before},
	{"write-before-large", write_before_large},
	{"write-behind", write_behind},
	{"write-behind-in-pool", write_behind_in_pool},
	{"write-behind-large", write_behind_large},
	{"write-behind-of-many", write_behind_of_many},
	{"write-freed", write_freed},
};

/* debuggee DEED [single]: the second makes a single-threaded arena. */
int main(int argc, char **argv)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;

	keep_counters();
	options.name = "vault";
	options.mlock = SA_ARENA_MLOCK_BEST_EFFORT;
	if (argc > 2 && strcmp(argv[2], "single") == 0)
		options.flags = SA_ARENA_SINGLE_THREADED;
	vault = sa_arena_create(&options);
	if (vault == NULL)
		return 77;
	for (size_t i = 0; argc > 1 && i < sizeof deeds / sizeof deeds[0]; i++)
		if (strcmp(argv[1], deeds[i].name) == 0) {
			deeds[i].commit();
			return 0;
		}
	fprintf(stderr, "usage: debuggee DEED [single]\n");
	return 2;
}
