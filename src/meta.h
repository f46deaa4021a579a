/* SPDX-License-Identifier: ISC */
/*
 * Memory for what is known about secrets, never for secrets: anonymous
 * mappings between guard pages, apart from the general heap, not locked.
 * It grows as needed and is unmapped as a whole.
 */
#ifndef SA_META_H
#define SA_META_H

#include <stddef.h>

/* Blocks are aligned to, and sized in steps of, a cache line. */
#define SA_META_STEP 64
/* Freed blocks up to this size are found again by their size. */
#define SA_META_LISTED_MAX 16384

typedef struct sa_meta_chunk sa_meta_chunk;

/* Its owner sees to it that no two calls overlap. */
typedef struct sa_meta {
	sa_meta_chunk *chunks; /* newest first */
	unsigned char *next;   /* what the newest has left */
	unsigned char *end;
	size_t mapped_size;
	void *freed[SA_META_LISTED_MAX / SA_META_STEP];
} sa_meta;

void sa_meta_init(sa_meta *meta);

/* Zeroed; NULL with ENOMEM. */
void *sa_meta_alloc(sa_meta *meta, size_t size);

/* `size` is that of the allocation.  Blocks beyond SA_META_LISTED_MAX are not
 * used again. */
void sa_meta_free(sa_meta *meta, void *block, size_t size);

/* How many mappings (VMAs) hold `size` bytes of blocks. */
size_t sa_meta_mappings(size_t size);

/* Unmap everything.  `meta` may lie in its own memory. */
void sa_meta_destroy(sa_meta *meta);

#endif
