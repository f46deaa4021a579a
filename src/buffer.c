/* SPDX-License-Identifier: ISC */
/*
 * Content that grows inside one object of an arena: its storage is one byte
 * longer than its capacity, and all behind the content is zero.
 */
/* Any file can be opened and asked for its size, by 32-bit programs, too. */
#define _FILE_OFFSET_BITS 64
#include <config.h>

#include "sodium_arena_buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "bits.h"
#include "os.h"

/* Fills a slot of 64 bytes with its canary. */
#define LEAST_STORAGE 56

static int fail(int error)
{
	errno = error;
	return -1;
}

static bool is_usable(const sa_buffer *buffer)
{
	return buffer != NULL && buffer->arena != NULL;
}

void sa_buffer_init(sa_buffer *buffer, sa_arena *arena)
{
	*buffer = (sa_buffer)SA_BUFFER_INIT(arena);
}

void sa_buffer_free(sa_buffer *buffer)
{
	if (buffer == NULL)
		return;
	sa_arena_free(buffer->arena, buffer->bytes);
	sa_buffer_init(buffer, buffer->arena);
}

/* --------------------------------------------------------------- storage */

static int set_storage(sa_buffer *buffer, size_t size)
{
	unsigned char *bytes =
		sa_arena_realloc(buffer->arena, buffer->bytes, size);

	if (bytes == NULL)
		return -1;
	buffer->bytes = bytes;
	buffer->capacity = size - 1;
	return 0;
}

/* What leaves no room for twice the storage may leave enough. */
static int grow(sa_buffer *buffer, size_t least)
{
	size_t now = buffer->bytes == NULL ? 0 : buffer->capacity + 1;
	size_t wanted = 2 * now; /* No object has half of all addresses. */

	if (wanted < LEAST_STORAGE)
		wanted = LEAST_STORAGE;
	if (wanted > least) {
		if (set_storage(buffer, wanted) == 0)
			return 0;
		sa_arena_unfail(buffer->arena);
	}
	return set_storage(buffer, least);
}

int sa_buffer_reserve(sa_buffer *buffer, size_t more)
{
	size_t size;

	if (!is_usable(buffer))
		return fail(EINVAL);
	if (sa_add_overflows(buffer->length, more, &size) ||
	    sa_add_overflows(size, 1, &size))
		return fail(ENOMEM);
	if (more == 0 ||
	    (buffer->bytes != NULL && size - 1 <= buffer->capacity))
		return 0;
	return grow(buffer, size);
}

/* --------------------------------------------------------------- content */

/* Where in the storage that is; beyond it: somewhere else. */
static size_t offset_of(const sa_buffer *buffer, const void *bytes)
{
	return (uintptr_t)bytes - (uintptr_t)buffer->bytes;
}

int sa_buffer_append(sa_buffer *buffer, const void *bytes, size_t size)
{
	size_t offset;
	bool is_own;

	if (!is_usable(buffer) || (bytes == NULL && size != 0))
		return fail(EINVAL);
	offset = offset_of(buffer, bytes);
	is_own = buffer->bytes != NULL && offset <= buffer->capacity;
	if (sa_buffer_reserve(buffer, size) != 0)
		return -1;
	if (is_own)
		bytes = buffer->bytes + offset;
	if (size != 0)
		memmove(buffer->bytes + buffer->length, bytes, size);
	buffer->length += size;
	return 0;
}

int sa_buffer_take(sa_buffer *buffer, void *bytes, size_t size)
{
	if (sa_buffer_append(buffer, bytes, size) != 0)
		return -1;
	if (size != 0)
		sodium_memzero(bytes, size);
	return 0;
}

int sa_buffer_resize(sa_buffer *buffer, size_t length)
{
	if (!is_usable(buffer))
		return fail(EINVAL);
	if (length > buffer->length) {
		if (sa_buffer_reserve(buffer, length - buffer->length) != 0)
			return -1;
	} else if (length < buffer->length) {
		sodium_memzero(buffer->bytes + length, buffer->length - length);
	}
	buffer->length = length;
	return 0;
}

