/* SPDX-License-Identifier: MIT */
/*
 * tell.c - what was lost or left out, into the log: one line per cause, when it changed.
 *
 * Runs: agent, one thread.
 */
#include <inttypes.h>

#include "runtime/agent/worker.h"

static void tell_one(struct ta_worker *worker, const struct ta_mapped *mapped, const char *word,
		     const char *text, const char *advice, uint64_t count, uint64_t *told)
{
	if (count == *told)
		return;
	ta_log_say(&worker->log, "%.200s (pid %u): %" PRIu64 " lost, %s: %s%s%s", mapped->exe,
		   mapped->pid, count, word, text, advice ? ": " : "", advice ? advice : "");
	*told = count;
}

void ta_tell_segment(struct ta_worker *worker, struct ta_mapped *mapped)
{
	const struct ta_segment_state *state = ta_state_segment(&worker->state, mapped->id);

	if (mapped->torn && !mapped->torn_told)
		ta_log_say(&worker->log, "%.200s (pid %u): its segment was cut short, what stood "
			   "there is lost", mapped->exe, mapped->pid);
	mapped->torn_told = mapped->torn;
	for (int i = 0; i < TA_LOSS_COUNT; i++)
		tell_one(worker, mapped, ta_loss_word((enum ta_loss)i),
			 ta_loss_text((enum ta_loss)i), ta_loss_advice((enum ta_loss)i),
			 atomic_load(&mapped->shared->lost[i]), &mapped->lost_told[i]);
	if (!state)
		return;
	tell_one(worker, mapped, "bad_record", "a record made no sense", NULL, state->bad_records,
		 &mapped->bad_told);
	tell_one(worker, mapped, "skipped_bytes", "bytes of a lane made no sense", NULL,
		 state->skipped_bytes, &mapped->skipped_told);
}

static void tell_count(struct ta_worker *worker, const char *text, uint64_t count, uint64_t *told)
{
	if (count != *told)
		ta_log_say(&worker->log, "%" PRIu64 " %s", count, text);
	*told = count;
}

void ta_tell_state(struct ta_worker *worker)
{
	const struct ta_bucket_counters *counters = &worker->state.buckets.counters;
	const struct ta_event_counters *events = &worker->state.events.counters;
	struct ta_scope_counters scopes = ta_scopes_counters(worker->state.scopes);

	tell_count(worker, "records for spans that nobody started", counters->unknown,
		   &worker->unknown_told);
	tell_count(worker, "spans started or ended twice", counters->twice, &worker->twice_told);
	tell_count(worker, "records refused: too much held, or no memory", counters->refused,
		   &worker->refused_told);
	tell_count(worker, "open spans closed: too much held", counters->given_up,
		   &worker->given_up_told);
	tell_count(worker, "spans dropped: they could not be written", counters->dropped,
		   &worker->dropped_told);
	tell_count(worker, "attributes came while their span was being written", counters->late,
		   &worker->late_told);
	tell_count(worker, "spans left out by sampling", counters->unsampled,
		   &worker->unsampled_told);
	tell_count(worker, "events captured twice", events->twice, &worker->events_twice_told);
	tell_count(worker, "events refused: too many held, or no memory", events->refused,
		   &worker->events_refused_told);
	tell_count(worker, "events dropped: too many could not be written", events->dropped,
		   &worker->events_dropped_told);
	tell_count(worker, "scope versions missing or not kept", scopes.missing + scopes.dropped,
		   &worker->scope_missing_told);
	TA_LIST_EACH(at, &worker->segments.mapped)
		ta_tell_segment(worker, TA_CONTAINER(at, struct ta_mapped, link));
}
