/* SPDX-License-Identifier: MIT */
/*
 * test_otlp_pb.c - OTLP protobuf says value for value what OTLP JSON says, and protoc
 * makes the same bytes of what it reads.
 */
#include "runtime/export/otlp_pb.h"

#include <sys/wait.h>
#include <unistd.h>

#include "runtime/export/otlp_json.h"
#include "runtime/export/otlp_pb_value.h"
#include "tests/unit/otlp_batch.h"
#include "tests/unit/otlp_tree.h"
#include "tests/unit/otlp_walk.h"

static struct ta_config config;
static struct ta_enrich *enrich;
static struct rich rich;
static struct ta_messages messages;

/* The batch as one protobuf request. */
static const struct ta_buf *encode(bool events)
{
	const struct ta_message_limits none = { 0 };
	struct ta_sink *sink = events ? ta_otlp_logs_sink(enrich, TA_FORMAT_PROTOBUF, false, none) :
					ta_otlp_traces_sink(enrich, TA_FORMAT_PROTOBUF, false, none);

	ta_messages_clear(&messages);
	check_same(walk(&rich.batch, enrich, sink, &messages), 0);
	check_same(messages.count, 1);
	sink->class->free(sink);
	return &messages.items[0].body;
}

/* Where two trees differ first, for the reader of a failure. */
static void tell_difference(const cJSON *got, const cJSON *want)
{
	const cJSON *a, *b;

	if (cJSON_IsArray(want) && cJSON_IsArray(got))
		for (a = got->child, b = want->child; a && b; a = a->next, b = b->next)
			if (!tree_same(a, b)) {
				tell_difference(a, b);
				return;
			}
	if (cJSON_IsObject(want) && cJSON_IsObject(got))
		cJSON_ArrayForEach(b, want)
			if ((a = cJSON_GetObjectItem(got, b->string)) && !tree_same(a, b)) {
				tell_difference(a, b);
				return;
			}
	char *is = cJSON_PrintUnformatted(got), *should = cJSON_PrintUnformatted(want);

	check(false, "protobuf says %.500s, JSON %.500s", is, should);
	free(is);
	free(should);
}

static void compare(bool events)
{
	const struct ta_buf *pb = encode(events);
	struct ta_buf json = { 0 };
	cJSON *got = tree_of(pb->data, pb->bytes, events ? tree_logs : tree_traces), *want;

	check_same(events ? ta_otlp_json_logs(&rich.batch, enrich, &json) :
			    ta_otlp_json_encode(&rich.batch, enrich, &json), 0);
	want = cJSON_ParseWithLength(json.data, json.bytes);
	check(want != NULL, "JSON");
	if (check(got != NULL, "strict protobuf") && !tree_same(got, want))
		tell_difference(got, want);
	cJSON_Delete(got);
	cJSON_Delete(want);
	ta_buf_fini(&json);
}

static void spans_as_json(void)
{
	batch_make(&rich);
	compare(false);
	rich_drop(&rich);
}

static void events_as_json(void)
{
	events_make(&rich);
	compare(true);
	rich_drop(&rich);
}

/* A span with almost nothing, by hand. */
static void smallest(void)
{
	static const char span[] =
		"\x12\x46"
		"\x0a\x10\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c"
		"\x12\x08\xb7\xad\x6b\x71\x69\x20\x33\x31"
		"\x22\x08\x00\xf0\x67\xaa\x0b\xa9\x02\xb7"
		"\x2a\x04work\x30\x01"
		"\x39\xe8\x03\0\0\0\0\0\0\x41\xb8\x0b\0\0\0\0\0\0"
		"\x85\x01\x01\x01\0\0"
		"\x1a\x27https"; /* the schema's URL: the span ends in front of it */
	const struct ta_buf *pb;

	memset(&rich, 0, sizeof(rich));
	rich_api_span(&rich.spans[0], "work");
	rich.spans[0].span.parent_id = 0x00f067aa0ba902b7ull;
	rich.span_list[0] = &rich.spans[0].span;
	rich.batch = (struct ta_batch){ .spans = rich.span_list, .count = 1 };
	pb = encode(false);
	check(memmem(pb->data, pb->bytes, span, sizeof(span) - 1) != NULL, "span");
	rich_drop(&rich);
}

