/* SPDX-License-Identifier: MIT */
/*
 * otlp_pb_value.c - attributes and values as OTLP protobuf has them.
 *
 * Most attributes are short texts: their lengths are counted first, and they are written
 * in one go.  What JSON values become is decided by ta_otlp_value_read().
 *
 * Runs: agent, any thread.
 */
#include "runtime/export/otlp_pb_value.h"

#include <stdlib.h>

#include "runtime/export/otlp_value.h"

#define TAG(field, wire) ((char)((field) << 3 | (wire)))

enum { VARINT = 0, BYTES = 2 };

static void put_read(struct ta_buf *buf, const struct ta_otlp_value *value, unsigned int depth);

static void put_unescaped(struct ta_buf *buf, unsigned int field, struct ta_json_slice inside)
{
	struct ta_json_slice plain;
	char *memory;

	if (ta_otlp_unescape(inside, &plain, &memory))
		ta_pb_text_always(buf, field, plain.text, plain.bytes);
	else
		buf->failed = true;
	free(memory);
}

static void put_member(struct ta_buf *buf, unsigned int field, struct ta_json_slice member,
		       unsigned int depth)
{
	struct ta_otlp_value value;
	size_t opened = ta_pb_open(buf, field);

	ta_otlp_value_member(member, depth, &value);
	put_read(buf, &value, depth);
	ta_pb_close(buf, opened);
}

/* Recursion ends at TA_OTLP_DEPTH_MAX. */
static void put_members(struct ta_buf *buf, struct ta_json_slice text, unsigned int depth)
{
	struct ta_json_walk walk;
	struct ta_json_slice key, member;
	size_t list, pair;

	ta_json_walk(&walk, text.text, text.bytes);
	list = ta_pb_open(buf, walk.object ? TA_PB_KVLIST : TA_PB_ARRAY);
	while (ta_json_next(&walk, &key, &member)) {
		if (!walk.object) {
			put_member(buf, TA_PB_VALUES, member, depth + 1);
			continue;
		}
		pair = ta_pb_open(buf, TA_PB_VALUES);
		if (key.bytes)
			put_unescaped(buf, TA_PB_KEY, key);
		put_member(buf, TA_PB_VALUE, member, depth + 1);
		ta_pb_close(buf, pair);
	}
	ta_pb_close(buf, list);
}

/* The inside of an AnyValue. */
static void put_read(struct ta_buf *buf, const struct ta_otlp_value *value, unsigned int depth)
{
	switch (value->kind) {
	case TA_OTLP_EMPTY:
		break;
	case TA_OTLP_BOOL:
		ta_pb_uint_always(buf, TA_PB_BOOL, value->number != 0);
		break;
	case TA_OTLP_INT:
		ta_pb_uint_always(buf, TA_PB_INT, (uint64_t)value->number);
		break;
	case TA_OTLP_DOUBLE:
		ta_pb_double_always(buf, TA_PB_DOUBLE, value->real);
		break;
	case TA_OTLP_STRING:
		put_unescaped(buf, TA_PB_STRING, value->text);
		break;
	case TA_OTLP_TEXT:
		ta_pb_text_always(buf, TA_PB_STRING, value->text.text, value->text.bytes);
		break;
	default:
		put_members(buf, value->text, depth);
	}
}

static void put_json(struct ta_buf *buf, const char *text, size_t bytes)
{
	struct ta_otlp_value value;

	ta_otlp_value_read(text, bytes, &value);
	put_read(buf, &value, 0);
}

void ta_otlp_pb_json(struct ta_buf *buf, unsigned int field, const char *text, size_t bytes)
{
	size_t opened = ta_pb_open(buf, field);

	put_json(buf, text, bytes);
	ta_pb_close(buf, opened);
}

static void put_bytes(struct ta_buf *buf, const struct ta_out_attr *attr)
{
	size_t opened = ta_pb_open(buf, TA_PB_BYTES);

	ta_buf_put(buf, attr->text, attr->text_bytes);
	ta_pb_close(buf, opened);
}

