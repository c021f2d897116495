/* SPDX-License-Identifier: MIT */
/*
 * client.c - asks a server under test, and knows what it has to answer.
 *
 *     attribution-client PORT REQUESTS CONCURRENCY keep|close|PIPELINE
 *
 * keep: connections carry up to 100 requests, one after the other.  close: one each.  A number: bursts
 * of up to so many requests at once.  One request of 16 arrives in two pieces.  Prints "ANSWERED WRONG FAILED":
 * answers with the right checksum, with another one, requests without an answer.  Ends with 0
 * when all were answered rightly, and gives up when nothing moves for 60 seconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "truth.h"

#define PER_CONNECTION 100
#define BURST_MAX 16

struct connection {
	int fd;
	unsigned asked;		      /* on this connection, in all */
	unsigned waiting, first;      /* ids of the burst that are not answered */
	uint64_t ids[BURST_MAX];
	size_t rest_size;	      /* second piece of a request */
	char rest[128];
	size_t have;
	char in[16384];
};

static uint64_t requests, begun, answered, wrong, failed;
static unsigned burst_max = 1, per_connection = PER_CONNECTION;
static struct sockaddr_in address = {.sin_family = AF_INET};
static int poller;

static void ask(struct connection *connection);

static void end(struct connection *connection)
{
	failed += connection->waiting;
	close(connection->fd);
	connection->fd = -1;
}

static void begin(struct connection *connection)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

	memset(connection, 0, offsetof(struct connection, in));
	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		perror("connect");
		exit(1);
	}
	epoll_ctl(poller, EPOLL_CTL_ADD, connection->fd, &event);
	ask(connection);
}

static size_t format(char *out, uint64_t id, bool close)
{
	return (size_t)sprintf(out, "GET /r/%llu HTTP/1.1\r\nHost: localhost\r\n%s\r\n", (unsigned long long)id,
			       close ? "Connection: close\r\n" : "");
}

static void send_all(struct connection *connection, const char *data, size_t size)
{
	while (size) {
		ssize_t sent = send(connection->fd, data, size, MSG_NOSIGNAL);

		if (sent <= 0)
			return; /* the answer will be missing */
		data += sent;
		size -= (size_t)sent;
	}
}

/* The next request, or burst of them. */
static void ask(struct connection *connection)
{
	unsigned burst = 1 + (unsigned)(truth_mix(begun) % burst_max);
	char out[BURST_MAX * 128];
	size_t size = 0, now;

	connection->first = connection->waiting = 0;
	while (connection->waiting < burst && begun < requests && connection->asked < per_connection) {
		bool last = ++begun == requests || ++connection->asked == per_connection;

		connection->ids[connection->waiting++] = begun;
		size += format(out + size, begun, last);
	}
	now = truth_mix(begun) % 16 == 0 ? size - 1 - truth_mix(begun) / 16 % (size < 100 ? size - 1 : 100) : size;
	send_all(connection, out, now);
	connection->rest_size = size - now;
	memcpy(connection->rest, out + now, size - now);
}

static bool right_answer(uint64_t id, const char *body, size_t size)
{
	char wanted[TRUTH_CALLS_MAX * TRUTH_BODY_MAX];
	size_t length = 0;

	for (unsigned i = 0; i < truth_calls(id); i++)
		length += truth_body(id, i, wanted + length);
	return truth_sum(wanted, length) == truth_sum(body, size);
}

/* Takes complete answers off the front. */
static void take_answers(struct connection *connection)
{
	char *end_of_head, *length;
	size_t size;

	while (connection->waiting) {
		connection->in[connection->have] = 0;
		end_of_head = strstr(connection->in, "\r\n\r\n");
		if (!end_of_head)
			return;
		length = strstr(connection->in, "Content-Length:");
		size = (size_t)(end_of_head - connection->in) + 4 + (length ? strtoul(length + 15, NULL, 10) : 0);
		if (connection->have < size)
			return;
		connection->waiting--;
		end_of_head += 4;
		if (right_answer(connection->ids[connection->first++], end_of_head,
				 size - (size_t)(end_of_head - connection->in)))
			answered++;
		else
			wrong++;
		connection->have -= size;
		memmove(connection->in, connection->in + size, connection->have);
	}
}

static void receive(struct connection *connection)
{
	ssize_t got = read(connection->fd, connection->in + connection->have,
			   sizeof(connection->in) - 1 - connection->have);

	if (got > 0) {
		connection->have += (size_t)got;
		take_answers(connection);
	}
	if (got > 0 && connection->waiting)
		return;
	if (got <= 0 || connection->asked >= per_connection) {
		end(connection);
		if (begun < requests)
			begin(connection);
	} else if (begun < requests) {
		ask(connection);
	} else {
		end(connection);
	}
}

static bool anybody(const struct connection *connections, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (connections[i].fd >= 0)
			return true;
	return false;
}

/* Second pieces go out once the first ones have been under way for a round. */
static void send_rests(struct connection *connections, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (connections[i].fd < 0 || !connections[i].rest_size)
			continue;
		send_all(&connections[i], connections[i].rest, connections[i].rest_size);
		connections[i].rest_size = 0;
	}
}

static bool rests(const struct connection *connections, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (connections[i].fd >= 0 && connections[i].rest_size)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct connection *connections;
	struct epoll_event events[64];
	unsigned concurrency;
	int count;

	if (argc != 5)
		return 2;
	address.sin_port = htons((unsigned short)atoi(argv[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	requests = strtoull(argv[2], NULL, 10);
	concurrency = (unsigned)atoi(argv[3]);
	if (!strcmp(argv[4], "close"))
		per_connection = 1;
	else if (atoi(argv[4]) > 0)
		burst_max = (unsigned)atoi(argv[4]) < BURST_MAX ? (unsigned)atoi(argv[4]) : BURST_MAX;
	poller = epoll_create1(EPOLL_CLOEXEC);
	connections = calloc(concurrency, sizeof(*connections));
	for (unsigned i = 0; i < concurrency; i++) {
		connections[i].fd = -1;
		if (begun < requests)
			begin(&connections[i]);
	}
	while (anybody(connections, concurrency)) {
		count = epoll_wait(poller, events, 64, rests(connections, concurrency) ? 2 : 60000);
		for (int i = 0; i < count; i++)
			receive(events[i].data.ptr);
		if (rests(connections, concurrency))
			send_rests(connections, concurrency);
		else if (count == 0)
			break;
	}
	failed = requests - answered - wrong;
	printf("%llu %llu %llu\n", (unsigned long long)answered, (unsigned long long)wrong, (unsigned long long)failed);
	return answered == requests ? 0 : 1;
}
