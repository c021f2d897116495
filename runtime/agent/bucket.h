/* SPDX-License-Identifier: MIT */
/*
 * bucket.h - spans held per trace until the trace is complete.
 *
 * A bucket counts the open spans of a trace (but not loose ones: those are closed with
 * the rest of it) and the open units, whose fate decides where their trace belongs
 * (unit.h).  Lanes are read one after the
 * other, so a start can come after an end that follows it, and a count of zero
 * is believed only when it is still zero after one more full pass.  A complete
 * trace becomes a group: its ended spans, every parent before its children,
 * siblings by start.  Groups wait, in order of completion, to be exported; their
 * spans still take attributes and tags, until the group leaves.  The bucket of a
 * trace lives as long as a span of it is held.
 *
 * Pure: no clock, no I/O, no configuration but the sampler.  The same calls in
 * the same order give the same groups; the journal relies on it.
 *
 * Who else: held.h (one span), unit.h, orphan.h (records before their span), tags.h (tags
 * of traces and sessions), session.h, order.h, group.c and image.c (prototypes here).
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
#include "runtime/agent/session.h"
#include "runtime/agent/spares.h"
#include "runtime/agent/tags.h"
#include "runtime/wire/sampler.h"

struct ta_bucket {
	struct ta_map_node by_trace; /* its key is no part of the trace id */
	uint64_t trace_hi, trace_lo;
	struct ta_list link;	 /* all, oldest first; in none when only its groups are left */
	struct ta_list settling; /* nothing holds it, and something has ended */
	struct ta_list open;	 /* struct ta_held; open units too */
	struct ta_list ended;
	struct ta_list groups; /* not exported yet, by trace_link */
	uint32_t open_count; /* spans: without units */
	uint32_t ended_count;
	uint32_t holding; /* open ones that the trace waits for: no loose ones, but units */
	uint32_t units;	  /* open ones */
	uint64_t zero_pass;   /* the pass in which nothing held it any more */
	uint64_t since_ns;    /* when the agent first heard of it, or last wrote a part of it */
	uint64_t last_end_ns; /* the latest end of those in ended */
	uint64_t age;	      /* lower is older */
	struct ta_tag_list tags; /* of the trace: for its later spans too */
	struct ta_trace_session session;
	uint8_t parent; /* enum ta_parent_decision: of a caller, or of the host */
	uint8_t units_started; /* in all */
	uint8_t depth; /* most moves of any of its spans */
	bool counted_active, counted_open; /* in struct ta_bucket_counts */
};

#define TA_RECORDS_FIRST 3u /* a start, attributes, an end */
#define TA_RECORD_ROOM 112u /* behind the start record, for those that come later */

/* One piece of memory with its first records: most spans need no other. */
struct ta_held {
	struct ta_span span;
	struct ta_map_node node; /* by span_id, until exported */
	struct ta_list link;	 /* the bucket's open or ended list */
	struct ta_list proc_link;
	struct ta_bucket *bucket;
	struct ta_group *group; /* or NULL */
	struct ta_proc *proc;
	uint64_t family; /* of its scope versions: the segment */
	uint64_t global; /* scope version: the end's; without an end record the process's newest */
	uint64_t tags;	 /* scope version with its own and inherited tags */
	uint64_t unit_id; /* its parent was that unit, and is none now; 0: no unit */
	uint64_t tags_seen;    /* tags of its trace up to this number are among its records */
	uint64_t session_seen; /* the same for tags of its session */
	uint64_t ended_seq;    /* the number of the newest tag when it ended */
	uint32_t record_bytes;
	uint32_t thinned_bytes; /* record_bytes when replaced attributes were last taken out */
	bool recorded_end; /* it has an end record */
	struct ta_record *first[TA_RECORDS_FIRST]; /* span.records.items, until there are more */
	uint32_t room, room_bytes; /* used of own, and in all */
	char own[] __attribute__((aligned(8))); /* records; others are malloc'd */
};

