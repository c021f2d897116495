/* SPDX-License-Identifier: MIT */
/*
 * otlp_tree.h - a protobuf request as the tree that its JSON form would be.
 *
 * Strict: a field that is not known, out of order, of another wire type or not UTF-8
 * makes it NULL, and so do scalars that are written though they are 0.  What JSON
 * writes and protobuf leaves out (names, kinds, times, empty lists) is put in, so that trees of
 * both can be compared.
 */
#ifndef TA_TESTS_UNIT_OTLP_TREE_H
#define TA_TESTS_UNIT_OTLP_TREE_H

#include <cjson/cJSON.h>
#include <inttypes.h>

#include "runtime/export/pb.h"
#include "tests/unit/check.h"

enum tree_type {
	TREE_TEXT,
	TREE_HEX,
	TREE_BASE64,
	TREE_NUMBER, /* varint */
	TREE_BOOL,
	TREE_INT64,   /* varint, a text in JSON */
	TREE_FIXED32,
	TREE_FIXED64, /* a text in JSON */
	TREE_DOUBLE,
	TREE_MESSAGE,
	TREE_LIST, /* of messages */
};

struct tree_field {
	uint32_t number;
	const char *name;
	enum tree_type type;
	const struct tree_field *inside;
	bool always;	  /* 0 and "" are written: members of a oneof */
	const char *lacks; /* what JSON has when it is not there */
};

#define TREE_END { 0, NULL, TREE_TEXT, NULL, false, NULL }

static const struct tree_field tree_any[];

