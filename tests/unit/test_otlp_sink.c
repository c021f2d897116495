/* SPDX-License-Identifier: MIT */
/*
 * test_otlp_sink.c - requests of limited size: nothing is lost or cut, heads say what is
 * inside, compressed ones are the same, and memory that runs out at any moment.
 */
#include "runtime/export/otlp_pb.h"

#include <errno.h>
#include <zlib.h>

#include "runtime/export/otlp_json.h"
#include "tests/unit/otlp_batch.h"
#include "tests/unit/otlp_tree.h"
#include "tests/unit/otlp_walk.h"

#define MANY 100u
#define WALL 1700000000000000000ll

static struct ta_config config;
static struct ta_enrich *enrich;
static struct ta_messages messages;
static struct ta_process processes[3];
static struct made_span spans[MANY];
static struct ta_span *list[MANY];
static struct ta_batch batch;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&       \
	!defined(SANITIZED)
#define FAILING_ALLOCATIONS
void *__libc_malloc(size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);

/* The allocation that fails, counted down; 0: none. */
static long fail_after;

static bool fails(void)
{
	return fail_after && --fail_after == 0;
}

void *malloc(size_t bytes)
{
	return fails() ? NULL : __libc_malloc(bytes);
}

void *realloc(void *memory, size_t bytes)
{
	return fails() ? NULL : __libc_realloc(memory, bytes);
}
#endif

/* A new process every ten spans, later ones with longer names. */
static void many_make(void)
{
	char name[300];

	for (unsigned int i = 0; i < MANY; i++) {
		memset(name, 'a' + (int)(i % 26), sizeof(name));
		name[i * 2 + 1] = '\0';
		rich_api_span(&spans[i], name);
		spans[i].span.span_id = i + 1;
		spans[i].span.end_ns = 5000 + (i * 37 % MANY);
		spans[i].span.process = &processes[i / 10 % 3];
		list[i] = &spans[i].span;
	}
	for (unsigned int i = 0; i < 3; i++)
		processes[i].proc_id = processes[i].pid = i + 1;
	batch = (struct ta_batch){ .spans = list, .count = MANY, .wall_offset_ns = WALL };
}

static void encode(enum ta_format format, bool gzip, uint32_t most, uint32_t bytes)
{
	const struct ta_message_limits limits = { most, bytes };
	struct ta_sink *sink = ta_otlp_traces_sink(enrich, format, gzip, limits);

	ta_messages_clear(&messages);
	check_same(walk(&batch, enrich, sink, &messages), 0);
	sink->class->free(sink);
}

/* The spans of a message, appended in order to their trees; how many. */
static uint32_t take_spans(const struct ta_message *message, cJSON *spans_tree, uint64_t *newest_ns)
{
	cJSON *tree, *resource, *span;
	uint32_t count = 0;

	tree = message->head.format == TA_FORMAT_JSON ?
		       cJSON_ParseWithLength(message->body.data, message->body.bytes) :
		       tree_of(message->body.data, message->body.bytes, tree_traces);
	check(tree != NULL, "a request of its own");
	*newest_ns = 0;
	cJSON_ArrayForEach(resource, cJSON_GetObjectItem(tree, "resourceSpans"))
	{
		cJSON *scope = cJSON_GetObjectItem(resource, "scopeSpans")->child;
		cJSON *in = cJSON_GetObjectItem(scope, "spans");

		check(cJSON_GetArraySize(in) > 0, "no empty entries");
		cJSON_ArrayForEach(span, in)
		{
			uint64_t end_ns = strtoull(
				cJSON_GetObjectItem(span, "endTimeUnixNano")->valuestring, NULL, 10);

			count++;
			if (end_ns > *newest_ns)
				*newest_ns = end_ns;
			cJSON_AddItemToArray(spans_tree, cJSON_Duplicate(span, 1));
		}
	}
	cJSON_Delete(tree);
	return count;
}

