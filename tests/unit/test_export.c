/* SPDX-License-Identifier: MIT */
/*
 * test_export.c - `tagalong export`: lines in, other formats out.
 *
 * Whether whole files of real programs are drawn rightly is checked in tests/cli.
 */
#include <fcntl.h>
#include <unistd.h>

#include "runtime/cli/export.h"
#include "tests/unit/check.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define BASE 1000000000000000000ull

static struct export_store store;
static char file[] = "/tmp/ta-export-XXXXXX";
static FILE *lines;

static void begin(void)
{
	int fd;

	strcpy(file, "/tmp/ta-export-XXXXXX");
	fd = mkstemp(file);
	lines = fdopen(fd, "w");
}

/* One span a line; times in microseconds after BASE. */
static void span(unsigned int id, unsigned int parent, unsigned int from, unsigned int to,
		 unsigned int tid, const char *more)
{
	fprintf(lines,
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
		"{\"stringValue\":\"app\"}},{\"key\":\"process.pid\",\"value\":{\"intValue\":\"42\"}}]},"
		"\"scopeSpans\":[{\"scope\":{\"name\":\"s\"},\"spans\":[{\"traceId\":\"" TRACE "\","
		"\"spanId\":\"%016x\",%s%.*x%s\"name\":\"n%u\",\"kind\":2,\"startTimeUnixNano\":\"%llu\","
		"\"endTimeUnixNano\":\"%llu\",\"attributes\":[{\"key\":\"thread.id\",\"value\":"
		"{\"intValue\":\"%u\"}}]%s}]}]}]}\n",
		id, parent ? "\"parentSpanId\":\"" : "", parent ? 16 : 0, parent, parent ? "\"," : "",
		id, BASE + from * 1000ull, BASE + to * 1000ull, tid, more);
}

static int read_all(void)
{
	const struct show_filter filter = { 0 };
	int error;

	fclose(lines);
	ta_export_store_init(&store);
	error = ta_export_read(&store, file, false);
	ta_export_select(&store, &filter);
	unlink(file);
	return error;
}

static char *written(int (*write)(struct export_store *, const struct show_filter *, FILE *))
{
	const struct show_filter filter = { 0 };
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	check_same(write(&store, &filter, out), 0);
	fclose(out);
	return text;
}

static struct export_span *find(uint64_t id)
{
	return store.trace_count ? ta_export_find(store.traces[0], id) : NULL;
}

static bool says(const char *text, const char *part)
{
	return check(strstr(text, part) != NULL, "no \"%s\" in %s", part, text);
}

/* 1 holds 2; 3 overlaps 1 and has 4; 5 is on another thread, a child of 2; 6 lies within 1,
 * but is no child of it. */
static void tracks(void)
{
	begin();
	span(1, 0, 0, 100, 42, "");
	span(2, 1, 10, 50, 42, "");
	span(3, 0, 20, 200, 42, "");
	span(4, 3, 30, 40, 42, "");
	span(5, 2, 15, 300, 43, "");
	span(6, 0, 60, 70, 42, "");
	span(7, 1, 100, 110, 42, ""); /* after its parent */
	check_same(read_all(), 0);
	char *text = written(ta_export_perfetto);

	check(!find(1)->async && !find(2)->async && !find(5)->async, "on their threads");
	check(find(2)->nested && !find(1)->nested, "2 in 1");
	check(find(3)->async && find(4)->async == find(3)->async, "3 and 4 on one track");
	check(find(6)->async && find(6)->async != find(3)->async, "6 on its own");
	check(!find(7)->async && !find(7)->nested, "7 behind 1");
	says(text, "{\"ph\":\"X\",\"name\":\"n2\",\"cat\":\"span\",\"pid\":42,\"tid\":42,\"ts\":10.000,"
		   "\"dur\":40.000,\"args\":{");
	says(text, "{\"ph\":\"s\",\"name\":\"follows\",\"cat\":\"flow\",\"pid\":42,\"tid\":42,\"ts\":10.000");
	says(text, "{\"ph\":\"f\",\"name\":\"follows\",\"cat\":\"flow\",\"pid\":42,\"tid\":43,\"ts\":15.000");
	says(text, "\"unix time of 0\":\"1000000000000000000\"");
	free(text);
	ta_export_store_fini(&store);
}

static void rings_and_doubles(void)
{
	begin();
	span(1, 2, 0, 100, 1, "");
	span(2, 1, 0, 100, 1, "");
	span(3, 3, 0, 100, 1, "");
	span(3, 3, 0, 100, 1, ",\"links\":[{\"traceId\":\"" TRACE "\",\"spanId\":\"0000000000000001\"}]");
	span(4, 99, 0, 100, 1, ""); /* its parent is elsewhere */
	check_same(read_all(), 0);
	check_same(store.traces[0]->count, 4);
	check(!find(1)->show.parent != !find(2)->show.parent, "the ring is cut once");
	check(!find(3)->show.parent && !find(4)->show.parent, "roots");
	free(written(ta_export_perfetto));
	ta_export_store_fini(&store);
}

