/* SPDX-License-Identifier: MIT */
/*
 * adopt.c - the end of a unit: its trace moves, or its children are nobody's; see unit.h.
 *
 * Only what is in the unit's own trace is touched, and that trace has moved nowhere before.
 * Groups that are leaving stay as they are: somebody reads them.
 *
 * Runs: agent, one thread.  No clock, no I/O.
 */
#include "runtime/agent/adopt.h"

#include <string.h>

#include "runtime/agent/held.h"
#include "runtime/agent/orphan.h"

/* ---- all spans of a bucket that nobody reads ---- */

typedef void span_fn(struct ta_buckets *buckets, struct ta_held *held, const struct ta_unit *unit);

static void each_of_list(struct ta_buckets *buckets, const struct ta_list *list, span_fn *one,
			 const struct ta_unit *unit)
{
	TA_LIST_EACH(at, list)
		one(buckets, TA_CONTAINER(at, struct ta_held, link), unit);
}

static void each_of_groups(struct ta_buckets *buckets, const struct ta_bucket *bucket,
			   span_fn *one, const struct ta_unit *unit)
{
	TA_LIST_EACH(at, &bucket->groups) {
		struct ta_group *group = TA_CONTAINER(at, struct ta_group, trace_link);

		for (uint32_t i = 0; i < group->count && !group->leaving; i++)
			one(buckets, group->spans[i], unit);
	}
}

static void each_span(struct ta_buckets *buckets, const struct ta_bucket *bucket, span_fn *one,
		      const struct ta_unit *unit)
{
	each_of_list(buckets, &bucket->open, one, unit);
	each_of_list(buckets, &bucket->ended, one, unit);
	each_of_groups(buckets, bucket, one, unit);
}

/* ---- nobody's ---- */

/* A root of the program's own gives its trace a session, also when it became one only now. */
static void learn_session(struct ta_buckets *buckets, struct ta_held *held)
{
	struct ta_bucket *bucket = held->bucket;

	if (ta_session_learn(&buckets->sessions, &bucket->session, ta_held_start(held), false))
		ta_orphans_of_trace(buckets, bucket, TA_TAGS_OF_SESSION);
}

static void make_orphan(struct ta_buckets *buckets, struct ta_held *held,
			const struct ta_unit *unit)
{
	struct ta_place place = { .trace = { held->span.trace_hi, held->span.trace_lo },
				  .unit_id = unit->span_id,
				  .hint_hi = unit->to_hi,
				  .hint_lo = unit->to_lo,
				  .hint_span = unit->to_span };

	if (held->span.parent_id != unit->span_id || held->span.type == TA_SPAN_UNIT)
		return;
	ta_held_put(held, &place);
	learn_session(buckets, held);
}

static struct ta_unit unit_of(const struct ta_held *held)
{
	const struct ta_span *span = &held->span;

	return (struct ta_unit){ .trace_hi = span->trace_hi,
				 .trace_lo = span->trace_lo,
				 .span_id = span->span_id,
				 .to_hi = span->link_trace_hi,
				 .to_lo = span->link_trace_lo,
				 .to_span = span->link_span_id };
}

static void orphan_ended(struct ta_buckets *buckets, struct ta_bucket *bucket,
			 const struct ta_held *open)
{
	struct ta_unit unit = unit_of(open);

	each_of_list(buckets, &bucket->ended, make_orphan, &unit);
}

void ta_units_part(struct ta_buckets *buckets, struct ta_bucket *bucket)
{
	if (bucket->units == 0)
		return;
	TA_LIST_EACH(at, &bucket->open) {
		struct ta_held *held = TA_CONTAINER(at, struct ta_held, link);

		if (held->span.type == TA_SPAN_UNIT)
			orphan_ended(buckets, bucket, held);
	}
}

/* ---- the adopter's ---- */

static void move_span(struct ta_buckets *buckets, struct ta_held *held, const struct ta_unit *unit)
{
	bool child = held->span.parent_id == unit->span_id || held->unit_id == unit->span_id;
	struct ta_place place = { .trace = { unit->to_hi, unit->to_lo },
				  .parent_id = child ? unit->to_span : held->span.parent_id };

	if (!child) {
		place.unit_id = held->unit_id;
		place.hint_hi = held->span.hint_trace_hi;
		place.hint_lo = held->span.hint_trace_lo;
		place.hint_span = held->span.hint_span_id;
	}
	ta_held_put(held, &place);
	held->tags_seen = held->session_seen = 0; /* the trace may have older ones */
	(void)buckets;
}

