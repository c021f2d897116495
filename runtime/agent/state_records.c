/* SPDX-License-Identifier: MIT */
/*
 * state_records.c - what the records of a lane say: of processes, and for buckets, events and scopes.
 *
 * A lane's records come in order, with the process and thread that wrote the first of them; a
 * THREAD record says when that changes.  Every length and number is a host's: see state.c.
 *
 * Runs: agent, one thread.  No clock, no I/O.
 */
#include "runtime/agent/state_part.h"

#include <errno.h>

/* ---- processes ---- */

/* In a pid namespace of its own a child calls itself by a number that is another's here: what its
 * parent calls it counts.  Of a program that is in one itself, what looks for its processes
 * (process.c) goes by what they call themselves. */
void ta_state_set_pid(struct ta_proc *proc, uint32_t pid, bool foreign)
{
	if (pid == 0)
		return;
	proc->host_pid = pid;
	if (!foreign)
		proc->process.pid = pid;
}

static void inherit_scopes(struct ta_state *state, struct ta_proc *child,
			   const struct ta_proc *parent)
{
	ta_global_set(state->scopes, child, parent->global);
	ta_scopes_inherit(state->scopes, child->segment_id, child->process.proc_id,
			  parent->process.proc_id);
}

/* A process is what its THREAD record says; its parent may come later or never. */
static void thread_record(struct ta_state *state, struct ta_segment_state *segment,
			  struct ta_lane_state *lane, const struct ta_record_thread *record)
{
	bool is_new = !ta_procs_find(&state->procs, record->proc_id);
	struct ta_proc *proc = ta_state_proc(state, segment, record->proc_id);
	struct ta_proc *parent = ta_procs_find(&state->procs, record->parent_proc_id);

	if (!proc)
		return;
	lane->proc_id = record->proc_id;
	lane->tid = record->tid;
	if (proc->process.start_ns == 0)
		proc->process.start_ns = record->time_ns;
	if (proc->host_pid == 0 || segment->foreign)
		ta_state_set_pid(proc, record->pid, segment->foreign);
	proc->process.parent_proc_id = record->parent_proc_id;
	if (parent)
		proc->process.parent_pid = parent->process.pid;
	if (is_new && parent && parent->segment_id == segment->id)
		inherit_scopes(state, proc, parent);
}

static void fork_record(struct ta_state *state, struct ta_segment_state *segment,
			struct ta_proc *parent, const struct ta_record_fork *record)
{
	bool is_new = !ta_procs_find(&state->procs, record->child_proc_id);
	struct ta_proc *child = ta_state_proc(state, segment, record->child_proc_id);

	if (!child)
		return;
	if (child->host_pid == 0 || !segment->foreign)
		ta_state_set_pid(child, record->child_pid, segment->foreign);
	if (child->process.start_ns == 0)
		child->process.start_ns = record->time_ns;
	child->process.parent_proc_id = parent->process.proc_id;
	child->process.parent_pid = parent->process.pid;
	if (parent->segment_id != segment->id)
		return;
	if (is_new)
		inherit_scopes(state, child, parent);
	else
		ta_scopes_inherit(state->scopes, segment->id, record->child_proc_id,
				  parent->process.proc_id);
}

static uint64_t time_of(const struct ta_record *record)
{
	switch (record->kind) {
	case TA_RECORD_THREAD:
		return ((const struct ta_record_thread *)record)->time_ns;
	case TA_RECORD_FORK:
		return ((const struct ta_record_fork *)record)->time_ns;
	case TA_RECORD_PROCESS_END:
		return ((const struct ta_record_process_end *)record)->time_ns;
	case TA_RECORD_SPAN_START:
		return ((const struct ta_record_span_start *)record)->start_ns;
	case TA_RECORD_SPAN_END:
		return ((const struct ta_record_span_end *)record)->end_ns;
	case TA_RECORD_EXEC:
		return ((const struct ta_record_exec *)record)->time_ns;
	case TA_RECORD_EVENT:
		return ((const struct ta_record_event *)record)->time_ns;
	case TA_RECORD_SPAN_EVENT:
		return ((const struct ta_record_span_event *)record)->time_ns;
	default:
		return 0;
	}
}

