/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c - the whole state as events, for a journal that starts anew.
 *
 * Order matters: segments before their lanes, processes and scopes before the
 * spans that name them, complete groups (oldest first) before what is about to be
 * complete (in that order: a flush counts groups), and that before what is open.
 *
 * Runs: agent, one thread.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/agent/state.h"
#include "runtime/export/buf.h"

struct out {
	ta_event_emit_fn *emit;
	void *user;
	struct ta_buf buf;
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
		      const struct ta_tag *tags, uint32_t count)
{
	struct out *out = user;
	struct ta_event_scope event = {
		.family = family, .owner = owner, .version = version, .count = count
	};

	ta_buf_clear(&out->buf);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t lengths[2] = { tags[i].key_bytes, tags[i].value_bytes };

		ta_buf_put(&out->buf, lengths, sizeof(lengths));
		ta_buf_put(&out->buf, tags[i].key, tags[i].key_bytes);
		ta_buf_put(&out->buf, tags[i].value, tags[i].value_bytes);
	}
	out->emit(out->user, TA_EVENT_SCOPE, &event, sizeof(event), out->buf.data, out->buf.bytes);
}

static void put_span(struct out *out, const struct ta_held *held, bool grouped)
{
	struct ta_event_span event = { .proc_id = held->span.process->proc_id,
				       .image = { .end_ns = held->span.end_ns,
						  .global = held->global,
						  .family = held->family,
						  .tid = held->span.tid,
						  .end = held->span.end,
						  .grouped = grouped } };

	ta_buf_clear(&out->buf);
	for (uint32_t i = 0; i < held->span.records.count; i++) {
		const struct ta_record *record = held->span.records.items[i];

		ta_buf_put(&out->buf, record, (size_t)record->units * 8);
	}
	out->emit(out->user, TA_EVENT_SPAN, &event, sizeof(event), out->buf.data, out->buf.bytes);
}

static void put_list(struct out *out, struct ta_list *spans)
{
	TA_LIST_EACH(at, spans)
		put_span(out, TA_CONTAINER(at, struct ta_held, link), false);
}

static void put_bucket(struct out *out, struct ta_bucket *bucket)
{
	put_list(out, &bucket->open);
	put_list(out, &bucket->ended);
}

static void put_spans(struct out *out, struct ta_buckets *buckets)
{
	TA_LIST_EACH(at, &buckets->groups) {
		struct ta_group *group = TA_CONTAINER(at, struct ta_group, link);

		out->emit(out->user, TA_EVENT_GROUP, NULL, 0, NULL, 0);
		for (uint32_t i = 0; i < group->count; i++)
			put_span(out, group->spans[i], true);
	}
	TA_LIST_EACH(settling_at, &buckets->settling)
		put_bucket(out, TA_CONTAINER(settling_at, struct ta_bucket, settling));
	TA_LIST_EACH(all_at, &buckets->all) {
		struct ta_bucket *bucket = TA_CONTAINER(all_at, struct ta_bucket, link);

		if (ta_list_empty(&bucket->settling))
			put_bucket(out, bucket);
	}
}

static void put_orphan(void *user, const struct ta_record *record)
{
	struct out *out = user;

	out->emit(out->user, TA_EVENT_ORPHAN, record, (size_t)record->units * 8, NULL, 0);
}

void ta_state_snapshot(struct ta_state *state, ta_event_emit_fn *emit, void *user)
{
	struct out out = { .emit = emit, .user = user };

	TA_LIST_EACH(at, &state->segments)
		put_segment(&out, TA_CONTAINER(at, struct ta_segment_state, link));
	ta_scopes_visit(state->scopes, put_scope, &out);
	TA_LIST_EACH(at, &state->procs.all)
		put_proc(&out, TA_CONTAINER(at, struct ta_proc, link));
	put_spans(&out, &state->buckets);
	ta_buckets_visit_orphans(&state->buckets, put_orphan, &out);
	/* What became complete in the last pass is complete after one more. */
	if (state->settling)
		emit(user, TA_EVENT_PASS, NULL, 0, NULL, 0);
	if (state->flush_groups) {
		struct ta_event_flush event = { .groups = state->flush_groups,
						.place = state->flush_place };

		emit(user, TA_EVENT_FLUSH_BEGIN, &event, sizeof(event), NULL, 0);
	}
	ta_buf_fini(&out.buf);
}
