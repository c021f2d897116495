/* SPDX-License-Identifier: MIT */
/*
 * result_event.c - captured events and logs, in the order of the agent's file.
 *
 * Runs: the outer process.
 */
#include "tests/conformance/result.h"

#include <string.h>

static const char *body(const cJSON *record)
{
	return json_text(json_item(record, "body"), "stringValue", NULL);
}

/* All of them, or the only one. */
static cJSON *exceptions(cJSON *sorted)
{
	cJSON *list = cJSON_DetachItemFromObjectCaseSensitive(sorted, "exceptions");
	cJSON *one;

	if (list)
		return list;
	list = cJSON_CreateArray();
	one = cJSON_CreateObject();
	sorted_move(sorted, "exception_type", one, "type");
	sorted_move(sorted, "exception_message", one, "value");
	if (one->child)
		cJSON_AddItemToArray(list, one);
	else
		cJSON_Delete(one);
	return list;
}

/* An error without a message has one made for it: "TYPE: VALUE". */
static bool is_made_up(const char *text, const cJSON *list)
{
	const char *type = json_text(list->child, "type", "");
	const char *value = json_text(list->child, "value", "");
	size_t bytes = strlen(type);

	if (!list->child || strncmp(text, type, bytes) != 0)
		return false;
	if (bytes && *value)
		return strncmp(text + bytes, ": ", 2) == 0 && strcmp(text + bytes + 2, value) == 0;
	return strcmp(text + bytes, value) == 0;
}

static void add_trace(const struct export *export, const cJSON *record, cJSON *sorted, cJSON *event)
{
	cJSON *trace = cJSON_AddObjectToObject(event, "trace");

	cJSON_AddStringToObject(trace, "trace", json_text(record, "traceId", ""));
	export_add_label(export, trace, "span", json_text(record, "spanId", ""));
	export_add_label(export, trace, "parent", json_text(sorted, "parent_id", ""));
}

static cJSON *event(const struct export *export, const cJSON *record, enum profile profile)
{
	cJSON *made = cJSON_CreateObject();
	cJSON *sorted = sorted_new(record);
	cJSON *list = exceptions(sorted);

	if (body(record) && !is_made_up(body(record), list))
		cJSON_AddStringToObject(made, "message", body(record));
	json_add(made, "exception", list);
	if (json_text(record, "severityText", NULL))
		cJSON_AddStringToObject(made, "level", json_text(record, "severityText", NULL));
	if (profile == PROFILE_SCOPES)
		add_trace(export, record, sorted, made);
	sorted_move(sorted, "transaction", made, "transaction");
	sorted_move_scope(sorted, made);
	cJSON_Delete(sorted);
	return made;
}

/* The names of levels of logs are OpenTelemetry's. */
static const char *log_level(const cJSON *record)
{
	const char *level = json_text(record, "severityText", "");

	return strcmp(level, "warning") == 0 ? "warn" : level;
}

static cJSON *log_entry(const cJSON *record)
{
	cJSON *made = cJSON_CreateObject();

	cJSON_AddStringToObject(made, "level", log_level(record));
	if (body(record))
		cJSON_AddStringToObject(made, "message", body(record));
	cJSON_AddStringToObject(made, "trace", json_text(record, "traceId", ""));
	json_add(made, "attributes", sorted_plain(record));
	return made;
}

/* Events have names, logs have none. */
void result_events(const struct export *export, enum profile profile, cJSON *result)
{
	cJSON *events = cJSON_AddArrayToObject(result, "events");
	cJSON *logs = cJSON_CreateArray();
	const cJSON *record;

	cJSON_ArrayForEach(record, export->logs) {
		if (json_item(record, "eventName"))
			cJSON_AddItemToArray(events, event(export, record, profile));
		else
			cJSON_AddItemToArray(logs, log_entry(record));
	}
	json_add(result, "logs", logs);
}
