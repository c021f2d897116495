/* SPDX-License-Identifier: MIT */
/*
 * test_otlp_json_logs.c - captured events as OTLP log records: exactly, and read back;
 * who wins where an event and its scopes disagree.
 */
#include <cjson/cJSON.h>

#include "runtime/export/event_merge.h"
#include "runtime/export/otlp_json.h"
#include "runtime/protocol/json.h"
#include "tests/unit/otlp_events.h"

static struct ta_config config;
static struct ta_enrich *enrich;
static struct ta_buf buf;

static const char *encode_events(struct ta_event **events, uint32_t count)
{
	struct ta_batch batch = { .events = events,
				  .event_count = count,
				  .wall_offset_ns = 1000000 };

	ta_buf_clear(&buf);
	expect_number("encode", ta_otlp_json_logs(&batch, enrich, &buf), 0);
	ta_buf_putc(&buf, '\0');
	return buf.data;
}

/* The record of the only event, without resource and scope. */
static const char *encode(struct made_event *event)
{
	struct ta_event *events[1] = { &event->event };
	const char *json = encode_events(events, 1), *from = strstr(json, "\"logRecords\":[");
	cJSON *tree = cJSON_Parse(json);
	char *end;

	expect("valid JSON", tree != NULL, json);
	cJSON_Delete(tree);
	if (!from)
		return json;
	from += strlen("\"logRecords\":[");
	end = strstr(from, "],\"schemaUrl\"");
	if (end)
		*end = '\0';
	return from;
}

#define TIMES "{\"timeUnixNano\":\"1000500\",\"observedTimeUnixNano\":\"1000500\""
#define ID "{\"key\":\"tagalong.event.id\",\"value\":{\"stringValue\":\"11111111111111112222222222222222\"}}"
#define TRACE ",\"traceId\":\"33333333333333334444444444444444\""
#define TEXT(k, v) ",{\"key\":\"" k "\",\"value\":{\"stringValue\":\"" v "\"}}"

static void message(void)
{
	struct made_event event;
	struct ta_record_event *record =
		event_make(&event, TA_CAPTURE_MESSAGE, TA_LEVEL_WARNING);

	record->span_id = 0x55;
	record->parent_id = 0x66;
	put_text(&event.made, TA_ATTR_EVENT_MESSAGE, "out of \"milk\"");
	expect_text("message", encode(&event),
		    TIMES ",\"severityNumber\":13,\"severityText\":\"warning\","
			  "\"eventName\":\"tagalong.message\","
			  "\"body\":{\"stringValue\":\"out of \\\"milk\\\"\"},\"attributes\":[" ID
			  TEXT("tagalong.span.parent_id", "0000000000000066") "]" TRACE
			  ",\"spanId\":\"0000000000000055\"}");
	span_drop(&event.made);
}

static void error(void)
{
	struct made_event event;

	event_make(&event, TA_CAPTURE_ERROR, TA_LEVEL_ERROR);
	put_text(&event.made, TA_ATTR_EXCEPTION_TYPE, "LoadError");
	put_text(&event.made, TA_ATTR_EXCEPTION_MESSAGE, "no such order");
	expect_text("error", encode(&event),
		    TIMES ",\"severityNumber\":17,\"severityText\":\"error\","
			  "\"eventName\":\"exception\","
			  "\"body\":{\"stringValue\":\"LoadError: no such order\"},"
			  "\"attributes\":[" ID TEXT("exception.type", "LoadError")
			  TEXT("exception.message", "no such order") "]" TRACE "}");
	span_drop(&event.made);

	event_make(&event, TA_CAPTURE_ERROR, TA_LEVEL_NONE);
	put_text(&event.made, TA_ATTR_EXCEPTION_TYPE, "LoadError");
	event.event.record->trace_hi = event.event.record->trace_lo = 0;
	expect_text("no level, no message, no trace", encode(&event),
		    TIMES ",\"eventName\":\"exception\",\"body\":{\"stringValue\":\"LoadError\"},"
			  "\"attributes\":[" ID TEXT("exception.type", "LoadError") "]}");
	span_drop(&event.made);
}

