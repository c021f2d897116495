/* SPDX-License-Identifier: MIT */
/*
 * otlp_sink.c - from encoded spans and log records to requests of limited size.
 *
 * A message ends before the item that would make it too large, and that item begins
 * the next one.  Sizes are counted with a little more than the frame of a run takes, so
 * that no message is larger than it may be, unless a single item is.
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/otlp_sink.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/export/gzip.h"
#include "runtime/export/otlp_value.h"
#include "runtime/export/pb.h"

#define PUT TA_PUT
#define RUN_FRAME 320u /* at most, of either format, without the resource's attributes */

const struct ta_otlp_words ta_otlp_json_traces_words = { "resourceSpans", "scopeSpans", "spans" };
const struct ta_otlp_words ta_otlp_json_logs_words = { "resourceLogs", "scopeLogs", "logRecords" };

/* ---- a request out of the runs ---- */

/* The bytes of a run's items; behind the last run they end at end. */
static size_t run_bytes(const struct ta_otlp_sink *sink, uint32_t index, size_t end)
{
	return (index + 1 < sink->run_count ? sink->runs[index + 1].items : end) -
	       sink->runs[index].items;
}

static void put_json_run(const struct ta_otlp_sink *sink, uint32_t index, size_t end,
			 struct ta_buf *out)
{
	const struct ta_otlp_run *run = &sink->runs[index];

	PUT(out, "{\"resource\":{\"attributes\":[");
	ta_buf_put(out, sink->resources.data + run->resource, run->resource_bytes);
	PUT(out, "]},\"");
	ta_buf_puts(out, sink->json->scopes);
	PUT(out, "\":[{\"scope\":{\"name\":\"tagalong\",\"version\":\"" TA_VERSION "\"},\"");
	ta_buf_puts(out, sink->json->items);
	PUT(out, "\":[");
	/* without the comma of its first item */
	ta_buf_put(out, sink->items.data + run->items + 1, run_bytes(sink, index, end) - 1);
	PUT(out, "],\"schemaUrl\":\"" TA_OTLP_SCHEMA_URL "\"}],\"schemaUrl\":\"" TA_OTLP_SCHEMA_URL
		 "\"}");
}

