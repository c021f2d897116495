/* SPDX-License-Identifier: MIT */
/*
 * context.c - the stack of contexts of a thread.
 *
 * A signal handler's frame is a floor: what the handler does with connections
 * stays above it and goes when it returns.
 *
 * Runs: the owning thread.  No locks.
 */
#include "runtime/core/context.h"

#include "runtime/core/conn.h"
#include "runtime/core/runtime.h"
#include "runtime/core/span.h"
#include "runtime/core/thread.h"

struct ta_frame *ta_frame_top(struct ta_thread *thread)
{
	return &thread->frames[thread->depth];
}

struct ta_context *ta_context_now(struct ta_thread *thread)
{
	for (uint32_t at = thread->depth; at > 0; at--) {
		struct ta_frame *frame = &thread->frames[at];

		if (frame->kind != TA_FRAME_CONN)
			return &frame->context;
		struct ta_context *context = ta_conn_context(frame->conn, frame->conn_generation);

		if (context)
			return context;
	}
	return &thread->frames[0].context;
}

struct ta_frame *ta_context_push_signal(struct ta_thread *thread)
{
	if (thread->depth + 2 >= TA_FRAMES_MAX)
		return NULL;
	struct ta_frame *frame = &thread->frames[thread->depth + 2];

	frame->context = *ta_context_now(thread);
	frame->kind = TA_FRAME_SIGNAL;
	frame->inherited = false;
	thread->depth += 2;
	return frame;
}

/* The innermost frame that a connection's frame may not replace. */
static uint32_t floor_of(const struct ta_thread *thread)
{
	uint32_t at = thread->depth;

	while (at > 0 && thread->frames[at].kind != TA_FRAME_SIGNAL)
		at--;
	return at;
}

/* The connection's frame above floor, or 0. */
static uint32_t find_conn_frame(const struct ta_thread *thread, uint32_t floor)
{
	for (uint32_t at = thread->depth; at > floor; at--)
		if (thread->frames[at].kind == TA_FRAME_CONN)
			return at;
	return 0;
}

void ta_context_enter_conn(struct ta_thread *thread, uint32_t conn, uint32_t generation)
{
	struct ta_frame *top = ta_frame_top(thread);

	if (top->kind == TA_FRAME_CONN && top->conn == conn && top->conn_generation == generation)
		return;
	uint32_t at = find_conn_frame(thread, floor_of(thread));

	if (at) {
		struct ta_frame *frame = &thread->frames[at];

		if (frame->conn == conn && frame->conn_generation == generation)
			return;
		ta_context_unwind(thread, at - 1);
	}
	if (thread->depth + 1 >= TA_FRAMES_MAX) {
		ta_lost(TA_LOSS_CONTEXT_DEPTH);
		return;
	}
	struct ta_frame *frame = &thread->frames[thread->depth + 1];

	frame->kind = TA_FRAME_CONN;
	frame->inherited = false;
	frame->conn = conn;
	frame->conn_generation = generation;
	atomic_signal_fence(memory_order_seq_cst);
	thread->depth++;
}

void ta_context_leave_conn(struct ta_thread *thread)
{
	uint32_t at = find_conn_frame(thread, floor_of(thread));

	if (at)
		ta_context_unwind(thread, at - 1);
}

struct ta_frame *ta_context_push(struct ta_thread *thread, enum ta_frame_kind kind)
{
	if (thread->depth + 1 >= TA_FRAMES_MAX) {
		ta_lost(TA_LOSS_CONTEXT_DEPTH);
		return NULL;
	}
	struct ta_frame *frame = &thread->frames[thread->depth + 1];

	frame->context = *ta_context_now(thread);
	frame->kind = (uint8_t)kind;
	frame->inherited = false;
	atomic_signal_fence(memory_order_seq_cst);
	thread->depth++;
	return frame;
}

void ta_context_unwind(struct ta_thread *thread, uint32_t depth)
{
	while (thread->depth > depth) {
		/* A copy: a signal handler may use the slot as soon as it is free. */
		struct ta_frame frame = thread->frames[thread->depth];

		atomic_signal_fence(memory_order_seq_cst);
		thread->depth--;
		if (frame.kind == TA_FRAME_SPAN || frame.kind == TA_FRAME_SIGNAL)
			ta_span_end_frame(thread, &frame, TA_END_JUMPED);
	}
}
