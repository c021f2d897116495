/* SPDX-License-Identifier: MIT */
/*
 * otlp_value.c - attributes and values as OTLP JSON has them.
 *
 * JSON texts are converted while they are walked: members become KeyValues one by
 * one.  Depth is bounded, because receivers count messages within messages.
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/otlp_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/protocol/json.h"

#define NUMBER_MAX 512u /* digits and all; longer numbers stay text */

/* JSON has no numbers for these; protobuf's JSON form spells them. */
static void put_double(struct ta_buf *buf, double value)
{
	char text[32];

	if (isnan(value)) {
		TA_PUT(buf, "\"NaN\"");
	} else if (isinf(value)) {
		ta_buf_puts(buf, value < 0 ? "\"-Infinity\"" : "\"Infinity\"");
	} else {
		snprintf(text, sizeof(text), "%.17g", value);
		ta_buf_puts(buf, text);
	}
}

static void put_int(struct ta_buf *buf, int64_t number)
{
	TA_PUT(buf, "{\"intValue\":\"");
	ta_buf_put_i64(buf, number);
	TA_PUT(buf, "\"}");
}

static void put_bool(struct ta_buf *buf, bool truth)
{
	if (truth)
		TA_PUT(buf, "{\"boolValue\":true}");
	else
		TA_PUT(buf, "{\"boolValue\":false}");
}

static void put_string(struct ta_buf *buf, const char *text, size_t bytes)
{
	TA_PUT(buf, "{\"stringValue\":");
	ta_buf_put_json(buf, text, bytes);
	ta_buf_putc(buf, '}');
}

bool ta_otlp_unescape(struct ta_json_slice inside, struct ta_json_slice *ret_plain,
		      char **ret_memory)
{
	*ret_memory = NULL;
	*ret_plain = inside;
	if (!inside.bytes || !memchr(inside.text, '\\', inside.bytes))
		return true;
	*ret_memory = malloc(inside.bytes);
	if (!*ret_memory)
		return false;
	ret_plain->text = *ret_memory;
	ret_plain->bytes = ta_json_unescape(inside.text, inside.bytes, *ret_memory, inside.bytes);
	return true;
}

/* The inside of a JSON string as a JSON string of ours: valid UTF-8, our escapes. */
static void put_unescaped(struct ta_buf *buf, struct ta_json_slice inside)
{
	struct ta_json_slice plain;
	char *memory;

	if (ta_otlp_unescape(inside, &plain, &memory))
		ta_buf_put_json(buf, plain.text, plain.bytes);
	else
		buf->failed = true;
	free(memory);
}

static void read_number(struct ta_otlp_value *value)
{
	char text[NUMBER_MAX];

	if (ta_json_int(value->text, &value->number)) {
		value->kind = TA_OTLP_INT;
	} else if (value->text.bytes < sizeof(text)) {
		memcpy(text, value->text.text, value->text.bytes);
		text[value->text.bytes] = '\0';
		value->kind = TA_OTLP_DOUBLE;
		value->real = strtod(text, NULL);
	}
}

void ta_otlp_value_member(struct ta_json_slice member, unsigned int depth,
			  struct ta_otlp_value *ret_value)
{
	struct ta_otlp_value value = { .kind = TA_OTLP_TEXT, .text = member };
	enum ta_json_kind kind = ta_json_kind(member.text, member.bytes);

