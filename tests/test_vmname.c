/* SPDX-License-Identifier: ISC */
/*
 * Names of mappings: what the kernel would refuse is replaced, no mapping is
 * split, and nobody else can read them.  Where the kernel keeps no names, that
 * nothing depends on them.
 */
#include <config.h>

#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os.h"
#include "vmname.h"

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))
#define PREFIX "sodium-arena:"

/* -------------------------------------------------------------- format */

static void assert_format(const char *name, const char *expected)
{
	char text[SA_VMNAME_SIZE];

	memset(text, '#', sizeof text);
	sa_vmname_format(text, name);
	ck_assert_str_eq(text, expected);
}

START_TEST(test_format)
{
	assert_format("keys", PREFIX "keys");
	assert_format("", PREFIX);
	assert_format(" a~", PREFIX " a~");
	assert_format("a[b]c$d`e\\f", PREFIX "a_b_c_d_e_f");
	assert_format("\t\n\x7f\x01", PREFIX "____");
	assert_format("\xc3\xa4", PREFIX "__");
}
END_TEST

START_TEST(test_long)
{
	char name[SA_ARENA_NAME_MAX + 1], expected[SA_VMNAME_SIZE];

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	memset(expected, 'n', sizeof expected - 1);
	memcpy(expected, PREFIX, sizeof PREFIX - 1);
	expected[sizeof expected - 1] = '\0';
	assert_format(name, expected);
}
END_TEST

/* -------------------------------------------------------------- kernel */

static bool has_names(void)
{
	void *page = sa_os_map_guarded(PAGE);
	bool has;

	ck_assert_ptr_nonnull(page);
	has = sa_os_name(page, PAGE, "probe") == 0;
	ck_assert_int_eq(sa_os_unmap_guarded(page, PAGE), 0);
	return has;
}

/* The name of the mapping that the byte lies in, as `maps` has it. */
static void name_of(const void *byte, char *name, size_t size)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];

	ck_assert_ptr_nonnull(maps);
	name[0] = '\0';
	while (fgets(line, sizeof line, maps) != NULL) {
		unsigned long start, end;
		int at = 0;

		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &start, &end,
			   &at) == 2 &&
		    (uintptr_t)byte >= start && (uintptr_t)byte < end)
			snprintf(name, size, "%.*s",
				 (int)strcspn(line + at, "\n"), line + at);
	}
	fclose(maps);
}

static sa_arena *named_arena(const char *name)
{
	sa_arena_options options = support_options();
	sa_arena *arena;

	options.name = name;
	arena = sa_arena_create(&options);
	ck_assert_ptr_nonnull(arena);
	return arena;
}

static void assert_name(const void *object, const char *expected)
{
	char name[512];

	name_of(object, name, sizeof name);
	ck_assert_str_eq(name, expected);
}

START_TEST(test_shown)
{
	sa_arena *arena = named_arena("my [keys]");
	void *small = sa_arena_alloc(arena, 32);
	void *large = sa_arena_alloc(arena, 100000);
	const char *expected = has_names() ? "[anon:" PREFIX "my _keys_]" : "";

	ck_assert_ptr_nonnull(small);
	ck_assert_ptr_nonnull(large);
	if (!has_names())
		support_skip(__func__, "the kernel keeps no names");
	assert_name(small, expected);
	assert_name(large, expected);
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_NOACCESS), 0);
	assert_name(small, expected);
	ck_assert_int_eq(sa_arena_protect(arena, SA_ARENA_READWRITE), 0);
	assert_name(small, expected);
	sa_arena_destroy(arena);
}
END_TEST

/* Mappings that an arena takes, in every access. */
static size_t mappings_taken(sa_arena_mlock mlock)
{
	sa_arena_options options = support_options();
	size_t before = support_mapping_count(), most = 0;
	sa_arena *arena;

	options.mlock = mlock;
	arena = sa_arena_create(&options);
	SUPPORT_REQUIRE(arena != NULL);
	for (int i = 0; i < 20000; i++)
		SUPPORT_REQUIRE(sa_arena_alloc(arena, 100) != NULL);
	for (int i = 0; i < 20; i++)
		SUPPORT_REQUIRE(sa_arena_alloc(arena, 10000) != NULL);
	for (int access = SA_ARENA_NOACCESS; access <= SA_ARENA_READWRITE;
	     access++) {
		size_t now;

		SUPPORT_REQUIRE(
			sa_arena_protect(arena, (sa_arena_access)access) == 0);
		now = support_mapping_count();
		most = now > most ? now : most;
	}
	sa_arena_destroy(arena);
	SUPPORT_REQUIRE(support_mapping_count() <= before + 4);
	return most - before;
}

/* The same with and without names; a refused prctl() keeps the arena going. */
static void count_mappings(void *context)
{
	sa_arena_mlock mlock = *(sa_arena_mlock *)context;
	size_t with, without;

	/* What is mapped once a process is mapped now. */
	mappings_taken(mlock);
	with = mappings_taken(mlock);
	if (support_refuse_call(SYS_prctl, EPERM) != 0)
		return;
	without = mappings_taken(mlock);
	/* Where the kernel puts things differs by a neighbour's merging. */
	SUPPORT_REQUIRE(with <= without + 2);
}

START_TEST(test_no_splits)
{
	sa_arena_mlock mlock =
		_i == 0 ? support_options().mlock : SA_ARENA_MLOCK_BEST_EFFORT;

	if (!support_is_alone()) {
		support_skip(__func__, "mappings cannot be counted here");
		return;
	}
	support_assert_passes(count_mappings, &mlock);
}
END_TEST

/* Another user cannot read the list that has the names. */
static void read_parent(void *unused)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%ld/smaps", (long)getppid());
	(void)unused;
	SUPPORT_REQUIRE(access(path, F_OK) == 0);
	SUPPORT_REQUIRE(support_become_ordinary(65536) == 0);
	SUPPORT_REQUIRE(fopen(path, "re") == NULL);
}

START_TEST(test_private)
{
	if (geteuid() != 0) {
		support_skip(__func__, "only root can become another user");
		return;
	}
	support_assert_passes(read_parent, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmname");
	TCase *format = tcase_create("format");
	TCase *kernel = tcase_create("kernel");

	sa_os_start();
	tcase_add_test(format, test_format);
	tcase_add_test(format, test_long);
	suite_add_tcase(suite, format);
	tcase_set_timeout(kernel, 60);
	tcase_add_test(kernel, test_shown);
	tcase_add_loop_test(kernel, test_no_splits, 0, 2);
	tcase_add_test(kernel, test_private);
	suite_add_tcase(suite, kernel);
	return support_run(suite);
}
