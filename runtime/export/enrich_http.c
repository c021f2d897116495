/* SPDX-License-Identifier: MIT */
/*
 * enrich_http.c - one HTTP request as a server span (OpenTelemetry semantic
 * conventions, "HTTP spans").
 *
 * What the client sent is kept as sent: url.path and url.query together are the
 * request target.  Where they cannot be (absolute form, CONNECT, a lone '?',
 * bytes that are not UTF-8) tagalong.http.target has it as well, unless a secret
 * had to be taken out of it.
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/enrich_internal.h"

#include <stdio.h>

static bool method_is_known(const char *method, uint32_t bytes)
{
	static const char *const known[] = { "GET",	"POST",	   "HEAD",    "PUT",  "DELETE",
					     "OPTIONS", "CONNECT", "TRACE", "PATCH" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i]) == bytes && memcmp(known[i], method, bytes) == 0)
			return true;
	return false;
}

static bool is_method(const struct ta_http_request *request, const char *method)
{
	return request->method_bytes == strlen(method) &&
	       memcmp(request->method, method, request->method_bytes) == 0;
}

void ta_http_request_read(const struct ta_facts *facts, struct ta_http_request *request)
{
	*request = (struct ta_http_request){ 0 };
	request->method = ta_facts_text(facts, TA_ATTR_HTTP_METHOD, &request->method_bytes);
	if (!request->method_bytes)
		request->method = NULL;
	request->known = request->method && method_is_known(request->method, request->method_bytes);
	request->raw = ta_facts_text(facts, TA_ATTR_HTTP_TARGET, &request->raw_bytes);
	if (request->raw)
		ta_http_target_split(request->raw, request->raw_bytes,
				request->method && is_method(request, "CONNECT"),
				&request->target);
}

void ta_http_add_method(const struct ta_http_request *request, struct ta_out_span *out)
{
	if (request->known) {
		ta_out_text(out, TA_NAME("http.request.method"), request->method,
			    request->method_bytes);
		return;
	}
	ta_out_text(out, TA_NAME("http.request.method"), "_OTHER", 6);
	if (request->method)
		ta_out_text(out, TA_NAME("http.request.method_original"), request->method,
			    request->method_bytes);
	else
		ta_out_bool(out, TA_NAME("tagalong.http.incomplete"), true);
}

/* The target as it came, where path and query do not say it all. */
static void add_raw_target(const struct ta_http_request *request, struct ta_out_span *out)
{
	bool text = ta_utf8_valid(request->raw, request->raw_bytes);

	if (request->target.exact && text)
		return;
	if (request->target.authority_bytes &&
	    memchr(request->target.authority, '@', request->target.authority_bytes))
		return; /* user:password */
	ta_out_text(out, TA_NAME("tagalong.http.target"), request->raw, request->raw_bytes);
	if (!text && out->attr_count)
		out->attrs[out->attr_count - 1].type = TA_ATTR_BYTES;
}

static void add_url(struct ta_enrich *enrich, const struct ta_http_request *request,
		    struct ta_out_span *out)
{
	const struct ta_http_target *target = &request->target;
	bool redacted = false;

	if (!request->raw)
		return;
	if (target->path)
		ta_out_text(out, TA_NAME("url.path"), target->path, target->path_bytes);
	if (target->query) {
		char *clean = ta_scratch(enrich, 3 * (size_t)target->query_bytes);
		size_t bytes = 0;

		if (clean)
			bytes = ta_query_redact(target->query, target->query_bytes, clean,
						&redacted);
		ta_out_text(out, TA_NAME("url.query"), clean ? clean : "", bytes);
	}
	if (!redacted)
		add_raw_target(request, out);
}

bool ta_http_is_tls(const struct ta_facts *facts)
{
	return ta_facts_int(facts, TA_ATTR_SCHEME) == 1 || ta_facts_int(facts, TA_ATTR_TLS) != 0;
}

static void add_scheme(const struct ta_facts *facts, const struct ta_http_request *request,
		       struct ta_out_span *out)
{
	if (request->target.scheme)
		ta_out_text(out, TA_NAME("url.scheme"), request->target.scheme,
			    request->target.scheme_bytes);
	else if (ta_http_is_tls(facts))
		ta_out_text(out, TA_NAME("url.scheme"), "https", 5);
	else
		ta_out_text(out, TA_NAME("url.scheme"), "http", 4);
}

