/* SPDX-License-Identifier: ISC */
/*
 * What the command reads and reckons: numbers, control groups in a folder
 * made up for it, and sodium_malloc()'s share against sodium_malloc() itself.
 */
#include <config.h>

#include "support.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "room.h"
#include "text.h"

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))

/* ------------------------------------------------------------- numbers */

START_TEST(test_numbers)
{
	static const struct {
		const char *text;
		bool with_suffix;
		size_t number; /* 0 where none is to be found, but for "0" */
	} cases[] = {
		{"0", true, 0},
		{"32", false, 32},
		{"4K", true, 4096},
		{"3M", true, (size_t)3 << 20},
		{"18446744073709551616", false, 0},
		{"17179869184G", true, 0},
		{"4K", false, 0},
		{"4KB", true, 0},
		{"4k", true, 0},
		{"-1", true, 0},
		{" 1", true, 0},
		{"", true, 0},
		{"x", true, 0},
	};

	for (size_t i = 0; i < SUPPORT_LENGTH(cases); i++) {
		size_t number = 0;
		bool found = text_parse(cases[i].text, cases[i].with_suffix,
					&number);

		ck_assert_msg(number == cases[i].number, "%s", cases[i].text);
		ck_assert_msg(found == (number != 0 || i == 0), "%s",
			      cases[i].text);
	}
}
END_TEST

START_TEST(test_largest_number)
{
	struct text largest = text_format("%zu", SIZE_MAX);
	struct text kibibytes = text_format("%zuK", SIZE_MAX / 1024 + 1);
	size_t number = 0;

	ck_assert(text_parse(largest.string, false, &number));
	ck_assert_uint_eq(number, SIZE_MAX);
	ck_assert(!text_parse(kibibytes.string, true, &number));
}
END_TEST

/* What no size can tell is the largest. */
START_TEST(test_sizes)
{
	struct text kibibytes = text_format("%zu kB", SIZE_MAX / 1024);
	struct text more = text_format("%zu kB", SIZE_MAX / 1024 + 1);

	ck_assert_uint_eq(text_size("17 kB", 1024), 17 * 1024);
	ck_assert_uint_eq(text_size(kibibytes.string, 1024), SIZE_MAX - 1023);
	ck_assert_uint_eq(text_size(more.string, 1024), SIZE_MAX);
	ck_assert_uint_eq(text_size("18446744073709551616", 1), SIZE_MAX);
}
END_TEST

/* ------------------------------------------------------ control groups */

static char root[] = "/tmp/test_tools.XXXXXX";

