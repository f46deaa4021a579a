/* SPDX-License-Identifier: ISC */
/* sodium_malloc() says nothing when its lock fails, so it is locked again. */
#include <errno.h>

#include "scratch.h"

struct scratch *scratch_create(void)
{
	struct scratch *scratch = sodium_malloc(sizeof(*scratch));
	int error;

	if (scratch == NULL || sodium_mlock(scratch, sizeof(*scratch)) == 0)
		return scratch;
	error = errno;
	sodium_free(scratch);
	errno = error;
	return NULL;
}

void scratch_destroy(struct scratch *scratch)
{
	sodium_free(scratch);
}
