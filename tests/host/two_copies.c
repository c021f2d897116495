/* SPDX-License-Identifier: MIT */
/*
 * two_copies.c - the library is preloaded twice, from two files, as happens with
 * /etc/ld.so.preload and an environment variable.
 *
 * Victim: copies runs=3
 */
#include <pthread.h>

#include "victim.h"

static volatile sig_atomic_t count;

static void on_signal(int number) { (void)number; count++; }

static void *body(void *argument)
{
	char buffer[32];
	int client, server;

	tcp_pair(&client, &server);
	for (int i = 0; i < 100; i++) {
		write_full(client, "GET /x HTTP/1.1\r\n\r\n", 19);
		NEED(read_full(server, buffer, 19) == 19);
		raise(SIGUSR1);
	}
	TRY(close(server));
	TRY(read(client, buffer, 1));
	TRY(close(client));
	return argument;
}

int main(void)
{
	pthread_t thread;
	void *result = NULL;
	pid_t child;

	TRY(signal(SIGUSR1, on_signal) == SIG_DFL);
	body(NULL);
	NEED(pthread_create(&thread, NULL, body, &result) == 0 && pthread_join(thread, &result) == 0);
	say("result %d, signals %d\n", result == &result, (int)count);
	child = fork();
	if (child == 0) {
		body(NULL);
		execl("/bin/sh", "sh", "-c", "exit 4", NULL);
	}
	reap("child", child);
	TRY(signal(SIGUSR1, SIG_DFL) == on_signal);
	say_fds("at the end");
	say_no_children("at the end");
	return 0;
}
