/* SPDX-License-Identifier: MIT */
/*
 * otlp.c - fuzzes spans on their way out.
 *
 * Input: type, flags, how it ended, status, then records: kind, two bytes of length,
 * the bytes behind the record's head.  Kinds are those that belong to a span.  Whatever
 * they hold, the line is JSON for cJSON too, and protobuf says the same.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/export/otlp_json.h"
#include "tests/unit/otlp_tree.h"
#include "tests/unit/otlp_walk.h"

#define RECORDS_MAX 200u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static struct ta_enrich *enricher(void)
{
	static struct ta_config config;
	static struct ta_enrich *enrich;
	static char *environment[] = { (char *)"TAGALONG_HTTP_ROUTES=/a/{b}", NULL };

	if (enrich)
		return enrich;
	ta_config_load(&config, environment, NULL, NULL);
	enrich = ta_enrich_new(&config);
	return enrich;
}

/* A valid record of exactly its size; NULL when there are too few bytes for its kind. */
static struct ta_record *make_record(uint8_t kind, const uint8_t *data, size_t bytes)
{
	static const uint8_t kinds[] = { TA_RECORD_SPAN_START, TA_RECORD_SPAN_ATTRS,
					 TA_RECORD_SPAN_END,   TA_RECORD_SPAN_EVENT,
					 TA_RECORD_SPAN_LINK,  TA_RECORD_TAGS };
	size_t size = (sizeof(struct ta_record) + bytes + 7) & ~(size_t)7;
	struct ta_record *record = calloc(1, size);

	record->kind = kinds[kind % sizeof(kinds)];
	record->units = (uint16_t)(size / 8);
	memcpy(record + 1, data, bytes);
	if (ta_record_valid(record, (uint32_t)size))
		return record;
	free(record);
	return NULL;
}

static void check_protobuf(const struct ta_batch *batch, const cJSON *want)
{
	const struct ta_message_limits none = { 0 };
	struct ta_sink *sink = ta_otlp_traces_sink(enricher(), TA_FORMAT_PROTOBUF, false, none);
	struct ta_messages messages = { 0 };
	cJSON *tree;

	demand(walk(batch, enricher(), sink, &messages) == 0 && messages.count == 1);
	tree = tree_of(messages.items[0].body.data, messages.items[0].body.bytes, tree_traces);
	demand(tree_same(tree, want));
	cJSON_Delete(tree);
	ta_messages_fini(&messages);
	sink->class->free(sink);
}

static void check_line(struct ta_span *span)
{
	struct ta_span *spans[1] = { span };
	struct ta_batch batch = { .spans = spans, .count = 1 };
	struct ta_buf buf = { 0 };
	cJSON *tree;

	demand(ta_otlp_json_encode(&batch, enricher(), &buf) == 0);
	tree = cJSON_ParseWithLength(buf.data, buf.bytes);
	demand(tree != NULL);
	check_protobuf(&batch, tree);
	cJSON_Delete(tree);
	ta_buf_fini(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct ta_record *records[RECORDS_MAX];
	struct ta_span span = { .trace_lo = 1, .span_id = 2, .start_ns = 5, .end_ns = 9 };

	if (bytes < 4)
		return 0;
	span.type = data[0] % 7;
	span.flags = data[1];
	span.end = data[2] % 3;
	span.reason = (uint8_t)(data[2] / 3 % 5);
	span.status = data[3] % 4;
	span.records.items = records;
	for (size_t at = 4; at + 3 <= bytes && span.records.count < RECORDS_MAX;) {
		size_t length = data[at + 1] | (size_t)data[at + 2] << 8;
		struct ta_record *record;

		if (length > bytes - at - 3)
			length = bytes - at - 3;
		record = make_record(data[at], data + at + 3, length);
		if (record)
			records[span.records.count++] = record;
		at += 3 + length;
	}
	check_line(&span);
	while (span.records.count)
		free(records[--span.records.count]);
	return 0;
}
