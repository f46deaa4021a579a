/* SPDX-License-Identifier: ISC */
/*
 * The concurrency protocol of src/{shard,shards,slab,object,supply}: threads
 * that allocate, free, verify, rest and fork do so in any order, while each
 * one's plain stores wait in a buffer.  See README.md for what is left out.
 */

/* ------------------------------------------------------------- dimensions */

#ifndef THREADS
#define THREADS 2
#endif
#ifndef SLABS
#define SLABS 1
#endif
#ifndef SLOTS /* of each slab */
#define SLOTS 2
#endif
#ifndef STOCK
#define STOCK 1
#endif
#ifndef CALLS /* of each thread; 0: any number */
#define CALLS 0
#endif
#ifndef LIVE_FIRST /* slots that hold objects at first, a bit each */
#define LIVE_FIRST 0
#endif

/* What each thread may call, a bit each. */
#define ALLOC 1
#define FREE 2
#define CHECK 4
#define REST 8
#define FORK 16
#ifndef MAY_0
#define MAY_0 (ALLOC | FREE)
#endif
#ifndef MAY_1
#define MAY_1 (ALLOC | FREE)
#endif
#ifndef MAY_2
#define MAY_2 (ALLOC | FREE)
#endif

#define TOTAL (SLABS * SLOTS)
#define BIT(slot) (1 << (slot))
#define SLAB(slot) ((slot) / SLOTS)
#define SLAB_BITS(l) (((1 << SLOTS) - 1) << ((l)*SLOTS))

#ifdef COLLECT_BLIND
#define LOOKS 0
#else
#define LOOKS 1
#endif
#ifdef PENDING_BLIND
#define JUDGES 0
#else
#define JUDGES 1
#endif

#ifdef CLAIM_BLIND
#define WAS_CLAIMED(bits) 0
#else
#define WAS_CLAIMED(bits) ((bits) != 0)
#endif

/* ----------------------------------------------------------- shared memory */

#define EMPTY 0 /* SA_SLAB_FREE */
#define LIVE 1
#define COLLECTABLE 2

byte mark[TOTAL];
bit content[TOTAL]; /* 0: wiped; 1: an object with its canary */
byte claims[SLABS];
bit is_posted[SLABS];
byte posted_next[SLABS]; /* slab + 1 */
byte slab_owner[SLABS];
byte free_bits[SLABS];
byte nfree[SLABS];

byte stock[THREADS]; /* slots, a bit each */
byte inbox[THREADS]; /* slab + 1 */
byte uncollected[THREADS]; /* likewise: taken from there */
bit has_shard[THREADS];
bit may_enter[THREADS]; /* the shard's owner is its thread, not 0 */
bit busy[THREADS];

byte mutex; /* thread + 1 */
bit is_stopped;

/* Stores not yet seen by others. */
byte busy_buffer[THREADS]; /* value + 1 */
byte mark_buffer[THREADS]; /* slot + 1 */
byte mark_buffered[THREADS];

/* ------------------------------------------------------------------ ghosts */

bit is_inside[THREADS];
bit is_held[TOTAL]; /* a user has it */
byte nended;
bit seen; /* misuse was reported: the process ends */
/* One object may be freed twice. */
byte left;  /* slot + 1 of an object freed once, to be freed once more */
byte crime; /* slot + 1 of an object being, or having been, freed twice */
byte first; /* thread + 1 of who frees it first */
bit first_returned, second_returned;
bit is_sure;  /* the second free began after all of the first was visible */
bit is_excused; /* born anew meanwhile: the second free frees that */

inline report()
{
	seen = 1;
	assert(crime != 0) /* else a false alarm */
}

#ifdef CRIME
never {
	do
	:: !seen
	od
}
#endif

/* ----------------------------------------------------------- store buffers */

inline flush_mark(t)
{
	if
	:: mark_buffer[t] != 0 ->
		mark[mark_buffer[t] - 1] = mark_buffered[t];
		mark_buffer[t] = 0;
		mark_buffered[t] = 0
	:: else
	fi
}

