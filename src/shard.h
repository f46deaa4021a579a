/* SPDX-License-Identifier: ISC */
/*
 * A shard: the slabs that one thread allocates from, with a small stock of
 * slots ready to hand.  All that decides who may enter aside, and the inbox,
 * it belongs to the owner while that is inside or holds the arena's mutex, and
 * else to whoever has stopped it.
 *
 * A slot's way: slab -> stock -> object -> stock -> ... -> slab.  The stock
 * keeps a few slots warm, and which of them is taken is random.
 */
#ifndef SA_SHARD_H
#define SA_SHARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "counters.h"
#include "pagemap.h"
#include "random.h"
#include "sizeclass.h"
#include "slab.h"
#include "thread.h"

/* Eight did as well as 64 in churn; sixteen leave more to chance. */
#define SA_STOCK_SIZE 16
/* Below this many the stock is filled up, so that chance has a choice. */
#define SA_STOCK_LOW 8

/* Classes of slabs: size classes; those that nothing allocates from any more;
 * then pools', each with a class of its own. */
#define SA_CLASS_RETIRED SA_SIZECLASS_COUNT
#define SA_CLASS_POOLS (SA_SIZECLASS_COUNT + 1)

SA_INLINE bool sa_class_is_pool(unsigned class)
{
	return class >= SA_CLASS_POOLS;
}

/* One class of a shard.  Its size is a power of two: an index is a shift.
 */
typedef union sa_bin {
	struct {
		uint32_t count; /* in stock */
		/* SA_STOCK_SIZE where slots of this stride are plain, else 0:
		 * what the count is below when straight code may free. */
		uint32_t plain_size;
		uint32_t stride; /* of the class */
		uint32_t class;
		sa_slab *first; /* slabs with slots to take, without objects
				   last */
		sa_slab *last;
		/* The stock's slots, a member an array: pairs would be moved by
		 * loads wider than the stores just before, which the processor
		 * waits for. */
		unsigned char *memory[SA_STOCK_SIZE];
		sa_mark_place *mark[SA_STOCK_SIZE];
	};
	unsigned char whole[512];
} sa_bin;

SA_INLINE sa_site sa_bin_get(const sa_bin *bin, uint32_t place)
{
	return (sa_site){bin->memory[place], bin->mark[place]};
}

SA_INLINE void sa_bin_set(sa_bin *bin, uint32_t place, sa_site slot)
{
	bin->memory[place] = slot.memory;
	bin->mark[place] = slot.mark;
}

typedef struct sa_shard sa_shard;

/* The owner that is no thread's: nobody may enter. */
#define SA_SHARD_NOBODY SA_THREAD_NOBODY

struct sa_shard {
	/* The serial of the thread that may enter, or SA_SHARD_NOBODY. */
	_Alignas(SA_CACHE_LINE) atomic_uintptr_t owner;
	atomic_bool busy; /* the owner is inside */
	/* Fixed: the arena's. */
	const sa_canary_key *key;
	const sa_pagemap *pagemap;
	void *arena;
	/* Who is to be the owner; under the arena's mutex. */
	uintptr_t rightful;
	sa_shard *next; /* of the arena; fixed */
	/* No more memory is to be had: every slot counts.  Set while stopped.
	 */
	atomic_bool is_scarce;
	sa_slab *uncollected; /* taken from the inbox, and not gone through yet
			       */
	bool had_claim; /* the last death refused: freed by another before */
	sa_counters counters;
	sa_random random;
	/* Slabs with claims to collect: anyone pushes, the owner takes all. */
	_Alignas(SA_CACHE_LINE) _Atomic(sa_slab *) inbox;
	/* Of pools, made when needed: NULL where there is none. */
	sa_bin **pool_bins;
	unsigned npool_bins;
	/* The last is the retired slabs', and its stock stays empty. */
	_Alignas(SA_CACHE_LINE) sa_bin bins[SA_CLASS_RETIRED + 1];
};

/* Of a pool; NULL if it has none. */
SA_INLINE sa_bin *sa_shard_pool_bin(const sa_shard *shard, unsigned number)
{
	return number < shard->npool_bins ? shard->pool_bins[number] : NULL;
}

/* Of the size class that has the stride, one of those up to
 * SA_SIZECLASS_LINEAR_MAX. */
SA_INLINE sa_bin *sa_shard_bin_of_linear(sa_shard *shard, size_t stride)
{
	sa_bin *bin = &shard->bins[stride / 16 - 1];

	SA_OPAQUE(bin);
	return bin;
}

/* Of any class; NULL if it has none, as only of a pool's. */
SA_INLINE sa_bin *sa_shard_bin(sa_shard *shard, unsigned class)
{
	return sa_class_is_pool(class)
		       ? sa_shard_pool_bin(shard, class - SA_CLASS_POOLS)
		       : &shard->bins[class];
}

/*
 * Enter and leave by the owner alone.  Who stops a shard clears `owner`, has
 * a barrier executed in every thread, and waits until `busy` is clear: after
 * the barrier the owner has either been seen inside or sees itself shut out.
 */
