/* SPDX-License-Identifier: ISC */
/*
 * From any address to what lies on its page: a radix tree of three levels
 * whose look-up takes no lock, three loads, and any 64-bit value.
 */
#ifndef SA_PAGEMAP_H
#define SA_PAGEMAP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "bits.h"
#include "meta.h"

/* A leaf covers 16 MiB of addresses with 4 KiB pages. */
#define SA_PAGEMAP_LEVEL_BITS 12
#define SA_PAGEMAP_NODE_SIZE ((size_t)1 << SA_PAGEMAP_LEVEL_BITS)

/* What lies on a page; the pagemap only compares it. */
typedef void *sa_pagemap_entry;

typedef struct sa_pagemap_leaf {
	_Atomic(sa_pagemap_entry) entries[SA_PAGEMAP_NODE_SIZE];
} sa_pagemap_leaf;

typedef struct sa_pagemap_node {
	_Atomic(sa_pagemap_leaf *) leaves[SA_PAGEMAP_NODE_SIZE];
} sa_pagemap_node;

/* Look-ups may overlap anything; changes are serialized by the owner. */
typedef struct sa_pagemap {
	unsigned page_shift;
	/* The first node made: it covers 64 GiB, and mmap() keeps together.
	 * Until then near_top is that of no address. */
	atomic_uintptr_t near_top;
	sa_pagemap_node *near_node;
	size_t root_size;
	_Atomic(sa_pagemap_node *) *root;
	sa_meta *meta; /* nodes come from it and stay */
} sa_pagemap;

/* 0, or -1 with ENOMEM. */
int sa_pagemap_init(sa_pagemap *map, sa_meta *meta);

/* Prepare for entries on every page of the range, so that setting them cannot
 * fail.  0, or -1 with ENOMEM. */
int sa_pagemap_cover(sa_pagemap *map, const void *memory, size_t size);

/* Set the entry of every page of a covered range. */
void sa_pagemap_set(sa_pagemap *map, const void *memory, size_t size,
		    sa_pagemap_entry entry);

/* The entry of the page that `address` is on, or NULL. */
SA_INLINE sa_pagemap_entry sa_pagemap_find(const sa_pagemap *map,
					   uintptr_t address)
{
	const size_t mask = SA_PAGEMAP_NODE_SIZE - 1;
	uintptr_t page = address >> map->page_shift;
	uintptr_t top = page >> (2 * SA_PAGEMAP_LEVEL_BITS);
	sa_pagemap_node *node;
	sa_pagemap_leaf *leaf;

	if (SA_LIKELY(top == atomic_load_explicit(&map->near_top,
						  memory_order_acquire))) {
		node = map->near_node;
	} else {
		if (top >= map->root_size)
			return NULL;
		node = atomic_load_explicit(&map->root[top],
					    memory_order_acquire);
		if (node == NULL)
			return NULL;
	}
	leaf = atomic_load_explicit(
		&node->leaves[page >> SA_PAGEMAP_LEVEL_BITS & mask],
		memory_order_acquire);
	if (SA_UNLIKELY(leaf == NULL))
		return NULL;
	return atomic_load_explicit(&leaf->entries[page & mask],
				    memory_order_acquire);
}

#endif
