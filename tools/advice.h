/* SPDX-License-Identifier: ISC */
/* Lines that change a limit, for wherever a program is started. */
#ifndef TOOLS_ADVICE_H
#define TOOLS_ADVICE_H

#include "memlock.h"
#include "room.h"
#include "sheet.h"

/* What has to change for the objects that do not fit the room. */
void advice_write(const struct sheet_form *sheet, const struct room *room,
		  const struct memlock *memlock);

#endif
