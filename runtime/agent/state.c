/* SPDX-License-Identifier: MIT */
/*
 * state.c - applying events.  What records say is state_records.c's.
 *
 * Payloads may come from a journal that was cut or damaged after its checksum
 * was made, so every length is checked, and every number that came from a host
 * is looked up, never used as an index unchecked.
 *
 * Runs: agent, one thread.  No clock, no I/O.
 */
#include "runtime/agent/state_part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ta_state_init(struct ta_state *state)
{
	memset(state, 0, sizeof(*state));
	ta_list_init(&state->segments);
	state->scopes = ta_scopes_new();
	if (!state->scopes || ta_procs_init(&state->procs) != 0 ||
	    ta_buckets_init(&state->buckets, &state->procs, state->scopes) != 0 ||
	    ta_events_init(&state->events, &state->procs, state->scopes) != 0)
		return -ENOMEM;
	state->globals.procs = &state->procs;
	state->globals.scopes = state->scopes;
	state->events.buckets = &state->buckets;
	return 0;
}

void ta_state_fini(struct ta_state *state)
{
	ta_buckets_fini(&state->buckets);
	ta_events_fini(&state->events);
	ta_procs_fini(&state->procs);
	ta_scopes_free(state->scopes);
	ta_filter_fini(&state->filter);
	TA_LIST_EACH(at, &state->segments) {
		ta_list_remove(at);
		free(TA_CONTAINER(at, struct ta_segment_state, link));
	}
}

struct ta_segment_state *ta_state_segment(const struct ta_state *state, uint64_t segment_id)
{
	TA_LIST_EACH(at, &state->segments) {
		struct ta_segment_state *segment = TA_CONTAINER(at, struct ta_segment_state, link);

		if (segment->id == segment_id)
			return segment;
	}
	return NULL;
}

struct ta_proc *ta_state_proc(struct ta_state *state, struct ta_segment_state *segment,
			      uint64_t proc_id)
{
	struct ta_proc *proc = ta_procs_find(&state->procs, proc_id);

	if (proc || proc_id == 0)
		return proc;
	proc = ta_procs_add(&state->procs, proc_id, segment->id);
	if (proc) {
		memcpy(proc->process.exe, segment->exe, sizeof(proc->process.exe));
		proc->process.wall_offset_ns = segment->wall_offset_ns;
	}
	return proc;
}

static int attach(struct ta_state *state, const struct ta_event_attach *event)
{
	struct ta_segment_state *segment;

	if (event->lane_count == 0 || event->lane_count > TA_LANES_MAX)
		return -EINVAL;
	if (ta_state_segment(state, event->segment_id))
		return 0;
	segment = calloc(1, sizeof(*segment) + event->lane_count * sizeof(segment->lanes[0]));
	if (!segment)
		return -ENOMEM;
	segment->id = event->segment_id;
	segment->proc_id = event->proc_id;
	segment->created_ns = event->created_ns;
	segment->wall_offset_ns = event->wall_offset_ns;
	segment->pid = event->pid;
	segment->lane_count = event->lane_count;
	segment->foreign = event->foreign != 0;
	memcpy(segment->exe, event->exe, sizeof(segment->exe) - 1);
	ta_list_append(&state->segments, &segment->link);
	struct ta_proc *proc = ta_state_proc(state, segment, event->proc_id);

	if (proc)
		proc->creator = true;
	if (proc && proc->process.start_ns == 0) {
		proc->process.start_ns = event->created_ns;
		ta_state_set_pid(proc, event->pid, segment->foreign);
	}
	return 0;
}

static void pass(struct ta_state *state)
{
	bool waiting = ta_scopes_settle(state->scopes);

	ta_globals_settle(&state->globals, waiting);
	waiting = ta_events_settle(&state->events) || waiting;
	state->settling = ta_buckets_settle(&state->buckets) || waiting;
}

/* Units that were closed decide about events, in a pass. */
static void note_settling(struct ta_state *state)
{
	state->settling = state->settling || ta_buckets_settling(&state->buckets) ||
			  !ta_list_empty(&state->events.undecided);
}

