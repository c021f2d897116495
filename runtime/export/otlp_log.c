/* SPDX-License-Identifier: MIT */
/*
 * otlp_log.c - captured events and logs in terms of OTLP's log records.
 *
 * Runs: agent, the exporter's thread.  Only stacks need memory; an event goes out without
 * its stack where there is none.
 */
#include "runtime/export/otlp_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/export/level.h"
#include "runtime/export/signal_name.h"

static const char *event_name(uint8_t type)
{
	switch (type) {
	case TA_CAPTURE_MESSAGE:
		return "tagalong.message";
	case TA_CAPTURE_ERROR:
	case TA_CAPTURE_CRASH:
		return "exception";
	case TA_CAPTURE_CUSTOM:
		return "tagalong.event";
	default:
		return NULL;
	}
}

static void set_body(struct ta_otlp_log *log, const struct ta_event_data *data)
{
	const struct ta_exception_view *error = data->exception_count ? data->exceptions : NULL;

	if (data->message.text) {
		log->has_body = true;
		log->body[0] = data->message;
	} else if (error && (error->type.bytes || error->value.bytes)) {
		log->has_body = true;
		log->body[0] = error->type;
		if (error->type.bytes && error->value.bytes)
			log->body[1] = (struct ta_json_slice){ ": ", 2 };
		log->body[2] = error->value;
	}
}

struct ta_otlp_log ta_otlp_log_of(const struct ta_batch *batch, const struct ta_event *event,
				  const struct ta_event_data *data)
{
	const struct ta_record_event *record = event->record;
	struct ta_otlp_log log = { .event_name = event_name(record->type) };

	log.time_ns = record->time_ns + (uint64_t)ta_batch_wall_offset(batch, event->process);
	log.severity = ta_level_severity(data->level);
	if (log.severity)
		log.severity_text = ta_level_name(data->level);
	set_body(&log, data);
	return log;
}

static struct ta_out_attr text_attr(const char *name, const char *text, size_t bytes)
{
	return (struct ta_out_attr){ .name = name,
				     .name_bytes = (uint32_t)strlen(name),
				     .type = TA_ATTR_STRING,
				     .plain_name = true,
				     .text = text,
				     .text_bytes = (uint32_t)bytes };
}

static void put_text(struct ta_otlp_writer *writer, const char *name, const char *text, size_t bytes)
{
	struct ta_out_attr attr = text_attr(name, text, bytes);

	if (text)
		writer->class->attr(writer, &attr);
}

static void put_slice(struct ta_otlp_writer *writer, const char *name, struct ta_json_slice text)
{
	put_text(writer, name, text.text, text.bytes);
}

static void put_entries(struct ta_otlp_writer *writer, const char *prefix,
			const struct ta_entry *entries, uint32_t count)
{
	struct ta_out_attr attr;

	for (uint32_t i = 0; i < count; i++) {
		ta_out_entry(&attr, prefix, prefix ? (uint32_t)strlen(prefix) : 0, &entries[i]);
		writer->class->attr(writer, &attr);
	}
}

static void put_user(struct ta_otlp_writer *writer, const struct ta_event_data *data)
{
	struct ta_out_attr attr;

	for (uint32_t i = 0; i < data->user_count; i++)
		if (ta_out_user(&attr, &data->user[i]))
			writer->class->attr(writer, &attr);
}

static void put_crumb(struct ta_otlp_writer *writer, const struct ta_crumb_view *crumb)
{
	const char *level = ta_level_name(crumb->level);
	struct ta_out_attr attr = text_attr("timestamp", NULL, 0);

	if (!writer->class->open(writer, NULL, TA_OTLP_KVLIST))
		return;
	attr.type = TA_ATTR_INT;
	attr.number = (int64_t)crumb->time_ns;
	if (crumb->time_ns)
		writer->class->attr(writer, &attr);
	put_slice(writer, "type", crumb->type);
	put_slice(writer, "category", crumb->category);
	put_slice(writer, "message", crumb->message);
	put_text(writer, "level", level, level ? strlen(level) : 0);
	attr = text_attr("data", crumb->data.text, crumb->data.bytes);
	attr.type = TA_ATTR_JSON;
	if (crumb->data.text)
		writer->class->attr(writer, &attr);
	writer->class->close(writer);
}

static void put_crumbs(struct ta_otlp_writer *writer, const struct ta_event_data *data)
{
	if (!data->crumb_count ||
	    !writer->class->open(writer, "tagalong.breadcrumbs", TA_OTLP_ARRAY))
		return;
	for (uint32_t i = 0; i < data->crumb_count; i++)
		put_crumb(writer, &data->crumbs[i]);
	writer->class->close(writer);
}

static void put_fingerprint(struct ta_otlp_writer *writer, const struct ta_event_data *data)
{
	if (!data->fingerprint_count ||
	    !writer->class->open(writer, "tagalong.fingerprint", TA_OTLP_ARRAY))
		return;
	for (uint32_t i = 0; i < data->fingerprint_count; i++) {
		struct ta_out_attr attr = text_attr("", data->fingerprint[i].value,
						    data->fingerprint[i].value_bytes);

		attr.type = TA_ATTR_JSON;
		writer->class->element(writer, &attr);
	}
	writer->class->close(writer);
}

