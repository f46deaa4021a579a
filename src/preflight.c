/* SPDX-License-Identifier: ISC */
/* An arena grown on paper, region by region, by the rules of the real one. */
#include <config.h>

#include "preflight.h"

#include <errno.h>
#include <stdbool.h>

#include "bits.h"
#include "growth.h"
#include "large.h"
#include "meta.h"
#include "os.h"
#include "proc.h"
#include "region.h"
#include "registry.h"
#include "sizeclass.h"
#include "tract.h"

/* An arena on paper. */
typedef struct {
	size_t mapped;   /* bytes of secret memory */
	size_t mappings; /* VMAs */
	size_t count;    /* objects that fit */
	bool is_made;    /* what it begins with was to be had */
	/* Regions of one size follow each other. */
	size_t last_size;
	size_t last_nslots;
} paper;

/* What it may not pass. */
typedef struct {
	size_t lockable; /* the key's page already taken off */
	size_t mappings;
	size_t capacity;
	size_t memory; /* all that the machine has: no object is larger */
} limits;

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t saturating_sum(size_t a, size_t b)
{
	size_t sum;

	return sa_add_overflows(a, b, &sum) ? SIZE_MAX : sum;
}

static size_t saturating_product(size_t a, size_t b)
{
	size_t product;

	return sa_mul_overflows(a, b, &product) ? SIZE_MAX : product;
}

/* The process's first arena pays for the canary key's region. */
static paper empty_arena(void)
{
	return (paper){.mappings = SA_REGION_MAPPINGS};
}

static size_t mappings_left(const paper *now, const limits *may)
{
	return may->mappings - min_size(now->mappings, may->mappings);
}

/* Whole pages. */
static size_t bytes_left(const paper *now, const limits *may)
{
	size_t most = min_size(may->capacity, may->lockable);

	return sa_align_down(most - min_size(now->mapped, most),
			     sa_os_page_size);
}

/* Add `n` regions of `size` bytes with slots of `stride` bytes. */
static void add_regions(paper *now, size_t n, size_t size, size_t stride)
{
	if (size != now->last_size) {
		now->last_size = size;
		now->last_nslots = sa_tract_nslots(size, stride);
	}
	now->mapped = saturating_sum(now->mapped, saturating_product(n, size));
	now->mappings = saturating_sum(
		now->mappings, saturating_product(n, SA_REGION_MAPPINGS));
	now->count = saturating_sum(now->count,
				    saturating_product(n, now->last_nslots));
}

/* Whole pages, as many as the capacity has room for. */
static size_t reserved(const limits *may, size_t reserve)
{
	size_t page = sa_os_page_size;

	return min_size(sa_align_up(min_size(reserve, SIZE_MAX / 2), page),
			sa_align_down(may->capacity, page));
}

/* As many regions of `size` bytes as there is room for, `most` of them at the
 * most. */
static void add_equal(paper *now, const limits *may, size_t most, size_t size,
		      size_t stride)
{
	size_t n = min_size(bytes_left(now, may) / size,
			    mappings_left(now, may) / SA_REGION_MAPPINGS);

	add_regions(now, min_size(n, most), size, stride);
}

/* One region of that size, or as much as is left.  False if that is less than
 * `least`. */
static bool add_one(paper *now, const limits *may, size_t size, size_t least,
		    size_t stride)
{
	size = min_size(size, bytes_left(now, may));
	if (size < least || mappings_left(now, may) < SA_REGION_MAPPINGS)
		return false;
	add_regions(now, 1, size, stride);
	return true;
}

/* What sa_growth_reserve() makes: the reserve, or a first region however
 * small. */
static paper make(const limits *may, size_t reserve, size_t stride)
{
	size_t page = sa_os_page_size;
	size_t aim = reserved(may, reserve);
	size_t most = sa_growth_reserve_size(aim);
	paper now = empty_arena();

	if (reserve == 0) {
		now.is_made = add_one(&now, may, sa_growth_next_size(0), page,
				      stride);
		return now;
	}
	add_equal(&now, may, aim / most, most, stride);
	while (now.mapped < aim &&
	       add_one(&now, may, min_size(aim - now.mapped, most), page,
		       stride))
		continue;
	now.is_made = now.mapped >= aim;
	if (!now.is_made)
		now.count = 0;
	return now;
}

/* Regions until `count` objects fit, or a limit is met.  Once regions are as
 * large as they get, all that follow are alike. */
static paper grow_slots(const limits *may, size_t reserve, size_t count,
			size_t stride)
{
	size_t least = sa_tract_min_pages(stride) * sa_os_page_size;
	paper now = make(may, reserve, stride);
	bool goes_on = now.is_made;

	while (goes_on && now.count < count) {
		size_t size = sa_growth_next_size(now.mapped);

		if (size == SA_GROWTH_SIZE_MAX)
			add_equal(&now, may,
				  (count - now.count) /
					  sa_tract_nslots(size, stride),
				  size, stride);
		goes_on = now.count >= count ||
			  add_one(&now, may, size < least ? least : size, least,
				  stride);
	}
	return now;
}

