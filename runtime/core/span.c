/* SPDX-License-Identifier: MIT */
/*
 * span.c - opening and closing spans on a thread's stack, and tags.
 *
 * Runs: the owning thread.  No locks, no memory but the frame and the record.
 */
#include "runtime/core/span.h"

#include <errno.h>
#include <string.h>

#include "runtime/core/clock.h"
#include "runtime/core/conn.h"
#include "runtime/core/publish.h"

void ta_span_new_trace(struct ta_thread *thread, struct ta_context *context)
{
	context->trace_hi = ta_id_next(&thread->ids);
	context->trace_lo = ta_id_next(&thread->ids);
	context->span_id = ta_id_next(&thread->ids);
	context->flags = 0;
}

bool ta_span_start_begin(struct ta_emit *emit, struct ta_thread *thread,
			 const struct ta_span_facts *facts, uint32_t attr_bytes)
{
	if (!ta_emit_begin(emit, thread, TA_RECORD_SPAN_START, sizeof(struct ta_record_span_start),
			   attr_bytes))
		return false;
	struct ta_record_span_start *start = (void *)emit->record;

	start->trace_hi = facts->context->trace_hi;
	start->trace_lo = facts->context->trace_lo;
	start->span_id = facts->context->span_id;
	start->parent_id = facts->parent_id;
	start->start_ns = facts->start_ns;
	start->isolation = facts->context->isolation;
	start->current = facts->context->current;
	start->type = (uint8_t)facts->type;
	start->flags = (uint8_t)(facts->flags | (facts->context->flags & TA_SPAN_NOT_SAMPLED));
	if (facts->link && facts->link->span_id) {
		start->link_trace_hi = facts->link->trace_hi;
		start->link_trace_lo = facts->link->trace_lo;
		start->link_span_id = facts->link->span_id;
	}
	return true;
}

/* The span that a child opened now would have as parent is going to be named:
 * a thread's or a connection's span that was not published yet has to be. */
static void parent_matters(struct ta_thread *thread, const struct ta_frame *frame)
{
	if (frame->kind == TA_FRAME_BASE && thread->span_pending)
		ta_thread_publish(thread, NULL);
	else if (frame->kind == TA_FRAME_CONN)
		ta_conn_referenced(frame->conn, frame->conn_generation);
}

bool ta_span_begin(struct ta_thread *thread, const char *name, uint32_t name_bytes)
{
	parent_matters(thread, ta_frame_top(thread));
	struct ta_frame *frame = ta_context_push(thread, TA_FRAME_SPAN);

	if (frame == NULL)
		return false;
	uint64_t parent_id = frame->context.span_id;

	if (frame->context.trace_hi == 0 && frame->context.trace_lo == 0)
		ta_span_new_trace(thread, &frame->context);
	else
		frame->context.span_id = ta_id_next(&thread->ids);
	struct ta_span_facts facts = { .context = &frame->context,
				       .parent_id = parent_id,
				       .start_ns = ta_now_ns(),
				       .type = TA_SPAN_API };
	struct ta_emit emit;

	if (ta_span_start_begin(&emit, thread, &facts, TA_ATTR_ROOM(5 + name_bytes))) {
		ta_emit_named(&emit, "name", name, name_bytes);
		ta_emit_commit(&emit);
	}
	return true;
}

static void end_frame_span(struct ta_thread *thread, const struct ta_frame *frame,
			   const struct ta_error *error, enum ta_end_reason reason)
{
	uint32_t room = TA_ATTR_ROOM(1);
	struct ta_emit emit;

	if (error)
		room += TA_ATTR_ROOM(15 + error->type_bytes) + TA_ATTR_ROOM(18 + error->message_bytes);
	if (frame->inherited || !ta_emit_span_end(&emit, thread, frame->context.span_id,
						  ta_now_ns(), &frame->context, room))
		return;
	((struct ta_record_span_end *)(void *)emit.record)->status =
		error ? TA_STATUS_ERROR : TA_STATUS_UNSET;
	((struct ta_record_span_end *)(void *)emit.record)->reason = (uint8_t)reason;
	if (reason == TA_END_JUMPED && frame->kind == TA_FRAME_SIGNAL)
		ta_emit_bool(&emit, TA_ATTR_SIGNAL_JUMPED, true);
	if (error && error->type_bytes)
		ta_emit_named(&emit, "exception.type", error->type, error->type_bytes);
	if (error && error->message_bytes)
		ta_emit_named(&emit, "exception.message", error->message, error->message_bytes);
	ta_emit_commit(&emit);
}

bool ta_span_end(struct ta_thread *thread, const struct ta_error *error)
{
	uint32_t at = thread->depth;

	/* A connection's frame may have come on top since the span was opened. */
	while (at > 0 && thread->frames[at].kind == TA_FRAME_CONN)
		at--;
	struct ta_frame *frame = &thread->frames[at];

	if (frame->kind != TA_FRAME_SPAN)
		return false;
	end_frame_span(thread, frame, error, TA_END_NORMAL);
	if (at == thread->depth) {
		thread->depth--;
	} else { /* keep the connection that is being served above it */
		*frame = thread->frames[thread->depth];
		thread->depth = at;
	}
	return true;
}

void ta_span_end_frame(struct ta_thread *thread, const struct ta_frame *frame,
		       enum ta_end_reason reason)
{
	end_frame_span(thread, frame, NULL, reason);
}

int ta_scope_set_tag(struct ta_thread *thread, const char *key, uint32_t key_bytes,
		     const char *value, uint32_t value_bytes)
{
	struct ta_context *context = ta_context_now(thread);
	struct ta_emit emit;
	uint32_t bytes = (uint32_t)sizeof(struct ta_record_scope_set) + key_bytes + value_bytes;

	if (!ta_emit_begin(&emit, thread, TA_RECORD_SCOPE_SET,
			   (uint32_t)sizeof(struct ta_record_scope_set),
			   bytes - (uint32_t)sizeof(struct ta_record_scope_set)))
		return -ENOBUFS;
	struct ta_record_scope_set *set = (void *)emit.record;

	set->version = ta_id_next(&thread->ids);
	set->parent = context->isolation;
	set->key_bytes = (uint16_t)key_bytes;
	set->value_bytes = (uint16_t)value_bytes;
	set->flags = value ? 0 : TA_SCOPE_REMOVE;
	memcpy(emit.cursor, key, key_bytes);
	if (value_bytes)
		memcpy(emit.cursor + key_bytes, value, value_bytes);
	emit.cursor += key_bytes + value_bytes;
	uint64_t version = set->version;

	ta_emit_commit(&emit);
	context->isolation = version;
	return 0;
}
