/* SPDX-License-Identifier: MIT */
/*
 * http1_parser.h - what the files of the HTTP/1 parser share.
 *
 * http1.c walks messages: idle, head, body, chunks.  http1_line.c reads request
 * and status lines, http1_field.c finds the header lines that matter, and
 * http1_value.c reads their values.  Everything below http1.c takes pieces: a
 * piece is as much of a line as has arrived, so that a head in one buffer costs
 * a few bulk steps and a head in single bytes gives the same result.
 */
#ifndef TA_PROTOCOL_HTTP1_PARSER_H
#define TA_PROTOCOL_HTTP1_PARSER_H

#include "runtime/protocol/http1.h"

#define TA_HTTP1_HEAD_BYTES_MAX (256u * 1024)

/* Order matters: everything from METHOD to LINE_CR is inside a head. */
enum ta_http1_state {
	TA_STATE_IDLE,
	TA_STATE_START, /* told STARTED; the first byte is next */
	TA_STATE_METHOD,
	TA_STATE_SPACES, /* between method and target */
	TA_STATE_TAIL,	 /* target, and perhaps a version */
	TA_STATE_STATUS,
	TA_STATE_REASON,
	TA_STATE_LINE,	  /* first byte of a header line */
	TA_STATE_NAME,	  /* of a header that may matter */
	TA_STATE_VALUE,	  /* of a header that does */
	TA_STATE_SKIP,	  /* rest of a line that does not */
	TA_STATE_LINE_CR, /* CR where a line begins */
	TA_STATE_HEAD_END,
	TA_STATE_DONE,
	TA_STATE_BODY,
	TA_STATE_UNTIL_CLOSE,
	TA_STATE_CHUNK_SIZE,
	TA_STATE_CHUNK_LINE, /* rest of the line with the size */
	TA_STATE_CHUNK_DATA,
	TA_STATE_CHUNK_END, /* line end after the data */
	TA_STATE_TRAILER,   /* first byte of a trailer line */
	TA_STATE_TRAILER_CR,
	TA_STATE_TRAILER_LINE,
	TA_STATE_TUNNEL,
	TA_STATE_CLOSED, /* after a request that only the end of the connection can follow */
	TA_STATE_BROKEN,
};

/* Private bits of parser->flags. */
enum ta_http1_seen {
	TA_SEEN_PUBLIC = 0xff,
	TA_SEEN_CLOSE = 0x100,	    /* Connection: close */
	TA_SEEN_KEEP_ALIVE = 0x200, /* Connection: keep-alive */
	TA_SEEN_CODING = 0x400,	    /* a Transfer-Encoding whose last coding is not chunked */
	TA_SEEN_NONSENSE = 0x800,   /* lengths or codings that cannot frame a body */
	TA_SEEN_BARE = 0x1000,	    /* a request line without an HTTP/1 version */
};

/* Headers whose values are read; the order is that of the names in http1_field.c. */
enum ta_http1_header {
	TA_HEADER_HOST,
	TA_HEADER_USER_AGENT,
	TA_HEADER_FORWARDED_FOR,
	TA_HEADER_TRACEPARENT,
	TA_HEADER_TRACESTATE,
	TA_HEADER_BAGGAGE,
	TA_HEADER_SENTRY_TRACE,
	TA_HEADER_FORWARDED,
	TA_HEADER_CONTENT_LENGTH,
	TA_HEADER_TRANSFER_ENCODING,
	TA_HEADER_CONNECTION,
	TA_HEADER_EXPECT,
	TA_HEADER_UPGRADE,
	TA_HEADER_NONE,
};

/* A lower-case word to compare with, inline so that tables need no relocation. */
struct ta_http1_word {
	char text[18];
	uint8_t bytes;
};

static inline bool ta_http1_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

/* As many bytes as a word has, case ignored, against a text of lower-case letters,
 * digits, '-' and '='.  Bit 6 is set in the letters only, so it tells where a
 * byte may differ by bit 5. */
#define TA_HTTP1_SAME(name, type, ones)                                                            \
	static inline bool name(const char *text, const char *bytes)                               \
	{                                                                                          \
		type want, have;                                                                   \
                                                                                                   \
		__builtin_memcpy(&want, text, sizeof(want));                                       \
		__builtin_memcpy(&have, bytes, sizeof(have));                                      \
		return (have | (want & ones * 0x40u) >> 1) == want;                                \
	}
TA_HTTP1_SAME(ta_http1_same8, uint64_t, 0x0101010101010101ull)
TA_HTTP1_SAME(ta_http1_same4, uint32_t, 0x01010101u)
#undef TA_HTTP1_SAME

/* The same for any count: the last step overlaps the one before it. */
static inline bool ta_http1_same(const char *text, const char *bytes, size_t count)
{
	size_t i = 0;

	if (count >= 8) {
		for (; count - i > 8; i += 8)
			if (!ta_http1_same8(text + i, bytes + i))
				return false;
		return ta_http1_same8(text + count - 8, bytes + count - 8);
	}
	if (count >= 4)
		return ta_http1_same4(text, bytes) &&
		       ta_http1_same4(text + count - 4, bytes + count - 4);
	for (; i < count; i++)
		if ((bytes[i] | (text[i] & 0x40) >> 1) != text[i])
			return false;
	return true;
}

/* First line of a message, from at on; returns where it stopped.  Leaves the
 * state at LINE, HEAD_END or BROKEN, or where it is when end comes first. */
const char *ta_http1_request_line(struct ta_http1 *parser, struct ta_http1_head *head,
				  const char *at, const char *end);
const char *ta_http1_status_line(struct ta_http1 *parser, const char *at, const char *end);

/* Header lines; leaves the state at HEAD_END behind the empty line. */
const char *ta_http1_fields(struct ta_http1 *parser, struct ta_http1_head *head, const char *at,
			    const char *end);

/* Of a head that begins at at, first line and header lines that lie whole before end and are
 * as usual; returns where the first other one begins, and leaves the state where the others
 * go on. */
const char *ta_http1_whole_request(struct ta_http1 *parser, struct ta_http1_head *head,
				   const char *at, const char *end);
const char *ta_http1_whole_response(struct ta_http1 *parser, const char *at, const char *end);
/* The same for header lines from at, where one begins. */
const char *ta_http1_whole_lines(struct ta_http1 *parser, struct ta_http1_head *head,
				 const char *at, const char *end);

/* A value begins; may set parser->header to NONE when it is not wanted. */
void ta_http1_value_begin(struct ta_http1 *parser, struct ta_http1_head *head);
/* Some more of it, without the line's LF. */
void ta_http1_value_piece(struct ta_http1 *parser, struct ta_http1_head *head, const char *piece,
			  size_t bytes);
/* Its line has ended; the next one may continue it. */
void ta_http1_value_line_end(struct ta_http1 *parser, struct ta_http1_head *head);
/* It is complete. */
void ta_http1_value_end(struct ta_http1 *parser);

#endif
