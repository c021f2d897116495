/* SPDX-License-Identifier: MIT */
/*
 * metrics_key.c - what a span is counted as, and under which attributes.
 *
 * OpenTelemetry's conventions for HTTP and database metrics say which attributes: those
 * that are low in cardinality.  The span's attributes are gone through once; a name is
 * told by its length and then compared.  Whatever a value holds, a key is bounded.
 *
 * Runs: agent, the exporter's thread.  No allocation, no lock.
 */
#include "runtime/export/metrics_internal.h"

enum { KEY_TEXT = 1, KEY_INT, KEY_BOOL };

struct name {
	const char *text;
	uint32_t bytes;
};

#define NAME(literal) { (literal), sizeof(literal) - 1 }

static const struct name names[TA_METRIC_ATTRS] = {
	[TA_METRIC_METHOD] = NAME("http.request.method"),
	[TA_METRIC_SCHEME] = NAME("url.scheme"),
	[TA_METRIC_STATUS] = NAME("http.response.status_code"),
	[TA_METRIC_ROUTE] = NAME("http.route"),
	[TA_METRIC_ERROR] = NAME("error.type"),
	[TA_METRIC_VERSION] = NAME("network.protocol.version"),
	[TA_METRIC_ADDRESS] = NAME("server.address"),
	[TA_METRIC_PORT] = NAME("server.port"),
	[TA_METRIC_TEMPLATE] = NAME("url.template"),
	[TA_METRIC_DB_SYSTEM] = NAME("db.system.name"),
	[TA_METRIC_DB_COLLECTION] = NAME("db.collection.name"),
	[TA_METRIC_DB_NAMESPACE] = NAME("db.namespace"),
	[TA_METRIC_DB_OPERATION] = NAME("db.operation.name"),
	[TA_METRIC_DB_STATUS] = NAME("db.response.status_code"),
	[TA_METRIC_DB_SUMMARY] = NAME("db.query.summary"),
	[TA_METRIC_DB_PROCEDURE] = NAME("db.stored_procedure.name"),
	[TA_METRIC_OP] = NAME("sentry.op"),
	[TA_METRIC_NAMESPACE] = NAME("tagalong.namespace"),
	[TA_METRIC_REQUEST_SIZE] = NAME("http.request.body.size"),
	[TA_METRIC_RESPONSE_SIZE] = NAME("http.response.body.size"),
	[TA_METRIC_SPAN_TYPE] = NAME("tagalong.span.type"),
	[TA_METRIC_SPAN_NAME] = NAME("tagalong.span.name"),
	[TA_METRIC_OVERFLOW] = NAME("otel.metric.overflow"),
};

/* The names that spans may have, by length and first letter; at most three of a length. */
static const struct candidate {
	char first;
	uint8_t number;
} by_length[26][3] = {
	[9] = { { 's', TA_METRIC_OP } },
	[10] = { { 'u', TA_METRIC_SCHEME }, { 'h', TA_METRIC_ROUTE }, { 'e', TA_METRIC_ERROR } },
	[11] = { { 's', TA_METRIC_PORT } },
	[12] = { { 'u', TA_METRIC_TEMPLATE }, { 'd', TA_METRIC_DB_NAMESPACE } },
	[14] = { { 's', TA_METRIC_ADDRESS }, { 'd', TA_METRIC_DB_SYSTEM } },
	[16] = { { 'd', TA_METRIC_DB_SUMMARY } },
	[17] = { { 'd', TA_METRIC_DB_OPERATION } },
	[18] = { { 'd', TA_METRIC_DB_COLLECTION }, { 't', TA_METRIC_NAMESPACE } },
	[19] = { { 'h', TA_METRIC_METHOD } },
	[22] = { { 'h', TA_METRIC_REQUEST_SIZE } },
	[23] = { { 'h', TA_METRIC_RESPONSE_SIZE }, { 'd', TA_METRIC_DB_STATUS } },
	[24] = { { 'n', TA_METRIC_VERSION }, { 'd', TA_METRIC_DB_PROCEDURE } },
	[25] = { { 'h', TA_METRIC_STATUS } },
};

