/* SPDX-License-Identifier: ISC */
/*
 * The kernel refuses one call on memory after another, to the library and to
 * libsodium, in everything that an arena does: no object is lost, nothing is
 * half done, nothing leaks, and the caller is told.
 */
#include <config.h>

#include "annotate.h"
#include "arena.h"
#include "faults.h"
#include "growth.h"
#include "os.h"
#include "region.h"
#include "support.h"
#include "world.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

/* No scenario makes so many. */
enum { NEVER_MET = 1000000 };

typedef struct trial trial;

/* Arms by arm() and ends disarmed, with no arena left. */
typedef void (*scenario)(trial *t);

struct trial {
	scenario run;
	sa_arena_options options;
	int parameter;
	size_t first;
	faults_mode mode;
	size_t met; /* calls that could have failed */
};

static world w;

/* ---------------------------------------------------------- bystander */

/* Another thread with objects in the arena, so that stopping takes a call. */
static sem_t wanted, granted;
static void *bystanders_object;

static void *stand_by(void *unused)
{
	SUPPORT_REQUIRE(unused == NULL);
	for (;;) {
		SUPPORT_REQUIRE(sem_wait(&wanted) == 0);
		bystanders_object = sa_arena_alloc(w.arena, 40);
		SUPPORT_REQUIRE(sem_post(&granted) == 0);
	}
	return NULL;
}

static void hire_bystander(void)
{
	pthread_t thread;

	SUPPORT_REQUIRE(sem_init(&wanted, 0, 0) == 0);
	SUPPORT_REQUIRE(sem_init(&granted, 0, 0) == 0);
	SUPPORT_REQUIRE(pthread_create(&thread, NULL, stand_by, NULL) == 0);
}

/* It takes part, and gives back what it took. */
static void involve_bystander(void)
{
	SUPPORT_REQUIRE(sem_post(&wanted) == 0);
	SUPPORT_REQUIRE(sem_wait(&granted) == 0);
	SUPPORT_REQUIRE(bystanders_object != NULL);
	sa_arena_free(w.arena, bystanders_object);
}

/* -------------------------------------------------------------- trials */

static void arm(trial *t)
{
	w.may_tear = t->mode != FAULTS_ONCE;
	faults_arm(t->first, t->mode);
}

static void disarm(trial *t)
{
	faults_disarm();
	if (faults_met() > t->met)
		t->met = faults_met();
}

/* A small arena of several regions, and two large objects. */
static void begin_world(const trial *t)
{
	SUPPORT_REQUIRE(world_create(&w, &t->options) == 0);
	involve_bystander();
	world_fill(&w, 24, 2000);
	world_fill(&w, 1, 9000);
	world_fill(&w, 1, 20000);
}

typedef struct footprint {
	size_t mappings, locked;
} footprint;

/* Valgrind maps memory of its own. */
static footprint take_footprint(void)
{
	return (footprint){support_under_valgrind() ? 0
						    : support_mapping_count(),
			   support_locked_size()};
}

/* No secret of the world's stands in what could not be unmapped. */
static void require_no_secrets_left(void)
{
	unsigned char needle[16];
	size_t i;

	for (i = 0; i < WORLD_OBJECTS && w.objects[i].seed != 0; i++) {
		support_fill(needle, sizeof needle, w.objects[i].seed);
		SUPPORT_REQUIRE(!faults_left_holds(needle, sizeof needle));
	}
}

static void require_nothing_left(const footprint *before, faults_mode mode)
{
	faults_left left = faults_left_now();
	footprint after = take_footprint();

	SUPPORT_REQUIRE(left.unexplained == 0);
	SUPPORT_REQUIRE(after.locked <= before->locked + left.size);
	if (left.size == 0) {
		SUPPORT_REQUIRE(after.locked == before->locked);
		SUPPORT_REQUIRE(after.mappings == before->mappings);
	} else if (mode != FAULTS_ONWARD) {
		/* Refused everything, one can neither wipe nor unmap. */
		require_no_secrets_left();
	}
}

/* The process is as good as new. */
static void live_on(const trial *t)
{
	SUPPORT_REQUIRE(world_create(&w, &t->options) == 0);
	involve_bystander();
	world_fill(&w, 4, 100);
	SUPPORT_REQUIRE(world_check(&w) == 0);
	world_destroy(&w);
}

