/* SPDX-License-Identifier: MIT */
/*
 * report_spans.c - the columns of spans and traces.
 *
 * Two passes: rows are given out before anything is written, because links lead to spans
 * that stand further down.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/report.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/cli/progress.h"

static int by_start(const void *a, const void *b)
{
	const struct export_span *x = *(struct export_span *const *)a;
	const struct export_span *y = *(struct export_span *const *)b;

	if (x->show.start_ns != y->show.start_ns)
		return x->show.start_ns < y->show.start_ns ? -1 : 1;
	return x->show.id < y->show.id ? -1 : x->show.id > y->show.id;
}

/* Below its parent, behind its brothers; those without one are brothers of each other. */
static void append(struct show_span *span, struct show_span **first, struct show_span **last)
{
	if (span->parent) {
		first = &span->parent->first_child;
		last = &span->parent->last_child;
	}
	if (*last)
		(*last)->next = span;
	else
		*first = span;
	*last = span;
}

/* In the order of a walk through the tree; to be freed. */
static struct export_span **in_order(const struct show_trace *trace)
{
	struct export_span **spans =
		ta_show_alloc(NULL, (trace->count + 1) * sizeof(spans[0]));
	struct show_span *first = NULL, *last = NULL;
	uint32_t at = 0;

	memcpy(spans, trace->spans, trace->count * sizeof(spans[0]));
	qsort(spans, trace->count, sizeof(spans[0]), by_start);
	for (uint32_t i = 0; i < trace->count; i++)
		spans[i]->show.next = spans[i]->show.first_child = spans[i]->show.last_child = NULL;
	for (uint32_t i = 0; i < trace->count; i++)
		append(&spans[i]->show, &first, &last);
	for (struct show_span *span = first; span;) {
		spans[at++] = (struct export_span *)span;
		if (span->first_child) {
			span = span->first_child;
			continue;
		}
		while (span && !span->next)
			span = span->parent;
		span = span ? span->next : NULL;
	}
	return spans;
}

static void give_rows(struct report *report)
{
	for (uint32_t i = 0; i < report->trace_count; i++) {
		struct export_span **spans = in_order(report->traces[i]);

		for (uint32_t j = 0; j < report->traces[i]->count; j++)
			spans[j]->row = ++report->span_count;
		free(spans);
	}
}

/* What the first block wants to know of a span's attributes. */
struct looked_for {
	struct report *report;
	uint64_t http;
	struct ta_json_slice error, hint;
	int rank; /* of the hint */
	struct ta_buf *tags;
};

/* The text beside a span's name: the first of these that it has. */
static int hint_rank(struct ta_json_slice key)
{
	static const char *const names[] = { "url.path", "url.full", "db.query.text", "rpc.method",
					     "dns.question.name", "process.command_line" };

	for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++)
		if (ta_json_key_is(key, names[i]))
			return i;
	return -1;
}

/* The text of an AnyValue: a string as it is, others as JSON. */
static uint32_t text_of(struct report *report, struct ta_json_slice any)
{
	struct ta_buf *cell = &report->cell;

	ta_buf_clear(cell);
	ta_export_put_any(cell, any);
	ta_buf_putc(cell, '\0');
	if (cell->failed || cell->data[0] == '"')
		return cell->failed ? 0 : ta_report_number(&report->texts, cell->data,
							   cell->bytes - 1);
	return ta_report_text(&report->texts, cell->data);
}

static void take_tag(struct looked_for *found, struct ta_json_slice key, struct ta_json_slice any)
{
	char *name = ta_export_copy(key);

	ta_report_put(found->tags, ta_report_text(&found->report->texts, name + 13));
	ta_report_put(found->tags, text_of(found->report, any));
	free(name);
}

static void take(void *user, struct ta_json_slice quoted, struct ta_json_slice any)
{
	struct looked_for *found = user;
	struct ta_json_slice key = ta_json_string(quoted);
	int rank = hint_rank(key);

	if (rank >= 0 && (found->rank < 0 || rank < found->rank)) {
		found->rank = rank;
		found->hint = any;
	} else if (ta_json_key_is(key, "http.response.status_code")) {
		found->http = ta_export_u64(ta_export_any(any));
	} else if (ta_json_key_is(key, "error.type")) {
		found->error = any;
	} else if (key.bytes > 13 && memcmp(key.text, "tagalong.tag.", 13) == 0) {
		take_tag(found, quoted, any);
	}
}

static void put_looked_for(struct report *report, struct ta_json_slice attributes)
{
	struct ta_buf set = { 0 };
	struct looked_for found = { .report = report, .rank = -1, .tags = &report->list };

	ta_buf_clear(&report->list);
	ta_report_each(attributes, &found, take);
	ta_buf_putc(&set, '[');
	ta_buf_put(&set, report->list.data, report->list.bytes);
	ta_buf_putc(&set, ']');
	ta_buf_clear(&report->list);
	ta_report_put(&report->spans[REPORT_TAGS],
		      set.failed ? 0 : ta_report_number(&report->tags, set.data, set.bytes));
	ta_buf_fini(&set);
	ta_report_put(&report->spans[REPORT_HTTP], found.http <= 999 ? found.http : 0);
	ta_report_put(&report->spans[REPORT_HINT],
		      found.rank < 0 ? 0 : text_of(report, found.hint) + 1u);
	ta_report_put(&report->spans[REPORT_ERROR],
		      found.error.bytes ? text_of(report, found.error) + 1u : 0);
}

