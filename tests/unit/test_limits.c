/* SPDX-License-Identifier: MIT */
/*
 * test_limits.c - OTEL_*_LIMIT: how many attributes, events and links go out and how long
 * their texts are; and that asking whether a span failed agrees with enriching it.
 */
#include "tests/unit/enrich.h"

/* Sets one limit of an empty configuration. */
#define LIMIT(field, text) set_limits((struct ta_config){ .field = (text) })

static void set_limits(struct ta_config limits)
{
	struct ta_config plain = plain_config();

	limits.http_names = plain.http_names;
	limits.http_routes = limits.service_name = limits.resource_attributes = limits.file = "";
	config = limits;
	restart();
}

static int warnings(void)
{
	int count = 0;

	while (ta_enrich_warning(enrich, (size_t)count))
		count++;
	return count;
}

/* An API span with attributes a0, a1 ... of the value "v". */
static void api_span(struct made_span *made, int attributes)
{
	char name[16];

	span_make(made, TA_SPAN_API);
	for (int i = 0; i < attributes; i++) {
		snprintf(name, sizeof(name), "a%d", i);
		put_named(made, name, TA_ATTR_STRING, "v", 1);
	}
}

static const char *cut(const char *text, size_t bytes, uint8_t type)
{
	static char result[4096];
	const struct ta_out_attr *attr;
	struct made_span made;

	span_make(&made, TA_SPAN_API);
	put_named(&made, "x", type, text, bytes);
	run(&made);
	attr = attr_of(&out, "x");
	if (!check(attr && attr->type == type && attr->text_bytes < sizeof(result), "no x"))
		return "";
	memcpy(result, attr->text, attr->text_bytes);
	result[attr->text_bytes] = '\0';
	return result;
}

/* ---- the settings ---- */

static void settings(void)
{
	static const char *const bad[] = { "-1", "x", "1.5", "2147483648", "99999999999999999999",
					   " 1", "1 ", "0x1" };
	struct made_span made;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		LIMIT(span_attribute_limit, bad[i]);
		check_same(warnings(), 1);
		check(strstr(ta_enrich_warning(enrich, 0), "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"), "%s",
		      ta_enrich_warning(enrich, 0));
		api_span(&made, 5);
		run(&made);
		check(out.attr_count == 5, "'%s' limits", bad[i]);
	}
	LIMIT(span_attribute_limit, "2147483647");
	check_same(warnings(), 0);
	LIMIT(span_attribute_limit, "");
	check_same(warnings(), 0);
}

/* One sentence for each, and none is lost. */
static void all_wrong(void)
{
	set_limits((struct ta_config){ .span_value_limit = "a", .value_limit = "b",
				       .span_attribute_limit = "c", .attribute_limit = "d",
				       .span_event_limit = "e", .span_link_limit = "f",
				       .event_attribute_limit = "g", .link_attribute_limit = "h" });
	check_same(warnings(), 8);
	check_text(cut("abcdef", 6, TA_ATTR_STRING), "abcdef");
}

static void specific_beats_general(void)
{
	static const struct {
		const char *specific, *general;
		uint32_t count;
	} rows[] = {
		{ NULL, "3", 3 }, { "4", NULL, 4 }, { "4", "3", 4 }, { "2", "3", 2 },
		{ "x", "3", 3 },  { "x", "y", 6 },  { "0", "3", 0 }, { NULL, "0", 0 },
		{ "", "3", 3 },	  { "200", "3", 6 },
	};
	struct made_span made;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_limits((struct ta_config){ .span_attribute_limit = rows[i].specific,
					       .attribute_limit = rows[i].general });
		api_span(&made, 6);
		run(&made);
		check(out.attr_count == rows[i].count, "row %zu: %u", i, out.attr_count);
		check_same(out.dropped_attrs, 6 - rows[i].count);
	}
	set_limits((struct ta_config){ .span_value_limit = "4", .value_limit = "3" });
	check_text(cut("abcdef", 6, TA_ATTR_STRING), "abcd");
	set_limits((struct ta_config){ .span_value_limit = "x", .value_limit = "3" });
	check_text(cut("abcdef", 6, TA_ATTR_STRING), "abc");
	check_same(warnings(), 1);
}

/* ---- counts ---- */

