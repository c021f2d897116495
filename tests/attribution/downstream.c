/* SPDX-License-Identifier: MIT */
/*
 * downstream.c - the server that the servers under test ask; it writes down who asked.
 *
 *     attribution-downstream PORT LOG
 *
 * One thread, one port, three protocols, told apart by the first byte: HTTP/1.1, Redis'
 * and one that nobody knows (struct call_head).  A call carries id and number; its line in the log
 * is "PROTOCOL ID NUMBER TRACEPARENT" (or "-").  Answers come after truth_delay_us(), some of them
 * in two pieces.  Ends, with a complete log, on SIGTERM.  Says "ready" on standard output.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "call.h"
#include "truth.h"

#define CONNECTIONS 4096

struct connection {
	bool open;
	uint64_t due; /* when the answer goes out; 0: nothing is due */
	size_t have, size, sent;
	char in[4096];
	char out[1024];
};

static struct connection connections[CONNECTIONS]; /* by descriptor */
static volatile sig_atomic_t over;
static FILE *notes;
static int highest, poller;

static void on_term(int number)
{
	(void)number;
	over = 1;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* The value of a header in a complete head, as text; "-" without one. */
static void header_value(const char *head, const char *name, char *ret_value, size_t room)
{
	size_t length = strlen(name), size;
	const char *line = head;

	snprintf(ret_value, room, "-");
	while ((line = strstr(line, "\r\n")) && line[2] != '\r') {
		line += 2;
		if (strncasecmp(line, name, length) || line[length] != ':')
			continue;
		line += length + 1;
		line += strspn(line, " \t");
		size = strcspn(line, "\r");
		snprintf(ret_value, room, "%.*s", (int)size, line);
		return;
	}
}

/* One complete call at the front: takes it off, returns true. */
static bool take_call(struct connection *connection, const char **ret_protocol, unsigned long long *ret_id,
		      unsigned *ret_number, char *ret_parent, size_t room)
{
	struct call_head head;
	size_t size = 0;
	char *end;

	connection->in[connection->have] = 0;
	strcpy(ret_parent, "-");
	if (connection->have == 0)
		return false;
	if (connection->in[0] == 'G') {
		end = strstr(connection->in, "\r\n\r\n");
		if (!end || sscanf(connection->in, "GET /d/%llu/%u ", ret_id, ret_number) != 2)
			return false;
		*ret_protocol = "http";
		end[2] = 0;
		header_value(connection->in, "traceparent", ret_parent, room);
		size = (size_t)(end - connection->in) + 4;
	} else if (connection->in[0] == '*') {
		end = strstr(connection->in, "key:");
		if (!end || !strstr(end, "\r\n") || sscanf(end, "key:%llu:%u", ret_id, ret_number) != 2)
			return false;
		*ret_protocol = "redis";
		size = (size_t)(strstr(end, "\r\n") - connection->in) + 2;
	} else {
		if (connection->have < sizeof(head))
			return false;
		memcpy(&head, connection->in, sizeof(head));
		*ret_protocol = "opaque";
		*ret_id = head.id;
		*ret_number = head.number;
		size = sizeof(head);
	}
	connection->have -= size;
	memmove(connection->in, connection->in + size, connection->have);
	return true;
}

static void make_answer(struct connection *connection, const char *protocol, uint64_t id, unsigned number)
{
	char body[TRUTH_BODY_MAX];
	size_t size = truth_body(id, number, body);
	struct call_head head = {.magic = CALL_MAGIC, .size = (uint32_t)size};

	if (*protocol == 'o') {
		memcpy(connection->out, &head, sizeof(head));
		connection->size = sizeof(head);
	} else {
		connection->size = (size_t)sprintf(connection->out,
			*protocol == 'r' ? "$%zu\r\n" : "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
	}
	memcpy(connection->out + connection->size, body, size);
	connection->size += size;
	if (*protocol == 'r') {
		memcpy(connection->out + connection->size, "\r\n", 2);
		connection->size += 2;
	}
}

static void take_next(struct connection *connection)
{
	const char *protocol;
	unsigned long long id;
	unsigned number;
	char parent[128];

	if (connection->due || !take_call(connection, &protocol, &id, &number, parent, sizeof(parent)))
		return;
	fprintf(notes, "%s %llu %u %s\n", protocol, id, number, parent);
	make_answer(connection, protocol, id, number);
	connection->sent = 0;
	connection->due = now_us() + truth_delay_us(id, number);
}

static void drop(int fd)
{
	connections[fd].open = false;
	close(fd);
}

static void send_due(int fd, uint64_t now)
{
	struct connection *connection = &connections[fd];
	size_t size = connection->size - connection->sent;
	bool halves = connection->sent == 0 && connection->size % 8 == 0;
	ssize_t sent;

	sent = write(fd, connection->out + connection->sent, halves ? size / 2 : size);
	if (sent < 0) {
		drop(fd);
		return;
	}
	connection->sent += (size_t)sent;
	connection->due = connection->sent == connection->size ? 0 : now + 100;
	take_next(connection);
}

static void receive(int fd)
{
	struct connection *connection = &connections[fd];
	size_t room = sizeof(connection->in) - 1 - connection->have;
	ssize_t got = read(fd, connection->in + connection->have, room);

	if (got <= 0) {
		drop(fd);
		return;
	}
	connection->have += (size_t)got;
	take_next(connection);
}

static void greet(int listener)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (fd >= CONNECTIONS) {
		close(fd);
		return;
	}
	memset(&connections[fd], 0, sizeof(connections[fd]));
	connections[fd].open = true;
	highest = fd > highest ? fd : highest;
	event.data.fd = fd;
	epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

/* Sends what is due; milliseconds until there is more, -1: nothing waits. */
static int send_all_due(void)
{
	uint64_t now = now_us(), next = UINT64_MAX;

	for (int fd = 0; fd <= highest; fd++) {
		if (!connections[fd].open || !connections[fd].due)
			continue;
		if (connections[fd].due <= now)
			send_due(fd, now);
		if (connections[fd].open && connections[fd].due && connections[fd].due < next)
			next = connections[fd].due;
	}
	return next == UINT64_MAX ? -1 : next <= now ? 0 : (int)((next - now + 999) / 1000);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_term};
	struct epoll_event events[64];
	int listener, count;

	if (argc != 3 || !(notes = fopen(argv[2], "w")))
		return 2;
	sigaction(SIGTERM, &action, NULL);
	listener = call_listen((unsigned short)atoi(argv[1]), false);
	poller = epoll_create1(EPOLL_CLOEXEC);
	events[0] = (struct epoll_event){.events = EPOLLIN, .data.fd = listener};
	epoll_ctl(poller, EPOLL_CTL_ADD, listener, &events[0]);
	puts("ready");
	fflush(stdout);
	while (!over) {
		count = epoll_wait(poller, events, 64, send_all_due());
		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == listener)
				greet(listener);
			else
				receive(events[i].data.fd);
		}
	}
	return fclose(notes) ? 1 : 0;
}
