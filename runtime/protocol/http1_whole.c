/* SPDX-License-Identifier: MIT */
/*
 * http1_whole.c - lines that lie in one piece, which is nearly all of them.
 *
 * What http1_line.c, http1_field.c and http1_value.c do byte by byte is done here in a few
 * steps for lines whose end is there, that are not continued by the next one, and that
 * have their usual form.  Everything else is left to them, so there is one truth:
 * the results are the same, and tests/fuzz compares the two.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/http1_parser.h"

#include <string.h>

#include "runtime/protocol/http1_scan.h"
#include "runtime/protocol/short.h"

#define LETTER(letter) (1u << ((letter) & 31))

/* First letters of the names that matter. */
#define IN_REQUESTS                                                                                \
	(LETTER('b') | LETTER('c') | LETTER('e') | LETTER('f') | LETTER('h') | LETTER('s') |       \
	 LETTER('t') | LETTER('u') | LETTER('x'))
#define IN_RESPONSES (LETTER('c') | LETTER('t'))
/* First bytes of lines that are no header lines, or continue one, fall together with these. */
#define NO_NAMES (LETTER(' ') | LETTER('\t') | LETTER('\r') | LETTER('\n'))

#define LENGTH_DIGITS_MAX 18

/* A line without its LF. */
struct line {
	const char *text;
	size_t bytes;
};

static inline bool is_continued_by(char byte)
{
	return byte <= ' ' && (byte == ' ' || byte == '\t');
}

/* Whether the line has a name of so many bytes. */
static inline bool has_name_of(struct line line, size_t bytes)
{
	return bytes < line.bytes && line.text[bytes] == ':';
}

#define IS_NAME(line, name)                                                                        \
	(has_name_of(line, sizeof(name) - 1) &&                                                    \
	 ta_http1_same(name, (line).text, sizeof(name) - 1))
#define IS_VALUE(value, word)                                                                      \
	((value).bytes == sizeof(word) - 1 &&                                                      \
	 ta_http1_same(word, (value).text, sizeof(word) - 1))

/* What stands behind a name of so many bytes and its colon, without blanks around it. */
static inline struct line value_of(struct line line, size_t name_bytes)
{
	const char *at = line.text + name_bytes + 1, *end = line.text + line.bytes;

	/* One space, something, CR: nearly always. */
	if (end - at >= 3 && at[0] == ' ' && at[1] > ' ' && end[-1] == '\r' && end[-2] > ' ')
		return (struct line){ at + 1, (size_t)(end - at) - 2 };
	while (at < end && *at <= ' ' && ta_http1_blank(*at))
		at++;
	while (end > at && end[-1] <= ' ' && ta_http1_blank(end[-1]))
		end--;
	return (struct line){ at, (size_t)(end - at) };
}

/* Into an array that has room for 16; in one step where so much is there before end. */
static inline void copy_text(char *to, const char *from, size_t bytes, const char *end)
{
	if (bytes <= 16 && end - from >= 16)
		memcpy(to, from, 16);
	else
		ta_short_copy(to, from, bytes);
}

/* Of texts of which the first counts.  False: it has to be cut. */
static inline bool take_text(struct line value, char *text, uint16_t *length, size_t max,
			     const char *end)
{
	if (value.bytes > max)
		return false;
	if (*length == 0) {
		copy_text(text, value.text, value.bytes, end);
		*length = (uint16_t)value.bytes;
	}
	return true;
}

static bool take_length(struct ta_http1 *parser, struct line value)
{
	uint64_t length = 0;

	if (parser->flags & TA_HTTP1_HAS_LENGTH || value.bytes == 0 ||
	    value.bytes > LENGTH_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < value.bytes; i++) {
		unsigned int digit = (unsigned char)value.text[i] - (unsigned int)'0';

		if (digit > 9)
			return false;
		length = length * 10 + digit;
	}
	parser->length = length;
	parser->flags |= TA_HTTP1_HAS_LENGTH;
	return true;
}

static bool take_connection(struct ta_http1 *parser, struct line value)
{
	if (IS_VALUE(value, "keep-alive"))
		parser->flags |= TA_SEEN_KEEP_ALIVE;
	else if (IS_VALUE(value, "close"))
		parser->flags |= TA_SEEN_CLOSE;
	else
		return false;
	return true;
}