static const struct tree_field tree_pair[] = {
	{ 1, "key", TREE_TEXT, NULL, false, "\"\"" },
	{ 2, "value", TREE_MESSAGE, tree_any, false, NULL },
	TREE_END,
};
static const struct tree_field tree_array[] = {
	{ 1, "values", TREE_LIST, tree_any, false, "[]" },
	TREE_END,
};
static const struct tree_field tree_kvlist[] = {
	{ 1, "values", TREE_LIST, tree_pair, false, "[]" },
	TREE_END,
};
static const struct tree_field tree_any[] = {
	{ 1, "stringValue", TREE_TEXT, NULL, true, NULL },
	{ 2, "boolValue", TREE_BOOL, NULL, true, NULL },
	{ 3, "intValue", TREE_INT64, NULL, true, NULL },
	{ 4, "doubleValue", TREE_DOUBLE, NULL, true, NULL },
	{ 5, "arrayValue", TREE_MESSAGE, tree_array, false, NULL },
	{ 6, "kvlistValue", TREE_MESSAGE, tree_kvlist, false, NULL },
	{ 7, "bytesValue", TREE_BASE64, NULL, true, NULL },
	TREE_END,
};
static const struct tree_field tree_event[] = {
	{ 1, "timeUnixNano", TREE_FIXED64, NULL, false, "\"0\"" },
	{ 2, "name", TREE_TEXT, NULL, false, "\"\"" },
	{ 3, "attributes", TREE_LIST, tree_pair, false, NULL },
	{ 4, "droppedAttributesCount", TREE_NUMBER, NULL, false, NULL },
	TREE_END,
};
static const struct tree_field tree_link[] = {
	{ 1, "traceId", TREE_HEX, NULL, false, NULL },
	{ 2, "spanId", TREE_HEX, NULL, false, NULL },
	{ 4, "attributes", TREE_LIST, tree_pair, false, NULL },
	{ 5, "droppedAttributesCount", TREE_NUMBER, NULL, false, NULL },
	{ 6, "flags", TREE_FIXED32, NULL, false, NULL },
	TREE_END,
};
static const struct tree_field tree_status[] = {
	{ 2, "message", TREE_TEXT, NULL, false, NULL },
	{ 3, "code", TREE_NUMBER, NULL, false, NULL },
	TREE_END,
};
static const struct tree_field tree_span[] = {
	{ 1, "traceId", TREE_HEX, NULL, false, NULL },
	{ 2, "spanId", TREE_HEX, NULL, false, NULL },
	{ 3, "traceState", TREE_TEXT, NULL, false, NULL },
	{ 4, "parentSpanId", TREE_HEX, NULL, false, NULL },
	{ 5, "name", TREE_TEXT, NULL, false, "\"\"" },
	{ 6, "kind", TREE_NUMBER, NULL, false, "0" },
	{ 7, "startTimeUnixNano", TREE_FIXED64, NULL, false, "\"0\"" },
	{ 8, "endTimeUnixNano", TREE_FIXED64, NULL, false, "\"0\"" },
	{ 9, "attributes", TREE_LIST, tree_pair, false, NULL },
	{ 10, "droppedAttributesCount", TREE_NUMBER, NULL, false, NULL },
	{ 11, "events", TREE_LIST, tree_event, false, NULL },
	{ 12, "droppedEventsCount", TREE_NUMBER, NULL, false, NULL },
	{ 13, "links", TREE_LIST, tree_link, false, NULL },
	{ 14, "droppedLinksCount", TREE_NUMBER, NULL, false, NULL },
	{ 15, "status", TREE_MESSAGE, tree_status, false, NULL },
	{ 16, "flags", TREE_FIXED32, NULL, false, NULL },
	TREE_END,
};
static const struct tree_field tree_record[] = {
	{ 1, "timeUnixNano", TREE_FIXED64, NULL, false, "\"0\"" },
	{ 2, "severityNumber", TREE_NUMBER, NULL, false, NULL },
	{ 3, "severityText", TREE_TEXT, NULL, false, NULL },
	{ 5, "body", TREE_MESSAGE, tree_any, false, NULL },
	{ 6, "attributes", TREE_LIST, tree_pair, false, NULL },
	{ 7, "droppedAttributesCount", TREE_NUMBER, NULL, false, NULL },
	{ 9, "traceId", TREE_HEX, NULL, false, NULL },
	{ 10, "spanId", TREE_HEX, NULL, false, NULL },
	{ 11, "observedTimeUnixNano", TREE_FIXED64, NULL, false, "\"0\"" },
	{ 12, "eventName", TREE_TEXT, NULL, false, NULL },
	TREE_END,
};
static const struct tree_field tree_resource[] = {
	{ 1, "attributes", TREE_LIST, tree_pair, false, NULL },
	TREE_END,
};
static const struct tree_field tree_scope[] = {
	{ 1, "name", TREE_TEXT, NULL, false, NULL },
	{ 2, "version", TREE_TEXT, NULL, false, NULL },
	TREE_END,
};
static const struct tree_field tree_scope_spans[] = {
	{ 1, "scope", TREE_MESSAGE, tree_scope, false, NULL },
	{ 2, "spans", TREE_LIST, tree_span, false, NULL },
	{ 3, "schemaUrl", TREE_TEXT, NULL, false, NULL },
	TREE_END,
};
static const struct tree_field tree_scope_logs[] = {
	{ 1, "scope", TREE_MESSAGE, tree_scope, false, NULL },
	{ 2, "logRecords", TREE_LIST, tree_record, false, NULL },
	{ 3, "schemaUrl", TREE_TEXT, NULL, false, NULL },
	TREE_END,
};
static const struct tree_field tree_resource_spans[] = {
	{ 1, "resource", TREE_MESSAGE, tree_resource, false, NULL },
	{ 2, "scopeSpans", TREE_LIST, tree_scope_spans, false, NULL },
	{ 3, "schemaUrl", TREE_TEXT, NULL, false, NULL },
	TREE_END,
};
static const struct tree_field tree_resource_logs[] = {
	{ 1, "resource", TREE_MESSAGE, tree_resource, false, NULL },
	{ 2, "scopeLogs", TREE_LIST, tree_scope_logs, false, NULL },
	{ 3, "schemaUrl", TREE_TEXT, NULL, false, NULL },
	TREE_END,
};
__attribute__((unused)) static const struct tree_field tree_traces[] = {
	{ 1, "resourceSpans", TREE_LIST, tree_resource_spans, false, "[]" },
	TREE_END,
};
__attribute__((unused)) static const struct tree_field tree_logs[] = {
	{ 1, "resourceLogs", TREE_LIST, tree_resource_logs, false, "[]" },
	TREE_END,
};

/* The same values under the same names.  (cJSON_Compare() takes time exponential in depth.) */
__attribute__((unused)) static bool tree_same(const cJSON *a, const cJSON *b)
{
	const cJSON *at, *other;

	if (!a || !b || (a->type & 0xff) != (b->type & 0xff))
		return false;
	if (cJSON_IsString(a))
		return strcmp(a->valuestring, b->valuestring) == 0;
	if (cJSON_IsNumber(a))
		return memcmp(&a->valuedouble, &b->valuedouble, sizeof(a->valuedouble)) == 0;
	if (!cJSON_IsArray(a) && !cJSON_IsObject(a))
		return true;
	if (cJSON_GetArraySize(a) != cJSON_GetArraySize(b))
		return false;
	other = b->child;
	cJSON_ArrayForEach(at, a)
	{
		if (!tree_same(at, cJSON_IsArray(a) ? other : cJSON_GetObjectItem(b, at->string)))
			return false;
		other = other->next;
	}
	return true;
}

