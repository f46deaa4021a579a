/* SPDX-License-Identifier: ISC */
/*
 * From any address to what lies on its page: a radix tree of four levels whose
 * look-up takes no lock, two loads for most, four for all, and any 64-bit
 * value.
 */
#ifndef SA_PAGEMAP_H
#define SA_PAGEMAP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "bits.h"
#include "meta.h"

/* A leaf covers 2 MiB of addresses with 4 KiB pages, as most regions are; a
 * node of leaves 8 GiB; a branch of nodes 1 TiB. */
#define SA_PAGEMAP_LEAF_BITS 9
#define SA_PAGEMAP_NODE_BITS 12
#define SA_PAGEMAP_BRANCH_BITS 7
#define SA_PAGEMAP_LEAF_SIZE ((size_t)1 << SA_PAGEMAP_LEAF_BITS)
#define SA_PAGEMAP_NODE_SIZE ((size_t)1 << SA_PAGEMAP_NODE_BITS)
#define SA_PAGEMAP_BRANCH_SIZE ((size_t)1 << SA_PAGEMAP_BRANCH_BITS)
#define SA_PAGEMAP_NODE_PAGES (SA_PAGEMAP_NODE_SIZE * SA_PAGEMAP_LEAF_SIZE)

/* What lies on a page; the pagemap only compares it. */
typedef void *sa_pagemap_entry;

typedef struct sa_pagemap_leaf {
	_Atomic(sa_pagemap_entry) entries[SA_PAGEMAP_LEAF_SIZE];
} sa_pagemap_leaf;

typedef struct sa_pagemap_node {
	_Atomic(sa_pagemap_leaf *) leaves[SA_PAGEMAP_NODE_SIZE];
} sa_pagemap_node;

typedef struct sa_pagemap_branch {
	_Atomic(sa_pagemap_node *) nodes[SA_PAGEMAP_BRANCH_SIZE];
} sa_pagemap_branch;

/* Look-ups may overlap anything; changes are serialized by the owner. */
typedef struct sa_pagemap {
	unsigned page_shift;
	/* The first node made, and the first page it is about: mmap() keeps
	 * regions together.  Until then near_page is far from any. */
	atomic_uintptr_t near_page;
	sa_pagemap_node *near_node;
	size_t root_size;
	_Atomic(sa_pagemap_branch *) *root;
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

/* The leaf that a page is in if it is not of the nearest node, or NULL. */
SA_INLINE sa_pagemap_leaf *sa_pagemap_find_far(const sa_pagemap *map,
					       uintptr_t page)
{
	uintptr_t number = page >> SA_PAGEMAP_LEAF_BITS;
	uintptr_t top = number >> SA_PAGEMAP_NODE_BITS;
	sa_pagemap_branch *branch;
	sa_pagemap_node *node;

	if (top >> SA_PAGEMAP_BRANCH_BITS >= map->root_size)
		return NULL;
	branch = atomic_load_explicit(&map->root[top >> SA_PAGEMAP_BRANCH_BITS],
				      memory_order_acquire);
	if (branch == NULL)
		return NULL;
	node = atomic_load_explicit(
		&branch->nodes[top & (SA_PAGEMAP_BRANCH_SIZE - 1)],
		memory_order_acquire);
	if (node == NULL)
		return NULL;
	return atomic_load_explicit(
		&node->leaves[number & (SA_PAGEMAP_NODE_SIZE - 1)],
		memory_order_acquire);
}

/* The entry of the page that `address` is on, or NULL. */
SA_INLINE sa_pagemap_entry sa_pagemap_find(const sa_pagemap *map,
					   uintptr_t address)
{
	uintptr_t page = address >> map->page_shift;
	uintptr_t offset = page - atomic_load_explicit(&map->near_page,
						       memory_order_acquire);
	sa_pagemap_leaf *leaf;

	if (SA_LIKELY(offset < SA_PAGEMAP_NODE_PAGES))
		leaf = atomic_load_explicit(
			&map->near_node->leaves[offset >> SA_PAGEMAP_LEAF_BITS],
			memory_order_acquire);
	else
		leaf = sa_pagemap_find_far(map, page);
	if (SA_UNLIKELY(leaf == NULL))
		return NULL;
	return atomic_load_explicit(
		&leaf->entries[page & (SA_PAGEMAP_LEAF_SIZE - 1)],
		memory_order_acquire);
}

#endif
