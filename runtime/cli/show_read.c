/* SPDX-License-Identifier: MIT */
/*
 * show_read.c - a line of OTLP JSON as spans or events.
 *
 * Takes what any OTLP exporter writes, not only ours: ids in either case, 64-bit
 * numbers as strings or numbers, members that are missing.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/show.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEVERITY_FATAL 21

/* digits hexadecimal digits; false for anything else. */
static bool read_hex(const char *text, unsigned int digits, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < digits; i++) {
		char c = text[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value << 4 | (uint64_t)((c | 0x20) - 'a' + 10);
		else
			return false;
	}
	*ret_value = value;
	return true;
}

static bool member_hex(const cJSON *object, const char *name, size_t digits, uint64_t *ret_hi,
		       uint64_t *ret_lo)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	if (!text || strlen(text) != digits)
		return false;
	if (digits == 32 && !read_hex(text, 16, ret_hi))
		return false;
	return read_hex(text + digits - 16, 16, ret_lo);
}

static uint64_t member_u64(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	if (cJSON_IsString(item))
		return strtoull(item->valuestring, NULL, 10);
	return cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 1.8e19 ?
		       (uint64_t)item->valuedouble :
		       0;
}

static const char *member_text(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return text ? text : "";
}

const struct cJSON *ta_show_attribute(const struct cJSON *attributes, const char *key)
{
	const cJSON *attribute;

	cJSON_ArrayForEach(attribute, attributes)
		if (strcmp(member_text(attribute, "key"), key) == 0)
			return attribute;
	return NULL;
}

const char *ta_show_attribute_text(const struct cJSON *attributes, const char *key)
{
	const cJSON *attribute = ta_show_attribute(attributes, key);
	int64_t number;

	return attribute ? ta_show_value(attribute, &number) : "";
}

/* "first: second", or what there is of it. */
static char *join(const char *first, const char *second)
{
	size_t bytes = strlen(first) + strlen(second) + 3;
	char *text = ta_show_alloc(NULL, bytes);

	snprintf(text, bytes, "%s%s%s", first, first[0] && second[0] ? ": " : "", second);
	return text;
}

/* An event of a span: what it is about, as far as it is one of ours. */
static void read_span_event(struct show_store *store, uint64_t hi, uint64_t lo, uint64_t span_id,
			    const cJSON *json)
{
	const cJSON *attributes = cJSON_GetObjectItemCaseSensitive(json, "attributes");
	struct show_event *event = ta_show_alloc(NULL, sizeof(*event));
	const char *name = member_text(json, "name");
	bool crumb = strcmp(name, "breadcrumb") == 0;
	char *first;

	*event = (struct show_event){ .span_id = span_id, .of_span = true };
	event->time_ns = member_u64(json, "timeUnixNano");
	event->word = ta_show_copy(name);
	event->id = ta_show_copy("");
	first = ta_show_copy(ta_show_attribute_text(attributes, crumb ? "tagalong.breadcrumb.category" :
								"exception.type"));
	event->text = join(first, ta_show_attribute_text(attributes, crumb ? "tagalong.breadcrumb.message" :
								     "exception.message"));
	free(first);
	ta_show_store_event(store, hi, lo, event);
}

static bool read_span(struct show_store *store, const cJSON *json,
		      const struct show_process *process)
{
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(json, "status"), *event;
	uint64_t hi, lo, id, unused;
	struct show_span *span;

	if (!member_hex(json, "traceId", 32, &hi, &lo) ||
	    !member_hex(json, "spanId", 16, &unused, &id) || !(hi | lo) || !id)
		return false;
	span = ta_show_alloc(NULL, sizeof(*span));
	*span = (struct show_span){ .id = id, .process = process };
	member_hex(json, "parentSpanId", 16, &unused, &span->parent_id);
	span->name = ta_show_copy(member_text(json, "name"));
	span->kind = (uint8_t)member_u64(json, "kind");
	span->start_ns = member_u64(json, "startTimeUnixNano");
	span->end_ns = member_u64(json, "endTimeUnixNano");
	if (span->end_ns < span->start_ns)
		span->end_ns = span->start_ns;
	span->status = (uint8_t)member_u64(status, "code");
	ta_show_notes(span, cJSON_GetObjectItemCaseSensitive(json, "attributes"),
		      member_text(status, "message"));
	ta_show_store_add(store, hi, lo, span);
	if (!store->verbose)
		return true;
	cJSON_ArrayForEach(event, cJSON_GetObjectItemCaseSensitive(json, "events"))
		read_span_event(store, hi, lo, id, event);
	return true;
}

