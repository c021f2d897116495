/* SPDX-License-Identifier: MIT */
/*
 * top_sheet.c - what `tagalong top` shows: sums, names, what is under way, the keys.
 *
 * No line is wider than the screen, and a limited sheet has exactly its height.  A narrow
 * screen has fewer columns, a low one fewer rows of what is under way.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/top.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PLAIN_ROWS 40u /* of a sheet without limit */
#define PLAIN_OPEN 10u
#define SERVICE_MAX 20u

struct sheet {
	const struct show_screen *screen;
	const struct top_model *model;
	const struct top_view *view;
	unsigned int height, line; /* lines so far */
	const char *line_end;
};

/* A limited sheet takes no further line. */
static bool is_full(const struct sheet *sheet)
{
	return sheet->height && sheet->line >= sheet->height;
}

static void end_line(struct sheet *sheet)
{
	sheet->line++;
	if (!sheet->height || sheet->line < sheet->height)
		fputs(sheet->line_end, sheet->screen->out);
}

/* A line in one style (or NULL), cut at the edge. */
__attribute__((format(printf, 3, 4))) static void put(struct sheet *sheet, const char *style,
						      const char *format, ...)
{
	char text[1024];
	va_list args;

	if (is_full(sheet))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (style)
		ta_show_style(sheet->screen, style);
	ta_show_text(sheet->screen, text, sheet->screen->width);
	if (style)
		ta_show_style(sheet->screen, NULL);
	end_line(sheet);
}

/* "0", "0.25", "12.3", "1234" */
static void number(double value, char out[24])
{
	if (value > 0 && value < 99.95)
		snprintf(out, 24, value < 9.995 ? "%.2f" : "%.1f", value);
	else
		snprintf(out, 24, "%.0f", value < 1e15 ? value : 1e15);
}

static void duration(const struct sheet *sheet, uint64_t ns, char out[24])
{
	if (ns)
		ta_show_duration(sheet->screen, ns, out, 24);
	else
		strcpy(out, "-");
}

/* ---- the head ---- */

static void put_title(struct sheet *sheet)
{
	const struct top_model *model = sheet->model;
	time_t seconds = (time_t)(model->now_ns / 1000000000);
	char when[24] = "", interval[24];
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(when, sizeof(when), "%H:%M:%S", &tm);
	snprintf(interval, sizeof(interval), "%g s", sheet->view->interval_s);
	put(sheet, "1", "tagalong top  %s  every %s  %u agent%s, %u program%s%s", when, interval,
	    model->agents, model->agents == 1 ? "" : "s", model->programs,
	    model->programs == 1 ? "" : "s", sheet->view->paused ? "  PAUSED" : "");
}

static void put_requests(struct sheet *sheet)
{
	const struct top_flow *flow = &sheet->model->kinds[TA_LIVE_REQUEST];
	char rate[24], errors[24], p50[24], p99[24], share[40] = "";

	number(flow->rate, rate);
	number(flow->error_rate, errors);
	duration(sheet, flow->p50_ns, p50);
	duration(sheet, flow->p99_ns, p99);
	if (flow->rate > 0 && flow->error_rate > 0)
		snprintf(share, sizeof(share), " (%.1f %%)", 100 * flow->error_rate / flow->rate);
	put(sheet, flow->error_rate > 0 ? "33" : NULL,
	    "requests %s/s  errors %s/s%s  p50 %s  p99 %s  in all %" PRIu64 ", errors %" PRIu64, rate,
	    errors, share, p50, p99, flow->total, flow->errors);
}

static void put_others(struct sheet *sheet)
{
	const struct top_model *model = sheet->model;
	char calls[24], own[24], other[24];

	number(model->kinds[TA_LIVE_CALL].rate, calls);
	number(model->kinds[TA_LIVE_OWN].rate, own);
	number(model->kinds[TA_LIVE_OTHER].rate, other);
	put(sheet, NULL, "calls %s/s  own spans %s/s  other %s/s  in flight %" PRIu64
	    "  waiting to be sent %" PRIu64, calls, own, other, model->open_all,
	    model->waiting_spans);
}

static void append(char *text, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void append(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, size - used, format, args);
	va_end(args);
}

