/* SPDX-License-Identifier: MIT */
/*
 * client.c - HTTP/1.1 requests, written in every way that a program may.
 *
 *     client PORT WAY COUNT SEED block|nonblock|timeout [tls|tls-partial|tls-moving]
 *
 * Prints, for each connection: checksum and bytes of what it has handed over, requests,
 * and how many of them at least, and at most, may carry a header of ours.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "stream.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define PIECES 1024

enum way { WRITE, TWO, WRITEV, MANY, SEND, SENDMSG, MORE, SENDFILE, PIPELINE, CHUNKED, EXPECT, HEAD, OWN,
	   BIG, LONG, WAYS };
static const char *const ways[WAYS] = { "write", "two", "writev", "many", "send", "sendmsg", "more",
					"sendfile", "pipeline", "chunked", "expect", "head", "own",
					"big", "long" };

static int fd = -1, body_fd = -1;
static SSL *ssl;
static struct sum sum;
static unsigned long requests, least, most;
static uint64_t dice;
static char head[80000];
static size_t head_bytes;
static char body[300000];
static char other[300000];

static unsigned int roll(unsigned int sides)
{
	dice = dice * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(dice >> 33) % sides;
}

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static bool again(void)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };

	if (errno == EAGAIN)
		poll(&ready, 1, 5);
	return errno == EAGAIN || errno == EINTR;
}

/* ---- writing ---- */

static ssize_t call(enum way way, const struct iovec *iov, int count, int flags)
{
	struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count };

	if (way == SENDMSG || flags)
		return sendmsg(fd, &message, flags);
	if (way == SEND)
		return send(fd, iov->iov_base, iov->iov_len, 0);
	if (count > 1)
		return writev(fd, iov, count);
	return write(fd, iov->iov_base, iov->iov_len);
}

static void put(enum way way, struct iovec *iov, int count, int flags)
{
	while (count > 0) {
		ssize_t done = call(way, iov, way == SEND ? 1 : count, flags);

		if (done < 0 && !again())
			fail("write");
		if (done == 0 && iov->iov_len)
			fail("nothing was written");
		for (size_t left = done > 0 ? (size_t)done : 0; count > 0;) {
			size_t part = left < iov->iov_len ? left : iov->iov_len;

			sum_add(&sum, iov->iov_base, part);
			left -= part;
			iov->iov_base = (char *)iov->iov_base + part;
			iov->iov_len -= part;
			if (iov->iov_len)
				break;
			iov++;
			count--;
		}
	}
}

/* The same place has to be given again, but where it says that another will do. */
static void put_tls(const char *data, size_t bytes)
{
	bool moving = SSL_get_mode(ssl) & SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;

	while (bytes > 0) {
		size_t done = 0;
		int result;

		if (moving && bytes <= sizeof(other)) {
			memmove(other, data, bytes);
			data = other;
		}
		errno = 0;
		if (roll(2)) {
			result = SSL_write(ssl, data, (int)bytes);
			done = result > 0 ? (size_t)result : 0;
		} else {
			result = SSL_write_ex(ssl, data, bytes, &done);
		}
		if (result <= 0) {
			int error = SSL_get_error(ssl, result);

			if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ &&
			    !(error == SSL_ERROR_SYSCALL && errno == EINTR))
				fail("SSL_write");
			errno = EAGAIN;
			again();
			continue;
		}
		if (done < bytes && !(SSL_get_mode(ssl) & SSL_MODE_ENABLE_PARTIAL_WRITE))
			fail("a part was written");
		sum_add(&sum, data, done);
		data += done;
		bytes -= done;
	}
}

static void put_one(enum way way, const char *data, size_t bytes)
{
	struct iovec iov = { .iov_base = (char *)data, .iov_len = bytes };

	if (ssl)
		put_tls(data, bytes);
	else
		put(way, &iov, 1, 0);
}

/* ---- reading ---- */

