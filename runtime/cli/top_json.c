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
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/export/buf.h"

static const char *const kind_names[TA_LIVE_KINDS] = { "request", "call", "own", "other" };

static void separate(struct ta_buf *buf)
{
	if (buf->bytes && !strchr("{[:", buf->data[buf->bytes - 1]))
		ta_buf_putc(buf, ',');
}

static void key(struct ta_buf *buf, const char *name)
{
	separate(buf);
	ta_buf_put_json(buf, name, strlen(name));
	ta_buf_putc(buf, ':');
}

static void open(struct ta_buf *buf, const char *name, char bracket)
{
	if (name)
		key(buf, name);
	else
		separate(buf);
	ta_buf_putc(buf, bracket);
}

static void number(struct ta_buf *buf, const char *name, uint64_t value)
{
	key(buf, name);
	ta_buf_put_u64(buf, value);
}

static void real(struct ta_buf *buf, const char *name, double value)
{
	char text[400];

	snprintf(text, sizeof(text), "%.3f", isfinite(value) ? value : 0.0);
	key(buf, name);
	ta_buf_puts(buf, text);
}

static void words(struct ta_buf *buf, const char *name, const char *value)
{
	key(buf, name);
	ta_buf_put_json(buf, value, strlen(value));
}

static void put_flow(struct ta_buf *buf, const struct top_flow *flow)
{
	real(buf, "per_s", flow->rate);
	real(buf, "errors_per_s", flow->error_rate);
	number(buf, "total", flow->total);
	number(buf, "errors", flow->errors);
	number(buf, "p50_ns", flow->p50_ns);
	number(buf, "p99_ns", flow->p99_ns);
}

static void put_rows(struct ta_buf *buf, const struct top_model *model, const struct top_view *view)
{
	uint32_t count;
	const struct top_row **rows = ta_top_sorted(model, view, &count);

	open(buf, "names", '[');
	for (uint32_t i = 0; rows && i < count; i++) {
		open(buf, NULL, '{');
		words(buf, "kind", kind_names[rows[i]->kind]);
		words(buf, "service", rows[i]->service);
		words(buf, "name", rows[i]->name);
		put_flow(buf, &rows[i]->flow);
		ta_buf_putc(buf, '}');
	}
	ta_buf_putc(buf, ']');
	free(rows);
}

static void put_open(struct ta_buf *buf, const struct top_model *model)
{
	char id[40];

	open(buf, "in_flight", '[');
	for (uint32_t i = 0; i < model->open_count; i++) {
		const struct ta_live_open *one = &model->open[i];

		open(buf, NULL, '{');
		words(buf, "kind", kind_names[one->kind]);
		words(buf, "service", one->service);
		words(buf, "name", one->name);
		number(buf, "pid", one->pid);
		number(buf, "start_ns", one->start_ns);
		snprintf(id, sizeof(id), "%016" PRIx64 "%016" PRIx64, one->trace_hi, one->trace_lo);
		words(buf, "trace_id", id);
		snprintf(id, sizeof(id), "%016" PRIx64, one->span_id);
		words(buf, "span_id", id);
		ta_buf_putc(buf, '}');
	}
	ta_buf_putc(buf, ']');
}

static void put_lost(struct ta_buf *buf, const struct top_lost *lost)
{
	open(buf, "lost", '{');
	number(buf, "records", lost->records);
	number(buf, "spans", lost->spans);
	number(buf, "events", lost->events);
	number(buf, "undelivered_spans", lost->undelivered);
	open(buf, "causes", '{');
	for (int i = 0; i < TA_LOSS_COUNT; i++)
		if (lost->causes[i])
			number(buf, ta_loss_word((enum ta_loss)i), lost->causes[i]);
	ta_buf_puts(buf, "}}");
}

void ta_top_json(FILE *out, const struct top_model *model, const struct top_view *view)
{
	static const char *const sums[TA_LIVE_KINDS] = { "requests", "calls", "own", "other" };
	struct ta_buf buf = { 0 };

	open(&buf, NULL, '{');
	number(&buf, "version", 1);
	number(&buf, "time_ns", model->now_ns);
	real(&buf, "interval_s", view->interval_s);
	number(&buf, "agents", model->agents);
	number(&buf, "programs", model->programs);
	for (int i = 0; i < TA_LIVE_KINDS; i++) {
		open(&buf, sums[i], '{');
		put_flow(&buf, &model->kinds[i]);
		ta_buf_putc(&buf, '}');
	}
	put_rows(&buf, model, view);
	number(&buf, "in_flight_count", model->open_all);
	put_open(&buf, model);
	number(&buf, "waiting_spans", model->waiting_spans);
	put_lost(&buf, &model->lost);
	ta_buf_puts(&buf, "}\n");
	if (!buf.failed)
		fwrite(buf.data, 1, buf.bytes, out);
	ta_buf_fini(&buf);
}
