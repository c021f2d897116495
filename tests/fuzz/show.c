/* SPDX-License-Identifier: MIT */
/*
 * show.c - fuzzes what reads files of spans: `tagalong show`, `export` and `report`.
 *
 * Input: a byte that says how (bits 0 to 2: width, verbose, UTF-8; bit 3: a report is made, too),
 * and a file.  Nothing but printable characters and line ends goes to the terminal, and what is
 * made as JSON is JSON.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cli/export.h"
#include "runtime/cli/report.h"
#include "runtime/cli/show_follow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static char folder[] = "/dev/shm/ta-fuzz-show-XXXXXX", path[64];

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void remove_all(void)
{
	unlink(path);
	rmdir(folder);
}

static void write_file(const uint8_t *data, size_t bytes)
{
	if (!path[0]) {
		demand(mkdtemp(folder) != NULL);
		snprintf(path, sizeof(path), "%s/x.jsonl", folder);
		atexit(remove_all);
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	demand(fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes);
	close(fd);
}

static void check_harmless(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		demand(text[i] == '\n' || !iscntrl((unsigned char)text[i]));
}

static void show(uint8_t how)
{
	struct show_filter filter = { 0 };
	struct show_store store = { .pass = 1, .verbose = how & 2 };
	struct show_lines lines = { 0 };
	char *text = NULL;
	size_t bytes = 0;
	struct show_screen screen = { .out = open_memstream(&text, &bytes),
				      .width = how & 1 ? 40 : 120,
				      .utf8 = how & 4,
				      .cut = how & 1 };

	demand(ta_show_lines_open(&lines, path) == 0);
	ta_show_lines_read(&lines, &store, true);
	ta_show_lines_close(&lines);
	for (uint32_t i = 0; i < store.count; i++)
		if (ta_show_filter_trace(&filter, store.traces[i]))
			ta_show_trace(&screen, store.traces[i]);
	ta_show_loose_events(&screen, &store, &filter, 0, false);
	ta_show_store_clear(&store);
	fclose(screen.out);
	check_harmless(text, bytes);
	free(text);
}

static void make_report(struct export_store *store, FILE *out)
{
	struct show_filter filter = { 0 };
	struct report report = { .store = store, .filter = &filter };
	struct ta_buf *const bufs[] = {
		&report.trace_ids, &report.trace_starts, &report.trace_counts, &report.span_ids,
		&report.lost, &report.rows, &report.events, &report.links,
		&report.captured_rows, &report.stacks, &report.services, &report.pids,
		&report.resources, &report.text, &report.cell, &report.list,
	};
	struct report_table *const tables[] = { &report.texts, &report.tags, &report.values,
						&report.shapes };

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		ta_report_table_init(tables[i]);
	report.traces = store->traces;
	report.trace_count = store->trace_count;
	report.base_ns = report.trace_count ? report.traces[0]->start_ns : 0;
	demand(ta_report_write(&report, out) == 0);
	for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
		ta_buf_fini(bufs[i]);
	for (int i = 0; i < REPORT_SPAN_COLUMNS; i++)
		ta_buf_fini(&report.spans[i]);
	for (int i = 0; i < REPORT_CAPTURED_COLUMNS; i++)
		ta_buf_fini(&report.captured[i]);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		ta_report_table_fini(tables[i]);
}

static void check_lines(const char *text, size_t bytes)
{
	const char *end = text + bytes, *line_end;

	for (; text < end; text = line_end + 1) {
		line_end = memchr(text, '\n', (size_t)(end - text));
		demand(line_end != NULL);
		demand(ta_json_valid(text, (size_t)(line_end - text)));
	}
}

enum format { PERFETTO, OTLP, CSV, REPORT };

static void convert(enum format format)
{
	struct show_filter filter = { 0 };
	struct export_store store;
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	demand(ta_export_store_init(&store) == 0);
	demand(ta_export_read(&store, path, false) == 0);
	ta_export_select(&store, &filter);
	if (format == PERFETTO)
		demand(ta_export_perfetto(&store, &filter, out) == 0);
	else if (format == OTLP)
		demand(ta_export_otlp(&store, &filter, out) == 0);
	else if (format == CSV)
		demand(ta_export_csv(&store, &filter, out) == 0);
	else
		make_report(&store, out);
	ta_export_store_fini(&store);
	fclose(out);
	if (format == PERFETTO)
		demand(ta_json_valid(text, bytes));
	if (format == OTLP)
		check_lines(text, bytes);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (!bytes)
		return 0;
	write_file(data + 1, bytes - 1);
	show(data[0]);
	convert(PERFETTO);
	convert(OTLP);
	convert(CSV);
	if (data[0] & 8)
		convert(REPORT);
	return 0;
}