static void take(const char *wanted)
{
	char text[64];
	size_t bytes = strlen(wanted), have = 0;

	while (have < bytes) {
		ssize_t got = ssl ? SSL_read(ssl, text + have, (int)(bytes - have)) :
				    read(fd, text + have, bytes - have);

		if (got == 0 && !ssl)
			fail("the end");
		if (got <= 0 && ssl) {
			int error = SSL_get_error(ssl, (int)got);

			if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ||
			    errno == EINTR || errno == EAGAIN)
				continue;
			fail("SSL_read");
		}
		if (got < 0) {
			struct pollfd ready = { .fd = fd, .events = POLLIN };

			if (errno != EAGAIN && errno != EINTR)
				fail("read");
			poll(&ready, 1, 5);
			continue;
		}
		have += (size_t)got;
	}
	if (memcmp(text, wanted, bytes) != 0)
		fail("another answer");
}

/* ---- requests ---- */

static void add(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void add(const char *format, ...)
{
	__builtin_va_list arguments;

	__builtin_va_start(arguments, format);
	head_bytes += (size_t)vsnprintf(head + head_bytes, sizeof(head) - head_bytes, format,
					arguments);
	__builtin_va_end(arguments);
}

static void add_noise(unsigned int lines)
{
	while (lines--)
		add("X-Noise-%u: %0*u\r\n", lines, 1 + (int)roll(60), roll(1000000));
}

static void make(enum way way, size_t length)
{
	static const char *const names[] = { "traceparent", "Traceparent", "TRACEPARENT",
					     "tRaCePaReNt" };

	head_bytes = 0;
	add("%s /p/%u HTTP/1.1\r\nHost: localhost\r\n",
	    way == HEAD ? "HEAD" : length || way == CHUNKED ? "POST" : "GET", roll(1000));
	add_noise(way == LONG ? 800 + roll(700) : roll(12));
	if (way == OWN) {
		add("%s:%s00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX-Own: yes\r\n",
		    names[roll(4)], roll(2) ? " " : "");
		add_noise(roll(8));
	}
	if (way == CHUNKED)
		add("Transfer-Encoding: chunked\r\n");
	else if (length)
		add("Content-Length: %zu\r\n", length);
	if (way == EXPECT)
		add("Expect: 100-continue\r\n");
	add("\r\n");
	requests++;
	least += way != OWN;
	most += way != OWN;
}

static void in_two(size_t length)
{
	size_t at = 1 + requests % (head_bytes - 1);

	/* Between the two bytes of the empty line there is no place. */
	if (at == head_bytes - 1) {
		least--;
		most--;
	}
	put_one(WRITE, head, at);
	put_one(WRITE, head + at, head_bytes - at);
	put_one(WRITE, body, length);
}

static void in_a_vector(size_t length)
{
	size_t at = requests % (head_bytes + length);
	size_t first = at < head_bytes ? at : head_bytes;
	struct iovec iov[4] = { { head, first },
				{ head + first, head_bytes - first },
				{ body, at - first },
				{ body + (at - first), length - (at - first) } };

	put(WRITEV, iov, 4, 0);
}

static void in_many(size_t length)
{
	static struct iovec iov[PIECES];
	size_t step = 1 + roll(20), at = 0;
	int count = 0;

	for (; at < head_bytes && count < PIECES - 1; at += step)
		iov[count++] = (struct iovec){ head + at, head_bytes - at < step ? head_bytes - at :
										   step };
	if (at < head_bytes)
		iov[count - 1].iov_len = head_bytes - (at - step);
	iov[count++] = (struct iovec){ body, length };
	put(roll(2) ? SENDMSG : WRITEV, iov, count, 0);
}

static void from_file(size_t length)
{
	off_t at = 0;

	put_one(WRITE, head, head_bytes);
	while (at < (off_t)length)
		if (sendfile(fd, body_fd, &at, length - (size_t)at) < 0 && !again())
			fail("sendfile");
	sum_add(&sum, body, length);
}

static void in_chunks(void)
{
	unsigned int count = roll(6);

	put_one(WRITE, head, head_bytes);
	while (count--) {
		size_t bytes = 1 + roll(4000);

		head_bytes = (size_t)snprintf(head, sizeof(head), "%zx\r\n", bytes);
		memcpy(head + head_bytes, body, bytes);
		memcpy(head + head_bytes + bytes, "\r\n", 2);
		put_one(WRITE, head, head_bytes + bytes + 2);
	}
	put_one(WRITE, "0\r\n\r\n", 5);
}

/* Several in one write: the first of them, and perhaps more if it is cut. */
static unsigned int in_a_row(void)
{
	static char row[8][8000];
	static char all[64000];
	unsigned int count = 2 + roll(4);
	size_t bytes = 0;

	for (unsigned int i = 0; i < count; i++) {
		make(WRITE, 0);
		memcpy(row[i], head, head_bytes);
		memcpy(all + bytes, head, head_bytes);
		bytes += head_bytes;
	}
	least -= count - 1;
	put_one(WRITE, all, bytes);
	return count;
}

static void with_more(size_t length)
{
	struct iovec iov = { .iov_base = head, .iov_len = head_bytes };

	put(SENDMSG, &iov, 1, MSG_MORE);
	put_one(WRITE, body, length);
}

static void joined(enum way way, size_t length)
{
	static char all[sizeof(head) + sizeof(body)];

	memcpy(all, head, head_bytes);
	memcpy(all + head_bytes, body, length);
	put_one(way, all, head_bytes + length);
}

static void ask(enum way way)
{
	size_t length = way == BIG ? 20000 + roll(270000) :
			way == HEAD || way == CHUNKED ? 0 : roll(3) ? roll(2000) : 0;
	unsigned int answers = 1;

	if (way == WRITEV || way == EXPECT || way == SENDFILE)
		length++;
	if (way != PIPELINE)
		make(way, length);
	if (way == TWO)
		in_two(length);
	else if (way == WRITEV)
		in_a_vector(length);
	else if (way == MANY)
		in_many(length);
	else if (way == MORE)
		with_more(length);
	else if (way == SENDFILE)
		from_file(length);
	else if (way == CHUNKED)
		in_chunks();
	else if (way == PIPELINE)
		answers = in_a_row();
	else if (way != EXPECT)
		joined(way, length);
	if (way == EXPECT) {
		put_one(WRITE, head, head_bytes);
		take(CONTINUE);
		put_one(WRITE, body, length);
	}
	while (answers--)
		take(way == HEAD ? ANSWER : ANSWER "ok");
}

/* ---- connections ---- */

static void open_connection(int port, const char *how, const char *kind)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { .tv_usec = 2000 };
	int small = 4096;

	fd = socket(AF_INET, SOCK_STREAM, 0);
	/* Many small writes are not to wait for each other's acknowledgement. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (roll(2))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		fail("connect");
	if (strcmp(how, "nonblock") == 0)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	if (strcmp(how, "timeout") == 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (kind == NULL)
		return;
	static SSL_CTX *tls;

	if (tls == NULL)
		tls = SSL_CTX_new(TLS_client_method());
	ssl = SSL_new(tls);
	if (strcmp(kind, "tls-partial") == 0)
		SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
	if (strcmp(kind, "tls-moving") == 0)
		SSL_set_mode(ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_set_fd(ssl, fd);
	for (int done = 0; done != 1;) {
		errno = 0;
		done = SSL_connect(ssl);
		int error = done == 1 ? 0 : SSL_get_error(ssl, done);

		if (error == SSL_ERROR_SSL || error == SSL_ERROR_ZERO_RETURN)
			fail("SSL_connect");
	}
}

static void close_connection(void)
{
	if (ssl) {
		SSL_shutdown(ssl);
		SSL_free(ssl);
	}
	close(fd);
	printf("%016llx %llu %lu %lu %lu\n", (unsigned long long)sum.hash,
	       (unsigned long long)sum.bytes, requests, least, most);
	fflush(stdout);
	sum = (struct sum){ 0 };
	requests = least = most = 0;
	ssl = NULL;
}

int main(int argc, char **argv)
{
	const char *kind = argc > 6 ? argv[6] : NULL;
	long count = argc > 5 ? strtol(argv[3], NULL, 10) : -1;
	enum way way = 0;

	while (argc > 2 && way < WAYS && strcmp(ways[way], argv[2]) != 0)
		way++;
	if (count < 0 || way == WAYS)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	dice = strtoull(argv[4], NULL, 10);
	for (size_t at = 0; at < sizeof(body); at++)
		body[at] = (char)roll(256);
	body_fd = memfd_create("body", 0);
	if (write(body_fd, body, sizeof(body)) != sizeof(body))
		fail("body");
	while (count > 0) {
		open_connection(atoi(argv[1]), argv[5], kind);
		for (unsigned int left = 1 + roll(60); left && count > 0; left--, count--)
			ask(way);
		close_connection();
	}
	return 0;
}
