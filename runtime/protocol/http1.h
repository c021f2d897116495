/* SPDX-License-Identifier: MIT */
/*
 * http1.h - HTTP/1.x heads and message boundaries, from bytes in any pieces.
 *
 * One struct ta_http1 follows one direction of one connection.  It is fed every
 * byte that the program read or wrote, in order, and says where heads are
 * complete and messages end (RFC 9112, framing as in section 6).  It keeps no
 * bytes: what is worth keeping of a head goes into the struct ta_http1_head that
 * the caller passes with each call (the same one until the head is complete).
 *
 * Pure: no I/O, no globals, no allocation, at most 256 bytes of stack.  Hostile
 * input can make it say TA_HTTP1_BROKEN, nothing else.
 */
#ifndef TA_PROTOCOL_HTTP1_H
#define TA_PROTOCOL_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ta_http1_event {
	TA_HTTP1_MORE,	  /* all bytes taken, nothing to tell */
	TA_HTTP1_STARTED, /* the first byte of a message was seen (it is not consumed by this event) */
	TA_HTTP1_HEAD,	  /* the head is complete; *head holds its facts */
	TA_HTTP1_DONE,	  /* the message is complete, body and trailers included */
	TA_HTTP1_TUNNEL,  /* after a HEAD event: from here on it is not HTTP (101, or 2xx to CONNECT) */
	TA_HTTP1_BROKEN,  /* not HTTP/1.x; stays so */
};

enum ta_http1_direction { TA_HTTP1_REQUEST, TA_HTTP1_RESPONSE };

#define TA_HTTP1_METHOD_MAX 24
#define TA_HTTP1_TARGET_MAX 8192
#define TA_HTTP1_HOST_MAX 128
#define TA_HTTP1_USER_AGENT_MAX 160
#define TA_HTTP1_FORWARDED_MAX 64
#define TA_HTTP1_TRACEPARENT_MAX 64
#define TA_HTTP1_TRACESTATE_MAX 512 /* W3C trace context, 3.3.1.5: keep at least this much */
#define TA_HTTP1_BAGGAGE_MAX 1024
#define TA_HTTP1_SENTRY_TRACE_MAX 64

enum ta_http1_head_flags {
	TA_HTTP1_KEEP_ALIVE = 1,   /* the connection stays open as far as this head says */
	TA_HTTP1_IS_HEAD = 2,	   /* request: the method is HEAD */
	TA_HTTP1_IS_CONNECT = 4,   /* request: the method is CONNECT */
	TA_HTTP1_CHUNKED = 8,
	TA_HTTP1_HAS_LENGTH = 16,
	TA_HTTP1_UPGRADE = 32,	   /* request asks for, or 101 response makes, an upgrade */
	TA_HTTP1_UNTIL_CLOSE = 64, /* response: the body ends with the connection */
	TA_HTTP1_EXPECT_CONTINUE = 128,
};

enum ta_http1_cut { TA_HTTP1_CUT_TRACESTATE = 1 << 4, TA_HTTP1_CUT_BAGGAGE = 1 << 5 };

/* Facts of one head.  Lengths say how much is there; a value that did not fit is
 * cut, and target_total tells how long the target really was. */
struct ta_http1_head {
	uint16_t flags; /* enum ta_http1_head_flags */
	uint16_t status;
	uint8_t version_minor; /* 0 or 1; 9 for an HTTP/0.9 request line without version */
	uint8_t method_len;
	uint16_t target_len;
	uint32_t target_total;
	uint16_t host_len, user_agent_len, forwarded_len, traceparent_len, tracestate_len;
	uint16_t baggage_len, sentry_trace_len;
	uint8_t traceparent_count; /* more than one header makes all invalid (W3C) */
	uint8_t tracestate_count, baggage_count, sentry_trace_count;
	uint8_t cut; /* enum ta_http1_cut: of these the rest is not here */
	uint64_t content_length;
	char method[TA_HTTP1_METHOD_MAX + 8]; /* as the others a multiple of 16 long */
	char host[TA_HTTP1_HOST_MAX];
	char user_agent[TA_HTTP1_USER_AGENT_MAX];
	char forwarded[TA_HTTP1_FORWARDED_MAX]; /* first of X-Forwarded-For, or for= of Forwarded */
	char traceparent[TA_HTTP1_TRACEPARENT_MAX];
	char tracestate[TA_HTTP1_TRACESTATE_MAX]; /* several headers joined with ',' */
	char baggage[TA_HTTP1_BAGGAGE_MAX];	  /* the same */
	char sentry_trace[TA_HTTP1_SENTRY_TRACE_MAX];
	char target[TA_HTTP1_TARGET_MAX];	   /* last: copies stop at what is used */
};

