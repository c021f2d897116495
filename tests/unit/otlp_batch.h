/* SPDX-License-Identifier: MIT */
/*
 * otlp_batch.h - a batch with one of everything that a span or an event can hold.
 *
 * For the tests of OTLP's encoders.  Made by batch_make() (spans) or events_make().
 */
#ifndef TA_TESTS_UNIT_OTLP_BATCH_H
#define TA_TESTS_UNIT_OTLP_BATCH_H

#include <math.h>

#include "tests/unit/otlp_events.h"

#define RICH_SPANS 9u
#define RICH_EVENTS 6u

struct rich {
	struct made_span spans[RICH_SPANS];
	struct made_event events[RICH_EVENTS];
	struct ta_span *span_list[RICH_SPANS];
	struct ta_event *event_list[RICH_EVENTS];
	struct ta_process processes[2];
	struct ta_batch batch;
};

static void rich_named_text(struct made_span *made, const char *name, const char *text, size_t bytes)
{
	put_named(made, name, TA_ATTR_STRING, text, bytes);
}

static void rich_numbers(struct made_span *made)
{
	static const int64_t ints[] = { 0, 1, 127, 128, -1, INT64_MAX, INT64_MIN };
	static const double reals[] = { 0.0, -0.0, 1.5, 1e-300, 1e300, NAN, INFINITY, -INFINITY };
	static const uint8_t truths[] = { 0, 1 };
	char name[32];

	for (unsigned int i = 0; i < COUNT(ints); i++) {
		snprintf(name, sizeof(name), "int.%u", i);
		put_named(made, name, TA_ATTR_INT, &ints[i], sizeof(ints[i]));
	}
	for (unsigned int i = 0; i < COUNT(reals); i++) {
		snprintf(name, sizeof(name), "real.%u", i);
		put_named(made, name, TA_ATTR_DOUBLE, &reals[i], sizeof(reals[i]));
	}
	for (unsigned int i = 0; i < COUNT(truths); i++) {
		snprintf(name, sizeof(name), "bool.%u", i);
		put_named(made, name, TA_ATTR_BOOL, &truths[i], 1);
	}
}

/* Lengths around those where a length takes one more byte, short and long names. */
static void rich_texts(struct made_span *made)
{
	static char fill[800];
	char name[140];

	memset(fill, 'x', sizeof(fill));
	rich_named_text(made, "empty", "", 0);
	rich_named_text(made, "nul", "a\0b", 3);
	rich_named_text(made, "bad", "a\xff\xc3(\xed\xa0\x80", 7);
	rich_named_text(made, "na\xffme", "text", 4);
	rich_named_text(made, "gr\xc3\xbc\xc3\x9f", "\xe2\x82\xac \"quoted\\\"\n\x1b[31m", 17);
	for (size_t bytes = 100; bytes < 135; bytes++) {
		snprintf(name, sizeof(name), "text.%zu", bytes);
		rich_named_text(made, name, fill, bytes);
	}
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	name[120] = '\0';
	rich_named_text(made, name, "", 0);
	rich_named_text(made, name + 1, "12345678", 8);
	rich_named_text(made, "long", fill, sizeof(fill));
	put_named(made, "bytes", TA_ATTR_BYTES, "\0\xff\x10\x80", 4);
	put_named(made, "no_bytes", TA_ATTR_BYTES, "", 0);
}

static void rich_json(struct made_span *made)
{
	static const char *const texts[] = {
		"null", "true", "false", "0", "-1", "9223372036854775807", "9223372036854775808",
		"1.5e3", "1e999", "-1e999", "\"\"", "\"a\\u0041\\n\\ud83d\\ude00\\ud800\"", "[]", "{}",
		" [1,[2,[3,{\"a\":null}]],\"\",false] ", "{\"\":0,\"k\\u0021\":{\"x\":[{}]},\"k\\u0021\":1}",
		"no json", "[1,", "\"\xff\"",
	};
	char name[32], deep[128] = "", number[600];

	for (unsigned int i = 0; i < COUNT(texts); i++) {
		snprintf(name, sizeof(name), "json.%u", i);
		put_named(made, name, TA_ATTR_JSON, texts[i], strlen(texts[i]));
	}
	memset(deep, '[', 40);
	memset(deep + 40, ']', 40);
	put_named(made, "json.deep", TA_ATTR_JSON, deep, 80);
	memset(number, '7', sizeof(number));
	put_named(made, "json.long", TA_ATTR_JSON, number, sizeof(number));
}

