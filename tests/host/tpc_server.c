/* SPDX-License-Identifier: MIT */
/*
 * tpc_server.c - a thread for each connection, which tags what it does with the
 * number that its client sent and echoes it.  Uses the optional API.
 *
 *     tpc_server PORT CONNECTIONS
 *
 * Ends by itself after that many connections; a client sends "N\n" three times
 * on its connection and gets each back.  Not a victim: tests/e2e/test_isolation.py
 * runs it.
 */
#include <pthread.h>

#include "tests/host/victim.h"
#include "runtime/include/tagalong.h"

static void *serve(void *argument)
{
	int fd = (int)(long)argument;
	char line[64];

	for (int round = 0; round < 3; round++) {
		size_t length = 0;

		while (length < sizeof(line) - 1 && read(fd, line + length, 1) == 1 && line[length] != '\n')
			length++;
		line[length] = 0;
		tagalong_set_tag("conn", line);
		tagalong_span_begin("work", NULL);
		line[length++] = '\n';
		if (write(fd, line, length) != (ssize_t)length)
			break;
		tagalong_span_end();
	}
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0), total;
	pthread_attr_t attributes;

	NEED(argc == 3);
	address.sin_port = htons((uint16_t)atoi(argv[1]));
	total = atoi(argv[2]);
	NEED(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0);
	NEED(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(listener, 512) == 0);
	NEED(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, 65536) == 0);
	NEED(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0);
	for (int i = 0; i < total; i++) {
		int fd = accept(listener, NULL, NULL);
		pthread_t thread;

		NEED(fd >= 0);
		NEED(pthread_create(&thread, &attributes, serve, (void *)(long)fd) == 0);
	}
	pthread_exit(NULL); /* the process ends with the last thread */
}