/* Spans that leave together: a trace, or the part of it that had ended. */
struct ta_group {
	struct ta_list link;
	struct ta_list trace_link;
	struct ta_bucket *bucket;
	struct ta_held **spans; /* own, or malloc'd */
	uint32_t count;
	uint32_t capacity, own_capacity;
	uint64_t bytes; /* of all their records */
	bool leaving;	/* being exported: nothing in it changes */
	bool unsampled; /* by head sampling: for metrics only */
	bool partial;	/* spans of its trace were open when it was made */
	struct ta_trace_session session; /* what its spans point to, from the time it leaves */
	struct ta_held *own[];
};

struct ta_bucket_counters {
	uint64_t unknown; /* records of spans or traces that nobody started */
	uint64_t twice;	  /* a second start or a second end */
	uint64_t late;	  /* attributes of spans that were being exported */
	uint64_t refused; /* records: no memory, or too much held */
	uint64_t refused_spans; /* those of them that began a span */
	uint64_t given_up; /* open spans that were closed because too much was held */
	uint64_t dropped; /* spans thrown away because they could not be exported */
	uint64_t unsampled; /* spans of traces that are not sampled */
};

struct ta_buckets {
	struct ta_procs *procs;
	struct ta_scopes *scopes;
	struct ta_sampler sampler; /* takes all unless set after init; the same for a whole journal */
	uint64_t bytes_max; /* of all that is held; no new spans or attributes above; the same */
	bool keep_unsampled; /* their groups are made, too (for metrics); the same */
	struct ta_map spans;
	struct ta_map traces;
	struct ta_map sessions;
	struct ta_list all;
	struct ta_list settling;
	struct ta_list orphans; /* records that came before their span's start */
	struct ta_map orphans_by_span, orphans_by_trace;
	struct ta_list units[2]; /* struct ta_unit, ended: alone, adopted; oldest first */
	struct ta_map units_by_span, units_by_trace;
	uint32_t unit_counts[2];
	uint32_t open_units;
	uint64_t units_ended; /* in all */
	struct ta_list groups;
	struct ta_spares spares; /* of spans, buckets and groups */
	uint64_t pass;
	uint64_t age;	 /* of the newest bucket */
	uint64_t tag_seq; /* of the newest tag of a trace or session */
	uint64_t now_ns; /* set by the caller before a pass; only for since_ns */
	uint64_t held_bytes, group_bytes;
	uint32_t held_count, orphan_count, group_count;
	uint32_t group_spans;	/* in all groups */
	uint32_t leaving_count; /* groups that are leaving: the oldest ones */
	uint32_t active_traces, open_buckets;
	uint32_t saves; /* snapshots made */
	uint64_t groups_gone; /* all that ever left, one way or the other */
	/* Told of every span that ends, or NULL; changes nothing. */
	void (*on_end)(void *user, const struct ta_held *held);
	void *on_end_user;
	struct ta_bucket_counters counters;
};

#define TA_SPANS_HELD_MAX 2000000u
#define TA_SPAN_BYTES_MAX 65536u	   /* records of one span, without what was replaced */
#define TA_HELD_BYTES_MAX (1ull << 30) /* all spans, unless set after init */
#define TA_HELD_OVERHEAD 416u /* of a span, besides its records: about */
#define TA_TRACE_OVERHEAD 384u /* of a trace and its group */
#define TA_ORPHAN_OVERHEAD 192u /* the same, of a record without its span */
#define TA_UNIT_OVERHEAD 144u /* of a unit that is remembered */
#define TA_ORPHANS_MAX 65536u
#define TA_ORPHAN_BYTES_MAX 65536u /* of one */

/* About the memory of all spans and orphans. */
static inline uint64_t ta_buckets_bytes(const struct ta_buckets *buckets)
{
	return buckets->held_bytes + (uint64_t)buckets->held_count * TA_HELD_OVERHEAD +
	       (uint64_t)buckets->traces.count * TA_TRACE_OVERHEAD +
	       (uint64_t)buckets->orphan_count * TA_ORPHAN_OVERHEAD +
	       (uint64_t)(buckets->unit_counts[0] + buckets->unit_counts[1]) * TA_UNIT_OVERHEAD;
}