/* The first one by OpenTelemetry's names; if there are several, all of them besides. */
static void put_exceptions(struct ta_otlp_writer *writer, const struct ta_event_data *data)
{
	if (!data->exception_count)
		return;
	put_slice(writer, "exception.type", data->exceptions[0].type);
	put_slice(writer, "exception.message", data->exceptions[0].value);
	if (data->exception_count < 2 ||
	    !writer->class->open(writer, "tagalong.exceptions", TA_OTLP_ARRAY))
		return;
	for (uint32_t i = 0; i < data->exception_count; i++) {
		if (!writer->class->open(writer, NULL, TA_OTLP_KVLIST))
			continue;
		put_slice(writer, "type", data->exceptions[i].type);
		put_slice(writer, "value", data->exceptions[i].value);
		writer->class->close(writer);
	}
	writer->class->close(writer);
}

static void put_number(struct ta_otlp_writer *writer, const char *name, int64_t number)
{
	struct ta_out_attr attr = text_attr(name, NULL, 0);

	attr.type = TA_ATTR_INT;
	attr.number = number;
	writer->class->attr(writer, &attr);
}

static void put_word(struct ta_otlp_writer *writer, const char *name, const char *word)
{
	put_text(writer, name, word, word ? strlen(word) : 0);
}

static void put_signal(struct ta_otlp_writer *writer, const struct ta_signal_view *signal)
{
	const struct ta_signal_code *code =
		signal->has_code ? ta_signal_code(signal->number, signal->code) : NULL;
	char address[24];

	if (!signal->has_number)
		return;
	put_number(writer, "tagalong.signal.number", signal->number);
	put_word(writer, "tagalong.signal.name", ta_signal_name(signal->number));
	if (signal->has_code)
		put_number(writer, "tagalong.signal.code", signal->code);
	put_word(writer, "tagalong.signal.code_name", code ? code->name : NULL);
	snprintf(address, sizeof(address), "0x%" PRIx64, signal->address);
	if (signal->has_address)
		put_word(writer, "tagalong.signal.address", address);
	if (signal->has_sender)
		put_number(writer, "tagalong.signal.sender_pid", signal->sender_pid);
}

static void put_thread(struct ta_otlp_writer *writer, const struct ta_event *event,
		       const struct ta_stack *stack)
{
	struct ta_stack_thread thread;
	struct ta_json_walk walk;
	int64_t id = event->tid;
	char name[64];

	ta_json_walk(&walk, stack->threads.text, stack->threads.bytes);
	if (ta_stack_next_thread(&walk, &thread)) {
		ta_json_int(thread.id, &id);
		if (id)
			put_number(writer, "thread.id", id);
		if (thread.name.bytes)
			put_text(writer, "thread.name", name,
				 ta_json_unescape(thread.name.text, thread.name.bytes, name,
						  sizeof(name)));
	} else if (id) {
		put_number(writer, "thread.id", id);
	}
}

static void put_stack(struct ta_otlp_writer *writer, const struct ta_stack *stack, bool whole)
{
	struct ta_buf text = { 0 }, json = { 0 };

	ta_stack_text(&text, stack);
	if (text.bytes && !text.failed)
		put_text(writer, "exception.stacktrace", text.data, text.bytes);
	if (whole)
		ta_stack_put(&json, stack);
	if (json.bytes && !json.failed)
		put_text(writer, "tagalong.stack", json.data, json.bytes);
	ta_buf_fini(&text);
	ta_buf_fini(&json);
}

static void put_crash(struct ta_otlp_writer *writer, const struct ta_event *event,
		      const struct ta_event_data *data, bool whole)
{
	if (data->has_stack || event->record->type == TA_CAPTURE_CRASH)
		put_thread(writer, event, &data->stack);
	put_signal(writer, &data->signal);
	if (data->has_stack && event->record->type == TA_CAPTURE_CRASH)
		put_word(writer, "tagalong.stack.source", data->stack.source);
	if (data->has_stack)
		put_stack(writer, &data->stack, whole);
}

static void write_hex64(char *out, uint64_t value)
{
	for (int i = 15; i >= 0; i--, value >>= 4)
		out[i] = "0123456789abcdef"[value & 15];
}

static void put_ids(struct ta_otlp_writer *writer, const struct ta_record_event *record)
{
	char id[32];

	write_hex64(id, record->id_hi);
	write_hex64(id + 16, record->id_lo);
	if (record->id_hi | record->id_lo)
		put_text(writer, "tagalong.event.id", id, 32);
	write_hex64(id, record->parent_id);
	if (record->parent_id)
		put_text(writer, "tagalong.span.parent_id", id, 16);
}

void ta_otlp_log_attributes(struct ta_otlp_writer *writer, const struct ta_event *event,
			    const struct ta_event_data *data, bool whole)
{
	put_ids(writer, event->record);
	put_exceptions(writer, data);
	put_crash(writer, event, data, whole);
	put_slice(writer, "tagalong.transaction", data->transaction);
	put_fingerprint(writer, data);
	put_crumbs(writer, data);
	put_user(writer, data);
	put_entries(writer, "tagalong.tag.", data->tags, data->tag_count);
	put_entries(writer, "tagalong.context.", data->contexts, data->context_count);
	put_entries(writer, "tagalong.extra.", data->extras, data->extra_count);
	put_entries(writer, NULL, data->attributes, data->attribute_count);
}
