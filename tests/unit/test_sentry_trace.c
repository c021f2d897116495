/* SPDX-License-Identifier: MIT */
/*
 * test_sentry_trace.c - which spans make which transactions, and what those say.
 */
#include "tests/unit/sentry.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"

static struct ta_process process = { .proc_id = 1, .pid = 10, .exe = "/usr/bin/app",
				     .instance_id = "00000000-0000-4000-8000-000000000001" };
static struct ta_process other = { .proc_id = 2, .pid = 11, .exe = "/usr/bin/other" };

/* A row of spans of one trace; ids are 1, 2, 3 ... */
struct row {
	struct made_span *spans[4096];
	uint32_t count;
};

static struct made_span *add(struct row *row, enum ta_span_type type, uint64_t parent_id)
{
	struct made_span *made = calloc(1, sizeof(*made));

	span_make(made, type);
	made->bytes = realloc(made->bytes, 4096); /* many of them */
	made->records[0] = (struct ta_record *)(void *)made->bytes;
	made->span.span_id = ++row->count;
	made->span.parent_id = parent_id;
	made->span.process = &process;
	made->span.start_ns = 1000 * row->count;
	made->span.end_ns = 1000 * row->count + 500000;
	row->spans[row->count - 1] = made;
	return made;
}

static void drop_row(struct row *row)
{
	while (row->count) {
		struct made_span *made = row->spans[--row->count];

		span_drop(made);
		free(made);
	}
}

/* "1[2 3] 4[5]": the transactions of the last batch, with the spans in them. */
static const char *shape(void)
{
	static char text[65536];
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < sentry_messages.count; i++) {
		cJSON *tree = sentry_parse(i, NULL, NULL);
		const cJSON *spans = at(tree, "spans"), *span;

		used += (size_t)sprintf(text + used, "%s%llx[", i ? " " : "",
					strtoull(say(tree, "contexts/trace/span_id"), NULL, 16));
		cJSON_ArrayForEach(span, spans)
			used += (size_t)sprintf(text + used, "%s%llx",
						span == spans->child ? "" : " ",
						strtoull(say(span, "span_id"), NULL, 16));
		used += (size_t)sprintf(text + used, "]");
		cJSON_Delete(tree);
	}
	return text;
}

static const char *encode(struct row *row)
{
	sentry_encode_spans(row->spans, row->count);
	return shape();
}

/* Two spans: the second is below the first. */
static const char *pair(enum ta_span_type above, enum ta_span_type below)
{
	struct row row = { 0 };
	const char *text;

	add(&row, above, 0);
	add(&row, below, 1);
	text = encode(&row);
	drop_row(&row);
	return text;
}

static void starts(void)
{
	static const enum ta_span_type types[] = { TA_SPAN_CONNECTION, TA_SPAN_HTTP_SERVER,
						   TA_SPAN_THREAD, TA_SPAN_SIGNAL, TA_SPAN_API };

	for (size_t i = 0; i < COUNT(types); i++) {
		bool thread = types[i] == TA_SPAN_THREAD;

		check_text(pair(types[i], TA_SPAN_API), "1[2]");
		check_text(pair(types[i], TA_SPAN_HTTP_SERVER), "1[] 2[]");
		check_text(pair(types[i], TA_SPAN_SIGNAL), "1[] 2[]");
		check_text(pair(types[i], TA_SPAN_THREAD), thread ? "1[] 2[]" : "1[2]");
		check_text(pair(types[i], TA_SPAN_CONNECTION), thread ? "1[] 2[]" : "1[2]");
	}
}

static void elsewhere(void)
{
	struct row row = { 0 };

	add(&row, TA_SPAN_API, 0x77); /* not in the batch */
	add(&row, TA_SPAN_API, 1);
	add(&row, TA_SPAN_API, 1)->span.process = &other;
	add(&row, TA_SPAN_API, 3)->span.process = &other;
	add(&row, TA_SPAN_API, 4)->span.process = &process;
	add(&row, TA_SPAN_API, 2)->span.flags = TA_SPAN_REMOTE_PARENT;
	add(&row, TA_SPAN_API, 7); /* itself */
	check_text(encode(&row), "1[2] 3[4] 5[] 6[] 7[]");
	cJSON *tree = sentry_parse(1, NULL, NULL);

	check_text(say(tree, "contexts/trace/parent_span_id"), "0000000000000001");
	check_text(say(tree, "spans/0/parent_span_id"), "0000000000000003");
	cJSON_Delete(tree);
	drop_row(&row);
}

