/* SPDX-License-Identifier: MIT */
/*
 * unit.c - what became of units, and where that puts what comes later; see unit.h.
 *
 * Two rows, oldest first: adopted ones, which late spans ask for, and the others, of which
 * there may be many more.  A trace that has moved is found by its id; of several hops each
 * is looked up, because any of them may have been forgotten.
 *
 * Runs: agent, one thread.  No clock, no I/O.
 */
#include "runtime/agent/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/agent/adopt.h"
#include "runtime/agent/held.h"

#define SPARED_MAX 4u /* times that the oldest stays because its trace is still held */
#define LOOKS_MAX 8u  /* at the oldest, before one goes in any case */

int ta_units_init(struct ta_buckets *buckets)
{
	ta_list_init(&buckets->units[0]);
	ta_list_init(&buckets->units[1]);
	if (ta_map_init(&buckets->units_by_span) != 0 || ta_map_init(&buckets->units_by_trace) != 0)
		return -ENOMEM;
	return 0;
}

static void forget(struct ta_buckets *buckets, struct ta_unit *unit)
{
	ta_map_remove(&buckets->units_by_span, &unit->by_span);
	if (unit->adopted)
		ta_map_remove(&buckets->units_by_trace, &unit->by_trace);
	ta_list_remove(&unit->link);
	buckets->unit_counts[unit->adopted]--;
	free(unit);
}

void ta_units_fini(struct ta_buckets *buckets)
{
	for (int i = 0; i < 2; i++)
		TA_LIST_EACH(at, &buckets->units[i])
			forget(buckets, TA_CONTAINER(at, struct ta_unit, link));
	ta_map_fini(&buckets->units_by_span);
	ta_map_fini(&buckets->units_by_trace);
}

static struct ta_unit *find(const struct ta_buckets *buckets, uint64_t span_id)
{
	struct ta_map_node *node = buckets->units_by_span.count ?
					   ta_map_find(&buckets->units_by_span, span_id) :
					   NULL;

	return node ? TA_CONTAINER(node, struct ta_unit, by_span) : NULL;
}

struct ta_unit *ta_units_find(const struct ta_buckets *buckets, uint64_t span_id)
{
	struct ta_unit *unit = find(buckets, span_id);

	return unit && !unit->loose ? unit : NULL;
}

bool ta_units_is_loose(const struct ta_buckets *buckets, uint64_t span_id)
{
	const struct ta_unit *unit = find(buckets, span_id);

	return unit && unit->loose;
}

/* The unit whose adoption moved the trace. */
static const struct ta_unit *mover_of(const struct ta_buckets *buckets, struct ta_trace_id trace)
{
	struct ta_map_node *node;

	if (!buckets->units_by_trace.count)
		return NULL;
	node = ta_map_find(&buckets->units_by_trace, ta_trace_key(buckets, trace.hi, trace.lo));
	for (; node; node = ta_map_next(node)) {
		const struct ta_unit *unit = TA_CONTAINER(node, struct ta_unit, by_trace);

		if (unit->trace_hi == trace.hi && unit->trace_lo == trace.lo)
			return unit;
	}
	return NULL;
}

struct ta_trace_id ta_units_trace(const struct ta_buckets *buckets, uint64_t trace_hi,
				  uint64_t trace_lo)
{
	struct ta_trace_id trace = { trace_hi, trace_lo };
	const struct ta_unit *unit;

	for (unsigned int i = 0; i < TA_MOVES_MAX && (unit = mover_of(buckets, trace)); i++)
		trace = (struct ta_trace_id){ unit->to_hi, unit->to_lo };
	return trace;
}

/* A span that units were adopted by, one after the other, in that trace. */
static const struct ta_unit *last_of(const struct ta_buckets *buckets, const struct ta_unit *unit)
{
	const struct ta_unit *next;

	for (unsigned int i = 0; i < TA_MOVES_MAX && unit->adopted; i++) {
		next = ta_units_find(buckets, unit->to_span);
		if (!next || next->trace_hi != unit->to_hi || next->trace_lo != unit->to_lo)
			break;
		unit = next;
	}
	return unit;
}

