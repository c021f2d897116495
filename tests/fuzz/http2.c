/* SPDX-License-Identifier: MIT */
/*
 * http2.c - fuzzes the HTTP/2 parser differentially.
 *
 * The input is a conversation as http2_seeds.py writes it: a byte that seeds the pieces
 * (bit 7: behind an upgrade), then records of a length, a direction and bytes.  Fed
 * record by record and fed in pieces the parser must tell the same of the same streams;
 * bytes of a body are one event however they come, and some of them pass unseen in the
 * second run.  Whatever is told of a stream must follow from its request, in its slot.
 */
#include "runtime/protocol/http2.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 4096
#define FROM_SERVER 0x8000u

struct story {
	struct {
		enum ta_http2_event event;
		uint64_t facts;
		size_t bytes; /* DATA */
		uint32_t stream;
		bool from_server;
	} events[EVENTS_MAX];
	size_t count;
};

static struct ta_http2 h2;
static struct ta_http1_head head;
static uint32_t held[TA_HTTP2_STREAMS_MAX]; /* by slot: the stream that REQUEST gave it */

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

static uint64_t head_facts(void)
{
	demand(head.method_len <= TA_HTTP1_METHOD_MAX && head.target_len <= TA_HTTP1_TARGET_MAX);
	demand(head.target_len <= head.target_total && head.host_len <= TA_HTTP1_HOST_MAX);
	demand(head.user_agent_len <= TA_HTTP1_USER_AGENT_MAX);
	demand(head.forwarded_len <= TA_HTTP1_FORWARDED_MAX);
	demand(head.traceparent_len <= TA_HTTP1_TRACEPARENT_MAX);
	demand(head.tracestate_len <= TA_HTTP1_TRACESTATE_MAX);
	uint64_t facts = mix(0, &head, offsetof(struct ta_http1_head, method));

	facts = mix(facts, head.method, head.method_len);
	facts = mix(facts, head.target, head.target_len);
	facts = mix(facts, head.host, head.host_len);
	facts = mix(facts, head.user_agent, head.user_agent_len);
	facts = mix(facts, head.forwarded, head.forwarded_len);
	facts = mix(facts, head.traceparent, head.traceparent_len);
	return mix(facts, head.tracestate, head.tracestate_len);
}

static uint64_t facts_of(enum ta_http2_event event)
{
	uint64_t facts = event == TA_HTTP2_REQUEST ? head_facts() : 0;

	demand(h2.told.grpc_status >= -1 && h2.told.grpc_status <= 16);
	demand(event != TA_HTTP2_ANSWER || (h2.told.status >= 200 && h2.told.status <= 999));
	facts = mix(facts, &h2.told.slot, sizeof(h2.told.slot));
	facts = mix(facts, &h2.told.status, sizeof(h2.told.status));
	facts = mix(facts, &h2.told.grpc_status, sizeof(h2.told.grpc_status));
	return mix(facts, &h2.told.error, sizeof(h2.told.error));
}

/* A slot belongs to one stream from its REQUEST to its end. */
static void check_slot(enum ta_http2_event event)
{
	uint16_t slot = h2.told.slot;

	demand(slot < TA_HTTP2_STREAMS_MAX && h2.told.stream % 2 == 1);
	if (event == TA_HTTP2_REQUEST) {
		demand(held[slot] == 0 && h2.user[slot] == 0);
		held[slot] = h2.told.stream;
		h2.user[slot] = ~(uint64_t)h2.told.stream;
	}
	demand(held[slot] == h2.told.stream && h2.user[slot] == ~(uint64_t)held[slot]);
	if (event == TA_HTTP2_ENDED || event == TA_HTTP2_RESET)
		held[slot] = 0;
}

static void note(struct story *story, enum ta_http2_event event, bool from_server)
{
	bool broken = event == TA_HTTP2_BROKEN;
	size_t last = story->count - 1;

	if (!broken)
		check_slot(event);
	if (event == TA_HTTP2_DATA && story->count > 0 &&
	    story->events[last].event == TA_HTTP2_DATA &&
	    story->events[last].stream == h2.told.stream &&
	    story->events[last].from_server == from_server) {
		story->events[last].bytes += h2.told.bytes;
		return;
	}
	if (story->count == EVENTS_MAX)
		return;
	story->events[story->count].event = event;
	story->events[story->count].stream = broken ? 0 : h2.told.stream;
	story->events[story->count].bytes = broken ? 0 : h2.told.bytes;
	story->events[story->count].facts = broken ? 0 : facts_of(event);
	story->events[story->count].from_server = from_server;
	story->count++;
}

