/* SPDX-License-Identifier: ISC */
/* Statistics: sums over shards, high-water marks, the JSON line. */
#include <config.h>

#include "stats.h"

#include "access.h"
#include "slabs.h"

/* Objects, and their bytes. */
typedef struct {
	int64_t count;
	int64_t size;
} tally;

/* What the shards have not told yet, all of them together. */
static tally sum_untold(const sa_arena *arena)
{
	tally sum = {0, 0};

	for (const sa_shard *s = arena->all_shards; s != NULL; s = s->next) {
		sum.count += sa_gauge_untold(&s->counters.count);
		sum.size += sa_gauge_untold(&s->counters.size);
	}
	return sum;
}

/* Counted while others count, a sum may come out below zero for a moment. */
static size_t not_negative(int64_t value)
{
	return value > 0 ? (size_t)value : 0;
}

static size_t peak(const sa_gauge *gauge, const sa_total *total, int64_t sum,
		   size_t so_far)
{
	int64_t others = sum - sa_gauge_untold(gauge);
	size_t candidate = not_negative(sa_gauge_peak(gauge, total, others));

	return candidate > so_far ? candidate : so_far;
}

static void gather_objects(const sa_arena *arena, sa_arena_stats *stats)
{
	const sa_totals *totals = &arena->totals;
	tally sum = sum_untold(arena);

	stats->live_count =
		not_negative(SA_COUNTER_GET(totals->count.value) + sum.count);
	stats->live_size =
		not_negative(SA_COUNTER_GET(totals->size.value) + sum.size);
	stats->alloc_count = stats->free_count = 0;
	stats->peak_count = stats->peak_size = 0;
	for (const sa_shard *s = arena->all_shards; s != NULL; s = s->next) {
		stats->alloc_count += sa_counters_allocs(&s->counters);
		stats->free_count +=
			(uint64_t)SA_COUNTER_GET(s->counters.frees);
		stats->peak_count = peak(&s->counters.count, &totals->count,
					 sum.count, stats->peak_count);
		stats->peak_size = peak(&s->counters.size, &totals->size,
					sum.size, stats->peak_size);
	}
}

void sa_stats_gather(sa_arena *arena, sa_arena_stats *stats)
{
	sa_arena_lock(arena);
	gather_objects(arena, stats);
	stats->mapped_size = atomic_load(&arena->mapped_size);
	stats->locked_size = atomic_load(&arena->locked_size);
	stats->metadata_size = arena->meta.mapped_size;
	stats->region_count = atomic_load(&arena->region_count);
	stats->slab_count = atomic_load(&arena->slab_count);
	stats->large_count = atomic_load(&arena->large_count);
	stats->failure_count = atomic_load(&arena->failure_count);
	stats->access_change_count = atomic_load(&arena->access_change_count);
	stats->holder_count = sa_access_holder_count(arena);
	sa_arena_unlock(arena);
}

static void tally_slab(sa_slab *slab, tally *sum)
{
	for (uint32_t i = 0; i < slab->nslots; i++) {
		uint16_t mark = sa_slot_mark(sa_slab_slot_at(slab, i));

		if (!sa_mark_is_live(mark))
			continue;
		sum->count++;
		sum->size += (int64_t)sa_mark_size(mark);
	}
}

static tally tally_all(const sa_arena *arena)
{
	sa_slabs_cursor at = sa_slabs_begin(arena);
	tally sum = {0, 0};
	sa_slab *slab;

	while ((slab = sa_slabs_next(arena, &at)) != NULL)
		tally_slab(slab, &sum);
	for (const sa_large *l = arena->larges; l != NULL; l = l->next) {
		sum.count++;
		sum.size += (int64_t)atomic_load(&l->size);
	}
	return sum;
}

/* They count as one shard's: who made them is forgotten. */
void sa_stats_recount(sa_arena *arena)
{
	tally alive = tally_all(arena);

	SA_COUNTER_SET(arena->totals.count.value, 0);
	SA_COUNTER_SET(arena->totals.size.value, 0);
	for (sa_shard *s = arena->all_shards; s != NULL; s = s->next)
		sa_counters_restart(&s->counters, 0, 0);
	sa_counters_restart(&arena->guest->counters, alive.count, alive.size);
	sa_counters_tell(&arena->guest->counters, &arena->totals);
}

static const char *access_name(sa_arena_access access)
{
	switch (access) {
	case SA_ARENA_NOACCESS:
		return "noaccess";
	case SA_ARENA_READONLY:
		return "readonly";
	case SA_ARENA_READWRITE:
		break;
	}
	return "readwrite";
}

static void add_figure(sa_line *line, const char *key, uint64_t value)
{
	sa_line_add(line, ",\"");
	sa_line_add(line, key);
	sa_line_add(line, "\":");
	sa_line_add_unsigned(line, value);
}

void sa_stats_format(const sa_arena *arena, const sa_arena_stats *stats,
		     sa_line *line)
{
	sa_line_clear(line);
	sa_line_add(line, "{\"name\":\"");
	sa_line_add_escaped(line, arena->name);
	sa_line_add(line, "\",\"access\":\"");
	sa_line_add(line, access_name(atomic_load(&arena->access)));
	sa_line_add(line, "\"");
	add_figure(line, "live_count", stats->live_count);
	add_figure(line, "live_size", stats->live_size);
	add_figure(line, "peak_count", stats->peak_count);
	add_figure(line, "peak_size", stats->peak_size);
	add_figure(line, "mapped_size", stats->mapped_size);
	add_figure(line, "locked_size", stats->locked_size);
	add_figure(line, "metadata_size", stats->metadata_size);
	add_figure(line, "region_count", stats->region_count);
	add_figure(line, "slab_count", stats->slab_count);
	add_figure(line, "large_count", stats->large_count);
	add_figure(line, "alloc_count", stats->alloc_count);
	add_figure(line, "free_count", stats->free_count);
	add_figure(line, "failure_count", stats->failure_count);
	add_figure(line, "access_change_count", stats->access_change_count);
	add_figure(line, "holder_count", stats->holder_count);
	sa_line_add(line, "}\n");
}
