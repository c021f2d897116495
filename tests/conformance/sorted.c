/* SPDX-License-Identifier: MIT */
/*
 * sorted.c - which attribute belongs to which member of a result.
 *
 * The names are those of docs/spans.md.  What Tagalong adds by itself is left out
 * by name; everything else is the program's.
 *
 * Runs: the outer process.
 */
#include "tests/conformance/result.h"

#include <string.h>

/* Groups: the rest of the name is the key. */
static const struct {
	const char *prefix, *member;
} groups[] = {
	{ "tagalong.tag.", "tags" },
	{ "tagalong.extra.", "extra" },
	{ "tagalong.context.", "contexts" },
	{ "user.", "user" },
};

static const struct {
	const char *name, *member;
} singles[] = {
	{ "tagalong.fingerprint", "fingerprint" },
	{ "tagalong.level", "level" },
	{ "tagalong.transaction", "transaction" },
	{ "tagalong.namespace", "namespace" },
	{ "tagalong.session.name", "session_name" },
	{ "tagalong.unfinished", "unfinished" },
	{ "tagalong.breadcrumbs", "breadcrumbs" }, /* of a captured event */
	{ "tagalong.exceptions", "exceptions" },
	{ "tagalong.span.parent_id", "parent_id" },
	{ "exception.type", "exception_type" },
	{ "exception.message", "exception_message" },
	{ "session.id", "session" },
	{ "sentry.op", "op" },
};

/* Facts about the program that the library records unasked; also all that begins with
 * "tagalong." and is not above. */
static const char *const own[] = { "error.type", "thread.id", "thread.name" };

static cJSON *member(cJSON *sorted, const char *name)
{
	cJSON *item = cJSON_GetObjectItemCaseSensitive(sorted, name);

	return item ? item : cJSON_AddObjectToObject(sorted, name);
}

static bool is_own(const char *name)
{
	for (unsigned int i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (strcmp(name, own[i]) == 0)
			return true;
	return strncmp(name, "tagalong.", 9) == 0;
}

/* OpenTelemetry has other names for two members of a user. */
static const char *user_key(const char *key)
{
	if (strcmp(key, "name") == 0)
		return "username";
	return strcmp(key, "full_name") == 0 ? "name" : key;
}

static void sort_attribute(cJSON *sorted, const char *name, cJSON *value)
{
	for (unsigned int i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		size_t bytes = strlen(groups[i].prefix);
		const char *key = name + bytes;

		if (strncmp(name, groups[i].prefix, bytes) != 0)
			continue;
		if (strcmp(groups[i].member, "user") == 0)
			key = user_key(key);
		cJSON_AddItemToObject(member(sorted, groups[i].member), key, value);
		return;
	}
	for (unsigned int i = 0; i < sizeof(singles) / sizeof(*singles); i++) {
		if (strcmp(name, singles[i].name) == 0) {
			cJSON_AddItemToObject(sorted, singles[i].member, value);
			return;
		}
	}
	if (is_own(name))
		cJSON_Delete(value);
	else
		cJSON_AddItemToObject(member(sorted, "data"), name, value);
}

static const cJSON *attribute(const cJSON *attributes, const char *name)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, attributes)
		if (strcmp(json_text(item, "key", ""), name) == 0)
			return json_item(item, "value");
	return NULL;
}

static void copy_attribute(const cJSON *attributes, const char *name, cJSON *to, const char *as)
{
	const cJSON *value = attribute(attributes, name);

	if (value)
		cJSON_AddItemToObject(to, as, otlp_value(value));
}

static cJSON *list(cJSON *sorted, const char *name)
{
	cJSON *item = cJSON_GetObjectItemCaseSensitive(sorted, name);

	return item ? item : cJSON_AddArrayToObject(sorted, name);
}

static void sort_event(cJSON *sorted, const cJSON *event)
{
	const cJSON *attributes = json_item(event, "attributes");
	const char *name = json_text(event, "name", "");
	cJSON *item = cJSON_CreateObject();

	if (strcmp(name, "exception") == 0) {
		copy_attribute(attributes, "exception.type", item, "type");
		copy_attribute(attributes, "exception.message", item, "message");
		cJSON_AddItemToArray(list(sorted, "errors"), item);
	} else if (strcmp(name, "breadcrumb") == 0) {
		copy_attribute(attributes, "tagalong.breadcrumb.message", item, "message");
		copy_attribute(attributes, "tagalong.breadcrumb.category", item, "category");
		copy_attribute(attributes, "tagalong.breadcrumb.level", item, "level");
		copy_attribute(attributes, "tagalong.breadcrumb.type", item, "type");
		copy_attribute(attributes, "tagalong.breadcrumb.data", item, "data");
		cJSON_AddItemToArray(list(sorted, "breadcrumbs"), item);
	} else {
		cJSON_Delete(item);
	}
}

cJSON *sorted_new(const cJSON *record)
{
	cJSON *sorted = need(cJSON_CreateObject());
	const cJSON *item;
	cJSON *crumb;

	cJSON_ArrayForEach(item, json_item(record, "attributes"))
		sort_attribute(sorted, json_text(item, "key", ""),
			       otlp_value(json_item(item, "value")));
	cJSON_ArrayForEach(item, json_item(record, "events"))
		sort_event(sorted, item);
	cJSON_ArrayForEach(crumb, cJSON_GetObjectItemCaseSensitive(sorted, "breadcrumbs"))
		cJSON_DeleteItemFromObjectCaseSensitive(crumb, "timestamp");
	return sorted;
}

cJSON *sorted_plain(const cJSON *record)
{
	cJSON *plain = need(cJSON_CreateObject());
	const cJSON *item;

	cJSON_ArrayForEach(item, json_item(record, "attributes"))
		if (!is_own(json_text(item, "key", "")))
			cJSON_AddItemToObject(plain, json_text(item, "key", ""),
					      otlp_value(json_item(item, "value")));
	return plain;
}

void sorted_move(cJSON *sorted, const char *name, cJSON *to, const char *as)
{
	json_add(to, as, cJSON_DetachItemFromObjectCaseSensitive(sorted, name));
}

void sorted_move_scope(cJSON *sorted, cJSON *to)
{
	static const char *const names[] = { "tags",  "extra",	     "user",	   "contexts",
					     "level", "fingerprint", "breadcrumbs" };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++)
		sorted_move(sorted, names[i], to, names[i]);
}