/* Requests within requests, spans of several transactions in turn. */
static void interleaved(void)
{
	struct row row = { 0 };

	add(&row, TA_SPAN_CONNECTION, 0);
	add(&row, TA_SPAN_HTTP_SERVER, 1);
	add(&row, TA_SPAN_API, 2);
	add(&row, TA_SPAN_HTTP_SERVER, 1);
	add(&row, TA_SPAN_API, 3);
	add(&row, TA_SPAN_API, 4);
	add(&row, TA_SPAN_THREAD, 5);
	add(&row, TA_SPAN_API, 1);
	add(&row, TA_SPAN_API, 7);
	check_text(encode(&row), "1[8] 2[3 5 7 9] 4[6]");
	check_same(sentry_messages.items[0].head.spans, 2);
	check_same(sentry_messages.items[1].head.spans, 5);
	check_same(sentry_messages.items[1].head.transactions, 1);
	check_same(sentry_messages.items[1].head.category, TA_CATEGORY_TRANSACTION);
	drop_row(&row);
}

/* Two traces of one batch know nothing of one another. */
static void traces(void)
{
	struct row row = { 0 };

	add(&row, TA_SPAN_API, 0);
	add(&row, TA_SPAN_API, 1)->span.trace_lo = 99;
	add(&row, TA_SPAN_API, 2)->span.trace_lo = 99;
	check_text(encode(&row), "1[] 2[3]");
	drop_row(&row);
}

static void deep(void)
{
	struct row row = { 0 };

	for (uint32_t i = 0; i < 900; i++)
		add(&row, TA_SPAN_API, i);
	encode(&row);
	check_same(sentry_messages.count, 1);
	check_same(sentry_messages.items[0].head.spans, 900);
	drop_row(&row);
}

/* Every span once, every parent within its transaction, nothing above Sentry's limits. */
static void check_parts(uint32_t total, uint32_t parts)
{
	bool *seen = calloc(total + 1, sizeof(*seen));
	uint32_t spans = 0, counted = 0;

	check_same(sentry_messages.count, parts);
	for (uint32_t i = 0; i < sentry_messages.count; i++) {
		cJSON *tree = sentry_parse(i, NULL, NULL);
		const cJSON *span;

		counted += sentry_messages.items[i].head.spans;
		check(sentry_messages.items[i].body.bytes < (1u << 20) + 1024, "too large");
		check(cJSON_GetArraySize(at(tree, "spans")) <= 1000, "too many");
		check_text(say(tree, "transaction"), "batch job");
		check_text(say(tree, "contexts/trace/trace_id"), TRACE);
		check_text(say(tree, "tags/t"), "v");
		check_text(say(tree, "user/id"), "u1");
		check_text(say(tree, "contexts/trace/status"), "ok");
		check_text(say(tree, "contexts/trace/op"), "job");
		check_text(say(tree, "extra/e"), i ? "(none)" : "1");
		if (i) {
			check_text(say(tree, "contexts/trace/parent_span_id"), "0000000000000001");
			check_same(at(tree, "contexts/trace/data/tagalong.part")->valueint, i + 1);
		} else {
			seen[1] = true;
			spans++;
		}
		cJSON_ArrayForEach(span, at(tree, "spans")) {
			uint64_t id = strtoull(say(span, "span_id"), NULL, 16);
			const char *parent = say(span, "parent_span_id");
			bool found = strcmp(parent, say(tree, "contexts/trace/span_id")) == 0;
			const cJSON *before;

			check(id && id <= total && !seen[id], "span %llu", (unsigned long long)id);
			seen[id <= total ? id : 0] = true;
			spans++;
			check(at(span, "start_timestamp")->valuedouble >=
				      at(tree, "start_timestamp")->valuedouble, "before its part");
			check(at(span, "timestamp")->valuedouble <=
				      at(tree, "timestamp")->valuedouble, "behind its part");
			for (before = at(tree, "spans/0"); !found && before != span;
			     before = before->next)
				found = strcmp(parent, say(before, "span_id")) == 0;
			check(found, "span %llu hangs nowhere", (unsigned long long)id);
		}
		cJSON_Delete(tree);
	}
	check_same(spans, total);
	check_same(counted, total);
	free(seen);
}

static const struct ta_entry root_tags[] = { TEXT_ENTRY("t", "v") };
static const struct ta_entry root_user[] = { JSON_ENTRY("id", "\"u1\"") };
static const struct ta_entry root_extras[] = { JSON_ENTRY("e", "1") };
static const struct ta_scope_data root_scope = { .tags = root_tags, .tag_count = 1,
						 .user = root_user, .user_count = 1,
						 .extras = root_extras, .extra_count = 1 };

