/* SPDX-License-Identifier: MIT */
/* with_libuv.c - servers on libuv: streams on both sides, and blocking work in its thread pool. */
#include "server.h"

#include <stdlib.h>
#include <uv.h>

struct job {
	uv_tcp_t client;
	uv_tcp_t *upstream;
	uv_connect_t connecting;
	uv_write_t sending, answering;
	uv_timer_t timer;
	uv_work_t work;
	struct conn conn;
	struct request request;
	unsigned number;
	size_t have;
	char call[CALL_MAX], data[CALL_ANSWER_MAX];
	struct text body, answer;
};

static uv_loop_t *loop;
static bool in_pool;

static void next_call(struct job *job);
static void serve_next(struct job *job);

static void free_job(uv_handle_t *client)
{
	free(client->data);
}

static void timer_closed(uv_handle_t *timer)
{
	struct job *job = timer->data;

	uv_close((uv_handle_t *)&job->client, free_job);
}

static void end_job(struct job *job)
{
	uv_close((uv_handle_t *)&job->timer, timer_closed);
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void answer_written(uv_write_t *request, int status)
{
	struct job *job = request->data;

	if (status != 0 || job->request.close)
		end_job(job);
	else
		serve_next(job);
}

static void answer_now(uv_timer_t *timer)
{
	struct job *job = timer->data;
	uv_buf_t part;

	answer_make(&job->request, &job->body, &job->answer);
	part = uv_buf_init(job->answer.data, (unsigned)job->answer.size);
	job->answering.data = job;
	uv_write(&job->answering, (uv_stream_t *)&job->client, &part, 1, answer_written);
}

static void room_for_answer(uv_handle_t *upstream, size_t wanted, uv_buf_t *ret_room)
{
	struct job *job = upstream->data;

	(void)wanted;
	*ret_room = uv_buf_init(job->data + job->have, (unsigned)(sizeof(job->data) - 1 - job->have));
}

static void upstream_read(uv_stream_t *upstream, ssize_t got, const uv_buf_t *room)
{
	struct job *job = upstream->data;
	char *body;
	size_t size;

	(void)room;
	if (got < 0)
		abort();
	job->have += (size_t)got;
	job->data[job->have] = 0;
	if (!call_complete(options.protocol, job->data, job->have, &body, &size))
		return;
	memcpy(job->body.data + job->body.size, body, size);
	job->body.size += size;
	uv_close((uv_handle_t *)upstream, free_handle);
	if (++job->number < truth_calls(job->request.id))
		next_call(job);
	else if (options.no_delay || truth_delay_us(job->request.id, 9) < 1000)
		answer_now(&job->timer);
	else
		uv_timer_start(&job->timer, answer_now, truth_delay_us(job->request.id, 9) / 1000, 0);
}

static void call_sent(uv_write_t *request, int status)
{
	(void)request;
	if (status != 0)
		abort();
}

static void upstream_connected(uv_connect_t *connecting, int status)
{
	struct job *job = connecting->data;
	uv_buf_t part = uv_buf_init(job->call, (unsigned)call_format(options.protocol, job->request.id,
								      job->number, true, job->call));

	if (status != 0)
		abort();
	job->have = 0;
	uv_write(&job->sending, (uv_stream_t *)job->upstream, &part, 1, call_sent);
	uv_read_start((uv_stream_t *)job->upstream, room_for_answer, upstream_read);
}

static void next_call(struct job *job)
{
	unsigned size;
	const void *address = downstream_address(&size);

	job->upstream = malloc(sizeof(*job->upstream));
	uv_tcp_init(loop, job->upstream);
	job->upstream->data = job;
	job->connecting.data = job;
	uv_tcp_connect(&job->connecting, job->upstream, address, upstream_connected);
}

/* ---- blocking calls in the pool ---- */

static void work(uv_work_t *request)
{
	struct job *job = request->data;

	body_fetch(&job->request, &job->body);
}

static void after_work(uv_work_t *request, int status)
{
	struct job *job = request->data;

	(void)status;
	answer_now(&job->timer);
}

/* ---- the client's side ---- */

static void room_for_request(uv_handle_t *client, size_t wanted, uv_buf_t *ret_room)
{
	struct conn *conn = &((struct job *)client->data)->conn;

	(void)wanted;
	*ret_room = uv_buf_init(conn->in + conn->have, (unsigned)(sizeof(conn->in) - 1 - conn->have));
}

static void client_read(uv_stream_t *client, ssize_t got, const uv_buf_t *room)
{
	struct job *job = client->data;

	(void)room;
	if (got < 0) {
		end_job(job);
		return;
	}
	job->conn.have += (size_t)got;
	serve_next(job);
}

static void serve_next(struct job *job)
{
	if (!request_take(&job->conn, &job->request)) {
		uv_read_start((uv_stream_t *)&job->client, room_for_request, client_read);
		return;
	}
	uv_read_stop((uv_stream_t *)&job->client);
	job->number = 0;
	job->body.size = 0;
	job->work.data = job;
	if (in_pool)
		uv_queue_work(loop, &job->work, work, after_work);
	else
		next_call(job);
}

static void greet(uv_stream_t *listener, int status)
{
	struct job *job = calloc(1, sizeof(*job));

	if (status != 0)
		abort();
	uv_tcp_init(loop, &job->client);
	uv_timer_init(loop, &job->timer);
	job->client.data = job->timer.data = job;
	if (uv_accept(listener, (uv_stream_t *)&job->client) != 0)
		abort();
	serve_next(job);
}

int model_libuv(int listener)
{
	static uv_tcp_t door;

	loop = uv_default_loop();
	uv_tcp_init(loop, &door);
	uv_tcp_open(&door, listener);
	uv_listen((uv_stream_t *)&door, 1024, greet);
	return uv_run(loop, UV_RUN_DEFAULT);
}

int model_libuv_work(int listener)
{
	in_pool = true;
	return model_libuv(listener);
}
