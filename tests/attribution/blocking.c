/* SPDX-License-Identifier: MIT */
/*
 * blocking.c - a request served from beginning to end on one stack: of a thread, a process or a
 * coroutine.  What is not ready is waited for by wait_for(), which of threads has nothing to do,
 * because their sockets block.
 */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void pause_thread(unsigned microseconds)
{
	struct timespec time = {.tv_nsec = microseconds * 1000l};

	nanosleep(&time, NULL);
}

void (*wait_for)(int fd, short events);
void (*pause_for)(unsigned microseconds) = pause_thread;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t returned = PTHREAD_COND_INITIALIZER;
static int idle[1024];
static unsigned idle_count, in_use;

const void *downstream_address(unsigned *ret_size)
{
	static struct sockaddr_in address;

	address.sin_family = AF_INET;
	address.sin_port = htons(options.downstream);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*ret_size = sizeof(address);
	return &address;
}

int downstream_dial(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (wait_for ? SOCK_NONBLOCK : 0), 0);
}

static int dial(void)
{
	unsigned size;
	const void *address = downstream_address(&size);
	int fd = downstream_dial();

	if (connect(fd, address, size) == 0)
		return fd;
	if (errno != EINPROGRESS || !wait_for)
		abort();
	wait_for(fd, POLLOUT);
	return fd;
}

/* An idle connection, or a new one; of a few it is waited for. */
static int upstream_take(void)
{
	int fd = -1;

	if (options.upstream == UPSTREAM_PER_CALL)
		return dial();
	pthread_mutex_lock(&lock);
	while (options.upstream == UPSTREAM_SHARED && idle_count == 0 && in_use == UPSTREAM_SHARED_MAX)
		pthread_cond_wait(&returned, &lock);
	if (idle_count)
		fd = idle[--idle_count];
	in_use++;
	pthread_mutex_unlock(&lock);
	return fd >= 0 ? fd : dial();
}

static void upstream_give(int fd)
{
	if (options.upstream == UPSTREAM_PER_CALL) {
		close(fd);
		return;
	}
	pthread_mutex_lock(&lock);
	idle[idle_count++] = fd;
	in_use--;
	pthread_cond_signal(&returned);
	pthread_mutex_unlock(&lock);
}

void write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t sent = write(fd, data, size);

		if (sent < 0 && errno == EAGAIN && wait_for)
			wait_for(fd, POLLOUT);
		else if (sent < 0 && errno != EINTR)
			return;
		else if (sent > 0)
			data += sent, size -= (size_t)sent;
	}
}

static ssize_t read_some(int fd, char *data, size_t room)
{
	ssize_t got;

	while ((got = read(fd, data, room)) < 0 && (errno == EINTR || (errno == EAGAIN && wait_for)))
		if (errno == EAGAIN)
			wait_for(fd, POLLIN);
	return got;
}

static void call_out(uint64_t id, unsigned number, struct text *body)
{
	char data[CALL_ANSWER_MAX], *answer;
	size_t have = 0, size;
	int fd = upstream_take();
	ssize_t got;

	size = call_format(options.protocol, id, number, options.upstream == UPSTREAM_PER_CALL, data);
	write_all(fd, data, size);
	do {
		got = read_some(fd, data + have, sizeof(data) - 1 - have);
		if (got <= 0)
			abort();
		have += (size_t)got;
		data[have] = 0;
	} while (!call_complete(options.protocol, data, have, &answer, &size));
	memcpy(body->data + body->size, answer, size);
	body->size += size;
	upstream_give(fd);
}

static void dawdle(uint64_t id, unsigned place)
{
	unsigned delay = options.no_delay ? 0 : truth_delay_us(id, place);

	if (delay)
		pause_for(delay);
}

void body_fetch(const struct request *request, struct text *ret_body)
{
	ret_body->size = 0;
	if (options.delay_first)
		dawdle(request->id, 8);
	for (unsigned i = 0; i < truth_calls(request->id); i++)
		call_out(request->id, i, ret_body);
	dawdle(request->id, 9);
}

void request_serve(int fd, const struct request *request)
{
	struct text body, answer;

	body_fetch(request, &body);
	answer_make(request, &body, &answer);
	write_all(fd, answer.data, answer.size);
}

void connection_serve(int fd)
{
	struct conn conn = {.fd = fd};
	struct request request = {0};

	while (!request.close) {
		while (!request_take(&conn, &request)) {
			ssize_t got = read_some(fd, conn.in + conn.have, sizeof(conn.in) - 1 - conn.have);

			if (got <= 0)
				goto out;
			conn.have += (size_t)got;
		}
		request_serve(fd, &request);
	}
out:
	close(fd);
}
