/* SPDX-License-Identifier: MIT */
/*
 * helper.c - fuzzes what tagalong-stacks answers: it reads hostile files, so it is hostile.
 *
 * Input: a byte that says how long the pieces are in which its bytes come, and them.  (Bit 7:
 * what follows is the JSON of one good answer.)  In pieces they are the same answers as in one;
 * one that is taken is an object, valid, and not longer than allowed; and what exporters make
 * of it is JSON too, or fields of protobuf.
 */
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/agent/stacks_link.h"
#include "runtime/export/event_merge.h"
#include "runtime/export/otlp_json.h"
#include "runtime/export/sentry.h"
#include "runtime/protocol/json.h"

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
	static const struct ta_sentry_options options = { .dsn = &dsn, .sample_rate = 1 };

	if (sink)
		return;
	ta_config_load(&config, no_environment, NULL, NULL);
	enrich = ta_enrich_new(&config);
	sink = ta_sentry_sink(enrich, &options, NULL, NULL);
	demand(sink != NULL);
}

/* ---- what is made of a stack ---- */

static void check_json(const char *text, size_t bytes)
{
	cJSON *tree = cJSON_ParseWithLength(text, bytes);

	demand(tree != NULL);
	cJSON_Delete(tree);
}

static void check_messages(struct ta_messages *messages)
{
	for (uint32_t i = 0; i < messages->count; i++) {
		const char *line = messages->items[i].body.data, *end = line + messages->items[i].body.bytes;

		for (const char *stop; line < end; line = stop + 1) {
			stop = memchr(line, '\n', (size_t)(end - line));
			demand(stop != NULL);
			check_json(line, (size_t)(stop - line));
		}
	}
	ta_messages_fini(messages);
}

static void try_stack(const struct ta_buf *json)
{
	struct { struct ta_record_event event; struct ta_attr attr; char text[4]; } record = {
		.event = { .head = { .kind = TA_RECORD_EVENT, .units = sizeof(record) / 8 },
			   .type = TA_CAPTURE_ERROR },
		.attr = { TA_ATTR_EXCEPTION_TYPE, TA_ATTR_STRING, 4 },
		.text = "Oops" };
	struct ta_event event = { .record = &record.event, .stack = json->data,
				  .stack_bytes = (uint32_t)json->bytes };
	struct ta_event *events[1] = { &event };
	struct ta_batch batch = { .events = events, .event_count = 1 };
	struct ta_messages messages = { 0 };
	struct ta_buf line = { 0 };
	struct ta_event_data data;

	demand(ta_otlp_json_logs(&batch, enrich, &line) == 0);
	check_json(line.data, line.bytes);
	ta_buf_fini(&line);
	demand(ta_event_merge(&event, 0, &data) == 0);
	sink->class->begin(sink, &batch);
	sink->class->event(sink, &event, &data);
	ta_event_data_fini(&data);
	demand(sink->class->end(sink, &messages) == 0);
	check_messages(&messages);
}

/* ---- the answers ---- */

/* All of them, one behind the other, and how it ended. */
static int read_answers(const uint8_t *data, size_t bytes, size_t piece, struct ta_buf *said)
{
	struct ta_stacks_link link = { .pid = 0 };
	int pair[2], status = 0;

	demand(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	demand(fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0);
	link.fd = pair[0];
	for (size_t at = 0; at <= bytes && status >= 0; at += piece) {
		size_t part = bytes - at < piece ? bytes - at : piece;

		if (part)
			demand(send(pair[1], data + at, part, MSG_NOSIGNAL) == (ssize_t)part);
		if (part < piece)
			shutdown(pair[1], SHUT_WR);
		while ((status = ta_stacks_link_step(&link)) == 1) {
			demand(link.json.bytes <= TA_STACKS_JSON_MAX);
			demand(!link.json.bytes ||
			       (ta_json_valid(link.json.data, link.json.bytes) &&
				ta_json_kind(link.json.data, link.json.bytes) == TA_JSON_OBJECT));
			ta_buf_put(said, &link.head, sizeof(link.head));
			ta_buf_put(said, link.json.data, link.json.bytes);
			if (link.json.bytes)
				try_stack(&link.json);
			ta_stacks_link_next(&link);
		}
	}
	ta_stacks_link_close(&link);
	close(pair[0]);
	close(pair[1]);
	return status;
}

static void try_bytes(const uint8_t *data, size_t bytes, size_t piece)
{
	struct ta_buf whole = { 0 }, pieces = { 0 };

	demand(read_answers(data, bytes, bytes + 1, &whole) ==
	       read_answers(data, bytes, piece, &pieces));
	demand(whole.bytes == pieces.bytes &&
	       (!whole.bytes || memcmp(whole.data, pieces.data, whole.bytes) == 0));
	ta_buf_fini(&whole);
	ta_buf_fini(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct ta_stacks_answer head = { .magic = TA_STACKS_MAGIC, .kind = TA_STACKS_DONE };
	struct ta_buf answer = { 0 };

	if (bytes < 1 || bytes > 100000)
		return 0;
	prepare();
	head.json_bytes = (uint32_t)bytes - 1;
	if (data[0] & 0x80)
		ta_buf_put(&answer, &head, sizeof(head));
	ta_buf_put(&answer, data + 1, bytes - 1);
	try_bytes((const uint8_t *)answer.data, answer.bytes,
		  bytes > 2000 ? 499 : (size_t)(data[0] & 0x7f) + 1);
	ta_buf_fini(&answer);
	return 0;
}
