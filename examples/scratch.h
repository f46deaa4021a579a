/* SPDX-License-Identifier: ISC */
/*
 * The one place outside the arena that secrets pass through: locked, guarded
 * and wiped when released.  Fits one page.
 */
#ifndef EXAMPLES_SCRATCH_H
#define EXAMPLES_SCRATCH_H

#include <sodium.h>

struct scratch {
	char text[2048]; /* what is read from the file of vectors */
	unsigned char seed[crypto_sign_SEEDBYTES];
	unsigned char signing_key[crypto_sign_SECRETKEYBYTES];
	unsigned char master_key[crypto_kdf_KEYBYTES];
	unsigned char derived_key[crypto_sign_SEEDBYTES];
};

/* NULL with errno: no memory, or it cannot be locked. */
struct scratch *scratch_create(void);
void scratch_destroy(struct scratch *scratch);

#endif