void sa_buffer_clear(sa_buffer *buffer)
{
	if (buffer != NULL && buffer->length != 0)
		sa_buffer_resize(buffer, 0);
}

const char *sa_buffer_string(const sa_buffer *buffer)
{
	if (buffer == NULL || buffer->bytes == NULL)
		return "";
	return (const char *)buffer->bytes;
}

/* ----------------------------------------------------------------- steal */

static void *steal(sa_buffer *buffer, size_t size, size_t *length)
{
	void *object = sa_arena_realloc(buffer->arena, buffer->bytes, size);

	if (object == NULL)
		return NULL;
	if (length != NULL)
		*length = buffer->length;
	sa_buffer_init(buffer, buffer->arena);
	return object;
}

void *sa_buffer_steal(sa_buffer *buffer, size_t *length)
{
	if (!is_usable(buffer)) {
		errno = EINVAL;
		return NULL;
	}
	return steal(buffer, buffer->length, length);
}

char *sa_buffer_steal_string(sa_buffer *buffer, size_t *length)
{
	if (!is_usable(buffer)) {
		errno = EINVAL;
		return NULL;
	}
	return steal(buffer, buffer->length + 1, length);
}

/* --------------------------------------------------------------- reading */

static ssize_t read_some(int fd, void *bytes, size_t size)
{
	ssize_t n;

	if (size > SSIZE_MAX)
		size = SSIZE_MAX;
	do
		n = read(fd, bytes, size);
	while (n < 0 && errno == EINTR);
	return n;
}

int sa_buffer_read_fd(sa_buffer *buffer, int fd, size_t most)
{
	while (most > 0) {
		size_t room;
		ssize_t n;

		if (sa_buffer_reserve(buffer, 1) != 0)
			return -1;
		room = buffer->capacity - buffer->length;
		n = read_some(fd, buffer->bytes + buffer->length,
			      room < most ? room : most);
		if (n <= 0)
			return (int)n;
		buffer->length += (size_t)n;
		most -= (size_t)n;
	}
	return is_usable(buffer) ? 0 : fail(EINVAL);
}

/* Room for all of a regular file, and for the read that finds its end. */
static int reserve_file(sa_buffer *buffer, int fd, size_t most)
{
	struct stat file;

	/* GCOVR_EXCL_START: the caller has opened it */
	if (fstat(fd, &file) != 0)
		return -1;
	/* GCOVR_EXCL_STOP */
	if (!S_ISREG(file.st_mode) || file.st_size <= 0)
		return 0;
	if ((uintmax_t)file.st_size > most)
		return fail(EFBIG);
	return sa_buffer_reserve(buffer, (size_t)file.st_size + 1);
}

static int read_open_file(sa_buffer *buffer, int fd, size_t most)
{
	size_t start = buffer->length;

	if (reserve_file(buffer, fd, most) != 0)
		return -1;
	/* One more would show that there is too much. */
	if (sa_buffer_read_fd(buffer, fd, most == SIZE_MAX ? most : most + 1) !=
	    0)
		return -1;
	return buffer->length - start > most ? fail(EFBIG) : 0;
}

static int read_file(sa_buffer *buffer, const char *path, size_t most)
{
	size_t start = buffer->length;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int result, error;

	if (fd < 0)
		return -1;
	result = read_open_file(buffer, fd, most);
	error = errno;
	close(fd);
	if (result != 0) {
		sa_buffer_resize(buffer, start);
		errno = error;
	}
	return result;
}

/* Nobody else could close the file. */
int sa_buffer_read_file(sa_buffer *buffer, const char *path, size_t most)
{
	int result, state;

	if (!is_usable(buffer) || path == NULL)
		return fail(EINVAL);
	state = sa_os_disable_cancel();
	result = read_file(buffer, path, most);
	sa_os_restore_cancel(state);
	return result;
}
