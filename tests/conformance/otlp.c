/* SPDX-License-Identifier: MIT */
/*
 * otlp.c - reads OTLP JSON lines: where the records are, and what values mean.
 *
 * Runs: the outer process.
 */
#include "tests/conformance/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cJSON *otlp_lines(const char *path)
{
	cJSON *lines = need(cJSON_CreateArray());
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;

	while (file && getline(&line, &room, file) > 0) {
		cJSON *json = cJSON_Parse(line);

		if (!json)
			fail(STATUS_UNABLE, "%s: a line that is no JSON: %.200s", path, line);
		cJSON_AddItemToArray(lines, json);
	}
	free(line);
	if (file)
		fclose(file);
	return lines;
}

static void refer(cJSON *to, const cJSON *records)
{
	cJSON *record;

	cJSON_ArrayForEach(record, records)
		cJSON_AddItemReferenceToArray(to, record);
}

static cJSON *records(const cJSON *lines, const char *of_resource, const char *of_scope,
		      const char *name)
{
	cJSON *all = need(cJSON_CreateArray());
	const cJSON *line, *resource, *scope;

	cJSON_ArrayForEach(line, lines)
		cJSON_ArrayForEach(resource, json_item(line, of_resource))
			cJSON_ArrayForEach(scope, json_item(resource, of_scope))
				refer(all, json_item(scope, name));
	return all;
}

cJSON *otlp_spans(const cJSON *lines)
{
	return records(lines, "resourceSpans", "scopeSpans", "spans");
}

cJSON *otlp_logs(const cJSON *lines)
{
	return records(lines, "resourceLogs", "scopeLogs", "logRecords");
}

uint64_t otlp_u64(const cJSON *object, const char *name)
{
	return strtoull(json_text(object, name, "0"), NULL, 10);
}

static cJSON *list_of(const cJSON *values)
{
	cJSON *list = cJSON_CreateArray();
	const cJSON *value;

	cJSON_ArrayForEach(value, values)
		cJSON_AddItemToArray(list, otlp_value(value));
	return list;
}

static cJSON *object_of(const cJSON *values)
{
	cJSON *object = cJSON_CreateObject();
	const cJSON *member;

	cJSON_ArrayForEach(member, values)
		cJSON_AddItemToObject(object, json_text(member, "key", ""),
				      otlp_value(json_item(member, "value")));
	return object;
}

/* Integers keep all their digits. */
cJSON *otlp_value(const cJSON *any)
{
	const cJSON *kind = any ? any->child : NULL;

	if (!kind)
		return cJSON_CreateNull();
	if (strcmp(kind->string, "intValue") == 0)
		return cJSON_CreateRaw(json_text(any, "intValue", "null"));
	if (strcmp(kind->string, "doubleValue") == 0 && cJSON_IsNumber(kind))
		return json_double(kind->valuedouble);
	if (strcmp(kind->string, "arrayValue") == 0)
		return list_of(json_item(kind, "values"));
	if (strcmp(kind->string, "kvlistValue") == 0)
		return object_of(json_item(kind, "values"));
	return cJSON_Duplicate(kind, true);
}