static void bad_lines(void)
{
	begin();
	span(1, 0, 0, 1, 1, "");
	fputs("garbage\n\n{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{}]}]}]}\n{\"a\":1}\n", lines);
	span(2, 0, 0, 1, 1, "");
	fputs("{\"resourceSpans\":[{\"resource\":{\"attributes\":[]},\"scopeSp", lines);
	check_same(read_all(), 0);
	check_same(store.sources[0].broken, 4);
	check_same(store.sources[0].first_broken, 2);
	check(find(1) && find(2), "the good ones");
	ta_export_store_fini(&store);
}

/* What another exporter may write goes on as it stands. */
static void otlp(void)
{
	static const char line[] =
		"{\"resourceSpans\":[{\"x\":[1.50,\"]}\"],\"scopeSpans\":[{\"spans\":[{\"spanId\":"
		"\"00F067AA0BA902B7\",\"traceId\":\"" TRACE "\",\"endTimeUnixNano\":2e3,"
		"\"startTimeUnixNano\":1000,\"d\":0.10}],\"schemaUrl\":\"u\"}]}]}\n";
	static const char wanted[] =
		"{\"resourceSpans\":[{\"x\":[1.50,\"]}\"],\"scopeSpans\":[{\"schemaUrl\":\"u\",\"spans\":"
		"[{\"spanId\":\"00F067AA0BA902B7\",\"traceId\":\"" TRACE "\",\"endTimeUnixNano\":2e3,"
		"\"startTimeUnixNano\":1000,\"d\":0.10}]}]}]}\n";

	begin();
	fputs(line, lines);
	check_same(read_all(), 0);
	char *text = written(ta_export_otlp);

	check_text(text, wanted);
	check(find(0x00f067aa0ba902b7ull) && find(0x00f067aa0ba902b7ull)->show.end_ns == 2000,
	      "read");
	free(text);
	ta_export_store_fini(&store);
}

static void csv(void)
{
	begin();
	fputs("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"" TRACE "\","
	      "\"spanId\":\"0000000000000001\",\"name\":\"n1\",\"kind\":2,\"startTimeUnixNano\":"
	      "\"1000000000000000000\",\"endTimeUnixNano\":\"1000000000000001000\","
	      "\"status\":{\"code\":2},\"attributes\":[{\"key\":\"url.path\",\"value\":"
	      "{\"stringValue\":\"/a,\\\"b\\\"\\n\"}},{\"key\":\"big\",\"value\":"
	      "{\"intValue\":\"9223372036854775807\"}},{\"key\":\"l\",\"value\":{\"arrayValue\":"
	      "{\"values\":[{\"boolValue\":true},{\"kvlistValue\":{\"values\":[{\"key\":\"k\","
	      "\"value\":{\"doubleValue\":1.5}}]}},{\"kvlistValue\":{}},{}]}}}]}]}]}]}\n",
	      lines);
	check_same(read_all(), 0);
	char *text = written(ta_export_csv);

	says(text, "attributes\n" TRACE ",0000000000000001,,n1,server,error,"
		   "2001-09-09T01:46:40.000000000Z,1000000000000000000,1000,,,,,,");
	says(text, "\"/a,\"\"b\"\"\n\",,,\"{\"\"url.path\"\":\"\"/a,\\\"\"b\\\"\"\\n\"\",\"\"big\"\":"
		   "\"\"9223372036854775807\"\",\"\"l\"\":[true,{\"\"k\"\":1.5},{},null]}\"\n");
	free(text);
	ta_export_store_fini(&store);
}

/* Somebody cuts the file between the two looks at it. */
static void cut_meanwhile(void)
{
	begin();
	span(1, 0, 0, 1, 7, "");
	fflush(lines);
	int fd = open(file, O_RDWR);

	check_same(read_all(), 0);
	check_same(ftruncate(fd, 100), 0);
	close(fd);
	char *text = written(ta_export_perfetto);

	says(text, "\"name\":\"n1\"");
	check_same(store.unreadable, 1);
	free(text);
	text = written(ta_export_otlp);
	check_text(text, "");
	free(text);
	ta_export_store_fini(&store);
}

int main(void)
{
	check_group("tracks", tracks);
	check_group("rings and doubles", rings_and_doubles);
	check_group("bad lines", bad_lines);
	check_group("otlp", otlp);
	check_group("csv", csv);
	check_group("cut meanwhile", cut_meanwhile);
	return check_status();
}
