/* SPDX-License-Identifier: MIT */
/*
 * http2.h - HTTP/2 (RFC 9113) with HPACK (RFC 7541): requests and answers of a connection,
 * from bytes in any pieces.
 *
 * One struct ta_http2 follows one connection from either end.  It is fed what goes to
 * the server and what comes from it, each in order, and tells of streams: a request's
 * head is there, an answer's head is there, a stream is over.
 *
 * Pure: no I/O, no globals, no allocation, at most 512 bytes of stack.  Both dynamic
 * tables are kept in the struct (settings above 4096 bytes are followed as far as
 * TA_HTTP2_TABLE_BYTES; what does not fit any more makes it say BROKEN, because names
 * would be wrong).  Hostile input can make it say TA_HTTP2_BROKEN, nothing else.
 */
#ifndef TA_PROTOCOL_HTTP2_H
#define TA_PROTOCOL_HTTP2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/protocol/http1.h"

enum ta_http2_event {
	TA_HTTP2_MORE,
	TA_HTTP2_REQUEST, /* a stream's request head is complete: stream, head */
	TA_HTTP2_ANSWER,  /* a final answer's head: stream, status */
	TA_HTTP2_ENDED,	  /* both directions of a stream are over: stream, grpc_status */
	TA_HTTP2_RESET,	  /* a stream was broken off (RST_STREAM, or GOAWAY below it) */
	TA_HTTP2_DATA,	  /* bytes of a stream's body were seen: stream (contexts follow them) */
	TA_HTTP2_BROKEN,
};

#endif