/* The attributes of each kind of work, in the order in which they are shown. */
static const uint8_t wanted[TA_WORKS][TA_METRIC_KEY_ATTRS] = {
	[TA_WORK_SERVER] = { TA_METRIC_METHOD, TA_METRIC_SCHEME, TA_METRIC_STATUS, TA_METRIC_ROUTE,
			     TA_METRIC_ERROR, TA_METRIC_VERSION },
	[TA_WORK_CLIENT] = { TA_METRIC_METHOD, TA_METRIC_ADDRESS, TA_METRIC_PORT,
			     TA_METRIC_STATUS, TA_METRIC_ERROR, TA_METRIC_VERSION,
			     TA_METRIC_TEMPLATE },
	[TA_WORK_DB] = { TA_METRIC_DB_SYSTEM, TA_METRIC_DB_COLLECTION, TA_METRIC_DB_NAMESPACE,
			 TA_METRIC_DB_OPERATION, TA_METRIC_DB_STATUS, TA_METRIC_ERROR,
			 TA_METRIC_ADDRESS, TA_METRIC_PORT, TA_METRIC_DB_SUMMARY,
			 TA_METRIC_DB_PROCEDURE },
	[TA_WORK_OTHER] = { TA_METRIC_OP, TA_METRIC_NAMESPACE, TA_METRIC_ERROR,
			    TA_METRIC_DB_SYSTEM, TA_METRIC_DB_OPERATION },
};

/* What a span has of these attributes. */
struct found {
	const struct ta_out_attr *attrs[TA_METRIC_ATTRS];
};

static void find(const struct ta_out_span *out, struct found *found)
{
	memset(found, 0, sizeof(*found));
	for (uint32_t i = 0; i < out->attr_count; i++) {
		const struct ta_out_attr *attr = &out->attrs[i];
		const struct candidate *candidate;

		if (attr->prefix_bytes || attr->name_bytes >= sizeof(by_length) / sizeof(by_length[0]))
			continue;
		candidate = by_length[attr->name_bytes];
		for (unsigned int j = 0; j < 3 && candidate->number; j++, candidate++)
			if (attr->name[0] == candidate->first &&
			    memcmp(attr->name, names[candidate->number].text, attr->name_bytes) == 0) {
				found->attrs[candidate->number] = attr;
				break;
			}
	}
}

static bool text_is(const struct ta_out_attr *attr, const char *text)
{
	return attr && attr->type == TA_ATTR_STRING && attr->text_bytes == strlen(text) &&
	       memcmp(attr->text, text, attr->text_bytes) == 0;
}

/* What the span itself does; TA_WORK_NONE when it does nothing in particular. */
static enum ta_work special_work(const struct ta_span *span, const struct ta_out_span *out,
				 const struct found *found)
{
	if (span->type == TA_SPAN_HTTP_SERVER)
		return TA_WORK_SERVER;
	if (span->type == TA_SPAN_HTTP_CLIENT)
		return TA_WORK_CLIENT;
	if (span->type == TA_SPAN_COMMAND && found->attrs[TA_METRIC_DB_SYSTEM])
		return TA_WORK_DB;
	if (span->type != TA_SPAN_API)
		return TA_WORK_NONE;
	if (found->attrs[TA_METRIC_DB_SYSTEM] && out->kind != 2)
		return TA_WORK_DB; /* databases inside the process are INTERNAL */
	if (!found->attrs[TA_METRIC_METHOD])
		return TA_WORK_NONE;
	if (out->kind == 3 || text_is(found->attrs[TA_METRIC_OP], "http.client"))
		return TA_WORK_CLIENT;
	if (out->kind == 2 || text_is(found->attrs[TA_METRIC_OP], "http.server"))
		return TA_WORK_SERVER;
	return TA_WORK_NONE;
}

