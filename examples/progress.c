/* SPDX-License-Identifier: ISC */
/* Writes to standard error, and only if that is a terminal. */
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"

#define SECOND 1000000000ull

/* Steps between two looks at the clock. */
#define STRIDE 256

/* The time between two updates, which the eye can still follow. */
#define PERIOD (SECOND / 5)

static unsigned long long next_update;
static bool shown;

unsigned long long progress_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long long)now.tv_sec * SECOND +
	       (unsigned long long)now.tv_nsec;
}

void progress_start(void)
{
	next_update = isatty(STDERR_FILENO) ? progress_now() + SECOND : 0;
}

void progress_show(const char *what, size_t done, size_t total)
{
	unsigned long long now;

	if (next_update == 0 || done % STRIDE != 0)
		return;
	now = progress_now();
	if (now < next_update)
		return;
	next_update = now + PERIOD;
	shown = true;
	fprintf(stderr, "\r\033[K%s: %zu of %zu", what, done, total);
}

void progress_clear(void)
{
	if (shown)
		fputs("\r\033[K", stderr);
	shown = false;
}
