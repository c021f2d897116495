/* SPDX-License-Identifier: MIT */
/*
 * victim.c - the program that faults are injected into: small, or a little of everything that
 * the library makes system calls for.  Says the same every time.
 *
 *   victim small | server | crash | children | api
 */
#include <pthread.h>
#include <spawn.h>

#include "runtime/include/tagalong.h"
#include "tests/host/victim.h"

extern char **environ;

static void exchange(int client, int server, int number)
{
	char buffer[128], text[128];
	int bytes = snprintf(text, sizeof(text), "GET /item/%d HTTP/1.1\r\nHost: x\r\n\r\n", number);

	write_full(client, text, (size_t)bytes);
	NEED(read_full(server, buffer, (size_t)bytes) == (size_t)bytes);
	NEED(memcmp(buffer, text, (size_t)bytes) == 0);
	write_full(server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 40);
	NEED(read_full(client, buffer, 40) == 40);
}

static void *serve(void *argument)
{
	int client, server;

	tcp_pair(&client, &server);
	for (int i = 0; i < 5; i++)
		exchange(client, server, i);
	close(server);
	close(client);
	return argument;
}

static void on_signal(int number)
{
	(void)number;
}

static void threads(void)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		NEED(pthread_create(&threads[i], NULL, serve, NULL) == 0);
	for (int i = 0; i < 4; i++)
		NEED(pthread_join(threads[i], NULL) == 0);
	say("threads are done\n");
}

static void signals(void)
{
	NEED(signal(SIGUSR1, on_signal) == SIG_DFL);
	for (int i = 0; i < 5; i++)
		NEED(raise(SIGUSR1) == 0);
	say("signals are done\n");
}

static void children(void)
{
	char *argv[] = {"sh", "-c", "echo spawned; exit 5", NULL};
	pid_t child = fork();

	if (child == 0) {
		serve(NULL);
		say("in the child\n");
		_exit(7);
	}
	reap("fork", child);
	child = vfork();
	if (child == 0) {
		execl("/bin/sh", "sh", "-c", "echo out; exit 4", (char *)NULL);
		_exit(127);
	}
	reap("vfork", child);
	NEED(posix_spawn(&child, "/bin/sh", NULL, NULL, argv, environ) == 0);
	reap("spawn", child);
	say_status("system", system("exit 6"));
	say_no_children("at the end");
}

static void server(void)
{
	int client, accepted;

	tcp_pair(&client, &accepted);
	for (int i = 0; i < 20; i++)
		exchange(client, accepted, i);
	say("exchanged through %d and %d\n", client, accepted);
	threads();
	signals();
	children();
	say("threads %d\n", settled_thread_count(1));
	say_fds("at the end");
}

static void by_api(void)
{
	for (int i = 0; i < 50; i++) {
		tagalong_span_begin("work", NULL);
		tagalong_set_tag("number", "one");
		tagalong_add_breadcrumb("test", "here");
		tagalong_span_end();
	}
	tagalong_capture_message(TAGALONG_LEVEL_WARNING, "said");
	tagalong_capture_error("Type", "said");
	tagalong_flush(200);
	say("api is done\n");
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "small";

	if (!strcmp(how, "small"))
		serve(NULL);
	if (!strcmp(how, "server"))
		server();
	if (!strcmp(how, "children"))
		children();
	if (!strcmp(how, "api"))
		by_api();
	if (!strcmp(how, "crash")) {
		serve(NULL);
		say("crashes\n");
		*(volatile int *)8 = 1;
	}
	say("done\n");
	return 3;
}
