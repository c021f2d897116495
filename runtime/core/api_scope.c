/* SPDX-License-Identifier: MIT */
/*
 * api_scope.c - the public API's scopes: roles, handles, data.
 *
 * Runs: any host thread; setters also in signal handlers, also in one that
 * interrupted a setter.
 */
#include "runtime/core/api_internal.h"
#include "runtime/core/clock.h"
#include "runtime/core/hub.h"
#include "runtime/core/now.h"
#include "runtime/core/publish.h"

int ta_api_json(const char *text, enum ta_json_kind kind, struct ta_text *ret_text)
{
	size_t bytes = text ? strnlen(text, TA_JSON_MAX + 1) : 0;

	*ret_text = (struct ta_text){ .text = text, .bytes = (uint32_t)bytes };
	if (text == NULL)
		return 0;
	if (bytes > TA_JSON_MAX) {
		ta_lost(TA_LOSS_TOO_LONG);
		return -E2BIG;
	}
	if (!ta_json_valid(text, bytes))
		return -EINVAL;
	return kind == TA_JSON_NONE || ta_json_kind(text, bytes) == kind ? 0 : -EINVAL;
}

uint64_t ta_api_cell(struct ta_thread *thread, tagalong_scope_t scope)
{
	uint32_t at = thread->stack->depth;

	switch (scope) {
	case TAGALONG_SCOPE_GLOBAL:
		return TA_GLOBAL_CELL;
	case TAGALONG_SCOPE_ISOLATION:
		return ta_slot_cell(ta_isolation_slot(thread, at));
	case TAGALONG_SCOPE_CURRENT:
		return ta_slot_cell(ta_current_slot(thread, at));
	case TAGALONG_SCOPE_HUB:
		return ta_hub_top(thread);
	default:
		return scope;
	}
}

tagalong_scope_t ta_api_scope_get(tagalong_scope_t role)
{
	TA_API_ENTER(thread);

	if (thread == NULL)
		return 0;
	ta_context_settle(thread);
	return ta_api_cell(thread, role);
}

static int change_scope(tagalong_scope_t scope, const struct ta_change *change)
{
	struct ta_thread *thread = ta_thread_reentrant();
	uint64_t cell = thread ? ta_api_cell(thread, scope) : 0;

	if (thread == NULL)
		return ta_api_nowhere();
	return cell ? ta_scope_change(thread, cell, change) : 0;
}

/* ---- data ---- */

static int take_json(struct ta_change *change, const char *value, enum ta_json_kind kind)
{
	struct ta_text text;
	int error = ta_api_json(value, kind, &text);

	change->value = text.text;
	change->value_bytes = text.bytes;
	return error;
}

static void take_text(struct ta_change *change, const char *value, uint32_t max)
{
	change->value = value;
	change->value_bytes = ta_text_bytes(value, max);
}

static int take_value(struct ta_change *change, enum tagalong_scope_field field, const char *value)
{
	switch (field) {
	case TAGALONG_FIELD_TAG:
		take_text(change, value, TA_VALUE_MAX);
		return 0;
	case TAGALONG_FIELD_TRANSACTION:
		take_text(change, value, TA_NAME_MAX);
		return 0;
	case TAGALONG_FIELD_EXTRA:
		return take_json(change, value, TA_JSON_NONE);
	case TAGALONG_FIELD_CONTEXT:
	case TAGALONG_FIELD_USER:
		return take_json(change, value, TA_JSON_OBJECT);
	case TAGALONG_FIELD_FINGERPRINT:
		return take_json(change, value, TA_JSON_ARRAY);
	default:
		return -EINVAL;
	}
}

_Static_assert((int)TAGALONG_FIELD_TAG == (int)TA_SCOPE_TAG &&
		       (int)TAGALONG_FIELD_ATTRIBUTE == (int)TA_SCOPE_ATTRIBUTE,
	       "the public fields are the wire's changes");

int ta_api_scope_set(tagalong_scope_t scope, enum tagalong_scope_field field, const char *key,
		     const char *value)
{
	struct ta_change change = { .what = (enum ta_scope_change)field, .remove = value == NULL };
	bool keyed = field <= TAGALONG_FIELD_CONTEXT;

	if (keyed && (key == NULL || *key == '\0'))
		return -EINVAL;
	if (keyed) {
		change.key = key;
		change.key_bytes = ta_text_bytes(key, TA_KEY_MAX);
	}
	int error = take_value(&change, field, value);

	return error ? error : change_scope(scope, &change);
}

int ta_api_scope_set_attribute(tagalong_scope_t scope, const char *key,
			       const struct tagalong_value *value)
{
	struct ta_change change = { .what = TA_SCOPE_ATTRIBUTE,
				    .value_type = (enum ta_attr_type)value->type,
				    .key = key,
				    .value = &value->as,
				    .value_bytes = sizeof(int64_t) };
	char truth = value->as.number != 0;
	int error = 0;

	if (key == NULL || *key == '\0')
		return -EINVAL;
	change.key_bytes = ta_text_bytes(key, TA_KEY_MAX);
	if (value->type == TAGALONG_VALUE_BOOL) {
		change.value = &truth;
		change.value_bytes = 1;
	} else if (value->type == TAGALONG_VALUE_STRING) {
		take_text(&change, value->as.text, TA_VALUE_MAX);
	} else if (value->type == TAGALONG_VALUE_JSON) {
		error = take_json(&change, value->as.text, TA_JSON_NONE);
	}
	change.remove = change.value == NULL;
	return error ? error : change_scope(scope, &change);
}