static void rich_error(struct made_span *made)
{
	struct ta_record_span_event *event;
	struct ta_record_span_link *link;

	for (unsigned int i = 0; i < 130; i++) {
		event = span_record(made, TA_RECORD_SPAN_EVENT, sizeof(*event));
		event->time_ns = 1500 + i;
		put_text(made, TA_ATTR_NAME, i ? "exception" : "");
		put_text(made, TA_ATTR_EXCEPTION_TYPE, "Load\xff" "Error");
		put_text(made, TA_ATTR_EXCEPTION_MESSAGE, i % 2 ? "no such order" : "");
	}
	event = span_record(made, TA_RECORD_SPAN_EVENT, sizeof(*event));
	event->time_ns = 1400;
	put_text(made, TA_ATTR_NAME, "cache miss");
	put_json(made, TA_ATTR_EVENT_JSON, "{\"key\":\"a\",\"size\":0,\"parts\":[1,2]}");
	for (unsigned int i = 0; i < 3; i++) {
		link = span_record(made, TA_RECORD_SPAN_LINK, sizeof(*link));
		link->trace_hi = i;
		link->trace_lo = 1;
		link->link_span_id = i + 1;
		put_json(made, TA_ATTR_EVENT_JSON, "{\"why\":\"\"}");
	}
	span_record(made, TA_RECORD_SPAN_ATTRS, sizeof(struct ta_record_span_attrs));
	put_int(made, TA_ATTR_STATUS, 2);
	put_text(made, TA_ATTR_STATUS_MESSAGE, "gave \xff up");
}

