/* SPDX-License-Identifier: MIT */
/*
 * op_capture.c - messages, errors, events and logs.
 *
 * Runs: the inner process, in the thread of the task.
 */
#include "tests/conformance/inside.h"

#include <stdlib.h>

/* The scope that stands in for the nearest one when data comes with the call; 0: none. */
static tagalong_scope_t scope_with(const struct replay *replay, const cJSON *op)
{
	const cJSON *with = json_item(op, "with");
	tagalong_scope_t scope;

	if (!with)
		return 0;
	scope = tagalong_scope_fork(scope_near(replay));
	scope_update(scope, with);
	return scope;
}

void op_capture_message(struct replay *replay, const cJSON *op)
{
	enum tagalong_level level = level_named(json_text(op, "level", "info"));
	const char *message = json_text(op, "message", NULL);
	tagalong_scope_t scope = scope_with(replay, op);

	if (replay->profile == PROFILE_HUBS)
		tagalong_hub_capture_message(level, message, scope);
	else if (scope)
		tagalong_capture_message_with(level, message, scope);
	else
		tagalong_capture_message(level, message);
	tagalong_scope_free(scope);
}

void op_capture_exception(struct replay *replay, const cJSON *op)
{
	const char *type = json_text(op, "type", "Error");
	const char *message = json_text(op, "message", NULL);
	tagalong_scope_t scope = scope_with(replay, op);

	if (replay->profile == PROFILE_HUBS)
		tagalong_hub_capture_error(type, message, scope);
	else if (scope)
		tagalong_capture_error_with(type, message, scope);
	else
		tagalong_capture_error(type, message);
	tagalong_scope_free(scope);
}

void op_capture_event(struct replay *replay, const cJSON *op)
{
	char *event = value_text(json_item(op, "event"));
	tagalong_scope_t scope = scope_with(replay, op);

	if (replay->profile == PROFILE_HUBS)
		tagalong_hub_capture_event(event, scope);
	else if (scope)
		tagalong_capture_event_with(event, scope);
	else
		tagalong_capture_event(event);
	tagalong_scope_free(scope);
	free(event);
}

void op_capture_log(struct replay *replay, const cJSON *op)
{
	char *attributes = value_text(json_item(op, "attributes"));

	(void)replay;
	tagalong_capture_log(level_named(json_text(op, "level", "info")),
			     json_text(op, "message", NULL), attributes);
	free(attributes);
}
