/* SPDX-License-Identifier: ISC */
/*
 * Pointers that are no object's first byte, from wherever a program may have
 * them, handed to every call that takes one: each is named, and the process
 * ends.  Only who closes what may have been an object's is told EINVAL.
 */
#include <config.h>

#include "crime.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))
#define SIZE 64
#define LARGE (((size_t)1 << 20) + 5)
/* A slow program has time for a few of many offsets. */
#define STRIDE ((size_t)(SUPPORT_SLOW ? 13 : 1))

/* What pointers are derived from. */
static sa_arena *vault;
static unsigned char *object, *large, *other;
static void *on_heap;

static unsigned char in_data[SIZE];
static const unsigned char in_constants[SIZE];

static void setup(void)
{
	vault = crime_vault(0);
	object = crime_alloc_between(vault, SIZE);
	large = crime_alloc(vault, LARGE);
	other = object;
}

static void teardown(void)
{
	sa_arena_destroy(vault);
	free(on_heap);
}

/* --------------------------------------------------------------- sources */

static const void *from_inside(void)
{
	return object + 1;
}

static const void *from_inside_aligned(void)
{
	return object + 16;
}

static const void *from_end(void)
{
	return object + SIZE;
}

static const void *from_before(void)
{
	return object - 1;
}

static unsigned char *region_start(void)
{
	unsigned char *page = object - (uintptr_t)object % PAGE;

	while (support_is_readable(page - 1))
		page -= PAGE;
	return page;
}

static const void *from_region_start(void)
{
	return region_start();
}

static const void *from_region_guard(void)
{
	return region_start() - 16;
}

static const void *from_inside_large(void)
{
	return large + 16;
}

static const void *from_deep_inside_large(void)
{
	return large + PAGE;
}

static const void *from_before_large(void)
{
	return large - 16;
}

static const void *from_end_of_large(void)
{
	return large + LARGE;
}

static const void *from_guard_after_large(void)
{
	return large + LARGE + 11;
}

static const void *from_other_arena(void)
{
	return crime_alloc(crime_vault(0), SIZE);
}

static const void *from_other_arena_large(void)
{
	return crime_alloc(crime_vault(0), LARGE);
}

static const void *from_destroyed_arena(void)
{
	sa_arena *gone = crime_vault(0);
	void *its = crime_alloc(gone, SIZE);

	sa_arena_destroy(gone);
	return its;
}

static const void *from_stack(void)
{
	return __builtin_frame_address(0);
}

static const void *from_heap(void)
{
	on_heap = malloc(SIZE);
	SUPPORT_REQUIRE(on_heap != NULL);
	return on_heap;
}

static const void *from_sodium(void)
{
	return sodium_malloc(SIZE);
}

static const void *from_data(void)
{
	return in_data;
}

static const void *from_constants(void)
{
	return in_constants;
}

static const void *from_code(void)
{
	return (const void *)(uintptr_t)from_data;
}

static const void *from_unmapped(void)
{
	void *page =
		mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	SUPPORT_REQUIRE(page != MAP_FAILED && munmap(page, PAGE) == 0);
	return page;
}

static const void *from_arena(void)
{
	return vault;
}

static const void *from_lowest(void)
{
	return (void *)(uintptr_t)1;
}

static const void *from_first_page(void)
{
	return (void *)(PAGE - 16);
}

static const void *from_highest(void)
{
	return (void *)UINTPTR_MAX;
}

static const void *from_highest_aligned(void)
{
	return (void *)(UINTPTR_MAX - 15);
}

#if UINTPTR_MAX > UINT32_MAX
/* Where the addresses of programs end on x86-64; where those begin that have
 * 48 bits, and sign-extended ones. */
static const void *from_end_of_programs(void)
{
	return (void *)(((uintptr_t)1 << 47) - 16);
}

static const void *from_beyond_programs(void)
{
	return (void *)((uintptr_t)1 << 47);
}

static const void *from_beyond_48_bits(void)
{
	return (void *)((uintptr_t)1 << 48);
}

static const void *from_kernel(void)
{
	return (void *)~(((uintptr_t)1 << 47) - 1);
}

static const void *from_bit_48(void)
{
	return (void *)((uintptr_t)object | (uintptr_t)1 << 48);
}
#endif

