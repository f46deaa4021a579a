/* SPDX-License-Identifier: ISC */
/* One line of progress on a terminal, once the program has run a second. */
#ifndef EXAMPLES_PROGRESS_H
#define EXAMPLES_PROGRESS_H

#include <stddef.h>

/* Nanoseconds of a clock that never goes back. */
unsigned long long progress_now(void);

void progress_start(void);
void progress_show(const char *what, size_t done, size_t total);

/* Take the line away; to be called before anything else is printed. */
void progress_clear(void);

#endif
