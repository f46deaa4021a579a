/* SPDX-License-Identifier: ISC */
/*
 * The file is read three times: for the places of its lines, for the seeds,
 * and for what is public.  Only the first two see a secret.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vectors.h"

#define SEED_HEX_SIZE ((size_t)2 * crypto_sign_SEEDBYTES)

/* A line with an empty message: seed, two public keys, signature, colons. */
#define LINE_MIN (SEED_HEX_SIZE + 2 * 64 + 128 + 4)

/* Lines that the table has room for at first. */
#define FIRST_CAPACITY 1024

struct vectors_line {
	off_t offset;
	size_t size; /* without the newline */
};

static int malformed(const struct vectors *vectors, size_t index)
{
	warnx("%s: line %zu is no Ed25519 vector", vectors->path, index + 1);
	return -1;
}

/* Double the table whenever its count has reached a power of two. */
static int make_room(struct vectors *vectors)
{
	struct vectors_line *lines;
	size_t count = vectors->count;

	if (count % FIRST_CAPACITY != 0 || (count & (count - 1)) != 0)
		return 0;
	count = count == 0 ? FIRST_CAPACITY : 2 * count;
	lines = reallocarray(vectors->lines, count, sizeof(*lines));
	if (lines == NULL) {
		warn("%s", vectors->path);
		return -1;
	}
	vectors->lines = lines;
	return 0;
}

static int add_line(struct vectors *vectors, off_t begin, off_t end)
{
	size_t size = (size_t)(end - begin);

	if (size < LINE_MIN || size > VECTORS_LINE_MAX)
		return malformed(vectors, vectors->count);
	if (make_room(vectors) != 0)
		return -1;
	vectors->lines[vectors->count].offset = begin;
	vectors->lines[vectors->count].size = size;
	vectors->count++;
	return 0;
}

/* Note the lines that end in these `size` bytes, found at `offset`. */
static int add_lines(struct vectors *vectors, const char *text, size_t size,
		     off_t offset, off_t *begin)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] != '\n')
			continue;
		if (add_line(vectors, *begin, offset + (off_t)i) != 0)
			return -1;
		*begin = offset + (off_t)i + 1;
	}
	return 0;
}

static int find_lines(struct vectors *vectors, struct scratch *scratch)
{
	const size_t room = sizeof(scratch->text);
	off_t offset = 0, begin = 0;
	ssize_t size;
	int result = 0;

	while (result == 0) {
		size = read(vectors->fd, scratch->text, room);
		if (size <= 0)
			break;
		result = add_lines(vectors, scratch->text, (size_t)size, offset,
				   &begin);
		offset += size;
	}
	sodium_memzero(scratch->text, room);
	if (result != 0)
		return -1;
	if (size < 0) {
		warn("%s", vectors->path);
		return -1;
	}
	return offset > begin ? add_line(vectors, begin, offset) : 0;
}

static int missing(const char *path)
{
	if (errno == ENOENT)
		warnx("%s: no such file; the Debian package "
		      "python3-cryptography-vectors installs\n%s",
		      path, VECTORS_DEFAULT_PATH);
	else
		warn("%s", path);
	return -1;
}

int vectors_open(struct vectors *vectors, const char *path,
		 struct scratch *scratch)
{
	vectors->path = path;
	vectors->count = 0;
	vectors->lines = NULL;
	vectors->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (vectors->fd < 0)
		return missing(path);
	if (lseek(vectors->fd, 0, SEEK_CUR) < 0) {
		warnx("%s: no file that can be read more than once", path);
		close(vectors->fd);
		return -1;
	}
	if (find_lines(vectors, scratch) == 0) {
		if (vectors->count > 0)
			return 0;
		warnx("%s: no vectors in it", path);
	}
	vectors_close(vectors);
	return -1;
}

/* Exactly `size` bytes of a line, from byte `from` of it on. */
static int read_line(const struct vectors *vectors, size_t index, char *text,
		     size_t from, size_t size)
{
	off_t offset = vectors->lines[index].offset + (off_t)from;
	ssize_t got = pread(vectors->fd, text, size, offset);

	if (got == (ssize_t)size)
		return 0;
	if (got < 0)
		warn("%s", vectors->path);
	else
		warnx("%s: changed while it was read", vectors->path);
	return -1;
}

int vectors_read_seed(const struct vectors *vectors, size_t index,
		      struct scratch *scratch)
{
	size_t size;
	int bad;

	if (read_line(vectors, index, scratch->text, 0, SEED_HEX_SIZE) != 0)
		return -1;
	bad = sodium_hex2bin(scratch->seed, sizeof(scratch->seed),
			     scratch->text, SEED_HEX_SIZE, NULL, &size, NULL);
	sodium_memzero(scratch->text, SEED_HEX_SIZE);
	return bad ? malformed(vectors, index) : 0;
}

struct cursor {
	const char *at;
	size_t left;
};

/* Decode up to the next colon and step over it. */
static int read_field(struct cursor *cursor, unsigned char *out, size_t room,
		      size_t *size)
{
	const char *end;

	if (sodium_hex2bin(out, room, cursor->at, cursor->left, NULL, size,
			   &end) != 0)
		return -1;
	if (end == cursor->at + cursor->left || *end != ':')
		return -1;
	cursor->left -= (size_t)(end - cursor->at) + 1;
	cursor->at = end + 1;
	return 0;
}

static int read_key(struct cursor *cursor, unsigned char *key)
{
	size_t size;

	if (read_field(cursor, key, crypto_sign_PUBLICKEYBYTES, &size) != 0)
		return -1;
	return size == crypto_sign_PUBLICKEYBYTES ? 0 : -1;
}

static int parse_public(struct cursor *cursor, struct vectors_public *out)
{
	unsigned char key[crypto_sign_PUBLICKEYBYTES];
	size_t size;

	if (read_key(cursor, key) != 0 || read_key(cursor, out->key) != 0)
		return -1;
	if (read_field(cursor, out->message, sizeof(out->message),
		       &out->message_size) != 0)
		return -1;
	if (read_field(cursor, out->signed_message, sizeof(out->signed_message),
		       &size) != 0)
		return -1;
	if (size != crypto_sign_BYTES + out->message_size || cursor->left != 0)
		return -1;
	if (memcmp(out->signed_message + crypto_sign_BYTES, out->message,
		   out->message_size) != 0)
		return -1;
	return memcmp(key, out->key, sizeof(key)) == 0 ? 0 : -1;
}

int vectors_read_public(const struct vectors *vectors, size_t index,
			struct vectors_public *out)
{
	char text[VECTORS_LINE_MAX];
	size_t size = vectors->lines[index].size - SEED_HEX_SIZE;
	struct cursor cursor = {text, size};

	if (read_line(vectors, index, text, SEED_HEX_SIZE, size) != 0)
		return -1;
	return parse_public(&cursor, out) == 0 ? 0 : malformed(vectors, index);
}

void vectors_close(struct vectors *vectors)
{
	free(vectors->lines);
	close(vectors->fd);
}
