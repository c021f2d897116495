/* SPDX-License-Identifier: MIT */
/*
 * enrich_events.c - what happened in a span, and what it points at.
 *
 * Events are what the program recorded, the error that ended the span, and on local
 * roots the breadcrumbs of its scopes; in order of time, each at most so many.
 * Breadcrumbs give way: the newest of them take what room is left.
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/enrich_internal.h"
#include "runtime/export/level.h"

static bool is_text(const struct ta_attr_view *attr, uint8_t key)
{
	return attr->key == key && attr->type == TA_ATTR_STRING;
}

static void note_exception(struct ta_facts *facts, const struct ta_attr_view *type,
			   const struct ta_attr_view *message)
{
	facts->exception = true;
	facts->exception_type = type->value;
	facts->exception_type_bytes = type->bytes;
	facts->exception_message = message->value;
	facts->exception_message_bytes = message->bytes;
}

/* What the record of an event says. */
struct recorded {
	const char *attrs;
	uint32_t bytes;
	struct ta_attr_view name, type, message; /* empty where there is none */
};

static void read_recorded(const struct ta_record *record, struct recorded *recorded)
{
	struct ta_attr_view attr;
	const char *cursor;

	*recorded = (struct recorded){ 0 };
	cursor = recorded->attrs = ta_record_attrs(record, &recorded->bytes);
	while (ta_attr_next(&cursor, recorded->attrs + recorded->bytes, &attr)) {
		if (is_text(&attr, TA_ATTR_NAME))
			recorded->name = attr;
		else if (is_text(&attr, TA_ATTR_EXCEPTION_TYPE))
			recorded->type = attr;
		else if (is_text(&attr, TA_ATTR_EXCEPTION_MESSAGE))
			recorded->message = attr;
	}
}

static void note_recorded(const struct recorded *recorded, struct ta_facts *facts)
{
	if (recorded->name.bytes == 9 && memcmp(recorded->name.value, "exception", 9) == 0)
		note_exception(facts, &recorded->type, &recorded->message);
}

/* The error that ended the span, if one did. */
static bool note_last_error(struct ta_facts *facts)
{
	static const struct ta_attr_view none;
	bool type = ta_facts_have(facts, TA_ATTR_EXCEPTION_TYPE);
	bool message = ta_facts_have(facts, TA_ATTR_EXCEPTION_MESSAGE);

	if (!type && !message)
		return false;
	note_exception(facts, type ? &facts->known[TA_ATTR_EXCEPTION_TYPE] : &none,
		       message ? &facts->known[TA_ATTR_EXCEPTION_MESSAGE] : &none);
	return true;
}

void ta_facts_exceptions(const struct ta_span *span, struct ta_facts *facts)
{
	struct recorded recorded;

	for (uint32_t i = 0; facts->event_count && i < span->records.count; i++) {
		if (span->records.items[i]->kind != TA_RECORD_SPAN_EVENT)
			continue;
		read_recorded(span->records.items[i], &recorded);
		note_recorded(&recorded, facts);
	}
	note_last_error(facts);
}

/* The limits that rows have to keep, or NULL. */
static struct ta_limits *limits_of_rows(struct ta_enrich *enrich)
{
	return enrich->limits.in_rows ? &enrich->limits : NULL;
}

static struct ta_out_event *add_event(struct ta_enrich *enrich, struct ta_out_span *out,
				      uint64_t time_ns, const char *name, uint32_t name_bytes,
				      uint8_t kind)
{
	struct ta_out_event *event;

	if (out->event_count >= enrich->limits.events) {
		out->dropped_events++;
		return NULL;
	}
	event = &out->events[out->event_count++];
	*event = (struct ta_out_event){ .time_ns = time_ns,
					.name = name,
					.name_bytes = name_bytes,
					.kind = kind,
					.limits = limits_of_rows(enrich) };
	return event;
}

static void add_recorded(struct ta_enrich *enrich, const struct ta_record_span_event *record,
			 struct ta_facts *facts, struct ta_out_span *out)
{
	struct recorded recorded;
	struct ta_out_event *event;

	read_recorded(&record->head, &recorded);
	note_recorded(&recorded, facts);
	event = add_event(enrich, out, record->time_ns,
			  recorded.name.bytes ? recorded.name.value : "event",
			  recorded.name.bytes ? recorded.name.bytes : 5, TA_OUT_RECORDED);
	if (!event)
		return;
	event->attrs = recorded.attrs;
	event->attr_bytes = recorded.bytes;
}