/* Whether a byte may pass unseen here: asked of a copy, which it may break. */
static bool may_pass(bool from_server)
{
	static struct ta_http2 copy;
	enum ta_http2_event event;

	copy = h2;
	size_t taken = from_server ? ta_http2_answer_unseen(&copy, 1, &event)
				   : ta_http2_request_unseen(&copy, 1, &event);

	return taken == 1 && event != TA_HTTP2_BROKEN;
}

/* One byte unseen, or a piece in an exact copy: a read past it is seen. */
static size_t pass(const uint8_t *data, size_t bytes, bool from_server, bool unseen,
		   enum ta_http2_event *ret_event)
{
	if (unseen && bytes > 0 && may_pass(from_server))
		return from_server ? ta_http2_answer_unseen(&h2, 1, ret_event)
				   : ta_http2_request_unseen(&h2, 1, ret_event);
	uint8_t *piece = malloc(bytes ? bytes : 1);

	memcpy(piece, data, bytes);
	if (!from_server && !ta_http2_in_head(&h2))
		memset(&head, (int)bytes, sizeof(head)); /* nothing may be kept in it */
	size_t taken = from_server ? ta_http2_answer(&h2, piece, bytes, ret_event)
				   : ta_http2_request(&h2, &head, piece, bytes, ret_event);

	free(piece);
	demand(taken <= bytes && (taken == bytes || *ret_event != TA_HTTP2_MORE));
	return taken;
}

/* False when the connection is broken. */
static bool tell_record(struct story *story, const uint8_t *data, size_t bytes, bool from_server,
			uint32_t *seed)
{
	size_t at = 0;

	for (;;) {
		enum ta_http2_event event;
		size_t piece = bytes - at;

		*seed = *seed ? *seed * 1664525u + 1013904223u : 0;
		if (*seed && piece > (*seed >> 24) % 23)
			piece = (*seed >> 24) % 23;
		at += pass(data + at, piece, from_server, *seed >> 16 & 1, &event);
		if (event == TA_HTTP2_MORE && at == bytes)
			return true;
		if (event == TA_HTTP2_MORE)
			continue;
		note(story, event, from_server);
		if (event == TA_HTTP2_BROKEN)
			return false;
	}
}

static void check_broken(void)
{
	enum ta_http2_event event;

	demand(ta_http2_answer(&h2, "x", 1, &event) == 0 && event == TA_HTTP2_BROKEN);
	demand(ta_http2_request(&h2, &head, "x", 1, &event) == 0 && event == TA_HTTP2_BROKEN);
	demand(!ta_http2_in_head(&h2));
}

/* What is still open is what was told of and has not ended. */
static void check_open(void)
{
	unsigned int slot = 0;

	for (unsigned int i = 0; i < TA_HTTP2_STREAMS_MAX; i++) {
		if (!held[i])
			continue;
		slot = ta_http2_next_open(&h2, slot);
		demand(slot == i);
		slot++;
	}
	demand(ta_http2_next_open(&h2, slot) == TA_HTTP2_NO_SLOT);
}

static void begin(bool upgraded)
{
	memset(&h2, 0x55, sizeof(h2));
	memset(held, 0, sizeof(held));
	ta_http2_init(&h2);
	if (upgraded) {
		unsigned int slot = ta_http2_upgraded(&h2);

		held[slot] = 1;
		h2.user[slot] = ~(uint64_t)1;
	}
}

/* seed 0: whole records. */
static void tell(struct story *story, const uint8_t *data, size_t bytes, uint32_t seed)
{
	size_t at = 1;

	story->count = 0;
	begin(data[0] & 0x80);
	while (bytes - at >= 2) {
		unsigned int word = data[at] | (unsigned int)data[at + 1] << 8;
		size_t length = word & ~FROM_SERVER;

		at += 2;
		if (length > bytes - at)
			length = bytes - at;
		if (!tell_record(story, data + at, length, word & FROM_SERVER, &seed)) {
			check_broken();
			break;
		}
		at += length;
	}
	check_open();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct story whole, pieces;

	if (bytes < 1)
		return 0;
	ta_http2_recognise(data, bytes);
	tell(&whole, data, bytes, 0);
	tell(&pieces, data, bytes, data[0] * 2654435761u | 1);
	demand(whole.count == pieces.count);
	for (size_t i = 0; i < whole.count; i++) {
		demand(whole.events[i].event == pieces.events[i].event);
		demand(whole.events[i].stream == pieces.events[i].stream);
		demand(whole.events[i].bytes == pieces.events[i].bytes);
		demand(whole.events[i].facts == pieces.events[i].facts);
		demand(whole.events[i].from_server == pieces.events[i].from_server);
	}
	return 0;
}
