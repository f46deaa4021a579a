/* SPDX-License-Identifier: ISC */
/* The list of allocators, in the order in which they are shown. */
#include <config.h>

#include "allocator.h"

#include <string.h>

#include "allocators/list.h"

const struct allocator *const allocators[] = {
	&allocator_plain,     &allocator_arena,  &allocator_arena_single,
	&allocator_pool,      &allocator_sodium,
#ifdef HAVE_OPENSSL
	&allocator_openssl,
#endif
#ifdef HAVE_LIBGCRYPT
	&allocator_libgcrypt,
#endif
#ifdef HAVE_BOTAN
	&allocator_botan,
#endif
};

const size_t allocator_count = sizeof(allocators) / sizeof(allocators[0]);

const struct allocator *allocator_find(const char *name)
{
	for (size_t i = 0; i < allocator_count; i++)
		if (strcmp(allocators[i]->name, name) == 0)
			return allocators[i];
	return NULL;
}
