/* SPDX-License-Identifier: MIT */
/*
 * delivery_answer.c - what an answer, or none, means for a message and its queue.
 *
 * An answer is one as soon as its head is complete: a 200 whose body is cut off was still
 * accepted, and a 400 still refused.
 *
 * Runs: agent, the delivery thread.
 */
#include "runtime/agent/clock.h"
#include "runtime/export/delivery_internal.h"
#include "runtime/export/otlp_pb.h"

static bool is_sentry(const struct ta_request *request)
{
	return request->channel->target->queue == TA_QUEUE_SENTRY;
}

static enum ta_verdict judge(const struct ta_request *request)
{
	if (request->too_large)
		return TA_VERDICT_REFUSED;
	if (!request->answered)
		return TA_VERDICT_RETRY;
	return is_sentry(request) ? ta_verdict_sentry(request->status)
				  : ta_verdict_otlp(request->status);
}

/* What an OTLP receiver says in its body; nothing when it says nothing that we know. */
static struct ta_otlp_answer read_body(const struct ta_request *request)
{
	struct ta_otlp_answer answer = { 0 };

	if (is_sentry(request) || !request->answered || request->answer.failed ||
	    request->answer.bytes == 0 ||
	    !ta_otlp_answer(request->answer.data, request->answer.bytes, request->json,
			    request->status >= 300, &answer))
		return (struct ta_otlp_answer){ 0 };
	return answer;
}

static uint64_t retry_after_ns(const struct ta_request *request)
{
	uint64_t ns;

	return request->answered && ta_retry_after(request->retry_after, ta_delivery_unix_ns(), &ns)
		       ? ns
		       : 0;
}

/* Limits come with any answer. */
static void read_limits(const struct ta_request *request, uint64_t now_ns)
{
	if (!is_sentry(request) || !request->answered)
		return;
	ta_sentry_limits_read(&request->channel->delivery->limits,
			      request->limits[0] ? request->limits : NULL,
			      request->retry_after[0] ? request->retry_after : NULL,
			      request->status, now_ns, ta_delivery_unix_ns());
}

static void sent(struct ta_request *request, uint64_t rejected)
{
	struct ta_channel *channel = request->channel;

	pthread_mutex_lock(&channel->accounts);
	if (request->has_ticket)
		ta_count_sent(channel, &request->ticket.head, rejected);
	ta_count_set(&channel->status->last_sent_ns, ta_delivery_unix_ns());
	ta_request_done(request);
	pthread_mutex_unlock(&channel->accounts);
}

/* The report that went along was not taken either; one that went alone is over, so that
 * nothing is refused for ever. */
static void refused(struct ta_request *request, enum ta_drop why)
{
	if (request->has_ticket && request->has_report)
		ta_sentry_report_back(request);
	ta_request_drop(request, why);
}

/* Sentry does not want to be told what it limited itself: FACTS 3.14. */
static void limited(struct ta_request *request)
{
	struct ta_channel *channel = request->channel;

	if (request->has_report)
		ta_sentry_report_back(request);
	pthread_mutex_lock(&channel->accounts);
	if (request->has_ticket)
		ta_count_dropped(channel, TA_DROP_RATE_LIMITED, &request->ticket.head);
	ta_request_done(request);
	pthread_mutex_unlock(&channel->accounts);
}

static void later(struct ta_request *request, uint64_t now_ns)
{
	struct ta_channel *channel = request->channel;

	ta_retry_failed(&channel->retry, request->started_ns, now_ns, retry_after_ns(request),
			ta_delivery_random(channel->delivery));
	ta_request_back(request);
}

static void settle(struct ta_request *request, enum ta_verdict verdict, uint64_t rejected,
		   uint64_t now_ns)
{
	if (verdict == TA_VERDICT_RETRY) {
		later(request, now_ns);
		return;
	}
	ta_retry_answered(&request->channel->retry, request->started_ns);
	if (verdict == TA_VERDICT_SENT)
		sent(request, rejected);
	else if (verdict == TA_VERDICT_LIMITED)
		limited(request);
	else
		refused(request,
			verdict == TA_VERDICT_TOO_LARGE ? TA_DROP_TOO_LARGE : TA_DROP_REFUSED);
}

static void count_bytes(struct ta_request *request)
{
	const struct ta_buf *wire = request->wire.bytes ? &request->wire : &request->body;

	if (request->answered)
		ta_count_add(&request->channel->status->bytes_sent, wire->bytes);
}

void ta_request_finish(struct ta_request *request, CURLcode code)
{
	struct ta_channel *channel = request->channel;
	enum ta_verdict verdict = judge(request);
	struct ta_otlp_answer answer = read_body(request);
	uint64_t now_ns = ta_agent_now_ns();

	count_bytes(request);
	read_limits(request, now_ns);
	if (verdict == TA_VERDICT_SENT && !answer.rejected && !answer.message[0]) {
		ta_channel_is_well(channel);
	} else {
		char words[TA_SENTENCE];

		ta_request_words(request, code, verdict, answer.message, words);
		ta_channel_fails(channel, words);
	}
	settle(request, verdict, answer.rejected, now_ns);
}
