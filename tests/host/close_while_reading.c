/* SPDX-License-Identifier: MIT */
/*
 * close_while_reading.c - an fd closed in one thread while another blocks in it,
 * and its number taken by a new connection at once.
 *
 * Victim: runs=3
 */
#include <pthread.h>

#include "victim.h"

static volatile pid_t reader_tid;
static int server, result, result_errno;

static void *reader(void *argument)
{
	char buffer[8];

	reader_tid = gettid();
	errno = ERRNO_MARK;
	result = (int)recv(*(int *)argument, buffer, sizeof(buffer), 0);
	result_errno = errno;
	return NULL;
}

static void wait_asleep(void)
{
	char path[64], text[512];

	while (!reader_tid)
		usleep(100);
	for (int asleep = 0; asleep < 3; usleep(1000)) {
		FILE *stream;

		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)reader_tid);
		stream = fopen(path, "r");
		NEED(stream && fgets(text, sizeof(text), stream));
		fclose(stream);
		asleep = strrchr(text, ')')[2] == 'S' ? asleep + 1 : 0;
	}
}

int main(void)
{
	for (int round = 0; round < 20; round++) {
		int client, next_client, next_server, copy = server;
		char buffer[8];
		pthread_t thread;

		tcp_pair(&client, &server);
		copy = server;
		reader_tid = 0;
		NEED(pthread_create(&thread, NULL, reader, &copy) == 0);
		wait_asleep();
		NEED(close(server) == 0);
		tcp_pair(&next_client, &next_server); /* one of the two has the number */
		write_full(client, "late", 4);	      /* the blocked call still has the old file */
		NEED(pthread_join(thread, NULL) == 0);
		say("blocked call: %d %s; next %d %d\n", result, errno_word(result_errno), next_client, next_server);
		write_full(next_client, "new", 3);
		TRY(read(next_server, buffer, 8));
		NEED(close(client) == 0 && close(next_client) == 0 && close(next_server) == 0);
	}
	say_fds("at the end");
	return 0;
}
