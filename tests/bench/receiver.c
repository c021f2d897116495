/* SPDX-License-Identifier: MIT */
/*
 * receiver.c - a receiver that costs little: reads requests, says 200, counts.
 *
 *     bench_receiver PORT
 *
 * HTTP/1.1 on the loopback, connections kept, one thread.  Counts requests, bytes as they came
 * and the spans and log records (or Sentry's spans and events) in them: of protobuf by its
 * outer fields, of JSON by the word that each has once.  Prints one line of JSON when it is
 * told to end (SIGTERM).  Says "ready" on standard output before.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#define PLAIN_MAX (64u << 20)
#define CONNECTIONS 256

struct connection {
	int fd;
	char *data;
	size_t bytes, room;
};

static volatile sig_atomic_t over;
static struct connection connections[CONNECTIONS];
static char plain[PLAIN_MAX];
static unsigned long long requests, wire_bytes, body_bytes, spans, events, points, bad;

static void on_term(int number)
{
	(void)number;
	over = 1;
}

/* ---- what is in a body ---- */

static bool varint(const unsigned char **at, const unsigned char *end, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (int shift = 0; *at < end && shift < 64; shift += 7) {
		unsigned char byte = *(*at)++;

		value |= (uint64_t)(byte & 127) << shift;
		if (!(byte & 128)) {
			*ret_value = value;
			return true;
		}
	}
	return false;
}

/* Messages of that many levels below: resource 1, scope 2, item 2. */
static uint64_t count_pb(const unsigned char *at, const unsigned char *end, int level)
{
	uint64_t found = 0, key, bytes;

	while (at < end) {
		if (!varint(&at, end, &key))
			break;
		if ((key & 7) != 2) {
			if ((key & 7) == 0 && varint(&at, end, &bytes))
				continue;
			break;
		}
		if (!varint(&at, end, &bytes) || bytes > (uint64_t)(end - at))
			break;
		if (key >> 3 == (level ? 2u : 1u))
			found += level == 2 ? 1 : count_pb(at, at + bytes, level + 1);
		at += bytes;
	}
	if (at != end)
		bad++;
	return found;
}

static uint64_t count_word(const char *data, size_t bytes, const char *word)
{
	uint64_t found = 0;
	size_t length = strlen(word);
	const char *end = data + bytes;

	while ((data = memmem(data, (size_t)(end - data), word, length)) != NULL) {
		found++;
		data += length;
	}
	return found;
}

/* Item by item: {"type":...,"length":N} and then so many bytes. */
static void count_envelope(const char *data, size_t bytes)
{
	const char *at = memchr(data, '\n', bytes), *end = data + bytes;

	while (at && ++at < end) {
		const char *line = at, *length = memmem(at, (size_t)(end - at), "\"length\":", 9);

		at = memchr(line, '\n', (size_t)(end - line));
		if (!at || !length || length > at) {
			bad++;
			return;
		}
		size_t item = strtoull(length + 9, NULL, 10), head = (size_t)(at - line);

		at++;
		if (item > (size_t)(end - at)) {
			bad++;
			return;
		}
		if (memmem(line, head, "\"transaction\"", 13))
			spans += count_word(at, item, "\"start_timestamp\":");
		else if (memmem(line, head, "\"event\"", 7))
			events++;
		at += item;
	}
}

static bool unzip(const char *data, size_t bytes, size_t *ret_bytes)
{
	z_stream stream = { .next_in = (unsigned char *)(uintptr_t)data, .avail_in = (uInt)bytes };

	if (inflateInit2(&stream, 31) != Z_OK)
		return false;
	stream.next_out = (unsigned char *)plain;
	stream.avail_out = sizeof(plain);
	int result = inflate(&stream, Z_FINISH);

	*ret_bytes = stream.total_out;
	inflateEnd(&stream);
	return result == Z_STREAM_END;
}

static void count_body(const char *path, bool json, const char *data, size_t bytes)
{
	const unsigned char *raw = (const unsigned char *)data;
	bool traces = strncmp(path, "/v1/traces", 10) == 0, logs = strncmp(path, "/v1/logs", 8) == 0;

	if (traces)
		spans += json ? count_word(data, bytes, "\"spanId\":") : count_pb(raw, raw + bytes, 0);
	else if (logs)
		events += json ? count_word(data, bytes, "\"observedTimeUnixNano\":") :
				 count_pb(raw, raw + bytes, 0);
	else if (strncmp(path, "/v1/metrics", 11) == 0)
		points++;
	else
		count_envelope(data, bytes);
}

