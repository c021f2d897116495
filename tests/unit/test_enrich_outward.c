/* SPDX-License-Identifier: MIT */
/*
 * test_enrich_outward.c - what programs ask others, commands, processes and gRPC: names,
 * kinds, attributes and status as the semantic conventions (1.44) and docs/ have them.
 */
#include "runtime/protocol/command.h"
#include "tests/unit/enrich.h"

static void call(struct made_span *made, const char *method, const char *target, int status)
{
	request(made, method, target, status);
	made->span.type = TA_SPAN_HTTP_CLIENT;
	put_ipv4(made, TA_ATTR_PEER, "192.0.2.7", 8080);
}

static void test_request(void)
{
	struct made_span made;

	call(&made, "POST", "/orders/17?sig=abc&a=b", 201);
	put_text(&made, TA_ATTR_HTTP_HOST, "pay.example:8080");
	put_int(&made, TA_ATTR_REQUEST_BODY_SIZE, 12);
	run(&made);
	expect_text("client/name", out.name, "POST");
	expect_number("client/kind", out.kind, 3);
	expect_number("client/status", out.status, 0);
	expect_text("client/method", text_of(&out, "http.request.method"), "POST");
	expect_text("client/url", text_of(&out, "url.full"),
		    "http://pay.example:8080/orders/17?sig=REDACTED&a=b");
	expect_text("client/scheme", text_of(&out, "url.scheme"), "http");
	expect_text("client/server", text_of(&out, "server.address"), "pay.example");
	expect_number("client/port", number_of(&out, "server.port"), 8080);
	expect_text("client/peer", text_of(&out, "network.peer.address"), "192.0.2.7");
	expect_number("client/peer_port", number_of(&out, "network.peer.port"), 8080);
	expect_number("client/code", number_of(&out, "http.response.status_code"), 201);
	expect_number("client/body", number_of(&out, "http.request.body.size"), 12);
	expect_text("client/version", text_of(&out, "network.protocol.version"), "1.1");
	expect("client/no_path", !attr_of(&out, "url.path"), "it is there");
	expect("client/no_client", !attr_of(&out, "client.address"), "it is there");
	expect("client/no_error", !attr_of(&out, "error.type"), "it is there");
}

static const char *url_of(const char *method, const char *target, const char *host, bool tls)
{
	struct made_span made;

	call(&made, method, target, 200);
	if (host)
		put_text(&made, TA_ATTR_HTTP_HOST, host);
	if (tls)
		put_attr(&made, TA_ATTR_TLS, TA_ATTR_BOOL, "\1", 1);
	run(&made);
	return text_of(&out, "url.full");
}

static void test_urls(void)
{
	struct made_span made;

	expect_text("url/tls", url_of("GET", "/a", "h.example", true), "https://h.example/a");
	expect_number("url/tls_port", number_of(&out, "server.port"), 443);
	expect_text("url/tls_scheme", text_of(&out, "url.scheme"), "https");
	expect_text("url/plain", url_of("GET", "/a", "h.example", false), "http://h.example/a");
	expect_number("url/plain_port", number_of(&out, "server.port"), 80);
	expect_text("url/no_host", url_of("GET", "/a", NULL, false), "http://192.0.2.7:8080/a");
	expect_number("url/peer_port", number_of(&out, "server.port"), 8080);
	expect_text("url/user", url_of("GET", "http://me:secret@h.example:81/a?b", "x", false),
		    "http://REDACTED:REDACTED@h.example:81/a?b");
	expect_text("url/user_server", text_of(&out, "server.address"), "h.example");
	expect_number("url/user_port", number_of(&out, "server.port"), 81);
	expect("url/no_raw", !attr_of(&out, "tagalong.http.target"), "it is there");
	expect_text("url/proxied", url_of("GET", "https://h.example/a", "x", false),
		    "https://h.example/a");
	expect_text("url/star", url_of("OPTIONS", "*", "h.example", false), "http://h.example");
	expect("url/connect", !url_of("CONNECT", "db.example:5432", NULL, false), "it is there");
	expect_text("url/connect_server", text_of(&out, "server.address"), "db.example");
	expect_number("url/connect_port", number_of(&out, "server.port"), 5432);
	request(&made, "GET", "/x", 200);
	made.span.type = TA_SPAN_HTTP_CLIENT;
	put_ipv6(&made, TA_ATTR_PEER, "2001:db8::1", 8443);
	run(&made);
	expect_text("url/v6", text_of(&out, "url.full"), "http://[2001:db8::1]:8443/x");
}

