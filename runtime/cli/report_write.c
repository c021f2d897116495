/* SPDX-License-Identifier: MIT */
/*
 * report_write.c - the page with data in it.
 *
 * page.html has marks, "@name@"; this puts in their places what belongs there.  Every text
 * from a file is inside a string of a JSON block, where '<' is written as an escape: no such
 * block can be ended from within.  The page's own style and script are let in by a random
 * number (Content-Security-Policy), which nothing that was recorded can know.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/report.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

struct output {
	struct report *report;
	FILE *out;
	char nonce[33];
};

/* JSON: '<' and the two line ends that are none elsewhere only ever stand in strings. */
static void put_json(FILE *out, const struct ta_buf *buf)
{
	const char *at = buf->data, *end, *plain = at;

	if (!at)
		return;
	for (end = at + buf->bytes; at < end; at++) {
		bool line = (unsigned char)at[0] == 0xe2 && end - at > 2 &&
			    (unsigned char)at[1] == 0x80 && ((unsigned char)at[2] & 0xfe) == 0xa8;

		if (*at != '<' && !line)
			continue;
		fwrite(plain, 1, (size_t)(at - plain), out);
		fputs(!line ? "\\u003c" : (unsigned char)at[2] == 0xa8 ? "\\u2028" : "\\u2029", out);
		at += line ? 2 : 0;
		plain = at + 1;
	}
	fwrite(plain, 1, (size_t)(end - plain), out);
}

static void put_list(FILE *out, const char *name, const struct ta_buf *list)
{
	fprintf(out, ",\n\"%s\":[", name);
	put_json(out, list);
	fputs("]", out);
}

static void put_ids(FILE *out, const char *name, const struct ta_buf *ids)
{
	fprintf(out, ",\n\"%s\":\"", name);
	put_json(out, ids);
	fputs("\"", out);
}

static void make_processes(struct report *report)
{
	for (const struct export_process *at = report->store->processes; at; at = at->next) {
		struct ta_json_slice text = { at->resource, strlen(at->resource) };
		struct ta_buf object = { 0 };

		ta_report_put(&report->services, ta_report_text(&report->texts, at->service));
		ta_report_put(&report->pids, at->pid);
		ta_buf_putc(&object, '{');
		ta_buf_put(&object, text.text, text.bytes);
		ta_buf_putc(&object, '}');
		if (!object.failed)
			ta_report_attributes(
				report, &report->resources,
				ta_export_member(ta_export_member((struct ta_json_slice){
								  object.data, object.bytes },
								  "resource"), "attributes"), NULL);
		ta_buf_fini(&object);
	}
}

static void put_files(FILE *out, const struct export_store *store)
{
	struct ta_buf files = { 0 };

	for (uint32_t i = 0; i < store->source_count; i++) {
		const char *path = store->sources[i].path, *slash = strrchr(path, '/');
		const char *name = slash && slash[1] ? slash + 1 : path;

		if (i)
			ta_buf_putc(&files, ',');
		ta_buf_put_json(&files, name, strlen(name));
	}
	put_list(out, "files", &files);
	ta_buf_fini(&files);
}

static void put_index(struct output *output)
{
	static const char *const spans[] = { "depth", "name", "process", "kind", "status", "http",
					     "start", "duration", "tags", "hint", "error" };
	static const char *const captured[] = { "near", "span", "time", "severity", "process",
						"word", "text", "type", "stack" };
	struct report *report = output->report;
	FILE *out = output->out;
	uint64_t broken = report->store->unreadable;

	for (uint32_t i = 0; i < report->store->source_count; i++)
		broken += report->store->sources[i].broken;
	fprintf(out, "{\"version\":1,\"made\":%lld,\"base\":\"%llu\",\"broken\":%llu",
		(long long)time(NULL), (unsigned long long)report->base_ns,
		(unsigned long long)broken);
	put_files(out, report->store);
	put_list(out, "texts", &report->texts.text);
	put_list(out, "services", &report->services);
	put_list(out, "pids", &report->pids);
	put_ids(out, "traceIds", &report->trace_ids);
	put_list(out, "traceStarts", &report->trace_starts);
	put_list(out, "traceCounts", &report->trace_counts);
	put_list(out, "tagSets", &report->tags.text);
	fputs(",\n\"spans\":{\"columns\":11", out);
	for (int i = 0; i < REPORT_SPAN_COLUMNS; i++)
		put_list(out, spans[i], &report->spans[i]);
	fputs("},\n\"captured\":{\"columns\":9", out);
	for (int i = 0; i < REPORT_CAPTURED_COLUMNS; i++)
		put_list(out, captured[i], &report->captured[i]);
	fputs("}}", out);
}

