/* SPDX-License-Identifier: ISC */
/*
 * Writes past either end of an object: every size, every distance that a
 * canary can tell, each value.  What must be found is foreseen byte by byte:
 * a write that changes nothing is no damage, and what changes no canary is
 * nobody's to find.
 */
#include <config.h>

#include "crime.h"

#include <stdatomic.h>
#include <stdio.h>

#define SMALL_SIZES 257
#define OVERFLOWS 17
#define UNDERFLOWS 16
/* What an object's slot ends in, and what is looked at before it. */
#define CANARY 8
#define LARGE_CANARY 16
#define LARGE_ALIGNMENT _Alignof(max_align_t)
/* Small arenas have no three large slots in a row. */
#define RESERVE(size) ((size) < SMALL_SIZES ? 0 : (size_t)1 << 20)

/* ----------------------------------------------------------------- deeds */

typedef enum { NUL, ONES, BIT, VALUES } value;

static const char *const value_names[VALUES] = {"NUL", "0xff", "one bit"};

/* A number of bytes behind the object's end, or before its start.  One bit is
 * flipped in the farthest of them; other values are written to all. */
typedef struct deed {
	sa_arena *vault;
	unsigned char *object;
	size_t size;
	int is_before;
	size_t count;
	value value;
	const crime_finder *finder;
} deed;

/* The first byte that is written, relative to the object, and the number. */
static ptrdiff_t first_of(const deed *act)
{
	if (act->is_before)
		return -(ptrdiff_t)act->count;
	return (ptrdiff_t)(act->value == BIT ? act->size + act->count - 1
					     : act->size);
}

static ptrdiff_t behind(const deed *act)
{
	return first_of(act) + (act->value == BIT ? 1 : (ptrdiff_t)act->count);
}

static unsigned char result(const deed *act, unsigned char before)
{
	switch (act->value) {
	case NUL:
		return 0;
	case ONES:
		return 0xff;
	default:
		return (unsigned char)(before ^
				       1u << (act->size + act->count) % 8);
	}
}

static void commit(void *context)
{
	const deed *act = context;
	unsigned char *byte = act->object + first_of(act);

	for (; byte < act->object + behind(act); byte++)
		support_poke(byte, result(act, support_peek(byte)));
	act->finder->find(act->vault, act->object, act->size);
}

/* ------------------------------------------------------------- foresight */

static int is_changed(const deed *act, const unsigned char *byte)
{
	unsigned char before;

	if (byte < act->object + first_of(act) ||
	    byte >= act->object + behind(act))
		return 0;
	before = support_peek(byte);
	return result(act, before) != before;
}

/* The offset of the first changed byte in a range; `to` if there is none. */
static ptrdiff_t first_changed(const deed *act, const unsigned char *object,
			       ptrdiff_t from, ptrdiff_t to)
{
	while (from < to && !is_changed(act, object + from))
		from++;
	return from;
}

/* What looking at one object tells, whose canary ends at `end` and is preceded
 * by another. */
static crime_verdict look_at(const deed *act, const unsigned char *object,
			     ptrdiff_t front, ptrdiff_t end)
{
	ptrdiff_t over = first_changed(act, object, (ptrdiff_t)act->size, end);
	ptrdiff_t under = first_changed(act, object, -front, 0);

	if (over < end)
		return crime_report(SA_ARENA_MISUSE_OVERFLOW, object, act->size,
				    over);
	if (under < 0)
		return crime_report(SA_ARENA_MISUSE_UNDERFLOW, object,
				    act->size, under);
	return crime_unnoticed();
}

static crime_verdict foresee_large(const deed *act)
{
	ptrdiff_t end = (ptrdiff_t)((act->size + LARGE_ALIGNMENT - 1) &
				    ~(size_t)(LARGE_ALIGNMENT - 1));

	return behind(act) > end ? crime_fault()
				 : look_at(act, act->object, LARGE_CANARY, end);
}

/* Who sees all looks at the lower neighbour first. */
static crime_verdict foresee(const deed *act)
{
	ptrdiff_t stride, way;
	crime_verdict verdict = crime_unnoticed();

	if (crime_is_large(act->size))
		return foresee_large(act);
	stride = (ptrdiff_t)crime_stride(act->size);
	if (!act->finder->sees_all)
		return look_at(act, act->object, CANARY, stride);
	for (way = -stride; way <= stride && verdict.signal == 0; way += stride)
		verdict = look_at(act, act->object + way, CANARY, stride);
	return verdict;
}

