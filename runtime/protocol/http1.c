/* SPDX-License-Identifier: MIT */
/*
 * http1.c - walks HTTP/1.x messages: where they start, where heads and bodies end.
 *
 * Heads are read by http1_line.c and http1_field.c.  Framing is RFC 9112,
 * section 6, with the leniency of the servers that we watch: a head that cannot
 * frame its body is still told (the server logs and answers it), and then the
 * connection is BROKEN.  BROKEN and TUNNEL take no bytes and stay.
 *
 * Runs: anywhere; pure.  No libc calls but memchr, memcpy, memcmp and memset.
 */
#include "runtime/protocol/http1.h"

#include <string.h>

#include "runtime/protocol/http1_parser.h"

_Static_assert(sizeof(struct ta_http1) <= 48, "two of these per connection");

void ta_http1_init(struct ta_http1 *parser, enum ta_http1_direction direction)
{
	memset(parser, 0, sizeof(*parser));
	parser->direction = (uint8_t)direction;
	parser->state = TA_STATE_IDLE;
}

void ta_http1_answers(struct ta_http1 *parser, uint16_t request_flags)
{
	parser->answers = request_flags & (TA_HTTP1_IS_HEAD | TA_HTTP1_IS_CONNECT);
}

bool ta_http1_is_between(const struct ta_http1 *parser)
{
	return parser->state == TA_STATE_IDLE || parser->state == TA_STATE_DONE;
}

static bool is_request(const struct ta_http1 *parser)
{
	return parser->direction == TA_HTTP1_REQUEST;
}

/* ---- heads ---- */

static inline void start_head(struct ta_http1 *parser, struct ta_http1_head *head, bool request)
{
	if (request)
		memset(head, 0, offsetof(struct ta_http1_head, method));
	parser->body_left = 0;
	parser->length = 0;
	parser->version_minor = 0;
	parser->head_bytes = 0;
	parser->mark = 0;
	parser->flags = 0;
	parser->status = 0;
	parser->header = TA_HEADER_NONE;
	parser->matched = 0;
	parser->state = request ? TA_STATE_METHOD : TA_STATE_STATUS;
}

static inline bool keeps_alive(const struct ta_http1 *parser, uint32_t flags, uint8_t state)
{
	if (state == TA_STATE_BROKEN || flags & TA_SEEN_CLOSE || parser->version_minor > 1)
		return false;
	return parser->version_minor == 1 || flags & TA_SEEN_KEEP_ALIVE;
}

static inline uint8_t frame_request(const struct ta_http1 *parser, uint32_t flags)
{
	if (flags & (TA_SEEN_NONSENSE | TA_SEEN_CODING))
		return TA_STATE_BROKEN;
	if (flags & TA_HTTP1_CHUNKED)
		return TA_STATE_CHUNK_SIZE;
	return parser->length ? TA_STATE_BODY : TA_STATE_DONE;
}

/* One that has a body, as far as its status says. */
static inline uint8_t frame_body(const struct ta_http1 *parser, uint32_t flags)
{
	if (flags & TA_SEEN_NONSENSE)
		return TA_STATE_BROKEN;
	if (flags & TA_HTTP1_CHUNKED)
		return TA_STATE_CHUNK_SIZE;
	if (flags & TA_SEEN_CODING || !(flags & TA_HTTP1_HAS_LENGTH))
		return TA_STATE_UNTIL_CLOSE;
	return parser->length ? TA_STATE_BODY : TA_STATE_DONE;
}

static uint8_t frame_response(const struct ta_http1 *parser, uint32_t flags)
{
	if (parser->status == 101)
		return TA_STATE_TUNNEL;
	if (parser->answers & TA_HTTP1_IS_CONNECT && parser->status / 100 == 2)
		return TA_STATE_TUNNEL;
	if (parser->status < 200 || parser->status == 204 || parser->status == 304 ||
	    parser->answers & TA_HTTP1_IS_HEAD)
		return TA_STATE_DONE;
	return frame_body(parser, flags);
}

