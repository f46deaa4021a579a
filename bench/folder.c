/* SPDX-License-Identifier: ISC */
/*
 * The report in a folder: README.md with the tables, and a file of tab
 * separated values for each picture.  bench/pictures.gp draws these.
 */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "markdown.h"
#include "pictures.h"
#include "report.h"

struct page {
	const char *name;
	void (*write)(const struct report *report, FILE *stream);
};

static const struct page pages[] = {
	{"README.md", markdown_write},
	{"throughput.tsv", pictures_throughput},
	{"objects.tsv", pictures_objects},
	{"threads.tsv", pictures_threads},
	{"bytes.tsv", pictures_bytes},
};

static int page_write(const struct report *report, const char *folder,
		      const struct page *page)
{
	char path[PATH_MAX];
	FILE *stream;
	int is_bad;

	if (snprintf(path, sizeof(path), "%s/%s", folder, page->name) >=
	    (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	stream = fopen(path, "we");
	if (stream == NULL)
		return -1;
	page->write(report, stream);
	is_bad = ferror(stream);
	if (fclose(stream) != 0)
		return -1;
	errno = EIO;
	return is_bad ? -1 : 0;
}

int report_folder(const struct report *report, const char *folder)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (page_write(report, folder, &pages[i]) != 0)
			return -1;
	return 0;
}