static void put_losses(struct sheet *sheet)
{
	const struct top_lost *lost = &sheet->model->lost;
	char text[512] = "lost ";

	if (!(lost->records | lost->spans | lost->events | lost->undelivered)) {
		put(sheet, "2", "lost nothing");
		return;
	}
	if (lost->records)
		append(text, sizeof(text), " %" PRIu64 " records", lost->records);
	for (int i = 0; i < TA_LOSS_COUNT; i++)
		if (lost->causes[i])
			append(text, sizeof(text), " (%s %" PRIu64 ")", ta_loss_word((enum ta_loss)i),
			       lost->causes[i]);
	if (lost->spans | lost->events)
		append(text, sizeof(text), "  by the agent %" PRIu64 " spans, %" PRIu64 " events",
		       lost->spans, lost->events);
	if (lost->undelivered)
		append(text, sizeof(text), "  not delivered %" PRIu64 " spans", lost->undelivered);
	put(sheet, "31;1", "%s", text);
}

/* ---- names ---- */

enum column { RATE, ERRORS, P50, P99, TOTAL, COLUMNS };

static const struct {
	const char *head;
	unsigned int width, from; /* which screens have it */
	enum top_sort sort;
} columns[COLUMNS] = {
	[RATE] = { "RATE/S", 8, 0, TOP_RATE },	   [ERRORS] = { "ERR/S", 7, 50, TOP_ERRORS },
	[P50] = { "P50", 8, 58, TOP_P50 },	   [P99] = { "P99", 8, 0, TOP_P99 },
	[TOTAL] = { "TOTAL", 10, 70, TOP_TOTAL },
};

static void value_text(const struct sheet *sheet, const struct top_flow *flow, int column,
		       char out[24])
{
	if (column == RATE)
		number(flow->rate, out);
	else if (column == ERRORS)
		number(flow->error_rate, out);
	else if (column == P50)
		duration(sheet, flow->p50_ns, out);
	else if (column == P99)
		duration(sheet, flow->p99_ns, out);
	else
		snprintf(out, 24, "%" PRIu64, flow->total);
}

/* To the right side of its columns; how many that are. */
static unsigned int put_right(const struct sheet *sheet, const char *text, unsigned int width)
{
	unsigned int own = ta_show_width(sheet->screen, text);

	ta_show_pad(sheet->screen, own < width ? width - own : 0);
	return ta_show_text(sheet->screen, text, UINT32_MAX) + (own < width ? width - own : 0);
}

static unsigned int put_left(const struct sheet *sheet, const char *text, unsigned int width)
{
	unsigned int used = ta_show_text(sheet->screen, text, width);

	ta_show_pad(sheet->screen, width - used);
	return width;
}

/* Service and name, in what is left of the line. */
static void put_names(struct sheet *sheet, unsigned int used, const char *service,
		      unsigned int service_width, const char *name)
{
	unsigned int width = sheet->screen->width;

	ta_show_pad(sheet->screen, 2);
	used += 2;
	if (service_width && used + service_width + 2 < width) {
		used += put_left(sheet, service, service_width) + 2;
		ta_show_pad(sheet->screen, 2);
	}
	ta_show_text(sheet->screen, name, width > used ? width - used : 0);
	end_line(sheet);
}

static void put_heads(struct sheet *sheet, unsigned int service_width)
{
	unsigned int used = 0;
	char head[24];

	if (is_full(sheet))
		return;
	ta_show_style(sheet->screen, "7");
	for (int i = 0; i < COLUMNS; i++) {
		if (columns[i].from > sheet->screen->width)
			continue;
		snprintf(head, sizeof(head), "%s%s",
			 columns[i].sort == sheet->view->sort ? "*" : "", columns[i].head);
		used += put_right(sheet, head, columns[i].width);
	}
	snprintf(head, sizeof(head), "%sNAME", sheet->view->sort == TOP_NAME ? "*" : "");
	ta_show_pad(sheet->screen, 2);
	used += 2;
	if (service_width && used + service_width + 2 < sheet->screen->width) {
		used += put_left(sheet, "SERVICE", service_width) + 2;
		ta_show_pad(sheet->screen, 2);
	}
	put_left(sheet, head, sheet->height && sheet->screen->width > used ?
				      sheet->screen->width - used : 5);
	ta_show_style(sheet->screen, NULL);
	end_line(sheet);
}

static void put_row(struct sheet *sheet, const struct top_row *row, unsigned int service_width)
{
	unsigned int used = 0;
	char text[24];

	if (is_full(sheet))
		return;
	if (row->flow.error_rate > 0)
		ta_show_style(sheet->screen, "33");
	for (int i = 0; i < COLUMNS; i++) {
		if (columns[i].from > sheet->screen->width)
			continue;
		value_text(sheet, &row->flow, i, text);
		used += put_right(sheet, text, columns[i].width);
	}
	if (row->flow.error_rate > 0)
		ta_show_style(sheet->screen, NULL);
	put_names(sheet, used, row->service, service_width, row->name);
}