void ta_http_add_version(const struct ta_facts *facts, struct ta_out_span *out)
{
	static const char *const versions[] = { "1.0", "1.1" };
	int64_t minor = ta_facts_int(facts, TA_ATTR_HTTP_VERSION_MINOR);

	if (!ta_facts_have(facts, TA_ATTR_HTTP_VERSION_MINOR))
		return;
	if (minor == 0 || minor == 1)
		ta_out_text(out, TA_NAME("network.protocol.version"), versions[minor], 3);
	else if (minor == 9)
		ta_out_text(out, TA_NAME("network.protocol.version"), "0.9", 3);
	else if (minor == 20)
		ta_out_text(out, TA_NAME("network.protocol.version"), "2", 1);
}

/* The authority of the target beats Host (RFC 9112, 3.2.2); with neither it is
 * the address that the request came in on. */
static void add_server(const struct ta_facts *facts, const struct ta_http_request *request,
		       const struct ta_address *local, struct ta_out_span *out)
{
	uint32_t bytes = request->target.authority_bytes, host_bytes = 0, port = 0;
	const char *text = request->target.authority, *host = NULL;

	if (!bytes)
		text = ta_facts_text(facts, TA_ATTR_HTTP_HOST, &bytes);
	if (text && bytes)
		ta_authority_split(text, bytes, &host, &host_bytes, &port);
	if (!host_bytes) {
		ta_out_address(out, local, TA_NAME("server.address"), TA_NAME("server.port"));
		return;
	}
	ta_out_text(out, TA_NAME("server.address"), host, host_bytes);
	if (port)
		ta_out_int(out, TA_NAME("server.port"), port);
}

/* A node of Forwarded may be quoted, carry a port, or be the word "unknown". */
static void add_client(const struct ta_facts *facts, const struct ta_address *peer,
		       struct ta_out_span *out)
{
	uint32_t bytes = 0, host_bytes = 0, port = 0;
	const char *text = ta_facts_text(facts, TA_ATTR_FORWARDED_FOR, &bytes), *host = NULL;

	if (text && bytes >= 2 && text[0] == '"' && text[bytes - 1] == '"') {
		text++;
		bytes -= 2;
	}
	if (text && bytes && !(bytes == 7 && strncasecmp(text, "unknown", 7) == 0))
		ta_authority_split(text, bytes, &host, &host_bytes, &port);
	if (host_bytes) {
		ta_out_text(out, TA_NAME("client.address"), host, host_bytes);
		if (port)
			ta_out_int(out, TA_NAME("client.port"), port);
	} else if (peer->text_bytes) {
		ta_out_text(out, TA_NAME("client.address"), peer->text, peer->text_bytes);
	}
}

static void add_network(struct ta_enrich *enrich, const struct ta_facts *facts,
			const struct ta_http_request *request, struct ta_out_span *out)
{
	struct ta_address peer, local;

	ta_facts_address(enrich, facts, TA_ATTR_PEER, &peer);
	ta_facts_address(enrich, facts, TA_ATTR_LOCAL, &local);
	add_server(facts, request, &local, out);
	add_client(facts, &peer, out);
	ta_out_address(out, &peer, TA_NAME("network.peer.address"), TA_NAME("network.peer.port"));
	ta_out_address(out, &local, TA_NAME("network.local.address"),
		       TA_NAME("network.local.port"));
	if (ta_facts_int(facts, TA_ATTR_TRANSPORT) == 1 ||
	    (peer.type && strcmp(peer.type, "unix") == 0))
		ta_out_text(out, TA_NAME("network.transport"), "unix", 4);
}

void ta_http_add_rest(const struct ta_facts *facts, const struct ta_http_request *request,
		     struct ta_out_span *out)
{
	static const uint8_t flags[] = { TA_ATTR_INCOMPLETE, TA_ATTR_UPGRADE };
	uint32_t bytes = 0;
	const char *agent = ta_facts_text(facts, TA_ATTR_USER_AGENT, &bytes);

