/* SPDX-License-Identifier: MIT */
/*
 * server.c - a small program with what differs between architectures and libcs: threads, a
 * vfork, signals, a jump out of a handler; and five requests over loopback.
 *
 * Says "served 5" and ends with status 3.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQUESTS 5

static sigjmp_buf back;
static volatile sig_atomic_t seen;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void on_signal(int number)
{
	seen = number;
}

static void jump(int number)
{
	(void)number;
	siglongjmp(back, 1);
}

static void *serve(void *argument)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
	int fd = (int)(long)argument;
	char request[4096];

	if (read(fd, request, sizeof(request)) > 0 && write(fd, answer, sizeof(answer) - 1) < 0)
		die("write");
	close(fd);
	return NULL;
}

static int ask(const struct sockaddr_in *address, int number)
{
	char request[64];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		die("connect");
	int bytes = snprintf(request, sizeof(request), "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", number);

	if (write(fd, request, (size_t)bytes) != bytes)
		die("write");
	return fd;
}

static void one(int listener, const struct sockaddr_in *address, int number)
{
	pthread_t thread;
	char answer[256];
	int client = ask(address, number), server = accept(listener, NULL, NULL);

	if (server < 0 || pthread_create(&thread, NULL, serve, (void *)(long)server))
		die("accept");
	pthread_join(thread, NULL);
	if (read(client, answer, sizeof(answer)) < 15)
		die("read");
	close(client);
}

static void processes_and_signals(void)
{
	int status = 0;
	pid_t child = vfork();

	if (child == 0)
		_exit(7);
	if (child < 0 || waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7)
		die("vfork");
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	signal(SIGUSR2, jump);
	if (sigsetjmp(back, 1) == 0)
		raise(SIGUSR2);
	if (seen != SIGUSR1)
		die("signal");
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t bytes = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(listener, (struct sockaddr *)&address, bytes) < 0 || listen(listener, 9) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &bytes) < 0)
		die("listen");
	for (int i = 0; i < REQUESTS; i++)
		one(listener, &address, i);
	processes_and_signals();
	printf("served %d\n", REQUESTS);
	return 3;
}
