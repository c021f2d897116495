/* SPDX-License-Identifier: MIT */
/*
 * http2.c - walks the frames of an HTTP/2 connection (RFC 9113, 4 and 6).
 *
 * Of a frame's payload only what matters is read: field blocks, the codes of RST_STREAM
 * and GOAWAY, the place of DATA.  Whatever the RFC calls an error of the connection makes
 * it BROKEN; this is also what shows that bytes were missed.  Settings need not be
 * known: HPACK says its table's size itself, and a frame says its own.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/http2.h"

#include <string.h>

#include "runtime/protocol/command.h"
#include "runtime/protocol/http2_parser.h"

_Static_assert(sizeof(struct ta_http2) <= TA_DIALOGUE_STATE_BYTES, "it lies where a dialogue does");

#define FRAME_HEADER_BYTES 9
#define PRIORITY_BYTES 5
#define PROMISE_BYTES 4
#define RESET_BYTES 4
#define GOAWAY_BYTES 8

enum frame {
	FRAME_DATA,
	FRAME_HEADERS,
	FRAME_PRIORITY,
	FRAME_RST_STREAM,
	FRAME_SETTINGS,
	FRAME_PUSH_PROMISE,
	FRAME_PING,
	FRAME_GOAWAY,
	FRAME_WINDOW_UPDATE,
	FRAME_CONTINUATION,
};

enum state {
	STATE_PREFACE,
	STATE_HEADER, /* of a frame */
	STATE_PAD_LENGTH,
	STATE_PRELUDE, /* priority or promised stream before a field block */
	STATE_BLOCK,
	STATE_CODE, /* first bytes of RST_STREAM, GOAWAY */
	STATE_DATA,
	STATE_SKIP,
};

void ta_http2_init(struct ta_http2 *h2)
{
	memset(h2, 0, offsetof(struct ta_http2, streams));
	h2->goaway = UINT32_MAX;
	h2->sweep = TA_HTTP2_STREAMS_MAX;
	ta_hpack_init(&h2->to_server.hpack, false);
	ta_hpack_init(&h2->from_server.hpack, true);
	h2->to_server.state = STATE_PREFACE;
	h2->from_server.state = STATE_HEADER;
	h2->from_server.answers = true;
	h2->to_server.slot = h2->from_server.slot = TA_HTTP2_NO_SLOT;
}

unsigned int ta_http2_upgraded(struct ta_http2 *h2)
{
	uint16_t slot = ta_http2_open(h2, 1);

	h2->last = 1;
	ta_http2_mark(h2, slot, TA_STREAM_REQUESTED);
	ta_http2_mark(h2, slot, TA_STREAM_REQUEST_TOLD);
	ta_http2_mark(h2, slot, TA_STREAM_REQUEST_OVER);
	return slot;
}

int ta_http2_recognise(const void *data, size_t bytes)
{
	if (memcmp(data, TA_HTTP2_PREFACE,
		   bytes < TA_HTTP2_PREFACE_BYTES ? bytes : TA_HTTP2_PREFACE_BYTES) != 0)
		return -1;
	return bytes >= TA_HTTP2_PREFACE_BYTES;
}

