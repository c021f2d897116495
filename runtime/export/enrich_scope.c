/* SPDX-License-Identifier: MIT */
/*
 * enrich_scope.c - what a span has from its scopes, its trace and its session.
 *
 * Every span has tags: its own and inherited ones, those of its scopes where it has
 * none of its own, and what was put on it, its trace or its session later.  A local
 * root (where this program's part of a trace begins) also shows what else its scopes
 * hold, so that it is said once.
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/enrich_internal.h"
#include "runtime/export/level.h"

#define PREFIX(literal) (literal), (uint32_t)(sizeof(literal) - 1)

struct tags {
	struct ta_entry items[TA_OUT_ATTRS_MAX];
	uint32_t prints[TA_OUT_ATTRS_MAX]; /* of their keys: most others differ at a glance */
	uint32_t count, dropped;
};

bool ta_span_is_local_root(const struct ta_span *span)
{
	switch (span->type) {
	case TA_SPAN_CONNECTION:
	case TA_SPAN_HTTP_SERVER:
	case TA_SPAN_THREAD:
	case TA_SPAN_SIGNAL:
	case TA_SPAN_COMMAND_SERVER:
	case TA_SPAN_PROCESS:
		return true;
	default:
		return !span->parent_id || (span->flags & TA_SPAN_REMOTE_PARENT);
	}
}

/* The fingerprint as one JSON text. */
size_t ta_scope_scratch(const struct ta_span *span)
{
	size_t bytes = 2;

	if (!span->scope || !span->scope->fingerprint_count || !ta_span_is_local_root(span))
		return 0;
	for (uint32_t i = 0; i < span->scope->fingerprint_count; i++)
		bytes += (size_t)span->scope->fingerprint[i].value_bytes + 1;
	return bytes;
}

void ta_out_entry(struct ta_out_attr *attr, const char *prefix, uint32_t prefix_bytes,
		  const struct ta_entry *entry)
{
	struct ta_attr_view value = { .type = entry->type, .value = entry->value };

	*attr = (struct ta_out_attr){ .prefix = prefix,
				      .prefix_bytes = prefix_bytes,
				      .name = entry->key,
				      .name_bytes = entry->key_bytes };
	if (entry->type == TA_ATTR_STRING || entry->type == TA_ATTR_JSON) {
		attr->type = entry->type; /* may be longer than an attribute */
		attr->text = entry->value;
		attr->text_bytes = entry->value_bytes;
		return;
	}
	value.bytes = (uint16_t)(entry->value_bytes < UINT16_MAX ? entry->value_bytes : UINT16_MAX);
	ta_out_set(attr, &value);
}

static bool key_is(const struct ta_entry *entry, const char *key)
{
	return entry->key_bytes == strlen(key) && memcmp(entry->key, key, entry->key_bytes) == 0;
}

static bool is_null(const struct ta_entry *entry)
{
	return entry->type == TA_ATTR_JSON &&
	       ta_json_kind(entry->value, entry->value_bytes) == TA_JSON_NULL;
}

/* OpenTelemetry's words for two of Sentry's. */
bool ta_out_user(struct ta_out_attr *attr, const struct ta_entry *entry)
{
	if (is_null(entry))
		return false;
	ta_out_entry(attr, PREFIX("user."), entry);
	if (key_is(entry, "username")) {
		attr->name = "name";
		attr->name_bytes = 4;
	} else if (key_is(entry, "name")) {
		attr->name = "full_name";
		attr->name_bytes = 9;
	}
	return true;
}

static void add_attr(struct ta_out_span *out, const struct ta_out_attr *attr)
{
	struct ta_out_attr *place = ta_out_add(out, attr->name, attr->name_bytes);

	if (place)
		*place = *attr;
}

static void add_entries(struct ta_out_span *out, const char *prefix, uint32_t prefix_bytes,
			const struct ta_entry *entries, uint32_t count)
{
	struct ta_out_attr attr;

	for (uint32_t i = 0; i < count; i++) {
		ta_out_entry(&attr, prefix, prefix_bytes, &entries[i]);
		add_attr(out, &attr);
	}
}

static void set_tag(struct tags *tags, uint32_t at, const struct ta_entry *tag)
{
	tags->items[at] = *tag;
	tags->prints[at] = ta_name_print(tag->key, tag->key_bytes);
}

static void add_tag(struct tags *tags, const struct ta_entry *tag)
{
	if (tags->count < TA_OUT_ATTRS_MAX)
		set_tag(tags, tags->count++, tag);
	else
		tags->dropped++;
}

/* Where it is among the first count ones; count when it is not. */
static uint32_t find_tag(const struct tags *tags, uint32_t count, const char *key,
			 uint32_t key_bytes)
{
	uint32_t print = count ? ta_name_print(key, key_bytes) : 0;

	for (uint32_t i = 0; i < count; i++)
		if (tags->prints[i] == print && tags->items[i].key_bytes == key_bytes &&
		    memcmp(tags->items[i].key, key, key_bytes) == 0)
			return i;
	return count;
}

/* Those of data that are not among the first known ones. */
static void take_tags(struct tags *tags, uint32_t known, const struct ta_scope_data *data)
{
	for (uint32_t i = 0; data && i < data->tag_count; i++)
		if (find_tag(tags, known, data->tags[i].key, data->tags[i].key_bytes) == known)
			add_tag(tags, &data->tags[i]);
}

