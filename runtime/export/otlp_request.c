/* SPDX-License-Identifier: MIT */
/*
 * otlp_request.c - what stands around the items of a request: resources, scopes, lengths.
 *
 * JSON is written as it comes: the head of a run in front of its first item, its tail when
 * the next one begins.  Protobuf wants lengths in front: items and resources are gathered,
 * and put together when all are there.
 *
 * Runs: agent, the exporter's thread.  No allocation but the buffers'.
 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/export/otlp_sink.h"
#include "runtime/export/otlp_value.h"
#include "runtime/export/pb.h"

#define PUT TA_PUT

const struct ta_otlp_words ta_otlp_json_traces_words = { "resourceSpans", "scopeSpans", "spans" };
const struct ta_otlp_words ta_otlp_json_logs_words = { "resourceLogs", "scopeLogs", "logRecords" };

/* ---- JSON ---- */

static void put_json_tail(struct ta_buf *out)
{
	PUT(out, "],\"schemaUrl\":\"" TA_OTLP_SCHEMA_URL "\"}],\"schemaUrl\":\"" TA_OTLP_SCHEMA_URL
		 "\"}");
}

static void put_json_head(const struct ta_otlp_sink *sink, struct ta_buf *out)
{
	PUT(out, "{\"");
	ta_buf_puts(out, sink->json->resources);
	PUT(out, "\":[");
}

void ta_otlp_json_open_run(struct ta_otlp_sink *sink, const struct ta_process *process)
{
	struct ta_buf *out = &sink->items;

	if (sink->run_count++ == 0) {
		put_json_head(sink, out);
	} else {
		put_json_tail(out);
		ta_buf_putc(out, ',');
	}
	PUT(out, "{\"resource\":{\"attributes\":[");
	ta_enrich_resource_json(sink->enrich, process, out);
	PUT(out, "]},\"");
	ta_buf_puts(out, sink->json->scopes);
	PUT(out, "\":[{\"scope\":{\"name\":\"tagalong\",\"version\":\"" TA_VERSION "\"},\"");
	ta_buf_puts(out, sink->json->items);
	PUT(out, "\":[");
}

void ta_otlp_json_close(struct ta_otlp_sink *sink)
{
	if (sink->run_count)
		put_json_tail(&sink->items);
	else
		put_json_head(sink, &sink->items);
	PUT(&sink->items, "]}");
}

/* ---- protobuf ---- */

/* The bytes of a run's items; behind the last run they end at end. */
static size_t run_bytes(const struct ta_otlp_sink *sink, uint32_t index, size_t end)
{
	return (index + 1 < sink->run_count ? sink->runs[index + 1].items : end) -
	       sink->runs[index].items;
}

/* Request, ResourceSpans and ScopeSpans have the numbers of their logs' counterparts. */
enum { RESOURCE_SPANS = 1, RESOURCE = 1, SCOPE_SPANS = 2, SCOPE = 1, SCHEMA_URL = 3 };

static void put_length(struct ta_buf *out, unsigned int field, size_t bytes)
{
	char *at = ta_buf_reserve(out, 16);

	if (!at)
		return;
	at = ta_pb_write_varint(at, (uint64_t)field << 3 | 2);
	at = ta_pb_write_varint(at, bytes);
	out->bytes = (size_t)(at - out->data);
}

/* A field of that many bytes with its tag and length. */
static size_t field_bytes(size_t bytes)
{
	return 1 + ta_pb_varint_bytes(bytes) + bytes;
}

static void put_run(const struct ta_otlp_sink *sink, uint32_t index, size_t end,
		    struct ta_buf *out)
{
	static const char scope[] = "\x0a\x08tagalong\x12";
	const struct ta_otlp_run *run = &sink->runs[index];
	size_t items = run_bytes(sink, index, end);
	size_t scope_bytes = sizeof(scope) - 1 + 1 + sizeof(TA_VERSION) - 1;
	size_t schema_bytes = field_bytes(sizeof(TA_OTLP_SCHEMA_URL) - 1);
	size_t scope_spans = field_bytes(scope_bytes) + items + schema_bytes;

	put_length(out, RESOURCE_SPANS, field_bytes(run->resource_bytes) +
						field_bytes(scope_spans) + schema_bytes);
	put_length(out, RESOURCE, run->resource_bytes);
	ta_buf_put(out, sink->resources.data + run->resource, run->resource_bytes);
	put_length(out, SCOPE_SPANS, scope_spans);
	put_length(out, SCOPE, scope_bytes);
	PUT(out, scope);
	ta_buf_putc(out, (char)(sizeof(TA_VERSION) - 1));
	PUT(out, TA_VERSION);
	ta_buf_put(out, sink->items.data + run->items, items);
	ta_pb_text(out, SCHEMA_URL, TA_OTLP_SCHEMA_URL, sizeof(TA_OTLP_SCHEMA_URL) - 1);
	ta_pb_text(out, SCHEMA_URL, TA_OTLP_SCHEMA_URL, sizeof(TA_OTLP_SCHEMA_URL) - 1);
}

int ta_otlp_pb_open_run(struct ta_otlp_sink *sink, const struct ta_process *process)
{
	struct ta_otlp_run *run;

	if (sink->run_count == sink->run_capacity) {
		uint32_t capacity = sink->run_capacity ? sink->run_capacity * 2 : 16;
		struct ta_otlp_run *runs = realloc(sink->runs, capacity * sizeof(runs[0]));

		if (!runs)
			return -ENOMEM;
		sink->runs = runs;
		sink->run_capacity = capacity;
	}
	run = &sink->runs[sink->run_count++];
	*run = (struct ta_otlp_run){ sink->items.bytes, sink->resources.bytes, 0 };
	ta_enrich_resource_pb(sink->enrich, process, &sink->resources);
	run->resource_bytes = sink->resources.bytes - run->resource;
	return 0;
}

void ta_otlp_pb_request(const struct ta_otlp_sink *sink, size_t end, struct ta_buf *out)
{
	/* Known beforehand, nearly: a large message does not grow in steps. */
	ta_buf_reserve(out, end + sink->resources.bytes +
				    (size_t)sink->run_count * TA_OTLP_RUN_FRAME + 64);
	for (uint32_t i = 0; i < sink->run_count; i++)
		put_run(sink, i, end, out);
}
