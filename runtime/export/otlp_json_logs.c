/* SPDX-License-Identifier: MIT */
/*
 * otlp_json_logs.c - captured events and logs as OTLP JSON's log records.
 *
 * The order of the batch is kept: a run of events of one process becomes one
 * resourceLogs entry.
 *
 * Runs: agent, the exporter's thread.
 */
#include <errno.h>

#include "runtime/export/otlp_json.h"
#include "runtime/export/otlp_log.h"
#include "runtime/export/otlp_sink.h"

#define PUT TA_PUT

/* ---- attributes ---- */

struct json_writer {
	struct ta_otlp_writer writer;
	struct ta_otlp_row row; /* of the record */
	unsigned int depth;	/* of lists */
	struct {
		bool named; /* a KeyValue, not an element */
		bool any;   /* it has members */
	} lists[TA_OTLP_LOG_DEPTH_MAX];
};

/* In front of a member of the list at hand. */
static void separate(struct json_writer *json)
{
	if (json->lists[json->depth - 1].any)
		ta_buf_putc(json->row.buf, ',');
	json->lists[json->depth - 1].any = true;
}

static void write_attr(struct ta_otlp_writer *writer, const struct ta_out_attr *attr)
{
	struct json_writer *json = (struct json_writer *)writer;
	struct ta_buf *buf = json->row.buf;

	if (!json->depth) {
		ta_otlp_row_put(&json->row, attr);
		return;
	}
	separate(json);
	PUT(buf, "{\"key\":");
	ta_buf_put_json(buf, attr->name, attr->name_bytes);
	PUT(buf, ",\"value\":");
	ta_otlp_put_value(buf, attr);
	ta_buf_putc(buf, '}');
}

static void write_element(struct ta_otlp_writer *writer, const struct ta_out_attr *attr)
{
	struct json_writer *json = (struct json_writer *)writer;

	separate(json);
	ta_otlp_put_value(json->row.buf, attr);
}

static bool open_list(struct ta_otlp_writer *writer, const char *name, enum ta_otlp_kind kind)
{
	struct json_writer *json = (struct json_writer *)writer;

	if (name && !ta_otlp_row_open(&json->row, name))
		return false;
	if (!name)
		separate(json);
	json->lists[json->depth].named = name != NULL;
	json->lists[json->depth++].any = false;
	if (kind == TA_OTLP_ARRAY)
		PUT(json->row.buf, "{\"arrayValue\":{\"values\":[");
	else
		PUT(json->row.buf, "{\"kvlistValue\":{\"values\":[");
	return true;
}

static void close_list(struct ta_otlp_writer *writer)
{
	struct json_writer *json = (struct json_writer *)writer;

	PUT(json->row.buf, "]}}");
	if (json->lists[--json->depth].named)
		ta_otlp_row_close(&json->row);
}

static const struct ta_otlp_writer_class writer_class = {
	.attr = write_attr,
	.element = write_element,
	.open = open_list,
	.close = close_list,
};

static void put_attributes(struct ta_buf *buf, const struct ta_event *event,
			   const struct ta_event_data *data, bool whole)
{
	struct json_writer json = { .writer = { &writer_class } };

	ta_otlp_row_begin(&json.row, buf);
	ta_otlp_log_attributes(&json.writer, event, data, whole);
	ta_otlp_row_end(&json.row, 0);
}

/* ---- the record ---- */

static void put_name(struct ta_buf *buf, const struct ta_otlp_log *log)
{
	if (log->severity) {
		PUT(buf, ",\"severityNumber\":");
		ta_buf_put_u64(buf, log->severity);
		PUT(buf, ",\"severityText\":\"");
		ta_buf_puts(buf, log->severity_text);
		ta_buf_putc(buf, '"');
	}
	if (log->event_name) {
		PUT(buf, ",\"eventName\":\"");
		ta_buf_puts(buf, log->event_name);
		ta_buf_putc(buf, '"');
	}
}

static void put_body(struct ta_buf *buf, const struct ta_otlp_log *log)
{
	if (!log->has_body)
		return;
	PUT(buf, ",\"body\":{\"stringValue\":\"");
	for (unsigned int i = 0; i < 3; i++)
		ta_buf_put_json_inside(buf, log->body[i].text, log->body[i].bytes);
	PUT(buf, "\"}");
}

static void put_trace(struct ta_buf *buf, const struct ta_record_event *record)
{
	if (!(record->trace_hi | record->trace_lo))
		return;
	PUT(buf, ",\"traceId\":\"");
	ta_buf_put_hex64(buf, record->trace_hi);
	ta_buf_put_hex64(buf, record->trace_lo);
	ta_buf_putc(buf, '"');
	if (!record->span_id)
		return;
	PUT(buf, ",\"spanId\":\"");
	ta_buf_put_hex64(buf, record->span_id);
	ta_buf_putc(buf, '"');
}

static void put_event(struct ta_sink *base, const struct ta_event *event,
		      const struct ta_event_data *data)
{
	struct ta_otlp_sink *sink = (struct ta_otlp_sink *)base;
	const struct ta_otlp_log log = ta_otlp_log_of(sink->batch, event, data);
	struct ta_buf *buf = ta_otlp_item_begin(sink, event->process);

	PUT(buf, "{\"timeUnixNano\":\"");
	ta_buf_put_u64(buf, log.time_ns);
	PUT(buf, "\",\"observedTimeUnixNano\":\"");
	ta_buf_put_u64(buf, log.time_ns);
	ta_buf_putc(buf, '"');
	put_name(buf, &log);
	put_body(buf, &log);
	/* A file has no limit, and is what `tagalong show` reads. */
	put_attributes(buf, event, data,
		       !sink->limits.bytes || sink->limits.bytes == UINT32_MAX);
	put_trace(buf, event->record);
	ta_buf_putc(buf, '}');
	ta_otlp_item_end(sink, log.time_ns);
}

const struct ta_sink_class ta_otlp_json_logs_class = {
	.name = "OTLP logs (JSON)",
	.begin = ta_otlp_sink_begin,
	.event = put_event,
	.end = ta_otlp_sink_end,
	.free = ta_otlp_sink_free,
};

int ta_otlp_json_logs(const struct ta_batch *batch, struct ta_enrich *enrich, struct ta_buf *buf)
{
	struct ta_otlp_sink sink;
	int error = 0, wrong;

	ta_otlp_sink_init(&sink, &ta_otlp_json_logs_class, enrich);
	ta_otlp_sink_begin(&sink.sink, batch);
	for (uint32_t i = 0; i < batch->event_count && !error; i++) {
		const struct ta_event *event = batch->events[i];
		struct ta_event_data data;

		error = ta_event_merge(event, ta_batch_wall_offset(batch, event->process), &data);
		if (!error)
			put_event(&sink.sink, event, &data);
		ta_event_data_fini(&data);
	}
	wrong = ta_otlp_sink_request(&sink, buf);
	ta_otlp_sink_fini(&sink);
	return error ? error : wrong;
}
