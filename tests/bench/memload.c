/* SPDX-License-Identifier: MIT */
/*
 * memload.c - a load for memcached: gets of one key over many connections.
 *
 *     memload PORT CONNECTIONS REQUESTS
 *
 * Sets the key, then sends one get on every connection, reads all answers, and so
 * on.  Prints "REQUESTS SECONDS".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define GET "get bench\r\n"
#define SET "set bench 0 0 16\r\n0123456789abcdef\r\n"
#define ANSWER_BYTES 41 /* "VALUE bench 0 16\r\n", the value, "\r\nEND\r\n" */

static void die(const char *what)
{
	fprintf(stderr, "memload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int connect_to(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = htons((unsigned short)port) };
	int yes = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	return fd;
}

static void put(int fd, const char *text)
{
	if (send(fd, text, strlen(text), 0) != (ssize_t)strlen(text))
		die("send");
}

static void take(int fd, size_t bytes)
{
	char answer[64];

	while (bytes > 0) {
		ssize_t got = recv(fd, answer, bytes < sizeof(answer) ? bytes : sizeof(answer), 0);

		if (got <= 0)
			die("recv");
		bytes -= (size_t)got;
	}
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	int fds[CONNECTIONS_MAX], count = argc == 4 ? atoi(argv[2]) : 0;
	long requests = argc == 4 ? atol(argv[3]) : 0, done = 0;

	if (count <= 0 || count > CONNECTIONS_MAX || requests <= 0) {
		fprintf(stderr, "usage: memload PORT CONNECTIONS REQUESTS\n");
		return 2;
	}
	for (int i = 0; i < count; i++)
		fds[i] = connect_to(atoi(argv[1]));
	put(fds[0], SET);
	take(fds[0], sizeof("STORED\r\n") - 1);
	double start = seconds();

	for (; done < requests; done += count) {
		for (int i = 0; i < count; i++)
			put(fds[i], GET);
		for (int i = 0; i < count; i++)
			take(fds[i], ANSWER_BYTES);
	}
	printf("%ld %.6f\n", done, seconds() - start);
	return 0;
}
