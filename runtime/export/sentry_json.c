/* SPDX-License-Identifier: MIT */
/*
 * sentry_json.c - values as a Sentry payload has them.
 *
 * Runs: agent, the exporter's thread.  Recursion ends at TA_SENTRY_DEPTH_MAX.
 */
#include "runtime/export/sentry_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUT TA_SENTRY_PUT
#define NUMBER_MAX 64u /* digits and all; longer numbers become texts */

void ta_sentry_comma(struct ta_buf *buf)
{
	char last = buf->bytes ? buf->data[buf->bytes - 1] : '{';

	if (last != '{' && last != '[')
		ta_buf_putc(buf, ',');
}

void ta_sentry_key(struct ta_buf *buf, const char *name)
{
	ta_sentry_key_text(buf, name, strlen(name));
}

void ta_sentry_key_text(struct ta_buf *buf, const char *name, size_t bytes)
{
	ta_sentry_comma(buf);
	ta_buf_put_json(buf, name, bytes);
	ta_buf_putc(buf, ':');
}

void ta_sentry_member(struct ta_buf *buf, const char *name, const char *text, size_t bytes,
		      size_t most)
{
	if (!text)
		return;
	ta_sentry_key(buf, name);
	ta_sentry_text(buf, text, bytes, most);
}

void ta_sentry_text(struct ta_buf *buf, const char *text, size_t bytes, size_t most)
{
	if (bytes <= most) {
		ta_buf_put_json(buf, text, bytes);
		return;
	}
	ta_buf_putc(buf, '"');
	ta_buf_put_json_inside(buf, text, ta_utf8_cut(text, most));
	PUT(buf, "...\"");
}

void ta_sentry_inside(struct ta_buf *buf, struct ta_json_slice inside, size_t most)
{
	char *plain;

	if (!inside.bytes || !memchr(inside.text, '\\', inside.bytes)) {
		ta_sentry_text(buf, inside.text, inside.bytes, most);
		return;
	}
	plain = malloc(inside.bytes);
	if (plain)
		ta_sentry_text(buf, plain,
			       ta_json_unescape(inside.text, inside.bytes, plain, inside.bytes),
			       most);
	else
		buf->failed = true;
	free(plain);
}

/* Bytes and UTF-16 units of the character at text; a byte that begins none is one. */
static size_t character(const char *text, size_t left, size_t *ret_units)
{
	unsigned char lead = (unsigned char)text[0];
	size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;

	*ret_units = 1;
	if (lead < 0x80 || bytes > left || !ta_utf8_valid(text, bytes))
		return 1;
	*ret_units = bytes == 4 ? 2 : 1;
	return bytes;
}

static bool breaks_line(char c)
{
	return c == '\n' || c == '\r';
}

/* How much of text fits; the rest is told by dots, for which there is room then. */
static size_t fitting(const char *text, size_t bytes, bool *ret_cut)
{
	size_t at = 0, units = 0, room_for_dots = 0, more;

	while (at < bytes) {
		size_t length = character(text + at, bytes - at, &more);

		if (units + more > TA_SENTRY_TAG_MAX - 1)
			break;
		at += length;
		units += more;
		if (units <= TA_SENTRY_TAG_MAX - 4)
			room_for_dots = at;
	}
	*ret_cut = at < bytes;
	return *ret_cut ? room_for_dots : at;
}

void ta_sentry_short(struct ta_buf *buf, const char *text, size_t bytes)
{
	bool cut = false;
	size_t end = fitting(text, bytes, &cut);

	ta_buf_putc(buf, '"');
	for (size_t from = 0, at = 0; at <= end; at++) {
		if (at < end && !breaks_line(text[at]))
			continue;
		ta_buf_put_json_inside(buf, text + from, at - from);
		if (at < end)
			ta_buf_putc(buf, ' ');
		from = at + 1;
	}
	if (cut)
		PUT(buf, "...");
	ta_buf_putc(buf, '"');
}

void ta_sentry_real(struct ta_buf *buf, double value)
{
	char text[40];

	if (isnan(value)) {
		PUT(buf, "\"NaN\"");
	} else if (isinf(value)) {
		ta_buf_puts(buf, value < 0 ? "\"-Infinity\"" : "\"Infinity\"");
	} else {
		snprintf(text, sizeof(text), "%.17g", value);
		ta_buf_puts(buf, text);
	}
}

/* A number stays as it was written, unless no double can hold it. */
static void put_number(struct ta_buf *buf, struct ta_json_slice value)
{
	char text[NUMBER_MAX];

	if (value.bytes < sizeof(text)) {
		memcpy(text, value.text, value.bytes);
		text[value.bytes] = '\0';
		if (isfinite(strtod(text, NULL))) {
			ta_buf_put(buf, text, value.bytes);
			return;
		}
	}
	ta_buf_put_json(buf, value.text, value.bytes);
}

static void put_value(struct ta_buf *buf, struct ta_json_slice value, size_t most,
		      unsigned int depth);