static void run_trial(void *context)
{
	trial *t = context;
	footprint before;

	hire_bystander();
	before = take_footprint();
	faults_watch();
	t->run(t);
	require_nothing_left(&before, t->mode);
	live_on(t);
}

/* 1 if there was a call to refuse. */
static int fail_one(trial *t)
{
	support_end end;

	t->met = 0;
	support_child(run_trial, t, &end);
	ck_assert_msg(end.status == 0,
		      "parameter %d, mode %d, call %zu of %zu: "
		      "status %d, signal %d: %s",
		      t->parameter, (int)t->mode, t->first, t->met, end.status,
		      end.signal, end.text);
	return t->met >= t->first;
}

/* Every call fails once, from then on, and from then on for all its kind; under
 * Valgrind there is no time for all calls. */
static void fail_each(trial *t, size_t least)
{
	for (t->mode = FAULTS_ONCE; t->mode < FAULTS_MODES; t->mode++) {
		t->first = 1;
		while (fail_one(t))
			t->first += support_under_valgrind() ? 31 : 1;
		ck_assert_uint_gt(t->first, least);
	}
}

/* Proves nothing unless `least` calls are met. */
static void try(scenario run, const sa_arena_options *options, int parameter,
		size_t least)
{
	trial *t;

	if (SUPPORT_SANITIZED) {
		support_skip("faults", "sanitizers define the same functions");
		return;
	}
	if (!support_can_lock(16 * MIB)) {
		support_skip("faults", "too little may be locked");
		return;
	}
	t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(t, MAP_FAILED);
	*t = (trial){.run = run, .options = *options, .parameter = parameter};
	/* Once for what libc and libsodium keep. */
	sa_arena_destroy(support_arena_create());
	take_footprint();
	fail_each(t, least);
	ck_assert_int_eq(munmap(t, sizeof *t), 0);
}

/* ------------------------------------------------------- interposition */

/* What is not reached proves nothing: libsodium's own calls are met. */
START_TEST(test_reaches_libsodium)
{
	static const faults_call calls[] = {FAULTS_MMAP,    FAULTS_MPROTECT,
					    FAULTS_MADVISE, FAULTS_MLOCK,
					    FAULTS_MUNLOCK, FAULTS_MUNMAP};
	size_t i;

	if (SUPPORT_SANITIZED)
		return;
	ck_assert_int_ge(sodium_init(), 0);
	faults_arm(NEVER_MET, FAULTS_ONCE);
	sodium_free(sodium_malloc(100));
	faults_disarm();
	for (i = 0; i < SUPPORT_LENGTH(calls); i++)
		ck_assert_uint_gt(faults_met_of(calls[i]), 0);
	faults_arm(1, FAULTS_ONCE);
	ck_assert_ptr_null(sodium_malloc(100));
	ck_assert_uint_eq(faults_failed(), 1);
	faults_disarm();
}
END_TEST

/* And calls through syscall(). */
START_TEST(test_reaches_syscalls)
{
	trial t = {.options = SA_ARENA_OPTIONS_INIT, .first = NEVER_MET};
	int status;

	if (SUPPORT_SANITIZED || !support_can_lock(16 * MIB))
		return;
	hire_bystander();
	begin_world(&t);
	arm(&t);
	ck_assert_int_eq(sa_arena_protect(w.arena, SA_ARENA_NOACCESS), 0);
	if (fork() == 0)
		support_leave(faults_met_of(FAULTS_MLOCK2) > 0 ? 0 : 1);
	/* With locks for a tool to see it needs none. */
	ck_assert(sa_annotate_is_on() || faults_met_of(FAULTS_MEMBARRIER) > 0);
	ck_assert_int_ge(wait(&status), 0);
	ck_assert_int_eq(status, 0);
	disarm(&t);
	world_destroy(&w);
}
END_TEST

/* ------------------------------------------------------------ scenarios */

static const sa_arena_options variants[] = {
	{sizeof(sa_arena_options), "kept", 0, 0, SA_ARENA_MLOCK_REQUIRED,
	 SA_ARENA_FORK_INHERIT, 0},
	{sizeof(sa_arena_options), "left out", 0, 0, SA_ARENA_MLOCK_REQUIRED,
	 SA_ARENA_FORK_EXCLUDE, 0},
	{sizeof(sa_arena_options), "wiped", 0, 0, SA_ARENA_MLOCK_BEST_EFFORT,
	 SA_ARENA_FORK_WIPE, 0},
};

