/* SPDX-License-Identifier: MIT */
/*
 * http1.c - fuzzes the HTTP/1 parser differentially.
 *
 * The first byte of the input chooses direction and request, the second seeds
 * the pieces; the rest are the bytes of a connection.  Fed whole and fed in
 * pieces the parser must tell the same events at the same places with the same
 * facts.  Where a body may pass unseen, some of it does in the second run: skip()
 * must never take more than there is, and must change nothing that follows.
 */
#include "runtime/protocol/http1.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 512

struct story {
	struct {
		enum ta_http1_event event;
		size_t offset;
		uint64_t facts;
	} events[EVENTS_MAX];
	size_t count;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static uint64_t mix(uint64_t seed, const void *data, size_t bytes)
{
	const unsigned char *at = data;

	for (size_t i = 0; i < bytes; i++)
		seed = (seed ^ at[i]) * 0x100000001b3ull;
	return seed;
}

static uint64_t facts_of(const struct ta_http1_head *head)
{
	demand(head->method_len <= TA_HTTP1_METHOD_MAX && head->target_len <= TA_HTTP1_TARGET_MAX);
	demand(head->target_len <= head->target_total);
	demand(head->host_len <= TA_HTTP1_HOST_MAX);
	demand(head->user_agent_len <= TA_HTTP1_USER_AGENT_MAX);
	demand(head->forwarded_len <= TA_HTTP1_FORWARDED_MAX);
	demand(head->traceparent_len <= TA_HTTP1_TRACEPARENT_MAX);
	demand(head->tracestate_len <= TA_HTTP1_TRACESTATE_MAX);
	demand(head->baggage_len <= TA_HTTP1_BAGGAGE_MAX);
	demand(head->sentry_trace_len <= TA_HTTP1_SENTRY_TRACE_MAX);
	uint64_t facts = mix(0, head, offsetof(struct ta_http1_head, method));

	facts = mix(facts, head->method, head->method_len);
	facts = mix(facts, head->target, head->target_len);
	facts = mix(facts, head->host, head->host_len);
	facts = mix(facts, head->user_agent, head->user_agent_len);
	facts = mix(facts, head->forwarded, head->forwarded_len);
	facts = mix(facts, head->traceparent, head->traceparent_len);
	facts = mix(facts, head->baggage, head->baggage_len);
	facts = mix(facts, head->sentry_trace, head->sentry_trace_len);
	return mix(facts, head->tracestate, head->tracestate_len);
}

static void note(struct story *story, enum ta_http1_event event, size_t offset,
		 const struct ta_http1_head *head)
{
	if (story->count == EVENTS_MAX)
		return;
	story->events[story->count].event = event;
	story->events[story->count].offset = offset;
	story->events[story->count].facts = event == TA_HTTP1_HEAD ? facts_of(head) : 0;
	story->count++;
}

/* Whether the next byte is one of a body, so that it may pass unseen: asked of a
 * copy, because a wrong skip breaks the parser for good. */
static int in_body(const struct ta_http1 *parser)
{
	struct ta_http1 copy = *parser;
	enum ta_http1_event event;

	return ta_http1_skip(&copy, 1, &event) == 1;
}

static size_t pass(struct ta_http1 *parser, struct ta_http1_head *head, const uint8_t *data,
		   size_t bytes, int unseen, enum ta_http1_event *ret_event)
{
	/* An exact copy: a read past the piece is seen. */
	uint8_t *piece = malloc(bytes ? bytes : 1);
	size_t taken;

	memcpy(piece, data, bytes);
	if (unseen && bytes > 0 && in_body(parser))
		taken = ta_http1_skip(parser, bytes, ret_event);
	else
		taken = ta_http1_feed(parser, head, piece, bytes, ret_event);
	if (parser->direction == TA_HTTP1_RESPONSE && *ret_event != TA_HTTP1_HEAD)
		memset(head, (int)bytes, sizeof(*head)); /* nothing may be kept in it */
	free(piece);
	demand(taken <= bytes);
	demand(taken == bytes || *ret_event != TA_HTTP1_MORE || unseen);
	return taken;
}

static void check_sticky(struct ta_http1 *parser, struct ta_http1_head *head,
			 enum ta_http1_event expected)
{
	enum ta_http1_event event;

	demand(ta_http1_feed(parser, head, "GET / HTTP/1.1\r\n\r\n", 18, &event) == 0);
	demand(event == expected);
	demand(ta_http1_skip(parser, 7, &event) == 0 && event == expected);
}

/* seed 0: whole.  Else pieces of random lengths, some of them unseen. */
static void tell(struct story *story, uint8_t choice, const uint8_t *data, size_t bytes,
		 uint32_t seed)
{
	static const uint16_t requests[] = { 0, TA_HTTP1_IS_HEAD, TA_HTTP1_IS_CONNECT, 0 };
	struct ta_http1 parser;
	struct ta_http1_head head;
	size_t at = 0;

	story->count = 0;
	memset(&head, 0x55, sizeof(head));
	ta_http1_init(&parser, choice & 1 ? TA_HTTP1_RESPONSE : TA_HTTP1_REQUEST);
	ta_http1_answers(&parser, requests[choice >> 1 & 3]);
	for (;;) {
		enum ta_http1_event event;
		size_t piece = bytes - at;

		seed = seed ? seed * 1664525u + 1013904223u : 0;
		if (seed && piece > (seed >> 24) % 23)
			piece = (seed >> 24) % 23;
		at += pass(&parser, &head, data + at, piece, seed >> 16 & 1, &event);
		if (event == TA_HTTP1_MORE && at == bytes)
			return;
		if (event == TA_HTTP1_MORE)
			continue;
		note(story, event, at, &head);
		if (event == TA_HTTP1_BROKEN || event == TA_HTTP1_TUNNEL) {
			check_sticky(&parser, &head, event);
			return;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct story whole, pieces;

	if (bytes < 2)
		return 0;
	tell(&whole, data[0], data + 2, bytes - 2, 0);
	tell(&pieces, data[0], data + 2, bytes - 2, data[1] * 2654435761u | 1);
	demand(whole.count == pieces.count);
	for (size_t i = 0; i < whole.count; i++) {
		demand(whole.events[i].event == pieces.events[i].event);
		demand(whole.events[i].offset == pieces.events[i].offset);
		demand(whole.events[i].facts == pieces.events[i].facts);
	}
	ta_http1_recognise(data + 2, bytes - 2);
	return 0;
}
