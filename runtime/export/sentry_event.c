/* SPDX-License-Identifier: MIT */
/*
 * sentry_event.c - what was captured, as events of Sentry.
 *
 * One that is larger than Sentry takes is written again with less in it, and says what is
 * missing (extra "tagalong.left_out", of stacks "tagalong.left_out_of_stacks").
 *
 * Runs: agent, the exporter's thread.
 */
#include <string.h>

#include "runtime/export/level.h"
#include "runtime/export/sentry_internal.h"

#define PUT TA_SENTRY_PUT

/* One event on its way out. */
struct item {
	const struct ta_event *event;
	const struct ta_event_data *data;
	uint64_t id_hi, id_lo, time_ns;
};

static const char *level_of(const struct ta_event *event, const struct ta_event_data *data)
{
	const char *name = ta_level_name(data->level);

	if (data->level == TA_LEVEL_TRACE)
		return "debug"; /* Sentry has none below */
	if (name)
		return name;
	return event->record->type == TA_CAPTURE_MESSAGE ? "info" : "error";
}

static bool has_text(struct ta_json_slice text)
{
	return text.text && text.bytes;
}

/* The span that was active; without a trace one of the event's own. */
static void put_trace(struct ta_buf *buf, const struct item *item)
{
	const struct ta_record_event *record = item->event->record;
	bool traced = (record->trace_hi | record->trace_lo) != 0;
	uint64_t hi = traced ? record->trace_hi : ta_sentry_mix(item->id_hi) | 1;
	uint64_t lo = traced ? record->trace_lo : ta_sentry_mix(item->id_lo);
	uint64_t span_id = record->span_id;

	if (!span_id)
		span_id = ta_sentry_mix(item->id_hi ^ ta_sentry_mix(item->id_lo)) | 1;
	PUT(buf, "\"trace\":{\"trace_id\":");
	ta_sentry_id(buf, hi, lo);
	PUT(buf, ",\"span_id\":");
	ta_sentry_span_id(buf, span_id);
	if (record->span_id && record->parent_id) {
		PUT(buf, ",\"parent_span_id\":");
		ta_sentry_span_id(buf, record->parent_id);
	}
	PUT(buf, ",\"type\":\"trace\"}");
}

static void put_standing(const struct ta_sentry *sentry, struct ta_buf *buf, unsigned int own)
{
	const struct {
		const char *name, *value;
		unsigned int bit;
	} members[] = {
		{ "platform", "native", TA_SENTRY_OWN_PLATFORM },
		{ "release", sentry->options.release, TA_SENTRY_OWN_RELEASE },
		{ "environment", sentry->options.environment, TA_SENTRY_OWN_ENVIRONMENT },
		{ "server_name", sentry->server_name, TA_SENTRY_OWN_SERVER_NAME },
	};

	PUT(buf, ",\"sdk\":" TA_SENTRY_SDK);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (!(own & members[i].bit) && members[i].value && members[i].value[0])
			ta_sentry_member(buf, members[i].name, members[i].value,
					 strlen(members[i].value), TA_SENTRY_TAG_MAX);
}

static void put_text(struct ta_buf *buf, const struct ta_event_data *data, size_t most)
{
	if (data->message.text) {
		PUT(buf, ",\"logentry\":{\"formatted\":");
		ta_sentry_text(buf, data->message.text, data->message.bytes, most);
		ta_buf_putc(buf, '}');
	}
	if (has_text(data->transaction)) {
		ta_sentry_key(buf, "transaction");
		ta_sentry_short(buf, data->transaction.text, data->transaction.bytes);
	}
}

static void put_payload(struct ta_sentry *sentry, struct ta_buf *buf, const struct item *item,
			const struct ta_sentry_shrink *shrink)
{
	const struct ta_event *event = item->event;
	const struct ta_event_data *data = item->data;
	unsigned int own;

	ta_buf_clear(buf);
	ta_buf_clear(&sentry->extras);
	PUT(buf, "{\"event_id\":");
	ta_sentry_id(buf, item->id_hi, item->id_lo);
	ta_sentry_member(buf, "level", level_of(event, data), strlen(level_of(event, data)),
			 TA_SENTRY_WHOLE);
	own = ta_sentry_put_own(buf, ta_sentry_own_json(event), &sentry->extras, shrink);
	if (!(own & TA_SENTRY_OWN_TIMESTAMP)) {
		PUT(buf, ",\"timestamp\":");
		ta_sentry_time(buf, item->time_ns);
	}
	put_standing(sentry, buf, own);
	put_text(buf, data, shrink->text_bytes);
	ta_sentry_put_stacks(buf, event, data, own, shrink);
	if (data->has_stack && shrink->stack_said)
		ta_sentry_member(&sentry->extras, "tagalong.left_out_of_stacks",
				 shrink->stack_said, strlen(shrink->stack_said), TA_SENTRY_WHOLE);
	ta_sentry_put_tags(buf, data->tags, data->tag_count, shrink);
	ta_sentry_put_user(buf, data, shrink);
	ta_sentry_put_fingerprint(buf, data, shrink);
	PUT(buf, ",\"contexts\":{");
	put_trace(buf, item);
	ta_sentry_put_contexts(sentry, buf, event->process, data, shrink);
	ta_buf_putc(buf, '}');
	ta_sentry_put_extras(buf, data, &sentry->extras, shrink);
	ta_sentry_put_crumbs(buf, data, shrink);
	ta_buf_putc(buf, '}');
	buf->failed |= sentry->extras.failed;
}

/* The record's own id; a record without one has its place in time and trace. */
static struct item make_item(const struct ta_sentry *sentry, const struct ta_event *event,
			     const struct ta_event_data *data)
{
	const struct ta_record_event *record = event->record;
	struct item item = { .event = event,
			     .data = data,
			     .id_hi = record->id_hi,
			     .id_lo = record->id_lo,
			     .time_ns = record->time_ns + (uint64_t)ta_batch_wall_offset(
								  sentry->batch, event->process) };

	if (!(item.id_hi | item.id_lo)) {
		item.id_hi = ta_sentry_mix(record->trace_hi ^ record->time_ns) | 1;
		item.id_lo = ta_sentry_mix(record->trace_lo ^ record->span_id);
	}
	return item;
}

void ta_sentry_event(struct ta_sentry *sentry, const struct ta_event *event,
		     const struct ta_event_data *data)
{
	struct item item = make_item(sentry, event, data);
	struct ta_sentry_envelope envelope = { .event_hi = item.id_hi,
					       .event_lo = item.id_lo,
					       .trace_hi = event->record->trace_hi,
					       .trace_lo = event->record->trace_lo,
					       .type = "event" };
	struct ta_message_head head = { .category = TA_CATEGORY_ERROR,
					.events = 1,
					.time_ns = item.time_ns };
	struct ta_buf *buf = &sentry->payload;

	for (unsigned int i = 0; i < TA_SENTRY_SHRINKS; i++) {
		put_payload(sentry, buf, &item, &ta_sentry_shrinks[i]);
		if (buf->failed || buf->bytes <= TA_SENTRY_ITEM_BYTES)
			break;
	}
	ta_sentry_message(sentry, &envelope, &head, buf);
}
