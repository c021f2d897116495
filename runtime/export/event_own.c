/* SPDX-License-Identifier: MIT */
/*
 * event_own.c - what the JSON of a captured event holds: Sentry's event payload.
 *
 * Read leniently: a member of another kind than expected is as good as none.  Of each
 * kind a bounded number is taken, so that looking keys up stays cheap.
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/event_own.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/export/level.h"

static enum ta_json_kind kind_of(struct ta_json_slice value)
{
	return value.text ? ta_json_kind(value.text, value.bytes) : TA_JSON_NONE;
}

/* A member of an object, the last of its name; text NULL: not there. */
static struct ta_json_slice member(struct ta_json_slice object, const char *name)
{
	struct ta_json_slice key, value, found = { NULL, 0 };
	struct ta_json_walk walk;

	if (kind_of(object) != TA_JSON_OBJECT || !ta_json_walk(&walk, object.text, object.bytes))
		return found;
	while (ta_json_next(&walk, &key, &value))
		if (ta_json_key_is(key, name))
			found = value;
	return found;
}

/* The inside of a string with its escapes resolved. */
static int unescape(struct ta_event_data *data, struct ta_json_slice inside,
		    struct ta_json_slice *ret_text)
{
	char *plain;

	*ret_text = inside;
	if (!inside.bytes || !memchr(inside.text, '\\', inside.bytes))
		return 0;
	plain = ta_event_alloc(data, inside.bytes);
	if (!plain)
		return -ENOMEM;
	ret_text->bytes = ta_json_unescape(inside.text, inside.bytes, plain, inside.bytes);
	ret_text->text = plain;
	return 0;
}

/* A value as plain text: strings unescaped, others as they are written, null is none. */
static int plain_text(struct ta_event_data *data, struct ta_json_slice value,
		      struct ta_json_slice *ret_text)
{
	*ret_text = (struct ta_json_slice){ NULL, 0 };
	if (kind_of(value) == TA_JSON_STRING)
		return unescape(data, ta_json_string(value), ret_text);
	if (kind_of(value) > TA_JSON_NULL)
		*ret_text = value;
	return 0;
}

void ta_own_read(struct ta_json_slice json, struct ta_own *ret_own)
{
	const struct {
		const char *name;
		struct ta_json_slice *value;
	} members[] = {
		{ "message", &ret_own->message },	  { "logentry", &ret_own->logentry },
		{ "exception", &ret_own->exception },	  { "tags", &ret_own->tags },
		{ "extra", &ret_own->extra },		  { "user", &ret_own->user },
		{ "contexts", &ret_own->contexts },	  { "fingerprint", &ret_own->fingerprint },
		{ "transaction", &ret_own->transaction }, { "breadcrumbs", &ret_own->breadcrumbs },
	};
	struct ta_json_slice key, value;
	struct ta_json_walk walk;

	*ret_own = (struct ta_own){ 0 };
	if (kind_of(json) != TA_JSON_OBJECT || !ta_json_walk(&walk, json.text, json.bytes))
		return;
	while (ta_json_next(&walk, &key, &value)) {
		for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
			if (ta_json_key_is(key, members[i].name))
				*members[i].value = value;
		if (ta_json_key_is(key, "level")) {
			struct ta_json_slice word = ta_json_string(value);

			ret_own->level = ta_level_of(word.text, word.bytes);
		}
	}
}

static uint32_t count_members(struct ta_json_slice container, uint32_t most)
{
	struct ta_json_slice key, value;
	struct ta_json_walk walk;
	uint32_t count = 0;

	if (!container.text || !ta_json_walk(&walk, container.text, container.bytes))
		return 0;
	while (count < most && ta_json_next(&walk, &key, &value))
		count++;
	return count;
}

struct list {
	struct ta_entry *items;
	uint32_t count, capacity;
};

static struct ta_entry *find(struct list *list, struct ta_json_slice key)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (list->items[i].key_bytes == key.bytes &&
		    memcmp(list->items[i].key, key.text, key.bytes) == 0)
			return &list->items[i];
	return NULL;
}

/* Takes an entry away and keeps the order of the others. */
static void take_away(struct list *list, struct ta_entry *entry)
{
	size_t behind = list->count - (size_t)(entry - list->items) - 1;

	memmove(entry, entry + 1, behind * sizeof(*entry));
	list->count--;
}

static int put_over(struct ta_event_data *data, struct list *list, struct ta_json_slice key,
		    struct ta_json_slice value, enum ta_own_kind kind)
{
	struct ta_entry *entry;

