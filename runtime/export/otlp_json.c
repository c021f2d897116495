/* SPDX-License-Identifier: MIT */
/*
 * otlp_json.c - spans as OTLP JSON.
 *
 * The order of the batch is kept: a run of spans of one process becomes one
 * resourceSpans entry, so a process may have several of them.
 *
 * Runs: agent, the exporter's thread.  No allocation but the buffers'.
 */
#include "runtime/export/otlp_json.h"

#include <string.h>

#include "runtime/export/otlp_sink.h"
#include "runtime/export/otlp_span.h"
#include "runtime/export/otlp_value.h"

#define PUT TA_PUT

_Static_assert(TA_OTLP_LINK_FLAGS == 256, "written in put_links()");

static void put_trace_id(struct ta_buf *buf, uint64_t hi, uint64_t lo)
{
	PUT(buf, "\"traceId\":\"");
	ta_buf_put_hex64(buf, hi);
	ta_buf_put_hex64(buf, lo);
	PUT(buf, "\",\"spanId\":\"");
}

static void put_attributes(struct ta_buf *buf, const struct ta_out_span *out)
{
	struct ta_otlp_row row;

	ta_otlp_row_begin(&row, buf);
	for (uint32_t i = 0; i < out->attr_count; i++)
		ta_otlp_row_put(&row, &out->attrs[i]);
	ta_otlp_row_end(&row, out->dropped_attrs);
}

static void put_ids(struct ta_buf *buf, const struct ta_span *span, const char *trace_state)
{
	char *at = ta_buf_reserve(buf, 120);

	if (!at)
		return;
	at = TA_WRITE(at, "{\"traceId\":\"");
	at = ta_write_hex64(ta_write_hex64(at, span->trace_hi), span->trace_lo);
	at = TA_WRITE(at, "\",\"spanId\":\"");
	at = ta_write_hex64(at, span->span_id);
	ta_buf_wrote(buf, TA_WRITE(at, "\""));
	if (trace_state[0]) {
		PUT(buf, ",\"traceState\":");
		ta_buf_put_json(buf, trace_state, strlen(trace_state));
	}
	if (span->parent_id) {
		PUT(buf, ",\"parentSpanId\":\"");
		ta_buf_put_hex64(buf, span->parent_id);
		ta_buf_putc(buf, '"');
	}
}

static void put_times(struct ta_buf *buf, const struct ta_otlp_span *facts)
{
	char *at = ta_buf_reserve(buf, 96);

	if (!at)
		return;
	at = TA_WRITE(at, ",\"startTimeUnixNano\":\"");
	at = ta_write_u64(at, facts->start_ns);
	at = TA_WRITE(at, "\",\"endTimeUnixNano\":\"");
	at = ta_write_u64(at, facts->end_ns);
	*at++ = '"';
	ta_buf_wrote(buf, at);
}

static void put_walk(struct ta_buf *buf, struct ta_out_walk *walk)
{
	struct ta_otlp_row row;
	struct ta_out_attr attr;

	ta_otlp_row_begin(&row, buf);
	while (ta_out_walk_next(walk, &attr))
		ta_otlp_row_put(&row, &attr);
	ta_otlp_row_end(&row, walk->dropped);
}

static void put_event(struct ta_buf *buf, const struct ta_out_event *event, int64_t wall_offset_ns)
{
	struct ta_out_walk walk;

	PUT(buf, "{\"timeUnixNano\":\"");
	ta_buf_put_u64(buf, event->time_ns + (uint64_t)wall_offset_ns);
	PUT(buf, "\",\"name\":");
	ta_buf_put_json(buf, event->name, event->name_bytes);
	ta_out_event_walk(event, &walk);
	put_walk(buf, &walk);
	ta_buf_putc(buf, '}');
}

static void put_events(struct ta_buf *buf, const struct ta_out_span *out, int64_t wall_offset_ns)
{
	for (uint32_t i = 0; i < out->event_count; i++) {
		if (i)
			ta_buf_putc(buf, ',');
		else
			PUT(buf, ",\"events\":[");
		put_event(buf, &out->events[i], wall_offset_ns);
	}
	if (out->event_count)
		ta_buf_putc(buf, ']');
	if (out->dropped_events) {
		PUT(buf, ",\"droppedEventsCount\":");
		ta_buf_put_u64(buf, out->dropped_events);
	}
}

