/* SPDX-License-Identifier: ISC */
/*
 * What a command found out: sections of figures, and advice.  Written as text
 * for people, or as one JSON object for programs.
 */
#ifndef TOOLS_SHEET_H
#define TOOLS_SHEET_H

#include <stdbool.h>
#include <stddef.h>

/* A number that has no bound; null in JSON. */
#define SHEET_UNLIMITED ((size_t)-1)

struct sheet_form {
	void (*section)(const char *key, const char *title);
	void (*text)(const char *key, const char *label, const char *value);
	void (*number)(const char *key, const char *label, size_t value);
	/* Text has it as bytes and in a handier unit. */
	void (*bytes)(const char *key, const char *label, size_t value);
	void (*real)(const char *key, const char *label, double value,
		     const char *unit);
	void (*flag)(const char *key, const char *label, bool value);
	/* A line to be put somewhere, exactly as it stands. */
	void (*advice)(const char *what, const char *where, const char *line);
	/* 0, or -1 with errno if it could not be written. */
	int (*end)(void);
};

extern const struct sheet_form sheet_text;
/* NULL if this was built without jansson. */
extern const struct sheet_form *const sheet_json;

#endif
