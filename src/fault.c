/* SPDX-License-Identifier: ISC */
/*
 * A handler of SIGSEGV that says in one line which arena's memory was touched,
 * and hands the signal on.  It takes locks only where they are free, and calls
 * nothing but write(2), what keeps that from ending the thread or the process,
 * sigaction(2) and what ends the process.
 */
#include <config.h>

#include "fault.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fatal.h"
#include "line.h"
#include "os.h"
#include "registry.h"

/* Under the lock of handlers, which fork() holds, too. */
static bool is_installed;
/* What the signal meant before; fixed once the handler is there. */
static struct sigaction previous;
/* And it was to mean it once. */
static atomic_flag previous_is_spent = ATOMIC_FLAG_INIT;

/* On no stack: an alternate one may have little room.  Whoever visits arenas
 * has the line. */
static sa_line line;

/* --------------------------------------------------------------- report */

static void add_access(const sa_region *region)
{
	if (sa_region_is_excluded(region)) {
		sa_line_add(&line, "memory that was excluded from this child");
		return;
	}
	sa_line_add(&line, "memory that is ");
	switch (region->access) {
	case SA_ARENA_NOACCESS:
		sa_line_add(&line, "NOACCESS");
		break;
	case SA_ARENA_READONLY:
		sa_line_add(&line, "READONLY");
		break;
	case SA_ARENA_READWRITE:
		sa_line_add(&line, "READWRITE");
		break;
	}
	sa_line_add(&line, " now");
}

/* Does the address lie in the region or its guards?  Then say where. */
static bool add_place(const sa_region *region, uintptr_t address)
{
	uintptr_t start = (uintptr_t)region->start;
	uintptr_t end = start + region->size;

	if (address >= start && address < end)
		add_access(region);
	else if (address >= end && address - end < sa_os_page_size)
		sa_line_add(&line, "the guard page behind a region");
	else if (address < start && start - address <= sa_os_page_size)
		sa_line_add(&line, "the guard page before a region");
	else
		return false;
	return true;
}

static bool add_place_in_arena(const sa_arena *arena, uintptr_t address)
{
	for (const sa_tract *t = arena->tracts; t != NULL; t = t->next)
		if (add_place(&t->region, address))
			return true;
	for (const sa_large *l = arena->larges; l != NULL; l = l->next)
		if (add_place(&l->region, address))
			return true;
	return false;
}

static bool report_arena(sa_arena *arena, void *address)
{
	sa_line_clear(&line);
	sa_line_add(&line, "sodium-arena: fault: arena \"");
	sa_line_add_escaped(&line, arena->name);
	sa_line_add(&line, "\": address ");
	sa_line_add_pointer(&line, address);
	sa_line_add(&line, " lies in ");
	if (!add_place_in_arena(arena, (uintptr_t)address))
		return false;
	sa_line_add(&line, "\n");
	(void)sa_line_write(&line, STDERR_FILENO);
	return true;
}

/* ---------------------------------------------------------- undisturbed */

/* What is held off while the line is written. */
typedef struct peace {
	sigset_t mask;    /* of the thread, before */
	sigset_t pending; /* likewise */
	int cancel_state;
} peace;

static sigset_t pending_signals(void)
{
	sigset_t pending;

	sigemptyset(&pending);
	(void)sigpending(&pending);
	return pending;
}

/* A thread that was cancelled by the write() would leave mutexes locked; one
 * that nobody reads, or has no room, would end the process by its signal, and
 * whoever handles SIGSEGV would never know. */
static void make_peace(peace *p)
{
	const sigset_t set = sa_line_signal_set();

	p->cancel_state = sa_os_disable_cancel();
	p->pending = pending_signals();
	pthread_sigmask(SIG_BLOCK, &set, &p->mask);
}

static void take_signal(int number)
{
	const struct timespec at_once = {0, 0};
	sigset_t alone;

	sigemptyset(&alone);
	sigaddset(&alone, number);
	(void)sigtimedwait(&alone, NULL, &at_once);
}

/* The signal that the write() has caused goes with it. */
static void end_peace(const peace *p)
{
	const sigset_t pending = pending_signals();

	for (int i = 0; i < SA_LINE_SIGNALS; i++)
		if (sigismember(&pending, sa_line_signals[i]) == 1 &&
		    sigismember(&p->pending, sa_line_signals[i]) == 0)
			take_signal(sa_line_signals[i]);
	pthread_sigmask(SIG_SETMASK, &p->mask, NULL);
	sa_os_restore_cancel(p->cancel_state);
}

/* --------------------------------------------------------------- signal */

static bool is_of_memory(const siginfo_t *info)
{
	return info->si_code == SEGV_MAPERR || info->si_code == SEGV_ACCERR;
}

static bool is_function(const struct sigaction *action)
{
	return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

/* The default action, once the handler returns: the same access faults again,
 * or the signal that someone sent is sent again. */
static void do_default(const siginfo_t *info)
{
	struct sigaction action = previous;

	action.sa_handler = SIG_DFL;
	/* A filter may refuse by now what it did not: not to fault for ever. */
	if (sigaction(SIGSEGV, &action, NULL) != 0)
		abort();
	if (info->si_code <= 0)
		(void)raise(SIGSEGV);
}

/* What the signal means now: a handler that is to be reset when it is called,
 * the kernel would have called once. */
static struct sigaction take_action(void)
{
	struct sigaction action = previous;

	if (is_function(&action) && (action.sa_flags & (int)SA_RESETHAND) &&
	    atomic_flag_test_and_set(&previous_is_spent))
		action.sa_handler = SIG_DFL;
	return action;
}

/* SIG_DFL and SIG_IGN are no functions, whatever the flags say. */
static void hand_on(int number, siginfo_t *info, void *context)
{
	const struct sigaction action = take_action();

	if (action.sa_handler == SIG_IGN && info->si_code <= 0)
		return;
	if (!is_function(&action))
		do_default(info);
	else if ((action.sa_flags & SA_SIGINFO) != 0)
		action.sa_sigaction(number, info, context);
	else
		action.sa_handler(number);
}

static void report(void *address)
{
	peace held;

	make_peace(&held);
	sa_registry_try_visit(report_arena, address);
	end_peace(&held);
}

static void handle(int number, siginfo_t *info, void *context)
{
	int kept = errno;

	if (is_of_memory(info))
		report(info->si_addr);
	errno = kept;
	hand_on(number, info, context);
}

/* -------------------------------------------------------------- install */

static int install(void)
{
	struct sigaction action;

	if (sigaction(SIGSEGV, NULL, &previous) != 0)
		return -1;
	memset(&action, 0, sizeof action);
	action.sa_sigaction = handle;
	action.sa_mask = previous.sa_mask;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK |
			  (previous.sa_flags & (SA_NODEFER | SA_RESTART));
	if (sigaction(SIGSEGV, &action, NULL) != 0)
		return -1;
	is_installed = true;
	return 0;
}

/* Another's handler may call ours: installed behind it, they would call each
 * other forever. */
static int be_in_place(void)
{
	struct sigaction now;

	if (sigaction(SIGSEGV, NULL, &now) != 0)
		return -1;
	if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == handle)
		return 0;
	errno = EBUSY;
	return -1;
}

int sa_fault_install(void)
{
	int result;

	sa_os_start();
	sa_fatal_lock();
	result = is_installed ? be_in_place() : install();
	sa_fatal_unlock();
	return result;
}