inline flush(t)
{
	flush_mark(t);
	if
	:: busy_buffer[t] != 0 ->
		busy[t] = busy_buffer[t] - 1;
		busy_buffer[t] = 0
	:: else
	fi
}

/* A buffer holds one store of each kind; `busy` leaves it after what was
 * stored before, which is what release asks for. */
inline store_busy(value)
{
	d_step {
		flush(me);
		busy_buffer[me] = (value) + 1
	}
}

inline store_mark(slot, value)
{
	d_step {
		flush_mark(me);
		mark_buffer[me] = (slot) + 1;
		mark_buffered[me] = value
	}
}

#define LOADED_MARK(slot)                                                 \
	(mark_buffer[me] == (slot) + 1 -> mark_buffered[me] : mark[slot])

active proctype Memory()
{
end:	do
	:: atomic { busy_buffer[0] != 0 -> flush(0) }
	:: atomic { mark_buffer[0] != 0 -> flush_mark(0) }
	:: atomic { busy_buffer[1] != 0 -> flush(1) }
	:: atomic { mark_buffer[1] != 0 -> flush_mark(1) }
#if THREADS > 2
	:: atomic { busy_buffer[2] != 0 -> flush(2) }
	:: atomic { mark_buffer[2] != 0 -> flush_mark(2) }
#endif
	od
}

/* ---------------------------------------------- mutex, entering, stopping */

inline lock()
{
	atomic { mutex == 0 -> flush(me); mutex = me + 1 }
}

inline unlock()
{
	d_step { flush(me); mutex = 0 }
}

/* sa_shards_mine() */
inline find_mine()
{
	d_step {
		has_shard[me] = 1;
		if
		:: !is_stopped -> may_enter[me] = 1
		:: else
		fi
	}
}

/* Into the own shard, or else under the mutex. */
inline enter()
{
	if
	:: has_shard[me] ->
		store_busy(1);
		if
		:: atomic { may_enter[me] ->
			assert(!is_stopped);
			is_inside[me] = 1; is_locked = 0 }
		:: else ->
			store_busy(0);
			lock(); find_mine(); is_locked = 1
		fi
	:: else ->
		lock(); find_mine(); is_locked = 1
	fi
}

inline leave()
{
	if
	:: is_locked -> unlock()
	:: else -> atomic { is_inside[me] = 0; store_busy(0) }
	fi
}

/* Who may touch the plain members of a shard and of its slabs. */
#define IS_OWNER(sh)                                                      \
	((sh) == me && (is_inside[me] || mutex == me + 1) ||              \
	 is_stopped && mutex == me + 1)

inline execute_barrier()
{
#ifdef NO_BARRIER
	d_step { flush(me) }
#else
	d_step {
		for (k : 0 .. THREADS - 1) {
			flush(k)
		}
		k = 0
	}
#endif
}

/* sa_shards_stop() */
inline stop()
{
	if
	:: is_stopped
	:: else ->
		p = 0;
		sh = 0;
		do
		:: sh < THREADS ->
			d_step {
				p = p || (sh != me && has_shard[sh]);
				may_enter[sh] = 0;
				sh++
			}
		:: else -> break
		od;
		if
		:: p -> execute_barrier()
		:: else
		fi;
		sh = 0;
		do
#ifdef NO_WAIT
		:: sh < THREADS -> sh++
#else
		:: atomic { sh < THREADS && (sh == me || !busy[sh]) -> sh++ }
#endif
		:: sh == THREADS -> break
		od;
		atomic {
			for (k : 0 .. THREADS - 1) {
				assert(!is_inside[k])
			}
			k = 0; sh = 0; p = 0;
			is_stopped = 1
		}
	fi
}

/* sa_shards_resume() */
inline resume()
{
	d_step {
		flush(me);
		is_stopped = 0;
		for (k : 0 .. THREADS - 1) {
			may_enter[k] = has_shard[k]
		}
		k = 0
	}
}

