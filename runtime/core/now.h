/* SPDX-License-Identifier: MIT */
/*
 * now.h - what is current, looked up: the active span, the scopes in force.
 *
 * The common cases inline: a frame of the program on top, the base below it.
 *
 * Runs: the owning thread only, inside the guard or in its signal handlers.
 */
#ifndef TA_CORE_NOW_H
#define TA_CORE_NOW_H

#include "runtime/core/object.h"
#include "runtime/core/thread.h"

/* The context whose span is active: the innermost that is open.  Its ids are all 0
 * when there is none. */
static inline const struct ta_context *ta_context_active(struct ta_thread *thread)
{
	const struct ta_stack *stack = thread->stack;
	const struct ta_frame *top = &stack->frames[stack->depth];

	if (stack->depth > 0 && top->kind != TA_FRAME_CONN && top->context.span_ref &&
	    ta_object_is_open(top->context.span_ref))
		return &top->context;
	if (stack->depth == 0 && stack->root_count == 0 && stack->ancestor_count == 0 &&
	    top->context.span_ref == 0)
		return &top->context;
	return ta_context_find_active(thread);
}

/* The slots in force at a frame (depth). */
static inline struct ta_slot *ta_isolation_slot(struct ta_thread *thread, uint32_t at)
{
	struct ta_frame *frame = &thread->stack->frames[at];

	while (at > 0 && !frame->has_isolation && frame->kind != TA_FRAME_CONN) {
		frame--;
		at--;
	}
	if (__builtin_expect(at > 0 && frame->kind == TA_FRAME_CONN, 0))
		return ta_isolation_slot_slow(thread, at);
	return &frame->context.isolation;
}

static inline struct ta_slot *ta_current_slot(struct ta_thread *thread, uint32_t at)
{
	struct ta_frame *frame = &thread->stack->frames[at];

	return frame->kind == TA_FRAME_CONN ? ta_current_slot_slow(thread, at) :
					      &frame->context.current;
}

/* Frames hold their scopes; a connection may lose its own to another thread. */
static inline struct ta_versions ta_versions_at(struct ta_thread *thread, uint32_t at)
{
	const struct ta_frame *frame = &thread->stack->frames[at];
	const struct ta_frame *holder = frame;

	while (at > 0 && !holder->has_isolation && holder->kind != TA_FRAME_CONN) {
		holder--;
		at--;
	}
	if (__builtin_expect(holder->kind == TA_FRAME_CONN || frame->kind == TA_FRAME_CONN, 0))
		return ta_versions_slow(thread, (uint32_t)(frame - thread->stack->frames));
	return (struct ta_versions){
		.global = ta_global_version(),
		.isolation = ta_slot_own_version(&holder->context.isolation),
		.current = ta_slot_own_version(&frame->context.current),
	};
}

/* A new frame on top for a span; see context.h. */
static inline struct ta_frame *ta_context_push_span(struct ta_thread *thread,
						    enum ta_frame_kind kind,
						    const struct ta_context *span)
{
	struct ta_stack *stack = thread->stack;
	const struct ta_frame *below = &stack->frames[stack->depth];
	struct ta_frame *frame = &stack->frames[stack->depth + 1];

	if (__builtin_expect(below->kind == TA_FRAME_CONN || stack->depth + 1 >= TA_FRAMES_MAX, 0))
		return ta_context_push_slow(thread, kind, span);
	ta_context_set_span(&frame->context, span);
	frame->context.current = ta_slot_fork(&below->context.current);
	frame->context.isolation.cell = 0;
	frame->kind = (uint8_t)kind;
	frame->has_isolation = frame->hides = frame->empty = false;
	frame->block = 0;
	frame->proc = (uint32_t)ta_runtime.proc_id;
	atomic_signal_fence(memory_order_seq_cst);
	stack->depth++;
	return frame;
}

/* A connection's frame on top, where there is room for one. */
static inline void ta_context_push_conn(struct ta_stack *stack, uint32_t conn,
					uint32_t generation, uint64_t request)
{
	struct ta_frame *frame = &stack->frames[stack->depth + 1];

	frame->kind = TA_FRAME_CONN;
	frame->has_isolation = frame->hides = false;
	frame->block = 0;
	frame->conn = conn;
	frame->conn_generation = generation;
	frame->request = request;
	atomic_signal_fence(memory_order_seq_cst);
	stack->depth++;
}

#endif