static void put_details(struct output *output)
{
	struct report *report = output->report;
	FILE *out = output->out;

	fputs("{\"version\":1", out);
	put_list(out, "values", &report->values.text);
	put_list(out, "shapes", &report->shapes.text);
	put_ids(out, "spanIds", &report->span_ids);
	put_list(out, "lost", &report->lost);
	put_list(out, "rows", &report->rows);
	put_list(out, "events", &report->events);
	put_list(out, "links", &report->links);
	put_list(out, "captured", &report->captured_rows);
	put_list(out, "resources", &report->resources);
	fputs("}", out);
}

static void put_part(struct output *output, const char *name, size_t bytes)
{
	struct ta_json_slice part;

	if (strncmp(name, "nonce", bytes) == 0) {
		fputs(output->nonce, output->out);
	} else if (strncmp(name, "index", bytes) == 0) {
		put_index(output);
	} else if (strncmp(name, "details", bytes) == 0) {
		put_details(output);
	} else if (strncmp(name, "stacks", bytes) == 0) {
		fwrite(output->report->stacks.data ? output->report->stacks.data : "", 1,
		       output->report->stacks.bytes, output->out);
	} else {
		part = ta_report_page(strncmp(name, "style", bytes) == 0 ? "style" : "script");
		fwrite(part.text, 1, part.bytes, output->out);
	}
}

static int make_nonce(char nonce[33])
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return errno ? -errno : -EIO;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static void put_page(struct output *output)
{
	struct ta_json_slice html = ta_report_page("html");
	const char *at = html.text, *end = at + html.bytes;

	while (at < end) {
		const char *mark = memchr(at, '@', (size_t)(end - at));
		const char *close =
			mark ? memchr(mark + 1, '@', (size_t)(end - mark - 1)) : NULL;

		fwrite(at, 1, (size_t)((close ? mark : end) - at), output->out);
		if (!close)
			return;
		put_part(output, mark + 1, (size_t)(close - mark - 1));
		at = close + 1;
	}
}

static bool failed(const struct report *report)
{
	const struct ta_buf *const bufs[] = {
		&report->trace_ids, &report->trace_starts, &report->trace_counts, &report->span_ids,
		&report->lost, &report->rows, &report->events, &report->links,
		&report->captured_rows, &report->stacks, &report->services, &report->pids,
		&report->resources, &report->text, &report->cell, &report->list,
		&report->texts.text, &report->tags.text, &report->values.text, &report->shapes.text,
	};
	bool any = false;

	for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
		any |= bufs[i]->failed;
	for (int i = 0; i < REPORT_SPAN_COLUMNS; i++)
		any |= report->spans[i].failed;
	for (int i = 0; i < REPORT_CAPTURED_COLUMNS; i++)
		any |= report->captured[i].failed;
	return any;
}

int ta_report_write(struct report *report, FILE *out)
{
	struct output output = { .report = report, .out = out };
	int error = make_nonce(output.nonce);

	if (error)
		return error;
	ta_report_spans(report);
	ta_report_captured(report);
	make_processes(report);
	if (failed(report))
		return -ENOMEM;
	put_page(&output);
	if (!ferror(out))
		return 0;
	return errno ? -errno : -EIO;
}
