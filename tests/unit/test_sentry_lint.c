/* SPDX-License-Identifier: MIT */
/*
 * test_sentry_lint.c - everything that the Sentry sink can make, checked by somebody else:
 * the conformance suite's checker, which has Sentry's public schema for events.
 *
 * A skip where that suite, node or node's package ajv (tests/receivers) is missing.
 */
#include <dirent.h>
#include <math.h>
#include <unistd.h>

#include "tests/unit/sentry.h"
#include "tests/unit/stacks_json.h"

#define LINT "../shared/conformance/wire/lint.js"
#define PACKAGES "tests/receivers/node_modules"

static char dir[] = "/tmp/tagalong-lint-XXXXXX";
static uint32_t files;

/* As it would be sent: with sent_at in front. */
static void keep_messages(const char *name)
{
	for (uint32_t i = 0; i < sentry_messages.count; i++) {
		const struct ta_buf *body = &sentry_messages.items[i].body;
		char path[256];
		FILE *file;

		snprintf(path, sizeof(path), "%s/%03u-%s.envelope", dir, files++, name);
		file = fopen(path, "w");
		if (!check(file != NULL, "%s", path))
			return;
		fputs("{\"sent_at\":\"2026-11-22T00:00:00.000Z\",", file);
		fwrite(body->data + 1, 1, body->bytes - 1, file);
		fclose(file);
	}
}