static void move_list(struct ta_list *from, struct ta_list *to, struct ta_bucket *bucket)
{
	TA_LIST_EACH(at, from) {
		TA_CONTAINER(at, struct ta_held, link)->bucket = bucket;
		ta_list_remove(at);
		ta_list_append(to, at);
	}
}

static void move_groups(struct ta_buckets *buckets, struct ta_bucket *from, struct ta_bucket *to)
{
	TA_LIST_EACH(at, &from->groups) {
		struct ta_group *group = TA_CONTAINER(at, struct ta_group, trace_link);

		if (group->leaving)
			continue;
		ta_list_remove(at);
		ta_list_append(&to->groups, at);
		group->bucket = to;
		group->unsampled = !ta_bucket_is_sampled(buckets, to);
		group->partial = true;
		for (uint32_t i = 0; i < group->count; i++)
			group->spans[i]->bucket = to;
	}
}

/* Tags that somebody put on the unit's trace. */
static void move_tags(struct ta_buckets *buckets, struct ta_bucket *from, struct ta_bucket *to)
{
	TA_LIST_EACH(at, &from->tags.list) {
		const struct ta_tag_entry *tag = TA_CONTAINER(at, struct ta_tag_entry, link);

		if (!ta_tag_list_put(&to->tags, tag->text, tag->bytes, ++buckets->tag_seq,
				     tag->time_ns))
			buckets->counters.refused++;
	}
	ta_tag_list_fini(&from->tags);
}

/* The adopter's trace keeps its session, if it has one. */
static void move_session(struct ta_buckets *buckets, struct ta_bucket *from, struct ta_bucket *to)
{
	const struct ta_session *session = from->session.session;
	const struct ta_session_name *name = from->session.name;

	if (session && !to->session.session && from->session.rank == TA_SESSION_OF_FIRST) {
		ta_session_set(&buckets->sessions, &to->session, session->id, session->bytes,
			       name ? name->text : "", name ? name->bytes : 0);
		to->session.rank = TA_SESSION_OF_FIRST;
	}
	ta_session_drop(&buckets->sessions, &from->session);
}

static void move_counts(struct ta_buckets *buckets, struct ta_bucket *from, struct ta_bucket *to)
{
	to->open_count += from->open_count;
	to->ended_count += from->ended_count;
	to->holding += from->holding;
	if (from->last_end_ns > to->last_end_ns)
		to->last_end_ns = from->last_end_ns;
	if (from->depth >= to->depth)
		to->depth = (uint8_t)(from->depth + 1);
	from->open_count = from->ended_count = from->holding = 0;
	from->last_end_ns = 0;
	ta_bucket_count(buckets, from);
	ta_bucket_count(buckets, to);
}

static void move(struct ta_buckets *buckets, struct ta_bucket *from, struct ta_bucket *to,
		 const struct ta_unit *unit)
{
	each_span(buckets, from, move_span, unit);
	move_tags(buckets, from, to);
	move_session(buckets, from, to);
	move_list(&from->open, &to->open, to);
	move_list(&from->ended, &to->ended, to);
	move_groups(buckets, from, to);
	move_counts(buckets, from, to);
	ta_list_remove(&to->settling);
	ta_bucket_rest(buckets, to, buckets->pass);
	ta_bucket_release(buckets, to);
}

static bool is_empty(const struct ta_bucket *bucket)
{
	return bucket->open_count + bucket->ended_count == 0 && ta_list_empty(&bucket->groups);
}

/* ---- deciding ---- */

/* The adopter as an end record names it; false: nobody. */
static bool read_adopter(const struct ta_record_span_end *end, struct ta_unit *unit)
{
	struct ta_attr_view attr;
	uint32_t bytes;
	const char *at = end ? ta_record_attrs(&end->head, &bytes) : NULL;
	const char *last = at ? at + bytes : NULL;
	uint64_t trace[2] = { 0 }, span = 0;

	while (at && ta_attr_next(&at, last, &attr)) {
		if (attr.key == TA_ATTR_ADOPTER_TRACE && attr.bytes == sizeof(trace))
			memcpy(trace, attr.value, sizeof(trace));
		else if (attr.key == TA_ATTR_ADOPTER_SPAN)
			span = (uint64_t)ta_attr_int(&attr);
	}
	if ((trace[0] | trace[1]) == 0 || span == 0)
		return false;
	unit->to_hi = trace[0];
	unit->to_lo = trace[1];
	unit->to_span = span;
	return true;
}

