/* SPDX-License-Identifier: MIT */
/* with_libevent.c - servers on libevent: bufferevents on both sides, and its HTTP server and client. */
#include "server.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <stdlib.h>

struct job {
	struct bufferevent *client, *upstream;
	struct event *timer;
	struct evhttp_request *http; /* of model_libevent_http */
	struct evhttp_connection *http_upstream;
	struct conn conn; /* what was read; its descriptor is libevent's */
	struct request request;
	unsigned number;
	struct text body;
};

static struct event_base *base;

static void pause_job(struct job *job, void (*then)(evutil_socket_t, short, void *))
{
	unsigned delay = options.no_delay ? 0 : truth_delay_us(job->request.id, 9);
	struct timeval time = {.tv_usec = delay};

	if (!delay) {
		then(-1, 0, job);
		return;
	}
	job->timer = evtimer_new(base, then, job);
	evtimer_add(job->timer, &time);
}

static void end_pause(struct job *job)
{
	if (job->timer)
		event_free(job->timer);
	job->timer = NULL;
}

/* ---- bufferevents ---- */

static void next_call(struct job *job);
static void serve_next(struct job *job);

static void end_job(struct job *job)
{
	bufferevent_free(job->client);
	free(job);
}

static void client_event(struct bufferevent *client, short events, void *argument)
{
	(void)client;
	if (events & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		end_job(argument);
}

static void answer_written(struct bufferevent *client, void *argument)
{
	struct job *job = argument;

	(void)client;
	if (job->request.close)
		end_job(job);
	else
		serve_next(job);
}

static void answer_now(evutil_socket_t unused, short events, void *argument)
{
	struct job *job = argument;
	struct text answer;

	(void)unused, (void)events;
	end_pause(job);
	answer_make(&job->request, &job->body, &answer);
	bufferevent_write(job->client, answer.data, answer.size);
}

static void upstream_read(struct bufferevent *upstream, void *argument)
{
	struct job *job = argument;
	struct evbuffer *input = bufferevent_get_input(upstream);
	char data[CALL_ANSWER_MAX], *body;
	size_t have = (size_t)evbuffer_copyout(input, data, sizeof(data) - 1), size;

	data[have] = 0;
	if (!call_complete(options.protocol, data, have, &body, &size))
		return;
	memcpy(job->body.data + job->body.size, body, size);
	job->body.size += size;
	bufferevent_free(upstream);
	if (++job->number < truth_calls(job->request.id))
		next_call(job);
	else
		pause_job(job, answer_now);
}

static void next_call(struct job *job)
{
	char call[CALL_MAX];
	unsigned size;
	const void *address = downstream_address(&size);

	job->upstream = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(job->upstream, upstream_read, NULL, NULL, job);
	bufferevent_socket_connect(job->upstream, address, (int)size);
	size = (unsigned)call_format(options.protocol, job->request.id, job->number, true, call);
	bufferevent_write(job->upstream, call, size);
	bufferevent_enable(job->upstream, EV_READ);
}

static void serve_next(struct job *job)
{
	if (!request_take(&job->conn, &job->request)) {
		bufferevent_enable(job->client, EV_READ);
		return;
	}
	bufferevent_disable(job->client, EV_READ);
	job->number = 0;
	job->body.size = 0;
	next_call(job);
}

static void client_read(struct bufferevent *client, void *argument)
{
	struct job *job = argument;

	job->conn.have += bufferevent_read(client, job->conn.in + job->conn.have,
					   sizeof(job->conn.in) - 1 - job->conn.have);
	serve_next(job);
}

static void greet(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int size, void *unused)
{
	struct job *job = calloc(1, sizeof(*job));

	(void)listener, (void)peer, (void)size, (void)unused;
	job->client = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(job->client, client_read, answer_written, client_event, job);
	bufferevent_enable(job->client, EV_READ | EV_WRITE);
}

int model_libevent(int listener)
{
	base = event_base_new();
	evutil_make_socket_nonblocking(listener);
	evconnlistener_new(base, greet, NULL, 0, 0, listener);
	return event_base_dispatch(base);
}

/* ---- evhttp ---- */

static void http_next_call(struct job *job);

static void http_answer_now(evutil_socket_t unused, short events, void *argument)
{
	struct job *job = argument;
	struct evbuffer *body = evbuffer_new();

	(void)unused, (void)events;
	end_pause(job);
	evbuffer_add(body, job->body.data, job->body.size);
	evhttp_send_reply(job->http, 200, "OK", body);
	evbuffer_free(body);
	free(job);
}

static void http_answered(struct evhttp_request *call, void *argument)
{
	struct job *job = argument;
	ssize_t size;

	if (!call || evhttp_request_get_response_code(call) != 200)
		abort();
	size = evbuffer_copyout(evhttp_request_get_input_buffer(call), job->body.data + job->body.size,
				sizeof(job->body.data) - job->body.size);
	job->body.size += (size_t)size;
	evhttp_connection_free_on_completion(job->http_upstream);
	if (++job->number < truth_calls(job->request.id))
		http_next_call(job);
	else
		pause_job(job, http_answer_now);
}

static void http_next_call(struct job *job)
{
	struct evhttp_request *call = evhttp_request_new(http_answered, job);
	char path[64];

	snprintf(path, sizeof(path), "/d/%llu/%u", (unsigned long long)job->request.id, job->number);
	job->http_upstream = evhttp_connection_base_new(base, NULL, "127.0.0.1", options.downstream);
	evhttp_add_header(evhttp_request_get_output_headers(call), "Host", "downstream");
	evhttp_add_header(evhttp_request_get_output_headers(call), "Connection", "close");
	evhttp_make_request(job->http_upstream, call, EVHTTP_REQ_GET, path);
}

static void http_request(struct evhttp_request *http, void *unused)
{
	struct job *job = calloc(1, sizeof(*job));

	(void)unused;
	job->http = http;
	job->request.id = strtoull(evhttp_request_get_uri(http) + strlen("/r/"), NULL, 10);
	http_next_call(job);
}

int model_libevent_http(int listener)
{
	struct evhttp *server;

	base = event_base_new();
	server = evhttp_new(base);
	evutil_make_socket_nonblocking(listener);
	evhttp_set_gencb(server, http_request, NULL);
	if (evhttp_accept_socket(server, listener) != 0)
		return 1;
	return event_base_dispatch(base);
}
