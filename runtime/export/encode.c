/* SPDX-License-Identifier: MIT */
/*
 * encode.c - one walk over a batch for all destinations.
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/encode.h"

#include <errno.h>

#include "runtime/export/metrics.h"

/* A trace of the batch, and which routes take it (a bit each). */
struct trace {
	struct ta_span *const *spans;
	uint32_t count;
	uint32_t routes;
};

/* Whether the batch is for that route at all. */
static bool is_for(const struct ta_batch *batch, int route)
{
	return batch->part != (route == TA_ROUTE_FILE ? TA_BATCH_NETWORK : TA_BATCH_FILE);
}

static bool takes_part(const struct ta_encode *encode, const struct ta_batch *batch, int route)
{
	return encode->routes[route].spans && is_for(batch, route);
}

static bool keeps(struct ta_encode *encode, struct ta_route *route, const struct trace *trace)
{
	if (!route->keep || ta_keep_is_all(route->keep) ||
	    ta_keep_trace(route->keep, encode->enrich, trace->spans, trace->count))
		return true;
	route->left_out++;
	route->left_out_spans += trace->count;
	return false;
}

static void choose_routes(struct ta_encode *encode, const struct ta_batch *batch,
			  struct trace *trace)
{
	trace->routes = 0;
	if (trace->spans[0]->unsampled)
		return;
	for (int i = 0; i < TA_ROUTES; i++)
		if (takes_part(encode, batch, i) && keeps(encode, &encode->routes[i], trace))
			trace->routes |= 1u << i;
}

/* Whether every sink that takes the trace can write from memory. */
static bool all_repeat(const struct ta_encode *encode, const struct trace *trace)
{
	for (int i = 0; i < TA_ROUTES; i++)
		if (trace->routes & 1u << i && !encode->routes[i].spans->class->knows)
			return false;
	return true;
}

/* Whether it is known already what the span says; then it is written. */
static bool show_again(struct ta_encode *encode, const struct trace *trace,
		       const struct ta_span *span)
{
	for (int i = 0; i < TA_ROUTES; i++) {
		struct ta_sink *sink = encode->routes[i].spans;

		if (trace->routes & 1u << i && !sink->class->knows(sink, &encode->key))
			return false;
	}
	for (int i = 0; i < TA_ROUTES; i++)
		if (trace->routes & 1u << i)
			encode->routes[i].spans->class->again(encode->routes[i].spans, span);
	return true;
}

static void show_new(struct ta_encode *encode, const struct trace *trace, struct ta_sink *metrics,
		     const struct ta_span *span, bool has_key)
{
	struct ta_out_span out;

	ta_enrich_span(encode->enrich, span, &out);
	has_key = has_key && ta_repeat_is_whole(&out);
	for (int i = 0; i < TA_ROUTES; i++) {
		struct ta_sink *sink = encode->routes[i].spans;

		if (!(trace->routes & 1u << i))
			continue;
		sink->class->span(sink, span, &out);
		if (has_key)
			sink->class->learn(sink, &encode->key);
	}
	if (metrics)
		metrics->class->span(metrics, span, &out);
}

static void show(struct ta_encode *encode, const struct trace *trace, struct ta_sink *metrics,
		 const struct ta_span *span)
{
	bool has_key = !metrics && all_repeat(encode, trace) &&
		       ta_repeat_key_of(encode->enrich, span, &encode->key);

	if (!has_key || !show_again(encode, trace, span))
		show_new(encode, trace, metrics, span, has_key);
}

static void walk_trace(struct ta_encode *encode, const struct trace *trace, struct ta_sink *metrics)
{
	if (!trace->routes && !metrics)
		return;
	if (metrics)
		ta_metrics_exported(metrics, trace->routes != 0);
	for (uint32_t i = 0; i < trace->count; i++)
		show(encode, trace, metrics, trace->spans[i]);
	for (int i = 0; i < TA_ROUTES; i++) {
		struct ta_sink *sink = encode->routes[i].spans;

		if (trace->routes & 1u << i && sink->class->trace_end)
			sink->class->trace_end(sink);
	}
	if (metrics && metrics->class->trace_end)
		metrics->class->trace_end(metrics);
}

