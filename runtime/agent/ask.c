/* SPDX-License-Identifier: MIT */
/*
 * ask.c - questions of hosts: what is held, and flushes on demand.
 *
 * A host sets its bits, counts its question and wakes us.  Whoever has asked by now
 * is answered together: all lanes are read, which takes in whatever the askers had
 * published before; passes follow until nothing settles; what is due goes out, and
 * everything if that was asked; then each learns the numbers.  So a round does this
 * once, however many ask and however often.
 *
 * Questions are not part of the journal.  An agent that died over one may have taken
 * its bits: then its successor does more rather than less.
 *
 * Runs: agent, one thread.
 */
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/agent/worker.h"

void ta_asks_attach(struct ta_mapped *mapped)
{
	mapped->answered = atomic_load(&mapped->shared->answered);
	mapped->ask_lost = atomic_load(&mapped->shared->asked) != mapped->answered;
}

/* The number first: what is asked later is asked again. */
static void take(struct ta_mapped *mapped)
{
	mapped->ask_number = atomic_load(&mapped->shared->asked);
	mapped->ask_what = atomic_exchange(&mapped->shared->ask_what, 0);
	if (mapped->ask_what == 0 && mapped->ask_lost)
		mapped->ask_what = TA_ASK_FLUSH;
	mapped->ask_lost = false;
	mapped->asking = true;
}

/* Who asks; what all of them want together. */
static bool take_all(struct ta_worker *worker, uint32_t *ret_what)
{
	bool any = false;

	*ret_what = 0;
	TA_LIST_EACH(at, &worker->segments.mapped) {
		struct ta_mapped *mapped = TA_CONTAINER(at, struct ta_mapped, link);

		if (!ta_mapped_asked(mapped))
			continue;
		take(mapped);
		*ret_what |= mapped->ask_what;
		any = true;
	}
	return any;
}

static void answer(struct ta_mapped *mapped, const struct ta_bucket_counts *counts)
{
	struct ta_segment *shared = mapped->shared;

	mapped->asking = false;
	mapped->answered = mapped->ask_number;
	atomic_store(&shared->complete_spans, counts->complete_spans);
	atomic_store(&shared->open_traces, counts->active_traces);
	atomic_store(&shared->open_buckets, counts->open_buckets);
	atomic_store(&shared->answered, mapped->ask_number);
	syscall(SYS_futex, &shared->answered, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void answer_all(struct ta_worker *worker)
{
	struct ta_bucket_counts counts = ta_buckets_counts(&worker->state.buckets);

	TA_LIST_EACH(at, &worker->segments.mapped) {
		struct ta_mapped *mapped = TA_CONTAINER(at, struct ta_mapped, link);

		if (mapped->asking)
			answer(mapped, &counts);
	}
}

void ta_asks_answer(struct ta_worker *worker)
{
	uint32_t what;

	if (worker->keep || !take_all(worker, &what))
		return;
	worker->now_ns = ta_agent_now_ns();
	ta_drain_pass(worker);
	ta_worker_settle(worker);
	ta_flush_look(worker);
	ta_flush_due(worker);
	if (what & (TA_ASK_FLUSH | TA_ASK_SHUTDOWN))
		ta_flush_run(worker,
			     what & TA_ASK_SHUTDOWN ? TA_FLUSH_SHUTDOWN : TA_FLUSH_EXPLICIT);
	ta_journal_write(&worker->journal);
	answer_all(worker);
}