static const char *const texts[] = {
	"plain", "", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 \xe2\x80\xa8", "\xff\xfe\xc0\xaf\xed\xa0\x80",
	"a\nb\r\tc\x01\"\\/", "\xf0\x9f", "{\"a\":1}", "[", "null",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

static const char *const values[] = {
	"1", "-0.5e-7", "\"x\"", "true", "null", "{}", "[]", "{\"a\":{\"b\":[1,null,{\"c\":\"\\ud800\"}]}}",
	"1e999", "123456789012345678901234567890", "\"\\u0000\\n\"", "{\"id\":5,\"name\":{}}", "nope", "",
	"{\"a\":1,\"a\":2}", "\"\xff\"",
};

/* A scope with the same text, or the same JSON, in every place that has one. */
struct made_scope {
	struct ta_entry tags[2], json[8];
	struct ta_crumb crumbs[2];
	char rows[2][1024];
	struct ta_scope_data data;
};

static struct ta_entry entry(const char *key, const char *value, uint8_t type)
{
	return (struct ta_entry){ .key = key, .key_bytes = (uint32_t)strlen(key), .value = value,
				  .value_bytes = (uint32_t)strlen(value), .type = type };
}

static uint32_t put_row(char *row, uint8_t key, uint8_t type, const char *value)
{
	struct ta_attr attr = { key, type, (uint16_t)strlen(value) };

	memcpy(row, &attr, sizeof(attr));
	memcpy(row + sizeof(attr), value, attr.bytes);
	return (uint32_t)(sizeof(attr) + ((attr.bytes + 3u) & ~3u));
}

static void make_scope(struct made_scope *scope, const char *text, const char *json)
{
	static const char *const user[] = { "id", "email", "username", "ip_address", "geo", "x" };

	memset(scope, 0, sizeof(*scope));
	scope->tags[0] = entry("a tag", text, TA_ATTR_STRING);
	scope->tags[1] = entry(text, "value", TA_ATTR_STRING);
	for (size_t i = 0; i < COUNT(user); i++)
		scope->json[i] = entry(user[i], json, TA_ATTR_JSON);
	scope->json[6] = entry("device", json, TA_ATTR_JSON);
	scope->json[7] = entry(text, json, TA_ATTR_JSON);
	for (int i = 0; i < 2; i++) {
		static const uint8_t keys[] = { TA_ATTR_CRUMB_MESSAGE, TA_ATTR_CRUMB_CATEGORY,
						TA_ATTR_CRUMB_TYPE };
		uint32_t used = put_row(scope->rows[i], TA_ATTR_CRUMB_DATA, TA_ATTR_JSON, json);

		for (size_t k = 0; k < COUNT(keys) && !i; k++)
			used += put_row(scope->rows[i] + used, keys[k], TA_ATTR_STRING, text);
		scope->crumbs[i] = (struct ta_crumb){ .time_ns = 5, .attrs = scope->rows[i],
						      .attr_bytes = used };
	}
	scope->data = (struct ta_scope_data){
		.tags = scope->tags, .tag_count = 2, .user = scope->json, .user_count = 6,
		.contexts = scope->json + 6, .context_count = 2, .extras = scope->json,
		.extra_count = 8, .fingerprint = scope->json, .fingerprint_count = 2,
		.crumbs = scope->crumbs, .crumb_count = 2, .transaction = text,
		.transaction_bytes = (uint32_t)strlen(text), .attributes = scope->json,
		.attribute_count = 8,
	};
}

static struct ta_process process = { .proc_id = 1, .pid = 10, .exe = "/usr/bin/app\xff" };

static void one_span(enum ta_span_type type, uint32_t variant, const struct ta_scope_data *scope)
{
	struct made_span root, child, *both[] = { &root, &child };
	struct ta_record_span_event *event;
	const char *text = texts[variant % COUNT(texts)];

	for (int i = 0; i < 2; i++) {
		span_make(both[i], i ? TA_SPAN_API : type);
		both[i]->span.process = &process;
		both[i]->span.scope = scope;
		both[i]->span.end = (uint8_t)(variant % 3);
		both[i]->span.reason = (uint8_t)(variant / 3 % 4);
		both[i]->span.status = (uint8_t)(variant / 2 % 3);
		put_text(both[i], TA_ATTR_HTTP_METHOD, variant % 2 ? "GET" : text);
		put_text(both[i], TA_ATTR_HTTP_TARGET, variant % 3 ? "/user/7?sig=x" : text);
		put_int(both[i], TA_ATTR_HTTP_STATUS, 100 * (int)(variant % 7));
		put_int(both[i], TA_ATTR_SIGNAL_NUMBER, (int)variant);
		put_ipv4(both[i], TA_ATTR_PEER, "10.0.0.1", 5);
		if (i || variant % 2)
			put_text(both[i], TA_ATTR_NAME, text);
		put_text(both[i], TA_ATTR_OP, text);
		put_text(both[i], TA_ATTR_EXCEPTION_TYPE, text);
		put_named(both[i], "k\"\xff", TA_ATTR_STRING, text, strlen(text));
		put_named(both[i], "json", TA_ATTR_JSON, values[variant % COUNT(values)],
			  strlen(values[variant % COUNT(values)]));
		put_named(both[i], "bytes", TA_ATTR_BYTES, text, strlen(text));
		event = span_record(both[i], TA_RECORD_SPAN_EVENT, sizeof(*event));
		event->time_ns = 2000;
		put_text(both[i], TA_ATTR_NAME, text);
	}
	child.span.span_id = 5;
	child.span.parent_id = root.span.span_id;
	root.span.parent_id = variant % 2 ? 77 : 0;
	root.span.link_trace_lo = root.span.link_span_id = 9;
	sentry_encode_spans(both, 2);
	keep_messages("span");
	span_drop(&root);
	span_drop(&child);
}

static void make_spans(void)
{
	static struct made_scope scope;

	for (uint32_t i = 0; i < 64; i++) {
		make_scope(&scope, texts[i % COUNT(texts)], values[i % COUNT(values)]);
		one_span((enum ta_span_type)(1 + i % 6), i, i % 5 ? &scope.data : NULL);
	}
}

static void make_rows(void)
{
	enum { MANY = 2500 };
	static struct made_span *row[MANY];

	for (uint32_t i = 0; i < MANY; i++) {
		row[i] = calloc(1, sizeof(*row[i]));
		span_make(row[i], TA_SPAN_API);
		row[i]->bytes = realloc(row[i]->bytes, 4096);
		row[i]->records[0] = (struct ta_record *)(void *)row[i]->bytes;
		row[i]->span.span_id = i + 1;
		row[i]->span.parent_id = i; /* each below the one before */
		row[i]->span.start_ns = i;
		row[i]->span.end_ns = 10000000 - i;
		if (i % 2)
			put_named(row[i], "text", TA_ATTR_STRING, texts[9], strlen(texts[9]));
	}
	sentry_encode_spans(row, MANY);
	keep_messages("deep");
	for (uint32_t i = 1; i < MANY; i++) {
		row[i]->span.parent_id = 1 + i / 7;
		row[i]->span.start_ns = row[i]->span.end_ns + 5; /* ends before it starts */
	}
	sentry_encode_spans(row, MANY);
	keep_messages("wide");
	for (uint32_t i = 0; i < MANY; i++) {
		span_drop(row[i]);
		free(row[i]);
	}
}

static void one_event(uint8_t type, uint8_t level, const char *text, const char *json,
		      const struct ta_scope_data *scope)
{
	struct made_event event;

	event_make(&event, type, level)->span_id = level;
	put_text(&event.made, TA_ATTR_EVENT_MESSAGE, text);
	put_text(&event.made, TA_ATTR_EXCEPTION_TYPE, text);
	put_text(&event.made, TA_ATTR_EXCEPTION_MESSAGE, text);
	put_json(&event.made, TA_ATTR_EVENT_JSON, json);
	event.event.scope = scope;
	event.event.process = level % 2 ? &process : NULL;
	if (level == 3)
		event.event.record->trace_hi = event.event.record->trace_lo = 0;
	cJSON_Delete(sentry_encode_event(&event));
	keep_messages("event");
	span_drop(&event.made);
}

static void make_events(void)
{
	static struct made_scope scope;

	for (uint32_t i = 0; i < 64; i++) {
		make_scope(&scope, texts[i % COUNT(texts)], values[i % COUNT(values)]);
		one_event((uint8_t)(1 + i % 4), (uint8_t)(i % 8), texts[i % COUNT(texts)],
			  values[i % COUNT(values)], i % 3 ? &scope.data : NULL);
	}
}

/* Every member that an event may have, as every kind of value. */
static void make_own(void)
{
	static const char *const names[] = {
		"event_id",  "type",	    "timestamp",   "platform",	  "level",	 "logger",
		"transaction", "server_name", "release",   "dist",	  "environment", "tags",
		"extra",     "modules",	    "fingerprint", "exception",	  "message",	 "logentry",
		"threads",   "stacktrace",  "breadcrumbs", "request",	  "user",	 "contexts",
		"sdk",	     "debug_meta",  "culprit",	   "received",	  "version",	 "errors",
		"time_spent", "transaction_info", "start_timestamp", "spans", "measurements", "x" };
	static const char *const more[] = {
		"[{\"type\":1,\"value\":{},\"stacktrace\":{\"frames\":[{},{\"function\":5,\"lock\":{}}]}}]",
		"{\"values\":[{\"id\":-1,\"name\":null,\"stacktrace\":5,\"message\":[],\"data\":7}]}",
		"{\"method\":5,\"headers\":[[\"a\",\"b\"]],\"cookies\":\"c\",\"data\":\"d\",\"url\":null}",
		"{\"frames\":[{\"filename\":\"f\",\"vars\":[],\"pre_context\":[1,\"a\",{}]}],\"lang\":1}",
		"{\"images\":[1,{\"type\":\"proguard\",\"uuid\":5}],\"sdk_info\":3}",
		"{\"trace\":{\"trace_id\":\"X\"},\"os\":5,\"a\":\"b\"}", "[[\"a\",\"b\"]]",
		"\"2026-11-22T00:00:00Z\"", "1763770000.5", "-5", "1e12", "\"error\"", "\"log\"" };
	char json[1024];

	for (size_t i = 0; i < COUNT(names); i++)
		for (size_t k = 0; k < COUNT(values) + COUNT(more); k++) {
			const char *value = k < COUNT(values) ? values[k] :
								more[k - COUNT(values)];

			if (!ta_json_valid(value, strlen(value)))
				continue;
			snprintf(json, sizeof(json), "{\"%s\":%s}", names[i], value);
			one_event(TA_CAPTURE_CUSTOM, TA_LEVEL_NONE, "", json, NULL);
		}
}

/* A crash, an error, a message and an event of the program's own, with such stacks. */
static void one_stack(const char *stack)
{
	static const uint8_t types[] = { TA_CAPTURE_CRASH, TA_CAPTURE_ERROR, TA_CAPTURE_MESSAGE,
					 TA_CAPTURE_CUSTOM };
	struct made_event event;

	for (size_t i = 0; i < COUNT(types); i++) {
		event_make(&event, types[i], TA_LEVEL_FATAL);
		put_text(&event.made, TA_ATTR_EVENT_MESSAGE, "text");
		put_text(&event.made, TA_ATTR_EXCEPTION_TYPE, "SIGABRT");
		put_int(&event.made, TA_ATTR_SIGNAL_NUMBER, 6);
		put_int(&event.made, TA_ATTR_SIGNAL_CODE, (int)i - 1);
		put_int(&event.made, TA_ATTR_SIGNAL_ADDRESS, -1);
		put_int(&event.made, TA_ATTR_SIGNAL_SENDER_PID, -1);
		put_json(&event.made, TA_ATTR_EVENT_JSON, "{\"exception\":{\"type\":\"x\"}}");
		event.event.tid = 5;
		event.event.stack = stack;
		event.event.stack_bytes = (uint32_t)strlen(stack);
		cJSON_Delete(sentry_encode_event(&event));
		keep_messages("stack");
		span_drop(&event.made);
	}
}

static void make_stacks(void)
{
	one_stack(stacks_plain);
	one_stack(stacks_abort);
	one_stack(stacks_thrown);
	for (size_t i = 0; i < COUNT(stacks_hostile); i++)
		one_stack(stacks_hostile[i]);
}

static void make_huge(void)
{
	static char text[60000];
	static struct ta_entry extras[400];
	struct ta_scope_data scope = { .extras = extras, .extra_count = 400 };
	struct made_span made, *row[] = { &made };

	memset(text, '1', sizeof(text));
	for (uint32_t i = 0; i < COUNT(extras); i++)
		extras[i] = (struct ta_entry){ .key = text, .key_bytes = i + 1, .value = text,
					       .value_bytes = 12000, .type = TA_ATTR_JSON };
	scope.contexts = scope.user = scope.tags = scope.fingerprint = extras;
	for (uint32_t i = 0; i < 2; i++) {
		scope.context_count = scope.user_count = i * 400;
		scope.tag_count = scope.fingerprint_count = i * 400;
		one_event(TA_CAPTURE_MESSAGE, TA_LEVEL_INFO, "hi", "{}", &scope);
		span_make(&made, TA_SPAN_API);
		made.span.scope = &scope;
		sentry_encode_spans(row, 1);
		keep_messages("huge");
		span_drop(&made);
	}
}

static void make_report(void)
{
	struct ta_sentry_report report;
	struct ta_message *message;

	for (unsigned int why = 0; why <= TA_DROPS; why++)
		for (unsigned int category = 0; category < TA_CATEGORIES; category++)
			report.counts[why][category] = 7;
	ta_messages_clear(&sentry_messages);
	message = ta_messages_add(&sentry_messages);
	ta_sentry_report_message(&report, NULL, WALL, message);
	keep_messages("report");
}

static void without_release(void)
{
	struct ta_sentry_options options = plain_options();

	sentry_close();
	options.release = options.environment = NULL;
	options.dsn = NULL;
	sentry_open(&options);
	one_span(TA_SPAN_HTTP_SERVER, 3, NULL);
	one_event(TA_CAPTURE_ERROR, TA_LEVEL_ERROR, "text", "{}", NULL);
}

/* The checker says a line for each file; what is wrong stands below it. */
static void run_lint(void)
{
	char command[512], line[1024], why[1800] = "";
	uint32_t valid = 0, invalid = 0;
	FILE *pipe;

	snprintf(command, sizeof(command),
		 "NODE_PATH=\"$PWD/" PACKAGES "\" node " LINT " %s/*.envelope 2>&1", dir);
	pipe = popen(command, "r");
	if (!check(pipe != NULL, "popen"))
		return;
	while (fgets(line, sizeof(line), pipe)) {
		if (strncmp(line, "valid", 5) == 0)
			valid++;
		else if (strncmp(line, "INVALID", 7) == 0)
			invalid++;
		if (strncmp(line, "valid", 5) != 0 && strlen(why) + strlen(line) < sizeof(why))
			strcat(why, line);
	}
	check(pclose(pipe) == 0 && !invalid, "%u are not valid:\n%s", invalid, why);
	check_same(valid, files);
}

static void clean_up(void)
{
	DIR *open_dir = opendir(dir);
	const struct dirent *file;
	char path[512];

	while (open_dir && (file = readdir(open_dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, file->d_name);
		if (file->d_name[0] != '.')
			unlink(path);
	}
	if (open_dir)
		closedir(open_dir);
	rmdir(dir);
}

int main(void)
{
	struct ta_sentry_options options = plain_options();

	if (access(LINT, R_OK) != 0 || access(PACKAGES "/ajv", R_OK) != 0 ||
	    system("node --version >/dev/null 2>&1") != 0)
		check_skip("the conformance suite's checker, node or ajv is not here");
	if (!mkdtemp(dir))
		check_skip("no directory below /tmp");
	sentry_open(&options);
	check_group("spans", make_spans);
	check_group("many spans", make_rows);
	check_group("events", make_events);
	check_group("own events", make_own);
	check_group("stacks", make_stacks);
	check_group("huge", make_huge);
	check_group("report", make_report);
	check_group("without release", without_release);
	check_group("all are valid", run_lint);
	sentry_close();
	clean_up();
	return check_status();
}
