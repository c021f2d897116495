/* SPDX-License-Identifier: MIT */
/*
 * export_select.c - which traces are exported, each span once and below its parent.
 *
 * Parents come from files: they may be missing, elsewhere, or form a ring.  A ring is cut
 * where it was entered.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/export.h"

#include <stdlib.h>
#include <string.h>

static const struct export_span *span_at(const void *element)
{
	return *(const struct export_span *const *)element;
}

static int by_span_id(const void *a, const void *b)
{
	uint64_t x = span_at(a)->show.id, y = span_at(b)->show.id;

	return x < y ? -1 : x > y;
}

static int by_start(const void *a, const void *b)
{
	const struct show_trace *x = *(struct show_trace *const *)a;
	const struct show_trace *y = *(struct show_trace *const *)b;

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return x->hi != y->hi ? (x->hi < y->hi ? -1 : 1) : x->lo < y->lo ? -1 : x->lo > y->lo;
}

static int by_trace_id(const void *a, const void *b)
{
	const struct show_trace *x = *(struct show_trace *const *)a;
	const struct show_trace *y = *(struct show_trace *const *)b;

	return x->hi != y->hi ? (x->hi < y->hi ? -1 : 1) : x->lo < y->lo ? -1 : x->lo > y->lo;
}

/* In the order of ids; one remains of those with the same id (a batch that was written
 * again). */
static void once_each(struct export_store *store, struct show_trace *trace)
{
	uint32_t kept = 0;

	qsort(trace->spans, trace->count, sizeof(trace->spans[0]), by_span_id);
	for (uint32_t i = 0; i < trace->count; i++) {
		struct show_span *span = trace->spans[i];

		if (kept && trace->spans[kept - 1]->id == span->id) {
			span->next = store->dead;
			store->dead = span;
			continue;
		}
		trace->spans[kept++] = span;
		((struct export_span *)span)->trace = trace;
	}
	trace->count = kept;
}

struct export_span *ta_export_find(const struct show_trace *trace, uint64_t id)
{
	uint32_t low = 0, high = trace->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (trace->spans[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < trace->count && trace->spans[low]->id == id ?
		       (struct export_span *)trace->spans[low] : NULL;
}

const struct show_trace *ta_export_find_trace(const struct export_store *store, uint64_t hi,
					      uint64_t lo)
{
	const struct show_trace wanted = { .hi = hi, .lo = lo }, *key = &wanted;
	struct show_trace *const *found =
		store->trace_count ? bsearch(&key, store->by_id, store->trace_count,
					     sizeof(store->by_id[0]), by_trace_id) : NULL;

	return found ? *found : NULL;
}

static bool same_process(const struct export_span *a, const struct export_span *b)
{
	return a->place.context->process == b->place.context->process;
}

static void settle(struct export_span *span)
{
	struct export_span *parent = (struct export_span *)span->show.parent;

	span->depth = parent ? parent->depth + 1 : 1;
	/* What a thread does is done on that thread, though only its own span says which. */
	if (parent && !span->tid && same_process(span, parent))
		span->tid = parent->tid;
	span->found_depth = true;
	span->climbing = false;
}

/* Up to what is known, and down again.  path has room for all spans of the trace. */
static void climb(struct export_span *span, struct export_span **path)
{
	uint32_t steps = 0;

	while (span && !span->found_depth) {
		struct export_span *parent = (struct export_span *)span->show.parent;

		span->climbing = true;
		path[steps++] = span;
		if (parent && parent->climbing)
			span->show.parent = NULL; /* a ring */
		span = (struct export_span *)span->show.parent;
	}
	while (steps)
		settle(path[--steps]);
}

static void find_parents(struct show_trace *trace)
{
	struct export_span **path = ta_show_alloc(NULL, (trace->count + 1) * sizeof(path[0]));

	for (uint32_t i = 0; i < trace->count; i++)
		if (trace->spans[i]->parent_id)
			trace->spans[i]->parent = (struct show_span *)ta_export_find(
				trace, trace->spans[i]->parent_id);
	for (uint32_t i = 0; i < trace->count; i++)
		climb((struct export_span *)trace->spans[i], path);
	free(path);
}

void ta_export_select(struct export_store *store, const struct show_filter *filter)
{
	struct show_store *show = &store->show;
	size_t bytes = (show->count + 1) * sizeof(store->traces[0]);

	store->traces = ta_show_alloc(NULL, bytes);
	for (uint32_t i = 0; i < show->count; i++) {
		struct show_trace *trace = show->traces[i];

		if (!trace->count || trace->end_ns < store->since_ns ||
		    !ta_show_filter_trace(filter, trace))
			continue;
		once_each(store, trace);
		find_parents(trace);
		store->traces[store->trace_count++] = trace;
	}
	store->by_id = ta_show_alloc(NULL, bytes);
	memcpy(store->by_id, store->traces, store->trace_count * sizeof(store->traces[0]));
	qsort(store->traces, store->trace_count, sizeof(store->traces[0]), by_start);
	qsort(store->by_id, store->trace_count, sizeof(store->by_id[0]), by_trace_id);
}

struct export_span **ta_export_spans(const struct export_store *store, uint32_t *ret_count)
{
	struct export_span **spans;
	size_t count = 0, at = 0;

	for (uint32_t i = 0; i < store->trace_count; i++)
		count += store->traces[i]->count;
	spans = ta_show_alloc(NULL, (count + 1) * sizeof(spans[0]));
	for (uint32_t i = 0; i < store->trace_count; i++)
		for (uint32_t j = 0; j < store->traces[i]->count; j++)
			spans[at++] = (struct export_span *)store->traces[i]->spans[j];
	*ret_count = (uint32_t)count;
	return spans;
}

void ta_export_events(struct export_store *store, const struct show_filter *filter,
		      void (*take)(void *user, const struct show_trace *trace,
				   struct export_event *event), void *user)
{
	for (uint32_t i = 0; i < store->show.count; i++) {
		struct show_trace *trace = store->show.traces[i];
		bool chosen = ta_export_find_trace(store, trace->hi, trace->lo) == trace;

		ta_show_sort_events(trace);
		for (uint32_t j = 0; j < trace->event_count; j++)
			if (chosen || (trace->events[j]->time_ns >= store->since_ns &&
				       ta_show_filter_event(filter, trace, trace->events[j])))
				take(user, trace, (struct export_event *)trace->events[j]);
	}
}
