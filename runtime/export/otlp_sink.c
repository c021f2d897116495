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

/* JSON is complete but for its tail, and changes hands; protobuf is put together. */
static void put_body(struct ta_otlp_sink *sink, size_t end, struct ta_buf *ret_body)
{
	struct ta_buf items = sink->items;

	if (!sink->json) {
		ta_otlp_pb_request(sink, end, ret_body);
		return;
	}
	sink->items = *ret_body;
	*ret_body = items;
}

/* Of the items up to end. */
static void make_message(struct ta_otlp_sink *sink, size_t end, uint32_t count)
{
	struct ta_message *message = ta_messages_add(&sink->done);
	int error = 0;

	if (!message) {
		sink->failed = true;
		return;
	}
	ta_buf_clear(&sink->body);
	if (sink->json)
		ta_otlp_json_close(sink);
	sink->usual_bytes = sink->items.bytes;
	put_body(sink, end, sink->gzip ? &sink->body : &message->body);
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
	sink->item = sink->text = 0;
	sink->newest_ns = 0;
}

static void open_run(struct ta_otlp_sink *sink)
{
	if (sink->json)
		ta_otlp_json_open_run(sink, sink->process);
	else if (ta_otlp_pb_open_run(sink, sink->process) != 0)
		sink->failed = true;
}

/* Everything but the newest item becomes a message; that one begins another. */
static void split(struct ta_otlp_sink *sink)
{
	size_t bytes = sink->items.bytes - sink->text;

	ta_buf_clear(&sink->moved);
	ta_buf_put(&sink->moved, sink->items.data + sink->text, bytes);
	sink->items.bytes = sink->item;
	if (!sink->json && sink->runs[sink->run_count - 1].items == sink->item)
		sink->run_count--; /* has nothing else */
	make_message(sink, sink->item, sink->count - 1);
	start_message(sink);
	open_run(sink);
	sink->text = sink->items.bytes;
	ta_buf_put(&sink->items, sink->moved.data, sink->moved.bytes);
	sink->failed |= sink->moved.failed | sink->items.failed;
	sink->count = 1;
}

/* ---- items ---- */

struct ta_buf *ta_otlp_item_begin(struct ta_otlp_sink *sink, const struct ta_process *process)
{
	sink->item = sink->items.bytes;
	if (sink->failed) {
		sink->items.failed = true; /* nothing more is kept of this batch */
	} else if (!sink->run_count || sink->process != process) {
		sink->process = process;
		open_run(sink);
	} else if (sink->json) {
		ta_buf_putc(&sink->items, ',');
	}
	sink->text = sink->items.bytes;
	return &sink->items;
}

static bool is_too_large(const struct ta_otlp_sink *sink)
{
	size_t bytes = sink->items.bytes + sink->resources.bytes +
		       (size_t)sink->run_count * TA_OTLP_RUN_FRAME + 64;

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
	const char *item = sink->items.data + sink->text;

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
	/* A message that changes hands takes its memory along. */
	if (batch && sink->json && sink->usual_bytes)
		ta_buf_reserve(&sink->items, sink->usual_bytes);
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
	ta_buf_fini(&sink->moved);
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
	if (sink->json)
		ta_otlp_json_close(sink);
	if (sink->failed || sink->items.failed)
		return -ENOMEM;
	if (sink->json)
		ta_buf_put(out, sink->items.data, sink->items.bytes);
	else
		ta_otlp_pb_request(sink, sink->items.bytes, out);
	return out->failed ? -ENOMEM : 0;
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
