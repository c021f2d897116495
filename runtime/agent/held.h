/* SPDX-License-Identifier: MIT */
/*
 * held.h - one span that is held: its records, its scope versions, its memory.
 *
 * For bucket.c and the rooms beside it; callers of the buckets need bucket.h only.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_HELD_H
#define TA_AGENT_HELD_H

#include "runtime/agent/bucket.h"

/* A span with its start record, in no bucket and no map yet; NULL without memory.
 * family: of its scope versions. */
struct ta_held *ta_held_new(struct ta_buckets *buckets, struct ta_proc *proc, uint64_t family,
			    uint32_t tid, const struct ta_record_span_start *start);

/* Frees the span, wherever it is: the map, its bucket's list, its process's list.  The
 * bucket's counts and the group's are the caller's. */
void ta_held_free(struct ta_buckets *buckets, struct ta_held *held);

/* Whether so many more bytes of records may be held, for this span and at all. */
bool ta_held_has_room(const struct ta_buckets *buckets, const struct ta_held *held, uint32_t bytes);

/* The same, after attributes that later ones replace were taken out, when the span is at
 * its limit (held_thin.c).  Not for spans that are leaving. */
bool ta_held_make_room(struct ta_buckets *buckets, struct ta_held *held, uint32_t bytes);

/* Appends a copy of a record; one that comes after the end goes before it.  False
 * without memory. */
bool ta_held_keep(struct ta_buckets *buckets, struct ta_held *held, const struct ta_record *record);

/* The same with a record from malloc(), which the span takes over; freed on failure. */
bool ta_held_keep_own(struct ta_buckets *buckets, struct ta_held *held, struct ta_record *record);

/* Gives back the memory of one of its records, which is no longer in its list. */
void ta_held_let_go(struct ta_held *held, struct ta_record *record);

/* The end record's copy, without its attributes when they are too many. */
bool ta_held_keep_end(struct ta_buckets *buckets, struct ta_held *held,
		      const struct ta_record_span_end *end);

/* Other scope versions. */
void ta_held_set_scopes(struct ta_buckets *buckets, struct ta_held *held, uint64_t isolation,
			uint64_t current);
void ta_held_set_global(struct ta_buckets *buckets, struct ta_held *held, uint64_t global);

struct ta_record *ta_record_copy(const struct ta_record *record);

/* Which span a record is about; SPAN_ATTRS, SPAN_EVENT, SPAN_LINK, SPAN_END, SPAN_CANCEL. */
uint64_t ta_record_span_id(const struct ta_record *record);

/* The span by its id, as long as it is held; or NULL. */
struct ta_held *ta_held_find(const struct ta_buckets *buckets, uint64_t span_id);

/* ---- the steps of bucket.c that a restore takes, too ---- */

struct ta_bucket *ta_bucket_of(struct ta_buckets *buckets, uint64_t trace_hi, uint64_t trace_lo);
struct ta_place;
/* place: where it belongs; NULL: where its start says. */
struct ta_held *ta_bucket_start(struct ta_buckets *buckets, struct ta_proc *proc, uint64_t family,
				uint32_t tid, const struct ta_record_span_start *start,
				const struct ta_place *place);
void ta_bucket_apply(struct ta_buckets *buckets, struct ta_held *held,
		     const struct ta_record *record);
/* Without an end record.  ENDED: its process ended in an orderly way.  A unit is freed. */
void ta_bucket_close(struct ta_buckets *buckets, struct ta_held *held, uint64_t end_ns,
		     enum ta_span_end how);

/* The bucket's open or ended count, or that of its units, has changed. */
void ta_bucket_count(struct ta_buckets *buckets, struct ta_bucket *bucket);

/* The bucket settles if nothing holds it any more: since that pass. */
void ta_bucket_rest(struct ta_buckets *buckets, struct ta_bucket *bucket, uint64_t zero_pass);

/* Frees a bucket of which nothing is left, puts one aside of which only groups are. */
void ta_bucket_release(struct ta_buckets *buckets, struct ta_bucket *bucket);

/* The hash by which a trace is found; no host can choose ids that fall together. */
uint64_t ta_trace_key(const struct ta_buckets *buckets, uint64_t trace_hi, uint64_t trace_lo);

/* ---- groups (group.c) ---- */

bool ta_bucket_is_sampled(const struct ta_buckets *buckets, const struct ta_bucket *bucket);

/* An empty group at the end of the row; NULL without memory. */
struct ta_group *ta_group_new(struct ta_buckets *buckets, struct ta_bucket *bucket,
			      uint32_t capacity);

/* Moves an ended span into a group of its trace; false without memory. */
bool ta_group_take(struct ta_buckets *buckets, struct ta_group *group, struct ta_held *held);

/* ta_buckets_leaving(), without the tags when they are there already. */
void ta_groups_leave(struct ta_buckets *buckets, uint32_t count, bool with_tags);

#endif