static const char *error_of(struct made_span *made)
{
	run(made);
	expect_number("error/cheap", ta_enrich_failed(enrich, &made->span), out.status == 2);
	return attr_of(&out, "error.type") ? text_of(&out, "error.type") : "(none)";
}

static const char *call_error(int status, uint8_t reason, int error)
{
	struct made_span made;

	call(&made, "GET", "/", status);
	if (error)
		put_int(&made, TA_ATTR_ERRNO, error);
	made.span.reason = reason;
	return error_of(&made);
}

static void test_errors(void)
{
	struct made_span made;

	expect_text("error/302", call_error(302, 0, 0), "(none)");
	expect_text("error/404", call_error(404, 0, 0), "404");
	expect_number("error/404_status", out.status, 2);
	expect_text("error/503", call_error(503, 0, 0), "503");
	expect_text("error/reset", call_error(0, TA_END_CLOSED_EARLY, 104), "ECONNRESET");
	expect_text("error/closed", call_error(0, TA_END_CLOSED_EARLY, 0), "connection_closed");
	request(&made, "GET", "/", 404); /* served: the client's mistake */
	expect_text("error/served", error_of(&made), "(none)");
	request(&made, "BREW", "/", 200);
	made.span.type = TA_SPAN_HTTP_CLIENT;
	run(&made);
	expect_text("error/other_name", out.name, "HTTP");
	expect_text("error/other", text_of(&out, "http.request.method"), "_OTHER");
	expect_text("error/original", text_of(&out, "http.request.method_original"), "BREW");
}

static void rpc(struct made_span *made, enum ta_span_type type, const char *target, int status)
{
	request(made, "POST", target, 200);
	made->span.type = (uint8_t)type;
	put_int(made, TA_ATTR_HTTP_VERSION_MINOR, 20);
	put_int(made, TA_ATTR_GRPC_STATUS, status);
}

static const char *rpc_error(enum ta_span_type type, int status)
{
	struct made_span made;

	rpc(&made, type, "/p.S/M", status);
	return error_of(&made);
}

static void test_rpc(void)
{
	static const char *const servers[17] = {
		"(none)", "(none)", "UNKNOWN", "(none)", "DEADLINE_EXCEEDED", "(none)", "(none)",
		"(none)", "(none)", "(none)",  "(none)", "(none)", "UNIMPLEMENTED", "INTERNAL",
		"UNAVAILABLE", "DATA_LOSS", "(none)",
	};
	struct made_span made;

	rpc(&made, TA_SPAN_HTTP_SERVER, "/shop.v1.Cart/AddItem", 0);
	run(&made);
	expect_text("rpc/name", out.name, "shop.v1.Cart/AddItem");
	expect_number("rpc/kind", out.kind, 2);
	expect_text("rpc/system", text_of(&out, "rpc.system.name"), "grpc");
	expect_text("rpc/method", text_of(&out, "rpc.method"), "shop.v1.Cart/AddItem");
	expect_text("rpc/status", text_of(&out, "rpc.status_code"), "OK");
	expect_text("rpc/version", text_of(&out, "network.protocol.version"), "2");
	expect_number("rpc/ok", out.status, 0);
	rpc(&made, TA_SPAN_HTTP_CLIENT, "/a/b/c?d", 5);
	run(&made);
	expect_text("rpc/odd_name", out.name, "grpc");
	expect_text("rpc/odd_method", text_of(&out, "rpc.method"), "_OTHER");
	expect_number("rpc/client_kind", out.kind, 3);
	for (int i = 0; i < 17; i++)
		expect_text("rpc/server_error", rpc_error(TA_SPAN_HTTP_SERVER, i), servers[i]);
	expect_text("rpc/client_ok", rpc_error(TA_SPAN_HTTP_CLIENT, 0), "(none)");
	expect_text("rpc/client_not_found", rpc_error(TA_SPAN_HTTP_CLIENT, 5), "NOT_FOUND");
	expect_text("rpc/client_unknown", rpc_error(TA_SPAN_HTTP_CLIENT, 99), "99");
}

static void command(struct made_span *made, int system, const char *operation, const char *target)
{
	span_make(made, TA_SPAN_COMMAND);
	put_int(made, TA_ATTR_DB_SYSTEM, system);
	if (operation)
		put_text(made, TA_ATTR_DB_OPERATION, operation);
	if (target)
		put_text(made, TA_ATTR_DB_TARGET, target);
	put_ipv4(made, TA_ATTR_PEER, "192.0.2.9", 5432);
}

