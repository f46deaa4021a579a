/* SPDX-License-Identifier: ISC */
/*
 * A stream of operations on one arena: what threads allocate and others free,
 * access changes, refused system calls, and misuse that must be told exactly.
 * The first bytes are the arena's options; every other operation is a byte and
 * its arguments.
 */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "baton.h"
#include "dice.h"
#include "input.h"
#include "judge.h"
#include "model.h"
#include "refuse.h"
#include "require.h"
#include "sizeclass.h"

#define STEPS_MAX 512
#define COPY_MAX 8192

static fuzz_input input;
static model state;
static unsigned thread, steps;

static unsigned below(unsigned bound)
{
	return fuzz_byte(&input) % bound;
}

/* Small sizes as they are, the largest of each class, and large ones. */
static size_t draw_size(void)
{
	static const size_t large[] = {8185,  8192,  12000, 16384,
				       20480, 40000, 65536, SIZE_MAX / 2};
	unsigned byte = fuzz_byte(&input);

	if (byte < 192)
		return byte;
	byte -= 192;
	if (byte < SA_SIZECLASS_COUNT)
		return sa_sizeclass_stride(byte) - SA_CANARY_SIZE;
	return large[byte - SA_SIZECLASS_COUNT];
}

static shadow *draw_shadow(void)
{
	return &state.shadows[below(MODEL_OBJECTS)];
}

/* A live object, from a place on; NULL: there is none. */
static shadow *draw_live(void)
{
	unsigned start = below(MODEL_OBJECTS);

	for (unsigned i = 0; i < MODEL_OBJECTS; i++) {
		shadow *it = &state.shadows[(start + i) % MODEL_OBJECTS];

		if (it->object != NULL)
			return it;
	}
	return NULL;
}

static sa_arena_access draw_holding(void)
{
	return below(2) == 0 ? SA_ARENA_READONLY : SA_ARENA_READWRITE;
}

/* ------------------------------------------------------- alloc and free */

/* Was NULL right, and errno?  Counts it. */
static void accept_refusal(sa_arena_access access, size_t size)
{
	state.failure_count++;
	if (model_was_refused(&state)) {
		FUZZ_REQUIRE(errno != 0);
		return;
	}
	if (access != SA_ARENA_READWRITE)
		FUZZ_REQUIRE(errno == EACCES);
	else if (errno == EACCES)
		FUZZ_REQUIRE(state.is_torn);
	else if (errno == ENOSPC)
		FUZZ_REQUIRE(state.options.capacity != 0);
	else if (errno == EPERM)
		FUZZ_REQUIRE(state.options.mlock == SA_ARENA_MLOCK_REQUIRED);
	else
		FUZZ_REQUIRE(errno == ENOMEM && size == SIZE_MAX / 2);
}

static void *allocate(size_t size, unsigned char *source)
{
	size_t alignment = (size_t)1 << below(13);
	void *object;

	switch (below(6)) {
	case 0:
		return sa_arena_calloc(state.arena, 1, size);
	case 1:
		object = sa_arena_aligned_alloc(state.arena, alignment, size);
		FUZZ_REQUIRE((uintptr_t)object % alignment == 0);
		return object;
	case 2:
		return sa_arena_realloc(state.arena, NULL, size);
	case 3:
		return size > COPY_MAX
			       ? sa_arena_alloc(state.arena, size)
			       : sa_arena_dup(state.arena, source, size);
	case 4:
		return size > COPY_MAX
			       ? sa_arena_alloc(state.arena, size)
			       : sa_arena_take(state.arena, source, size);
	default:
		return sa_arena_alloc(state.arena, size);
	}
}

static void do_alloc(void)
{
	static unsigned char zeros[COPY_MAX];
	shadow *it = draw_shadow();
	size_t size = draw_size();
	sa_arena_access access = sa_arena_current_access(state.arena);
	void *object;

	if (it->object != NULL)
		return;
	errno = 0;
	object = allocate(size, zeros);
	if (object == NULL) {
		accept_refusal(access, size);
		return;
	}
	FUZZ_REQUIRE(access == SA_ARENA_READWRITE);
	model_adopt(&state, it, object, size);
	model_verify(&state, it);
	model_fill(&state, it);
}

