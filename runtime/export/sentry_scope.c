/* SPDX-License-Identifier: MIT */
/*
 * sentry_scope.c - what scopes hold, as members of an event or a transaction.
 *
 * In the form of Sentry's public schema: tags are short strings without line breaks, of
 * a user what it has no member for goes to "data", contexts are objects.
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/sentry_internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "runtime/export/level.h"

#define PUT TA_SENTRY_PUT

#define SOURCE "lines of source"
#define FRAMES SOURCE ", frames of other threads"

const struct ta_sentry_shrink ta_sentry_shrinks[TA_SENTRY_SHRINKS] = {
	{ NULL, TA_SENTRY_WHOLE, UINT32_MAX, UINT32_MAX, false, false, false, NULL,
	  { 250, 250, 512, 4096, false, false } },
	{ "data of breadcrumbs", TA_SENTRY_WHOLE, UINT32_MAX, UINT32_MAX, true, false, false,
	  SOURCE, { 250, 250, 512, 4096, true, false } },
	{ "data of breadcrumbs, extras", TA_SENTRY_WHOLE, UINT32_MAX, UINT32_MAX, true, true, false,
	  FRAMES, { 250, 32, 512, 1024, true, false } },
	{ "data of breadcrumbs, extras, ends of long texts", 1024, 100, 128, true, true, false,
	  FRAMES ", threads", { 250, 16, 256, 512, true, false } },
	{ "data of breadcrumbs, extras, contexts, ends of long texts", 256, 20, 64, true, true, true,
	  FRAMES ", threads, images", { 100, 8, 32, 256, true, true } },
};

static uint32_t at_most(uint32_t count, const struct ta_sentry_shrink *shrink)
{
	return count < shrink->entries ? count : shrink->entries;
}

static bool key_is(const struct ta_entry *entry, const char *key)
{
	return entry->key_bytes == strlen(key) && memcmp(entry->key, key, entry->key_bytes) == 0;
}

void ta_sentry_put_tags(struct ta_buf *buf, const struct ta_entry *tags, uint32_t count,
			const struct ta_sentry_shrink *shrink)
{
	count = at_most(count, shrink);
	if (!count)
		return;
	ta_sentry_key(buf, "tags");
	ta_buf_putc(buf, '{');
	for (uint32_t i = 0; i < count; i++) {
		ta_sentry_comma(buf);
		ta_sentry_short(buf, tags[i].key, tags[i].key_bytes);
		ta_buf_putc(buf, ':');
		ta_sentry_short(buf, tags[i].value, tags[i].value_bytes);
	}
	ta_buf_putc(buf, '}');
}

/* Takes back what was written from there on. */
static void take_back(struct ta_buf *buf, size_t bytes)
{
	if (!buf->failed)
		buf->bytes = bytes;
}

static bool is_member_of_user(const struct ta_entry *entry)
{
	static const char *const members[] = { "id", "email", "username", "name", "ip_address" };

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (key_is(entry, members[i]))
			return true;
	return false;
}

/* Those entries of a user that are members of it, or the others. */
static void put_user_part(struct ta_buf *buf, const struct ta_event_data *data, bool members,
			  const struct ta_sentry_shrink *shrink)
{
	uint32_t count = at_most(data->user_count, shrink);

	for (uint32_t i = 0; i < count; i++) {
		const struct ta_entry *entry = &data->user[i];
		size_t before = buf->bytes;

		if (is_member_of_user(entry) != members)
			continue;
		ta_sentry_key_text(buf, entry->key, entry->key_bytes);
		if (!members)
			ta_sentry_value(buf, entry->value, entry->value_bytes, shrink->text_bytes);
		else if (!ta_sentry_string(buf, entry->value, entry->value_bytes,
					   shrink->text_bytes))
			take_back(buf, before);
	}
}

void ta_sentry_put_user(struct ta_buf *buf, const struct ta_event_data *data,
			const struct ta_sentry_shrink *shrink)
{
	size_t inside;

	if (!data->user_count)
		return;
	ta_sentry_key(buf, "user");
	ta_buf_putc(buf, '{');
	put_user_part(buf, data, true, shrink);
	if (!shrink->no_rest) {
		size_t before = buf->bytes;

		ta_sentry_key(buf, "data");
		ta_buf_putc(buf, '{');
		inside = buf->bytes;
		put_user_part(buf, data, false, shrink);
		if (buf->bytes == inside)
			take_back(buf, before);
		else
			ta_buf_putc(buf, '}');
	}
	ta_buf_putc(buf, '}');
}

