/* SPDX-License-Identifier: MIT */
/*
 * http2_stream.c - the streams of an HTTP/2 connection, and what is to be told of them.
 *
 * A stream is flags: what was seen of it and what was told.  After each frame the
 * difference is told, one event at a time, so that it does not matter which of the two
 * directions is seen first.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/http2_parser.h"

#include <string.h>

#define BOTH_OVER (TA_STREAM_REQUEST_OVER | TA_STREAM_ANSWER_OVER)
#define ERROR_MAX UINT8_MAX

/* Streams of a connection are numbered one after the other: mostly the place is right. */
static unsigned int place_of(uint32_t stream)
{
	return (stream >> 1) % TA_HTTP2_STREAMS_MAX;
}

static uint16_t search(const struct ta_http2 *h2, uint32_t stream, uint32_t wanted)
{
	unsigned int place = place_of(stream);

	for (unsigned int i = 0; i < TA_HTTP2_STREAMS_MAX; i++) {
		unsigned int slot = (place + i) % TA_HTTP2_STREAMS_MAX;

		if (h2->ids[slot] == wanted)
			return (uint16_t)slot;
	}
	return TA_HTTP2_NO_SLOT;
}

uint16_t ta_http2_find(const struct ta_http2 *h2, uint32_t stream)
{
	if (h2->open == 0 || stream == 0 || stream > h2->greatest)
		return TA_HTTP2_NO_SLOT;
	return search(h2, stream, stream);
}

uint16_t ta_http2_open(struct ta_http2 *h2, uint32_t stream)
{
	uint16_t slot = h2->open < TA_HTTP2_STREAMS_MAX ? search(h2, stream, 0) : TA_HTTP2_NO_SLOT;

	if (slot == TA_HTTP2_NO_SLOT) {
		h2->lost++;
		return slot;
	}
	h2->open++;
	if (stream > h2->greatest)
		h2->greatest = stream;
	h2->ids[slot] = stream;
	h2->user[slot] = 0;
	memset(&h2->streams[slot], 0, sizeof(h2->streams[slot]));
	h2->streams[slot].grpc_status = -1;
	return slot;
}

static void free_slot(struct ta_http2 *h2, uint16_t slot)
{
	h2->ids[slot] = 0;
	h2->open--;
}

void ta_http2_mark(struct ta_http2 *h2, uint16_t slot, enum ta_http2_stream_flags flags)
{
	if (slot != TA_HTTP2_NO_SLOT)
		h2->streams[slot].flags |= (uint8_t)flags;
}

void ta_http2_mark_reset(struct ta_http2 *h2, uint16_t slot, uint32_t error)
{
	if (slot == TA_HTTP2_NO_SLOT)
		return;
	h2->streams[slot].flags |= TA_STREAM_RESET;
	h2->streams[slot].error = error < ERROR_MAX ? (uint8_t)error : ERROR_MAX;
}

/* A stream with a whole answer has ended, however it was closed
 * (RFC 9113, 8.1: a server may stop a request that it has answered). */
static enum ta_http2_event next_of(struct ta_http2_stream *stream)
{
	if (!(stream->flags & TA_STREAM_REQUESTED))
		return TA_HTTP2_MORE;
	if (!(stream->flags & TA_STREAM_REQUEST_TOLD)) {
		stream->flags |= TA_STREAM_REQUEST_TOLD;
		return TA_HTTP2_REQUEST;
	}
	if ((stream->flags & (TA_STREAM_ANSWERED | TA_STREAM_ANSWER_TOLD)) == TA_STREAM_ANSWERED) {
		stream->flags |= TA_STREAM_ANSWER_TOLD;
		return TA_HTTP2_ANSWER;
	}
	if ((stream->flags & BOTH_OVER) == BOTH_OVER)
		return TA_HTTP2_ENDED;
	if (!(stream->flags & TA_STREAM_RESET))
		return TA_HTTP2_MORE;
	return stream->flags & TA_STREAM_ANSWER_OVER ? TA_HTTP2_ENDED : TA_HTTP2_RESET;
}

enum ta_http2_event ta_http2_settle(struct ta_http2 *h2, uint16_t slot)
{
	struct ta_http2_stream *stream = &h2->streams[slot];
	enum ta_http2_event event = next_of(stream);

	if (event == TA_HTTP2_MORE)
		return event;
	h2->told.stream = h2->ids[slot];
	h2->told.slot = slot;
	h2->told.status = stream->status;
	h2->told.grpc_status = stream->grpc_status;
	h2->told.error = stream->error;
	h2->told.bytes = 0;
	if (event == TA_HTTP2_ENDED || event == TA_HTTP2_RESET)
		free_slot(h2, slot);
	return event;
}

/* ---- GOAWAY ---- */

void ta_http2_goaway(struct ta_http2 *h2, uint32_t last, uint32_t error)
{
	if (last < h2->goaway)
		h2->goaway = last;
	h2->goaway_error = error < ERROR_MAX ? (uint8_t)error : ERROR_MAX;
	h2->sweep = 0;
}

/* A stream whose request never came is dropped without a word. */
static enum ta_http2_event sweep_slot(struct ta_http2 *h2, uint16_t slot)
{
	ta_http2_mark_reset(h2, slot, h2->goaway_error);
	enum ta_http2_event event = ta_http2_settle(h2, slot);

	if (event == TA_HTTP2_MORE)
		free_slot(h2, slot);
	return event;
}

enum ta_http2_event ta_http2_sweep(struct ta_http2 *h2)
{
	enum ta_http2_event event = TA_HTTP2_MORE;

	while (h2->sweep < TA_HTTP2_STREAMS_MAX && event == TA_HTTP2_MORE) {
		uint16_t slot = h2->sweep;

		if (h2->ids[slot] > h2->goaway)
			event = sweep_slot(h2, slot);
		if (event == TA_HTTP2_MORE)
			h2->sweep++;
	}
	return event;
}

unsigned int ta_http2_next_open(const struct ta_http2 *h2, unsigned int from)
{
	while (from < TA_HTTP2_STREAMS_MAX &&
	       (h2->ids[from] == 0 || !(h2->streams[from].flags & TA_STREAM_REQUEST_TOLD)))
		from++;
	return from < TA_HTTP2_STREAMS_MAX ? from : TA_HTTP2_NO_SLOT;
}
