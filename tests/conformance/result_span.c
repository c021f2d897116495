/* SPDX-License-Identifier: MIT */
/*
 * result_span.c - spans as transactions, as flushed batches and as recalled spans.
 *
 * Runs: the outer process.
 */
#include "tests/conformance/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OTLP_ERROR 2

static const char *parent_of(const cJSON *span)
{
	return json_text(span, "parentSpanId", "");
}

static bool failed(const cJSON *span)
{
	return (int)json_number(json_item(span, "status"), "code", 0) == OTLP_ERROR;
}

static const cJSON *last_error(const cJSON *sorted)
{
	const cJSON *errors = json_item(sorted, "errors");

	return cJSON_GetArrayItem(errors, cJSON_GetArraySize(errors) - 1);
}

/* ---- scopes: transactions ---- */

/* Sentry's word: the one that was set, or what an error makes of it.  The message of
 * a span that an error has ended is the error's. */
static const char *status_word(const cJSON *span, const cJSON *sorted)
{
	const char *message = json_text(json_item(span, "status"), "message", "");
	const char *error = json_text(last_error(sorted), "message", "");

	if (!failed(span))
		return "ok";
	return *message && strcmp(message, error) != 0 ? message : "internal_error";
}

static cJSON *span_part(const struct export *export, const cJSON *span, cJSON *sorted)
{
	cJSON *part = cJSON_CreateObject();

	cJSON_AddStringToObject(part, "name", json_text(span, "name", ""));
	export_add_label(export, part, "parent", parent_of(span));
	cJSON_AddStringToObject(part, "status", status_word(span, sorted));
	sorted_move(sorted, "op", part, "op");
	sorted_move(sorted, "data", part, "data");
	return part;
}

static bool same_trace(const cJSON *span, const cJSON *other)
{
	return strcmp(json_text(span, "traceId", ""), json_text(other, "traceId", "")) == 0;
}

static cJSON *spans_below(const struct export *export, const cJSON *root)
{
	cJSON *list = cJSON_CreateArray();
	const cJSON *span;

	cJSON_ArrayForEach(span, export->spans) {
		cJSON *sorted, *part;

		if (!*parent_of(span) || !same_trace(span, root) || export_unfinished(span))
			continue;
		sorted = sorted_new(span);
		part = span_part(export, span, sorted);
		export_add_label(export, part, "id", json_text(span, "spanId", ""));
		cJSON_AddItemToArray(list, part);
		cJSON_Delete(sorted);
	}
	return list;
}

static cJSON *transaction(const struct export *export, const cJSON *root)
{
	cJSON *sorted = sorted_new(root);
	cJSON *made = span_part(export, root, sorted);

	export_add_label(export, made, "root", json_text(root, "spanId", ""));
	cJSON_AddStringToObject(made, "trace", json_text(root, "traceId", ""));
	sorted_move_scope(sorted, made);
	json_add(made, "spans", spans_below(export, root));
	cJSON_Delete(sorted);
	return made;
}

cJSON *result_transactions(const struct export *export)
{
	cJSON *list = cJSON_CreateArray();
	const cJSON *span;

	cJSON_ArrayForEach(span, export->spans)
		if (!*parent_of(span) && !export_unfinished(span))
			cJSON_AddItemToArray(list, transaction(export, span));
	return list;
}

/* ---- traces: what was flushed when ---- */

static cJSON *flushed(const struct export *export, const cJSON *span)
{
	cJSON *sorted = sorted_new(span);
	cJSON *made = cJSON_CreateObject();
	const cJSON *error = last_error(sorted);

	export_add_label(export, made, "id", json_text(span, "spanId", ""));
	cJSON_AddStringToObject(made, "name", json_text(span, "name", ""));
	export_add_label(export, made, "parent", parent_of(span));
	cJSON_AddStringToObject(made, "trace", json_text(span, "traceId", ""));
	sorted_move(sorted, "session", made, "session");
	sorted_move(sorted, "session_name", made, "session_name");
	sorted_move(sorted, "tags", made, "tags");
	sorted_move(sorted, "data", made, "attributes");
	cJSON_AddStringToObject(made, "status", failed(span) ? "error" : "ok");
	if (error)
		cJSON_AddItemToObject(made, "error", cJSON_Duplicate(error, true));
	cJSON_Delete(sorted);
	return made;
}

