/* SPDX-License-Identifier: MIT */
/*
 * lib_early.c - a library whose constructor does I/O, forks, starts a thread and
 * installs a handler before main, and whose destructor does I/O after it; also
 * used as another preload in front of ours, whose constructor may run first.
 */
#include <pthread.h>

#include "victim.h"

static void on_signal(int number) { (void)number; say("early handler\n"); }
static void *body(void *argument) { say("early thread\n"); return argument; }

static void work(const char *when)
{
	char buffer[32];
	int client, server;
	pthread_t thread;
	pid_t child;

	tcp_pair(&client, &server);
	say("%s: fds %d %d\n", when, client, server);
	TRY(write(client, "GET /early HTTP/1.1\r\n\r\n", 23));
	TRY(read(server, buffer, 23));
	TRY(close(client));
	TRY(read(server, buffer, 1));
	TRY(close(server));
	TRY(close(server));
	child = fork();
	if (child == 0)
		_exit(3);
	reap(when, child);
	NEED(pthread_create(&thread, NULL, body, NULL) == 0 && pthread_join(thread, NULL) == 0);
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	TRY(signal(SIGUSR1, SIG_DFL) == on_signal);
}

__attribute__((constructor)) static void early(void) { work("constructor"); }
__attribute__((destructor)) static void late(void) { work("destructor"); }