/* --------------------------------------------------------- stock and slab */

/* sa_slab_give() of a slot of one of sh's slabs: double free if it is there. */
inline give(sh, slot)
{
	assert(IS_OWNER(sh));
	assert(slab_owner[SLAB(slot)] == sh);
	if
	:: (free_bits[SLAB(slot)] & BIT(slot)) != 0 -> report()
	:: else
	fi;
	assert(seen || (stock[sh] & BIT(slot)) == 0);
	free_bits[SLAB(slot)] = free_bits[SLAB(slot)] | BIT(slot);
	nfree[SLAB(slot)]++
}

/* A slot of those in `set`. */
inline choose(set)
{
	if
	:: (set) & 1 -> s = 0
	:: (set) & 2 -> s = 1
#if TOTAL > 2
	:: (set) & 4 -> s = 2
#endif
#if TOTAL > 3
	:: (set) & 8 -> s = 3
#endif
	fi
}

#define IS_FULL(set) (((set) & 1) + ((set) / 2 & 1) + ((set) / 4 & 1) +     \
		      ((set) / 8 & 1) >= STOCK)

/* sa_shard_put(): back to its slab, if the stock is full. */
inline put(slot)
{
	atomic {
		assert(IS_OWNER(me));
		assert(((stock[me] | free_bits[SLAB(slot)]) & BIT(slot)) == 0);
		if
		:: IS_FULL(stock[me]) -> give(me, slot)
		:: else -> stock[me] = stock[me] | BIT(slot)
		fi
	}
}

/* From the shard's own slabs into its stock. */
inline fill_stock()
{
	d_step {
		assert(IS_OWNER(me));
		for (k : 0 .. TOTAL - 1) {
			if
			:: slab_owner[SLAB(k)] == me && !IS_FULL(stock[me]) &&
			   (free_bits[SLAB(k)] & BIT(k)) != 0 ->
				free_bits[SLAB(k)] =
					free_bits[SLAB(k)] & ~BIT(k);
				nfree[SLAB(k)]--;
				assert((stock[me] & BIT(k)) == 0);
				stock[me] = stock[me] | BIT(k)
			:: else
			fi
		}
		k = 0
	}
}

/* sa_shard_flush() */
inline flush_stock(sh)
{
	for (k : 0 .. TOTAL - 1) {
		if
		:: (stock[sh] & BIT(k)) != 0 ->
			stock[sh] = stock[sh] & ~BIT(k);
			give(sh, k)
		:: else
		fi
	}
	k = 0
}

#define HAS_SLOTS(sh)                                                     \
	(slab_owner[0] == (sh) && nfree[0] != 0 ||                        \
	 slab_owner[SLABS - 1] == (sh) && nfree[SLABS - 1] != 0)

/* ----------------------------------------------------- posting, collecting */

/* sa_shard_post() */
inline post(sh, l)
{
	if
	:: is_posted[l]
	:: else ->
		d_step { flush(me); nx = is_posted[l]; is_posted[l] = 1 }
		if
		:: nx
		:: else ->
			d_step { nx = inbox[sh]; posted_next[l] = nx }
			do
			:: atomic { inbox[sh] == nx ->
				flush(me); inbox[sh] = l + 1; break }
			:: atomic { inbox[sh] != nx ->
				nx = inbox[sh]; posted_next[l] = nx }
			od
		fi;
		nx = 0
	fi
}

/* What is collected must not be in stock; give() looks at the slab's bits. */
inline check_stock(sh, slot)
{
	if
	:: LOOKS && (stock[sh] & BIT(slot)) != 0 -> report()
	:: else
	fi
}

