/* SPDX-License-Identifier: MIT */
/*
 * undecided.c - events that were captured in a unit which goes on: somebody wants to see an
 * error now, so they do not wait for its end for longer than a few seconds.
 *
 * Then they go out with the trace that they were captured in, which may turn out to have
 * become part of another one.
 *
 * Runs: agent, the worker's thread.
 */
#include "runtime/agent/worker.h"

#define WAIT_NS 3000000000ull

void ta_undecided_look(struct ta_worker *worker)
{
	struct ta_event_decide event = { 0 };

	TA_LIST_EACH(at, &worker->state.events.undecided) {
		struct ta_held_event *held = TA_CONTAINER(at, struct ta_held_event, link);

		if (held->awaits_ns == 0)
			held->awaits_ns = worker->now_ns;
		if (worker->now_ns - held->awaits_ns < WAIT_NS)
			break; /* the others came later */
		event.count++;
	}
	if (event.count > 0)
		ta_worker_event(worker, TA_EVENT_DECIDE, &event, sizeof(event));
}
