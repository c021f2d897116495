/* SPDX-License-Identifier: MIT */
/*
 * tls_functions.c - HTTP above OpenSSL in every way that its functions allow.
 *
 * Victim: libs='-lssl -lcrypto' timeout=60 runs=2
 *
 * A server and a client in one process; each case serves two requests on one connection
 * and has its name as path.  Prints what arrived.  tests/tls compares the spans.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY 300000u
#define ERRNO_MARK 4242

/* How the server's side works. */
struct way {
	const char *name;
	bool extended;	/* the _ex forms */
	bool waits;	/* non-blocking */
	bool partial;	/* SSL_MODE_ENABLE_PARTIAL_WRITE */
	bool memory;	/* BIO pair in between */
	bool plain_accept; /* SSL_do_handshake, or none at all: SSL_read does it */
	bool two_fds;	/* SSL_set_rfd, SSL_set_wfd */
	bool early;	/* SSL_read_early_data before the handshake */
};

static const struct way ways[] = {
	{ .name = "plain" },
	{ .name = "extended", .extended = true },
	{ .name = "nonblocking", .waits = true },
	{ .name = "partial", .waits = true, .partial = true },
	{ .name = "partial_extended", .waits = true, .partial = true, .extended = true },
	{ .name = "memory", .memory = true },
	{ .name = "memory_extended", .memory = true, .extended = true },
	{ .name = "implicit", .plain_accept = true },
	{ .name = "two_fds", .two_fds = true },
	{ .name = "early", .early = true },
};

static SSL_CTX *server_context, *client_context;
static int listener;
static struct sockaddr_in address = { .sin_family = AF_INET };

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