static void many(void)
{
	struct row row = { 0 };
	struct made_span *root = add(&row, TA_SPAN_API, 0);
	char *first, *second;

	put_text(root, TA_ATTR_NAME, "batch job");
	put_text(root, TA_ATTR_OP, "job");
	root->span.scope = &root_scope;
	root->span.end_ns = 1000 * 1000000;
	for (uint32_t i = 1; i < 2500; i++)
		add(&row, TA_SPAN_API, i % 3 ? 1 : i);
	encode(&row);
	check_parts(2500, 3);
	first = strdup(sentry_text(1));
	encode(&row);
	second = strdup(sentry_text(1));
	check(strcmp(first, second) == 0, "the same batch is something else the second time");
	free(first);
	free(second);
	drop_row(&row);
	add(&row, TA_SPAN_API, 0);
	for (uint32_t i = 1; i < 1001; i++)
		add(&row, TA_SPAN_API, 1);
	encode(&row);
	check_same(sentry_messages.count, 1);
	check_same(sentry_messages.items[0].head.spans, 1001);
	drop_row(&row);
}

static void moved_parent(void)
{
	struct row row = { 0 };
	cJSON *tree;

	add(&row, TA_SPAN_API, 0);
	for (uint32_t i = 1; i < 1002; i++)
		add(&row, TA_SPAN_API, i);
	encode(&row);
	check_same(sentry_messages.count, 2);
	tree = sentry_parse(1, NULL, NULL);
	check_text(say(tree, "spans/0/span_id"), "00000000000003ea");
	check_text(say(tree, "spans/0/parent_span_id"), say(tree, "contexts/trace/span_id"));
	check_text(say(tree, "spans/0/data/tagalong.parent_span_id"), "00000000000003e9");
	check_text(say(tree, "contexts/trace/op"), "default");
	cJSON_Delete(tree);
	drop_row(&row);
}

/* Large spans are split by bytes, a span that is too large alone loses the ends of its texts. */
static void large(void)
{
	static char text[60000];
	struct row row = { 0 };
	struct made_span *root = add(&row, TA_SPAN_API, 0), *huge;

	memset(text, 'x', sizeof(text));
	put_text(root, TA_ATTR_NAME, "batch job");
	put_text(root, TA_ATTR_OP, "job");
	root->span.scope = &root_scope;
	root->span.end_ns = 1000 * 1000000;
	for (uint32_t i = 1; i < 60; i++)
		put_named(add(&row, TA_SPAN_API, 1), "text", TA_ATTR_STRING, text, 900);
	for (uint32_t i = 1; i < 60; i++) {
		struct made_span *made = add(&row, TA_SPAN_API, 1);

		made->bytes = realloc(made->bytes, 65536);
		made->records[0] = (struct ta_record *)(void *)made->bytes;
		put_attr(made, TA_ATTR_STATUS_MESSAGE, TA_ATTR_STRING, text, 100);
		put_attr(made, TA_ATTR_USER_AGENT, TA_ATTR_STRING, text, 10);
		made->span.type = TA_SPAN_API;
		text[0] = 40; /* a name of 40 bytes, and its value */
		put_attr(made, TA_ATTR_NAMED, TA_ATTR_STRING, text, 50000);
		text[0] = 'x';
	}
	encode(&row);
	check_parts(119, 3); /* 20 of the large ones are a MiB */
	drop_row(&row);

	huge = add(&row, TA_SPAN_API, 0);
	huge->bytes = realloc(huge->bytes, 262144);
	huge->records[0] = (struct ta_record *)(void *)huge->bytes;
	for (int i = 0; i < 4; i++) {
		text[0] = (char)(40 + i);
		put_attr(huge, TA_ATTR_NAMED, TA_ATTR_STRING, text, 40000);
	}
	text[0] = 'x';
	encode(&row);
	cJSON *tree = sentry_parse(0, NULL, NULL);

	check_text(say(tree, "contexts/trace/data/tagalong.left_out"), "ends of long texts");
	check(sentry_messages.items[0].body.bytes < 10000, "%zu bytes",
	      sentry_messages.items[0].body.bytes);
	cJSON_Delete(tree);
	drop_row(&row);
}

