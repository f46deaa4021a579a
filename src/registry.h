/* SPDX-License-Identifier: ISC */
/*
 * The process's arenas and what they share: the canary key in its own locked
 * page, and the handlers that take them all through a fork().
 */
#ifndef SA_REGISTRY_H
#define SA_REGISTRY_H

#include "arena.h"

/*
 * Before an arena is made: start libsodium and the rest, and hold the key,
 * whose address goes to *key.  0, or -1 with ENOMEM, or EPERM if the key could
 * not be locked and `mlock` requires it.
 */
int sa_registry_enter(const sa_canary_key **key, sa_arena_mlock mlock);

/* Is there a key, so that another arena costs no more for it? */
bool sa_registry_has_key(void);

/* Give the key up; the last to do so destroys it. */
void sa_registry_leave(void);

/* Have the arena taken through forks; and no longer. */
void sa_registry_add(sa_arena *arena);
void sa_registry_remove(sa_arena *arena);

/*
 * Call `visit` for the oldest arena that is younger than `serial`, which
 * becomes its serial; 0 begins.  No arena comes or goes meanwhile.  False if
 * there is none.
 */
bool sa_registry_visit(uint64_t *serial,
		       void (*visit)(sa_arena *arena, void *context),
		       void *context);

/*
 * For signal handlers: call `visit` for arenas, each with its mutex held, until
 * it returns true.  Never waits: what somebody holds is left out.
 */
void sa_registry_try_visit(bool (*visit)(sa_arena *arena, void *context),
			   void *context);

#endif
