/* SPDX-License-Identifier: MIT */
/*
 * show_tree.c - one trace as a tree beside a time line.
 *
 * A span whose parent is not in the file (it came over the network, or it is
 * still open) stands at the top.  Files may lie: parents in a circle are cut
 * open, and nothing here recurses.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 24u	 /* deeper spans are indented no further */
#define DURATION_COLUMNS 8u

enum { UNSEEN, CLIMBING, LINKED };

struct layout {
	unsigned int name, bar;
};

static int by_id(const void *a, const void *b)
{
	const struct show_span *x = *(struct show_span *const *)a;
	const struct show_span *y = *(struct show_span *const *)b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int by_start(const void *a, const void *b)
{
	const struct show_span *x = *(struct show_span *const *)a;
	const struct show_span *y = *(struct show_span *const *)b;

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	if (x->end_ns != y->end_ns)
		return x->end_ns > y->end_ns ? -1 : 1;
	return by_id(a, b);
}

/* Of spans sorted by id. */
static void drop_doubles(struct show_trace *trace)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < trace->count; i++) {
		if (kept && trace->spans[kept - 1]->id == trace->spans[i]->id)
			ta_show_span_free(trace->spans[i]);
		else
			trace->spans[kept++] = trace->spans[i];
	}
	trace->count = kept;
}

static struct show_span *find(const struct show_trace *trace, uint64_t id)
{
	struct show_span key = { .id = id }, *key_ptr = &key, **found;

	found = id ? bsearch(&key_ptr, trace->spans, trace->count, sizeof(key_ptr), by_id) : NULL;
	return found ? *found : NULL;
}

/* Follows the parents of span up to the top or to a span that is known to lead
 * there; a circle loses the link that closes it. */
static void check_parents(struct show_span *span)
{
	struct show_span *at = span;

	while (at && at->mark == UNSEEN) {
		at->mark = CLIMBING;
		if (at->parent && at->parent->mark == CLIMBING)
			at->parent = NULL;
		at = at->parent;
	}
	for (at = span; at && at->mark == CLIMBING; at = at->parent)
		at->mark = LINKED;
}

/* Events below their spans, in order of time; spans are sorted by id. */
static void link_events(struct show_trace *trace)
{
	ta_show_sort_events(trace);
	for (uint32_t i = 0; i < trace->event_count; i++) {
		struct show_event *event = trace->events[i];
		struct show_span *span = find(trace, event->span_id);

		event->next = NULL;
		event->linked = span != NULL;
		if (!span)
			continue;
		if (span->last_event)
			span->last_event->next = event;
		else
			span->first_event = event;
		span->last_event = event;
	}
}

/* Children in order of their start below each parent; returns the first of the top. */
static struct show_span *link_spans(struct show_trace *trace)
{
	struct show_span top = { 0 };

	qsort(trace->spans, trace->count, sizeof(trace->spans[0]), by_id);
	drop_doubles(trace);
	for (uint32_t i = 0; i < trace->count; i++) {
		struct show_span *span = trace->spans[i];

		span->mark = UNSEEN;
		span->first_child = span->last_child = span->next = NULL;
		span->first_event = span->last_event = NULL;
		span->parent = find(trace, span->parent_id);
	}
	link_events(trace);
	for (uint32_t i = 0; i < trace->count; i++)
		check_parents(trace->spans[i]);
	qsort(trace->spans, trace->count, sizeof(trace->spans[0]), by_start);
	for (uint32_t i = 0; i < trace->count; i++) {
		struct show_span *span = trace->spans[i];
		struct show_span *parent = span->parent ? span->parent : &top;

		if (parent->last_child)
			parent->last_child->next = span;
		else
			parent->first_child = span;
		parent->last_child = span;
	}
	return top.first_child;
}

static unsigned int depth_of(const struct show_span *span)
{
	unsigned int depth = 0;

	while (span->parent && depth < DEPTH_MAX) {
		span = span->parent;
		depth++;
	}
	return depth;
}

/* The next span in the order of printing. */
static struct show_span *next_in_tree(struct show_span *span)
{
	if (span->first_child)
		return span->first_child;
	while (span && !span->next)
		span = span->parent;
	return span ? span->next : NULL;
}

