/* SPDX-License-Identifier: ISC */
/* Metadata blocks: bump allocation from guarded chunks, reuse by exact size. */
#include <config.h>

#include "meta.h"

#include <errno.h>
#include <string.h>

#include "bits.h"
#include "os.h"

/* A chunk is a thirty-second of what is there, so that what lies unused stays a
 * small share, but not less than this: it costs three mappings. */
#define CHUNK_SIZE_MIN ((size_t)128 << 10)
#define CHUNK_SHARE 32

/* A guard, the chunk, a guard. */
#define CHUNK_MAPPINGS 3

struct sa_meta_chunk {
	sa_meta_chunk *older;
	size_t size;
};

void sa_meta_init(sa_meta *meta)
{
	memset(meta, 0, sizeof *meta);
}

static size_t next_chunk_size(size_t mapped)
{
	size_t size = mapped / CHUNK_SHARE;

	return size < CHUNK_SIZE_MIN ? CHUNK_SIZE_MIN : size;
}

size_t sa_meta_mappings(size_t size)
{
	size_t mapped = 0, mappings = 0;

	while (mapped < size) {
		size_t chunk = next_chunk_size(mapped);

		mapped = chunk > SIZE_MAX - mapped ? SIZE_MAX : mapped + chunk;
		mappings += CHUNK_MAPPINGS;
	}
	return mappings;
}

static int add_chunk(sa_meta *meta, size_t need)
{
	size_t size = next_chunk_size(meta->mapped_size);
	sa_meta_chunk *chunk;

	/* Room for the chunk's own head, for whole pages and for the guards. */
	if (need > SIZE_MAX - SA_META_STEP - 3 * sa_os_page_size)
		return -1;
	need += SA_META_STEP;
	if (size < need)
		size = need;
	size = sa_align_up(size, sa_os_page_size);
	chunk = sa_os_map_guarded(size);
	if (chunk == NULL)
		return -1;
	chunk->older = meta->chunks;
	chunk->size = size;
	meta->chunks = chunk;
	meta->next = (unsigned char *)chunk + SA_META_STEP;
	meta->end = (unsigned char *)chunk + size;
	meta->mapped_size += size;
	return 0;
}

void *sa_meta_alloc(sa_meta *meta, size_t size)
{
	size_t rounded = sa_align_up(size + (size == 0), SA_META_STEP);
	void *block;

	if (rounded < size) {
		errno = ENOMEM;
		return NULL;
	}
	if (rounded <= SA_META_LISTED_MAX) {
		void **list = &meta->freed[rounded / SA_META_STEP - 1];

		block = *list;
		if (block != NULL) {
			memcpy(list, block, sizeof *list);
			return memset(block, 0, rounded);
		}
	}
	if ((size_t)(meta->end - meta->next) < rounded &&
	    add_chunk(meta, rounded) != 0) {
		errno = ENOMEM;
		return NULL;
	}
	block = meta->next;
	meta->next += rounded;
	return block;
}

void sa_meta_free(sa_meta *meta, void *block, size_t size)
{
	size_t rounded = sa_align_up(size + (size == 0), SA_META_STEP);
	void **list = &meta->freed[rounded / SA_META_STEP - 1];

	if (rounded > SA_META_LISTED_MAX)
		return;
	memcpy(block, list, sizeof *list);
	*list = block;
}

void sa_meta_destroy(sa_meta *meta)
{
	sa_meta_chunk *chunk = meta->chunks;

	while (chunk != NULL) {
		sa_meta_chunk *older = chunk->older;

		/* What the kernel refuses to unmap stays: it holds no secret,
		 * and nobody is left to be told. */
		(void)sa_os_unmap_guarded(chunk, chunk->size);
		chunk = older;
	}
}
