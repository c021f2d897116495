/* SPDX-License-Identifier: MIT */
/*
 * test_sentry_event.c - captured events and logs as items of Sentry: messages, errors, events
 * that programs write themselves, in the strict form of Sentry's schema.
 */
#include <math.h>

#include "tests/unit/sentry.h"

static void message(void)
{
	struct made_event event;
	struct ta_record_event *record =
		event_make(&event, TA_CAPTURE_MESSAGE, TA_LEVEL_WARNING);
	cJSON *header, *item, *tree;
	const char *text;

	record->span_id = 0x55;
	record->parent_id = 0x66;
	put_text(&event.made, TA_ATTR_EVENT_MESSAGE, "out of \"milk\"");
	tree = sentry_encode_event(&event);
	text = sentry_text(0);
	check(strncmp(text,
		      "{\"event_id\":\"11111111111111112222222222222222\",\"level\":\"warning\","
		      "\"timestamp\":1700000000.000001,\"sdk\":{\"name\":\"tagalong.native\","
		      "\"version\":\"" TA_VERSION "\"},\"platform\":\"native\",\"release\":\"shop@1.2\","
		      "\"environment\":\"test\",\"server_name\":\"",
		      strlen("{\"event_id\":\"11111111111111112222222222222222\",\"level\":\"warning\","
			     "\"timestamp\":1700000000.000001,\"sdk\":{\"name\":\"tagalong.native\","
			     "\"version\":\"" TA_VERSION "\"},\"platform\":\"native\",\"release\":\"shop@1.2\","
			     "\"environment\":\"test\",\"server_name\":\"")) == 0,
	      "%s", text);
	check_text(say(tree, "logentry"), "{\"formatted\":\"out of \\\"milk\\\"\"}");
	check_text(say(tree, "contexts/trace"),
		   "{\"trace_id\":\"33333333333333334444444444444444\","
		   "\"span_id\":\"0000000000000055\",\"parent_span_id\":\"0000000000000066\","
		   "\"type\":\"trace\"}");
	check_text(say(tree, "contexts/os/type"), "os");
	check_text(say(tree, "exception"), "(none)");
	check_text(say(tree, "tags"), "(none)");
	check_text(say(tree, "extra"), "(none)");
	cJSON_Delete(tree);
	tree = sentry_parse(0, &header, &item);
	check_text(say(header, "event_id"), "11111111111111112222222222222222");
	check_text(say(header, "trace/trace_id"), "33333333333333334444444444444444");
	check_text(say(header, "trace/transaction"), "(none)");
	check_text(say(item, "type"), "event");
	check_same(sentry_messages.items[0].head.events, 1);
	check_same(sentry_messages.items[0].head.category, TA_CATEGORY_ERROR);
	check_same(sentry_messages.items[0].head.spans, 0);
	check_same(sentry_messages.items[0].head.time_ns, WALL + 1500);
	cJSON_Delete(header);
	cJSON_Delete(item);
	cJSON_Delete(tree);
	span_drop(&event.made);
}

static void error(void)
{
	struct made_event event;
	cJSON *header, *tree;

	event_make(&event, TA_CAPTURE_ERROR, TA_LEVEL_NONE);
	put_text(&event.made, TA_ATTR_EXCEPTION_TYPE, "LoadError");
	put_text(&event.made, TA_ATTR_EXCEPTION_MESSAGE, "no such order");
	event.event.record->trace_hi = event.event.record->trace_lo = 0;
	tree = sentry_encode_event(&event);
	check_text(say(tree, "exception"),
		   "{\"values\":[{\"type\":\"LoadError\",\"value\":\"no such order\","
		   "\"mechanism\":{\"type\":\"generic\",\"handled\":true,\"synthetic\":false}}]}");
	check_text(say(tree, "level"), "error");
	check_same(strlen(say(tree, "contexts/trace/trace_id")), 32);
	check_same(strlen(say(tree, "contexts/trace/span_id")), 16);
	cJSON_Delete(tree);
	cJSON_Delete(sentry_parse(0, &header, NULL));
	check_text(say(header, "trace"), "(none)");
	cJSON_Delete(header);
	span_drop(&event.made);

	event_make(&event, TA_CAPTURE_ERROR, TA_LEVEL_FATAL);
	event.event.record->id_hi = event.event.record->id_lo = 0;
	tree = sentry_encode_event(&event);
	check_text(say(tree, "exception/values/0/type"), "Error");
	check_text(say(tree, "exception/values/0/value"), "(none)");
	check_text(say(tree, "level"), "fatal");
	check(strspn(say(tree, "event_id"), "0") < 32, "no id");
	cJSON_Delete(tree);
	span_drop(&event.made);
}

