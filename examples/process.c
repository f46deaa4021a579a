/* SPDX-License-Identifier: ISC */
/* The figures come from /proc and are read without stdio or allocation. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "process.h"

/* More than /proc/self/status ever fills. */
#define TEXT_SIZE 8192

int process_mapping_count(size_t *count)
{
	char text[TEXT_SIZE];
	ssize_t size;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	*count = 0;
	while ((size = read(fd, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < size; i++)
			*count += text[i] == '\n';
	}
	close(fd);
	return size < 0 ? -1 : 0;
}

/* The number that follows `label` in the file. */
static int read_number(const char *path, const char *label, size_t *number)
{
	char text[TEXT_SIZE];
	const char *found;
	ssize_t size;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (size < 0)
		return -1;
	text[size] = '\0';
	found = strstr(text, label);
	if (found == NULL) {
		errno = ENODATA;
		return -1;
	}
	*number = strtoul(found + strlen(label), NULL, 10);
	return 0;
}

int process_mapping_limit(size_t *count)
{
	return read_number("/proc/sys/vm/max_map_count", "", count);
}

int process_locked_size(size_t *size)
{
	if (read_number("/proc/self/status", "VmLck:", size) != 0)
		return -1;
	*size *= 1024;
	return 0;
}

int process_raise_memlock(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return -1;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_MEMLOCK, &limit);
}
