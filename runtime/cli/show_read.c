/* SPDX-License-Identifier: MIT */
/*
 * show_read.c - a line of OTLP JSON as spans.
 *
 * Takes what any OTLP exporter writes, not only ours: ids in either case, 64-bit
 * numbers as strings or numbers, members that are missing.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/show.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

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

static bool read_span(struct show_store *store, const cJSON *json,
		      const struct show_process *process)
{
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(json, "status");
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

bool ta_show_read_line(struct show_store *store, const char *line, size_t bytes)
{
	cJSON *json;
	const cJSON *resources, *resource;
	bool good;

	while (bytes && strchr(" \t\r\n", line[bytes - 1]) && line[bytes - 1])
		bytes--;
	if (!bytes)
		return true;
	json = cJSON_ParseWithLength(line, bytes);
	resources = cJSON_GetObjectItemCaseSensitive(json, "resourceSpans");
	good = cJSON_IsArray(resources);
	cJSON_ArrayForEach(resource, resources)
		good &= read_resource(store, resource);
	cJSON_Delete(json);
	return good;
}