static void do_free(void)
{
	shadow *it = draw_live();

	if (it == NULL)
		return;
	model_verify(&state, it);
	errno = 0;
	if (it->pool != 0 && below(2) == 0)
		sa_pool_free(state.pools[it->pool - 1].pool, it->object);
	else
		sa_arena_free(state.arena, it->object);
	FUZZ_REQUIRE(errno == 0 || model_was_refused(&state));
	if (sa_arena_owns(state.arena, it->object) == 0) {
		model_disown(&state, it);
		return;
	}
	FUZZ_REQUIRE(errno != 0);
	model_verify(&state, it);
}

static void do_realloc(void)
{
	sa_arena_access access = sa_arena_current_access(state.arena);
	shadow *it = draw_live();
	size_t size = draw_size(), kept;
	unsigned char *object;

	if (it == NULL)
		return;
	kept = size < it->size ? size : it->size;
	errno = 0;
	object = sa_arena_realloc(state.arena, it->object, size);
	if (object == NULL) {
		accept_refusal(access, size);
		model_verify(&state, it);
		return;
	}
	FUZZ_REQUIRE(access == SA_ARENA_READWRITE);
	for (size_t i = 0; i < size; i++)
		FUZZ_REQUIRE(object[i] == (i < kept ? it->fill : 0));
	model_resize(&state, it, object, size);
	it->fill = 0;
	memset(object, 0, size);
	model_fill(&state, it);
}

/* ---------------------------------------------------------------- pools */

/* Does any slot hold that much, so aligned? */
static int fits_a_pool(size_t size, size_t alignment)
{
	return size > 0 && size <= 8184 &&
	       (size + 8 + alignment - 1) / alignment * alignment <= 8192;
}

static void create_pool(model_pool *it)
{
	size_t size = draw_size(), alignment = (size_t)1 << below(13);
	sa_pool *pool;

	errno = 0;
	pool = sa_pool_create(state.arena, size, alignment);
	if (!fits_a_pool(size, alignment)) {
		FUZZ_REQUIRE(pool == NULL && errno == EINVAL);
	} else if (pool == NULL) {
		FUZZ_REQUIRE(errno == ENOMEM && model_was_refused(&state));
		state.failure_count++;
	} else {
		*it = (model_pool){pool, size, alignment};
	}
}

static void destroy_pool(model_pool *it)
{
	unsigned number = (unsigned)(it - state.pools);

	errno = 0;
	sa_pool_destroy(it->pool);
	if (errno != 0) {
		FUZZ_REQUIRE(model_was_refused(&state));
		return;
	}
	it->pool = NULL;
	for (unsigned i = 0; i < MODEL_OBJECTS; i++) {
		shadow *object = &state.shadows[i];

		if (object->object != NULL && object->pool == number + 1)
			model_disown(&state, object);
	}
}

static void alloc_in_pool(const model_pool *it)
{
	shadow *object = draw_shadow();
	sa_arena_access access = sa_arena_current_access(state.arena);
	void *memory;

	if (object->object != NULL)
		return;
	errno = 0;
	memory = sa_pool_alloc(it->pool);
	if (memory == NULL) {
		accept_refusal(access, it->size);
		return;
	}
	FUZZ_REQUIRE((uintptr_t)memory % it->alignment == 0);
	model_adopt(&state, object, memory, it->size);
	object->pool = (unsigned)(it - state.pools) + 1;
	model_verify(&state, object);
	model_fill(&state, object);
}

static void do_pool(void)
{
	unsigned choice = fuzz_byte(&input);
	model_pool *it = &state.pools[choice % MODEL_POOLS];

	if (it->pool == NULL)
		create_pool(it);
	else if (choice / MODEL_POOLS % 16 == 0)
		destroy_pool(it);
	else
		alloc_in_pool(it);
}

/* --------------------------------------------------------------- access */

/* The call must succeed unless the kernel was made to refuse. */
static int has_succeeded(int result)
{
	if (result == 0)
		return 1;
	FUZZ_REQUIRE(result == -1 && errno != 0);
	FUZZ_REQUIRE(model_was_refused(&state));
	return 0;
}

static int has_set_access(int result)
{
	if (!has_succeeded(result))
		return 0;
	model_settle(&state);
	return 1;
}

static void do_protect(void)
{
	sa_arena_access access = (sa_arena_access)below(3);

	if (has_set_access(sa_arena_protect(state.arena, access)))
		state.resting = access;
}

static void do_open(void)
{
	sa_arena_access access = draw_holding();
	size_t *holders =
		access == SA_ARENA_READWRITE ? &state.writers : &state.readers;

	if (has_set_access(sa_arena_open(state.arena, access)))
		(*holders)++;
}

