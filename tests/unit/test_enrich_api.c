/* SPDX-License-Identifier: MIT */
/*
 * test_enrich_api.c - what programs say of their spans: names, status, attributes, tags,
 * scopes, sessions, events; and how much of it.
 */
#include "tests/unit/enrich.h"

static void test_api(void)
{
	struct made_span made;
	double half = 0.5;
	int64_t one = 1;

	span_make(&made, TA_SPAN_API);
	put_text(&made, TA_ATTR_NAME, "charge");
	put_text(&made, TA_ATTR_NAME, "charge card");
	put_text(&made, TA_ATTR_OP, "payment");
	put_named(&made, "list", TA_ATTR_JSON, "[1]", 3);
	put_named(&made, "ratio", TA_ATTR_DOUBLE, &half, sizeof(half));
	put_named(&made, "tries", TA_ATTR_INT, &one, sizeof(one));
	put_named(&made, "tries", TA_ATTR_STRING, "two", 3);
	made.span.status = TA_STATUS_ERROR;
	run(&made);
	expect_text("api/name", out.name, "charge card");
	expect_number("api/kind", out.kind, 1);
	expect("api/no_name_attr", !attr_of(&out, "name"), "it is there");
	expect("api/double", attr_of(&out, "ratio") && attr_of(&out, "ratio")->real == 0.5, "not 0.5");
	expect_text("api/later_wins", text_of(&out, "tries"), "two");
	expect_text("api/op", text_of(&out, "sentry.op"), "payment");
	expect("api/json", attr_of(&out, "list") && attr_of(&out, "list")->type == TA_ATTR_JSON,
	       "no JSON");
	expect_number("api/status", out.status, 2);
	expect_text("api/error", text_of(&out, "error.type"), "_OTHER");
	expect_number("api/count", out.attr_count, 5);
}

/* A span of the program; its parent is in the program too. */
static void api_span(struct made_span *made)
{
	span_make(made, TA_SPAN_API);
	made->span.parent_id = 7;
}

static void add_exception(struct made_span *made, uint64_t time_ns, const char *type,
			  const char *message)
{
	struct ta_record_span_event *event =
		span_record(made, TA_RECORD_SPAN_EVENT, sizeof(*event));

	event->time_ns = time_ns;
	put_text(made, TA_ATTR_NAME, "exception");
	put_text(made, TA_ATTR_EXCEPTION_TYPE, type);
	put_text(made, TA_ATTR_EXCEPTION_MESSAGE, message);
}

static void add_status(struct made_span *made, int status, const char *message)
{
	span_record(made, TA_RECORD_SPAN_ATTRS, sizeof(struct ta_record_span_attrs));
	put_int(made, TA_ATTR_STATUS, status);
	if (message)
		put_text(made, TA_ATTR_STATUS_MESSAGE, message);
}

/* Ended by an error. */
static void end_failed(struct made_span *made, const char *type, const char *message)
{
	span_record(made, TA_RECORD_SPAN_END, sizeof(struct ta_record_span_end));
	made->span.status = TA_STATUS_ERROR;
	if (type)
		put_text(made, TA_ATTR_EXCEPTION_TYPE, type);
	if (message)
		put_text(made, TA_ATTR_EXCEPTION_MESSAGE, message);
}

static void expect_status(const char *name, int status, const char *message, const char *type)
{
	expect_number(name, out.status, status);
	expect_text(name, out.status_message, message);
	if (type)
		expect_text(name, text_of(&out, "error.type"), type);
	else
		expect(name, !attr_of(&out, "error.type"), "there is an error.type");
}