/* An object's address but for a bit that no address has there. */
static const void *flipped(const void *address, unsigned bits_from_top)
{
	return (void *)((uintptr_t)address ^
			(uintptr_t)1 << (SUPPORT_POINTER_BITS - bits_from_top));
}

static const void *from_second_bit(void)
{
	return flipped(object, 2);
}

static const void *from_sign_bit(void)
{
	return flipped(object, 1);
}

static const void *from_sign_bit_of_large(void)
{
	return flipped(large, 1);
}

static const struct {
	const char *name;
	const void *(*get)(void);
} sources[] = {
	{"inside an object", from_inside},
	{"inside an object, aligned", from_inside_aligned},
	{"an object's end", from_end},
	{"before an object", from_before},
	{"a region's first byte", from_region_start},
	{"a region's guard page", from_region_guard},
	{"inside a large object", from_inside_large},
	{"deep inside a large object", from_deep_inside_large},
	{"before a large object", from_before_large},
	{"a large object's end", from_end_of_large},
	{"the guard page after a large object", from_guard_after_large},
	{"another arena", from_other_arena},
	{"another arena, large", from_other_arena_large},
	{"an arena that is gone", from_destroyed_arena},
	{"the stack", from_stack},
	{"the heap", from_heap},
	{"sodium_malloc()", from_sodium},
	{"static data", from_data},
	{"constants", from_constants},
	{"code", from_code},
	{"unmapped memory", from_unmapped},
	{"the arena itself", from_arena},
	{"1", from_lowest},
	{"the first page", from_first_page},
	{"the highest address", from_highest},
	{"the highest address, aligned", from_highest_aligned},
#if UINTPTR_MAX > UINT32_MAX
	{"the end of programs' addresses", from_end_of_programs},
	{"beyond programs' addresses", from_beyond_programs},
	{"beyond 48 bits", from_beyond_48_bits},
	{"the kernel's addresses", from_kernel},
	{"an object, bit 48 set", from_bit_48},
#endif
	{"an object, second highest bit flipped", from_second_bit},
	{"an object, sign bit flipped", from_sign_bit},
	{"a large object, sign bit flipped", from_sign_bit_of_large},
};

/* ------------------------------------------------------------------ uses */

static void rest(void)
{
	SUPPORT_REQUIRE(sa_arena_protect(vault, SA_ARENA_NOACCESS) == 0);
}

static void use_free(void *pointer)
{
	sa_arena_free(vault, pointer);
}

static void use_free_at_rest(void *pointer)
{
	rest();
	sa_arena_free(vault, pointer);
}

static void use_free_elsewhere(void *pointer)
{
	crime_free_elsewhere(vault, pointer);
}

static void use_realloc_to_less(void *pointer)
{
	SUPPORT_REQUIRE(sa_arena_realloc(vault, pointer, 10) != NULL);
}

static void use_realloc_to_more(void *pointer)
{
	SUPPORT_REQUIRE(sa_arena_realloc(vault, pointer, 50000) != NULL);
}

static void use_size(void *pointer)
{
	SUPPORT_REQUIRE(sa_arena_size(vault, pointer) == SIZE_MAX);
}

static void use_size_at_rest(void *pointer)
{
	rest();
	use_size(pointer);
}

/* NULL alone is a mistake of another kind. */
static void use_open(void *pointer)
{
	SUPPORT_REQUIRE(
		sa_arena_open_object(vault, pointer, SA_ARENA_READONLY) == -1);
	SUPPORT_REQUIRE(errno == EINVAL);
}

static void use_open_at_rest(void *pointer)
{
	rest();
	SUPPORT_REQUIRE(
		sa_arena_open_object(vault, pointer, SA_ARENA_READWRITE) == -1);
	SUPPORT_REQUIRE(errno == EINVAL);
}

static void use_close(void *pointer)
{
	SUPPORT_REQUIRE(
		sa_arena_close_object(vault, pointer, SA_ARENA_READONLY) == -1);
	SUPPORT_REQUIRE(errno == EINVAL);
}

/* What a holder may name whose object is long gone: any place where objects of
 * the arena have begun. */
