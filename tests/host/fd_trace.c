/* SPDX-License-Identifier: MIT */
/*
 * fd_trace.c - the number of every fd over a long random trace of whatever
 * makes, copies and closes fds; the next free one is always the same.
 *
 * Victim: runs=2
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "victim.h"

static uint32_t state = 42;
static int listener;
static struct sockaddr_in address;

static int draw(int below)
{
	state = state * 1664525u + 1013904223u;
	return (int)((state >> 8) % (uint32_t)below);
}

/* Any fd but the standard ones and the listener. */
static int some_fd(void)
{
	int fd = 3 + draw(60);

	return fd == listener ? 3 : fd;
}

/* A user has few inotify instances, and others may have them all: any other fd has its number. */
static int inotify_or_other(void)
{
	int fd = inotify_init1(0);

	return fd < 0 && errno == EMFILE ? open("/dev/null", O_RDONLY) : fd;
}

static void two(const char *what, int result, const int fds[2])
{
	if (result == 0)
		say("%s: %d %d\n", what, fds[0], fds[1]);
	else
		say("%s: %d\n", what, result);
}

static void step(void)
{
	int fds[2] = {-1, -1};
	sigset_t none;

	sigemptyset(&none);
	switch (draw(28)) {
	case 0: say("open %d\n", open("/dev/null", O_RDONLY)); break;
	case 1: say("openat %d\n", openat(AT_FDCWD, "/etc/passwd", O_RDONLY | O_CLOEXEC)); break;
	case 2: say("open64 %d\n", open64("/dev/zero", O_RDWR)); break;
	case 3: say("creat %d\n", creat("/dev/null", 0600)); break;
	case 4: say("dup %d\n", dup(some_fd())); break;
	case 5: say("dup2 %d\n", dup2(some_fd(), some_fd())); break;
	case 6: say("dup3 %d\n", dup3(some_fd(), some_fd(), O_CLOEXEC)); break;
	case 7: two("pipe", pipe(fds), fds); break;
	case 8: two("pipe2", pipe2(fds, O_CLOEXEC), fds); break;
	case 9: say("socket %d\n", socket(AF_INET, SOCK_STREAM, 0)); break;
	case 10: two("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, fds), fds); break;
	case 11: say("F_DUPFD %d\n", fcntl(some_fd(), F_DUPFD, 10 + draw(30))); break;
	case 12: say("F_DUPFD_CLOEXEC %d\n", fcntl(some_fd(), F_DUPFD_CLOEXEC, draw(30))); break;
	case 13: say("epoll_create1 %d\n", epoll_create1(0)); break;
	case 14: say("eventfd %d\n", eventfd(0, 0)); break;
	case 15: say("timerfd %d\n", timerfd_create(CLOCK_MONOTONIC, 0)); break;
	case 16: say("signalfd %d\n", signalfd(-1, &none, 0)); break;
	case 17: say("memfd %d\n", memfd_create("x", 0)); break;
	case 18: say("inotify %d\n", inotify_or_other()); break;
	case 19: say("syscall dup %ld\n", syscall(SYS_dup, 0)); break;
	case 20: {
		int client = socket(AF_INET, SOCK_STREAM, 0);
		int server;

		if (client >= 0 && connect(client, (struct sockaddr *)&address, sizeof(address)))
			client = -1;
		server = client < 0 ? -1 : draw(2) ? accept(listener, NULL, NULL)
						   : accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		say("connect %d, accept %d\n", client, server);
		break;
	}
	case 21: say("close_range %d\n", draw(8) ? -2 : close_range(20, 40, 0)); break;
	case 22: say("syscall close %ld\n", syscall(SYS_close, some_fd())); break;
	case 23: {
		FILE *stream = fopen("/etc/passwd", "r");

		say("fopen %d\n", stream ? fileno(stream) : -1);
		if (stream && draw(2))
			fclose(stream);
		break;
	}
	default: say("close %d\n", close(some_fd())); break;
	}
}

int main(void)
{
	say_fds("at the start");
	say_proc_fds("at the start");
	listener = tcp_listener(&address);
	say("listener %d\n", listener);
	for (int i = 0; i < 4000; i++) {
		step();
		if (i % 500 == 0)
			say_fds("now");
	}
	say_fds("at the end");
	say_proc_fds("at the end");
	close(listener);
	for (int i = 0; i < 2000; i++) { /* number reuse, as fast as it gets */
		int client, server;

		tcp_pair(&client, &server);
		if (i % 500 == 0)
			say("pair %d %d\n", client, server);
		write_full(client, "x", 1);
		NEED(read_full(server, &(char){0}, 1) == 1);
		close(i & 1 ? client : server);
		close(i & 1 ? server : client);
	}
	return 0;
}