static void test_program_status(void)
{
	struct made_span made;

	api_span(&made);
	end_failed(&made, "LoadError", "no such order");
	run(&made);
	expect_status("ended by an error", 2, "no such order", "LoadError");
	expect_number("one event", out.event_count, 1);
	expect_number("at the end", (long long)out.events[0].time_ns, 3000);

	api_span(&made);
	add_status(&made, TA_STATUS_ERROR, "not_found");
	end_failed(&made, "LoadError", "no such order");
	run(&made);
	expect_status("set before", 2, "not_found", "LoadError");

	api_span(&made);
	add_status(&made, TA_STATUS_ERROR, "not_found");
	add_status(&made, TA_STATUS_ERROR, NULL);
	run(&made);
	expect_status("message taken away", 2, "", "_OTHER");

	api_span(&made);
	add_status(&made, TA_STATUS_ERROR, "not_found");
	add_status(&made, TA_STATUS_OK, NULL);
	end_failed(&made, "LoadError", "no such order");
	run(&made);
	expect_status("called ok", 1, "", NULL);
	expect_number("the error is there all the same", out.event_count, 1);

	api_span(&made);
	add_exception(&made, 1500, "First", "one");
	add_exception(&made, 1400, "Second", "two");
	run(&made);
	expect_status("the last exception", 2, "two", "Second");
	expect_number("two events", out.event_count, 2);
	expect_number("by time", (long long)out.events[0].time_ns, 1400);

	api_span(&made);
	end_failed(&made, NULL, NULL);
	run(&made);
	expect_status("nothing known", 2, "", "_OTHER");
	expect_number("no event", out.event_count, 0);

	request(&made, "GET", "/", 503);
	add_exception(&made, 1500, "Down", "no database");
	run(&made);
	expect_status("request", 2, "no database", "503");

	request(&made, "GET", "/", 503);
	add_status(&made, TA_STATUS_OK, NULL);
	run(&made);
	expect_status("request called ok", 1, "", NULL);
}

static void test_renamed(void)
{
	struct made_span made;

	request(&made, "GET", "/", 200);
	span_record(&made, TA_RECORD_SPAN_ATTRS, sizeof(struct ta_record_span_attrs));
	put_text(&made, TA_ATTR_NAME, "checkout");
	run(&made);
	expect_text("renamed", out.name, "checkout");
	expect_text("method stays", text_of(&out, "http.request.method"), "GET");
}

static void test_tags(void)
{
	static const struct ta_entry own[] = { TEXT_ENTRY("a", "own"), TEXT_ENTRY("b", "own") };
	static const struct ta_entry scoped[] = { TEXT_ENTRY("b", "scope"), TEXT_ENTRY("c", "scope"),
						  TEXT_ENTRY("d", "scope") };
	struct ta_scope_data tags = { .tags = own, .tag_count = 2 };
	struct ta_scope_data scope = { .tags = scoped, .tag_count = 3 };
	struct made_span made;

	api_span(&made);
	made.span.tags = &tags;
	made.span.scope = &scope;
	span_record(&made, TA_RECORD_SPAN_ATTRS, sizeof(struct ta_record_span_attrs));
	put_attr(&made, TA_ATTR_TAG, TA_ATTR_STRING, "c\0late", 6);
	put_attr(&made, TA_ATTR_TAG, TA_ATTR_STRING, "e\0", 2);
	put_attr(&made, TA_ATTR_TAG, TA_ATTR_STRING, "d", 1);
	span_record(&made, TA_RECORD_TAGS, sizeof(struct ta_record_tags));
	put_attr(&made, TA_ATTR_TAG, TA_ATTR_STRING, "c\0later", 7);
	run(&made);
	expect_text("tags/own", text_of(&out, "tagalong.tag.a"), "own");
	expect_text("tags/own_wins", text_of(&out, "tagalong.tag.b"), "own");
	expect_text("tags/later_wins", text_of(&out, "tagalong.tag.c"), "later");
	expect("tags/removed", !attr_of(&out, "tagalong.tag.d"), "it is there");
	expect_text("tags/empty", text_of(&out, "tagalong.tag.e"), "");
	expect_number("tags/count", out.attr_count, 4);
}

static const struct ta_entry root_users[] = { JSON_ENTRY("id", "\"7\""), JSON_ENTRY("username", "\"ann\""),
					      JSON_ENTRY("name", "\"Ann A.\""),
					      JSON_ENTRY("plan", "3"), JSON_ENTRY("email", "null") };
static const struct ta_entry root_extras[] = { JSON_ENTRY("order", "{\"id\":5}") };
static const struct ta_entry root_contexts[] = { JSON_ENTRY("shop", "{\"name\":\"x\"}") };
static const struct ta_entry root_prints[] = { JSON_ENTRY("", "\"a\""), JSON_ENTRY("", "\"b\"") };
static const struct ta_entry root_attributes[] = { TEXT_ENTRY("k", "v") };

static const struct ta_scope_data root_scope = {
	.user = root_users, .user_count = 5, .extras = root_extras, .extra_count = 1,
	.contexts = root_contexts, .context_count = 1, .fingerprint = root_prints,
	.fingerprint_count = 2, .attributes = root_attributes, .attribute_count = 1,
	.level = TA_LEVEL_WARNING, .transaction = "t", .transaction_bytes = 1,
};

