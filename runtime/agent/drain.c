/* SPDX-License-Identifier: MIT */
/*
 * drain.c - one pass: what is in the lanes becomes events.
 *
 * Per lane both rings are copied, merged by their common sequence number,
 * checked, put into the journal and applied.  Only when the journal has them
 * are the tails given back: at once for a lane that had much, so that its writer
 * does not wait for us to think; together for the others.  The tails that count
 * are the agent's own; the shared ones are for the writer to see.
 *
 * Runs: agent, one thread.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/agent/worker.h"

#define WRITE_EVERY (1u << 20) /* journal bytes between two writes within a pass */
#define MUCH 8		       /* parts of a ring; one of them is much */

/* A reader whose tail is ours, not the one that a host can write to. */
static struct ta_ring_reader main_reader(struct ta_mapped *mapped, uint32_t index)
{
	struct ta_lane *lane = ta_mapped_lane(mapped, index);
	uint32_t ring = mapped->lane_bytes - TA_LANE_HEADER_BYTES - mapped->signal_ring_bytes;

	return (struct ta_ring_reader){ .base = (char *)lane + TA_LANE_HEADER_BYTES,
					.shared_head = &lane->head,
					.shared_tail = &mapped->lanes[index].tail,
					.size = ring };
}

static struct ta_ring_reader signal_reader(struct ta_mapped *mapped, uint32_t index)
{
	struct ta_lane *lane = ta_mapped_lane(mapped, index);
	uint32_t ring = mapped->lane_bytes - TA_LANE_HEADER_BYTES - mapped->signal_ring_bytes;

	return (struct ta_ring_reader){ .base = (char *)lane + TA_LANE_HEADER_BYTES + ring,
					.shared_head = &lane->signal_head,
					.shared_tail = &mapped->lanes[index].signal_tail,
					.size = mapped->signal_ring_bytes };
}

struct piece {
	const char *at, *end;
};

static const struct ta_record *peek(const struct piece *piece)
{
	return piece->at < piece->end ? (const void *)piece->at : NULL;
}

static uint32_t bytes_of(const struct ta_record *record)
{
	return (uint32_t)record->units * 8;
}

/* The older one of the two next records. */
static const struct ta_record *next_record(struct piece pieces[2])
{
	const struct ta_record *a = peek(&pieces[0]), *b = peek(&pieces[1]);
	int which = !a || (b && (int32_t)(b->seq - a->seq) < 0);
	const struct ta_record *record = which ? b : a;

	if (record)
		pieces[which].at += bytes_of(record);
	return record;
}

static uint32_t merge(struct ta_worker *worker, struct piece pieces[2])
{
	struct ta_buf *out = &worker->events;
	const struct ta_record *record;
	uint32_t bad = 0;

	while ((record = next_record(pieces)) != NULL) {
		worker->records++;
		if (ta_record_valid(record, bytes_of(record)))
			ta_buf_put(out, record, bytes_of(record));
		else
			bad++;
	}
	return bad;
}

/* Takes over where an earlier agent stood: what it had journalled is taken,
 * though it may have died before it gave the space back. */
static void know_tails(struct ta_worker *worker, struct ta_mapped *mapped,
		       const struct ta_lane_state *state, uint32_t index)
{
	struct ta_lane_view *view = &mapped->lanes[index];
	struct ta_lane *lane = ta_mapped_lane(mapped, index);

	view->tails_known = true;
	view->tail = state->attached ? state->tail : atomic_load(&lane->tail);
	view->signal_tail = state->attached ? state->signal_tail : atomic_load(&lane->signal_tail);
	if (state->attached && !worker->keep) {
		atomic_store(&lane->tail, view->tail);
		atomic_store(&lane->signal_tail, view->signal_tail);
	}
}

bool ta_drain_idle(const struct ta_mapped *mapped, uint32_t index)
{
	const struct ta_lane *lane = ta_mapped_lane(mapped, index);
	const struct ta_lane_view *view = &mapped->lanes[index];

	return view->tails_known && atomic_load(&lane->head) == view->tail &&
	       atomic_load(&lane->signal_head) == view->signal_tail;
}

static void note_filling(struct ta_worker *worker, uint32_t bytes, uint32_t size)
{
	uint32_t filling = (uint32_t)((uint64_t)bytes * 1000 / size);

	if (filling > worker->filling)
		worker->filling = filling;
}

/* Copies both rings.  When the signal ring has something, the main ring is read
 * once more: whatever came before those records is there by now. */
static void take_rings(struct ta_worker *worker, struct ta_mapped *mapped, uint32_t index,
		       struct piece pieces[2], struct ta_event_records *event)
{
	struct ta_ring_reader main_ring = main_reader(mapped, index);
	struct ta_ring_reader signal_ring = signal_reader(mapped, index);
	uint64_t tail, signal_tail, skipped;
	uint32_t main_bytes, signal_bytes;

	main_bytes = ta_ring_take(&main_ring, worker->ring[0], main_ring.size, &tail, &skipped);
	event->skipped_bytes = skipped;
	mapped->lanes[index].tail = tail;
	signal_bytes = ta_ring_take(&signal_ring, worker->ring[1], signal_ring.size, &signal_tail,
				    &skipped);
	event->skipped_bytes += skipped;
	mapped->lanes[index].signal_tail = signal_tail;
	if (signal_bytes > 0) {
		main_bytes += ta_ring_take(&main_ring, worker->ring[0] + main_bytes,
					   2 * main_ring.size - main_bytes, &tail, &skipped);
		event->skipped_bytes += skipped;
		mapped->lanes[index].tail = tail;
	}
	event->lane.tail = tail;
	event->lane.signal_tail = signal_tail;
	pieces[0] = (struct piece){ worker->ring[0], worker->ring[0] + main_bytes };
	pieces[1] = (struct piece){ worker->ring[1], worker->ring[1] + signal_bytes };
	mapped->busy_bytes += main_bytes + signal_bytes;
	worker->record_bytes += main_bytes + signal_bytes;
	note_filling(worker, main_bytes, main_ring.size);
	note_filling(worker, signal_bytes, signal_ring.size);
}