static void do_close(void)
{
	sa_arena_access access = draw_holding();
	size_t *holders =
		access == SA_ARENA_READWRITE ? &state.writers : &state.readers;

	if (*holders == 0) {
		FUZZ_REQUIRE(sa_arena_close(state.arena, access) == -1);
		FUZZ_REQUIRE(errno == EINVAL);
	} else if (has_set_access(sa_arena_close(state.arena, access))) {
		(*holders)--;
	}
}

static void do_open_object(void)
{
	shadow *it = draw_live();
	hold *held = &state.holds[below(MODEL_HOLDS)];
	sa_arena_access access = draw_holding();

	if (it == NULL || held->object != NULL ||
	    !has_succeeded(
		    sa_arena_open_object(state.arena, it->object, access)))
		return;
	held->object = it->object;
	held->access = access;
	held->is_large = it->is_large;
	model_verify(&state, it);
	model_fill(&state, it);
}

static void do_close_object(void)
{
	hold *held = &state.holds[below(MODEL_HOLDS)];

	if (held->object != NULL &&
	    has_succeeded(sa_arena_close_object(state.arena, held->object,
						held->access)))
		held->object = NULL;
}

/* --------------------------------------------------------- whole arenas */

static void do_check(void)
{
	(void)has_succeeded(sa_arena_check(state.arena));
}

static void do_reset(void)
{
	if (!has_succeeded(sa_arena_reset(state.arena)))
		return;
	for (unsigned i = 0; i < MODEL_OBJECTS; i++)
		if (state.shadows[i].object != NULL)
			model_disown(&state, &state.shadows[i]);
	memset(state.holds, 0, sizeof state.holds);
}

static void do_trim(void)
{
	sa_arena_stats before = SA_ARENA_STATS_INIT,
		       after = SA_ARENA_STATS_INIT;
	size_t returned;

	FUZZ_REQUIRE(sa_arena_stats_get(state.arena, &before) == 0);
	returned = sa_arena_trim(state.arena);
	FUZZ_REQUIRE(sa_arena_stats_get(state.arena, &after) == 0);
	FUZZ_REQUIRE(before.mapped_size - after.mapped_size == returned);
}

/* --------------------------------------------------------------- crimes */

/* One that does not change the arena, for judge(). */
static void check(void *context)
{
	(void)context;
	(void)sa_arena_check(state.arena);
}

/* A canary byte changes: a check tells which, however it names it. */
static void do_damage(void)
{
	shadow *it = draw_live();
	ptrdiff_t at = (ptrdiff_t)below(16) - 8;
	sa_arena_misuse report;
	unsigned char *byte;

	refuse_nothing();
	if (it == NULL || !model_allows(&state, it, SA_ARENA_READWRITE) ||
	    (it->is_large && at >= 0))
		return;
	byte = it->object + (at < 0 ? at : (ptrdiff_t)it->size + at);
	*byte ^= 0x55;
	report = judge(check, NULL);
	FUZZ_REQUIRE((const unsigned char *)report.object + report.offset ==
		     byte);
	*byte ^= 0x55;
}

/* What is not an object's first byte. */
static void *wild;

static void ask_size(void *context)
{
	(void)context;
	(void)sa_arena_size(state.arena, wild);
}

static void give_free(void *context)
{
	(void)context;
	sa_arena_free(state.arena, wild);
}

static void give_realloc(void *context)
{
	(void)context;
	FUZZ_REQUIRE(sa_arena_realloc(state.arena, wild, 16) == NULL);
}

static void give_open(void *context)
{
	(void)context;
	(void)!sa_arena_open_object(state.arena, wild, SA_ARENA_READONLY);
}

static void do_interior(void)
{
	static void (*const calls[])(void *) = {ask_size, give_free,
						give_realloc, give_open};
	shadow *it = draw_live();
	unsigned call = below(4), offset = fuzz_byte(&input);
	sa_arena_misuse report;

	if (it == NULL)
		return;
	wild = it->object + 1 + offset % (it->size + 7);
	FUZZ_REQUIRE(sa_arena_owns(state.arena, wild) == 0);
	report = judge(calls[call], NULL);
	FUZZ_REQUIRE(report.kind == SA_ARENA_MISUSE_INVALID_POINTER);
	FUZZ_REQUIRE(report.object == wild && report.offset == 0);
}

static sa_pool *wrong_pool;

