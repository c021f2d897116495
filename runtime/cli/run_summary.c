/* SPDX-License-Identifier: MIT */
/*
 * run_summary.c - the page at the end of `tagalong run`: what was served, what failed, what
 * took longest, what crashed.
 *
 * Read from what was appended to the two files meanwhile, as `tagalong show` would; of very
 * much only the first READ_MAX bytes, which the page says then.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/run_summary.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/agent/worker.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/show.h"

#define READ_MAX (48u << 20)
#define SERVER 2 /* OTLP's SpanKind and StatusCode */
#define ERROR 2
#define SLOWEST 5u
#define NAMES 128u /* of what failed, told apart */
#define FAILED 3u  /* of them shown */
#define CRASHES 3u

struct reading {
	struct show_store store;
	char *line; /* that is not complete yet */
	size_t line_bytes, line_capacity;
	uint64_t taken;
	bool cut; /* there was more */
};

struct failed {
	const char *name;
	uint16_t http_status;
	uint64_t count;
};

struct page {
	const struct show_screen *screen;
	const struct show_store *store;
	bool requests; /* about spans that were served; else about roots */
	uint64_t spans, errors;
	uint64_t *durations;
	const struct show_span *slowest[SLOWEST];
	const struct show_trace *traces[SLOWEST]; /* theirs */
	struct failed failed[NAMES];
	uint32_t failed_count;
};

static const struct show_margin none = { NULL, NULL };

/* ---- reading ---- */

static void append(struct reading *reading, const char *data, size_t bytes)
{
	if (reading->line_bytes + bytes > reading->line_capacity) {
		reading->line_capacity = (reading->line_bytes + bytes) * 2;
		reading->line = ta_show_alloc(reading->line, reading->line_capacity);
	}
	memcpy(reading->line + reading->line_bytes, data, bytes);
	reading->line_bytes += bytes;
}

static void take(void *user, const char *data, size_t bytes)
{
	struct reading *reading = user;

	while (bytes && !reading->cut) {
		const char *end = memchr(data, '\n', bytes);
		size_t length = end ? (size_t)(end - data) + 1 : bytes;

		append(reading, data, length);
		reading->taken += length;
		if (end) {
			ta_show_read_line(&reading->store, reading->line, reading->line_bytes);
			reading->line_bytes = 0;
			reading->cut = reading->taken > READ_MAX;
		}
		data += length;
		bytes -= length;
	}
}

/* ---- counting ---- */

static bool has_requests(const struct show_store *store)
{
	for (uint32_t i = 0; i < store->count; i++)
		for (uint32_t k = 0; k < store->traces[i]->count; k++)
			if (store->traces[i]->spans[k]->kind == SERVER)
				return true;
	return false;
}

static uint64_t duration_of(const struct show_span *span)
{
	return span->end_ns > span->start_ns ? span->end_ns - span->start_ns : 0;
}

static void note_slow(struct page *page, const struct show_trace *trace,
		      const struct show_span *span)
{
	uint32_t place = SLOWEST;

	while (place > 0 && (!page->slowest[place - 1] ||
			     duration_of(page->slowest[place - 1]) < duration_of(span)))
		place--;
	if (place == SLOWEST)
		return;
	memmove(&page->slowest[place + 1], &page->slowest[place],
		(SLOWEST - place - 1) * sizeof(page->slowest[0]));
	memmove(&page->traces[place + 1], &page->traces[place],
		(SLOWEST - place - 1) * sizeof(page->traces[0]));
	page->slowest[place] = span;
	page->traces[place] = trace;
}

static void note_failed(struct page *page, const struct show_span *span)
{
	uint32_t i = 0;

	while (i < page->failed_count && (page->failed[i].http_status != span->http_status ||
					  strcmp(page->failed[i].name, span->name) != 0))
		i++;
	if (i == NAMES)
		return;
	if (i == page->failed_count)
		page->failed[page->failed_count++] =
			(struct failed){ .name = span->name, .http_status = span->http_status };
	page->failed[i].count++;
}

static void count_span(struct page *page, const struct show_trace *trace,
		       const struct show_span *span)
{
	if (page->requests ? span->kind != SERVER : span->parent_id != 0)
		return;
	page->durations[page->spans++] = duration_of(span);
	note_slow(page, trace, span);
	if (span->status != ERROR)
		return;
	page->errors++;
	note_failed(page, span);
}