static void setup_root(void)
{
	strcpy(root + sizeof root - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static void teardown_root(void)
{
	struct text command = text_format("rm -rf %s", root);

	ck_assert_int_eq(system(command.string), 0);
}

/* A file below the root, and the folders above it. */
static void put(const char *path, const char *content)
{
	struct text full = text_format("%s%s", root, path);
	FILE *file;

	for (char *slash = full.string + strlen(root) + 1;
	     (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		(void)mkdir(full.string, 0700);
		*slash = '/';
	}
	file = fopen(full.string, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(content, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(test_cgroup_2)
{
	struct cgroup group;

	put("/proc/self/cgroup", "0::/system.slice/a.service\n");
	put("/sys/fs/cgroup/system.slice/a.service/memory.max", "max\n");
	put("/sys/fs/cgroup/system.slice/a.service/memory.current", "5\n");
	put("/sys/fs/cgroup/system.slice/memory.max", "1000000\n");
	put("/sys/fs/cgroup/system.slice/memory.current", "400000\n");
	ck_assert(cgroup_read(root, &group));
	ck_assert_str_eq(group.path.string, "/system.slice/a.service");
	ck_assert_uint_eq(group.limit, 1000000);
	ck_assert_uint_eq(group.left, 600000);
	/* The least that is left need not be of the least limit. */
	put("/sys/fs/cgroup/system.slice/a.service/memory.max", "900000\n");
	ck_assert(cgroup_read(root, &group));
	ck_assert_uint_eq(group.limit, 900000);
	ck_assert_uint_eq(group.left, 600000);
	put("/sys/fs/cgroup/system.slice/a.service/memory.current", "900001\n");
	ck_assert(cgroup_read(root, &group));
	ck_assert_uint_eq(group.left, 0);
}
END_TEST

/* In a container its own group is the root. */
START_TEST(test_cgroup_2_root)
{
	struct cgroup group;

	put("/proc/self/cgroup", "0::/\n");
	put("/sys/fs/cgroup/memory.max", "67108864\n");
	put("/sys/fs/cgroup/memory.current", "1048576\n");
	ck_assert(cgroup_read(root, &group));
	ck_assert_uint_eq(group.limit, (size_t)64 << 20);
	ck_assert_uint_eq(group.left, (size_t)63 << 20);
}
END_TEST

START_TEST(test_cgroup_1)
{
	struct cgroup group;

	put("/proc/self/cgroup", "11:cpu,cpuacct:/x\n9:hugetlb,memory:/docker/"
				 "abc\n0::/y\n");
	put("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "8192\n");
	put("/sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "4096\n");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes",
	    "9223372036854771712\n");
	ck_assert(cgroup_read(root, &group));
	ck_assert_str_eq(group.path.string, "/docker/abc");
	ck_assert_uint_eq(group.limit, 8192);
	ck_assert_uint_eq(group.left, 4096);
	put("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes",
	    "9223372036854771712\n");
	ck_assert(cgroup_read(root, &group));
	ck_assert_uint_eq(group.limit, SIZE_MAX);
	ck_assert_uint_eq(group.left, SIZE_MAX);
}
END_TEST

START_TEST(test_no_cgroup)
{
	struct cgroup group;

	ck_assert(!cgroup_read(root, &group));
	put("/proc/self/cgroup", "0::/a\n");
	ck_assert(cgroup_read(root, &group));
	ck_assert_uint_eq(group.limit, SIZE_MAX);
	ck_assert_uint_eq(group.left, SIZE_MAX);
}
END_TEST

/* ---------------------------------------------------------------- room */

/* What sodium_malloc() locks and maps is what is reckoned. */
START_TEST(test_sodium_share)
{
	static const size_t sizes[] = {1, 32, 4080, 4081, 4096, 10000};
	void *objects[100];

	ck_assert_int_ge(sodium_init(), 0);
	if (!support_is_alone() ||
	    !support_can_lock(SUPPORT_LENGTH(objects) * 4 * PAGE)) {
		support_skip(__func__, "nothing can be counted here");
		return;
	}
	for (size_t s = 0; s < SUPPORT_LENGTH(sizes); s++) {
		size_t locked = support_locked_size();
		size_t mappings = support_mapping_count();

		for (size_t i = 0; i < SUPPORT_LENGTH(objects); i++)
			ck_assert_ptr_nonnull(objects[i] =
						      sodium_malloc(sizes[s]));
		locked = support_locked_size() - locked;
		mappings = support_mapping_count() - mappings;
		for (size_t i = 0; i < SUPPORT_LENGTH(objects); i++)
			sodium_free(objects[i]);
		ck_assert_uint_eq(locked / SUPPORT_LENGTH(objects),
				  room_sodium_pages(sizes[s]) * PAGE);
		/* Neighbours can share one. */
		ck_assert_uint_le(mappings, SUPPORT_LENGTH(objects) *
						    ROOM_SODIUM_MAPPINGS);
		ck_assert_uint_ge(mappings + SUPPORT_LENGTH(objects) + 8,
				  SUPPORT_LENGTH(objects) *
					  ROOM_SODIUM_MAPPINGS);
	}
}
END_TEST

START_TEST(test_memory_limits)
{
	const size_t memory = (size_t)1 << 20;
	struct room room;

	if (!support_can_lock(2 * memory)) {
		support_skip("memory_limits", "less than that may be locked");
		return;
	}
	ck_assert_int_eq(room_find(32, 1, memory, &room), 0);
	ck_assert(room.fits);
	/* 48 bytes each, and a little that is nobody's. */
	ck_assert_uint_le(room.arena, memory / 48);
	ck_assert_uint_ge(room.arena, memory / 56);
	ck_assert_uint_le(room.sodium, memory / PAGE / 2);
	ck_assert_int_eq(room_find(32, 1000000, memory, &room), 0);
	ck_assert(!room.fits);
	ck_assert(room.lacks_memory);
	ck_assert_uint_ge(room.needed.required_size, 48000000);
	ck_assert_int_eq(room_find(32, 1, 0, &room), 0);
	ck_assert(room.lacks_memory);
}
END_TEST

START_TEST(test_enormous)
{
	struct room room;

	ck_assert_int_eq(room_find(SIZE_MAX, 1, SIZE_MAX, &room), 0);
	ck_assert_uint_eq(room.arena, 0);
	ck_assert(!room.fits);
	ck_assert_uint_eq(room.sodium, 0);
	ck_assert_int_eq(room_find(32, SIZE_MAX, SIZE_MAX, &room), 0);
	ck_assert(!room.fits);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tools");
	TCase *figures = tcase_create("figures");
	TCase *groups = tcase_create("groups");

	tcase_add_test(figures, test_numbers);
	tcase_add_test(figures, test_largest_number);
	tcase_add_test(figures, test_sizes);
	tcase_add_test(figures, test_sodium_share);
	tcase_add_test(figures, test_memory_limits);
	tcase_add_test(figures, test_enormous);
	suite_add_tcase(suite, figures);
	tcase_add_checked_fixture(groups, setup_root, teardown_root);
	tcase_add_test(groups, test_cgroup_2);
	tcase_add_test(groups, test_cgroup_2_root);
	tcase_add_test(groups, test_cgroup_1);
	tcase_add_test(groups, test_no_cgroup);
	suite_add_tcase(suite, groups);
	return support_run(suite);
}
