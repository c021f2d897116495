/* SPDX-License-Identifier: MIT */
/*
 * sentry_span.c - one span: as the trace context of a transaction, or as an element of
 * its spans.
 *
 * Attributes go to "data" under OpenTelemetry's names, but for what scopes gave, which
 * stands elsewhere in a payload: tags in "tags", the rest with the transaction.  A span
 * that is very large is written again with its texts cut, and says so.
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/sentry_internal.h"

#include <string.h>

#define PUT TA_SENTRY_PUT
#define TAG "tagalong.tag."

const struct ta_out_attr *ta_sentry_find(const struct ta_out_span *out, const char *name)
{
	size_t bytes = strlen(name);

	for (uint32_t i = 0; i < out->attr_count; i++)
		if (!out->attrs[i].prefix_bytes && out->attrs[i].name_bytes == bytes &&
		    memcmp(out->attrs[i].name, name, bytes) == 0)
			return &out->attrs[i];
	return NULL;
}

static const char *http_word(int64_t status)
{
	static const struct {
		int64_t status;
		const char *word;
	} words[] = { { 401, "unauthenticated" },      { 403, "permission_denied" },
		      { 404, "not_found" },	       { 409, "already_exists" },
		      { 413, "failed_precondition" },  { 429, "resource_exhausted" },
		      { 499, "cancelled" },	       { 501, "unimplemented" },
		      { 503, "unavailable" },	       { 504, "deadline_exceeded" } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].status == status)
			return words[i].word;
	if (status >= 400)
		return status < 500 ? "invalid_argument" : "internal_error";
	return NULL;
}

/* A status message that is one of the words is one. */
static const char *own_word(const char *message)
{
	static const char *const words[] = {
		"cancelled",	     "unknown",		  "invalid_argument",
		"deadline_exceeded", "not_found",	  "already_exists",
		"permission_denied", "resource_exhausted", "failed_precondition",
		"aborted",	     "out_of_range",	  "unimplemented",
		"internal_error",    "unavailable",	  "data_loss",
		"unauthenticated",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], message) == 0)
			return words[i];
	return NULL;
}

const char *ta_sentry_status(const struct ta_span *span, const struct ta_out_span *out)
{
	const struct ta_out_attr *code = ta_sentry_find(out, "http.response.status_code");
	const char *word;

	if (out->status == TA_STATUS_OK)
		return "ok";
	if (out->status == TA_STATUS_ERROR && span->end == TA_SPAN_HOST_DIED)
		return "aborted";
	if (out->status == TA_STATUS_ERROR && span->reason == TA_END_CLOSED_EARLY)
		return "cancelled";
	word = out->status == TA_STATUS_ERROR ? own_word(out->status_message) : NULL;
	if (word)
		return word;
	word = code && code->type == TA_ATTR_INT ? http_word(code->number) : NULL;
	if (word)
		return word;
	return out->status == TA_STATUS_ERROR ? "internal_error" : "ok";
}

static bool has_prefix(const struct ta_out_attr *attr, const char *prefix, size_t bytes)
{
	return attr->prefix_bytes == bytes && memcmp(attr->prefix, prefix, bytes) == 0;
}

static bool is_tag(const struct ta_out_attr *attr)
{
	return has_prefix(attr, TAG, sizeof(TAG) - 1);
}

static bool has_name(const struct ta_out_attr *attr, const char *name, size_t bytes)
{
	return attr->name_bytes == bytes && memcmp(attr->name, name, bytes) == 0;
}

/* What stands elsewhere: attributes that have a prefix are all from scopes. */
static bool is_data(const struct ta_out_attr *attr)
{
	return !attr->prefix_bytes && !has_name(attr, "sentry.op", 9) &&
	       !has_name(attr, "tagalong.fingerprint", 20);
}

void ta_sentry_put_span_tags(struct ta_buf *buf, const struct ta_out_span *out)
{
	bool any = false;

	for (uint32_t i = 0; i < out->attr_count; i++) {
		const struct ta_out_attr *tag = &out->attrs[i];

		if (!is_tag(tag))
			continue;
		if (!any) {
			ta_sentry_key(buf, "tags");
			ta_buf_putc(buf, '{');
		}
		any = true;
		ta_sentry_comma(buf);
		ta_sentry_short(buf, tag->name, tag->name_bytes);
		ta_buf_putc(buf, ':');
		ta_sentry_short(buf, tag->text, tag->text_bytes);
	}
	if (any)
		ta_buf_putc(buf, '}');
}