	if (unescape(data, key, &key) != 0)
		return -ENOMEM;
	entry = find(list, key);
	if (kind != TA_OWN_JSON && kind_of(value) == TA_JSON_NULL) {
		if (entry)
			take_away(list, entry);
		return 0;
	}
	if (!entry && list->count == list->capacity)
		return 0;
	if (kind == TA_OWN_TEXT && plain_text(data, value, &value) != 0)
		return -ENOMEM;
	if (!entry)
		entry = &list->items[list->count++];
	*entry = (struct ta_entry){ .key = key.text,
				    .key_bytes = (uint32_t)key.bytes,
				    .value = value.text,
				    .value_bytes = (uint32_t)value.bytes,
				    .type = kind == TA_OWN_TEXT ? TA_ATTR_STRING : TA_ATTR_JSON };
	return 0;
}

int ta_own_over(struct ta_event_data *data, const struct ta_entry *entries, uint32_t count,
		struct ta_json_slice object, enum ta_own_kind kind,
		const struct ta_entry **ret_entries, uint32_t *ret_count)
{
	uint32_t more = kind_of(object) == TA_JSON_OBJECT ?
				count_members(object, TA_EVENT_OWN_MAX) :
				0;
	struct list list = { .count = count, .capacity = count + more };
	struct ta_json_slice key, value;
	struct ta_json_walk walk;

	*ret_entries = entries;
	*ret_count = count;
	if (!more)
		return 0;
	list.items = ta_event_alloc(data, list.capacity * sizeof(*list.items));
	if (!list.items)
		return -ENOMEM;
	if (count)
		memcpy(list.items, entries, count * sizeof(*entries));
	ta_json_walk(&walk, object.text, object.bytes);
	while (ta_json_next(&walk, &key, &value))
		if (put_over(data, &list, key, value, kind) != 0)
			return -ENOMEM;
	*ret_entries = list.items;
	*ret_count = list.count;
	return 0;
}

