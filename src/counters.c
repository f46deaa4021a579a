/* SPDX-License-Identifier: ISC */
/* From shards' gauges to the arena's totals and high-water marks. */
#include <config.h>

#include "counters.h"

static void raise_peak(sa_total *total, int64_t candidate)
{
	int64_t peak = SA_COUNTER_GET(total->peak);

	/* GCOVR_EXCL_START: only who loses a race goes round again */
	while (candidate > peak &&
	       !atomic_compare_exchange_weak_explicit(
		       &total->peak, &peak, candidate, memory_order_relaxed,
		       memory_order_relaxed))
		continue;
	/* GCOVR_EXCL_STOP */
}

static int64_t untold_peak(const sa_gauge *gauge)
{
	return SA_COUNTER_GET(gauge->peak) - SA_COUNTER_GET(gauge->told);
}

static void tell(sa_gauge *gauge, sa_total *total)
{
	int64_t value = sa_gauge_value(gauge);
	int64_t before = atomic_fetch_add_explicit(
		&total->value, value - SA_COUNTER_GET(gauge->told),
		memory_order_relaxed);

	raise_peak(total, before + untold_peak(gauge));
	SA_COUNTER_SET(gauge->told, value);
	SA_COUNTER_SET(gauge->peak, value);
	SA_COUNTER_SET(gauge->room, 0);
}

void sa_counters_tell(sa_counters *counters, sa_totals *totals)
{
	SA_COUNTER_SET(counters->told_at, sa_counters_operations(counters));
	tell(&counters->count, &totals->count);
	tell(&counters->size, &totals->size);
}

static void clear(sa_gauge *gauge)
{
	SA_COUNTER_SET(gauge->peak, 0);
	SA_COUNTER_SET(gauge->room, 0);
}

/* What has been told is taken back by telling again. */
void sa_counters_clear(sa_counters *counters, sa_totals *totals)
{
	sa_counters_tell(counters, totals);
	SA_COUNTER_SET(counters->frees, (int64_t)sa_counters_allocs(counters));
	clear(&counters->count);
	clear(&counters->size);
	sa_counters_tell(counters, totals);
}

static void restart(sa_gauge *gauge, int64_t value)
{
	SA_COUNTER_SET(gauge->peak, value);
	SA_COUNTER_SET(gauge->room, 0);
	SA_COUNTER_SET(gauge->told, 0);
}

void sa_counters_restart(sa_counters *counters, int64_t count, int64_t size)
{
	restart(&counters->count, count);
	restart(&counters->size, size);
	SA_COUNTER_SET(counters->told_at, sa_counters_operations(counters));
}

int64_t sa_gauge_peak(const sa_gauge *gauge, const sa_total *total,
		      int64_t others)
{
	int64_t now =
		SA_COUNTER_GET(total->value) + others + untold_peak(gauge);
	int64_t peak = SA_COUNTER_GET(total->peak);

	return now > peak ? now : peak;
}