static void create(trial *t)
{
	int result;

	arm(t);
	result = world_create(&w, &t->options);
	disarm(t);
	if (result != 0)
		return;
	world_fill(&w, 20, 1000);
	world_prove(&w);
	world_destroy(&w);
}

START_TEST(test_create)
{
	try(create, &variants[_i], _i, 15);
}
END_TEST

/* Several regions, in blocks of 2 MiB too. */
START_TEST(test_create_with_reserve)
{
	sa_arena_options options = variants[0];

	options.reserve = 2 * MIB;
	try(create, &options, 0, 20);
}
END_TEST

static void grow(trial *t)
{
	size_t i;

	begin_world(t);
	arm(t);
	for (i = 0; i < 24; i++)
		world_alloc(&w, 8000);
	disarm(t);
	world_prove(&w);
	world_destroy(&w);
}

START_TEST(test_grow)
{
	try(grow, &variants[0], 0, 10);
}
END_TEST

/* Objects of the world: the first large one comes after 24 others. */
enum { SMALL = 0, LARGE = 24 };

static void use_large_objects(trial *t)
{
	begin_world(t);
	arm(t);
	world_alloc(&w, 10000);
	world_realloc(&w, LARGE, 30000);
	world_realloc(&w, SMALL, 12000);
	world_realloc(&w, w.count - 1, 100);
	world_free(&w, LARGE);
	world_free(&w, w.count - 1);
	disarm(t);
	world_prove(&w);
	world_destroy(&w);
}

START_TEST(test_large_objects)
{
	try(use_large_objects, &variants[0], 0, 30);
}
END_TEST

/* What metadata have left is taken, so that each part of an object's making in
 * turn has to ask for more. */
static void use_up_metadata(void)
{
	w.arena->meta.next = w.arena->meta.end;
}

static void alloc_without_metadata(trial *t)
{
	begin_world(t);
	world_free(&w, LARGE);
	arm(t);
	use_up_metadata();
	/* A descriptor is there, but no leaf of the page map. */
	world_alloc(&w, 3 * MIB);
	use_up_metadata();
	world_alloc(&w, 9000);
	use_up_metadata();
	world_alloc(&w, 9000);
	disarm(t);
	world_prove(&w);
	world_destroy(&w);
}

START_TEST(test_metadata)
{
	try(alloc_without_metadata, &variants[0], 0, 20);
}
END_TEST

static void close_if_open(size_t holders, sa_arena_access access)
{
	if (holders > 0)
		world_close(&w, access);
}

static void open_and_close(void)
{
	world_open(&w, SA_ARENA_READONLY);
	world_open(&w, SA_ARENA_READWRITE);
	close_if_open(w.holders.writers, SA_ARENA_READWRITE);
	close_if_open(w.holders.readers, SA_ARENA_READONLY);
}

static void change_access(trial *t)
{
	arm(t);
	world_protect(&w, SA_ARENA_NOACCESS);
	open_and_close();
	world_protect(&w, SA_ARENA_READONLY);
	world_protect(&w, SA_ARENA_READWRITE);
	world_alloc(&w, 50);
	world_protect(&w, SA_ARENA_NOACCESS);
	disarm(t);
	world_prove(&w);
	/* Nothing stays torn. */
	SUPPORT_REQUIRE(world_protect(&w, SA_ARENA_READWRITE) == 0);
	SUPPORT_REQUIRE(world_alloc(&w, 50) == 0);
	world_destroy(&w);
}

static void change_access_of_few(trial *t)
{
	begin_world(t);
	change_access(t);
}

START_TEST(test_access)
{
	try(change_access_of_few, &variants[0], 0, 20);
}
END_TEST

/* Regions large enough for huge pages, which closing may move to them. */
static void change_access_of_many(trial *t)
{
	SUPPORT_REQUIRE(world_create(&w, &t->options) == 0);
	involve_bystander();
	world_fill(&w, 2, 1000);
	change_access(t);
}

START_TEST(test_access_of_many)
{
	sa_arena_options options = variants[0];

	options.reserve = 4 * MIB;
	try(change_access_of_many, &options, 0, 10);
}
END_TEST

static void close_held(size_t index, sa_arena_access access)
{
	const world_holders *holders = &w.objects[index].region->holders;

	if ((access == SA_ARENA_READWRITE ? holders->writers
					  : holders->readers) > 0)
		world_close_object(&w, index, access);
}

