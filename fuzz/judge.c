/* SPDX-License-Identifier: ISC */
/* A misuse handler that leaves by longjmp(). */
#include <config.h>

#include "judge.h"

#include <setjmp.h>

#include "require.h"

static jmp_buf scene;
static int is_expected;
static sa_arena_misuse report;

static void handle(const sa_arena_misuse *misuse, void *context)
{
	(void)context;
	if (!is_expected) {
		fprintf(stderr, "%s: object %p of %zu bytes, offset %td\n",
			sa_arena_misuse_name(misuse->kind), misuse->object,
			misuse->size, misuse->offset);
		abort();
	}
	is_expected = 0;
	report = *misuse;
	longjmp(scene, 1);
}

void judge_start(void)
{
	sa_arena_set_misuse_handler(handle, NULL);
}

sa_arena_misuse judge(void (*crime)(void *context), void *context)
{
	is_expected = 1;
	/* It has left by longjmp(). */
	judge_start();
	if (setjmp(scene) == 0) {
		crime(context);
		fuzz_give_up(__FILE__, __LINE__, "the misuse is reported");
	}
	return report;
}
