/* SPDX-License-Identifier: MIT */
/*
 * test_show.c - `tagalong show`: lines in, trees out.
 *
 * The expected pictures are drawn by hand.
 */
#include <cjson/cJSON.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/cli/show.h"
#include "runtime/cli/show_follow.h"
#include "tests/unit/spans.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define MS 1000000ull

static struct show_store store;

/* One line with one span; times in milliseconds after 2001-09-09 01:46:40 UTC. */
static const char *line(const char *trace, unsigned int id, unsigned int parent, const char *name,
			unsigned int from_ms, unsigned int to_ms, const char *more)
{
	static char text[4096];

	snprintf(text, sizeof(text),
		 "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
		 "{\"stringValue\":\"unknown_service:app\"}},{\"key\":\"process.pid\",\"value\":"
		 "{\"intValue\":\"42\"}}]},\"scopeSpans\":[{\"spans\":[{\"traceId\":\"%s\",\"spanId\":"
		 "\"%016x\",\"parentSpanId\":\"%016x\",\"name\":\"%s\",\"kind\":2,"
		 "\"startTimeUnixNano\":\"%llu\",\"endTimeUnixNano\":\"%llu\"%s}]}]}]}",
		 trace, id, parent, name, 1000000000000000000ull + from_ms * MS,
		 1000000000000000000ull + to_ms * MS, more);
	return text;
}

static bool feed(const char *text)
{
	return ta_show_read_line(&store, text, strlen(text));
}

static const char *print(bool utf8, bool cut, unsigned int width)
{
	static char *text;
	size_t bytes;
	struct show_screen screen = { .width = width, .utf8 = utf8, .cut = cut };

	free(text);
	text = NULL;
	screen.out = open_memstream(&text, &bytes);
	for (uint32_t i = 0; i < store.count; i++)
		ta_show_trace(&screen, store.traces[i]);
	fclose(screen.out);
	return text;
}

static void test_tree(void)
{
	/* Not in order, and the parent last: traces are put together by id. */
	feed(line(TRACE, 3, 1, "b", 50, 100, ""));
	feed(line(TRACE, 4, 2, "a1", 10, 20, ""));
	feed(line(TRACE, 2, 1, "a", 0, 50, ""));
	feed(line(TRACE, 2, 1, "a", 0, 50, "")); /* came again */
	feed(line(TRACE, 1, 0, "GET /x", 0, 100,
		  ",\"status\":{\"code\":2},\"attributes\":["
		  "{\"key\":\"http.response.status_code\",\"value\":{\"intValue\":\"500\"}},"
		  "{\"key\":\"error.type\",\"value\":{\"stringValue\":\"500\"}},"
		  "{\"key\":\"tagalong.tag.user\",\"value\":{\"stringValue\":\"ann\"}},"
		  "{\"key\":\"network.peer.address\",\"value\":{\"stringValue\":\"::1\"}},"
		  "{\"key\":\"network.peer.port\",\"value\":{\"intValue\":\"7\"}}]"));
	expect_text("tree/ascii", print(false, false, 100),
		   "trace " TRACE "  2001-09-09 01:46:40.000  4 spans  100 ms  app[42]\n"
		   "GET /x          100 ms  ####################  500  user=ann  from [::1]:7\n"
		   "|- a           50.0 ms  ##########          \n"
		   "|  `- a1       10.0 ms    ##                \n"
		   "`- b           50.0 ms            ##########\n\n");
	expect_text("tree/cut", print(false, true, 40),
		   "trace " TRACE "  01:46:40  4 spans  100 ms  ~\n" /* the id stays whole */
		   "GET /x          100 ms  ########  500  ~\n"
		   "|- a           50.0 ms  ####    \n"
		   "|  `- a1       10.0 ms   #      \n"
		   "`- b           50.0 ms      ####\n\n");
	ta_show_store_clear(&store);
}

static void test_utf8(void)
{
	if (!setlocale(LC_CTYPE, "C.UTF-8")) {
		printf("# no C.UTF-8 locale here\n");
		return;
	}
	feed(line(TRACE, 1, 9, "gr\xc3\xbc\xc3\x9f", 0, 1, ""));
	feed(line(TRACE, 2, 1, "x", 0, 0, ""));
	expect_text("tree/utf8", print(true, false, 50),
		   "trace " TRACE "  2001-09-09 01:46:40.000  2 spans  1.00 ms  app[42]\n"
		   "gr\xc3\xbc\xc3\x9f           1.00 ms  "
		   "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88"
		   "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\n"
		   "\xe2\x94\x94\xe2\x94\x80 x              0 ns  \xe2\x96\x8f         \n\n");
	ta_show_store_clear(&store);
}

