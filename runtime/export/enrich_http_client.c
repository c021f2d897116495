/* SPDX-License-Identifier: MIT */
/*
 * enrich_http_client.c - one HTTP request to another server as a client span (OpenTelemetry
 * semantic conventions, "HTTP spans").
 *
 * The name is the method alone: paths of other people's servers have as many values as
 * there are calls.  url.full is put together from what went over the wire; credentials and
 * the values of known signature parameters are taken out of it.
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/enrich_internal.h"

#include <stdio.h>

/* The server as the program knows it: from the target, from Host, else its address. */
struct server {
	const char *authority; /* as sent; NULL: the address */
	uint32_t authority_bytes;
	const char *host;
	uint32_t host_bytes, port; /* 0: the scheme's own */
};

static void find_server(const struct ta_facts *facts, const struct ta_http_request *request,
			const struct ta_address *peer, struct server *server)
{
	*server = (struct server){ .authority = request->target.authority,
				   .authority_bytes = request->target.authority_bytes };
	if (!server->authority_bytes)
		server->authority = ta_facts_text(facts, TA_ATTR_HTTP_HOST,
						  &server->authority_bytes);
	if (!server->authority_bytes)
		server->authority = NULL;
	if (server->authority)
		ta_authority_split(server->authority, server->authority_bytes, &server->host,
				   &server->host_bytes, &server->port);
	if (server->host_bytes)
		return;
	server->authority = NULL;
	server->host = peer->text;
	server->host_bytes = peer->text_bytes;
	server->port = peer->port;
}

static bool is_https(const struct ta_facts *facts, const struct ta_http_request *request)
{
	if (request->target.scheme)
		return request->target.scheme_bytes == 5 &&
		       strncasecmp(request->target.scheme, "https", 5) == 0;
	return ta_http_is_tls(facts);
}

static char *put(char *at, const char *text, size_t bytes)
{
	if (bytes)
		memcpy(at, text, bytes);
	return at + bytes;
}

/* The authority without user and password, or the address. */
static char *put_authority(char *at, const struct server *server)
{
	const char *mark, *text = server->authority;
	uint32_t bytes = server->authority_bytes;

	if (!text) {
		bool colons = memchr(server->host, ':', server->host_bytes) != NULL;

		at = put(at, "[", colons);
		at = put(at, server->host, server->host_bytes);
		at = put(at, "]", colons);
		return server->port ? at + snprintf(at, 8, ":%u", server->port) : at;
	}
	mark = memrchr(text, '@', bytes);
	if (mark) {
		at = put(at, "REDACTED:REDACTED@", 18);
		bytes -= (uint32_t)(mark + 1 - text);
		text = mark + 1;
	}
	return put(at, text, bytes);
}

/* Nothing of CONNECT, which has no URL, and of sockets without an address. */
static void add_url(struct ta_enrich *enrich, const struct ta_facts *facts,
		    const struct ta_http_request *request, const struct server *server,
		    struct ta_out_span *out)
{
	const struct ta_http_target *target = &request->target;
	bool https = is_https(facts, request), changed, has_path = target->path_bytes &&
								  target->path[0] == '/';
	size_t room = 64 + (size_t)server->authority_bytes + server->host_bytes +
		      target->path_bytes + 3 * (size_t)target->query_bytes;
	char *url, *at;

	if (!target->path || !server->host_bytes)
		return;
	url = at = ta_scratch(enrich, room);
	if (!url)
		return;
	at = put(at, https ? "https://" : "http://", https ? 8 : 7);
	at = put_authority(at, server);
	if (has_path)
		at = put(at, target->path, target->path_bytes);
	if (has_path && target->query) {
		*at++ = '?';
		at += ta_query_redact(target->query, target->query_bytes, at, &changed);
	}
	ta_out_text(out, TA_NAME("url.full"), url, (size_t)(at - url));
}

static void add_server(const struct ta_facts *facts, const struct ta_http_request *request,
		       const struct server *server, const struct ta_address *peer,
		       struct ta_out_span *out)
{
	bool is_unix = !server->authority && peer->type && strcmp(peer->type, "unix") == 0;

	if (server->host_bytes)
		ta_out_text(out, TA_NAME("server.address"), server->host, server->host_bytes);
	if (server->port)
		ta_out_int(out, TA_NAME("server.port"), server->port);
	else if (server->host_bytes && !is_unix)
		ta_out_int(out, TA_NAME("server.port"), is_https(facts, request) ? 443 : 80);
}

void ta_enrich_http_client(struct ta_enrich *enrich, const struct ta_span *span,
			   const struct ta_facts *facts, struct ta_out_span *out)
{
	int64_t status = ta_facts_int(facts, TA_ATTR_HTTP_STATUS);
	struct ta_http_request request;
	struct ta_address peer;
	struct server server;

	ta_http_request_read(facts, &request);
	ta_facts_address(enrich, facts, TA_ATTR_PEER, &peer);
	find_server(facts, &request, &peer, &server);
	out->kind = 3;
	ta_http_name_method(&request, out);
	ta_http_add_method(&request, out);
	add_url(enrich, facts, &request, &server, out);
	ta_out_text(out, TA_NAME("url.scheme"), is_https(facts, &request) ? "https" : "http",
		    is_https(facts, &request) ? 5 : 4);
	if (status)
		ta_out_int(out, TA_NAME("http.response.status_code"), status);
	ta_http_add_version(facts, out);
	add_server(facts, &request, &server, &peer, out);
	ta_out_address(out, &peer, TA_NAME("network.peer.address"), TA_NAME("network.peer.port"));
	if (peer.type && strcmp(peer.type, "unix") == 0)
		ta_out_text(out, TA_NAME("network.transport"), "unix", 4);
	ta_http_add_rest(facts, &request, out);
	if (ta_rpc_is(facts))
		ta_enrich_rpc(enrich, facts, &request, out);
	ta_http_status(enrich, span, facts, out);
}