static void levels(void)
{
	static const char *const words[] = { "info",	"debug", "debug", "info",
					     "warning", "error", "fatal", "info" };
	struct made_event event;

	for (uint8_t level = 0; level < COUNT(words); level++) {
		event_make(&event, TA_CAPTURE_MESSAGE, level);
		cJSON *tree = sentry_encode_event(&event);

		check_text(say(tree, "level"), words[level]);
		cJSON_Delete(tree);
		span_drop(&event.made);
	}
}

static const struct ta_entry tags[] = { TEXT_ENTRY("t", "scope"), TEXT_ENTRY("u", "scope") };
static const struct ta_entry extras[] = { JSON_ENTRY("e", "\"scope\"") };
static const struct ta_entry contexts[] = { JSON_ENTRY("c", "{\"from\":\"scope\"}") };
static const struct ta_entry user[] = { JSON_ENTRY("id", "7"), JSON_ENTRY("plan", "\"free\"") };
static const struct ta_entry fingerprint[] = { JSON_ENTRY("", "\"{{ default }}\""),
					       JSON_ENTRY("", "5") };
static char crumb_rows[2][256];
static struct ta_crumb crumbs[2];
static struct ta_scope_data scope = { .tags = tags, .tag_count = COUNT(tags),
				      .extras = extras, .extra_count = COUNT(extras),
				      .contexts = contexts, .context_count = COUNT(contexts),
				      .user = user, .user_count = COUNT(user),
				      .fingerprint = fingerprint,
				      .fingerprint_count = COUNT(fingerprint),
				      .crumbs = crumbs, .crumb_count = COUNT(crumbs),
				      .transaction = "checkout", .transaction_bytes = 8 };

static uint32_t put_row(char *row, uint8_t key, uint8_t type, const void *value, size_t bytes)
{
	struct ta_attr attr = { key, type, (uint16_t)bytes };

	memcpy(row, &attr, sizeof(attr));
	memcpy(row + sizeof(attr), value, bytes);
	return (uint32_t)(sizeof(attr) + ((bytes + 3) & ~(size_t)3));
}

static void make_crumbs(void)
{
	static const char json[] = "{\"k\":1}";
	int64_t level = TA_LEVEL_TRACE;
	uint32_t used = put_row(crumb_rows[0], TA_ATTR_CRUMB_MESSAGE, TA_ATTR_STRING, "one", 3);

	used += put_row(crumb_rows[0] + used, TA_ATTR_CRUMB_CATEGORY, TA_ATTR_STRING, "http", 4);
	used += put_row(crumb_rows[0] + used, TA_ATTR_CRUMB_TYPE, TA_ATTR_STRING, "query", 5);
	used += put_row(crumb_rows[0] + used, TA_ATTR_CRUMB_LEVEL, TA_ATTR_INT, &level, 8);
	used += put_row(crumb_rows[0] + used, TA_ATTR_CRUMB_DATA, TA_ATTR_JSON, json, 7);
	crumbs[0] = (struct ta_crumb){ .time_ns = 0, .attrs = crumb_rows[0], .attr_bytes = used };
	used = put_row(crumb_rows[1], TA_ATTR_CRUMB_DATA, TA_ATTR_JSON, "[1]", 3);
	crumbs[1] = (struct ta_crumb){ .time_ns = 0, .attrs = crumb_rows[1], .attr_bytes = used };
}

