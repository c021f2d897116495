/* SPDX-License-Identifier: MIT */
/*
 * metrics.h - what a collector reads out of messages of metrics, and spans to count.
 *
 * Messages are decoded, protobuf and JSON alike, into one list of data points, by nothing
 * that made them.
 */
#ifndef TA_TESTS_UNIT_METRICS_H
#define TA_TESTS_UNIT_METRICS_H

#include <cjson/cJSON.h>
#include <math.h>

#include "runtime/export/metrics.h"
#include "runtime/export/pb.h"
#include "tests/unit/spans.h"

#define METRICS_UNUSED __attribute__((unused))

struct point {
	char resource[2048], metric[96], unit[32], attrs[4096]; /* attrs: k=v,k=v */
	int temporality;
	bool monotonic, histogram, real;
	unsigned long long start, time, count, value;
	double sum, min, max, number;
	uint32_t bucket_count, bound_count;
	unsigned long long counts[32];
	double bounds[32];
	char exemplars[4096]; /* trace/span/time/value; */
};

static struct {
	struct point *items;
	uint32_t count, capacity;
} points;

static void points_clear(void)
{
	points.count = 0;
}

static struct point *points_add(void)
{
	if (points.count == points.capacity) {
		points.capacity = points.capacity ? points.capacity * 2 : 256;
		points.items = realloc(points.items, points.capacity * sizeof(points.items[0]));
	}
	memset(&points.items[points.count], 0, sizeof(points.items[0]));
	return &points.items[points.count++];
}

/* "k=v," behind what is there. */
static void append(char *out, size_t room, const char *text, size_t bytes)
{
	size_t used = strlen(out);

	if (bytes > room - used - 1)
		bytes = room - used - 1;
	memcpy(out + used, text, bytes);
	out[used + bytes] = '\0';
}

static void append_pair(char *out, size_t room, const char *key, size_t key_bytes,
			const char *value, size_t value_bytes)
{
	append(out, room, key, key_bytes);
	append(out, room, "=", 1);
	append(out, room, value, value_bytes);
	append(out, room, ",", 1);
}

/* ---- JSON ---- */

static const char *json_text_of(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(item) ? item->valuestring : "";
}

static double json_number_of(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	check(cJSON_IsNumber(item), "%s is no number", name);
	return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static unsigned long long json_big_of(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	check(cJSON_IsString(item), "64-bit numbers are texts: %s", name);
	return cJSON_IsString(item) ? strtoull(item->valuestring, NULL, 10) : 0;
}

static void json_attrs(const cJSON *object, char *out, size_t room)
{
	const cJSON *attr;

	cJSON_ArrayForEach(attr, cJSON_GetObjectItemCaseSensitive(object, "attributes")) {
		const char *key = json_text_of(attr, "key");
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(attr, "value")->child;
		const char *text = cJSON_IsBool(value) ? (cJSON_IsTrue(value) ? "true" : "false") :
							 value->valuestring;

		append_pair(out, room, key, strlen(key), text, strlen(text));
	}
}

static void json_exemplars(const cJSON *object, struct point *point)
{
	const cJSON *exemplar;

	cJSON_ArrayForEach(exemplar, cJSON_GetObjectItemCaseSensitive(object, "exemplars")) {
		char text[256];

		snprintf(text, sizeof(text), "%s/%s/%llu/%.17g;", json_text_of(exemplar, "traceId"),
			 json_text_of(exemplar, "spanId"), json_big_of(exemplar, "timeUnixNano"),
			 json_number_of(exemplar, "asDouble"));
		append(point->exemplars, sizeof(point->exemplars), text, strlen(text));
	}
}

static void json_histogram(const cJSON *object, struct point *point)
{
	const cJSON *item;

	point->count = json_big_of(object, "count");
	point->sum = json_number_of(object, "sum");
	point->min = json_number_of(object, "min");
	point->max = json_number_of(object, "max");
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(object, "bucketCounts"))
		point->counts[point->bucket_count++] = strtoull(item->valuestring, NULL, 10);
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(object, "explicitBounds"))
		point->bounds[point->bound_count++] = item->valuedouble;
	json_exemplars(object, point);
}

