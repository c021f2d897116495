/* SPDX-License-Identifier: MIT */
/*
 * parts.c - traces that go on: what has ended of them is written in parts.
 *
 * One that is open for long, or has very many spans, would be held until it is complete; what
 * has ended goes out when it is overdue, and earlier when too much is held.
 *
 * Runs: agent, the worker's thread.
 */
#include "runtime/agent/worker.h"

static bool is_overdue(const struct ta_worker *worker, const struct ta_bucket *bucket)
{
	const struct ta_buckets *buckets = &worker->state.buckets;
	uint64_t age_ns = worker->config.max_trace_age_ms * 1000000u;

	return bucket->ended_count > worker->config.max_trace_spans ||
	       worker->now_ns > bucket->since_ns + age_ns ||
	       buckets->held_count > TA_SPANS_HELD_MAX / 8 * 7 ||
	       ta_buckets_bytes(buckets) > buckets->bytes_max / 8 * 7;
}

void ta_flush_parts(struct ta_worker *worker, bool all)
{
	TA_LIST_EACH(at, &worker->state.buckets.all) {
		struct ta_bucket *bucket = TA_CONTAINER(at, struct ta_bucket, link);
		struct ta_event_trace event = { .trace_hi = bucket->trace_hi,
						.trace_lo = bucket->trace_lo };

		if (bucket->ended_count == 0 || !(all || is_overdue(worker, bucket)))
			continue;
		ta_worker_event(worker, TA_EVENT_PART, &event, sizeof(event));
		worker->flush.parts = true;
	}
}