/* One line of the agent's log: "... flush reason=WORD traces=N spans=N".  What the
 * agent writes out after the operations is no part of the result. */
static bool read_flush(const char *line, char *ret_reason, int *ret_spans)
{
	const char *at = strstr(line, "flush reason=");
	int traces;

	return at && sscanf(at, "flush reason=%31s traces=%d spans=%d", ret_reason, &traces,
			    ret_spans) == 3;
}

cJSON *result_flushes(const struct export *export, const char *agent_log)
{
	cJSON *list = cJSON_CreateArray();
	long limit = (long)json_number(export->facts, "log_bytes", 0);
	FILE *file = fopen(agent_log, "re");
	const cJSON *span = export->spans->child;
	char line[1024], reason[32];
	int count;

	while (file && ftell(file) < limit && fgets(line, sizeof(line), file)) {
		cJSON *flush, *spans;

		if (!read_flush(line, reason, &count) || count == 0)
			continue;
		flush = cJSON_CreateObject();
		cJSON_AddStringToObject(flush, "reason", reason);
		spans = cJSON_AddArrayToObject(flush, "spans");
		for (; count > 0 && span; count--, span = span->next)
			cJSON_AddItemToArray(spans, flushed(export, span));
		cJSON_AddItemToArray(list, flush);
	}
	if (file)
		fclose(file);
	return list;
}

/* ---- recall: closed spans in the order of closing, and those that stayed open ---- */

static int by_end(const void *left, const void *right)
{
	uint64_t a = otlp_u64(*(const cJSON *const *)left, "endTimeUnixNano");
	uint64_t b = otlp_u64(*(const cJSON *const *)right, "endTimeUnixNano");

	return a < b ? -1 : a > b;
}

static cJSON *recalled(const struct export *export, const cJSON *span)
{
	cJSON *sorted = sorted_new(span);
	cJSON *made = cJSON_CreateObject();
	bool root = !*parent_of(span);

	export_add_label(export, made, "id", json_text(span, "spanId", ""));
	cJSON_AddStringToObject(made, "name", json_text(span, "name", ""));
	cJSON_AddStringToObject(made, "kind", root ? "root" : "child");
	export_add_label(export, made, "parent", parent_of(span));
	cJSON_AddStringToObject(made, "trace", json_text(span, "traceId", ""));
	sorted_move(sorted, "namespace", made, "namespace");
	if (root && !json_item(made, "namespace"))
		cJSON_AddStringToObject(made, "namespace", "web");
	sorted_move(sorted, "data", made, "data");
	sorted_move(sorted, "errors", made, "errors");
	cJSON_Delete(sorted);
	return made;
}

static bool is_closed(const cJSON *const *closed, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(json_text(closed[i], "spanId", ""), id) == 0)
			return true;
	return false;
}

void result_recalled(const struct export *export, cJSON *result)
{
	size_t room = (size_t)cJSON_GetArraySize(export->spans), count = 0;
	const cJSON **closed = need(calloc(room + 1, sizeof(*closed)));
	cJSON *spans = cJSON_AddArrayToObject(result, "spans");
	cJSON *open = cJSON_AddArrayToObject(result, "open");
	const cJSON *span;

	cJSON_ArrayForEach(span, export->spans)
		if (!export_unfinished(span))
			closed[count++] = span;
	qsort(closed, count, sizeof(*closed), by_end);
	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToArray(spans, recalled(export, closed[i]));
	cJSON_ArrayForEach(span, json_item(export->facts, "spans"))
		if (!is_closed(closed, count, json_text(span, "id", "")))
			cJSON_AddItemToArray(open, cJSON_CreateString(json_text(span, "label", "")));
	free(closed);
}
