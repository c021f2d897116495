/* SPDX-License-Identifier: MIT */
/*
 * report_captured.c - the columns of what was captured: crashes, errors, messages, logs.
 *
 * Stacks are large and looked at one by one: each is a block of its own in the page.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/report.h"

#include <stdlib.h>

#include "runtime/cli/progress.h"

static bool is_stack(struct ta_json_slice quoted)
{
	struct ta_json_slice key = ta_json_string(quoted);

	return ta_json_key_is(key, "tagalong.stack") ||
	       ta_json_key_is(key, "exception.stacktrace");
}

/* {"json": "...", "text": "..."}; the text only when there is nothing better. */
static bool put_stack(struct report *report, struct ta_json_slice attributes)
{
	struct ta_json_slice json =
		ta_export_any(ta_export_attribute(attributes, "tagalong.stack"));
	struct ta_json_slice text =
		ta_export_any(ta_export_attribute(attributes, "exception.stacktrace"));
	bool better = ta_json_kind(json.text, json.bytes) == TA_JSON_STRING;

	if (!better && ta_json_kind(text.text, text.bytes) != TA_JSON_STRING)
		return false;
	ta_buf_puts(&report->stacks, "<script type=\"application/json\" id=\"stack-");
	ta_buf_put_u64(&report->stacks, report->captured_count);
	ta_buf_puts(&report->stacks, better ? "\">{\"json\":" : "\">{\"text\":");
	/* This buffer has tags of ours, so what comes from others is made harmless here. */
	ta_buf_clear(&report->cell);
	ta_export_put_string(&report->cell, better ? json : text);
	for (size_t i = 0; i < report->cell.bytes; i++)
		if (report->cell.data[i] == '<')
			ta_buf_puts(&report->stacks, "\\u003c");
		else
			ta_buf_putc(&report->stacks, report->cell.data[i]);
	ta_buf_puts(&report->stacks, "}</script>\n");
	return true;
}

/* The row of some span of its trace, if that is in the page. */
static uint32_t near_row(const struct show_trace *trace)
{
	return trace->count ? ((const struct export_span *)trace->spans[0])->row : 0;
}

static uint32_t span_row(const struct show_trace *trace, uint64_t id, uint32_t near)
{
	const struct export_span *span = near && id ? ta_export_find(trace, id) : NULL;

	return span ? span->row : 0;
}

static void put_event(struct report *report, const struct export_event *event, uint32_t near,
		      uint32_t span)
{
	struct ta_json_slice text = ta_export_text(report->store, &event->place, &report->text);
	struct ta_json_slice attributes = ta_export_member(text, "attributes");
	struct ta_json_slice type =
		ta_export_any(ta_export_attribute(attributes, "exception.type"));
	char *name = ta_export_copy(type);
	uint64_t time = event->show.time_ns;
	struct ta_buf *columns = report->captured;

	ta_report_put(&columns[REPORT_C_NEAR], near);
	ta_report_put(&columns[REPORT_C_SPAN], span);
	ta_report_put(&columns[REPORT_C_TIME], time > report->base_ns ? time - report->base_ns : 0);
	ta_report_put(&columns[REPORT_C_SEVERITY], event->show.severity);
	ta_report_put(&columns[REPORT_C_PROCESS], event->place.context->process->number);
	ta_report_put(&columns[REPORT_C_WORD], ta_report_text(&report->texts, event->show.word));
	ta_report_put(&columns[REPORT_C_TEXT], ta_report_text(&report->texts, event->show.text));
	ta_report_put(&columns[REPORT_C_TYPE],
		      name[0] ? ta_report_text(&report->texts, name) + 1u : 0);
	ta_report_put(&columns[REPORT_C_STACK], put_stack(report, attributes));
	ta_report_aside(report, "eventName", ta_export_member(text, "eventName"));
	ta_report_attributes(report, &report->captured_rows, attributes, is_stack);
	report->captured_count++;
	free(name);
}

static void take(void *user, const struct show_trace *trace, struct export_event *event)
{
	struct report *report = user;
	uint32_t near = near_row(trace);

	/* Chosen, but older than what the page is limited to. */
	if (!near && ta_export_find_trace(report->store, trace->hi, trace->lo) == trace)
		return;
	put_event(report, event, near, span_row(trace, event->show.span_id, near));
	ta_cli_progress("events written", report->captured_count);
}

void ta_report_captured(struct report *report)
{
	ta_export_events(report->store, report->filter, take, report);
}
