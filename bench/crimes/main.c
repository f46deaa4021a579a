/* SPDX-License-Identifier: ISC */
/*
 * The same crimes on every allocator that configure has found, and what came
 * of them, as a table in Markdown.  Each is tried often (the argument says how
 * often): addresses and canaries differ from one process to the next.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "crimes/trial.h"

#define ROUNDS 20u
#define ROUNDS_MAX 10000u

static const struct peer *const peers[] = {
	&peer_arena,     &peer_sodium,
#ifdef HAVE_OPENSSL
	&peer_openssl,
#endif
#ifdef HAVE_LIBGCRYPT
	&peer_libgcrypt,
#endif
	&peer_plain,
};
#define PEERS (sizeof peers / sizeof peers[0])

static const char *const names[OUTCOMES] = {
	[OUTCOME_FAULT] = "fault at once",
	[OUTCOME_FOUND_AT_ONCE] = "found at once",
	[OUTCOME_FOUND_AT_FREE] = "found at free",
	[OUTCOME_FOUND_LATER] = "found later",
	[OUTCOME_NOT_FOUND] = "not found",
	[OUTCOME_UNDEFINED] = "undefined",
	[OUTCOME_IMPOSSIBLE] = "–",
};

static void print_heads(void)
{
	size_t i;

	printf("| crime |");
	for (i = 0; i < PEERS; i++)
		printf(" %s %s |", peers[i]->title, peers[i]->version());
	printf("\n|---|");
	for (i = 0; i < PEERS; i++)
		printf("---|");
	printf("\n");
}

/* All outcomes there were, with their numbers if there were several. */
static void print_cell(const struct peer *peer, const struct crime *crime,
		       unsigned rounds)
{
	unsigned counts[OUTCOMES] = {0};
	unsigned round, i;
	const char *before = " ";

	for (round = 0; round < rounds; round++)
		counts[trial_run(peer, crime)]++;
	for (i = 0; i < OUTCOMES; i++) {
		if (counts[i] == 0)
			continue;
		printf("%s%s", before, names[i]);
		if (counts[i] < rounds)
			printf(" (%u of %u)", counts[i], rounds);
		before = ", ";
	}
	printf(" |");
}

int main(int argc, char **argv)
{
	char *end = "";
	unsigned long rounds = argc > 1 ? strtoul(argv[1], &end, 10) : ROUNDS;
	size_t i, p;

	if (argc > 2 || *end != '\0' || rounds == 0 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: %s [ROUNDS]\n", argv[0]);
		return EXIT_FAILURE;
	}
	print_heads();
	for (i = 0; i < CRIMES; i++) {
		printf("| %s |", crimes[i].title);
		for (p = 0; p < PEERS; p++)
			print_cell(peers[p], &crimes[i], (unsigned)rounds);
		printf("\n");
	}
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_SUCCESS;
	perror("standard output");
	return EXIT_FAILURE;
}
