/* SPDX-License-Identifier: ISC */
/*
 * No path of the library calls malloc or one of its kin, those of libsodium
 * and libc beneath it included: this program's own definitions take their
 * place in the whole process, and count.
 */
#include <config.h>

#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A sanitizer has a malloc of its own. */
#if defined(__GLIBC__) && !SUPPORT_SANITIZED
#define CAN_COUNT 1
#else
#define CAN_COUNT 0
#endif

/* Calls of the heap that the thread has made.  Volatile: compilers hold that
 * malloc() changes no variable. */
static _Thread_local volatile size_t calls
	__attribute__((tls_model("initial-exec")));

#if CAN_COUNT
/* Seen by the C library and by libsodium, whatever the flags say. */
#pragma GCC visibility push(default)
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *ptr);

void *malloc(size_t size)
{
	calls++;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	calls++;
	return __libc_calloc(count, size);
}

void *realloc(void *ptr, size_t size)
{
	calls++;
	return __libc_realloc(ptr, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	calls++;
	return __libc_memalign(alignment, size);
}

int posix_memalign(void **ptr, size_t alignment, size_t size)
{
	calls++;
	*ptr = __libc_memalign(alignment, size);
	return *ptr == NULL ? ENOMEM : 0;
}

void free(void *ptr)
{
	calls++;
	__libc_free(ptr);
}
#pragma GCC visibility pop
#endif

/* Everything a hook is asked for, in sizes of slots and of large objects. */
static void use_front(void)
{
	static const size_t sizes[] = {0, 1, 32, 500, 8184, 8185, 300000};
	size_t i;

	for (i = 0; i < 20 * SUPPORT_LENGTH(sizes); i++) {
		size_t size = sizes[i % SUPPORT_LENGTH(sizes)];
		void *a = sa_malloc(size), *b = sa_calloc(size, 2);
		void *c = sa_aligned_alloc(64, size), *d = sa_strdup("secret");

		SUPPORT_REQUIRE(a != NULL && b != NULL && c != NULL);
		a = sa_realloc(a, 2 * size + 1);
		SUPPORT_REQUIRE(a != NULL && d != NULL);
		SUPPORT_REQUIRE(sa_malloc_usable_size(a) == 2 * size + 1);
		sa_free(b);
		sa_free(c);
		sa_free(d);
		SUPPORT_REQUIRE(sa_realloc(a, 0) == NULL);
	}
}

static void use_arena(sa_arena *arena)
{
	sa_arena_stats stats = SA_ARENA_STATS_INIT;
	sa_arena_preflight_report report = SA_ARENA_PREFLIGHT_REPORT_INIT;
	void *object = sa_arena_dup(arena, "x", 1);

	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_NOACCESS) == 0);
	SUPPORT_REQUIRE(
		sa_arena_open_object(arena, object, SA_ARENA_READONLY) == 0);
	SUPPORT_REQUIRE(sa_arena_open(arena, SA_ARENA_READWRITE) == 0);
	SUPPORT_REQUIRE(sa_arena_check(arena) == 0);
	SUPPORT_REQUIRE(sa_arena_close(arena, SA_ARENA_READWRITE) == 0);
	SUPPORT_REQUIRE(
		sa_arena_close_object(arena, object, SA_ARENA_READONLY) == 0);
	SUPPORT_REQUIRE(sa_arena_alloc(arena, 1) == NULL);
	SUPPORT_REQUIRE(sa_arena_protect(arena, SA_ARENA_READWRITE) == 0);
	SUPPORT_REQUIRE(sa_arena_stats_get(arena, &stats) == 0);
	SUPPORT_REQUIRE(sa_arena_stats_print(arena, STDOUT_FILENO) == 0);
	sa_arena_preflight(NULL, 1000, 32, &report);
	SUPPORT_REQUIRE(sa_arena_reset(arena) == 0);
	sa_arena_trim(arena);
}

static void require_no_calls(size_t before)
{
	SUPPORT_REQUIRE(calls == before);
}

