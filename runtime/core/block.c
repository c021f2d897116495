/* SPDX-License-Identifier: MIT */
/*
 * block.c - opening and closing blocks, and closing those that were jumped out of.
 *
 * Runs: the owning thread, inside the guard.
 */
#include "runtime/core/block.h"

#include "runtime/core/hub.h"
#include "runtime/core/now.h"
#include "runtime/core/thread.h"

/* Stacks of coroutines lie elsewhere; nothing is concluded across this distance. */
#define ONE_STACK_BYTES ((uintptr_t)8 << 20)

void ta_block_begins(struct ta_thread *thread, uintptr_t block)
{
	struct ta_stack *stack = thread->stack;
	uint32_t at = stack->depth;

	while (at > ta_context_floor(thread) && stack->frames[at].block != block)
		at--;
	if (at > ta_context_floor(thread))
		ta_context_unwind(thread, at - 1);
}

static struct ta_frame *open_frame(struct ta_thread *thread, enum ta_frame_kind kind,
				   uintptr_t block)
{
	ta_context_settle(thread);
	if (block && thread->stack->innermost_block)
		ta_block_begins(thread, block);
	struct ta_frame *frame = ta_context_push(thread, kind);

	if (frame == NULL) {
		thread->stack->overflow++;
		return NULL;
	}
	frame->block = block;
	if (block)
		thread->stack->innermost_block = block;
	return frame;
}

bool ta_block_push(struct ta_thread *thread, enum ta_frame_kind kind, uintptr_t block)
{
	struct ta_slot forked = ta_slot_fork(ta_isolation_slot(thread, thread->stack->depth));
	struct ta_frame *frame = open_frame(thread, kind, block);

	if (frame && kind == TA_FRAME_ISOLATION) {
		ta_slot_drop(&frame->context.isolation);
		frame->context.isolation = forked;
		frame->has_isolation = true;
	}
	return frame != NULL;
}

bool ta_block_push_hub(struct ta_thread *thread, uint64_t hub, uintptr_t block)
{
	struct ta_frame *frame = open_frame(thread, TA_FRAME_HUB, block);

	if (frame)
		frame->hub = ta_hub_enter(thread->stack, hub);
	return frame != NULL;
}

bool ta_block_pop(struct ta_thread *thread, enum ta_frame_kind kind)
{
	struct ta_stack *stack = thread->stack;
	uint32_t floor = ta_context_floor(thread), at = stack->depth;

	if (stack->overflow) {
		stack->overflow--;
		return true;
	}
	while (at > floor && stack->frames[at].kind != kind)
		at--;
	if (at > floor)
		ta_context_remove(thread, at, NULL);
	ta_context_settle(thread);
	return at > floor;
}

void ta_block_heal_slow(struct ta_thread *thread, uintptr_t stack_address)
{
	struct ta_stack *stack = thread->stack;

	while (stack->innermost_block && stack_address > stack->innermost_block &&
	       stack_address - stack->innermost_block < ONE_STACK_BYTES) {
		uint32_t at = stack->depth;

		while (at > 0 && stack->frames[at].block != stack->innermost_block)
			at--;
		if (at == 0 || at <= ta_context_floor(thread))
			break;
		ta_context_unwind(thread, at - 1);
	}
}