static const char *command_name(int system, const char *operation, const char *target)
{
	struct made_span made;

	command(&made, system, operation, target);
	run(&made);
	return out.name;
}

static void test_commands(void)
{
	struct made_span made;

	command(&made, TA_PROTOCOL_POSTGRESQL, "SELECT", "users");
	put_text(&made, TA_ATTR_DB_NAMESPACE, "shop");
	put_text(&made, TA_ATTR_DB_TEXT, "SELECT * FROM users WHERE id = ?");
	put_text(&made, TA_ATTR_DB_STATUS, "42P01");
	expect_text("command/error", error_of(&made), "42P01");
	expect_text("command/name", out.name, "SELECT users");
	expect_number("command/kind", out.kind, 3);
	expect_number("command/failed", out.status, 2);
	expect_text("command/system", text_of(&out, "db.system.name"), "postgresql");
	expect_text("command/operation", text_of(&out, "db.operation.name"), "SELECT");
	expect_text("command/collection", text_of(&out, "db.collection.name"), "users");
	expect_text("command/namespace", text_of(&out, "db.namespace"), "shop");
	expect_text("command/text", text_of(&out, "db.query.text"),
		    "SELECT * FROM users WHERE id = ?");
	expect_text("command/code", text_of(&out, "db.response.status_code"), "42P01");
	expect_text("command/server", text_of(&out, "server.address"), "192.0.2.9");
	expect_number("command/port", number_of(&out, "server.port"), 5432);
	expect_text("command/peer", text_of(&out, "network.peer.address"), "192.0.2.9");
	expect_text("command/redis", command_name(TA_PROTOCOL_REDIS, "GET", "user:17"), "GET");
	expect("command/no_keys", !attr_of(&out, "db.collection.name"), "it is there");
	expect_text("command/no_target", command_name(TA_PROTOCOL_MYSQL, "SELECT", NULL), "SELECT");
	expect_text("command/bare", command_name(TA_PROTOCOL_MARIADB, NULL, NULL), "mariadb");
	expect_text("command/unknown", command_name(99, NULL, NULL), "command");
	expect("command/unknown_system", !attr_of(&out, "db.system.name"), "it is there");
}

static void test_batches(void)
{
	struct made_span made;

	command(&made, TA_PROTOCOL_REDIS, "SET", NULL);
	put_int(&made, TA_ATTR_BATCH_SIZE, 3);
	run(&made);
	expect_text("batch/name", out.name, "PIPELINE");
	expect_text("batch/operation", text_of(&out, "db.operation.name"), "PIPELINE");
	expect_number("batch/size", number_of(&out, "db.operation.batch.size"), 3);
	command(&made, TA_PROTOCOL_POSTGRESQL, "INSERT", "t");
	put_int(&made, TA_ATTR_BATCH_SIZE, 2);
	run(&made);
	expect_text("batch/sql", out.name, "BATCH");
	command(&made, TA_PROTOCOL_REDIS, "SET", NULL);
	put_int(&made, TA_ATTR_BATCH_SIZE, 1);
	run(&made);
	expect_text("batch/one", out.name, "SET");
	expect("batch/no_size", !attr_of(&out, "db.operation.batch.size"), "it is there");
}

static void test_served_commands(void)
{
	struct made_span made;

	command(&made, TA_PROTOCOL_REDIS, "GET", NULL);
	made.span.type = TA_SPAN_COMMAND_SERVER;
	put_ipv4(&made, TA_ATTR_LOCAL, "127.0.0.1", 6379);
	run(&made);
	expect_number("served/kind", out.kind, 2);
	expect_text("served/server", text_of(&out, "server.address"), "127.0.0.1");
	expect_number("served/port", number_of(&out, "server.port"), 6379);
	expect_text("served/client", text_of(&out, "client.address"), "192.0.2.9");
	made.span.reason = TA_END_CLOSED_EARLY;
	ta_enrich_span(enrich, &made.span, &out);
	expect_text("served/closed", text_of(&out, "error.type"), "connection_closed");
}

