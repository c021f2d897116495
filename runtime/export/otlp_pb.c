/* SPDX-License-Identifier: MIT */
/*
 * otlp_pb.c - spans as OTLP protobuf.
 *
 * Span for span what otlp_json.c writes; fields in the order of their numbers.
 *
 * Runs: agent, the exporter's thread.  No allocation but the buffers'.
 */
#include "runtime/export/otlp_pb.h"

#include <endian.h>

#include "runtime/export/otlp_pb_value.h"
#include "runtime/export/otlp_sink.h"
#include "runtime/export/otlp_span.h"

/* trace.proto */
enum {
	SPAN_TRACE_ID = 1,
	SPAN_ID = 2,
	SPAN_TRACE_STATE = 3,
	SPAN_PARENT_ID = 4,
	SPAN_NAME = 5,
	SPAN_KIND = 6,
	SPAN_START = 7,
	SPAN_END = 8,
	SPAN_ATTRIBUTES = 9,
	SPAN_DROPPED_ATTRIBUTES = 10,
	SPAN_EVENTS = 11,
	SPAN_DROPPED_EVENTS = 12,
	SPAN_LINKS = 13,
	SPAN_DROPPED_LINKS = 14,
	SPAN_STATUS = 15,
	SPAN_FLAGS = 16,
};
enum { EVENT_TIME = 1, EVENT_NAME = 2, EVENT_ATTRIBUTES = 3, EVENT_DROPPED = 4 };
enum { LINK_TRACE_ID = 1, LINK_SPAN_ID = 2, LINK_ATTRIBUTES = 4, LINK_DROPPED = 5, LINK_FLAGS = 6 };
enum { STATUS_MESSAGE = 2, STATUS_CODE = 3 };

static void put_ids(struct ta_buf *buf, uint64_t trace_hi, uint64_t trace_lo, uint64_t span_id)
{
	const uint64_t ids[3] = { htobe64(trace_hi), htobe64(trace_lo), htobe64(span_id) };

	_Static_assert((int)SPAN_TRACE_ID == (int)LINK_TRACE_ID &&
			       (int)SPAN_ID == (int)LINK_SPAN_ID,
		       "the same in both");
	ta_pb_bytes(buf, SPAN_TRACE_ID, &ids[0], 16);
	ta_pb_bytes(buf, SPAN_ID, &ids[2], 8);
}

/* The attributes of an event or a link, as many as there may be. */
static void put_walk(struct ta_buf *buf, struct ta_out_walk *walk, unsigned int field,
		     unsigned int dropped_field)
{
	struct ta_out_attr attr;
	uint32_t count = 0, dropped = 0;

	while (ta_out_walk_next(walk, &attr))
		if (count++ < TA_OUT_ATTRS_MAX)
			ta_otlp_pb_attr(buf, field, &attr);
	if (count > TA_OUT_ATTRS_MAX)
		dropped = count - TA_OUT_ATTRS_MAX;
	ta_pb_uint(buf, dropped_field, dropped + walk->dropped);
}

static void put_events(struct ta_buf *buf, const struct ta_out_span *out, int64_t wall_offset_ns)
{
	for (uint32_t i = 0; i < out->event_count; i++) {
		const struct ta_out_event *event = &out->events[i];
		size_t opened = ta_pb_open(buf, SPAN_EVENTS);
		struct ta_out_walk walk;

		ta_pb_fixed64(buf, EVENT_TIME, event->time_ns + (uint64_t)wall_offset_ns);
		ta_pb_text(buf, EVENT_NAME, event->name, event->name_bytes);
		ta_out_event_walk(event, &walk);
		put_walk(buf, &walk, EVENT_ATTRIBUTES, EVENT_DROPPED);
		ta_pb_close(buf, opened);
	}
	ta_pb_uint(buf, SPAN_DROPPED_EVENTS, out->dropped_events);
}

static void put_links(struct ta_buf *buf, const struct ta_out_span *out)
{
	for (uint32_t i = 0; i < out->link_count; i++) {
		const struct ta_out_link *link = &out->links[i];
		size_t opened = ta_pb_open(buf, SPAN_LINKS);
		struct ta_out_walk walk;

		put_ids(buf, link->trace_hi, link->trace_lo, link->span_id);
		ta_out_link_walk(link, &walk);
		put_walk(buf, &walk, LINK_ATTRIBUTES, LINK_DROPPED);
		ta_pb_fixed32(buf, LINK_FLAGS, TA_OTLP_LINK_FLAGS);
		ta_pb_close(buf, opened);
	}
	ta_pb_uint(buf, SPAN_DROPPED_LINKS, out->dropped_links);
}