static void whole(void)
{
	struct row row = { 0 };
	struct made_span *made = add(&row, TA_SPAN_API, 0x99);
	const char *text;

	put_text(made, TA_ATTR_NAME, "order");
	put_text(made, TA_ATTR_OP, "task");
	put_named(made, "n", TA_ATTR_STRING, "v", 1);
	made = add(&row, TA_SPAN_API, 1);
	put_text(made, TA_ATTR_NAME, "charge \"card\"");
	made->span.tid = 7;
	made->span.status = TA_STATUS_ERROR;
	encode(&row);
	text = sentry_text(0);
	check(strstr(text, "\"type\":\"transaction\",\"start_timestamp\":1700000000.000001,"
			   "\"timestamp\":1700000000.000501,\"contexts\":{\"trace\":{\"trace_id\":\"" TRACE
			   "\",\"span_id\":\"0000000000000001\",\"parent_span_id\":\"0000000000000099\","
			   "\"op\":\"task\",\"origin\":\"manual\",\"status\":\"ok\","
			   "\"data\":{\"n\":\"v\"},\"type\":\"trace\"},\"os\":{") != NULL,
	      "%s", text);
	check(strstr(text, "},\"transaction\":\"order\",\"transaction_info\":{\"source\":\"custom\"},"
			   "\"sdk\":{\"name\":\"tagalong.native\",\"version\":\"" TA_VERSION "\"},"
			   "\"platform\":\"native\",\"release\":\"shop@1.2\",\"environment\":\"test\","
			   "\"server_name\":\"") != NULL, "%s", text);
	check(strstr(text, "\",\"spans\":[{\"trace_id\":\"" TRACE "\",\"span_id\":\"0000000000000002\","
			   "\"parent_span_id\":\"0000000000000001\",\"op\":\"default\","
			   "\"origin\":\"manual\",\"description\":\"charge \\\"card\\\"\","
			   "\"status\":\"internal_error\",\"start_timestamp\":1700000000.000002,"
			   "\"timestamp\":1700000000.000502,\"data\":{\"error.type\":\"_OTHER\","
			   "\"thread.id\":7}}]}") != NULL, "%s", text);
	check(strstr(text, "\"otel\":{\"resource\":{\"service.name\":\"unknown_service:app\"") != NULL,
	      "%s", text);
	check(strstr(text, "\"process\":{\"type\":\"process\",\"pid\":10,\"name\":\"app\"}") != NULL,
	      "%s", text);
	drop_row(&row);
}

static void headers(void)
{
	struct row row = { 0 };
	cJSON *header, *item, *tree;

	add(&row, TA_SPAN_API, 0);
	put_text(row.spans[0], TA_ATTR_NAME, "order");
	encode(&row);
	tree = sentry_parse(0, &header, &item);
	check_text(say(header, "event_id"), say(tree, "event_id"));
	check_same(strlen(say(tree, "event_id")), 32);
	check_text(say(header, "dsn"), "https://pub@sentry.test/in/42");
	check_text(say(header, "sdk/name"), "tagalong.native");
	check_text(say(header, "sent_at"), "(none)");
	check_text(say(header, "trace/trace_id"), TRACE);
	check_text(say(header, "trace/public_key"), "pub");
	check_text(say(header, "trace/sample_rate"), "1");
	check_text(say(header, "trace/sampled"), "true");
	check_text(say(header, "trace/sample_rand"), "0.715162");
	check_text(say(header, "trace/release"), "shop@1.2");
	check_text(say(header, "trace/environment"), "test");
	check_text(say(header, "trace/transaction"), "order");
	check_text(say(item, "type"), "transaction");
	check_same(sentry_messages.items[0].head.time_ns, WALL + 501000);
	cJSON_Delete(header);
	cJSON_Delete(item);
	cJSON_Delete(tree);
	drop_row(&row);
}

static void without_dsn(void)
{
	struct ta_sentry_options options = plain_options();
	struct ta_dsn none = { 0 };
	struct row row = { 0 };
	cJSON *header, *tree;

	sentry_close();
	options.dsn = &none;
	options.release = NULL;
	sentry_open(&options);
	add(&row, TA_SPAN_API, 0);
	encode(&row);
	tree = sentry_parse(0, &header, NULL);
	check_text(say(header, "dsn"), "(none)");
	check_text(say(header, "trace"), "(none)");
	check_text(say(tree, "release"), "(none)");
	check_text(say(tree, "environment"), "test");
	cJSON_Delete(header);
	cJSON_Delete(tree);
	drop_row(&row);
	sentry_close();
	options = plain_options();
	sentry_open(&options);
}

/* The only transaction of one span, as "NAME SOURCE OP ORIGIN STATUS"; transaction of the
 * trace header behind it. */
static const char *one(struct made_span *made)
{
	static char text[512];
	cJSON *header, *tree;

	made->span.process = &process;
	sentry_encode_spans(&made, 1);
	tree = sentry_parse(0, &header, NULL);
	snprintf(text, sizeof(text), "%s|%s|%s|%s|", say(tree, "transaction"),
		 say(tree, "transaction_info/source"), say(tree, "contexts/trace/op"),
		 say(tree, "contexts/trace/origin"));
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s|%s",
		 say(tree, "contexts/trace/status"), say(header, "trace/transaction"));
	cJSON_Delete(header);
	cJSON_Delete(tree);
	span_drop(made);
	return text;
}

