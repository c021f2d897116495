/* SPDX-License-Identifier: MIT */
/*
 * test_otlp_json.c - batches byte for byte as the OTLP specification's JSON
 * encoding has them, and text that is not fit for JSON.
 */
#include "runtime/export/otlp_json.h"

#include <cjson/cJSON.h>
#include <math.h>

#include "runtime/export/otlp_value.h"
#include "tests/unit/spans.h"

#define SCOPE "\"scopeSpans\":[{\"scope\":{\"name\":\"tagalong\",\"version\":\"" TA_VERSION "\"},\"spans\":["
#define SCHEMA "\"schemaUrl\":\"https://opentelemetry.io/schemas/1.44.0\""

static struct ta_config config;
static struct ta_enrich *enrich;
static struct ta_buf buf;

static const char *encode(struct ta_span **spans, uint32_t count, int64_t offset)
{
	struct ta_batch batch = { .spans = spans, .count = count, .wall_offset_ns = offset };

	ta_buf_clear(&buf);
	expect_number("encode", ta_otlp_json_encode(&batch, enrich, &buf), 0);
	ta_buf_putc(&buf, '\0');
	return buf.data;
}

static void check_part(const char *name, const char *json, const char *want)
{
	expect(name, strstr(json, want) != NULL, json);
}

static const char *json_text(const char *text, size_t bytes)
{
	ta_buf_clear(&buf);
	ta_buf_put_json(&buf, text, bytes);
	ta_buf_putc(&buf, '\0');
	return buf.data;
}

