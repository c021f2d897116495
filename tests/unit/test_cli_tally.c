/* SPDX-License-Identifier: MIT */
/*
 * test_cli_tally.c - the number that `tagalong run` prints at the end.
 */
#include "runtime/cli/tally.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

static int failures;
static char directory[] = "/tmp/tagalong-test-tally-XXXXXX";
static char path[PATH_MAX];

#define SPAN(trace, id)                                                                            \
	"{\"traceId\":\"" trace "\",\"spanId\":\"" id "\",\"name\":\"n\",\"startTimeUnixNano\":"   \
	"\"1\",\"links\":[{\"traceId\":\"ffffffffffffffffffffffffffffffff\",\"spanId\":\"1\"}]}"
#define LINE(spans) "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[" spans "]}]}]}\n"
#define ONE LINE(SPAN("0000000000000000000000000000000a", "1"))
#define TWO                                                                                        \
	LINE(SPAN("0000000000000000000000000000000b", "2") "," SPAN(                               \
		"0000000000000000000000000000000b", "3"))

static void check(const char *name, uint64_t spans, uint64_t traces, uint64_t wanted_spans,
		  uint64_t wanted_traces)
{
	bool good = spans == wanted_spans && traces == wanted_traces;

	printf("%s %s", good ? "ok" : "not ok", name);
	if (!good)
		printf(": %lu spans in %lu traces, not %lu in %lu", (unsigned long)spans,
		       (unsigned long)traces, (unsigned long)wanted_spans,
		       (unsigned long)wanted_traces);
	puts("");
	failures += !good;
}

/* Fed in pieces of every size, the answer is the same. */
static void check_text(const char *name, const char *text, uint64_t spans, uint64_t traces)
{
	size_t bytes = strlen(text);
	uint64_t got_spans = 0, got_traces = 0;

	for (size_t piece = 1; piece <= bytes; piece = piece < 8 ? piece + 1 : piece * 2) {
		struct ta_cli_counter *counter = ta_cli_counter_new();

		for (size_t at = 0; at < bytes; at += piece)
			ta_cli_counter_feed(counter, text + at,
					    bytes - at < piece ? bytes - at : piece);
		ta_cli_counter_free(counter, &got_spans, &got_traces);
		if (got_spans != spans || got_traces != traces)
			break;
	}
	check(name, got_spans, got_traces, spans, traces);
}

static void test_text(void)
{
	check_text("count/nothing", "\n", 0, 0);
	check_text("count/one", ONE, 1, 1);
	check_text("count/several", ONE TWO ONE, 4, 2);
	check_text("count/in_a_string",
		   LINE(SPAN("0a", "1\\\"},{\\\"traceId\\\":\\\"x\\\",\\\"startTimeUnixNano\\\":1")), 1,
		   1);
	check_text("count/name_as_value",
		   "{\"a\":\"startTimeUnixNano\",\"b\":\"traceId\",\"c\":\"0a\"}\n", 0, 0);
	check_text("count/backslash", "{\"x\":\"\\\\\",\"y\":" SPAN("0a", "1") "}\n", 1, 1);
	check_text("count/broken_line", "{\"spans\":[{\"traceId\":\"0a\n" ONE, 1, 1);
	check_text("count/too_many_closed", "}}}]]]" ONE, 1, 1);
}

/* More traces than the table starts with. */
static void test_many(void)
{
	struct ta_cli_counter *counter = ta_cli_counter_new();
	char line[512];
	uint64_t spans, traces;

	for (int i = 0; i < 5000; i++) {
		int bytes = snprintf(line, sizeof(line),
				     "{\"traceId\":\"%032x\",\"startTimeUnixNano\":\"%d\"}\n",
				     i / 2 + 1, i);

		ta_cli_counter_feed(counter, line, (size_t)bytes);
	}
	ta_cli_counter_free(counter, &spans, &traces);
	check("count/many", spans, traces, 5000, 2500);
}

static void append(const char *suffix, const char *text)
{
	char name[PATH_MAX + 8];
	FILE *file;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	file = fopen(name, "a");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		exit(99);
}

static void rotate(const char *from, const char *to)
{
	char old[PATH_MAX + 8], new[PATH_MAX + 8];

	snprintf(old, sizeof(old), "%s%s", path, from);
	snprintf(new, sizeof(new), "%s%s", path, to);
	if (rename(old, new) < 0)
		exit(99);
}

static void check_tally(const char *name, const struct ta_cli_tally *tally, uint64_t spans,
			uint64_t traces)
{
	uint64_t got_spans, got_traces;

	ta_cli_tally_end(tally, &got_spans, &got_traces);
	check(name, got_spans, got_traces, spans, traces);
}

static void test_files(void)
{
	static struct ta_cli_tally tally;

	ta_cli_tally_start(&tally, path);
	check_tally("tally/no_file", &tally, 0, 0);
	append("", ONE);
	check_tally("tally/new_file", &tally, 1, 1);
	ta_cli_tally_start(&tally, path);
	check_tally("tally/unchanged", &tally, 0, 0);
	append("", TWO);
	check_tally("tally/appended", &tally, 2, 1);
	rotate("", ".1");
	append("", ONE);
	check_tally("tally/rotated", &tally, 3, 2);
	rotate(".1", ".2");
	rotate("", ".1");
	check_tally("tally/rotated_and_gone", &tally, 3, 2);
	append("", TWO);
	check_tally("tally/rotated_twice", &tally, 5, 2);
	ta_cli_tally_start(&tally, path);
	check_tally("tally/old_ones_do_not_count", &tally, 0, 0);
}

int main(void)
{
	char command[PATH_MAX];

	if (!mkdtemp(directory))
		return 1;
	snprintf(path, sizeof(path), "%s/spans.jsonl", directory);
	test_text();
	test_many();
	test_files();
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return failures + (system(command) != 0);
}
