/* SPDX-License-Identifier: MIT */
/*
 * server_async.c - a request as a state machine on an event loop: nothing ever blocks.
 *
 * A job is a client's connection with at most one connection to the downstream server.  In a loop that is
 * shared by threads a job is with one thread at a time, because it waits for one thing at
 * a time (EPOLLONESHOT).
 */
#include "loop.h"
#include "server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

enum state { READING, QUEUED, SENDING, RECEIVING, PAUSING, ANSWERING };

struct door {
	struct source source;
	struct loop *loop;
	bool passed;
};

struct job {
	struct source client, upstream;
	struct timer timer;
	struct loop *loop;
	enum state state;
	struct conn conn;
	struct request request;
	unsigned number; /* of the call */
	size_t have, sent;
	char data[CALL_ANSWER_MAX];
	struct text body, answer;
	struct job *next; /* in the row for a connection */
};

static _Thread_local int idle[LOOP_FDS];
static _Thread_local unsigned idle_count, in_use;
static _Thread_local struct job *row, **row_end;
static _Thread_local struct job *unused; /* memory stays a job's: events may come late */

static void next_request(struct job *job);
static void next_call(struct job *job);

/* ---- the client's side ---- */

static void end_job(struct job *job)
{
	loop_forget(job->loop, &job->client);
	close(job->client.fd);
	job->next = unused;
	unused = job;
}

static void write_answer(struct job *job)
{
	ssize_t sent = write(job->client.fd, job->answer.data + job->sent, job->answer.size - job->sent);

	if (sent < 0 && errno != EAGAIN) {
		end_job(job);
		return;
	}
	job->sent += sent > 0 ? (size_t)sent : 0;
	if (job->sent < job->answer.size)
		loop_watch(job->loop, &job->client, EPOLLOUT);
	else if (job->request.close)
		end_job(job);
	else
		next_request(job);
}

static void answer_now(struct timer *timer)
{
	struct job *job = CONTAINER(timer, struct job, timer);

	job->state = ANSWERING;
	job->sent = 0;
	answer_make(&job->request, &job->body, &job->answer);
	write_answer(job);
}

static void call_now(struct timer *timer)
{
	next_call(CONTAINER(timer, struct job, timer));
}

/* By a timer; a loop that threads share has none, and a thread of its own to put to sleep. */
static void pause_job(struct job *job, unsigned place, void (*then)(struct timer *))
{
	unsigned delay = options.no_delay ? 0 : truth_delay_us(job->request.id, place);

	job->state = PAUSING;
	job->timer.expired = then;
	if (!delay) {
		then(&job->timer);
	} else if (job->loop->shared) {
		pause_for(delay);
		then(&job->timer);
	} else {
		loop_after(job->loop, &job->timer, delay);
	}
}

static void begin_request(struct job *job)
{
	job->number = 0;
	job->body.size = 0;
	if (!(job->loop->flags & EPOLLONESHOT))
		loop_watch(job->loop, &job->client, 0);
	if (options.delay_first)
		pause_job(job, 8, call_now);
	else
		next_call(job);
}

static void receive_request(struct job *job)
{
	long got;

	while ((got = conn_read(&job->conn)) > 0) {
		if (request_take(&job->conn, &job->request)) {
			begin_request(job);
			return;
		}
	}
	if (got < 0 && errno == EAGAIN)
		loop_watch(job->loop, &job->client, EPOLLIN);
	else
		end_job(job);
}

static void next_request(struct job *job)
{
	job->state = READING;
	if (request_take(&job->conn, &job->request))
		begin_request(job);
	else if (job->loop->flags & EPOLLET)
		receive_request(job); /* what came meanwhile is not told again */
	else
		loop_watch(job->loop, &job->client, EPOLLIN);
}

static void client_ready(struct source *source)
{
	struct job *job = CONTAINER(source, struct job, client);

	if (job->state == READING)
		receive_request(job);
	else if (job->state == ANSWERING)
		write_answer(job);
}

/* ---- the downstream server's side ---- */

static void give_upstream(struct job *job)
{
	struct job *waiting = row;

	in_use--;
	loop_forget(job->loop, &job->upstream);
	if (options.upstream == UPSTREAM_PER_CALL)
		close(job->upstream.fd);
	else
		idle[idle_count++] = job->upstream.fd;
	if (waiting && options.upstream == UPSTREAM_SHARED) {
		row = waiting->next;
		next_call(waiting);
	}
}

