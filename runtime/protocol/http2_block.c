/* SPDX-License-Identifier: MIT */
/*
 * http2_block.c - what a field block means: a request, an answer, trailers, or nothing
 * that is followed.
 *
 * Every block is decoded, also those of streams that were left out: the decoder's table
 * is one for the connection.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/http2_parser.h"

#include <string.h>

enum block { BLOCK_IGNORED, BLOCK_REQUEST, BLOCK_TRAILERS, BLOCK_ANSWER };

#define FRAME_PUSH_PROMISE 5
#define FINAL_STATUS 200

/* Clients open streams with odd numbers, each greater than those before it. */
static bool is_new(const struct ta_http2 *h2, uint32_t stream)
{
	return stream % 2 == 1 && stream > h2->last;
}

/* The stream is there, or may be opened now; none above what the server has said. */
static uint16_t find_or_open(struct ta_http2 *h2, uint32_t stream)
{
	uint16_t slot = ta_http2_find(h2, stream);

	if (slot == TA_HTTP2_NO_SLOT && is_new(h2, stream) && stream <= h2->goaway)
		slot = ta_http2_open(h2, stream);
	return slot;
}

static void request_begin(struct ta_http2 *h2, struct ta_http2_side *side,
			  struct ta_http1_head *head)
{
	bool first = is_new(h2, side->stream);

	side->slot = find_or_open(h2, side->stream);
	if (first)
		h2->last = side->stream;
	if (side->slot == TA_HTTP2_NO_SLOT)
		return;
	side->block = first ? BLOCK_REQUEST : BLOCK_TRAILERS;
	side->wants_head = first;
	if (first)
		memset(head, 0, offsetof(struct ta_http1_head, method));
}

void ta_http2_block_begin(struct ta_http2 *h2, struct ta_http2_side *side,
			  struct ta_http1_head *head)
{
	bool push = side->type == FRAME_PUSH_PROMISE;

	ta_hpack_begin(&side->hpack, &side->facts);
	side->block_stream = side->stream;
	side->block_ends_stream = !push && side->flags & TA_FRAME_END_STREAM;
	side->block = BLOCK_IGNORED;
	side->slot = TA_HTTP2_NO_SLOT;
	if (push)
		return;
	if (!side->answers) {
		request_begin(h2, side, head);
		return;
	}
	side->slot = find_or_open(h2, side->stream);
	if (side->slot != TA_HTTP2_NO_SLOT)
		side->block = BLOCK_ANSWER;
}

static bool is_method(const struct ta_http1_head *head, const char *method, size_t bytes)
{
	return head->method_len == bytes && memcmp(head->method, method, bytes) == 0;
}

static void complete_head(struct ta_http1_head *head, const struct ta_hpack_facts *facts)
{
	unsigned int flags = TA_HTTP1_KEEP_ALIVE;

	if (is_method(head, "HEAD", 4))
		flags |= TA_HTTP1_IS_HEAD;
	if (is_method(head, "CONNECT", 7))
		flags |= TA_HTTP1_IS_CONNECT;
	if (facts->flags & TA_HPACK_HAS_LENGTH)
		flags |= TA_HTTP1_HAS_LENGTH;
	if (facts->flags & TA_HPACK_GRPC)
		flags |= TA_HTTP2_GRPC;
	if (facts->flags & TA_HPACK_HTTPS)
		flags |= TA_HTTP2_HTTPS;
	if (facts->flags & TA_HPACK_LOST)
		flags |= TA_HTTP2_LOST;
	head->flags = (uint16_t)flags;
	head->version_minor = TA_HTTP2_VERSION_MINOR;
	head->content_length = facts->content_length;
}

/* A head that is no final answer's (100, 103) says nothing; trailers have no status. */
static void note_answer(struct ta_http2_stream *stream, const struct ta_hpack_facts *facts)
{
	if (facts->status >= FINAL_STATUS && !(stream->flags & TA_STREAM_ANSWERED)) {
		stream->flags |= TA_STREAM_ANSWERED;
		stream->status = facts->status;
	}
	if (facts->grpc_status >= 0)
		stream->grpc_status = facts->grpc_status;
}

void ta_http2_block_end(struct ta_http2 *h2, struct ta_http2_side *side, struct ta_http1_head *head)
{
	side->block_stream = 0;
	side->wants_head = false;
	if (side->slot == TA_HTTP2_NO_SLOT || h2->ids[side->slot] != side->stream)
		return;
	if (side->block == BLOCK_REQUEST) {
		complete_head(head, &side->facts);
		ta_http2_mark(h2, side->slot, TA_STREAM_REQUESTED);
	} else if (side->block == BLOCK_ANSWER) {
		note_answer(&h2->streams[side->slot], &side->facts);
	}
	if (side->block_ends_stream)
		ta_http2_mark(h2, side->slot,
			      side->answers ? TA_STREAM_ANSWER_OVER : TA_STREAM_REQUEST_OVER);
}
