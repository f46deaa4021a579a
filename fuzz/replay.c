/* SPDX-License-Identifier: ISC */
/*
 * The target without a fuzzer: every file named, and every file in each folder
 * named, is an input.  Fails if there is none.
 */
/* A 32-bit program's folders may have numbers of 64 bits. */
#define _FILE_OFFSET_BITS 64
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "input.h"
#include "require.h"

#define INPUT_MAX 65536
#define NAME_SIZE 4096

static size_t count;

/* 0, or -1 if it cannot be read. */
static int replay_file(const char *path)
{
	static uint8_t data[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (file == NULL) {
		perror(path);
		return -1;
	}
	size = fread(data, 1, sizeof data, file);
	fclose(file);
	/* The last line of a log tells which input it was. */
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, size);
	count++;
	return 0;
}

static int replay_folder(const char *path, DIR *folder)
{
	const struct dirent *entry;
	char name[NAME_SIZE];
	int result = 0;

	while (errno = 0, (entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
		if (replay_file(name) != 0)
			result = -1;
	}
	if (errno != 0) {
		perror(path);
		result = -1;
	}
	return result;
}

static int replay(const char *path)
{
	DIR *folder = opendir(path);
	int result;

	if (folder == NULL)
		return replay_file(path);
	result = replay_folder(path, folder);
	closedir(folder);
	return result;
}

int main(int argc, char **argv)
{
	int result = 0;

	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		if (replay(argv[i]) != 0)
			result = 1;
	printf("%zu inputs\n", count);
	return count == 0 ? 1 : result;
}