static void attributes(void)
{
	struct made_span made;

	LIMIT(span_attribute_limit, "100");
	api_span(&made, 130);
	run(&made);
	check_same(out.attr_count, 100);
	check_same(out.dropped_attrs, 30);
	check(attr_of(&out, "a99") && !attr_of(&out, "a100"), "the first ones stay");
	LIMIT(span_attribute_limit, "1000");
	api_span(&made, 130);
	run(&made);
	check_same(out.attr_count, TA_OUT_ATTRS_MAX);
	check_same(out.dropped_attrs, 2);
	/* What a span is comes before what was added to it. */
	LIMIT(span_attribute_limit, "1");
	request(&made, "GET", "/", 500);
	put_named(&made, "mine", TA_ATTR_STRING, "v", 1);
	run(&made);
	expect_text("first", text_of(&out, "http.request.method"), "GET");
	check_same(out.status, TA_STATUS_ERROR);
}

static void add_event(struct made_span *made, uint64_t time_ns, int attributes_of_it)
{
	struct ta_record_span_event *event =
		span_record(made, TA_RECORD_SPAN_EVENT, sizeof(*event));
	char name[16];

	event->time_ns = time_ns;
	put_text(made, TA_ATTR_NAME, "ev");
	for (int i = 0; i < attributes_of_it; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		put_named(made, name, TA_ATTR_STRING, "h\xc3\xa4llo", 6);
	}
}

static void add_link(struct made_span *made, uint64_t span_id, int attributes_of_it)
{
	struct ta_record_span_link *link = span_record(made, TA_RECORD_SPAN_LINK, sizeof(*link));
	char name[16];

	link->link_span_id = span_id;
	for (int i = 0; i < attributes_of_it; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		put_named(made, name, TA_ATTR_STRING, "hello", 5);
	}
}

static void events_and_links(void)
{
	struct made_span made;

	set_limits((struct ta_config){ .span_event_limit = "2", .span_link_limit = "1" });
	api_span(&made, 0);
	made.span.link_span_id = 9;
	for (uint64_t i = 0; i < 5; i++)
		add_event(&made, i, 0);
	add_link(&made, 10, 0);
	run(&made);
	check_same(out.event_count, 2);
	check_same(out.dropped_events, 3);
	check_same(out.link_count, 1);
	check_same(out.dropped_links, 1);
	check_same(out.links[0].span_id, 9);
	set_limits((struct ta_config){ .span_event_limit = "0", .span_link_limit = "0" });
	api_span(&made, 0);
	made.span.link_span_id = 9;
	add_event(&made, 1, 0);
	run(&made);
	check_same(out.event_count + out.link_count, 0);
	check_same(out.dropped_events, 1);
	check_same(out.dropped_links, 1);
}

/* Breadcrumbs take what room is left: the newest ones. */
static void breadcrumbs_give_way(void)
{
	static const struct ta_crumb crumbs[] = { { .time_ns = 1 }, { .time_ns = 2 }, { .time_ns = 3 } };
	static const struct ta_scope_data scope = { .crumbs = crumbs, .crumb_count = 3 };
	struct made_span made;

	LIMIT(span_event_limit, "2");
	api_span(&made, 0);
	add_event(&made, 9, 0);
	made.span.scope = &scope;
	run(&made);
	check_same(out.event_count, 2);
	check_same(out.dropped_events, 2);
	check_same(out.events[0].time_ns, 3);
	check_same(out.events[1].time_ns, 9);
}

/* Attributes of a row: as "name=value" joined by spaces, and how many were dropped. */
static const char *row(struct ta_out_walk *walk)
{
	static char all[2048];
	struct ta_out_attr attr;

	all[0] = '\0';
	while (ta_out_walk_next(walk, &attr))
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%.*s=%.*s",
			 all[0] ? " " : "", (int)attr.name_bytes, attr.name,
			 attr.text ? (int)attr.text_bytes : 0, attr.text ? attr.text : "");
	check(!ta_out_walk_next(walk, &attr), "a walk goes on behind its end");
	snprintf(all + strlen(all), sizeof(all) - strlen(all), " -%u", walk->dropped);
	return all;
}

static const char *event_row(uint32_t index)
{
	struct ta_out_walk walk;

	ta_out_event_walk(&out.events[index], &walk);
	return row(&walk);
}

static const char *link_row(uint32_t index)
{
	struct ta_out_walk walk;

	ta_out_link_walk(&out.links[index], &walk);
	return row(&walk);
}

