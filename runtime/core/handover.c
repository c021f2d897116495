/* SPDX-License-Identifier: MIT */
/*
 * handover.c - capturing, attaching and freeing contexts.
 *
 * Runs: any host thread, inside the guard.
 */
#include "runtime/core/handover.h"

#include <errno.h>
#include <stddef.h>

#include "runtime/core/arena.h"
#include "runtime/core/hub.h"
#include "runtime/core/now.h"
#include "runtime/core/object.h"
#include "runtime/core/runtime.h"
#include "runtime/core/thread.h"

static struct ta_handed *handed_at(uint64_t context)
{
	uint32_t index = (uint32_t)context;

	return &ta_arena.handed[index < ta_arena.handed_pool.size ? index : 0];
}

static struct ta_handed *handed_of(const struct ta_stack *stack)
{
	return (struct ta_handed *)(void *)((char *)(uintptr_t)stack -
					    offsetof(struct ta_handed, stack));
}

static void add_ancestor(struct ta_stack *to, uint64_t span_ref)
{
	if (span_ref == 0 || to->ancestor_count == TA_ANCESTORS_MAX ||
	    !ta_object_is_open(span_ref))
		return;
	for (uint32_t i = 0; i < to->ancestor_count; i++)
		if (to->ancestors[i] == span_ref)
			return;
	to->ancestors[to->ancestor_count++] = span_ref;
}

/* Spans that become active again for the context when inner ones end elsewhere. */
static void copy_spans(struct ta_stack *to, const struct ta_stack *from)
{
	for (uint32_t at = from->depth; at > 0 && from->frames[at].kind != TA_FRAME_SIGNAL; at--) {
		if (from->frames[at].hides)
			return;
		if (from->frames[at].kind != TA_FRAME_CONN)
			add_ancestor(to, from->frames[at].context.span_ref);
	}
	add_ancestor(to, from->frames[0].context.span_ref);
	for (uint32_t i = 0; i < from->ancestor_count; i++)
		add_ancestor(to, from->ancestors[i]);
	for (uint32_t i = 0; i < from->root_count; i++)
		if (ta_object_is_open(from->roots[i]))
			to->roots[to->root_count++] = from->roots[i];
	to->inherited_roots = to->root_count;
}

static void fill(struct ta_stack *to, struct ta_thread *thread)
{
	struct ta_frame *base = &to->frames[0];
	uint32_t depth = thread->stack->depth;

	ta_context_matters(thread);
	ta_context_set_span(&base->context, ta_context_active(thread));
	base->context.isolation = ta_slot_share(ta_isolation_slot(thread, depth));
	base->context.current = ta_slot_share(ta_current_slot(thread, depth));
	base->proc = (uint32_t)ta_runtime.proc_id;
	copy_spans(to, thread->stack);
	to->hub_seed = ta_hub_seed(thread->stack, &to->hub_silent);
}

uint64_t ta_handover_capture(struct ta_thread *thread)
{
	int index = ta_pool_take(&ta_arena.handed_pool);

	if (index < 0) {
		ta_lost(TA_LOSS_SCOPE_POOL);
		return 0;
	}
	struct ta_handed *handed = &ta_arena.handed[index];
	uint64_t generation = atomic_load(&handed->state) >> 32;

	generation = generation ? generation : 1;
	ta_context_settle(thread);
	fill(&handed->stack, thread);
	atomic_store_explicit(&handed->state, generation << 32 | TA_HANDED_KEPT,
			      memory_order_release);
	return generation << 32 | (uint32_t)index;
}

/* ---- coroutines ---- */

/* On a connection: it goes on there, and below it with what the thread has below. */
static void fork_conn(struct ta_stack *to, struct ta_thread *thread, const struct ta_frame *top)
{
	struct ta_stack *from = thread->stack;
	struct ta_context *base = &to->frames[0].context;

	ta_context_set_span(base, &from->frames[0].context);
	base->isolation = ta_slot_fork(&from->frames[0].context.isolation);
	base->current = ta_slot_fork(&from->frames[0].context.current);
	to->frames[1] = (struct ta_frame){ .kind = TA_FRAME_CONN,
					   .conn = top->conn,
					   .conn_generation = top->conn_generation,
					   .request = top->request };
	to->depth = 1;
}

