/* SPDX-License-Identifier: MIT */
/*
 * processes.c - the models with processes: children that accept, a child per connection, an
 * acceptor that passes descriptors on, connections that were accepted before the fork.
 */
#include "loop.h"
#include "server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 64
#define PASSED_TO 4
#define BATCH 8

int model_prefork(int listener)
{
	for (int i = 0; i < CHILDREN; i++) {
		if (fork() != 0)
			continue;
		for (;;) {
			int fd = accept(listener, NULL, NULL);

			if (fd >= 0)
				connection_serve(fd);
		}
	}
	for (;;)
		pause();
}

static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

int model_fork(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0 && fork() == 0) {
			close(listener);
			connection_serve(fd);
			exit(0);
		}
		if (fd >= 0)
			close(fd);
		reap();
	}
}

/* ---- SCM_RIGHTS ---- */

static void pass(int channel, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (sendmsg(channel, &message, 0) != 1)
		abort();
}

int model_pass_fd(int listener)
{
	static struct loop loop = {.backend = &backend_epoll};
	int channels[PASSED_TO];

	for (int i = 0; i < PASSED_TO; i++) {
		int ends[2];

		if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
			return 1;
		if (fork() == 0) {
			close(listener);
			close(ends[1]);
			loop_serve(&loop, ends[0], true);
			exit(0);
		}
		close(ends[0]);
		channels[i] = ends[1];
	}
	for (unsigned turn = 0;; turn++) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		pass(channels[turn % PASSED_TO], fd);
		close(fd);
	}
}

/* ---- accepted by the parent, served by a child that did not exist yet ---- */

int model_accept_then_fork(int listener)
{
	struct pollfd door = {.fd = listener, .events = POLLIN};

	fcntl(listener, F_SETFL, O_NONBLOCK);
	for (;;) {
		int fds[BATCH];
		unsigned count = 0;

		poll(&door, 1, -1);
		while (count < BATCH &&
		       (fds[count] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
			count++;
		if (count && fork() == 0) {
			static struct loop loop = {.backend = &backend_epoll};

			close(listener);
			loop_serve_these(&loop, fds, count);
			exit(0);
		}
		while (count)
			close(fds[--count]);
		reap();
	}
}