/* sa_slab_collect() for a slab of sh's; `p` says whether a claim is pending */
inline collect_slab(sh, l)
{
	c = claims[l];
	i = 0;
	do
	:: i < TOTAL && (c & BIT(i)) == 0 -> i++
	:: i < TOTAL && (c & BIT(i)) != 0 ->
		x = LOADED_MARK(i);
		if
		:: x == COLLECTABLE ->
			atomic { check_stock(sh, i); store_mark(i, EMPTY) };
			d = d | BIT(i)
		:: x == EMPTY -> report()
		:: x == LIVE -> p = 1
		fi;
		x = 0;
		i++
	:: i == TOTAL -> break
	od;
	atomic {
		for (i : 0 .. TOTAL - 1) {
			if
			:: (d & BIT(i)) != 0 -> give(sh, i)
			:: else
			fi
		}
		i = 0
	}
	d_step { flush(me); claims[l] = claims[l] & ~d; c = 0; d = 0 }
}

#ifdef LEAVES_SOME
#define GOES_ON(sh, all) (!HAS_SLOTS(sh))
#else
#define GOES_ON(sh, all) (all || !HAS_SLOTS(sh))
#endif

/* Behind the newest the list is the owner's. */
inline leave_newest(sh)
{
	l = inbox[sh];
	atomic {
		uncollected[sh] = posted_next[l - 1];
#ifndef NEWEST_KEEPS_REST
		posted_next[l - 1] = 0;
#endif
		l = 0
	}
}

/* collect_for() in the owner, where there is nothing else to take; in who has
 * stopped it, `all` is set: sa_shard_collect().  The inbox is opened once. */
inline collect(sh, all)
{
	m = 0;
	do
	:: uncollected[sh] == 0 && !m ->
		m = 1;
		if
		:: inbox[sh] != 0 ->
			d_step {
				flush(me);
				uncollected[sh] = inbox[sh];
				inbox[sh] = 0
			}
		:: inbox[sh] != 0 && !all -> leave_newest(sh)
		:: inbox[sh] == 0
		fi
	:: uncollected[sh] != 0 && GOES_ON(sh, all) ->
		l = uncollected[sh] - 1;
		uncollected[sh] = posted_next[l];
		assert(slab_owner[l] == sh);
#ifndef CLEAR_POSTED_LAST
		d_step { flush(me); is_posted[l] = 0 }
#endif
		collect_slab(sh, l);
#ifdef CLEAR_POSTED_LAST
		d_step { flush(me); is_posted[l] = 0 }
#endif
		if
#ifndef NO_REPOST
		:: p -> p = 0; post(sh, l)
#else
		:: p -> p = 0
#endif
		:: else
		fi;
		l = 0
	:: else -> break
	od;
	m = 0
}

/* --------------------------------------------------- under the mutex, quiet */

/* From whoever has one with slots left. */
inline steal()
{
	l = 0;
	do
	:: l < SLABS && nfree[l] != 0 ->
		sh = slab_owner[l];
#ifndef NO_FLUSH
		flush_stock(sh);
#endif
		slab_owner[l] = me;
		sh = 0;
		break
	:: l < SLABS && nfree[l] == 0 -> l++
	:: l == SLABS -> break
	od;
	l = 0
}

/* In collect_all(): nobody is between claim and mark while all are stopped, so
 * a slab that was posted again holds an object freed twice. */
inline judge_pending()
{
	d_step {
		if
		:: JUDGES && inbox[sh] != 0 ->
			for (k : 0 .. TOTAL - 1) {
				if
				:: SLAB(k) == inbox[sh] - 1 &&
				   (claims[SLAB(k)] & BIT(k)) != 0 &&
				   LOADED_MARK(k) != COLLECTABLE ->
					report()
				:: else
				fi
			}
			k = 0
		:: else
		fi
	}
}

/* release_slab(): nothing may be left in a slab whose slots are all free. */
inline release()
{
	for (k : 0 .. TOTAL - 1) {
		l = SLAB(k);
		assert(seen || nfree[l] != SLOTS ||
		       LOADED_MARK(k) != LIVE &&
		       (stock[slab_owner[l]] & BIT(k)) == 0)
	}
	k = 0; l = 0
}