static void try(deed *act)
{
	crime_verdict verdict = foresee(act);

	crime_commit(commit, act, &verdict,
		     "size %zu, %s by %zu, %s, found by %s", act->size,
		     act->is_before ? "underflow" : "overflow", act->count,
		     value_names[act->value], act->finder->name);
}

static deed prepare(size_t size)
{
	deed act = {.vault = crime_vault(RESERVE(size)), .size = size};

	act.object = crime_is_large(size)
			     ? crime_alloc(act.vault, size)
			     : crime_alloc_between(act.vault, size);
	return act;
}

/* ---------------------------------------------------------- every size */

/* Where small ones end, around the ends of classes, pages and slots; blocks of
 * their own with each number of bytes between their end and the guard page. */
static const size_t odd_sizes[] = {
	263,  264,  265,   311,   312,   313,    319,    500,    1000,
	1016, 1017, 2040,  2041,  4087,  4088,   4089,   4096,   5001,
	7160, 7161, 8183,  8184,  8185,  8186,   8187,   8188,   8189,
	8190, 8191, 8192,  8193,  8194,  8195,   8196,   8197,   8198,
	8199, 8200, 10001, 16351, 65536, 100001, 262143, 300000, (1 << 20) + 5,
};

static void try_bounds(size_t size, size_t every)
{
	deed act = prepare(size);
	size_t row;

	act.finder = &crime_finders[0];
	for (row = size % every; row < (OVERFLOWS + UNDERFLOWS) * VALUES;
	     row += every) {
		act.value = row % VALUES;
		act.is_before = row / VALUES >= OVERFLOWS;
		act.count = row / VALUES + 1;
		if (act.is_before)
			act.count -= OVERFLOWS;
		try(&act);
	}
	sa_arena_destroy(act.vault);
}

/* All rows of every size; where there is no time for that, every row of some
 * size: with the step's remainders, sizes share them out. */
static size_t step(void)
{
	if (SUPPORT_SLOW)
		return 97;
	return crime_flags == SA_ARENA_SINGLE_THREADED ? 10 : 1;
}

START_TEST(test_bounds_of_small)
{
	try_bounds((size_t)_i, step());
}
END_TEST

START_TEST(test_bounds_of_odd)
{
	try_bounds(odd_sizes[_i], step());
}
END_TEST

/* --------------------------------------------------------- every finder */

static const size_t found_sizes[] = {
	0, 1, 8, 24, 32, 33, 100, 247, 1000, 8184, 8185, (1 << 20) + 5,
};

static const struct {
	int is_before;
	size_t count;
} found_deeds[] = {{0, 1}, {0, 9}, {0, 17}, {1, 1}, {1, 8}, {1, 16}};

static void try_finder(deed *act)
{
	size_t row;

	for (row = 0; row < SUPPORT_LENGTH(found_deeds) * VALUES; row++) {
		if (SUPPORT_SLOW && row % 4 != act->size % 4)
			continue;
		act->value = row % VALUES;
		act->is_before = found_deeds[row / VALUES].is_before;
		act->count = found_deeds[row / VALUES].count;
		try(act);
	}
}

START_TEST(test_finders)
{
	deed act = prepare(found_sizes[_i]);
	size_t finder;

	for (finder = 0; finder < CRIME_FINDERS; finder++) {
		act.finder = &crime_finders[finder];
		try_finder(&act);
	}
	sa_arena_destroy(act.vault);
}
END_TEST

/* ------------------------------------------------------------- suite */

static void add_bounds(Suite *suite, const char *name, void (*setup)(void))
{
	TCase *bounds = tcase_create(name);

	suite_add_tcase(suite, bounds);
	tcase_set_timeout(bounds, 60);
	tcase_add_checked_fixture(bounds, setup, NULL);
	tcase_add_loop_test(bounds, test_bounds_of_small, 0, SMALL_SIZES);
	tcase_add_loop_test(bounds, test_bounds_of_odd, 0,
			    SUPPORT_LENGTH(odd_sizes));
	tcase_add_loop_test(bounds, test_finders, 0,
			    SUPPORT_LENGTH(found_sizes));
}

int main(void)
{
	Suite *suite = suite_create("bounds");

	add_bounds(suite, "bounds", crime_setup_default);
	add_bounds(suite, "bounds, single-threaded",
		   crime_setup_single_threaded);
	return crime_run(suite);
}
