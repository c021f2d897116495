/* SPDX-License-Identifier: MIT */
/*
 * tags.h - tags of whole traces and of sessions.
 *
 * Every tag that is set gets a number, counted over all traces.  A trace and a
 * session keep, per key, the newest value and its number, in order of the numbers;
 * a span knows up to which number it has taken them up.  So a host pays for a tag
 * once, however many spans it is for.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_TAGS_H
#define TA_AGENT_TAGS_H

#include "runtime/agent/list.h"
#include "runtime/agent/model.h"

struct ta_buckets;
struct ta_bucket;
struct ta_held;

#define TA_TRACE_TAGS_MAX 128u	      /* tags of a trace, of a session, in a record */
#define TA_TRACE_TAGS_BYTES_MAX 32768u /* keys and values of a trace or session */

struct ta_tag_list {
	struct ta_list list; /* struct ta_tag_entry, by number */
	uint32_t count;
	uint32_t bytes;
};

struct ta_tag_entry {
	struct ta_list link;
	uint64_t seq;
	uint64_t time_ns; /* when it was set, for sessions; 0: not known */
	uint16_t key_bytes;
	uint16_t bytes; /* of key, NUL, value */
	char text[];
};

void ta_tag_list_init(struct ta_tag_list *tags);
void ta_tag_list_fini(struct ta_tag_list *tags);

/* Puts text (key, a NUL, value) in, under a number that is higher than all before.
 * False when it is no tag, when there is no room, or no memory. */
bool ta_tag_list_put(struct ta_tag_list *tags, const char *text, uint32_t bytes, uint64_t seq,
		     uint64_t time_ns);

/* Takes up a TAGS record for the trace; false when the trace has no session yet and the
 * record is for it. */
bool ta_tags_take(struct ta_buckets *buckets, struct ta_bucket *bucket,
		  const struct ta_record_tags *record);

/* Appends a SPAN_ATTRS record with those tags that the span has not got yet. */
void ta_tags_give(struct ta_buckets *buckets, struct ta_held *held);

#endif