static void open_objects(trial *t)
{
	begin_world(t);
	SUPPORT_REQUIRE(world_protect(&w, SA_ARENA_NOACCESS) == 0);
	arm(t);
	world_open_object(&w, SMALL, SA_ARENA_READONLY);
	world_open_object(&w, SMALL, SA_ARENA_READWRITE);
	world_open_object(&w, LARGE, SA_ARENA_READWRITE);
	open_and_close();
	world_check(&w);
	world_protect(&w, SA_ARENA_READONLY);
	close_held(SMALL, SA_ARENA_READWRITE);
	close_held(LARGE, SA_ARENA_READWRITE);
	close_held(SMALL, SA_ARENA_READONLY);
	world_open_object(&w, LARGE - 1, SA_ARENA_READWRITE);
	close_held(LARGE - 1, SA_ARENA_READWRITE);
	disarm(t);
	world_prove(&w);
	world_destroy(&w);
}

START_TEST(test_open_object)
{
	try(open_objects, &variants[0], 0, 20);
}
END_TEST

/* Free, check, trim and reset open what rests, and close it again. */
static void sweep_at_rest(trial *t)
{
	sa_arena_access access = (sa_arena_access)t->parameter;

	begin_world(t);
	SUPPORT_REQUIRE(world_protect(&w, access) == 0);
	arm(t);
	world_free(&w, SMALL);
	world_free(&w, LARGE - 1);
	world_check(&w);
	world_trim(&w);
	world_reset(&w);
	world_trim(&w);
	disarm(t);
	/* Nobody is held back for ever. */
	SUPPORT_REQUIRE(!w.arena->is_held);
	world_prove(&w);
	world_destroy(&w);
}

START_TEST(test_sweeps)
{
	try(sweep_at_rest, &variants[0], _i,
	    _i == SA_ARENA_READWRITE ? 20 : 40);
}
END_TEST

/* ----------------------------------------------------------------- fork */

/* A child may have less: what it is refused, and nothing of its objects. */
static void be_child_with_copy(void)
{
	int may_have_more = sa_arena_alloc(w.arena, 100) != NULL;

	SUPPORT_REQUIRE(may_have_more || errno == EPERM || errno == ENOMEM);
	w.seeds++;
	SUPPORT_REQUIRE(support_is_filled(w.objects[0].bytes, w.objects[0].size,
					  w.objects[0].seed));
	SUPPORT_REQUIRE(sa_arena_check(w.arena) == 0 || errno == ENOMEM ||
			errno == EPERM);
	sa_arena_free(w.arena, w.objects[LARGE].bytes);
	sa_arena_free(w.arena, w.objects[SMALL].bytes);
}

static void be_child_left_out(void)
{
	errno = 0;
	SUPPORT_REQUIRE(sa_arena_alloc(w.arena, 100) == NULL);
	SUPPORT_REQUIRE(errno == EACCES);
	SUPPORT_REQUIRE(!support_is_readable(w.objects[0].bytes));
	sa_arena_free(w.arena, w.objects[LARGE].bytes);
	sa_arena_free(w.arena, w.objects[SMALL].bytes);
}

static void be_child_wiped(void)
{
	unsigned char *object;

	SUPPORT_REQUIRE(support_stats(w.arena).live_count == 0);
	object = sa_arena_alloc(w.arena, 100);
	SUPPORT_REQUIRE(object == NULL ? errno == EPERM || errno == ENOMEM
				       : support_is_zero(object, 100));
}

static void be_child(trial *t)
{
	faults_left left;

	switch (t->options.fork) {
	case SA_ARENA_FORK_INHERIT:
		be_child_with_copy();
		break;
	case SA_ARENA_FORK_EXCLUDE:
		be_child_left_out();
		break;
	case SA_ARENA_FORK_WIPE:
		be_child_wiped();
		break;
	}
	world_destroy(&w);
	disarm(t);
	left = faults_left_now();
	SUPPORT_REQUIRE(left.unexplained == 0);
	SUPPORT_REQUIRE(support_locked_size() <= left.size);
	support_leave(0);
}

static void split(trial *t)
{
	int status;
	pid_t pid;

	begin_world(t);
	arm(t);
	pid = fork();
	if (pid == 0)
		be_child(t);
	SUPPORT_REQUIRE(pid > 0);
	world_alloc(&w, 100);
	faults_disarm();
	SUPPORT_REQUIRE(waitpid(pid, &status, 0) == pid);
	SUPPORT_REQUIRE(status == 0);
	/* The child has told what it met. */
	disarm(t);
	world_prove(&w);
	world_destroy(&w);
}

