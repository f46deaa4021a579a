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

int sa_pagemap_init(sa_pagemap *map, sa_meta *meta)
{
	unsigned bits;

	map->page_shift = sa_floor_log2(sa_os_page_size);
	map->meta = meta;
	map->near_node = NULL;
	atomic_store(&map->near_top, UINTPTR_MAX);
	bits = map->page_shift + 2 * SA_PAGEMAP_LEVEL_BITS;
	map->root_size =
		bits < ADDRESS_BITS ? (size_t)1 << (ADDRESS_BITS - bits) : 1;
	map->root = sa_meta_alloc(meta, map->root_size * sizeof *map->root);
	return map->root == NULL ? -1 : 0;
}

/* The leaf for a page number, made if it is not there yet. */
static sa_pagemap_leaf *leaf_for(sa_pagemap *map, uintptr_t page)
{
	uintptr_t top = page >> (2 * SA_PAGEMAP_LEVEL_BITS);
	uintptr_t middle =
		page >> SA_PAGEMAP_LEVEL_BITS & (SA_PAGEMAP_NODE_SIZE - 1);
	sa_pagemap_node *node;
	sa_pagemap_leaf *leaf;

	if (top >= map->root_size)
		return NULL;
	node = atomic_load(&map->root[top]);
	if (node == NULL) {
		node = sa_meta_alloc(map->meta, sizeof *node);
		if (node == NULL)
			return NULL;
		atomic_store(&map->root[top], node);
		if (map->near_node == NULL) {
			map->near_node = node;
			atomic_store(&map->near_top, top);
		}
	}
	leaf = atomic_load(&node->leaves[middle]);
	if (leaf == NULL) {
		leaf = sa_meta_alloc(map->meta, sizeof *leaf);
		if (leaf != NULL)
			atomic_store(&node->leaves[middle], leaf);
	}
	return leaf;
}

int sa_pagemap_cover(sa_pagemap *map, const void *memory, size_t size)
{
	uintptr_t first = (uintptr_t)memory >> map->page_shift;
	uintptr_t last = ((uintptr_t)memory + size - 1) >> map->page_shift;

	for (uintptr_t page = first; page <= last;
	     page = (page | (SA_PAGEMAP_NODE_SIZE - 1)) + 1)
		if (leaf_for(map, page) == NULL) {
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
		sa_pagemap_leaf *leaf = leaf_for(map, page);

		atomic_store_explicit(
			&leaf->entries[page & (SA_PAGEMAP_NODE_SIZE - 1)],
			entry, memory_order_release);
	}
}