/* All members are the parser's own; callers zero it with ta_http1_init(). */
struct ta_http1 {
	uint64_t body_left;  /* of the body or chunk; in a head: the number being read */
	uint64_t length;     /* Content-Length of this head */
	uint32_t head_bytes; /* of this head, chunk line or trailer so far; bounded */
	uint32_t mark;	     /* request line: where in the tail a version may begin */
	uint16_t candidates; /* names or words that still fit */
	uint16_t flags;	     /* what this head has said, with private bits above the public ones */
	uint16_t status;     /* response: status; request: the two digits of the version */
	uint8_t direction;
	uint8_t state;
	uint8_t header;	 /* whose value is being read */
	uint8_t matched; /* bytes of a name, word or pattern seen so far */
	uint8_t phase;	 /* inside a value: begun or not, and the like */
	uint8_t last;	 /* last byte of the request line so far */
	uint8_t answers; /* response: the request was HEAD or CONNECT */
	uint8_t version_minor;
	uint8_t spare[2];
};

void ta_http1_init(struct ta_http1 *parser, enum ta_http1_direction direction);

/* Takes bytes until something is to be told or all are taken.  Returns how many
 * it took; *ret_event says what happened behind them.  Call again with the rest
 * until TA_HTTP1_MORE.  *head is cleared by the parser when a message starts,
 * and is complete with TA_HTTP1_HEAD.
 *
 * Request, in order: STARTED, HEAD, DONE (also when there is no body).
 * Response: the same; a 1xx head is told like any other and followed by DONE,
 * except 101, which is followed by TUNNEL.  A body without length or chunks
 * (TA_HTTP1_UNTIL_CLOSE) never gets DONE: the caller ends it with the connection.
 * Blank lines before a request are skipped (RFC 9112, 2.2).
 *
 * TUNNEL and BROKEN take no bytes and are told again at every call.  A request
 * whose head is complete but cannot frame a body (lengths that differ, an unknown
 * coding) gets HEAD and then BROKEN: the server has seen and answers it.  After a
 * request without HTTP/1 version (version_minor 9) everything is taken and nothing
 * told.
 *
 * What *head holds of a request before HEAD is true as far as it goes.  Of a
 * response it is written only with HEAD: any memory will do, also another one in
 * each call. */
size_t ta_http1_feed(struct ta_http1 *parser, struct ta_http1_head *head, const void *data,
		     size_t bytes, enum ta_http1_event *ret_event);

/* Bytes that went by unseen (sendfile, splice).  Takes only body bytes: returns
 * how many it took, with the same events; 0 and BROKEN when it stands in a head
 * or between chunks and so cannot know what they were. */
size_t ta_http1_skip(struct ta_http1 *parser, size_t bytes, enum ta_http1_event *ret_event);

/* Whether the empty line that ends a head has begun and is not complete. */
bool ta_http1_in_empty_line(const struct ta_http1 *parser);

/* Response parser only, before the response's first byte: the request it answers.
 * request_flags are that head's flags (IS_HEAD and IS_CONNECT matter). */
void ta_http1_answers(struct ta_http1 *parser, uint16_t request_flags);

/* Whether it stands between two messages. */
bool ta_http1_is_between(const struct ta_http1 *parser);

/* Whether bytes can be the beginning of an HTTP/1.x request: 1 yes (a token, a
 * space, and a target's first byte, or the whole of a known method), 0 not yet
 * known (a prefix of such), -1 no. */
int ta_http1_recognise(const void *data, size_t bytes);

#endif
