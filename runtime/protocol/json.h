/* SPDX-License-Identifier: MIT */
/*
 * json.h - JSON texts (RFC 8259) checked and taken apart in place.
 *
 * No tree is built: values are slices of the text, and numbers stay text, so that
 * 64-bit integers stay exact.  Objects and arrays are walked member by member.
 * Nothing here trusts its input; what is not JSON ends a walk.
 *
 * Runs: host (also in signal handlers) and agent.  No allocation, no recursion, no
 * locale; time is linear in the text, for each level that is walked.
 */
#ifndef TA_PROTOCOL_JSON_H
#define TA_PROTOCOL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Objects and arrays within one another; deeper texts are not valid here. */
#define TA_JSON_DEPTH_MAX 64u

enum ta_json_kind {
	TA_JSON_NONE, /* not JSON, as far as the first character tells */
	TA_JSON_NULL,
	TA_JSON_BOOL,
	TA_JSON_NUMBER,
	TA_JSON_STRING,
	TA_JSON_ARRAY,
	TA_JSON_OBJECT,
};

/* A part of a text; not terminated. */
struct ta_json_slice {
	const char *text;
	size_t bytes;
};

/* A walk over the members of an object or the elements of an array. */
struct ta_json_walk {
	const char *at, *end;
	bool object;
	bool first;
	bool broken; /* ended at something that is not JSON */
};

/* Whether text is one JSON value, with space around it or not.  Bytes from 0x80 on may
 * stand in strings; whether they are UTF-8 is not looked at. */
bool ta_json_valid(const char *text, size_t bytes);

/* The kind of a value, told by its first character; valid texts are what it says. */
enum ta_json_kind ta_json_kind(const char *text, size_t bytes);

/* Starts a walk; false when text is neither object nor array. */
bool ta_json_walk(struct ta_json_walk *walk, const char *text, size_t bytes);

/* The next member.  Its key comes without quotes and as it stands there, with its
 * escapes (empty in arrays), its value without space around it, strings with quotes. */
bool ta_json_next(struct ta_json_walk *walk, struct ta_json_slice *ret_key,
		  struct ta_json_slice *ret_value);

/* What is between the quotes of a string value, still escaped; empty for others. */
struct ta_json_slice ta_json_string(struct ta_json_slice value);

/* Makes UTF-8 of the inside of a string.  Halves of surrogate pairs become U+FFFD,
 * bytes from 0x80 on stay as they are.  Returns the bytes written: at most capacity,
 * cut behind a whole character; for valid strings never more than bytes. */
size_t ta_json_unescape(const char *text, size_t bytes, char *out, size_t capacity);

/* Whether a key means name, escapes resolved; name of at most 64 bytes. */
bool ta_json_key_is(struct ta_json_slice key, const char *name);

/* The value of a number without fraction and exponent; false for other values and
 * for what does not fit. */
bool ta_json_int(struct ta_json_slice value, int64_t *ret_number);

#endif