START_TEST(test_fork)
{
	try(split, &variants[_i], _i, 3);
}
END_TEST

/* An arena without memory: the key's page is all that the child has to lock,
 * and that is refused. */
static void split_empty(void *unused)
{
	sa_arena *arena = sa_arena_create(NULL);
	int status;
	pid_t pid;

	(void)unused;
	SUPPORT_REQUIRE(arena != NULL && sa_arena_trim(arena) != 0);
	faults_arm(1, FAULTS_ONWARD);
	pid = fork();
	faults_disarm();
	if (pid == 0) {
		SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) == NULL);
		SUPPORT_REQUIRE(errno == EPERM);
		sa_arena_destroy(arena);
		support_leave(0);
	}
	SUPPORT_REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
	SUPPORT_REQUIRE(status == 0);
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 32) != NULL);
	sa_arena_destroy(arena);
}

/* No canary is made in a child by a key that could not be locked there. */
START_TEST(test_key_of_child)
{
	if (SUPPORT_SANITIZED || !support_can_lock(MIB))
		support_skip("key_of_child", "nothing can be locked here");
	else
		support_assert_passes(split_empty, NULL);
}
END_TEST

#ifdef SYS_mlock2

/* What could not be closed again is closed by the next change, even to the
 * access in force. */
static void be_child_at_rest(const trial *t)
{
	bool has_copy = t->options.fork == SA_ARENA_FORK_INHERIT;

	SUPPORT_REQUIRE(sa_arena_current_access(w.arena) == SA_ARENA_NOACCESS);
	SUPPORT_REQUIRE(sa_arena_protect(w.arena, SA_ARENA_NOACCESS) == 0);
	/* Wiped, large objects are gone, if only their content. */
	for (size_t i = 0; i < (has_copy ? w.count : LARGE); i++)
		SUPPORT_REQUIRE(!support_is_readable(w.objects[i].bytes));
	SUPPORT_REQUIRE(sa_arena_protect(w.arena, SA_ARENA_READWRITE) == 0);
	SUPPORT_REQUIRE(sa_arena_check(w.arena) == 0);
	world_destroy(&w);
	support_leave(0);
}

/* Without mlock2(), if that can be refused, regions are opened to be locked. */
static void split_at_rest(trial *t)
{
	int status;
	pid_t pid;

	(void)support_refuse_call(SYS_mlock2, ENOSYS);
	begin_world(t);
	SUPPORT_REQUIRE(world_protect(&w, SA_ARENA_NOACCESS) == 0);
	arm(t);
	pid = fork();
	if (pid == 0) {
		disarm(t);
		be_child_at_rest(t);
	}
	disarm(t);
	SUPPORT_REQUIRE(pid > 0);
	SUPPORT_REQUIRE(waitpid(pid, &status, 0) == pid);
	SUPPORT_REQUIRE(status == 0);
	world_prove(&w);
	world_destroy(&w);
}

START_TEST(test_fork_at_rest)
{
	try(split_at_rest, &variants[_i * 2], _i, 5);
}
END_TEST

/* mlock2(), mlock() of what may not be read; it is opened; both again; and it
 * is closed. */
enum { LOCK_CALLS = 6 };

static void lock_at_rest(sa_region *region, size_t first)
{
	bool stays_open = first == LOCK_CALLS;

	region->locked = true;
	faults_arm(first, FAULTS_ONCE);
	SUPPORT_REQUIRE(sa_region_after_fork(region) == (stays_open ? -1 : 0));
	faults_disarm();
	SUPPORT_REQUIRE(region->locked == (first != 3 && first != 5));
	SUPPORT_REQUIRE(region->access ==
			(stays_open ? SA_ARENA_READONLY : SA_ARENA_NOACCESS));
	SUPPORT_REQUIRE(support_is_readable(region->start) == stays_open);
	SUPPORT_REQUIRE(sa_region_set_access(region, SA_ARENA_NOACCESS) == 0);
}