static enum ta_work work_of(const struct ta_span *span, const struct ta_out_span *out,
			    const struct found *found)
{
	enum ta_work work = special_work(span, out, found);

	if (work != TA_WORK_NONE)
		return work;
	switch (span->type) {
	case TA_SPAN_COMMAND:
	case TA_SPAN_CONNECT:
	case TA_SPAN_LOOKUP:
	case TA_SPAN_TURN:
	case TA_SPAN_UNIT:
		return TA_WORK_NONE; /* steps of something that is counted */
	case TA_SPAN_API:
		return span->parent_id && !(span->flags & TA_SPAN_REMOTE_PARENT) ? TA_WORK_NONE :
										   TA_WORK_OTHER;
	default:
		return TA_WORK_OTHER;
	}
}

static void put_text(struct ta_metric_key *key, unsigned int attr, const char *text, size_t bytes)
{
	char *at = key->data + key->bytes;

	if (bytes > TA_METRIC_VALUE_MAX)
		bytes = ta_utf8_cut(text, TA_METRIC_VALUE_MAX);
	at[0] = (char)attr;
	at[1] = KEY_TEXT;
	at[2] = (char)(bytes & 0xff);
	at[3] = (char)(bytes >> 8);
	if (bytes)
		memcpy(at + 4, text, bytes);
	key->bytes += 4 + (uint32_t)bytes;
}

static void put_int(struct ta_metric_key *key, unsigned int attr, unsigned int type, int64_t value)
{
	char *at = key->data + key->bytes;

	at[0] = (char)attr;
	at[1] = (char)type;
	memcpy(at + 2, &value, sizeof(value));
	key->bytes += 2 + (uint32_t)sizeof(value);
}

/* Methods that are known; anything else would be as many as there are clients. */
static bool known_method(const char *text, uint32_t bytes)
{
	static const struct name known[] = { NAME("GET"),     NAME("POST"),    NAME("HEAD"),
					     NAME("PUT"),     NAME("DELETE"),  NAME("OPTIONS"),
					     NAME("CONNECT"), NAME("TRACE"),   NAME("PATCH") };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].bytes == bytes && memcmp(known[i].text, text, bytes) == 0)
			return true;
	return false;
}

static void put_attr(struct ta_metric_key *key, unsigned int number, const struct ta_out_attr *attr)
{
	if (number == TA_METRIC_METHOD &&
	    (attr->type != TA_ATTR_STRING || !known_method(attr->text, attr->text_bytes)))
		put_text(key, number, "_OTHER", 6);
	else if (attr->type == TA_ATTR_STRING)
		put_text(key, number, attr->text, attr->text_bytes);
	else if (attr->type == TA_ATTR_INT)
		put_int(key, number, KEY_INT, attr->number);
}

/* Names that we made: of connections, which tell the listener, and of signals.  Whatever
 * the program gave a name may be called anything. */
static bool name_is_bounded(const struct ta_out_span *out)
{
	static const struct name ours[] = { NAME("tcp accept"), NAME("unix accept"),
					    NAME("socket accept"), NAME("signal SIG") };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strncmp(out->name, ours[i].text, ours[i].bytes) == 0)
			return true;
	return false;
}