static void put_json_request(const struct ta_otlp_sink *sink, size_t end, struct ta_buf *out)
{
	PUT(out, "{\"");
	ta_buf_puts(out, sink->json->resources);
	PUT(out, "\":[");
	for (uint32_t i = 0; i < sink->run_count; i++) {
		if (i)
			ta_buf_putc(out, ',');
		put_json_run(sink, i, end, out);
	}
	PUT(out, "]}");
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

static void put_pb_run(const struct ta_otlp_sink *sink, uint32_t index, size_t end,
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

static void put_request(const struct ta_otlp_sink *sink, size_t end, struct ta_buf *out)
{
	/* Known beforehand, nearly: a large message does not grow in steps. */
	ta_buf_reserve(out, end + sink->resources.bytes + (size_t)sink->run_count * RUN_FRAME + 64);
	if (sink->json)
		put_json_request(sink, end, out);
	else
		for (uint32_t i = 0; i < sink->run_count; i++)
			put_pb_run(sink, i, end, out);
}

/* ---- messages ---- */

static void fill_head(const struct ta_otlp_sink *sink, uint32_t count, struct ta_message *message)
{
	message->head = (struct ta_message_head){
		.bytes = (uint32_t)message->body.bytes,
		.format = sink->json ? TA_FORMAT_JSON : TA_FORMAT_PROTOBUF,
		.gzip = sink->gzip,
		.spans = sink->events ? 0 : count,
		.events = sink->events ? count : 0,
		.time_ns = sink->newest_ns,
	};
}

/* The first items, up to end, as a message. */
static void make_message(struct ta_otlp_sink *sink, size_t end, uint32_t count)
{
	struct ta_message *message = ta_messages_add(&sink->done);
	int error = 0;

	if (!message) {
		sink->failed = true;
		return;
	}
	ta_buf_clear(&sink->body);
	put_request(sink, end, sink->gzip ? &sink->body : &message->body);
	if (sink->gzip && !sink->body.failed)
		error = ta_gzip(sink->body.data, sink->body.bytes, &message->body);
	if (error || sink->body.failed || message->body.failed || message->body.bytes > UINT32_MAX)
		sink->failed = true;
	fill_head(sink, count, message);
}

static void start_message(struct ta_otlp_sink *sink)
{
	ta_buf_clear(&sink->items);
	ta_buf_clear(&sink->resources);
	sink->run_count = sink->count = 0;
	sink->item = 0;
	sink->newest_ns = 0;
}

/* Moves bytes of a buffer to its front and forgets the rest. */
static void keep(struct ta_buf *buf, size_t at, size_t bytes)
{
	memmove(buf->data, buf->data + at, bytes);
	buf->bytes = bytes;
}

/* Everything but the newest item becomes a message; that one begins another. */
static void split(struct ta_otlp_sink *sink)
{
	struct ta_otlp_run run = sink->runs[sink->run_count - 1];
	size_t item_bytes = sink->items.bytes - sink->item;

	if (run.items == sink->item)
		sink->run_count--; /* has nothing else */
	make_message(sink, sink->item, sink->count - 1);
	keep(&sink->items, sink->item, item_bytes);
	keep(&sink->resources, run.resource, run.resource_bytes);
	run.items = run.resource = 0;
	sink->runs[0] = run;
	sink->run_count = sink->count = 1;
	sink->item = 0;
	sink->newest_ns = 0;
}

/* ---- items ---- */

static void open_run(struct ta_otlp_sink *sink, const struct ta_process *process)
{
	struct ta_otlp_run *run;

	if (sink->run_count == sink->run_capacity) {
		uint32_t capacity = sink->run_capacity ? sink->run_capacity * 2 : 16;
		struct ta_otlp_run *runs = realloc(sink->runs, capacity * sizeof(runs[0]));

		if (!runs) {
			sink->failed = true;
			return;
		}
		sink->runs = runs;
		sink->run_capacity = capacity;
	}
	run = &sink->runs[sink->run_count++];
	*run = (struct ta_otlp_run){ process, sink->items.bytes, sink->resources.bytes, 0 };
	if (sink->json)
		ta_enrich_resource_json(sink->enrich, process, &sink->resources);
	else
		ta_enrich_resource_pb(sink->enrich, process, &sink->resources);
	run->resource_bytes = sink->resources.bytes - run->resource;
}

struct ta_buf *ta_otlp_item_begin(struct ta_otlp_sink *sink, const struct ta_process *process)
{
	sink->item = sink->items.bytes;
	if (sink->failed)
		sink->items.failed = true; /* nothing more is kept of this batch */
	else if (!sink->run_count || sink->runs[sink->run_count - 1].process != process)
		open_run(sink, process);
	if (sink->json)
		ta_buf_putc(&sink->items, ',');
	return &sink->items;
}

static bool is_too_large(const struct ta_otlp_sink *sink)
{
	size_t bytes = sink->items.bytes + sink->resources.bytes +
		       (size_t)sink->run_count * RUN_FRAME + 64;

	return (sink->limits.spans && sink->count > sink->limits.spans) ||
	       (sink->limits.bytes && bytes > sink->limits.bytes);
}

void ta_otlp_item_end(struct ta_otlp_sink *sink, uint64_t time_ns)
{
	sink->failed |= sink->items.failed | sink->resources.failed;
	if (sink->failed)
		return;
	sink->count++;
	if (sink->count > 1 && is_too_large(sink))
		split(sink);
	if (time_ns > sink->newest_ns)
		sink->newest_ns = time_ns;
}

/* ---- what repeats ---- */

bool ta_otlp_sink_knows(struct ta_sink *base, const struct ta_repeat_key *key)
{
	struct ta_otlp_sink *sink = (struct ta_otlp_sink *)base;

	sink->found = ta_repeats_find(sink->repeats, key);
	return sink->found != NULL;
}

void ta_otlp_sink_learn(struct ta_sink *base, const struct ta_repeat_key *key)
{
	struct ta_otlp_sink *sink = (struct ta_otlp_sink *)base;
	const struct ta_otlp_marks *marks = &sink->marks;
	const char *item = sink->items.data + sink->item;

	if (sink->failed)
		return;
	if (!sink->repeats)
		sink->repeats = ta_repeats_new();
	ta_repeats_learn(sink->repeats, key, item + marks->front, marks->front_end - marks->front,
			 item + marks->rest, marks->rest_end - marks->rest);
}

/* ---- a sink ---- */

void ta_otlp_sink_begin(struct ta_sink *base, const struct ta_batch *batch)
{
	struct ta_otlp_sink *sink = (struct ta_otlp_sink *)base;

	start_message(sink);
	ta_messages_clear(&sink->done);
	sink->batch = batch;
	sink->failed = false;
}

/* All of them or none. */
static int hand_over(struct ta_messages *from, struct ta_messages *to)
{
	uint32_t before = to->count;

	for (uint32_t i = 0; i < from->count; i++) {
		struct ta_message *message = ta_messages_add(to);

		if (!message) {
			to->count = before;
			return -ENOMEM;
		}
		*message = from->items[i];
	}
	from->count = 0;
	return 0;
}

int ta_otlp_sink_end(struct ta_sink *base, struct ta_messages *messages)
{
	struct ta_otlp_sink *sink = (struct ta_otlp_sink *)base;
	int error;

	if (sink->count && !sink->failed)
		make_message(sink, sink->items.bytes, sink->count);
	error = sink->failed ? -ENOMEM : hand_over(&sink->done, messages);
	ta_otlp_sink_begin(base, NULL);
	return error;
}

void ta_otlp_sink_init(struct ta_otlp_sink *sink, const struct ta_sink_class *class,
		       struct ta_enrich *enrich)
{
	*sink = (struct ta_otlp_sink){ .sink = { .class = class }, .enrich = enrich };
	if (class == &ta_otlp_json_traces_class)
		sink->json = &ta_otlp_json_traces_words;
	else if (class == &ta_otlp_json_logs_class)
		sink->json = &ta_otlp_json_logs_words;
	sink->events = class->event != NULL;
}

void ta_otlp_sink_fini(struct ta_otlp_sink *sink)
{
	ta_buf_fini(&sink->items);
	ta_buf_fini(&sink->resources);
	ta_buf_fini(&sink->body);
	ta_messages_fini(&sink->done);
	ta_repeats_free(sink->repeats);
	free(sink->runs);
}

void ta_otlp_sink_free(struct ta_sink *base)
{
	ta_otlp_sink_fini((struct ta_otlp_sink *)base);
	free(base);
}

int ta_otlp_sink_request(struct ta_otlp_sink *sink, struct ta_buf *out)
{
	if (!sink->failed)
		put_request(sink, sink->items.bytes, out);
	return sink->failed || out->failed ? -ENOMEM : 0;
}

static struct ta_sink *new_sink(const struct ta_sink_class *class, struct ta_enrich *enrich,
				bool gzip, struct ta_message_limits limits)
{
	struct ta_otlp_sink *sink = malloc(sizeof(*sink));

	if (!sink)
		return NULL;
	ta_otlp_sink_init(sink, class, enrich);
	sink->gzip = gzip;
	sink->limits = limits;
	return &sink->sink;
}

struct ta_sink *ta_otlp_traces_sink(struct ta_enrich *enrich, enum ta_format format, bool gzip,
				    struct ta_message_limits limits)
{
	return new_sink(format == TA_FORMAT_JSON ? &ta_otlp_json_traces_class :
						   &ta_otlp_pb_traces_class,
			enrich, gzip, limits);
}

struct ta_sink *ta_otlp_logs_sink(struct ta_enrich *enrich, enum ta_format format, bool gzip,
				  struct ta_message_limits limits)
{
	return new_sink(format == TA_FORMAT_JSON ? &ta_otlp_json_logs_class : &ta_otlp_pb_logs_class,
			enrich, gzip, limits);
}