static void lock_without_mlock2(void *unused)
{
	size_t size = 16 * (size_t)sysconf(_SC_PAGESIZE);
	sa_region region;

	(void)unused;
	if (support_refuse_call(SYS_mlock2, ENOSYS) != 0)
		support_leave(SUPPORT_CANNOT_TELL);
	SUPPORT_REQUIRE(sa_region_create(&region, size, 0,
					 SA_ARENA_MLOCK_REQUIRED,
					 SA_ARENA_FORK_INHERIT) == 0);
	SUPPORT_REQUIRE(sa_region_set_access(&region, SA_ARENA_NOACCESS) == 0);
	lock_at_rest(&region, NEVER_MET);
	SUPPORT_REQUIRE(faults_met() == LOCK_CALLS);
	for (size_t first = 1; first <= LOCK_CALLS; first++)
		lock_at_rest(&region, first);
	SUPPORT_REQUIRE(sa_region_destroy(&region) == 0);
}

START_TEST(test_lock_at_rest)
{
	if (SUPPORT_SANITIZED || !support_can_lock(MIB)) {
		support_skip("lock_at_rest", "nothing can be locked here");
		return;
	}
	ck_assert_int_ge(sodium_init(), 0);
	sa_os_start();
	support_assert_passes_or_skip("lock_at_rest", lock_without_mlock2,
				      NULL);
}
END_TEST

#endif

/* -------------------------------------------------------------- destroy */

static void destroy(trial *t)
{
	begin_world(t);
	SUPPORT_REQUIRE(world_protect(&w, (sa_arena_access)t->parameter) == 0);
	if (t->parameter == SA_ARENA_NOACCESS)
		SUPPORT_REQUIRE(
			world_open_object(&w, SMALL, SA_ARENA_READWRITE) == 0);
	arm(t);
	world_destroy(&w);
	disarm(t);
}

START_TEST(test_destroy)
{
	try(destroy, &variants[0], _i, 20);
}
END_TEST

/* What can be neither opened nor unmapped any more holds no secret. */
static void assert_emptied(sa_arena_access access)
{
	size_t size = 16 * (size_t)sysconf(_SC_PAGESIZE);
	sa_region region;
	unsigned char *start;

	SUPPORT_REQUIRE(sa_region_create(&region, size, 0,
					 SA_ARENA_MLOCK_BEST_EFFORT,
					 SA_ARENA_FORK_INHERIT) == 0);
	start = region.start;
	memset(start + SA_REGION_HEAD, 0xa5, size - SA_REGION_HEAD);
	SUPPORT_REQUIRE(sa_region_set_access(&region, access) == 0);
	faults_arm(1, FAULTS_CLOSED);
	SUPPORT_REQUIRE(sa_region_destroy(&region) == -1);
	faults_disarm();
	SUPPORT_REQUIRE(faults_failed() == 3);
	SUPPORT_REQUIRE(mprotect(start, size, PROT_READ | PROT_WRITE) == 0);
	SUPPORT_REQUIRE(support_is_zero(start, size));
	SUPPORT_REQUIRE(munmap(start, size) == 0);
}

START_TEST(test_neither_opened_nor_unmapped)
{
	if (SUPPORT_SANITIZED)
		return;
	ck_assert_int_ge(sodium_init(), 0);
	sa_os_start();
	assert_emptied(SA_ARENA_NOACCESS);
	assert_emptied(SA_ARENA_READONLY);
}
END_TEST

/* 1 if there was a call to refuse. */
static int create_refused(size_t first)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 4 * page;
	sa_region region;
	int result;

	faults_arm(first, FAULTS_ONCE);
	result = sa_region_create(&region, size, 0, SA_ARENA_MLOCK_BEST_EFFORT,
				  SA_ARENA_FORK_INHERIT);
	faults_disarm();
	if (result == 0) {
		ck_assert(!support_is_writable(region.start - 2 * page));
		ck_assert(!support_is_readable(region.start - page));
		ck_assert(support_is_writable(region.start));
		ck_assert(!support_is_readable(region.start + size));
		ck_assert_int_eq(sa_region_destroy(&region), 0);
	}
	return faults_failed() != 0;
}

/* Whatever libsodium was refused and did not tell, around the memory all is as
 * it should be. */
START_TEST(test_around)
{
	size_t first = 1;

	if (SUPPORT_SANITIZED)
		return;
	ck_assert_int_ge(sodium_init(), 0);
	sa_os_start();
	while (create_refused(first))
		first++;
	ck_assert_uint_gt(first, 8);
}
END_TEST

