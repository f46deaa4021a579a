/* SPDX-License-Identifier: ISC */
/*
 * Marks: what each slot of a slab is, out of line.  A mark takes one byte where
 * the stride is small enough for every size to fit, else two.
 */
#ifndef SA_MARK_H
#define SA_MARK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bits.h"

/* The values; any other is a live object's size and SA_MARK_LIVE. */
#define SA_MARK_FREE 0
#define SA_MARK_COLLECTABLE 1 /* freed by another; wiped */
#define SA_MARK_LIVE 2

/* A size is at least 8 less than its stride. */
#define SA_MARK_NARROW_STRIDE_MAX 256

/* The place where a mark is kept. */
typedef struct sa_mark_place sa_mark_place;

SA_INLINE bool sa_mark_is_narrow(size_t stride)
{
	return stride <= SA_MARK_NARROW_STRIDE_MAX;
}

/* Bytes of a mark. */
SA_INLINE size_t sa_mark_width(size_t stride)
{
	return sa_mark_is_narrow(stride) ? 1 : 2;
}

SA_INLINE sa_mark_place *sa_mark_at(void *marks, size_t stride, size_t index)
{
	unsigned char *bytes = marks;

	return (sa_mark_place *)(void *)(bytes + index * sa_mark_width(stride));
}

/* Which of the marks it is. */
SA_INLINE uint32_t sa_mark_index(const void *marks, size_t stride,
				 const sa_mark_place *place)
{
	const unsigned char *bytes = marks;
	size_t offset =
		(size_t)((const unsigned char *)(const void *)place - bytes);

	return (uint32_t)(offset / sa_mark_width(stride));
}

SA_INLINE uint16_t sa_mark_load(const sa_mark_place *place, size_t stride)
{
	const void *at = place;

	if (sa_mark_is_narrow(stride))
		return atomic_load_explicit((const _Atomic(uint8_t) *)at,
					    memory_order_acquire);
	return atomic_load_explicit((const _Atomic(uint16_t) *)at,
				    memory_order_acquire);
}

SA_INLINE void sa_mark_store(sa_mark_place *place, size_t stride, unsigned mark)
{
	void *at = place;

	if (sa_mark_is_narrow(stride))
		atomic_store_explicit((_Atomic(uint8_t) *)at, (uint8_t)mark,
				      memory_order_release);
	else
		atomic_store_explicit((_Atomic(uint16_t) *)at, (uint16_t)mark,
				      memory_order_release);
}

SA_INLINE bool sa_mark_is_live(uint16_t mark)
{
	return mark >= SA_MARK_LIVE;
}

SA_INLINE unsigned sa_mark_of_size(size_t size)
{
	return (unsigned)size + SA_MARK_LIVE;
}

/* Of a live object. */
SA_INLINE size_t sa_mark_size(uint16_t mark)
{
	return (size_t)mark - SA_MARK_LIVE;
}

#endif
