/* SPDX-License-Identifier: ISC */
/* Size classes by alignment. */
#include <config.h>

#include "sizeclass.h"

unsigned sa_sizeclass_of_aligned(size_t size, size_t alignment)
{
	unsigned class;

	if (size > SA_SIZECLASS_SIZE_MAX)
		return SA_SIZECLASS_COUNT;
	class = sa_sizeclass_of(size);
	while (class < SA_SIZECLASS_COUNT &&
	       sa_sizeclass_stride(class) % alignment != 0)
		class ++;
	return class;
}