static struct ta_out_link *add_link(struct ta_enrich *enrich, struct ta_out_span *out,
				    uint64_t trace_hi, uint64_t trace_lo, uint64_t span_id)
{
	struct ta_out_link *link;

	if (out->link_count >= enrich->limits.links) {
		out->dropped_links++;
		return NULL;
	}
	link = &out->links[out->link_count++];
	*link = (struct ta_out_link){ .trace_hi = trace_hi,
				      .trace_lo = trace_lo,
				      .span_id = span_id,
				      .limits = limits_of_rows(enrich) };
	return link;
}

static void add_recorded_link(struct ta_enrich *enrich, const struct ta_record_span_link *record,
			      struct ta_out_span *out)
{
	struct ta_out_link *link;

	if (!record->link_span_id)
		return;
	link = add_link(enrich, out, record->trace_hi, record->trace_lo, record->link_span_id);
	if (link)
		link->attrs = ta_record_attrs(&record->head, &link->attr_bytes);
}

static void read_records(struct ta_enrich *enrich, const struct ta_span *span,
			 struct ta_facts *facts, struct ta_out_span *out)
{
	for (uint32_t i = 0; i < span->records.count; i++) {
		const struct ta_record *record = span->records.items[i];

		if (record->kind == TA_RECORD_SPAN_EVENT)
			add_recorded(enrich, (const void *)record, facts, out);
		else if (record->kind == TA_RECORD_SPAN_LINK)
			add_recorded_link(enrich, (const void *)record, out);
	}
}

/* The error that ended the span, with the time of its end. */
static void add_last_error(struct ta_enrich *enrich, const struct ta_span *span,
			   struct ta_facts *facts, struct ta_out_span *out)
{
	struct ta_out_event *event;

	if (!note_last_error(facts))
		return;
	event = add_event(enrich, out, span->end_ns, "exception", 9, TA_OUT_EXCEPTION);
	if (event)
		event->attrs = ta_record_attrs(facts->error_record, &event->attr_bytes);
}

static bool is_automatic(const struct ta_crumb *crumb)
{
	const char *cursor = crumb->attrs;
	struct ta_attr_view attr;

	while (cursor && ta_attr_next(&cursor, crumb->attrs + crumb->attr_bytes, &attr))
		if (attr.key == TA_ATTR_CRUMB_AUTOMATIC)
			return ta_attr_int(&attr) != 0;
	return false;
}

/* What hooks saw before the span began (a server's start) would be on every request. */
static uint32_t first_crumb(const struct ta_scope_data *scope, uint64_t start_ns)
{
	uint32_t first = 0;

	while (first < scope->crumb_count && scope->crumbs[first].time_ns < start_ns &&
	       is_automatic(&scope->crumbs[first]))
		first++;
	return first;
}

static void add_crumbs(struct ta_enrich *enrich, const struct ta_span *span,
		       struct ta_out_span *out)
{
	const struct ta_scope_data *scope = span->scope;
	uint32_t room = enrich->limits.events - out->event_count;
	uint32_t first = first_crumb(scope, span->start_ns);
	uint32_t left = scope->crumb_count - first;

	if (left > room) {
		out->dropped_events += left - room;
		first += left - room;
	}
	for (uint32_t i = first; i < scope->crumb_count; i++) {
		const struct ta_crumb *crumb = &scope->crumbs[i];
		struct ta_out_event *event =
			add_event(enrich, out, crumb->time_ns, "breadcrumb", 10, TA_OUT_CRUMB);

		if (!event)
			return;
		event->attrs = crumb->attrs;
		event->attr_bytes = crumb->attr_bytes;
	}
}

/* Few, and nearly in order already; those of one time stay in order. */
static void sort_events(struct ta_out_span *out)
{
	for (uint32_t i = 1; i < out->event_count; i++) {
		struct ta_out_event event = out->events[i];
		uint32_t at = i;

		while (at && out->events[at - 1].time_ns > event.time_ns) {
			out->events[at] = out->events[at - 1];
			at--;
		}
		if (at != i)
			out->events[at] = event;
	}
}

void ta_out_events(struct ta_enrich *enrich, const struct ta_span *span, struct ta_facts *facts,
		   struct ta_out_span *out)
{
	out->event_count = out->link_count = out->dropped_events = out->dropped_links = 0;
	if (span->link_span_id)
		add_link(enrich, out, span->link_trace_hi, span->link_trace_lo,
			 span->link_span_id);
	if (span->hint_span_id)
		add_link(enrich, out, span->hint_trace_hi, span->hint_trace_lo,
			 span->hint_span_id);
	if (facts->event_count || facts->link_count)
		read_records(enrich, span, facts, out);
	add_last_error(enrich, span, facts, out);
	if (span->scope && span->scope->crumb_count && ta_span_is_local_root(span))
		add_crumbs(enrich, span, out);
	sort_events(out);
}

