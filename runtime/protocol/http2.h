/* SPDX-License-Identifier: MIT */
/*
 * http2.h - HTTP/2 (RFC 9113) with HPACK (RFC 7541): requests and answers of a connection,
 * from bytes in any pieces.
 *
 * One struct ta_http2 follows one connection from either end.  It is fed what goes to
 * the server and what comes from it, each in order, and tells of streams: a request's
 * head is there, an answer's head is there, a stream is over.
 *
 * A stream that is told of has a slot, a number below TA_HTTP2_STREAMS_MAX that stays
 * the same until it has ENDED or was RESET, and user[slot] is the caller's.  When more
 * streams are open at once than there are slots the rest is left out (and counted), and
 * everything else goes on.  The two directions may be seen out of step: an answer that
 * comes before its request is told behind it.
 *
 * Both dynamic tables are kept in the struct.  An encoder that uses more than 4096 bytes
 * is followed as far as they go: a field out of reach is missing in the head and the
 * head says so (TA_HTTP2_LOST); only when sizes cannot be known any more it is BROKEN.
 *
 * Nothing is put into what is sent: a field more in a block that the program has
 * compressed would change its encoder's table behind its back, so that outgoing HTTP/2
 * requests carry the traceparent that the program gives them, or none.
 *
 * Pure: no I/O, no globals, no allocation, at most 512 bytes of stack in all.  Hostile
 * input can make it say TA_HTTP2_BROKEN, nothing else.
 */
#ifndef TA_PROTOCOL_HTTP2_H
#define TA_PROTOCOL_HTTP2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/protocol/hpack.h"
#include "runtime/protocol/http1.h"

#define TA_HTTP2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define TA_HTTP2_PREFACE_BYTES 24u
#define TA_HTTP2_STREAMS_MAX 256u
#define TA_HTTP2_NO_SLOT TA_HTTP2_STREAMS_MAX
#define TA_HTTP2_VERSION_MINOR 20 /* head->version_minor of a request by HTTP/2 */

enum ta_http2_event {
	TA_HTTP2_MORE,	  /* all bytes taken, nothing to tell */
	TA_HTTP2_REQUEST, /* a stream's request head is complete: stream, head */
	TA_HTTP2_ANSWER,  /* a final answer's head: stream, status */
	TA_HTTP2_ENDED,	  /* both directions of a stream are over: stream, status, grpc_status */
	TA_HTTP2_RESET,	  /* a stream was broken off (RST_STREAM, or a GOAWAY below it): error */
	TA_HTTP2_DATA,	  /* bytes of a stream's body went by: stream, bytes */
	TA_HTTP2_BROKEN,  /* not HTTP/2, or it cannot be followed; both directions, stays so */
};

/* More bits of head->flags, above those of HTTP/1.  Of these KEEP_ALIVE is always set. */
enum ta_http2_head_flags {
	TA_HTTP2_GRPC = 0x100,	/* content-type: application/grpc */
	TA_HTTP2_HTTPS = 0x200, /* :scheme is https */
	TA_HTTP2_LOST = 0x400,	/* a field was out of reach */
};

/* What an event is about.  Valid until the next call. */
struct ta_http2_told {
	uint32_t stream;
	uint32_t error;	    /* RESET, or ENDED by RST_STREAM: its code, 255 for any above */
	size_t bytes;	    /* DATA: without padding */
	uint16_t slot;	    /* ENDED, RESET: user[slot] is still there, the slot is free */
	uint16_t status;    /* from ANSWER on */
	int8_t grpc_status; /* 0 to 16, -1 when there was none; for certain with ENDED */
};

struct ta_http2_stream {
	uint16_t status;
	int8_t grpc_status;
	uint8_t flags; /* private */
	uint8_t error;
};

/* One direction.  Private. */
struct ta_http2_side {
	struct ta_hpack hpack;
	struct ta_hpack_facts facts; /* of the field block */
	uint32_t left;		     /* of the frame's payload, padding included */
	uint32_t stream;
	uint32_t block_stream;
	uint16_t slot; /* of the frame's or block's stream */
	uint8_t state, type, flags;
	uint8_t padding;
	uint8_t prelude; /* bytes before a field block still to pass */
	uint8_t gathered_bytes;
	uint8_t block; /* what the field block is */
	bool block_ends_stream, wants_head, settling;
	bool answers, opened; /* opened: its first frame was seen */
	unsigned char gathered[9];
};

/* user is the caller's, told and lost are to be read; the rest is private. */
struct ta_http2 {
	uint64_t user[TA_HTTP2_STREAMS_MAX];
	struct ta_http2_told told;
	uint32_t lost;	   /* requests that found no slot */
	uint32_t open;	   /* slots in use */
	uint32_t last;	   /* greatest stream that a request came on */
	uint32_t greatest; /* stream that ever had a slot */
	uint32_t goaway;   /* the server answers no stream above this one */
	uint16_t sweep;	   /* next slot to look at behind a GOAWAY */
	uint8_t goaway_error;
	bool broken;
	struct ta_http1 reader; /* of header values */
	struct ta_http2_side to_server, from_server;
	uint32_t ids[TA_HTTP2_STREAMS_MAX]; /* 0: free */
	struct ta_http2_stream streams[TA_HTTP2_STREAMS_MAX];
	char text[TA_HPACK_TABLE_BYTES]; /* of the requests' dynamic table */
};

void ta_http2_init(struct ta_http2 *h2);

/* After an Upgrade: h2c that was granted, before any other byte is fed: the request
 * that asked for it is stream 1, was told already, and is complete.  Returns its slot. */
unsigned int ta_http2_upgraded(struct ta_http2 *h2);

/* Bytes towards the server, from the preface on, also behind an upgrade.  Takes bytes
 * until something is to be told or all are taken.  Returns how many it took; *ret_event
 * says what happened behind them, h2->told and with REQUEST *head say the rest.  Call
 * again with what is left, be it nothing, until TA_HTTP2_MORE.
 *
 * *head is cleared when a request's head begins.  While ta_http2_in_head() the next call
 * needs the same one; otherwise any memory will do. */
size_t ta_http2_request(struct ta_http2 *h2, struct ta_http1_head *head, const void *data,
			size_t bytes, enum ta_http2_event *ret_event);

static inline bool ta_http2_in_head(const struct ta_http2 *h2)
{
	return h2->to_server.wants_head;
}

/* Bytes from the server; behind an upgrade from its first frame on. */
size_t ta_http2_answer(struct ta_http2 *h2, const void *data, size_t bytes,
		       enum ta_http2_event *ret_event);

/* Bytes that went by unseen (sendfile, splice): the same events; BROKEN where they
 * would have had to be read. */
size_t ta_http2_request_unseen(struct ta_http2 *h2, size_t bytes, enum ta_http2_event *ret_event);
size_t ta_http2_answer_unseen(struct ta_http2 *h2, size_t bytes, enum ta_http2_event *ret_event);

/* The streams that are not over, for the end of the connection and behind BROKEN: the
 * first slot at or after from whose REQUEST was told, or TA_HTTP2_NO_SLOT. */
unsigned int ta_http2_next_open(const struct ta_http2 *h2, unsigned int from);

/* Whether bytes can be the beginning of what goes to a server: 1 yes (the preface),
 * 0 not yet known, -1 no. */
int ta_http2_recognise(const void *data, size_t bytes);

#endif
