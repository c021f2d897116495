/* SPDX-License-Identifier: MIT */
/*
 * test_show_crash.c - `tagalong show` of a crash: the signal in words, the stack with its
 * source, breadcrumbs, tags.  The expected pictures are drawn by hand.
 */
#include "runtime/cli/show.h"
#include "tests/unit/spans.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define TEXT(k, v) "{\"key\":\"" k "\",\"value\":{\"stringValue\":\"" v "\"}},"
#define NUMBER(k, v) "{\"key\":\"" k "\",\"value\":{\"intValue\":\"" v "\"}},"
#define RESOURCE                                                                                   \
	"\"resource\":{\"attributes\":[" TEXT("service.name", "shop")                              \
	"{\"key\":\"process.pid\",\"value\":{\"intValue\":\"42\"}}]}"
#define SIGNAL(number, code, more)                                                                 \
	NUMBER("tagalong.signal.number", number) NUMBER("tagalong.signal.code", code) more
#define FAULT SIGNAL("11", "1", TEXT("tagalong.signal.address", "0x0"))
#define THREAD NUMBER("thread.id", "71") TEXT("thread.name", "main")
#define LAST "{\"key\":\"x\",\"value\":{}}"

/* In the text of an attribute: Q is an escaped quote. */
#define Q "\\\""
#define MEMBER(k, v) Q k Q ":" Q v Q
#define STACK                                                                                      \
	TEXT("tagalong.stack",                                                                     \
	     "{" Q "threads" Q ":[{" Q "id" Q ":71," Q "frames" Q ":[{"                            \
	     MEMBER("function", "__libc_start_main") "," MEMBER("package", "/lib/libc.so.6") "},{" \
	     MEMBER("function", "handle") "," MEMBER("filename", "shop.c") "," Q "lineno" Q ":40," \
	     MEMBER("context_line", "\\\\tcharge();") "},{" MEMBER("function", "charge") ","       \
	     MEMBER("filename", "shop.c") "," Q "lineno" Q ":12," Q "pre_context" Q ":["           \
	     Q "nine" Q "," Q "int *total;" Q "," Q Q "]," MEMBER("context_line", "\\\\t*total;")  \
	     "," Q "post_context" Q ":[" Q "}" Q "]}]},{" Q "id" Q ":72," MEMBER("name", "worker") \
	     "," Q "frames" Q ":[{" MEMBER("instruction_addr", "0x7f55") ","                       \
	     MEMBER("package", "/lib/libx.so") "}]}]}")
#define CRUMBS                                                                                     \
	"{\"key\":\"tagalong.breadcrumbs\",\"value\":{\"arrayValue\":{\"values\":[{\"kvlistValue\":" \
	"{\"values\":[" NUMBER("timestamp", "999999999999000000") TEXT("category", "http")        \
	TEXT("message", "GET /x\\u001b[31m") LAST "]}}]}}},"

static struct show_store store;

static bool feed(const char *body, const char *attributes, const char *more)
{
	char line[8192];

	snprintf(line, sizeof(line),
		 "{\"resourceLogs\":[{" RESOURCE ",\"scopeLogs\":[{\"logRecords\":[{\"timeUnixNano\":"
		 "\"1000000000000000000\",\"severityNumber\":21,\"severityText\":\"fatal\",\"body\":"
		 "{\"stringValue\":\"%s\"},\"attributes\":[%s" LAST "]%s}]}]}]}", body, attributes, more);
	return ta_show_read_line(&store, line, strlen(line));
}

/* The events without the lines that name them; in static memory. */
static const char *print(bool all_threads)
{
	static char *text;
	size_t bytes;
	struct show_screen screen = { .width = 100, .all_threads = all_threads };
	const struct show_filter filter = { 0 };

	free(text);
	screen.out = open_memstream(&text, &bytes);
	ta_show_loose_events(&screen, &store, &filter, 0, false);
	fclose(screen.out);
	return text;
}

#define HEAD "event 2001-09-09 01:46:40.000  shop[42]  ! fatal  "

static void fault(void)
{
	check(feed("SIGSEGV: Segmentation fault",
		   FAULT THREAD STACK CRUMBS TEXT("tagalong.tag.t", "1") TEXT("user.id", "7"), ""),
	      "not read");
	check_text(print(false),
		   HEAD "SIGSEGV: Segmentation fault at 0x0\n"
		   "    SEGV_MAPERR: address not mapped, thread 71 \"main\"\n"
		   "    #0  charge  shop.c:12\n"
		   "             10  int *total;\n"
		   "             11  \n"
		   "        >    12      *total;\n"
		   "             13  }\n"
		   "    #1  handle  shop.c:40\n"
		   "        >    40      charge();\n"
		   "    #2  __libc_start_main  [libc.so.6]\n"
		   "    1 more thread (--all-threads shows it)\n"
		   "    breadcrumbs\n"
		   "       -1.00 ms  http  GET /x?[31m\n"
		   "    tags   t=1\n"
		   "    user   id=7\n");
	check(strstr(print(true), "\n    thread 72 \"worker\"\n    #0  0x7f55  [libx.so]\n") != NULL, "%s",
	      print(true));
	ta_show_store_clear(&store);
}

static void of_a_copy(void)
{
	check(feed("SIGSEGV", TEXT("tagalong.stack.source", "copy")
		   TEXT("exception.stacktrace", "#0 0x12 charge") CRUMBS, ""), "not read");
	check_text(print(false),
		   HEAD "SIGSEGV\n"
		   "    #0 0x12 charge\n"
		   "    of a copy: the process was gone or could not be traced, so other threads are not known\n"
		   "    breadcrumbs\n"
		   "       -1.00 ms  http  GET /x?[31m\n");
	ta_show_store_clear(&store);
}