static void scopes(void)
{
	struct made_event event;
	cJSON *tree;

	event_make(&event, TA_CAPTURE_MESSAGE, TA_LEVEL_INFO);
	put_text(&event.made, TA_ATTR_EVENT_MESSAGE, "hi");
	event.event.scope = &scope;
	tree = sentry_encode_event(&event);
	check_text(say(tree, "tags"), "{\"t\":\"scope\",\"u\":\"scope\"}");
	check_text(say(tree, "extra"), "{\"e\":\"scope\"}");
	check_text(say(tree, "contexts/c"), "{\"from\":\"scope\"}");
	check_text(say(tree, "user"), "{\"id\":\"7\",\"data\":{\"plan\":\"free\"}}");
	check_text(say(tree, "fingerprint"), "[\"{{ default }}\",\"5\"]");
	check_text(say(tree, "transaction"), "checkout");
	check_text(say(tree, "breadcrumbs"),
		   "{\"values\":[{\"timestamp\":1700000000,\"type\":\"query\",\"category\":\"http\","
		   "\"message\":\"one\",\"level\":\"debug\",\"data\":{\"k\":1}},"
		   "{\"timestamp\":1700000000,\"data\":{\"value\":[1]}}]}");
	cJSON_Delete(tree);
	span_drop(&event.made);
}

static cJSON *custom(struct made_event *event, const char *json)
{
	cJSON *tree;

	event_make(event, TA_CAPTURE_CUSTOM, TA_LEVEL_NONE);
	put_json(&event->made, TA_ATTR_EVENT_JSON, json);
	event->event.scope = &scope;
	tree = sentry_encode_event(event);
	span_drop(&event->made);
	return tree;
}

static void own(void)
{
	struct made_event event;
	cJSON *tree = custom(
		&event,
		"{\"event_id\":\"nope\",\"type\":\"transaction\",\"timestamp\":1600000000.5,"
		"\"message\":\"mine\",\"level\":\"fatal\",\"platform\":\"other\",\"release\":\"r2\","
		"\"environment\":\"e2\",\"server_name\":\"s2\",\"dist\":7,\"logger\":\"l\","
		"\"transaction\":\"lost\",\"tags\":{\"t\":5,\"w\":\"own\"},\"user\":{\"id\":9},"
		"\"extra\":{\"f\":1},\"contexts\":{\"c\":{\"from\":\"own\"},\"trace\":{\"span_id\":1}},"
		"\"modules\":{\"a\":\"1\",\"b\":2,\"c\":[]},\"request\":{\"method\":\"GET\",\"weird\":1,"
		"\"headers\":{\"h\":1}},\"breadcrumbs\":[{\"message\":\"own\"}],"
		"\"fingerprint\":[\"x\"],\"threads\":[{\"id\":3,\"name\":\"main\",\"x\":1}],"
		"\"sdk\":{\"name\":1},\"colour\":\"blue\",\"culprit\":{},\"spans\":[]}");

	check_text(say(tree, "event_id"), "11111111111111112222222222222222");
	check_text(say(tree, "type"), "(none)");
	check_text(say(tree, "timestamp"), "1600000000.5");
	check_text(say(tree, "logentry"), "{\"formatted\":\"mine\"}");
	check_text(say(tree, "level"), "fatal");
	check_text(say(tree, "platform"), "other");
	check_text(say(tree, "release"), "r2");
	check_text(say(tree, "environment"), "e2");
	check_text(say(tree, "server_name"), "s2");
	check_text(say(tree, "dist"), "7");
	check_text(say(tree, "logger"), "l");
	check_text(say(tree, "transaction"), "checkout");
	check_text(say(tree, "tags"), "{\"t\":\"5\",\"u\":\"scope\",\"w\":\"own\"}");
	check_text(say(tree, "user"), "{\"id\":\"9\",\"data\":{\"plan\":\"free\"}}");
	check_text(say(tree, "contexts/c"), "{\"from\":\"own\"}");
	check_text(say(tree, "contexts/trace/trace_id"), "33333333333333334444444444444444");
	check_text(say(tree, "modules"), "{\"a\":\"1\",\"b\":\"2\"}");
	check_text(say(tree, "request"), "{\"method\":\"GET\",\"headers\":{\"h\":\"1\"}}");
	check_text(say(tree, "threads"), "{\"values\":[{\"id\":3,\"name\":\"main\"}]}");
	check_text(say(tree, "fingerprint"), "[\"x\",\"{{ default }}\",\"5\"]");
	check_text(say(tree, "breadcrumbs/values/0"), "{\"message\":\"own\"}");
	check_text(say(tree, "sdk/name"), "tagalong.native");
	check_text(say(tree, "culprit"), "(none)");
	check_text(say(tree, "extra"), "{\"e\":\"scope\",\"f\":1,\"event.colour\":\"blue\","
				       "\"event.culprit\":{},\"event.spans\":[]}");
	cJSON_Delete(tree);
	tree = custom(&event, "{\"timestamp\":\"2026-11-22T00:00:00Z\"}");
	check_text(say(tree, "timestamp"), "2026-11-22T00:00:00Z");
	check_text(say(tree, "level"), "error");
	check_text(say(tree, "platform"), "native");
	cJSON_Delete(tree);
	tree = custom(&event, "{\"timestamp\":\"yesterday\"}");
	check(fabs(at(tree, "timestamp")->valuedouble - 1700000000) < 1, "%s", say(tree, "timestamp"));
	check_text(say(tree, "extra/event.timestamp"), "yesterday");
	cJSON_Delete(tree);
}