static bool take_coding(struct ta_http1 *parser, struct line value)
{
	if (!IS_VALUE(value, "chunked"))
		return false;
	parser->flags |= TA_HTTP1_CHUNKED;
	parser->flags &= (uint16_t)~TA_SEEN_CODING;
	return true;
}

/* A line that begins like one that matters for framing.  False: it is for the others. */
__attribute__((always_inline)) static inline bool take_framing(struct ta_http1 *parser, struct line line)
{
	if ((*line.text | 0x20) == 'c') {
		if (IS_NAME(line, "content-length"))
			return take_length(parser, value_of(line, sizeof("content-length") - 1));
		if (IS_NAME(line, "connection"))
			return take_connection(parser, value_of(line, sizeof("connection") - 1));
		return true;
	}
	if (IS_NAME(line, "transfer-encoding"))
		return take_coding(parser, value_of(line, sizeof("transfer-encoding") - 1));
	return true;
}

/* Whether it has the length of a name that begins like it and matters, but is rare. */
static bool may_be_rare(struct line line)
{
	switch (*line.text | 0x20) {
	case 'b':
		return has_name_of(line, sizeof("baggage") - 1);
	case 'e':
		return has_name_of(line, sizeof("expect") - 1);
	case 'f':
		return has_name_of(line, sizeof("forwarded") - 1);
	case 's':
		return has_name_of(line, sizeof("sentry-trace") - 1);
	case 't':
		return has_name_of(line, sizeof("traceparent") - 1) ||
		       has_name_of(line, sizeof("tracestate") - 1);
	case 'u':
		return has_name_of(line, sizeof("upgrade") - 1);
	case 'x':
		return has_name_of(line, sizeof("x-forwarded-for") - 1);
	default:
		return false;
	}
}

__attribute__((always_inline)) static inline bool take_of_request(struct ta_http1 *parser, struct ta_http1_head *head, struct line line,
				const char *end)
{
	if (IS_NAME(line, "host"))
		return take_text(value_of(line, sizeof("host") - 1), head->host, &head->host_len,
				 TA_HTTP1_HOST_MAX, end);
	if (IS_NAME(line, "user-agent"))
		return take_text(value_of(line, sizeof("user-agent") - 1), head->user_agent,
				 &head->user_agent_len, TA_HTTP1_USER_AGENT_MAX, end);
	return !may_be_rare(line) && take_framing(parser, line);
}

/* Whether there is nothing, or CR, before an LF. */
static inline bool is_empty(const char *at, const char *line_end)
{
	return at == line_end || (*at == '\r' && at + 1 == line_end);
}

/* What is of no interest may be continued: no more is what continues it. */
__attribute__((always_inline)) static inline bool
take_line(struct ta_http1 *parser, struct ta_http1_head *head, const char *at,
	  const char *line_end, const char *end, bool request)
{
	struct line line = { at, (size_t)(line_end - at) };

	if (line_end + 1 == end || is_continued_by(line_end[1]))
		return false;
	return request ? take_of_request(parser, head, line, end) : take_framing(parser, line);
}

/* Header lines from at on, of which the scan tells the ends, and the empty one. */
__attribute__((always_inline)) static inline const char *
take_lines(struct ta_http1 *parser, struct ta_http1_head *head, const char *at,
	   struct ta_http1_scan *scan, bool request)
{
	uint32_t letters = (request ? IN_REQUESTS : IN_RESPONSES) | NO_NAMES;
	const char *line_end;

	for (; (line_end = ta_scan_next(scan)) != NULL; at = line_end + 1) {
		if ((letters >> (*at & 31) & 1) == 0)
			continue;
		if ((unsigned char)*at > ' ') {
			if (!take_line(parser, head, at, line_end, scan->end, request))
				break;
		} else {
			if (!is_empty(at, line_end))
				break;
			parser->state = TA_STATE_HEAD_END;
			return line_end + 1;
		}
	}
	return at;
}

/* The line before has ended for good. */
static void end_line_before(struct ta_http1 *parser)
{
	if (parser->header == TA_HEADER_NONE)
		return;
	ta_http1_value_end(parser);
	parser->header = TA_HEADER_NONE;
}

const char *ta_http1_whole_lines(struct ta_http1 *parser, struct ta_http1_head *head,
				 const char *at, const char *end)
{
	struct ta_http1_scan scan;

	if (at == end || is_continued_by(*at))
		return at;
	end_line_before(parser);
	ta_scan_begin(&scan, at, end);
	return take_lines(parser, head, at, &scan, parser->direction == TA_HTTP1_REQUEST);
}

