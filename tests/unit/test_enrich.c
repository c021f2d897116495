/* SPDX-License-Identifier: MIT */
/*
 * test_enrich.c - names, kinds, status and attributes of every type of span, as
 * the semantic conventions (1.44) and docs/ have them.
 */
#include "tests/unit/spans.h"

static struct ta_config config;
static struct ta_enrich *enrich;
static struct ta_out_span out;

static void restart(void)
{
	ta_enrich_free(enrich);
	enrich = ta_enrich_new(&config);
}

/* A request that was answered; attributes may be added before run(). */
static void request(struct made_span *made, const char *method, const char *target, int status)
{
	span_make(made, TA_SPAN_HTTP_SERVER);
	put_text(made, TA_ATTR_HTTP_METHOD, method);
	put_text(made, TA_ATTR_HTTP_TARGET, target);
	put_int(made, TA_ATTR_HTTP_VERSION_MINOR, 1);
	if (status)
		put_int(made, TA_ATTR_HTTP_STATUS, status);
}

/* What comes out points into the records: they stay until the next run. */
static void run(struct made_span *made)
{
	static struct made_span last;

	span_drop(&last);
	last = *made;
	ta_enrich_span(enrich, &made->span, &out);
}

static const char *name_of(const char *method, const char *target)
{
	struct made_span made;

	request(&made, method, target, 200);
	run(&made);
	return out.name;
}

static void test_plain_request(void)
{
	struct made_span made;

	request(&made, "GET", "/items/42?page=2&sort=up", 200);
	put_text(&made, TA_ATTR_HTTP_HOST, "shop.example:8080");
	put_text(&made, TA_ATTR_USER_AGENT, "curl/7.88.1");
	put_ipv4(&made, TA_ATTR_PEER, "192.0.2.7", 50123);
	put_ipv4(&made, TA_ATTR_LOCAL, "127.0.0.1", 8080);
	run(&made);
	expect_text("http/name", out.name, "GET /items/*");
	expect_number("http/kind", out.kind, 2);
	expect_number("http/status", out.status, 0);
	expect_text("http/method", text_of(&out, "http.request.method"), "GET");
	expect_text("http/path", text_of(&out, "url.path"), "/items/42");
	expect_text("http/query", text_of(&out, "url.query"), "page=2&sort=up");
	expect_text("http/scheme", text_of(&out, "url.scheme"), "http");
	expect_number("http/status_code", number_of(&out, "http.response.status_code"), 200);
	expect_text("http/version", text_of(&out, "network.protocol.version"), "1.1");
	expect_text("http/server", text_of(&out, "server.address"), "shop.example");
	expect_number("http/server_port", number_of(&out, "server.port"), 8080);
	expect_text("http/client", text_of(&out, "client.address"), "192.0.2.7");
	expect_text("http/peer", text_of(&out, "network.peer.address"), "192.0.2.7");
	expect_number("http/peer_port", number_of(&out, "network.peer.port"), 50123);
	expect_text("http/local", text_of(&out, "network.local.address"), "127.0.0.1");
	expect_number("http/local_port", number_of(&out, "network.local.port"), 8080);
	expect_text("http/agent", text_of(&out, "user_agent.original"), "curl/7.88.1");
	expect("http/no_raw_target", !attr_of(&out, "tagalong.http.target"), "it is there");
	expect("http/no_route", !attr_of(&out, "http.route"), "it is there");
	expect("http/no_error_type", !attr_of(&out, "error.type"), "it is there");
}