static void own_exceptions(void)
{
	static const char frames[] =
		"{\"exception\":%s{\"type\":\"SIGSEGV\",\"value\":5,\"thread_id\":\"x\","
		"\"mechanism\":{\"type\":\"signal\",\"handled\":false,\"meta\":{\"signal\":"
		"{\"number\":11,\"x\":2}}},\"stacktrace\":{\"frames\":[{\"function\":\"main\","
		"\"instruction_addr\":\"0x10\",\"symbol_addr\":16,\"in_app\":true,\"lineno\":\"a\"},"
		"{\"lineno\":5},7,{\"instruction_addr\":\"zz\"}],"
		"\"registers\":{\"rip\":\"0x10\",\"rsp\":3}}}%s}";
	static const char want[] =
		"{\"values\":[{\"type\":\"SIGSEGV\",\"value\":\"5\",\"thread_id\":\"x\","
		"\"mechanism\":{\"type\":\"signal\",\"handled\":false,\"meta\":{\"signal\":"
		"{\"number\":11}}},\"stacktrace\":{\"frames\":[{\"function\":\"main\","
		"\"instruction_addr\":\"0x10\",\"in_app\":true}],\"registers\":{\"rip\":\"0x10\"}}}]}";
	static const char *const around[][2] = { { "", "" }, { "[", "]" }, { "{\"values\":[", "]}" } };
	struct made_event event;
	char json[1024];
	cJSON *tree;

	for (size_t i = 0; i < COUNT(around); i++) {
		snprintf(json, sizeof(json), frames, around[i][0], around[i][1]);
		tree = custom(&event, json);
		check_text(say(tree, "exception"), want);
		cJSON_Delete(tree);
	}
	tree = custom(&event, "{\"exception\":[{\"type\":\"\"},{\"module\":\"m\"}]}");
	check_text(say(tree, "exception/values/0/type"), "Error");
	cJSON_Delete(tree);
	tree = custom(&event, "{\"exception\":[{\"type\":\"A\",\"value\":null,\"mechanism\":{}},3]}");
	check_text(say(tree, "exception"), "{\"values\":[{\"type\":\"A\"}]}");
	cJSON_Delete(tree);
}

