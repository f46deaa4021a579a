/* SPDX-License-Identifier: ISC */
/* Misuse reports: the handler and its context, the one line, abort(). */
#include <config.h>

#include "fatal.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "line.h"
#include "probe.h"

static pthread_mutex_t handler_mutex = PTHREAD_MUTEX_INITIALIZER;
static sa_arena_misuse_handler handler_function;
static void *handler_context;
/* Fixed before the first arena exists. */
static void (*fatal_witness)(const sa_arena_misuse *misuse);
/* This thread has had misuse to tell, and does not come back from that; unless
 * the handler jumped out, and then set one anew. */
static _Thread_local bool is_ending __attribute__((tls_model("initial-exec")));

void sa_fatal_lock(void)
{
	pthread_mutex_lock(&handler_mutex);
}

void sa_fatal_unlock(void)
{
	pthread_mutex_unlock(&handler_mutex);
}

void sa_fatal_set_handler(sa_arena_misuse_handler handler, void *context)
{
	is_ending = false;
	pthread_mutex_lock(&handler_mutex);
	handler_function = handler;
	handler_context = context;
	pthread_mutex_unlock(&handler_mutex);
}

void sa_fatal_set_witness(void (*witness)(const sa_arena_misuse *misuse))
{
	fatal_witness = witness;
}

const char *sa_arena_misuse_name(sa_arena_misuse_kind kind)
{
	switch (kind) {
	case SA_ARENA_MISUSE_OVERFLOW:
		return "overflow";
	case SA_ARENA_MISUSE_UNDERFLOW:
		return "underflow";
	case SA_ARENA_MISUSE_DOUBLE_FREE:
		return "double free";
	case SA_ARENA_MISUSE_INVALID_POINTER:
		return "invalid pointer";
	case SA_ARENA_MISUSE_WRITE_AFTER_FREE:
		return "write after free";
	}
	return "unknown";
}

static void write_report(const sa_arena_misuse *misuse)
{
	sa_line line;

	sa_line_clear(&line);
	sa_line_add(&line, "sodium-arena: ");
	sa_line_add(&line, sa_arena_misuse_name(misuse->kind));
	sa_line_add(&line, ": arena \"");
	sa_line_add_escaped(&line, misuse->arena);
	sa_line_add(&line, "\": object ");
	sa_line_add_pointer(&line, misuse->object);
	sa_line_add(&line, " of ");
	sa_line_add_unsigned(&line, misuse->size);
	sa_line_add(&line, " bytes, first wrong byte at offset ");
	sa_line_add_signed(&line, misuse->offset);
	sa_line_add(&line, "\n");
	/* The process ends in a moment: there is no one to tell of an error. */
	(void)sa_line_write(&line, STDERR_FILENO);
}

/* A handler that meets misuse itself is not called again, or it would be for
 * as long as there is a stack. */
static sa_arena_misuse_handler take_handler(void **context)
{
	sa_arena_misuse_handler handler;

	pthread_mutex_lock(&handler_mutex);
	handler = is_ending ? NULL : handler_function;
	*context = handler_context;
	pthread_mutex_unlock(&handler_mutex);
	is_ending = true;
	return handler;
}

/*
 * write() is where a thread can be cancelled, and the process would go on
 * without it; and where SIGPIPE or SIGXFSZ comes if nobody reads or the file is
 * full, and would be its end instead of SIGABRT.  Neither is undone: what
 * follows is abort().
 */
static void begin_end(void)
{
	const sigset_t set = sa_line_signal_set();
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void sa_fatal_misuse(const sa_arena_misuse *misuse)
{
	sa_arena_misuse_handler handler;
	void *context;

	begin_end();
	SA_PROBE5(misuse, misuse->arena, misuse->kind, misuse->object,
		  misuse->size, misuse->offset);
	handler = take_handler(&context);
	if (handler == NULL)
		write_report(misuse);
	if (fatal_witness != NULL)
		fatal_witness(misuse);
	if (handler != NULL)
		handler(misuse, context);
	abort();
}

void sa_fatal_impossible(const char *what)
{
	sa_line line;

	begin_end();
	sa_line_clear(&line);
	sa_line_add(&line, "sodium-arena: internal error: ");
	sa_line_add(&line, what);
	sa_line_add(&line, "\n");
	(void)sa_line_write(&line, STDERR_FILENO);
	abort();
}