static int may_have_begun(const void *pointer)
{
	uintptr_t address = (uintptr_t)pointer;
	const unsigned char *start = region_start(), *end = start;

	while (support_is_readable(end))
		end += PAGE;
	return address / PAGE == (uintptr_t)large / PAGE ||
	       address / PAGE == (uintptr_t)other / PAGE ||
	       (address >= (uintptr_t)start && address < (uintptr_t)end);
}

typedef struct usage {
	const char *name;
	void (*call)(void *pointer);
	int takes_null;
} usage;

static const usage uses[] = {
	{"free", use_free, 1},
	{"free at rest", use_free_at_rest, 1},
	{"free in another thread", use_free_elsewhere, 1},
	{"realloc to less", use_realloc_to_less, 1},
	{"realloc to more", use_realloc_to_more, 1},
	{"size", use_size, 0},
	{"size at rest", use_size_at_rest, 0},
	{"open_object", use_open, 1},
	{"open_object at rest", use_open_at_rest, 1},
	{"close_object", use_close, 1},
};

typedef struct deed {
	const usage *use;
	const void *pointer;
} deed;

static void commit(void *context)
{
	const deed *act = context;

	act->use->call((void *)(uintptr_t)act->pointer);
}

static void try(const usage *use, const void *pointer, const char *source,
		ptrdiff_t offset)
{
	crime_verdict verdict =
		crime_report(SA_ARENA_MISUSE_INVALID_POINTER, pointer, 0, 0);
	deed act = {use, pointer};

	if ((pointer == NULL && use->takes_null) ||
	    (use->call == use_close && may_have_begun(pointer)))
		verdict = crime_unnoticed();
	crime_commit(commit, &act, &verdict, "%s of a pointer from %s, %td",
		     use->name, source, offset);
}

START_TEST(test_sources)
{
	const void *pointer = sources[_i].get();
	size_t i;

	ck_assert(!sa_arena_owns(vault, pointer));
	for (i = 0; i < SUPPORT_LENGTH(uses); i++)
		try(&uses[i], pointer, sources[_i].name, 0);
}
END_TEST

START_TEST(test_null)
{
	size_t i;

	for (i = 0; i < SUPPORT_LENGTH(uses); i++)
		try(&uses[i], NULL, "nowhere", 0);
}
END_TEST

/* Every byte of a slot but the first. */
START_TEST(test_interior)
{
	static const size_t sizes[] = {0, 1, 8, 32, 33, 100, 300};
	size_t size = sizes[_i], offset;

	other = crime_alloc_between(vault, size);
	for (offset = 1; offset < crime_stride(size); offset += STRIDE)
		try(&uses[offset % SUPPORT_LENGTH(uses)], other + offset,
		    "inside an object", (ptrdiff_t)offset);
}
END_TEST

/* Its first and last bytes, and one of every page. */
START_TEST(test_interior_of_large)
{
	size_t offset, far = 1;

	for (offset = 1; offset < LARGE; offset += far) {
		far = offset < 64 || offset > LARGE - 64 ? STRIDE : PAGE - 1;
		try(&uses[offset % SUPPORT_LENGTH(uses)], large + offset,
		    "inside a large object", (ptrdiff_t)offset);
	}
	for (offset = 1; offset < PAGE - 16; offset += 31 * STRIDE)
		try(&uses[offset % SUPPORT_LENGTH(uses)], large - offset,
		    "before a large object", -(ptrdiff_t)offset);
}
END_TEST

/* ------------------------------------------------------------- suite */

static void add_pointers(Suite *suite, const char *name, void (*kind)(void))
{
	TCase *pointers = tcase_create(name);

	suite_add_tcase(suite, pointers);
	tcase_set_timeout(pointers, 60);
	tcase_add_checked_fixture(pointers, kind, NULL);
	tcase_add_checked_fixture(pointers, setup, teardown);
	tcase_add_loop_test(pointers, test_sources, 0, SUPPORT_LENGTH(sources));
	tcase_add_test(pointers, test_null);
	tcase_add_loop_test(pointers, test_interior, 0, 7);
	tcase_add_test(pointers, test_interior_of_large);
}

int main(void)
{
	Suite *suite = suite_create("pointers");

	add_pointers(suite, "pointers", crime_setup_default);
	add_pointers(suite, "pointers, single-threaded",
		     crime_setup_single_threaded);
	return crime_run(suite);
}
