/* SPDX-License-Identifier: ISC */
/*
 * Size classes: which stride serves a request.  Strides are every multiple of
 * 16 up to 256, then eight to a doubling, up to SA_SIZECLASS_STRIDE_MAX; at
 * least SA_CANARY_SIZE bytes of each belong to the canary.  So a 32-byte key
 * takes 48 bytes, and what a larger request wastes stays below an eighth.
 */
#ifndef SA_SIZECLASS_H
#define SA_SIZECLASS_H

#include <stddef.h>

#include "bits.h"

#define SA_CANARY_SIZE 8

#define SA_SIZECLASS_COUNT 56
#define SA_SIZECLASS_STRIDE_MAX ((size_t)8192)
/* The largest object that a slot holds. */
#define SA_SIZECLASS_SIZE_MAX (SA_SIZECLASS_STRIDE_MAX - SA_CANARY_SIZE)

/* Strides up to 2^8 are multiples of 16; beyond, 2^3 steps to a doubling. */
#define SA_SIZECLASS_LINEAR_COUNT 16
#define SA_SIZECLASS_LINEAR_LOG2 8
#define SA_SIZECLASS_STEPS_LOG2 3

/* Up to this size the class is a division. */
#define SA_SIZECLASS_LINEAR_MAX                                                \
	(((size_t)1 << SA_SIZECLASS_LINEAR_LOG2) - SA_CANARY_SIZE)

/* Plain classes are those whose slots birth and death handle in straight code:
 * strides of 32 to 144, for sizes of 9 to 136. */
#define SA_SIZECLASS_PLAIN_COUNT 8

SA_INLINE bool sa_sizeclass_size_is_plain(size_t size)
{
	return size - 9 < (size_t)16 * SA_SIZECLASS_PLAIN_COUNT;
}

/* The class for a size up to SA_SIZECLASS_LINEAR_MAX, and such a class's
 * stride. */
SA_INLINE unsigned sa_sizeclass_of_linear(size_t size)
{
	return (unsigned)((size + SA_CANARY_SIZE - 1) / 16);
}

SA_INLINE size_t sa_sizeclass_linear_stride(unsigned class)
{
	return ((size_t) class + 1) * 16;
}

/* The same at once. */
SA_INLINE size_t sa_sizeclass_stride_of_linear(size_t size)
{
	return ((size + SA_CANARY_SIZE - 1) & ~(size_t)15) + 16;
}

/* The class for `size`, which is at most SA_SIZECLASS_SIZE_MAX. */
SA_INLINE unsigned sa_sizeclass_of(size_t size)
{
	size_t last = size + SA_CANARY_SIZE - 1;
	unsigned log2;

	if (SA_LIKELY(size <= SA_SIZECLASS_LINEAR_MAX))
		return sa_sizeclass_of_linear(size);
	log2 = sa_floor_log2(last);
	/* The top bit and the three below it number the step. */
	return SA_SIZECLASS_LINEAR_COUNT +
	       ((log2 - SA_SIZECLASS_LINEAR_LOG2) << SA_SIZECLASS_STEPS_LOG2) +
	       (unsigned)(last >> (log2 - SA_SIZECLASS_STEPS_LOG2) &
			  ((1u << SA_SIZECLASS_STEPS_LOG2) - 1));
}

/* Bytes from one slot of the class to the next. */
SA_INLINE size_t sa_sizeclass_stride(unsigned class)
{
	unsigned log2, step;

	if (class < SA_SIZECLASS_LINEAR_COUNT)
		return sa_sizeclass_linear_stride(class);
	class -= SA_SIZECLASS_LINEAR_COUNT;
	log2 = SA_SIZECLASS_LINEAR_LOG2 + (class >> SA_SIZECLASS_STEPS_LOG2);
	step = class & ((1u << SA_SIZECLASS_STEPS_LOG2) - 1);
	return ((size_t)1 << log2) +
	       ((size_t)(step + 1) << (log2 - SA_SIZECLASS_STEPS_LOG2));
}

/*
 * The smallest class for `size` whose stride is a multiple of `alignment`, a
 * power of two; SA_SIZECLASS_COUNT if no slot is large enough.
 */
unsigned sa_sizeclass_of_aligned(size_t size, size_t alignment);

#endif