/* Whatever is in an event, it arrives: less and less of it. */
static void shrinking(void)
{
	enum { MANY = 200, LONG = 12000 };
	static char long_json[LONG + 1], row[LONG + 64];
	static struct ta_crumb many_crumbs[MANY];
	static struct ta_entry many[MANY];
	static char keys[MANY][8];
	struct ta_scope_data large = { .crumbs = many_crumbs, .crumb_count = 60 };
	struct made_event event;
	cJSON *tree;

	memset(long_json, 'x', LONG);
	memcpy(long_json, "{\"k\":\"", 6);
	memcpy(long_json + LONG - 2, "\"}", 2);
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(keys[i], sizeof(keys[i]), "k%u", i);
		many_crumbs[i] = (struct ta_crumb){
			.attrs = row,
			.attr_bytes = put_row(row, TA_ATTR_CRUMB_DATA, TA_ATTR_JSON, long_json, LONG)
		};
		many[i] = (struct ta_entry){ .key = keys[i], .key_bytes = (uint32_t)strlen(keys[i]),
					     .value = long_json, .value_bytes = LONG,
					     .type = TA_ATTR_JSON };
	}
	event_make(&event, TA_CAPTURE_MESSAGE, TA_LEVEL_INFO);
	put_text(&event.made, TA_ATTR_EVENT_MESSAGE, "hi");
	event.event.scope = &large;
	tree = sentry_encode_event(&event);
	check_text(say(tree, "extra"), "(none)");
	check_same(cJSON_GetArraySize(at(tree, "breadcrumbs/values")), 60);
	cJSON_Delete(tree);
	large.crumb_count = MANY;
	large.extras = many;
	large.extra_count = 3;
	tree = sentry_encode_event(&event);
	check_text(say(tree, "extra/tagalong.left_out"), "data of breadcrumbs");
	check(at(tree, "extra/k2/k") && !at(tree, "breadcrumbs/values/0/data"), "the wrong things");
	cJSON_Delete(tree);
	large.extra_count = MANY;
	tree = sentry_encode_event(&event);
	check_text(say(tree, "extra"), "{\"tagalong.left_out\":\"data of breadcrumbs, extras\"}");
	cJSON_Delete(tree);
	large.contexts = many;
	large.context_count = MANY;
	tree = sentry_encode_event(&event);
	check_text(say(tree, "extra/tagalong.left_out"),
		   "data of breadcrumbs, extras, ends of long texts");
	check_same(strlen(say(tree, "contexts/k5/k")), 1027);
	check_same(cJSON_GetArraySize(at(tree, "breadcrumbs/values")), 100);
	cJSON_Delete(tree);
	span_drop(&event.made);
}