static void test_targets(void)
{
	struct made_span made;

	request(&made, "GET", "http://u.example:81/a?b=c", 200);
	put_text(&made, TA_ATTR_HTTP_HOST, "other.example");
	run(&made);
	expect_text("absolute/path", text_of(&out, "url.path"), "/a");
	expect_text("absolute/query", text_of(&out, "url.query"), "b=c");
	expect_text("absolute/server", text_of(&out, "server.address"), "u.example");
	expect_number("absolute/port", number_of(&out, "server.port"), 81);
	expect_text("absolute/raw", text_of(&out, "tagalong.http.target"),
		   "http://u.example:81/a?b=c");

	request(&made, "GET", "http://user:secret@u.example/", 200);
	run(&made);
	expect("absolute/no_password", !attr_of(&out, "tagalong.http.target"), "it is there");
	expect_text("absolute/no_user", text_of(&out, "server.address"), "u.example");

	request(&made, "CONNECT", "db.example:5432", 200);
	run(&made);
	expect_text("connect/name", out.name, "CONNECT");
	expect_text("connect/server", text_of(&out, "server.address"), "db.example");
	expect_number("connect/port", number_of(&out, "server.port"), 5432);

	request(&made, "GET", "/x?", 200);
	run(&made);
	expect_text("lone_mark/path", text_of(&out, "url.path"), "/x");
	expect_text("lone_mark/raw", text_of(&out, "tagalong.http.target"), "/x?");

	request(&made, "GET", "/f?a=1&sig=abc&X-Amz-Signature=def&signature=kept", 200);
	run(&made);
	expect_text("redacted/query", text_of(&out, "url.query"),
		   "a=1&sig=REDACTED&X-Amz-Signature=REDACTED&signature=kept");
	expect("redacted/no_raw", !attr_of(&out, "tagalong.http.target"), "it is there");

	request(&made, "GET", "/\xff", 200);
	run(&made);
	expect("bytes/raw", attr_of(&out, "tagalong.http.target") &&
	      attr_of(&out, "tagalong.http.target")->type == TA_ATTR_BYTES, "no bytes attribute");

	expect_text("options/name", name_of("OPTIONS", "*"), "OPTIONS *");
	expect_text("options/path", text_of(&out, "url.path"), "*");
}

static void test_methods(void)
{
	struct made_span made;

	request(&made, "BREW", "/pot", 418);
	run(&made);
	expect_text("unknown_method/name", out.name, "HTTP /pot");
	expect_text("unknown_method/method", text_of(&out, "http.request.method"), "_OTHER");
	expect_text("unknown_method/original", text_of(&out, "http.request.method_original"), "BREW");
	expect_text("lower_case_method", name_of("get", "/"), "HTTP /");

	span_make(&made, TA_SPAN_HTTP_SERVER);
	put_int(&made, TA_ATTR_INCOMPLETE, 1);
	run(&made);
	expect_text("incomplete/name", out.name, "HTTP");
	expect_number("incomplete/flag", number_of(&out, "tagalong.http.incomplete"), 1);
}

static void test_status(void)
{
	struct made_span made;

	request(&made, "GET", "/", 404);
	run(&made);
	expect_number("404/status", out.status, 0);
	expect("404/no_error_type", !attr_of(&out, "error.type"), "it is there");

	request(&made, "GET", "/", 500);
	run(&made);
	expect_number("500/status", out.status, 2);
	expect_text("500/error", text_of(&out, "error.type"), "500");

	request(&made, "GET", "/", 0);
	made.span.reason = TA_END_CLOSED_EARLY;
	run(&made);
	expect_number("closed/status", out.status, 2);
	expect_text("closed/error", text_of(&out, "error.type"), "connection_closed");

	request(&made, "GET", "/", 200);
	made.span.reason = TA_END_CLOSED_EARLY;
	put_int(&made, TA_ATTR_ERRNO, 104);
	run(&made);
	expect_text("reset/error", text_of(&out, "error.type"), "ECONNRESET");

	request(&made, "GET", "/", 0);
	made.span.end = TA_SPAN_HOST_DIED;
	run(&made);
	expect_number("died/status", out.status, 2);
	expect_text("died/error", text_of(&out, "error.type"), "process_died");
	expect_text("died/message", out.status_message, "process ended with the span open");
	expect_number("died/flag", number_of(&out, "tagalong.unfinished"), 1);
}

