/* SPDX-License-Identifier: MIT */
/*
 * scrape.c - GET /metrics.  RFC 9112 as far as one request without a body needs it.
 *
 * Runs: agent, the delivery thread.
 */
#include "runtime/export/scrape.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_BYTES 8192u
#define PATIENCE_NS 5000000000ull
#define TURN_NS 1000000000ull /* the agent's clock may be moved */

struct connection {
	int fd; /* -1: free */
	uint64_t until_ns;
	bool answering, ending; /* ending: all is written, the other side is to close */
	uint32_t head_bytes;
	char head[HEAD_BYTES + 1];
	struct ta_buf answer;
	size_t written;
};

struct ta_scrape {
	int fd;
	void (*render)(void *user, bool openmetrics, struct ta_buf *out);
	void *user;
	struct ta_buf text;
	struct connection connections[TA_SCRAPE_CONNECTIONS];
};

/* ---- listening ---- */

static int listen_on(const struct addrinfo *address)
{
	int one = 1;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, 16) == 0)
		return fd;
	int error = -errno;

	close(fd);
	return error;
}

/* Only addresses and names of this machine: no name server is asked. */
static int open_listener(const char *host, uint16_t port)
{
	struct addrinfo wanted = { .ai_socktype = SOCK_STREAM,
				   .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *addresses = NULL;
	char service[8];

	snprintf(service, sizeof(service), "%u", port);
	if (host && strcasecmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (getaddrinfo(host && *host ? host : NULL, service, &wanted, &addresses) != 0)
		return -EINVAL;
	int fd = listen_on(addresses);

	freeaddrinfo(addresses);
	return fd;
}

int ta_scrape_new(const char *host, uint16_t port,
		  void (*render)(void *user, bool openmetrics, struct ta_buf *out), void *user,
		  struct ta_scrape **ret_scrape)
{
	struct ta_scrape *scrape = calloc(1, sizeof(*scrape));

	if (!scrape)
		return -ENOMEM;
	scrape->fd = open_listener(host, port);
	if (scrape->fd < 0) {
		int error = scrape->fd;

		free(scrape);
		return error;
	}
	scrape->render = render;
	scrape->user = user;
	for (unsigned int i = 0; i < TA_SCRAPE_CONNECTIONS; i++)
		scrape->connections[i].fd = -1;
	*ret_scrape = scrape;
	return 0;
}

static void hang_up(struct connection *connection)
{
	close(connection->fd);
	connection->fd = -1;
	ta_buf_fini(&connection->answer);
	connection->answer = (struct ta_buf){ 0 };
}

void ta_scrape_free(struct ta_scrape *scrape)
{
	if (!scrape)
		return;
	for (unsigned int i = 0; i < TA_SCRAPE_CONNECTIONS; i++)
		if (scrape->connections[i].fd >= 0)
			hang_up(&scrape->connections[i]);
	close(scrape->fd);
	ta_buf_fini(&scrape->text);
	free(scrape);
}

/* ---- polling ---- */

static bool is_full(const struct ta_scrape *scrape)
{
	for (unsigned int i = 0; i < TA_SCRAPE_CONNECTIONS; i++)
		if (scrape->connections[i].fd < 0)
			return false;
	return true;
}

/* While there is no room nobody is let in: they wait in the kernel's queue. */
unsigned int ta_scrape_fds(const struct ta_scrape *scrape, struct pollfd *fds, uint64_t now_ns,
			   uint64_t *due_ns)
{
	unsigned int count = 0;

	if (!is_full(scrape))
		fds[count++] = (struct pollfd){ .fd = scrape->fd, .events = POLLIN };
	for (unsigned int i = 0; i < TA_SCRAPE_CONNECTIONS; i++) {
		const struct connection *connection = &scrape->connections[i];
		bool writes = connection->answering && !connection->ending;

		if (connection->fd < 0)
			continue;
		fds[count++] = (struct pollfd){ .fd = connection->fd,
						.events = writes ? POLLOUT : POLLIN };
		if (*due_ns > connection->until_ns)
			*due_ns = connection->until_ns;
		if (*due_ns > now_ns + TURN_NS)
			*due_ns = now_ns + TURN_NS;
	}
	return count;
}

/* ---- what is asked ---- */

static bool is_line(const char *head, const char *name, const char **ret_value)
{
	size_t bytes = strlen(name);

	if (strncasecmp(head, name, bytes) != 0)
		return false;
	*ret_value = head + bytes;
	return true;
}

/* Whether a line of the head says Accept with OpenMetrics among what it lists. */
static bool wants_openmetrics(const char *head)
{
	for (const char *line = strchr(head, '\n'); line; line = strchr(line, '\n')) {
		const char *value;

		line++;
		if (!is_line(line, "accept:", &value))
			continue;
		size_t bytes = strcspn(value, "\r\n");

		if (memmem(value, bytes, "application/openmetrics-text", 28))
			return true;
	}
	return false;
}

struct question {
	bool get, head, metrics, openmetrics;
};

static bool read_target(const char *target, size_t bytes)
{
	static const char path[] = "/metrics";
	size_t length = sizeof(path) - 1;

	return bytes >= length && memcmp(target, path, length) == 0 &&
	       (bytes == length || target[length] == '?');
}

/* "GET /metrics HTTP/1.1".  False: that is not HTTP/1. */
static bool read_question(const char *head, struct question *ret)
{
	size_t line = strcspn(head, "\r\n");
	const char *space = memchr(head, ' ', line);

	if (!space || space == head)
		return false;
	size_t target = strcspn(space + 1, " \r\n");
	const char *version = space + 1 + target;

	if (target == 0 || strncmp(version, " HTTP/1.", 8) != 0 || version[8] < '0' ||
	    version[8] > '9' || version + 9 != head + line)
		return false;
	ret->get = strncmp(head, "GET ", 4) == 0;
	ret->head = strncmp(head, "HEAD ", 5) == 0;
	ret->metrics = read_target(space + 1, target);
	ret->openmetrics = wants_openmetrics(head);
	return true;
}

/* ---- answers ---- */

static void put_head(struct ta_buf *out, const char *status, const char *type, size_t bytes,
		     const char *more)
{
	char head[512];
	int length = snprintf(head, sizeof(head),
			      "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s"
			      "Connection: close\r\n\r\n",
			      status, type, bytes, more);

	ta_buf_put(out, head, length > 0 ? (size_t)length : 0);
}

static void refuse(struct connection *connection, const char *status, const char *words,
		   const char *more, bool with_body)
{
	put_head(&connection->answer, status, "text/plain; charset=utf-8", strlen(words), more);
	if (with_body)
		ta_buf_puts(&connection->answer, words);
}

static void tell(struct ta_scrape *scrape, struct connection *connection,
		 const struct question *question)
{
	ta_buf_clear(&scrape->text);
	scrape->render(scrape->user, question->openmetrics, &scrape->text);
	if (scrape->text.failed) {
		ta_buf_fini(&scrape->text);
		scrape->text = (struct ta_buf){ 0 };
		refuse(connection, "503 Service Unavailable", "out of memory\n", "", true);
		return;
	}
	put_head(&connection->answer, "200 OK",
		 question->openmetrics
			 ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
			 : "text/plain; version=0.0.4; charset=utf-8",
		 scrape->text.bytes, "");
	if (!question->head)
		ta_buf_put(&connection->answer, scrape->text.data, scrape->text.bytes);
}

static void answer(struct ta_scrape *scrape, struct connection *connection)
{
	struct question question = { 0 };

	connection->answering = true;
	if (!read_question(connection->head, &question))
		refuse(connection, "400 Bad Request", "this is no HTTP/1 request\n", "", true);
	else if (!question.metrics)
		refuse(connection, "404 Not Found", "metrics are at /metrics\n", "",
		       !question.head);
	else if (!question.get && !question.head)
		refuse(connection, "405 Method Not Allowed", "only GET and HEAD\n",
		       "Allow: GET, HEAD\r\n", true);
	else
		tell(scrape, connection, &question);
}

/* ---- turns ---- */

/* Behind the empty line; NULL: it has not come. */
static char *end_of(char *head)
{
	char *end = strstr(head, "\r\n\r\n"), *bare = strstr(head, "\n\n");

	if (bare && (!end || bare < end))
		return bare + 2;
	return end ? end + 4 : NULL;
}

/* False: nobody is there any more, or the head is never going to be one. */
static bool read_head(struct ta_scrape *scrape, struct connection *connection)
{
	size_t room = HEAD_BYTES - connection->head_bytes;
	ssize_t bytes = recv(connection->fd, connection->head + connection->head_bytes, room, 0);

	if (bytes < 0)
		return errno == EAGAIN || errno == EINTR;
	if (bytes == 0)
		return false;
	char *fresh = connection->head + connection->head_bytes, *end;

	connection->head_bytes += (uint32_t)bytes;
	fresh[bytes] = '\0';
	end = end_of(connection->head);
	if (end) {
		*end = '\0'; /* what came behind it in the same piece is none of it */
		answer(scrape, connection);
	} else if (memchr(fresh, '\0', (size_t)bytes)) {
		connection->head[0] = '\0'; /* a bad request */
		answer(scrape, connection);
	} else if (connection->head_bytes == HEAD_BYTES) {
		connection->answering = true;
		refuse(connection, "431 Request Header Fields Too Large", "the head is too long\n",
		       "", true);
	}
	return true;
}

/* What was sent behind the head is read before the end, so that closing resets nothing. */
static bool read_rest(struct connection *connection)
{
	char rest[4096];
	ssize_t bytes = recv(connection->fd, rest, sizeof(rest), 0);

	return bytes > 0 || (bytes < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool write_answer(struct connection *connection)
{
	size_t left = connection->answer.bytes - connection->written;
	ssize_t bytes;

	if (connection->answer.failed)
		return false;
	bytes = send(connection->fd, connection->answer.data + connection->written, left,
		     MSG_NOSIGNAL);
	if (bytes < 0)
		return errno == EAGAIN || errno == EINTR;
	connection->written += (size_t)bytes;
	if (connection->written == connection->answer.bytes) {
		connection->ending = true;
		shutdown(connection->fd, SHUT_WR);
	}
	return true;
}

/* False: it is over. */
static bool move_on(struct ta_scrape *scrape, struct connection *connection, uint64_t now_ns)
{
	if (now_ns >= connection->until_ns)
		return false;
	if (!connection->answering && !read_head(scrape, connection))
		return false;
	if (connection->ending)
		return read_rest(connection);
	return !connection->answering || write_answer(connection);
}

static void let_in(struct ta_scrape *scrape, uint64_t now_ns)
{
	for (unsigned int i = 0; i < TA_SCRAPE_CONNECTIONS; i++) {
		struct connection *connection = &scrape->connections[i];

		if (connection->fd >= 0)
			continue;
		int fd = accept4(scrape->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		connection->fd = fd;
		connection->until_ns = now_ns + PATIENCE_NS;
		connection->answering = connection->ending = false;
		connection->head_bytes = 0;
		connection->head[0] = '\0';
		connection->written = 0;
	}
}

void ta_scrape_turn(struct ta_scrape *scrape, uint64_t now_ns)
{
	let_in(scrape, now_ns);
	for (unsigned int i = 0; i < TA_SCRAPE_CONNECTIONS; i++) {
		struct connection *connection = &scrape->connections[i];

		if (connection->fd >= 0 && !move_on(scrape, connection, now_ns))
			hang_up(connection);
	}
}
