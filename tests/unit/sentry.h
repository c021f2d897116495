/* SPDX-License-Identifier: MIT */
/*
 * sentry.h - batches through the Sentry sink, and what came out, taken apart.
 */
#ifndef TA_TESTS_UNIT_SENTRY_H
#define TA_TESTS_UNIT_SENTRY_H

#include <cjson/cJSON.h>

#include "runtime/export/event_merge.h"
#include "runtime/export/sentry.h"
#include "tests/unit/spans.h"

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))
#define WALL 1700000000000000000ll

static struct ta_config sentry_config;
static struct ta_enrich *sentry_enrich;
static struct ta_sink *sentry_sink;
static struct ta_messages sentry_messages;

static struct ta_message_head sentry_dropped[16];
static uint32_t sentry_dropped_count;

__attribute__((unused)) static void note_dropped(void *user, enum ta_drop why,
						 const struct ta_message_head *what)
{
	expect("user", user == &sentry_dropped_count, "not handed through");
	expect_number("why", why, TA_DROP_SAMPLED);
	if (sentry_dropped_count < COUNT(sentry_dropped))
		sentry_dropped[sentry_dropped_count++] = *what;
}

static struct ta_dsn sentry_dsn = { .public_key = (char *)"pub",
				    .host = (char *)"sentry.test",
				    .project = (char *)"42",
				    .envelope_url =
					    (char *)"https://sentry.test/in/api/42/envelope/" };

/* Everything is sent; release and environment are there. */
__attribute__((unused)) static struct ta_sentry_options plain_options(void)
{
	return (struct ta_sentry_options){ .dsn = &sentry_dsn,
					   .release = "shop@1.2",
					   .environment = "test",
					   .sample_rate = 1,
					   .traces_sample_rate = 1,
					   .trace_share = 1 };
}

__attribute__((unused)) static void sentry_open(const struct ta_sentry_options *options)
{
	sentry_config = plain_config();
	sentry_config.http_routes = "/user/{id}";
	sentry_config.resource_attributes = "host.name=h,host.arch=a";
	sentry_enrich = ta_enrich_new(&sentry_config);
	sentry_sink = ta_sentry_sink(sentry_enrich, options, note_dropped, &sentry_dropped_count);
	sentry_dropped_count = 0;
}

__attribute__((unused)) static void sentry_close(void)
{
	ta_messages_fini(&sentry_messages);
	sentry_sink->class->free(sentry_sink);
	ta_enrich_free(sentry_enrich);
}

/* One batch; a trace ends where the trace id changes. */
__attribute__((unused)) static void sentry_encode(const struct ta_batch *batch)
{
	static struct ta_out_span out;

	ta_messages_clear(&sentry_messages);
	sentry_sink->class->begin(sentry_sink, batch);
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct ta_span *span = batch->spans[i];

		ta_enrich_span(sentry_enrich, span, &out);
		sentry_sink->class->span(sentry_sink, span, &out);
		if (i + 1 == batch->count || batch->spans[i + 1]->trace_lo != span->trace_lo)
			sentry_sink->class->trace_end(sentry_sink);
	}
	for (uint32_t i = 0; i < batch->event_count; i++) {
		const struct ta_event *event = batch->events[i];
		struct ta_event_data data;

		expect_number("merge",
			      ta_event_merge(event, ta_batch_wall_offset(batch, event->process),
					     &data),
			      0);
		sentry_sink->class->event(sentry_sink, event, &data);
		ta_event_data_fini(&data);
	}
	expect_number("end", sentry_sink->class->end(sentry_sink, &sentry_messages), 0);
}

__attribute__((unused)) static void sentry_encode_spans(struct made_span *const *made,
							uint32_t count)
{
	struct ta_span **spans = calloc(count, sizeof(*spans));
	struct ta_batch batch = { .spans = spans, .count = count, .wall_offset_ns = WALL };

	for (uint32_t i = 0; i < count; i++)
		spans[i] = &made[i]->span;
	sentry_encode(&batch);
	free(spans);
}

/* The lines of a message: envelope header, item header, payload; each has to be JSON.  The
 * result is the payload; what is not wanted may be NULL.  To be deleted. */