static void put_span(struct ta_metric_key *key, const struct ta_span *span,
		     const struct ta_out_span *out)
{
	static const struct name types[] = {
		[0] = NAME("span"),
		[TA_SPAN_CONNECTION] = NAME("connection"),
		[TA_SPAN_HTTP_SERVER] = NAME("http_server"),
		[TA_SPAN_THREAD] = NAME("thread"),
		[TA_SPAN_SIGNAL] = NAME("signal"),
		[TA_SPAN_API] = NAME("api"),
		[TA_SPAN_HTTP_CLIENT] = NAME("http_client"),
		[TA_SPAN_COMMAND] = NAME("command"),
		[TA_SPAN_COMMAND_SERVER] = NAME("command_server"),
		[TA_SPAN_CONNECT] = NAME("connect"),
		[TA_SPAN_LOOKUP] = NAME("lookup"),
		[TA_SPAN_TURN] = NAME("exchange"),
		[TA_SPAN_PROCESS] = NAME("process"),
	};
	const struct name *type = &types[span->type < sizeof(types) / sizeof(types[0]) ?
						 span->type : 0];

	put_text(key, TA_METRIC_SPAN_TYPE, type->text, type->bytes);
	if ((span->type == TA_SPAN_CONNECTION || span->type == TA_SPAN_SIGNAL) &&
	    name_is_bounded(out))
		put_text(key, TA_METRIC_SPAN_NAME, out->name, out->name_bytes);
}

static int64_t size_of(const struct ta_out_attr *attr)
{
	return attr && attr->type == TA_ATTR_INT && attr->number >= 0 ? attr->number : -1;
}

static void fill_up(struct ta_metric_key *key)
{
	uint32_t whole = (key->bytes + 7) & ~7u;

	memset(key->data + key->bytes, 0, whole - key->bytes);
	key->bytes = whole;
}

bool ta_metric_key_make(const struct ta_span *span, const struct ta_out_span *out,
			struct ta_metric_key *ret_key)
{
	struct found found;

	if (span->end == TA_SPAN_OPEN)
		return false; /* has no duration yet */
	find(out, &found);
	ret_key->work = work_of(span, out, &found);
	if (ret_key->work == TA_WORK_NONE)
		return false;
	ret_key->bytes = 0;
	if (ret_key->work == TA_WORK_OTHER)
		put_span(ret_key, span, out);
	for (const uint8_t *number = wanted[ret_key->work]; *number; number++)
		if (found.attrs[*number])
			put_attr(ret_key, *number, found.attrs[*number]);
	fill_up(ret_key);
	ret_key->sizes[TA_MEASURE_DURATION] = -1;
	ret_key->sizes[TA_MEASURE_REQUEST] = size_of(found.attrs[TA_METRIC_REQUEST_SIZE]);
	ret_key->sizes[TA_MEASURE_RESPONSE] = size_of(found.attrs[TA_METRIC_RESPONSE_SIZE]);
	return true;
}

void ta_metric_key_overflow(struct ta_metric_key *key)
{
	key->bytes = 0;
	put_int(key, TA_METRIC_OVERFLOW, KEY_BOOL, 1);
	fill_up(key);
}

static uint32_t read_text(const char *data, struct ta_out_attr *attr)
{
	attr->type = TA_ATTR_STRING;
	attr->text_bytes = (uint32_t)(unsigned char)data[2] | (uint32_t)(unsigned char)data[3] << 8;
	attr->text = data + 4;
	return 4 + attr->text_bytes;
}

static uint32_t read_int(const char *data, struct ta_out_attr *attr)
{
	attr->type = data[1] == KEY_BOOL ? TA_ATTR_BOOL : TA_ATTR_INT;
	memcpy(&attr->number, data + 2, sizeof(attr->number));
	return 2 + (uint32_t)sizeof(attr->number);
}

uint32_t ta_metric_key_attrs(const char *data, uint32_t bytes, struct ta_out_attr *attrs)
{
	uint32_t count = 0, at = 0;

	while (at < bytes && data[at] && count < TA_METRIC_KEY_ATTRS) {
		struct ta_out_attr *attr = &attrs[count++];
		const struct name *name = &names[(unsigned char)data[at]];

		*attr = (struct ta_out_attr){ .name = name->text, .name_bytes = name->bytes,
					      .plain_name = true };
		at += data[at + 1] == KEY_TEXT ? read_text(data + at, attr) :
						 read_int(data + at, attr);
	}
	return count;
}