int ta_buckets_init(struct ta_buckets *buckets, struct ta_procs *procs, struct ta_scopes *scopes);
void ta_buckets_fini(struct ta_buckets *buckets);

/* A SPAN_START, SPAN_ATTRS, SPAN_EVENT, SPAN_LINK, SPAN_END, SPAN_CANCEL or TAGS,
 * already found valid.  proc is needed for a SPAN_START only. */
void ta_buckets_record(struct ta_buckets *buckets, struct ta_proc *proc, uint32_t tid,
		       const struct ta_record *record);

/* Tags for a trace or a session; what ta_buckets_record() does with a TAGS record.
 * It costs the same however many spans there are: spans take up the tags when they
 * get their next record, or leave. */
void ta_buckets_tags(struct ta_buckets *buckets, const struct ta_record_tags *record);

/* Closes the open spans of a dead process, or of a dead thread (then only those
 * that belong to a thread: THREAD, SIGNAL and API spans that tid started).  Those
 * of a process that said PROCESS_END end at that time, and are no errors. */
void ta_buckets_close_process(struct ta_buckets *buckets, struct ta_proc *proc, uint64_t end_ns);
void ta_buckets_close_thread(struct ta_buckets *buckets, struct ta_proc *proc, uint32_t tid,
			     uint64_t end_ns);

/* Closes the open spans of a trace, to make room: they end at that time.  Its bucket may
 * be gone afterwards. */
void ta_buckets_give_up(struct ta_buckets *buckets, struct ta_bucket *bucket, uint64_t end_ns);

/* About the memory of spans that are in no group. */
uint64_t ta_buckets_open_bytes(const struct ta_buckets *buckets);

/* The end of a full pass.  True when another pass at once would settle more. */
bool ta_buckets_settle(struct ta_buckets *buckets);

/* Whether something waits for another pass: the last answer of ta_buckets_settle(),
 * and what happened since (also after a restore). */
bool ta_buckets_settling(const struct ta_buckets *buckets);

/* Makes a group of what has ended in a trace that goes on; the bucket of one that does
 * not may be gone afterwards. */
void ta_buckets_part(struct ta_buckets *buckets, struct ta_bucket *bucket);
struct ta_bucket *ta_buckets_find(const struct ta_buckets *buckets, uint64_t trace_hi,
				  uint64_t trace_lo);

/* The oldest count groups leave: their spans get the tags and the session that they
 * are exported with, and nothing in them changes until they are dropped or stay.
 * To be called before spans are copied for the exporter, as an event of its own in
 * the journal; so it is too early for a FLUSH_BEGIN, which knows the place. */
void ta_buckets_leaving(struct ta_buckets *buckets, uint32_t count);

/* They were not exported: FLUSH_FAILED; also the last word of a replay that ends with
 * leaving_count > 0 and no answer. */
void ta_buckets_stay(struct ta_buckets *buckets);

/* Frees the oldest count groups: FLUSH_DONE and DROP. */
void ta_buckets_drop_groups(struct ta_buckets *buckets, uint32_t count);

/* What the agent holds; O(1).  Traces whose last span has ended and that still settle
 * are in none of these. */
struct ta_bucket_counts {
	uint32_t complete_spans; /* of all groups */
	uint32_t active_traces;	 /* with an open span */
	uint32_t open_buckets;	 /* those of them that have ended spans, too */
};
struct ta_bucket_counts ta_buckets_counts(const struct ta_buckets *buckets);

/* For the snapshot: everything that is held (spans, groups, traces, sessions, tags,
 * orphans, passes, what is leaving) as a row of images, each at most 8-byte aligned.
 * Processes and scope versions have to be restored before.  No PASS has to follow. */
typedef void ta_image_fn(void *user, const void *image, size_t bytes);
void ta_buckets_save(struct ta_buckets *buckets, ta_image_fn *emit, void *user);

/* The other half: one image, 8-byte aligned, onto buckets that were empty before the
 * first.  0, or -EINVAL for one that makes no sense. */
int ta_buckets_restore(struct ta_buckets *buckets, const void *image, size_t bytes);

#endif
