/* SPDX-License-Identifier: MIT */
/*
 * scopes.h - SCOPE_SET records for tests, and merged scopes as one line of text.
 */
#ifndef TESTS_UNIT_SCOPES_H
#define TESTS_UNIT_SCOPES_H

#include "runtime/agent/scope.h"
#include "tests/unit/check.h"

#define FAMILY 100
#define OWNER 200

/* One record; what is not said is 0. */
struct send {
	uint64_t family, owner; /* FAMILY, OWNER */
	uint64_t version, parent;
	uint32_t cell;
	uint8_t change, flags, level, type;
	const char *key, *value;
	uint32_t value_bytes; /* 0: the length of value */
};

__attribute__((unused)) static void send_one(struct ta_scopes *scopes, struct send send)
{
	static _Alignas(8) char bytes[600000];
	struct ta_record_scope_set *set = (void *)bytes;
	const char *key = send.key ? send.key : "", *value = send.value ? send.value : "";

	*set = (struct ta_record_scope_set){ .head.kind = TA_RECORD_SCOPE_SET,
					     .version = send.version,
					     .parent = send.parent,
					     .cell = send.cell,
					     .key_bytes = (uint16_t)strlen(key),
					     .value_bytes = send.value_bytes
								    ? send.value_bytes
								    : (uint32_t)strlen(value),
					     .change = send.change,
					     .flags = send.flags,
					     .level = send.level,
					     .value_type = send.type };
	memcpy(bytes + sizeof(*set), key, set->key_bytes);
	memcpy(bytes + sizeof(*set) + set->key_bytes, value, set->value_bytes);
	ta_scopes_set(scopes, send.family ? send.family : FAMILY, send.owner ? send.owner : OWNER,
		      set);
}

#define send(scopes, ...) send_one(scopes, (struct send){ __VA_ARGS__ })

__attribute__((unused)) static void set_tag(struct ta_scopes *scopes, uint64_t version,
					    uint64_t parent, const char *key, const char *value)
{
	send(scopes, .version = version, .parent = parent, .change = TA_SCOPE_TAG, .key = key,
	     .value = value);
}

/* A change whose value is JSON, or that has no value. */
__attribute__((unused)) static void set_json(struct ta_scopes *scopes, uint64_t version,
					     uint64_t parent, uint8_t change, const char *key,
					     const char *json)
{
	send(scopes, .version = version, .parent = parent, .change = change, .key = key,
	     .value = json, .flags = json ? 0 : TA_SCOPE_REMOVE);
}

__attribute__((unused)) static uint32_t put_attr(char *out, uint8_t key, uint8_t type,
						 const void *value, uint16_t bytes)
{
	struct ta_attr attr = { .key = key, .type = type, .bytes = bytes };

	memset(out, 0, sizeof(attr) + ((bytes + 3u) & ~3u));
	memcpy(out, &attr, sizeof(attr));
	memcpy(out + sizeof(attr), value, bytes);
	return (uint32_t)sizeof(attr) + ((bytes + 3u) & ~3u);
}

__attribute__((unused)) static void add_crumb(struct ta_scopes *scopes, uint64_t version,
					      uint64_t parent, int64_t time_ns, const char *message)
{
	char row[2048];
	uint32_t bytes = put_attr(row, TA_ATTR_CRUMB_TIME, TA_ATTR_INT, &time_ns, 8);

	bytes += put_attr(row + bytes, TA_ATTR_CRUMB_MESSAGE, TA_ATTR_STRING, message,
			  (uint16_t)strlen(message));
	send(scopes, .version = version, .parent = parent, .change = TA_SCOPE_BREADCRUMB,
	     .value = row, .value_bytes = bytes);
}

static char show_text[65536];
static size_t show_used;

__attribute__((unused, format(printf, 1, 2))) static void show(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int put = vsnprintf(show_text + show_used, sizeof(show_text) - show_used, format, args);

	va_end(args);
	if (put > 0 && show_used + (size_t)put < sizeof(show_text))
		show_used += (size_t)put;
}

__attribute__((unused)) static void show_entries(const char *name, const struct ta_entry *entries,
						 uint32_t count)
{
	if (count == 0)
		return;
	show("%s%s{", show_used ? " " : "", name);
	for (uint32_t i = 0; i < count; i++) {
		show("%s%.*s=", i ? " " : "", (int)entries[i].key_bytes, entries[i].key);
		if (entries[i].type == TA_ATTR_INT)
			show("%lld", (long long)ta_attr_int(&(struct ta_attr_view){
					     .type = TA_ATTR_INT,
					     .bytes = (uint16_t)entries[i].value_bytes,
					     .value = entries[i].value }));
		else
			show("%.*s", (int)entries[i].value_bytes, entries[i].value);
	}
	show("}");
}

__attribute__((unused)) static void show_crumbs(const struct ta_scope_data *data)
{
	if (data->crumb_count == 0)
		return;
	show("%scrumbs[", show_used ? " " : "");
	for (uint32_t i = 0; i < data->crumb_count; i++) {
		const char *cursor = data->crumbs[i].attrs;
		const char *end = cursor + data->crumbs[i].attr_bytes;
		struct ta_attr_view attr;

		while (ta_attr_next(&cursor, end, &attr))
			if (attr.key == TA_ATTR_CRUMB_MESSAGE)
				show("%s%.*s", i ? " " : "", (int)attr.bytes, attr.value);
	}
	show("]");
}

/* The merged versions, without what is empty: "tags{a=1 b=2} user{id="7"} level=4". */
__attribute__((unused)) static const char *merged_in(struct ta_scopes *scopes, uint64_t family,
						     const uint64_t *versions, uint32_t count,
						     uint32_t max_crumbs)
{
	struct ta_scope_data *data = ta_scopes_merge(scopes, family, versions, count, max_crumbs);

	show_used = 0;
	show_text[0] = '\0';
	if (!data)
		return show_text;
	show_entries("tags", data->tags, data->tag_count);
	show_entries("extras", data->extras, data->extra_count);
	show_entries("contexts", data->contexts, data->context_count);
	show_entries("user", data->user, data->user_count);
	show_entries("attributes", data->attributes, data->attribute_count);
	show_entries("fingerprint", data->fingerprint, data->fingerprint_count);
	if (data->level)
		show("%slevel=%d", show_used ? " " : "", data->level);
	if (data->transaction)
		show("%stransaction=%.*s", show_used ? " " : "", (int)data->transaction_bytes,
		     data->transaction);
	show_crumbs(data);
	free(data);
	return show_text;
}

__attribute__((unused)) static const char *merged(struct ta_scopes *scopes, uint64_t first,
						  uint64_t second, uint64_t third)
{
	uint64_t versions[3] = { first, second, third };

	return merged_in(scopes, FAMILY, versions, 3, 100);
}

/* All families are over and nothing is held: nothing may be left. */
__attribute__((unused)) static void check_no_leak(struct ta_scopes *scopes)
{
	ta_scopes_forget(scopes, FAMILY);
	for (int i = 0; i < 4; i++)
		ta_scopes_settle(scopes);
	check_same(ta_scopes_bytes(scopes), 0);
	ta_scopes_free(scopes);
}

#endif