/* ---- each record ---- */

static void note_life(struct ta_proc *proc, const struct ta_record *record)
{
	uint64_t time_ns = time_of(record);

	if (time_ns > proc->last_ns)
		proc->last_ns = time_ns;
	if (record->kind == TA_RECORD_EXEC)
		proc->exec_ns = time_ns ? time_ns : 1;
	else if (time_ns == 0 || time_ns > proc->exec_ns)
		proc->exec_ns = 0; /* it goes on writing: the exec failed */
	if (record->kind == TA_RECORD_PROCESS_END)
		proc->end_record_ns = time_ns;
}

static void scope_record(struct ta_state *state, struct ta_segment_state *segment,
			 struct ta_proc *proc, const struct ta_record_scope_set *record)
{
	ta_scopes_set(state->scopes, segment->id, proc->process.proc_id, record);
	if (record->flags & TA_SCOPE_GLOBAL && proc->segment_id == segment->id)
		ta_globals_record(&state->globals, proc, record->version);
}

static void one_record(struct ta_state *state, struct ta_segment_state *segment,
		       struct ta_lane_state *lane, const struct ta_record *record)
{
	if (record->kind == TA_RECORD_THREAD)
		thread_record(state, segment, lane, (const struct ta_record_thread *)record);
	struct ta_proc *proc = ta_state_proc(state, segment, lane->proc_id);

	if (!proc) {
		segment->bad_records++;
		return;
	}
	note_life(proc, record);
	record = ta_filter_record(&state->filter, record);
	if (!record)
		return;
	switch (record->kind) {
	case TA_RECORD_FORK:
		fork_record(state, segment, proc, (const struct ta_record_fork *)record);
		break;
	case TA_RECORD_SPAN_START:
	case TA_RECORD_SPAN_ATTRS:
	case TA_RECORD_SPAN_END:
	case TA_RECORD_SPAN_CANCEL:
	case TA_RECORD_SPAN_EVENT:
	case TA_RECORD_SPAN_LINK:
		ta_buckets_record(&state->buckets, proc, lane->tid, record);
		break;
	case TA_RECORD_TAGS:
		ta_buckets_tags(&state->buckets, (const struct ta_record_tags *)record);
		break;
	case TA_RECORD_EVENT:
		ta_events_record(&state->events, proc, segment->id, lane->tid,
				 (const struct ta_record_event *)record);
		break;
	case TA_RECORD_STACK:
		ta_events_stack_record(&state->events, (const struct ta_record_stack *)record);
		break;
	case TA_RECORD_SCOPE_SET:
		scope_record(state, segment, proc, (const struct ta_record_scope_set *)record);
		break;
	default:
		break;
	}
}

int ta_state_records(struct ta_state *state, const struct ta_event_records *event, size_t bytes)
{
	struct ta_segment_state *segment = ta_state_segment(state, event->lane.segment_id);
	const char *at = (const char *)(event + 1), *end = (const char *)event + bytes;

	if (!segment || event->lane.lane >= segment->lane_count)
		return -EINVAL;
	struct ta_lane_state *lane = &segment->lanes[event->lane.lane];

	lane->tail = event->lane.tail;
	lane->signal_tail = event->lane.signal_tail;
	lane->attached = true;
	lane->proc_id = event->lane.proc_id;
	lane->tid = event->lane.tid;
	segment->bad_records += event->bad;
	segment->skipped_bytes += event->skipped_bytes;
	while ((size_t)(end - at) >= sizeof(struct ta_record)) {
		const struct ta_record *record = (const void *)at;
		uint32_t size = (uint32_t)record->units * 8;

		if (size > (size_t)(end - at) || !ta_record_valid(record, size))
			return -EINVAL;
		one_record(state, segment, lane, record);
		at += size;
	}
	return 0;
}