/* A region as it is in the child of a fork, with what is mapped watched. */
static unsigned char *watch_region(sa_region *region, size_t size,
				   sa_arena_fork policy, sa_region_state state)
{
	ck_assert_int_ge(sodium_init(), 0);
	sa_os_start();
	faults_watch();
	ck_assert_int_eq(sa_region_create(region, size, 0,
					  SA_ARENA_MLOCK_BEST_EFFORT, policy),
			 0);
	region->state = state;
	return region->start;
}

/* A WIPED region that cannot be unmapped at once goes without its guards. */
START_TEST(test_unmapped_in_parts)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	sa_region region;
	unsigned char *start;

	if (SUPPORT_SANITIZED)
		return;
	start = watch_region(&region, 4 * page, SA_ARENA_FORK_WIPE,
			     SA_REGION_WIPED);
	faults_arm(1, FAULTS_ONCE);
	ck_assert_int_eq(sa_region_destroy(&region), 0);
	faults_disarm();
	ck_assert_uint_eq(faults_failed(), 1);
	ck_assert(!support_is_readable(start));
	ck_assert_uint_eq(faults_left_now().size, 3 * page);
	ck_assert_int_eq(sa_os_unmap(start - 2 * page, 2 * page), 0);
	ck_assert_int_eq(sa_os_unmap(start + 4 * page, page), 0);
}
END_TEST

/* Where something else lies between them, each guard goes if it can. */
START_TEST(test_guards_stay)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t left[] = {0, 2 * page, page};
	sa_region region;
	unsigned char *start;

	if (SUPPORT_SANITIZED)
		return;
	start = watch_region(&region, 4 * page, SA_ARENA_FORK_EXCLUDE,
			     SA_REGION_TAKEN);
	faults_arm(_i == 0 ? NEVER_MET : (size_t)_i, FAULTS_ONCE);
	ck_assert_int_eq(sa_region_destroy(&region), _i == 0 ? 0 : -1);
	faults_disarm();
	ck_assert(support_is_writable(start));
	ck_assert_int_eq(sa_os_unmap(start, 4 * page), 0);
	ck_assert_uint_eq(faults_left_now().size, left[_i]);
	ck_assert_uint_eq(faults_left_now().unexplained, 0);
}
END_TEST

/* ------------------------------------------------------------- metadata */

/* From now on there is no more of it. */
static void starve(sa_arena *arena)
{
	size_t size;

	faults_arm(1, FAULTS_ONWARD);
	for (size = 4096; size > 0; size /= 2)
		while (sa_meta_alloc(&arena->meta, size) != NULL)
			continue;
}

static void *want_object(sa_arena *arena, sa_pool *pool)
{
	(void)pool;
	return sa_arena_alloc(arena, 1000);
}

static void *want_large_object(sa_arena *arena, sa_pool *pool)
{
	(void)pool;
	return sa_arena_alloc(arena, 20000);
}

static void *want_object_of_pool(sa_arena *arena, sa_pool *pool)
{
	(void)arena;
	return sa_pool_alloc(pool);
}

static void *want_pool(sa_arena *arena, sa_pool *pool)
{
	(void)pool;
	return sa_pool_create(arena, 48, 16);
}

/* As many as the first table has room for. */
static void *want_many_pools(sa_arena *arena, sa_pool *pool)
{
	size_t i;

	(void)pool;
	for (i = 1; i < 4; i++)
		if (sa_pool_create(arena, 100 + i, 1) == NULL)
			return NULL;
	return sa_pool_create(arena, 200, 1);
}

static void *(*const wants[])(sa_arena *, sa_pool *) = {
	want_object, want_large_object, want_object_of_pool,
	want_pool,   want_many_pools,
};

/* ENOMEM, counted, and everything as before; with memory again, all goes on. */
START_TEST(test_no_metadata)
{
	sa_arena_options options = support_options();
	sa_arena *arena = sa_arena_create(&options);
	sa_pool *pool = sa_pool_create(arena, 40, 8);
	unsigned char *object = sa_arena_alloc(arena, 32);
	sa_arena_stats before, after;

	if (SUPPORT_SANITIZED)
		return;
	ck_assert_ptr_nonnull(pool);
	ck_assert_ptr_nonnull(object);
	support_fill(object, 32, 5);
	before = support_stats(arena);
	starve(arena);
	errno = 0;
	ck_assert_ptr_null(wants[_i](arena, pool));
	ck_assert_int_eq(errno, ENOMEM);
	faults_disarm();
	after = support_stats(arena);
	ck_assert_uint_eq(after.failure_count, before.failure_count + 1);
	ck_assert_uint_eq(after.live_count, before.live_count);
	ck_assert_uint_eq(after.mapped_size, before.mapped_size);
	ck_assert(support_is_filled(object, 32, 5));
	ck_assert_int_eq(sa_arena_check(arena), 0);
	ck_assert_ptr_nonnull(wants[_i](arena, pool));
	sa_arena_destroy(arena);
}
END_TEST

