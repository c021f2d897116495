/* SPDX-License-Identifier: MIT */
/*
 * scrape.c - fuzzes what a scraper of Prometheus asks.
 *
 * Input: a byte that says how long the pieces are in which the request comes (bit 7: the answer
 * is a long one), the request.  In pieces and as a whole it is answered the same; an answer is
 * a head that is true of what follows it, and metrics are made for no other one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/export/scrape.h"

#define LONG_BYTES 300000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct ta_scrape *scrape;
static struct sockaddr_un address;
static socklen_t address_bytes = sizeof(address);
static unsigned int rendered;
static bool is_long;

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void render(void *user, bool openmetrics, struct ta_buf *out)
{
	(void)user;
	rendered++;
	ta_buf_puts(out, openmetrics ? "open\n" : "plain\n");
	for (size_t i = 0; is_long && i < LONG_BYTES / 10; i++)
		ta_buf_puts(out, "0123456789");
}

/* A socket without ports stands where it listens: the next million connections find room. */
static void prepare(void)
{
	struct pollfd fds[TA_SCRAPE_FDS];
	uint64_t due = UINT64_MAX;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (scrape) {
		close(fd);
		return;
	}
	demand(ta_scrape_new("127.0.0.1", 0, render, NULL, &scrape) == 0);
	demand(ta_scrape_fds(scrape, fds, 0, &due) == 1);
	address.sun_family = AF_UNIX;
	demand(bind(fd, (void *)&address, sizeof(address.sun_family)) == 0 && listen(fd, 16) == 0);
	demand(getsockname(fd, (void *)&address, &address_bytes) == 0);
	demand(dup2(fd, fds[0].fd) >= 0);
	close(fd);
}

/* Everything that is there to be read; false: the other side has closed. */
static bool hear(int fd, struct ta_buf *answer)
{
	for (;;) {
		char *to = ta_buf_reserve(answer, 65536);
		ssize_t bytes = recv(fd, to, 65536, MSG_DONTWAIT);

		if (bytes <= 0)
			return bytes < 0;
		answer->bytes += (size_t)bytes;
	}
}

static void ask(const char *request, size_t bytes, size_t piece, struct ta_buf *answer)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t now_ns = 1;

	demand(connect(fd, (void *)&address, address_bytes) == 0);
	for (size_t at = 0; at < bytes; at += piece) {
		size_t part = bytes - at < piece ? bytes - at : piece;

		if (send(fd, request + at, part, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)part)
			break;
		ta_scrape_turn(scrape, now_ns);
		hear(fd, answer);
	}
	for (int turn = 0; turn < (is_long ? 50 : 3); turn++) {
		ta_scrape_turn(scrape, now_ns);
		if (!hear(fd, answer))
			break;
	}
	ta_scrape_turn(scrape, now_ns + 5000000000ull); /* nobody stays for longer */
	demand(!hear(fd, answer));
	close(fd);
}

static void check_answer(const struct ta_buf *answer, const char *request)
{
	char head[512], *end, *length;
	const char *body;

	if (!answer->bytes) {
		demand(rendered == 0);
		return;
	}
	body = memmem(answer->data, answer->bytes, "\r\n\r\n", 4);
	demand(body && body - answer->data < (ptrdiff_t)sizeof(head));
	snprintf(head, sizeof(head), "%.*s", (int)(body - answer->data), answer->data);
	body += 4;
	length = strstr(head, "\r\nContent-Length: ");
	demand(strncmp(head, "HTTP/1.1 ", 9) == 0 && length && strstr(head, "\r\nConnection: close"));
	size_t told = strtoul(length + 18, &end, 10);
	size_t found = answer->bytes - (size_t)(body - answer->data);
	bool ok = strncmp(head + 9, "200 OK\r", 7) == 0;

	demand(rendered == ok && told > 0);
	demand(found == told || (found == 0 && strncmp(request, "HEAD ", 5) == 0));
	demand(!ok || found == 0 || strncmp(body, strstr(head, "openmetrics") ? "open" : "plain", 4) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct ta_buf whole = { 0 }, pieces = { 0 };

	if (bytes < 1 || bytes > 20000)
		return 0;
	char *request = malloc(bytes);

	memcpy(request, data + 1, bytes - 1);
	request[bytes - 1] = '\0';
	prepare();
	is_long = data[0] & 0x80;
	rendered = 0;
	ask(request, bytes - 1, bytes, &whole);
	check_answer(&whole, request);
	rendered = 0;
	ask(request, bytes - 1, bytes > 4000 ? 997 : (size_t)(data[0] & 0x7f) + 1, &pieces);
	demand(whole.bytes == pieces.bytes &&
	       (!whole.bytes || memcmp(whole.data, pieces.data, whole.bytes) == 0));
	ta_buf_fini(&whole);
	ta_buf_fini(&pieces);
	free(request);
	return 0;
}