/* One line with one log record, so many milliseconds after the same time. */
static const char *log_line(const char *trace, unsigned int span, unsigned int ms,
			    unsigned int severity, const char *id, const char *text)
{
	static char out[4096];

	snprintf(out, sizeof(out),
		 "{\"resourceLogs\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
		 "{\"stringValue\":\"unknown_service:app\"}},{\"key\":\"process.pid\",\"value\":"
		 "{\"intValue\":\"42\"}}]},\"scopeLogs\":[{\"logRecords\":[{\"timeUnixNano\":\"%llu\","
		 "\"severityNumber\":%u,\"body\":{\"stringValue\":\"%s\"},\"attributes\":[{\"key\":"
		 "\"tagalong.event.id\",\"value\":{\"stringValue\":\"%s\"}}],\"traceId\":\"%s\","
		 "\"spanId\":\"%016x\"}]}]}]}",
		 1000000000000000000ull + ms * MS, severity, text, id, trace, span);
	return out;
}

static const char *print_loose(struct show_filter filter, unsigned long limit, bool only_now,
			       uint32_t *ret_count)
{
	static char *text;
	size_t bytes;
	struct show_screen screen = { .width = 100 };

	free(text);
	text = NULL;
	screen.out = open_memstream(&text, &bytes);
	*ret_count = ta_show_loose_events(&screen, &store, &filter, limit, only_now);
	fclose(screen.out);
	return text;
}

static void test_events(void)
{
	const char *text;

	feed(log_line(TRACE, 2, 30, 17, "b", "LoadError: no such order"));
	feed(log_line(TRACE, 2, 20, 13, "a", "low\\nmilk"));
	feed(log_line(TRACE, 2, 20, 13, "a", "low\\nmilk")); /* came again */
	feed(log_line(TRACE, 99, 20, 9, "c", "of a span that is not here"));
	feed(log_line(TRACE, 1, 60, 21, "d", "end"));
	feed(line(TRACE, 1, 0, "GET /x", 0, 100, ""));
	feed(line(TRACE, 2, 1, "a", 0, 50, ""));
	feed(line(TRACE, 3, 2, "a1", 10, 20, ""));
	feed(line(TRACE, 4, 1, "b", 50, 100, ""));
	expect_text("events/tree", print(false, false, 100),
		   "trace " TRACE "  2001-09-09 01:46:40.000  4 spans  100 ms  app[42]\n"
		   "GET /x          100 ms  ####################\n"
		   "|  ! fatal  end\n"
		   "|- a           50.0 ms  ##########          \n"
		   "|  |  * warning  low?milk\n"
		   "|  |  ! error  LoadError: no such order\n"
		   "|  `- a1       10.0 ms    ##                \n"
		   "`- b           50.0 ms            ##########\n"
		   "* info  of a span that is not here\n\n");
	text = print(false, true, 30);
	expect("events/cut", strstr(text, "\n|  |  ! error  LoadError: no ~\n") != NULL, text);
	ta_show_store_clear(&store);
}

