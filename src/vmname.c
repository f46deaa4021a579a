/* SPDX-License-Identifier: ISC */
/* The name of an arena put into the kernel's few characters. */
#include <config.h>

#include "vmname.h"

#include <string.h>

#include "os.h"

/* is_valid_name_char() of Linux's kernel/sys.c. */
static bool is_allowed(char byte)
{
	return byte >= 0x20 && byte < 0x7f && strchr("\\`$[]", byte) == NULL;
}

static char allowed(char byte)
{
	if (is_allowed(byte))
		return byte;
	return '_';
}

void sa_vmname_format(char text[SA_VMNAME_SIZE], const char *name)
{
	static const char prefix[] = "sodium-arena:";
	size_t length = sizeof prefix - 1;

	memcpy(text, prefix, length);
	for (; *name != '\0' && length < SA_VMNAME_SIZE - 1; name++)
		text[length++] = allowed(*name);
	text[length] = '\0';
}

void sa_vmname_set(const sa_region *region, const char *name)
{
	char text[SA_VMNAME_SIZE];

	sa_vmname_format(text, name);
	(void)sa_os_name(region->start, region->size, text);
}
