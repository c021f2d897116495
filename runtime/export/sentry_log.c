/* SPDX-License-Identifier: MIT */
/*
 * sentry_log.c - logs as items of Sentry: those of one batch together, some at a time.
 *
 * Runs: agent, the exporter's thread.
 */
#include <string.h>

#include "runtime/export/level.h"
#include "runtime/export/sentry_internal.h"

#define PUT TA_SENTRY_PUT
#define LOG_BYTES (256u << 10) /* of one log, before its texts are cut */

static const char *level_word(uint8_t level)
{
	const char *name = ta_level_name(level);

	if (level == TA_LEVEL_WARNING)
		return "warn";
	return name ? name : "info";
}

/* The type of a value, told by what was written of it. */
static const char *type_word(const struct ta_buf *buf, size_t from)
{
	const char *text = buf->data + from;
	size_t bytes = buf->bytes - from;

	if (buf->failed || text[0] == '"')
		return "string";
	if (text[0] == 't' || text[0] == 'f')
		return "boolean";
	return memchr(text, '.', bytes) || memchr(text, 'e', bytes) || memchr(text, 'E', bytes) ?
		       "double" :
		       "integer";
}

/* Objects, arrays and null become the texts of their JSON. */
static void put_json(struct ta_buf *buf, const struct ta_out_attr *attr, size_t most)
{
	enum ta_json_kind kind = ta_json_kind(attr->text, attr->text_bytes);

	if (kind == TA_JSON_BOOL || kind == TA_JSON_NUMBER)
		ta_sentry_value(buf, attr->text, attr->text_bytes, most);
	else if (!ta_sentry_string(buf, attr->text, attr->text_bytes, most))
		PUT(buf, "\"null\"");
}

static void put_attribute(struct ta_buf *buf, const struct ta_out_attr *attr, size_t most)
{
	const char *type;
	size_t from;

	ta_sentry_key_text(buf, attr->name, attr->name_bytes);
	PUT(buf, "{\"value\":");
	from = buf->bytes;
	if (attr->type == TA_ATTR_JSON)
		put_json(buf, attr, most);
	else
		ta_sentry_attr(buf, attr, most);
	type = type_word(buf, from);
	ta_sentry_member(buf, "type", type, strlen(type), TA_SENTRY_WHOLE);
	ta_buf_putc(buf, '}');
}

static void put_named(struct ta_buf *buf, const char *name, const char *text, size_t most)
{
	struct ta_out_attr attr = { .name = name,
				    .name_bytes = (uint32_t)strlen(name),
				    .type = TA_ATTR_STRING,
				    .text = text };

	if (!text || !text[0])
		return;
	attr.text_bytes = (uint32_t)strlen(text);
	put_attribute(buf, &attr, most);
}

static void put_attributes(const struct ta_sentry *sentry, struct ta_buf *buf,
			   const struct ta_event_data *data, size_t most)
{
	struct ta_out_attr attr;

	PUT(buf, ",\"attributes\":{");
	for (uint32_t i = 0; i < data->attribute_count; i++) {
		ta_out_entry(&attr, NULL, 0, &data->attributes[i]);
		put_attribute(buf, &attr, most);
	}
	put_named(buf, "sentry.release", sentry->options.release, most);
	put_named(buf, "sentry.environment", sentry->options.environment, most);
	put_named(buf, "sentry.sdk.name", "tagalong.native", most);
	put_named(buf, "sentry.sdk.version", TA_VERSION, most);
	put_named(buf, "server.address", sentry->server_name, most);
	if (most != TA_SENTRY_WHOLE)
		put_named(buf, "tagalong.left_out", "ends of long texts", TA_SENTRY_WHOLE);
	ta_buf_putc(buf, '}');
}

static void put_log(const struct ta_sentry *sentry, struct ta_buf *buf,
		    const struct ta_event *event, const struct ta_event_data *data,
		    uint64_t time_ns, size_t most)
{
	const struct ta_record_event *record = event->record;
	bool traced = (record->trace_hi | record->trace_lo) != 0;

	ta_sentry_comma(buf);
	PUT(buf, "{\"timestamp\":");
	ta_sentry_time(buf, time_ns);
	PUT(buf, ",\"trace_id\":");
	ta_sentry_id(buf, traced ? record->trace_hi : ta_sentry_mix(record->id_hi) | 1,
		     traced ? record->trace_lo : ta_sentry_mix(record->id_lo));
	if (record->span_id) {
		PUT(buf, ",\"span_id\":");
		ta_sentry_span_id(buf, record->span_id);
	}
	ta_sentry_member(buf, "level", level_word(data->level), strlen(level_word(data->level)),
			 TA_SENTRY_WHOLE);
	if (ta_level_severity(data->level)) {
		PUT(buf, ",\"severity_number\":");
		ta_buf_put_u64(buf, ta_level_severity(data->level));
	}
	ta_sentry_member(buf, "body", data->message.text ? data->message.text : "",
			 data->message.text ? data->message.bytes : 0, most);
	put_attributes(sentry, buf, data, most);
	ta_buf_putc(buf, '}');
}

void ta_sentry_logs_close(struct ta_sentry *sentry)
{
	struct ta_sentry_envelope envelope = {
		.type = "log",
		.content_type = "application/vnd.sentry.items.log+json",
		.item_count = sentry->log_count,
	};
	struct ta_message_head head = { .category = TA_CATEGORY_LOG_ITEM,
					.events = sentry->log_count,
					.time_ns = sentry->log_time_ns };

	if (!sentry->log_count)
		return;
	ta_buf_clear(&sentry->payload);
	PUT(&sentry->payload, "{\"items\":[");
	ta_buf_put(&sentry->payload, sentry->logs.data, sentry->logs.bytes);
	PUT(&sentry->payload, "]}");
	sentry->payload.failed |= sentry->logs.failed;
	ta_sentry_message(sentry, &envelope, &head, &sentry->payload);
	ta_buf_clear(&sentry->logs);
	sentry->log_count = 0;
	sentry->log_time_ns = 0;
}

void ta_sentry_log(struct ta_sentry *sentry, const struct ta_event *event,
		   const struct ta_event_data *data)
{
	static const size_t limits[] = { TA_SENTRY_WHOLE, 1024, 64 };
	uint64_t time_ns = event->record->time_ns +
			   (uint64_t)ta_batch_wall_offset(sentry->batch, event->process);
	size_t before;

	if (sentry->log_count == TA_SENTRY_LOGS_MAX ||
	    sentry->logs.bytes > TA_SENTRY_ITEM_BYTES - LOG_BYTES)
		ta_sentry_logs_close(sentry);
	before = sentry->logs.bytes;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (i && !sentry->logs.failed)
			sentry->logs.bytes = before;
		put_log(sentry, &sentry->logs, event, data, time_ns, limits[i]);
		if (sentry->logs.failed || sentry->logs.bytes - before <= LOG_BYTES)
			break;
	}
	sentry->log_count++;
	if (time_ns > sentry->log_time_ns)
		sentry->log_time_ns = time_ns;
}
