/* SPDX-License-Identifier: ISC */
/*
 * Counting objects without sharing a line between threads: each shard counts
 * its own, and tells the arena's totals now and then, from which the
 * high-water marks are made.  Exact with one shard; with several, each may
 * have SA_COUNTERS_INTERVAL operations untold.
 */
#ifndef SA_COUNTERS_H
#define SA_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "bits.h"

#define SA_COUNTERS_INTERVAL 1024

/* A number and its highest value since it was told.  Written by one thread at
 * a time, read by any: loads and stores, no read-modify-write. */
typedef struct sa_gauge {
	_Atomic(int64_t) value; /* this shard's share, perhaps negative */
	_Atomic(int64_t) peak;
	_Atomic(int64_t) told;
} sa_gauge;

typedef struct sa_counters {
	sa_gauge count;
	sa_gauge size;
	_Atomic(uint64_t) frees;   /* and allocations: frees + count.value */
	_Atomic(uint64_t) told_at; /* operations then */
} sa_counters;

typedef struct sa_total {
	_Atomic(int64_t) value; /* what shards have told */
	_Atomic(int64_t) peak;
} sa_total;

typedef struct sa_totals {
	sa_total count;
	sa_total size;
} sa_totals;

#define SA_COUNTER_GET(counter)                                                \
	atomic_load_explicit(&(counter), memory_order_relaxed)
#define SA_COUNTER_SET(counter, value)                                         \
	atomic_store_explicit(&(counter), value, memory_order_relaxed)

SA_INLINE void sa_gauge_raise(sa_gauge *gauge, int64_t by)
{
	SA_COUNTER_SET(gauge->value, SA_COUNTER_GET(gauge->value) + by);
}

SA_INLINE void sa_counters_alloc(sa_counters *counters, size_t size)
{
	sa_gauge_raise(&counters->count, 1);
	sa_gauge_raise(&counters->size, (int64_t)size);
}

SA_INLINE uint64_t sa_counters_allocs(const sa_counters *counters)
{
	return SA_COUNTER_GET(counters->frees) +
	       (uint64_t)SA_COUNTER_GET(counters->count.value);
}

/* A number peaks before it falls. */
SA_INLINE void sa_gauge_lower(sa_gauge *gauge, int64_t by)
{
	int64_t value = SA_COUNTER_GET(gauge->value);

	if (SA_UNLIKELY(value > SA_COUNTER_GET(gauge->peak)))
		SA_COUNTER_SET(gauge->peak, value);
	SA_COUNTER_SET(gauge->value, value - by);
}

SA_INLINE void sa_counters_free(sa_counters *counters, size_t size)
{
	SA_COUNTER_SET(counters->frees, SA_COUNTER_GET(counters->frees) + 1);
	sa_gauge_lower(&counters->count, 1);
	sa_gauge_lower(&counters->size, (int64_t)size);
}

/* An object has another size; it was neither allocated nor freed. */
SA_INLINE void sa_counters_resize(sa_counters *counters, size_t old,
				  size_t size)
{
	sa_gauge_lower(&counters->size, (int64_t)old - (int64_t)size);
}

/* Tell the totals.  The shard's owner calls. */
void sa_counters_tell(sa_counters *counters, sa_totals *totals);

/* The same, but only once there is an interval's worth. */
SA_INLINE void sa_counters_tell_sometimes(sa_counters *counters,
					  sa_totals *totals)
{
	uint64_t now =
		sa_counters_allocs(counters) + SA_COUNTER_GET(counters->frees);

	if (SA_UNLIKELY(now - SA_COUNTER_GET(counters->told_at) >=
			SA_COUNTERS_INTERVAL))
		sa_counters_tell(counters, totals);
}

/* Every object is freed at once: no value, and `frees` makes it up.  Nobody
 * else runs. */
void sa_counters_clear(sa_counters *counters, sa_totals *totals);

/* What the gauge has not told. */
SA_INLINE int64_t sa_gauge_untold(const sa_gauge *gauge)
{
	return SA_COUNTER_GET(gauge->value) - SA_COUNTER_GET(gauge->told);
}

/* The highest value that the total has had, if others have `others` untold. */
int64_t sa_gauge_peak(const sa_gauge *gauge, const sa_total *total,
		      int64_t others);

#endif
