/* SPDX-License-Identifier: ISC */
/* The stack is that of a thread; the search is tried on a copy on the heap. */
#include <config.h>

#ifdef HAVE_MALLINFO2
#include <malloc.h>
#endif
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>
#include <sodium_arena.h>

#include "hook.h"
#include "process.h"
#include "search.h"

#define STACK_SIZE ((size_t)512 << 10)
#define CONTROL_SIZE 32

void hook_give_up(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	_exit(EXIT_FAILURE);
}

double hook_cpu_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

size_t hook_heap_size(void)
{
#ifdef HAVE_MALLINFO2
	return mallinfo2().uordblks;
#else
	return 0;
#endif
}

unsigned char *hook_secret(size_t size)
{
	unsigned char *secret = sa_malloc(size);

	HOOK_REQUIRE(secret != NULL);
	randombytes_buf(secret, size);
	return secret;
}

char *hook_secret_text(size_t size)
{
	unsigned char *bytes = hook_secret(size);
	char *text = sa_malloc(2 * size + 1);

	HOOK_REQUIRE(text != NULL);
	sodium_bin2hex(text, 2 * size + 1, bytes, size);
	sa_free(bytes);
	return text;
}

int hook_is_only_in_arena(const char *what, const void *secret, size_t size,
			  size_t copies)
{
	struct search found;

	HOOK_REQUIRE(search_memory(secret, size, &found) == 0);
	printf("%s: %zu in the arena, %zu elsewhere", what, found.inside,
	       found.outside);
	if (found.outside != 0)
		printf(", the first at %#jx", (uintmax_t)found.first_outside);
	putchar('\n');
	return found.outside == 0 && found.inside >= copies;
}

/* A search that finds nothing proves something only if it can find. */
static void require_search_finds(void)
{
	unsigned char *secret = hook_secret(CONTROL_SIZE);
	unsigned char *copy = malloc(CONTROL_SIZE);
	struct search found;

	HOOK_REQUIRE(copy != NULL);
	memcpy(copy, secret, CONTROL_SIZE);
	HOOK_REQUIRE(search_memory(secret, CONTROL_SIZE, &found) == 0);
	HOOK_REQUIRE(found.inside == 1 && found.outside == 1);
	HOOK_REQUIRE(found.first_outside == (uintptr_t)copy);
	sodium_memzero(copy, CONTROL_SIZE);
	free(copy);
	sa_free(secret);
}

struct call {
	int (*body)(void);
	int status;
};

static void *run(void *context)
{
	struct call *call = context;

	require_search_finds();
	call->status = call->body();
	return NULL;
}

static int run_in_arena(int (*body)(void))
{
	struct call call = {body, EXIT_FAILURE};
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *stack = sa_aligned_alloc(page, STACK_SIZE);
	pthread_attr_t attributes;
	pthread_t thread;

	HOOK_REQUIRE(stack != NULL);
	HOOK_REQUIRE(pthread_attr_init(&attributes) == 0);
	HOOK_REQUIRE(pthread_attr_setstack(&attributes, stack, STACK_SIZE) ==
		     0);
	HOOK_REQUIRE(pthread_create(&thread, &attributes, run, &call) == 0);
	HOOK_REQUIRE(pthread_join(thread, NULL) == 0);
	pthread_attr_destroy(&attributes);
	sa_free(stack);
	return call.status;
}

int hook_main(int (*body)(void))
{
	void *probe;

	process_raise_memlock();
	probe = sa_aligned_alloc((size_t)sysconf(_SC_PAGESIZE),
				 (size_t)6 << 20);
	if (probe == NULL) {
		puts("skipped: 6 MiB cannot be locked");
		return HOOK_SKIPPED;
	}
	sa_free(probe);
	return run_in_arena(body);
}