static void levels(void)
{
	static const int severities[] = { 0, 1, 5, 9, 13, 17, 21 };
	struct made_event event;

	for (uint8_t level = TA_LEVEL_TRACE; level <= TA_LEVEL_FATAL; level++) {
		char want[32];

		event_make(&event, TA_CAPTURE_MESSAGE, level);
		snprintf(want, sizeof(want), "\"severityNumber\":%d,", severities[level]);
		expect("severity", strstr(encode(&event), want) != NULL, want);
		span_drop(&event.made);
	}
	event_make(&event, TA_CAPTURE_MESSAGE, 99);
	expect("no such level", !strstr(encode(&event), "severity"), "it has a severity");
	span_drop(&event.made);
}

#define CRUMB                                                                                      \
	"{\"kvlistValue\":{\"values\":[{\"key\":\"timestamp\",\"value\":{\"intValue\":\"1000100\"}},"   \
	"{\"key\":\"message\",\"value\":{\"stringValue\":\"click\"}}]}}"

static void everything(void)
{
	struct made_event event;

	event_make(&event, TA_CAPTURE_MESSAGE, TA_LEVEL_INFO);
	put_text(&event.made, TA_ATTR_EVENT_MESSAGE, "m");
	event.event.scope = &full_scope;
	expect_text("scopes", encode(&event),
		    TIMES ",\"severityNumber\":21,\"severityText\":\"fatal\","
			  "\"eventName\":\"tagalong.message\",\"body\":{\"stringValue\":\"m\"},"
			  "\"attributes\":[" ID TEXT("tagalong.transaction", "GET /x")
			  ",{\"key\":\"tagalong.fingerprint\",\"value\":{\"arrayValue\":{\"values\":["
			  "{\"stringValue\":\"scope\"}]}}}"
			  ",{\"key\":\"tagalong.breadcrumbs\",\"value\":{\"arrayValue\":{\"values\":["
			  CRUMB "]}}}"
			  TEXT("user.id", "scope") TEXT("user.email", "s@x")
			  TEXT("tagalong.tag.t", "scope") TEXT("tagalong.tag.u", "scope")
			  ",{\"key\":\"tagalong.context.c\",\"value\":{\"kvlistValue\":{\"values\":["
			  "{\"key\":\"from\",\"value\":{\"stringValue\":\"scope\"}},"
			  "{\"key\":\"more\",\"value\":{\"intValue\":\"1\"}}]}}}"
			  ",{\"key\":\"tagalong.context.d\",\"value\":{\"kvlistValue\":{\"values\":[]}}}"
			  TEXT("tagalong.extra.e", "scope") "]" TRACE "}");
	span_drop(&event.made);
}