static void rows(void)
{
	struct made_span made;

	set_limits((struct ta_config){ .event_attribute_limit = "2", .link_attribute_limit = "1",
				       .value_limit = "2" });
	api_span(&made, 0);
	add_event(&made, 1, 5);
	add_link(&made, 7, 3);
	run(&made);
	check_text(event_row(0), "e0=h\xc3\xa4 e1=h\xc3\xa4 -3");
	check_text(link_row(0), "l0=he -2");
	/* The general count is for them, too; their own beats it, upwards as well. */
	set_limits((struct ta_config){ .attribute_limit = "1", .link_attribute_limit = "2" });
	api_span(&made, 0);
	add_event(&made, 1, 3);
	add_link(&made, 7, 3);
	run(&made);
	check_text(event_row(0), "e0=h\xc3\xa4llo -2");
	check_text(link_row(0), "l0=hello l1=hello -1");
	LIMIT(event_attribute_limit, "0");
	api_span(&made, 0);
	add_event(&made, 1, 2);
	add_link(&made, 7, 1);
	run(&made);
	check_text(event_row(0), " -2");
	check_text(link_row(0), "l0=hello -0");
	LIMIT(span_event_limit, "5"); /* nothing about rows */
	api_span(&made, 0);
	add_event(&made, 1, 2);
	run(&made);
	check_text(event_row(0), "e0=h\xc3\xa4llo e1=h\xc3\xa4llo -0");
}

/* Many attributes in one JSON object, and JSON values. */
static void rows_of_json(void)
{
	struct made_span made;

	set_limits((struct ta_config){ .event_attribute_limit = "3", .value_limit = "3" });
	api_span(&made, 0);
	add_event(&made, 1, 0);
	put_json(&made, TA_ATTR_EVENT_JSON,
		 "{\"a\":\"abcdef\",\"b\":[\"abcdef\",{\"abcdef\":\"abcdef\"}],\"c\":123456,\"d\":1}");
	run(&made);
	check_text(event_row(0), "a=\"abc\" b=[\"abc\",{\"abcdef\":\"abc\"}] c=123456 -1");
}

static void exceptions(void)
{
	struct made_span made;

	LIMIT(value_limit, "4");
	api_span(&made, 0);
	span_record(&made, TA_RECORD_SPAN_END, sizeof(struct ta_record_span_end));
	put_text(&made, TA_ATTR_EXCEPTION_TYPE, "ValueError");
	put_text(&made, TA_ATTR_EXCEPTION_MESSAGE, "no such value");
	run(&made);
	check_text(event_row(0), "exception.type=Valu exception.message=no s -0");
	expect_text("type", text_of(&out, "error.type"), "Valu");
	check_text(out.status_message, "no such value"); /* no attribute */
}

/* ---- lengths ---- */

static void characters(void)
{
	static const struct {
		const char *limit, *text, *result;
	} rows_of_text[] = {
		{ "3", "abcdef", "abc" },
		{ "6", "abcdef", "abcdef" },
		{ "7", "abcdef", "abcdef" },
		{ "0", "abcdef", "" },
		{ "2", "\xc3\xa4\xc3\xb6\xc3\xbc", "\xc3\xa4\xc3\xb6" },
		{ "3", "\xc3\xa4\xc3\xb6\xc3\xbc", "\xc3\xa4\xc3\xb6\xc3\xbc" },
		{ "1", "\xe2\x82\xac" "x", "\xe2\x82\xac" },
		{ "2", "\xf0\x9f\x98\x80" "xy", "\xf0\x9f\x98\x80" "x" },
		/* What is no character is exported as one for each byte. */
		{ "2", "\xff\xfe\xfd", "\xff\xfe" },
		{ "2", "\x80\x80\x80", "\x80\x80" },
		{ "2", "\xc3(\xc3(", "\xc3(" },
		{ "1", "\xe2\x82", "\xe2" },
		{ "1", "\xed\xa0\x80", "\xed" },
		{ "2", "ab\xc3", "ab" },
	};

	for (size_t i = 0; i < sizeof(rows_of_text) / sizeof(rows_of_text[0]); i++) {
		LIMIT(value_limit, rows_of_text[i].limit);
		check_text(cut(rows_of_text[i].text, strlen(rows_of_text[i].text), TA_ATTR_STRING),
			   rows_of_text[i].result);
	}
	LIMIT(value_limit, "3");
	check_text(cut("\1\2\3\4", 4, TA_ATTR_BYTES), "\1\2\3");
}

