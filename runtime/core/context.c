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

#include <stddef.h>
#include <string.h>

#include "runtime/core/conn.h"
#include "runtime/core/hub.h"
#include "runtime/core/now.h"
#include "runtime/core/object.h"
#include "runtime/core/runtime.h"
#include "runtime/core/span.h"
#include "runtime/core/thread.h"

/* The context that a frame stands for; NULL: a connection that is gone. */
static struct ta_context *context_of(struct ta_frame *frame)
{
	if (frame->kind != TA_FRAME_CONN)
		return &frame->context;
	return ta_conn_context(frame->conn, frame->conn_generation, frame->request);
}

static struct ta_context *context_at(struct ta_stack *stack, uint32_t at)
{
	for (; at > 0; at--) {
		struct ta_context *context = context_of(&stack->frames[at]);

		if (context)
			return context;
	}
	return &stack->frames[0].context;
}

struct ta_context *ta_context_now(struct ta_thread *thread)
{
	return context_at(thread->stack, thread->stack->depth);
}

/* A signal handler's frame stands on a slot that is left alone. */
static uint32_t below(const struct ta_stack *stack, uint32_t at)
{
	return at - (stack->frames[at].kind == TA_FRAME_SIGNAL ? 2 : 1);
}

/* ---- the active span ---- */

static const struct ta_context no_context;

static bool is_active(const struct ta_context *context)
{
	return context->span_ref ? ta_object_is_open(context->span_ref) : context->span_id != 0;
}

/* Roots that are current without being entered; the newest that is open. */
static const struct ta_context *open_root(struct ta_stack *stack)
{
	for (; stack->root_count; stack->root_count--)
		if (ta_object_context(stack->roots[stack->root_count - 1], &stack->found))
			break;
	if (stack->inherited_roots > stack->root_count)
		stack->inherited_roots = stack->root_count;
	return stack->root_count ? &stack->found : NULL;
}

/* The spans that the base's context was captured under. */
static const struct ta_context *open_ancestor(struct ta_stack *stack)
{
	for (uint32_t i = 0; i < stack->ancestor_count; i++)
		if (ta_object_context(stack->ancestors[i], &stack->found))
			return &stack->found;
	return NULL;
}

/* A captured context stands on the span that it was captured under, until it makes a root
 * of its own; otherwise roots of the program come before what Tagalong has opened by
 * itself. */
static const struct ta_context *active_at_base(struct ta_stack *stack)
{
	const struct ta_context *base = &stack->frames[0].context, *found = open_root(stack);

	if (found && stack->root_count > stack->inherited_roots)
		return found;
	if (base->span_ref && is_active(base))
		return base;
	found = open_ancestor(stack);
	if (found == NULL)
		found = open_root(stack);
	if (found)
		return found;
	return base->span_ref ? &no_context : base;
}

struct ta_frame *ta_context_active_frame(struct ta_thread *thread,
					 const struct ta_context **ret_active)
{
	struct ta_stack *stack = thread->stack;

	for (uint32_t at = stack->depth; at > 0; at = below(stack, at)) {
		struct ta_frame *frame = &stack->frames[at];
		const struct ta_context *context = context_of(frame);

		if (!frame->hides && !(context && is_active(context)))
			continue;
		*ret_active = frame->hides ? &no_context : context;
		return frame;
	}
	*ret_active = active_at_base(stack);
	return &stack->frames[0];
}

const struct ta_context *ta_context_find_active(struct ta_thread *thread)
{
	const struct ta_context *active;

	ta_context_active_frame(thread, &active);
	return active;
}

void ta_context_matters_slow(struct ta_thread *thread)
{
	const struct ta_frame *top = ta_frame_top(thread);

	if (top->kind == TA_FRAME_BASE && thread->stack == &thread->own && thread->span_pending)
		ta_thread_publish(thread, NULL);
	else if (top->kind == TA_FRAME_CONN)
		ta_conn_referenced(top->conn, top->conn_generation);
}

/* ---- scopes ---- */

struct ta_slot *ta_isolation_slot_slow(struct ta_thread *thread, uint32_t at)
{
	struct ta_stack *stack = thread->stack;

