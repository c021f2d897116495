/* SPDX-License-Identifier: MIT */
/*
 * span.c - what the records of all spans have in common, and how spans end.
 *
 * Runs: host threads.  No locks, no memory but the frame, the object and the record.
 */
#include "runtime/core/span.h"

#include "runtime/core/clock.h"
#include "runtime/core/now.h"
#include "runtime/core/object.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"

/* ---- ends ---- */

static void publish_end(struct ta_thread *thread, uint64_t span_id,
			const struct ta_versions *scopes, enum ta_end_reason reason, bool signal,
			const struct ta_error *error)
{
	uint32_t room = TA_ATTR_ROOM(1);
	struct ta_emit emit;

	if (error)
		room += TA_ATTR_ROOM(error->type_bytes) + TA_ATTR_ROOM(error->message_bytes);
	if (!ta_emit_span_end(&emit, thread, span_id, ta_now_ns(), scopes, room))
		return;
	struct ta_record_span_end *end = (void *)emit.record;

	end->status = error ? TA_STATUS_ERROR : TA_STATUS_UNSET;
	end->reason = (uint8_t)reason;
	if (reason == TA_END_JUMPED && signal)
		ta_emit_bool(&emit, TA_ATTR_SIGNAL_JUMPED, true);
	if (error) {
		ta_emit_string(&emit, TA_ATTR_EXCEPTION_TYPE, error->type, error->type_bytes);
		ta_emit_string(&emit, TA_ATTR_EXCEPTION_MESSAGE, error->message,
			       error->message_bytes);
	}
	ta_emit_commit(&emit);
}

void ta_span_close_frame(struct ta_thread *thread, const struct ta_frame *frame,
			 const struct ta_versions *scopes, enum ta_end_reason reason,
			 const struct ta_error *error)
{
	bool signal = frame->kind == TA_FRAME_SIGNAL;
	bool own = frame->proc == (uint32_t)ta_runtime.proc_id;

	if (frame->empty)
		return;
	if ((signal || ta_object_claim_framed(frame->context.span_ref)) && own)
		publish_end(thread, frame->context.span_id, scopes, reason, signal, error);
	if (!signal)
		ta_object_free(thread, frame->context.span_ref);
}

/* ---- ends by the program ---- */

/* The innermost frame of a kind above the floor, or 0. */
static uint32_t find_frame(struct ta_thread *thread, enum ta_frame_kind kind)
{
	uint32_t floor = ta_context_floor(thread);

	for (uint32_t at = thread->stack->depth; at > floor; at--)
		if (thread->stack->frames[at].kind == kind)
			return at;
	return 0;
}

/* Whether the innermost block is one that found no frame; then it ends. */
static bool end_overflow(struct ta_thread *thread)
{
	if (thread->stack->overflow == 0)
		return false;
	thread->stack->overflow--;
	return true;
}

/* The common case: the block's frame is on top, and nothing went wrong. */
static bool end_top(struct ta_thread *thread)
{
	struct ta_stack *stack = thread->stack;
	struct ta_frame *top = &stack->frames[stack->depth];
	struct ta_versions scopes;
	struct ta_emit emit;

	if (top->kind != TA_FRAME_SPAN || stack->overflow || top->empty || top->has_isolation ||
	    top->proc != (uint32_t)ta_runtime.proc_id)
		return false;
	if (ta_object_claim_framed(top->context.span_ref)) {
		scopes = ta_versions_at(thread, stack->depth);
		if (ta_emit_span_end(&emit, thread, top->context.span_id, ta_now_ns(), &scopes, 0))
			ta_emit_commit(&emit);
	}
	ta_object_free(thread, top->context.span_ref);
	ta_slot_drop(&top->context.current);
	bool block = top->block != 0;

	atomic_signal_fence(memory_order_seq_cst);
	stack->depth--;
	if (block)
		ta_context_find_block(stack);
	ta_context_settle(thread);
	return true;
}

bool ta_span_end_block(struct ta_thread *thread, const struct ta_error *error)
{
	if (error == NULL && end_top(thread))
		return true;
	if (end_overflow(thread))
		return true;
	uint32_t at = find_frame(thread, TA_FRAME_SPAN);

	if (at)
		ta_context_remove(thread, at, error);
	ta_context_settle(thread);
	return at != 0;
}

/* The scopes that a span ends under: its frame's if it is on this thread, else those
 * that it has kept.  False: they are not known here. */
static bool scopes_of(struct ta_thread *thread, uint64_t span_ref, struct ta_versions *ret_scopes)
{
	const struct ta_object *object = ta_object_at(span_ref);
	const struct ta_stack *stack = thread->stack;

	if (object->scoped) {
		*ret_scopes = (struct ta_versions){
			.global = ta_global_version(),
			.isolation = ta_slot_version(&object->isolation),
			.current = ta_slot_version(&object->current),
		};
		return true;
	}
	for (uint32_t at = stack->depth; at > ta_context_floor(thread); at--) {
		if (stack->frames[at].kind != TA_FRAME_SPAN ||
		    stack->frames[at].context.span_ref != span_ref)
			continue;
		*ret_scopes = ta_versions_at(thread, at);
		return true;
	}
	*ret_scopes = (struct ta_versions){ .global = ta_global_version() };
	return false;
}

bool ta_span_finish(struct ta_thread *thread, uint64_t span_ref)
{
	struct ta_versions scopes;
	struct ta_emit emit;

	if (!ta_object_claim(span_ref))
		return false;
	const struct ta_object *object = ta_object_at(span_ref);
	bool known = scopes_of(thread, span_ref, &scopes);

	if (object->proc == (uint32_t)ta_runtime.proc_id &&
	    ta_emit_span_end(&emit, thread, object->span_id, ta_now_ns(), &scopes, 0)) {
		struct ta_record_span_end *end = (void *)emit.record;

		end->flags = known ? 0 : TA_END_SCOPES_OF_START;
		ta_emit_commit(&emit);
	}
	if (!object->framed)
		ta_object_free(thread, span_ref);
	ta_context_settle(thread);
	return true;
}

bool ta_span_leave(struct ta_thread *thread)
{
	if (end_overflow(thread))
		return true;
	uint32_t at = find_frame(thread, TA_FRAME_ENTER);

	if (at)
		ta_context_remove(thread, at, NULL);
	ta_context_settle(thread);
	return at != 0;
}
