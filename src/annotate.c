/* SPDX-License-Identifier: ISC */
/* Valgrind's requests and AddressSanitizer's manual poisoning. */
#include <config.h>

#include "annotate.h"

#include <stdlib.h>
#include <string.h>

/* Another compiler than configure's may lack the headers. */
#if defined(HAVE_VALGRIND_MEMCHECK_H) && __has_include(<valgrind/memcheck.h>)
#define HAS_VALGRIND 1
#include <valgrind/drd.h>
#include <valgrind/helgrind.h>
#include <valgrind/memcheck.h>
/* In the headers' macros. */
#pragma GCC diagnostic ignored "-Wsign-conversion"
#else
#define HAS_VALGRIND 0
#endif

#if defined(HAVE_SANITIZER_ASAN_INTERFACE_H) &&                                \
	__has_include(<sanitizer/asan_interface.h>)
#define HAS_SANITIZERS 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
/* There in programs that are built with the sanitizer. */
#pragma weak __asan_poison_memory_region
#pragma weak __asan_unpoison_memory_region
#pragma weak __lsan_register_root_region
#pragma weak __lsan_unregister_root_region
void __tsan_init(void);
#pragma weak __tsan_init
#else
#define HAS_SANITIZERS 0
#endif

/* Instrumented, the library shows ThreadSanitizer its atomics. */
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define SEES_ATOMICS 1
#endif
#endif
#if !defined(SEES_ATOMICS) && defined(__SANITIZE_THREAD__)
#define SEES_ATOMICS 1
#endif
#ifndef SEES_ATOMICS
#define SEES_ATOMICS 0
#endif

sa_annotate_tool sa_annotate_found = SA_ANNOTATE_NOBODY;

/* ------------------------------------------------------------------ tools */

#if HAS_VALGRIND
/* Each tool answers its own requests. */
static sa_annotate_tool find_valgrind(void)
{
	char byte = 0;
	unsigned char bits;

	if (RUNNING_ON_VALGRIND == 0)
		return SA_ANNOTATE_NOBODY;
	if (VALGRIND_GET_VBITS(&byte, &bits, 1) == 1)
		return SA_ANNOTATE_MEMCHECK;
	if ((int)VALGRIND_HG_GET_ABITS(&byte, &bits, 1) >= 0 ||
	    DRD_GET_DRD_THREADID != 0)
		return SA_ANNOTATE_RACES;
	return SA_ANNOTATE_NOBODY;
}
#else
static sa_annotate_tool find_valgrind(void)
{
	return SA_ANNOTATE_NOBODY;
}
#endif

#if HAS_SANITIZERS
static sa_annotate_tool find_sanitizer(void)
{
	if (__asan_poison_memory_region != NULL &&
	    __asan_unpoison_memory_region != NULL)
		return SA_ANNOTATE_ASAN;
	return __tsan_init != NULL && !SEES_ATOMICS ? SA_ANNOTATE_RACES
						    : SA_ANNOTATE_NOBODY;
}
#else
static sa_annotate_tool find_sanitizer(void)
{
	return SA_ANNOTATE_NOBODY;
}
#endif

void sa_annotate_start(void)
{
	sa_annotate_tool tool = find_valgrind();
	const char *wish;

	if (tool == SA_ANNOTATE_NOBODY)
		tool = find_sanitizer();
	if (tool == SA_ANNOTATE_NOBODY)
		return;
	wish = secure_getenv("SODIUM_ARENA_ANNOTATE");
	if (wish == NULL || strcmp(wish, "0") != 0)
		sa_annotate_found = tool;
}

/* --------------------------------------------------------------- memcheck */

#if HAS_VALGRIND
static bool is_memcheck(void)
{
	return SA_UNLIKELY(sa_annotate_found == SA_ANNOTATE_MEMCHECK);
}

static void hide_from_valgrind(const void *memory, size_t size)
{
	VALGRIND_MAKE_MEM_NOACCESS(memory, size);
}

static void show_valgrind(const void *memory, size_t size)
{
	VALGRIND_MAKE_MEM_DEFINED(memory, size);
}

void sa_annotate_begin(void)
{
	if (is_memcheck())
		VALGRIND_DISABLE_ERROR_REPORTING;
}

void sa_annotate_end(void)
{
	if (is_memcheck())
		VALGRIND_ENABLE_ERROR_REPORTING;
}

/* Objects are zeroed.  So far from its block an address is described by it; a
 * canary lies there, whose bytes may be made inaccessible with the block. */
#define RED_ZONE 8

void sa_annotate_pool_create(const void *pool)
{
	if (is_memcheck())
		VALGRIND_CREATE_MEMPOOL(pool, RED_ZONE, 1);
}