static void bury(struct ta_state *state, struct ta_proc *proc)
{
	struct ta_proc *oldest;

	ta_scopes_bury(state->scopes, proc->segment_id, proc->process.proc_id);
	oldest = ta_proc_bury(&state->procs, proc);
	if (!oldest)
		return;
	ta_global_set(state->scopes, oldest, 0);
	ta_proc_detach(&state->procs, oldest);
}

static int dead(struct ta_state *state, const struct ta_event_dead *event, bool only_thread)
{
	struct ta_proc *proc = ta_procs_find(&state->procs, event->proc_id);

	if (!proc)
		return -EINVAL;
	if (only_thread) {
		ta_buckets_close_thread(&state->buckets, proc, event->tid, event->time_ns);
	} else {
		proc->process.end_ns = event->time_ns;
		ta_buckets_close_process(&state->buckets, proc, event->time_ns);
		bury(state, proc);
	}
	note_settling(state);
	return 0;
}

static int lane_event(struct ta_state *state, const struct ta_event_lane *event, bool reset)
{
	struct ta_segment_state *segment = ta_state_segment(state, event->segment_id);

	if (!segment || event->lane >= segment->lane_count)
		return -EINVAL;
	struct ta_lane_state *lane = &segment->lanes[event->lane];

	*lane = (struct ta_lane_state){ 0 };
	if (reset)
		return 0;
	lane->tail = event->tail;
	lane->signal_tail = event->signal_tail;
	lane->proc_id = event->proc_id;
	lane->tid = event->tid;
	lane->attached = true;
	return 0;
}

/* Processes that were never found dead do not outlive their segment. */
static int gone(struct ta_state *state, uint64_t segment_id)
{
	struct ta_segment_state *segment = ta_state_segment(state, segment_id);

	if (!segment)
		return -EINVAL;
	TA_LIST_EACH(at, &state->procs.all) {
		struct ta_proc *proc = TA_CONTAINER(at, struct ta_proc, link);

		if (proc->segment_id != segment_id)
			continue;
		if (!proc->dead)
			ta_buckets_close_process(&state->buckets, proc, proc->last_ns);
		proc->dead = true;
		ta_global_set(state->scopes, proc, 0);
		ta_proc_detach(&state->procs, proc);
	}
	ta_scopes_forget(state->scopes, segment_id);
	ta_list_remove(&segment->link);
	free(segment);
	note_settling(state);
	return 0;
}

static int part(struct ta_state *state, const struct ta_event_trace *event)
{
	struct ta_bucket *bucket =
		ta_buckets_find(&state->buckets, event->trace_hi, event->trace_lo);

	if (bucket)
		ta_buckets_part(&state->buckets, bucket);
	return bucket ? 0 : -EINVAL;
}

static int give_up(struct ta_state *state, const struct ta_event_give_up *event)
{
	struct ta_bucket *bucket =
		ta_buckets_find(&state->buckets, event->trace_hi, event->trace_lo);

	if (bucket)
		ta_buckets_give_up(&state->buckets, bucket, event->time_ns); /* it may be gone */
	state->settling = true;
	return bucket ? 0 : -EINVAL;
}

static void let_groups_go(struct ta_state *state, const struct ta_event_flush *event, bool written)
{
	struct ta_buckets *buckets = &state->buckets;
	uint64_t before = buckets->group_spans + buckets->counters.unsampled;

	ta_buckets_drop_groups(buckets, event->count);
	*(written ? &state->exported : &buckets->counters.dropped) +=
		before - buckets->group_spans - buckets->counters.unsampled;
}

static void let_events_go(struct ta_state *state, const struct ta_event_flush *event, bool written)
{
	uint32_t before = state->events.count;

	ta_events_drop(&state->events, written ? 0 : event->spare, event->count);
	*(written ? &state->exported_events : &state->events.counters.dropped) +=
		before - state->events.count;
}

/* What is delivered are the oldest; `count` are gone, behind `spare` ones. */
static void count_delivered(struct ta_state *state, const struct ta_event_flush *event,
			    uint32_t kind)
{
	uint32_t *delivered = &state->delivered[event->output];
	uint32_t spare = kind == TA_EVENT_DROP ? event->spare : 0;

	if (kind == TA_EVENT_FLUSH_FAILED) {
		if (event->delivered && event->count > *delivered)
			*delivered = event->count;
	} else if (*delivered > spare) {
		*delivered = *delivered - spare > event->count ? *delivered - event->count : spare;
	}
}