/* Large objects have a region each; what the arena begins with lies idle beside
 * them. */
static paper grow_large(const limits *may, size_t reserve, size_t count,
			size_t size)
{
	paper now = make(may, reserve, sa_sizeclass_stride(0));
	size_t each = sa_large_region_size(size, _Alignof(max_align_t));
	size_t n;

	now.count = 0;
	if (each == 0 && count != 0)
		now.mapped = SIZE_MAX;
	if (each == 0 || !now.is_made)
		return now;
	n = min_size(bytes_left(&now, may) / each,
		     mappings_left(&now, may) / SA_REGION_MAPPINGS);
	if (each > may->memory)
		n = 0;
	now.count = min_size(count, n);
	now.mapped =
		saturating_sum(now.mapped, saturating_product(now.count, each));
	now.mappings = saturating_sum(
		now.mappings,
		saturating_product(now.count, SA_REGION_MAPPINGS));
	return now;
}

static paper grow(const limits *may, const sa_arena_options *options,
		  size_t count, size_t size)
{
	if (size > SA_SIZECLASS_SIZE_MAX)
		return grow_large(may, options->reserve, count, size);
	return grow_slots(may, options->reserve, count,
			  sa_sizeclass_stride(sa_sizeclass_of(size)));
}

/* More than there are addresses, which comes before all limits. */
static bool is_beyond_reason(size_t size)
{
	return size > SA_SIZECLASS_SIZE_MAX &&
	       sa_large_region_size(size, _Alignof(max_align_t)) == 0;
}

/* What an allocation would fail with: the limit that is met first. */
static int first_failure(const limits *may, const sa_arena_options *options,
			 size_t size)
{
	const limits capacity = {SIZE_MAX, SIZE_MAX, may->capacity, SIZE_MAX};
	const limits lock = {may->lockable, SIZE_MAX, SIZE_MAX, SIZE_MAX};
	const limits mappings = {SIZE_MAX, may->mappings, SIZE_MAX,
				 may->memory};
	size_t by_capacity = grow(&capacity, options, SIZE_MAX, size).count;
	size_t by_lock = grow(&lock, options, SIZE_MAX, size).count;
	size_t by_mappings = grow(&mappings, options, SIZE_MAX, size).count;

	if (is_beyond_reason(size))
		return ENOMEM;
	if (by_capacity <= by_lock && by_capacity <= by_mappings &&
	    may->capacity != SIZE_MAX)
		return ENOSPC;
	return by_lock < by_mappings ? EPERM : ENOMEM;
}

/* Metadata a slot: its mark, two bits, its share of descriptors and page map;
 * and what an arena has at first. */
#define METADATA_PER_SLOT 3
#define METADATA_AT_FIRST ((size_t)192 << 10)

static size_t metadata_mappings(size_t count)
{
	return sa_meta_mappings(
		saturating_sum(METADATA_AT_FIRST,
			       saturating_product(count, METADATA_PER_SLOT)));
}

static limits limits_now(const sa_arena_options *options, size_t lockable,
			 size_t mappings, size_t key_size)
{
	limits may = {SIZE_MAX, mappings, SIZE_MAX, sa_proc_memory_size()};

	if (options->mlock == SA_ARENA_MLOCK_REQUIRED && lockable != SIZE_MAX)
		may.lockable = lockable - min_size(key_size, lockable);
	if (options->capacity != 0)
		may.capacity = options->capacity;
	/* sa_growth_reserve() refuses it at once. */
	if (options->reserve > may.memory)
		may.mappings = 0;
	return may;
}

int sa_preflight(const sa_arena_options *options, size_t count, size_t size,
		 sa_arena_preflight_report *report)
{
	const limits none = {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX};
	size_t key_size = sa_registry_has_key() ? 0 : sa_os_page_size;
	size_t lockable = sa_proc_lockable_size();
	size_t mappings = sa_proc_available_mappings();
	size_t metadata = metadata_mappings(count);
	limits may =
		limits_now(options, lockable,
			   mappings - min_size(metadata, mappings), key_size);
	paper needed = grow(&may, options, count, size);
	paper most = grow(&may, options, SIZE_MAX, size);
	bool fits = most.is_made && most.count >= count;

	report->lockable_size = lockable;
	report->available_mappings = mappings;
	report->max_count = most.count;
	if (!fits)
		needed = grow(&none, options, count, size);
	report->required_size = saturating_sum(needed.mapped, key_size);
	report->required_mappings = saturating_sum(needed.mappings, metadata);
	return fits ? 0 : first_failure(&may, options, size);
}