static void check_messages(enum ta_format format, uint32_t most, uint32_t bytes)
{
	cJSON *all = cJSON_CreateArray(), *span;
	uint64_t newest_ns;
	unsigned int at = 0;

	encode(format, false, most, bytes);
	for (uint32_t i = 0; i < messages.count; i++) {
		const struct ta_message *message = &messages.items[i];
		uint32_t count = take_spans(message, all, &newest_ns);

		check_same(message->head.spans, count);
		check_same(message->head.bytes, message->body.bytes);
		check_same(message->head.format, format);
		check_same(message->head.time_ns, newest_ns);
		check(!message->head.events && !message->head.gzip && !message->head.done, "head");
		check(!most || count <= most, "%u spans in a message of %u", count, most);
		check(!bytes || count == 1 || message->body.bytes <= bytes, "%zu bytes of %u",
		      message->body.bytes, bytes);
	}
	check_same(cJSON_GetArraySize(all), MANY);
	cJSON_ArrayForEach(span, all)
		check_same(strtoull(cJSON_GetObjectItem(span, "spanId")->valuestring, NULL, 16), ++at);
	cJSON_Delete(all);
}

static void limits_of(enum ta_format format)
{
	static const uint32_t mosts[] = { 0, 1, 3, 7, 10, 99, 100, 101 };

	for (unsigned int i = 0; i < COUNT(mosts); i++) {
		check_messages(format, mosts[i], 0);
		check_same(messages.count, mosts[i] ? (MANY + mosts[i] - 1) / mosts[i] : 1);
	}
	for (uint32_t bytes = 1; bytes < 40000; bytes += bytes < 3000 ? 97 : 1999)
		check_messages(format, 0, bytes);
	check_messages(format, 5, 3000);
	check_messages(format, 0, 1);
	check_same(messages.count, MANY); /* each is too large, and goes out all the same */
	check_messages(format, 0, 1u << 20);
	check_same(messages.count, 1);
}

static void limits_protobuf(void)
{
	limits_of(TA_FORMAT_PROTOBUF);
}

static void limits_json(void)
{
	limits_of(TA_FORMAT_JSON);
}

/* One run for consecutive spans of a process, as the wrapper writes it. */
static void as_one(void)
{
	struct ta_buf json = { 0 };

	encode(TA_FORMAT_JSON, false, 0, 0);
	check_same(ta_otlp_json_encode(&batch, enrich, &json), 0);
	check(json.bytes == messages.items[0].body.bytes &&
		      memcmp(json.data, messages.items[0].body.data, json.bytes) == 0,
	      "the same line");
	ta_buf_fini(&json);
}

static void nothing(void)
{
	const struct ta_batch empty = { .wall_offset_ns = WALL }, before = batch;

	batch = empty;
	encode(TA_FORMAT_PROTOBUF, false, 0, 0);
	check_same(messages.count, 0);
	encode(TA_FORMAT_JSON, true, 0, 0);
	check_same(messages.count, 0);
	batch = before;
}

static void compressed(void)
{
	char *plain = malloc(1 << 20);
	struct ta_buf body;
	z_stream stream;

	encode(TA_FORMAT_PROTOBUF, false, 0, 0);
	body = messages.items[0].body;
	messages.items[0].body = (struct ta_buf){ 0 };
	encode(TA_FORMAT_PROTOBUF, true, 0, 0);
	check_same(messages.items[0].head.gzip, 1);
	check_same(messages.items[0].head.bytes, messages.items[0].body.bytes);
	check(messages.items[0].body.bytes < body.bytes, "smaller");
	memset(&stream, 0, sizeof(stream));
	stream.next_in = (unsigned char *)messages.items[0].body.data;
	stream.avail_in = (unsigned int)messages.items[0].body.bytes;
	stream.next_out = (unsigned char *)plain;
	stream.avail_out = 1 << 20;
	check(inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK, "zlib");
	check_same(inflate(&stream, Z_FINISH), Z_STREAM_END);
	check(stream.total_out == body.bytes && memcmp(plain, body.data, body.bytes) == 0, "content");
	inflateEnd(&stream);
	ta_buf_fini(&body);
	free(plain);
}

