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
#include <stdbool.h>
#include <stdint.h>

#include "bits.h"

/* What a sanitizer does not see it takes for a race. */
#if defined(__SANITIZE_THREAD__)
#define SA_COUNTERS_BY_COMPILER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SA_COUNTERS_BY_COMPILER 1
#endif
#endif

#define SA_COUNTERS_INTERVAL 1024

/*
 * A number and its highest value since it was told.  Written by one thread at
 * a time, read by any.  What is kept is how far below its peak it is, so that
 * both are right after one addition.
 */
typedef struct sa_gauge {
	_Atomic(int64_t) peak;
	_Atomic(int64_t) room; /* the peak less the value; never below 0 */
	_Atomic(int64_t) told;
} sa_gauge;

typedef struct sa_counters {
	sa_gauge count;
	sa_gauge size;
	_Atomic(int64_t) frees;    /* and allocations: those and the count */
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

/* Add, by the one thread that writes; is the sum below 0?  Compilers leave
 * atomic loads and stores as they are: three instructions for one. */
SA_INLINE bool sa_counter_add(_Atomic(int64_t) *counter, int64_t by)
{
#if defined(__x86_64__) && !defined(SA_COUNTERS_BY_COMPILER)
	bool is_negative;

	__asm__("addq %2, %0"
		: "+m"(*counter), "=@ccs"(is_negative)
		: "er"(by));
	return is_negative;
#else
	int64_t sum = SA_COUNTER_GET(*counter) + by;

	SA_COUNTER_SET(*counter, sum);
	return sum < 0;
#endif
}

/* This shard's share, perhaps negative. */
SA_INLINE int64_t sa_gauge_value(const sa_gauge *gauge)
{
	return SA_COUNTER_GET(gauge->peak) - SA_COUNTER_GET(gauge->room);
}

SA_INLINE void sa_gauge_raise(sa_gauge *gauge, int64_t by)
{
	if (!sa_counter_add(&gauge->room, -by))
		return;
	SA_COUNTER_SET(gauge->peak, sa_gauge_value(gauge));
	SA_COUNTER_SET(gauge->room, 0);
}

SA_INLINE void sa_counters_alloc(sa_counters *counters, size_t size)
{
	sa_gauge_raise(&counters->count, 1);
	sa_gauge_raise(&counters->size, (int64_t)size);
}

SA_INLINE uint64_t sa_counters_allocs(const sa_counters *counters)
{
	return (uint64_t)(SA_COUNTER_GET(counters->frees) +
			  sa_gauge_value(&counters->count));
}

SA_INLINE void sa_gauge_lower(sa_gauge *gauge, int64_t by)
{
	sa_counter_add(&gauge->room, by);
}

SA_INLINE void sa_counters_free(sa_counters *counters, size_t size)
{
	sa_counter_add(&counters->frees, 1);
	sa_gauge_lower(&counters->count, 1);
	sa_gauge_lower(&counters->size, (int64_t)size);
}

/* An object has another size; it was neither allocated nor freed. */
SA_INLINE void sa_counters_resize(sa_counters *counters, size_t old,
				  size_t size)
{
	if (old < size)
		sa_gauge_raise(&counters->size, (int64_t)(size - old));
	else
		sa_gauge_lower(&counters->size, (int64_t)(old - size));
}

SA_INLINE uint64_t sa_counters_operations(const sa_counters *counters)
{
	return sa_counters_allocs(counters) +
	       (uint64_t)SA_COUNTER_GET(counters->frees);
}

/* Tell the totals.  The shard's owner calls. */
void sa_counters_tell(sa_counters *counters, sa_totals *totals);

/* The same, but only once there is an interval's worth. */
SA_INLINE void sa_counters_tell_sometimes(sa_counters *counters,
					  sa_totals *totals)
{
	uint64_t now = sa_counters_operations(counters);

	if (SA_UNLIKELY(now - SA_COUNTER_GET(counters->told_at) >=
			SA_COUNTERS_INTERVAL))
		sa_counters_tell(counters, totals);
}

/* Every object is freed at once: no value, and `frees` makes it up.  Nobody
 * else runs. */
void sa_counters_clear(sa_counters *counters, sa_totals *totals);

/* Whatever they held, `count` objects of `size` bytes are alive, and nothing
 * has been told. */
void sa_counters_restart(sa_counters *counters, int64_t count, int64_t size);

/* What the gauge has not told. */
SA_INLINE int64_t sa_gauge_untold(const sa_gauge *gauge)
{
	return sa_gauge_value(gauge) - SA_COUNTER_GET(gauge->told);
}

/* The highest value that the total has had, if others have `others` untold. */
int64_t sa_gauge_peak(const sa_gauge *gauge, const sa_total *total,
		      int64_t others);

#endif