static void flush_event(struct ta_state *state, uint32_t kind, const struct ta_event_flush *event)
{
	bool written = kind == TA_EVENT_FLUSH_DONE, spans = event->output == TA_OUTPUT_SPANS;

	if (event->output >= TA_OUTPUTS)
		return;
	if (kind == TA_EVENT_LEAVING)
		ta_buckets_leaving(&state->buckets, event->count);
	if (kind == TA_EVENT_FLUSH_BEGIN)
		state->flushing = *event;
	if (kind == TA_EVENT_FLUSH_DONE || kind == TA_EVENT_FLUSH_FAILED)
		state->flushing.count = 0;
	if (kind == TA_EVENT_FLUSH_FAILED && spans)
		ta_buckets_stay(&state->buckets);
	if (kind == TA_EVENT_FLUSH_FAILED || written || kind == TA_EVENT_DROP)
		count_delivered(state, event, kind);
	if (!written && kind != TA_EVENT_DROP)
		return;
	if (spans)
		let_groups_go(state, event, written);
	else
		let_events_go(state, event, written);
}

static int proc_event(struct ta_state *state, const struct ta_event_proc *event)
{
	struct ta_proc *proc = ta_procs_find(&state->procs, event->proc_id);

	if (!proc)
		proc = ta_procs_add(&state->procs, event->proc_id, event->segment_id);
	if (!proc)
		return -ENOMEM;
	ta_global_set(state->scopes, proc, event->global);
	proc->last_ns = event->last_ns;
	proc->end_record_ns = event->end_record_ns;
	proc->exec_ns = event->exec_ns;
	proc->process.parent_proc_id = event->parent_proc_id;
	proc->process.start_ns = event->start_ns;
	proc->process.end_ns = event->end_ns;
	proc->process.wall_offset_ns = event->wall_offset_ns;
	proc->process.pid = event->pid;
	proc->process.parent_pid = event->parent_pid;
	proc->host_pid = event->host_pid;
	memcpy(proc->process.exe, event->exe, sizeof(proc->process.exe) - 1);
	if (event->dead)
		bury(state, proc);
	return 0;
}

static int scope_event(struct ta_state *state, const struct ta_event_scope *event, size_t bytes)
{
	return ta_scopes_restore(state->scopes, event->family, event->owner, event->version,
				 event + 1, bytes - sizeof(*event));
}

static int captured_event(struct ta_state *state, const struct ta_event_captured *event,
			  size_t bytes)
{
	const struct ta_record_event *record = (const void *)(event + 1);
	struct ta_proc *proc = ta_procs_find(&state->procs, event->proc_id);

	bytes -= sizeof(*event);
	if (!proc || bytes < sizeof(record->head) ||
	    !ta_record_valid(&record->head, (uint32_t)bytes) ||
	    record->head.kind != TA_RECORD_EVENT)
		return -EINVAL;
	ta_events_restore(&state->events, proc, event->family, event->tid,
			  event->stage <= TA_EVENT_READY ? event->stage : TA_EVENT_READY, record);
	return 0;
}

static void stack_event(struct ta_state *state, const struct ta_event_stack *event, size_t bytes)
{
	ta_events_stack(&state->events, event->id_hi, event->id_lo, (const char *)(event + 1),
			(uint32_t)(bytes - sizeof(*event)));
}

static int stack_record_event(struct ta_state *state, const struct ta_record *record, size_t bytes)
{
	if (!ta_record_valid(record, (uint32_t)bytes) || record->kind != TA_RECORD_STACK)
		return -EINVAL;
	ta_events_stack_record(&state->events, (const struct ta_record_stack *)record);
	return 0;
}