static void put_members(struct ta_buf *buf, struct ta_json_slice value, size_t most,
			unsigned int depth)
{
	struct ta_json_slice key, member;
	struct ta_json_walk walk;

	ta_json_walk(&walk, value.text, value.bytes);
	ta_buf_putc(buf, walk.object ? '{' : '[');
	while (ta_json_next(&walk, &key, &member)) {
		ta_sentry_comma(buf);
		if (walk.object) {
			ta_sentry_inside(buf, key, most);
			ta_buf_putc(buf, ':');
		}
		put_value(buf, member, most, depth + 1);
	}
	ta_buf_putc(buf, walk.object ? '}' : ']');
}

/* A valid value without space around it. */
static void put_value(struct ta_buf *buf, struct ta_json_slice value, size_t most,
		      unsigned int depth)
{
	switch (ta_json_kind(value.text, value.bytes)) {
	case TA_JSON_NUMBER:
		put_number(buf, value);
		break;
	case TA_JSON_STRING:
		ta_sentry_inside(buf, ta_json_string(value), most);
		break;
	case TA_JSON_ARRAY:
	case TA_JSON_OBJECT:
		if (depth < TA_SENTRY_DEPTH_MAX)
			put_members(buf, value, most, depth);
		else
			ta_sentry_text(buf, value.text, value.bytes, most);
		break;
	default:
		ta_buf_put(buf, value.text, value.bytes); /* true, false, null */
	}
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Without the space around it; false when it is no JSON. */
static bool trimmed(const char *text, size_t bytes, struct ta_json_slice *ret_value)
{
	if (!bytes || !ta_json_valid(text, bytes))
		return false;
	while (is_space(*text)) {
		text++;
		bytes--;
	}
	while (is_space(text[bytes - 1]))
		bytes--;
	*ret_value = (struct ta_json_slice){ text, bytes };
	return true;
}

void ta_sentry_value(struct ta_buf *buf, const char *text, size_t bytes, size_t most)
{
	struct ta_json_slice value;

	if (trimmed(text, bytes, &value))
		put_value(buf, value, most, 0);
	else
		ta_sentry_text(buf, text, bytes, most);
}

bool ta_sentry_string(struct ta_buf *buf, const char *text, size_t bytes, size_t most)
{
	struct ta_json_slice value;

	if (!trimmed(text, bytes, &value)) {
		ta_sentry_text(buf, text, bytes, most);
		return true;
	}
	switch (ta_json_kind(value.text, value.bytes)) {
	case TA_JSON_NULL:
		return false;
	case TA_JSON_STRING:
		ta_sentry_inside(buf, ta_json_string(value), most);
		return true;
	default:
		ta_sentry_text(buf, value.text, value.bytes, most);
		return true;
	}
}

bool ta_sentry_object(struct ta_buf *buf, const char *text, size_t bytes, size_t most)
{
	struct ta_json_slice value;
	bool valid = trimmed(text, bytes, &value);
	enum ta_json_kind kind = valid ? ta_json_kind(value.text, value.bytes) : TA_JSON_NONE;

	if (kind == TA_JSON_NULL)
		return false;
	if (kind == TA_JSON_OBJECT) {
		put_value(buf, value, most, 0);
		return true;
	}
	PUT(buf, "{\"value\":");
	ta_sentry_value(buf, text, bytes, most);
	ta_buf_putc(buf, '}');
	return true;
}

void ta_sentry_time(struct ta_buf *buf, uint64_t unix_ns)
{
	uint64_t microseconds = unix_ns / 1000 % 1000000;
	char digits[7] = ".000000";

	ta_buf_put_u64(buf, unix_ns / 1000000000);
	for (int i = 6; i; i--, microseconds /= 10)
		digits[i] = (char)('0' + microseconds % 10);
	ta_buf_put(buf, digits, sizeof(digits));
}

void ta_sentry_id(struct ta_buf *buf, uint64_t hi, uint64_t lo)
{
	ta_buf_putc(buf, '"');
	ta_buf_put_hex64(buf, hi);
	ta_buf_put_hex64(buf, lo);
	ta_buf_putc(buf, '"');
}

void ta_sentry_span_id(struct ta_buf *buf, uint64_t id)
{
	ta_buf_putc(buf, '"');
	ta_buf_put_hex64(buf, id);
	ta_buf_putc(buf, '"');
}

void ta_sentry_attr(struct ta_buf *buf, const struct ta_out_attr *attr, size_t most)
{
	switch (attr->type) {
	case TA_ATTR_INT:
		ta_buf_put_i64(buf, attr->number);
		break;
	case TA_ATTR_BOOL:
		ta_buf_puts(buf, attr->number ? "true" : "false");
		break;
	case TA_ATTR_DOUBLE:
		ta_sentry_real(buf, attr->real);
		break;
	case TA_ATTR_BYTES:
		ta_buf_put_base64(buf, attr->text,
				  attr->text_bytes < most ? attr->text_bytes : most);
		break;
	case TA_ATTR_JSON:
		ta_sentry_value(buf, attr->text, attr->text_bytes, most);
		break;
	default:
		ta_sentry_text(buf, attr->text, attr->text_bytes, most);
	}
}
