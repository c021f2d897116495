/* SPDX-License-Identifier: MIT */
/*
 * test_enrich.c - names, kinds, status and attributes of what the library sees by
 * itself, as the semantic conventions (1.44) and docs/ have them.
 */
#include "tests/unit/enrich.h"

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
	check_group("trace_state", test_trace_state);
	check_group("resource", test_resource);
	ta_enrich_free(enrich);
	return check_status();
}
