/* SPDX-License-Identifier: MIT */
/*
 * top_json.c - `tagalong top --json`: one line for each look.
 *
 * Members are only ever added.  _ns: Unix nanoseconds, and durations in nanoseconds.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/top.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/members.h"

static const char *const kind_names[TA_LIVE_KINDS] = { "request", "call", "own", "other" };

static void put_flow(struct ta_buf *buf, const struct top_flow *flow)
{
	ta_member_real(buf, "per_s", flow->rate);
	ta_member_real(buf, "errors_per_s", flow->error_rate);
	ta_member_number(buf, "total", flow->total);
	ta_member_number(buf, "errors", flow->errors);
	ta_member_number(buf, "p50_ns", flow->p50_ns);
	ta_member_number(buf, "p99_ns", flow->p99_ns);
}

static void put_rows(struct ta_buf *buf, const struct top_model *model, const struct top_view *view)
{
	uint32_t count;
	const struct top_row **rows = ta_top_sorted(model, view, &count);

	ta_member_open(buf, "names", '[');
	for (uint32_t i = 0; rows && i < count; i++) {
		ta_member_open(buf, NULL, '{');
		ta_member_words(buf, "kind", kind_names[rows[i]->kind]);
		ta_member_words(buf, "service", rows[i]->service);
		ta_member_words(buf, "name", rows[i]->name);
		put_flow(buf, &rows[i]->flow);
		ta_buf_putc(buf, '}');
	}
	ta_buf_putc(buf, ']');
	free(rows);
}

static void put_open(struct ta_buf *buf, const struct top_model *model)
{
	char id[40];

	ta_member_open(buf, "in_flight", '[');
	for (uint32_t i = 0; i < model->open_count; i++) {
		const struct ta_live_open *one = &model->open[i];

		ta_member_open(buf, NULL, '{');
		ta_member_words(buf, "kind", kind_names[one->kind]);
		ta_member_words(buf, "service", one->service);
		ta_member_words(buf, "name", one->name);
		ta_member_number(buf, "pid", one->pid);
		ta_member_number(buf, "start_ns", one->start_ns);
		snprintf(id, sizeof(id), "%016" PRIx64 "%016" PRIx64, one->trace_hi, one->trace_lo);
		ta_member_words(buf, "trace_id", id);
		snprintf(id, sizeof(id), "%016" PRIx64, one->span_id);
		ta_member_words(buf, "span_id", id);
		ta_buf_putc(buf, '}');
	}
	ta_buf_putc(buf, ']');
}

static void put_lost(struct ta_buf *buf, const struct top_lost *lost)
{
	ta_member_open(buf, "lost", '{');
	ta_member_number(buf, "records", lost->records);
	ta_member_number(buf, "spans", lost->spans);
	ta_member_number(buf, "events", lost->events);
	ta_member_number(buf, "undelivered_spans", lost->undelivered);
	ta_member_open(buf, "causes", '{');
	for (int i = 0; i < TA_LOSS_COUNT; i++)
		if (lost->causes[i])
			ta_member_number(buf, ta_loss_word((enum ta_loss)i), lost->causes[i]);
	ta_buf_puts(buf, "}}");
}

void ta_top_json(FILE *out, const struct top_model *model, const struct top_view *view)
{
	static const char *const sums[TA_LIVE_KINDS] = { "requests", "calls", "own", "other" };
	struct ta_buf buf = { 0 };

	ta_member_open(&buf, NULL, '{');
	ta_member_number(&buf, "version", 1);
	ta_member_number(&buf, "time_ns", model->now_ns);
	ta_member_real(&buf, "interval_s", view->interval_s);
	ta_member_number(&buf, "agents", model->agents);
	ta_member_number(&buf, "programs", model->programs);
	for (int i = 0; i < TA_LIVE_KINDS; i++) {
		ta_member_open(&buf, sums[i], '{');
		put_flow(&buf, &model->kinds[i]);
		ta_buf_putc(&buf, '}');
	}
	put_rows(&buf, model, view);
	ta_member_number(&buf, "in_flight_count", model->open_all);
	put_open(&buf, model);
	ta_member_number(&buf, "waiting_spans", model->waiting_spans);
	put_lost(&buf, &model->lost);
	ta_buf_puts(&buf, "}\n");
	if (!buf.failed)
		fwrite(buf.data, 1, buf.bytes, out);
	ta_buf_fini(&buf);
}