static int by_size(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

static int by_count(const void *left, const void *right)
{
	const struct failed *a = left, *b = right;

	return a->count > b->count ? -1 : a->count < b->count;
}

static void count_all(struct page *page)
{
	const struct show_store *store = page->store;
	size_t spans = 1;

	for (uint32_t i = 0; i < store->count; i++)
		spans += store->traces[i]->count;
	page->durations = ta_show_alloc(NULL, spans * sizeof(page->durations[0]));
	page->requests = has_requests(store);
	for (uint32_t i = 0; i < store->count; i++)
		for (uint32_t k = 0; k < store->traces[i]->count; k++)
			count_span(page, store->traces[i], store->traces[i]->spans[k]);
	qsort(page->durations, page->spans, sizeof(page->durations[0]), by_size);
	qsort(page->failed, page->failed_count, sizeof(page->failed[0]), by_count);
}

/* ---- saying ---- */

static void put_sums(const struct page *page, double seconds, bool cut)
{
	char p50[32], p99[32], rate[48] = "", errors[64] = "no errors";

	if (!page->spans)
		return;
	ta_show_duration(page->screen, page->durations[(page->spans - 1) / 2], p50, sizeof(p50));
	ta_show_duration(page->screen, page->durations[(page->spans - 1) * 99 / 100], p99,
			 sizeof(p99));
	if (page->requests && seconds >= 1)
		snprintf(rate, sizeof(rate), " (%.3g/s)", (double)page->spans / seconds);
	if (page->errors)
		snprintf(errors, sizeof(errors), "%" PRIu64 " error%s (%.1f %%)", page->errors,
			 page->errors == 1 ? "" : "s",
			 100.0 * (double)page->errors / (double)page->spans);
	ta_show_line(page->screen, &none, 2, page->errors ? "33" : NULL,
		     "%-9s %" PRIu64 "%s, %s, p50 %s, p99 %s%s", page->requests ? "requests" : "roots",
		     page->spans, rate, errors, p50, p99,
		     cut ? "; of the first part of a long recording" : "");
}

static void put_slowest(const struct page *page)
{
	char took[32];

	for (uint32_t i = 0; i < SLOWEST && page->slowest[i]; i++) {
		ta_show_duration(page->screen, duration_of(page->slowest[i]), took, sizeof(took));
		/* The trace's id first: it is what one copies, and names may be long. */
		ta_show_line(page->screen, &none, 2, NULL, "%-9s %016" PRIx64 "%016" PRIx64 "  %8s  %s",
			     i ? "" : "slowest", page->traces[i]->hi, page->traces[i]->lo, took,
			     page->slowest[i]->name);
	}
}

static void put_failed(const struct page *page)
{
	char status[16] = "";

	for (uint32_t i = 0; i < FAILED && i < page->failed_count; i++) {
		const struct failed *failed = &page->failed[i];

		status[0] = '\0';
		if (failed->http_status)
			snprintf(status, sizeof(status), "  %u", failed->http_status);
		ta_show_line(page->screen, &none, 2, "33", "%-9s %7" PRIu64 "  %s%s",
			     i ? "" : "errors", failed->count, failed->name, status);
	}
}

static void put_crashes(const struct page *page)
{
	char process[160];
	uint32_t crashes = 0;

	for (uint32_t i = 0; i < page->store->count; i++) {
		const struct show_trace *trace = page->store->traces[i];

		for (uint32_t k = 0; k < trace->event_count; k++) {
			const struct show_event *event = trace->events[k];

			if (!ta_show_attribute(event->attributes, "tagalong.signal.number") ||
			    crashes++ >= CRASHES)
				continue;
			ta_show_process(event->process, process, sizeof(process));
			ta_show_line(page->screen, &none, 2, "31;1", "%-9s %s  %s",
				     crashes == 1 ? "crashed" : "", process, event->text);
		}
	}
	if (crashes > CRASHES)
		ta_show_line(page->screen, &none, 2, "31;1", "          and %u more",
			     crashes - CRASHES);
}

static void put_next(const struct page *page, const char *file, const char *program)
{
	static const struct {
		const char *verb, *options, *what;
	} next[] = { { "show", "", "the traces, the newest last" },
		     { "show", "--errors ", "those with errors" },
		     { "report", "", "a page for the browser" } };

	for (size_t i = 0; i < sizeof(next) / sizeof(next[0]); i++)
		if (ta_cli_verb(next[i].verb) && (page->errors || !next[i].options[0]))
			ta_show_line(page->screen, &none, 2, NULL, "%-9s tagalong %s %s%s   %s",
				     i ? "" : "next", next[i].verb, next[i].options, file,
				     next[i].what);
	ta_show_line(page->screen, &none, 2, NULL, "%-9s tagalong top   while %s runs", "", program);
}

void ta_cli_run_page(const struct ta_cli_tally *spans, const struct ta_cli_tally *events,
		     const char *file, const char *program, double seconds)
{
	struct show_screen screen = ta_show_screen(stderr, "auto");
	struct reading reading = { .store = { .pass = 1, .verbose = true } };
	struct page page = { .screen = &screen, .store = &reading.store };

	ta_cli_tally_read(spans, take, &reading);
	bool cut = reading.cut;

	reading.cut = false;
	reading.taken = reading.line_bytes = 0;
	ta_cli_tally_read(events, take, &reading);
	count_all(&page);
	put_sums(&page, seconds, cut);
	put_slowest(&page);
	put_failed(&page);
	put_crashes(&page);
	put_next(&page, file, program);
	fflush(stderr);
	free(page.durations);
	free(reading.line);
	ta_show_store_clear(&reading.store);
}
