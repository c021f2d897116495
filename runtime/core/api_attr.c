/* SPDX-License-Identifier: MIT */
/*
 * api_attr.c - the public API's data of spans: attributes, status, events, links, tags.
 *
 * Everything goes by the span's id, so it needs no open span.
 *
 * Runs: any host thread, also in signal handlers that interrupt these functions.
 */
#include "runtime/core/api_internal.h"
#include "runtime/core/clock.h"
#include "runtime/core/object.h"
#include "runtime/core/publish.h"

static bool begin_attrs(struct ta_emit *emit, struct ta_thread *thread, uint64_t span_id,
			uint32_t room)
{
	if (!ta_emit_begin(emit, thread, TA_RECORD_SPAN_ATTRS, sizeof(struct ta_record_span_attrs),
			   room))
		return false;
	struct ta_record_span_attrs *attrs = (void *)emit->record;

	attrs->span_id = span_id;
	attrs->time_ns = ta_now_ns();
	return true;
}

static bool begin_event(struct ta_emit *emit, struct ta_thread *thread, uint64_t span_id,
			uint32_t room)
{
	if (!ta_emit_begin(emit, thread, TA_RECORD_SPAN_EVENT, sizeof(struct ta_record_span_event),
			   room))
		return false;
	struct ta_record_span_event *event = (void *)emit->record;

	event->span_id = span_id;
	event->time_ns = ta_now_ns();
	return true;
}

/* ---- attributes ---- */

/* The bytes of a value as they travel; truth is room for a bool. */
static int bytes_of(const struct tagalong_value *value, char *truth, struct ta_text *ret_bytes)
{
	*ret_bytes = (struct ta_text){ .text = (const char *)&value->as, .bytes = sizeof(int64_t) };
	switch (value->type) {
	case TAGALONG_VALUE_BOOL:
		*truth = value->as.number != 0;
		*ret_bytes = (struct ta_text){ .text = truth, .bytes = 1 };
		return 0;
	case TAGALONG_VALUE_STRING:
		*ret_bytes = ta_api_text(value->as.text, TA_VALUE_MAX);
		return value->as.text ? 0 : -EINVAL;
	case TAGALONG_VALUE_JSON:
		return value->as.text ? ta_api_json(value->as.text, TA_JSON_NONE, ret_bytes) : -EINVAL;
	default:
		return 0;
	}
}

int ta_api_span_set(const tagalong_span_t *span, const char *key,
		    const struct tagalong_value *value)
{
	struct ta_thread *thread = ta_thread_reentrant();
	struct ta_text bytes;
	struct ta_emit emit;
	char truth;

	if (key == NULL || *key == '\0')
		return -EINVAL;
	if (span->id == 0)
		return 0;
	int error = bytes_of(value, &truth, &bytes);

	if (error || thread == NULL)
		return error ? error : ta_api_nowhere();
	uint32_t key_bytes = ta_text_bytes(key, TA_KEY_MAX);

	if (!begin_attrs(&emit, thread, span->id, TA_ATTR_ROOM(1 + key_bytes + bytes.bytes)))
		return -ENOBUFS;
	ta_emit_named(&emit, key, key_bytes, (enum ta_attr_type)value->type, bytes.text,
		      bytes.bytes);
	ta_emit_commit(&emit);
	return 0;
}

int ta_api_span_set_name(const tagalong_span_t *span, const char *name)
{
	struct ta_thread *thread = ta_thread_reentrant();
	uint32_t bytes = ta_text_bytes(name, TA_NAME_MAX);
	struct ta_emit emit;

	if (bytes == 0)
		return -EINVAL;
	if (span->id == 0)
		return 0;
	if (thread == NULL || !begin_attrs(&emit, thread, span->id, TA_ATTR_ROOM(bytes)))
		return ta_api_nowhere();
	ta_emit_string(&emit, TA_ATTR_NAME, name, bytes);
	ta_emit_commit(&emit);
	return 0;
}

int ta_api_span_set_status(const tagalong_span_t *span, enum tagalong_status status,
			   const char *message)
{
	struct ta_thread *thread = ta_thread_reentrant();
	uint32_t bytes = ta_text_bytes(message, TA_VALUE_MAX);
	struct ta_emit emit;

	if ((unsigned int)status > TAGALONG_STATUS_ERROR)
		return -EINVAL;
	if (span->id == 0)
		return 0;
	if (thread == NULL ||
	    !begin_attrs(&emit, thread, span->id, TA_ATTR_ROOM(8) + TA_ATTR_ROOM(bytes)))
		return ta_api_nowhere();
	ta_emit_int(&emit, TA_ATTR_STATUS, status);
	ta_emit_string(&emit, TA_ATTR_STATUS_MESSAGE, message, bytes);
	ta_emit_commit(&emit);
	return 0;
}

/* ---- events and links ---- */

