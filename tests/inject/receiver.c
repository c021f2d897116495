/* SPDX-License-Identifier: MIT */
/*
 * receiver.c - a plain HTTP/1.1 server that takes our headers out of what it gets.
 *
 *     receiver [CERT KEY]        prints its port, then a line for each connection:
 *                                checksum, bytes, requests, requests with our header
 *
 * A request that says "X-Own: yes" has its own traceparent, and must have just that one;
 * everything else may have one traceparent that is not its own, directly before the empty
 * line.  Two are "broken".  With a certificate it speaks TLS.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stream.h"

#define BUFFER (1u << 19)
#define OURS "traceparent: 00-"
#define OURS_BYTES 70u /* with its end of line */

static SSL_CTX *tls;

struct peer {
	int fd;
	SSL *ssl;
	char data[BUFFER];
	size_t have;
	bool ended;
	struct sum sum;
	unsigned long requests, ours;
	const char *broken;
};

static bool more(struct peer *peer)
{
	ssize_t got;

	if (peer->ended || peer->have == BUFFER)
		return false;
	if (peer->ssl)
		got = SSL_read(peer->ssl, peer->data + peer->have, (int)(BUFFER - peer->have));
	else
		got = read(peer->fd, peer->data + peer->have, BUFFER - peer->have);
	if (got <= 0) {
		peer->ended = true;
		return false;
	}
	peer->have += (size_t)got;
	return true;
}

static void say(struct peer *peer, const char *text)
{
	size_t bytes = strlen(text);
	ssize_t sent = peer->ssl ? SSL_write(peer->ssl, text, (int)bytes) :
				   write(peer->fd, text, bytes);

	if (sent != (ssize_t)bytes)
		peer->ended = true;
}

static void drop(struct peer *peer, size_t bytes)
{
	memmove(peer->data, peer->data + bytes, peer->have - bytes);
	peer->have -= bytes;
}

static void keep(struct peer *peer, size_t bytes)
{
	sum_add(&peer->sum, peer->data, bytes);
	drop(peer, bytes);
}

/* Bytes of the head at the front, its empty line included; 0: it does not come. */
static size_t head_bytes(struct peer *peer)
{
	for (;;) {
		char *end = memmem(peer->data, peer->have, "\r\n\r\n", 4);

		if (end)
			return (size_t)(end - peer->data) + 4;
		if (!more(peer))
			return 0;
	}
}

static const char *field(const char *head, size_t bytes, const char *name)
{
	size_t name_bytes = strlen(name);

	for (const char *at = head; at + name_bytes + 1 < head + bytes;) {
		if (strncasecmp(at, name, name_bytes) == 0 && at[name_bytes] == ':')
			return at + name_bytes + 1;
		at = memchr(at, '\n', (size_t)(head + bytes - at));
		if (at++ == NULL)
			break;
	}
	return NULL;
}

static unsigned int count_parents(const char *head, size_t bytes)
{
	unsigned int count = 0;
	const char *at = head;

	while ((at = field(at, bytes - (size_t)(at - head), "traceparent")))
		count++;
	return count;
}

/* Takes the head, without our header. */
static void take_head(struct peer *peer, size_t bytes)
{
	size_t ours = bytes > OURS_BYTES + 2 ? bytes - OURS_BYTES - 2 : 0;
	unsigned int parents = count_parents(peer->data, bytes);
	bool own = field(peer->data, bytes, "X-Own") != NULL;

	peer->requests++;
	if (parents > 1 || (own && parents != 1))
		peer->broken = "traceparents";
	if (own || parents == 0) {
		keep(peer, bytes);
		return;
	}
	if (strncmp(peer->data + ours, OURS, strlen(OURS)) != 0) {
		peer->broken = "place";
		keep(peer, bytes);
		return;
	}
	peer->ours++;
	keep(peer, ours);
	drop(peer, OURS_BYTES);
	keep(peer, 2);
}

static bool take_body(struct peer *peer, unsigned long long bytes)
{
	while (bytes > 0) {
		if (peer->have == 0 && !more(peer))
			return false;
		size_t part = peer->have < bytes ? peer->have : (size_t)bytes;

		keep(peer, part);
		bytes -= part;
	}
	return true;
}

static bool take_chunks(struct peer *peer)
{
	for (;;) {
		char *end;

		while (!(end = memmem(peer->data, peer->have, "\r\n", 2)))
			if (!more(peer))
				return false;
		unsigned long long bytes = strtoull(peer->data, NULL, 16);

		keep(peer, (size_t)(end - peer->data) + 2);
		if (!take_body(peer, bytes + 2))
			return false;
		if (bytes == 0)
			return true;
	}
}

static bool serve_one(struct peer *peer)
{
	size_t bytes = head_bytes(peer);

	if (bytes == 0)
		return false;
	const char *length = field(peer->data, bytes, "Content-Length");
	unsigned long long body = length ? strtoull(length, NULL, 10) : 0;
	bool chunked = field(peer->data, bytes, "Transfer-Encoding") != NULL;
	bool waits = field(peer->data, bytes, "Expect") != NULL;
	bool head = strncmp(peer->data, "HEAD ", 5) == 0;
	bool leaves = field(peer->data, bytes, "X-Leave") != NULL;

	take_head(peer, bytes);
	if (waits)
		say(peer, "HTTP/1.1 100 Continue\r\n\r\n");
	if (leaves)
		return false;
	if (!(chunked ? take_chunks(peer) : take_body(peer, body)))
		return false;
	say(peer, head ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" :
			 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	return true;
}

static void serve(int fd)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	peer->fd = fd;
	if (tls) {
		peer->ssl = SSL_new(tls);
		SSL_set_fd(peer->ssl, fd);
		if (SSL_accept(peer->ssl) != 1)
			peer->ended = true;
	}
	while (!peer->ended && serve_one(peer))
		;
	sum_add(&peer->sum, peer->data, peer->have);
	if (peer->broken)
		printf("broken %s\n", peer->broken);
	else
		printf("%016llx %llu %lu %lu\n", (unsigned long long)peer->sum.hash,
		       (unsigned long long)peer->sum.bytes, peer->requests, peer->ours);
	fflush(stdout);
	SSL_free(peer->ssl);
	close(fd);
	free(peer);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t bytes = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	signal(SIGPIPE, SIG_IGN);
	if (argc > 2) {
		tls = SSL_CTX_new(TLS_server_method());
		if (SSL_CTX_use_certificate_file(tls, argv[1], SSL_FILETYPE_PEM) != 1 ||
		    SSL_CTX_use_PrivateKey_file(tls, argv[2], SSL_FILETYPE_PEM) != 1)
			return 1;
	}
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)&address, &bytes))
		return 1;
	printf("%u\n", ntohs(address.sin_port));
	fflush(stdout);
	for (;;) {
		int peer = accept(fd, NULL, NULL);

		if (peer >= 0)
			serve(peer);
	}
}
