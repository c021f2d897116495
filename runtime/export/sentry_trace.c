/* SPDX-License-Identifier: MIT */
/*
 * sentry_trace.c - which span goes to which transaction.
 *
 * Spans come with parents before their children, trace by trace, so one look at the parent
 * decides.  A span begins a transaction of its own when it is a request or a delivery of a
 * signal; when its parent is elsewhere (in another process, in an earlier batch, nowhere);
 * and when it is a thread or a connection below nothing but a thread.  All others go where
 * their parents are.
 *
 * A trace that sampling leaves out takes the same way, so that what is counted as dropped
 * is what would have been sent.
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/sentry_internal.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 64u

/* Where a span is. */
struct place {
	uint64_t span_id;
	const struct ta_process *process;
	uint32_t transaction, part;
	uint32_t trace; /* number of the trace that it belongs to; another one's is free */
};

struct ta_sentry_traces {
	struct place *places; /* by span id; open addressing, a power of two, half full at most */
	uint32_t slots, used;
	uint32_t trace; /* this one's number: nothing is cleared behind small traces */
	struct ta_sentry_transaction *items;
	uint8_t *types; /* enum ta_span_type of what each began with */
	uint32_t count, capacity;
	uint32_t left_out, left_out_spans; /* by sampling: transactions, spans */
};

struct ta_sentry_traces *ta_sentry_traces_new(void)
{
	return calloc(1, sizeof(struct ta_sentry_traces));
}

void ta_sentry_traces_free(struct ta_sentry_traces *traces)
{
	if (!traces)
		return;
	for (uint32_t i = 0; i < traces->capacity; i++)
		ta_sentry_transaction_fini(&traces->items[i]);
	free(traces->items);
	free(traces->types);
	free(traces->places);
	free(traces);
}

static struct place *slot_of(struct place *places, uint32_t slots, uint32_t trace,
			     uint64_t span_id)
{
	uint32_t slot = (uint32_t)(ta_sentry_mix(span_id) & (slots - 1));

	while (places[slot].trace == trace && places[slot].span_id != span_id)
		slot = (slot + 1) & (slots - 1);
	return &places[slot];
}

static bool grow_places(struct ta_sentry_traces *traces)
{
	uint32_t slots = traces->slots ? traces->slots * 2 : FIRST_SLOTS;
	struct place *places = calloc(slots, sizeof(*places));

	if (!places)
		return false;
	for (uint32_t i = 0; i < traces->slots; i++)
		if (traces->places[i].trace == traces->trace)
			*slot_of(places, slots, traces->trace, traces->places[i].span_id) =
				traces->places[i];
	free(traces->places);
	traces->places = places;
	traces->slots = slots;
	return true;
}

static const struct place *find(const struct ta_sentry_traces *traces, uint64_t span_id)
{
	const struct place *place;

	if (!span_id || !traces->used)
		return NULL;
	place = slot_of(traces->places, traces->slots, traces->trace, span_id);
	return place->trace == traces->trace ? place : NULL;
}

/* false: out of memory. */
static bool note(struct ta_sentry_traces *traces, const struct ta_span *span, uint32_t transaction,
		 uint32_t part)
{
	struct place *place;

	if (!span->span_id)
		return true;
	if (2 * (traces->used + 1) > traces->slots && !grow_places(traces))
		return false;
	place = slot_of(traces->places, traces->slots, traces->trace, span->span_id);
	traces->used += place->trace != traces->trace;
	*place = (struct place){ span->span_id, span->process, transaction, part, traces->trace };
	return true;
}

/* Whether the span goes where its parent, which may be NULL, is. */
static bool joins(const struct ta_sentry_traces *traces, const struct ta_span *span,
		  const struct place *parent)
{
	if (!parent || parent->process != span->process || (span->flags & TA_SPAN_REMOTE_PARENT))
		return false;
	if (span->type == TA_SPAN_HTTP_SERVER || span->type == TA_SPAN_SIGNAL ||
	    span->type == TA_SPAN_COMMAND_SERVER)
		return false;
	if (span->type == TA_SPAN_THREAD || span->type == TA_SPAN_CONNECTION)
		return traces->types[parent->transaction] != TA_SPAN_THREAD;
	return true;
}

static bool grow_items(struct ta_sentry_traces *traces)
{
	uint32_t capacity = traces->capacity ? traces->capacity * 2 : 8;
	struct ta_sentry_transaction *items =
		realloc(traces->items, capacity * sizeof(*traces->items));
	uint8_t *types;

	if (!items)
		return false;
	traces->items = items;
	types = realloc(traces->types, capacity);
	if (!types)
		return false;
	traces->types = types;
	memset(items + traces->capacity, 0,
	       (capacity - traces->capacity) * sizeof(*traces->items));
	traces->capacity = capacity;
	return true;
}

/* false: out of memory. */
static bool begin(struct ta_sentry *sentry, const struct ta_span *span,
		  const struct ta_out_span *out, bool taken)
{
	struct ta_sentry_traces *traces = sentry->traces;
	uint32_t number = traces->count;

	if (number == traces->capacity && !grow_items(traces))
		return false;
	traces->types[number] = span->type;
	traces->count++;
	traces->left_out += !taken;
	if (taken)
		ta_sentry_transaction_open(sentry, &traces->items[number], span, out);
	return note(traces, span, number, 0);
}

static bool add(struct ta_sentry *sentry, const struct ta_span *span, const struct ta_out_span *out,
		bool taken, const struct place *parent)
{
	struct ta_sentry_traces *traces = sentry->traces;
	uint32_t number = parent->transaction, part = 0;

	if (taken) {
		ta_sentry_transaction_add(sentry, &traces->items[number], span, out, parent->part);
		part = traces->items[number].part;
	}
	return note(traces, span, number, part);
}

void ta_sentry_traces_add(struct ta_sentry *sentry, const struct ta_span *span,
			  const struct ta_out_span *out)
{
	struct ta_sentry_traces *traces = sentry->traces;
	const struct place *parent = find(traces, span->parent_id);
	bool taken = ta_sentry_takes(span->trace_lo, sentry->threshold), done;

	done = joins(traces, span, parent) ? add(sentry, span, out, taken, parent) :
					     begin(sentry, span, out, taken);
	traces->left_out_spans += !taken;
	sentry->failed |= !done;
}

void ta_sentry_traces_reset(struct ta_sentry *sentry)
{
	struct ta_sentry_traces *traces = sentry->traces;

	if (++traces->trace == 0) { /* numbers begin again: 0 is nobody's */
		if (traces->slots)
			memset(traces->places, 0, traces->slots * sizeof(*traces->places));
		traces->trace = 1;
	}
	traces->used = traces->count = 0;
	traces->left_out = traces->left_out_spans = 0;
}

void ta_sentry_traces_end(struct ta_sentry *sentry)
{
	struct ta_sentry_traces *traces = sentry->traces;

	sentry->left_out.transactions += traces->left_out;
	sentry->left_out.spans += traces->left_out_spans;
	for (uint32_t i = 0; i < traces->count && !traces->left_out; i++)
		ta_sentry_transaction_close(sentry, &traces->items[i]);
	ta_sentry_traces_reset(sentry);
}
