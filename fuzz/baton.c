/* SPDX-License-Identifier: ISC */
/* A semaphore a thread to begin its turn, and one to end it. */
#include <config.h>

#include "baton.h"

#include <pthread.h>
#include <semaphore.h>

#include "require.h"

static struct {
	sem_t begin, end;
	void (*turn)(void);
} runners[BATON_THREADS];

static void wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) != 0)
		continue;
}

static void *run(void *context)
{
	unsigned thread = *(unsigned *)context;

	for (;;) {
		wait_for(&runners[thread].begin);
		runners[thread].turn();
		sem_post(&runners[thread].end);
	}
	return NULL;
}

void baton_start(void)
{
	static unsigned numbers[BATON_THREADS];
	static int is_started;
	pthread_t id;

	if (is_started)
		return;
	is_started = 1;
	for (unsigned i = 1; i < BATON_THREADS; i++) {
		numbers[i] = i;
		FUZZ_REQUIRE(sem_init(&runners[i].begin, 0, 0) == 0);
		FUZZ_REQUIRE(sem_init(&runners[i].end, 0, 0) == 0);
		FUZZ_REQUIRE(pthread_create(&id, NULL, run, &numbers[i]) == 0);
		FUZZ_REQUIRE(pthread_detach(id) == 0);
	}
}

void baton_pass(unsigned thread, void (*turn)(void))
{
	if (thread == 0) {
		turn();
		return;
	}
	runners[thread].turn = turn;
	sem_post(&runners[thread].begin);
	wait_for(&runners[thread].end);
}
