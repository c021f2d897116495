/* SPDX-License-Identifier: MIT */
/*
 * export_otlp.c - one stream of OTLP JSON lines: trace by trace, the oldest first.
 *
 * A trace is a line (more than one when it has very many spans), its spans by start; what
 * was captured follows behind the last one.  Each span is written as it stood in
 * its file, byte by byte.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Collectors take lines of some MiB. */
#define SPANS_MAX 1000u
#define LINE_MAX_BYTES (4u << 20)

struct line {
	struct export_store *store;
	FILE *out;
	struct ta_buf buf, text;
	const char *resources, *scopes, *items; /* the names of the arrays */
	const struct export_context *context;	/* of what was written last; NULL: a new line */
	uint32_t count;
};

static void close_line(struct line *line)
{
	if (line->context) {
		ta_buf_puts(&line->buf, "]}]}]}\n");
		fwrite(line->buf.data, 1, line->buf.bytes, line->out);
	}
	ta_buf_clear(&line->buf);
	line->context = NULL;
	line->count = 0;
}

static void put_key(struct line *line, const char *before, const char *name)
{
	ta_buf_puts(&line->buf, before);
	ta_buf_putc(&line->buf, '"');
	ta_buf_puts(&line->buf, name);
	ta_buf_puts(&line->buf, "\":[");
}

static void open_context(struct line *line, const struct export_context *context)
{
	if (line->context)
		ta_buf_puts(&line->buf, "]}]},{");
	else
		put_key(line, "{", line->resources), ta_buf_putc(&line->buf, '{');
	ta_buf_puts(&line->buf, context->process->resource);
	put_key(line, context->process->resource[0] ? "," : "", line->scopes);
	ta_buf_putc(&line->buf, '{');
	ta_buf_puts(&line->buf, context->scope);
	put_key(line, context->scope[0] ? "," : "", line->items);
	line->context = context;
}

static void put(struct line *line, const struct export_place *place)
{
	uint64_t unreadable = line->store->unreadable;
	struct ta_json_slice text = ta_export_text(line->store, place, &line->text);

	if (line->store->unreadable != unreadable)
		return;
	if (line->count >= SPANS_MAX || line->buf.bytes >= LINE_MAX_BYTES)
		close_line(line);
	if (line->context != place->context)
		open_context(line, place->context);
	else
		ta_buf_putc(&line->buf, ',');
	ta_buf_put(&line->buf, text.text, text.bytes);
	line->count++;
}

static int by_start(const void *a, const void *b)
{
	const struct export_span *x = *(struct export_span *const *)a;
	const struct export_span *y = *(struct export_span *const *)b;

	if (x->show.start_ns != y->show.start_ns)
		return x->show.start_ns < y->show.start_ns ? -1 : 1;
	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return x->show.id < y->show.id ? -1 : x->show.id > y->show.id;
}

static void put_trace(struct line *line, const struct show_trace *trace)
{
	size_t bytes = trace->count * sizeof(trace->spans[0]);
	struct show_span **spans = ta_show_alloc(NULL, bytes + 1);

	memcpy(spans, trace->spans, bytes);
	qsort(spans, trace->count, sizeof(spans[0]), by_start);
	for (uint32_t i = 0; i < trace->count; i++)
		put(line, &((struct export_span *)spans[i])->place);
	close_line(line);
	free(spans);
}

static void put_event(void *user, const struct show_trace *trace, struct export_event *event)
{
	(void)trace;
	put(user, &event->place);
}

int ta_export_otlp(struct export_store *store, const struct show_filter *filter, FILE *out)
{
	struct line line = { .store = store, .out = out, .resources = "resourceSpans",
			     .scopes = "scopeSpans", .items = "spans" };

	for (uint32_t i = 0; i < store->trace_count; i++)
		put_trace(&line, store->traces[i]);
	line.resources = "resourceLogs";
	line.scopes = "scopeLogs";
	line.items = "logRecords";
	ta_export_events(store, filter, put_event, &line);
	close_line(&line);
	int error = line.buf.failed || line.text.failed ? -ENOMEM : 0;

	ta_buf_fini(&line.buf);
	ta_buf_fini(&line.text);
	return error;
}