static void test_addresses(void)
{
	struct made_span made;

	request(&made, "GET", "/", 200);
	put_ipv6(&made, TA_ATTR_PEER, "::ffff:192.0.2.9", 1);
	put_ipv6(&made, TA_ATTR_LOCAL, "::", 80);
	put_text(&made, TA_ATTR_HTTP_HOST, "[2001:db8::1]:8443");
	put_text(&made, TA_ATTR_FORWARDED_FOR, "\"[2001:db8::2]:99\"");
	put_int(&made, TA_ATTR_SCHEME, 1);
	run(&made);
	expect_text("v6/mapped_peer", text_of(&out, "network.peer.address"), "192.0.2.9");
	expect_text("v6/server", text_of(&out, "server.address"), "2001:db8::1");
	expect_number("v6/port", number_of(&out, "server.port"), 8443);
	expect_text("v6/client", text_of(&out, "client.address"), "2001:db8::2");
	expect_text("https", text_of(&out, "url.scheme"), "https");
	expect("v6/no_wildcard", !attr_of(&out, "network.local.address"), "it is there");

	request(&made, "GET", "/", 200);
	put_ipv4(&made, TA_ATTR_LOCAL, "10.0.0.5", 8000);
	put_ipv4(&made, TA_ATTR_PEER, "10.0.0.6", 9000);
	put_text(&made, TA_ATTR_FORWARDED_FOR, "unknown");
	run(&made);
	expect_text("no_host/server", text_of(&out, "server.address"), "10.0.0.5");
	expect_number("no_host/port", number_of(&out, "server.port"), 8000);
	expect_text("unknown_client", text_of(&out, "client.address"), "10.0.0.6");

	request(&made, "GET", "/", 200);
	put_attr(&made, TA_ATTR_PEER, TA_ATTR_BYTES, "\2", 1);
	run(&made);
	expect("cut_address", !attr_of(&out, "network.peer.address"), "something was read");
}