static const struct show_process *read_process(struct show_store *store, const cJSON *resource)
{
	const cJSON *attribute;
	char *service = ta_show_copy("");
	const struct show_process *process;
	int64_t pid = 0;

	cJSON_ArrayForEach(attribute, cJSON_GetObjectItemCaseSensitive(resource, "attributes")) {
		const char *key = member_text(attribute, "key"), *value;
		int64_t number = 0;

		if (strcmp(key, "process.pid") == 0)
			ta_show_value(attribute, &pid);
		if (strcmp(key, "service.name") != 0)
			continue;
		value = ta_show_value(attribute, &number);
		if (strncmp(value, "unknown_service:", 16) == 0)
			value += 16;
		free(service);
		service = ta_show_copy(value);
	}
	process = ta_show_store_process(store, service, (uint64_t)pid);
	free(service);
	return process;
}

static bool read_resource(struct show_store *store, const cJSON *json)
{
	const struct show_process *process =
		read_process(store, cJSON_GetObjectItemCaseSensitive(json, "resource"));
	const cJSON *scope, *span;
	bool good = true;

	cJSON_ArrayForEach(scope, cJSON_GetObjectItemCaseSensitive(json, "scopeSpans"))
		cJSON_ArrayForEach(span, cJSON_GetObjectItemCaseSensitive(scope, "spans"))
			good &= read_span(store, span, process);
	return good;
}

/* The words of a severity, where a record has none. */
static const char *severity_word(uint64_t severity)
{
	static const char *const words[] = { "", "trace", "debug", "info", "warning", "error",
					     "fatal" };

	return severity <= 24 ? words[(severity + 3) / 4] : "";
}

/* What was captured; of a fault also where. */
static char *event_text(const cJSON *attributes, const char *body)
{
	const char *address = ta_show_attribute_text(attributes, "tagalong.signal.address");
	size_t bytes = strlen(body) + strlen(address) + 5;
	char *text = ta_show_alloc(NULL, bytes);

	snprintf(text, bytes, "%s%s%s", body, address[0] ? " at " : "", address);
	return text;
}

static bool read_log(struct show_store *store, const cJSON *json,
		     const struct show_process *process)
{
	const cJSON *attributes = cJSON_GetObjectItemCaseSensitive(json, "attributes");
	const cJSON *body = cJSON_GetObjectItemCaseSensitive(json, "body");
	const char *word = member_text(json, "severityText");
	uint64_t hi = 0, lo = 0, unused, severity = member_u64(json, "severityNumber");
	struct show_event *event;

	if (!cJSON_IsObject(json))
		return false;
	event = ta_show_alloc(NULL, sizeof(*event));
	*event = (struct show_event){ .process = process };
	member_hex(json, "traceId", 32, &hi, &lo);
	member_hex(json, "spanId", 16, &unused, &event->span_id);
	event->time_ns = member_u64(json, "timeUnixNano");
	event->severity = severity <= 24 ? (uint8_t)severity : 0;
	event->word = ta_show_copy(word[0] ? word : severity_word(severity));
	event->id = ta_show_copy(ta_show_attribute_text(attributes, "tagalong.event.id"));
	event->text = event_text(attributes, member_text(body, "stringValue"));
	if (store->verbose || severity >= SEVERITY_FATAL)
		event->attributes = cJSON_Duplicate(attributes, true);
	ta_show_store_event(store, hi, lo, event);
	return true;
}

static bool read_log_resource(struct show_store *store, const cJSON *json)
{
	const struct show_process *process =
		read_process(store, cJSON_GetObjectItemCaseSensitive(json, "resource"));
	const cJSON *scope, *record;
	bool good = true;

	cJSON_ArrayForEach(scope, cJSON_GetObjectItemCaseSensitive(json, "scopeLogs"))
		cJSON_ArrayForEach(record, cJSON_GetObjectItemCaseSensitive(scope, "logRecords"))
			good &= read_log(store, record, process);
	return good;
}

bool ta_show_read_line(struct show_store *store, const char *line, size_t bytes)
{
	cJSON *json;
	const cJSON *spans, *logs, *resource;
	bool good;

	while (bytes && strchr(" \t\r\n", line[bytes - 1]) && line[bytes - 1])
		bytes--;
	if (!bytes)
		return true;
	json = cJSON_ParseWithLength(line, bytes);
	spans = cJSON_GetObjectItemCaseSensitive(json, "resourceSpans");
	logs = cJSON_GetObjectItemCaseSensitive(json, "resourceLogs");
	good = cJSON_IsArray(spans) || cJSON_IsArray(logs);
	cJSON_ArrayForEach(resource, spans)
		good &= read_resource(store, resource);
	cJSON_ArrayForEach(resource, logs)
		good &= read_log_resource(store, resource);
	cJSON_Delete(json);
	return good;
}