/* The event's own parts of the fingerprint before those of the scopes. */
static int join_fingerprint(struct ta_event_data *data, struct ta_json_slice own)
{
	uint32_t count = kind_of(own) == TA_JSON_ARRAY ? count_members(own, TA_EVENT_OWN_MAX) : 0;
	struct ta_json_slice key, value;
	struct ta_json_walk walk;
	struct ta_entry *items;

	if (!count)
		return 0;
	items = ta_event_alloc(data, ((size_t)count + data->fingerprint_count) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	ta_json_walk(&walk, own.text, own.bytes);
	for (uint32_t i = 0; i < count && ta_json_next(&walk, &key, &value); i++)
		items[i] = (struct ta_entry){ .value = value.text,
					      .value_bytes = (uint32_t)value.bytes,
					      .type = TA_ATTR_JSON };
	if (data->fingerprint_count)
		memcpy(items + count, data->fingerprint,
		       data->fingerprint_count * sizeof(*items));
	data->fingerprint = items;
	data->fingerprint_count += count;
	return 0;
}

/* "message" or "logentry": a string, or an object that has it formatted or not. */
static int take_message(struct ta_event_data *data, const struct ta_own *own)
{
	struct ta_json_slice value = kind_of(own->message) > TA_JSON_NULL ? own->message :
									    own->logentry;
	struct ta_json_slice formatted;

	if (kind_of(value) == TA_JSON_OBJECT) {
		formatted = member(value, "formatted");
		value = kind_of(formatted) > TA_JSON_NULL ? formatted : member(value, "message");
	}
	return plain_text(data, value, &data->message);
}

static int take_exception(struct ta_event_data *data, struct ta_json_slice value,
			  struct ta_exception_view *view)
{
	int error = plain_text(data, member(value, "type"), &view->type);

	return error ? error : plain_text(data, member(value, "value"), &view->value);
}

/* "exception": one, an array of them, or an object with that as "values". */
static int take_exceptions(struct ta_event_data *data, struct ta_json_slice own)
{
	struct ta_json_slice values = member(own, "values"), key, value;
	struct ta_exception_view *views;
	struct ta_json_walk walk;
	uint32_t count;

	if (kind_of(values) == TA_JSON_ARRAY)
		own = values;
	count = kind_of(own) == TA_JSON_ARRAY ? count_members(own, TA_EVENT_OWN_MAX) :
						kind_of(own) == TA_JSON_OBJECT;
	if (!count)
		return 0;
	views = ta_event_alloc(data, count * sizeof(*views));
	if (!views)
		return -ENOMEM;
	data->exceptions = views;
	data->exception_count = count;
	if (kind_of(own) == TA_JSON_OBJECT)
		return take_exception(data, own, views);
	ta_json_walk(&walk, own.text, own.bytes);
	for (uint32_t i = 0; i < count && ta_json_next(&walk, &key, &value); i++)
		if (take_exception(data, value, &views[i]) != 0)
			return -ENOMEM;
	return 0;
}

int ta_own_merge(struct ta_event_data *data, const struct ta_own *own)
{
	int error = take_message(data, own);

	if (!error)
		error = take_exceptions(data, own->exception);
	if (!error && !data->transaction.bytes)
		error = plain_text(data, own->transaction, &data->transaction);
	if (!error)
		error = join_fingerprint(data, own->fingerprint);
	if (!error)
		error = ta_own_over(data, data->tags, data->tag_count, own->tags, TA_OWN_TEXT,
				    &data->tags, &data->tag_count);
	if (!error)
		error = ta_own_over(data, data->extras, data->extra_count, own->extra, TA_OWN_JSON,
				    &data->extras, &data->extra_count);
	if (!error)
		error = ta_own_over(data, data->user, data->user_count, own->user, TA_OWN_THING,
				    &data->user, &data->user_count);
	if (!error)
		error = ta_own_over(data, data->contexts, data->context_count, own->contexts,
				    TA_OWN_THING, &data->contexts, &data->context_count);
	return error;
}

/* Seconds since 1970 as a number, or a date as RFC 3339 has it; 0 for anything else. */
static uint64_t read_time(struct ta_json_slice value)
{
	struct ta_json_slice inside = ta_json_string(value);
	char text[64] = "", *rest;
	double seconds;
	struct tm tm = { 0 };

	if (kind_of(value) == TA_JSON_STRING)
		value = inside;
	else if (kind_of(value) != TA_JSON_NUMBER)
		return 0;
	if (value.bytes >= sizeof(text))
		return 0;
	memcpy(text, value.text, value.bytes);
	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	seconds = strtod(rest ? rest : text, NULL);
	if (!rest)
		return seconds > 0 && seconds < 9e9 ? (uint64_t)llround(seconds * 1e9) : 0;
	if (rest[0] != '.' || !(seconds >= 0 && seconds < 1))
		seconds = 0;
	return timegm(&tm) > 0 ? (uint64_t)timegm(&tm) * 1000000000u +
					 (uint64_t)llround(seconds * 1e9) :
				 0;
}

static struct ta_json_slice crumb_array(struct ta_json_slice breadcrumbs)
{
	return kind_of(breadcrumbs) == TA_JSON_OBJECT ? member(breadcrumbs, "values") : breadcrumbs;
}

uint32_t ta_own_crumbs_count(struct ta_json_slice breadcrumbs)
{
	breadcrumbs = crumb_array(breadcrumbs);
	return kind_of(breadcrumbs) == TA_JSON_ARRAY ?
		       count_members(breadcrumbs, TA_EVENT_OWN_CRUMBS_MAX) :
		       0;
}

static int read_crumb(struct ta_event_data *data, struct ta_json_slice value,
		      struct ta_crumb_view *view)
{
	struct ta_json_slice level = ta_json_string(member(value, "level"));
	int error;

	*view = (struct ta_crumb_view){ .time_ns = read_time(member(value, "timestamp")) };
	view->level = level.bytes ? ta_level_of(level.text, level.bytes) : TA_LEVEL_NONE;
	view->data = member(value, "data");
	if (kind_of(view->data) <= TA_JSON_NULL)
		view->data.text = NULL;
	error = plain_text(data, member(value, "message"), &view->message);
	if (!error)
		error = plain_text(data, member(value, "category"), &view->category);
	return error ? error : plain_text(data, member(value, "type"), &view->type);
}

int ta_own_crumbs(struct ta_event_data *data, struct ta_json_slice breadcrumbs,
		  struct ta_crumb_view *views, uint32_t count)
{
	struct ta_json_slice key, value;
	struct ta_json_walk walk;

	if (!count)
		return 0;
	breadcrumbs = crumb_array(breadcrumbs);
	ta_json_walk(&walk, breadcrumbs.text, breadcrumbs.bytes);
	for (uint32_t i = 0; i < count && ta_json_next(&walk, &key, &value); i++)
		if (read_crumb(data, value, &views[i]) != 0)
			return -ENOMEM;
	return 0;
}
