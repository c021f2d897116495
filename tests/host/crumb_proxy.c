/* SPDX-License-Identifier: MIT */
/*
 * crumb_proxy.c - one thread, one epoll: each request is asked of an upstream, on a new
 * connection, with a password in its query.  When the upstream has answered, or hung up,
 * the proxy says so to standard error and syslog, captures an error and answers.  Uses the
 * optional API for the capture only.
 *
 *     crumb_proxy PORT UPSTREAM REQUESTS
 *
 * Not a victim: tests/e2e/test_breadcrumbs.py runs it.
 */
#include <sys/epoll.h>
#include <syslog.h>

#include "tests/host/victim.h"
#include "runtime/include/tagalong.h"

#define FDS_MAX 1024

static struct request {
	int client, upstream, number;
} requests[FDS_MAX];
static int poller, left;

static int loopback(const char *port, struct sockaddr_in *address)
{
	*address = (struct sockaddr_in){.sin_family = AF_INET,
					.sin_port = htons((uint16_t)atoi(port)),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
}

static void watch(int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	NEED(fd < FDS_MAX && epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0);
}

static void take_in(int listener)
{
	int fd = accept(listener, NULL, NULL);

	watch(fd, EPOLLIN);
	requests[fd].upstream = -1;
}

/* A client has sent its request: "GET /NUMBER HTTP/1.1". */
static void ask(struct request *request, const char *upstream)
{
	struct sockaddr_in address;
	int fd = loopback(upstream, &address);

	requests[fd] = *request;
	requests[fd].upstream = fd;
	NEED(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EINPROGRESS);
	NEED(epoll_ctl(poller, EPOLL_CTL_DEL, request->client, NULL) == 0);
	watch(fd, EPOLLOUT);
}

static void send_request(const struct request *request)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = request->upstream};
	char text[256];
	int bytes = snprintf(text, sizeof(text),
			     "GET /item/%d?password=hunter HTTP/1.1\r\nHost: upstream.test\r\n\r\n",
			     request->number);

	NEED(write(request->upstream, text, (size_t)bytes) == bytes);
	NEED(epoll_ctl(poller, EPOLL_CTL_MOD, request->upstream, &event) == 0);
}

static void answer(struct request *request)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	char heard[512], line[64];
	ssize_t bytes = read(request->upstream, heard, sizeof(heard));

	close(request->upstream);
	snprintf(line, sizeof(line), "heard of %d%s\n", request->number, bytes > 0 ? "" : " nothing");
	NEED(write(2, line, strlen(line)) > 0);
	syslog(LOG_INFO, "told %d", request->number);
	snprintf(line, sizeof(line), "%d", request->number);
	tagalong_capture_error("Failure", line);
	NEED(write(request->client, text, sizeof(text) - 1) == sizeof(text) - 1);
	close(request->client);
	left--;
}

static void hear(int fd, const char *upstream)
{
	char text[1024];
	ssize_t bytes = read(fd, text, sizeof(text) - 1);

	NEED(bytes > 0);
	text[bytes] = 0;
	requests[fd] = (struct request){.client = fd, .upstream = -1};
	NEED(sscanf(text, "GET /%d ", &requests[fd].number) == 1);
	ask(&requests[fd], upstream);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address;
	struct epoll_event events[16];

	NEED(argc == 4);
	int listener = loopback(argv[1], &address);
	poller = epoll_create1(0);
	left = atoi(argv[3]);
	NEED(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0);
	NEED(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(listener, 512) == 0);
	watch(listener, EPOLLIN);
	while (left > 0) {
		int count = epoll_wait(poller, events, 16, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;

			if (fd == listener)
				take_in(listener);
			else if (requests[fd].upstream != fd)
				hear(fd, argv[2]);
			else if (events[i].events == EPOLLOUT)
				send_request(&requests[fd]);
			else
				answer(&requests[fd]);
		}
	}
	return 0;
}
