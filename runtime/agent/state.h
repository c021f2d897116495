/* SPDX-License-Identifier: MIT */
/*
 * state.h - what the agent knows, as a function of events.
 *
 * Every change is an event: something read from a lane, or something decided
 * (a process is dead, a part of a trace goes out).  Live, an event is put into
 * the journal and applied; after a crash the journal's events are applied again
 * and give the same state.  So nothing in here looks at a clock, at /proc, at
 * the configuration or at shared memory.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_STATE_H
#define TA_AGENT_STATE_H

#include "runtime/agent/bucket.h"
#include "runtime/agent/events.h"
#include "runtime/agent/filter.h"
#include "runtime/agent/global.h"
#include "runtime/export/file.h"
#include "runtime/wire/segment.h"

/* Where things go: one file has one kind of them (OpenTelemetry's file exporter). */
enum ta_output { TA_OUTPUT_SPANS, TA_OUTPUT_EVENTS, TA_OUTPUTS };

enum ta_event_kind {
	TA_EVENT_ATTACH = 1,   /* struct ta_event_attach */
	TA_EVENT_RECORDS,      /* struct ta_event_records, records */
	TA_EVENT_PASS,	       /* nothing: every lane was looked at once more */
	TA_EVENT_DEAD,	       /* struct ta_event_dead: a process */
	TA_EVENT_THREAD_DEAD,  /* struct ta_event_dead with tid */
	TA_EVENT_LANE_RESET,   /* struct ta_event_lane: counts begin at 0 again */
	TA_EVENT_GONE,	       /* struct ta_event_id: the segment is finished */
	TA_EVENT_PART,	       /* struct ta_event_trace */
	TA_EVENT_LEAVING,      /* struct ta_event_flush: the oldest groups are being encoded */
	TA_EVENT_FLUSH_BEGIN,  /* struct ta_event_flush: the append */
	TA_EVENT_FLUSH_DONE,   /* struct ta_event_flush: the oldest are out */
	TA_EVENT_FLUSH_FAILED, /* struct ta_event_flush: nothing was written */
	TA_EVENT_DROP,	       /* struct ta_event_flush: the oldest are given up */
	TA_EVENT_PROC,	       /* struct ta_event_proc: snapshot */
	TA_EVENT_LANE,	       /* struct ta_event_lane: snapshot */
	TA_EVENT_SCOPE,	       /* struct ta_event_scope, a piece of ta_scopes_visit(): snapshot */
	TA_EVENT_IMAGE,	       /* an image of ta_buckets_save(): snapshot */
	TA_EVENT_CAPTURED,     /* struct ta_event_captured, its record: snapshot */
	TA_EVENT_GLOBAL,       /* struct ta_global, not known yet: snapshot */
	TA_EVENT_SETTLING,     /* nothing: snapshot, something waits for another pass */
	TA_EVENT_STACK,	       /* struct ta_event_stack, JSON: of a crash */
	TA_EVENT_STACK_RECORD, /* a STACK record: snapshot */
	TA_EVENT_DEATHS,       /* struct ta_deaths: snapshot */
	TA_EVENT_GIVE_UP,      /* struct ta_event_give_up: open spans of a trace are closed */
	TA_EVENT_DECIDE,       /* struct ta_event_decide: events do not wait for their units */
};

struct ta_event_attach {
	uint64_t segment_id; /* the random part of the file's name */
	uint64_t proc_id;
	uint64_t created_ns;
	uint32_t pid; /* as the file's name has it */
	uint32_t lane_count;
	uint32_t foreign; /* pids in the records mean nothing to us */
	uint32_t reserved;
	int64_t wall_offset_ns; /* of an earlier boot; else 0 */
	char exe[512];
};

/* Where the agent stands in a lane, and whose records come next. */
struct ta_event_lane {
	uint64_t segment_id;
	uint32_t lane;
	uint32_t tid;
	uint64_t tail, signal_tail;
	uint64_t proc_id;
};

