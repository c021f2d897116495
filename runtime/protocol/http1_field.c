/* SPDX-License-Identifier: MIT */
/*
 * http1_field.c - header lines: finds the few that matter, jumps over the rest.
 *
 * The first byte of a line leaves a few candidates, mostly none; a line without
 * candidates costs one memchr.  A line that begins with a blank continues the
 * one before it (obs-fold).  Lines that are no header lines are ignored, as
 * nginx does.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/http1_parser.h"

#include <string.h>

#define NAME(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}
#define BIT(header) ((uint16_t)(1u << TA_HEADER_##header))

static const struct ta_http1_word names[TA_HEADER_NONE] = {
	[TA_HEADER_HOST] = NAME("host"),
	[TA_HEADER_USER_AGENT] = NAME("user-agent"),
	[TA_HEADER_FORWARDED_FOR] = NAME("x-forwarded-for"),
	[TA_HEADER_TRACEPARENT] = NAME("traceparent"),
	[TA_HEADER_TRACESTATE] = NAME("tracestate"),
	[TA_HEADER_BAGGAGE] = NAME("baggage"),
	[TA_HEADER_SENTRY_TRACE] = NAME("sentry-trace"),
	[TA_HEADER_FORWARDED] = NAME("forwarded"),
	[TA_HEADER_CONTENT_LENGTH] = NAME("content-length"),
	[TA_HEADER_TRANSFER_ENCODING] = NAME("transfer-encoding"),
	[TA_HEADER_CONNECTION] = NAME("connection"),
	[TA_HEADER_EXPECT] = NAME("expect"),
	[TA_HEADER_UPGRADE] = NAME("upgrade"),
};

/* What a response can say that matters here. */
#define IN_RESPONSES (BIT(CONTENT_LENGTH) | BIT(TRANSFER_ENCODING) | BIT(CONNECTION))

static uint16_t names_beginning(char byte)
{
	switch (byte | 0x20) {
	case 'b':
		return BIT(BAGGAGE);
	case 'c':
		return BIT(CONTENT_LENGTH) | BIT(CONNECTION);
	case 'e':
		return BIT(EXPECT);
	case 'f':
		return BIT(FORWARDED);
	case 'h':
		return BIT(HOST);
	case 's':
		return BIT(SENTRY_TRACE);
	case 't':
		return BIT(TRANSFER_ENCODING) | BIT(TRACEPARENT) | BIT(TRACESTATE);
	case 'u':
		return BIT(USER_AGENT) | BIT(UPGRADE);
	case 'x':
		return BIT(FORWARDED_FOR);
	default:
		return 0;
	}
}

/* Lines that are there as a whole, and the first byte of one that is not, or that is
 * not usual.  It is consumed only when it ends the head. */
static const char *line_begin(struct ta_http1 *parser, struct ta_http1_head *head, const char *at,
			      const char *end)
{
	at = ta_http1_whole_lines(parser, head, at, end);
	if (at == end || parser->state == TA_STATE_HEAD_END)
		return at;
	if (*at == ' ' || *at == '\t') {
		parser->state = parser->header == TA_HEADER_NONE ? TA_STATE_SKIP : TA_STATE_VALUE;
		return at;
	}
	if (parser->header != TA_HEADER_NONE) {
		ta_http1_value_end(parser);
		parser->header = TA_HEADER_NONE;
	}
	if (*at == '\n' || *at == '\r') {
		parser->state = *at == '\n' ? TA_STATE_HEAD_END : TA_STATE_LINE_CR;
		return at + 1;
	}
	parser->candidates = names_beginning(*at);
	if (parser->direction == TA_HTTP1_RESPONSE)
		parser->candidates &= IN_RESPONSES;
	parser->matched = 0;
	parser->state = parser->candidates ? TA_STATE_NAME : TA_STATE_SKIP;
	return at;
}

/* Whether the name goes on with these bytes: 1 and it is whole, with its colon;
 * 0 as far as they go; -1 no. */
static int name_goes_on(const struct ta_http1_word *name, size_t matched, const char *at,
			size_t bytes)
{
	size_t left = name->bytes - matched;
	const char *rest = name->text + matched;

	if (left < bytes)
		return at[left] == ':' && ta_http1_same(rest, at, left) ? 1 : -1;
	return ta_http1_same(rest, at, bytes) ? 0 : -1;
}

static const char *read_name(struct ta_http1 *parser, struct ta_http1_head *head, const char *at,
			     const char *end)
{
	size_t bytes = (size_t)(end - at);
	uint16_t left = 0;

	for (unsigned int rest = parser->candidates; rest; rest &= rest - 1) {
		unsigned int header = (unsigned int)__builtin_ctz(rest);
		int fits = name_goes_on(&names[header], parser->matched, at, bytes);

		if (fits > 0) {
			at += names[header].bytes - parser->matched + 1u;
			parser->header = (uint8_t)header;
			ta_http1_value_begin(parser, head);
			parser->state = parser->header == TA_HEADER_NONE ? TA_STATE_SKIP
									 : TA_STATE_VALUE;
			return at;
		}
		if (fits == 0)
			left |= (uint16_t)(1u << header);
	}
	parser->candidates = left;
	if (!left) {
		parser->state = TA_STATE_SKIP;
		return at;
	}
	parser->matched = (uint8_t)(parser->matched + bytes);
	return end;
}

static const char *read_value(struct ta_http1 *parser, struct ta_http1_head *head, const char *at,
			      const char *end)
{
	const char *line_end = memchr(at, '\n', (size_t)(end - at));
	const char *stop = line_end ? line_end : end;

	ta_http1_value_piece(parser, head, at, (size_t)(stop - at));
	if (!line_end)
		return end;
	if (parser->header != TA_HEADER_NONE)
		ta_http1_value_line_end(parser, head);
	parser->state = TA_STATE_LINE;
	return line_end + 1;
}

static const char *skip_line(struct ta_http1 *parser, const char *at, const char *end)
{
	const char *line_end = memchr(at, '\n', (size_t)(end - at));

	if (!line_end)
		return end;
	parser->state = TA_STATE_LINE;
	return line_end + 1;
}

static const char *line_cr(struct ta_http1 *parser, const char *at)
{
	parser->state = *at == '\n' ? TA_STATE_HEAD_END : TA_STATE_SKIP;
	return *at == '\n' ? at + 1 : at;
}

const char *ta_http1_fields(struct ta_http1 *parser, struct ta_http1_head *head, const char *at,
			    const char *end)
{
	while (at < end && parser->state != TA_STATE_HEAD_END) {
		if (parser->state == TA_STATE_LINE)
			at = line_begin(parser, head, at, end);
		else if (parser->state == TA_STATE_SKIP)
			at = skip_line(parser, at, end);
		else if (parser->state == TA_STATE_NAME)
			at = read_name(parser, head, at, end);
		else if (parser->state == TA_STATE_VALUE)
			at = read_value(parser, head, at, end);
		else
			at = line_cr(parser, at);
	}
	return at;
}