static void test_loose_events(void)
{
	static const char none[] = "00000000000000000000000000000000";
	uint32_t count;

	feed(log_line(none, 0, 2, 9, "a", "no trace"));
	feed(log_line(TRACE, 7, 1, 17, "b", "other trace"));
	expect_number("loose/no_trace_is_none", store.with_spans, 0);
	expect_text("loose/all", print_loose((struct show_filter){ 0 }, 0, false, &count),
		   "event 2001-09-09 01:46:40.001  app[42]  ! error  other trace  trace " TRACE "\n"
		   "event 2001-09-09 01:46:40.002  app[42]  * info  no trace\n");
	expect_number("loose/count", count, 2);
	expect_text("loose/limit", print_loose((struct show_filter){ 0 }, 1, false, &count),
		   "event 2001-09-09 01:46:40.002  app[42]  * info  no trace\n");
	print_loose((struct show_filter){ .errors = true }, 0, false, &count);
	expect_number("loose/errors", count, 1);
	print_loose((struct show_filter){ .name = "x" }, 0, false, &count);
	expect_number("loose/about_spans", count, 0);
	print_loose((struct show_filter){ .trace = "0af7" }, 0, false, &count);
	expect_number("loose/trace", count, 1);
	store.pass++;
	feed(line(TRACE, 7, 0, "its span", 0, 1, ""));
	feed(log_line(TRACE, 7, 1, 9, "c", "with its trace"));
	feed(log_line(none, 0, 3, 9, "d", "now"));
	print_loose((struct show_filter){ 0 }, 0, true, &count);
	expect_number("loose/following", count, 1);
	store.pass++;
	feed(log_line(TRACE, 7, 1, 9, "e", "after its trace"));
	print_loose((struct show_filter){ 0 }, 0, true, &count);
	expect_number("loose/later", count, 1);
	print_loose((struct show_filter){ 0 }, 0, false, &count);
	expect_number("loose/its trace is there", count, 2);
	ta_show_store_clear(&store);
}

static void test_span_events(void)
{
	static const char more[] =
		",\"events\":[{\"timeUnixNano\":\"1000000000000000001\",\"name\":\"breadcrumb\","
		"\"attributes\":[{\"key\":\"tagalong.breadcrumb.category\",\"value\":{\"stringValue\":\"ui\"}},"
		"{\"key\":\"tagalong.breadcrumb.message\",\"value\":{\"stringValue\":\"click\"}}]},"
		"{\"timeUnixNano\":\"1000000000000000000\",\"name\":\"exception\",\"attributes\":["
		"{\"key\":\"exception.type\",\"value\":{\"stringValue\":\"E\"}}]}]";

	const char *text;

	feed(line(TRACE, 1, 0, "x", 0, 1, more));
	expect("span events/not asked for", !strstr(print(false, false, 100), "click"), "they are there");
	ta_show_store_clear(&store);
	store.verbose = true;
	feed(line(TRACE, 1, 0, "x", 0, 1, more));
	text = print(false, false, 100);
	expect("span events", strstr(text, "\n   - exception  E\n   - breadcrumb  ui: click\n\n") != NULL,
	       text);
	store.verbose = false;
	ta_show_store_clear(&store);
}

/* Names come from the network: nothing may reach the terminal that moves it. */
static void test_hostile_text(void)
{
	const char *text;

	feed(line(TRACE, 1, 0, "\\u001b[2J\\u0007\\u009b1m\\u202e\\u0000\\r", 0, 1, ""));
	feed(line(TRACE, 2, 0, "\xff\xfe bad", 0, 1, ""));
	feed(log_line(TRACE, 1, 0, 9, "x", "\\u001b[2J\\u009b1m\\u202e"));
	text = print(true, false, 100);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if ((*c < 0x20 && *c != '\n') || *c == 0x7f)
			expect("hostile/control", false, "a control character came through");
	expect("hostile/c1", !strstr(text, "\xc2\x9b"), "a C1 control came through");
	expect("hostile/bidi", !strstr(text, "\xe2\x80\xae"), "a bidi override came through");
	expect("hostile/bytes", !strchr(text, '\xff'), "a broken byte came through");
	text = print(false, false, 100);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c >= 0x80)
			expect("hostile/ascii", false, "not ASCII");
	expect("hostile/done", true, "");
	ta_show_store_clear(&store);
}

static void test_circles(void)
{
	feed(line(TRACE, 1, 2, "one", 0, 10, ""));
	feed(line(TRACE, 2, 3, "two", 0, 10, ""));
	feed(line(TRACE, 3, 1, "three", 0, 10, ""));
	feed(line(TRACE, 4, 4, "self", 0, 10, ""));
	feed(line(TRACE, 5, 1, "tail", 0, 10, ""));
	expect("circle/all", strstr(print(false, false, 100), "5 spans") != NULL, "not five");
	for (const char *const *name = (const char *const[]){ "one", "two", "three", "self", "tail", NULL };
	     *name; name++)
		expect("circle/member", strstr(print(false, false, 100), *name) != NULL, *name);
	ta_show_store_clear(&store);
	for (unsigned int i = 1; i <= 3000; i++) /* a chain, deeper than any line is wide */
		feed(line(TRACE, i, i - 1, "deep", 0, 10, ""));
	expect("circle/deep", strstr(print(false, false, 100), "3000 spans") != NULL, "not 3000");
	ta_show_store_clear(&store);
}