static void json_point(const cJSON *metric, const cJSON *data, const cJSON *object,
		       const char *resource, bool histogram)
{
	struct point *point = points_add();

	snprintf(point->resource, sizeof(point->resource), "%s", resource);
	snprintf(point->metric, sizeof(point->metric), "%s", json_text_of(metric, "name"));
	snprintf(point->unit, sizeof(point->unit), "%s", json_text_of(metric, "unit"));
	point->temporality = (int)json_number_of(data, "aggregationTemporality");
	point->monotonic = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(data, "isMonotonic"));
	point->histogram = histogram;
	point->start = json_big_of(object, "startTimeUnixNano");
	point->time = json_big_of(object, "timeUnixNano");
	json_attrs(object, point->attrs, sizeof(point->attrs));
	if (histogram) {
		json_histogram(object, point);
	} else if (cJSON_GetObjectItemCaseSensitive(object, "asDouble")) {
		point->real = true;
		point->number = json_number_of(object, "asDouble");
	} else {
		point->value = json_big_of(object, "asInt");
	}
}

static void json_metric(const cJSON *metric, const char *resource)
{
	const cJSON *histogram = cJSON_GetObjectItemCaseSensitive(metric, "histogram");
	const cJSON *data = histogram ? histogram : cJSON_GetObjectItemCaseSensitive(metric, "sum");
	const cJSON *object;

	check(data != NULL, "neither histogram nor sum");
	cJSON_ArrayForEach(object, cJSON_GetObjectItemCaseSensitive(data, "dataPoints"))
		json_point(metric, data, object, resource, histogram != NULL);
}

METRICS_UNUSED static void decode_json(const char *text, size_t bytes)
{
	cJSON *tree = cJSON_ParseWithLength(text, bytes);
	const cJSON *resource, *scope, *metric;

	if (!check(tree != NULL, "no JSON: %.200s", text))
		return;
	check(ta_utf8_valid(text, bytes), "no UTF-8");
	cJSON_ArrayForEach(resource, cJSON_GetObjectItemCaseSensitive(tree, "resourceMetrics")) {
		char attrs[2048] = "";

		json_attrs(cJSON_GetObjectItemCaseSensitive(resource, "resource"), attrs, sizeof(attrs));
		check_text(json_text_of(resource, "schemaUrl"), "https://opentelemetry.io/schemas/1.44.0");
		cJSON_ArrayForEach(scope, cJSON_GetObjectItemCaseSensitive(resource, "scopeMetrics"))
			cJSON_ArrayForEach(metric, cJSON_GetObjectItemCaseSensitive(scope, "metrics"))
				json_metric(metric, attrs);
	}
	cJSON_Delete(tree);
}

/* ---- protobuf: metrics.proto's fields, by number ---- */

static struct ta_pb_reader pb_reader(const char *data, size_t bytes)
{
	return (struct ta_pb_reader){ (const unsigned char *)data, (const unsigned char *)data + bytes };
}