static void rich_request(struct made_span *made)
{
	span_make(made, TA_SPAN_HTTP_SERVER);
	put_text(made, TA_ATTR_HTTP_METHOD, "GET");
	put_text(made, TA_ATTR_HTTP_TARGET, "/orders/4711?q=\xff");
	put_int(made, TA_ATTR_HTTP_STATUS, 500);
	put_ipv4(made, TA_ATTR_PEER, "10.1.2.3", 40000);
	put_text(made, TA_ATTR_TRACESTATE, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
	made->span.parent_id = 0x00f067aa0ba902b7ull;
	made->span.flags = TA_SPAN_REMOTE_PARENT;
}

static void rich_api_span(struct made_span *made, const char *name)
{
	span_make(made, TA_SPAN_API);
	put_text(made, TA_ATTR_NAME, name);
}

static void rich_too_many(struct made_span *made)
{
	char name[32];

	for (unsigned int i = 0; i < 140; i++) {
		snprintf(name, sizeof(name), "key.%u", i);
		rich_named_text(made, name, "v", 1);
	}
}

static void rich_make_processes(struct rich *rich)
{
	for (unsigned int i = 0; i < 2; i++) {
		rich->processes[i].proc_id = i + 1;
		rich->processes[i].pid = 10 + i;
		snprintf(rich->processes[i].exe, sizeof(rich->processes[i].exe), "/bin/app%u", i);
		snprintf(rich->processes[i].instance_id, sizeof(rich->processes[i].instance_id),
			 "00000000-0000-4000-8000-00000000000%u", i);
	}
	rich->processes[1].wall_offset_ns = 1600000000000000000ll;
	rich->batch.wall_offset_ns = 1700000000000000000ll;
}

/* Runs of processes: 0 0 0, 1, none none, 0 0 0. */
__attribute__((unused)) static void batch_make(struct rich *rich)
{
	memset(rich, 0, sizeof(*rich));
	rich_make_processes(rich);
	rich_api_span(&rich->spans[0], "numbers");
	rich_numbers(&rich->spans[0]);
	rich_api_span(&rich->spans[1], "texts");
	rich_texts(&rich->spans[1]);
	rich_api_span(&rich->spans[2], "JSON");
	rich_json(&rich->spans[2]);
	rich_request(&rich->spans[3]);
	rich_api_span(&rich->spans[4], "error \xff");
	rich_error(&rich->spans[4]);
	rich_api_span(&rich->spans[5], "too many");
	rich_too_many(&rich->spans[5]);
	span_make(&rich->spans[6], TA_SPAN_SIGNAL);
	rich->spans[6].span.flags = TA_SPAN_NOT_SAMPLED;
	span_make(&rich->spans[7], TA_SPAN_CONNECTION);
	rich->spans[7].span.end = TA_SPAN_HOST_DIED;
	span_make(&rich->spans[8], TA_SPAN_THREAD);
	rich->spans[8].span.end_ns = 10; /* before its start */
	for (unsigned int i = 0; i < RICH_SPANS; i++) {
		rich->span_list[i] = &rich->spans[i].span;
		rich->spans[i].span.span_id += i;
		rich->spans[i].span.end_ns += i == 8 ? 0 : i * 100;
		rich->spans[i].span.process = i == 4 || i == 5 ? NULL : &rich->processes[i == 3];
	}
	rich->batch.spans = rich->span_list;
	rich->batch.count = RICH_SPANS;
}

__attribute__((unused)) static void events_make(struct rich *rich)
{
	memset(rich, 0, sizeof(*rich));
	rich_make_processes(rich);
	event_make(&rich->events[0], TA_CAPTURE_MESSAGE, TA_LEVEL_WARNING);
	put_text(&rich->events[0].made, TA_ATTR_EVENT_MESSAGE, "out of \"milk\" \xff");
	event_make(&rich->events[1], TA_CAPTURE_ERROR, TA_LEVEL_ERROR);
	put_text(&rich->events[1].made, TA_ATTR_EXCEPTION_TYPE, "Load\xff" "Error");
	put_text(&rich->events[1].made, TA_ATTR_EXCEPTION_MESSAGE, "no such order");
	event_make(&rich->events[2], TA_CAPTURE_CUSTOM, TA_LEVEL_NONE);
	put_json(&rich->events[2].made, TA_ATTR_EVENT_JSON,
		 "{\"message\":\"m\\u0021\",\"level\":\"debug\",\"extra\":{\"e\":[1,{}],\"x\":null},"
		 "\"exception\":{\"values\":[{\"type\":\"A\",\"value\":\"\"},{\"value\":\"b\"}]},"
		 "\"fingerprint\":[\"own\",\"\"],\"breadcrumbs\":[{\"message\":\"first\","
		 "\"level\":\"warning\",\"timestamp\":1.5,\"data\":{\"a\":[0]}},{}]}");
	event_make(&rich->events[3], TA_CAPTURE_LOG, TA_LEVEL_TRACE);
	put_text(&rich->events[3].made, TA_ATTR_EVENT_MESSAGE, "");
	put_json(&rich->events[3].made, TA_ATTR_EVENT_JSON, "{\"k\":\"\",\"n\":1.5,\"l\":[true]}");
	event_make(&rich->events[4], TA_CAPTURE_MESSAGE, 99);
	event_make(&rich->events[5], TA_CAPTURE_ERROR, TA_LEVEL_NONE);
	rich->events[5].event.record->trace_hi = rich->events[5].event.record->trace_lo = 0;
	for (unsigned int i = 0; i < RICH_EVENTS; i++) {
		rich->event_list[i] = &rich->events[i].event;
		rich->events[i].event.record->time_ns += i;
		rich->events[i].event.record->span_id = i % 3;
		rich->events[i].event.record->parent_id = i % 2;
		rich->events[i].event.process = i == 2 ? NULL : &rich->processes[i == 3];
		rich->events[i].event.scope = i == 4 ? NULL : &full_scope;
	}
	rich->batch.events = rich->event_list;
	rich->batch.event_count = RICH_EVENTS;
}

__attribute__((unused)) static void rich_drop(struct rich *rich)
{
	for (unsigned int i = 0; i < RICH_SPANS; i++)
		span_drop(&rich->spans[i]);
	for (unsigned int i = 0; i < RICH_EVENTS; i++)
		span_drop(&rich->events[i].made);
}

#endif
