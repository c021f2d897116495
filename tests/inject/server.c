/* SPDX-License-Identifier: MIT */
/*
 * server.c - a thread for each connection, and for each request an answer that follows from it.
 *
 *     server PORT FILE        until SIGTERM; then prints: requests, those with one traceparent,
 *                             those with more
 *
 * GET /r/WAY/BYTES/ID is answered in that way with so many bytes of FILE, behind a line with the
 * checksum of the request as it arrived: without traceparent, tracestate and baggage.  Connections
 * take turns in how they are read.  Calls that fail for the moment are made again.
 *
 * Runs: under the library and faults.c, or behind a server that is.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "stream.h"

#define BUFFER 65536u
#define FILE_MAX 65536u
#define PIECES 64u

struct peer {
	int fd;
	unsigned int number;
	size_t have;
	char data[BUFFER];
};

static char file[FILE_MAX];
static size_t file_bytes;
static int file_fd, listener;
static atomic_ulong requests, with_one, with_more;

/* Whether a call that failed is worth another try. */
static bool again(int fd, short events)
{
	struct pollfd one = { .fd = fd, .events = events };

	if (errno == EAGAIN)
		poll(&one, 1, 1000);
	return errno == EAGAIN || errno == EINTR;
}

/* ---- reading ---- */

static ssize_t take(struct peer *peer)
{
	size_t room = BUFFER - peer->have, first = room / 3;
	char *to = peer->data + peer->have;
	struct iovec two[2] = { { to, first }, { to + first, room - first } };
	struct msghdr message = { .msg_iov = two, .msg_iovlen = 2 };

	switch (peer->number % 5) {
	case 0:
		return read(peer->fd, to, room);
	case 1:
		return recv(peer->fd, to, room, 0);
	case 2:
		return readv(peer->fd, two, 2);
	case 3:
		return recvmsg(peer->fd, &message, 0);
	default:
		return recvfrom(peer->fd, to, room, 0, NULL, NULL);
	}
}

static bool more(struct peer *peer)
{
	ssize_t got;

	do
		got = peer->have < BUFFER ? take(peer) : 0;
	while (got < 0 && again(peer->fd, POLLIN));
	peer->have += got > 0 ? (size_t)got : 0;
	return got > 0;
}

/* Bytes of the head that is complete; 0: the connection is over. */
static size_t next_head(struct peer *peer)
{
	const char *end;

	while ((end = memmem(peer->data, peer->have, "\r\n\r\n", 4)) == NULL)
		if (!more(peer))
			return 0;
	return (size_t)(end - peer->data) + 4;
}

/* ---- writing ---- */

static bool put(int fd, const char *data, size_t bytes, int flags)
{
	while (bytes > 0) {
		ssize_t done = flags < 0 ? write(fd, data, bytes) : send(fd, data, bytes, flags);

		if (done < 0 && !again(fd, POLLOUT))
			return false;
		data += done > 0 ? done : 0;
		bytes -= done > 0 ? (size_t)done : 0;
	}
	return true;
}

static void skip(struct iovec **iov, int *count, size_t bytes)
{
	while (*count > 0 && bytes >= (*iov)->iov_len) {
		bytes -= (*iov)->iov_len;
		++*iov;
		--*count;
	}
	if (*count > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + bytes;
		(*iov)->iov_len -= bytes;
	}
}

static bool put_pieces(int fd, struct iovec *iov, int count, bool message)
{
	while (count > 0) {
		struct msghdr whole = { .msg_iov = iov, .msg_iovlen = (size_t)count };
		ssize_t done = message ? sendmsg(fd, &whole, MSG_NOSIGNAL) : writev(fd, iov, count);

		if (done < 0 && !again(fd, POLLOUT))
			return false;
		skip(&iov, &count, done > 0 ? (size_t)done : 0);
	}
	return true;
}

/* Small pieces of the head and smaller and smaller ones of the body; the last of each is the rest.
 */
static bool put_many(int fd, const char *head, size_t head_bytes, size_t bytes)
{
	struct iovec pieces[PIECES];
	int count = 0;

	for (size_t at = 0, left, part; (left = head_bytes - at) > 0; at += part, count++) {
		part = count < 31 && left > 5 ? 1 + at % 5 : left;
		pieces[count] = (struct iovec){ (char *)(uintptr_t)head + at, part };
	}
	for (size_t at = 0, left; (left = bytes - at) > 0; at += pieces[count++].iov_len)
		pieces[count] = (struct iovec){ file + at, count < 60 ? (left + 4) / 5 : left };
	return put_pieces(fd, pieces, count, false);
}

static bool put_file(int fd, const char *head, size_t head_bytes, size_t bytes)
{
	off_t at = 0;

	if (!put(fd, head, head_bytes, MSG_MORE | MSG_NOSIGNAL))
		return false;
	while ((size_t)at < bytes)
		if (sendfile(fd, file_fd, &at, bytes - (size_t)at) < 0 && !again(fd, POLLOUT))
			return false;
	return true;
}