static void put_links(struct ta_buf *buf, const struct ta_out_span *out)
{
	for (uint32_t i = 0; i < out->link_count; i++) {
		const struct ta_out_link *link = &out->links[i];
		struct ta_out_walk walk;

		if (i)
			PUT(buf, ",{");
		else
			PUT(buf, ",\"links\":[{");
		put_trace_id(buf, link->trace_hi, link->trace_lo);
		ta_buf_put_hex64(buf, link->span_id);
		ta_buf_putc(buf, '"');
		ta_out_link_walk(link, &walk);
		put_walk(buf, &walk);
		PUT(buf, ",\"flags\":256}");
	}
	if (out->link_count)
		ta_buf_putc(buf, ']');
	if (out->dropped_links) {
		PUT(buf, ",\"droppedLinksCount\":");
		ta_buf_put_u64(buf, out->dropped_links);
	}
}

static void put_status(struct ta_buf *buf, const struct ta_out_span *out)
{
	if (!out->status)
		return;
	PUT(buf, ",\"status\":{");
	if (out->status_message[0]) {
		PUT(buf, "\"message\":");
		ta_buf_put_json(buf, out->status_message, strlen(out->status_message));
		ta_buf_putc(buf, ',');
	}
	PUT(buf, "\"code\":");
	ta_buf_put_i64(buf, out->status);
	ta_buf_putc(buf, '}');
}

static void put_flags(struct ta_otlp_sink *sink, const struct ta_otlp_span *facts)
{
	PUT(&sink->items, ",\"flags\":");
	ta_buf_put_u64(&sink->items, facts->flags);
	ta_buf_putc(&sink->items, '}');
	ta_otlp_item_end(sink, facts->end_ns);
}

static void put_span(struct ta_sink *base, const struct ta_span *span,
		     const struct ta_out_span *out)
{
	struct ta_otlp_sink *sink = (struct ta_otlp_sink *)base;
	const struct ta_otlp_span facts = ta_otlp_span_of(sink->batch, span);
	struct ta_buf *buf = ta_otlp_item_begin(sink, span->process);

	put_ids(buf, span, out->trace_state);
	sink->marks.front = ta_otlp_item_here(sink);
	PUT(buf, ",\"name\":");
	ta_buf_put_json(buf, out->name, out->name_bytes);
	PUT(buf, ",\"kind\":");
	ta_buf_put_u64(buf, (uint64_t)out->kind);
	sink->marks.front_end = ta_otlp_item_here(sink);
	put_times(buf, &facts);
	sink->marks.rest = ta_otlp_item_here(sink);
	put_attributes(buf, out);
	put_events(buf, out, facts.wall_offset_ns);
	put_links(buf, out);
	put_status(buf, out);
	sink->marks.rest_end = ta_otlp_item_here(sink);
	put_flags(sink, &facts);
}

static void put_again(struct ta_sink *base, const struct ta_span *span)
{
	struct ta_otlp_sink *sink = (struct ta_otlp_sink *)base;
	const struct ta_otlp_span facts = ta_otlp_span_of(sink->batch, span);
	struct ta_buf *buf = ta_otlp_item_begin(sink, span->process);

	put_ids(buf, span, "");
	ta_buf_put(buf, ta_repeat_front(sink->found), sink->found->front_bytes);
	put_times(buf, &facts);
	ta_buf_put(buf, ta_repeat_rest(sink->found), sink->found->rest_bytes);
	put_flags(sink, &facts);
}

const struct ta_sink_class ta_otlp_json_traces_class = {
	.name = "OTLP traces (JSON)",
	.begin = ta_otlp_sink_begin,
	.span = put_span,
	.knows = ta_otlp_sink_knows,
	.again = put_again,
	.learn = ta_otlp_sink_learn,
	.end = ta_otlp_sink_end,
	.free = ta_otlp_sink_free,
};

int ta_otlp_json_encode(const struct ta_batch *batch, struct ta_enrich *enrich, struct ta_buf *buf)
{
	struct ta_otlp_sink sink;
	struct ta_out_span out;
	int error;

	ta_otlp_sink_init(&sink, &ta_otlp_json_traces_class, enrich);
	ta_otlp_sink_begin(&sink.sink, batch);
	for (uint32_t i = 0; i < batch->count; i++) {
		ta_enrich_span(enrich, batch->spans[i], &out);
		put_span(&sink.sink, batch->spans[i], &out);
	}
	error = ta_otlp_sink_request(&sink, buf);
	ta_otlp_sink_fini(&sink);
	return error;
}
