/* SPDX-License-Identifier: ISC */
/* Changing an object's size: where it is, if that suits, else elsewhere. */
#ifndef SA_RESIZE_H
#define SA_RESIZE_H

#include "arena.h"

/* Where the object is then; NULL with errno, and the object is untouched.
 * Misuse is reported. */
void *sa_resize_object(sa_arena *arena, void *ptr, size_t size);

#endif
