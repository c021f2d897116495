/* SPDX-License-Identifier: MIT */
/*
 * label.c - names that a scenario gives, and the answers to its probes.
 *
 * Runs: the inner process, in the thread of the operation.
 */
#include "tests/conformance/inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct label *label_add(struct replay *replay, enum label_kind kind, const char *name)
{
	struct label *label = need(calloc(1, sizeof(*label)));

	label->kind = kind;
	label->name = need(strdup(name));
	label->next = replay->labels;
	replay->labels = label;
	return label;
}

struct label *label_find(struct replay *replay, enum label_kind kind, const char *name)
{
	for (struct label *label = replay->labels; label; label = label->next)
		if (label->kind == kind && strcmp(label->name, name) == 0)
			return label;
	return NULL;
}

struct label *label_needed(struct replay *replay, enum label_kind kind, const cJSON *op,
			   const char *member)
{
	const char *name = json_text(op, member, "");
	struct label *label = label_find(replay, kind, name);

	if (!label)
		fail(STATUS_SCENARIO, "%s: nothing is called \"%s\" (%s)", json_text(op, "op", ""),
		     name, member);
	return label;
}

void label_span(struct replay *replay, const cJSON *op, tagalong_span_t span)
{
	const char *name = json_text(op, "as", json_text(op, "name", ""));
	cJSON *fact = cJSON_CreateObject();
	char id[17];

	label_add(replay, LABEL_SPAN, name)->span = span;
	snprintf(id, sizeof(id), "%016" PRIx64, span.id);
	cJSON_AddStringToObject(fact, "id", id);
	cJSON_AddStringToObject(fact, "label", name);
	cJSON_AddItemToArray(replay->spans, fact);
}

tagalong_span_t span_named(struct replay *replay, const cJSON *op, const char *member)
{
	const char *name = json_text(op, member, NULL);
	tagalong_span_t none = { 0, 0, 0, 0 };

	if (!name)
		return none;
	if (strcmp(name, "@current") == 0)
		return tagalong_current_span();
	return label_needed(replay, LABEL_SPAN, op, member)->span;
}

cJSON *probe_new(struct replay *replay, const char *label)
{
	cJSON *probe = cJSON_CreateObject();

	cJSON_AddStringToObject(probe, "probe", label);
	cJSON_AddItemToArray(replay->probes, probe);
	return probe;
}

void probe_bool(struct replay *replay, const cJSON *op, const char *what, bool truth)
{
	const char *label = json_text(op, "as", NULL);

	if (label)
		cJSON_AddBoolToObject(probe_new(replay, label), what, truth);
}

void probe_text(struct replay *replay, const cJSON *op, const char *what, const char *text)
{
	const char *label = json_text(op, "as", NULL);
	cJSON *probe;

	if (!label)
		return;
	probe = probe_new(replay, label);
	if (text)
		cJSON_AddStringToObject(probe, what, text);
	else
		cJSON_AddNullToObject(probe, what);
}

static const char *label_of(struct replay *replay, tagalong_span_t span)
{
	for (struct label *label = replay->labels; label; label = label->next)
		if (label->kind == LABEL_SPAN && label->span.id == span.id)
			return label->name;
	return "?"; /* a span that the scenario did not make: wrong, and to be seen */
}

void probe_span(struct replay *replay, const char *label, tagalong_span_t span)
{
	cJSON *probe;

	if (!label)
		return;
	probe = probe_new(replay, label);
	if (span.id)
		cJSON_AddStringToObject(probe, "span", label_of(replay, span));
	else
		cJSON_AddNullToObject(probe, "span");
}