	for (; at > 0; at = below(stack, at)) {
		struct ta_frame *frame = &stack->frames[at];
		struct ta_context *context = context_of(frame);

		if (context && (frame->kind == TA_FRAME_CONN || frame->has_isolation))
			return &context->isolation;
	}
	return &stack->frames[0].context.isolation;
}

struct ta_slot *ta_current_slot_slow(struct ta_thread *thread, uint32_t at)
{
	return &context_at(thread->stack, at)->current;
}

struct ta_versions ta_versions_slow(struct ta_thread *thread, uint32_t at)
{
	return (struct ta_versions){
		.global = ta_global_version(),
		.isolation = ta_slot_version(ta_isolation_slot(thread, at)),
		.current = ta_slot_version(ta_current_slot(thread, at)),
	};
}

struct ta_versions ta_versions_of(const struct ta_context *context)
{
	return (struct ta_versions){ .global = ta_global_version(),
				     .isolation = ta_slot_version(&context->isolation),
				     .current = ta_slot_version(&context->current) };
}

void ta_context_fork(struct ta_context *to, struct ta_thread *from)
{
	uint32_t depth = from->stack->depth;

	*to = *ta_context_active(from);
	to->isolation = ta_slot_fork(ta_isolation_slot(from, depth));
	to->current = ta_slot_fork(ta_current_slot(from, depth));
}

void ta_context_drop(struct ta_context *context)
{
	ta_slot_drop(&context->isolation);
	ta_slot_drop(&context->current);
}

/* ---- connections ---- */

uint32_t ta_context_floor(struct ta_thread *thread)
{
	const struct ta_stack *stack = thread->stack;
	uint32_t at = stack->depth;

	while (at > 0 && stack->frames[at].kind != TA_FRAME_SIGNAL)
		at--;
	return at;
}

/* The connection's frame above floor, or 0. */
static uint32_t find_conn_frame(const struct ta_stack *stack, uint32_t floor)
{
	for (uint32_t at = stack->depth; at > floor; at--)
		if (stack->frames[at].kind == TA_FRAME_CONN)
			return at;
	return 0;
}

struct ta_frame *ta_context_conn_frame(struct ta_thread *thread)
{
	uint32_t at = find_conn_frame(thread->stack, ta_context_floor(thread));

	return at ? &thread->stack->frames[at] : NULL;
}

static void push_conn(struct ta_thread *thread, uint32_t conn, uint32_t generation,
		      uint64_t request)
{
	struct ta_stack *stack = thread->stack;

	if (stack->depth + 1 >= TA_FRAMES_MAX) {
		ta_lost(TA_LOSS_CONTEXT_DEPTH);
		return;
	}
	ta_context_push_conn(stack, conn, generation, request);
}

/* A block of the program that is open on top of a connection's frame is work for that
 * connection, whatever else the thread reads or waits for meanwhile. */
static bool has_blocks_above(const struct ta_stack *stack, uint32_t at)
{
	for (uint32_t above = stack->depth; above > at; above--)
		if (stack->frames[above].kind >= TA_FRAME_SPAN &&
		    stack->frames[above].kind != TA_FRAME_PUSHED)
			return true;
	return false;
}

/* Whether the frame is this connection's. */
static bool is_frame_of(const struct ta_frame *frame, uint32_t conn, uint32_t generation)
{
	return frame->kind == TA_FRAME_CONN && frame->conn == conn &&
	       frame->conn_generation == generation;
}

void ta_context_enter_conn(struct ta_thread *thread, uint32_t conn, uint32_t generation)
{
	ta_context_enter_request(thread, conn, generation, 0);
}

void ta_context_enter_request(struct ta_thread *thread, uint32_t conn, uint32_t generation,
			      uint64_t request)
{
	struct ta_stack *stack = thread->stack;
	uint32_t at, floor;

	if (is_frame_of(ta_frame_top(thread), conn, generation)) {
		ta_frame_top(thread)->request = request;
		return;
	}
	floor = stack->depth ? ta_context_floor(thread) : 0;
	while (stack->depth && (at = find_conn_frame(stack, floor)) != 0) {
		struct ta_frame *frame = &stack->frames[at];

		if (is_frame_of(frame, conn, generation))
			return;
		if (has_blocks_above(stack, at) && context_of(frame))
			break;
		ta_context_unwind(thread, at - 1);
	}
	if (stack->depth + 1 >= TA_FRAMES_MAX) {
		/* Blocks that never end: they go, or this one's tags would be another's. */
		ta_lost(TA_LOSS_CONTEXT_DEPTH);
		ta_context_unwind(thread, floor);
	}
	push_conn(thread, conn, generation, request);
	ta_conn_attend(thread, conn, generation);
}

