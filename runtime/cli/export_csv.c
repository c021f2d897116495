/* SPDX-License-Identifier: MIT */
/*
 * export_csv.c - one line per span, for tables (RFC 4180; UTF-8, lines end in "\n").
 *
 * Traces by start, in them spans by start.  The columns are those of the first line; new
 * ones are only ever added behind the last.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char columns[] = "trace_id,span_id,parent_span_id,name,kind,status,start,"
			      "start_unix_nano,duration_ns,service,pid,tid,http_method,"
			      "http_route,url_path,http_status,error_type,attributes\n";

struct table {
	struct export_store *store;
	struct ta_buf buf, text, cell;
};

/* In quotes where it needs them. */
static void put_cell(struct ta_buf *buf, const char *text, size_t bytes)
{
	bool quotes = false;

	for (size_t i = 0; i < bytes && !quotes; i++)
		quotes = strchr(",\"\r\n", text[i]) != NULL;
	if (quotes)
		ta_buf_putc(buf, '"');
	for (size_t i = 0; i < bytes; i++) {
		if (text[i] == '"')
			ta_buf_putc(buf, '"');
		ta_buf_putc(buf, text[i]);
	}
	if (quotes)
		ta_buf_putc(buf, '"');
}

static void put_text(struct table *table, const char *text)
{
	ta_buf_putc(&table->buf, ',');
	put_cell(&table->buf, text, strlen(text));
}

static void put_number(struct table *table, uint64_t number)
{
	ta_buf_putc(&table->buf, ',');
	ta_buf_put_u64(&table->buf, number);
}

/* 2001-09-09T01:46:40.000000000Z */
static void put_time(struct table *table, uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000);
	char when[40] = "", text[64];
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%09uZ", when, (unsigned int)(ns % 1000000000));
	put_text(table, text);
}

/* A string, or a number as it stands. */
static void put_attribute(struct table *table, struct ta_json_slice attributes, const char *name)
{
	struct ta_json_slice value = ta_export_any(ta_export_attribute(attributes, name));
	bool string = ta_json_kind(value.text, value.bytes) == TA_JSON_STRING;
	char *text = string ? ta_export_copy(value) : NULL;

	ta_buf_putc(&table->buf, ',');
	if (text)
		put_cell(&table->buf, text, strlen(text));
	else if (value.bytes)
		put_cell(&table->buf, value.text, value.bytes);
	free(text);
}

/* All of them, as one JSON object. */
static void put_attributes(struct table *table, struct ta_json_slice attributes)
{
	struct ta_buf *cell = &table->cell;

	ta_buf_clear(cell);
	ta_export_put_attributes(cell, attributes);
	if (cell->bytes && !cell->failed) {
		cell->data[0] = '{'; /* where the first comma stands */
		ta_buf_putc(cell, '}');
	} else {
		ta_buf_puts(cell, "{}");
	}
	ta_buf_putc(&table->buf, ',');
	put_cell(&table->buf, cell->data ? cell->data : "", cell->bytes);
}

/* Of a process or a thread; empty when it is not known. */
static void put_id(struct table *table, uint64_t id)
{
	if (id)
		put_number(table, id);
	else
		put_text(table, "");
}

static void put_ids(struct table *table, const struct export_span *span)
{
	char ids[128];

	snprintf(ids, sizeof(ids), "%016" PRIx64 "%016" PRIx64 ",%016" PRIx64 ",", span->trace->hi,
		 span->trace->lo, span->show.id);
	ta_buf_puts(&table->buf, ids);
	snprintf(ids, sizeof(ids), "%016" PRIx64, span->show.parent_id);
	if (span->show.parent_id)
		ta_buf_puts(&table->buf, ids);
}

static void put_span(struct table *table, const struct export_span *span)
{
	struct ta_json_slice text = ta_export_text(table->store, &span->place, &table->text);
	struct ta_json_slice attributes = ta_export_member(text, "attributes");
	const struct export_process *process = span->place.context->process;

	put_ids(table, span);
	put_text(table, span->show.name);
	put_text(table, ta_export_kind(span->show.kind));
	put_text(table, ta_export_status(span->show.status));
	put_time(table, span->show.start_ns);
	put_number(table, span->show.start_ns);
	put_number(table, span->show.end_ns - span->show.start_ns);
	put_text(table, process->service);
	put_id(table, process->pid);
	put_id(table, span->tid);
	put_attribute(table, attributes, "http.request.method");
	put_attribute(table, attributes, "http.route");
	put_attribute(table, attributes, "url.path");
	put_attribute(table, attributes, "http.response.status_code");
	put_attribute(table, attributes, "error.type");
	put_attributes(table, attributes);
	ta_buf_putc(&table->buf, '\n');
}

static int by_time(const void *a, const void *b)
{
	const struct export_span *x = *(struct export_span *const *)a;
	const struct export_span *y = *(struct export_span *const *)b;
	const struct show_trace *s = x->trace, *t = y->trace;

	if (s->start_ns != t->start_ns)
		return s->start_ns < t->start_ns ? -1 : 1;
	if (s != t)
		return s->hi != t->hi ? (s->hi < t->hi ? -1 : 1) : s->lo < t->lo ? -1 : 1;
	if (x->show.start_ns != y->show.start_ns)
		return x->show.start_ns < y->show.start_ns ? -1 : 1;
	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return x->show.id < y->show.id ? -1 : x->show.id > y->show.id;
}

int ta_export_csv(struct export_store *store, const struct show_filter *filter, FILE *out)
{
	struct table table = { .store = store };
	uint32_t count;
	struct export_span **spans = ta_export_spans(store, &count);

	(void)filter;
	qsort(spans, count, sizeof(spans[0]), by_time);
	fputs(columns, out);
	for (uint32_t i = 0; i < count; i++) {
		put_span(&table, spans[i]);
		fwrite(table.buf.data, 1, table.buf.bytes, out);
		ta_buf_clear(&table.buf);
	}
	int error = table.buf.failed || table.text.failed || table.cell.failed ? -ENOMEM : 0;

	ta_buf_fini(&table.buf);
	ta_buf_fini(&table.text);
	ta_buf_fini(&table.cell);
	free(spans);
	return error;
}
