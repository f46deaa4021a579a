/* SPDX-License-Identifier: ISC */
/* The radix tree's changes: nodes appear and never go. */
#include <config.h>

#include "pagemap.h"

#include <errno.h>

#include "os.h"

/* User addresses end below this on x86-64 and arm64, unless a program asks
 * for higher ones with a hint (Linux:
 * Documentation/arch/x86/x86_64/5level-paging and
 * Documentation/arch/arm64/memory); libsodium does not. */
#define ADDRESS_BITS (sizeof(void *) == 8 ? 48u : 32u)

/* Half the range of the type from pages of the lowest addresses, and further
 * from any higher ones that there are. */
#define FAR (UINTPTR_MAX / 2 + 1)

int sa_pagemap_init(sa_pagemap *map, sa_meta *meta)
{
	unsigned bits;

	map->page_shift = sa_floor_log2(sa_os_page_size);
	map->meta = meta;
	map->near_node = NULL;
	atomic_store(&map->near_page, FAR);
	bits = map->page_shift + SA_PAGEMAP_LEAF_BITS + SA_PAGEMAP_NODE_BITS +
	       SA_PAGEMAP_BRANCH_BITS;
	map->root_size =
		bits < ADDRESS_BITS ? (size_t)1 << (ADDRESS_BITS - bits) : 1;
	map->root = sa_meta_alloc(meta, map->root_size * sizeof *map->root);
	return map->root == NULL ? -1 : 0;
}

/* The branch, node or leaf of that number, made if it is not there yet; NULL if
 * there can be none. */
static sa_pagemap_branch *branch_for(sa_pagemap *map, uintptr_t number)
{
	sa_pagemap_branch *branch;

	if (number >= map->root_size)
		return NULL;
	branch = atomic_load(&map->root[number]);
	if (branch == NULL) {
		branch = sa_meta_alloc(map->meta, sizeof *branch);
		if (branch != NULL)
			atomic_store(&map->root[number], branch);
	}
	return branch;
}

static void note_first(sa_pagemap *map, sa_pagemap_node *node, uintptr_t number)
{
	if (map->near_node != NULL)
		return;
	map->near_node = node;
	atomic_store(&map->near_page, number * SA_PAGEMAP_NODE_PAGES);
}

static sa_pagemap_node *node_for(sa_pagemap *map, uintptr_t number)
{
	sa_pagemap_branch *branch =
		branch_for(map, number >> SA_PAGEMAP_BRANCH_BITS);
	uintptr_t index = number & (SA_PAGEMAP_BRANCH_SIZE - 1);
	sa_pagemap_node *node;

	if (branch == NULL)
		return NULL;
	node = atomic_load(&branch->nodes[index]);
	if (node == NULL) {
		node = sa_meta_alloc(map->meta, sizeof *node);
		if (node == NULL)
			return NULL;
		atomic_store(&branch->nodes[index], node);
		note_first(map, node, number);
	}
	return node;
}

static sa_pagemap_leaf *leaf_for(sa_pagemap *map, uintptr_t number)
{
	sa_pagemap_node *node = node_for(map, number >> SA_PAGEMAP_NODE_BITS);
	uintptr_t index = number & (SA_PAGEMAP_NODE_SIZE - 1);
	sa_pagemap_leaf *leaf;

	if (node == NULL)
		return NULL;
	leaf = atomic_load(&node->leaves[index]);
	if (leaf == NULL) {
		leaf = sa_meta_alloc(map->meta, sizeof *leaf);
		if (leaf != NULL)
			atomic_store(&node->leaves[index], leaf);
	}
	return leaf;
}

int sa_pagemap_cover(sa_pagemap *map, const void *memory, size_t size)
{
	uintptr_t first = (uintptr_t)memory >> map->page_shift;
	uintptr_t last = ((uintptr_t)memory + size - 1) >> map->page_shift;

	first >>= SA_PAGEMAP_LEAF_BITS;
	last >>= SA_PAGEMAP_LEAF_BITS;
	for (uintptr_t number = first; number <= last; number++)
		if (leaf_for(map, number) == NULL) {
			errno = ENOMEM;
			return -1;
		}
	return 0;
}

void sa_pagemap_set(sa_pagemap *map, const void *memory, size_t size,
		    sa_pagemap_entry entry)
{
	uintptr_t first = (uintptr_t)memory >> map->page_shift;
	uintptr_t last = ((uintptr_t)memory + size - 1) >> map->page_shift;

	for (uintptr_t page = first; page <= last; page++) {
		sa_pagemap_leaf *leaf =
			leaf_for(map, page >> SA_PAGEMAP_LEAF_BITS);

		atomic_store_explicit(
			&leaf->entries[page & (SA_PAGEMAP_LEAF_SIZE - 1)],
			entry, memory_order_release);
	}
}