static void fork_plain(struct ta_stack *to, struct ta_thread *thread)
{
	struct ta_context *base = &to->frames[0].context;

	fill(to, thread);
	ta_slot_drop(&base->isolation);
	ta_slot_drop(&base->current);
	base->isolation = ta_slot_fork(ta_isolation_slot(thread, thread->stack->depth));
	base->current = ta_slot_fork(ta_current_slot(thread, thread->stack->depth));
}

struct ta_handed *ta_handover_fork(struct ta_thread *thread)
{
	int index = ta_pool_take(&ta_arena.handed_pool);

	if (index < 0)
		return NULL;
	struct ta_handed *handed = &ta_arena.handed[index];
	uint64_t generation = atomic_load(&handed->state) >> 32;

	ta_context_settle(thread);
	if (ta_frame_top(thread)->kind == TA_FRAME_CONN)
		fork_conn(&handed->stack, thread, ta_frame_top(thread));
	else
		fork_plain(&handed->stack, thread);
	handed->stack.frames[0].proc = (uint32_t)ta_runtime.proc_id;
	handed->below = NULL;
	atomic_store_explicit(&handed->state, generation << 32 | TA_HANDED_ATTACHED,
			      memory_order_release);
	return handed;
}

/* What a number refers to is over. */
static void release(struct ta_handed *handed)
{
	uint64_t generation = (atomic_load(&handed->state) >> 32) + 1;

	ta_stack_reset(&handed->stack);
	handed->below = NULL;
	atomic_store_explicit(&handed->state, (generation & UINT32_MAX) << 32, memory_order_release);
	ta_pool_give(&ta_arena.handed_pool, (uint32_t)(handed - ta_arena.handed));
}

void ta_handover_drop(struct ta_thread *thread, struct ta_handed *handed)
{
	struct ta_stack *stack = thread->stack;

	thread->stack = &handed->stack;
	atomic_signal_fence(memory_order_seq_cst);
	ta_context_unwind(thread, 0);
	thread->stack = stack;
	release(handed);
}

/* ---- attaching ---- */

/* From one state to another.  0, -EBUSY, -ESTALE. */
static int move(uint64_t context, enum ta_handed_state from, enum ta_handed_state to)
{
	struct ta_handed *handed = handed_at(context);
	uint64_t generation = (context >> 32) << 32, state = generation | from;

	if (context && atomic_compare_exchange_strong(&handed->state, &state, generation | to))
		return 0;
	return context && state >> 32 == context >> 32 && (uint32_t)state != TA_HANDED_FREE ?
		       -EBUSY :
		       -ESTALE;
}

/* Blocks that another thread opened have addresses on its stack. */
static void forget_blocks(struct ta_stack *stack)
{
	stack->innermost_block = 0;
	for (uint32_t at = 1; at <= stack->depth; at++)
		stack->frames[at].block = 0;
}

int ta_handover_attach(struct ta_thread *thread, uint64_t context)
{
	struct ta_handed *handed = handed_at(context);
	int error = move(context, TA_HANDED_KEPT, TA_HANDED_ATTACHED);

	if (error)
		return error;
	forget_blocks(&handed->stack);
	handed->below = thread->stack == &thread->own ? NULL : handed_of(thread->stack);
	atomic_signal_fence(memory_order_seq_cst);
	thread->stack = &handed->stack;
	return 0;
}

static void detach(struct ta_thread *thread, struct ta_handed *handed)
{
	thread->stack = handed->below ? &handed->below->stack : &thread->own;
	handed->below = NULL;
	atomic_signal_fence(memory_order_seq_cst);
	uint64_t state = atomic_load(&handed->state);

	atomic_store_explicit(&handed->state, (state >> 32) << 32 | TA_HANDED_KEPT,
			      memory_order_release);
}

int ta_handover_detach(struct ta_thread *thread, uint64_t context)
{
	struct ta_handed *handed = handed_at(context);

	if (context == 0 || thread->stack != &handed->stack ||
	    atomic_load(&handed->state) >> 32 != context >> 32)
		return -ENOENT;
	ta_context_leave_conn(thread);
	detach(thread, handed);
	return 0;
}

int ta_handover_free(struct ta_thread *thread, uint64_t context)
{
	struct ta_handed *handed = handed_at(context);
	int error = ta_handover_attach(thread, context);

	if (error)
		return error;
	ta_context_unwind(thread, 0);
	thread->stack = handed->below ? &handed->below->stack : &thread->own;
	release(handed);
	return 0;
}

void ta_handover_thread_ends(struct ta_thread *thread)
{
	while (thread->stack != &thread->own)
		detach(thread, handed_of(thread->stack));
}
