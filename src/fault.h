/* SPDX-License-Identifier: ISC */
/* Faults told: whose memory it was that SIGSEGV came from. */
#ifndef SA_FAULT_H
#define SA_FAULT_H

/* 0, or -1 with EBUSY if it was installed and another took its place, or the
 * errno of sigaction(2). */
int sa_fault_install(void);

#endif
