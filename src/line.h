/* SPDX-License-Identifier: ISC */
/*
 * One line of text, built in a fixed buffer and written by write(2): for
 * reports and statistics, where neither stdio nor the heap may be touched.
 */
#ifndef SA_LINE_H
#define SA_LINE_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

/* Room for a name of 255 bytes, each escaped to six, and 17 figures. */
#define SA_LINE_SIZE 4096

typedef struct sa_line {
	size_t length;
	char text[SA_LINE_SIZE];
} sa_line;

void sa_line_clear(sa_line *line);
/* What does not fit is cut off. */
void sa_line_add(sa_line *line, const char *text);
void sa_line_add_unsigned(sa_line *line, uint64_t value);
void sa_line_add_signed(sa_line *line, int64_t value);
void sa_line_add_pointer(sa_line *line, const void *pointer);
/* A JSON string's inside (RFC 8259, section 7), all of it ASCII: what is not
 * is taken for UTF-8 and escaped; bytes that are not that become U+FFFD. */
void sa_line_add_escaped(sa_line *line, const char *text);
/* Write it all, whatever number of calls that takes.  0, or -1 and errno. */
int sa_line_write(const sa_line *line, int fd);

/* What that may send to the calling thread: where nobody reads, and where the
 * file has no room (RLIMIT_FSIZE). */
#define SA_LINE_SIGNALS 2
extern const int sa_line_signals[SA_LINE_SIGNALS];
/* All of them. */
sigset_t sa_line_signal_set(void);

#endif