static void in_tree(void)
{
	static const char span[] =
		"{\"resourceSpans\":[{" RESOURCE ",\"scopeSpans\":[{\"spans\":[{\"traceId\":\"" TRACE "\","
		"\"spanId\":\"0000000000000001\",\"name\":\"GET /x\",\"kind\":2,\"startTimeUnixNano\":"
		"\"1000000000000000000\",\"endTimeUnixNano\":\"1000000000001000000\"},{\"traceId\":\"" TRACE
		"\",\"spanId\":\"0000000000000002\",\"parentSpanId\":\"0000000000000001\",\"name\":\"b\","
		"\"startTimeUnixNano\":\"1000000000000000000\",\"endTimeUnixNano\":"
		"\"1000000000001000000\"}]}]}]}";
	char *text = NULL;
	size_t bytes;
	struct show_screen screen = { .width = 100, .out = open_memstream(&text, &bytes) };

	check(ta_show_read_line(&store, span, strlen(span)), "span");
	check(feed("SIGSEGV: x", FAULT THREAD,
		   ",\"traceId\":\"" TRACE "\",\"spanId\":\"0000000000000001\""), "event");
	ta_show_trace(&screen, store.traces[0]);
	fclose(screen.out);
	check(strstr(text, "|  ! fatal  SIGSEGV: x at 0x0\n"
			   "|      SEGV_MAPERR: address not mapped, thread 71 \"main\"\n"
			   "`- b ") != NULL, "%s", text);
	free(text);
	ta_show_store_clear(&store);
}

/* Who sent it matters, unless it was the process itself. */
static void senders(void)
{
	feed("SIGSEGV", SIGNAL("11", "0", NUMBER("tagalong.signal.sender_pid", "7")), "");
	check_text(print(false), HEAD "SIGSEGV\n    SI_USER: sent by kill, by pid 7\n");
	ta_show_store_clear(&store);
	feed("SIGABRT", SIGNAL("6", "-6", NUMBER("tagalong.signal.sender_pid", "42")), "");
	check_text(print(false), HEAD "SIGABRT\n");
	ta_show_store_clear(&store);
}

/* Of other tracers there is a text at most. */
static void text_only(void)
{
	feed("E: x", TEXT("exception.stacktrace", "#0 a\\n#1 b\\n\\nthread 2\\n#0 c\\n"), "");
	check_text(print(false), HEAD "E: x\n    #0 a\n    #1 b\n");
	check(strstr(print(true), "    thread 2\n    #0 c\n") != NULL, "%s", print(true));
	ta_show_store_clear(&store);
}

static void put_deep(char *to, size_t bytes, unsigned int count, bool same)
{
	size_t at = (size_t)snprintf(to, bytes, "{\"threads\":[{\"frames\":[");

	for (unsigned int i = 0; i < count; i++)
		at += (size_t)snprintf(to + at, bytes - at, "%s{\"function\":\"f%u\"}", i ? "," : "",
				       same ? 0 : i);
	snprintf(to + at, bytes - at, "]}]}");
}

static const char *print_stack(const char *json)
{
	static char *text;
	size_t bytes;
	struct show_screen screen = { .width = 100 };

	free(text);
	screen.out = open_memstream(&text, &bytes);
	ta_show_stack(&screen, &(struct show_margin){ NULL, NULL }, json, "");
	fclose(screen.out);
	return text;
}

static void deep(void)
{
	static char json[20000];

	put_deep(json, sizeof(json), 200, true);
	check_text(print_stack(json), "    #0  f0\n        the same 199 more times\n");
	put_deep(json, sizeof(json), 250, true);
	check_text(print_stack(json), "    #0  f0\n        the same 249 more times, or more\n");
	put_deep(json, sizeof(json), 200, false);
	check(strstr(print_stack(json), "    #31 f168\n    ... 164 more frames\n    #196 f3\n") != NULL, "%s",
	      print_stack(json));
	check(strstr(print_stack(json), "    #199 f0\n") != NULL, "%s", print_stack(json));
}

static void hostile(void)
{
	static const char *const stacks[] = {
		"5", "[]", "{", "{\"threads\":5}", "{\"threads\":[]}", "{\"threads\":[1]}",
		"{\"threads\":[{\"frames\":5},{\"frames\":[1,{\"function\":5,\"lineno\":\"x\","
		"\"context_line\":{},\"pre_context\":5}]}]}",
		"{\"threads\":[{\"frames\":[{\"lineno\":2147483647,\"context_line\":\"a\","
		"\"pre_context\":[1,2],\"post_context\":[\"x\",\"y\"]},{\"lineno\":1,\"context_line\":\"a\","
		"\"pre_context\":[\"x\",\"y\"]}]}]}",
	};

	for (size_t i = 0; i < sizeof(stacks) / sizeof(stacks[0]); i++)
		check(print_stack(stacks[i]) != NULL, "%zu", i);
	check_text(print_stack(stacks[6]), "    1 more thread (--all-threads shows it)\n");
}

int main(void)
{
	setenv("TZ", "UTC", 1);
	check_group("a fault", fault);
	check_group("of a copy", of_a_copy);
	check_group("in a tree", in_tree);
	check_group("senders", senders);
	check_group("text only", text_only);
	check_group("deep stacks", deep);
	check_group("hostile", hostile);
	return check_status();
}