static void json(void)
{
	static const struct {
		const char *text, *result;
	} rows_of_json_text[] = {
		{ "\"abcdef\"", "\"abc\"" },
		{ "\"abc\"", "\"abc\"" },
		{ "\"\"", "\"\"" },
		{ "[\"abcdef\", \"a\",\"\"]", "[\"abc\", \"a\",\"\"]" },
		{ "{\"abcdef\" : \"abcdef\"}", "{\"abcdef\" : \"abc\"}" },
		{ "{\"abcdef\":{\"abcdef\":[\"abcdef\"]}}", "{\"abcdef\":{\"abcdef\":[\"abc\"]}}" },
		{ "1234567", "1234567" },
		{ "[true, null,false]", "[true, null,false]" },
		{ "\"a\\nb\\\\c\"", "\"a\\nb\"" },
		{ "\"\\\"\\\"\\\"\\\"\"", "\"\\\"\\\"\\\"\"" },
		{ "\"\\u00e4\\u00f6\\u00fc\\u00df\"", "\"\\u00e4\\u00f6\\u00fc\"" },
		{ "\"\\ud83d\\ude00abcdef\"", "\"\\ud83d\\ude00ab\"" },
		{ "\"\\ud83dabcdef\"", "\"\\ud83dab\"" },
		{ "\"\\ud83d\\u0041bcdef\"", "\"\\ud83d\\u0041b\"" },
		{ "\"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\"", "\"\xc3\xa4\xc3\xb6\xc3\xbc\"" },
		{ "no JSON", "no " },
		{ "\"open string", "\"op" },
		{ "\"a\\", "\"a\\" },
	};

	LIMIT(value_limit, "3");
	for (size_t i = 0; i < sizeof(rows_of_json_text) / sizeof(rows_of_json_text[0]); i++)
		check_text(cut(rows_of_json_text[i].text, strlen(rows_of_json_text[i].text),
			       TA_ATTR_JSON),
			   rows_of_json_text[i].result);
	LIMIT(value_limit, "0");
	check_text(cut("{\"a\":\"b\"}", 9, TA_ATTR_JSON), "{\"a\":\"\"}");
}

/* All of a span's JSON values live side by side. */
static void many_json_values(void)
{
	struct made_span made;
	char name[16], text[1024];

	memset(text, 'x', sizeof(text));
	text[0] = text[800] = '"';
	LIMIT(value_limit, "700");
	for (int round = 0; round < 3; round++) {
		span_make(&made, TA_SPAN_API);
		for (int i = 0; i < 60; i++) {
			snprintf(name, sizeof(name), "j%d", i);
			text[1] = (char)('a' + i % 26);
			put_named(&made, name, TA_ATTR_JSON, text, 801);
		}
		run(&made);
		for (int i = 0; i < 60; i++) {
			snprintf(name, sizeof(name), "j%d", i);
			check(attr_of(&out, name) && attr_of(&out, name)->text_bytes == 702 &&
				      attr_of(&out, name)->text[1] == 'a' + i % 26 &&
				      attr_of(&out, name)->text[701] == '"',
			      "%s", name);
		}
	}
}

/* Tags and what scopes hold, too. */
static void scopes(void)
{
	static const struct ta_entry tags[] = { TEXT_ENTRY("tenant", "acme") };
	static const struct ta_entry extras[] = { JSON_ENTRY("cart", "{\"item\":\"socks\"}") };
	static const struct ta_scope_data scope = {
		.tags = tags, .tag_count = 1, .extras = extras, .extra_count = 1
	};
	struct made_span made;

	LIMIT(value_limit, "2");
	api_span(&made, 0);
	made.span.scope = &scope;
	run(&made);
	expect_text("tag", text_of(&out, "tagalong.tag.tenant"), "ac");
	expect_text("extra", text_of(&out, "tagalong.extra.cart"), "{\"item\":\"so\"}");
	ta_enrich_span_in_full(enrich, &made.span, &out);
	expect_text("in full", text_of(&out, "tagalong.tag.tenant"), "acme");
	/* Nothing limited: nothing is touched. */
	config = plain_config();
	restart();
	ta_enrich_span(enrich, &made.span, &out);
	expect_text("no limit", text_of(&out, "tagalong.tag.tenant"), "acme");
}

