/* SPDX-License-Identifier: MIT */
/*
 * otlp_json_logs.c - captured events and logs as OTLP log records.
 *
 * The order of the batch is kept: a run of events of one process becomes one
 * resourceLogs entry.
 *
 * Runs: agent, one thread.
 */
#include <errno.h>
#include <string.h>

#include "runtime/export/event_merge.h"
#include "runtime/export/level.h"
#include "runtime/export/otlp_json.h"
#include "runtime/export/otlp_value.h"

#define PUT TA_PUT

static void put_text(struct ta_otlp_row *row, const char *name, const char *text, size_t bytes)
{
	struct ta_out_attr attr = { .name = name,
				    .name_bytes = (uint32_t)strlen(name),
				    .type = TA_ATTR_STRING,
				    .plain_name = true,
				    .text = text,
				    .text_bytes = (uint32_t)bytes };

	ta_otlp_row_put(row, &attr);
}

static void put_slice(struct ta_otlp_row *row, const char *name, struct ta_json_slice text)
{
	if (text.text)
		put_text(row, name, text.text, text.bytes);
}

static void put_entries(struct ta_otlp_row *row, const char *prefix,
			const struct ta_entry *entries, uint32_t count)
{
	struct ta_out_attr attr;

	for (uint32_t i = 0; i < count; i++) {
		ta_out_entry(&attr, prefix, prefix ? (uint32_t)strlen(prefix) : 0, &entries[i]);
		ta_otlp_row_put(row, &attr);
	}
}

static void put_user(struct ta_otlp_row *row, const struct ta_event_data *data)
{
	struct ta_out_attr attr;

	for (uint32_t i = 0; i < data->user_count; i++)
		if (ta_out_user(&attr, &data->user[i]))
			ta_otlp_row_put(row, &attr);
}

/* Behind an array's or a list's first element a comma. */
static void separate(struct ta_buf *buf, bool *first)
{
	if (!*first)
		ta_buf_putc(buf, ',');
	*first = false;
}

static void put_member(struct ta_buf *buf, bool *first, const char *key,
		       struct ta_json_slice text)
{
	if (!text.text)
		return;
	separate(buf, first);
	PUT(buf, "{\"key\":\"");
	ta_buf_puts(buf, key);
	PUT(buf, "\",\"value\":{\"stringValue\":");
	ta_buf_put_json(buf, text.text, text.bytes);
	PUT(buf, "}}");
}

static struct ta_json_slice level_text(uint8_t level)
{
	const char *name = ta_level_name(level);

	return (struct ta_json_slice){ name, name ? strlen(name) : 0 };
}

static void put_crumb(struct ta_buf *buf, const struct ta_crumb_view *crumb)
{
	bool first = true;

	PUT(buf, "{\"kvlistValue\":{\"values\":[");
	if (crumb->time_ns) {
		separate(buf, &first);
		PUT(buf, "{\"key\":\"timestamp\",\"value\":{\"intValue\":\"");
		ta_buf_put_u64(buf, crumb->time_ns);
		PUT(buf, "\"}}");
	}
	put_member(buf, &first, "type", crumb->type);
	put_member(buf, &first, "category", crumb->category);
	put_member(buf, &first, "message", crumb->message);
	put_member(buf, &first, "level", level_text(crumb->level));
	if (crumb->data.text) {
		separate(buf, &first);
		PUT(buf, "{\"key\":\"data\",\"value\":");
		ta_otlp_put_json(buf, crumb->data.text, crumb->data.bytes);
		ta_buf_putc(buf, '}');
	}
	PUT(buf, "]}}");
}

static void put_crumbs(struct ta_otlp_row *row, const struct ta_event_data *data)
{
	bool first = true;

	if (!data->crumb_count || !ta_otlp_row_open(row, "tagalong.breadcrumbs"))
		return;
	PUT(row->buf, "{\"arrayValue\":{\"values\":[");
	for (uint32_t i = 0; i < data->crumb_count; i++) {
		separate(row->buf, &first);
		put_crumb(row->buf, &data->crumbs[i]);
	}
	PUT(row->buf, "]}}");
	ta_otlp_row_close(row);
}

static void put_fingerprint(struct ta_otlp_row *row, const struct ta_event_data *data)
{
	bool first = true;

	if (!data->fingerprint_count || !ta_otlp_row_open(row, "tagalong.fingerprint"))
		return;
	PUT(row->buf, "{\"arrayValue\":{\"values\":[");
	for (uint32_t i = 0; i < data->fingerprint_count; i++) {
		separate(row->buf, &first);
		ta_otlp_put_json(row->buf, data->fingerprint[i].value,
				 data->fingerprint[i].value_bytes);
	}
	PUT(row->buf, "]}}");
	ta_otlp_row_close(row);
}

/* The first one by OpenTelemetry's names; if there are several, all of them besides. */
static void put_exceptions(struct ta_otlp_row *row, const struct ta_event_data *data)
{
	bool first = true;

	if (!data->exception_count)
		return;
	put_slice(row, "exception.type", data->exceptions[0].type);
	put_slice(row, "exception.message", data->exceptions[0].value);
	if (data->exception_count < 2 || !ta_otlp_row_open(row, "tagalong.exceptions"))
		return;
	PUT(row->buf, "{\"arrayValue\":{\"values\":[");
	for (uint32_t i = 0; i < data->exception_count; i++) {
		bool first_member = true;

		separate(row->buf, &first);
		PUT(row->buf, "{\"kvlistValue\":{\"values\":[");
		put_member(row->buf, &first_member, "type", data->exceptions[i].type);
		put_member(row->buf, &first_member, "value", data->exceptions[i].value);
		PUT(row->buf, "]}}");
	}
	PUT(row->buf, "]}}");
	ta_otlp_row_close(row);
}