static void test_connect(void)
{
	struct made_span made;
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/run/pg.sock" };

	span_make(&made, TA_SPAN_CONNECT);
	put_ipv4(&made, TA_ATTR_PEER, "192.0.2.9", 5432);
	put_int(&made, TA_ATTR_ERRNO, 111);
	expect_text("connect/error", error_of(&made), "ECONNREFUSED");
	expect_text("connect/name", out.name, "tcp connect :5432");
	expect_number("connect/kind", out.kind, 3);
	expect_text("connect/transport", text_of(&out, "network.transport"), "tcp");
	expect_text("connect/type", text_of(&out, "network.type"), "ipv4");
	expect_text("connect/server", text_of(&out, "server.address"), "192.0.2.9");
	expect_number("connect/port", number_of(&out, "network.peer.port"), 5432);
	span_make(&made, TA_SPAN_CONNECT);
	put_attr(&made, TA_ATTR_PEER, TA_ATTR_BYTES, &un, sizeof(un));
	run(&made);
	expect_text("connect/unix", out.name, "unix connect /run/pg.sock");
	expect_number("connect/fine", out.status, 0);
	span_make(&made, TA_SPAN_TURN);
	put_ipv4(&made, TA_ATTR_PEER, "192.0.2.9", 7000);
	put_int(&made, TA_ATTR_BYTES_IN, 10);
	put_int(&made, TA_ATTR_BYTES_OUT, 20);
	run(&made);
	expect_text("turn/name", out.name, "tcp exchange :7000");
	expect_number("turn/kind", out.kind, 3);
	expect_number("turn/in", number_of(&out, "tagalong.connection.bytes_in"), 10);
	expect_number("turn/out", number_of(&out, "tagalong.connection.bytes_out"), 20);
}

static void test_lookup(void)
{
	struct made_span made;

	span_make(&made, TA_SPAN_LOOKUP);
	put_text(&made, TA_ATTR_LOOKUP_NAME, "pay.example");
	put_text(&made, TA_ATTR_LOOKUP_ERROR, "EAI_NONAME");
	expect_text("lookup/error", error_of(&made), "EAI_NONAME");
	expect_text("lookup/name", out.name, "dns lookup");
	expect_number("lookup/kind", out.kind, 3);
	expect_text("lookup/question", text_of(&out, "dns.question.name"), "pay.example");
	span_make(&made, TA_SPAN_LOOKUP);
	expect_text("lookup/fine", error_of(&made), "(none)");
	span_make(&made, TA_SPAN_LOOKUP);
	put_text(&made, TA_ATTR_LOOKUP_ERROR, "anything at all");
	expect_text("lookup/odd", error_of(&made), "_OTHER");
}

static void test_process(void)
{
	struct ta_process process = { .pid = 42, .exe = "/usr/bin/convert" };
	struct made_span made;

	span_make(&made, TA_SPAN_PROCESS);
	made.span.process = &process;
	put_int(&made, TA_ATTR_EXIT_STATUS, 0);
	expect_text("process/fine", error_of(&made), "(none)");
	expect_text("process/name", out.name, "convert");
	expect_number("process/kind", out.kind, 1);
	expect_number("process/pid", number_of(&out, "process.pid"), 42);
	expect_number("process/exit", number_of(&out, "process.exit.code"), 0);
	expect_text("process/executable", text_of(&out, "process.executable.name"), "convert");
	span_make(&made, TA_SPAN_PROCESS);
	put_text(&made, TA_ATTR_EXECUTABLE, "/bin/sh");
	put_int(&made, TA_ATTR_EXIT_STATUS, 3);
	expect_text("process/failed", error_of(&made), "3");
	expect_text("process/recorded", out.name, "sh");
	span_make(&made, TA_SPAN_PROCESS);
	run(&made);
	expect_text("process/nameless", out.name, "process");
}

static void test_orphans(void)
{
	struct made_span made;

	call(&made, "GET", "/", 200);
	made.span.orphan = true;
	made.span.hint_trace_hi = 7;
	made.span.hint_trace_lo = 8;
	made.span.hint_span_id = 9;
	run(&made);
	expect_number("orphan/said", number_of(&out, "tagalong.orphan"), 1);
	expect_number("orphan/links", out.link_count, 1);
	expect_number("orphan/trace", (long long)out.links[0].trace_lo, 8);
	expect_number("orphan/span", (long long)out.links[0].span_id, 9);
	call(&made, "GET", "/", 200);
	run(&made);
	expect("orphan/not", !attr_of(&out, "tagalong.orphan"), "it is there");
	expect_number("orphan/no_link", out.link_count, 0);
}

int main(void)
{
	config = plain_config();
	restart();
	check_group("requests to others", test_request);
	check_group("urls", test_urls);
	check_group("errors of requests", test_errors);
	check_group("grpc", test_rpc);
	check_group("commands", test_commands);
	check_group("batches", test_batches);
	check_group("commands served", test_served_commands);
	check_group("connections and exchanges", test_connect);
	check_group("lookups", test_lookup);
	check_group("processes", test_process);
	check_group("orphans", test_orphans);
	ta_enrich_free(enrich);
	return check_status();
}
