/* SPDX-License-Identifier: ISC */
/* Botan's allocator, for C.  Freeing wipes. */
#ifndef BENCH_ALLOCATORS_BOTAN_POOL_H
#define BENCH_ALLOCATORS_BOTAN_POOL_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

const char *botan_pool_version(void);

/* NULL if there is no memory. */
void *botan_pool_alloc(size_t size);
void botan_pool_free(void *object, size_t size);

/* As botan_pool_alloc(), a write of `size` bytes and botan_pool_free(). */
int botan_pool_pairs(size_t size, size_t count);

#ifdef __cplusplus
}
#endif

#endif
