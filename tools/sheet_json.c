/* SPDX-License-Identifier: ISC */
/* A sheet as one JSON object on standard output: an object a section, and an
 * array of advice.  jansson refuses text that is no UTF-8: then it is null. */
#include <config.h>

#include "sheet.h"

#ifdef HAVE_JANSSON

#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/* Only what the program asks for once; so one sheet at a time will do. */
static json_t *root;
static json_t *current;
static bool has_failed;

static void set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0)
		has_failed = true;
}

static void write_section(const char *key, const char *title)
{
	(void)title;
	if (root == NULL)
		root = json_object();
	current = json_object();
	set(root, key, current);
}

static json_t *string_or_null(const char *value)
{
	json_t *string = json_string(value);

	return string == NULL ? json_null() : string;
}

static void write_text(const char *key, const char *label, const char *value)
{
	(void)label;
	set(current, key, string_or_null(value));
}

static void write_number(const char *key, const char *label, size_t value)
{
	(void)label;
	/* Beyond what JSON's integers hold here there is no limit either. */
	set(current, key,
	    value > INT64_MAX ? json_null() : json_integer((json_int_t)value));
}

static void write_real(const char *key, const char *label, double value,
		       const char *unit)
{
	(void)label;
	(void)unit;
	set(current, key, json_real(value));
}

static void write_flag(const char *key, const char *label, bool value)
{
	(void)label;
	set(current, key, json_boolean(value));
}

static void write_advice(const char *what, const char *where, const char *line)
{
	json_t *list = json_object_get(root, "advice");

	if (list == NULL) {
		list = json_array();
		set(root, "advice", list);
	}
	if (json_array_append_new(list,
				  json_pack("{s:s, s:s, s:s}", "limit", what,
					    "where", where, "line", line)) != 0)
		has_failed = true;
}

static int end(void)
{
	int result = has_failed ? -1 : json_dumpf(root, stdout, JSON_COMPACT);

	json_decref(root);
	if (result != 0)
		errno = ENOMEM;
	else if (putchar('\n') == EOF || fflush(stdout) != 0)
		result = -1;
	return result;
}

static const struct sheet_form form = {
	write_section, write_text, write_number, write_number,
	write_real,    write_flag, write_advice, end,
};

const struct sheet_form *const sheet_json = &form;

#else

const struct sheet_form *const sheet_json = NULL;

#endif