int ta_api_scope_set_level(tagalong_scope_t scope, enum tagalong_level level)
{
	struct ta_change change = { .what = TA_SCOPE_LEVEL,
				    .level = (enum ta_level)level,
				    .remove = level == TAGALONG_LEVEL_NONE };

	if ((unsigned int)level > TAGALONG_LEVEL_FATAL)
		return -EINVAL;
	return change_scope(scope, &change);
}

int ta_api_scope_clear(tagalong_scope_t scope, int breadcrumbs_only)
{
	struct ta_change change = { .what = breadcrumbs_only ? TA_SCOPE_CLEAR_BREADCRUMBS :
							       TA_SCOPE_CLEAR };

	return change_scope(scope, &change);
}

/* ---- breadcrumbs ---- */

/* A breadcrumb as a row of attributes, as a record's. */
#define CRUMB_FIELDS 6

struct field {
	enum ta_attr_key key;
	enum ta_attr_type type;
	const void *value;
	uint32_t bytes; /* 0: left out */
};

static void put_row(const void *fields, char *out)
{
	const struct field *field = fields;

	for (int i = 0; i < CRUMB_FIELDS; i++, field++) {
		struct ta_attr attr = { .key = (uint8_t)field->key,
					.type = (uint8_t)field->type,
					.bytes = (uint16_t)field->bytes };

		if (field->bytes == 0)
			continue;
		memset(out + TA_ATTR_ROOM(field->bytes) - 4, 0, 4);
		memcpy(out, &attr, sizeof(attr));
		memcpy(out + sizeof(attr), field->value, field->bytes);
		out += TA_ATTR_ROOM(field->bytes);
	}
}

static uint32_t row_bytes(const struct field *field)
{
	uint32_t bytes = 0;

	for (int i = 0; i < CRUMB_FIELDS; i++, field++)
		bytes += field->bytes ? TA_ATTR_ROOM(field->bytes) : 0;
	return bytes;
}

static bool is_crumb(const struct tagalong_breadcrumb *crumb)
{
	return crumb && (crumb->message || crumb->category || crumb->type || crumb->data) &&
	       (unsigned int)crumb->level <= TAGALONG_LEVEL_FATAL;
}

int ta_api_scope_add_breadcrumb(tagalong_scope_t scope, const struct tagalong_breadcrumb *crumb)
{
	struct ta_text data;

	if (!is_crumb(crumb))
		return -EINVAL;
	if (!ta_runtime.enabled)
		return 0;
	int error = ta_api_json(crumb->data, TA_JSON_OBJECT, &data);
	int64_t now = (int64_t)ta_now_ns(), level = crumb->level;
	struct ta_text message = ta_api_text(crumb->message, TA_CRUMB_MAX);
	struct ta_text category = ta_api_text(crumb->category, TA_CATEGORY_MAX);
	struct ta_text type = ta_api_text(crumb->type, TA_CATEGORY_MAX);
	struct field fields[CRUMB_FIELDS] = {
		{ TA_ATTR_CRUMB_TIME, TA_ATTR_INT, &now, sizeof(now) },
		{ TA_ATTR_CRUMB_MESSAGE, TA_ATTR_STRING, message.text, message.bytes },
		{ TA_ATTR_CRUMB_CATEGORY, TA_ATTR_STRING, category.text, category.bytes },
		{ TA_ATTR_CRUMB_TYPE, TA_ATTR_STRING, type.text, type.bytes },
		{ TA_ATTR_CRUMB_LEVEL, TA_ATTR_INT, &level, level ? sizeof(level) : 0 },
		{ TA_ATTR_CRUMB_DATA, TA_ATTR_JSON, data.text, data.bytes },
	};
	struct ta_change change = { .what = TA_SCOPE_BREADCRUMB,
				    .value = fields,
				    .put = put_row,
				    .value_bytes = row_bytes(fields) };

	return error ? error : change_scope(scope, &change);
}

/* ---- forks that are in no role ---- */

tagalong_scope_t ta_api_scope_fork(tagalong_scope_t scope)
{
	uint64_t version, cell;

	TA_API_ENTER(thread);

	if (thread == NULL)
		return 0;
	ta_context_settle(thread);
	cell = ta_api_cell(thread, scope);
	return cell && ta_cell_version(cell, &version) ? ta_cell_fork(version) : 0;
}

int ta_api_scope_free(tagalong_scope_t scope)
{
	if (scope >> 32 == 0 || scope == TA_GLOBAL_CELL)
		return scope ? -EINVAL : 0;
	if (ta_runtime.enabled)
		ta_cell_free_fork(scope);
	return 0;
}
