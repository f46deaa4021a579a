/* SPDX-License-Identifier: ISC */
/* Control groups by their files: every group up to the root may limit. */
#include <config.h>

#include "cgroup.h"

#include <stdio.h>
#include <string.h>

struct hierarchy {
	const char *folder;
	const char *limit;
	const char *usage;
};

static const struct hierarchy version_2 = {"/sys/fs/cgroup", "memory.max",
					   "memory.current"};
static const struct hierarchy version_1 = {"/sys/fs/cgroup/memory",
					   "memory.limit_in_bytes",
					   "memory.usage_in_bytes"};

/* Version 1 says "no limit" by a number near 2^63. */
#define VERSION_1_UNLIMITED (SIZE_MAX > UINT32_MAX ? SIZE_MAX >> 4 : SIZE_MAX)

static void apply(struct cgroup *group, size_t limit, size_t usage)
{
	size_t left = limit > usage ? limit - usage : 0;

	if (limit >= VERSION_1_UNLIMITED)
		return;
	if (limit < group->limit)
		group->limit = limit;
	if (left < group->left)
		group->left = left;
}

static void read_level(const char *root, const struct hierarchy *h,
		       const char *path, struct cgroup *group)
{
	struct text limit_path =
		text_format("%s%s%s/%s", root, h->folder, path, h->limit);
	struct text usage_path =
		text_format("%s%s%s/%s", root, h->folder, path, h->usage);
	size_t limit, usage = 0;

	if (!text_number(limit_path.string, &limit))
		return;
	if (!text_number(usage_path.string, &usage))
		usage = 0;
	apply(group, limit, usage);
}

static void read_levels(const char *root, const struct hierarchy *h,
			struct cgroup *group)
{
	struct text path = group->path;
	char *slash = path.string + strlen(path.string);

	/* The root's path is a slash alone. */
	if (slash == path.string + 1)
		*--slash = '\0';
	read_level(root, h, path.string, group);
	while ((slash = strrchr(path.string, '/')) != NULL) {
		*slash = '\0';
		read_level(root, h, path.string, group);
	}
}

/* The path in a line such as "9:cpu,memory:/path", which names `controller`. */
static const char *path_in(char *line, const char *controller)
{
	char *names = strchr(line, ':');
	char *path = names == NULL ? NULL : strchr(names + 1, ':');

	if (path == NULL)
		return NULL;
	*path++ = '\0';
	for (char *rest = NULL, *name = strtok_r(names + 1, ",", &rest);
	     name != NULL; name = strtok_r(NULL, ",", &rest))
		if (strcmp(name, controller) == 0)
			return path;
	return NULL;
}

/* False if the process is in no such group. */
static bool find_version_1(const char *list, struct text *path)
{
	struct text line;
	FILE *file = fopen(list, "re");
	bool found = false;

	if (file == NULL)
		return false;
	while (!found && fgets(line.string, TEXT_SIZE, file) != NULL) {
		const char *at;

		line.string[strcspn(line.string, "\n")] = '\0';
		at = path_in(line.string, "memory");
		found = at != NULL;
		if (found)
			*path = text_format("%s", at);
	}
	fclose(file);
	return found;
}

bool cgroup_read(const char *root, struct cgroup *group)
{
	struct text list = text_format("%s/proc/self/cgroup", root);

	group->limit = group->left = SIZE_MAX;
	if (find_version_1(list.string, &group->path))
		read_levels(root, &version_1, group);
	else if (text_after(list.string, "0::", &group->path))
		read_levels(root, &version_2, group);
	else
		return false;
	return true;
}