static void walk_row(struct ta_out_walk *walk, const char *attrs, uint32_t bytes, uint8_t kind,
		     struct ta_limits *limits)
{
	walk->cursor = attrs;
	walk->end = attrs ? attrs + bytes : NULL;
	walk->kind = kind;
	walk->in_members = false;
	walk->limits = limits;
	walk->count = walk->dropped = 0;
}

void ta_out_event_walk(const struct ta_out_event *event, struct ta_out_walk *walk)
{
	walk_row(walk, event->attrs, event->attr_bytes, event->kind, event->limits);
}

void ta_out_link_walk(const struct ta_out_link *link, struct ta_out_walk *walk)
{
	walk_row(walk, link->attrs, link->attr_bytes, 0, link->limits);
}

static bool next_member(struct ta_out_walk *walk, struct ta_out_attr *attr)
{
	struct ta_json_slice key, value;

	if (!ta_json_next(&walk->members, &key, &value)) {
		walk->in_members = false;
		return false;
	}
	if (key.bytes && memchr(key.text, '\\', key.bytes)) {
		key.bytes = ta_json_unescape(key.text, key.bytes, walk->key, sizeof(walk->key));
		key.text = walk->key;
	}
	*attr = (struct ta_out_attr){ .name = key.text,
				      .name_bytes = (uint32_t)key.bytes,
				      .type = TA_ATTR_JSON,
				      .text = value.text,
				      .text_bytes = (uint32_t)value.bytes };
	return true;
}

static bool is_wanted(const struct ta_out_walk *walk, uint8_t key)
{
	switch (walk->kind) {
	case TA_OUT_EXCEPTION:
		return key == TA_ATTR_EXCEPTION_TYPE || key == TA_ATTR_EXCEPTION_MESSAGE;
	case TA_OUT_CRUMB:
		return key > TA_ATTR_CRUMB_TIME && key <= TA_ATTR_CRUMB_DATA;
	default:
		return key != TA_ATTR_NAME;
	}
}

/* One attribute as recorded; false when it has no name. */
static bool convert(const struct ta_attr_view *recorded, struct ta_out_attr *attr)
{
	struct ta_attr_view value = *recorded;
	const char *name = ta_attr_name(recorded->key), *level;
	uint32_t name_bytes = name ? (uint32_t)strlen(name) : 0;

	if (recorded->key == TA_ATTR_NAMED && !ta_attr_split(recorded, &name, &name_bytes, &value))
		return false;
	*attr = (struct ta_out_attr){ .name = name, .name_bytes = name_bytes };
	ta_out_set(attr, &value);
	if (recorded->key != TA_ATTR_CRUMB_LEVEL)
		return name_bytes != 0;
	level = ta_level_name((unsigned int)attr->number);
	attr->type = TA_ATTR_STRING;
	attr->text = level;
	attr->text_bytes = level ? (uint32_t)strlen(level) : 0;
	return level != NULL;
}

static bool next_attr(struct ta_out_walk *walk, struct ta_out_attr *ret_attr)
{
	struct ta_attr_view attr;

	if (walk->in_members && next_member(walk, ret_attr))
		return true;
	while (walk->cursor && ta_attr_next(&walk->cursor, walk->end, &attr)) {
		if (!is_wanted(walk, attr.key))
			continue;
		if (attr.key != TA_ATTR_EVENT_JSON) {
			if (convert(&attr, ret_attr))
				return true;
			continue;
		}
		walk->in_members = ta_json_walk(&walk->members, attr.value, attr.bytes) &&
				   walk->members.object;
		if (walk->in_members && next_member(walk, ret_attr))
			return true;
	}
	return false;
}

bool ta_out_walk_next(struct ta_out_walk *walk, struct ta_out_attr *ret_attr)
{
	uint32_t most;

	if (!walk->limits)
		return next_attr(walk, ret_attr);
	most = walk->kind ? walk->limits->event_attrs : walk->limits->link_attrs;
	if (!next_attr(walk, ret_attr))
		return false;
	if (walk->count++ < most) {
		ta_limits_row(walk->limits, ret_attr);
		return true;
	}
	do
		walk->dropped++;
	while (next_attr(walk, ret_attr));
	return false;
}