static void from_the_first_call(void *context)
{
	sa_arena_options options = support_options();
	size_t before = calls;

	(void)context;
	SUPPORT_REQUIRE(sa_default_arena_init(&options) == 0);
	use_front();
	use_arena(sa_default_arena());
	require_no_calls(before);
}

static void lazily(void *context)
{
	size_t before = calls;

	(void)context;
	sa_free(sa_malloc(1));
	require_no_calls(before);
}

static void create_and_destroy(void *context)
{
	sa_arena_options options = support_options();
	size_t before = calls;
	sa_arena *arena;

	(void)context;
	options.reserve = (size_t)1 << 20;
	arena = sa_arena_create(&options);
	SUPPORT_REQUIRE(arena != NULL);
	use_arena(arena);
	sa_arena_destroy(arena);
	require_no_calls(before);
}

static void *in_thread(void *context)
{
	size_t before = calls;

	use_front();
	require_no_calls(before);
	return context;
}

static void in_threads(void *context)
{
	sa_arena_options options = support_options();
	pthread_t threads[4];
	size_t i;

	SUPPORT_REQUIRE(sa_default_arena_init(&options) == 0);
	for (i = 0; i < SUPPORT_LENGTH(threads); i++)
		SUPPORT_REQUIRE(pthread_create(&threads[i], NULL, in_thread,
					       context) == 0);
	for (i = 0; i < SUPPORT_LENGTH(threads); i++)
		SUPPORT_REQUIRE(pthread_join(threads[i], NULL) == 0);
}

static void across_fork(void *context)
{
	int status = -1;
	size_t before;
	pid_t child;

	from_the_first_call(context);
	before = calls;
	child = fork();
	SUPPORT_REQUIRE(child >= 0);
	use_front();
	require_no_calls(before);
	if (child == 0)
		support_leave(0);
	SUPPORT_REQUIRE(waitpid(child, &status, 0) == child && status == 0);
}

static void when_refused(void *context)
{
	size_t before;

	(void)context;
	if (support_become_ordinary(0) != 0)
		return;
	before = calls;
	SUPPORT_REQUIRE(sa_malloc(1) == NULL);
	SUPPORT_REQUIRE(sa_default_arena() == NULL);
	require_no_calls(before);
}

static size_t before_misuse;

static void judge_report(const sa_arena_misuse *misuse, void *context)
{
	(void)context;
	SUPPORT_REQUIRE(misuse->kind == SA_ARENA_MISUSE_OVERFLOW);
	support_leave(calls == before_misuse ? 0 : 1);
}

static void on_misuse(void *context)
{
	sa_arena_options options = support_options();
	unsigned char *object;

	(void)context;
	SUPPORT_REQUIRE(sa_default_arena_init(&options) == 0);
	sa_arena_set_misuse_handler(judge_report, NULL);
	object = sa_malloc(32);
	support_flip(object + 32);
	before_misuse = calls;
	sa_free(object);
	SUPPORT_REQUIRE(0);
}

START_TEST(the_count_counts)
{
	size_t before = calls;
	char *volatile copy = strdup("x");

	free(copy);
	if (support_under_valgrind()) {
		support_skip("the_count_counts", "Valgrind has its own free()");
		return;
	}
	ck_assert_uint_ge(calls, before + 2);
}
END_TEST

static const support_body bodies[] = {
	from_the_first_call, lazily,       create_and_destroy, in_threads,
	across_fork,         when_refused, on_misuse};

START_TEST(nothing_calls_malloc)
{
	if (bodies[_i] == lazily && !support_can_lock((size_t)1 << 20)) {
		support_skip("lazily", "too little can be locked");
		return;
	}
	support_assert_passes(bodies[_i], NULL);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("malloc_heap");
	TCase *heap = tcase_create("heap");

	if (CAN_COUNT) {
		tcase_add_test(heap, the_count_counts);
		tcase_add_loop_test(heap, nothing_calls_malloc, 0,
				    (int)SUPPORT_LENGTH(bodies));
	} else {
		support_skip("malloc_heap", "malloc cannot be replaced here");
	}
	suite_add_tcase(s, heap);
	return s;
}

int main(void)
{
	return support_run(suite());
}