void sa_annotate_pool_destroy(const void *pool)
{
	if (is_memcheck())
		VALGRIND_DESTROY_MEMPOOL(pool);
}

void sa_annotate_alloc(const void *pool, const void *object, size_t size)
{
	if (is_memcheck())
		VALGRIND_MEMPOOL_ALLOC(pool, object, size);
}

void sa_annotate_free(const void *pool, const void *object)
{
	if (is_memcheck())
		VALGRIND_MEMPOOL_FREE(pool, object);
}

void sa_annotate_resize(const void *pool, const void *object, size_t size)
{
	if (!is_memcheck())
		return;
	VALGRIND_MEMPOOL_CHANGE(pool, object, object, size);
}

void sa_annotate_disregard(const void *memory, size_t size)
{
	if (is_memcheck())
		VALGRIND_MAKE_MEM_UNDEFINED(memory, size);
}

void sa_annotate_atomics(const void *memory, size_t size)
{
	if (sa_annotate_found != SA_ANNOTATE_RACES)
		return;
	VALGRIND_HG_DISABLE_CHECKING(memory, size);
	(void)VALGRIND_DO_CLIENT_REQUEST_EXPR(
		0, VG_USERREQ__DRD_START_SUPPRESSION, memory, size, 0, 0, 0);
}

/* Memcheck 3.19 looks at no pool if the heap is empty: this is a block of it
 * that is not lost. */
void sa_annotate_expect_leaks(void)
{
	static char block;
	static char *volatile holder = &block;

	if (is_memcheck())
		VALGRIND_MALLOCLIKE_BLOCK(holder, sizeof block, 0, 1);
}
#else
static void hide_from_valgrind(const void *memory, size_t size)
{
	(void)memory;
	(void)size;
}

static void show_valgrind(const void *memory, size_t size)
{
	(void)memory;
	(void)size;
}

void sa_annotate_begin(void)
{
}

void sa_annotate_end(void)
{
}

void sa_annotate_pool_create(const void *pool)
{
	(void)pool;
}

void sa_annotate_pool_destroy(const void *pool)
{
	(void)pool;
}

void sa_annotate_alloc(const void *pool, const void *object, size_t size)
{
	(void)pool;
	(void)object;
	(void)size;
}

void sa_annotate_free(const void *pool, const void *object)
{
	(void)pool;
	(void)object;
}

void sa_annotate_resize(const void *pool, const void *object, size_t size)
{
	(void)pool;
	(void)object;
	(void)size;
}

void sa_annotate_disregard(const void *memory, size_t size)
{
	(void)memory;
	(void)size;
}

void sa_annotate_atomics(const void *memory, size_t size)
{
	(void)memory;
	(void)size;
}

void sa_annotate_expect_leaks(void)
{
}
#endif

/* ------------------------------------------------------- AddressSanitizer */

#if HAS_SANITIZERS
static bool is_asan(void)
{
	return SA_UNLIKELY(sa_annotate_found == SA_ANNOTATE_ASAN);
}

static void hide_from_asan(const void *memory, size_t size)
{
	__asan_poison_memory_region(memory, size);
}

void sa_annotate_lift(const void *memory, size_t size)
{
	if (is_asan())
		__asan_unpoison_memory_region(memory, size);
}

void sa_annotate_add_root(const void *memory, size_t size)
{
	if (is_asan() && __lsan_register_root_region != NULL)
		__lsan_register_root_region(memory, size);
}

void sa_annotate_remove_root(const void *memory, size_t size)
{
	if (is_asan() && __lsan_unregister_root_region != NULL)
		__lsan_unregister_root_region(memory, size);
}
#else
static void hide_from_asan(const void *memory, size_t size)
{
	(void)memory;
	(void)size;
}

void sa_annotate_lift(const void *memory, size_t size)
{
	(void)memory;
	(void)size;
}

void sa_annotate_add_root(const void *memory, size_t size)
{
	(void)memory;
	(void)size;
}

void sa_annotate_remove_root(const void *memory, size_t size)
{
	(void)memory;
	(void)size;
}
#endif

/* ------------------------------------------------------------------- both */

void sa_annotate_hide(const void *memory, size_t size)
{
	if (sa_annotate_found == SA_ANNOTATE_MEMCHECK)
		hide_from_valgrind(memory, size);
	else if (sa_annotate_found == SA_ANNOTATE_ASAN)
		hide_from_asan(memory, size);
}

void sa_annotate_show(const void *memory, size_t size)
{
	if (sa_annotate_found == SA_ANNOTATE_MEMCHECK)
		show_valgrind(memory, size);
	else
		sa_annotate_lift(memory, size);
}