/* There is room for the region's description, but none in the page map. */
static void leave_no_leaves(sa_arena *arena, size_t size)
{
	size_t bits_size = sa_tract_bits_size(size);
	void *tract = sa_meta_alloc(&arena->meta, sizeof(sa_tract));
	void *bits = sa_meta_alloc(&arena->meta, bits_size);

	ck_assert_ptr_nonnull(tract);
	ck_assert_ptr_nonnull(bits);
	starve(arena);
	sa_meta_free(&arena->meta, tract, sizeof(sa_tract));
	sa_meta_free(&arena->meta, bits, bits_size);
}

/* 1 if there was a call to refuse. */
static int grow_without_leaves(size_t first, size_t *failures)
{
	sa_arena_options options = support_options();
	sa_arena *arena = sa_arena_create(&options);
	size_t mapped = support_stats(arena).mapped_size;
	int result, was_refused;

	leave_no_leaves(arena, 2 * MIB);
	faults_watch();
	faults_arm(first, FAULTS_ONCE);
	result = sa_growth_add(arena, 2 * MIB, 2 * MIB);
	was_refused = faults_failed() != 0;
	faults_disarm();
	ck_assert_int_ge(result, was_refused ? -1 : 0);
	if (result != 0)
		ck_assert_uint_eq(faults_left_now().unexplained, 0);
	*failures += result != 0;
	ck_assert_uint_eq(support_stats(arena).mapped_size,
			  result == 0 ? mapped + 2 * MIB : mapped);
	ck_assert_int_eq(sa_arena_check(arena), 0);
	sa_arena_destroy(arena);
	return was_refused;
}

/* Whichever call is refused, nothing is left of a region that is not had. */
START_TEST(test_no_leaves)
{
	size_t first = 1, failures = 0;

	if (SUPPORT_SANITIZED)
		return;
	while (grow_without_leaves(first, &failures))
		first++;
	ck_assert_uint_gt(failures, 5);
}
END_TEST

/* ---------------------------------------------------------------- suite */

int main(void)
{
	const int each = SUPPORT_LENGTH(variants);
	Suite *suite;
	TCase *faults;

	/* Each trial ends with a look at the flags of all memory. */
	if (!support_takes_advice()) {
		support_skip("faults", "no advice is taken here");
		return 77;
	}
	suite = suite_create("faults");
	faults = tcase_create("faults");
	suite_add_tcase(suite, faults);
	tcase_set_timeout(faults, 120);
	tcase_add_test(faults, test_reaches_libsodium);
	tcase_add_test(faults, test_reaches_syscalls);
	tcase_add_loop_test(faults, test_create, 0, each);
	tcase_add_test(faults, test_create_with_reserve);
	tcase_add_test(faults, test_grow);
	tcase_add_test(faults, test_large_objects);
	tcase_add_test(faults, test_metadata);
	tcase_add_test(faults, test_access);
	tcase_add_test(faults, test_access_of_many);
	tcase_add_test(faults, test_open_object);
	tcase_add_loop_test(faults, test_sweeps, 0, 3);
	tcase_add_loop_test(faults, test_fork, 0, each);
	tcase_add_test(faults, test_key_of_child);
#ifdef SYS_mlock2
	tcase_add_loop_test(faults, test_fork_at_rest, 0, 2);
	tcase_add_test(faults, test_lock_at_rest);
#endif
	tcase_add_loop_test(faults, test_destroy, 0, 3);
	tcase_add_test(faults, test_neither_opened_nor_unmapped);
	tcase_add_test(faults, test_around);
	tcase_add_test(faults, test_unmapped_in_parts);
	tcase_add_loop_test(faults, test_guards_stay, 0, 3);
	tcase_add_test(faults, test_no_leaves);
	tcase_add_loop_test(faults, test_no_metadata, 0, SUPPORT_LENGTH(wants));
	return support_run(suite);
}