static void kinds(void)
{
	static const struct ta_scope_data named = { .transaction = "checkout\nnow",
						    .transaction_bytes = 12 };
	struct made_span made;

	span_make(&made, TA_SPAN_HTTP_SERVER);
	put_text(&made, TA_ATTR_HTTP_METHOD, "GET");
	put_text(&made, TA_ATTR_HTTP_TARGET, "/cart/17?a=b");
	put_int(&made, TA_ATTR_HTTP_STATUS, 404);
	check_text(one(&made), "GET /cart/*|url|http.server|auto.tagalong.http|not_found|(none)");
	span_make(&made, TA_SPAN_HTTP_SERVER);
	put_text(&made, TA_ATTR_HTTP_METHOD, "GET");
	put_text(&made, TA_ATTR_HTTP_TARGET, "/user/17");
	put_int(&made, TA_ATTR_HTTP_STATUS, 503);
	check_text(one(&made), "GET /user/{id}|route|http.server|auto.tagalong.http|unavailable|"
			       "GET /user/{id}");
	span_make(&made, TA_SPAN_HTTP_SERVER);
	put_text(&made, TA_ATTR_NAME, "show user");
	put_int(&made, TA_ATTR_HTTP_STATUS, 200);
	check_text(one(&made), "show user|custom|http.server|auto.tagalong.http|ok|show user");
	span_make(&made, TA_SPAN_CONNECTION);
	put_ipv4(&made, TA_ATTR_LOCAL, "127.0.0.1", 6379);
	check_text(one(&made), "tcp accept :6379|task|connection|auto.tagalong.connection|ok|"
			       "tcp accept :6379");
	span_make(&made, TA_SPAN_THREAD);
	check_text(one(&made), "thread|task|thread|auto.tagalong.thread|ok|thread");
	span_make(&made, TA_SPAN_SIGNAL);
	put_int(&made, TA_ATTR_SIGNAL_NUMBER, 10);
	check_text(one(&made), "signal SIGUSR1|task|signal|auto.tagalong.signal|ok|signal SIGUSR1");
	span_make(&made, TA_SPAN_API);
	put_text(&made, TA_ATTR_NAME, "x");
	made.span.scope = &named;
	check_text(one(&made), "checkout now|custom|default|manual|ok|checkout now");
	span_make(&made, (enum ta_span_type)77);
	check_text(one(&made), "span|custom|default|manual|ok|span");
}

/* "op|origin|description|status|db.system" of a span below another one. */
static const char *child(struct made_span *made)
{
	static char text[512];
	struct made_span root, *both[2] = { &root, made };
	cJSON *header, *tree;

	span_make(&root, TA_SPAN_HTTP_SERVER);
	root.span.process = made->span.process = &process;
	made->span.parent_id = root.span.span_id;
	made->span.span_id = 77;
	sentry_encode_spans(both, 2);
	tree = sentry_parse(0, &header, NULL);
	snprintf(text, sizeof(text), "%s|%s|%s|", say(tree, "spans/0/op"),
		 say(tree, "spans/0/origin"), say(tree, "spans/0/description"));
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s|%s",
		 say(tree, "spans/0/status"), say(tree, "spans/0/data/db.system"));
	cJSON_Delete(header);
	cJSON_Delete(tree);
	span_drop(&root);
	span_drop(made);
	return text;
}

static const char *command_child(int system, const char *operation, const char *query)
{
	struct made_span made;

	span_make(&made, TA_SPAN_COMMAND);
	put_int(&made, TA_ATTR_DB_SYSTEM, system);
	put_text(&made, TA_ATTR_DB_OPERATION, operation);
	if (query)
		put_text(&made, TA_ATTR_DB_TEXT, query);
	return child(&made);
}

