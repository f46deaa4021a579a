/* SPDX-License-Identifier: ISC */
/* Rows of crimes tried: children, verdicts, victims and finders. */
#include <config.h>

#include "crime.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sizeclass.h"

/* Of a class that no victim has: what is not in its slab comes upon no damage
 * before its finder does. */
#define OTHER_SIZE 3000
/* Slots that are chosen at random: among so many, three lie in a row. */
#define CROWD 64

unsigned crime_flags;

/* In memory that all tests share. */
static atomic_size_t *crime_count;

void crime_setup_default(void)
{
	crime_flags = 0;
}

void crime_setup_single_threaded(void)
{
	crime_flags = SA_ARENA_SINGLE_THREADED;
}

/* -------------------------------------------------------------- verdicts */

crime_verdict crime_unnoticed(void)
{
	return (crime_verdict){.signal = 0};
}

crime_verdict crime_fault(void)
{
	return (crime_verdict){.signal = SIGSEGV};
}

crime_verdict crime_report(sa_arena_misuse_kind kind, const void *object,
			   size_t size, ptrdiff_t offset)
{
	return (crime_verdict){.signal = SIGABRT,
			       .is_reported = 1,
			       .misuse = {.kind = kind,
					  .object = object,
					  .size = size,
					  .offset = offset}};
}

static const char *name_of(sa_arena_misuse_kind kind)
{
	static const char *const names[] = {
		[SA_ARENA_MISUSE_OVERFLOW] = "overflow",
		[SA_ARENA_MISUSE_UNDERFLOW] = "underflow",
		[SA_ARENA_MISUSE_DOUBLE_FREE] = "double free",
		[SA_ARENA_MISUSE_INVALID_POINTER] = "invalid pointer",
		[SA_ARENA_MISUSE_WRITE_AFTER_FREE] = "write after free",
	};

	return names[kind];
}

static void write_line(char *line, size_t size, const crime_verdict *verdict)
{
	const sa_arena_misuse *misuse = &verdict->misuse;

	line[0] = '\0';
	if (verdict->is_reported)
		snprintf(line, size,
			 "sodium-arena: %s: arena \"" SUPPORT_VAULT
			 "\": object 0x%jx of %zu bytes, first wrong byte at "
			 "offset %td\n",
			 name_of(misuse->kind),
			 (uintmax_t)(uintptr_t)misuse->object, misuse->size,
			 misuse->offset);
}

int crime_is_line(const char *text, const crime_verdict *verdict)
{
	char line[512];

	write_line(line, sizeof line, verdict);
	return strcmp(text, line) == 0;
}