static void expect_root(const char *name)
{
	expect_text(name, text_of(&out, "user.id"), "\"7\"");
	expect_text(name, text_of(&out, "user.name"), "\"ann\"");
	expect_text(name, text_of(&out, "user.full_name"), "\"Ann A.\"");
	expect_text(name, text_of(&out, "user.plan"), "3");
	expect(name, !attr_of(&out, "user.email"), "a user's null is an attribute");
	expect_text(name, text_of(&out, "tagalong.extra.order"), "{\"id\":5}");
	expect_text(name, text_of(&out, "tagalong.context.shop"), "{\"name\":\"x\"}");
	expect_text(name, text_of(&out, "tagalong.level"), "warning");
	expect_text(name, text_of(&out, "tagalong.fingerprint"), "[\"a\",\"b\"]");
	expect(name, !attr_of(&out, "k") && !attr_of(&out, "tagalong.transaction"),
	       "what is for logs is on a span");
}

static void test_local_roots(void)
{
	static const uint8_t types[] = { TA_SPAN_CONNECTION, TA_SPAN_HTTP_SERVER, TA_SPAN_SIGNAL,
					 TA_SPAN_THREAD };
	struct made_span made;

	for (size_t i = 0; i < sizeof(types); i++) {
		span_make(&made, types[i]);
		made.span.parent_id = 7;
		made.span.scope = &root_scope;
		run(&made);
		expect_root("a boundary");
	}
	span_make(&made, TA_SPAN_API);
	made.span.scope = &root_scope;
	run(&made);
	expect_root("no parent");
	expect_number("count", out.attr_count, 8);

	api_span(&made);
	made.span.flags = TA_SPAN_REMOTE_PARENT;
	made.span.scope = &root_scope;
	run(&made);
	expect_root("remote parent");

	api_span(&made);
	made.span.scope = &root_scope;
	run(&made);
	expect_number("inside/nothing of it", out.attr_count, 0);
}

static void test_session(void)
{
	struct made_span made;

	api_span(&made);
	put_text(&made, TA_ATTR_SESSION_ID, "recorded");
	put_text(&made, TA_ATTR_NAMESPACE, "background");
	made.span.session_id = "s-1-and-more";
	made.span.session_id_bytes = 3;
	made.span.session_name = "first";
	made.span.session_name_bytes = 5;
	run(&made);
	expect_text("session/id", text_of(&out, "session.id"), "s-1");
	expect_text("session/name", text_of(&out, "tagalong.session.name"), "first");
	expect_text("session/namespace", text_of(&out, "tagalong.namespace"), "background");
	api_span(&made);
	put_text(&made, TA_ATTR_SESSION_ID, "recorded");
	run(&made);
	expect_text("session/alone", text_of(&out, "session.id"), "recorded");
}

/* Attributes that came as one object; names with escapes, later ones win. */
static void test_objects(void)
{
	struct made_span made;

	api_span(&made);
	put_json(&made, TA_ATTR_EVENT_JSON, "{\"a\":1,\"b\\n\":[true],\"a\":2}");
	put_named(&made, "c", TA_ATTR_STRING, "x", 1);
	run(&made);
	expect_text("object/later", text_of(&out, "a"), "2");
	expect_text("object/escape", text_of(&out, "b\n"), "[true]");
	expect_number("object/count", out.attr_count, 3);
	api_span(&made);
	put_json(&made, TA_ATTR_EVENT_JSON, "{\"a\":1,\"b\":");
	run(&made);
	expect_number("object/broken", out.attr_count, 1);
}

static void test_event_limits(void)
{
	static struct ta_crumb crumbs[100];
	struct ta_scope_data scope = { .crumbs = crumbs, .crumb_count = 100 };
	struct ta_record_span_link *link;
	struct made_span made;

	span_make(&made, TA_SPAN_API);
	for (uint32_t i = 0; i < 100; i++)
		crumbs[i].time_ns = 5000 + i;
	for (uint32_t i = 0; i < 40; i++)
		add_exception(&made, 10000 - i, "T", "m");
	made.span.scope = &scope;
	run(&made);
	expect_number("events/count", out.event_count, 128);
	expect_number("events/dropped", out.dropped_events, 12);
	expect_number("events/oldest crumb goes", (long long)out.events[0].time_ns, 5012);
	for (uint32_t i = 1; i < out.event_count; i++)
		expect("events/order", out.events[i - 1].time_ns <= out.events[i].time_ns, "not sorted");

	span_make(&made, TA_SPAN_API);
	made.span.link_span_id = 5;
	for (uint32_t i = 0; i < 130; i++) {
		link = span_record(&made, TA_RECORD_SPAN_LINK, sizeof(*link));
		link->trace_lo = 1;
		link->link_span_id = i + 1;
	}
	for (uint32_t i = 0; i < 130; i++)
		add_exception(&made, 2000, "T", i < 129 ? "m" : "beyond the limit");
	run(&made);
	expect_number("links/count", out.link_count, 128);
	expect_number("links/dropped", out.dropped_links, 3);
	expect_number("exceptions/dropped", out.dropped_events, 2);
	expect_text("exceptions/last", out.status_message, "beyond the limit");
}

