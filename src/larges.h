/* SPDX-License-Identifier: ISC */
/*
 * The large objects of an arena, found by the page that they begin on.  All
 * under the arena's mutex.
 */
#ifndef SA_LARGES_H
#define SA_LARGES_H

#include "arena.h"

/* Allocate one.  NULL with errno. */
sa_large *sa_larges_add(sa_arena *arena, size_t size, size_t alignment);

/* Free one that was verified, or is lost.  Its descriptor stays, so that a
 * second free is known as one, until another object needs it. */
void sa_larges_drop(sa_arena *arena, sa_large *large);

#endif
