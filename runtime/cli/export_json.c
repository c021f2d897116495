/* SPDX-License-Identifier: MIT */
/*
 * export_json.c - OTLP's JSON taken apart in place, and its attributes as plain JSON.
 *
 * Values are slices of a text that was found valid; numbers and strings go on as they
 * stand, so that nothing is rounded on the way.
 *
 * Pure, but for memory.
 */
#include "runtime/cli/export.h"

#include <stdlib.h>
#include <string.h>

#define EXACT (1ll << 53) /* what readers that know only doubles keep whole */

struct ta_json_slice ta_export_member(struct ta_json_slice object, const char *name)
{
	struct ta_json_slice key, value;
	struct ta_json_walk walk;

	if (ta_json_kind(object.text, object.bytes) != TA_JSON_OBJECT ||
	    !ta_json_walk(&walk, object.text, object.bytes))
		return (struct ta_json_slice){ 0 };
	while (ta_json_next(&walk, &key, &value))
		if (ta_json_key_is(key, name))
			return value;
	return (struct ta_json_slice){ 0 };
}

/* Without quotes, where there are some. */
static struct ta_json_slice inside(struct ta_json_slice value)
{
	return ta_json_kind(value.text, value.bytes) == TA_JSON_STRING ? ta_json_string(value) :
									 value;
}

uint64_t ta_export_u64(struct ta_json_slice value)
{
	struct ta_json_slice digits = inside(value);
	uint64_t number = 0;

	for (size_t i = 0; i < digits.bytes; i++) {
		char c = digits.text[i];

		if (c < '0' || c > '9')
			return i && (c == '.' || c == 'e' || c == 'E') && digits.bytes == value.bytes ?
				       (uint64_t)strtod(digits.text, NULL) : 0;
		if (__builtin_mul_overflow(number, 10u, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(c - '0'), &number))
			return 0;
	}
	return number;
}

static bool hex_of(const char *text, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < 16; i++) {
		char c = text[i], low = (char)(c | 0x20);

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (low >= 'a' && low <= 'f')
			value = value << 4 | (uint64_t)(low - 'a' + 10);
		else
			return false;
	}
	*ret_value = value;
	return true;
}

bool ta_export_hex(struct ta_json_slice value, unsigned int digits, uint64_t *ret_hi,
		   uint64_t *ret_lo)
{
	struct ta_json_slice text = ta_json_string(value);

	if (text.bytes != digits)
		return false;
	if (digits == 32 && !hex_of(text.text, ret_hi))
		return false;
	return hex_of(text.text + digits - 16, ret_lo);
}

struct ta_json_slice ta_export_any(struct ta_json_slice any)
{
	struct ta_json_slice key, value;
	struct ta_json_walk walk;

	if (ta_json_kind(any.text, any.bytes) == TA_JSON_OBJECT &&
	    ta_json_walk(&walk, any.text, any.bytes) && ta_json_next(&walk, &key, &value))
		return value;
	return (struct ta_json_slice){ 0 };
}

struct ta_json_slice ta_export_attribute(struct ta_json_slice attributes, const char *name)
{
	struct ta_json_slice key, item;
	struct ta_json_walk walk;

	if (ta_json_kind(attributes.text, attributes.bytes) != TA_JSON_ARRAY ||
	    !ta_json_walk(&walk, attributes.text, attributes.bytes))
		return (struct ta_json_slice){ 0 };
	while (ta_json_next(&walk, &key, &item))
		if (ta_json_key_is(ta_json_string(ta_export_member(item, "key")), name))
			return ta_export_member(item, "value");
	return (struct ta_json_slice){ 0 };
}

char *ta_export_copy(struct ta_json_slice value)
{
	struct ta_json_slice text = ta_json_string(value);
	char *copy = ta_show_alloc(NULL, text.bytes + 1);

	copy[ta_json_unescape(text.text, text.bytes, copy, text.bytes)] = '\0';
	return copy;
}

