/* SPDX-License-Identifier: ISC */
/*
 * jansson on the arena: a file of secrets in JSON is parsed, and neither its
 * text nor what was parsed is ever outside.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium_arena.h>

#include "hook.h"

#define TOKEN_SIZE 24

/* A file as an administrator would have written it; it has no name. */
static int write_file(const char *token)
{
	char *text = sa_malloc(256);
	FILE *file = tmpfile();
	int fd, length;

	HOOK_REQUIRE(text != NULL && file != NULL);
	fd = dup(fileno(file));
	fclose(file);
	length = snprintf(text, 256,
			  "{\"service\": {\"user\": \"backup\","
			  " \"token\": \"%s\", \"port\": 8443}}\n",
			  token);
	HOOK_REQUIRE(write(fd, text, (size_t)length) == length);
	HOOK_REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
	sa_free(text);
	return fd;
}

static int body(void)
{
	char *token = hook_secret_text(TOKEN_SIZE);
	int fd = write_file(token), port, is_inside;
	const char *parsed;
	json_error_t error; /* may quote the text: it is on this stack */
	size_t before;
	json_t *root;

	json_set_alloc_funcs(sa_malloc, sa_free);
	before = hook_heap_size();
	/* By the descriptor: a FILE would keep a copy in its buffer. */
	root = json_loadfd(fd, 0, &error);
	HOOK_REQUIRE(root != NULL && hook_heap_size() == before);
	close(fd);
	HOOK_REQUIRE(json_unpack(root, "{s:{s:s, s:i}}", "service", "token",
				 &parsed, "port", &port) == 0);
	HOOK_REQUIRE(strcmp(parsed, token) == 0 && port == 8443);
	is_inside =
		hook_is_only_in_arena("the token", token, 2 * TOKEN_SIZE, 2);
	json_decref(root);
	sa_free(token);
	return is_inside ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(void)
{
	return hook_main(body);
}
