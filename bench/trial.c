/* SPDX-License-Identifier: ISC */
/* The result comes back through a pipe, an errno through the exit status. */
#include <config.h>

#include "trial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* _exit(): whatever stdio holds is the parent's to write. */
_Noreturn void trial_give_up(void)
{
	_exit(errno != 0 ? errno : EIO);
}

static int child_wait(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int trial_run(void (*body)(const struct trial *trial, void *result),
	      const struct trial *trial, void *result, size_t size)
{
	int ends[2];
	int status;
	pid_t child;
	ssize_t received;

	if (fflush(NULL) != 0 || pipe(ends) != 0)
		return errno;
	child = fork();
	if (child == 0) {
		body(trial, result);
		if (write(ends[1], result, size) != (ssize_t)size)
			trial_give_up();
		_exit(EXIT_SUCCESS);
	}
	status = child < 0 ? errno : 0;
	close(ends[1]);
	received = read(ends[0], result, size);
	close(ends[0]);
	if (child > 0)
		status = child_wait(child);
	if (status == 0 && received != (ssize_t)size)
		status = EIO;
	return status;
}