SA_INLINE bool sa_shard_enter(sa_shard *shard, uintptr_t serial)
{
	uintptr_t owner;

	atomic_store_explicit(&shard->busy, true, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	owner = atomic_load_explicit(&shard->owner, memory_order_acquire);
	if (SA_LIKELY(owner == serial))
		return true;
	atomic_store_explicit(&shard->busy, false, memory_order_release);
	return false;
}

SA_INLINE void sa_shard_leave(sa_shard *shard)
{
	atomic_store_explicit(&shard->busy, false, memory_order_release);
}

void sa_shard_init(sa_shard *shard, const sa_pagemap *pagemap);

/* Have a bin for a pool's class.  0, or -1 with ENOMEM.  By the owner holding
 * the mutex. */
int sa_shard_add_pool_bin(sa_shard *shard, sa_meta *meta, unsigned class,
			  size_t stride);

/*
 * Fill the stock of a bin from the shard's own slabs.  The newest in the inbox
 * is left to those who are freeing into it, and would wait for its lines as
 * the owner for theirs; unless it is wanted too, or slots are scarce.  What it
 * returns:
 */
typedef enum {
	SA_SHARD_FILLED, /* there is something in stock */
	SA_SHARD_DRY,
	SA_SHARD_MISUSE /* and *misuse says what */
} sa_shard_result;

sa_shard_result sa_shard_fill(sa_shard *shard, sa_bin *bin, bool newest_too,
			      sa_arena_misuse *misuse);

/* One of the slots in stock, of which there is at least one. */
SA_INLINE sa_site sa_shard_take(sa_shard *shard, sa_bin *bin)
{
	uint32_t place = sa_random_below(&shard->random, bin->count);
	sa_site taken = sa_bin_get(bin, place);

	sa_bin_set(bin, place, sa_bin_get(bin, --bin->count));
	return taken;
}

/* The slot of one of the shard's slabs. */
SA_INLINE sa_slot sa_shard_slot(const sa_shard *shard, sa_site slot)
{
	sa_slab *slab = sa_pagemap_find(shard->pagemap, (uintptr_t)slot.memory);

	SA_ASSUME(slab != NULL);
	return (sa_slot){slot.memory, slot.mark, slab};
}

/* A slab that ran out is listed again once it has a stock's worth to give, not
 * at its first free slot: else it would come and go at every free. */
SA_INLINE bool sa_slab_is_worth_listing(const sa_slab *slab)
{
	uint32_t enough = slab->nslots / 8;

	if (enough > SA_STOCK_SIZE)
		enough = SA_STOCK_SIZE;
	return slab->nfree != 0 && slab->nfree >= enough;
}

SA_INLINE bool sa_slab_is_unused(const sa_slab *slab)
{
	return slab->nfree == slab->nslots;
}

/* List a slab that is worth it, among those that the stock is filled from; any
 * with a slot to take, where they are scarce.
 * Those without objects come last: used when no other is left, and found at
 * once when they are to be given back. */
void sa_shard_settle(sa_slab *slab);

/* Give a slot back to its slab.  False if that has it already: it was freed
 * twice. */
SA_INLINE bool sa_shard_give(sa_slab *slab, uint32_t index)
{
	if (SA_UNLIKELY(!sa_slab_give(slab, index)))
		return false;
	if (SA_UNLIKELY(!slab->is_listed || sa_slab_is_unused(slab)))
		sa_shard_settle(slab);
	return true;
}

/* Put a freed slot into stock, or give it back if there is no room.  False as
 * sa_shard_give(). */
SA_INLINE bool sa_shard_put(sa_slab *slab, uint32_t index)
{
	sa_bin *bin = slab->bin;

	if (SA_LIKELY(bin->count == SA_STOCK_SIZE))
		return sa_shard_give(slab, index);
	sa_bin_set(bin, bin->count++,
		   sa_slot_site(sa_slab_slot_at(slab, index)));
	return true;
}

/* Tell the slab's owner that there are claims to collect. */
SA_INLINE void sa_shard_post(sa_shard *shard, sa_slab *slab)
{
	if (atomic_load(&slab->is_posted) ||
	    atomic_exchange(&slab->is_posted, true))
		return;
	slab->posted_next =
		atomic_load_explicit(&shard->inbox, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
		&shard->inbox, &slab->posted_next, slab, memory_order_release,
		memory_order_relaxed))
		continue;
}

/* Take a slab into the shard, which has a bin for it, or out of it; its slots
 * in stock stay. */
void sa_shard_adopt(sa_shard *shard, sa_slab *slab);
void sa_shard_disown(sa_slab *slab);

/* A slab of the shard's, without objects, gives none any more. */
void sa_shard_retire(sa_shard *shard, sa_slab *slab);

/* Collect all that others freed.  False if misuse was found. */
bool sa_shard_collect(sa_shard *shard, sa_arena_misuse *misuse);

/* Return what is in stock to its slabs, and list those.  False if misuse was
 * found. */
bool sa_shard_flush(sa_shard *shard, sa_arena_misuse *misuse);

/* Is all that is in stock marked free, while nobody else runs?  If not, two
 * threads have freed one object. */
bool sa_shard_verify(sa_shard *shard, sa_arena_misuse *misuse);

/* List a slab of the shard's however few slots it has to take. */
void sa_shard_relist(sa_slab *slab);

/* Forget stock and inbox: the slabs they name are about to go. */
void sa_shard_empty(sa_shard *shard);
/* And the lists: no slab is in one. */
void sa_shard_unlist_all(sa_shard *shard);

#endif
