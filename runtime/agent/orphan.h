/* SPDX-License-Identifier: MIT */
/*
 * orphan.h - records whose span or trace has not started, as far as we have read.
 *
 * Its start may be in a lane that was read before it was written.  So a record is
 * kept until one more full pass is over, and handed out as soon as the start comes,
 * in order of arrival.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_ORPHAN_H
#define TA_AGENT_ORPHAN_H

#include "runtime/agent/bucket.h"

/* Keeps a copy of a record of a span, or of a TAGS record; counts it as unknown when
 * there is no room. */
void ta_orphans_keep(struct ta_buckets *buckets, const struct ta_record *record, uint64_t pass);

/* The span has started: its records are applied. */
void ta_orphans_of_span(struct ta_buckets *buckets, uint64_t span_id);

/* The trace has become known, or its session: its tags are taken up. */
void ta_orphans_of_trace(struct ta_buckets *buckets, struct ta_bucket *bucket, enum ta_tags_of of);

/* The end of a full pass: those of earlier passes will not find their span any more. */
void ta_orphans_settle(struct ta_buckets *buckets);

void ta_orphans_fini(struct ta_buckets *buckets);

typedef void ta_orphan_visit_fn(void *user, const struct ta_record *record, uint64_t pass);
void ta_orphans_visit(const struct ta_buckets *buckets, ta_orphan_visit_fn *visit, void *user);

#endif
