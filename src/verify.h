/* SPDX-License-Identifier: ISC */
/* What is wrong with a slot, and with a slab's slots all together. */
#ifndef SA_VERIFY_H
#define SA_VERIFY_H

#include <stdbool.h>

#include "slab.h"

/*
 * Why birth, death or death elsewhere was refused: *misuse is filled, but for
 * the arena's name.  Where two threads race to free an object, its canary may
 * be gone in the loser's sight; mark and claim tell.
 */
void sa_slot_explain_birth(sa_slot slot, sa_arena_misuse *misuse) SA_COLD;
void sa_slot_explain_death(sa_slot slot, sa_arena_misuse *misuse) SA_COLD;
void sa_slot_explain_death_elsewhere(sa_slot slot, bool had_claim,
				     sa_arena_misuse *misuse) SA_COLD;

/* Verify every slot, live or free, while nobody else runs.  False, with
 * *misuse filled, at the first that is damaged. */
bool sa_slab_verify(sa_slab *slab, sa_arena_misuse *misuse);

#endif
