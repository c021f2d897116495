/* SPDX-License-Identifier: MIT */
/*
 * sentry.c - fuzzes the Sentry sink: events, logs and spans out of one text.
 *
 * The first byte chooses what the text is: the JSON of an event of some type, or attributes
 * of a span; it is always in the scope, too.  Whatever it is, an envelope is three lines of
 * JSON for cJSON too, and a payload is not larger than Sentry takes.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/export/event_merge.h"
#include "runtime/export/sentry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct ta_enrich *enrich;
static struct ta_sink *sink;

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void prepare(void)
{
	static struct ta_config config;
	static char *no_environment[] = { NULL };
	static struct ta_dsn dsn = { (char *)"k", (char *)"h", (char *)"1",
				     (char *)"http://h/api/1/envelope/" };
	static const struct ta_sentry_options options = { .dsn = &dsn,
							  .sample_rate = 1,
							  .traces_sample_rate = 1,
							  .trace_share = 1 };

	if (sink)
		return;
	ta_config_load(&config, no_environment, NULL, NULL);
	enrich = ta_enrich_new(&config);
	sink = ta_sentry_sink(enrich, &options, NULL, NULL);
	demand(sink != NULL);
}

static void check_message(const struct ta_message *message)
{
	const char *line = message->body.data, *end = line + message->body.bytes;
	unsigned int lines = 0;

	for (; line < end; lines++) {
		const char *line_end = memchr(line, '\n', (size_t)(end - line));
		cJSON *tree;

		demand(line_end != NULL);
		demand(line_end - line < 1 << 20);
		tree = cJSON_ParseWithLength(line, (size_t)(line_end - line));
		demand(tree != NULL);
		cJSON_Delete(tree);
		line = line_end + 1;
	}
	demand(lines == 3);
}

static void finish(void)
{
	struct ta_messages messages = { 0 };

	demand(sink->class->end(sink, &messages) == 0);
	demand(messages.count != 0);
	for (uint32_t i = 0; i < messages.count; i++)
		check_message(&messages.items[i]);
	ta_messages_fini(&messages);
}

/* A record of exactly its size: fixed fields, then the text as an attribute. */
static void *make_record(size_t fixed, uint8_t kind, const char *text, size_t bytes, uint8_t key,
			 uint8_t type)
{
	size_t size = (fixed + sizeof(struct ta_attr) + bytes + 7) & ~(size_t)7;
	struct ta_record *record = calloc(1, size);
	struct ta_attr attr = { key, type, (uint16_t)bytes };

	record->kind = kind;
	record->units = (uint16_t)(size / 8);
	memcpy((char *)record + fixed, &attr, sizeof(attr));
	memcpy((char *)record + fixed + sizeof(attr), text, bytes);
	return record;
}

static void try_event(const char *text, uint32_t bytes, uint8_t type,
		      const struct ta_scope_data *scope)
{
	struct ta_record_event *record =
		make_record(sizeof(*record), TA_RECORD_EVENT, text, bytes,
			    type == TA_CAPTURE_MESSAGE ? TA_ATTR_EVENT_MESSAGE :
			    type == TA_CAPTURE_ERROR   ? TA_ATTR_EXCEPTION_TYPE :
							 TA_ATTR_EVENT_JSON,
			    TA_ATTR_JSON);
	struct ta_event event = { .record = record, .scope = scope };
	struct ta_event *events[1] = { &event };
	struct ta_batch batch = { .events = events, .event_count = 1 };
	struct ta_event_data data;

	record->type = type;
	demand(ta_event_merge(&event, 0, &data) == 0);
	sink->class->begin(sink, &batch);
	sink->class->event(sink, &event, &data);
	ta_event_data_fini(&data);
	finish();
	free(record);
}

static void try_span(const char *text, uint32_t bytes, uint8_t choice,
		     const struct ta_scope_data *scope)
{
	static const uint8_t keys[] = { TA_ATTR_NAMED, TA_ATTR_EVENT_JSON, TA_ATTR_NAME, TA_ATTR_OP,
					TA_ATTR_HTTP_TARGET, TA_ATTR_EXCEPTION_TYPE, TA_ATTR_TAG };
	static struct ta_out_span out;
	struct ta_record *record = make_record(
		sizeof(struct ta_record_span_attrs), TA_RECORD_SPAN_ATTRS, text, bytes,
		keys[choice % sizeof(keys)], (uint8_t)(1 + choice / 7 % 6));
	struct ta_record *records[1] = { record };
	struct ta_span span = { .trace_lo = 1, .span_id = 2, .start_ns = 5, .end_ns = 9,
				.type = (uint8_t)(1 + choice % 6),
				.records = { records, 1, 1 },
				.scope = scope, .tags = scope };
	struct ta_span *spans[1] = { &span };
	struct ta_batch batch = { .spans = spans, .count = 1 };

	sink->class->begin(sink, &batch);
	for (uint64_t id = 2; id < 5; id++) { /* each below the one before */
		span.span_id = id;
		span.parent_id = id - 1;
		ta_enrich_span(enrich, &span, &out);
		sink->class->span(sink, &span, &out);
	}
	sink->class->trace_end(sink);
	finish();
	free(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes < 1 || bytes > 30000)
		return 0;
	char *text = malloc(bytes);
	uint32_t rest = (uint32_t)bytes - 1;

	prepare();
	memcpy(text, data + 1, rest);
	struct ta_entry tag = { .key = text, .key_bytes = rest < 4 ? rest : 4, .value = text,
				.value_bytes = rest, .type = TA_ATTR_STRING };
	struct ta_entry thing = { .key = text, .key_bytes = rest < 4 ? rest : 4, .value = text,
				  .value_bytes = rest, .type = TA_ATTR_JSON };
	struct ta_crumb crumb = { .time_ns = 1, .attrs = text, .attr_bytes = rest };
	struct ta_scope_data scope = { .tags = &tag, .tag_count = 1, .contexts = &thing,
				       .context_count = 1, .user = &thing, .user_count = 1,
				       .crumbs = &crumb, .crumb_count = 1, .attributes = &thing,
				       .attribute_count = 1, .fingerprint = &thing,
				       .fingerprint_count = 1, .extras = &thing, .extra_count = 1,
				       .transaction = text, .transaction_bytes = rest };

	if (data[0] & 0x40)
		try_span(text, rest, data[0] & 0x3f, data[0] & 0x80 ? &scope : NULL);
	else
		try_event(text, rest, (uint8_t)(data[0] % 5), data[0] & 0x80 ? &scope : NULL);
	free(text);
	return 0;
}
