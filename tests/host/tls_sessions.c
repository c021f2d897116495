/* SPDX-License-Identifier: MIT */
/*
 * tls_sessions.c - HTTP above GnuTLS: whole, corked, in pieces that would block and are
 * repeated without their data, over functions of the program's, as packets.
 *
 * Victim: libs=-lgnutls timeout=60 runs=2
 *
 * A server and a client in one process, anonymous key exchange; each case serves two
 * requests and has its name as path.  Prints what arrived.  tests/tls compares the spans.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY 300000u
#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.2:+ANON-ECDH"

struct way {
	const char *name;
	bool waits;	/* non-blocking; repeated with the data */
	bool forgets;	/* repeated without */
	bool corked;
	bool packets;
	bool functions; /* push and pull of the program's */
};

static const struct way ways[] = {
	{ .name = "whole" },
	{ .name = "waits", .waits = true },
	{ .name = "forgets", .waits = true, .forgets = true },
	{ .name = "corked", .corked = true },
	{ .name = "packets", .packets = true },
	{ .name = "functions", .functions = true },
};

struct side {
	const struct way *way;
	gnutls_session_t session;
	int fd;
};

static int listener;
static struct sockaddr_in address = { .sin_family = AF_INET };
static gnutls_anon_server_credentials_t server_credentials;
static gnutls_anon_client_credentials_t client_credentials;

static void fail(const char *what)
{
	printf("%s fails\n", what);
	fflush(stdout);
	_exit(1);
}

static unsigned long sum(unsigned long sum, const unsigned char *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		sum = sum * 31 + data[i];
	return sum;
}

static ssize_t push(gnutls_transport_ptr_t pointer, const void *data, size_t bytes)
{
	return send(((const struct side *)pointer)->fd, data, bytes, 0);
}

static ssize_t pull(gnutls_transport_ptr_t pointer, void *data, size_t bytes)
{
	return recv(((const struct side *)pointer)->fd, data, bytes, 0);
}

static void wait_for(const struct side *side)
{
	struct pollfd fd = { .fd = side->fd, .events = gnutls_record_get_direction(side->session) ?
							       POLLOUT :
							       POLLIN };

	poll(&fd, 1, 5000);
}

static ssize_t get(const struct side *side, char *data, size_t room)
{
	gnutls_packet_t packet = NULL;
	gnutls_datum_t datum;
	ssize_t got;

	if (!side->way->packets) {
		while ((got = gnutls_record_recv(side->session, data, room)) == GNUTLS_E_AGAIN)
			wait_for(side);
		return got;
	}
	got = gnutls_record_recv_packet(side->session, &packet);
	if (got > 0) {
		gnutls_packet_get(packet, &datum, NULL);
		memcpy(data, datum.data, datum.size < room ? datum.size : room);
	}
	gnutls_packet_deinit(packet);
	return got;
}

static void put(const struct side *side, unsigned char *data, size_t bytes)
{
	static unsigned char kept[BODY];

	while (bytes) {
		ssize_t went = gnutls_record_send(side->session, data, bytes);

		while (went == GNUTLS_E_AGAIN) {
			wait_for(side);
			if (side->way->forgets) {
				/* What is repeated is the library's; ours may be anything. */
				memcpy(kept, data, bytes);
				memset(data, '!', bytes);
				went = gnutls_record_send(side->session, NULL, 0);
				memcpy(data, kept, bytes);
			} else {
				went = gnutls_record_send(side->session, data, bytes);
			}
		}
		if (went < 0)
			fail("send");
		data += went;
		bytes -= (size_t)went;
	}
}

static void serve(const struct side *side)
{
	static unsigned char body[BODY];
	char head[200], text[200] = "";
	ssize_t got = get(side, text, sizeof(text) - 1);

	for (size_t i = 0; i < BODY; i++)
		body[i] = (unsigned char)(i * 7 + (size_t)got);
	/* Said before the client can say anything. */
	printf("server %s, %lx to be sent\n", strtok(text, "\r"), sum(0, body, BODY));
	fflush(stdout);
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", BODY);
	if (side->way->corked)
		gnutls_record_cork(side->session);
	put(side, (unsigned char *)head, strlen(head));
	put(side, body, BODY);
	if (side->way->corked && gnutls_record_uncork(side->session, GNUTLS_RECORD_WAIT) < 0)
		fail("uncork");
}

static void greet(const struct side *side)
{
	int result;

	while ((result = gnutls_handshake(side->session)) == GNUTLS_E_AGAIN)
		wait_for(side);
	if (result < 0)
		fail("handshake");
}

static void set_up(struct side *side, unsigned int role, void *credentials)
{
	gnutls_init(&side->session, role);
	gnutls_priority_set_direct(side->session, PRIORITY, NULL);
	gnutls_credentials_set(side->session, GNUTLS_CRD_ANON, credentials);
	if (side->way->functions && role & GNUTLS_SERVER) {
		gnutls_transport_set_ptr(side->session, side);
		gnutls_transport_set_push_function(side->session, push);
		gnutls_transport_set_pull_function(side->session, pull);
	} else {
		gnutls_transport_set_int(side->session, side->fd);
	}
}

static void *server(void *argument)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct side side = { .way = &ways[i], .fd = accept(listener, NULL, NULL) };
		int room = 4096;

		if (side.way->waits) {
			setsockopt(side.fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
			fcntl(side.fd, F_SETFL, O_NONBLOCK);
		}
		set_up(&side, GNUTLS_SERVER, server_credentials);
		greet(&side);
		serve(&side);
		serve(&side);
		gnutls_deinit(side.session);
		close(side.fd);
	}
	return argument;
}

static void ask(const struct side *side)
{
	static unsigned char data[BODY];
	char text[200], *body;
	unsigned long total = 0;
	size_t bytes = 0;
	ssize_t got;

	snprintf(text, sizeof(text), "GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n", side->way->name);
	if (gnutls_record_send(side->session, text, strlen(text)) != (ssize_t)strlen(text))
		fail("request");
	while (bytes < BODY && (got = gnutls_record_recv(side->session, data, sizeof(data))) > 0) {
		body = memmem(data, (size_t)got, "\r\n\r\n", 4);
		size_t skip = bytes == 0 && memcmp(data, "HTTP", 4) == 0 && body ?
				      (size_t)(body + 4 - (char *)data) :
				      0;
		total = sum(total, data + skip, (size_t)got - skip);
		bytes += (size_t)got - skip;
	}
	printf("client /%s: %zu bytes, %lx\n", side->way->name, bytes, total);
	fflush(stdout);
}

int main(void)
{
	static const struct way plain = { .name = NULL };
	socklen_t length = sizeof(address);
	pthread_t thread;

	gnutls_anon_allocate_server_credentials(&server_credentials);
	gnutls_anon_allocate_client_credentials(&client_credentials);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, 5) ||
	    getsockname(listener, (void *)&address, &length))
		fail("listen");
	pthread_create(&thread, NULL, server, NULL);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct way way = plain;
		struct side side = { .way = &way, .fd = socket(AF_INET, SOCK_STREAM, 0) };

		way.name = ways[i].name;
		if (connect(side.fd, (void *)&address, sizeof(address)))
			fail("connect");
		set_up(&side, GNUTLS_CLIENT, client_credentials);
		greet(&side);
		ask(&side);
		ask(&side);
		gnutls_deinit(side.session);
		close(side.fd);
	}
	pthread_join(thread, NULL);
	return 0;
}