static void test_variable_segments(void)
{
	static const char *const rows[][2] = {
		{ "/", "GET /" },
		{ "/a/b/", "GET /a/b/" },
		{ "/user/42", "GET /user/*" },
		{ "/c/deadbeef01", "GET /c/*" },
		{ "/c/0a1b2c", "GET /c/*" },
		{ "/o/123e4567-e89b-12d3-a456-426614174000/x", "GET /o/*/x" },
		{ "/t/eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "GET /t/*" },
		{ "/v1/health", "GET /v1/health" },
		{ "/log/2024-01-31", "GET /log/*" },
		{ "/static/bootstrap-4.5.2.min.js", "GET /static/bootstrap-4.5.2.min.js" },
		{ "/mail/a@b.example", "GET /mail/*" },
		{ "/cafe", "GET /cafe" },
	};

	restart();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_text(rows[i][0], name_of("GET", rows[i][0]), rows[i][1]);
}

static void test_cardinality(void)
{
	static const char *const words[] = { "ann", "bob", "cyd", "dan", "eve", "fox",
					     "gus", "hal", "ivy", "joe", "kim" };
	char target[64];

	restart();
	for (int i = 0; i < 10; i++) {
		char want[80];

		snprintf(target, sizeof(target), "/u/%s/log", words[i]);
		snprintf(want, sizeof(want), "GET %s", target);
		expect_text("ten_values", name_of("GET", target), want);
	}
	expect_text("eleventh_value", name_of("GET", "/u/kim/log"), "GET /u/*/log");
	expect_text("collapsed_for_all", name_of("GET", "/u/ann/log"), "GET /u/*/log");
	expect_text("other_prefix_is_free", name_of("GET", "/w/ann/log"), "GET /w/ann/log");
}

/* Millions of different paths: memory is bounded, and so is every name. */
static void test_many_paths(void)
{
	char target[200];

	restart();
	for (int i = 0; i < 60000; i++) {
		char a = (char)('g' + i % 7), b = (char)('g' + i / 7 % 7), c = (char)('g' + i / 49 % 7);

		snprintf(target, sizeof(target), "/%c/%c/%c/%c%c/%c%c/%c%c%c", a, b, c, a, b, b, c, a, b,
			 c);
		if (strlen(name_of("GET", target)) >= sizeof(out.name))
			expect("many_paths", false, "name too long");
	}
	expect("many_paths", true, "");
	memset(target, 'z', sizeof(target) - 1);
	target[0] = '/';
	target[sizeof(target) - 1] = '\0';
	expect_text("long_segment", name_of("GET", target), "GET /*");
}

static void test_routes(void)
{
	config.http_routes = "/user/{id}, /user/me ,/files/{path...},bad/{x},/a/{x...}/b";
	restart();
	expect_text("route/name", name_of("GET", "/user/ann"), "GET /user/{id}");
	expect_text("route/attr", text_of(&out, "http.route"), "/user/{id}");
	expect_text("route/literal_wins", name_of("GET", "/user/me"), "GET /user/me");
	expect_text("route/rest", name_of("PUT", "/files/a/b/c?x=1"), "PUT /files/{path...}");
	expect_text("route/none", name_of("GET", "/user/ann/x"), "GET /user/ann/x");
	expect("route/none_attr", !attr_of(&out, "http.route"), "it is there");
	expect_text("route/empty_segment", name_of("GET", "/user/"), "GET /user/");
	expect("route/warning", ta_enrich_warning(enrich, 1) && !ta_enrich_warning(enrich, 2) &&
	      strstr(ta_enrich_warning(enrich, 0), "bad/{x}"), "want two warnings");
	config.http_names = "method";
	restart();
	expect_text("method_name/route", name_of("GET", "/user/ann"), "GET /user/{id}");
	expect_text("method_name/none", name_of("GET", "/nothing"), "GET");
	config = plain_config();
	restart();
}

static void test_connection(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/run/app.sock" };
	struct made_span made;

	span_make(&made, TA_SPAN_CONNECTION);
	put_ipv4(&made, TA_ATTR_PEER, "192.0.2.1", 4000);
	put_ipv4(&made, TA_ATTR_LOCAL, "0.0.0.0", 6379);
	put_int(&made, TA_ATTR_TRANSPORT, 0);
	put_int(&made, TA_ATTR_BYTES_IN, 14);
	put_int(&made, TA_ATTR_BYTES_OUT, 7);
	run(&made);
	expect_text("connection/name", out.name, "tcp accept :6379");
	expect_number("connection/kind", out.kind, 2);
	expect_number("connection/status", out.status, 0);
	expect_text("connection/transport", text_of(&out, "network.transport"), "tcp");
	expect_text("connection/type", text_of(&out, "network.type"), "ipv4");
	expect_text("connection/peer", text_of(&out, "network.peer.address"), "192.0.2.1");
	expect_number("connection/peer_port", number_of(&out, "network.peer.port"), 4000);
	expect_number("connection/local_port", number_of(&out, "network.local.port"), 6379);
	expect_number("connection/in", number_of(&out, "tagalong.connection.bytes_in"), 14);
	expect_number("connection/out", number_of(&out, "tagalong.connection.bytes_out"), 7);

	span_make(&made, TA_SPAN_CONNECTION);
	put_attr(&made, TA_ATTR_LOCAL, TA_ATTR_BYTES, &un, sizeof(un));
	put_int(&made, TA_ATTR_TRANSPORT, 1);
	put_int(&made, TA_ATTR_ERRNO, 32);
	run(&made);
	expect_text("unix/name", out.name, "unix accept /run/app.sock");
	expect_text("unix/transport", text_of(&out, "network.transport"), "unix");
	expect_number("unix/status", out.status, 2);
	expect_text("unix/error", text_of(&out, "error.type"), "EPIPE");
}

static void test_thread_and_signal(void)
{
	struct made_span made;

	span_make(&made, TA_SPAN_THREAD);
	put_int(&made, TA_ATTR_THREAD_ID, 4711);
	put_int(&made, TA_ATTR_START_ROUTINE, 0x401136);
	run(&made);
	expect_text("thread/name", out.name, "thread");
	expect_number("thread/kind", out.kind, 1);
	expect_number("thread/id", number_of(&out, "thread.id"), 4711);
	expect_text("thread/start", text_of(&out, "tagalong.thread.start"), "0x401136");

	span_make(&made, TA_SPAN_SIGNAL);
	put_int(&made, TA_ATTR_SIGNAL_NUMBER, 10);
	put_int(&made, TA_ATTR_SIGNAL_CODE, -6);
	put_int(&made, TA_ATTR_SIGNAL_SENDER_PID, 99);
	run(&made);
	expect_text("signal/name", out.name, "signal SIGUSR1");
	expect_number("signal/kind", out.kind, 1);
	expect_number("signal/number", number_of(&out, "tagalong.signal.number"), 10);
	expect_text("signal/word", text_of(&out, "tagalong.signal.name"), "SIGUSR1");
	expect_number("signal/code", number_of(&out, "tagalong.signal.code"), -6);
	expect_number("signal/sender", number_of(&out, "tagalong.signal.sender_pid"), 99);

	span_make(&made, TA_SPAN_SIGNAL);
	put_int(&made, TA_ATTR_SIGNAL_NUMBER, 37);
	run(&made);
	expect_text("signal/real_time", out.name, "signal SIGRTMIN+3");
}

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

static void test_trace_state(void)
{
	struct made_span made;
	char long_state[700] = "a=1,";

	request(&made, "GET", "/", 200);
	put_text(&made, TA_ATTR_TRACESTATE, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
	run(&made);
	expect_text("trace_state", out.trace_state, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
	memset(long_state + 4, 'b', sizeof(long_state) - 5);
	request(&made, "GET", "/", 200);
	put_text(&made, TA_ATTR_TRACESTATE, long_state);
	run(&made);
	expect_text("trace_state/cut", out.trace_state, "a=1");
}

static void check_resource(const char *name, const struct ta_process *process, const char *wanted,
			   bool there)
{
	struct ta_buf buf = { 0 };

	ta_enrich_resource_json(enrich, process, &buf);
	ta_buf_putc(&buf, '\0');
	expect(name, (strstr(buf.data, wanted) != NULL) == there, buf.data);
	ta_buf_fini(&buf);
}

static void test_resource(void)
{
	struct ta_process process = { .proc_id = 7, .pid = 42, .parent_pid = 41 };

	snprintf(process.exe, sizeof(process.exe), "/usr/sbin/nginx");
	snprintf(process.instance_id, sizeof(process.instance_id),
		 "123e4567-e89b-42d3-a456-426614174000");
	restart();
	check_resource("resource/fallback", &process,
		       "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"unknown_service:nginx\"}}",
		       true);
	check_resource("resource/pid", &process,
		       "{\"key\":\"process.pid\",\"value\":{\"intValue\":\"42\"}}", true);
	check_resource("resource/path", &process,
		       "{\"key\":\"process.executable.path\",\"value\":{\"stringValue\":"
		       "\"/usr/sbin/nginx\"}}", true);
	check_resource("resource/os", &process,
		       "{\"key\":\"os.type\",\"value\":{\"stringValue\":\"linux\"}}", true);
	process.pid = 43; /* learnt late: the kept text must not be used */
	check_resource("resource/late_pid", &process, "\"intValue\":\"43\"", true);

	config.resource_attributes = "deployment.environment.name=a%2Cb , host.name=box,"
				     "service.name=listed,service.name=last";
	restart();
	check_resource("resource/user", &process,
		       "{\"key\":\"deployment.environment.name\",\"value\":{\"stringValue\":\"a,b\"}}",
		       true);
	check_resource("resource/user_beats_host", &process,
		       "{\"key\":\"host.name\",\"value\":{\"stringValue\":\"box\"}}", true);
	check_resource("resource/last_wins", &process, "\"stringValue\":\"last\"", true);
	check_resource("resource/first_lost", &process, "\"stringValue\":\"listed\"", false);
	expect("resource/no_warning", !ta_enrich_warning(enrich, 0), "there is one");

	config.service_name = "mine";
	config.resource_attributes = "team=x,bad=%zz";
	restart();
	check_resource("resource/service", &process, "\"stringValue\":\"mine\"", true);
	check_resource("resource/all_or_nothing", &process, "team", false);
	expect("resource/warning", ta_enrich_warning(enrich, 0) &&
	      strstr(ta_enrich_warning(enrich, 0), "bad=%zz"), "want a warning with the pair");
	config = plain_config();
	restart();
}

int main(void)
{
	config = plain_config();
	restart();
	check_group("plain_request", test_plain_request);
	check_group("targets", test_targets);
	check_group("methods", test_methods);
	check_group("status", test_status);
	check_group("addresses", test_addresses);
	check_group("variable_segments", test_variable_segments);
	check_group("cardinality", test_cardinality);
	check_group("many_paths", test_many_paths);
	check_group("routes", test_routes);
	check_group("connection", test_connection);
	check_group("thread_and_signal", test_thread_and_signal);
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
	check_group("trace_state", test_trace_state);
	check_group("resource", test_resource);
	ta_enrich_free(enrich);
	return check_status();
}
