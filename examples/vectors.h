/* SPDX-License-Identifier: ISC */
/*
 * The published Ed25519 vectors, one a line, in hexadecimal:
 *
 *   seed public-key : public-key : message : signature message :
 *
 * The file is read without stdio.  Whatever may hold a seed is read into
 * memory that the caller provides; the rest of a line is public.
 */
#ifndef EXAMPLES_VECTORS_H
#define EXAMPLES_VECTORS_H

#include <sodium.h>
#include <stddef.h>

#include "scratch.h"

#define VECTORS_DEFAULT_PATH                                                   \
	"/usr/lib/python3/dist-packages/cryptography_vectors/asymmetric/"      \
	"Ed25519/sign.input"

/* The longest line, in bytes, and the longest message that fits in it. */
#define VECTORS_LINE_MAX 8192
#define VECTORS_MESSAGE_MAX (VECTORS_LINE_MAX / 4)

struct vectors_line;

struct vectors {
	const char *path; /* the caller's */
	int fd;
	size_t count;
	struct vectors_line *lines;
};

/* The public part of a line. */
struct vectors_public {
	unsigned char key[crypto_sign_PUBLICKEYBYTES];
	size_t message_size;
	unsigned char message[VECTORS_MESSAGE_MAX];
	/* the signature, and after it the message once more */
	unsigned char signed_message[crypto_sign_BYTES + VECTORS_MESSAGE_MAX];
};

/*
 * Each returns 0, or -1 after a message on standard error.  scratch->text is
 * used and wiped; the seed is left in scratch->seed.
 */
int vectors_open(struct vectors *vectors, const char *path,
		 struct scratch *scratch);
int vectors_read_seed(const struct vectors *vectors, size_t index,
		      struct scratch *scratch);
int vectors_read_public(const struct vectors *vectors, size_t index,
			struct vectors_public *out);

void vectors_close(struct vectors *vectors);

#endif