/* Where it belongs by now: the adopter's trace may have moved as well. */
static bool find_adopter(const struct ta_buckets *buckets, const struct ta_record_span_end *end,
			 struct ta_unit *unit)
{
	struct ta_record_span_start like = { 0 };
	struct ta_place place;

	if (!read_adopter(end, unit))
		return false;
	like.trace_hi = unit->to_hi;
	like.trace_lo = unit->to_lo;
	like.parent_id = unit->to_span;
	place = ta_units_place(buckets, &like);
	unit->to_hi = place.trace.hi;
	unit->to_lo = place.trace.lo;
	unit->to_span = place.parent_id;
	return unit->to_span && unit->to_span != unit->span_id &&
	       !(unit->to_hi == unit->trace_hi && unit->to_lo == unit->trace_lo);
}

/* Other units of a trace that moves: a host has none. */
static void end_others(struct ta_buckets *buckets, struct ta_bucket *bucket)
{
	TA_LIST_EACH(at, &bucket->open) {
		struct ta_held *held = TA_CONTAINER(at, struct ta_held, link);

		if (held->span.type == TA_SPAN_UNIT)
			ta_unit_end(buckets, held, NULL);
	}
}

/* False: it cannot move, and nothing was changed. */
static bool adopt(struct ta_buckets *buckets, struct ta_bucket *from, struct ta_unit *like)
{
	struct ta_bucket *to = NULL;

	if (from && from->depth >= TA_MOVES_MAX)
		return false;
	if (from && !is_empty(from)) {
		to = ta_bucket_of(buckets, like->to_hi, like->to_lo);
		if (!to)
			return false;
	}
	like->adopted = true;
	if (!ta_units_add(buckets, like)) {
		like->adopted = false;
		if (to)
			ta_bucket_release(buckets, to);
		return false;
	}
	if (from)
		end_others(buckets, from);
	if (to)
		move(buckets, from, to, like);
	return true;
}

static void release(struct ta_buckets *buckets, struct ta_bucket *from, const struct ta_unit *unit)
{
	if (from)
		each_span(buckets, from, make_orphan, unit);
	ta_units_add(buckets, unit);
}

static void decide(struct ta_buckets *buckets, struct ta_bucket *from, struct ta_unit *unit,
		   const struct ta_record_span_end *end)
{
	struct ta_unit adopted = *unit;

	if (!find_adopter(buckets, end, &adopted) || !adopt(buckets, from, &adopted))
		release(buckets, from, unit);
}

void ta_unit_end(struct ta_buckets *buckets, struct ta_held *held,
		 const struct ta_record_span_end *end)
{
	struct ta_bucket *bucket = held->bucket;
	struct ta_unit unit = unit_of(held);

	unit.closed = !end;
	ta_held_free(buckets, held);
	bucket->units--;
	bucket->holding--;
	buckets->open_units--;
	buckets->units_ended++;
	decide(buckets, bucket, &unit, end);
	ta_bucket_count(buckets, bucket);
	ta_bucket_rest(buckets, bucket, end ? buckets->pass : buckets->pass - 1);
}

void ta_unit_end_late(struct ta_buckets *buckets, struct ta_unit *known,
		      const struct ta_record_span_end *end)
{
	struct ta_bucket *bucket = ta_buckets_find(buckets, known->trace_hi, known->trace_lo);
	struct ta_trace_id trace = ta_units_trace(buckets, known->trace_hi, known->trace_lo);
	struct ta_unit unit = *known;

	if (!known->closed || known->adopted || trace.hi != known->trace_hi ||
	    trace.lo != known->trace_lo)
		return;
	unit.closed = false;
	ta_units_forget(buckets, known);
	decide(buckets, bucket, &unit, end);
	if (bucket)
		ta_bucket_release(buckets, bucket);
}
