/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c - the whole state as events, for a journal that starts anew.
 *
 * Order matters: segments before their lanes, processes and scopes before the
 * spans and events that name them, events that are ready before those that wait,
 * older ones first (a flush counts them).
 *
 * Runs: agent, one thread.
 */
#include <string.h>

#include "runtime/agent/state.h"

struct out {
	ta_event_emit_fn *emit;
	void *user;
	uint64_t pass; /* of the events */
};

static void put_segment(struct out *out, const struct ta_segment_state *segment)
{
	struct ta_event_attach attach = { .segment_id = segment->id,
					  .proc_id = segment->proc_id,
					  .created_ns = segment->created_ns,
					  .pid = segment->pid,
					  .lane_count = segment->lane_count,
					  .foreign = segment->foreign,
					  .wall_offset_ns = segment->wall_offset_ns };

	memcpy(attach.exe, segment->exe, sizeof(attach.exe));
	out->emit(out->user, TA_EVENT_ATTACH, &attach, sizeof(attach), NULL, 0);
	for (uint32_t i = 0; i < segment->lane_count; i++) {
		const struct ta_lane_state *lane = &segment->lanes[i];
		struct ta_event_lane event = { .segment_id = segment->id,
					       .lane = i,
					       .tid = lane->tid,
					       .tail = lane->tail,
					       .signal_tail = lane->signal_tail,
					       .proc_id = lane->proc_id };

		if (lane->attached)
			out->emit(out->user, TA_EVENT_LANE, &event, sizeof(event), NULL, 0);
	}
}

static void put_proc(struct out *out, const struct ta_proc *proc)
{
	struct ta_event_proc event = { .segment_id = proc->segment_id,
				       .global = proc->global,
				       .last_ns = proc->last_ns,
				       .end_record_ns = proc->end_record_ns,
				       .exec_ns = proc->exec_ns,
				       .proc_id = proc->process.proc_id,
				       .parent_proc_id = proc->process.parent_proc_id,
				       .start_ns = proc->process.start_ns,
				       .end_ns = proc->process.end_ns,
				       .wall_offset_ns = proc->process.wall_offset_ns,
				       .pid = proc->process.pid,
				       .parent_pid = proc->process.parent_pid,
				       .host_pid = proc->host_pid,
				       .dead = proc->dead };

	memcpy(event.exe, proc->process.exe, sizeof(event.exe));
	out->emit(out->user, TA_EVENT_PROC, &event, sizeof(event), NULL, 0);
}

static void put_scope(void *user, uint64_t family, uint64_t owner, uint64_t version,
		      const void *blob, size_t bytes)
{
	struct out *out = user;
	struct ta_event_scope event = { .family = family, .owner = owner, .version = version };

	out->emit(out->user, TA_EVENT_SCOPE, &event, sizeof(event), blob, bytes);
}

static void put_image(void *user, const void *image, size_t bytes)
{
	struct out *out = user;

	out->emit(out->user, TA_EVENT_IMAGE, image, bytes, NULL, 0);
}

/* What came for an event after it. */
static void put_stacks(struct out *out, const struct ta_held_event *held)
{
	struct ta_event_stack event = { held->event.record->id_hi, held->event.record->id_lo };

	if (held->event.stack_record)
		out->emit(out->user, TA_EVENT_STACK_RECORD, held->event.stack_record,
			  (size_t)held->event.stack_record->head.units * 8, NULL, 0);
	if (held->event.record->type == TA_CAPTURE_CRASH && !held->awaits)
		out->emit(out->user, TA_EVENT_STACK, &event, sizeof(event), held->event.stack,
			  held->event.stack_bytes);
}

static void put_events(struct out *out, struct ta_list *events, enum ta_event_stage stage)
{
	TA_LIST_EACH(at, events) {
		const struct ta_held_event *held = TA_CONTAINER(at, struct ta_held_event, link);
		struct ta_event_captured event = { .proc_id = held->proc->process.proc_id,
						   .family = held->family,
						   .tid = held->event.tid,
						   .stage = stage };

		if (stage == TA_EVENT_WAITING && held->pass == out->pass)
			event.stage = TA_EVENT_NEW;

		out->emit(out->user, TA_EVENT_CAPTURED, &event, sizeof(event), held->event.record,
			  (size_t)held->event.record->head.units * 8);
		put_stacks(out, held);
	}
}

static void put_delivered(struct out *out, uint32_t output, uint32_t count)
{
	struct ta_event_flush event = { .count = count, .output = output, .delivered = 1 };

	if (count > 0)
		out->emit(out->user, TA_EVENT_FLUSH_FAILED, &event, sizeof(event), NULL, 0);
}

void ta_state_snapshot(struct ta_state *state, ta_event_emit_fn *emit, void *user)
{
	struct out out = { .emit = emit, .user = user, .pass = state->events.pass };

	TA_LIST_EACH(at, &state->segments)
		put_segment(&out, TA_CONTAINER(at, struct ta_segment_state, link));
	ta_scopes_visit(state->scopes, put_scope, &out);
	TA_LIST_EACH(at, &state->procs.all)
		put_proc(&out, TA_CONTAINER(at, struct ta_proc, link));
	for (uint32_t i = 0; i < TA_OUTPUTS; i++)
		put_delivered(&out, i, state->delivered[i]); /* before what is leaving */
	ta_buckets_save(&state->buckets, put_image, &out);
	put_events(&out, &state->events.ready, TA_EVENT_READY);
	put_events(&out, &state->events.awaiting, TA_EVENT_READY);
	put_events(&out, &state->events.undecided, TA_EVENT_UNDECIDED);
	put_events(&out, &state->events.waiting, TA_EVENT_WAITING);
	if (state->events.deaths.count > 0)
		emit(user, TA_EVENT_DEATHS, &state->events.deaths, sizeof(state->events.deaths),
		     NULL, 0);
	for (uint32_t i = 0; i < state->globals.count; i++)
		emit(user, TA_EVENT_GLOBAL, &state->globals.items[i],
		     sizeof(state->globals.items[i]), NULL, 0);
	if (state->settling)
		emit(user, TA_EVENT_SETTLING, NULL, 0, NULL, 0);
	if (state->flushing.count > 0)
		emit(user, TA_EVENT_FLUSH_BEGIN, &state->flushing, sizeof(state->flushing), NULL, 0);
}
