/* SPDX-License-Identifier: ISC */
/* Limits are inherited: the first ancestor with others shows where ours were
 * set. */
#include <config.h>

#include "memlock.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* CAP_IPC_LOCK of linux/capability.h. */
#define CAPABILITY_IPC_LOCK 14

/* Kernel defaults: since Linux 5.16, and before. */
#define KERNEL_DEFAULT ((size_t)8 << 20)
#define KERNEL_DEFAULT_BEFORE ((size_t)64 << 10)

struct limits {
	size_t soft;
	size_t hard;
};

static size_t size_of(rlim_t limit)
{
	return limit == RLIM_INFINITY || limit > SIZE_MAX ? SIZE_MAX
							  : (size_t)limit;
}

/* In another user namespace than the first, which has all ids, capabilities are
 * worth nothing to mlock(). */
static bool is_first_namespace(void)
{
	struct text ids;

	return !text_line("/proc/self/uid_map", &ids) ||
	       strstr(ids.string, " 4294967295") != NULL;
}

static bool is_exempt(void)
{
	struct text value;

	return is_first_namespace() &&
	       text_after("/proc/self/status", "CapEff:", &value) &&
	       (strtoull(value.string, NULL, 16) >> CAPABILITY_IPC_LOCK & 1) !=
		       0;
}

static size_t locked_now(void)
{
	struct text value;

	if (!text_after("/proc/self/status", "VmLck:", &value))
		return 0;
	return text_size(value.string, 1024);
}

static size_t limit_of(const char *word)
{
	return strcmp(word, "unlimited") == 0 ? SIZE_MAX : text_size(word, 1);
}

static bool limits_of(long pid, struct limits *limits)
{
	struct text path = text_format("/proc/%ld/limits", pid), line;
	char soft[32], hard[32];

	if (!text_after(path.string, "Max locked memory", &line) ||
	    sscanf(line.string, "%31s %31s", soft, hard) != 2)
		return false;
	limits->soft = limit_of(soft);
	limits->hard = limit_of(hard);
	return true;
}

static long parent_of(long pid)
{
	struct text path = text_format("/proc/%ld/status", pid), value;

	if (!text_after(path.string, "PPid:", &value))
		return 0;
	return strtol(value.string, NULL, 10);
}

static struct text name_of(long pid)
{
	struct text path = text_format("/proc/%ld/comm", pid), name;

	if (!text_line(path.string, &name))
		name = text_format("?");
	return name;
}

/* Who gives the first process its limits. */
static const char *default_of(struct limits mine)
{
	if (mine.soft == KERNEL_DEFAULT && mine.hard == KERNEL_DEFAULT)
		return "which is the kernel's default since Linux 5.16";
	if (mine.soft == KERNEL_DEFAULT_BEFORE &&
	    mine.hard == KERNEL_DEFAULT_BEFORE)
		return "which was the kernel's default before Linux 5.16";
	return "set by the kernel, the service manager or the container's "
	       "runtime";
}

static struct text origin(struct limits mine)
{
	long pid = getpid(), above;
	struct limits theirs;

	for (; (above = parent_of(pid)) != 0; pid = above) {
		if (!limits_of(above, &theirs))
			return text_format("no other in process %ld (%s); what "
					   "is above it cannot be read",
					   pid, name_of(pid).string);
		if (theirs.soft != mine.soft || theirs.hard != mine.hard)
			return text_format("set in or for process %ld (%s); "
					   "process %ld (%s) has others",
					   pid, name_of(pid).string, above,
					   name_of(above).string);
	}
	return text_format("the same up to process %ld (%s), %s", pid,
			   name_of(pid).string, default_of(mine));
}

/* Does a line that is no comment set it? */
static bool sets_memlock(const char *path)
{
	struct text line;
	FILE *file = fopen(path, "re");
	bool found = false;

	if (file == NULL)
		return false;
	while (!found && fgets(line.string, TEXT_SIZE, file) != NULL) {
		line.string[strcspn(line.string, "#\n")] = '\0';
		found = strstr(line.string, "memlock") != NULL;
	}
	fclose(file);
	return found;
}

static struct text settings(void)
{
	struct text names = {""};
	glob_t files;

	if (glob("/etc/security/limits.d/*.conf", 0, NULL, &files) != 0)
		files.gl_pathc = 0;
	if (sets_memlock("/etc/security/limits.conf"))
		names = text_format("/etc/security/limits.conf");
	for (size_t i = 0; i < files.gl_pathc; i++)
		if (sets_memlock(files.gl_pathv[i]))
			names = text_format("%.255s%s%.200s", names.string,
					    names.string[0] == '\0' ? "" : " ",
					    files.gl_pathv[i]);
	if (files.gl_pathc != 0)
		globfree(&files);
	return names;
}

void memlock_read(struct memlock *memlock)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		perror("getrlimit");
	memlock->soft = size_of(limit.rlim_cur);
	memlock->hard = size_of(limit.rlim_max);
	memlock->locked = locked_now();
	memlock->is_exempt = is_exempt();
	memlock->origin = origin((struct limits){memlock->soft, memlock->hard});
	memlock->settings = settings();
}