void ta_context_leave_conn(struct ta_thread *thread)
{
	struct ta_stack *stack = thread->stack;
	struct ta_frame *only = &stack->frames[1];

	if (stack->depth == 1 && only->kind == TA_FRAME_CONN) {
		stack->overflow = 0;
		ta_conn_unattend(thread, only->conn, only->conn_generation);
		atomic_signal_fence(memory_order_seq_cst);
		stack->depth = 0;
		return;
	}
	uint32_t at = find_conn_frame(stack, ta_context_floor(thread));

	if (at && !has_blocks_above(thread->stack, at))
		ta_context_unwind(thread, at - 1);
}

/* ---- frames of the program and of signals ---- */

/* A frame that stands on a connection keeps the request's isolation scope, also when
 * the request is answered before the frame goes. */
static void fill(struct ta_thread *thread, struct ta_frame *frame, enum ta_frame_kind kind,
		 const struct ta_context *span)
{
	struct ta_frame *below = ta_frame_top(thread);
	struct ta_context *context = &frame->context;

	ta_context_set_span(context, span);
	context->current = ta_slot_fork(ta_current_slot(thread, thread->stack->depth));
	context->isolation = (struct ta_slot){ 0 };
	frame->has_isolation = below->kind == TA_FRAME_CONN;
	if (frame->has_isolation)
		context->isolation =
			ta_slot_share(ta_isolation_slot(thread, thread->stack->depth));
	frame->kind = (uint8_t)kind;
	frame->hides = frame->empty = false;
	frame->block = 0;
	frame->proc = (uint32_t)ta_runtime.proc_id;
}

struct ta_frame *ta_context_push_signal(struct ta_thread *thread)
{
	struct ta_stack *stack = thread->stack;

	if (stack->depth + 2 >= TA_FRAMES_MAX)
		return NULL;
	struct ta_frame *frame = &stack->frames[stack->depth + 2];
	struct ta_slot forked = ta_slot_fork(ta_isolation_slot(thread, stack->depth));

	fill(thread, frame, TA_FRAME_SIGNAL, ta_context_active(thread));
	ta_slot_drop(&frame->context.isolation);
	frame->context.isolation = forked;
	frame->has_isolation = true;
	stack->depth += 2;
	return frame;
}

struct ta_frame *ta_context_push_slow(struct ta_thread *thread, enum ta_frame_kind kind,
				      const struct ta_context *span)
{
	struct ta_stack *stack = thread->stack;

	if (stack->depth + 1 >= TA_FRAMES_MAX) {
		ta_lost(TA_LOSS_CONTEXT_DEPTH);
		return NULL;
	}
	struct ta_frame *frame = &stack->frames[stack->depth + 1];

	fill(thread, frame, kind, span);
	atomic_signal_fence(memory_order_seq_cst);
	stack->depth++;
	return frame;
}

struct ta_frame *ta_context_push(struct ta_thread *thread, enum ta_frame_kind kind)
{
	ta_context_matters(thread);
	return ta_context_push_span(thread, kind, ta_context_active(thread));
}

static void drop_slots(struct ta_frame *frame)
{
	ta_slot_drop(&frame->context.current);
	if (frame->has_isolation)
		ta_slot_drop(&frame->context.isolation);
}

/* What a frame stood for ends; under: the frame below it. */
static void close_frame(struct ta_thread *thread, struct ta_frame *frame, uint32_t under,
			enum ta_end_reason reason, const struct ta_error *error)
{
	struct ta_versions versions;

