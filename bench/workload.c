/* SPDX-License-Identifier: ISC */
/* The list of workloads. */
#include <config.h>

#include "workload.h"

#include <string.h>

#include "churn.h"
#include "object.h"

#define THOUSAND ((size_t)1000)
#define MILLION ((size_t)1000000)

/* The fewest objects that a scaled-down workload still makes sense with. */
#define LEAST THOUSAND

/* What the members after the title have in common. */
#define ONE_KEY "ns", 1, 1, KEY_SIZE, 0, 0
#define KEYS_100K "ns", 100 * THOUSAND, LEAST, KEY_SIZE, 0, 0
#define KEYS_1M "ns", MILLION, MILLION, KEY_SIZE, 0, 0
#define CHURN(COUNT, LEAST, FLAGS) "ns", COUNT, LEAST, CHURN_ROOM, FLAGS, 0
#define CREW(UNIT, FLAGS, THREADS)                                             \
	UNIT, 20 * THOUSAND, LEAST, CHURN_ROOM,                                \
		WORKLOAD_NEEDS_THREADS | (FLAGS), THREADS
#define HANDOVER(UNIT)                                                         \
	UNIT, HANDOVER_COUNT, HANDOVER_COUNT, KEY_SIZE,                        \
		WORKLOAD_NEEDS_THREADS, 0
#define WHOLE_1M(UNIT, FLAGS) UNIT, MILLION, MILLION, KEY_SIZE, FLAGS, 0

const struct workload workloads[] = {
	{"pair", "alloc(32), write, free; direct calls", ONE_KEY,
	 pair_direct_run},
	{"pair-indirect", "the same through function pointers", ONE_KEY,
	 pair_indirect_run},
	{"pair-mt", "pair while a second thread exists, idle", ONE_KEY,
	 pair_threaded_run},
	{"fill-100k", "alloc(32), write; up to 100,000 objects", KEYS_100K,
	 fill_run},
	{"fill-1m", "the same up to 1,000,000", KEYS_1M, fill_run},
	{"drain-100k", "free 100,000 objects of 32 bytes in order", KEYS_100K,
	 drain_run},
	{"drain-1m", "the same from 1,000,000", KEYS_1M, drain_run},
	{"drain-random-100k", "free 100,000 objects of 32 bytes, shuffled",
	 KEYS_100K, drain_random_run},
	{"drain-random-1m", "the same from 1,000,000", KEYS_1M,
	 drain_random_run},
	{"churn-1k", "replace one of 1,000 objects of eight sizes",
	 CHURN(THOUSAND, LEAST, 0), churn_run},
	{"churn-10k", "the same of 10,000", CHURN(10 * THOUSAND, LEAST, 0),
	 churn_run},
	{"churn-100k", "the same of 100,000",
	 CHURN(100 * THOUSAND, 100 * THOUSAND, 0), churn_run},
	{"churn-1m", "the same of 1,000,000", CHURN(MILLION, MILLION, 0),
	 churn_run},
	{"churn-10m", "the same of 10,000,000",
	 CHURN(10 * MILLION, 10 * MILLION, WORKLOAD_IS_LONG), churn_run},
	{"threads", "two threads, each its churn of 10,000", CREW("ns", 0, 2),
	 threads_run},
	{"threads-scaling", "its throughput over one thread's", CREW("x", 0, 2),
	 threads_scaling_run},
	{"threads-scaling-4", "four threads' over one thread's",
	 CREW("x", WORKLOAD_IS_LONG, 4), threads_scaling_run},
	{"threads-scaling-16", "16 threads' over one thread's",
	 CREW("x", WORKLOAD_IS_LONG, 16), threads_scaling_run},
	{"threads-scaling-64", "64 threads' over one thread's",
	 CREW("x", WORKLOAD_IS_LONG, 64), threads_scaling_run},
	{"threads-64", "64 threads' over two threads'", CREW("x", 0, 64),
	 threads_crowd_run},
	{"prodcons", "one thread allocates and writes, another frees",
	 HANDOVER("ns"), handover_run},
	{"prodcons-rate", "its pairs a second over one thread's", HANDOVER("x"),
	 handover_rate_run},
	{"sessions", "a request to a cache of 100,000 session keys", "ns",
	 100 * THOUSAND, 100 * THOUSAND, KEY_SIZE, 0, 0, sessions_run},
	{"access", "open and close, 100,000 objects resting", "ns",
	 100 * THOUSAND, LEAST, KEY_SIZE, WORKLOAD_NEEDS_ACCESS, 0, access_run},
	{"access-1m", "the same, 1,000,000 objects",
	 WHOLE_1M("ns", WORKLOAD_NEEDS_ACCESS), access_run},
	{"access-1m-huge", "its time over that without huge pages",
	 WHOLE_1M("x", WORKLOAD_NEEDS_ACCESS), access_huge_run},
	{"access-object",
	 "open and close around one of 1,000,000 resting, over those of one "
	 "sodium_malloc object",
	 WHOLE_1M("x", WORKLOAD_NEEDS_HOLD), access_object_run},
	{"check", "verify 1,000,000 objects; an object's share",
	 WHOLE_1M("ns", WORKLOAD_NEEDS_CHECK), check_run},
	{"destroy", "of 1,000,000 objects over sodium_free of as many bytes",
	 WHOLE_1M("x", WORKLOAD_NEEDS_TEARDOWN), destroy_run},
};

const size_t workload_count = sizeof(workloads) / sizeof(workloads[0]);

const struct workload *workload_find(const char *name)
{
	for (size_t i = 0; i < workload_count; i++)
		if (strcmp(workloads[i].name, name) == 0)
			return &workloads[i];
	return NULL;
}

static int has_needed(const struct allocator *allocator, unsigned flags)
{
	return (!(flags & WORKLOAD_NEEDS_ACCESS) || allocator->open != NULL) &&
	       (!(flags & WORKLOAD_NEEDS_HOLD) ||
		allocator->open_object != NULL) &&
	       (!(flags & WORKLOAD_NEEDS_CHECK) || allocator->check != NULL) &&
	       (!(flags & WORKLOAD_NEEDS_TEARDOWN) ||
		allocator->teardown_frees);
}

const char *workload_obstacle(const struct workload *workload,
			      const struct allocator *allocator, size_t count)
{
	if (!has_needed(allocator, workload->flags))
		return "no such call";
	if (allocator->keys_only && workload->room != KEY_SIZE)
		return "one size only";
	if (count < workload->least)
		return "too many objects";
	if ((workload->flags & WORKLOAD_NEEDS_THREADS) &&
	    !allocator->is_thread_safe)
		return "for one thread";
	return NULL;
}