/* gather(): collect everywhere, then take a slab from another shard. */
inline gather()
{
	stop();
	sh = 0;
	do
	:: sh < THREADS -> collect(sh, 1); judge_pending(); sh++
	:: else -> sh = 0; break
	od;
	atomic {
		if /* the last resort */
		:: true ->
			sh = 0;
			do
			:: sh < THREADS -> flush_stock(sh); sh++
			:: else -> sh = 0; break
			od
		:: true
		fi;
		if
		:: HAS_SLOTS(me)
		:: else -> steal()
		fi;
		release()
	}
	resume()
}

/* sa_slab_verify() of every slab, and: what is free is marked so. */
inline verify()
{
	d_step {
		flush(me);
		for (k : 0 .. TOTAL - 1) {
			l = SLAB(k);
			if
			:: (claims[l] & BIT(k)) != 0 && mark[k] != COLLECTABLE ->
				report()
			:: else
			fi;
			if
			:: content[k] != (mark[k] == LIVE) -> report()
			:: else
			fi;
#ifndef CHECK_BLIND
			if
			:: ((free_bits[l] | stock[slab_owner[l]]) &
			    BIT(k)) != 0 && mark[k] != EMPTY ->
				report()
			:: else
			fi
#endif
		}
		k = 0; l = 0
	}
}

/* Of two slabs at the most. */
#define LEADS_TO(chain, l) \
	((chain) == l + 1 || (chain) != 0 && posted_next[(chain) - 1] == l + 1)

/* In a quiet arena without misuse every slot is in one place. */
inline account()
{
	d_step {
		for (k : 0 .. TOTAL - 1) {
			l = SLAB(k);
			x = (mark[k] == LIVE);
			for (sh : 0 .. THREADS - 1) {
				x = x + ((stock[sh] & BIT(k)) != 0)
			}
			assert(crime || (stock[slab_owner[l]] & BIT(k)) != 0 ||
			       x == (mark[k] == LIVE));
			x = x + ((free_bits[l] & BIT(k)) != 0) +
			    (mark[k] == COLLECTABLE &&
			     (claims[l] & BIT(k)) != 0 && is_posted[l] &&
			     (LEADS_TO(inbox[slab_owner[l]], l) ||
			      LEADS_TO(uncollected[slab_owner[l]], l)));
			assert(crime || x == 1);
			assert(crime || mark[k] != LIVE ||
			       (claims[l] & BIT(k)) == 0)
		}
		x = 0; k = 0; l = 0; sh = 0
	}
}

/* ---------------------------------------------------------- birth and death */

inline birth()
{
	atomic {
		/* Both frees are over, and the mark tells. */
		p = crime == s + 1 && first_returned && second_returned &&
		    LOADED_MARK(s) == COLLECTABLE;
#ifndef BIRTH_BLIND
		if
		:: LOADED_MARK(s) != EMPTY -> report()
		:: else
		fi
#endif
	}
	atomic {
		if
		:: content[s] -> report()
		:: else
		fi;
		content[s] = 1
	}
	atomic {
		store_mark(s, LIVE);
		if
		:: left == s + 1 -> left = 0; first = 0; first_returned = 0
		:: else
		fi;
		if
		:: crime == s + 1 && !(first_returned && second_returned) ->
			is_excused = 1
		:: else
		fi;
		assert(!p);
		p = 0;
		assert(!is_held[s] || is_excused);
		is_held[s] = 1
	}
}

/* sa_slot_death(): the mark was loaded before. */
inline death()
{
	if
	:: atomic { x != LIVE || !content[s] -> report() }
	:: else
	fi;
	x = 0;
	store_mark(s, EMPTY);
	content[s] = 0
}