/* "key NUL value"; without a NUL the tag is taken away. */
static void take_tag(struct tags *tags, const struct ta_attr_view *attr)
{
	const char *nul = attr->bytes ? memchr(attr->value, '\0', attr->bytes) : NULL;
	uint32_t key_bytes = nul ? (uint32_t)(nul - attr->value) : attr->bytes;
	uint32_t at = find_tag(tags, tags->count, attr->value, key_bytes);
	struct ta_entry tag = { .key = attr->value,
				.key_bytes = key_bytes,
				.type = TA_ATTR_STRING };

	if (!nul && at < tags->count) {
		tags->count--;
		set_tag(tags, at, &tags->items[tags->count]);
	}
	if (!nul)
		return;
	tag.value = nul + 1;
	tag.value_bytes = attr->bytes - key_bytes - 1;
	if (at < tags->count)
		tags->items[at] = tag;
	else
		add_tag(tags, &tag);
}

static void take_recorded(struct tags *tags, const struct ta_span *span)
{
	for (uint32_t i = 0; i < span->records.count; i++) {
		const struct ta_record *record = span->records.items[i];
		uint32_t bytes;
		const char *cursor = ta_record_attrs(record, &bytes);
		const char *end = cursor + bytes;
		struct ta_attr_view attr;

		if (record->kind == TA_RECORD_SPAN_EVENT || record->kind == TA_RECORD_SPAN_LINK)
			continue;
		while (ta_attr_next(&cursor, end, &attr))
			if (attr.key == TA_ATTR_TAG)
				take_tag(tags, &attr);
	}
}

static void add_tags(const struct ta_span *span, const struct ta_facts *facts,
		     struct ta_out_span *out)
{
	struct tags tags;

	tags.count = tags.dropped = 0;
	take_tags(&tags, 0, span->tags);
	take_tags(&tags, tags.count, span->scope);
	if (facts->tag_count)
		take_recorded(&tags, span);
	add_entries(out, PREFIX("tagalong.tag."), tags.items, tags.count);
	out->dropped_attrs += tags.dropped;
}

static void add_user(const struct ta_scope_data *scope, struct ta_out_span *out)
{
	struct ta_out_attr attr;

	for (uint32_t i = 0; i < scope->user_count; i++)
		if (ta_out_user(&attr, &scope->user[i]))
			add_attr(out, &attr);
}

static void add_fingerprint(struct ta_enrich *enrich, const struct ta_span *span,
			    struct ta_out_span *out)
{
	const struct ta_scope_data *scope = span->scope;
	size_t room = ta_scope_scratch(span);
	char *text = room ? ta_scratch(enrich, room) : NULL, *at = text;
	struct ta_out_attr *attr;

	if (!text)
		return;
	for (uint32_t i = 0; i < scope->fingerprint_count; i++) {
		*at++ = i ? ',' : '[';
		memcpy(at, scope->fingerprint[i].value, scope->fingerprint[i].value_bytes);
		at += scope->fingerprint[i].value_bytes;
	}
	*at++ = ']';
	attr = ta_out_add(out, TA_NAME("tagalong.fingerprint"));
	if (!attr)
		return;
	attr->type = TA_ATTR_JSON;
	attr->text = text;
	attr->text_bytes = (uint32_t)(at - text);
}

static void add_scope(struct ta_enrich *enrich, const struct ta_span *span, struct ta_out_span *out)
{
	const struct ta_scope_data *scope = span->scope;
	const char *level = ta_level_name(scope->level);

	add_user(scope, out);
	if (level)
		ta_out_text(out, TA_NAME("tagalong.level"), level, strlen(level));
	add_fingerprint(enrich, span, out);
	add_entries(out, PREFIX("tagalong.context."), scope->contexts, scope->context_count);
	add_entries(out, PREFIX("tagalong.extra."), scope->extras, scope->extra_count);
}

/* A text of attr.def under its own name. */
static void add_text(const struct ta_facts *facts, unsigned int key, struct ta_out_span *out)
{
	const char *name = ta_attr_name((uint8_t)key);
	uint32_t bytes = 0;
	const char *text = ta_facts_text(facts, key, &bytes);

	if (text)
		ta_out_text(out, name, (uint32_t)strlen(name), text, bytes);
}

/* The session is the trace's; a span that stands alone may know its own. */
static void add_session(const struct ta_span *span, const struct ta_facts *facts,
			struct ta_out_span *out)
{
	if (!span->session_id) {
		add_text(facts, TA_ATTR_SESSION_ID, out);
		add_text(facts, TA_ATTR_SESSION_NAME, out);
		return;
	}
	ta_out_text(out, TA_NAME("session.id"), span->session_id, span->session_id_bytes);
	if (span->session_name)
		ta_out_text(out, TA_NAME("tagalong.session.name"), span->session_name,
			    span->session_name_bytes);
}

void ta_out_kind_of_work(const struct ta_span *span, const struct ta_facts *facts,
			 struct ta_out_span *out)
{
	add_text(facts, TA_ATTR_OP, out);
	add_text(facts, TA_ATTR_NAMESPACE, out);
	add_session(span, facts, out);
}

void ta_out_scope(struct ta_enrich *enrich, const struct ta_span *span,
		  const struct ta_facts *facts, struct ta_out_span *out)
{
	add_tags(span, facts, out);
	if (span->scope && ta_span_is_local_root(span))
		add_scope(enrich, span, out);
}
