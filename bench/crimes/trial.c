/* SPDX-License-Identifier: ISC */
/* Children that commit crimes, go on as programs do, and say how far. */
#include <config.h>

#include "crimes/trial.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Objects made after the crime; a child that hangs has this long. */
#define LATER 400
#define HANGS_AFTER 10

typedef enum { PREPARING, AT_DEED, AT_FREE, AFTERWARDS, ENDED } phase;

/* Shared with the child. */
typedef struct record {
	volatile phase phase;
	volatile sig_atomic_t is_fault; /* of the processor's */
	volatile int
		is_broken; /* two objects in one place, or no more at all */
} record;

static record *notes;

static void give_up(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

/* Some raise SIGSEGV on purpose: what they have found out is no fault. */
static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	notes->is_fault = info->si_code > 0;
	_exit(EXIT_FAILURE);
}

static void watch_faults(void)
{
	static unsigned char stack[65536];
	const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
	struct sigaction action = {.sa_sigaction = on_fault,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK};

	sigaltstack(&other, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

static void *alloc(const struct peer *peer, size_t size)
{
	void *object = peer->alloc(size);

	if (object == NULL) {
		notes->is_broken = 1;
		_exit(EXIT_FAILURE);
	}
	memset(object, 0x41, size);
	return object;
}

static void set_scene(struct scene *scene, const struct crime *crime)
{
	size_t i;

	if (scene->peer->setup() != 0) {
		fprintf(stderr, "%s: cannot be set up\n", scene->peer->title);
		_exit(EXIT_FAILURE);
	}
	for (i = 0; i < CROWD; i++)
		scene->crowd[i] = alloc(scene->peer, SMALL);
	scene->size = crime->size;
	scene->victim = crime->size == SMALL ? scene->crowd[CROWD / 2]
					     : alloc(scene->peer, crime->size);
	if (crime->size == SMALL)
		scene->crowd[CROWD / 2] = NULL;
}

static void free_all(const struct scene *scene)
{
	size_t i;

	if (scene->victim != NULL)
		scene->peer->free(scene->victim);
	for (i = 0; i < CROWD; i++)
		if (scene->crowd[i] != NULL)
			scene->peer->free(scene->crowd[i]);
}

static int by_address(const void *left, const void *right)
{
	unsigned char *const *a = left, *const *b = right;

	return (*a > *b) - (*a < *b);
}

/* Do two objects that are alive share memory? */
static int overlap(unsigned char **objects, size_t count)
{
	size_t i;

	qsort(objects, count, sizeof *objects, by_address);
	for (i = 1; i < count; i++)
		if (objects[i] - objects[i - 1] < SMALL)
			return 1;
	return 0;
}

/* A program that goes on: new objects beside those that are there. */
static void make_more(const struct scene *scene, unsigned char **more)
{
	unsigned char *alive[LATER + CROWD];
	size_t i, count = 0;

	for (i = 0; i < LATER; i++)
		more[i] = alive[count++] = alloc(scene->peer, SMALL);
	for (i = 0; i < CROWD; i++)
		if (scene->crowd[i] != NULL)
			alive[count++] = scene->crowd[i];
	if (scene->victim != NULL && scene->size == SMALL)
		alive[count++] = scene->victim;
	notes->is_broken = overlap(alive, count);
}

/* What damaged an object is mostly found when that is freed; what damaged a
 * free one, when its place is used again. */
static void go_on(const struct scene *scene)
{
	unsigned char *more[LATER];
	size_t i;

	notes->phase = AFTERWARDS;
	make_more(scene, more);
	notes->phase = AT_FREE;
	free_all(scene);
	notes->phase = AFTERWARDS;
	for (i = 0; i < LATER; i++)
		scene->peer->free(more[i]);
	if (scene->peer->teardown != NULL)
		scene->peer->teardown();
}

static _Noreturn void act(const struct peer *peer, const struct crime *crime)
{
	const struct rlimit none = {0, 0};
	struct scene scene = {.peer = peer};
	int null = open("/dev/null", O_WRONLY);

	set_scene(&scene, crime);
	setrlimit(RLIMIT_CORE, &none);
	alarm(HANGS_AFTER);
	watch_faults();
	dup2(null, STDERR_FILENO);
	if (crime->prepare != NULL)
		crime->prepare(&scene);
	notes->phase = AT_DEED;
	crime->commit(&scene);
	go_on(&scene);
	notes->phase = ENDED;
	_exit(EXIT_SUCCESS);
}

static outcome judge(int status)
{
	int is_crash = notes->is_fault || notes->is_broken ||
		       (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);

	switch (notes->phase) {
	case AT_DEED:
		return notes->is_fault ? OUTCOME_FAULT : OUTCOME_FOUND_AT_ONCE;
	case AT_FREE:
		return is_crash ? OUTCOME_UNDEFINED : OUTCOME_FOUND_AT_FREE;
	case AFTERWARDS:
		return is_crash ? OUTCOME_UNDEFINED : OUTCOME_FOUND_LATER;
	case ENDED:
		return is_crash ? OUTCOME_UNDEFINED : OUTCOME_NOT_FOUND;
	default:
		fprintf(stderr, "a child could not commit its crime\n");
		exit(EXIT_FAILURE);
	}
}

outcome trial_run(const struct peer *peer, const struct crime *crime)
{
	int status;
	pid_t pid;

	if (crime->needs_rest && peer->rest == NULL)
		return OUTCOME_IMPOSSIBLE;
	if (notes == NULL)
		notes = mmap(NULL, sizeof *notes, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (notes == MAP_FAILED)
		give_up("mmap");
	memset(notes, 0, sizeof *notes);
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		give_up("fork");
	if (pid == 0)
		act(peer, crime);
	if (waitpid(pid, &status, 0) != pid)
		give_up("waitpid");
	return judge(status);
}
