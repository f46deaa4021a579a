/* SPDX-License-Identifier: ISC */
/* The list of workloads. */
#include <config.h>

#include "workload.h"

#define THOUSAND ((size_t)1000)
#define MILLION ((size_t)1000000)

/* The fewest objects that a scaled-down workload still makes sense with. */
#define LEAST THOUSAND

const struct workload workloads[] = {
	{"pair", "alloc(32), write, free; direct calls", "ns", 1, 1, 0,
	 pair_direct_run},
	{"pair-indirect", "the same through function pointers", "ns", 1, 1, 0,
	 pair_indirect_run},
	{"pair-mt", "pair while a second thread exists, idle", "ns", 1, 1, 0,
	 pair_threaded_run},
	{"fill-100k", "alloc(32), write; up to 100,000 objects", "ns",
	 100 * THOUSAND, LEAST, 0, fill_run},
	{"fill-1m", "the same up to 1,000,000", "ns", MILLION, MILLION, 0,
	 fill_run},
	{"drain-100k", "free 100,000 objects of 32 bytes in order", "ns",
	 100 * THOUSAND, LEAST, 0, drain_run},
	{"drain-1m", "the same from 1,000,000", "ns", MILLION, MILLION, 0,
	 drain_run},
	{"drain-random-100k", "free 100,000 objects of 32 bytes, shuffled",
	 "ns", 100 * THOUSAND, LEAST, 0, drain_random_run},
	{"drain-random-1m", "the same from 1,000,000", "ns", MILLION, MILLION,
	 0, drain_random_run},
	{"churn-10k", "replace one of 10,000 objects of eight sizes", "ns",
	 10 * THOUSAND, LEAST, 0, churn_run},
	{"churn-100k", "the same of 100,000", "ns", 100 * THOUSAND,
	 100 * THOUSAND, 0, churn_run},
	{"churn-1m", "the same of 1,000,000", "ns", MILLION, MILLION, 0,
	 churn_run},
	{"threads", "two threads, each its churn of 10,000", "ns",
	 20 * THOUSAND, LEAST, WORKLOAD_NEEDS_THREADS, churn_threads_run},
	{"threads-scaling", "its throughput over one thread's", "x",
	 20 * THOUSAND, LEAST, WORKLOAD_NEEDS_THREADS, churn_scaling_run},
	{"prodcons", "one thread allocates and writes, another frees", "ns",
	 HANDOVER_COUNT, HANDOVER_COUNT, WORKLOAD_NEEDS_THREADS, handover_run},
	{"access", "open and close, 100,000 objects resting", "ns",
	 100 * THOUSAND, LEAST, WORKLOAD_NEEDS_ACCESS, access_run},
};

const size_t workload_count = sizeof(workloads) / sizeof(workloads[0]);

const char *workload_obstacle(const struct workload *workload,
			      const struct allocator *allocator, size_t count)
{
	if (count < workload->least)
		return "too many objects";
	if ((workload->needs & WORKLOAD_NEEDS_THREADS) &&
	    !allocator->is_thread_safe)
		return "for one thread";
	if ((workload->needs & WORKLOAD_NEEDS_ACCESS) &&
	    allocator->open == NULL)
		return "no such call";
	return NULL;
}
