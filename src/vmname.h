/* SPDX-License-Identifier: ISC */
/*
 * Names of mappings: /proc/PID/smaps shows "[anon:sodium-arena:NAME]" where
 * the kernel keeps names (CONFIG_ANON_VMA_NAME, Linux 5.17).  Only who may
 * trace the process can read that file.
 */
#ifndef SA_VMNAME_H
#define SA_VMNAME_H

#include "region.h"

/* ANON_VMA_NAME_MAX_LEN of Linux's linux/mm.h, with the NUL. */
#define SA_VMNAME_SIZE 80

/* An arena's name as the kernel allows it: cut off, and a "_" for each byte
 * that it would refuse. */
void sa_vmname_format(char text[SA_VMNAME_SIZE], const char *name);

/* Name the region's memory, guards aside.  Nothing depends on it: a refusal is
 * ignored. */
void sa_vmname_set(const sa_region *region, const char *name);

#endif