/* What follows a response's head, and what only responses say. */
static inline uint8_t end_response(struct ta_http1 *parser, struct ta_http1_head *head,
				   uint32_t *flags)
{
	uint8_t state = parser->status == 200 && parser->answers == 0 ?
				frame_body(parser, *flags) :
				frame_response(parser, *flags);

	memset(head, 0, offsetof(struct ta_http1_head, method));
	head->status = parser->status;
	if (parser->status >= 200)
		parser->answers = 0;
	if (parser->status == 101)
		*flags |= TA_HTTP1_UPGRADE;
	return state;
}

/* The head is complete: what follows it, and the facts that need all of it. */
__attribute__((always_inline)) static inline void
end_head(struct ta_http1 *parser, struct ta_http1_head *head, bool request)
{
	uint32_t flags = parser->flags;
	uint8_t state;

	if (flags & (TA_HTTP1_CHUNKED | TA_SEEN_CODING | TA_SEEN_NONSENSE)) {
		flags &= ~(uint32_t)TA_HTTP1_HAS_LENGTH;
		parser->length = 0;
	}
	state = request ? frame_request(parser, flags) : end_response(parser, head, &flags);
	head->version_minor = parser->version_minor;
	head->content_length = parser->length;
	uint32_t told = flags & TA_SEEN_PUBLIC;

	if (state == TA_STATE_UNTIL_CLOSE)
		told |= TA_HTTP1_UNTIL_CLOSE;
	else if (keeps_alive(parser, flags, state))
		told |= TA_HTTP1_KEEP_ALIVE;
	head->flags = (uint16_t)told;
	parser->flags = (uint16_t)flags;
	parser->state = state;
	parser->body_left = state == TA_STATE_BODY ? parser->length : 0;
	parser->head_bytes = 0;
	parser->matched = 0;
}

static const char *read_head(struct ta_http1 *parser, struct ta_http1_head *head, const char *at,
			     const char *end)
{
	if (parser->state < TA_STATE_STATUS)
		at = ta_http1_request_line(parser, head, at, end);
	else if (parser->state < TA_STATE_LINE)
		at = ta_http1_status_line(parser, at, end);
	if (parser->state >= TA_STATE_LINE && parser->state < TA_STATE_HEAD_END)
		at = ta_http1_fields(parser, head, at, end);
	return at;
}

/* A head may be at most TA_HTTP1_HEAD_BYTES_MAX long, however it arrives. */
static const char *feed_head(struct ta_http1 *parser, struct ta_http1_head *head, const char *at,
			     const char *end, enum ta_http1_event *ret_event)
{
	const char *first = at;

	if ((size_t)(end - at) > TA_HTTP1_HEAD_BYTES_MAX - parser->head_bytes)
		end = at + (TA_HTTP1_HEAD_BYTES_MAX - parser->head_bytes);
	at = read_head(parser, head, at, end);
	parser->head_bytes += (uint32_t)(at - first);
	if (parser->state == TA_STATE_HEAD_END) {
		if (is_request(parser))
			end_head(parser, head, true);
		else
			end_head(parser, head, false);
		*ret_event = TA_HTTP1_HEAD;
		return at;
	}
	if (parser->head_bytes == TA_HTTP1_HEAD_BYTES_MAX)
		parser->state = TA_STATE_BROKEN;
	if (parser->state == TA_STATE_BROKEN)
		*ret_event = TA_HTTP1_BROKEN;
	return at;
}

/* One that begins here: nearly always all of it is there. */
__attribute__((always_inline)) static inline size_t
start_of(struct ta_http1 *parser, struct ta_http1_head *head, const char *first, size_t bytes,
	 bool request, enum ta_http1_event *ret_event)
{
	const char *end = first + bytes, *at;

	start_head(parser, head, request);
	if (bytes > TA_HTTP1_HEAD_BYTES_MAX)
		end = first + TA_HTTP1_HEAD_BYTES_MAX;
	at = request ? ta_http1_whole_request(parser, head, first, end) :
		       ta_http1_whole_response(parser, first, end);
	if (__builtin_expect(parser->state == TA_STATE_HEAD_END, 1)) {
		end_head(parser, head, request);
		*ret_event = TA_HTTP1_HEAD;
	} else {
		parser->head_bytes = (uint32_t)(at - first);
		at = feed_head(parser, head, at, first + bytes, ret_event);
	}
	return (size_t)(at - first);
}