struct ta_place ta_units_place(const struct ta_buckets *buckets,
			       const struct ta_record_span_start *start)
{
	struct ta_place place = { .trace = ta_units_trace(buckets, start->trace_hi, start->trace_lo),
				  .parent_id = start->parent_id };
	const struct ta_unit *unit = ta_units_find(buckets, start->parent_id);

	if (!unit || unit->trace_hi != start->trace_hi || unit->trace_lo != start->trace_lo)
		return place;
	unit = last_of(buckets, unit);
	if (unit->adopted) {
		place.parent_id = unit->to_span;
		return place;
	}
	place.parent_id = 0;
	place.unit_id = unit->span_id;
	place.hint_hi = unit->to_hi;
	place.hint_lo = unit->to_lo;
	place.hint_span = unit->to_span;
	return place;
}

void ta_held_put(struct ta_held *held, const struct ta_place *place)
{
	struct ta_record_span_start *start = ta_held_start(held);
	struct ta_span *span = &held->span;

	span->trace_hi = start->trace_hi = place->trace.hi;
	span->trace_lo = start->trace_lo = place->trace.lo;
	span->parent_id = start->parent_id = place->parent_id;
	span->orphan = place->unit_id != 0;
	span->hint_trace_hi = place->hint_hi;
	span->hint_trace_lo = place->hint_lo;
	span->hint_span_id = place->hint_span;
	held->unit_id = place->unit_id;
}

bool ta_units_may_start(const struct ta_buckets *buckets, const struct ta_record_span_start *start)
{
	struct ta_trace_id trace = { start->trace_hi, start->trace_lo };
	const struct ta_bucket *bucket = ta_buckets_find(buckets, trace.hi, trace.lo);

	return !find(buckets, start->span_id) && !mover_of(buckets, trace) &&
	       (!bucket || bucket->units_started < TA_TRACE_UNITS_MAX);
}

/* ---- remembering ---- */

static uint32_t most(const struct ta_buckets *buckets)
{
	uint64_t most = buckets->bytes_max / 16 / TA_UNIT_OVERHEAD;

	return most < TA_UNITS_MAX ? (uint32_t)most : TA_UNITS_MAX;
}

static bool is_needed(const struct ta_buckets *buckets, const struct ta_unit *unit)
{
	struct ta_trace_id trace;

	if (!unit->adopted || unit->spared == SPARED_MAX)
		return false;
	trace = ta_units_trace(buckets, unit->trace_hi, unit->trace_lo);
	return ta_buckets_find(buckets, trace.hi, trace.lo) != NULL;
}

/* The oldest whose trace is gone; the very oldest, when there is none among the first. */
static void make_room(struct ta_buckets *buckets, struct ta_list *row)
{
	struct ta_unit *oldest = NULL;

	for (unsigned int looks = 0; looks < LOOKS_MAX; looks++) {
		oldest = TA_CONTAINER(row->next, struct ta_unit, link);
		if (!is_needed(buckets, oldest))
			break;
		oldest->spared++;
		ta_list_remove(&oldest->link);
		ta_list_append(row, &oldest->link);
	}
	forget(buckets, TA_CONTAINER(row->next, struct ta_unit, link));
}

struct ta_unit *ta_units_add(struct ta_buckets *buckets, const struct ta_unit *like)
{
	struct ta_list *row = &buckets->units[like->adopted];
	struct ta_unit *unit;

	if (most(buckets) == 0)
		return NULL;
	unit = malloc(sizeof(*unit));
	if (!unit)
		return NULL;
	while (buckets->unit_counts[like->adopted] >= most(buckets))
		make_room(buckets, row);
	*unit = *like;
	ta_list_append(row, &unit->link);
	ta_map_add(&buckets->units_by_span, &unit->by_span, unit->span_id);
	if (unit->adopted)
		ta_map_add(&buckets->units_by_trace, &unit->by_trace,
			   ta_trace_key(buckets, unit->trace_hi, unit->trace_lo));
	buckets->unit_counts[unit->adopted]++;
	return unit;
}

void ta_units_note_loose(struct ta_buckets *buckets, const struct ta_span *span)
{
	struct ta_unit loose = { .trace_hi = span->trace_hi,
				 .trace_lo = span->trace_lo,
				 .span_id = span->span_id,
				 .loose = true };

	if (!find(buckets, span->span_id))
		ta_units_add(buckets, &loose);
}

void ta_units_forget(struct ta_buckets *buckets, struct ta_unit *unit)
{
	forget(buckets, unit);
}

/* ---- what is exported of links and events ---- */

/* Follows units to who stands in for them: an adopter, or what they linked to.  A unit is
 * no span, so a link that leads to nothing else is taken away (span id 0). */
