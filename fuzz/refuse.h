/* SPDX-License-Identifier: ISC */
/*
 * A kernel that refuses: this program's own mmap(), mprotect(), mlock(),
 * madvise() and munmap(), which the library and libsodium call.  One thread at
 * a time may be in any of them.
 */
#ifndef FUZZ_REFUSE_H
#define FUZZ_REFUSE_H

#include <stddef.h>

#define REFUSE_MMAP 0x1u
#define REFUSE_MPROTECT 0x2u
#define REFUSE_MLOCK 0x4u
#define REFUSE_MADVISE 0x8u

/* Let `skip` calls among those pass and refuse the next `count`. */
void refuse_calls(unsigned calls, unsigned skip, unsigned count, int error);
void refuse_nothing(void);

/* Calls refused since the program began. */
size_t refuse_total(void);

/* Bytes mapped less bytes unmapped since the program began. */
size_t refuse_mapped_size(void);

#endif
