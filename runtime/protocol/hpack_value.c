/* SPDX-License-Identifier: MIT */
/*
 * hpack_value.c - values of the fields that matter, in pieces.
 *
 * What HTTP/1 has too is read by its reader (http1_value.c), so that a repeated
 * field, a list or a long text means the same in both.  Numbers and words become a
 * number, which is also what the dynamic table keeps of them.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/hpack_parser.h"

#include <string.h>

#include "runtime/protocol/http1_parser.h"

/* hpack->phase of a word: bytes matched, or */
enum { WORD_BEHIND = 254, WORD_OTHER = 255 };

/* and of digits */
enum { DIGITS_FINE, DIGITS_OTHER };

#define NO_NUMBER UINT64_MAX
#define NUMBER_MAX ((uint64_t)1 << 60)

/* ---- texts ---- */

static const uint8_t headers[] = {
	[TA_HPACK_HOST] = TA_HEADER_HOST,
	[TA_HPACK_USER_AGENT] = TA_HEADER_USER_AGENT,
	[TA_HPACK_FORWARDED_FOR] = TA_HEADER_FORWARDED_FOR,
	[TA_HPACK_FORWARDED] = TA_HEADER_FORWARDED,
	[TA_HPACK_TRACEPARENT] = TA_HEADER_TRACEPARENT,
	[TA_HPACK_TRACESTATE] = TA_HEADER_TRACESTATE,
};

static void method_piece(struct ta_http1_head *head, const char *piece, size_t bytes)
{
	if (bytes > TA_HTTP1_METHOD_MAX - (size_t)head->method_len)
		bytes = TA_HTTP1_METHOD_MAX - (size_t)head->method_len;
	memcpy(head->method + head->method_len, piece, bytes);
	head->method_len = (uint8_t)(head->method_len + bytes);
}

static void path_piece(struct ta_http1_head *head, const char *piece, size_t bytes)
{
	size_t total = head->target_total + bytes;

	head->target_total = total < UINT32_MAX ? (uint32_t)total : UINT32_MAX;
	if (bytes > TA_HTTP1_TARGET_MAX - (size_t)head->target_len)
		bytes = TA_HTTP1_TARGET_MAX - (size_t)head->target_len;
	memcpy(head->target + head->target_len, piece, bytes);
	head->target_len = (uint16_t)(head->target_len + bytes);
}

void ta_hpack_text_begin(const struct ta_hpack_sink *sink, uint8_t field)
{
	if (field == TA_HPACK_METHOD) {
		sink->head->method_len = 0;
	} else if (field == TA_HPACK_PATH) {
		sink->head->target_len = 0;
		sink->head->target_total = 0;
	} else {
		sink->reader->direction = TA_HTTP1_REQUEST;
		sink->reader->header = headers[field];
		ta_http1_value_begin(sink->reader, sink->head);
	}
}

void ta_hpack_text_piece(const struct ta_hpack_sink *sink, uint8_t field, const char *piece,
			 size_t bytes)
{
	if (field == TA_HPACK_METHOD)
		method_piece(sink->head, piece, bytes);
	else if (field == TA_HPACK_PATH)
		path_piece(sink->head, piece, bytes);
	else
		ta_http1_value_piece(sink->reader, sink->head, piece, bytes);
}

void ta_hpack_text_end(const struct ta_hpack_sink *sink, uint8_t field)
{
	if (field != TA_HPACK_METHOD && field != TA_HPACK_PATH)
		ta_http1_value_line_end(sink->reader, sink->head);
}

/* ---- numbers ---- */

static void digits_piece(struct ta_hpack *hpack, const char *piece, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (piece[i] < '0' || piece[i] > '9' || hpack->number > NUMBER_MAX)
			hpack->phase = DIGITS_OTHER;
		else
			hpack->number = hpack->number * 10 + (uint64_t)(piece[i] - '0');
	}
}