static void outward_kinds(void)
{
	struct made_span made;

	span_make(&made, TA_SPAN_HTTP_CLIENT);
	put_text(&made, TA_ATTR_HTTP_METHOD, "GET");
	put_text(&made, TA_ATTR_HTTP_TARGET, "/a?secret=b");
	put_text(&made, TA_ATTR_HTTP_HOST, "h.example");
	put_int(&made, TA_ATTR_HTTP_STATUS, 404);
	check_text(child(&made), "http.client|auto.tagalong.http_client|GET http://h.example/a|"
				 "not_found|(none)");
	span_make(&made, TA_SPAN_HTTP_CLIENT);
	put_text(&made, TA_ATTR_HTTP_METHOD, "POST");
	put_text(&made, TA_ATTR_HTTP_TARGET, "/p.S/M");
	put_text(&made, TA_ATTR_HTTP_HOST, "h.example");
	put_int(&made, TA_ATTR_GRPC_STATUS, 0);
	check_text(child(&made), "grpc.client|auto.tagalong.http_client|p.S/M|ok|(none)");
	check_text(command_child(1, "GET", "GET user:1"),
		   "db.redis|auto.tagalong.command|GET user:1|ok|redis");
	check_text(command_child(2, "SELECT", "SELECT ? FROM t"),
		   "db.sql.query|auto.tagalong.command|SELECT ? FROM t|ok|postgresql");
	check_text(command_child(5, "GET", NULL), "cache.get|auto.tagalong.command|GET|ok|memcached");
	check_text(command_child(5, "SET", NULL), "cache.put|auto.tagalong.command|SET|ok|memcached");
	check_text(command_child(5, "STATS", NULL), "db|auto.tagalong.command|STATS|ok|memcached");
	span_make(&made, TA_SPAN_LOOKUP);
	check_text(child(&made), "dns.lookup|auto.tagalong.lookup|dns lookup|ok|(none)");
	span_make(&made, TA_SPAN_CONNECT);
	check_text(child(&made), "socket.connect|auto.tagalong.connect|socket connect|ok|(none)");
	span_make(&made, TA_SPAN_PROCESS);
	put_text(&made, TA_ATTR_EXECUTABLE, "sh");
	check_text(one(&made), "sh|task|process|auto.tagalong.process|ok|sh");
}

static const char *http_status(int status, uint8_t reason)
{
	struct made_span made;
	char *text;

	span_make(&made, TA_SPAN_HTTP_SERVER);
	put_int(&made, TA_ATTR_HTTP_STATUS, status);
	made.span.reason = reason;
	text = strstr((char *)(uintptr_t)one(&made), "auto.tagalong.http|") + 19;
	*strchr(text, '|') = '\0';
	return text;
}

static void statuses(void)
{
	static const struct {
		int status;
		const char *word;
	} words[] = { { 200, "ok" },		      { 302, "ok" },
		      { 400, "invalid_argument" },    { 401, "unauthenticated" },
		      { 403, "permission_denied" },   { 404, "not_found" },
		      { 409, "already_exists" },      { 413, "failed_precondition" },
		      { 429, "resource_exhausted" },  { 499, "cancelled" },
		      { 500, "internal_error" },      { 501, "unimplemented" },
		      { 503, "unavailable" },	      { 504, "deadline_exceeded" },
		      { 599, "internal_error" },      { 0, "ok" } };
	struct made_span made;

	for (size_t i = 0; i < COUNT(words); i++)
		check_text(http_status(words[i].status, TA_END_NORMAL), words[i].word);
	check_text(http_status(200, TA_END_CLOSED_EARLY), "cancelled");
	span_make(&made, TA_SPAN_API);
	put_int(&made, TA_ATTR_STATUS, TA_STATUS_ERROR);
	put_text(&made, TA_ATTR_STATUS_MESSAGE, "deadline_exceeded");
	check_text(one(&made), "span|custom|default|manual|deadline_exceeded|span");
	span_make(&made, TA_SPAN_API);
	put_int(&made, TA_ATTR_STATUS, TA_STATUS_ERROR);
	put_text(&made, TA_ATTR_STATUS_MESSAGE, "no milk");
	check_text(one(&made), "span|custom|default|manual|internal_error|span");
	span_make(&made, TA_SPAN_API);
	made.span.end = TA_SPAN_HOST_DIED;
	check_text(one(&made), "span|custom|default|manual|aborted|span");
	span_make(&made, TA_SPAN_API);
	made.span.end = TA_SPAN_HOST_DIED;
	put_int(&made, TA_ATTR_STATUS, TA_STATUS_OK);
	check_text(one(&made), "span|custom|default|manual|ok|span");
}

static const struct ta_entry scope_tags[] = { TEXT_ENTRY("tenant", "acme"),
					      TEXT_ENTRY("lines", "a\nb\r\nc") };
static const struct ta_entry span_tags[] = { TEXT_ENTRY("tenant", "own") };
static const struct ta_entry scope_user[] = { JSON_ENTRY("id", "17"), JSON_ENTRY("email", "\"a@b\""),
					      JSON_ENTRY("plan", "{\"paid\":true}"),
					      JSON_ENTRY("name", "null") };
static const struct ta_entry scope_extras[] = { JSON_ENTRY("e", "[1, {\"a\" : 2}]") };
static const struct ta_entry scope_contexts[] = { JSON_ENTRY("cart", "{\"items\":3}"),
						  JSON_ENTRY("trace", "{\"span_id\":\"mine\"}"),
						  JSON_ENTRY("os", "{\"name\":\"Plan 9\"}"),
						  JSON_ENTRY("flat", "5") };

