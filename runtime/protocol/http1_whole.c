/* SPDX-License-Identifier: MIT */
/*
 * http1_whole.c - header lines that lie in one piece, which is nearly all of them.
 *
 * What http1_field.c and http1_value.c do byte by byte is done here in a few steps for
 * lines whose end is there, that are not continued by the next one, and whose value
 * has its usual form.  Everything else is left to them, so there is one truth:
 * the results are the same, and tests/fuzz compares the two.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/http1_parser.h"

#include <string.h>

#define LETTER(letter) (1u << ((letter) & 31))

/* First letters of the names that matter. */
#define IN_REQUESTS                                                                                \
	(LETTER('b') | LETTER('c') | LETTER('e') | LETTER('f') | LETTER('h') | LETTER('s') |       \
	 LETTER('t') | LETTER('u') | LETTER('x'))
#define IN_RESPONSES (LETTER('c') | LETTER('t'))

#define LENGTH_DIGITS_MAX 18

/* A line without its LF. */
struct line {
	const char *text;
	size_t bytes;
};

static bool is_continued_by(char byte)
{
	return byte == ' ' || byte == '\t';
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

	while (at < end && ta_http1_blank(*at))
		at++;
	while (end > at && ta_http1_blank(end[-1]))
		end--;
	return (struct line){ at, (size_t)(end - at) };
}

/* Of texts of which the first counts.  False: it has to be cut. */
static inline bool take_text(struct line value, char *text, uint16_t *length, size_t max)
{
	if (value.bytes > max)
		return false;
	if (*length == 0) {
		memcpy(text, value.text, value.bytes);
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

/* False: it is for the others. */
static bool take_framing(struct ta_http1 *parser, struct line line)
{
	if (IS_NAME(line, "connection"))
		return take_connection(parser, value_of(line, sizeof("connection") - 1));
	if (IS_NAME(line, "content-length"))
		return take_length(parser, value_of(line, sizeof("content-length") - 1));
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

static bool take_of_request(struct ta_http1 *parser, struct ta_http1_head *head, struct line line)
{
	if (IS_NAME(line, "host"))
		return take_text(value_of(line, sizeof("host") - 1), head->host, &head->host_len,
				 TA_HTTP1_HOST_MAX);
	if (IS_NAME(line, "user-agent"))
		return take_text(value_of(line, sizeof("user-agent") - 1), head->user_agent,
				 &head->user_agent_len, TA_HTTP1_USER_AGENT_MAX);
	return !may_be_rare(line) && take_framing(parser, line);
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
	bool request = parser->direction == TA_HTTP1_REQUEST;
	uint32_t letters = request ? IN_REQUESTS : IN_RESPONSES;

	if (at < end && !is_continued_by(*at))
		end_line_before(parser);
	while (at < end && (unsigned char)*at > ' ') {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		struct line line = { at, line_end ? (size_t)(line_end - at) : 0 };

		if (line_end == NULL || line_end + 1 == end || is_continued_by(line_end[1]))
			break;
		if (letters >> (*at & 31) & 1 && !(request ? take_of_request(parser, head, line) :
							     take_framing(parser, line)))
			break;
		at = line_end + 1;
	}
	return at;
}
