/* SPDX-License-Identifier: MIT */
/*
 * http1_step.h - the steps of the HTTP/1 parser that every message takes, without a call.
 *
 * Runs: anywhere; pure.
 */
#ifndef TA_PROTOCOL_HTTP1_STEP_H
#define TA_PROTOCOL_HTTP1_STEP_H

#include "runtime/protocol/http1_parser.h"

/* Whether a message begins with this byte, which is fed next.  Then neither STARTED nor the
 * DONE of the message before are told. */
static inline bool ta_http1_start(struct ta_http1 *parser, char first)
{
	bool between = parser->state == TA_STATE_IDLE ||
		       (parser->state == TA_STATE_DONE && !(parser->flags & TA_SEEN_BARE));

	if (!between || (unsigned char)first <= ' ')
		return false;
	parser->state = TA_STATE_START;
	return true;
}

/* How many bytes come, at least, before anything is read again: the rest of a body or a
 * chunk. */
static inline uint64_t ta_http1_body_left(const struct ta_http1 *parser)
{
	if (parser->state == TA_STATE_BODY || parser->state == TA_STATE_CHUNK_DATA)
		return parser->body_left;
	return parser->state == TA_STATE_UNTIL_CLOSE ? UINT64_MAX : 0;
}

/* Of a response: takes so many bytes if they are all that is left of a body with a length.
 * As feeding them, and DONE. */
static inline bool ta_http1_take_body(struct ta_http1 *parser, uint64_t bytes)
{
	if (parser->state != TA_STATE_BODY || parser->body_left != bytes)
		return false;
	parser->body_left = 0;
	parser->head_bytes = 0;
	parser->state = TA_STATE_IDLE;
	return true;
}

#endif