void ta_export_put_string(struct ta_buf *buf, struct ta_json_slice value)
{
	struct ta_json_slice text = ta_json_string(value);

	/* As it stands, when the file's writer knew UTF-8. */
	if (ta_utf8_valid(text.text, text.bytes)) {
		ta_buf_putc(buf, '"');
		ta_buf_put(buf, text.text, text.bytes);
		ta_buf_putc(buf, '"');
		return;
	}
	char *copy = ta_show_alloc(NULL, text.bytes + 1);

	ta_buf_put_json(buf, copy, ta_json_unescape(text.text, text.bytes, copy, text.bytes));
	free(copy);
}

/* intValue: a number where that is exact for everybody, else a string. */
static void put_integer(struct ta_buf *buf, struct ta_json_slice value)
{
	struct ta_json_slice digits = inside(value);
	int64_t number;

	if (ta_json_int(digits, &number) && number > -EXACT && number < EXACT)
		ta_buf_put_i64(buf, number);
	else
		ta_buf_put_json(buf, digits.text, digits.bytes);
}

static void put_elements(struct ta_buf *buf, struct ta_json_slice list)
{
	struct ta_json_slice values = ta_export_member(list, "values"), key, item;
	struct ta_json_walk walk;
	bool first = true;

	ta_buf_putc(buf, '[');
	if (values.bytes && ta_json_walk(&walk, values.text, values.bytes))
		for (; ta_json_next(&walk, &key, &item); first = false) {
			if (!first)
				ta_buf_putc(buf, ',');
			ta_export_put_any(buf, item);
		}
	ta_buf_putc(buf, ']');
}

/* Members in an object that already has one. */
void ta_export_put_attributes(struct ta_buf *buf, struct ta_json_slice attributes)
{
	struct ta_json_slice key, item;
	struct ta_json_walk walk;

	if (ta_json_kind(attributes.text, attributes.bytes) != TA_JSON_ARRAY ||
	    !ta_json_walk(&walk, attributes.text, attributes.bytes))
		return;
	while (ta_json_next(&walk, &key, &item)) {
		struct ta_json_slice name = ta_export_member(item, "key");

		if (ta_json_kind(name.text, name.bytes) != TA_JSON_STRING)
			continue;
		ta_buf_putc(buf, ',');
		ta_export_put_string(buf, name);
		ta_buf_putc(buf, ':');
		ta_export_put_any(buf, ta_export_member(item, "value"));
	}
}

static void put_members(struct ta_buf *buf, struct ta_json_slice list)
{
	size_t start = buf->bytes;

	ta_export_put_attributes(buf, ta_export_member(list, "values"));
	if (buf->failed)
		return;
	if (buf->bytes == start)
		ta_buf_putc(buf, '{');
	else
		buf->data[start] = '{'; /* where the first comma stands */
	ta_buf_putc(buf, '}');
}

/* The text may be 64 levels deep (json.h): so is this, at most. */
void ta_export_put_any(struct ta_buf *buf, struct ta_json_slice any)
{
	struct ta_json_slice key, value;
	struct ta_json_walk walk;

	if (ta_json_kind(any.text, any.bytes) != TA_JSON_OBJECT ||
	    !ta_json_walk(&walk, any.text, any.bytes) || !ta_json_next(&walk, &key, &value))
		ta_buf_puts(buf, "null");
	else if (ta_json_key_is(key, "intValue"))
		put_integer(buf, value);
	else if (ta_json_key_is(key, "arrayValue"))
		put_elements(buf, value);
	else if (ta_json_key_is(key, "kvlistValue"))
		put_members(buf, value);
	else if (ta_json_kind(value.text, value.bytes) == TA_JSON_STRING)
		ta_export_put_string(buf, value);
	else
		ta_buf_put(buf, value.text, value.bytes);
}

const char *ta_export_kind(unsigned int kind)
{
	static const char *const words[] = { "unspecified", "internal", "server",
					     "client",	    "producer", "consumer" };

	return kind < sizeof(words) / sizeof(words[0]) ? words[kind] : "unspecified";
}

const char *ta_export_status(unsigned int status)
{
	return status == 1 ? "ok" : status == 2 ? "error" : "unset";
}
