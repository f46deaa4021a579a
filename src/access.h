/* SPDX-License-Identifier: ISC */
/*
 * An arena's access: resting, holders, and transitions that are made on every
 * region or on none.  All under the arena's mutex.
 */
#ifndef SA_ACCESS_H
#define SA_ACCESS_H

#include "arena.h"

/* 0, or -1 with errno and nothing changed; as the public calls. */
int sa_access_protect(sa_arena *arena, sa_arena_access access);
int sa_access_open(sa_arena *arena, sa_arena_access access);
int sa_access_close(sa_arena *arena, sa_arena_access access);

/*
 * The same for one region of the arena, which is found accessible for as long
 * as it has a holder, whatever the rest is.
 */
int sa_access_open_region(sa_arena *arena, sa_region *region,
			  sa_arena_access access);
int sa_access_close_region(sa_arena *arena, sa_region *region,
			   sa_arena_access access);

/* Count a failure that has left a region other than its arena.  Nothing can be
 * allocated until a change of access has set every region. */
void sa_access_tear(sa_arena *arena, int error);

/* Holders of the arena and of its regions. */
size_t sa_access_holder_count(const sa_arena *arena);

/* The regions' objects are gone, and so are their holders. */
void sa_access_forget_region_holders(sa_arena *arena);

/*
 * Raise the access to at least `access` for a while, and put it back.  `raise`
 * returns 0 or -1 with errno.  So does `restore`, which keeps errno else; if
 * the kernel refuses, the arena stays as open as it is.
 */
int sa_access_raise(sa_arena *arena, sa_arena_access access);
int sa_access_restore(sa_arena *arena);

/* Why nothing can be allocated now: 0, EACCES or EPERM. */
int sa_access_refusal(const sa_arena *arena);

#endif
