/* SPDX-License-Identifier: MIT */
/*
 * unit.h - units (runtime/wire/record.h): work whose request is known only afterwards.
 *
 * An open unit is held like a span, and its trace waits for it; it is never exported.
 * Its end decides.  Adopted: whatever is in its trace moves into the adopter's, and the
 * unit's children become the adopter's.  Otherwise its children are roots, with a link to
 * what the unit's start linked to.
 *
 * Lanes are read one after the other, and other processes may go on with the unit's trace:
 * so what became of a unit is remembered, and spans that come later take the same way.
 * Bounded: the oldest are forgotten first, those of traces that are still held last.
 *
 * A trace is moved as a whole, and only once: whatever a host says, no other trace's spans
 * are touched, and a span is moved at most TA_MOVES_MAX times.
 *
 * Pure: the same calls in the same order have the same effect; the journal relies on it.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_UNIT_H
#define TA_AGENT_UNIT_H

#include "runtime/agent/bucket.h"

#define TA_UNITS_MAX 32768u /* remembered, of each fate; fewer where little may be held */
#define TA_TRACE_UNITS_MAX 16u /* units that one trace may have: a host has one in each */
#define TA_MOVES_MAX 16u

/* A unit that has ended; or a loose span that was let go and is out: what comes about it
 * after that is no surprise. */
struct ta_unit {
	struct ta_map_node by_span;
	struct ta_map_node by_trace; /* when its trace has moved */
	struct ta_list link;
	uint64_t trace_hi, trace_lo, span_id;
	uint64_t to_hi, to_lo, to_span; /* the adopter; else what it linked to (to_span 0: nothing) */
	bool adopted;
	bool loose;  /* that, and no unit */
	bool closed; /* by us: an end that comes all the same still counts */
	uint8_t spared; /* how often it was the oldest and stayed */
};

int ta_units_init(struct ta_buckets *buckets);
void ta_units_fini(struct ta_buckets *buckets);

/* A span that was let go is out. */
void ta_units_note_loose(struct ta_buckets *buckets, const struct ta_span *span);
bool ta_units_is_loose(const struct ta_buckets *buckets, uint64_t span_id);

/* What became of it; NULL when it is not known, or open. */
struct ta_unit *ta_units_find(const struct ta_buckets *buckets, uint64_t span_id);

/* Where a span of that trace belongs now. */
struct ta_trace_id {
	uint64_t hi, lo;
};
struct ta_trace_id ta_units_trace(const struct ta_buckets *buckets, uint64_t trace_hi,
				  uint64_t trace_lo);

/* Where a span that starts belongs. */
struct ta_place {
	struct ta_trace_id trace;
	uint64_t parent_id;
	uint64_t unit_id; /* it is nobody's child because that unit was not adopted */
	uint64_t hint_hi, hint_lo, hint_span; /* what the unit linked to */
};
struct ta_place ta_units_place(const struct ta_buckets *buckets,
			       const struct ta_record_span_start *start);
void ta_held_put(struct ta_held *held, const struct ta_place *place);

/* Whether a unit may start: one that is new, in a trace that did not move. */
bool ta_units_may_start(const struct ta_buckets *buckets, const struct ta_record_span_start *start);

/* An open unit ends: with its end record, or (NULL) without one.  Frees it; its bucket is
 * left to the caller (ta_bucket_release()). */
void ta_unit_end(struct ta_buckets *buckets, struct ta_held *held,
		 const struct ta_record_span_end *end);

/* An end record of a unit that we closed before. */
void ta_unit_end_late(struct ta_buckets *buckets, struct ta_unit *unit,
		      const struct ta_record_span_end *end);

/* A part of a trace with open units goes out: their children among what has ended go as
 * roots. */
void ta_units_part(struct ta_buckets *buckets, struct ta_bucket *bucket);

/* The span is about to leave: links to what has moved follow it. */
void ta_units_fix_links(const struct ta_buckets *buckets, struct ta_held *held);

/* What was captured in a unit's trace is given its place.  False: that is not known yet,
 * and nothing was changed, unless it has to be decided now. */
bool ta_units_place_event(const struct ta_buckets *buckets, struct ta_record_event *event,
			  bool now);

/* For the snapshot. */
typedef void ta_unit_visit_fn(void *user, const struct ta_unit *unit);
void ta_units_visit(const struct ta_buckets *buckets, ta_unit_visit_fn *visit, void *user);
/* 0, -EINVAL or -ENOMEM. */
int ta_units_restore(struct ta_buckets *buckets, const struct ta_unit *like);

/* The start record that a span was made of; our own copy. */
static inline struct ta_record_span_start *ta_held_start(const struct ta_held *held)
{
	return (void *)held->span.records.items[0];
}

#endif
