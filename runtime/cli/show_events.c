/* SPDX-License-Identifier: MIT */
/*
 * show_events.c - what was captured: one line each, below its span or by itself.
 *
 * "!" stands before errors, "*" before what is less, "-" before what a span recorded.  What
 * there is to say about a crash follows (show_detail.c).
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEVERITY_WARNING 13
#define SEVERITY_ERROR 17

void ta_show_time(uint64_t ns, char *out, size_t out_bytes)
{
	time_t seconds = (time_t)(ns / 1000000000);
	char when[40] = "?";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(out, out_bytes, "%s.%03u", when, (unsigned int)(ns / 1000000 % 1000));
}

static int compare(const struct show_event *a, const struct show_event *b)
{
	int order;

	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	if (a->span_id != b->span_id)
		return a->span_id < b->span_id ? -1 : 1;
	order = strcmp(a->id, b->id);
	if (!order)
		order = strcmp(a->word, b->word);
	return order ? order : strcmp(a->text, b->text);
}

static int by_time(const void *a, const void *b)
{
	return compare(*(struct show_event *const *)a, *(struct show_event *const *)b);
}

void ta_show_sort_events(struct show_trace *trace)
{
	uint32_t kept = 0;

	if (trace->event_count < 2)
		return;
	qsort(trace->events, trace->event_count, sizeof(trace->events[0]), by_time);
	for (uint32_t i = 0; i < trace->event_count; i++) {
		if (kept && compare(trace->events[kept - 1], trace->events[i]) == 0)
			ta_show_event_free(trace->events[i]);
		else
			trace->events[kept++] = trace->events[i];
	}
	trace->event_count = kept;
}

static const char *style_of(const struct show_event *event)
{
	if (event->severity >= SEVERITY_ERROR)
		return "31;1";
	return event->severity >= SEVERITY_WARNING ? "33" : "2";
}

void ta_show_event(const struct show_screen *screen, const struct show_event *event,
		   unsigned int max)
{
	const char *mark = event->of_span ? "-" : event->severity >= SEVERITY_ERROR ? "!" : "*";
	unsigned int used = 2;

	ta_show_style(screen, style_of(event));
	fputs(mark, screen->out);
	if (event->word[0]) {
		fputc(' ', screen->out);
		used += ta_show_text(screen, event->word, max > used ? max - used : 0);
	}
	ta_show_style(screen, NULL);
	if (!event->text[0] || max < used + 4)
		return;
	fputs("  ", screen->out);
	ta_show_text(screen, event->text, max == UINT32_MAX ? max : max - used - 2);
}

static void put_loose(const struct show_screen *screen, const struct show_trace *trace,
		      const struct show_event *event)
{
	char when[48], process[160];

	ta_show_time(event->time_ns, when, sizeof(when));
	ta_show_process(event->process, process, sizeof(process));
	ta_show_style(screen, "2");
	fprintf(screen->out, "event %s  ", when);
	ta_show_style(screen, NULL);
	ta_show_style(screen, "35");
	ta_show_text(screen, process, UINT32_MAX);
	ta_show_style(screen, NULL);
	fputs("  ", screen->out);
	ta_show_event(screen, event, UINT32_MAX);
	if (trace->hi | trace->lo)
		fprintf(screen->out, "  trace %016" PRIx64 "%016" PRIx64, trace->hi, trace->lo);
	fputc('\n', screen->out);
	ta_show_detail(screen, event, &(struct show_margin){ NULL, NULL });
}

struct loose {
	const struct show_trace *trace;
	const struct show_event *event;
};

static int loose_by_time(const void *a, const void *b)
{
	return compare(((const struct loose *)a)->event, ((const struct loose *)b)->event);
}

static bool is_loose(const struct show_store *store, const struct show_trace *trace,
		     const struct show_event *event, bool only_now)
{
	if (event->of_span)
		return false;
	if (only_now)
		return event->pass == store->pass && trace->touched != store->pass;
	return trace->count == 0;
}

uint32_t ta_show_loose_events(const struct show_screen *screen, struct show_store *store,
			      const struct show_filter *filter, unsigned long limit, bool only_now)
{
	struct loose *chosen = NULL;
	uint32_t count = 0, capacity = 0, first = 0;

	for (uint32_t i = 0; i < store->count; i++) {
		struct show_trace *trace = store->traces[i];

		ta_show_sort_events(trace);
		for (uint32_t j = 0; j < trace->event_count; j++) {
			if (!is_loose(store, trace, trace->events[j], only_now) ||
			    !ta_show_filter_event(filter, trace, trace->events[j]))
				continue;
			if (count == capacity) {
				capacity = capacity * 2 + 64;
				chosen = ta_show_alloc(chosen, capacity * sizeof(*chosen));
			}
			chosen[count++] = (struct loose){ trace, trace->events[j] };
		}
	}
	if (count)
		qsort(chosen, count, sizeof(*chosen), loose_by_time);
	if (limit && count > limit)
		first = count - (uint32_t)limit;
	for (uint32_t i = first; i < count; i++)
		put_loose(screen, chosen[i].trace, chosen[i].event);
	free(chosen);
	return count;
}