int ta_api_span_set_error(const tagalong_span_t *span, const char *type, const char *message)
{
	static const char name[] = "exception"; /* OpenTelemetry, exceptions on spans */
	struct ta_thread *thread = ta_thread_reentrant();
	uint32_t type_bytes = ta_text_bytes(type, TA_TYPE_MAX);
	uint32_t message_bytes = ta_text_bytes(message, TA_VALUE_MAX);
	struct ta_emit emit;

	if (span->id == 0)
		return 0;
	if (thread == NULL ||
	    !begin_event(&emit, thread, span->id,
			 TA_ATTR_ROOM(sizeof(name)) + TA_ATTR_ROOM(type_bytes) +
				 TA_ATTR_ROOM(message_bytes)))
		return ta_api_nowhere();
	ta_emit_string(&emit, TA_ATTR_NAME, name, sizeof(name) - 1);
	ta_emit_string(&emit, TA_ATTR_EXCEPTION_TYPE, type, type_bytes);
	ta_emit_string(&emit, TA_ATTR_EXCEPTION_MESSAGE, message, message_bytes);
	ta_emit_commit(&emit);
	return 0;
}

int ta_api_span_add_event(const tagalong_span_t *span, const char *name, const char *attributes)
{
	struct ta_thread *thread = ta_thread_reentrant();
	uint32_t name_bytes = ta_text_bytes(name, TA_NAME_MAX);
	struct ta_text json;
	struct ta_emit emit;
	int error = ta_api_json(attributes, TA_JSON_OBJECT, &json);

	if (name_bytes == 0 || error)
		return error ? error : -EINVAL;
	if (span->id == 0)
		return 0;
	if (thread == NULL || !begin_event(&emit, thread, span->id,
					   TA_ATTR_ROOM(name_bytes) + TA_ATTR_ROOM(json.bytes)))
		return ta_api_nowhere();
	ta_emit_string(&emit, TA_ATTR_NAME, name, name_bytes);
	ta_emit_typed(&emit, TA_ATTR_EVENT_JSON, TA_ATTR_JSON, json.text, json.bytes);
	ta_emit_commit(&emit);
	return 0;
}

int ta_api_span_add_link(const tagalong_span_t *span, const tagalong_span_t *to)
{
	struct ta_thread *thread = ta_thread_reentrant();
	struct ta_emit emit;

	if (span->id == 0 || to->id == 0)
		return 0;
	if (thread == NULL || !ta_emit_begin(&emit, thread, TA_RECORD_SPAN_LINK,
					     sizeof(struct ta_record_span_link), 0))
		return ta_api_nowhere();
	struct ta_record_span_link *link = (void *)emit.record;

	link->span_id = span->id;
	link->trace_hi = to->trace_hi;
	link->trace_lo = to->trace_lo;
	link->link_span_id = to->id;
	ta_emit_commit(&emit);
	return 0;
}

/* ---- tags ---- */

static void put_tag(struct ta_emit *emit, const struct ta_change *tag)
{
	char text[TA_KEY_MAX + 1 + TA_VALUE_MAX];

	memcpy(text, tag->key, tag->key_bytes);
	text[tag->key_bytes] = '\0';
	if (tag->value_bytes)
		memcpy(text + tag->key_bytes + 1, tag->value, tag->value_bytes);
	ta_emit_string(emit, TA_ATTR_TAG, text, tag->key_bytes + 1 + tag->value_bytes);
}

static bool publish_tag(struct ta_thread *thread, const tagalong_span_t *span, int of,
			const struct ta_change *tag)
{
	uint32_t room = TA_ATTR_ROOM(tag->key_bytes + 1 + tag->value_bytes);
	struct ta_emit emit;

	if (of == 0) {
		if (!begin_attrs(&emit, thread, span->id, room))
			return false;
	} else {
		if (!ta_emit_begin(&emit, thread, TA_RECORD_TAGS, sizeof(struct ta_record_tags), room))
			return false;
		struct ta_record_tags *tags = (void *)emit.record;

		tags->time_ns = ta_now_ns();
		tags->trace_hi = span->trace_hi;
		tags->trace_lo = span->trace_lo;
		tags->of = of == 1 ? TA_TAGS_OF_TRACE : TA_TAGS_OF_SESSION;
	}
	put_tag(&emit, tag);
	ta_emit_commit(&emit);
	return true;
}

/* Children that start from now on inherit it. */
static void keep_tag(struct ta_thread *thread, uint64_t ref, const struct ta_change *tag)
{
	struct ta_object *object = ta_object_at(ref);
	uint64_t former, version;

	if (!ta_object_is_open(ref))
		return;
	former = atomic_load(&object->tags);
	do {
		version = former;
	} while (ta_version_change(thread, &version, tag) == 0 &&
		 !atomic_compare_exchange_strong(&object->tags, &former, version));
}

int ta_api_span_set_tag(const tagalong_span_t *span, int of, const char *key, const char *value)
{
	struct ta_thread *thread = ta_thread_reentrant();
	struct ta_change tag = { .what = TA_SCOPE_TAG,
				 .key = key,
				 .value = value,
				 .key_bytes = ta_text_bytes(key, TA_KEY_MAX),
				 .value_bytes = ta_text_bytes(value, TA_VALUE_MAX) };

	if (tag.key_bytes == 0 || value == NULL)
		return -EINVAL;
	if (span->id == 0)
		return 0;
	if (thread == NULL || !publish_tag(thread, span, of, &tag))
		return ta_api_nowhere();
	if (of == 0)
		keep_tag(thread, span->ref, &tag);
	return 0;
}