static void put_walk(struct ta_buf *buf, struct ta_out_walk *walk, size_t most)
{
	struct ta_out_attr attr;
	bool any = false;

	while (ta_out_walk_next(walk, &attr)) {
		if (!any) {
			ta_sentry_key(buf, "attributes");
			ta_buf_putc(buf, '{');
		}
		any = true;
		ta_sentry_key_text(buf, attr.name, attr.name_bytes);
		ta_sentry_attr(buf, &attr, most);
	}
	if (any)
		ta_buf_putc(buf, '}');
}

/* Sentry's spans have no events: what the program recorded stands in the data.  Breadcrumbs
 * have a place of their own. */
static void put_events(struct ta_buf *buf, const struct ta_out_span *out, int64_t wall_offset_ns,
		       size_t most)
{
	bool any = false;

	for (uint32_t i = 0; i < out->event_count; i++) {
		const struct ta_out_event *event = &out->events[i];
		struct ta_out_walk walk;

		if (event->kind == TA_OUT_CRUMB)
			continue;
		if (!any) {
			ta_sentry_key(buf, "tagalong.events");
			ta_buf_putc(buf, '[');
		}
		any = true;
		ta_sentry_comma(buf);
		PUT(buf, "{\"timestamp\":");
		ta_sentry_time(buf, event->time_ns + (uint64_t)wall_offset_ns);
		ta_sentry_member(buf, "name", event->name, event->name_bytes, most);
		ta_out_event_walk(event, &walk);
		put_walk(buf, &walk, most);
		ta_buf_putc(buf, '}');
	}
	if (any)
		ta_buf_putc(buf, ']');
}

static void put_links(struct ta_buf *buf, const struct ta_out_span *out, size_t most)
{
	for (uint32_t i = 0; i < out->link_count; i++) {
		const struct ta_out_link *link = &out->links[i];
		struct ta_out_walk walk;

		if (!i) {
			ta_sentry_key(buf, "links");
			ta_buf_putc(buf, '[');
		}
		ta_sentry_comma(buf);
		PUT(buf, "{\"trace_id\":");
		ta_sentry_id(buf, link->trace_hi, link->trace_lo);
		PUT(buf, ",\"span_id\":");
		ta_sentry_span_id(buf, link->span_id);
		ta_out_link_walk(link, &walk);
		put_walk(buf, &walk, most);
		ta_buf_putc(buf, '}');
	}
	if (out->link_count)
		ta_buf_putc(buf, ']');
}

/* Most attributes: a name and a text that need no escape, in one go. */
static bool put_plain(struct ta_buf *buf, const struct ta_out_attr *attr, size_t most)
{
	char *at;

	if (attr->type != TA_ATTR_STRING || attr->text_bytes > most ||
	    !(attr->plain_name || ta_text_plain(attr->name, attr->name_bytes)) ||
	    !ta_text_plain(attr->text, attr->text_bytes))
		return false;
	ta_sentry_comma(buf);
	at = ta_buf_reserve(buf, (size_t)attr->name_bytes + attr->text_bytes + 5);
	if (!at)
		return true;
	*at++ = '"';
	at = mempcpy(at, attr->name, attr->name_bytes);
	at = mempcpy(at, "\":\"", 3);
	if (attr->text_bytes)
		at = mempcpy(at, attr->text, attr->text_bytes);
	*at++ = '"';
	buf->bytes = (size_t)(at - buf->data);
	return true;
}

static void put_attrs(struct ta_buf *buf, const struct ta_out_span *out, size_t most)
{
	for (uint32_t i = 0; i < out->attr_count; i++) {
		const struct ta_out_attr *attr = &out->attrs[i];

		if (!is_data(attr) || put_plain(buf, attr, most))
			continue;
		ta_sentry_key_text(buf, attr->name, attr->name_bytes);
		ta_sentry_attr(buf, attr, most);
	}
}

