/* SPDX-License-Identifier: MIT */
/*
 * result.c - the result of a scenario.
 *
 * Runs: the outer process.
 */
#include "tests/conformance/result.h"

#include <string.h>

const char *export_label(const struct export *export, const char *span_id)
{
	const cJSON *span;

	cJSON_ArrayForEach(span, json_item(export->facts, "spans"))
		if (strcmp(json_text(span, "id", ""), span_id) == 0)
			return json_text(span, "label", "");
	return span_id;
}

void export_add_label(const struct export *export, cJSON *to, const char *as, const char *span_id)
{
	if (span_id && *span_id)
		cJSON_AddStringToObject(to, as, export_label(export, span_id));
	else
		cJSON_AddNullToObject(to, as);
}

bool export_unfinished(const cJSON *span)
{
	cJSON *sorted = sorted_new(span);
	bool unfinished = json_item(sorted, "unfinished") != NULL;

	cJSON_Delete(sorted);
	return unfinished;
}

cJSON *result_make(const struct place *place, const cJSON *scenario)
{
	struct export export = { .scenario = scenario, .facts = json_read(place->facts) };
	cJSON *result = need(cJSON_CreateObject());
	enum profile profile = PROFILE_SCOPES;

	if (!export.facts)
		fail(STATUS_UNABLE, "the program left no facts behind");
	export.span_lines = otlp_lines(place->file);
	export.log_lines = otlp_lines(place->logs);
	export.spans = otlp_spans(export.span_lines);
	export.logs = otlp_logs(export.log_lines);
	json_profile(scenario, &profile);
	if (profile == PROFILE_SCOPES || profile == PROFILE_HUBS)
		result_events(&export, profile, result);
	if (profile == PROFILE_SCOPES)
		cJSON_AddItemToObject(result, "transactions", result_transactions(&export));
	if (profile == PROFILE_TRACES)
		cJSON_AddItemToObject(result, "flushes", result_flushes(&export, place->log));
	if (profile == PROFILE_RECALL)
		result_recalled(&export, result);
	cJSON_AddItemToObject(result, "probes",
			      cJSON_DetachItemFromObject(export.facts, "probes"));
	return result;
}