void ta_sentry_make_contexts(struct ta_buf *buf, const char *server_name)
{
	struct utsname name;

	if (uname(&name) != 0)
		return;
	PUT(buf, "{\"os\":{\"name\":");
	ta_buf_put_json(buf, name.sysname, strlen(name.sysname));
	ta_sentry_member(buf, "version", name.release, strlen(name.release), TA_SENTRY_WHOLE);
	ta_sentry_member(buf, "kernel_version", name.release, strlen(name.release),
			 TA_SENTRY_WHOLE);
	ta_sentry_member(buf, "build", name.version, strlen(name.version), TA_SENTRY_WHOLE);
	PUT(buf, ",\"type\":\"os\"},\"device\":{\"arch\":");
	ta_buf_put_json(buf, name.machine, strlen(name.machine));
	if (server_name[0])
		ta_sentry_member(buf, "name", server_name, strlen(server_name), TA_SENTRY_WHOLE);
	PUT(buf, ",\"type\":\"device\"}}");
}

/* One KeyValue of OTLP's JSON as "key":value. */
static void put_resource_member(struct ta_buf *buf, struct ta_json_slice pair)
{
	struct ta_json_slice name, value, key = { NULL, 0 }, inner = { NULL, 0 };
	struct ta_json_walk walk, any;

	ta_json_walk(&walk, pair.text, pair.bytes);
	while (ta_json_next(&walk, &name, &value)) {
		if (ta_json_key_is(name, "key"))
			key = ta_json_string(value);
		else if (ta_json_walk(&any, value.text, value.bytes))
			ta_json_next(&any, &name, &inner);
	}
	if (!key.bytes || !inner.text)
		return;
	ta_sentry_comma(buf);
	ta_sentry_inside(buf, key, TA_SENTRY_WHOLE);
	ta_buf_putc(buf, ':');
	ta_sentry_value(buf, inner.text, inner.bytes, TA_SENTRY_WHOLE);
}