struct ta_event_records {
	struct ta_event_lane lane; /* tails behind these records; identity before them */
	uint32_t bad;
	uint32_t reserved;
	uint64_t skipped_bytes;
};

struct ta_event_dead {
	uint64_t proc_id;
	uint64_t time_ns;
	uint32_t tid;
	uint32_t reserved;
};

struct ta_event_id {
	uint64_t segment_id;
};

struct ta_event_trace {
	uint64_t trace_hi, trace_lo;
};

struct ta_event_give_up {
	uint64_t trace_hi, trace_lo;
	uint64_t time_ns;
};

struct ta_event_decide {
	uint32_t count; /* of the oldest */
	uint32_t reserved;
};

struct ta_event_flush {
	uint32_t count;	 /* of groups, or of events */
	uint32_t output; /* enum ta_output */
	uint32_t spare;	 /* DROP of events: so many of the oldest stay (they are being written) */
	uint32_t delivered; /* FAILED: only the file is missing, the spools have it */
	uint64_t number;    /* in the spools */
	struct ta_file_place place;
};

struct ta_event_proc {
	uint64_t segment_id;
	uint64_t global;
	uint64_t last_ns, end_record_ns, exec_ns;
	uint64_t proc_id, parent_proc_id, start_ns, end_ns;
	int64_t wall_offset_ns;
	uint32_t pid, parent_pid, host_pid;
	uint32_t dead;
	char exe[512];
};

struct ta_event_scope {
	uint64_t family, owner, version;
	/* the blob */
};

struct ta_event_captured {
	uint64_t proc_id, family;
	uint32_t tid;
	uint32_t stage; /* enum ta_event_stage */
};

struct ta_event_stack {
	uint64_t id_hi, id_lo; /* of the event */
	/* the JSON; none: there will be none */
};

struct ta_lane_state {
	uint64_t tail, signal_tail; /* everything before is taken */
	uint64_t proc_id;	    /* whose records come next; 0: see the lane itself */
	uint32_t tid;
	bool attached; /* the tails mean something */
};

struct ta_segment_state {
	struct ta_list link;
	uint64_t id;
	uint64_t proc_id; /* of the creator */
	uint64_t created_ns;
	int64_t wall_offset_ns;
	uint32_t pid;
	uint32_t lane_count;
	bool foreign;
	char exe[512];
	uint64_t bad_records, skipped_bytes;
	struct ta_lane_state lanes[];
};

struct ta_state {
	struct ta_procs procs;
	struct ta_scopes *scopes;
	struct ta_buckets buckets;
	struct ta_events events;
	struct ta_list segments;
	struct ta_globals globals;
	struct ta_filter filter;
	bool settling;			/* another pass at once would complete something */
	struct ta_event_flush flushing; /* a FLUSH_BEGIN that was not answered; count 0: none */
	uint32_t delivered[TA_OUTPUTS]; /* so many of the oldest groups, or events, are in the
					 * spools and wait only for the file */
	uint64_t exported;		/* spans */
	uint64_t exported_events;
};

int ta_state_init(struct ta_state *state);
void ta_state_fini(struct ta_state *state);

/* Applies an event; one that makes no sense is left alone (-EINVAL). */
int ta_state_apply(struct ta_state *state, uint32_t kind, const void *payload, size_t bytes);

struct ta_segment_state *ta_state_segment(const struct ta_state *state, uint64_t segment_id);

/* The process whose record comes next in a lane, made when it is new. */
struct ta_proc *ta_state_proc(struct ta_state *state, struct ta_segment_state *segment,
			      uint64_t proc_id);

/* Every event that makes an empty state equal to this one, in order. */
typedef void ta_event_emit_fn(void *user, uint32_t kind, const void *head, size_t head_bytes,
			      const void *tail, size_t tail_bytes);
void ta_state_snapshot(struct ta_state *state, ta_event_emit_fn *emit, void *user);

#endif
