/* SPDX-License-Identifier: ISC */
/*
 * What AddressSanitizer's reports cannot say of an arena's objects: where they
 * were allocated and freed.  Written to standard error after them.
 */
#ifndef SA_REPORT_H
#define SA_REPORT_H

#include "sodium_arena.h"

/* From now on the sanitizer's reports are followed by the object's history. */
void sa_report_start(void);

/* What is known of a bad pointer or damaged object. */
void sa_report_misuse(const sa_arena_misuse *misuse);

/* The same of all objects that are alive, if the sanitizer looks for leaks. */
void sa_report_alive(void);

#endif
