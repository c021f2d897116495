/* SPDX-License-Identifier: MIT */
/*
 * pressure.c - room for new traces, when open ones hold too much.
 *
 * A span of which the end was lost (its lane was full) would be held until its process ends,
 * and enough of them would keep out everything new.  So the oldest traces go: their
 * open spans are closed, said to be unfinished, and written.  Ends that come later are
 * counted as those of spans that nobody knows.
 *
 * Runs: agent, the worker's thread.
 */
#include "runtime/agent/worker.h"

/* Eighths of what may be held. */
#define HIGH 6u
#define LOW 4u

static uint64_t held_bytes(const struct ta_held *held)
{
	return held->record_bytes + TA_HELD_OVERHEAD;
}

static uint64_t give_up(struct ta_worker *worker, const struct ta_bucket *bucket)
{
	struct ta_event_give_up event = { .trace_hi = bucket->trace_hi,
					  .trace_lo = bucket->trace_lo,
					  .time_ns = worker->pass_ns };
	uint64_t bytes = TA_TRACE_OVERHEAD;

	TA_LIST_EACH(open, &bucket->open)
		bytes += held_bytes(TA_CONTAINER(open, struct ta_held, link));
	TA_LIST_EACH(ended, &bucket->ended)
		bytes += held_bytes(TA_CONTAINER(ended, struct ta_held, link));
	ta_worker_event(worker, TA_EVENT_GIVE_UP, &event, sizeof(event));
	return bytes;
}

void ta_pressure_relieve(struct ta_worker *worker)
{
	const struct ta_buckets *buckets = &worker->state.buckets;
	uint64_t share = buckets->bytes_max / 8, bytes = ta_buckets_open_bytes(buckets);

	if (bytes <= share * HIGH)
		return;
	TA_LIST_EACH(at, &worker->state.buckets.all) {
		struct ta_bucket *bucket = TA_CONTAINER(at, struct ta_bucket, link);
		uint64_t gone = bucket->open_count + bucket->units ? give_up(worker, bucket) : 0;

		bytes -= gone < bytes ? gone : bytes;
		if (bytes <= share * LOW)
			return;
	}
}