void crime_commit(support_body deed, void *context,
		  const crime_verdict *expected, const char *format, ...)
{
	support_end end;
	char row[256], line[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(row, sizeof row, format, arguments);
	va_end(arguments);
	write_line(line, sizeof line, expected);
	support_child(deed, context, &end);
	if (crime_count != NULL)
		atomic_fetch_add(crime_count, 1);
	ck_assert_msg(end.signal == expected->signal &&
			      end.status == (end.signal == 0 ? 0 : -1) &&
			      strcmp(end.text, line) == 0,
		      "%s: expected signal %d and \"%s\"; "
		      "signal %d, status %d and \"%s\"",
		      row, expected->signal, line, end.signal, end.status,
		      end.text);
}

int crime_run(Suite *suite)
{
	int status;

	crime_count = mmap(NULL, sizeof *crime_count, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (crime_count == MAP_FAILED)
		return EXIT_FAILURE;
	status = support_run(suite);
	printf("crimes committed: %zu\n", atomic_load(crime_count));
	return status;
}

/* --------------------------------------------------------------- victims */

sa_arena *crime_vault(size_t reserve)
{
	sa_arena_options options = support_options();
	sa_arena *vault;

	options.name = SUPPORT_VAULT;
	options.flags = crime_flags;
	options.reserve = reserve;
	vault = sa_arena_create(&options);
	SUPPORT_REQUIRE(vault != NULL);
	return vault;
}

unsigned char *crime_alloc(sa_arena *vault, size_t size)
{
	unsigned char *object = sa_arena_alloc(vault, size);

	SUPPORT_REQUIRE(object != NULL);
	support_fill(object, size, size);
	return object;
}

static int by_address(const void *left, const void *right)
{
	unsigned char *const *a = left, *const *b = right;

	return (*a > *b) - (*a < *b);
}

void crime_alloc_crowd(sa_arena *vault, size_t size, unsigned char **crowd,
		       size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		crowd[i] = crime_alloc(vault, size);
	qsort(crowd, count, sizeof *crowd, by_address);
}

size_t crime_stride(size_t size)
{
	return sa_sizeclass_stride(sa_sizeclass_of(size));
}

int crime_is_large(size_t size)
{
	return size > SA_SIZECLASS_SIZE_MAX;
}

size_t crime_between(unsigned char *const *crowd, size_t count, size_t size)
{
	ptrdiff_t stride = (ptrdiff_t)crime_stride(size);
	size_t i;

	for (i = 1; i + 1 < count; i++)
		if (crowd[i] - crowd[i - 1] == stride &&
		    crowd[i + 1] - crowd[i] == stride)
			return i;
	support_give_up(__FILE__, __LINE__, "three objects in a row");
}

unsigned char *crime_alloc_between(sa_arena *vault, size_t size)
{
	unsigned char *crowd[CROWD];

	crime_alloc_crowd(vault, size, crowd, CROWD);
	return crowd[crime_between(crowd, CROWD, size)];
}

/* --------------------------------------------------------------- finders */

static void rest(sa_arena *vault, sa_arena_access access)
{
	SUPPORT_REQUIRE(sa_arena_protect(vault, access) == 0);
}

static void find_by_free(sa_arena *vault, void *object, size_t size)
{
	(void)size;
	sa_arena_free(vault, object);
}

static void find_by_free_at_rest(sa_arena *vault, void *object, size_t size)
{
	(void)size;
	rest(vault, SA_ARENA_NOACCESS);
	sa_arena_free(vault, object);
}

typedef struct errand {
	sa_arena *vault;
	void *object;
} errand;

/* A thread's first calls may go another way than all that follow. */
static void *run_errand(void *context)
{
	errand *todo = context;
	void *first = sa_arena_alloc(todo->vault, OTHER_SIZE);

	SUPPORT_REQUIRE(first != NULL);
	sa_arena_free(todo->vault, first);
	sa_arena_free(todo->vault, todo->object);
	return NULL;
}

void crime_free_elsewhere(sa_arena *vault, void *object)
{
	errand todo = {vault, object};
	pthread_t thread;

	SUPPORT_REQUIRE(pthread_create(&thread, NULL, run_errand, &todo) == 0);
	SUPPORT_REQUIRE(pthread_join(thread, NULL) == 0);
}

static void find_by_free_elsewhere(sa_arena *vault, void *object, size_t size)
{
	(void)size;
	crime_free_elsewhere(vault, object);
}

static void find_by_realloc(sa_arena *vault, void *object, size_t size)
{
	SUPPORT_REQUIRE(sa_arena_realloc(vault, object, size) == object);
}

static void find_by_moving(sa_arena *vault, void *object, size_t size)
{
	SUPPORT_REQUIRE(sa_arena_realloc(vault, object, 2 * size + 10000) !=
			NULL);
}

static void find_by_check(sa_arena *vault, void *object, size_t size)
{
	(void)object;
	(void)size;
	SUPPORT_REQUIRE(sa_arena_check(vault) == 0);
}

static void find_by_check_at_rest(sa_arena *vault, void *object, size_t size)
{
	rest(vault, SA_ARENA_NOACCESS);
	find_by_check(vault, object, size);
}

static void find_by_reset(sa_arena *vault, void *object, size_t size)
{
	(void)object;
	(void)size;
	SUPPORT_REQUIRE(sa_arena_reset(vault) == 0);
}

static void find_by_reset_at_rest(sa_arena *vault, void *object, size_t size)
{
	rest(vault, SA_ARENA_READONLY);
	find_by_reset(vault, object, size);
}

static void find_by_destroy(sa_arena *vault, void *object, size_t size)
{
	(void)object;
	(void)size;
	sa_arena_destroy(vault);
}

static void find_by_destroy_at_rest(sa_arena *vault, void *object, size_t size)
{
	rest(vault, SA_ARENA_NOACCESS);
	find_by_destroy(vault, object, size);
}

const crime_finder crime_finders[CRIME_FINDERS] = {
	{"free", find_by_free, 0},
	{"free at rest", find_by_free_at_rest, 0},
	{"free by another thread", find_by_free_elsewhere, 0},
	{"realloc", find_by_realloc, 0},
	{"realloc that moves", find_by_moving, 0},
	{"check", find_by_check, 1},
	{"check at rest", find_by_check_at_rest, 1},
	{"reset", find_by_reset, 1},
	{"reset at rest", find_by_reset_at_rest, 1},
	{"destroy", find_by_destroy, 1},
	{"destroy at rest", find_by_destroy_at_rest, 1},
};