/* Spans of a trace are neighbours. */
static uint32_t trace_end(const struct ta_batch *batch, uint32_t begin)
{
	uint32_t end = begin + 1;

	while (end < batch->count &&
	       batch->spans[end]->trace_index == batch->spans[begin]->trace_index)
		end++;
	return end;
}

static int walk_spans(struct ta_encode *encode, const struct ta_batch *batch)
{
	struct ta_sink *metrics = batch->part == TA_BATCH_FILE ? NULL : encode->metrics;
	int error = 0;

	for (int i = 0; i < TA_ROUTES; i++)
		if (takes_part(encode, batch, i))
			encode->routes[i].spans->class->begin(encode->routes[i].spans, batch);
	if (metrics)
		metrics->class->begin(metrics, batch);
	for (uint32_t at = 0, end; at < batch->count; at = end) {
		end = trace_end(batch, at);
		struct trace trace = { .spans = batch->spans + at, .count = end - at };

		choose_routes(encode, batch, &trace);
		walk_trace(encode, &trace, metrics);
	}
	for (int i = 0; i < TA_ROUTES; i++) {
		struct ta_route *route = &encode->routes[i];

		if (takes_part(encode, batch, i) &&
		    route->spans->class->end(route->spans, &route->messages) != 0)
			error = -ENOMEM;
	}
	if (metrics)
		metrics->class->end(metrics, NULL);
	return error;
}

static bool takes_events(const struct ta_encode *encode, const struct ta_batch *batch, int route)
{
	return encode->routes[route].events && is_for(batch, route);
}

static int show_event(struct ta_encode *encode, const struct ta_batch *batch,
		      const struct ta_event *event)
{
	struct ta_event_data data;
	int error = ta_event_merge(event, ta_batch_wall_offset(batch, event->process), &data);

	for (int i = 0; i < TA_ROUTES && !error; i++) {
		struct ta_route *route = &encode->routes[i];

		if (takes_events(encode, batch, i))
			route->events->class->event(route->events, event, &data);
		if (route->keep && data.level >= TA_LEVEL_ERROR)
			ta_keep_note_error(route->keep, event->record->trace_hi,
					   event->record->trace_lo);
	}
	ta_event_data_fini(&data);
	return error;
}

static int walk_events(struct ta_encode *encode, const struct ta_batch *batch)
{
	int error = 0;

	for (int i = 0; i < TA_ROUTES; i++)
		if (takes_events(encode, batch, i))
			encode->routes[i].events->class->begin(encode->routes[i].events, batch);
	for (uint32_t i = 0; i < batch->event_count && !error; i++)
		error = show_event(encode, batch, batch->events[i]);
	for (int i = 0; i < TA_ROUTES; i++) {
		struct ta_route *route = &encode->routes[i];

		if (takes_events(encode, batch, i) &&
		    route->events->class->end(route->events, &route->messages) != 0)
			error = -ENOMEM;
	}
	return error;
}

int ta_encode_batch(struct ta_encode *encode, const struct ta_batch *batch)
{
	ta_encode_clear(encode);
	int error = batch->count ? walk_spans(encode, batch) : 0;

	if (!error && batch->event_count)
		error = walk_events(encode, batch);
	if (error)
		ta_encode_clear(encode);
	return error;
}

void ta_encode_clear(struct ta_encode *encode)
{
	for (int i = 0; i < TA_ROUTES; i++) {
		ta_messages_clear(&encode->routes[i].messages);
		encode->routes[i].left_out = encode->routes[i].left_out_spans = 0;
	}
}

static void free_sink(struct ta_sink *sink)
{
	if (sink)
		sink->class->free(sink);
}

void ta_encode_fini(struct ta_encode *encode)
{
	for (int i = 0; i < TA_ROUTES; i++) {
		struct ta_route *route = &encode->routes[i];

		if (route->events != route->spans)
			free_sink(route->events);
		free_sink(route->spans);
		if (route->keep)
			ta_keep_free(route->keep);
		ta_messages_fini(&route->messages);
	}
	free_sink(encode->metrics);
	if (encode->enrich)
		ta_enrich_free(encode->enrich);
	*encode = (struct ta_encode){ 0 };
}