/* Records before the first THREAD record belong to whom the lane itself names. */
static void set_identity(const struct ta_lane_state *state, const struct ta_lane *lane,
			 struct ta_event_records *event)
{
	event->lane.proc_id = state->proc_id;
	event->lane.tid = state->tid;
	if (state->proc_id == 0) {
		event->lane.proc_id = atomic_load(&lane->proc_id);
		event->lane.tid = atomic_load(&lane->tid);
	}
}

static void release(const struct ta_mapped *mapped, uint32_t index)
{
	const struct ta_lane_view *view = &mapped->lanes[index];
	struct ta_lane *lane = ta_mapped_lane(mapped, index);

	if (atomic_load_explicit(&lane->tail, memory_order_relaxed) != view->tail)
		atomic_store_explicit(&lane->tail, view->tail, memory_order_release);
	if (atomic_load_explicit(&lane->signal_tail, memory_order_relaxed) != view->signal_tail)
		atomic_store_explicit(&lane->signal_tail, view->signal_tail, memory_order_release);
}

/* Without memory nothing is given back and nobody is buried: it is all there in the next pass. */
static void starve(struct ta_worker *worker)
{
	worker->starved = true;
	if (!worker->starving_told)
		ta_log_say(&worker->log, "no memory for what programs have written: it waits in their "
			   "segments until there is some, and what finds no room there is lost and counted");
	worker->starving_told = true;
}

static bool take_lane(struct ta_worker *worker, struct ta_mapped *mapped,
		      struct ta_segment_state *segment, uint32_t index)
{
	struct ta_event_records event = { .lane = { .segment_id = mapped->id, .lane = index } };
	struct ta_lane_view *view = &mapped->lanes[index];
	uint64_t tail = view->tail, signal_tail = view->signal_tail;
	struct piece pieces[2];

	set_identity(&segment->lanes[index], ta_mapped_lane(mapped, index), &event);
	take_rings(worker, mapped, index, pieces, &event);
	ta_buf_clear(&worker->events);
	ta_buf_put(&worker->events, &event, sizeof(event));
	event.bad = merge(worker, pieces);
	if (worker->events.failed) {
		view->tail = tail;
		view->signal_tail = signal_tail;
		starve(worker);
		return false;
	}
	memcpy(worker->events.data, &event, sizeof(event));
	ta_journal_put(&worker->journal, TA_EVENT_RECORDS, worker->events.data,
		       worker->events.bytes, NULL, 0);
	if (!worker->keep && worker->events.bytes > mapped->lane_bytes / MUCH) {
		ta_journal_write(&worker->journal);
		release(mapped, index);
	}
	ta_state_apply(&worker->state, TA_EVENT_RECORDS, worker->events.data,
		       worker->events.bytes);
	return true;
}

static bool look_at(struct ta_worker *worker, struct ta_mapped *mapped,
		    struct ta_segment_state *segment, uint32_t index)
{
	if (!mapped->lanes[index].tails_known)
		know_tails(worker, mapped, &segment->lanes[index], index);
	if (ta_drain_idle(mapped, index))
		return false;
	return take_lane(worker, mapped, segment, index);
}

static void release_tails(struct ta_worker *worker, struct ta_mapped *mapped)
{
	for (uint32_t index = 0; !worker->keep && ta_mapped_next(mapped, &index); index++)
		if (mapped->lanes[index].tails_known)
			release(mapped, index);
}

static bool drain_segment(struct ta_worker *worker, struct ta_mapped *mapped)
{
	struct ta_segment_state *segment = ta_state_segment(&worker->state, mapped->id);
	bool took = false;

	if (!segment && mapped->unattached && !(segment = ta_worker_attach(worker, mapped)))
		starve(worker);
	if (!segment)
		return false;
	if (worker->working_on)
		memcpy(worker->working_on->name, mapped->name, sizeof(mapped->name));
	mapped->busy_bytes = 0;
	/* A lane that is not ready may have no pages; touching them could be fatal. */
	for (uint32_t index = 0; ta_mapped_next(mapped, &index) && index < segment->lane_count;
	     index++) {
		if (!look_at(worker, mapped, segment, index))
			continue;
		took = true;
		if (worker->journal.pending.bytes > WRITE_EVERY) {
			ta_journal_write(&worker->journal);
			release_tails(worker, mapped);
		}
	}
	if (took) {
		ta_journal_write(&worker->journal);
		release_tails(worker, mapped);
	}
	if (!worker->keep)
		atomic_store(&mapped->shared->agent_seen_ns, worker->pass_ns);
	return took;
}

bool ta_drain_pass(struct ta_worker *worker)
{
	bool took = false, was_settling = worker->state.settling;

	worker->filling = 0;
	worker->starved = false;
	worker->pass_ns = ta_host_now_ns();
	worker->state.buckets.now_ns = worker->now_ns;
	TA_LIST_EACH(at, &worker->segments.mapped)
		took = drain_segment(worker, TA_CONTAINER(at, struct ta_mapped, link)) || took;
	if (worker->working_on)
		worker->working_on->name[0] = '\0';
	if (took || was_settling)
		ta_worker_event(worker, TA_EVENT_PASS, NULL, 0);
	if (took)
		worker->active_ns = worker->now_ns;
	return took;
}