	if (frame->kind == TA_FRAME_SPAN || frame->kind == TA_FRAME_SIGNAL) {
		const struct ta_slot *isolation = frame->has_isolation ?
							  &frame->context.isolation :
							  ta_isolation_slot(thread, under);

		versions = (struct ta_versions){ .global = ta_global_version(),
						 .isolation = ta_slot_version(isolation),
						 .current = ta_slot_version(&frame->context.current) };
		ta_span_close_frame(thread, frame, &versions, reason, error);
	} else if (frame->kind == TA_FRAME_CONN) {
		ta_conn_unattend(thread, frame->conn, frame->conn_generation);
	} else if (frame->kind == TA_FRAME_HUB) {
		ta_hub_restore(thread->stack, frame->hub);
	}
	if (frame->kind != TA_FRAME_CONN)
		drop_slots(frame);
}

void ta_context_find_block(struct ta_stack *stack)
{
	uint32_t at = stack->depth;

	while (at > 0 && stack->frames[at].block == 0)
		at = below(stack, at);
	stack->innermost_block = at ? stack->frames[at].block : 0;
}

static void pop(struct ta_thread *thread, enum ta_end_reason reason, const struct ta_error *error)
{
	struct ta_stack *stack = thread->stack;
	struct ta_frame *frame = &stack->frames[stack->depth];
	uint32_t under = below(stack, stack->depth);
	bool block = frame->block != 0;

	close_frame(thread, frame, under, reason, error);
	atomic_signal_fence(memory_order_seq_cst);
	stack->depth = under;
	if (block)
		ta_context_find_block(stack);
}

void ta_context_unwind(struct ta_thread *thread, uint32_t depth)
{
	if (thread->stack->depth > depth)
		thread->stack->overflow = 0; /* those were the innermost */
	while (thread->stack->depth > depth)
		pop(thread, TA_END_JUMPED, NULL);
}

/* A span without a block stays active when a block around it ends. */
static bool outlives(const struct ta_frame *frame)
{
	return frame->kind == TA_FRAME_PUSHED && is_active(&frame->context);
}

/* Ends the frames from last down to first, and moves those that stay, and what is above
 * last, together. */
static void close_range(struct ta_thread *thread, uint32_t first, uint32_t last,
			const struct ta_error *error)
{
	struct ta_stack *stack = thread->stack;
	uint32_t to = first;

	for (uint32_t at = last; at > first; at--)
		if (!outlives(&stack->frames[at]))
			close_frame(thread, &stack->frames[at], at - 1, TA_END_JUMPED, NULL);
	close_frame(thread, &stack->frames[first], first - 1, TA_END_NORMAL, error);
	for (uint32_t at = first + 1; at <= stack->depth; at++)
		if (at > last || outlives(&stack->frames[at]))
			stack->frames[to++] = stack->frames[at];
	atomic_signal_fence(memory_order_seq_cst);
	stack->depth = to - 1;
	ta_context_find_block(stack);
}

void ta_context_remove(struct ta_thread *thread, uint32_t at, const struct ta_error *error)
{
	struct ta_stack *stack = thread->stack;
	uint32_t keep = at + 1;

	if (at == stack->depth) {
		pop(thread, TA_END_NORMAL, error);
		return;
	}
	while (keep <= stack->depth && stack->frames[keep].kind != TA_FRAME_CONN)
		keep++;
	close_range(thread, at, keep - 1, error);
}

void ta_context_settle_slow(struct ta_thread *thread)
{
	struct ta_frame *top = ta_frame_top(thread);

	while (top->kind == TA_FRAME_PUSHED && !ta_object_is_open(top->context.span_ref)) {
		pop(thread, TA_END_NORMAL, NULL);
		top = ta_frame_top(thread);
	}
}

void ta_stack_reset(struct ta_stack *stack)
{
	for (uint32_t at = stack->depth; at > 0; at = below(stack, at)) {
		struct ta_frame *frame = &stack->frames[at];

		if (frame->kind == TA_FRAME_SPAN && !frame->empty)
			ta_object_free(NULL, frame->context.span_ref);
		if (frame->kind != TA_FRAME_CONN)
			drop_slots(frame);
	}
	ta_context_drop(&stack->frames[0].context);
	ta_hub_drop(stack->hub);
	memset(stack, 0, offsetof(struct ta_stack, frames) + sizeof(stack->frames[0]));
}
