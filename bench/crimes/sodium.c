/* SPDX-License-Identifier: ISC */
/* sodium_malloc(): a page and guard pages for every object. */
#include <config.h>

#include <sodium.h>

#include "crimes/peer.h"

static int sodium_setup(void)
{
	return sodium_init() < 0 ? -1 : 0;
}

const struct peer peer_sodium = {
	.title = "sodium_malloc()",
	.version = sodium_version_string,
	.setup = sodium_setup,
	.alloc = sodium_malloc,
	.free = sodium_free,
	.rest = sodium_mprotect_noaccess,
};
