/* SPDX-License-Identifier: ISC */
/* libsodium's random numbers, the same in every run: for repeatable runs. */
#ifndef FUZZ_DICE_H
#define FUZZ_DICE_H

/* Replace them, before sodium_init(); once. */
void dice_start(void);
/* Begin the sequence again. */
void dice_begin(void);

#endif