/* What an event holds wins over the scopes, by key; level and transaction do not. */
static void event_beats_scopes(void)
{
	struct made_event event;

	event_make(&event, TA_CAPTURE_CUSTOM, TA_LEVEL_NONE);
	put_json(&event.made, TA_ATTR_EVENT_JSON,
		 "{\"message\":\"m\\u0021\",\"level\":\"debug\",\"transaction\":\"own\","
		 "\"tags\":{\"t\":\"ev\\\"ent\",\"n\":7,\"u\":null},\"extra\":{\"e\":\"event\",\"x\":null},"
		 "\"user\":{\"id\":\"event\"},\"contexts\":{\"\\u0063\":{\"from\":\"event\"},\"d\":null},"
		 "\"fingerprint\":[\"own\"],\"breadcrumbs\":[{\"message\":\"first\",\"level\":\"warning\","
		 "\"type\":\"t\",\"category\":\"c\",\"timestamp\":1.5,\"data\":{\"a\":1}}],\"logger\":\"x\"}");
	event.event.scope = &full_scope;
	expect_text("event", encode(&event),
		    TIMES ",\"severityNumber\":21,\"severityText\":\"fatal\","
			  "\"eventName\":\"tagalong.event\",\"body\":{\"stringValue\":\"m!\"},"
			  "\"attributes\":[" ID TEXT("tagalong.transaction", "GET /x")
			  ",{\"key\":\"tagalong.fingerprint\",\"value\":{\"arrayValue\":{\"values\":["
			  "{\"stringValue\":\"own\"},{\"stringValue\":\"scope\"}]}}}"
			  ",{\"key\":\"tagalong.breadcrumbs\",\"value\":{\"arrayValue\":{\"values\":["
			  "{\"kvlistValue\":{\"values\":[{\"key\":\"timestamp\",\"value\":{\"intValue\":\"1500000000\"}}"
			  TEXT("type", "t") TEXT("category", "c") TEXT("message", "first")
			  TEXT("level", "warning")
			  ",{\"key\":\"data\",\"value\":{\"kvlistValue\":{\"values\":["
			  "{\"key\":\"a\",\"value\":{\"intValue\":\"1\"}}]}}}]}}," CRUMB "]}}}"
			  TEXT("user.id", "event") TEXT("user.email", "s@x")
			  TEXT("tagalong.tag.t", "ev\\\"ent") TEXT("tagalong.tag.n", "7")
			  ",{\"key\":\"tagalong.context.c\",\"value\":{\"kvlistValue\":{\"values\":["
			  "{\"key\":\"from\",\"value\":{\"stringValue\":\"event\"}}]}}}"
			  TEXT("tagalong.extra.e", "event")
			  ",{\"key\":\"tagalong.extra.x\",\"value\":{}}]" TRACE "}");
	event.event.scope = NULL;
	expect("its own level", strstr(encode(&event), "\"severityText\":\"debug\"") != NULL, buf.data);
	expect("its own transaction", strstr(encode(&event), TEXT("tagalong.transaction", "own")) != NULL,
	       buf.data);
	span_drop(&event.made);
}

static void logs(void)
{
	struct made_event event;

	event_make(&event, TA_CAPTURE_LOG, TA_LEVEL_WARNING);
	put_text(&event.made, TA_ATTR_EVENT_MESSAGE, "two");
	put_json(&event.made, TA_ATTR_EVENT_JSON, "{\"k\":\"own\",\"n\":1.5,\"l\":[true]}");
	event.event.scope = &full_scope;
	expect_text("log", encode(&event),
		    TIMES ",\"severityNumber\":13,\"severityText\":\"warning\","
			  "\"body\":{\"stringValue\":\"two\"},\"attributes\":[" ID TEXT("k", "own")
			  TEXT("g", "1") ",{\"key\":\"n\",\"value\":{\"doubleValue\":1.5}}"
			  ",{\"key\":\"l\",\"value\":{\"arrayValue\":{\"values\":[{\"boolValue\":true}]}}}]" TRACE
			  "}");
	span_drop(&event.made);
}

/* The data of a custom event without scopes. */
static struct ta_event_data merged(struct made_event *event, const char *json)
{
	struct ta_event_data data;

	event_make(event, TA_CAPTURE_CUSTOM, TA_LEVEL_NONE);
	put_json(&event->made, TA_ATTR_EVENT_JSON, json);
	expect_number("merge", ta_event_merge(&event->event, 0, &data), 0);
	return data;
}

static const char *text(struct ta_json_slice slice)
{
	static char out[256];

	snprintf(out, sizeof(out), "%.*s", (int)slice.bytes, slice.text ? slice.text : "");
	return out;
}

static void expect_message(const char *json, const char *want)
{
	struct made_event event;
	struct ta_event_data data = merged(&event, json);

	expect_text(json, text(data.message), want);
	ta_event_data_fini(&data);
	span_drop(&event.made);
}