/* ---- failed ---- */

static uint32_t state = 7;

static uint32_t pick(uint32_t below)
{
	state = state * 1103515245 + 12345;
	return (state >> 8) % below;
}

static void random_event(struct made_span *made)
{
	struct ta_record_span_event *event =
		span_record(made, TA_RECORD_SPAN_EVENT, sizeof(*event));

	event->time_ns = pick(100);
	if (pick(2))
		put_text(made, TA_ATTR_NAME, pick(2) ? "exception" : "exceptions");
	if (pick(2))
		put_text(made, TA_ATTR_EXCEPTION_TYPE, "E");
	if (pick(2))
		put_int(made, TA_ATTR_STATUS, pick(3)); /* not the span's */
}

static void random_span(struct made_span *made)
{
	span_make(made, (enum ta_span_type)pick(TA_SPAN_API + 2));
	made->span.status = (uint8_t)pick(3);
	made->span.reason = (uint8_t)pick(4);
	made->span.end = (uint8_t)(1 + pick(2));
	if (pick(3))
		made->span.status = 0;
	if (pick(3))
		made->span.end = TA_SPAN_ENDED;
	if (pick(2))
		put_int(made, TA_ATTR_HTTP_STATUS, 99 + (int64_t)pick(602));
	if (!pick(4))
		put_int(made, TA_ATTR_ERRNO, (int64_t)pick(5000));
	for (uint32_t i = pick(3); i; i--)
		random_event(made);
	if (!pick(3)) {
		span_record(made, TA_RECORD_SPAN_ATTRS, sizeof(struct ta_record_span_attrs));
		put_int(made, TA_ATTR_STATUS, pick(3));
	}
	if (!pick(4)) {
		span_record(made, TA_RECORD_SPAN_END, sizeof(struct ta_record_span_end));
		put_text(made, pick(2) ? TA_ATTR_EXCEPTION_TYPE : TA_ATTR_EXCEPTION_MESSAGE, "m");
	}
	if (!pick(4))
		put_named(made, "error.type", TA_ATTR_STRING, "mine", 4);
}

static void failed_agrees(void)
{
	uint32_t failed = 0, of_type[TA_SPAN_API + 2] = { 0 };
	struct made_span made;

	config = plain_config();
	restart();
	for (int i = 0; i < 50000; i++) {
		bool says;

		random_span(&made);
		says = ta_enrich_failed(enrich, &made.span);
		ta_enrich_span(enrich, &made.span, &out);
		check(says == (out.status == TA_STATUS_ERROR), "span %d, type %u: %d, status %d", i,
		      made.span.type, says, out.status);
		failed += says;
		of_type[made.span.type] += says;
		span_drop(&made);
	}
	check(failed > 10000 && failed < 40000, "%u of 50000", failed);
	for (int i = 0; i < TA_SPAN_API + 2; i++)
		check(of_type[i] > 100, "type %d: %u", i, of_type[i]);
}

/* What was made of the last span stays while others are asked about. */
static void failed_leaves_the_last_alone(void)
{
	struct made_span made, other;

	request(&made, "GET", "/?a=secret&sig=abc", 500);
	request(&other, "GET", "/other", 503);
	ta_enrich_span(enrich, &made.span, &out);
	for (int i = 0; i < 10000; i++)
		check(ta_enrich_failed(enrich, &other.span), "%d", i);
	expect_text("query", text_of(&out, "url.query"), "a=secret&sig=REDACTED");
	expect_text("error", text_of(&out, "error.type"), "500");
	span_drop(&made);
	span_drop(&other);
}

int main(void)
{
	config = plain_config();
	restart();
	check_group("settings", settings);
	check_group("all_wrong", all_wrong);
	check_group("specific_beats_general", specific_beats_general);
	check_group("attributes", attributes);
	check_group("events_and_links", events_and_links);
	check_group("breadcrumbs_give_way", breadcrumbs_give_way);
	check_group("rows", rows);
	check_group("rows_of_json", rows_of_json);
	check_group("exceptions", exceptions);
	check_group("characters", characters);
	check_group("json", json);
	check_group("many_json_values", many_json_values);
	check_group("scopes", scopes);
	check_group("failed_agrees", failed_agrees);
	check_group("failed_leaves_the_last_alone", failed_leaves_the_last_alone);
	ta_enrich_free(enrich);
	return check_status();
}