/* [row, time after the base, name, shape, values...] and so on. */
static void put_events(struct report *report, const struct export_span *span,
		       struct ta_json_slice events)
{
	struct ta_json_slice key, item;
	struct ta_json_walk walk;

	if (!events.bytes || !ta_json_walk(&walk, events.text, events.bytes))
		return;
	while (ta_json_next(&walk, &key, &item)) {
		uint64_t time = ta_export_u64(ta_export_member(item, "timeUnixNano"));
		char *name = ta_export_copy(ta_export_member(item, "name"));

		ta_report_put(&report->events, span->row - 1);
		ta_report_put(&report->events, time > report->base_ns ? time - report->base_ns : 0);
		ta_report_put(&report->events, ta_report_text(&report->values, name));
		ta_report_attributes(report, &report->events, ta_export_member(item, "attributes"),
				     NULL);
		free(name);
	}
}

static uint32_t row_of(const struct report *report, uint64_t hi, uint64_t lo, uint64_t id)
{
	const struct show_trace *trace = ta_export_find_trace(report->store, hi, lo);
	const struct export_span *span = trace ? ta_export_find(trace, id) : NULL;

	return span ? span->row : 0;
}

/* [row, row + 1 of the other one, its trace, its id, shape, values...] and so on. */
static void put_links(struct report *report, const struct export_span *span,
		      struct ta_json_slice links)
{
	struct ta_json_slice key, item;
	struct ta_json_walk walk;
	uint64_t hi, lo, id, unused;
	char text[33];

	if (!links.bytes || !ta_json_walk(&walk, links.text, links.bytes))
		return;
	while (ta_json_next(&walk, &key, &item)) {
		if (!ta_export_hex(ta_export_member(item, "traceId"), 32, &hi, &lo) ||
		    !ta_export_hex(ta_export_member(item, "spanId"), 16, &unused, &id))
			continue;
		ta_report_put(&report->links, span->row - 1);
		ta_report_put(&report->links, row_of(report, hi, lo, id));
		snprintf(text, sizeof(text), "%016llx%016llx", (unsigned long long)hi,
			 (unsigned long long)lo);
		ta_report_put(&report->links, ta_report_text(&report->values, text));
		snprintf(text, sizeof(text), "%016llx", (unsigned long long)id);
		ta_report_put(&report->links, ta_report_text(&report->values, text));
		ta_report_attributes(report, &report->links, ta_export_member(item, "attributes"),
				     NULL);
	}
}

static void put_asides(struct report *report, struct ta_json_slice text)
{
	static const char *const names[] = { "traceState", "droppedAttributesCount",
					     "droppedEventsCount", "droppedLinksCount" };
	struct ta_json_slice status = ta_export_member(text, "status");

	ta_report_aside(report, "status.message", ta_export_member(status, "message"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct ta_json_slice value = ta_export_member(text, names[i]);

		if (ta_json_kind(value.text, value.bytes) == TA_JSON_STRING ?
			    ta_json_string(value).bytes > 0 : ta_export_u64(value) > 0)
			ta_report_aside(report, names[i], value);
	}
}

static void put_text(struct report *report, const struct export_span *span)
{
	struct ta_json_slice text = ta_export_text(report->store, &span->place, &report->text);
	struct ta_json_slice attributes = ta_export_member(text, "attributes");

	put_looked_for(report, attributes);
	put_asides(report, text);
	ta_report_attributes(report, &report->rows, attributes, NULL);
	put_events(report, span, ta_export_member(text, "events"));
	put_links(report, span, ta_export_member(text, "links"));
}

static void put_span(struct report *report, const struct export_span *span)
{
	const struct show_span *show = &span->show;
	struct ta_buf *columns = report->spans;

	ta_report_put(&columns[REPORT_DEPTH], span->depth - 1);
	ta_report_put(&columns[REPORT_NAME], ta_report_text(&report->texts, show->name));
	ta_report_put(&columns[REPORT_PROCESS], span->place.context->process->number);
	ta_report_put(&columns[REPORT_KIND], show->kind);
	ta_report_put(&columns[REPORT_STATUS], show->status);
	ta_report_put(&columns[REPORT_START], show->start_ns - span->trace->start_ns);
	ta_report_put(&columns[REPORT_DURATION], show->end_ns - show->start_ns);
	ta_buf_put_hex64(&report->span_ids, show->id);
	if (show->parent_id && !show->parent) {
		/* As text: 64 bits are more than a number of JSON holds. */
		ta_report_put(&report->lost, span->row - 1);
		ta_buf_puts(&report->lost, ",\"");
		ta_buf_put_hex64(&report->lost, show->parent_id);
		ta_buf_putc(&report->lost, '"');
	}
	put_text(report, span);
}

static void put_trace(struct report *report, const struct show_trace *trace)
{
	struct export_span **spans = in_order(trace);

	ta_buf_put_hex64(&report->trace_ids, trace->hi);
	ta_buf_put_hex64(&report->trace_ids, trace->lo);
	ta_report_put(&report->trace_starts, trace->start_ns - report->base_ns);
	ta_report_put(&report->trace_counts, trace->count);
	for (uint32_t i = 0; i < trace->count; i++) {
		put_span(report, spans[i]);
		ta_cli_progress("spans written", spans[i]->row);
	}
	free(spans);
}

void ta_report_spans(struct report *report)
{
	give_rows(report);
	for (uint32_t i = 0; i < report->trace_count; i++)
		put_trace(report, report->traces[i]);
}