static unsigned int widest_service(const struct sheet *sheet, const struct top_row **rows,
				   uint32_t count)
{
	unsigned int width = 7;

	for (uint32_t i = 0; i < count; i++) {
		unsigned int own = ta_show_width(sheet->screen, rows[i]->service);

		width = own > width ? own : width;
	}
	if (width > SERVICE_MAX)
		width = SERVICE_MAX;
	return sheet->screen->width >= 60 ? width : 0;
}

static void say_empty(struct sheet *sheet)
{
	const struct top_model *model = sheet->model;

	if (!model->agents)
		put(sheet, NULL, "no agent is running: start a program with `tagalong run PROGRAM`");
	else if (model->other_version == model->agents)
		put(sheet, NULL, "an agent of another version says nothing here: use its own tagalong");
	else if (!model->shown)
		put(sheet, NULL, "waiting for what the agents see from now on");
	else if (sheet->view->kind == TA_LIVE_KINDS)
		put(sheet, NULL, "nothing has ended yet");
	else
		put(sheet, NULL, "no %s yet; v shows other spans",
		    ta_top_kind_word(sheet->view->kind));
}

static void put_rows(struct sheet *sheet, uint32_t most)
{
	uint32_t count;
	const struct top_row **rows = ta_top_sorted(sheet->model, sheet->view, &count);

	if (!rows)
		return;
	unsigned int service_width = widest_service(sheet, rows, count);

	put_heads(sheet, service_width);
	if (!count)
		say_empty(sheet);
	for (uint32_t i = 0; i < count && i < most; i++)
		put_row(sheet, rows[i], service_width);
	free(rows);
}

/* ---- what is under way ---- */

static void put_open(struct sheet *sheet, const struct ta_live_open *open)
{
	uint64_t now_ns = sheet->model->now_ns;
	unsigned int width = sheet->screen->width, used;
	char text[TA_LIVE_SERVICE + TA_LIVE_NAME + 80];
	char age[24];

	if (is_full(sheet))
		return;
	duration(sheet, now_ns > open->start_ns ? now_ns - open->start_ns : 1, age);
	used = put_right(sheet, age, columns[RATE].width);
	snprintf(text, sizeof(text), "  %s  %s[%u]  trace %016" PRIx64 "%016" PRIx64, open->name,
		 open->service, open->pid, open->trace_hi, open->trace_lo);
	ta_show_text(sheet->screen, text, width > used ? width - used : 0);
	end_line(sheet);
}

static uint32_t open_lines(const struct sheet *sheet)
{
	uint32_t most = sheet->height ? sheet->height / 4 : PLAIN_OPEN;

	return sheet->model->open_count < most ? sheet->model->open_count : most;
}

/* With its own headline. */
static void put_under_way(struct sheet *sheet)
{
	uint32_t lines = open_lines(sheet);

	if (!lines)
		return;
	put(sheet, "7", "IN FLIGHT  %" PRIu64 ", the longest so far", sheet->model->open_all);
	for (uint32_t i = 0; i < lines; i++)
		put_open(sheet, &sheet->model->open[i]);
}

/* ---- the keys ---- */

static void put_keys(struct sheet *sheet)
{
	char view[40], text[256] = "q quit";
	const char *const keys[] = { view,	"r rate", "e errors", "m p50", "p p99", "t total",
				     "n name", "space pause", "z zero" };

	snprintf(view, sizeof(view), "v view: %s", ta_top_kind_word(sheet->view->kind));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strlen(text) + 2 + strlen(keys[i]) <= sheet->screen->width)
			append(text, sizeof(text), "  %s", keys[i]);
	put(sheet, "2", "%s", text);
}

/* Rows, then empty lines, what is under way, and the keys at the bottom. */
static void put_limited(struct sheet *sheet)
{
	uint32_t below = open_lines(sheet);
	unsigned int taken;

	below += below > 0;
	taken = sheet->line + below + 2; /* with the heads and the keys */
	put_rows(sheet, sheet->height > taken ? sheet->height - taken : 0);
	while (sheet->line + below + 1 < sheet->height)
		put(sheet, NULL, "%s", "");
	put_under_way(sheet);
	put_keys(sheet);
}

void ta_top_sheet(const struct show_screen *screen, const struct top_model *model,
		  const struct top_view *view, unsigned int height, const char *line_end)
{
	struct sheet sheet = { screen, model, view, height, 0, line_end };

	put_title(&sheet);
	put_requests(&sheet);
	put_others(&sheet);
	put_losses(&sheet);
	if (height) {
		put_limited(&sheet);
		return;
	}
	put_rows(&sheet, PLAIN_ROWS);
	put_under_way(&sheet);
	fputs(line_end, screen->out);
}