/* sa_slot_death_elsewhere() and the post */
inline death_elsewhere()
{
#ifdef PLAIN_CLAIM
	c = claims[SLAB(s)];
	d_step {
		flush(me);
		claims[SLAB(s)] = c | BIT(s)
	}
#else
	d_step {
		flush(me);
		c = claims[SLAB(s)];
		claims[SLAB(s)] = c | BIT(s)
	}
#endif
	x = LOADED_MARK(s);
	if
	:: atomic { WAS_CLAIMED(c & BIT(s)) || x != LIVE || !content[s] ->
		report() }
	:: else
	fi;
	c = 0;
	x = 0;
	content[s] = 0;
	store_mark(s, COLLECTABLE);
	sh = slab_owner[SLAB(s)];
	post(sh, SLAB(s));
	sh = 0
}

/* sa_object_end() */
inline end_object()
{
	x = LOADED_MARK(s);
	if
	:: slab_owner[SLAB(s)] != me -> death_elsewhere()
	:: else -> death(); put(s)
	fi
}

/* ------------------------------------------------------------------- calls */

inline call_alloc()
{
	enter();
	i = 0; /* how often the mutex was of no avail */
	do
	:: is_locked && is_stopped -> break /* EACCES */
	:: else ->
		if
		:: IS_FULL(stock[me])
		:: else ->
			if
			:: HAS_SLOTS(me)
			:: else -> q = i; collect(me, 0); i = q; q = 0
			fi;
			fill_stock()
		fi;
		if
		:: atomic { stock[me] != 0 ->
			choose(stock[me]);
			stock[me] = stock[me] & ~BIT(s) };
			birth();
			s = 0;
			break
		:: stock[me] == 0 && !is_locked ->
			leave();
			lock(); find_mine(); is_locked = 1
		:: stock[me] == 0 && is_locked && i == 0 -> gather(); i = 1
		:: stock[me] == 0 && is_locked && i == 1 -> break /* ENOMEM */
		fi
	od;
	i = 0;
	leave();
	is_locked = 0
}

/* Has the birth of the object been seen by whoever is told of it? */
#define IS_TOLD(t, slot)                                                  \
	((t) == me || mark_buffer[t] != (slot) + 1 || mark_buffered[t] != LIVE)
#if THREADS > 2
#define IS_VISIBLE(slot)                                                  \
	(IS_TOLD(0, slot) && IS_TOLD(1, slot) && IS_TOLD(2, slot))
#define IS_UNBUFFERED(slot)                                               \
	(mark_buffer[0] != (slot) + 1 && mark_buffer[1] != (slot) + 1 &&  \
	 mark_buffer[2] != (slot) + 1)
#else
#define IS_VISIBLE(slot) (IS_TOLD(0, slot) && IS_TOLD(1, slot))
#define IS_UNBUFFERED(slot)                                               \
	(mark_buffer[0] != (slot) + 1 && mark_buffer[1] != (slot) + 1)
#endif

#define MAY_FREE(slot) (is_held[slot] && IS_VISIBLE(slot))

#if TOTAL > 3
#define MAY_FREE_ANY (MAY_FREE(0) || MAY_FREE(1) || MAY_FREE(2) || MAY_FREE(3))
#elif TOTAL > 2
#define MAY_FREE_ANY (MAY_FREE(0) || MAY_FREE(1) || MAY_FREE(2))
#elif TOTAL > 1
#define MAY_FREE_ANY (MAY_FREE(0) || MAY_FREE(1))
#else
#define MAY_FREE_ANY MAY_FREE(0)
#endif
#define MAY_FREE_AGAIN (left != 0 && IS_VISIBLE(left - 1))

/* Choose an object to free.  One of them may be left behind, so that it can
 * be freed once more by anyone, at any time. */
inline pick()
{
	if
	:: MAY_FREE(0) -> s = 0
	:: TOTAL > 1 && MAY_FREE(1 % TOTAL) -> s = 1 % TOTAL
	:: TOTAL > 2 && MAY_FREE(2 % TOTAL) -> s = 2 % TOTAL
	:: TOTAL > 3 && MAY_FREE(3 % TOTAL) -> s = 3 % TOTAL
#ifdef CRIME
	:: MAY_FREE_AGAIN ->
		s = left - 1;
		is_sure = first_returned && IS_UNBUFFERED(s);
		crime = left;
		left = 0;
		q = 2
#endif
	fi;
	if
	:: q == 0 ->
		is_held[s] = 0;
#ifdef CRIME
		if
		:: crime == 0 && left == 0 ->
			left = s + 1; first = me + 1; q = 1
		:: true
		fi
#endif
	:: else
	fi
}