static void scopes(void)
{
	static const struct ta_scope_data scope = {
		.tags = scope_tags, .tag_count = COUNT(scope_tags),
		.user = scope_user, .user_count = COUNT(scope_user),
		.extras = scope_extras, .extra_count = COUNT(scope_extras),
		.contexts = scope_contexts, .context_count = COUNT(scope_contexts),
		.level = TA_LEVEL_WARNING,
	};
	static const struct ta_scope_data own = { .tags = span_tags, .tag_count = 1 };
	char crumb[128];
	struct ta_attr attr = { TA_ATTR_CRUMB_MESSAGE, TA_ATTR_STRING, 4 };
	struct ta_crumb crumbs[2] = { { .time_ns = 700, .attrs = crumb, .attr_bytes = 8 },
				      { .time_ns = 900, .attrs = crumb, .attr_bytes = 8 } };
	struct ta_scope_data with_crumbs = scope;
	struct row row = { 0 };
	struct made_span *made = add(&row, TA_SPAN_API, 0);
	cJSON *tree;

	memcpy(crumb, &attr, sizeof(attr));
	memcpy(crumb + sizeof(attr), "step", 4);
	with_crumbs.crumbs = crumbs;
	with_crumbs.crumb_count = 2;
	made->span.scope = &with_crumbs;
	made->span.tags = &own;
	put_named(made, "user.home", TA_ATTR_STRING, "here", 4);
	add(&row, TA_SPAN_API, 1)->span.scope = &with_crumbs;
	encode(&row);
	tree = sentry_parse(0, NULL, NULL);
	check_text(say(tree, "tags"), "{\"tenant\":\"own\",\"lines\":\"a b  c\"}");
	check_text(say(tree, "spans/0/tags"), "{\"tenant\":\"acme\",\"lines\":\"a b  c\"}");
	check_text(say(tree, "user"),
		   "{\"id\":\"17\",\"email\":\"a@b\",\"data\":{\"plan\":{\"paid\":true}}}");
	check_text(say(tree, "extra"), "{\"e\":[1,{\"a\":2}]}");
	check_text(say(tree, "contexts/cart"), "{\"items\":3}");
	check_text(say(tree, "contexts/os"), "{\"name\":\"Plan 9\"}");
	check_text(say(tree, "contexts/flat"), "{\"value\":5}");
	check_text(say(tree, "contexts/trace/span_id"), "0000000000000001");
	check_text(say(tree, "contexts/device/type"), "device");
	check_text(say(tree, "contexts/trace/data"),
		   "{\"user.home\":\"here\",\"tagalong.level\":\"warning\"}");
	check_text(say(tree, "spans/0/data"), "{}");
	check_text(say(tree, "breadcrumbs"), "{\"values\":[{\"timestamp\":1700000000,"
					     "\"message\":\"step\"},{\"timestamp\":1700000000,"
					     "\"message\":\"step\"}]}");
	cJSON_Delete(tree);
	drop_row(&row);
}

static void data(void)
{
	struct row row = { 0 };
	struct made_span *made = add(&row, TA_SPAN_API, 0);
	double real = 0.5, infinite = 1e300 * 1e300;
	int64_t number = INT64_MIN;
	struct ta_record_span_event *event;
	struct ta_record_span_link *link;
	cJSON *tree;

	put_named(made, "real", TA_ATTR_DOUBLE, &real, 8);
	put_named(made, "infinite", TA_ATTR_DOUBLE, &infinite, 8);
	put_named(made, "int", TA_ATTR_INT, &number, 8);
	put_named(made, "bytes", TA_ATTR_BYTES, "\0\1\2\3", 4);
	put_named(made, "json", TA_ATTR_JSON, " [ 1 ,\n\"\\ud800\", 1e999, \"\xff\"] ", 29);
	put_named(made, "no json", TA_ATTR_JSON, "{nope", 5);
	put_named(made, "na\"me\xff", TA_ATTR_STRING, "a\x01\xff", 3);
	event = span_record(made, TA_RECORD_SPAN_EVENT, sizeof(*event));
	event->time_ns = 5000;
	put_text(made, TA_ATTR_NAME, "cache miss");
	put_named(made, "key", TA_ATTR_STRING, "k", 1);
	link = span_record(made, TA_RECORD_SPAN_LINK, sizeof(*link));
	link->trace_hi = 1;
	link->trace_lo = 2;
	link->link_span_id = 3;
	encode(&row);
	const char *text = sentry_text(0);

	check(strstr(text, "\"data\":{\"real\":0.5,\"infinite\":\"Infinity\","
			   "\"int\":-9223372036854775808,\"bytes\":\"AAECAw==\","
			   "\"json\":[1,\"\xef\xbf\xbd\",\"1e999\",\"\xef\xbf\xbd\"],"
			   "\"no json\":\"{nope\",\"na\\\"me\xef\xbf\xbd\":\"a\\u0001\xef\xbf\xbd\","
			   "\"tagalong.events\":[{\"timestamp\":1700000000.000005,"
			   "\"name\":\"cache miss\",\"attributes\":{\"key\":\"k\"}}]},"
			   "\"links\":[{\"trace_id\":\"00000000000000010000000000000002\","
			   "\"span_id\":\"0000000000000003\"}],\"type\":\"trace\"}") != NULL,
	      "%s", text);
	tree = sentry_parse(0, NULL, NULL);
	cJSON_Delete(tree);
	drop_row(&row);
}

