/* SPDX-License-Identifier: ISC */
/* What a target demands of the library; a fuzzer keeps the input that ends in
 * abort(). */
#ifndef FUZZ_REQUIRE_H
#define FUZZ_REQUIRE_H

#include <stdio.h>
#include <stdlib.h>

#define FUZZ_REQUIRE(condition)                                                \
	((condition) ? (void)0 : fuzz_give_up(__FILE__, __LINE__, #condition))

static inline _Noreturn void fuzz_give_up(const char *file, int line,
					  const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

#endif