static void test_broken_lines(void)
{
	static const char *const bad[] = { "{broken", "[]", "null", "{\"resourceSpans\":3}", "\\",
					   "{\"resourceLogs\":{}}",
					   "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[1]}]}]}",
					   "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{}]}]}]}",
					   "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":"
					   "\"00000000000000000000000000000000\",\"spanId\":"
					   "\"0000000000000001\"}]}]}]}" };
	static const char *const good[] = { "", "  ", "{\"resourceSpans\":[]}",
					    "{\"resourceSpans\":[{}]}", "{\"resourceLogs\":[]}" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect("broken", !feed(bad[i]), bad[i]);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		expect("not_broken", feed(good[i]), good[i]);
	expect_number("broken/nothing_kept", store.count, 0);
	ta_show_store_clear(&store);
}

static bool fits(struct show_filter filter)
{
	return ta_show_filter_trace(&filter, store.traces[0]);
}

static void test_filter(void)
{
	feed(line(TRACE, 1, 0, "GET /api/items", 0, 20, ""));
	feed(line(TRACE, 2, 1, "work", 0, 5, ",\"status\":{\"code\":2}"));
	expect("filter/none", fits((struct show_filter){ 0 }), "hidden");
	expect("filter/part", fits((struct show_filter){ .name = "api" }), "hidden");
	expect("filter/glob", fits((struct show_filter){ .name = "GET */items" }), "hidden");
	expect("filter/glob_whole", !fits((struct show_filter){ .name = "*api" }), "shown");
	expect("filter/duration", fits((struct show_filter){ .min_duration_ns = 20 * MS }), "hidden");
	expect("filter/shorter", !fits((struct show_filter){ .min_duration_ns = 20 * MS + 1 }), "shown");
	expect("filter/errors", fits((struct show_filter){ .errors = true }), "hidden");
	expect("filter/one_span_meets_all",
	      !fits((struct show_filter){ .errors = true, .name = "GET" }), "shown");
	expect("filter/kind", fits((struct show_filter){ .kind = 2 }), "hidden");
	expect("filter/other_kind", !fits((struct show_filter){ .kind = 3 }), "shown");
	expect("filter/id", fits((struct show_filter){ .trace = "0af7" }), "hidden");
	expect("filter/other_id", !fits((struct show_filter){ .trace = "0af8" }), "shown");
	ta_show_store_clear(&store);
}

static void check_duration(uint64_t ns, const char *want)
{
	struct show_screen screen = { 0 };
	char text[32];

	ta_show_duration(&screen, ns, text, sizeof(text));
	expect_text("duration", text, want);
}

static void test_durations(void)
{
	check_duration(0, "0 ns");
	check_duration(999, "999 ns");
	check_duration(1000, "1.00 us");
	check_duration(12345, "12.3 us");
	check_duration(999499, "999 us");
	check_duration(999500, "1.00 ms");
	check_duration(99949999, "99.9 ms");
	check_duration(99950000, "100 ms");
	check_duration(1500000000, "1.50 s");
	check_duration(61000000000, "1m 01s");
	check_duration(3660000000000, "1h 01m");
	check_duration(UINT64_MAX, "5124095h 34m");
}

static void append(const char *path, const char *text)
{
	FILE *stream = fopen(path, "a");

	fputs(text, stream);
	fclose(stream);
}

static void test_follow(void)
{
	char path[] = "/tmp/tagalong-test-show-XXXXXX", old[64];
	struct show_lines lines;

	close(mkstemp(path));
	snprintf(old, sizeof(old), "%s.1", path);
	append(path, line(TRACE, 1, 0, "one", 0, 1, ""));
	append(path, "\n{\"resourceSp");
	expect_number("follow/open", ta_show_lines_open(&lines, path), 0);
	ta_show_lines_read(&lines, &store, false);
	expect_number("follow/first", store.traces[0]->count, 1);
	expect_number("follow/half_is_not_broken", (long long)lines.broken, 0);
	append(path, "ans\":[]}\n");
	append(path, line(TRACE, 2, 1, "two", 0, 1, ""));
	append(path, "\n");
	ta_show_lines_wait(&lines, 1, &store);
	expect_number("follow/second", store.traces[0]->count, 2);
	append(path, line(TRACE, 3, 1, "last of the old file", 0, 1, ""));
	append(path, "\nrubbish\n");
	rename(path, old);
	append(path, line(TRACE, 4, 1, "first of the new file", 0, 1, ""));
	append(path, "\n");
	ta_show_lines_wait(&lines, 1, &store);
	expect_number("follow/over_rotation", store.traces[0]->count, 4);
	expect_number("follow/broken", (long long)lines.broken, 1);
	expect_number("follow/broken_line", (long long)lines.first_broken, 5);
	expect_number("follow/truncate", truncate(path, 0), 0);
	append(path, line(TRACE, 5, 1, "x", 0, 1, "")); /* shorter than what was there */
	append(path, "\n");
	ta_show_lines_wait(&lines, 1, &store);
	expect_number("follow/after_cut", store.traces[0]->count, 5);
	ta_show_lines_close(&lines);
	ta_show_lines_expect(&lines, path);
	unlink(path);
	ta_show_lines_read(&lines, &store, false);
	append(path, line(TRACE, 6, 1, "came later", 0, 1, ""));
	append(path, "\n");
	ta_show_lines_wait(&lines, 1, &store);
	expect_number("follow/came_later", store.traces[0]->count, 6);
	ta_show_lines_close(&lines);
	expect("follow/missing", ta_show_lines_open(&lines, "/nonexistent/file") < 0, "opened");
	unlink(path);
	unlink(old);
	ta_show_store_clear(&store);
}

/* What a line says beside name and duration; attributes: the inside of an array. */
static const char *notes(const char *name, unsigned int kind, unsigned int status,
			 const char *attributes)
{
	static char text[1024];
	char json[2048];
	struct show_span span = { .name = (char *)name,
				  .kind = (uint8_t)kind,
				  .status = (uint8_t)status };
	cJSON *tree;

	snprintf(json, sizeof(json), "[%s]", attributes);
	tree = cJSON_Parse(json);
	ta_show_notes(&span, tree, "");
	snprintf(text, sizeof(text), "%s", span.notes);
	free(span.notes);
	cJSON_Delete(tree);
	return text;
}

#define TEXT(key, value) "{\"key\":\"" key "\",\"value\":{\"stringValue\":\"" value "\"}}"
#define INT(key, value) "{\"key\":\"" key "\",\"value\":{\"intValue\":\"" value "\"}}"
#define PEER TEXT("network.peer.address", "192.0.2.9") "," INT("network.peer.port", "5432")

static void test_outward_notes(void)
{
	expect_text("notes/request", notes("GET", 3, 2, TEXT("url.full", "http://h/a") "," PEER
			"," INT("http.response.status_code", "404") "," TEXT("error.type", "404")),
		    "404  http://h/a");
	expect_text("notes/command", notes("SELECT t", 3, 0,
			TEXT("db.query.text", "SELECT ? FROM t") "," PEER),
		    "SELECT ? FROM t  to 192.0.2.9:5432");
	expect_text("notes/batch", notes("PIPELINE", 3, 0, INT("db.operation.batch.size", "3")),
		    "3 commands");
	expect_text("notes/served", notes("GET", 2, 0, PEER), "from 192.0.2.9:5432");
	expect_text("notes/connect", notes("tcp connect :5432", 3, 2,
			TEXT("error.type", "ECONNREFUSED") "," PEER),
		    "ERROR ECONNREFUSED  to 192.0.2.9:5432");
	expect_text("notes/lookup", notes("dns lookup", 3, 0, TEXT("dns.question.name", "h.example")),
		    "h.example");
	expect_text("notes/orphan", notes("dns lookup", 3, 0,
			"{\"key\":\"tagalong.orphan\",\"value\":{\"boolValue\":true}}"),
		    "orphan");
}

int main(void)
{
	setenv("TZ", "UTC", 1);
	check_group("tree", test_tree);
	check_group("utf8", test_utf8);
	check_group("events", test_events);
	check_group("loose_events", test_loose_events);
	check_group("span_events", test_span_events);
	check_group("hostile_text", test_hostile_text);
	check_group("circles", test_circles);
	check_group("broken_lines", test_broken_lines);
	check_group("filter", test_filter);
	check_group("durations", test_durations);
	check_group("follow", test_follow);
	check_group("outward_notes", test_outward_notes);
	return check_status();
}