static void give_pool(void *context)
{
	(void)context;
	sa_pool_free(wrong_pool, wild);
}

/* An object of another pool or of none. */
static void do_wrong_pool(void)
{
	unsigned number = below(MODEL_POOLS);
	const shadow *it = draw_live();
	sa_arena_misuse report;

	wrong_pool = state.pools[number].pool;
	if (it == NULL || wrong_pool == NULL || it->pool == number + 1)
		return;
	wild = it->object;
	report = judge(give_pool, NULL);
	FUZZ_REQUIRE(report.kind == SA_ARENA_MISUSE_INVALID_POINTER);
	FUZZ_REQUIRE(report.object == wild && report.offset == 0);
}

/* Any value; near objects, too. */
static void do_wild(void)
{
	const shadow *it = draw_shadow();
	uintptr_t value = (uintptr_t)it->object + (uintptr_t)fuzz_word(&input);

	wild = (void *)value;
	for (unsigned i = 0; i < MODEL_OBJECTS; i++)
		if (state.shadows[i].object == wild && value != 0)
			return;
	FUZZ_REQUIRE(sa_arena_owns(state.arena, wild) == 0);
	FUZZ_REQUIRE(judge(ask_size, NULL).object == wild);
}

/* -------------------------------------------------------------- running */

static void do_refuse(void)
{
	unsigned plan = fuzz_byte(&input), skip = below(16);

	refuse_calls(plan & 15, skip, 1 + (plan >> 4 & 7),
		     plan >> 7 == 0 ? ENOMEM : EAGAIN);
}

static void do_verify(void)
{
	model_verify_all(&state);
}

/* Repeated where it should be frequent. */
static void (*const operations[])(void) = {
	do_alloc,        do_alloc,  do_alloc,    do_alloc, do_free,
	do_free,         do_free,   do_realloc,  do_check, do_protect,
	do_open,         do_close,  do_refuse,   do_reset, do_open_object,
	do_close_object, do_damage, do_interior, do_wild,  do_trim,
	do_verify,       do_pool,   do_pool,     do_pool,  do_wrong_pool,
};

#define OPERATIONS ((unsigned)(sizeof operations / sizeof operations[0]))

/* Until it is another thread's turn, or the end. */
static void take_turn(void)
{
	while (input.next < input.end && steps < STEPS_MAX) {
		unsigned byte = below(OPERATIONS + BATON_THREADS);

		steps++;
		if (byte >= OPERATIONS) {
			thread = byte - OPERATIONS;
			return;
		}
		model_call(&state);
		operations[byte]();
		model_return(&state);
	}
}

static sa_arena_options draw_options(void)
{
	static const size_t reserves[] = {0, 0,     0,      0,
					  0, 30000, 300000, (size_t)2 << 20};
	static const size_t capacities[] = {
		0, 0, 0, 4096, 20000, 65536, 300000, (size_t)4 << 20};
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	unsigned bits = fuzz_byte(&input);

	options.flags = bits & 1 ? SA_ARENA_SINGLE_THREADED : 0;
	options.mlock =
		bits & 2 ? SA_ARENA_MLOCK_REQUIRED : SA_ARENA_MLOCK_BEST_EFFORT;
	options.fork = (sa_arena_fork)((bits >> 2 & 3) % 3);
	options.reserve = reserves[below(8)];
	options.capacity = capacities[below(8)];
	if (options.capacity != 0 && options.reserve > options.capacity)
		options.reserve = options.capacity;
	return options;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;

	(void)argc;
	(void)argv;
	dice_start();
	judge_start();
	/* The canary key stays, which saves time in every run. */
	options.mlock = SA_ARENA_MLOCK_BEST_EFFORT;
	FUZZ_REQUIRE(sa_arena_create(&options) != NULL);
	return 0;
}

static void run(void)
{
	sa_arena_options options = draw_options();

	/* A plan for creation itself. */
	if (below(8) == 7)
		do_refuse();
	if (!model_begin(&state, &options))
		return;
	state.refused = refuse_total();
	thread = 0;
	for (steps = 0; input.next < input.end && steps < STEPS_MAX;)
		baton_pass(thread, take_turn);
	model_verify_all(&state);
	sa_arena_destroy(state.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t mapped;

	baton_start();
	mapped = refuse_mapped_size();
	input.next = data;
	input.end = data + size;
	dice_begin();
	run();
	refuse_nothing();
	FUZZ_REQUIRE(refuse_mapped_size() == mapped);
	return 0;
}