static uint32_t number_at(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

/* ---- a frame begins ---- */

/* Lengths and streams as the RFC wants them, and blocks in one piece. */
static bool is_valid(const struct ta_http2_side *side)
{
	bool of_stream = side->stream != 0;

	if ((side->block_stream != 0) != (side->type == FRAME_CONTINUATION) ||
	    (!side->opened && side->type != FRAME_SETTINGS))
		return false;
	switch (side->type) {
	case FRAME_DATA:
	case FRAME_HEADERS:
	case FRAME_PRIORITY:
		return of_stream;
	case FRAME_RST_STREAM:
		return of_stream && side->left == RESET_BYTES;
	case FRAME_SETTINGS:
		return !of_stream && side->left % 6 == 0 && (side->left == 0 || !(side->flags & 1));
	case FRAME_PUSH_PROMISE:
		return of_stream && side->answers;
	case FRAME_PING:
		return !of_stream && side->left == 8;
	case FRAME_GOAWAY:
		return !of_stream && side->left >= GOAWAY_BYTES;
	case FRAME_WINDOW_UPDATE:
		return side->left == 4;
	case FRAME_CONTINUATION:
		return side->stream == side->block_stream;
	default:
		return true;
	}
}

static bool has_padding(const struct ta_http2_side *side)
{
	return side->flags & TA_FRAME_PADDED &&
	       (side->type == FRAME_DATA || side->type == FRAME_HEADERS ||
		side->type == FRAME_PUSH_PROMISE);
}

static uint8_t prelude_of(const struct ta_http2_side *side)
{
	if (side->type == FRAME_PUSH_PROMISE)
		return PROMISE_BYTES;
	return side->type == FRAME_HEADERS && side->flags & TA_FRAME_PRIORITY ? PRIORITY_BYTES : 0;
}

static enum state content_of(const struct ta_http2_side *side)
{
	switch (side->type) {
	case FRAME_DATA:
		return STATE_DATA;
	case FRAME_HEADERS:
	case FRAME_PUSH_PROMISE:
		return side->prelude ? STATE_PRELUDE : STATE_BLOCK;
	case FRAME_CONTINUATION:
		return STATE_BLOCK;
	case FRAME_RST_STREAM:
	case FRAME_GOAWAY:
		return STATE_CODE;
	default:
		return STATE_SKIP;
	}
}

static void break_off(struct ta_http2 *h2)
{
	h2->broken = true;
	h2->to_server.wants_head = false;
}

static void frame_begin(struct ta_http2 *h2, struct ta_http2_side *side, struct ta_http1_head *head)
{
	side->left = number_at(side->gathered) >> 8;
	side->type = side->gathered[3];
	side->flags = side->gathered[4];
	side->stream = number_at(side->gathered + 5) & INT32_MAX;
	side->padding = 0;
	side->gathered_bytes = 0;
	side->prelude = prelude_of(side);
	if (!is_valid(side) || side->left < (uint32_t)side->prelude + has_padding(side)) {
		break_off(h2);
		return;
	}
	side->opened = true;
	side->state = has_padding(side) ? STATE_PAD_LENGTH : (uint8_t)content_of(side);
	if (side->type == FRAME_HEADERS || side->type == FRAME_PUSH_PROMISE)
		ta_http2_block_begin(h2, side, head);
	else if (side->type == FRAME_DATA || side->type == FRAME_RST_STREAM)
		side->slot = ta_http2_find(h2, side->stream);
}

/* ---- a frame ends ---- */

/* The stream may be gone: the other direction goes on between two pieces. */
static uint16_t slot_of(const struct ta_http2 *h2, const struct ta_http2_side *side)
{
	if (side->slot == TA_HTTP2_NO_SLOT || h2->ids[side->slot] != side->stream)
		return TA_HTTP2_NO_SLOT;
	return side->slot;
}

static void block_frame_end(struct ta_http2 *h2, struct ta_http2_side *side,
			    struct ta_http1_head *head)
{
	if (!(side->flags & TA_FRAME_END_HEADERS))
		return;
	if (ta_hpack_end(&side->hpack))
		ta_http2_block_end(h2, side, head);
	else
		break_off(h2);
}

static void frame_end(struct ta_http2 *h2, struct ta_http2_side *side, struct ta_http1_head *head)
{
	side->state = STATE_HEADER;
	side->gathered_bytes = 0;
	switch (side->type) {
	case FRAME_DATA:
		if (side->flags & TA_FRAME_END_STREAM)
			ta_http2_mark(h2, slot_of(h2, side),
				      side->answers ? TA_STREAM_ANSWER_OVER
						    : TA_STREAM_REQUEST_OVER);
		break;
	case FRAME_HEADERS:
	case FRAME_PUSH_PROMISE:
	case FRAME_CONTINUATION:
		block_frame_end(h2, side, head);
		break;
	case FRAME_RST_STREAM:
		break;
	default:
		return;
	}
	side->settling = slot_of(h2, side) != TA_HTTP2_NO_SLOT;
}

/* A GOAWAY of a client is about what the server pushes. */
static void code_end(struct ta_http2 *h2, struct ta_http2_side *side)
{
	uint32_t code = number_at(side->gathered);

	if (side->type == FRAME_RST_STREAM)
		ta_http2_mark_reset(h2, slot_of(h2, side), code);
	else if (side->answers)
		ta_http2_goaway(h2, code & INT32_MAX, number_at(side->gathered + 4));
	side->state = STATE_SKIP;
}

/* ---- its bytes ---- */

static size_t preface_step(struct ta_http2 *h2, struct ta_http2_side *side, const char *at,
			   size_t bytes)
{
	size_t left = TA_HTTP2_PREFACE_BYTES - side->gathered_bytes;

	if (bytes > left)
		bytes = left;
	if (memcmp(&TA_HTTP2_PREFACE[side->gathered_bytes], at, bytes) != 0) {
		break_off(h2);
		return 0;
	}
	side->gathered_bytes = (uint8_t)(side->gathered_bytes + bytes);
	if (bytes == left) {
		side->gathered_bytes = 0;
		side->state = STATE_HEADER;
	}
	return bytes;
}

/* True when as many as wanted are there. */
static bool gather(struct ta_http2_side *side, const char *at, size_t wanted, size_t *bytes)
{
	size_t left = wanted - side->gathered_bytes;

	if (*bytes > left)
		*bytes = left;
	memcpy(side->gathered + side->gathered_bytes, at, *bytes);
	side->gathered_bytes = (uint8_t)(side->gathered_bytes + *bytes);
	return side->gathered_bytes == wanted;
}

static void pad_length(struct ta_http2 *h2, struct ta_http2_side *side, char byte)
{
	side->padding = (uint8_t)byte;
	side->state = (uint8_t)content_of(side);
	if (side->left - 1 < (uint32_t)side->padding + side->prelude)
		break_off(h2);
}

static void block_piece(struct ta_http2 *h2, struct ta_http2_side *side, struct ta_http1_head *head,
			const char *at, size_t bytes)
{
	const struct ta_hpack_sink sink = { .head = side->wants_head ? head : NULL,
					    .reader = &h2->reader,
					    .facts = &side->facts,
					    .text = side->answers ? NULL : h2->text };

	if (!ta_hpack_feed(&side->hpack, &sink, at, bytes))
		break_off(h2);
}

static enum ta_http2_event data_piece(struct ta_http2 *h2, const struct ta_http2_side *side,
				      size_t bytes)
{
	uint16_t slot = slot_of(h2, side);

	if (slot == TA_HTTP2_NO_SLOT || !(h2->streams[slot].flags & TA_STREAM_REQUEST_TOLD))
		return TA_HTTP2_MORE;
	h2->told.stream = side->stream;
	h2->told.slot = slot;
	h2->told.status = h2->streams[slot].status;
	h2->told.grpc_status = h2->streams[slot].grpc_status;
	h2->told.error = 0;
	h2->told.bytes = bytes;
	return TA_HTTP2_DATA;
}

/* Content: what of a payload is neither padding nor its length.  bytes is not 0, and
 * all of them are content. */
static size_t content_step(struct ta_http2 *h2, struct ta_http2_side *side,
			   struct ta_http1_head *head, const char *at, size_t bytes,
			   enum ta_http2_event *ret_event)
{
	switch (side->state) {
	case STATE_PAD_LENGTH:
		pad_length(h2, side, *at);
		return 1;
	case STATE_PRELUDE:
		if (bytes > side->prelude)
			bytes = side->prelude;
		side->prelude = (uint8_t)(side->prelude - bytes);
		if (side->prelude == 0)
			side->state = STATE_BLOCK;
		return bytes;
	case STATE_BLOCK:
		block_piece(h2, side, head, at, bytes);
		return bytes;
	case STATE_CODE:
		if (gather(side, at, side->type == FRAME_GOAWAY ? GOAWAY_BYTES : RESET_BYTES,
			   &bytes))
			code_end(h2, side);
		return bytes;
	case STATE_DATA:
		*ret_event = data_piece(h2, side, bytes);
		return bytes;
	default:
		return bytes;
	}
}

/* Some of a frame's payload; the frame ends with its last byte. */
static size_t payload_step(struct ta_http2 *h2, struct ta_http2_side *side,
			   struct ta_http1_head *head, const char *at, size_t bytes,
			   enum ta_http2_event *ret_event)
{
	uint32_t content = side->left > side->padding ? side->left - side->padding : 0;

	if (content > 0) {
		if (bytes > content)
			bytes = content;
		bytes = content_step(h2, side, head, at, bytes, ret_event);
	} else if (bytes > side->left) {
		bytes = side->left;
	}
	side->left -= (uint32_t)bytes;
	if (side->left == 0 && !h2->broken)
		frame_end(h2, side, head);
	return bytes;
}

static size_t header_step(struct ta_http2 *h2, struct ta_http2_side *side,
			  struct ta_http1_head *head, const char *at, size_t bytes)
{
	if (!gather(side, at, FRAME_HEADER_BYTES, &bytes))
		return bytes;
	frame_begin(h2, side, head);
	if (side->left == 0 && !h2->broken)
		frame_end(h2, side, head);
	return bytes;
}

/* ---- the whole ---- */

/* What is to be told without another byte. */
static enum ta_http2_event pending_event(struct ta_http2 *h2, struct ta_http2_side *side)
{
	enum ta_http2_event event = TA_HTTP2_MORE;

	if (h2->broken)
		return TA_HTTP2_BROKEN;
	if (side->settling) {
		uint16_t slot = slot_of(h2, side);

		if (slot != TA_HTTP2_NO_SLOT)
			event = ta_http2_settle(h2, slot);
		side->settling = event != TA_HTTP2_MORE;
	}
	if (event == TA_HTTP2_MORE && side->answers && h2->sweep < TA_HTTP2_STREAMS_MAX)
		event = ta_http2_sweep(h2);
	return event;
}

/* Bytes that were not seen must not matter: those of DATA, from behind the length of
 * its padding on, and of frames that nobody reads. */
static bool may_pass(const struct ta_http2_side *side)
{
	return side->state == STATE_DATA || side->state == STATE_SKIP;
}

static size_t feed(struct ta_http2 *h2, struct ta_http2_side *side, struct ta_http1_head *head,
		   const char *data, size_t bytes, enum ta_http2_event *ret_event)
{
	size_t taken = 0;
	enum ta_http2_event event = pending_event(h2, side);

	while (event == TA_HTTP2_MORE && taken < bytes) {
		const char *at = data ? data + taken : NULL;
		size_t left = bytes - taken;

		if (!data && !may_pass(side))
			break_off(h2);
		else if (data && side->state == STATE_PREFACE)
			taken += preface_step(h2, side, at, left);
		else if (data && side->state == STATE_HEADER)
			taken += header_step(h2, side, head, at, left);
		else
			taken += payload_step(h2, side, head, at, left, &event);
		if (event == TA_HTTP2_MORE)
			event = pending_event(h2, side);
	}
	*ret_event = event;
	return taken;
}

size_t ta_http2_request(struct ta_http2 *h2, struct ta_http1_head *head, const void *data,
			size_t bytes, enum ta_http2_event *ret_event)
{
	return feed(h2, &h2->to_server, head, data, bytes, ret_event);
}

size_t ta_http2_answer(struct ta_http2 *h2, const void *data, size_t bytes,
		       enum ta_http2_event *ret_event)
{
	return feed(h2, &h2->from_server, NULL, data, bytes, ret_event);
}

size_t ta_http2_request_unseen(struct ta_http2 *h2, size_t bytes, enum ta_http2_event *ret_event)
{
	return feed(h2, &h2->to_server, NULL, NULL, bytes, ret_event);
}

size_t ta_http2_answer_unseen(struct ta_http2 *h2, size_t bytes, enum ta_http2_event *ret_event)
{
	return feed(h2, &h2->from_server, NULL, NULL, bytes, ret_event);
}