/* ---- first lines ---- */

#define VERSION_BYTES 9 /* " HTTP/1.1" */

static void take_method(struct ta_http1 *parser, struct ta_http1_head *head, const char *method,
			size_t bytes, const char *end)
{
	if (bytes == 4 && memcmp(method, "HEAD", 4) == 0)
		parser->flags |= TA_HTTP1_IS_HEAD;
	if (bytes == 7 && memcmp(method, "CONNECT", 7) == 0)
		parser->flags |= TA_HTTP1_IS_CONNECT;
	copy_text(head->method, method, bytes, end);
	head->method_len = (uint8_t)bytes;
}

/* A method, a space, a target without blanks around it, " HTTP/1.0" or " HTTP/1.1". */
static bool take_request_line(struct ta_http1 *parser, struct ta_http1_head *head, const char *at,
			      size_t bytes, const char *end)
{
	size_t method = 0;

	if (bytes > 0 && at[bytes - 1] == '\r')
		bytes--;
	if (bytes <= VERSION_BYTES || memcmp(at + bytes - VERSION_BYTES, " HTTP/1.", 8) != 0 ||
	    (at[bytes - 1] != '1' && at[bytes - 1] != '0'))
		return false;
	bytes -= VERSION_BYTES;
	if (memcmp(at, "GET ", 4) == 0)
		method = 3;
	/* The version begins with a space: it ends there, if not before. */
	while ((unsigned char)(at[method] - '!') <= '~' - '!')
		method++;
	const char *target = at + method + 1;

	if (at[method] != ' ' || method == 0 || method > TA_HTTP1_METHOD_MAX ||
	    method + 1 >= bytes || ta_http1_blank(*target) || ta_http1_blank(at[bytes - 1]))
		return false;
	bytes -= method + 1;
	head->target_total = (uint32_t)bytes;
	head->target_len = (uint16_t)(bytes < TA_HTTP1_TARGET_MAX ? bytes : TA_HTTP1_TARGET_MAX);
	copy_text(head->target, target, head->target_len, end);
	take_method(parser, head, at, method, end);
	parser->version_minor = target[bytes + VERSION_BYTES - 1] == '1';
	return true;
}

#define STATUS_MINOR 7
#define STATUS_SPACE 8
#define STATUS_END 12

/* Three digits behind a space, the first of them not 0; 0: something else. */
static inline uint16_t status_of(const char *at)
{
	unsigned int first = (unsigned char)at[1] - (unsigned int)'0',
		     second = (unsigned char)at[2] - (unsigned int)'0',
		     third = (unsigned char)at[3] - (unsigned int)'0';

	if (at[0] != ' ' || first - 1 > 8 || second > 9 || third > 9)
		return 0;
	return (uint16_t)(first * 100 + second * 10 + third);
}

/* "HTTP/1.d ddd" and a blank. */
static inline bool take_status_line(struct ta_http1 *parser, const char *at, size_t bytes)
{
	if (bytes <= STATUS_END || memcmp(at, "HTTP/1.", STATUS_MINOR) != 0 ||
	    (unsigned char)(at[STATUS_MINOR] - '0') > 9 || !ta_http1_blank(at[STATUS_END]))
		return false;
	uint16_t status = status_of(at + STATUS_SPACE);

	if (status == 0)
		return false;
	parser->version_minor = at[STATUS_MINOR] != '0';
	parser->status = status;
	return true;
}

/* Twice, for each direction by itself. */
__attribute__((always_inline)) static inline const char *
take_head(struct ta_http1 *parser, struct ta_http1_head *head, const char *at, const char *end,
	  bool request)
{
	struct ta_http1_scan scan;

	ta_scan_begin(&scan, at, end);
	const char *line_end = ta_scan_next(&scan);
	size_t bytes = line_end ? (size_t)(line_end - at) : 0;

	if (request ? !take_request_line(parser, head, at, bytes, end) :
		      !take_status_line(parser, at, bytes))
		return at;
	parser->state = TA_STATE_LINE;
	return take_lines(parser, head, at + bytes + 1, &scan, request);
}

const char *ta_http1_whole_request(struct ta_http1 *parser, struct ta_http1_head *head,
				   const char *at, const char *end)
{
	return take_head(parser, head, at, end, true);
}

const char *ta_http1_whole_response(struct ta_http1 *parser, const char *at, const char *end)
{
	return take_head(parser, NULL, at, end, false);
}
