/* SPDX-License-Identifier: MIT */
#include "child.h"
#include "test.h"

#include <sys/wait.h>
#include <unistd.h>

enum {
	SECONDS = 60,
};

pid_t qt_child_begin(int (*fn)(void *context), void *context)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		alarm(SECONDS);
		_exit(fn(context));
	}
	return child;
}

static void check_status(int status)
{
	if (WIFSIGNALED(status))
		fail_msg("the child was ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		fail_msg("the child's step %d failed", WEXITSTATUS(status));
}

void qt_child_end(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	check_status(status);
}

bool qt_child_ended(pid_t child)
{
	int status;
	pid_t ended = waitpid(child, &status, WNOHANG);

	assert_true(ended >= 0);
	if (ended == child)
		check_status(status);
	return ended == child;
}

void qt_in_child(int (*fn)(void *context), void *context)
{
	qt_child_end(qt_child_begin(fn, context));
}