/* One attribute again and again; the limit is for names. */
static void test_updates(void)
{
	struct made_span made;
	char name[16], tag[32];
	int tag_bytes;

	span_make(&made, TA_SPAN_API);
	put_json(&made, TA_ATTR_EVENT_JSON, "{\"k1\":\"start\",\"k1\":2,\"other\":1}");
	for (int64_t i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "k%d", (int)(i % 100));
		put_named(&made, name, TA_ATTR_INT, &i, sizeof(i));
		tag_bytes = snprintf(tag, sizeof(tag), "%s%c%s", name, 0,
				     i < 1900 ? "older" : "newest");
		put_attr(&made, TA_ATTR_TAG, TA_ATTR_STRING, tag, (size_t)tag_bytes);
		put_text(&made, TA_ATTR_OP, i < 1999 ? "older" : "newest");
	}
	put_named(&made, "later", TA_ATTR_STRING, "there", 5);
	run(&made);
	expect_text("updates/later", text_of(&out, "later"), "there");
	expect_text("updates/op", text_of(&out, "sentry.op"), "newest");
	expect("updates/object", attr_of(&out, "other") != NULL, "missing");
	expect("updates/last", attr_of(&out, "k99") && attr_of(&out, "k99")->number == 1999,
	       "older");
	expect("updates/over_object", attr_of(&out, "k1") && attr_of(&out, "k1")->number == 1901,
	       "older");
	expect_text("updates/tag", text_of(&out, "tagalong.tag.k0"), "newest");
	expect_number("updates/count", out.attr_count, 128);
	expect_number("updates/dropped", out.dropped_attrs, 3 + 100 + 100 - 128);
}

/* Which of two comes later decides, not how they were given. */
static void test_object_later(void)
{
	struct made_span made;
	int64_t one = 1;

	span_make(&made, TA_SPAN_API);
	put_named(&made, "a", TA_ATTR_INT, &one, sizeof(one));
	put_json(&made, TA_ATTR_EVENT_JSON, "{\"a\":2,\"b\":1}");
	put_named(&made, "b", TA_ATTR_INT, &one, sizeof(one));
	run(&made);
	expect_text("object_later/a", text_of(&out, "a"), "2");
	expect("object_later/b", attr_of(&out, "b") && attr_of(&out, "b")->number == 1,
	       "the object's");
	expect_number("object_later/count", out.attr_count, 2);
}

static void test_limits(void)
{
	struct made_span made;
	char name[16], long_name[300];

	span_make(&made, TA_SPAN_API);
	for (int i = 0; i < 140; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		put_named(&made, name, TA_ATTR_STRING, "v", 1);
	}
	run(&made);
	expect_number("limit/attributes", out.attr_count, 128);
	expect_number("limit/dropped", out.dropped_attrs, 12);
	expect_text("limit/no_name", out.name, "span");

	memset(long_name, 'x', sizeof(long_name));
	memcpy(long_name + 254, "\xc3\xa9", 2); /* would be cut in two */
	span_make(&made, TA_SPAN_API);
	put_attr(&made, TA_ATTR_NAME, TA_ATTR_STRING, long_name, sizeof(long_name));
	run(&made);
	expect_number("limit/name_bytes", out.name_bytes, 254);
}

int main(void)
{
	config = plain_config();
	restart();
	check_group("api", test_api);
	check_group("program_status", test_program_status);
	check_group("renamed", test_renamed);
	check_group("tags", test_tags);
	check_group("local_roots", test_local_roots);
	check_group("session", test_session);
	check_group("objects", test_objects);
	check_group("event_limits", test_event_limits);
	check_group("updates", test_updates);
	check_group("object_later", test_object_later);
	check_group("limits", test_limits);
	ta_enrich_free(enrich);
	return check_status();
}