static void messages(void)
{
	expect_message("{\"message\":\"plain\"}", "plain");
	expect_message("{\"message\":{\"message\":\"a %s\",\"formatted\":\"a b\"}}", "a b");
	expect_message("{\"message\":{\"message\":\"a\"}}", "a");
	expect_message("{\"logentry\":{\"formatted\":\"le\"}}", "le");
	expect_message("{\"message\":null,\"logentry\":{\"message\":\"le\"}}", "le");
	expect_message("{\"message\":7}", "7");
	expect_message("{}", "");
	expect_message("[\"message\"]", "");
	expect_message("{\"message\":\"x", "");
}

static void expect_exceptions(const char *json, uint32_t count, const char *type,
			      const char *value)
{
	struct made_event event;
	struct ta_event_data data = merged(&event, json);

	expect_number(json, data.exception_count, count);
	if (data.exception_count) {
		expect_text(json, text(data.exceptions[0].type), type);
		expect_text(json, text(data.exceptions[0].value), value);
	}
	ta_event_data_fini(&data);
	span_drop(&event.made);
}

static void exceptions(void)
{
	struct made_event event;

	expect_exceptions("{\"exception\":{\"values\":[{\"type\":\"A\",\"value\":\"a\"},{\"type\":\"B\"}]}}",
			  2, "A", "a");
	expect_exceptions("{\"exception\":[{\"type\":\"A\",\"value\":\"a\\n\"}]}", 1, "A", "a\n");
	expect_exceptions("{\"exception\":{\"type\":\"A\"}}", 1, "A", "");
	expect_exceptions("{\"exception\":[]}", 0, "", "");
	expect_exceptions("{\"exception\":[1]}", 1, "", "");
	expect_exceptions("{\"exception\":\"A\"}", 0, "", "");
	event_make(&event, TA_CAPTURE_CUSTOM, TA_LEVEL_NONE);
	put_json(&event.made, TA_ATTR_EVENT_JSON,
		 "{\"exception\":[{\"type\":\"A\",\"value\":\"a\"},{\"value\":\"b\"}]}");
	expect_text("several", encode(&event),
		    TIMES ",\"eventName\":\"tagalong.event\",\"body\":{\"stringValue\":\"A: a\"},"
			  "\"attributes\":[" ID TEXT("exception.type", "A")
			  TEXT("exception.message", "a")
			  ",{\"key\":\"tagalong.exceptions\",\"value\":{\"arrayValue\":{\"values\":["
			  "{\"kvlistValue\":{\"values\":[{\"key\":\"type\",\"value\":{\"stringValue\":\"A\"}}"
			  TEXT("value", "a") "]}},{\"kvlistValue\":{\"values\":["
			  "{\"key\":\"value\",\"value\":{\"stringValue\":\"b\"}}]}}]}}}]" TRACE "}");
	span_drop(&event.made);
}

static void expect_time(const char *value, uint64_t want)
{
	struct made_event event;
	struct ta_event_data data;
	char json[128];

	snprintf(json, sizeof(json), "{\"breadcrumbs\":{\"values\":[{\"timestamp\":%s}]}}", value);
	data = merged(&event, json);
	if (expect_number(value, data.crumb_count, 1), data.crumb_count == 1)
		expect_number(value, (long long)data.crumbs[0].time_ns, (long long)want);
	ta_event_data_fini(&data);
	span_drop(&event.made);
}

static void times(void)
{
	expect_time("1700000000", 1700000000000000000ull);
	expect_time("0.25", 250000000);
	expect_time("\"2023-11-14T22:13:20Z\"", 1700000000000000000ull);
	expect_time("\"2023-11-14T22:13:20.5Z\"", 1700000000500000000ull);
	expect_time("\"yesterday\"", 0);
	expect_time("-1", 0);
	expect_time("1e300", 0);
	expect_time("null", 0);
	expect_time("{}", 0);
}

