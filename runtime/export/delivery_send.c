/* SPDX-License-Identifier: MIT */
/*
 * delivery_send.c - messages out of the spool onto their way, and back or over.
 *
 * A queue that backs off sends one probe when its time has come; otherwise as many as may be
 * under way at once.
 *
 * Runs: agent, the delivery thread.
 */
#include <string.h>

#include "runtime/agent/clock.h"
#include "runtime/export/delivery_internal.h"
#include "runtime/export/gzip.h"

#define DROPS_A_ROUND 64

/* ---- the ways that a request ends ---- */

/* Its memory is for the next one. */
static void empty(struct ta_buf *buf)
{
	if (buf->failed) {
		ta_buf_fini(buf);
		*buf = (struct ta_buf){ 0 };
	}
	ta_buf_clear(buf);
}

static void trim(struct ta_buf *buf)
{
	if (buf->capacity <= TA_BODY_KEPT)
		return;
	ta_buf_fini(buf);
	*buf = (struct ta_buf){ 0 };
}

void ta_channel_trim(struct ta_channel *channel)
{
	for (unsigned int i = 0; i < TA_IN_FLIGHT; i++) {
		trim(&channel->requests[i].body);
		trim(&channel->requests[i].wire);
		trim(&channel->requests[i].answer);
	}
	trim(&channel->delivery->scratch);
}

void ta_request_release(struct ta_request *request)
{
	empty(&request->body);
	empty(&request->wire);
	empty(&request->answer);
	request->busy = false;
	request->has_ticket = false;
	request->has_report = false;
	atomic_fetch_sub(&request->channel->in_flight, 1);
}

static bool same(const struct ta_spool_ticket *a, const struct ta_spool_ticket *b)
{
	return a->number == b->number && a->index == b->index;
}

/* Whether a message came back before; it is not remembered any longer. */
static bool is_again(struct ta_channel *channel, const struct ta_spool_ticket *ticket)
{
	for (uint32_t i = 0; i < channel->again_count; i++)
		if (same(&channel->again[i], ticket)) {
			channel->again[i] = channel->again[--channel->again_count];
			return true;
		}
	return false;
}

/* Messages that come back are the oldest, so they are the next that are taken: there are
 * never more of them than requests.  One that aged out meanwhile is forgotten by being
 * written over. */
static void note_again(struct ta_channel *channel, const struct ta_spool_ticket *ticket)
{
	if (channel->again_count == TA_IN_FLIGHT)
		channel->again_count--;
	channel->again[channel->again_count++] = *ticket;
}

void ta_request_back(struct ta_request *request)
{
	struct ta_channel *channel = request->channel;

	if (request->has_report)
		ta_sentry_report_back(request);
	if (request->has_ticket) {
		note_again(channel, &request->ticket);
		pthread_mutex_lock(&channel->accounts);
		ta_spool_back(channel->spool, &request->ticket);
		pthread_mutex_unlock(&channel->accounts);
	}
	ta_request_release(request);
}

void ta_request_done(struct ta_request *request)
{
	if (request->has_ticket)
		ta_spool_done(request->channel->spool, &request->ticket);
	ta_request_release(request);
}

void ta_request_drop(struct ta_request *request, enum ta_drop why)
{
	struct ta_channel *channel = request->channel;

	pthread_mutex_lock(&channel->accounts);
	if (request->has_ticket)
		ta_channel_dropped(channel, why, &request->ticket.head);
	ta_request_done(request);
	pthread_mutex_unlock(&channel->accounts);
}

void ta_request_fini(struct ta_request *request)
{
	const struct ta_curl *curl = request->channel ? request->channel->delivery->curl : NULL;

	if (curl) {
		if (request->easy)
			curl->easy_free(request->easy);
		curl->list_free(request->headers);
	}
	request->easy = NULL;
	request->headers = NULL;
	request->headers_format = 0;
	ta_buf_fini(&request->body);
	ta_buf_fini(&request->wire);
	ta_buf_fini(&request->answer);
	request->body = request->wire = request->answer = (struct ta_buf){ 0 };
}

/* ---- what is sent ---- */

/* Of a compressed body the last four bytes say how long it was (RFC 1952). */
static uint64_t plain_bytes(const struct ta_request *request)
{
	const struct ta_buf *body = &request->body;
	uint32_t plain;

	if (!request->ticket.head.gzip || body->bytes < 4)
		return body->bytes;
	const unsigned char *end = (const unsigned char *)body->data + body->bytes - 4;

	plain = (uint32_t)end[0] | (uint32_t)end[1] << 8 | (uint32_t)end[2] << 16 |
		(uint32_t)end[3] << 24;
	return plain > body->bytes ? plain : body->bytes;
}