static void logs(void)
{
	static const struct ta_entry attributes[] = { TEXT_ENTRY("from", "scope"),
						      JSON_ENTRY("r", "0.5") };
	static const struct ta_scope_data with_attributes = { .attributes = attributes,
							      .attribute_count = 2 };
	struct made_event events[205];
	struct ta_event *list[205];
	struct ta_batch batch = { .events = list, .event_count = 205, .wall_offset_ns = WALL };
	cJSON *item, *tree;

	for (uint32_t i = 0; i < 205; i++) {
		event_make(&events[i], TA_CAPTURE_LOG, i ? TA_LEVEL_WARNING : TA_LEVEL_TRACE);
		put_text(&events[i].made, TA_ATTR_EVENT_MESSAGE, "ready");
		if (!i)
			put_json(&events[i].made, TA_ATTR_EVENT_JSON,
				 "{\"n\":5,\"b\":true,\"d\":1.5,\"s\":\"t\",\"o\":{\"a\":[1]},\"z\":null,"
				 "\"h\":1e999,\"e\":1e3}");
		events[i].event.scope = &with_attributes;
		events[i].event.record->span_id = i;
		list[i] = &events[i].event;
	}
	sentry_encode(&batch);
	check_same(sentry_messages.count, 3);
	check_same(sentry_messages.items[0].head.events, 100);
	check_same(sentry_messages.items[2].head.events, 5);
	check_same(sentry_messages.items[2].head.category, TA_CATEGORY_LOG_ITEM);
	tree = sentry_parse(0, NULL, &item);
	check_text(say(item, "type"), "log");
	check_text(say(item, "content_type"), "application/vnd.sentry.items.log+json");
	check_text(say(item, "item_count"), "100");
	check_same(cJSON_GetArraySize(at(tree, "items")), 100);
	check_text(say(tree, "items/0/trace_id"), "33333333333333334444444444444444");
	check_text(say(tree, "items/0/span_id"), "(none)");
	check_text(say(tree, "items/1/span_id"), "0000000000000001");
	check_text(say(tree, "items/0/level"), "trace");
	check_text(say(tree, "items/1/level"), "warn");
	check_text(say(tree, "items/1/severity_number"), "13");
	check_text(say(tree, "items/0/body"), "ready");
	check_text(say(tree, "items/0/attributes/from"), "{\"value\":\"scope\",\"type\":\"string\"}");
	check_text(say(tree, "items/0/attributes/r"), "{\"value\":0.5,\"type\":\"double\"}");
	check_text(say(tree, "items/0/attributes/n"), "{\"value\":5,\"type\":\"integer\"}");
	check_text(say(tree, "items/0/attributes/b"), "{\"value\":true,\"type\":\"boolean\"}");
	check_text(say(tree, "items/0/attributes/d"), "{\"value\":1.5,\"type\":\"double\"}");
	check_text(say(tree, "items/0/attributes/e"), "{\"value\":1000,\"type\":\"double\"}");
	check_text(say(tree, "items/0/attributes/h"), "{\"value\":\"1e999\",\"type\":\"string\"}");
	check_text(say(tree, "items/0/attributes/s"), "{\"value\":\"t\",\"type\":\"string\"}");
	check_text(say(tree, "items/0/attributes/o"),
		   "{\"value\":\"{\\\"a\\\":[1]}\",\"type\":\"string\"}");
	check_text(say(tree, "items/0/attributes/z"), "{\"value\":\"null\",\"type\":\"string\"}");
	check_text(say(tree, "items/0/attributes/sentry.release"),
		   "{\"value\":\"shop@1.2\",\"type\":\"string\"}");
	cJSON_Delete(item);
	cJSON_Delete(tree);
	for (uint32_t i = 0; i < 205; i++)
		span_drop(&events[i].made);
}

static void sampling(void)
{
	struct ta_sentry_options options = plain_options();
	struct made_event kept, left, log;
	struct ta_event *list[3];
	struct ta_batch batch = { .events = list, .event_count = 3, .wall_offset_ns = WALL };

	sentry_close();
	options.sample_rate = 0.5;
	sentry_open(&options);
	event_make(&kept, TA_CAPTURE_MESSAGE, TA_LEVEL_INFO)->id_lo = 0x2280000000000000ull;
	event_make(&left, TA_CAPTURE_MESSAGE, TA_LEVEL_INFO)->id_lo = 0xff7fffffffffffffull;
	event_make(&log, TA_CAPTURE_LOG, TA_LEVEL_INFO)->id_lo = 1;
	list[0] = &kept.event;
	list[1] = &left.event;
	list[2] = &log.event;
	sentry_encode(&batch);
	check_same(sentry_messages.count, 2);
	check_same(sentry_dropped_count, 1);
	check_same(sentry_dropped[0].category, TA_CATEGORY_ERROR);
	check_same(sentry_dropped[0].events, 1);
	span_drop(&kept.made);
	span_drop(&left.made);
	span_drop(&log.made);
	sentry_close();
	options = plain_options();
	sentry_open(&options);
}

int main(void)
{
	struct ta_sentry_options options = plain_options();

	make_crumbs();
	sentry_open(&options);
	check_group("message", message);
	check_group("error", error);
	check_group("levels", levels);
	check_group("scopes", scopes);
	check_group("own", own);
	check_group("own exceptions", own_exceptions);
	check_group("shrinking", shrinking);
	check_group("logs", logs);
	check_group("sampling", sampling);
	sentry_close();
	return check_status();
}
