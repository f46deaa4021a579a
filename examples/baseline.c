/* SPDX-License-Identifier: ISC */
/* Ends at the first block that is not protected as sodium_malloc() promises. */
#include <sodium.h>
#include <stdlib.h>

#include "baseline.h"
#include "process.h"
#include "progress.h"

/* As many blocks as the system gives; `baseline` learns what ended it. */
static void fill(struct baseline *baseline, void **blocks, size_t limit,
		 size_t size)
{
	void *block;

	baseline->end = BASELINE_REACHED;
	for (baseline->count = 0; baseline->count < limit; baseline->count++) {
		progress_show("sodium_malloc", baseline->count, limit);
		block = sodium_malloc(size);
		if (block == NULL) {
			baseline->end = BASELINE_REFUSED;
			return;
		}
		if (sodium_mlock(block, size) != 0) {
			sodium_free(block);
			baseline->end = BASELINE_UNLOCKED;
			return;
		}
		blocks[baseline->count] = block;
	}
}

static int usage(size_t *mapping_count, size_t *locked_size)
{
	if (process_mapping_count(mapping_count) != 0)
		return -1;
	return process_locked_size(locked_size);
}

int baseline_measure(struct baseline *baseline, size_t limit, size_t size)
{
	size_t mapping_count, locked_size;
	void **blocks = calloc(limit, sizeof(*blocks));
	int result = -1;

	if (blocks == NULL && limit > 0)
		return -1;
	if (usage(&mapping_count, &locked_size) != 0)
		goto free_blocks;
	fill(baseline, blocks, limit, size);
	result = usage(&baseline->mapping_count, &baseline->locked_size);
	baseline->mapping_count -= mapping_count;
	baseline->locked_size -= locked_size;
	for (size_t i = baseline->count; i > 0; i--)
		sodium_free(blocks[i - 1]);
free_blocks:
	free(blocks);
	return result;
}
