/* SPDX-License-Identifier: ISC */
/* A line from the terminal, byte by byte into the buffer where it stays. */
#include <config.h>

#include <errno.h>

#include "bits.h"
#include "sodium_arena_buffer.h"
#include "terminal.h"

static bool is_line_end(const sa_terminal *terminal, unsigned char byte)
{
	return byte == '\n' || (byte == '\r' && terminal->is_terminal);
}

/* Of what is too long, the rest is read to the byte behind the content. */
static int read_line(sa_buffer *buffer, sa_terminal *terminal, size_t most)
{
	bool is_too_long = false;
	size_t length = 0;

	for (;;) {
		unsigned char *byte;
		int n;

		if (sa_buffer_reserve(buffer, 1) != 0)
			return -1;
		byte = &buffer->bytes[buffer->length];
		n = sa_terminal_read(terminal, byte);
		if (n < 0)
			return -1;
		if (n == 0 && length == 0)
			errno = ENODATA;
		if (n == 0 || is_line_end(terminal, *byte)) {
			*byte = '\0';
			if (is_too_long)
				errno = EMSGSIZE;
			return is_too_long || (n == 0 && length == 0) ? -1 : 0;
		}
		if (length == most) {
			is_too_long = true;
			*byte = '\0';
			continue;
		}
		buffer->length++;
		length++;
	}
}

/* The terminal is closed whatever happened. */
static int ask(sa_buffer *buffer, const char *prompt, size_t most,
	       bool is_required)
{
	sa_terminal terminal;
	int result, error;

	if (sa_terminal_open(&terminal, prompt, is_required) != 0)
		return -1;
	result = read_line(buffer, &terminal, most);
	error = errno;
	if (sa_terminal_close(&terminal, result == 0) != 0 && result == 0)
		return -1;
	errno = error;
	return result;
}

int sa_buffer_read_passphrase(sa_buffer *buffer, const char *prompt,
			      size_t most, unsigned flags)
{
	size_t start;
	int error;

	if (buffer == NULL || prompt == NULL ||
	    (flags & ~SA_BUFFER_REQUIRE_TERMINAL) != 0) {
		errno = EINVAL;
		return -1;
	}
	/* Nobody is asked for what cannot be kept. */
	if (sa_buffer_reserve(buffer, 1) != 0)
		return -1;
	start = buffer->length;
	if (ask(buffer, prompt, most, flags != 0) == 0)
		return 0;
	error = errno;
	sa_buffer_resize(buffer, start);
	errno = error;
	return -1;
}
