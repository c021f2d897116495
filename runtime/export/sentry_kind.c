/* SPDX-License-Identifier: MIT */
/*
 * sentry_kind.c - what kind of work a span is, in Sentry's words: its op, its origin, its
 * description.
 *
 * Queries and caches are told by op; their description is the text of the command, which
 * Sentry groups by, and that of a request to another server is method and URL.
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/sentry_internal.h"

#include <string.h>

static const struct kind {
	const char *op, *origin;
} kinds[] = {
	[0] = { "default", "manual" },
	[TA_SPAN_CONNECTION] = { "connection", "auto.tagalong.connection" },
	[TA_SPAN_HTTP_SERVER] = { "http.server", "auto.tagalong.http" },
	[TA_SPAN_THREAD] = { "thread", "auto.tagalong.thread" },
	[TA_SPAN_SIGNAL] = { "signal", "auto.tagalong.signal" },
	[TA_SPAN_API] = { "default", "manual" },
	[TA_SPAN_HTTP_CLIENT] = { "http.client", "auto.tagalong.http_client" },
	[TA_SPAN_COMMAND] = { "db", "auto.tagalong.command" },
	[TA_SPAN_COMMAND_SERVER] = { "db.server", "auto.tagalong.command_server" },
	[TA_SPAN_CONNECT] = { "socket.connect", "auto.tagalong.connect" },
	[TA_SPAN_LOOKUP] = { "dns.lookup", "auto.tagalong.lookup" },
	[TA_SPAN_TURN] = { "socket.exchange", "auto.tagalong.exchange" },
	[TA_SPAN_PROCESS] = { "process", "auto.tagalong.process" },
};

static bool is(const struct ta_out_attr *attr, const char *text)
{
	return attr && attr->type == TA_ATTR_STRING && attr->text_bytes == strlen(text) &&
	       memcmp(attr->text, text, attr->text_bytes) == 0;
}

/* Of memcached: what Sentry's view of caches knows. */
static const char *cache_op(const struct ta_out_attr *operation)
{
	static const struct {
		const char *operation, *op;
	} ops[] = { { "GET", "cache.get" },	{ "GETS", "cache.get" },
		    { "GAT", "cache.get" },	{ "GATS", "cache.get" },
		    { "MG", "cache.get" },	{ "SET", "cache.put" },
		    { "ADD", "cache.put" },	{ "REPLACE", "cache.put" },
		    { "APPEND", "cache.put" },	{ "PREPEND", "cache.put" },
		    { "CAS", "cache.put" },	{ "MS", "cache.put" },
		    { "DELETE", "cache.remove" }, { "MD", "cache.remove" },
		    { "FLUSH_ALL", "cache.flush" } };

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (is(operation, ops[i].operation))
			return ops[i].op;
	return "db";
}

static const char *command_op(const struct ta_out_span *out)
{
	const struct ta_out_attr *system = ta_sentry_find(out, "db.system.name");

	if (is(system, "redis"))
		return "db.redis";
	if (is(system, "memcached"))
		return cache_op(ta_sentry_find(out, "db.operation.name"));
	return is(system, "postgresql") || is(system, "mysql") || is(system, "mariadb") ?
		       "db.sql.query" :
		       "db";
}

void ta_sentry_put_kind(struct ta_buf *buf, const struct ta_span *span,
			const struct ta_out_span *out)
{
	const struct ta_out_attr *op = ta_sentry_find(out, "sentry.op");
	unsigned int type = span->type < sizeof(kinds) / sizeof(kinds[0]) ? span->type : 0;
	const char *text = kinds[type].op;

	if (type == TA_SPAN_COMMAND)
		text = command_op(out);
	if (ta_sentry_find(out, "rpc.system.name"))
		text = type == TA_SPAN_HTTP_CLIENT ? "grpc.client" : "grpc.server";
	if (op && op->type == TA_ATTR_STRING && op->text_bytes)
		ta_sentry_member(buf, "op", op->text, op->text_bytes, 128);
	else
		ta_sentry_member(buf, "op", text, strlen(text), TA_SENTRY_WHOLE);
	ta_sentry_member(buf, "origin", kinds[type].origin, strlen(kinds[type].origin),
			 TA_SENTRY_WHOLE);
}

/* Method and URL without the query. */
static void put_request(struct ta_buf *buf, const struct ta_out_span *out,
			const struct ta_out_attr *url)
{
	char text[1024];
	size_t bytes = out->name_bytes < 64 ? out->name_bytes : 64, room = sizeof(text) - 65;
	const char *query = memchr(url->text, '?', url->text_bytes);
	size_t url_bytes = query ? (size_t)(query - url->text) : url->text_bytes;

	if (url_bytes > room)
		url_bytes = ta_utf8_cut(url->text, room);
	memcpy(text, out->name, bytes);
	text[bytes++] = ' ';
	memcpy(text + bytes, url->text, url_bytes);
	ta_sentry_member(buf, "description", text, bytes + url_bytes, TA_SENTRY_WHOLE);
}

void ta_sentry_put_description(struct ta_buf *buf, const struct ta_span *span,
			       const struct ta_out_span *out)
{
	const struct ta_out_attr *text = NULL;

	if (span->type == TA_SPAN_COMMAND)
		text = ta_sentry_find(out, "db.query.text");
	else if (span->type == TA_SPAN_HTTP_CLIENT && !ta_sentry_find(out, "rpc.system.name"))
		text = ta_sentry_find(out, "url.full");
	if (!text || text->type != TA_ATTR_STRING || !text->text_bytes)
		ta_sentry_member(buf, "description", out->name, out->name_bytes, TA_SENTRY_WHOLE);
	else if (span->type == TA_SPAN_COMMAND)
		ta_sentry_member(buf, "description", text->text, text->text_bytes, 4096);
	else
		put_request(buf, out, text);
}