static const char *word_of(uint8_t field)
{
	return field == TA_HPACK_SCHEME ? "https" : "application/grpc";
}

static uint8_t behind_word(uint8_t field, char byte)
{
	bool ends = byte == '+' || byte == ';' || ta_http1_blank(byte);

	return field == TA_HPACK_CONTENT_TYPE && ends ? WORD_BEHIND : WORD_OTHER;
}

static void word_piece(struct ta_hpack *hpack, const char *piece, size_t bytes)
{
	uint8_t field = hpack->entry.field;
	const char *word = word_of(field);
	size_t length = strlen(word);

	for (size_t i = 0; i < bytes && hpack->phase <= length; i++) {
		if (hpack->phase == length)
			hpack->phase = behind_word(field, piece[i]);
		else if (ta_http1_same(word + hpack->phase, piece + i, 1))
			hpack->phase++;
		else
			hpack->phase = WORD_OTHER;
	}
}

static bool is_word(uint8_t field)
{
	return field == TA_HPACK_SCHEME || field == TA_HPACK_CONTENT_TYPE;
}

static uint64_t number_of(const struct ta_hpack *hpack)
{
	uint8_t field = hpack->entry.field;

	if (is_word(field))
		return hpack->phase == WORD_BEHIND || hpack->phase == strlen(word_of(field));
	if (hpack->phase != DIGITS_FINE || hpack->value_bytes == 0)
		return NO_NUMBER;
	return hpack->number;
}

void ta_hpack_tell_number(const struct ta_hpack_sink *sink, uint8_t field, uint64_t number)
{
	struct ta_hpack_facts *facts = sink->facts;

	if (field == TA_HPACK_STATUS && number <= 999)
		facts->status = (uint16_t)number;
	if (field == TA_HPACK_GRPC_STATUS && number <= 16)
		facts->grpc_status = (int8_t)number;
	if (field == TA_HPACK_CONTENT_LENGTH && number != NO_NUMBER) {
		facts->content_length = number;
		facts->flags |= TA_HPACK_HAS_LENGTH;
	}
	if (field == TA_HPACK_CONTENT_TYPE && number == 1)
		facts->flags |= TA_HPACK_GRPC;
	if (field == TA_HPACK_SCHEME && number == 1)
		facts->flags |= TA_HPACK_HTTPS;
}

/* ---- all ---- */

void ta_hpack_value_begin(struct ta_hpack *hpack, const struct ta_hpack_sink *sink)
{
	hpack->value_bytes = 0;
	hpack->number = 0;
	hpack->phase = 0;
	if (ta_hpack_is_text(hpack->entry.field) && sink->head)
		ta_hpack_text_begin(sink, hpack->entry.field);
}

void ta_hpack_value_piece(struct ta_hpack *hpack, const struct ta_hpack_sink *sink,
			  const char *piece, size_t bytes)
{
	uint8_t field = hpack->entry.field;

	hpack->value_bytes += (uint32_t)bytes;
	if (ta_hpack_is_text(field)) {
		if (sink->head)
			ta_hpack_text_piece(sink, field, piece, bytes);
	} else if (is_word(field)) {
		word_piece(hpack, piece, bytes);
	} else if (field != TA_HPACK_OTHER) {
		digits_piece(hpack, piece, bytes);
	}
}

void ta_hpack_value_end(struct ta_hpack *hpack, const struct ta_hpack_sink *sink)
{
	uint8_t field = hpack->entry.field;

	if (ta_hpack_is_text(field)) {
		if (sink->head)
			ta_hpack_text_end(sink, field);
	} else if (field != TA_HPACK_OTHER) {
		uint64_t number = number_of(hpack);

		hpack->entry.value =
			number < TA_HPACK_NO_NUMBER ? (uint32_t)number : TA_HPACK_NO_NUMBER;
		ta_hpack_tell_number(sink, field, number);
	}
}