static cJSON *tree_of(const char *data, size_t bytes, const struct tree_field *fields);

/* cJSON's texts end at a NUL, in JSON as well: it is kept as an escape. */
static cJSON *tree_text(const struct ta_pb_field *field)
{
	struct ta_buf buf = { 0 };
	cJSON *text;

	if (!ta_utf8_valid(field->data, field->bytes))
		return NULL;
	ta_buf_put_json(&buf, field->data, field->bytes);
	ta_buf_putc(&buf, '\0');
	text = cJSON_Parse(buf.data);
	ta_buf_fini(&buf);
	return text;
}

static cJSON *tree_hex(const struct ta_pb_field *field)
{
	char text[65] = "";

	for (size_t i = 0; i < field->bytes && i < 32; i++)
		sprintf(text + 2 * i, "%02x", (unsigned char)field->data[i]);
	return cJSON_CreateString(text);
}

static cJSON *tree_base64(const struct ta_pb_field *field)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = calloc(1, field->bytes * 2 + 8), *at = text;
	cJSON *item;

	for (size_t bit = 0; bit < field->bytes * 8; bit += 6) {
		unsigned int value = 0;

		for (size_t i = bit; i < bit + 6; i++)
			value = value << 1 | (i < field->bytes * 8 &&
					      ((unsigned char)field->data[i / 8] >> (7 - i % 8) & 1));
		*at++ = digits[value];
	}
	while ((at - text) % 4)
		*at++ = '=';
	item = cJSON_CreateString(text);
	free(text);
	return item;
}

static cJSON *tree_double(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	if (value != value)
		return cJSON_CreateString("NaN");
	if (value > 1.7976931348623157e308 || value < -1.7976931348623157e308)
		return cJSON_CreateString(value < 0 ? "-Infinity" : "Infinity");
	return cJSON_CreateNumber(value);
}

static cJSON *tree_value(const struct ta_pb_field *field, const struct tree_field *as)
{
	static const uint8_t wires[] = { 2, 2, 2, 0, 0, 0, 5, 1, 1, 2, 2 };
	char text[32];

	if (field->wire != wires[as->type])
		return NULL;
	if (!as->always && as->type != TREE_MESSAGE && as->type != TREE_LIST &&
	    !(field->wire == 2 ? field->bytes : field->value))
		return NULL;
	switch (as->type) {
	case TREE_TEXT:
		return tree_text(field);
	case TREE_HEX:
		return tree_hex(field);
	case TREE_BASE64:
		return tree_base64(field);
	case TREE_BOOL:
		return field->value > 1 ? NULL : cJSON_CreateBool((int)field->value);
	case TREE_NUMBER:
	case TREE_FIXED32:
		return cJSON_CreateNumber((double)field->value);
	case TREE_INT64:
		snprintf(text, sizeof(text), "%" PRId64, (int64_t)field->value);
		return cJSON_CreateString(text);
	case TREE_FIXED64:
		snprintf(text, sizeof(text), "%" PRIu64, field->value);
		return cJSON_CreateString(text);
	case TREE_DOUBLE:
		return tree_double(field->value);
	default:
		return tree_of(field->data, field->bytes, as->inside);
	}
}

static bool tree_add(cJSON *tree, const struct ta_pb_field *field, const struct tree_field *as)
{
	cJSON *item = tree_value(field, as), *list = cJSON_GetObjectItem(tree, as->name);

	if (!item)
		return false;
	if (as->type != TREE_LIST)
		return !list && cJSON_AddItemToObject(tree, as->name, item);
	if (!list)
		list = cJSON_AddArrayToObject(tree, as->name);
	return cJSON_AddItemToArray(list, item);
}

static cJSON *tree_of(const char *data, size_t bytes, const struct tree_field *fields)
{
	struct ta_pb_reader reader = { (const unsigned char *)data,
				       (const unsigned char *)data + bytes };
	const struct tree_field *as = fields;
	cJSON *tree = cJSON_CreateObject();
	struct ta_pb_field field;
	bool good = true;

	while (good && ta_pb_next(&reader, &field)) {
		while (as->name && as->number < field.number)
			as++;
		good = as->name && as->number == field.number && tree_add(tree, &field, as);
	}
	for (as = fields; good && as->name; as++)
		if (as->lacks && !cJSON_GetObjectItem(tree, as->name))
			cJSON_AddItemToObject(tree, as->name, cJSON_Parse(as->lacks));
	if (good && reader.at == reader.end)
		return tree;
	cJSON_Delete(tree);
	return NULL;
}

#endif