/* Under the name by which Sentry still looks for it, too. */
static void put_system(struct ta_buf *buf, const struct ta_span *span,
		       const struct ta_out_span *out)
{
	const struct ta_out_attr *system = ta_sentry_find(out, "db.system.name");

	if (system && system->type == TA_ATTR_STRING &&
	    (span->type == TA_SPAN_COMMAND || span->type == TA_SPAN_COMMAND_SERVER))
		ta_sentry_member(buf, "db.system", system->text, system->text_bytes, 64);
}

static void put_data(struct ta_buf *buf, const struct ta_span *span, const struct ta_out_span *out,
		     uint64_t parent_id, int64_t wall_offset_ns, size_t most)
{
	ta_sentry_key(buf, "data");
	ta_buf_putc(buf, '{');
	put_attrs(buf, out, most);
	put_system(buf, span, out);
	if (out->status_message[0])
		ta_sentry_member(buf, "otel.status_description", out->status_message,
				 strlen(out->status_message), most);
	put_events(buf, out, wall_offset_ns, most);
	if (!ta_sentry_find(out, "thread.id") && span->tid) {
		ta_sentry_key(buf, "thread.id");
		ta_buf_put_u64(buf, span->tid);
	}
	if (parent_id != span->parent_id) {
		ta_sentry_key(buf, "tagalong.parent_span_id");
		ta_sentry_span_id(buf, span->parent_id);
	}
	if (most != TA_SENTRY_WHOLE) {
		ta_sentry_key(buf, "tagalong.left_out");
		PUT(buf, "\"ends of long texts\"");
	}
	ta_buf_putc(buf, '}');
}

/* Data and links; shorter and shorter, until they are small enough. */
static void put_rest(struct ta_buf *buf, const struct ta_span *span, const struct ta_out_span *out,
		     uint64_t parent_id, int64_t wall_offset_ns)
{
	static const size_t limits[] = { TA_SENTRY_WHOLE, 1024, 64 };
	size_t before = buf->bytes;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		put_data(buf, span, out, parent_id, wall_offset_ns, limits[i]);
		put_links(buf, out, limits[i]);
		if (buf->failed || buf->bytes - before <= TA_SENTRY_SPAN_BYTES)
			return;
		buf->bytes = before;
	}
	PUT(buf, ",\"data\":{\"tagalong.left_out\":\"data, links\"}");
}

static void put_ids(struct ta_buf *buf, const struct ta_span *span, uint64_t parent_id)
{
	PUT(buf, "{\"trace_id\":");
	ta_sentry_id(buf, span->trace_hi, span->trace_lo);
	PUT(buf, ",\"span_id\":");
	ta_sentry_span_id(buf, span->span_id);
	if (parent_id) {
		PUT(buf, ",\"parent_span_id\":");
		ta_sentry_span_id(buf, parent_id);
	}
}

static void put_status(struct ta_buf *buf, const char *status)
{
	PUT(buf, ",\"status\":\"");
	ta_buf_puts(buf, status);
	ta_buf_putc(buf, '"');
}

void ta_sentry_put_trace(struct ta_buf *buf, const struct ta_span *span,
			 const struct ta_out_span *out, int64_t wall_offset_ns)
{
	put_ids(buf, span, span->parent_id);
	ta_sentry_put_kind(buf, span, out);
	put_status(buf, ta_sentry_status(span, out));
	put_rest(buf, span, out, span->parent_id, wall_offset_ns);
	PUT(buf, ",\"type\":\"trace\"}");
}

void ta_sentry_put_span(struct ta_buf *buf, const struct ta_span *span,
			const struct ta_out_span *out, uint64_t parent_id, int64_t wall_offset_ns)
{
	uint64_t end_ns = span->end_ns > span->start_ns ? span->end_ns : span->start_ns;

	ta_sentry_comma(buf);
	put_ids(buf, span, parent_id);
	ta_sentry_put_kind(buf, span, out);
	ta_sentry_put_description(buf, span, out);
	put_status(buf, ta_sentry_status(span, out));
	PUT(buf, ",\"start_timestamp\":");
	ta_sentry_time(buf, span->start_ns + (uint64_t)wall_offset_ns);
	PUT(buf, ",\"timestamp\":");
	ta_sentry_time(buf, end_ns + (uint64_t)wall_offset_ns);
	ta_sentry_put_span_tags(buf, out);
	put_rest(buf, span, out, parent_id, wall_offset_ns);
	ta_buf_putc(buf, '}');
}
