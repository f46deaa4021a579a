/* SPDX-License-Identifier: ISC */
/* A guided run: one key, and two children that do what must not be done. */
#include <config.h>

#include <signal.h>
#include <sodium.h>
#include <sodium_arena.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"

#define KEY_SIZE 32

static void say(const char *text)
{
	printf("\n%s\n", text);
	/* Before what a child writes to standard error. */
	fflush(stdout);
}

/* No core dump and no handler of anyone's for the deaths to come. */
static void read_closed(sa_arena *arena, volatile unsigned char *key)
{
	(void)arena;
	(void)key[0];
}

static void overflow(sa_arena *arena, volatile unsigned char *key)
{
	if (sa_arena_open(arena, SA_ARENA_READWRITE) != 0)
		return;
	key[KEY_SIZE] ^= 1;
	sa_arena_free(arena, (void *)(uintptr_t)key);
}

/* Run it in a child; true if `signal` ended that. */
static int ends_child(void (*body)(sa_arena *, volatile unsigned char *),
		      sa_arena *arena, unsigned char *key, int signal)
{
	const struct rlimit none = {0, 0};
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (setrlimit(RLIMIT_CORE, &none) == 0)
			body(arena, key);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 0;
	if (WIFSIGNALED(status))
		printf("  the child ended by signal %d (%s)\n",
		       WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		printf("  the child ended with status %d\n",
		       WEXITSTATUS(status));
	return WIFSIGNALED(status) && WTERMSIG(status) == signal;
}

/* NULL with errno, and the arena in *arena either way. */
static unsigned char *store_key(sa_arena **arena)
{
	sa_arena_options options = SA_ARENA_OPTIONS_INIT;
	unsigned char source[KEY_SIZE], *key;

	options.name = "demo";
	*arena = sa_arena_create(&options);
	if (*arena == NULL)
		return NULL;
	randombytes_buf(source, sizeof source);
	key = sa_arena_take(*arena, source, sizeof source);
	if (key == NULL)
		sodium_memzero(source, sizeof source);
	else
		printf("  stored %zu bytes at %p; the source is %s\n",
		       sa_arena_size(*arena, key), (void *)key,
		       sodium_is_zero(source, sizeof source) ? "wiped"
							     : "NOT wiped");
	return key;
}

static int use_key(sa_arena *arena, const unsigned char *key)
{
	unsigned char mac[crypto_auth_BYTES];
	char hex[2 * sizeof mac + 1];

	if (sa_arena_open(arena, SA_ARENA_READONLY) != 0)
		return -1;
	crypto_auth(mac, (const unsigned char *)"message", 7, key);
	if (sa_arena_close(arena, SA_ARENA_READONLY) != 0)
		return -1;
	printf("  a MAC of \"message\": %.16s...\n",
	       sodium_bin2hex(hex, sizeof hex, mac, sizeof mac));
	return 0;
}

static int tour(sa_arena *arena, unsigned char *key)
{
	say("2. Closed: sa_arena_protect(arena, SA_ARENA_NOACCESS).  A child "
	    "that reads it:");
	if (sa_arena_protect(arena, SA_ARENA_NOACCESS) != 0 ||
	    !ends_child(read_closed, arena, key, SIGSEGV))
		return -1;
	say("3. Opened for one use, and closed again:");
	if (use_key(arena, key) != 0)
		return -1;
	say("4. A child writes one byte past the key's end and frees it:");
	if (!ends_child(overflow, arena, key, SIGABRT))
		return -1;
	say("5. Here all is well: sa_arena_check(), then the statistics:");
	return sa_arena_check(arena);
}

/* 0, or -1 with errno if not all of the demonstration could be written. */
static int finish(sa_arena *arena)
{
	if (fflush(stdout) != 0 ||
	    sa_arena_stats_print(arena, STDOUT_FILENO) != 0)
		return -1;
	say("6. sa_arena_destroy() wipes what is left.");
	return fflush(stdout) == 0 && ferror(stdout) == 0 ? 0 : -1;
}

int demo_run(const struct command_options *options)
{
	sa_arena *arena;
	unsigned char *key;
	int result = -1;

	(void)options;
	say("1. A key is taken into an arena: sa_arena_take():");
	key = store_key(&arena);
	if (key != NULL)
		result = tour(arena, key);
	if (result != 0) {
		fprintf(stderr, PROGRAM ": the demonstration failed; see "
					"\"" PROGRAM " doctor --count=1\"\n");
	} else if (finish(arena) != 0) {
		perror(PROGRAM ": standard output");
		result = -1;
	}
	sa_arena_destroy(arena);
	return result == 0 ? STATUS_OK : STATUS_BAD;
}