static void call_answered(struct job *job, const char *body, size_t size)
{
	memcpy(job->body.data + job->body.size, body, size);
	job->body.size += size;
	job->number++;
	give_upstream(job);
	if (job->number < truth_calls(job->request.id))
		next_call(job);
	else
		pause_job(job, 9, answer_now);
}

static void receive_answer(struct job *job)
{
	ssize_t got;
	char *body;
	size_t size;

	while ((got = read(job->upstream.fd, job->data + job->have, sizeof(job->data) - 1 - job->have)) > 0) {
		job->have += (size_t)got;
		job->data[job->have] = 0;
		if (call_complete(options.protocol, job->data, job->have, &body, &size)) {
			call_answered(job, body, size);
			return;
		}
	}
	if (got == 0 || errno != EAGAIN)
		abort();
	loop_watch(job->loop, &job->upstream, EPOLLIN);
}

static void send_call(struct job *job)
{
	char call[CALL_MAX];
	size_t size = call_format(options.protocol, job->request.id, job->number,
				  options.upstream == UPSTREAM_PER_CALL, call);
	ssize_t sent = write(job->upstream.fd, call, size);

	if (sent < 0 && errno == EAGAIN) {
		loop_watch(job->loop, &job->upstream, EPOLLOUT);
		return;
	}
	if (sent != (ssize_t)size)
		abort();
	job->state = RECEIVING;
	job->have = 0;
	loop_watch(job->loop, &job->upstream, EPOLLIN);
}

static void upstream_ready(struct source *source)
{
	struct job *job = CONTAINER(source, struct job, upstream);

	if (job->state == SENDING)
		send_call(job);
	else if (job->state == RECEIVING)
		receive_answer(job);
}

static void stand_in_row(struct job *job)
{
	job->state = QUEUED;
	job->next = NULL;
	if (!row)
		row_end = &row;
	*row_end = job;
	row_end = &job->next;
}

static void next_call(struct job *job)
{
	unsigned size;
	const void *address = downstream_address(&size);

	if (options.upstream == UPSTREAM_SHARED && in_use == UPSTREAM_SHARED_MAX) {
		stand_in_row(job);
		return;
	}
	in_use++;
	job->state = SENDING;
	if (idle_count) {
		job->upstream.fd = idle[--idle_count];
		send_call(job);
		return;
	}
	job->upstream.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (connect(job->upstream.fd, address, size) != 0 && errno != EINPROGRESS)
		abort();
	loop_watch(job->loop, &job->upstream, EPOLLOUT);
}

/* ---- connections ---- */

static void begin_job(struct loop *loop, int fd)
{
	struct job *job = unused;

	if (job)
		unused = job->next;
	else
		job = malloc(sizeof(*job));
	memset(job, 0, sizeof(*job));
	job->loop = loop;
	job->client = (struct source){.fd = fd, .ready = client_ready};
	job->upstream = (struct source){.fd = -1, .ready = upstream_ready};
	job->conn.fd = fd;
	loop_watch(loop, &job->client, EPOLLIN);
}

static int receive_fd(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header;
	int fd;

	if (recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
		return -1;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static void door_ready(struct source *source)
{
	struct door *door = CONTAINER(source, struct door, source);
	int fd;

	while ((fd = door->passed ? receive_fd(source->fd)
				  : accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		begin_job(door->loop, fd);
	loop_watch(door->loop, source, EPOLLIN); /* EPOLLONESHOT */
}

void loop_serve(struct loop *loop, int listener, bool passed)
{
	struct door door = {{.fd = listener, .ready = door_ready}, loop, passed};

	if (loop->backend == &backend_epoll && !loop->shared)
		loop->poller = epoll_create1(EPOLL_CLOEXEC);
	loop_watch(loop, &door.source, EPOLLIN);
	loop_run(loop);
}

void loop_serve_these(struct loop *loop, const int *fds, unsigned count)
{
	loop->poller = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < count; i++)
		begin_job(loop, fds[i]);
	loop_run(loop);
	close(loop->poller);
}