static double as_double(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* KeyValue { key = 1, value = 2 { string = 1, bool = 2, int = 3 } } */
static void pb_attr(const struct ta_pb_field *field, char *out, size_t room)
{
	struct ta_pb_reader reader = pb_reader(field->data, field->bytes), inner;
	struct ta_pb_field key = { 0 }, value = { 0 }, any;
	char digits[32] = "";

	while (ta_pb_next(&reader, &any))
		if (any.number == 1)
			key = any;
		else
			value = any;
	inner = pb_reader(value.data, value.bytes);
	if (!check(ta_pb_next(&inner, &any), "an empty value"))
		return;
	if (any.number == 2)
		snprintf(digits, sizeof(digits), "%s", any.value ? "true" : "false");
	else if (any.number == 3)
		snprintf(digits, sizeof(digits), "%lld", (long long)any.value);
	append_pair(out, room, key.data, key.bytes, any.number == 1 ? any.data : digits,
		    any.number == 1 ? any.bytes : strlen(digits));
}

static void pb_exemplar(const struct ta_pb_field *field, struct point *point)
{
	struct ta_pb_reader reader = pb_reader(field->data, field->bytes);
	char trace[33] = "", span[17] = "", text[256];
	unsigned long long time = 0;
	struct ta_pb_field any;
	double value = NAN;

	while (ta_pb_next(&reader, &any)) {
		if (any.number == 2 && any.wire == 1)
			time = any.value;
		if (any.number == 3 && any.wire == 1)
			value = as_double(any.value);
		if (any.number == 4)
			for (size_t i = 0; i < any.bytes && i < 8; i++)
				snprintf(span + 2 * i, 3, "%02x", (unsigned char)any.data[i]);
		if (any.number == 5)
			for (size_t i = 0; i < any.bytes && i < 16; i++)
				snprintf(trace + 2 * i, 3, "%02x", (unsigned char)any.data[i]);
	}
	snprintf(text, sizeof(text), "%s/%s/%llu/%.17g;", trace, span, time, value);
	append(point->exemplars, sizeof(point->exemplars), text, strlen(text));
}

static void pb_histogram_field(const struct ta_pb_field *field, struct point *point)
{
	uint64_t word;

	if (field->number == 4)
		point->count = field->value;
	if (field->number == 5)
		point->sum = as_double(field->value);
	if (field->number == 11)
		point->min = as_double(field->value);
	if (field->number == 12)
		point->max = as_double(field->value);
	if (field->number == 8)
		pb_exemplar(field, point);
	if (field->number == 9)
		pb_attr(field, point->attrs, sizeof(point->attrs));
	for (size_t i = 0; (field->number == 6 || field->number == 7) && i + 8 <= field->bytes; i += 8) {
		memcpy(&word, field->data + i, sizeof(word));
		if (field->number == 6)
			point->counts[point->bucket_count++] = word;
		else
			point->bounds[point->bound_count++] = as_double(word);
	}
}

static void pb_number_field(const struct ta_pb_field *field, struct point *point)
{
	if (field->number == 6)
		point->value = field->value;
	if (field->number == 4) {
		point->real = true;
		point->number = as_double(field->value);
	}
	if (field->number == 7)
		pb_attr(field, point->attrs, sizeof(point->attrs));
}

static void pb_point(const struct ta_pb_field *field, struct point *point)
{
	struct ta_pb_reader reader = pb_reader(field->data, field->bytes);
	struct ta_pb_field any;

	while (ta_pb_next(&reader, &any)) {
		if (any.number == 2 && any.wire == 1)
			point->start = any.value;
		else if (any.number == 3 && any.wire == 1)
			point->time = any.value;
		else if (point->histogram)
			pb_histogram_field(&any, point);
		else
			pb_number_field(&any, point);
	}
	check(reader.at == reader.end, "bytes left in a point");
}

static void pb_data(const struct ta_pb_field *data, const struct point *like)
{
	struct ta_pb_reader reader = pb_reader(data->data, data->bytes);
	uint32_t first = points.count;
	struct ta_pb_field any;

	while (ta_pb_next(&reader, &any)) {
		if (any.number == 1) {
			struct point *point = points_add();

			*point = *like;
			pb_point(&any, point);
		}
		for (uint32_t i = first; any.number == 2 && i < points.count; i++)
			points.items[i].temporality = (int)any.value;
		for (uint32_t i = first; any.number == 3 && i < points.count; i++)
			points.items[i].monotonic = any.value != 0;
	}
}

static void pb_metric(const struct ta_pb_field *field, const char *resource)
{
	struct ta_pb_reader reader = pb_reader(field->data, field->bytes);
	static struct point like;
	struct ta_pb_field any;

	memset(&like, 0, sizeof(like));
	snprintf(like.resource, sizeof(like.resource), "%s", resource);
	while (ta_pb_next(&reader, &any)) {
		if (any.number == 1)
			append(like.metric, sizeof(like.metric), any.data, any.bytes);
		if (any.number == 3)
			append(like.unit, sizeof(like.unit), any.data, any.bytes);
		like.histogram = any.number == 9;
		if (any.number == 7 || any.number == 9)
			pb_data(&any, &like);
	}
}

static void pb_scope(const struct ta_pb_field *field, const char *resource)
{
	struct ta_pb_reader reader = pb_reader(field->data, field->bytes);
	struct ta_pb_field any;

	while (ta_pb_next(&reader, &any))
		if (any.number == 2)
			pb_metric(&any, resource);
}

METRICS_UNUSED static void decode_pb(const char *data, size_t bytes)
{
	struct ta_pb_reader reader = pb_reader(data, bytes), inner, attrs;
	struct ta_pb_field resource, part, attr;

	while (ta_pb_next(&reader, &resource)) {
		char text[2048] = "";

		inner = pb_reader(resource.data, resource.bytes);
		while (ta_pb_next(&inner, &part)) {
			attrs = pb_reader(part.data, part.bytes);
			while (part.number == 1 && ta_pb_next(&attrs, &attr))
				pb_attr(&attr, text, sizeof(text));
			if (part.number == 2)
				pb_scope(&part, text);
		}
	}
	check(reader.at == reader.end, "bytes left in a message");
}

/* ---- looking things up ---- */

/* Decodes all messages and checks what their heads say. */
METRICS_UNUSED static void decode(const struct ta_messages *messages)
{
	points_clear();
	for (uint32_t i = 0; i < messages->count; i++) {
		const struct ta_message *message = &messages->items[i];
		uint32_t before = points.count;

		if (message->head.format == TA_FORMAT_JSON)
			decode_json(message->body.data, message->body.bytes);
		else
			decode_pb(message->body.data, message->body.bytes);
		check_same(message->head.points, points.count - before);
		check_same(message->head.bytes, message->body.bytes);
		check(message->head.points > 0, "an empty message");
	}
}

/* attrs: all of them, or a part of their text. */
METRICS_UNUSED static struct point *point_of(const char *metric, const char *attrs)
{
	for (uint32_t i = 0; i < points.count; i++)
		if (strcmp(points.items[i].metric, metric) == 0 &&
		    strstr(points.items[i].attrs, attrs))
			return &points.items[i];
	return NULL;
}

METRICS_UNUSED static uint32_t points_of(const char *metric)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < points.count; i++)
		count += strcmp(points.items[i].metric, metric) == 0;
	return count;
}

