/* SPDX-License-Identifier: MIT */
/*
 * events.h - what was captured, held until it is exported.
 *
 * An event names scope versions that may still be in a lane which was read before
 * they were written.  So it waits for one whole further pass; then it is ready, and
 * goes out before long: somebody wants to see an error now.  Order is that of
 * arrival, and what is ready is always the older part.
 *
 * One that was captured in the trace of an open unit (unit.h) waits for what becomes of
 * that, but not for long: the caller decides how long (ta_events_undecided_go).
 *
 * Bounded: when too much is held the caller gives the oldest up
 * (ta_events_surplus), and while it cannot, beyond twice the bound new ones are
 * refused.
 *
 * Pure: no clock, no I/O.  The same calls in the same order give the same events;
 * the journal relies on it.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_EVENTS_H
#define TA_AGENT_EVENTS_H

#include "runtime/agent/deaths.h"
#include "runtime/agent/list.h"
#include "runtime/agent/map.h"
#include "runtime/agent/model.h"
#include "runtime/agent/procs.h"
#include "runtime/agent/scope.h"

struct ta_buckets;

#define TA_EVENTS_MAX 100000u
#define TA_EVENT_BYTES_MAX (32u << 20) /* of all of them, unless set after init */

struct ta_held_event {
	struct ta_event event;
	struct ta_map_node node; /* by id_lo */
	struct ta_list link;	 /* waiting or ready */
	struct ta_proc *proc;
	uint64_t family;      /* of its scope versions: the segment */
	uint64_t versions[3]; /* global, isolation, current: those that count, else 0 */
	uint64_t pass;	      /* in which it came */
	uint32_t bytes;
	bool awaits; /* its stack: it is not ready before that came, or will not come */
	uint64_t awaits_ns; /* since when the agent has waited, for that or for a unit; not part
			     * of the journal */
};

struct ta_event_counters {
	uint64_t twice;	  /* of an id that is held already */
	uint64_t refused; /* no memory, or far too much held */
	uint64_t told;	  /* of children that had reported their death themselves */
	uint64_t dropped; /* the oldest, given up because there were too many */
};

struct ta_events {
	struct ta_procs *procs;
	struct ta_scopes *scopes;
	struct ta_map by_id;
	struct ta_list waiting, ready; /* struct ta_held_event, oldest first */
	struct ta_list awaiting; /* crashes whose stacks are being read */
	struct ta_list undecided; /* captured in units that are open */
	const struct ta_buckets *buckets; /* where units are; NULL: there are none */
	uint64_t units_ended; /* when undecided ones were last looked at */
	uint64_t pass;
	uint64_t bytes; /* of all that are held */
	uint64_t bytes_max; /* the same for a whole journal */
	uint64_t gone;	/* all that ever left, one way or the other */
	uint32_t count, ready_count;
	struct ta_event_counters counters;
	struct ta_deaths deaths;
};

int ta_events_init(struct ta_events *events, struct ta_procs *procs, struct ta_scopes *scopes);
void ta_events_fini(struct ta_events *events);

/* An EVENT record (already found valid) of proc, whose scope versions are family's. */
void ta_events_record(struct ta_events *events, struct ta_proc *proc, uint64_t family,
		      uint32_t tid, const struct ta_record_event *record);

/* A STACK record (already found valid) of an event that came before it. */
void ta_events_stack_record(struct ta_events *events, const struct ta_record_stack *record);

/* The stacks of a crash, with names (runtime/stacks/protocol.h); bytes 0: there will be
 * none.  The event is ready with its pass. */
void ta_events_stack(struct ta_events *events, uint64_t id_hi, uint64_t id_lo, const char *json,
		     uint32_t bytes);

/* The end of a full pass.  True when another pass at once would make more ready. */
bool ta_events_settle(struct ta_events *events);

/* The count oldest of those that wait for units wait no longer. */
void ta_events_undecided_go(struct ta_events *events, uint32_t count);

/* How many of the oldest are too many, when the `spare` oldest have to stay. */
uint32_t ta_events_surplus(const struct ta_events *events, uint32_t spare);

/* Frees count events behind the `spare` oldest. */
void ta_events_drop(struct ta_events *events, uint32_t spare, uint32_t count);

/* For the snapshot: takes an event that was held elsewhere, and had come so far.  Ready
 * ones come first. */
enum ta_event_stage {
	TA_EVENT_NEW,	  /* of this pass */
	TA_EVENT_WAITING, /* of an earlier one */
	TA_EVENT_UNDECIDED,
	TA_EVENT_READY, /* or without anything but its stack */
};
void ta_events_restore(struct ta_events *events, struct ta_proc *proc, uint64_t family,
		       uint32_t tid, enum ta_event_stage stage, const struct ta_record_event *record);

#endif
