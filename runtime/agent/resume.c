/* SPDX-License-Identifier: MIT */
/*
 * resume.c - going on where the last agent stopped.
 *
 * The journal is replayed, an append that it left half done is undone, and a new
 * journal is begun from what is known now.  Then the directory decides: a segment
 * that the journal knows and nobody has any more is finished.
 *
 * Runs: agent, one thread.
 */
#include <errno.h>
#include <string.h>

#include "runtime/agent/worker.h"

/* Segments that the journal knows and nobody has any more. */
static void forget_lost_segments(struct ta_worker *worker)
{
	TA_LIST_EACH(at, &worker->state.segments) {
		struct ta_event_id event = {
			.segment_id = TA_CONTAINER(at, struct ta_segment_state, link)->id
		};
		bool present = false;

		TA_LIST_EACH(mapped_at, &worker->segments.mapped)
			present |= TA_CONTAINER(mapped_at, struct ta_mapped, link)->id ==
				   event.segment_id;
		if (!present)
			ta_worker_event(worker, TA_EVENT_GONE, &event, sizeof(event));
	}
}

int ta_worker_resume(struct ta_worker *worker, const char *path)
{
	int error = ta_journal_replay(&worker->journal, &worker->state);

	if (error && error != -ENOENT)
		ta_log_say(&worker->log, "the journal cannot be used: %s: what an earlier agent had not "
			   "written is lost", strerror(-error));
	error = ta_flush_init(worker, path);
	if (error)
		return error;
	ta_flush_recover(worker);
	worker->journal.off = worker->keep;
	if (ta_journal_rewrite(&worker->journal, &worker->state) != 0)
		ta_log_say(&worker->log, "no journal, going on without: %s: make room in the run directory, "
			   "or what is in memory is lost when the agent is killed",
			   strerror(-worker->journal.error));
	ta_worker_scan(worker);
	forget_lost_segments(worker);
	return 0;
}