/* What limits leave out of events and links is counted there. */
static void limited_rows(void)
{
	struct ta_enrich *before = enrich;
	struct ta_record_span_link *link;
	struct ta_buf json = { 0 };

	config.event_attribute_limit = "1";
	config.link_attribute_limit = "0";
	enrich = ta_enrich_new(&config);
	memset(&rich, 0, sizeof(rich));
	rich_api_span(&rich.spans[0], "limited");
	span_record(&rich.spans[0], TA_RECORD_SPAN_EVENT, sizeof(struct ta_record_span_event));
	put_json(&rich.spans[0], TA_ATTR_EVENT_JSON, "{\"a\":1,\"b\":2,\"c\":3,\"d\":4}");
	link = span_record(&rich.spans[0], TA_RECORD_SPAN_LINK, sizeof(*link));
	link->link_span_id = 7;
	put_json(&rich.spans[0], TA_ATTR_EVENT_JSON, "{\"a\":1,\"b\":2}");
	rich.span_list[0] = &rich.spans[0].span;
	rich.batch = (struct ta_batch){ .spans = rich.span_list, .count = 1 };
	compare(false);
	check_same(ta_otlp_json_encode(&rich.batch, enrich, &json), 0);
	ta_buf_putc(&json, '\0');
	check(strstr(json.data, "[{\"key\":\"a\",\"value\":{\"intValue\":\"1\"}}],"
				"\"droppedAttributesCount\":3}]"),
	      "event: %s", json.data);
	check(strstr(json.data, ",\"droppedAttributesCount\":2,\"flags\":256}]"), "link: %s",
	      json.data);
	ta_buf_fini(&json);
	rich_drop(&rich);
	ta_enrich_free(enrich);
	enrich = before;
	config = plain_config();
}

/* ---- protoc ---- */

/* What the command makes of input; its exit status, or -1. */
static int pipe_through(char *const argv[], const struct ta_buf *input, struct ta_buf *output)
{
	char in[] = "/tmp/otlp-in-XXXXXX", out[] = "/tmp/otlp-out-XXXXXX", chunk[4096];
	int in_fd = mkstemp(in), out_fd = mkstemp(out), status = -1;
	ssize_t bytes;
	pid_t pid;

	unlink(in);
	unlink(out);
	check(write(in_fd, input->data, input->bytes) == (ssize_t)input->bytes, "write");
	lseek(in_fd, 0, SEEK_SET);
	pid = fork();
	if (pid == 0) {
		dup2(in_fd, 0);
		dup2(out_fd, 1);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid > 0 && waitpid(pid, &status, 0) == pid)
		status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	lseek(out_fd, 0, SEEK_SET);
	while ((bytes = read(out_fd, chunk, sizeof(chunk))) > 0)
		ta_buf_put(output, chunk, (size_t)bytes);
	close(in_fd);
	close(out_fd);
	return status;
}

static int protoc(const char *how, const struct ta_buf *input, struct ta_buf *output)
{
	char *const argv[] = { (char *)"protoc", (char *)"-Itests", (char *)how,
			       (char *)"otlp.proto", NULL };

	return pipe_through(argv, input, output);
}

static void round_trip(bool events)
{
	const struct ta_buf *pb = encode(events);
	struct ta_buf text = { 0 }, again = { 0 };

	check_same(protoc(events ? "--decode=otlp.Logs" : "--decode=otlp.Traces", pb, &text), 0);
	check_same(protoc(events ? "--encode=otlp.Logs" : "--encode=otlp.Traces", &text, &again), 0);
	check(again.bytes == pb->bytes && memcmp(again.data, pb->data, pb->bytes) == 0,
	      "%zu bytes become %zu", pb->bytes, again.bytes);
	ta_buf_fini(&text);
	ta_buf_fini(&again);
}

static void spans_by_protoc(void)
{
	batch_make(&rich);
	round_trip(false);
	rich_drop(&rich);
}

static void events_by_protoc(void)
{
	events_make(&rich);
	round_trip(true);
	rich_drop(&rich);
}

static bool have_protoc(void)
{
	char *const argv[] = { (char *)"protoc", (char *)"--version", NULL };
	struct ta_buf nothing = { 0 }, said = { 0 };
	bool have = pipe_through(argv, &nothing, &said) == 0;

	ta_buf_fini(&said);
	return have;
}

/* ---- values ---- */

static struct ta_buf buf;

static void expect_pair(const char *name, const struct ta_out_attr *attr, const char *want,
			size_t bytes)
{
	ta_buf_clear(&buf);
	ta_otlp_pb_attr(&buf, 9, attr);
	check_at(buf.bytes == bytes && memcmp(buf.data, want, bytes) == 0, name, __LINE__,
		 "%zu bytes, expected %zu", buf.bytes, bytes);
}

#define pair(type_, want, ...)                                                                     \
	expect_pair(#__VA_ARGS__,                                                                  \
		    &(const struct ta_out_attr){ .name = "k", .name_bytes = 1, .type = TA_ATTR_##type_,\
						 __VA_ARGS__ },                                    \
		    want, sizeof(want) - 1)