/* The resource of OpenTelemetry: service.name and what else is known of a process. */
static void put_resource(struct ta_sentry *sentry, struct ta_buf *buf,
			 const struct ta_process *process)
{
	struct ta_json_slice key, value;
	struct ta_buf text = { 0 };
	struct ta_json_walk walk;

	ta_buf_putc(&text, '[');
	ta_enrich_resource_json(sentry->enrich, process, &text);
	ta_buf_putc(&text, ']');
	buf->failed |= text.failed;
	PUT(buf, "\"otel\":{\"resource\":{");
	if (!text.failed && ta_json_walk(&walk, text.data, text.bytes))
		while (ta_json_next(&walk, &key, &value))
			put_resource_member(buf, value);
	PUT(buf, "},\"type\":\"otel\"}");
	ta_buf_fini(&text);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void put_process(struct ta_buf *buf, const struct ta_process *process)
{
	const char *name = base_name(process->exe);

	PUT(buf, ",\"process\":{\"type\":\"process\"");
	if (process->pid) {
		PUT(buf, ",\"pid\":");
		ta_buf_put_u64(buf, process->pid);
	}
	if (name[0])
		ta_sentry_member(buf, "name", name, strlen(name), TA_SENTRY_WHOLE);
	ta_buf_putc(buf, '}');
}

/* Contexts of the sink's own as one object, made when another process comes. */
static const struct ta_buf *own_contexts(struct ta_sentry *sentry, const struct ta_process *process)
{
	struct ta_sentry_process *made = &sentry->process;
	struct ta_buf *buf = &made->contexts;

	if (buf->bytes && !buf->failed && made->process == process)
		return buf;
	ta_buf_clear(buf);
	made->process = process;
	ta_buf_put(buf, sentry->contexts.data, sentry->contexts.bytes);
	if (buf->bytes)
		buf->bytes--; /* its brace */
	else
		ta_buf_putc(buf, '{');
	ta_sentry_comma(buf);
	put_resource(sentry, buf, process);
	if (process)
		put_process(buf, process);
	ta_buf_putc(buf, '}');
	return buf;
}

static bool has_context(const struct ta_event_data *data, uint32_t count, struct ta_json_slice name)
{
	for (uint32_t i = 0; i < count; i++)
		if (data->contexts[i].key_bytes == name.bytes &&
		    memcmp(data->contexts[i].key, name.text, name.bytes) == 0)
			return true;
	return false;
}

void ta_sentry_put_contexts(struct ta_sentry *sentry, struct ta_buf *buf,
			    const struct ta_process *process, const struct ta_event_data *data,
			    const struct ta_sentry_shrink *shrink)
{
	const struct ta_buf *own = own_contexts(sentry, process);
	uint32_t count = shrink->no_rest ? 0 : at_most(data->context_count, shrink);
	struct ta_json_slice key, value;
	struct ta_json_walk walk;

	for (uint32_t i = 0; i < count; i++) {
		const struct ta_entry *entry = &data->contexts[i];
		size_t before = buf->bytes;

		if (key_is(entry, "trace"))
			continue;
		ta_sentry_key_text(buf, entry->key, entry->key_bytes);
		if (!ta_sentry_object(buf, entry->value, entry->value_bytes, shrink->text_bytes))
			take_back(buf, before);
	}
	buf->failed |= own->failed;
	if (own->failed)
		return;
	if (!count) {
		ta_sentry_comma(buf);
		ta_buf_put(buf, own->data + 1, own->bytes - 2);
		return;
	}
	ta_json_walk(&walk, own->data, own->bytes);
	while (ta_json_next(&walk, &key, &value)) {
		if (has_context(data, count, key))
			continue;
		ta_sentry_key_text(buf, key.text, key.bytes);
		ta_buf_put(buf, value.text, value.bytes);
	}
}

void ta_sentry_put_extras(struct ta_buf *buf, const struct ta_event_data *data,
			  const struct ta_buf *more, const struct ta_sentry_shrink *shrink)
{
	bool some_more = more && more->bytes && !shrink->no_extras;

	if (!shrink->said && !data->extra_count && !some_more)
		return;
	ta_sentry_key(buf, "extra");
	ta_buf_putc(buf, '{');
	for (uint32_t i = 0; i < data->extra_count && !shrink->no_extras; i++) {
		const struct ta_entry *entry = &data->extras[i];

		ta_sentry_key_text(buf, entry->key, entry->key_bytes);
		ta_sentry_value(buf, entry->value, entry->value_bytes, shrink->text_bytes);
	}
	if (some_more) {
		ta_sentry_comma(buf);
		ta_buf_put(buf, more->data, more->bytes);
	}
	if (shrink->said)
		ta_sentry_member(buf, "tagalong.left_out", shrink->said, strlen(shrink->said),
				 TA_SENTRY_WHOLE);
	ta_buf_putc(buf, '}');
}

/* Sentry has no level below debug. */
static const char *level_word(uint8_t level)
{
	return ta_level_name(level == TA_LEVEL_TRACE ? TA_LEVEL_DEBUG : level);
}

static void put_crumb(struct ta_buf *buf, const struct ta_crumb_view *crumb,
		      const struct ta_sentry_shrink *shrink)
{
	const char *level = level_word(crumb->level);
	size_t most = shrink->text_bytes, before;

	ta_sentry_comma(buf);
	ta_buf_putc(buf, '{');
	if (crumb->time_ns) {
		PUT(buf, "\"timestamp\":");
		ta_sentry_time(buf, crumb->time_ns);
	}
	ta_sentry_member(buf, "type", crumb->type.text, crumb->type.bytes, most);
	ta_sentry_member(buf, "category", crumb->category.text, crumb->category.bytes, most);
	ta_sentry_member(buf, "message", crumb->message.text, crumb->message.bytes, most);
	if (level)
		ta_sentry_member(buf, "level", level, strlen(level), most);
	before = buf->bytes;
	if (crumb->data.text && !shrink->no_crumb_data) {
		ta_sentry_key(buf, "data");
		if (!ta_sentry_object(buf, crumb->data.text, crumb->data.bytes, most))
			take_back(buf, before);
	}
	ta_buf_putc(buf, '}');
}

void ta_sentry_put_crumbs(struct ta_buf *buf, const struct ta_event_data *data,
			  const struct ta_sentry_shrink *shrink)
{
	uint32_t count = data->crumb_count;

	if (!count)
		return;
	ta_sentry_key(buf, "breadcrumbs");
	PUT(buf, "{\"values\":[");
	for (uint32_t i = count > shrink->crumbs ? count - shrink->crumbs : 0; i < count; i++)
		put_crumb(buf, &data->crumbs[i], shrink);
	PUT(buf, "]}");
}

void ta_sentry_put_fingerprint(struct ta_buf *buf, const struct ta_event_data *data,
			       const struct ta_sentry_shrink *shrink)
{
	uint32_t count = at_most(data->fingerprint_count, shrink);

	if (!count)
		return;
	ta_sentry_key(buf, "fingerprint");
	ta_buf_putc(buf, '[');
	for (uint32_t i = 0; i < count; i++) {
		const struct ta_entry *entry = &data->fingerprint[i];
		size_t before = buf->bytes;

		ta_sentry_comma(buf);
		if (!ta_sentry_string(buf, entry->value, entry->value_bytes, shrink->text_bytes))
			take_back(buf, before);
	}
	ta_buf_putc(buf, ']');
}