/* ---- spans as the walk shows them ---- */

static struct ta_out_span shown;

METRICS_UNUSED static void show(enum ta_span_type type, struct ta_span *span, uint64_t duration_ns)
{
	static uint64_t number;

	number++;
	*span = (struct ta_span){ .trace_hi = 7, .trace_lo = number, .span_id = number << 8 | 1,
				  .type = (uint8_t)type, .end = TA_SPAN_ENDED, .start_ns = 1000,
				  .end_ns = 1000 + duration_ns };
	shown.attr_count = 0;
	shown.kind = type == TA_SPAN_HTTP_SERVER ? 2 : 1;
	shown.name[0] = '\0';
	shown.name_bytes = 0;
}

METRICS_UNUSED static void show_text(const char *name, const char *text, size_t bytes)
{
	shown.attrs[shown.attr_count++] = (struct ta_out_attr){ .name = name,
								.name_bytes = (uint32_t)strlen(name),
								.type = TA_ATTR_STRING,
								.text = text,
								.text_bytes = (uint32_t)bytes };
}

METRICS_UNUSED static void show_word(const char *name, const char *text)
{
	show_text(name, text, strlen(text));
}

METRICS_UNUSED static void show_number(const char *name, int64_t number)
{
	shown.attrs[shown.attr_count++] = (struct ta_out_attr){ .name = name,
								.name_bytes = (uint32_t)strlen(name),
								.type = TA_ATTR_INT,
								.number = number };
}

METRICS_UNUSED static void show_name(const char *name)
{
	snprintf(shown.name, sizeof(shown.name), "%s", name);
	shown.name_bytes = (uint32_t)strlen(shown.name);
}

/* A request of these; status 0: none. */
METRICS_UNUSED static void show_request(struct ta_span *span, const char *method, const char *route,
					int status, uint64_t duration_ns)
{
	show(TA_SPAN_HTTP_SERVER, span, duration_ns);
	show_word("http.request.method", method);
	show_word("url.path", "/some/path/of/it");
	if (route)
		show_word("http.route", route);
	show_word("url.scheme", "http");
	if (status)
		show_number("http.response.status_code", status);
	show_word("network.protocol.version", "1.1");
	show_word("server.address", "shop.example");
	show_number("server.port", 8080);
}

#endif
