/* SPDX-License-Identifier: MIT */
/*
 * bucket.h - spans held per trace until the trace is complete.
 *
 * A bucket counts the open spans of a trace.  Lanes are read one after the
 * other, so a start can come after an end that follows it, and a count of zero
 * is believed only when it is still zero after one more full pass.  A complete
 * trace becomes a group: its ended spans, every parent before its children,
 * siblings by start.  Groups wait, in order of completion, to be exported.
 *
 * Pure: no clock, no I/O, no configuration.  The same calls in the same order
 * give the same groups; the journal relies on it.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_BUCKET_H
#define TA_AGENT_BUCKET_H

#include "runtime/agent/list.h"
#include "runtime/agent/map.h"
#include "runtime/agent/model.h"
#include "runtime/agent/procs.h"
#include "runtime/agent/scope.h"

struct ta_bucket {
	struct ta_map_node node; /* by trace_lo */
	uint64_t trace_hi;
	struct ta_list link;	 /* all, oldest first */
	struct ta_list settling; /* open count is zero */
	struct ta_list open;	 /* struct ta_held */
	struct ta_list ended;
	uint32_t open_count;
	uint32_t ended_count;
	uint64_t zero_pass;   /* the pass in which the count became zero */
	uint64_t since_ns;    /* when the agent first heard of it, or last wrote a part of it */
};

struct ta_held {
	struct ta_span span;
	struct ta_map_node node; /* by span_id, until exported */
	struct ta_list link;	 /* the bucket's open or ended list */
	struct ta_list proc_link;
	struct ta_bucket *bucket;
	struct ta_proc *proc;
	uint64_t family;       /* of its scope versions: the segment */
	uint64_t global;       /* scope version; the process's newest until the group is made */
	uint32_t record_bytes;
};

/* Spans that leave together. */
struct ta_group {
	struct ta_list link;
	struct ta_held **spans;
	uint32_t count;
	uint64_t bytes; /* of all their records */
};

struct ta_bucket_counters {
	uint64_t unknown; /* attributes or ends of spans that nobody started */
	uint64_t twice;	  /* a second start or a second end */
	uint64_t refused; /* no memory, or too much held */
	uint64_t dropped; /* spans thrown away because they could not be exported */
};

struct ta_buckets {
	struct ta_procs *procs;
	struct ta_scopes *scopes;
	struct ta_map spans;
	struct ta_map traces;
	struct ta_list all;
	struct ta_list settling;
	struct ta_list orphans; /* records that came before their span's start */
	struct ta_map orphans_by_span;
	struct ta_list groups;
	uint64_t pass;
	uint64_t now_ns; /* set by the caller before a pass; only for since_ns */
	uint64_t held_bytes, group_bytes;
	uint32_t held_count, orphan_count, group_count;
	uint32_t group_spans; /* in all groups */
	uint64_t groups_gone; /* all that ever left, one way or the other */
	struct ta_bucket_counters counters;
};

#define TA_SPANS_HELD_MAX 2000000u
#define TA_SPAN_BYTES_MAX 65536u /* records of one span */
#define TA_ORPHANS_MAX 65536u

int ta_buckets_init(struct ta_buckets *buckets, struct ta_procs *procs, struct ta_scopes *scopes);
void ta_buckets_fini(struct ta_buckets *buckets);

/* A SPAN_START, SPAN_ATTRS, SPAN_END or SPAN_CANCEL, already found valid. */
void ta_buckets_record(struct ta_buckets *buckets, struct ta_proc *proc, uint32_t tid,
		       const struct ta_record *record);

/* Closes the open spans of a dead process, or of a dead thread (then only those
 * that belong to a thread: THREAD, SIGNAL and API spans that tid started).  Those
 * of a process that said PROCESS_END end at that time, and are no errors. */
void ta_buckets_close_process(struct ta_buckets *buckets, struct ta_proc *proc, uint64_t end_ns);
void ta_buckets_close_thread(struct ta_buckets *buckets, struct ta_proc *proc, uint32_t tid,
			     uint64_t end_ns);

/* The end of a full pass.  True when another pass at once would settle more. */
bool ta_buckets_settle(struct ta_buckets *buckets);

/* Makes a group of what has ended in a trace that goes on. */
void ta_buckets_part(struct ta_buckets *buckets, struct ta_bucket *bucket);
struct ta_bucket *ta_buckets_find(const struct ta_buckets *buckets, uint64_t trace_hi,
				  uint64_t trace_lo);

/* Frees the oldest count groups. */
void ta_buckets_drop_groups(struct ta_buckets *buckets, uint32_t count);

/* For the snapshot: the records that wait for their span. */
typedef void ta_orphan_visit_fn(void *user, const struct ta_record *record);
void ta_buckets_visit_orphans(struct ta_buckets *buckets, ta_orphan_visit_fn *visit, void *user);

/* For the snapshot: takes a span that was held elsewhere.  record_bytes bytes of
 * records follow each other at records; the span is open, ended, or (grouped) at
 * the end of the newest group. */
struct ta_span_image {
	uint64_t end_ns;
	uint64_t global;
	uint64_t family;
	uint32_t tid;
	uint8_t end; /* enum ta_span_end */
	uint8_t grouped;
	uint8_t reserved[2];
};
void ta_buckets_restore(struct ta_buckets *buckets, struct ta_proc *proc,
			const struct ta_span_image *image, const char *records, uint32_t bytes);
void ta_buckets_begin_group(struct ta_buckets *buckets);

#endif
