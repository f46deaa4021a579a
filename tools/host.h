/* SPDX-License-Identifier: ISC */
/* What else of the kernel and the process bears on secrets in memory. */
#ifndef TOOLS_HOST_H
#define TOOLS_HOST_H

#include "sheet.h"

/* Sections "process" and "machine", but for limits on memory. */
void host_write_process(const struct sheet_form *sheet);
void host_write_machine(const struct sheet_form *sheet);

/* "docker", "podman", "kubernetes", "lxc", ...; or NULL. */
const char *host_container(void);

/* Memory that can be had without swapping, in bytes; SIZE_MAX: unknown. */
size_t host_available_memory(void);

#endif