inline call_free()
{
	enter();
	if
	:: is_locked && is_stopped -> /* end_in_quiet_arena() */
		x = LOADED_MARK(s);
		death();
		atomic { sh = slab_owner[SLAB(s)]; give(sh, s); sh = 0 }
	:: else -> end_object()
	fi;
	leave();
	atomic {
		is_locked = 0;
		s = 0;
		if
		:: q == 1 && first == me + 1 -> first_returned = 1
		:: q == 2 ->
			second_returned = 1;
			assert(!is_sure || is_excused)
		:: else
		fi;
		q = 0
	}
}

inline call_check()
{
	lock();
	if
	:: is_stopped -> verify(); account()
	:: else -> stop(); verify(); account(); resume()
	fi;
	unlock()
}

/* Access changes from READWRITE, or back to it. */
inline call_rest()
{
	lock();
	if
	:: is_stopped -> resume()
	:: else -> stop()
	fi;
	unlock()
}

/* In the child, whoever stops the shards waits for each of them: `busy` of the
 * threads that are not there is cleared. */
inline call_fork()
{
	lock();
	if
	:: is_stopped
	:: else ->
		stop();
		d_step {
			for (k : 0 .. THREADS - 1) {
#ifdef FORK_BLIND
				x = k != me && busy[k];
#endif
				assert(x == 0)
			}
			x = 0; k = 0
		}
		resume()
	fi;
	unlock()
}

/* ----------------------------------------------------------------- threads */

#define IS_ALLOWED(call)                                                  \
	(((me == 0 -> MAY_0 : (me == 1 -> MAY_1 : MAY_2)) & (call)) != 0)
#if CALLS > 0
#define MAY(call) (ncalls < CALLS && IS_ALLOWED(call))
#define COUNT ncalls++
#else
#define MAY(call) IS_ALLOWED(call)
#define COUNT skip
#endif

proctype Thread(byte me)
{
	byte s, l, sh, k, i; /* slot, slab, shard, counters */
	byte x, c, d;	     /* a mark, claims, those done */
	byte m, nx;	     /* at the inbox */
	byte q;		     /* 1, 2: the first, second free of an object */
	bit p, is_locked;
#if CALLS > 0
	byte ncalls;
#endif

	do
	:: MAY(ALLOC) -> COUNT; call_alloc()
	:: atomic { MAY(FREE) && (MAY_FREE_ANY || MAY_FREE_AGAIN) ->
		COUNT; pick() };
		call_free()
	:: MAY(CHECK) -> COUNT; call_check()
	:: MAY(REST) -> COUNT; call_rest()
	:: MAY(FORK) -> COUNT; call_fork()
	:: break
	od;
	atomic { flush(me); nended++ }
}

init {
	byte me, l, sh, k, x;

	atomic {
		for (k : 0 .. TOTAL - 1) {
			l = SLAB(k);
			slab_owner[l] = l;
			has_shard[l] = 1;
			may_enter[l] = 1;
			if
			:: (LIVE_FIRST & BIT(k)) != 0 ->
				mark[k] = LIVE;
				content[k] = 1;
				is_held[k] = 1
			:: else ->
				free_bits[l] = free_bits[l] | BIT(k);
				nfree[l]++
			fi
		}
		k = 0; l = 0;
		for (k : 0 .. THREADS - 1) {
			run Thread(k)
		}
		k = 0
	}
	atomic {
		nended == THREADS;
		verify();
		account();
		assert(crime == 0 || is_excused || seen ||
		       !(first_returned && second_returned))
	}
}