/* What no receiver may be sent. */
static bool is_hopeless(const struct ta_request *request, uint64_t now_ns, enum ta_drop *ret_why)
{
	const struct ta_channel *channel = request->channel;

	if (plain_bytes(request) > TA_BODY_MAX) {
		*ret_why = TA_DROP_TOO_LARGE;
		return true;
	}
	*ret_why = TA_DROP_RATE_LIMITED;
	return channel->target->queue == TA_QUEUE_SENTRY &&
	       ta_sentry_limited(&channel->delivery->limits,
				 (enum ta_category)request->ticket.head.category, now_ns);
}

/* The bytes of the request: the body, or (Sentry's) dressed and compressed now.  NULL: out of
 * memory. */
static const struct ta_buf *wire_of(struct ta_request *request, bool *ret_gzip)
{
	struct ta_delivery *delivery = request->channel->delivery;
	bool gzip = request->channel->target->gzip;
	struct ta_buf *dressed = gzip ? &delivery->scratch : &request->wire;

	*ret_gzip = request->ticket.head.gzip;
	if (request->ticket.head.format != TA_FORMAT_ENVELOPE)
		return &request->body;
	empty(dressed);
	empty(&request->wire);
	int error = ta_sentry_dress(request, dressed);

	if (!error && gzip)
		error = ta_gzip(dressed->data, dressed->bytes, &request->wire);
	*ret_gzip = gzip;
	return error || request->wire.failed ? NULL : &request->wire;
}

static void cannot_send(struct ta_request *request, const char *sentence)
{
	struct ta_channel *channel = request->channel;
	uint64_t now_ns = ta_agent_now_ns();

	ta_channel_fails(channel, sentence);
	ta_retry_failed(&channel->retry, request->started_ns, now_ns, 0,
			ta_delivery_random(channel->delivery));
	ta_request_back(request);
}

/* True when it is on its way. */
static bool begin(struct ta_request *request)
{
	struct ta_channel *channel = request->channel;
	const char *error = "";
	bool gzip;

	if (!channel->delivery->curl)
		channel->delivery->curl = ta_curl_load(&error);
	if (!channel->delivery->curl) {
		cannot_send(request, error);
		return false;
	}
	const struct ta_buf *wire = request->body.failed ? NULL : wire_of(request, &gzip);

	if (!wire) {
		cannot_send(request, "out of memory: it is tried again");
		return false;
	}
	if (!ta_request_begin(request, wire, gzip)) {
		cannot_send(request, request->error);
		return false;
	}
	ta_count_add(&channel->status->requests, 1);
	if (request->has_ticket && is_again(channel, &request->ticket))
		ta_count_add(&channel->status->retries, 1);
	return true;
}

/* ---- which ---- */

static bool may_send(const struct ta_channel *channel, uint64_t now_ns)
{
	uint32_t in_flight = atomic_load(&channel->in_flight);

	if (ta_retry_backs_off(&channel->retry))
		return in_flight == 0 && now_ns >= channel->retry.next_ns;
	return in_flight < channel->in_flight_max;
}

struct ta_request *ta_channel_reserve(struct ta_channel *channel, uint64_t now_ns)
{
	struct ta_request *request = channel->requests;

	while (request->busy)
		request++;
	atomic_fetch_add(&channel->in_flight, 1);
	request->busy = true;
	request->started_ns = now_ns;
	request->ticket = (struct ta_spool_ticket){ 0 };
	ta_buf_clear(&request->body);
	return request;
}

/* True when there may be another one. */
static bool send_next(struct ta_channel *channel, uint64_t now_ns)
{
	struct ta_request *request = ta_channel_reserve(channel, now_ns);
	enum ta_drop why;

	if (!ta_channel_take(channel, request)) {
		ta_request_release(request);
		return false;
	}
	if (!is_hopeless(request, now_ns, &why))
		return begin(request);
	ta_request_drop(request, why);
	return true;
}

static void send_report(struct ta_channel *channel, uint64_t now_ns)
{
	struct ta_request *request = ta_channel_reserve(channel, now_ns);

	if (ta_sentry_report_take(request) == 0)
		begin(request);
	else
		ta_request_back(request);
}

bool ta_channel_send(struct ta_channel *channel, uint64_t now_ns)
{
	int left = DROPS_A_ROUND;

	while (left > 0 && may_send(channel, now_ns) && send_next(channel, now_ns))
		left--;
	if (channel->target->queue == TA_QUEUE_SENTRY && may_send(channel, now_ns) &&
	    ta_sentry_report_due(channel->delivery, now_ns))
		send_report(channel, now_ns);
	return left == 0;
}