__attribute__((unused)) static cJSON *sentry_parse(uint32_t number, cJSON **ret_header,
						   cJSON **ret_item)
{
	const struct ta_message *message = &sentry_messages.items[number];
	const char *text = message->body.data, *end = text + message->body.bytes;
	cJSON *lines[3] = { NULL };
	uint32_t count = 0;

	if (!check(number < sentry_messages.count, "no message %u", number))
		return NULL;
	check_same(message->head.bytes, message->body.bytes);
	check_same(message->head.format, TA_FORMAT_ENVELOPE);
	check(message->body.bytes > 3 && text[0] == '{' && text[1] == '"', "begins with no member");
	for (; text < end; count++) {
		const char *line_end = memchr(text, '\n', (size_t)(end - text));

		if (!check(line_end && count < 3, "line %u", count))
			break;
		lines[count] = cJSON_ParseWithLength(text, (size_t)(line_end - text));
		check(lines[count] != NULL, "no JSON: %.*s", (int)(line_end - text), text);
		if (count == 2)
			check_same(cJSON_GetObjectItem(lines[1], "length") ?
					   cJSON_GetObjectItem(lines[1], "length")->valueint :
					   -1,
				   line_end - text);
		text = line_end + 1;
	}
	if (ret_header)
		*ret_header = lines[0];
	else
		cJSON_Delete(lines[0]);
	if (ret_item)
		*ret_item = lines[1];
	else
		cJSON_Delete(lines[1]);
	return lines[2];
}

/* The payload's line as text, in static memory. */
__attribute__((unused)) static const char *sentry_text(uint32_t number)
{
	static char text[2 << 20];
	const struct ta_message *message = &sentry_messages.items[number];
	const char *line = message->body.data, *end = line + message->body.bytes - 1;

	text[0] = '\0';
	if (!check(number < sentry_messages.count, "no message %u", number))
		return text;
	line = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;
	line = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;
	memcpy(text, line, (size_t)(end - line));
	text[end - line] = '\0';
	return text;
}

/* A member by its path ("contexts/trace/op", "spans/0/op"); NULL when it is not there. */
__attribute__((unused)) static const cJSON *at(const cJSON *tree, const char *path)
{
	char name[128];

	while (tree && *path) {
		size_t bytes = strcspn(path, "/");

		snprintf(name, sizeof(name), "%.*s", (int)bytes, path);
		tree = cJSON_IsArray(tree) ? cJSON_GetArrayItem(tree, atoi(name)) :
					     cJSON_GetObjectItemCaseSensitive(tree, name);
		path += bytes + (path[bytes] == '/');
	}
	return tree;
}

/* A member as text: strings as they are, others as JSON; "(none)". */
__attribute__((unused)) static const char *say(const cJSON *tree, const char *path)
{
	static char texts[4][4096];
	static int turn;
	const cJSON *member = at(tree, path);
	char *text = texts[turn++ % 4], *printed;

	if (!member)
		return "(none)";
	if (cJSON_IsString(member)) {
		snprintf(text, sizeof(texts[0]), "%s", member->valuestring);
		return text;
	}
	printed = cJSON_PrintUnformatted(member);
	snprintf(text, sizeof(texts[0]), "%s", printed ? printed : "?");
	free(printed);
	return text;
}

/* ---- events ---- */

/* An event whose record holds the attributes given by put_*(&event.made). */
struct made_event {
	struct made_span made;
	struct ta_event event;
};

__attribute__((unused)) static struct ta_record_event *event_make(struct made_event *event,
								  uint8_t type, uint8_t level)
{
	struct ta_record_event *record;

	span_make(&event->made, TA_SPAN_API);
	record = span_record(&event->made, TA_RECORD_EVENT, sizeof(*record));
	record->type = type;
	record->level = level;
	record->id_hi = 0x1111111111111111ull;
	record->id_lo = 0x2222222222222222ull;
	record->time_ns = 1500;
	record->trace_hi = 0x3333333333333333ull;
	record->trace_lo = 0x4444444444444444ull;
	event->event = (struct ta_event){ .record = record };
	return record;
}

__attribute__((unused)) static cJSON *sentry_encode_event(struct made_event *event)
{
	struct ta_event *events[1] = { &event->event };
	struct ta_batch batch = { .events = events, .event_count = 1, .wall_offset_ns = WALL };

	sentry_encode(&batch);
	check_same(sentry_messages.count, 1);
	return sentry_messages.count ? sentry_parse(0, NULL, NULL) : NULL;
}

#endif
