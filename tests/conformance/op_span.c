/* SPDX-License-Identifier: MIT */
/*
 * op_span.c - spans, their data, and what is current.
 *
 * Runs: the inner process, in the thread of the task.
 */
#include "tests/conformance/inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_TYPE "Error" /* of an error that has none */

/* ---- making them ---- */

struct made_options {
	struct tagalong_span_options options;
	tagalong_span_t parent;
	char *attributes;
	char **tags; /* key, value, ..., NULL */
};

static char **tag_list(const cJSON *object)
{
	int count = cJSON_GetArraySize(object);
	char **tags = need(calloc(2 * (size_t)count + 1, sizeof(*tags)));
	const cJSON *item;
	size_t at = 0;

	cJSON_ArrayForEach(item, object) {
		tags[at] = need(strdup(item->string));
		tags[at + 1] = value_tag(item);
		if (tags[at + 1])
			at += 2;
	}
	return tags;
}

static void free_tags(char **tags)
{
	for (char **tag = tags; *tag; tag++)
		free(*tag);
	free(tags);
}

/* A parent that is null stands for "none"; one that is not there for what is active.
 * recall knows no such difference: there `root` forces a root. */
static void choose_parent(struct replay *replay, const cJSON *op, struct made_options *made)
{
	const cJSON *parent = json_item(op, "parent");

	if (cJSON_IsString(parent)) {
		made->parent = span_named(replay, op, "parent");
		made->options.parent = &made->parent;
	} else if (cJSON_IsTrue(json_item(op, "root")) ||
		   (cJSON_IsNull(parent) && replay->profile != PROFILE_RECALL)) {
		made->options.parent = TAGALONG_NO_PARENT;
	}
}

static void make_options(struct replay *replay, const cJSON *op, struct made_options *ret_made)
{
	memset(ret_made, 0, sizeof(*ret_made));
	choose_parent(replay, op, ret_made);
	ret_made->attributes = value_text(json_item(op, "attributes"));
	ret_made->tags = tag_list(json_item(op, "tags"));
	ret_made->options.op = json_text(op, "span_op", NULL);
	ret_made->options.attributes = ret_made->attributes;
	ret_made->options.tags = (const char *const *)ret_made->tags;
	ret_made->options.session_id = json_text(op, "session_id", NULL);
	ret_made->options.session_name = json_text(op, "session_name", NULL);
	ret_made->options.name_space = json_text(op, "namespace", NULL);
}

typedef tagalong_span_t start_fn(const char *name, const struct tagalong_span_options *options);

static void start_span(struct replay *replay, const cJSON *op, start_fn *start)
{
	struct made_options made;
	tagalong_span_t span;

	make_options(replay, op, &made);
	span = start(json_text(op, "name", NULL), &made.options);
	label_span(replay, op, span);
	if (made.options.session_id)
		label_add(replay, LABEL_SESSION, made.options.session_id)->span = span;
	free(made.attributes);
	free_tags(made.tags);
}

void op_span_begin(struct replay *replay, const cJSON *op)
{
	start_span(replay, op, tagalong_span_begin);
}

void op_span_push(struct replay *replay, const cJSON *op)
{
	start_span(replay, op, tagalong_span_push);
}

void op_span_start(struct replay *replay, const cJSON *op)
{
	start_span(replay, op,
		   replay->profile == PROFILE_RECALL ? tagalong_span_create : tagalong_span_start);
}

void op_span_child(struct replay *replay, const cJSON *op)
{
	label_needed(replay, LABEL_SPAN, op, "parent");
	op_span_start(replay, op);
}

/* ---- ending, entering ---- */

void op_span_end(struct replay *replay, const cJSON *op)
{
	const cJSON *error = json_item(op, "throw");

	(void)replay;
	if (error)
		tagalong_span_end_error(json_text(error, "type", ERROR_TYPE),
					json_text(error, "message", NULL));
	else
		tagalong_span_end();
}

void op_span_finish(struct replay *replay, const cJSON *op)
{
	tagalong_span_finish(span_named(replay, op, "span"));
}

void op_span_enter(struct replay *replay, const cJSON *op)
{
	tagalong_span_enter(span_named(replay, op, "span"));
	if (replay->profile == PROFILE_RECALL)
		probe_span(replay, json_text(op, "as", NULL), tagalong_current_span());
}

/* An error that leaves the block: only AppSignal records it. */
void op_span_leave(struct replay *replay, const cJSON *op)
{
	const cJSON *error = json_item(op, "throw");

	if (error && replay->profile == PROFILE_RECALL)
		tagalong_span_leave_error(json_text(error, "type", ERROR_TYPE),
					  json_text(error, "message", NULL));
	else
		tagalong_span_leave();
}

/* ---- their data ---- */

