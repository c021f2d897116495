/* SPDX-License-Identifier: MIT */
/*
 * heap.c - a program that allocates in many ways and says what worked; failing_heap.c is
 * preloaded and lets some of it fail.
 */
#include <netdb.h>
#include <pthread.h>

#include "tests/host/victim.h"

static void on_signal(int number)
{
	(void)number;
}

/* Every call that allocates may fail; what it said is part of the output. */
static void *allocate(void *argument)
{
	int worked = 0;

	for (size_t size = 1; size < 1u << 20; size *= 2) {
		void *memory = malloc(size);

		worked += memory != NULL;
		free(memory);
	}
	*(int *)argument = worked;
	return argument;
}

static void sockets(void)
{
	int client, server;
	char buffer[20];

	tcp_pair(&client, &server);
	write_full(client, "GET / HTTP/1.1\r\n\r\n", 18);
	NEED(read_full(server, buffer, 18) == 18);
	write_full(server, "HTTP/1.1 204 \r\n\r\n", 17);
	NEED(read_full(client, buffer, 17) == 17);
	close(server);
	close(client);
}

int main(void)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *found = NULL;
	pthread_t thread;
	int worked = 0, error;
	FILE *stream;

	allocate(&worked);
	say("allocations that worked: %d\n", worked);
	error = pthread_create(&thread, NULL, allocate, &worked);
	if (!error)
		NEED(pthread_join(thread, NULL) == 0);
	say("thread: %s, %d\n", errno_word(error), worked);
	error = getaddrinfo("127.0.0.1", "80", &hints, &found);
	say("getaddrinfo: %d\n", error);
	if (!error)
		freeaddrinfo(found);
	stream = popen("exit 3", "r");
	say("popen: %d\n", stream ? WEXITSTATUS(pclose(stream)) : -1);
	stream = fopen("/dev/null", "r");
	say("fopen: %d\n", stream != NULL);
	if (stream)
		fclose(stream);
	say("putenv: %d\n", setenv("VICTIM", "1", 1));
	sockets();
	NEED(signal(SIGUSR1, on_signal) == SIG_DFL);
	for (int i = 0; i < 5; i++)
		NEED(raise(SIGUSR1) == 0);
	return 3;
}