/* Members of a oneof are written, also when they are 0. */
static void values(void)
{
	pair(STRING, "\x4a\x07\x0a\x01k\x12\x02\x0a\0", .text = NULL);
	pair(STRING, "\x4a\x08\x0a\x01k\x12\x03\x0a\x01v", .text = "v", .text_bytes = 1);
	pair(STRING, "\x4a\x0a\x0a\x01k\x12\x05\x0a\x03\xef\xbf\xbd", .text = "\xff", .text_bytes = 1);
	pair(INT, "\x4a\x07\x0a\x01k\x12\x02\x18\0", .number = 0);
	pair(INT, "\x4a\x10\x0a\x01k\x12\x0b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
	     .number = -1);
	pair(BOOL, "\x4a\x07\x0a\x01k\x12\x02\x10\0", .number = 0);
	pair(BOOL, "\x4a\x07\x0a\x01k\x12\x02\x10\x01", .number = 7);
	pair(DOUBLE, "\x4a\x0e\x0a\x01k\x12\x09\x21\0\0\0\0\0\0\0\0", .real = 0);
	pair(BYTES, "\x4a\x07\x0a\x01k\x12\x02\x3a\0", .text = NULL);
	pair(JSON, "\x4a\x05\x0a\x01k\x12\0", .text = "null", .text_bytes = 4);
	pair(JSON, "\x4a\x07\x0a\x01k\x12\x02\x2a\0", .text = "[]", .text_bytes = 2);
	pair(JSON, "\x4a\x07\x0a\x01k\x12\x02\x32\0", .text = "{}", .text_bytes = 2);
	pair(STRING, "\x4a\x09\x0a\x03p.k\x12\x02\x0a\0", .prefix = "p.", .prefix_bytes = 2);
	pair(JSON, "\x4a\x07\x0a\x03p.k\x12\0", .prefix = "p.", .prefix_bytes = 2, .text = "null",
	     .text_bytes = 4);
}

static void resources(void)
{
	struct ta_process process = { .proc_id = 5, .pid = 42, .exe = "/usr/sbin/nginx" };
	struct ta_buf json = { 0 }, text = { 0 };
	char out[16];
	cJSON *got, *want;

	ta_buf_clear(&buf);
	ta_enrich_resource_pb(enrich, &process, &buf);
	ta_enrich_resource_json(enrich, &process, &json);
	ta_buf_puts(&text, "{\"attributes\":[");
	ta_buf_put(&text, json.data, json.bytes);
	ta_buf_puts(&text, "]}");
	got = tree_of(buf.data, buf.bytes, tree_resource);
	want = cJSON_ParseWithLength(text.data, text.bytes);
	check(got && want && tree_same(got, want), "%.*s", (int)text.bytes, text.data);
	check_text(ta_enrich_service_name(enrich, &process), "unknown_service:nginx");
	check_text(ta_enrich_service_name(enrich, NULL), "unknown_service");
	check(ta_enrich_resource_text(enrich, &process, "service.name", out, sizeof(out)), "there");
	check_text(out, "unknown_service");
	check(!ta_enrich_resource_text(enrich, &process, "service.version", out, sizeof(out)), "none");
	check(!ta_enrich_resource_text(enrich, &process, "process.pid", out, sizeof(out)), "a number");
	cJSON_Delete(got);
	cJSON_Delete(want);
	ta_buf_fini(&json);
	ta_buf_fini(&text);
}

static void version(void)
{
	struct ta_enrich *before = enrich;
	char out[32] = "";

	config.sentry_release = "shop@1.2";
	enrich = ta_enrich_new(&config);
	check(ta_enrich_resource_text(enrich, NULL, "service.version", out, sizeof(out)), "there");
	check_text(out, "shop@1.2");
	ta_enrich_free(enrich);
	config.resource_attributes = "service.version=3,host.id=mine";
	enrich = ta_enrich_new(&config);
	check(ta_enrich_resource_text(enrich, NULL, "service.version", out, sizeof(out)), "there");
	check_text(out, "3");
	check(ta_enrich_resource_text(enrich, NULL, "host.id", out, sizeof(out)), "there");
	check_text(out, "mine");
	ta_enrich_free(enrich);
	enrich = before;
	config = plain_config();
}

int main(void)
{
	config = plain_config();
	enrich = ta_enrich_new(&config);
	check_group("values", values);
	check_group("smallest", smallest);
	check_group("spans_as_json", spans_as_json);
	check_group("events_as_json", events_as_json);
	check_group("limited_rows", limited_rows);
	check_group("resources", resources);
	check_group("version", version);
	if (have_protoc()) {
		check_group("spans_by_protoc", spans_by_protoc);
		check_group("events_by_protoc", events_by_protoc);
	} else {
		puts("skip spans_by_protoc: no protoc\nskip events_by_protoc: no protoc");
	}
	ta_messages_fini(&messages);
	ta_buf_fini(&buf);
	ta_enrich_free(enrich);
	return check_status();
}
