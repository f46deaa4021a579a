/* SPDX-License-Identifier: ISC */
/* The adapters.  Those under HAVE_ are there if configure found a library. */
#ifndef BENCH_ALLOCATORS_LIST_H
#define BENCH_ALLOCATORS_LIST_H

#include "allocator.h"

extern const struct allocator allocator_plain;
extern const struct allocator allocator_arena;
extern const struct allocator allocator_arena_single;
extern const struct allocator allocator_pool;
extern const struct allocator allocator_sodium;
#ifdef HAVE_OPENSSL
extern const struct allocator allocator_openssl;
#endif
#ifdef HAVE_LIBGCRYPT
extern const struct allocator allocator_libgcrypt;
#endif
#ifdef HAVE_BOTAN
extern const struct allocator allocator_botan;
#endif

#endif