	if (agent && bytes)
		ta_out_text(out, TA_NAME("user_agent.original"), agent, bytes);
	ta_out_count(facts, TA_ATTR_REQUEST_BODY_SIZE, out);
	ta_out_count(facts, TA_ATTR_RESPONSE_BODY_SIZE, out);
	ta_out_count(facts, TA_ATTR_BYTES_IN, out);
	ta_out_count(facts, TA_ATTR_BYTES_OUT, out);
	ta_out_count(facts, TA_ATTR_TARGET_TRUNCATED, out);
	ta_out_count(facts, TA_ATTR_THREAD_ID, out);
	for (size_t i = 0; i < sizeof(flags); i++) {
		const char *name = ta_attr_name(flags[i]);

		if (flags[i] == TA_ATTR_INCOMPLETE && !request->method)
			continue; /* said with the method */
		if (ta_facts_int(facts, flags[i]))
			ta_out_bool(out, name, (uint32_t)strlen(name), true);
	}
}

/* Of a server only its own failures are errors: 5xx, and answers that the client did not
 * get in full; 4xx is the client's.  To a client 4xx is a failure as well. */
void ta_http_status(struct ta_enrich *enrich, const struct ta_span *span,
		    const struct ta_facts *facts, struct ta_out_span *out)
{
	int64_t number = ta_facts_int(facts, TA_ATTR_ERRNO);
	int64_t status = ta_facts_int(facts, TA_ATTR_HTTP_STATUS);
	int64_t failure = span->type == TA_SPAN_HTTP_CLIENT ? 400 : 500;
	char *digits;

	if (span->reason == TA_END_CLOSED_EARLY) {
		ta_out_error(out, number ? ta_errno_name(enrich, number) : "connection_closed");
	} else if (ta_rpc_is(facts)) {
		ta_rpc_status(enrich, span, facts, out);
	} else if (status >= failure && span->end != TA_SPAN_HOST_DIED) {
		digits = ta_scratch(enrich, 24);
		if (digits)
			snprintf(digits, 24, "%lld", (long long)status);
		ta_out_error(out, digits ? digits : "_OTHER");
	} else if (span->reason == TA_END_PROCESS_END && !status) {
		ta_out_error(out, "process_ended");
	}
}

void ta_http_name_method(const struct ta_http_request *request, struct ta_out_span *out)
{
	if (request->known)
		ta_out_name(out, request->method, request->method_bytes);
	else
		ta_out_name(out, "HTTP", 4);
}

/* Method and route; without a route method and path with its variable parts as
 * '*', or (TAGALONG_HTTP_NAMES=method) the method alone. */
static void set_name(struct ta_enrich *enrich, const struct ta_http_request *request,
		     const char *route, uint32_t route_bytes, struct ta_out_span *out)
{
	char path[sizeof(out->name)];

	ta_http_name_method(request, out);
	if (!request->method || !request->target.path)
		return;
	if (route) {
		ta_out_name(out, " ", 1);
		ta_out_name(out, route, route_bytes);
	} else if (strcmp(enrich->config->http_names, "method") != 0) {
		size_t bytes = ta_path_name(enrich->paths, request->target.path,
					    request->target.path_bytes, path, sizeof(path));

		ta_out_name(out, " ", 1);
		ta_out_name(out, path, bytes);
	}
}

void ta_enrich_http(struct ta_enrich *enrich, const struct ta_span *span,
		    const struct ta_facts *facts, struct ta_out_span *out)
{
	int64_t status = ta_facts_int(facts, TA_ATTR_HTTP_STATUS);
	const char *route = NULL;
	uint32_t route_bytes = 0;
	struct ta_http_request request;

	ta_http_request_read(facts, &request);
	if (request.target.path)
		route = ta_routes_match(enrich->routes, request.target.path,
					request.target.path_bytes, &route_bytes);
	out->kind = 2;
	set_name(enrich, &request, route, route_bytes, out);
	ta_http_add_method(&request, out);
	if (route)
		ta_out_text(out, TA_NAME("http.route"), route, route_bytes);
	add_url(enrich, &request, out);
	add_scheme(facts, &request, out);
	if (status)
		ta_out_int(out, TA_NAME("http.response.status_code"), status);
	ta_http_add_version(facts, out);
	add_network(enrich, facts, &request, out);
	ta_http_add_rest(facts, &request, out);
	if (ta_rpc_is(facts))
		ta_enrich_rpc(enrich, facts, &request, out);
	ta_http_status(enrich, span, facts, out);
}