static bool put_chunks(int fd, const char *head, size_t head_bytes, size_t bytes)
{
	char line[32];
	bool well = put(fd, head, head_bytes, -1);

	for (size_t at = 0, part; well && at < bytes; at += part) {
		part = bytes - at < 1000 ? bytes - at : 1000;
		int length = snprintf(line, sizeof(line), "%zx\r\n", part);

		well = put(fd, line, (size_t)length, -1) && put(fd, file + at, part, -1) &&
		       put(fd, "\r\n", 2, -1);
	}
	return well && put(fd, "0\r\n\r\n", 5, -1);
}

static bool put_in(const char *way, int fd, char *head, size_t head_bytes, size_t bytes)
{
	struct iovec two[2] = { { head, head_bytes }, { file, bytes } };

	if (!strcmp(way, "writev") || !strcmp(way, "sendmsg"))
		return put_pieces(fd, two, 2, *way == 's');
	if (!strcmp(way, "many"))
		return put_many(fd, head, head_bytes, bytes);
	if (!strcmp(way, "sendfile"))
		return put_file(fd, head, head_bytes, bytes);
	if (!strcmp(way, "chunked"))
		return put_chunks(fd, head, head_bytes, bytes);
	int flags = !strcmp(way, "send")   ? MSG_NOSIGNAL
		    : !strcmp(way, "more") ? MSG_MORE | MSG_NOSIGNAL
					   : -1;

	return put(fd, head, head_bytes, flags) &&
	       put(fd, file, bytes, flags > 0 ? MSG_NOSIGNAL : -1);
}

/* ---- requests ---- */

static bool is_ours(const char *line)
{
	return !strncasecmp(line, "traceparent:", 12) || !strncasecmp(line, "tracestate:", 11) ||
	       !strncasecmp(line, "baggage:", 8);
}

/* What is left of the head without headers that tracing may add. */
static struct sum sum_of(const char *head, size_t bytes)
{
	struct sum sum = { 0 };
	unsigned int parents = 0;

	for (size_t at = 0, next; at < bytes; at = next) {
		next = (size_t)((char *)memchr(head + at, '\n', bytes - at) - head) + 1;
		parents += !strncasecmp(head + at, "traceparent:", 12);
		if (!is_ours(head + at))
			sum_add(&sum, head + at, next - at);
	}
	atomic_fetch_add(&requests, 1);
	if (parents > 0)
		atomic_fetch_add(parents == 1 ? &with_one : &with_more, 1);
	return sum;
}

static bool serve_one(struct peer *peer, size_t head_bytes)
{
	struct sum sum = sum_of(peer->data, head_bytes);
	char way[16] = "write", framing[48] = "Transfer-Encoding: chunked", head[512];
	size_t bytes = 0;

	sscanf(peer->data, "GET /r/%15[^/]/%zu/", way, &bytes);
	bytes = bytes < file_bytes ? bytes : file_bytes;
	if (strcmp(way, "chunked") != 0)
		snprintf(framing, sizeof(framing), "Content-Length: %zu", bytes);
	int length = snprintf(head, sizeof(head),
			      "HTTP/1.1 200 OK\r\n%s\r\nX-Sum: %016" PRIx64 " %" PRIu64 "\r\n\r\n",
			      framing, sum.hash, sum.bytes);

	return put_in(way, peer->fd, head, (size_t)length, bytes);
}

static void *serve(void *argument)
{
	struct peer *peer = argument;
	size_t head_bytes;

	while ((head_bytes = next_head(peer)) > 0 && serve_one(peer, head_bytes)) {
		peer->have -= head_bytes;
		memmove(peer->data, peer->data + head_bytes, peer->have);
	}
	close(peer->fd);
	free(peer);
	return NULL;
}

static void *accept_all(void *unused)
{
	for (unsigned int number = 0;; number++) {
		struct peer *peer = calloc(1, sizeof(*peer));
		pthread_t thread;

		if (peer == NULL)
			abort();
		peer->number = number;
		do
			peer->fd = accept(listener, NULL, NULL);
		while (peer->fd < 0);
		setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		if (pthread_create(&thread, NULL, serve, peer) != 0)
			abort();
		pthread_detach(thread);
	}
	return unused;
}

static void listen_on(const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)atoi(port)),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener, 128) != 0) {
		perror("server: listen");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	pthread_t thread;
	sigset_t term;
	int number;

	if (argc < 3 || (file_fd = open(argv[2], O_RDONLY)) < 0)
		return 2;
	file_bytes = (size_t)read(file_fd, file, sizeof(file));
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &term, NULL);
	listen_on(argv[1]);
	if (pthread_create(&thread, NULL, accept_all, NULL) != 0 || sigwait(&term, &number) != 0)
		return 1;
	printf("%lu %lu %lu\n", requests, with_one, with_more);
	return 0;
}