static void make_contexts(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
				   (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	X509_sign(certificate, key, EVP_sha256());
	server_context = SSL_CTX_new(TLS_server_method());
	client_context = SSL_CTX_new(TLS_client_method());
	if (SSL_CTX_use_certificate(server_context, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey(server_context, key) != 1)
		fail("certificate");
}

/* ---- one connection of the server ---- */

struct side {
	const struct way *way;
	SSL *ssl;
	BIO *outer; /* memory: the other end of the pair */
	int fd;
};

static void wait_for(const struct side *side, int error)
{
	struct pollfd fd = { .fd = side->fd,
			     .events = error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN };

	poll(&fd, 1, 5000);
}

static void drain(const struct side *side)
{
	char data[4096];
	int bytes;

	while ((bytes = BIO_read(side->outer, data, sizeof(data))) > 0)
		for (int done = 0; done < bytes;)
			done += (int)write(side->fd, data + done, (size_t)(bytes - done));
}

/* False: the peer has gone. */
static bool go_on(const struct side *side, int result)
{
	int error = SSL_get_error(side->ssl, result);
	char data[4096];
	ssize_t bytes;

	if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		return false;
	if (!side->way->memory) {
		wait_for(side, error);
		return true;
	}
	drain(side);
	if (error != SSL_ERROR_WANT_READ)
		return true;
	bytes = read(side->fd, data, sizeof(data));
	if (bytes > 0)
		BIO_write(side->outer, data, (int)bytes);
	return bytes > 0;
}

static size_t get(const struct side *side, void *data, size_t room)
{
	size_t got = 0;
	int result;

	do {
		errno = ERRNO_MARK;
		if (side->way->extended) {
			result = SSL_read_ex(side->ssl, data, room, &got);
		} else {
			result = SSL_read(side->ssl, data, (int)room);
			got = result > 0 ? (size_t)result : 0;
		}
	} while (result <= 0 && go_on(side, result));
	return got;
}

static void put(const struct side *side, const unsigned char *data, size_t bytes)
{
	while (bytes) {
		size_t went = 0;
		int result;

		if (side->way->extended) {
			result = SSL_write_ex(side->ssl, data, bytes, &went);
		} else {
			result = SSL_write(side->ssl, data, (int)bytes);
			went = result > 0 ? (size_t)result : 0;
		}
		if (result <= 0 && !go_on(side, result))
			fail("write");
		data += went;
		bytes -= went;
	}
	if (side->outer)
		drain(side);
}

static void greet(const struct side *side)
{
	char none[16];
	size_t bytes;
	int result;

	SSL_set_accept_state(side->ssl);
	if (side->way->early)
		while ((result = SSL_read_early_data(side->ssl, none, sizeof(none), &bytes)) !=
		       SSL_READ_EARLY_DATA_FINISH)
			if (result == SSL_READ_EARLY_DATA_ERROR && !go_on(side, 0))
				fail("early data");
	if (side->way->plain_accept)
		return;
	while ((result = side->way->waits ? SSL_do_handshake(side->ssl) : SSL_accept(side->ssl)) != 1)
		if (!go_on(side, result))
			fail("handshake");
}

static void set_up(struct side *side)
{
	BIO *inner = NULL;

	side->ssl = SSL_new(server_context);
	if (side->way->partial)
		SSL_set_mode(side->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
	if (side->way->waits)
		fcntl(side->fd, F_SETFL, O_NONBLOCK);
	if (side->way->memory) {
		BIO_new_bio_pair(&inner, 0, &side->outer, 0);
		SSL_set_bio(side->ssl, inner, inner);
	} else if (side->way->two_fds) {
		SSL_set_rfd(side->ssl, side->fd);
		SSL_set_wfd(side->ssl, side->fd);
	} else {
		SSL_set_fd(side->ssl, side->fd);
	}
}

/* Reads a request of one read and answers it. */
static void serve(const struct side *side)
{
	static unsigned char body[BODY];
	char head[200], text[200];
	size_t got = get(side, text, sizeof(text) - 1);

	text[got] = '\0';
	for (size_t i = 0; i < BODY; i++)
		body[i] = (unsigned char)(i * 7 + got);
	/* Said before the client can say anything. */
	printf("server %s, %lx to be sent, queue %lx\n", strtok(text, "\r"), sum(0, body, BODY),
	       ERR_peek_error());
	fflush(stdout);
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", BODY);
	put(side, (const unsigned char *)head, strlen(head));
	put(side, body, BODY);
}

static void *server(void *argument)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct side side = { .way = &ways[i], .fd = accept(listener, NULL, NULL) };

		set_up(&side);
		greet(&side);
		serve(&side);
		serve(&side);
		SSL_shutdown(side.ssl);
		SSL_free(side.ssl);
		BIO_free(side.outer);
		close(side.fd);
	}
	return argument;
}

/* ---- the client ---- */

static void ask(SSL *ssl, const char *path)
{
	static unsigned char data[BODY];
	char text[200], *body;
	unsigned long total = 0;
	size_t bytes = 0;
	int got;

	snprintf(text, sizeof(text), "GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
	if (SSL_write(ssl, text, (int)strlen(text)) != (int)strlen(text))
		fail("request");
	while (bytes < BODY && (got = SSL_read(ssl, data, sizeof(data))) > 0) {
		body = memmem(data, (size_t)got, "\r\n\r\n", 4);
		size_t skip = bytes == 0 && memcmp(data, "HTTP", 4) == 0 && body ?
				      (size_t)(body + 4 - (char *)data) :
				      0;
		total = sum(total, data + skip, (size_t)got - skip);
		bytes += (size_t)got - skip;
	}
	printf("client /%s: %zu bytes, %lx\n", path, bytes, total);
	fflush(stdout);
}

int tls_main(void);
int tls_main(void)
{
	socklen_t length = sizeof(address);
	pthread_t thread;

	make_contexts();
	listener = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, 5) ||
	    getsockname(listener, (void *)&address, &length))
		fail("listen");
	pthread_create(&thread, NULL, server, NULL);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		SSL *ssl = SSL_new(client_context);

		if (connect(fd, (void *)&address, sizeof(address)))
			fail("connect");
		SSL_set_fd(ssl, fd);
		if (SSL_connect(ssl) != 1)
			fail("connect");
		ask(ssl, ways[i].name);
		ask(ssl, ways[i].name);
		SSL_shutdown(ssl);
		SSL_free(ssl);
		close(fd);
	}
	pthread_join(thread, NULL);
	return 0;
}

#ifndef TLS_MODULE
int main(void)
{
	return tls_main();
}
#endif