	switch (kind) {
	case TA_JSON_NULL:
		value.kind = TA_OTLP_EMPTY;
		break;
	case TA_JSON_BOOL:
		value.kind = TA_OTLP_BOOL;
		value.number = member.text[0] == 't';
		break;
	case TA_JSON_NUMBER:
		read_number(&value);
		break;
	case TA_JSON_STRING:
		value.kind = TA_OTLP_STRING;
		value.text = ta_json_string(member);
		break;
	default:
		if (depth < TA_OTLP_DEPTH_MAX)
			value.kind = kind == TA_JSON_OBJECT ? TA_OTLP_KVLIST : TA_OTLP_ARRAY;
	}
	*ret_value = value;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void ta_otlp_value_read(const char *text, size_t bytes, struct ta_otlp_value *ret_value)
{
	if (!ta_json_valid(text, bytes)) {
		*ret_value = (struct ta_otlp_value){ .kind = TA_OTLP_TEXT, .text = { text, bytes } };
		return;
	}
	while (is_space(*text)) {
		text++;
		bytes--;
	}
	while (is_space(text[bytes - 1]))
		bytes--;
	ta_otlp_value_member((struct ta_json_slice){ text, bytes }, 0, ret_value);
}

/* A number stays as it was written, unless no double can hold it. */
static void put_real(struct ta_buf *buf, const struct ta_otlp_value *value)
{
	TA_PUT(buf, "{\"doubleValue\":");
	if (isfinite(value->real))
		ta_buf_put(buf, value->text.text, value->text.bytes);
	else
		put_double(buf, value->real);
	ta_buf_putc(buf, '}');
}

static void put_read(struct ta_buf *buf, const struct ta_otlp_value *value, unsigned int depth);

/* Recursion ends at TA_OTLP_DEPTH_MAX. */
static void put_members(struct ta_buf *buf, struct ta_json_slice text, unsigned int depth)
{
	struct ta_json_walk walk;
	struct ta_json_slice key, member;
	struct ta_otlp_value value;
	bool first = true;

	ta_json_walk(&walk, text.text, text.bytes);
	if (walk.object)
		TA_PUT(buf, "{\"kvlistValue\":{\"values\":[");
	else
		TA_PUT(buf, "{\"arrayValue\":{\"values\":[");
	while (ta_json_next(&walk, &key, &member)) {
		if (!first)
			ta_buf_putc(buf, ',');
		first = false;
		if (walk.object) {
			TA_PUT(buf, "{\"key\":");
			put_unescaped(buf, key);
			TA_PUT(buf, ",\"value\":");
		}
		ta_otlp_value_member(member, depth + 1, &value);
		put_read(buf, &value, depth + 1);
		if (walk.object)
			ta_buf_putc(buf, '}');
	}
	TA_PUT(buf, "]}}");
}

static void put_read(struct ta_buf *buf, const struct ta_otlp_value *value, unsigned int depth)
{
	switch (value->kind) {
	case TA_OTLP_EMPTY:
		TA_PUT(buf, "{}");
		break;
	case TA_OTLP_BOOL:
		put_bool(buf, value->number != 0);
		break;
	case TA_OTLP_INT:
		put_int(buf, value->number);
		break;
	case TA_OTLP_DOUBLE:
		put_real(buf, value);
		break;
	case TA_OTLP_STRING:
		TA_PUT(buf, "{\"stringValue\":");
		put_unescaped(buf, value->text);
		ta_buf_putc(buf, '}');
		break;
	case TA_OTLP_TEXT:
		put_string(buf, value->text.text, value->text.bytes);
		break;
	default:
		put_members(buf, value->text, depth);
	}
}

void ta_otlp_put_json(struct ta_buf *buf, const char *text, size_t bytes)
{
	struct ta_otlp_value value;

	ta_otlp_value_read(text, bytes, &value);
	put_read(buf, &value, 0);
}

void ta_otlp_put_value(struct ta_buf *buf, const struct ta_out_attr *attr)
{
	switch (attr->type) {
	case TA_ATTR_INT:
		put_int(buf, attr->number);
		break;
	case TA_ATTR_BOOL:
		put_bool(buf, attr->number != 0);
		break;
	case TA_ATTR_DOUBLE:
		TA_PUT(buf, "{\"doubleValue\":");
		put_double(buf, attr->real);
		ta_buf_putc(buf, '}');
		break;
	case TA_ATTR_BYTES:
		TA_PUT(buf, "{\"bytesValue\":");
		ta_buf_put_base64(buf, attr->text, attr->text_bytes);
		ta_buf_putc(buf, '}');
		break;
	case TA_ATTR_JSON:
		ta_otlp_put_json(buf, attr->text, attr->text_bytes);
		break;
	default:
		put_string(buf, attr->text, attr->text_bytes);
	}
}

#define FRAME_MAX 96u /* what stands around a name and a value, at most; numbers, too */

/* The name, in front of a value; NULL where it needs escapes. */
static char *write_name(char *at, const struct ta_out_attr *attr)
{
	at = TA_WRITE(at, ",{\"key\":\"");
	at = ta_write(at, attr->prefix, attr->prefix_bytes);
	if (attr->plain_name)
		return ta_write(at, attr->name, attr->name_bytes);
	return ta_write_plain(at, attr->name, attr->name_bytes);
}

static char *write_text(char *at, const struct ta_out_attr *attr)
{
	at = TA_WRITE(at, "\",\"value\":{\"stringValue\":\"");
	at = ta_write_plain(at, attr->text, attr->text_bytes);
	return at ? TA_WRITE(at, "\"}}") : NULL;
}

static char *write_int(char *at, const struct ta_out_attr *attr)
{
	uint64_t number = (uint64_t)attr->number;

	at = TA_WRITE(at, "\",\"value\":{\"intValue\":\"");
	if (attr->number < 0) {
		*at++ = '-';
		number = 0 - number;
	}
	return TA_WRITE(ta_write_u64(at, number), "\"}}");
}

/* Most attributes, in one go: a text or a number, and nothing that needs an escape. */
static bool put_plain(struct ta_buf *buf, const struct ta_out_attr *attr)
{
	size_t text = attr->type == TA_ATTR_STRING ? attr->text_bytes : 0;
	char *at;

	if (attr->type != TA_ATTR_STRING && attr->type != TA_ATTR_INT)
		return false;
	at = ta_buf_reserve(buf, (size_t)attr->prefix_bytes + attr->name_bytes + text + FRAME_MAX);
	if (!at)
		return true;
	at = write_name(at, attr);
	if (at)
		at = attr->type == TA_ATTR_INT ? write_int(at, attr) : write_text(at, attr);
	if (at)
		ta_buf_wrote(buf, at);
	return at != NULL;
}

static void put_key(struct ta_buf *buf, const char *prefix, size_t prefix_bytes, const char *name,
		    size_t name_bytes)
{
	TA_PUT(buf, ",{\"key\":\"");
	ta_buf_put(buf, prefix, prefix_bytes);
	ta_buf_put_json_inside(buf, name, name_bytes);
	TA_PUT(buf, "\",\"value\":");
}

void ta_otlp_row_begin(struct ta_otlp_row *row, struct ta_buf *buf)
{
	*row = (struct ta_otlp_row){ .buf = buf };
}

static bool take_place(struct ta_otlp_row *row)
{
	if (row->count == TA_OUT_ATTRS_MAX) {
		row->dropped++;
		return false;
	}
	if (row->count++ == 0) {
		TA_PUT(row->buf, ",\"attributes\":");
		row->first = row->buf->bytes;
	}
	return true;
}

void ta_otlp_row_put(struct ta_otlp_row *row, const struct ta_out_attr *attr)
{
	if (!take_place(row) || put_plain(row->buf, attr))
		return;
	put_key(row->buf, attr->prefix, attr->prefix_bytes, attr->name, attr->name_bytes);
	ta_otlp_put_value(row->buf, attr);
	ta_buf_putc(row->buf, '}');
}

bool ta_otlp_row_open(struct ta_otlp_row *row, const char *name)
{
	if (!take_place(row))
		return false;
	put_key(row->buf, NULL, 0, name, strlen(name));
	return true;
}

void ta_otlp_row_close(struct ta_otlp_row *row)
{
	ta_buf_putc(row->buf, '}');
}

void ta_otlp_row_end(struct ta_otlp_row *row, uint32_t dropped)
{
	if (row->count) {
		if (!row->buf->failed)
			row->buf->data[row->first] = '[';
		ta_buf_putc(row->buf, ']');
	}
	if (row->dropped + dropped) {
		TA_PUT(row->buf, ",\"droppedAttributesCount\":");
		ta_buf_put_u64(row->buf, (uint64_t)row->dropped + dropped);
	}
}
