/* SPDX-License-Identifier: ISC */
/* No exception leaves this file. */
#include "allocators/botan_pool.h"

#include <botan/mem_ops.h>
#include <botan/version.h>

#include <new>

#include "object.h"

const char *botan_pool_version(void)
{
	return Botan::short_version_cstr();
}

void *botan_pool_alloc(size_t size)
{
	try {
		return Botan::allocate_memory(size, 1);
	} catch (const std::bad_alloc &) {
		return nullptr;
	}
}

void botan_pool_free(void *object, size_t size)
{
	Botan::deallocate_memory(object, size, 1);
}

int botan_pool_pairs(size_t size, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		void *object = botan_pool_alloc(size);

		if (object == nullptr)
			return -1;
		object_write(object, size);
		botan_pool_free(object, size);
	}
	return 0;
}
