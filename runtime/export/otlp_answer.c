/* SPDX-License-Identifier: MIT */
/*
 * otlp_answer.c - what an OTLP receiver says in an answer's body.
 *
 * ExportTraceServiceResponse and its like (partial_success: how much was rejected, and
 * why), or google.rpc.Status with an error.  Only the few fields that matter are looked
 * at, and the words go to a log: what could harm a terminal is taken out.
 *
 * Runs: agent, the delivery's thread.  No allocation, no recursion; linear in the body.
 */
#include <string.h>

#include "runtime/export/otlp_pb.h"
#include "runtime/export/pb.h"
#include "runtime/protocol/json.h"

enum { RESPONSE_PARTIAL = 1, PARTIAL_REJECTED = 1, PARTIAL_MESSAGE = 2, STATUS_MESSAGE = 2 };
enum { VARINT = 0, BYTES = 2 };

/* The bytes of the character at text, if it may be shown; 0: it may not. */
static size_t printable(const char *text, size_t bytes)
{
	unsigned char lead = (unsigned char)text[0];
	size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

	if (lead < 0x20 || lead == 0x7f || length > bytes || !ta_utf8_valid(text, length))
		return 0;
	if (lead == 0xc2 && (unsigned char)text[1] < 0xa0)
		return 0; /* C1 controls: some terminals obey them */
	return length;
}

/* Space becomes a blank, what is not printable a question mark. */
static void set_message(struct ta_otlp_answer *answer, const char *text, size_t bytes)
{
	char *at = answer->message, *end = at + sizeof(answer->message) - 1;

	while (bytes) {
		size_t length = printable(text, bytes);

		if ((size_t)(end - at) < (length ? length : 1))
			break;
		if (length)
			memcpy(at, text, length);
		else
			*at = memchr("\n\r\t", *text, 3) ? ' ' : '?';
		at += length ? length : 1;
		text += length ? length : 1;
		bytes -= length ? length : 1;
	}
	*at = '\0';
}

static struct ta_pb_reader reader_of(const char *data, size_t bytes)
{
	const unsigned char *at = (const unsigned char *)data;

	return (struct ta_pb_reader){ at, bytes ? at + bytes : at };
}

/* A negative number is none. */
static void set_rejected(struct ta_otlp_answer *answer, int64_t rejected)
{
	answer->rejected = rejected > 0 ? (uint64_t)rejected : 0;
}

static bool read_partial(const struct ta_pb_field *partial, struct ta_otlp_answer *answer)
{
	struct ta_pb_reader reader = reader_of(partial->data, partial->bytes);
	struct ta_pb_field field;

	while (ta_pb_next(&reader, &field)) {
		if (field.number == PARTIAL_REJECTED && field.wire == VARINT)
			set_rejected(answer, (int64_t)field.value);
		else if (field.number == PARTIAL_MESSAGE && field.wire == BYTES)
			set_message(answer, field.data, field.bytes);
	}
	return reader.at == reader.end;
}

static bool read_pb(const char *body, size_t bytes, bool is_error, struct ta_otlp_answer *answer)
{
	struct ta_pb_reader reader = reader_of(body, bytes);
	struct ta_pb_field field;
	bool good = true;

	while (good && ta_pb_next(&reader, &field)) {
		if (field.wire != BYTES)
			continue;
		if (is_error && field.number == STATUS_MESSAGE)
			set_message(answer, field.data, field.bytes);
		else if (!is_error && field.number == RESPONSE_PARTIAL)
			good = read_partial(&field, answer);
	}
	return good && reader.at == reader.end;
}

/* A message longer than we keep is unescaped as far as it is kept. */
static void set_json_message(struct ta_otlp_answer *answer, struct ta_json_slice value)
{
	struct ta_json_slice inside = ta_json_string(value);
	char plain[sizeof(answer->message)];

	set_message(answer, plain,
		    ta_json_unescape(inside.text, inside.bytes, plain, sizeof(plain)));
}

/* proto3's JSON writes 64-bit numbers as strings; some write numbers. */
static void set_json_rejected(struct ta_otlp_answer *answer, struct ta_json_slice value)
{
	int64_t rejected;

	if (ta_json_kind(value.text, value.bytes) == TA_JSON_STRING)
		value = ta_json_string(value);
	if (value.bytes && ta_json_kind(value.text, value.bytes) == TA_JSON_NUMBER &&
	    ta_json_valid(value.text, value.bytes) && ta_json_int(value, &rejected))
		set_rejected(answer, rejected);
}

static bool is_rejected(struct ta_json_slice key)
{
	return ta_json_key_is(key, "rejectedSpans") || ta_json_key_is(key, "rejectedLogRecords") ||
	       ta_json_key_is(key, "rejectedDataPoints");
}

static void read_json_partial(struct ta_json_slice partial, struct ta_otlp_answer *answer)
{
	struct ta_json_walk walk;
	struct ta_json_slice key, value;

	if (!ta_json_walk(&walk, partial.text, partial.bytes))
		return;
	while (ta_json_next(&walk, &key, &value)) {
		if (is_rejected(key))
			set_json_rejected(answer, value);
		else if (ta_json_key_is(key, "errorMessage"))
			set_json_message(answer, value);
	}
}

static bool read_json(const char *body, size_t bytes, bool is_error, struct ta_otlp_answer *answer)
{
	struct ta_json_walk walk;
	struct ta_json_slice key, value;

	if (!bytes)
		return true;
	if (!ta_json_valid(body, bytes) || !ta_json_walk(&walk, body, bytes) || !walk.object)
		return false;
	while (ta_json_next(&walk, &key, &value)) {
		if (is_error && ta_json_key_is(key, "message"))
			set_json_message(answer, value);
		else if (!is_error && ta_json_key_is(key, "partialSuccess"))
			read_json_partial(value, answer);
	}
	return true;
}

bool ta_otlp_answer(const char *body, size_t bytes, bool json, bool is_error,
		    struct ta_otlp_answer *ret_answer)
{
	struct ta_otlp_answer answer = { 0 };

	if (!(json ? read_json : read_pb)(body, bytes, is_error, &answer))
		return false;
	*ret_answer = answer;
	return true;
}