static unsigned int put_branches(const struct show_screen *screen, const struct show_span *span)
{
	const struct show_span *path[DEPTH_MAX];
	unsigned int depth = depth_of(span);
	const struct show_span *at = span;

	for (unsigned int i = depth; i-- > 0; at = at->parent)
		path[i] = at;
	if (!depth)
		return 0;
	ta_show_style(screen, "2");
	for (unsigned int i = 0; i < depth; i++) {
		bool last = !path[i]->next;

		if (i + 1 < depth)
			fputs(last ? "   " : screen->utf8 ? "\xe2\x94\x82  " : "|  ", screen->out);
		else if (screen->utf8)
			fputs(last ? "\xe2\x94\x94\xe2\x94\x80 " : "\xe2\x94\x9c\xe2\x94\x80 ",
			      screen->out);
		else
			fputs(last ? "`- " : "|- ", screen->out);
	}
	ta_show_style(screen, NULL);
	return depth * 3;
}

static const char *style_of(const struct show_span *span)
{
	if (span->status == 2)
		return "31;1";
	return span->http_status >= 400 ? "33" : "1";
}

static void put_name(const struct show_screen *screen, const struct show_span *span,
		     unsigned int columns)
{
	unsigned int used = put_branches(screen, span);
	unsigned int room = columns > used + 4 ? columns - used : 4;

	ta_show_style(screen, style_of(span));
	used += ta_show_text(screen, span->name, screen->cut ? room : UINT32_MAX);
	ta_show_style(screen, NULL);
	if (used < columns)
		ta_show_pad(screen, columns - used);
}

static void put_duration(const struct show_screen *screen, const struct show_span *span)
{
	char text[32];
	unsigned int width;

	ta_show_duration(screen, span->end_ns - span->start_ns, text, sizeof(text));
	width = ta_show_width(screen, text);
	ta_show_pad(screen, 2 + (width < DURATION_COLUMNS ? DURATION_COLUMNS - width : 0));
	fputs(text, screen->out);
}

/* Where in the trace's time the span lies; at least one cell, so that it is seen. */
static void put_bar(const struct show_screen *screen, const struct show_trace *trace,
		    const struct show_span *span, unsigned int columns)
{
	double whole = (double)(trace->end_ns - trace->start_ns);
	double scale = whole > 0 ? columns / whole : 0;
	unsigned int from = (unsigned int)((double)(span->start_ns - trace->start_ns) * scale + 0.5);
	unsigned int to = (unsigned int)((double)(span->end_ns - trace->start_ns) * scale + 0.5);
	const char *cell = screen->utf8 ? "\xe2\x96\x88" : "#";

	if (whole <= 0)
		to = columns;
	if (from >= columns)
		from = columns - 1;
	if (to > columns)
		to = columns;
	if (to <= from) {
		to = from + 1;
		cell = screen->utf8 ? "\xe2\x96\x8f" : "|";
	}
	ta_show_pad(screen, 2 + from);
	ta_show_style(screen, span->status == 2 ? "31" : "36");
	for (unsigned int i = from; i < to; i++)
		fputs(cell, screen->out);
	ta_show_style(screen, NULL);
	ta_show_pad(screen, columns - to);
}

static bool same_process(const struct show_process *a, const struct show_process *b)
{
	return a->pid == b->pid && strcmp(a->service, b->service) == 0;
}

void ta_show_process(const struct show_process *process, char *out, size_t out_bytes)
{
	const char *service = process->service[0] ? process->service : "unknown";

	if (process->pid)
		snprintf(out, out_bytes, "%s[%" PRIu64 "]", service, process->pid);
	else
		snprintf(out, out_bytes, "%s", service);
}

/* What is left of the line: the process where it is another than above, and notes. */
static void put_notes(const struct show_screen *screen, const struct show_span *span,
		      const struct show_process *above, unsigned int used)
{
	unsigned int room = !screen->cut ? UINT32_MAX : screen->width > used + 2 ?
			    screen->width - used - 2 : 0;
	char process[160] = "";

	if (!same_process(span->process, above))
		ta_show_process(span->process, process, sizeof(process));
	if (process[0] && room > 8) {
		ta_show_pad(screen, 2);
		ta_show_style(screen, "35");
		used = ta_show_text(screen, process, room);
		ta_show_style(screen, NULL);
		room = room == UINT32_MAX ? room : room > used + 2 ? room - used - 2 : 0;
	}
	if (!span->notes[0] || room < 3)
		return;
	ta_show_pad(screen, 2);
	if (span->status == 2)
		ta_show_style(screen, "31");
	ta_show_text(screen, span->notes, room);
	if (span->status == 2)
		ta_show_style(screen, NULL);
}

static struct layout choose_layout(const struct show_screen *screen, struct show_span *first)
{
	struct layout layout = { .name = 12, .bar = screen->width / 5 };
	unsigned int most = screen->width * 2 / 5;

