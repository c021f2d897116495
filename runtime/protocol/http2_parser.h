/* SPDX-License-Identifier: MIT */
/*
 * http2_parser.h - what the files of the HTTP/2 parser share.
 *
 * http2.c walks frames, http2_block.c says what a field block means for its stream,
 * http2_stream.c has the streams and what is to be told of them.
 */
#ifndef TA_PROTOCOL_HTTP2_PARSER_H
#define TA_PROTOCOL_HTTP2_PARSER_H

#include "runtime/protocol/http2.h"

enum ta_http2_stream_flags {
	TA_STREAM_REQUESTED = 1, /* the request's head is complete */
	TA_STREAM_REQUEST_TOLD = 2,
	TA_STREAM_REQUEST_OVER = 4,
	TA_STREAM_ANSWERED = 8, /* a final answer's head was there */
	TA_STREAM_ANSWER_TOLD = 16,
	TA_STREAM_ANSWER_OVER = 32,
	TA_STREAM_RESET = 64,
};

enum ta_http2_frame_flags {
	TA_FRAME_END_STREAM = 0x1, /* ACK of SETTINGS */
	TA_FRAME_END_HEADERS = 0x4,
	TA_FRAME_PADDED = 0x8,
	TA_FRAME_PRIORITY = 0x20,
};

/* The slot of a stream, or TA_HTTP2_NO_SLOT; and a new one, if there is room. */
uint16_t ta_http2_find(const struct ta_http2 *h2, uint32_t stream);
uint16_t ta_http2_open(struct ta_http2 *h2, uint32_t stream);

void ta_http2_mark(struct ta_http2 *h2, uint16_t slot, enum ta_http2_stream_flags flags);
void ta_http2_mark_reset(struct ta_http2 *h2, uint16_t slot, uint32_t error);

/* The next thing to tell of a stream, or TA_HTTP2_MORE. */
enum ta_http2_event ta_http2_settle(struct ta_http2 *h2, uint16_t slot);

/* The server has said that it answers no stream above last; and the next of those
 * above it that is to be told of, or TA_HTTP2_MORE. */
void ta_http2_goaway(struct ta_http2 *h2, uint32_t last, uint32_t error);
enum ta_http2_event ta_http2_sweep(struct ta_http2 *h2);

/* What a field block of the frame is, before its first byte; and what follows from it,
 * behind its last one. */
void ta_http2_block_begin(struct ta_http2 *h2, struct ta_http2_side *side,
			  struct ta_http1_head *head);
void ta_http2_block_end(struct ta_http2 *h2, struct ta_http2_side *side,
			struct ta_http1_head *head);

#endif