static void write_hex64(char *out, uint64_t value)
{
	for (int i = 15; i >= 0; i--, value >>= 4)
		out[i] = "0123456789abcdef"[value & 15];
}

static void put_ids(struct ta_otlp_row *row, const struct ta_record_event *record)
{
	char id[32];

	write_hex64(id, record->id_hi);
	write_hex64(id + 16, record->id_lo);
	if (record->id_hi | record->id_lo)
		put_text(row, "tagalong.event.id", id, 32);
	write_hex64(id, record->parent_id);
	if (record->parent_id)
		put_text(row, "tagalong.span.parent_id", id, 16);
}

static void put_attributes(struct ta_buf *buf, const struct ta_record_event *record,
			   const struct ta_event_data *data)
{
	struct ta_otlp_row row;

	ta_otlp_row_begin(&row, buf);
	put_ids(&row, record);
	put_exceptions(&row, data);
	put_slice(&row, "tagalong.transaction", data->transaction);
	put_fingerprint(&row, data);
	put_crumbs(&row, data);
	put_user(&row, data);
	put_entries(&row, "tagalong.tag.", data->tags, data->tag_count);
	put_entries(&row, "tagalong.context.", data->contexts, data->context_count);
	put_entries(&row, "tagalong.extra.", data->extras, data->extra_count);
	put_entries(&row, NULL, data->attributes, data->attribute_count);
	ta_otlp_row_end(&row, 0);
}

/* The message; of an error without one "TYPE: MESSAGE". */
static void put_body(struct ta_buf *buf, const struct ta_event_data *data)
{
	const struct ta_exception_view *error = data->exception_count ? data->exceptions : NULL;

	if (!data->message.text && !(error && (error->type.bytes || error->value.bytes)))
		return;
	PUT(buf, ",\"body\":{\"stringValue\":\"");
	if (data->message.text) {
		ta_buf_put_json_inside(buf, data->message.text, data->message.bytes);
	} else {
		ta_buf_put_json_inside(buf, error->type.text, error->type.bytes);
		if (error->type.bytes && error->value.bytes)
			PUT(buf, ": ");
		ta_buf_put_json_inside(buf, error->value.text, error->value.bytes);
	}
	PUT(buf, "\"}");
}

static void put_event_name(struct ta_buf *buf, uint8_t type)
{
	if (type == TA_CAPTURE_MESSAGE)
		PUT(buf, ",\"eventName\":\"tagalong.message\"");
	else if (type == TA_CAPTURE_ERROR)
		PUT(buf, ",\"eventName\":\"exception\"");
	else if (type == TA_CAPTURE_CUSTOM)
		PUT(buf, ",\"eventName\":\"tagalong.event\"");
}

static void put_severity(struct ta_buf *buf, uint8_t level)
{
	if (!ta_level_severity(level))
		return;
	PUT(buf, ",\"severityNumber\":");
	ta_buf_put_u64(buf, ta_level_severity(level));
	PUT(buf, ",\"severityText\":\"");
	ta_buf_puts(buf, ta_level_name(level));
	ta_buf_putc(buf, '"');
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

static void put_event(struct ta_buf *buf, const struct ta_event *event, int64_t wall_offset_ns)
{
	const struct ta_record_event *record = event->record;
	struct ta_event_data data;
	uint64_t time_ns;

	if (event->process && event->process->wall_offset_ns)
		wall_offset_ns = event->process->wall_offset_ns;
	time_ns = record->time_ns + (uint64_t)wall_offset_ns;
	if (ta_event_merge(event, wall_offset_ns, &data) != 0)
		buf->failed = true;
	PUT(buf, "{\"timeUnixNano\":\"");
	ta_buf_put_u64(buf, time_ns);
	PUT(buf, "\",\"observedTimeUnixNano\":\"");
	ta_buf_put_u64(buf, time_ns);
	ta_buf_putc(buf, '"');
	put_severity(buf, data.level);
	put_event_name(buf, record->type);
	put_body(buf, &data);
	put_attributes(buf, record, &data);
	put_trace(buf, record);
	ta_buf_putc(buf, '}');
	ta_event_data_fini(&data);
}

static void open_resource(struct ta_buf *buf, struct ta_enrich *enrich,
			  const struct ta_process *process)
{
	PUT(buf, "{\"resource\":{\"attributes\":[");
	ta_enrich_resource_json(enrich, process, buf);
	PUT(buf, "]},\"scopeLogs\":[{\"scope\":{\"name\":\"tagalong\",\"version\":\"" TA_VERSION
		 "\"},\"logRecords\":[");
}

static void close_resource(struct ta_buf *buf)
{
	PUT(buf, "],\"schemaUrl\":\"" TA_OTLP_SCHEMA_URL "\"}],\"schemaUrl\":\"" TA_OTLP_SCHEMA_URL
		 "\"}");
}

int ta_otlp_json_logs(const struct ta_batch *batch, struct ta_enrich *enrich, struct ta_buf *buf)
{
	PUT(buf, "{\"resourceLogs\":[");
	for (uint32_t i = 0; i < batch->event_count; i++) {
		const struct ta_event *event = batch->events[i];

		if (!i || event->process != batch->events[i - 1]->process) {
			if (i) {
				close_resource(buf);
				ta_buf_putc(buf, ',');
			}
			open_resource(buf, enrich, event->process);
		} else {
			ta_buf_putc(buf, ',');
		}
		put_event(buf, event, batch->wall_offset_ns);
	}
	if (batch->event_count)
		close_resource(buf);
	PUT(buf, "]}");
	return buf->failed ? -ENOMEM : 0;
}