	for (struct show_span *span = first; span; span = next_in_tree(span)) {
		unsigned int width = depth_of(span) * 3 + ta_show_width(screen, span->name);

		if (width > layout.name)
			layout.name = width;
	}
	if (layout.name > most)
		layout.name = most;
	if (layout.bar < 5)
		layout.bar = 5;
	if (layout.bar > 40)
		layout.bar = 40;
	return layout;
}

/* On a terminal too narrow for all of it without the date and parts of seconds. */
static void shorten_time(char *when)
{
	if (strlen(when) < 19)
		return;
	memmove(when, when + 11, 8);
	when[8] = '\0';
}

static void put_title(const struct show_screen *screen, const struct show_trace *trace,
		      const struct show_span *first)
{
	char when[48], duration[32], process[160], count[32];

	ta_show_time(trace->start_ns, when, sizeof(when));
	ta_show_duration(screen, trace->end_ns - trace->start_ns, duration, sizeof(duration));
	ta_show_process(first->process, process, sizeof(process));
	snprintf(count, sizeof(count), "%u span%s", trace->count, trace->count == 1 ? "" : "s");
	unsigned int used = 46 + (unsigned int)strlen(count) + ta_show_width(screen, duration);
	unsigned int own = ta_show_width(screen, process);

	if (screen->cut && used + strlen(when) + own > screen->width)
		shorten_time(when);
	used += (unsigned int)strlen(when);
	ta_show_style(screen, "2");
	fprintf(screen->out, "trace %016" PRIx64 "%016" PRIx64 "  %s  %s  %s  ", trace->hi, trace->lo,
		when, count, duration);
	ta_show_style(screen, NULL);
	ta_show_style(screen, "35");
	ta_show_text(screen, process, !screen->cut ? UINT32_MAX :
				      screen->width > used ? screen->width - used : 1);
	ta_show_style(screen, NULL);
	fputc('\n', screen->out);
}

/* The lines of the tree that pass by on the left of what is below a span. */
static unsigned int put_stems(const struct show_screen *screen, const void *user)
{
	const struct show_span *span = user;
	bool goes_on[DEPTH_MAX + 1];
	unsigned int depth = depth_of(span), count = depth;
	const struct show_span *at = span;

	for (unsigned int i = depth; i-- > 0; at = at->parent)
		goes_on[i] = at->next != NULL;
	goes_on[count++] = span->first_child != NULL;
	ta_show_style(screen, "2");
	for (unsigned int i = 0; i < count; i++)
		fputs(!goes_on[i] ? "   " : screen->utf8 ? "\xe2\x94\x82  " : "|  ", screen->out);
	ta_show_style(screen, NULL);
	return count * 3;
}

static void put_events(const struct show_screen *screen, const struct show_span *span)
{
	for (const struct show_event *event = span->first_event; event; event = event->next) {
		unsigned int used = put_stems(screen, span);

		ta_show_event(screen, event, !screen->cut ? UINT32_MAX : screen->width > used + 8 ?
					     screen->width - used : 8);
		fputc('\n', screen->out);
		ta_show_detail(screen, event, &(struct show_margin){ put_stems, span });
	}
}

/* Those of the trace whose spans are not here. */
static void put_other_events(const struct show_screen *screen, const struct show_trace *trace)
{
	for (uint32_t i = 0; i < trace->event_count; i++) {
		if (trace->events[i]->linked)
			continue;
		ta_show_event(screen, trace->events[i], screen->cut ? screen->width : UINT32_MAX);
		fputc('\n', screen->out);
		ta_show_detail(screen, trace->events[i], &(struct show_margin){ NULL, NULL });
	}
}

void ta_show_trace(const struct show_screen *screen, struct show_trace *trace)
{
	struct show_span *first = link_spans(trace);
	struct layout layout;

	if (!first)
		return;
	layout = choose_layout(screen, first);
	put_title(screen, trace, first);
	for (struct show_span *span = first; span; span = next_in_tree(span)) {
		const struct show_process *above = span->parent ? span->parent->process :
								  first->process;

		put_name(screen, span, layout.name);
		put_duration(screen, span);
		put_bar(screen, trace, span, layout.bar);
		put_notes(screen, span, above, layout.name + 2 + DURATION_COLUMNS + 2 + layout.bar);
		fputc('\n', screen->out);
		put_events(screen, span);
	}
	put_other_events(screen, trace);
	fputc('\n', screen->out);
}