static void fix(const struct ta_buckets *buckets, uint64_t *hi, uint64_t *lo, uint64_t *span_id)
{
	const struct ta_unit *unit;
	struct ta_trace_id trace;
	unsigned int steps = 0;

	while ((unit = ta_units_find(buckets, *span_id)) && unit->trace_hi == *hi &&
	       unit->trace_lo == *lo) {
		*hi = unit->to_hi;
		*lo = unit->to_lo;
		*span_id = steps++ < TA_MOVES_MAX ? unit->to_span : 0;
	}
	trace = ta_units_trace(buckets, *hi, *lo);
	*hi = trace.hi;
	*lo = trace.lo;
}

void ta_units_fix_links(const struct ta_buckets *buckets, struct ta_held *held)
{
	struct ta_record_span_start *start = ta_held_start(held);
	struct ta_span *span = &held->span;

	if (buckets->unit_counts[0] + buckets->unit_counts[1] == 0)
		return;
	if (span->hint_span_id)
		fix(buckets, &span->hint_trace_hi, &span->hint_trace_lo, &span->hint_span_id);
	if (span->link_span_id) {
		fix(buckets, &span->link_trace_hi, &span->link_trace_lo, &span->link_span_id);
		start->link_trace_hi = span->link_trace_hi;
		start->link_trace_lo = span->link_trace_lo;
		start->link_span_id = span->link_span_id;
	}
	for (uint32_t i = 1; i < span->records.count; i++) {
		struct ta_record_span_link *link = (void *)span->records.items[i];

		if (link->head.kind == TA_RECORD_SPAN_LINK && link->link_span_id)
			fix(buckets, &link->trace_hi, &link->trace_lo, &link->link_span_id);
	}
}

static uint64_t parent_of(const struct ta_buckets *buckets, uint64_t span_id)
{
	const struct ta_held *held = span_id ? ta_held_find(buckets, span_id) : NULL;

	return held ? held->span.parent_id : 0;
}

/* An open unit is no span either. */
static bool is_open_unit(const struct ta_buckets *buckets, uint64_t span_id)
{
	const struct ta_held *held = span_id ? ta_held_find(buckets, span_id) : NULL;

	return held && held->span.type == TA_SPAN_UNIT;
}

/* What stands in for the unit; 0: nothing. */
static uint64_t stand_in(const struct ta_buckets *buckets, const struct ta_unit *unit)
{
	unit = last_of(buckets, unit);
	return unit->adopted ? unit->to_span : 0;
}

bool ta_units_place_event(const struct ta_buckets *buckets, struct ta_record_event *event,
			  bool now)
{
	const struct ta_bucket *bucket =
		ta_buckets_find(buckets, event->trace_hi, event->trace_lo);
	const struct ta_unit *of_span = ta_units_find(buckets, event->span_id);
	const struct ta_unit *of_parent = ta_units_find(buckets, event->parent_id);
	struct ta_trace_id trace;

	if (bucket && bucket->units > 0 && !now)
		return false;
	trace = ta_units_trace(buckets, event->trace_hi, event->trace_lo);
	if (of_span || is_open_unit(buckets, event->span_id)) {
		event->span_id = of_span ? stand_in(buckets, of_span) : 0;
		event->parent_id = parent_of(buckets, event->span_id);
	} else if (of_parent || is_open_unit(buckets, event->parent_id)) {
		event->parent_id = of_parent ? stand_in(buckets, of_parent) : 0;
	}
	event->trace_hi = trace.hi;
	event->trace_lo = trace.lo;
	return true;
}

/* ---- the snapshot ---- */

void ta_units_visit(const struct ta_buckets *buckets, ta_unit_visit_fn *visit, void *user)
{
	for (int i = 0; i < 2; i++)
		TA_LIST_EACH(at, &buckets->units[i])
			visit(user, TA_CONTAINER(at, struct ta_unit, link));
}

int ta_units_restore(struct ta_buckets *buckets, const struct ta_unit *like)
{
	struct ta_trace_id trace = { like->trace_hi, like->trace_lo };

	if (like->span_id == 0 || find(buckets, like->span_id) ||
	    (like->adopted && like->loose) || (like->adopted && mover_of(buckets, trace)))
		return -EINVAL;
	return ta_units_add(buckets, like) ? 0 : -ENOMEM;
}