/* Messages go behind those that are there; the next batch is a new one. */
static void again(void)
{
	const struct ta_message_limits limits = { 60, 0 };
	struct ta_sink *sink = ta_otlp_traces_sink(enrich, TA_FORMAT_PROTOBUF, false, limits);

	ta_messages_clear(&messages);
	for (unsigned int i = 1; i <= 3; i++) {
		check_same(walk(&batch, enrich, sink, &messages), 0);
		check_same(messages.count, 2 * i);
	}
	check(messages.items[5].body.bytes == messages.items[1].body.bytes &&
		      memcmp(messages.items[5].body.data, messages.items[1].body.data,
			     messages.items[1].body.bytes) == 0,
	      "the same");
	sink->class->free(sink);
}

static void logs(void)
{
	static struct rich rich;

	events_make(&rich);
	for (unsigned int format = TA_FORMAT_PROTOBUF; format <= TA_FORMAT_JSON; format++) {
		const struct ta_message_limits limits = { 4, 0 };
		struct ta_sink *sink =
			ta_otlp_logs_sink(enrich, (enum ta_format)format, false, limits);

		ta_messages_clear(&messages);
		check_same(walk(&rich.batch, enrich, sink, &messages), 0);
		check_same(messages.count, 2);
		check_same(messages.items[0].head.events, 4);
		check_same(messages.items[1].head.events, 2);
		check_same(messages.items[1].head.spans, 0);
		check_same(messages.items[1].head.time_ns, 1700000000000000000ll + 505);
		sink->class->free(sink);
	}
	rich_drop(&rich);
}

#ifdef FAILING_ALLOCATIONS
/* Every allocation fails once: all of the batch comes out or nothing, and the next one
 * is whole. */
static void fail_once_each(enum ta_format format, bool gzip)
{
	const struct ta_message_limits limits = { 7, 0 };
	unsigned int failures = 0;

	for (long at = 1; at < 5000; at++) {
		struct ta_enrich *fresh = ta_enrich_new(&config);
		struct ta_sink *sink = ta_otlp_traces_sink(fresh, format, gzip, limits);
		int error;

		ta_messages_fini(&messages);
		fail_after = at;
		error = walk(&batch, fresh, sink, &messages);
		bool failed = fail_after == 0;
		fail_after = 0;
		check(error == 0 || error == -ENOMEM, "%d", error);
		check_same(messages.count, error ? 0 : 15);
		failures += error != 0;
		if (error) {
			check_same(walk(&batch, fresh, sink, &messages), 0);
			check_same(messages.count, 15);
		}
		sink->class->free(sink);
		ta_enrich_free(fresh);
		if (!failed)
			break;
	}
	check(failures > 10, "%u failures", failures);
}

static void out_of_memory(void)
{
	fail_once_each(TA_FORMAT_PROTOBUF, false);
	fail_once_each(TA_FORMAT_JSON, false);
	fail_once_each(TA_FORMAT_PROTOBUF, true);
}
#endif

int main(void)
{
	config = plain_config();
	enrich = ta_enrich_new(&config);
	many_make();
	check_group("limits_protobuf", limits_protobuf);
	check_group("limits_json", limits_json);
	check_group("as_one", as_one);
	check_group("nothing", nothing);
	check_group("compressed", compressed);
	check_group("again", again);
	check_group("logs", logs);
#ifdef FAILING_ALLOCATIONS
	check_group("out_of_memory", out_of_memory);
#else
	puts("skip out_of_memory: the sanitizer has an allocator of its own");
#endif
	ta_messages_fini(&messages);
	for (unsigned int i = 0; i < MANY; i++)
		span_drop(&spans[i]);
	ta_enrich_free(enrich);
	return check_status();
}
