/* SPDX-License-Identifier: MIT */
/*
 * http1_value.c - values of the headers that matter, in pieces.
 *
 * Texts are copied in bulk, blanks around them left out.  Of a header that may
 * come once the first one counts; lists (Connection, Transfer-Encoding, Expect)
 * go through a matcher that keeps the words that still fit; lengths are checked,
 * and a length that is none, or two that differ, make the head nonsense.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/http1_parser.h"

#include <string.h>

/* parser->phase of a text */
enum { TEXT_BEFORE, TEXT_INSIDE };

/* parser->phase of a length */
enum { LENGTH_BEFORE, LENGTH_DIGITS, LENGTH_BEHIND };

/* parser->phase of Forwarded: up to 4 bytes of "for=" matched, then where */
enum { FOR_VALUE = 4, FOR_PLAIN, FOR_QUOTED, FOR_OTHER };

/* ---- texts ---- */

struct place {
	uint16_t text, length, max;
};

#define PLACE(member, MAX)                                                                         \
	{                                                                                          \
		offsetof(struct ta_http1_head, member),                                            \
			offsetof(struct ta_http1_head, member##_len), MAX                          \
	}

/* By header, for those up to FORWARDED. */
static const struct place places[] = {
	[TA_HEADER_HOST] = PLACE(host, TA_HTTP1_HOST_MAX),
	[TA_HEADER_USER_AGENT] = PLACE(user_agent, TA_HTTP1_USER_AGENT_MAX),
	[TA_HEADER_FORWARDED_FOR] = PLACE(forwarded, TA_HTTP1_FORWARDED_MAX),
	[TA_HEADER_TRACEPARENT] = PLACE(traceparent, TA_HTTP1_TRACEPARENT_MAX),
	[TA_HEADER_TRACESTATE] = PLACE(tracestate, TA_HTTP1_TRACESTATE_MAX),
	[TA_HEADER_BAGGAGE] = PLACE(baggage, TA_HTTP1_BAGGAGE_MAX),
	[TA_HEADER_SENTRY_TRACE] = PLACE(sentry_trace, TA_HTTP1_SENTRY_TRACE_MAX),
	[TA_HEADER_FORWARDED] = PLACE(forwarded, TA_HTTP1_FORWARDED_MAX),
};

_Static_assert(TA_HTTP1_CUT_TRACESTATE == 1 << TA_HEADER_TRACESTATE &&
		       TA_HTTP1_CUT_BAGGAGE == 1 << TA_HEADER_BAGGAGE &&
		       TA_HEADER_FORWARDED < 8,
	       "marks of what is cut");

static uint16_t *length_of(struct ta_http1_head *head, uint8_t header)
{
	return (uint16_t *)(void *)((char *)head + places[header].length);
}

/* Blanks behind a value are no part of it. */
static bool is_blank(const char *piece, size_t bytes)
{
	while (bytes > 0 && ta_http1_blank(piece[bytes - 1]))
		bytes--;
	return bytes == 0;
}

static void append(struct ta_http1_head *head, uint8_t header, const char *piece, size_t bytes)
{
	uint16_t *length = length_of(head, header);
	size_t room = (size_t)places[header].max - *length;

	if (bytes > room) {
		if (!is_blank(piece + room, bytes - room))
			head->cut |= (uint8_t)(1u << header);
		bytes = room;
	}
	memcpy((char *)head + places[header].text + *length, piece, bytes);
	*length = (uint16_t)(*length + bytes);
}

static void trim(struct ta_http1_head *head, uint8_t header)
{
	const char *text = (const char *)head + places[header].text;
	uint16_t *length = length_of(head, header);

	while (*length > 0 && ta_http1_blank(text[*length - 1]))
		--*length;
}

static void text_piece(struct ta_http1 *parser, struct ta_http1_head *head, const char *piece,
		       size_t bytes)
{
	uint8_t header = parser->header;

	while (parser->phase == TEXT_BEFORE && bytes > 0 && ta_http1_blank(*piece))
		piece++, bytes--;
	if (bytes == 0)
		return;
	if (parser->phase == TEXT_BEFORE && *length_of(head, header) > 0)
		append(head, header, ",", 1);
	parser->phase = TEXT_INSIDE;
	append(head, header, piece, bytes);
}

/* X-Forwarded-For: the first element is the client. */
static void first_element_piece(struct ta_http1 *parser, struct ta_http1_head *head,
				const char *piece, size_t bytes)
{
	const char *comma = memchr(piece, ',', bytes);

	text_piece(parser, head, piece, comma ? (size_t)(comma - piece) : bytes);
	if (comma) {
		trim(head, TA_HEADER_FORWARDED_FOR);
		parser->header = TA_HEADER_NONE;
	}
}

/* Forwarded: for= of the first element, without its quotes. */
static void forwarded_byte(struct ta_http1 *parser, struct ta_http1_head *head, char byte)
{
	bool ends = parser->phase == FOR_QUOTED ? byte == '"' : byte == ',';

	if (parser->phase == FOR_PLAIN && (byte == ';' || ta_http1_blank(byte)))
		ends = true;
	if (ends) {
		parser->header = TA_HEADER_NONE;
	} else if (parser->phase == FOR_PLAIN || parser->phase == FOR_QUOTED) {
		append(head, TA_HEADER_FORWARDED, &byte, 1);
	} else if (parser->phase == FOR_VALUE) {
		parser->phase = byte == '"' ? FOR_QUOTED : FOR_PLAIN;
		if (byte != '"')
			append(head, TA_HEADER_FORWARDED, &byte, 1);
	} else if (byte == ';') {
		parser->phase = 0;
	} else if (parser->phase < FOR_VALUE) {
		if (ta_http1_same(&"for="[parser->phase], &byte, 1))
			parser->phase++;
		else if (parser->phase > 0 || !ta_http1_blank(byte))
			parser->phase = FOR_OTHER;
	}
}

static void forwarded_piece(struct ta_http1 *parser, struct ta_http1_head *head, const char *piece,
			    size_t bytes)
{
	for (size_t i = 0; i < bytes && parser->header == TA_HEADER_FORWARDED; i++)
		forwarded_byte(parser, head, piece[i]);
}

/* ---- lists of words ---- */

enum word { CHUNKED, IDENTITY, CLOSE, KEEP_ALIVE, CONTINUE, WORD_COUNT };

static const struct ta_http1_word words[WORD_COUNT] = {
	[CHUNKED] = { "chunked", 7 },	     [IDENTITY] = { "identity", 8 },
	[CLOSE] = { "close", 5 },	     [KEEP_ALIVE] = { "keep-alive", 10 },
	[CONTINUE] = { "100-continue", 12 },
};

static uint16_t words_of(uint8_t header)
{
	switch (header) {
	case TA_HEADER_TRANSFER_ENCODING:
		return 1u << CHUNKED | 1u << IDENTITY;
	case TA_HEADER_CONNECTION:
		return 1u << CLOSE | 1u << KEEP_ALIVE;
	default:
		return 1u << CONTINUE;
	}
}

static void note_word(struct ta_http1 *parser, enum word word)
{
	static const uint16_t flags[WORD_COUNT] = {
		[CHUNKED] = TA_HTTP1_CHUNKED,
		[CLOSE] = TA_SEEN_CLOSE,
		[KEEP_ALIVE] = TA_SEEN_KEEP_ALIVE,
		[CONTINUE] = TA_HTTP1_EXPECT_CONTINUE,
	};

	if (word < WORD_COUNT)
		parser->flags |= flags[word];
	if (parser->header != TA_HEADER_TRANSFER_ENCODING || word == IDENTITY)
		return;
	if (word == CHUNKED)
		parser->flags &= (uint16_t)~TA_SEEN_CODING;
	else
		parser->flags = (uint16_t)((parser->flags & ~TA_HTTP1_CHUNKED) | TA_SEEN_CODING);
}

static void end_word(struct ta_http1 *parser)
{
	enum word found = WORD_COUNT;

	if (parser->matched == 0)
		return;
	for (unsigned int rest = parser->candidates; rest; rest &= rest - 1) {
		unsigned int word = (unsigned int)__builtin_ctz(rest);

		if (words[word].bytes == parser->matched)
			found = (enum word)word;
	}
	note_word(parser, found);
	parser->matched = 0;
	parser->candidates = words_of(parser->header);
}

static void word_piece(struct ta_http1 *parser, const char *piece, size_t bytes)
{
	uint16_t left = 0;

	for (unsigned int rest = parser->candidates; rest; rest &= rest - 1) {
		unsigned int word = (unsigned int)__builtin_ctz(rest);

		if (parser->matched + bytes <= words[word].bytes &&
		    ta_http1_same(words[word].text + parser->matched, piece, bytes))
			left |= (uint16_t)(1u << word);
	}
	parser->candidates = left;
	parser->matched = bytes < 255u - parser->matched ? (uint8_t)(parser->matched + bytes) : 255;
}

static bool ends_word(char byte)
{
	/* Letters are above all of them: one compare for most bytes. */
	return byte <= ';' && (byte == ',' || byte == ';' || ta_http1_blank(byte));
}

static void list_piece(struct ta_http1 *parser, const char *piece, size_t bytes)
{
	const char *end = piece + bytes;

	while (piece < end) {
		const char *word = piece;

		while (piece < end && !ends_word(*piece))
			piece++;
		if (piece > word)
			word_piece(parser, word, (size_t)(piece - word));
		if (piece < end) {
			end_word(parser);
			piece++;
		}
	}
}

/* ---- lengths ---- */

static void end_length(struct ta_http1 *parser)
{
	bool again = parser->flags & TA_HTTP1_HAS_LENGTH;

	if (parser->phase == LENGTH_BEFORE || (again && parser->length != parser->body_left))
		parser->flags |= TA_SEEN_NONSENSE;
	parser->length = parser->body_left;
	parser->flags |= TA_HTTP1_HAS_LENGTH;
	parser->body_left = 0;
	parser->phase = LENGTH_BEFORE;
}

static void length_byte(struct ta_http1 *parser, char byte)
{
	if (byte >= '0' && byte <= '9') {
		if (parser->phase == LENGTH_BEHIND || parser->body_left > INT64_MAX / 10 - 1)
			parser->flags |= TA_SEEN_NONSENSE;
		else
			parser->body_left = parser->body_left * 10 + (uint64_t)(byte - '0');
		if (parser->phase == LENGTH_BEFORE)
			parser->phase = LENGTH_DIGITS;
	} else if (byte == ',') {
		end_length(parser);
	} else if (!ta_http1_blank(byte)) {
		parser->flags |= TA_SEEN_NONSENSE;
	} else if (parser->phase == LENGTH_DIGITS) {
		parser->phase = LENGTH_BEHIND;
	}
}

/* ---- all ---- */

static uint8_t count(uint8_t *counter)
{
	if (*counter < UINT8_MAX)
		++*counter;
	return *counter;
}

/* A header that was there before, of those of which the first counts. */
static bool is_repeated(struct ta_http1 *parser, struct ta_http1_head *head)
{
	switch (parser->header) {
	case TA_HEADER_TRACEPARENT:
		return count(&head->traceparent_count) > 1;
	case TA_HEADER_SENTRY_TRACE:
		return count(&head->sentry_trace_count) > 1;
	case TA_HEADER_TRACESTATE:
		count(&head->tracestate_count);
		return false;
	case TA_HEADER_BAGGAGE:
		count(&head->baggage_count);
		return false;
	case TA_HEADER_HOST:
	case TA_HEADER_USER_AGENT:
	case TA_HEADER_FORWARDED:
	case TA_HEADER_FORWARDED_FOR:
		return *length_of(head, parser->header) > 0;
	default:
		return false;
	}
}

void ta_http1_value_begin(struct ta_http1 *parser, struct ta_http1_head *head)
{
	parser->phase = 0;
	parser->matched = 0;
	parser->body_left = 0;
	parser->candidates = words_of(parser->header);
	if (parser->header == TA_HEADER_UPGRADE)
		parser->flags |= TA_HTTP1_UPGRADE;
	if (parser->header == TA_HEADER_UPGRADE || is_repeated(parser, head))
		parser->header = TA_HEADER_NONE;
}

void ta_http1_value_piece(struct ta_http1 *parser, struct ta_http1_head *head, const char *piece,
			  size_t bytes)
{
	switch (parser->header) {
	case TA_HEADER_HOST:
	case TA_HEADER_USER_AGENT:
	case TA_HEADER_TRACEPARENT:
	case TA_HEADER_TRACESTATE:
	case TA_HEADER_BAGGAGE:
	case TA_HEADER_SENTRY_TRACE:
		text_piece(parser, head, piece, bytes);
		break;
	case TA_HEADER_FORWARDED_FOR:
		first_element_piece(parser, head, piece, bytes);
		break;
	case TA_HEADER_FORWARDED:
		forwarded_piece(parser, head, piece, bytes);
		break;
	case TA_HEADER_CONTENT_LENGTH:
		for (size_t i = 0; i < bytes; i++)
			length_byte(parser, piece[i]);
		break;
	case TA_HEADER_NONE:
		break;
	default:
		list_piece(parser, piece, bytes);
	}
}

void ta_http1_value_line_end(struct ta_http1 *parser, struct ta_http1_head *head)
{
	if (parser->header < TA_HEADER_FORWARDED)
		trim(head, parser->header);
	else if (parser->header >= TA_HEADER_TRANSFER_ENCODING)
		end_word(parser);
}

void ta_http1_value_end(struct ta_http1 *parser)
{
	if (parser->header == TA_HEADER_CONTENT_LENGTH)
		end_length(parser);
}