void ta_otlp_pb_value(struct ta_buf *buf, unsigned int field, const struct ta_out_attr *attr)
{
	size_t opened = ta_pb_open(buf, field);

	switch (attr->type) {
	case TA_ATTR_INT:
		ta_pb_uint_always(buf, TA_PB_INT, (uint64_t)attr->number);
		break;
	case TA_ATTR_BOOL:
		ta_pb_uint_always(buf, TA_PB_BOOL, attr->number != 0);
		break;
	case TA_ATTR_DOUBLE:
		ta_pb_double_always(buf, TA_PB_DOUBLE, attr->real);
		break;
	case TA_ATTR_BYTES:
		put_bytes(buf, attr);
		break;
	case TA_ATTR_JSON:
		put_json(buf, attr->text, attr->text_bytes);
		break;
	default:
		ta_pb_text_always(buf, TA_PB_STRING, attr->text, attr->text_bytes);
	}
	ta_pb_close(buf, opened);
}

/* A prefix is a literal of ours; the name may be anybody's. */
static void put_key(struct ta_buf *buf, const struct ta_out_attr *attr)
{
	struct ta_buf name = { 0 };

	if (!attr->prefix_bytes) {
		ta_pb_text(buf, TA_PB_KEY, attr->name, attr->name_bytes);
		return;
	}
	ta_buf_put(&name, attr->prefix, attr->prefix_bytes);
	ta_buf_put(&name, attr->name, attr->name_bytes);
	ta_pb_text(buf, TA_PB_KEY, name.data, name.bytes);
	buf->failed |= name.failed;
	ta_buf_fini(&name);
}

static void put_slowly(struct ta_buf *buf, unsigned int field, const struct ta_out_attr *attr)
{
	size_t opened = ta_pb_open(buf, field);

	put_key(buf, attr);
	ta_otlp_pb_value(buf, TA_PB_VALUE, attr);
	ta_pb_close(buf, opened);
}

/* What is short, valid and no list: a length below 128 takes one byte. */
#define SHORT_MAX 120u

static bool is_short(const struct ta_out_attr *attr, unsigned int field, size_t key_bytes)
{
	if (field >= 16 || !key_bytes || key_bytes > SHORT_MAX ||
	    !(attr->plain_name || ta_pb_text_good(attr->name, attr->name_bytes)))
		return false;
	if (attr->type == TA_ATTR_INT || attr->type == TA_ATTR_BOOL)
		return key_bytes + 16 <= SHORT_MAX;
	return attr->type == TA_ATTR_STRING && key_bytes + attr->text_bytes + 6 <= SHORT_MAX &&
	       ta_pb_text_good(attr->text, attr->text_bytes);
}

/* The AnyValue with its tag and length. */
static char *write_value(char *at, const struct ta_out_attr *attr)
{
	char *start = at + 2;

	at[0] = TAG(TA_PB_VALUE, BYTES);
	if (attr->type == TA_ATTR_STRING) {
		start[0] = TAG(TA_PB_STRING, BYTES);
		start[1] = (char)attr->text_bytes;
		at[1] = (char)(attr->text_bytes + 2);
		return ta_pb_write(start + 2, attr->text, attr->text_bytes);
	}
	start[0] = TAG(attr->type == TA_ATTR_INT ? TA_PB_INT : TA_PB_BOOL, VARINT);
	start = ta_pb_write_varint(start + 1, attr->type == TA_ATTR_INT ? (uint64_t)attr->number :
									   attr->number != 0);
	at[1] = (char)(start - at - 2);
	return start;
}

void ta_otlp_pb_attr(struct ta_buf *buf, unsigned int field, const struct ta_out_attr *attr)
{
	size_t key_bytes = (size_t)attr->prefix_bytes + attr->name_bytes;
	char *start, *at;

	if (!is_short(attr, field, key_bytes)) {
		put_slowly(buf, field, attr);
		return;
	}
	start = ta_buf_reserve(buf, SHORT_MAX + 16);
	if (!start)
		return;
	start[2] = TAG(TA_PB_KEY, BYTES);
	start[3] = (char)key_bytes;
	at = ta_pb_write(start + 4, attr->prefix, attr->prefix_bytes);
	at = ta_pb_write(at, attr->name, attr->name_bytes);
	at = write_value(at, attr);
	start[0] = TAG(field, BYTES);
	start[1] = (char)(at - start - 2);
	buf->bytes = (size_t)(at - buf->data);
}

void ta_otlp_pb_pair(struct ta_buf *buf, unsigned int field, const char *key, const char *text,
		     int64_t number)
{
	struct ta_out_attr attr = { .name = key,
				    .name_bytes = (uint32_t)strlen(key),
				    .type = text ? TA_ATTR_STRING : TA_ATTR_INT,
				    .text = text,
				    .text_bytes = text ? (uint32_t)strlen(text) : 0,
				    .number = number };

	ta_otlp_pb_attr(buf, field, &attr);
}
