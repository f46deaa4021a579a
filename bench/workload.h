/* SPDX-License-Identifier: ISC */
/* What is measured: each workload is one function that runs in a trial. */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stddef.h>

#include "allocator.h"
#include "trial.h"

/* What a workload asks of an allocator. */
#define WORKLOAD_NEEDS_THREADS 0x1u
#define WORKLOAD_NEEDS_ACCESS 0x2u
#define WORKLOAD_NEEDS_CHECK 0x4u
#define WORKLOAD_NEEDS_TEARDOWN 0x8u /* of all objects by one call */
#define WORKLOAD_NEEDS_HOLD 0x10u    /* access to one object alone */

/* It is long: only a full run includes it. */
#define WORKLOAD_IS_LONG 0x100u

struct workload {
	const char *name;
	const char *title;
	const char *unit; /* "ns" an operation, or "x", a factor */
	size_t count;     /* objects alive at once */
	size_t least;     /* with fewer it would be another workload */
	size_t room;      /* bytes an object, gaps included */
	unsigned flags;
	size_t threads; /* where several have their own objects */
	double (*run)(const struct trial *trial);
};

extern const struct workload workloads[];
extern const size_t workload_count;

/* The workload whose name it is, or NULL. */
const struct workload *workload_find(const char *name);

/* NULL if `allocator` can run `workload` with `count` objects, else why not. */
const char *workload_obstacle(const struct workload *workload,
			      const struct allocator *allocator, size_t count);

/* pair.c */
double pair_direct_run(const struct trial *trial);
double pair_indirect_run(const struct trial *trial);
double pair_threaded_run(const struct trial *trial);

/* fill.c */
double fill_run(const struct trial *trial);
double drain_run(const struct trial *trial);
double drain_random_run(const struct trial *trial);

/* churn.c */
double churn_run(const struct trial *trial);

/* threads.c */
double threads_run(const struct trial *trial);
double threads_scaling_run(const struct trial *trial);
double threads_crowd_run(const struct trial *trial);

/* handover.c */
#define HANDOVER_COUNT ((size_t)512) /* most objects on their way */
double handover_run(const struct trial *trial);
double handover_rate_run(const struct trial *trial);

/* access.c */
double access_run(const struct trial *trial);
double access_huge_run(const struct trial *trial);
double access_object_run(const struct trial *trial);

/* whole.c */
double check_run(const struct trial *trial);
double destroy_run(const struct trial *trial);

/* sessions.c */
double sessions_run(const struct trial *trial);

#endif