void op_span_set(struct replay *replay, const cJSON *op)
{
	tagalong_span_t span = span_named(replay, op, "span");
	const char *key = json_text(op, "key", NULL);
	struct tagalong_value value;
	char *text;

	value_of(json_item(op, "value"), &value, &text);
	if (value.type == TAGALONG_VALUE_INT)
		tagalong_span_set_int(span, key, value.as.number);
	else if (value.type == TAGALONG_VALUE_BOOL)
		tagalong_span_set_bool(span, key, (int)value.as.number);
	else if (value.type == TAGALONG_VALUE_DOUBLE)
		tagalong_span_set_double(span, key, value.as.real);
	else if (value.type == TAGALONG_VALUE_STRING)
		tagalong_span_set_str(span, key, value.as.text);
	else
		tagalong_span_set_json(span, key, value.as.text);
	free(text);
}

typedef int tag_fn(tagalong_span_t span, const char *key, const char *value);

static void set_tags(tagalong_span_t span, const cJSON *tags, tag_fn *set)
{
	const cJSON *item;
	char *text;

	cJSON_ArrayForEach(item, tags) {
		text = value_tag(item);
		set(span, item->string, text);
		free(text);
	}
}

void op_span_set_tags(struct replay *replay, const cJSON *op)
{
	set_tags(span_named(replay, op, "span"), json_item(op, "tags"), tagalong_span_set_tag);
}

void op_trace_set_tags(struct replay *replay, const cJSON *op)
{
	set_tags(span_named(replay, op, "of"), json_item(op, "tags"), tagalong_trace_set_tag);
}

/* The session of a span, or the session of that id. */
void op_session_set_tags(struct replay *replay, const cJSON *op)
{
	struct label *session = label_find(replay, LABEL_SESSION, json_text(op, "of", ""));
	tagalong_span_t span;

	if (session && !label_find(replay, LABEL_SPAN, json_text(op, "of", "")))
		span = session->span;
	else
		span = span_named(replay, op, "of");
	set_tags(span, json_item(op, "tags"), tagalong_session_set_tag);
}

void op_span_set_name(struct replay *replay, const cJSON *op)
{
	tagalong_span_set_name(span_named(replay, op, "span"), json_text(op, "name", NULL));
}

/* "ok", or else a word that says how it failed. */
void op_span_set_status(struct replay *replay, const cJSON *op)
{
	tagalong_span_t span = span_named(replay, op, "span");
	const char *word = json_text(op, "status", "ok");

	if (strcmp(word, "ok") == 0)
		tagalong_span_set_status(span, TAGALONG_STATUS_OK, NULL);
	else
		tagalong_span_set_status(span, TAGALONG_STATUS_ERROR,
					 strcmp(word, "error") == 0 ? NULL : word);
}

void op_span_set_error(struct replay *replay, const cJSON *op)
{
	tagalong_span_set_error(span_named(replay, op, "span"), json_text(op, "type", ERROR_TYPE),
				json_text(op, "message", NULL));
}

void op_set_error(struct replay *replay, const cJSON *op)
{
	(void)replay;
	tagalong_set_error(json_text(op, "type", ERROR_TYPE), json_text(op, "message", NULL));
}

/* With a label the scenario wants to know the span again, which tagalong_send_error()
 * keeps to itself: then its three steps are taken one by one. */
void op_send_error(struct replay *replay, const cJSON *op)
{
	struct tagalong_span_options options = { .parent = TAGALONG_NO_PARENT };
	const char *type = json_text(op, "type", ERROR_TYPE);
	const char *name = json_text(op, "as", NULL);
	tagalong_span_t span;

	if (!name) {
		tagalong_send_error(type, json_text(op, "message", NULL));
		return;
	}
	span = tagalong_span_start(name, &options);
	label_span(replay, op, span);
	tagalong_span_set_error(span, type, json_text(op, "message", NULL));
	tagalong_span_finish(span);
}

/* ---- functions that run later ---- */

void op_bind(struct replay *replay, const cJSON *op)
{
	label_add(replay, LABEL_BOUND, json_text(op, "as", ""))->span = tagalong_current_span();
}

struct call {
	struct replay *replay;
	const char *label;
};

static void probe_from_within(void *argument)
{
	const struct call *call = argument;

	probe_span(call->replay, call->label, tagalong_current_span());
}

void op_call(struct replay *replay, const cJSON *op)
{
	struct label *bound = label_needed(replay, LABEL_BOUND, op, "fn");
	struct call call = { replay, json_text(op, "as", bound->name) };

	tagalong_call_in(bound->span, probe_from_within, &call);
}

/* ---- probes ---- */

void op_current_span(struct replay *replay, const cJSON *op)
{
	probe_span(replay, json_text(op, "as", NULL), tagalong_current_span());
}

void op_root_span(struct replay *replay, const cJSON *op)
{
	probe_span(replay, json_text(op, "as", NULL), tagalong_root_span());
}

void op_current_trace(struct replay *replay, const cJSON *op)
{
	tagalong_span_t span = tagalong_current_span();
	char text[33];

	snprintf(text, sizeof(text), "%016" PRIx64 "%016" PRIx64, span.trace_hi, span.trace_lo);
	probe_text(replay, op, "trace", span.id ? text : NULL);
}

void op_current_session(struct replay *replay, const cJSON *op)
{
	tagalong_span_t span = tagalong_current_span();
	char id[256], name[256];

	tagalong_span_session(span, id, sizeof(id), name, sizeof(name));
	probe_text(replay, op, "session", span.id && *id ? id : NULL);
}
