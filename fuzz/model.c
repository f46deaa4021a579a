/* SPDX-License-Identifier: ISC */
/* The shadow's accounts, and the comparison with the arena's. */
#include <config.h>

#include "model.h"

#include <string.h>

#include "refuse.h"
#include "require.h"

/* What does not fit a slot is large; see sa_arena_alloc(). */
#define SLOT_MAX 8184

int model_begin(model *m, const sa_arena_options *options)
{
	memset(m, 0, sizeof *m);
	m->options = *options;
	m->resting = SA_ARENA_READWRITE;
	m->in_force = SA_ARENA_READWRITE;
	m->arena = sa_arena_create(options);
	return m->arena != NULL;
}

/* -------------------------------------------------------------- figures */

static sa_arena_stats figures(const model *m)
{
	sa_arena_stats stats = SA_ARENA_STATS_INIT;

	FUZZ_REQUIRE(sa_arena_stats_get(m->arena, &stats) == 0);
	return stats;
}

static size_t count_holds(const model *m)
{
	size_t count = 0;

	for (size_t i = 0; i < MODEL_HOLDS; i++)
		count += m->holds[i].object != NULL;
	return count;
}

static void verify_figures(const model *m)
{
	sa_arena_stats stats = figures(m);
	size_t larges = 0;

	for (size_t i = 0; i < MODEL_OBJECTS; i++)
		larges +=
			m->shadows[i].object != NULL && m->shadows[i].is_large;
	FUZZ_REQUIRE(stats.live_count == m->live_count);
	FUZZ_REQUIRE(stats.live_size == m->live_size);
	FUZZ_REQUIRE(stats.alloc_count == m->alloc_count);
	FUZZ_REQUIRE(stats.free_count == m->free_count);
	FUZZ_REQUIRE(stats.failure_count == m->failure_count);
	FUZZ_REQUIRE(stats.large_count == larges);
	FUZZ_REQUIRE(stats.holder_count ==
		     m->readers + m->writers + count_holds(m));
	FUZZ_REQUIRE(stats.peak_count >= stats.live_count);
	FUZZ_REQUIRE(stats.peak_size >= stats.live_size);
	FUZZ_REQUIRE(stats.locked_size <= stats.mapped_size);
	if (m->options.capacity != 0)
		FUZZ_REQUIRE(stats.mapped_size <= m->options.capacity);
}

/* --------------------------------------------------------------- access */

sa_arena_access model_access(const model *m)
{
	if (m->writers > 0 || m->resting == SA_ARENA_READWRITE)
		return SA_ARENA_READWRITE;
	if (m->readers > 0 || m->resting == SA_ARENA_READONLY)
		return SA_ARENA_READONLY;
	return SA_ARENA_NOACCESS;
}

void model_settle(model *m)
{
	if (!model_was_refused(m))
		m->is_torn = 0;
}

int model_allows(const model *m, const shadow *it, sa_arena_access access)
{
	if (!m->is_torn && model_access(m) >= access && m->in_force >= access)
		return 1;
	for (size_t i = 0; i < MODEL_HOLDS; i++)
		if (m->holds[i].object == it->object &&
		    m->holds[i].access >= access)
			return 1;
	return 0;
}

/* ---------------------------------------------------------------- calls */

void model_call(model *m)
{
	m->refused = refuse_total();
}

int model_was_refused(const model *m)
{
	return refuse_total() != m->refused;
}

void model_return(model *m)
{
	sa_arena_access access = sa_arena_current_access(m->arena);

	if (model_was_refused(m)) {
		uint64_t failures = figures(m).failure_count;

		FUZZ_REQUIRE(failures >= m->failure_count);
		m->failure_count = failures;
		m->is_off = 1;
		m->is_torn = 1;
	}
	m->is_off &= access != model_access(m);
	FUZZ_REQUIRE(access == model_access(m) || m->is_off);
	m->in_force = access;
}

/* -------------------------------------------------------------- objects */

void model_adopt(model *m, shadow *it, void *object, size_t size)
{
	it->object = object;
	it->size = size;
	it->is_large = size > SLOT_MAX;
	it->pool = 0;
	it->fill = 0;
	m->live_count++;
	m->live_size += size;
	m->alloc_count++;
}

/* A large object's holders end with it. */
static void forget_holds(model *m, const shadow *it)
{
	for (size_t i = 0; i < MODEL_HOLDS; i++)
		if (m->holds[i].object == it->object && m->holds[i].is_large)
			m->holds[i].object = NULL;
}

void model_disown(model *m, shadow *it)
{
	if (it->is_large)
		forget_holds(m, it);
	it->object = NULL;
	m->live_count--;
	m->live_size -= it->size;
	m->free_count++;
}

void model_resize(model *m, shadow *it, void *object, size_t size)
{
	if (object != it->object) {
		model_disown(m, it);
		model_adopt(m, it, object, size);
		return;
	}
	m->live_size += size - it->size;
	it->size = size;
}

void model_fill(model *m, shadow *it)
{
	if (it->object == NULL || !model_allows(m, it, SA_ARENA_READWRITE))
		return;
	it->fill = ++m->turn;
	memset(it->object, it->fill, it->size);
}

void model_verify(const model *m, const shadow *it)
{
	FUZZ_REQUIRE(sa_arena_owns(m->arena, it->object) == 1);
	FUZZ_REQUIRE(sa_arena_size(m->arena, it->object) == it->size);
	if (it->size == 0 || !model_allows(m, it, SA_ARENA_READONLY))
		return;
	FUZZ_REQUIRE(it->object[0] == it->fill);
	FUZZ_REQUIRE(memcmp(it->object, it->object + 1, it->size - 1) == 0);
}

void model_verify_all(const model *m)
{
	for (size_t i = 0; i < MODEL_OBJECTS; i++)
		if (m->shadows[i].object != NULL)
			model_verify(m, &m->shadows[i]);
	verify_figures(m);
}