static void test_strings(void)
{
	expect_text("json/empty", json_text("", 0), "\"\"");
	expect_text("json/plain", json_text("hello, world 123", 16), "\"hello, world 123\"");
	expect_text("json/quote", json_text("01234567\"\\", 10), "\"01234567\\\"\\\\\"");
	expect_text("json/newline", json_text("a\nb\tc\r", 6), "\"a\\nb\\tc\\u000d\"");
	expect_text("json/nul", json_text("a\0b", 3), "\"a\\u0000b\"");
	expect_text("json/escape", json_text("\033[31m", 5), "\"\\u001b[31m\"");
	expect_text("json/delete", json_text("\x7f", 1), "\"\x7f\"");
	expect_text("json/utf8", json_text("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", 15),
		   "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\"");
	expect_text("json/lone_byte", json_text("a\xff" "b", 3), "\"a\xef\xbf\xbd" "b\"");
	expect_text("json/overlong", json_text("\xc0\xaf", 2), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	expect_text("json/surrogate", json_text("\xed\xa0\x80", 3),
		   "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	expect_text("json/cut_short", json_text("x\xe2\x82", 3), "\"x\xef\xbf\xbd\xef\xbf\xbd\"");
	expect_text("json/too_high", json_text("\xf4\x90\x80\x80", 4),
		   "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

/* Every byte at every place of a word, against the plain definition of JSON. */
static void test_every_byte(void)
{
	for (int c = 0; c < 128; c++)
		for (size_t at = 0; at < 9; at++) {
			char text[10] = "abcdefghi", want[24];
			const char *got;

			text[at] = (char)c;
			if (c == '"' || c == '\\')
				snprintf(want, sizeof(want), "\\%c", c);
			else if (c == '\n' || c == '\t')
				snprintf(want, sizeof(want), c == '\n' ? "\\n" : "\\t");
			else if (c < 0x20)
				snprintf(want, sizeof(want), "\\u%04x", (unsigned int)c);
			else
				snprintf(want, sizeof(want), "%c", c);
			got = json_text(text, 9);
			if (strncmp(got + 1 + at, want, strlen(want)) != 0 ||
			    strlen(got) != 10 + strlen(want))
				expect("json/every_byte", false, got);
		}
	expect("json/every_byte", true, "");
}

static void test_numbers(void)
{
	ta_buf_clear(&buf);
	ta_buf_put_u64(&buf, UINT64_MAX);
	ta_buf_putc(&buf, ' ');
	ta_buf_put_i64(&buf, INT64_MIN);
	ta_buf_putc(&buf, ' ');
	ta_buf_put_i64(&buf, 0);
	ta_buf_putc(&buf, ' ');
	ta_buf_put_hex64(&buf, 0xab);
	ta_buf_putc(&buf, '\0');
	expect_text("numbers", buf.data,
		   "18446744073709551615 -9223372036854775808 0 00000000000000ab");
}

/* A whole line, written by hand; host.* and the like are given so that it is the
 * same on every machine. */
static void test_whole(void)
{
	struct ta_process process = { .proc_id = 1, .pid = 10, .parent_pid = 9, .exe = "/bin/app",
				      .instance_id = "00000000-0000-4000-8000-000000000001" };
	struct made_span made;
	struct ta_span *spans[1] = { &made.span };

	config.resource_attributes = "host.name=h,host.id=i,host.arch=a";
	enrich = ta_enrich_new(&config);
	span_make(&made, TA_SPAN_API);
	put_text(&made, TA_ATTR_NAME, "work");
	made.span.parent_id = 0x00f067aa0ba902b7ull;
	made.span.process = &process;
	expect_text("whole", encode(spans, 1, 1700000000000000000ll),
		   "{\"resourceSpans\":[{\"resource\":{\"attributes\":["
		   "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"unknown_service:app\"}},"
		   "{\"key\":\"service.instance.id\",\"value\":{\"stringValue\":"
		   "\"00000000-0000-4000-8000-000000000001\"}},"
		   "{\"key\":\"telemetry.sdk.name\",\"value\":{\"stringValue\":\"tagalong\"}},"
		   "{\"key\":\"telemetry.sdk.language\",\"value\":{\"stringValue\":\"c\"}},"
		   "{\"key\":\"telemetry.sdk.version\",\"value\":{\"stringValue\":\"" TA_VERSION "\"}},"
		   "{\"key\":\"process.pid\",\"value\":{\"intValue\":\"10\"}},"
		   "{\"key\":\"process.parent_pid\",\"value\":{\"intValue\":\"9\"}},"
		   "{\"key\":\"process.executable.name\",\"value\":{\"stringValue\":\"app\"}},"
		   "{\"key\":\"process.executable.path\",\"value\":{\"stringValue\":\"/bin/app\"}},"
		   "{\"key\":\"os.type\",\"value\":{\"stringValue\":\"linux\"}},"
		   "{\"key\":\"host.name\",\"value\":{\"stringValue\":\"h\"}},"
		   "{\"key\":\"host.id\",\"value\":{\"stringValue\":\"i\"}},"
		   "{\"key\":\"host.arch\",\"value\":{\"stringValue\":\"a\"}}]}," SCOPE
		   "{\"traceId\":\"0af7651916cd43dd8448eb211c80319c\",\"spanId\":\"b7ad6b7169203331\","
		   "\"parentSpanId\":\"00f067aa0ba902b7\",\"name\":\"work\",\"kind\":1,"
		   "\"startTimeUnixNano\":\"1700000000000001000\","
		   "\"endTimeUnixNano\":\"1700000000000003000\",\"flags\":257}"
		   "]," SCHEMA "}]," SCHEMA "}]}");
	span_drop(&made);
	ta_enrich_free(enrich);
	config = plain_config();
}

static void test_members(void)
{
	struct made_span made;
	struct ta_span *spans[1] = { &made.span };
	double nan_value = (double)NAN, infinity = -(double)INFINITY, third = 1.0 / 3;
	const char *json;

	span_make(&made, TA_SPAN_API);
	put_named(&made, "n", TA_ATTR_DOUBLE, &nan_value, 8);
	put_named(&made, "i", TA_ATTR_DOUBLE, &infinity, 8);
	put_named(&made, "t", TA_ATTR_DOUBLE, &third, 8);
	put_named(&made, "b", TA_ATTR_BOOL, "\1", 1);
	put_named(&made, "four", TA_ATTR_BYTES, "\x00\xff\x10\x80", 4);
	put_named(&made, "six", TA_ATTR_BYTES, "abcdef", 6);
	put_text(&made, TA_ATTR_TRACESTATE, "k=v");
	made.span.flags = TA_SPAN_REMOTE_PARENT | TA_SPAN_NOT_SAMPLED;
	made.span.parent_id = 1;
	made.span.link_trace_hi = 1;
	made.span.link_trace_lo = 2;
	made.span.link_span_id = 3;
	made.span.end = TA_SPAN_HOST_DIED;
	made.span.end_ns = 0; /* before its start */
	json = encode(spans, 1, 0);
	check_part("nan", json, "{\"key\":\"n\",\"value\":{\"doubleValue\":\"NaN\"}}");
	check_part("infinity", json, "{\"doubleValue\":\"-Infinity\"}");
	check_part("double", json, "{\"doubleValue\":0.33333333333333331}");
	check_part("bool", json, "{\"boolValue\":true}");
	check_part("bytes4", json, "{\"bytesValue\":\"AP8QgA==\"}");
	check_part("bytes6", json, "{\"bytesValue\":\"YWJjZGVm\"}");
	check_part("trace_state", json, "\"spanId\":\"b7ad6b7169203331\",\"traceState\":\"k=v\"");
	check_part("flags/remote_not_sampled", json, "\"flags\":768}");
	check_part("link", json, "\"links\":[{\"traceId\":\"00000000000000010000000000000002\","
				 "\"spanId\":\"0000000000000003\"");
	check_part("status", json,
		   "\"status\":{\"message\":\"process ended with the span open\",\"code\":2}");
	check_part("end_not_before_start", json, "\"endTimeUnixNano\":\"1000\"");
	span_drop(&made);
}

/* Events, links and attributes of a span, exactly. */
static void test_events(void)
{
	static const char crumb[] = "\x28\x01\x08\x00" "\0\0\0\0\0\0\0\0"
				    "\x29\x04\x05\x00" "click\0\0\0"
				    "\x2c\x01\x08\x00" "\4\0\0\0\0\0\0\0"
				    "\x2d\x06\x07\x00" "{\"n\":1}\0";
	struct ta_crumb crumbs[] = { { .time_ns = 1200, .attrs = crumb,
				       .attr_bytes = sizeof(crumb) - 1 } };
	struct ta_scope_data scope = { .crumbs = crumbs, .crumb_count = 1 };
	struct ta_record_span_event *event;
	struct ta_record_span_link *link;
	struct made_span made;
	struct ta_span *spans[1] = { &made.span };
	int64_t three = 3;
	const char *json;

	span_make(&made, TA_SPAN_API);
	event = span_record(&made, TA_RECORD_SPAN_EVENT, sizeof(*event));
	event->time_ns = 1100;
	put_text(&made, TA_ATTR_NAME, "cache \"miss\"");
	put_named(&made, "tries", TA_ATTR_INT, &three, 8);
	put_json(&made, TA_ATTR_EVENT_JSON, "{\"key\":\"a\",\"b\\u0021\":[1,2.50]}");
	link = span_record(&made, TA_RECORD_SPAN_LINK, sizeof(*link));
	link->trace_hi = 1;
	link->trace_lo = 2;
	link->link_span_id = 3;
	put_named(&made, "why", TA_ATTR_STRING, "batch", 5);
	span_record(&made, TA_RECORD_SPAN_END, sizeof(struct ta_record_span_end));
	put_text(&made, TA_ATTR_EXCEPTION_TYPE, "E");
	put_text(&made, TA_ATTR_EXCEPTION_MESSAGE, "broken");
	put_named(&made, "late", TA_ATTR_BOOL, "\1", 1);
	made.span.scope = &scope;
	made.span.status = TA_STATUS_ERROR;
	json = encode(spans, 1, 1000000);
	check_part("span", json,
		   "\"startTimeUnixNano\":\"1001000\",\"endTimeUnixNano\":\"1003000\",\"attributes\":["
		   "{\"key\":\"late\",\"value\":{\"boolValue\":true}},"
		   "{\"key\":\"error.type\",\"value\":{\"stringValue\":\"E\"}}],"
		   "\"events\":[{\"timeUnixNano\":\"1001100\",\"name\":\"cache \\\"miss\\\"\",\"attributes\":["
		   "{\"key\":\"tries\",\"value\":{\"intValue\":\"3\"}},"
		   "{\"key\":\"key\",\"value\":{\"stringValue\":\"a\"}},"
		   "{\"key\":\"b!\",\"value\":{\"arrayValue\":{\"values\":[{\"intValue\":\"1\"},"
		   "{\"doubleValue\":2.50}]}}}]},"
		   "{\"timeUnixNano\":\"1001200\",\"name\":\"breadcrumb\",\"attributes\":["
		   "{\"key\":\"tagalong.breadcrumb.message\",\"value\":{\"stringValue\":\"click\"}},"
		   "{\"key\":\"tagalong.breadcrumb.level\",\"value\":{\"stringValue\":\"warning\"}},"
		   "{\"key\":\"tagalong.breadcrumb.data\",\"value\":{\"kvlistValue\":{\"values\":["
		   "{\"key\":\"n\",\"value\":{\"intValue\":\"1\"}}]}}}]},"
		   "{\"timeUnixNano\":\"1003000\",\"name\":\"exception\",\"attributes\":["
		   "{\"key\":\"exception.type\",\"value\":{\"stringValue\":\"E\"}},"
		   "{\"key\":\"exception.message\",\"value\":{\"stringValue\":\"broken\"}}]}],"
		   "\"links\":[{\"traceId\":\"00000000000000010000000000000002\","
		   "\"spanId\":\"0000000000000003\",\"attributes\":["
		   "{\"key\":\"why\",\"value\":{\"stringValue\":\"batch\"}}],\"flags\":256}],"
		   "\"status\":{\"message\":\"broken\",\"code\":2},\"flags\":257}");
	span_drop(&made);
}

static const char *any_value(const char *text)
{
	ta_buf_clear(&buf);
	ta_otlp_put_json(&buf, text, strlen(text));
	ta_buf_putc(&buf, '\0');
	return buf.data;
}

static void test_json_values(void)
{
	expect_text("null", any_value("null"), "{}");
	expect_text("bool", any_value(" true "), "{\"boolValue\":true}");
	expect_text("int", any_value("9007199254740993"), "{\"intValue\":\"9007199254740993\"}");
	expect_text("smallest", any_value("-9223372036854775808"),
		    "{\"intValue\":\"-9223372036854775808\"}");
	expect_text("too large", any_value("9223372036854775808"),
		    "{\"doubleValue\":9223372036854775808}");
	expect_text("double", any_value("1.0"), "{\"doubleValue\":1.0}");
	expect_text("exponent", any_value("1E3"), "{\"doubleValue\":1E3}");
	expect_text("infinite", any_value("-1e999"), "{\"doubleValue\":\"-Infinity\"}");
	expect_text("string", any_value("\"a\\u00e9\\n\\u0001\\/\""),
		    "{\"stringValue\":\"a\xc3\xa9\\n\\u0001/\"}");
	expect_text("half a pair", any_value("\"\\ud800\""), "{\"stringValue\":\"\xef\xbf\xbd\"}");
	expect_text("bad UTF-8", any_value("\"\xff\""), "{\"stringValue\":\"\xef\xbf\xbd\"}");
	expect_text("empty array", any_value("[]"), "{\"arrayValue\":{\"values\":[]}}");
	expect_text("empty object", any_value("{}"), "{\"kvlistValue\":{\"values\":[]}}");
	expect_text("object", any_value("{ \"a\\\"\" : null, \"b\" : [ { } ] }"),
		    "{\"kvlistValue\":{\"values\":[{\"key\":\"a\\\"\",\"value\":{}},"
		    "{\"key\":\"b\",\"value\":{\"arrayValue\":{\"values\":["
		    "{\"kvlistValue\":{\"values\":[]}}]}}}]}}");
	expect_text("not JSON", any_value("{\"a\":"), "{\"stringValue\":\"{\\\"a\\\":\"}");
	expect_text("nothing", any_value(""), "{\"stringValue\":\"\"}");
}

/* What is too deep becomes text; whatever the depth the line stays JSON. */
static void test_json_depth(void)
{
	char text[3 * TA_JSON_DEPTH_MAX + 8];

	for (unsigned int depth = 1; depth <= TA_JSON_DEPTH_MAX + 1; depth++) {
		cJSON *tree;

		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		text[2 * depth] = '\0';
		tree = cJSON_Parse(any_value(text));
		expect("depth/json", tree != NULL, buf.data);
		cJSON_Delete(tree);
		if (depth <= TA_OTLP_DEPTH_MAX)
			expect("depth/whole", !strstr(buf.data, "stringValue"), buf.data);
		else
			expect("depth/text", strstr(buf.data, "{\"stringValue\":\"[") != NULL, buf.data);
	}
}

static void test_json_attributes(void)
{
	struct made_span made;
	struct ta_span *spans[1] = { &made.span };
	static const struct ta_entry tags[] = { TEXT_ENTRY("we\"ird", "v\n"), TEXT_ENTRY("t", "v") };
	struct ta_scope_data own = { .tags = tags, .tag_count = 2 };
	const char *json;

	span_make(&made, TA_SPAN_API);
	put_named(&made, "j", TA_ATTR_JSON, "{\"a\":[]}", 8);
	made.span.tags = &own;
	json = encode(spans, 1, 0);
	check_part("attribute", json, "{\"key\":\"j\",\"value\":{\"kvlistValue\":{\"values\":["
				      "{\"key\":\"a\",\"value\":{\"arrayValue\":{\"values\":[]}}}]}}}");
	check_part("tag", json, "{\"key\":\"tagalong.tag.t\",\"value\":{\"stringValue\":\"v\"}}");
	check_part("odd tag", json,
		   "{\"key\":\"tagalong.tag.we\\\"ird\",\"value\":{\"stringValue\":\"v\\n\"}}");
	span_drop(&made);
}

static void test_dropped(void)
{
	struct made_span made;
	struct ta_span *spans[1] = { &made.span };
	struct ta_record_span_event *event;
	char name[16];
	const char *json;

	span_make(&made, TA_SPAN_API);
	for (int i = 0; i < 130; i++) {
		event = span_record(&made, TA_RECORD_SPAN_EVENT, sizeof(*event));
		put_text(&made, TA_ATTR_NAME, "e");
	}
	for (int i = 0; i < 131; i++) {
		struct ta_record_span_link *link =
			span_record(&made, TA_RECORD_SPAN_LINK, sizeof(*link));

		link->link_span_id = 1;
	}
	event = span_record(&made, TA_RECORD_SPAN_EVENT, sizeof(*event));
	json = encode(spans, 1, 0);
	check_part("events", json, "],\"droppedEventsCount\":3");
	check_part("links", json, "],\"droppedLinksCount\":3");
	span_drop(&made);

	span_make(&made, TA_SPAN_API);
	event = span_record(&made, TA_RECORD_SPAN_EVENT, sizeof(*event));
	for (int i = 0; i < 132; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		put_named(&made, name, TA_ATTR_STRING, "v", 1);
	}
	json = encode(spans, 1, 0);
	check_part("attributes of an event", json, "],\"droppedAttributesCount\":4}]");
	span_drop(&made);
}

/* One resourceSpans entry per run of spans of one process; the order stays. */
static void test_runs(void)
{
	struct ta_process one = { .proc_id = 1, .pid = 1111 }, two = { .proc_id = 2, .pid = 2222 };
	struct made_span made[4];
	struct ta_span *spans[4];
	const char *at;
	int entries = 0;

	for (int i = 0; i < 4; i++) {
		span_make(&made[i], TA_SPAN_THREAD);
		made[i].span.span_id = (uint64_t)i + 1;
		made[i].span.process = i == 2 ? &two : &one;
		spans[i] = &made[i].span;
	}
	at = encode(spans, 4, 0);
	for (const char *p = at; (p = strstr(p, "\"resource\":")); p++)
		entries++;
	expect_number("runs/entries", entries, 3);
	for (int i = 0; at && i < 4; i++) {
		char id[40];

		snprintf(id, sizeof(id), "\"spanId\":\"%016x\"", (unsigned int)(i + 1));
		at = strstr(at, i == 0 || i == 3 ? "1111" : i == 2 ? "2222" : id);
		at = at ? strstr(at, id) : NULL;
	}
	expect("runs/order", at != NULL, "a span is not where it belongs");
	expect_text("runs/empty", encode(spans, 0, 0), "{\"resourceSpans\":[]}");
	for (int i = 0; i < 4; i++)
		span_drop(&made[i]);
}

int main(void)
{
	config = plain_config();
	check_group("strings", test_strings);
	check_group("every_byte", test_every_byte);
	check_group("numbers", test_numbers);
	check_group("whole", test_whole);
	enrich = ta_enrich_new(&config);
	check_group("members", test_members);
	check_group("events", test_events);
	check_group("json_values", test_json_values);
	check_group("json_depth", test_json_depth);
	check_group("json_attributes", test_json_attributes);
	check_group("dropped", test_dropped);
	check_group("runs", test_runs);
	ta_enrich_free(enrich);
	ta_buf_fini(&buf);
	return check_status();
}