/* ---- requests ---- */

static const char *header(const char *head, const char *end, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = head; at < end; at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1)
		if ((size_t)(end - at) > length && strncasecmp(at, name, length) == 0)
			return at + length;
	return NULL;
}

static void answer(int fd, bool json)
{
	static const char ok_json[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
				      "Content-Length: 2\r\n\r\n{}";
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"
				 "Content-Length: 0\r\n\r\n";
	size_t bytes = json ? sizeof(ok_json) - 1 : sizeof(ok) - 1;

	if (write(fd, json ? ok_json : ok, bytes) != (ssize_t)bytes)
		bad++;
}

/* Bytes of the first whole request; 0: not all is there. */
static size_t serve_one(const struct connection *connection)
{
	const char *data = connection->data;
	const char *end = memmem(data, connection->bytes, "\r\n\r\n", 4);

	if (!end)
		return 0;
	end += 4;
	const char *length = header(data, end, "content-length:");
	const char *encoding = header(data, end, "content-encoding:");
	const char *type = header(data, end, "content-type:"), *body = end;
	size_t bytes = length ? strtoull(length, NULL, 10) : 0, whole = (size_t)(end - data) + bytes;
	const char *path = memchr(data, ' ', (size_t)(end - data));

	if (connection->bytes < whole || !path)
		return 0;
	bool json = type && strncmp(type, " application/x-protobuf", 23) != 0;

	requests++;
	wire_bytes += whole;
	body_bytes += bytes;
	if (encoding && strncmp(encoding, " gzip", 5) == 0) {
		if (!unzip(end, bytes, &bytes))
			bad++;
		body = plain;
	}
	count_body(path + 1, json, body, bytes);
	answer(connection->fd, json);
	return whole;
}

static bool make_room(struct connection *connection)
{
	if (connection->room - connection->bytes >= 65536)
		return true;
	size_t room = connection->room ? connection->room * 2 : 1u << 20;
	char *data = realloc(connection->data, room);

	if (!data)
		return false;
	connection->data = data;
	connection->room = room;
	return true;
}

static void receive(struct connection *connection)
{
	ssize_t got = make_room(connection) ? read(connection->fd, connection->data + connection->bytes,
						   connection->room - connection->bytes) : 0;

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0) {
		close(connection->fd);
		free(connection->data);
		*connection = (struct connection){ .fd = -1 };
		return;
	}
	connection->bytes += (size_t)got;
	for (size_t done; connection->bytes && (done = serve_one(connection)) > 0;) {
		connection->bytes -= done;
		memmove(connection->data, connection->data + done, connection->bytes);
	}
}

static void welcome(int poll_fd, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };

	for (int i = 0; fd >= 0 && i < CONNECTIONS; i++)
		if (connections[i].fd < 0) {
			connections[i].fd = fd;
			event.data.ptr = &connections[i];
			if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
				return;
			connections[i].fd = -1;
			break;
		}
	if (fd >= 0)
		close(fd);
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 64) != 0)
		return -1;
	return fd;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_term };
	struct epoll_event event = { .events = EPOLLIN }, news[64];
	int listener = argc == 2 ? listen_on((uint16_t)atoi(argv[1])) : -1;
	int poll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (listener < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event) != 0)
		return fprintf(stderr, "usage: bench_receiver PORT\n"), 2;
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < CONNECTIONS; i++)
		connections[i].fd = -1;
	puts("ready");
	fflush(stdout);
	while (!over) {
		int count = epoll_wait(poll_fd, news, 64, -1);

		for (int i = 0; i < count; i++) {
			if (news[i].data.ptr)
				receive(news[i].data.ptr);
			else
				welcome(poll_fd, listener);
		}
	}
	printf("{\"requests\": %llu, \"wire_bytes\": %llu, \"body_bytes\": %llu, \"spans\": %llu, "
	       "\"events\": %llu, \"points\": %llu, \"bad\": %llu}\n",
	       requests, wire_bytes, body_bytes, spans, events, points, bad);
	return 0;
}