/* Many keys of an event's own cost neither time nor order, and the scopes' stay. */
static void bounds(void)
{
	static char json[60000];
	struct made_event event;
	struct ta_event_data data;
	size_t used = (size_t)snprintf(json, sizeof(json), "{\"tags\":{");

	for (int i = 0; i < 3000; i++)
		used += (size_t)snprintf(json + used, sizeof(json) - used, "%s\"k%d\":\"v\"",
					 i ? "," : "", i);
	snprintf(json + used, sizeof(json) - used, ",\"t\":\"own\"}}");
	event_make(&event, TA_CAPTURE_CUSTOM, TA_LEVEL_NONE);
	put_json(&event.made, TA_ATTR_EVENT_JSON, json);
	event.event.scope = &full_scope;
	expect_number("merge", ta_event_merge(&event.event, 0, &data), 0);
	expect_number("tags", data.tag_count, 2 + TA_EVENT_OWN_MAX);
	expect("last member counts", data.tags[0].value_bytes == 3, "the scope's won");
	ta_event_data_fini(&data);
	expect("dropped", strstr(encode(&event), "\"droppedAttributesCount\":") != NULL, buf.data);
	span_drop(&event.made);
}

/* One resourceLogs entry per run of events of one process. */
static void runs(void)
{
	struct ta_process one = { .proc_id = 1, .pid = 1111, .wall_offset_ns = 7000000 };
	struct ta_process two = { .proc_id = 2, .pid = 2222 };
	struct made_event made[3];
	struct ta_event *events[3];
	int entries = 0;

	for (int i = 0; i < 3; i++) {
		event_make(&made[i], TA_CAPTURE_MESSAGE, TA_LEVEL_INFO);
		made[i].event.process = i == 2 ? &two : &one;
		events[i] = &made[i].event;
	}
	for (const char *at = encode_events(events, 3); (at = strstr(at, "\"resource\":")); at++)
		entries++;
	expect_number("entries", entries, 2);
	expect("earlier boot", strstr(buf.data, "\"timeUnixNano\":\"7000500\"") != NULL, buf.data);
	expect_text("empty", encode_events(events, 0), "{\"resourceLogs\":[]}");
	for (int i = 0; i < 3; i++)
		span_drop(&made[i].made);
}

static void whole(void)
{
	struct made_event event;
	struct ta_event *events[1] = { &event.event };
	const char *json;

	event_make(&event, TA_CAPTURE_MESSAGE, TA_LEVEL_INFO);
	json = encode_events(events, 1);
	expect("begin", strncmp(json, "{\"resourceLogs\":[{\"resource\":{\"attributes\":[{\"key\":", 51) == 0,
	       json);
	expect("scope", strstr(json, "]},\"scopeLogs\":[{\"scope\":{\"name\":\"tagalong\",\"version\":\"" TA_VERSION
				     "\"},\"logRecords\":[{\"timeUnixNano\":") != NULL, json);
	expect("end", strstr(json, "}],\"schemaUrl\":\"https://opentelemetry.io/schemas/1.44.0\"}],"
				   "\"schemaUrl\":\"https://opentelemetry.io/schemas/1.44.0\"}]}") != NULL, json);
	span_drop(&event.made);
}

int main(void)
{
	config = plain_config();
	enrich = ta_enrich_new(&config);
	check_group("message", message);
	check_group("error", error);
	check_group("levels", levels);
	check_group("everything", everything);
	check_group("event beats scopes", event_beats_scopes);
	check_group("logs", logs);
	check_group("messages", messages);
	check_group("exceptions", exceptions);
	check_group("times", times);
	check_group("bounds", bounds);
	check_group("runs", runs);
	check_group("whole", whole);
	ta_enrich_free(enrich);
	ta_buf_fini(&buf);
	return check_status();
}
