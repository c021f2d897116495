/* SPDX-License-Identifier: MIT */
/*
 * witness.c - writes down which program started which: the truth that spans are compared with.
 *
 * Preloaded beside the library.  A line for each image (pid, parent's pid, file name) and for
 * each fork, in the order in which they happened, appended to $WITNESS by single writes.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[512];
static pid_t forker;

static void note(const char *what, pid_t parent, const char *name)
{
	char line[768];
	int bytes = snprintf(line, sizeof(line), "%s %d %d %s\n", what, (int)getpid(), (int)parent, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	if (write(fd, line, (size_t)bytes) != bytes)
		_exit(125);
	close(fd);
}

static void before_fork(void)
{
	forker = getpid();
}

static void in_child(void)
{
	note("fork", forker, "-");
}

__attribute__((constructor)) static void start(void)
{
	char name[256];
	const char *file = getenv("WITNESS");
	ssize_t bytes = readlink("/proc/self/exe", name, sizeof(name) - 1);

	if (!file || bytes < 0)
		return;
	name[bytes] = '\0';
	snprintf(path, sizeof(path), "%s", file);
	note("image", getppid(), strrchr(name, '/') + 1);
	pthread_atfork(before_fork, NULL, in_child);
}
