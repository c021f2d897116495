/* SPDX-License-Identifier: MIT */
/*
 * otlp_pb_logs.c - captured events and logs as OTLP protobuf's log records.
 *
 * Record for record what otlp_json_logs.c writes; fields in the order of their numbers.
 *
 * Runs: agent, the exporter's thread.
 */
#include <endian.h>

#include "runtime/export/otlp_log.h"
#include "runtime/export/otlp_pb_value.h"
#include "runtime/export/otlp_sink.h"

/* logs.proto */
enum {
	LOG_TIME = 1,
	LOG_SEVERITY = 2,
	LOG_SEVERITY_TEXT = 3,
	LOG_BODY = 5,
	LOG_ATTRIBUTES = 6,
	LOG_DROPPED_ATTRIBUTES = 7,
	LOG_TRACE_ID = 9,
	LOG_SPAN_ID = 10,
	LOG_OBSERVED = 11,
	LOG_EVENT_NAME = 12,
};

/* ---- attributes ---- */

struct pb_writer {
	struct ta_otlp_writer writer;
	struct ta_buf *buf;
	uint32_t count, dropped; /* of the record's attributes */
	unsigned int depth;	 /* of lists */
	struct {
		size_t pair, value, list; /* opened; pair only when named */
		bool named;
	} lists[TA_OTLP_LOG_DEPTH_MAX];
};

static bool take_place(struct pb_writer *pb)
{
	if (pb->count == TA_OUT_ATTRS_MAX) {
		pb->dropped++;
		return false;
	}
	pb->count++;
	return true;
}

static void write_attr(struct ta_otlp_writer *writer, const struct ta_out_attr *attr)
{
	struct pb_writer *pb = (struct pb_writer *)writer;

	if (pb->depth)
		ta_otlp_pb_attr(pb->buf, TA_PB_VALUES, attr);
	else if (take_place(pb))
		ta_otlp_pb_attr(pb->buf, LOG_ATTRIBUTES, attr);
}

static void write_element(struct ta_otlp_writer *writer, const struct ta_out_attr *attr)
{
	ta_otlp_pb_value(((struct pb_writer *)writer)->buf, TA_PB_VALUES, attr);
}

static bool open_list(struct ta_otlp_writer *writer, const char *name, enum ta_otlp_kind kind)
{
	struct pb_writer *pb = (struct pb_writer *)writer;

	if (name && !take_place(pb))
		return false;
	pb->lists[pb->depth].named = name != NULL;
	if (name) {
		pb->lists[pb->depth].pair = ta_pb_open(pb->buf, LOG_ATTRIBUTES);
		ta_pb_text(pb->buf, TA_PB_KEY, name, strlen(name));
	}
	pb->lists[pb->depth].value = ta_pb_open(pb->buf, name ? (unsigned int)TA_PB_VALUE :
								TA_PB_VALUES);
	pb->lists[pb->depth++].list =
		ta_pb_open(pb->buf, kind == TA_OTLP_ARRAY ? TA_PB_ARRAY : TA_PB_KVLIST);
	return true;
}

static void close_list(struct ta_otlp_writer *writer)
{
	struct pb_writer *pb = (struct pb_writer *)writer;
	unsigned int depth = --pb->depth;

	ta_pb_close(pb->buf, pb->lists[depth].list);
	ta_pb_close(pb->buf, pb->lists[depth].value);
	if (pb->lists[depth].named)
		ta_pb_close(pb->buf, pb->lists[depth].pair);
}

static const struct ta_otlp_writer_class writer_class = {
	.attr = write_attr,
	.element = write_element,
	.open = open_list,
	.close = close_list,
};

static void put_attributes(struct ta_buf *buf, const struct ta_event *event,
			   const struct ta_event_data *data)
{
	struct pb_writer pb = { .writer = { &writer_class }, .buf = buf };

	ta_otlp_log_attributes(&pb.writer, event, data, false);
	ta_pb_uint(buf, LOG_DROPPED_ATTRIBUTES, pb.dropped);
}

/* ---- the record ---- */

static void put_string(struct ta_buf *buf, unsigned int field, const char *text)
{
	if (text)
		ta_pb_text(buf, field, text, strlen(text));
}

static void put_body(struct ta_buf *buf, const struct ta_otlp_log *log)
{
	size_t value, text;

	if (!log->has_body)
		return;
	value = ta_pb_open(buf, LOG_BODY);
	text = ta_pb_open(buf, TA_PB_STRING);
	for (unsigned int i = 0; i < 3; i++)
		ta_pb_text_inside(buf, log->body[i].text, log->body[i].bytes);
	ta_pb_close(buf, text);
	ta_pb_close(buf, value);
}

static void put_trace(struct ta_buf *buf, const struct ta_record_event *record)
{
	const uint64_t ids[3] = { htobe64(record->trace_hi), htobe64(record->trace_lo),
				  htobe64(record->span_id) };

	if (!(record->trace_hi | record->trace_lo))
		return;
	ta_pb_bytes(buf, LOG_TRACE_ID, &ids[0], 16);
	ta_pb_bytes(buf, LOG_SPAN_ID, &ids[2], record->span_id ? 8 : 0);
}

static void put_event(struct ta_sink *base, const struct ta_event *event,
		      const struct ta_event_data *data)
{
	struct ta_otlp_sink *sink = (struct ta_otlp_sink *)base;
	const struct ta_otlp_log log = ta_otlp_log_of(sink->batch, event, data);
	struct ta_buf *buf = ta_otlp_item_begin(sink, event->process);
	size_t opened = ta_pb_open(buf, TA_OTLP_ITEM);

	ta_pb_fixed64(buf, LOG_TIME, log.time_ns);
	ta_pb_uint(buf, LOG_SEVERITY, log.severity);
	put_string(buf, LOG_SEVERITY_TEXT, log.severity_text);
	put_body(buf, &log);
	put_attributes(buf, event, data);
	put_trace(buf, event->record);
	ta_pb_fixed64(buf, LOG_OBSERVED, log.time_ns);
	put_string(buf, LOG_EVENT_NAME, log.event_name);
	ta_pb_close(buf, opened);
	ta_otlp_item_end(sink, log.time_ns);
}

const struct ta_sink_class ta_otlp_pb_logs_class = {
	.name = "OTLP logs",
	.begin = ta_otlp_sink_begin,
	.event = put_event,
	.end = ta_otlp_sink_end,
	.free = ta_otlp_sink_free,
};