/* 200 characters as JavaScript counts them, whatever they are. */
static void long_tags(void)
{
	static char long_text[1200];
	struct ta_entry tags[] = { TEXT_ENTRY("a", ""), TEXT_ENTRY("b", ""), TEXT_ENTRY("c", "") };
	struct ta_scope_data scope = { .tags = tags, .tag_count = 3 };
	struct row row = { 0 };
	cJSON *tree;

	for (int i = 0; i < 300; i++)
		memcpy(long_text + 4 * i, "\xf0\x9f\x98\x80", 4);
	tags[0].value = long_text;
	tags[0].value_bytes = 1200;
	tags[1].value = long_text;
	tags[1].value_bytes = 4 * 99;
	tags[2].value = long_text + 1; /* begins within a character */
	tags[2].value_bytes = 1199;
	add(&row, TA_SPAN_API, 0)->span.tags = &scope;
	encode(&row);
	tree = sentry_parse(0, NULL, NULL);
	check_same(strlen(say(tree, "tags/a")), 98 * 4 + 3);
	check(strcmp(say(tree, "tags/a") + 98 * 4, "...") == 0, "%s", say(tree, "tags/a"));
	check_same(strlen(say(tree, "tags/b")), 99 * 4);
	check_same(strlen(say(tree, "tags/c")), 3 * 3 + 96 * 4 + 3);
	cJSON_Delete(tree);
	drop_row(&row);
}

static void sampling(void)
{
	struct ta_sentry_options options = plain_options();
	struct row row = { 0 };
	cJSON *header;
	uint32_t kept = 0, told = 0, told_spans = 0;

	sentry_close();
	options.traces_sample_rate = 0.25;
	options.trace_share = 0.5;
	sentry_open(&options);
	for (uint64_t i = 0; i < 1000; i++) {
		add(&row, TA_SPAN_HTTP_SERVER, 0)->span.trace_lo = i * 0x0000418937a4bc6aull;
		add(&row, TA_SPAN_HTTP_SERVER, row.count)->span.trace_lo = i * 0x0000418937a4bc6aull;
	}
	encode(&row);
	for (uint32_t i = 0; i < sentry_messages.count; i++) {
		cJSON *tree = sentry_parse(i, &header, NULL);
		uint64_t trace = strtoull(say(header, "trace/trace_id") + 18, NULL, 16);

		kept++;
		check(trace >= 3ull << 54, "trace %llx", (unsigned long long)trace);
		check(atof(say(header, "trace/sample_rand")) < 0.25, "%s",
		      say(header, "trace/sample_rand"));
		check_text(say(header, "trace/sample_rate"), "0.25");
		cJSON_Delete(header);
		cJSON_Delete(tree);
	}
	check(kept >= 480 && kept <= 520, "%u of 2000 transactions are kept", kept);
	for (uint32_t i = 0; i < sentry_dropped_count; i++) {
		check_same(sentry_dropped[i].category, TA_CATEGORY_TRANSACTION);
		told += sentry_dropped[i].transactions;
		told_spans += sentry_dropped[i].spans;
	}
	check_same(kept + told, 2000);
	check_same(kept + told_spans, 2000);
	check_same(sentry_dropped_count, 1);
	drop_row(&row);
	sentry_close();
	options = plain_options();
	sentry_open(&options);
}

int main(void)
{
	struct ta_sentry_options options = plain_options();

	sentry_open(&options);
	check_group("starts", starts);
	check_group("elsewhere", elsewhere);
	check_group("interleaved", interleaved);
	check_group("traces", traces);
	check_group("deep", deep);
	check_group("many", many);
	check_group("moved parent", moved_parent);
	check_group("large", large);
	check_group("whole", whole);
	check_group("headers", headers);
	check_group("without dsn", without_dsn);
	check_group("kinds", kinds);
	check_group("kinds of what programs ask others", outward_kinds);
	check_group("statuses", statuses);
	check_group("scopes", scopes);
	check_group("data", data);
	check_group("long tags", long_tags);
	check_group("sampling", sampling);
	sentry_close();
	return check_status();
}