static size_t feed_start(struct ta_http1 *parser, struct ta_http1_head *head, const char *first,
			 size_t bytes, enum ta_http1_event *ret_event)
{
	return is_request(parser) ? start_of(parser, head, first, bytes, true, ret_event) :
				    start_of(parser, head, first, bytes, false, ret_event);
}

/* ---- bodies ---- */

/* Takes body or chunk bytes; the state moves on when none is left. */
static size_t take_body(struct ta_http1 *parser, size_t bytes)
{
	if (bytes > parser->body_left)
		bytes = (size_t)parser->body_left;
	parser->body_left -= bytes;
	if (parser->body_left == 0) {
		parser->head_bytes = 0;
		parser->state = parser->state == TA_STATE_BODY ? TA_STATE_DONE : TA_STATE_CHUNK_END;
	}
	return bytes;
}

static int hex_digit(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte = (char)(byte | 0x20);
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* One byte of a chunk's size. */
static void chunk_size_byte(struct ta_http1 *parser, char byte)
{
	int digit = hex_digit(byte);

	if (digit >= 0 && parser->body_left >> 59 == 0) {
		parser->body_left = parser->body_left << 4 | (unsigned int)digit;
		parser->matched = 1;
	} else if (digit < 0 && parser->matched &&
		   (ta_http1_blank(byte) || byte == ';' || byte == '\n')) {
		parser->matched = 0;
		parser->state = TA_STATE_CHUNK_LINE;
	} else {
		parser->state = TA_STATE_BROKEN;
	}
}

static const char *behind_line(const char *at, const char *end, bool *ret_ended)
{
	const char *line_end = memchr(at, '\n', (size_t)(end - at));

	*ret_ended = line_end != NULL;
	return line_end ? line_end + 1 : end;
}

static const char *chunk_line(struct ta_http1 *parser, const char *at, const char *end)
{
	bool ended;

	at = behind_line(at, end, &ended);
	if (ended)
		parser->state = parser->body_left ? TA_STATE_CHUNK_DATA : TA_STATE_TRAILER;
	return at;
}

static const char *trailer_line(struct ta_http1 *parser, const char *at, const char *end)
{
	bool ended;

	at = behind_line(at, end, &ended);
	if (ended)
		parser->state = TA_STATE_TRAILER;
	return at;
}

/* The line end behind a chunk's data: CR LF or LF, nothing else. */
static const char *chunk_end_byte(struct ta_http1 *parser, const char *at)
{
	if (*at == '\r' && parser->matched == 0) {
		parser->matched = 1;
		return at + 1;
	}
	parser->matched = 0;
	parser->head_bytes = 0;
	parser->state = *at == '\n' ? TA_STATE_CHUNK_SIZE : TA_STATE_BROKEN;
	return *at == '\n' ? at + 1 : at;
}

static const char *trailer_byte(struct ta_http1 *parser, const char *at)
{
	if (*at == '\n') {
		parser->state = TA_STATE_DONE;
		return at + 1;
	}
	if (*at == '\r' && parser->state == TA_STATE_TRAILER) {
		parser->state = TA_STATE_TRAILER_CR;
		return at + 1;
	}
	parser->state = TA_STATE_TRAILER_LINE;
	return at;
}

static const char *chunk_step(struct ta_http1 *parser, const char *at, const char *end)
{
	switch (parser->state) {
	case TA_STATE_CHUNK_SIZE:
		chunk_size_byte(parser, *at);
		return parser->state == TA_STATE_CHUNK_SIZE ? at + 1 : at;
	case TA_STATE_CHUNK_LINE:
		return chunk_line(parser, at, end);
	case TA_STATE_CHUNK_DATA:
		return at + take_body(parser, (size_t)(end - at));
	case TA_STATE_CHUNK_END:
		return chunk_end_byte(parser, at);
	case TA_STATE_TRAILER_LINE:
		return trailer_line(parser, at, end);
	default:
		return trailer_byte(parser, at);
	}
}

/* Everything between chunks counts against the same bound as a head: per chunk
 * line, and for all trailers together. */
static const char *feed_chunks(struct ta_http1 *parser, const char *at, const char *end)
{
	while (at < end && parser->state >= TA_STATE_CHUNK_SIZE &&
	       parser->state <= TA_STATE_TRAILER_LINE) {
		bool data = parser->state == TA_STATE_CHUNK_DATA;
		size_t room = TA_HTTP1_HEAD_BYTES_MAX - parser->head_bytes;
		const char *stop = !data && (size_t)(end - at) > room ? at + room : end;
		const char *next = chunk_step(parser, at, stop);

		if (!data)
			parser->head_bytes += (uint32_t)(next - at);
		if (parser->state == TA_STATE_CHUNK_DATA)
			parser->head_bytes = 0;
		at = next;
		if (parser->head_bytes >= TA_HTTP1_HEAD_BYTES_MAX && parser->state != TA_STATE_DONE)
			parser->state = TA_STATE_BROKEN;
	}
	return at;
}

/* ---- the whole ---- */

/* Events that need no byte.  False when there is none. */
static bool pending_event(struct ta_http1 *parser, enum ta_http1_event *ret_event)
{
	switch (parser->state) {
	case TA_STATE_DONE:
		parser->state = parser->flags & TA_SEEN_BARE ? TA_STATE_CLOSED : TA_STATE_IDLE;
		*ret_event = TA_HTTP1_DONE;
		return true;
	case TA_STATE_TUNNEL:
		*ret_event = TA_HTTP1_TUNNEL;
		return true;
	case TA_STATE_BROKEN:
		*ret_event = TA_HTTP1_BROKEN;
		return true;
	default:
		return false;
	}
}

static const char *feed_idle(struct ta_http1 *parser, const char *at, const char *end,
			     enum ta_http1_event *ret_event)
{
	while (is_request(parser) && at < end && (*at == '\r' || *at == '\n'))
		at++;
	if (at < end) {
		parser->state = TA_STATE_START;
		*ret_event = TA_HTTP1_STARTED;
	}
	return at;
}

static const char *feed_body(struct ta_http1 *parser, const char *at, const char *end,
			     enum ta_http1_event *ret_event)
{
	if (parser->state == TA_STATE_UNTIL_CLOSE || parser->state == TA_STATE_CLOSED)
		return end;
	if (parser->state == TA_STATE_BODY)
		at += take_body(parser, (size_t)(end - at));
	else
		at = feed_chunks(parser, at, end);
	pending_event(parser, ret_event);
	return at;
}

static __attribute__((noinline)) size_t feed_any(struct ta_http1 *parser,
						 struct ta_http1_head *head, const char *first,
						 size_t bytes, enum ta_http1_event *ret_event)
{
	const char *at = first;

	if (pending_event(parser, ret_event) || bytes == 0)
		return 0;
	if (parser->state == TA_STATE_IDLE)
		at = feed_idle(parser, at, first + bytes, ret_event);
	else if (parser->state < TA_STATE_HEAD_END)
		at = feed_head(parser, head, at, first + bytes, ret_event);
	else
		at = feed_body(parser, at, first + bytes, ret_event);
	return (size_t)(at - first);
}

size_t ta_http1_feed(struct ta_http1 *parser, struct ta_http1_head *head, const void *data,
		     size_t bytes, enum ta_http1_event *ret_event)
{
	*ret_event = TA_HTTP1_MORE;
	if (parser->state == TA_STATE_START && bytes)
		return feed_start(parser, head, data, bytes, ret_event);
	return feed_any(parser, head, data, bytes, ret_event);
}

size_t ta_http1_skip(struct ta_http1 *parser, size_t bytes, enum ta_http1_event *ret_event)
{
	*ret_event = TA_HTTP1_MORE;
	if (pending_event(parser, ret_event) || bytes == 0)
		return 0;
	if (parser->state == TA_STATE_UNTIL_CLOSE || parser->state == TA_STATE_CLOSED)
		return bytes;
	if (parser->state == TA_STATE_BODY || parser->state == TA_STATE_CHUNK_DATA)
		bytes = take_body(parser, bytes);
	else
		bytes = 0, parser->state = TA_STATE_BROKEN;
	pending_event(parser, ret_event);
	return bytes;
}

bool ta_http1_in_empty_line(const struct ta_http1 *parser)
{
	return parser->state == TA_STATE_LINE_CR;
}
