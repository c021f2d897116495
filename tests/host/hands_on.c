/* SPDX-License-Identifier: MIT */
/*
 * hands_on.c - starts programs while a span of the optional API is open.  Not a
 * victim: tests/e2e/test_context.py runs it.
 *
 *     hands_on exec|spawn|vfork|system PROGRAM [ARGS...]
 */
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/include/tagalong.h"

extern char **environ;

static pid_t start(const char *how, char **argv)
{
	pid_t child = -1;

	if (!strcmp(how, "spawn"))
		return posix_spawn(&child, argv[0], NULL, NULL, argv, environ) ? -1 : child;
	child = strcmp(how, "vfork") ? fork() : vfork();
	if (child == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	return child;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc < 3)
		return 2;
	tagalong_span_begin("hands on", NULL);
	if (!strcmp(argv[1], "system"))
		status = system(argv[2]);
	else
		waitpid(start(argv[1], argv + 2), &status, 0);
	tagalong_span_end();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}