static size_t fixed_bytes(uint32_t kind)
{
	switch (kind) {
	case TA_EVENT_ATTACH:
		return sizeof(struct ta_event_attach);
	case TA_EVENT_RECORDS:
		return sizeof(struct ta_event_records);
	case TA_EVENT_DEAD:
	case TA_EVENT_THREAD_DEAD:
		return sizeof(struct ta_event_dead);
	case TA_EVENT_LANE:
	case TA_EVENT_LANE_RESET:
		return sizeof(struct ta_event_lane);
	case TA_EVENT_GONE:
		return sizeof(struct ta_event_id);
	case TA_EVENT_PART:
		return sizeof(struct ta_event_trace);
	case TA_EVENT_GIVE_UP:
		return sizeof(struct ta_event_give_up);
	case TA_EVENT_DECIDE:
		return sizeof(struct ta_event_decide);
	case TA_EVENT_LEAVING:
	case TA_EVENT_FLUSH_BEGIN:
	case TA_EVENT_FLUSH_DONE:
	case TA_EVENT_FLUSH_FAILED:
	case TA_EVENT_DROP:
		return sizeof(struct ta_event_flush);
	case TA_EVENT_PROC:
		return sizeof(struct ta_event_proc);
	case TA_EVENT_SCOPE:
		return sizeof(struct ta_event_scope);
	case TA_EVENT_CAPTURED:
		return sizeof(struct ta_event_captured);
	case TA_EVENT_GLOBAL:
		return sizeof(struct ta_global);
	case TA_EVENT_STACK:
		return sizeof(struct ta_event_stack);
	case TA_EVENT_STACK_RECORD:
		return sizeof(struct ta_record);
	case TA_EVENT_DEATHS:
		return sizeof(struct ta_deaths);
	default:
		return 0;
	}
}

/* What only a snapshot has. */
static int snapshot_event(struct ta_state *state, uint32_t kind, const void *payload, size_t bytes)
{
	switch (kind) {
	case TA_EVENT_PROC:
		return proc_event(state, payload);
	case TA_EVENT_SCOPE:
		return scope_event(state, payload, bytes);
	case TA_EVENT_IMAGE:
		return ta_buckets_restore(&state->buckets, payload, bytes);
	case TA_EVENT_SETTLING:
		state->settling = true;
		return 0;
	case TA_EVENT_CAPTURED:
		return captured_event(state, payload, bytes);
	case TA_EVENT_STACK_RECORD:
		return stack_record_event(state, payload, bytes);
	case TA_EVENT_DEATHS:
		memcpy(&state->events.deaths, payload, sizeof(state->events.deaths));
		return 0;
	case TA_EVENT_GLOBAL:
		ta_globals_keep(&state->globals, payload);
		return 0;
	default:
		return -EINVAL;
	}
}

int ta_state_apply(struct ta_state *state, uint32_t kind, const void *payload, size_t bytes)
{
	if (bytes < fixed_bytes(kind))
		return -EINVAL;
	switch (kind) {
	case TA_EVENT_ATTACH:
		return attach(state, payload);
	case TA_EVENT_RECORDS:
		return ta_state_records(state, payload, bytes);
	case TA_EVENT_PASS:
		pass(state);
		return 0;
	case TA_EVENT_DEAD:
	case TA_EVENT_THREAD_DEAD:
		return dead(state, payload, kind == TA_EVENT_THREAD_DEAD);
	case TA_EVENT_LANE:
	case TA_EVENT_LANE_RESET:
		return lane_event(state, payload, kind == TA_EVENT_LANE_RESET);
	case TA_EVENT_GONE:
		return gone(state, ((const struct ta_event_id *)payload)->segment_id);
	case TA_EVENT_PART:
		return part(state, payload);
	case TA_EVENT_GIVE_UP:
		return give_up(state, payload);
	case TA_EVENT_DECIDE:
		ta_events_undecided_go(&state->events,
				       ((const struct ta_event_decide *)payload)->count);
		return 0;
	case TA_EVENT_LEAVING:
	case TA_EVENT_FLUSH_BEGIN:
	case TA_EVENT_FLUSH_DONE:
	case TA_EVENT_FLUSH_FAILED:
	case TA_EVENT_DROP:
		flush_event(state, kind, payload);
		return 0;
	case TA_EVENT_STACK:
		stack_event(state, payload, bytes);
		return 0;
	default:
		return snapshot_event(state, kind, payload, bytes);
	}
}
