/* SPDX-License-Identifier: ISC */
/* The C library's malloc(), which protects nothing. */
#include <config.h>

#include <gnu/libc-version.h>
#include <stdlib.h>

#include "crimes/peer.h"

static int plain_setup(void)
{
	return 0;
}

const struct peer peer_plain = {
	.title = "glibc's malloc()",
	.version = gnu_get_libc_version,
	.setup = plain_setup,
	.alloc = malloc,
	.free = free,
};