static void put_status(struct ta_buf *buf, const struct ta_out_span *out)
{
	size_t opened;

	if (!out->status)
		return;
	opened = ta_pb_open(buf, SPAN_STATUS);
	ta_pb_text(buf, STATUS_MESSAGE, out->status_message, strlen(out->status_message));
	ta_pb_uint(buf, STATUS_CODE, (uint64_t)out->status);
	ta_pb_close(buf, opened);
}

static void put_span_ids(struct ta_buf *buf, const struct ta_span *span, const char *trace_state)
{
	const uint64_t parent_id = htobe64(span->parent_id);

	put_ids(buf, span->trace_hi, span->trace_lo, span->span_id);
	ta_pb_text(buf, SPAN_TRACE_STATE, trace_state, strlen(trace_state));
	ta_pb_bytes(buf, SPAN_PARENT_ID, &parent_id, span->parent_id ? 8 : 0);
}

static void put_times(struct ta_buf *buf, const struct ta_otlp_span *facts)
{
	ta_pb_fixed64(buf, SPAN_START, facts->start_ns);
	ta_pb_fixed64(buf, SPAN_END, facts->end_ns);
}

static void put_front(struct ta_otlp_sink *sink, const struct ta_out_span *out)
{
	sink->marks.front = ta_otlp_item_here(sink);
	ta_pb_text(&sink->items, SPAN_NAME, out->name, out->name_bytes);
	ta_pb_uint(&sink->items, SPAN_KIND, (uint64_t)out->kind);
	sink->marks.front_end = ta_otlp_item_here(sink);
}

static void put_rest(struct ta_otlp_sink *sink, const struct ta_out_span *out,
		     int64_t wall_offset_ns)
{
	struct ta_buf *buf = &sink->items;

	sink->marks.rest = ta_otlp_item_here(sink);
	for (uint32_t i = 0; i < out->attr_count; i++)
		ta_otlp_pb_attr(buf, SPAN_ATTRIBUTES, &out->attrs[i]);
	ta_pb_uint(buf, SPAN_DROPPED_ATTRIBUTES, out->dropped_attrs);
	put_events(buf, out, wall_offset_ns);
	put_links(buf, out);
	put_status(buf, out);
	sink->marks.rest_end = ta_otlp_item_here(sink);
}

/* Its length goes in front, which may move what has been marked. */
static void end_span(struct ta_otlp_sink *sink, size_t opened, const struct ta_otlp_span *facts)
{
	struct ta_otlp_marks *marks = &sink->marks;

	ta_pb_fixed32(&sink->items, SPAN_FLAGS, facts->flags);
	size_t moved = sink->items.bytes;

	ta_pb_close(&sink->items, opened);
	moved = sink->items.bytes - moved;
	marks->front += moved, marks->front_end += moved;
	marks->rest += moved, marks->rest_end += moved;
	ta_otlp_item_end(sink, facts->end_ns);
}

static void put_span(struct ta_sink *base, const struct ta_span *span,
		     const struct ta_out_span *out)
{
	struct ta_otlp_sink *sink = (struct ta_otlp_sink *)base;
	const struct ta_otlp_span facts = ta_otlp_span_of(sink->batch, span);
	struct ta_buf *buf = ta_otlp_item_begin(sink, span->process);
	size_t opened = ta_pb_open(buf, TA_OTLP_ITEM);

	put_span_ids(buf, span, out->trace_state);
	put_front(sink, out);
	put_times(buf, &facts);
	put_rest(sink, out, facts.wall_offset_ns);
	end_span(sink, opened, &facts);
}

static void put_again(struct ta_sink *base, const struct ta_span *span)
{
	struct ta_otlp_sink *sink = (struct ta_otlp_sink *)base;
	const struct ta_otlp_span facts = ta_otlp_span_of(sink->batch, span);
	struct ta_buf *buf = ta_otlp_item_begin(sink, span->process);
	size_t opened = ta_pb_open(buf, TA_OTLP_ITEM);

	put_span_ids(buf, span, "");
	ta_buf_put(buf, ta_repeat_front(sink->found), sink->found->front_bytes);
	put_times(buf, &facts);
	ta_buf_put(buf, ta_repeat_rest(sink->found), sink->found->rest_bytes);
	end_span(sink, opened, &facts);
}

const struct ta_sink_class ta_otlp_pb_traces_class = {
	.name = "OTLP traces",
	.begin = ta_otlp_sink_begin,
	.span = put_span,
	.knows = ta_otlp_sink_knows,
	.again = put_again,
	.learn = ta_otlp_sink_learn,
	.end = ta_otlp_sink_end,
	.free = ta_otlp_sink_free,
};
