/* SPDX-License-Identifier: MIT */
/*
 * delivery.c - the span of a signal delivery.
 *
 * Runs: signal handlers, also nested ones and ones that interrupted a hook.  No
 * locks; a thread without a lane claims one here.
 */
#include "runtime/core/delivery.h"

#include <stddef.h>
#include <ucontext.h>

#include "runtime/core/clock.h"
#include "runtime/core/conn.h"
#include "runtime/core/crumb.h"
#include "runtime/core/now.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"
#include "runtime/core/span.h"

/* Whether the context that is current names a span that is (or was) published. */
static bool interrupted_span(struct ta_thread *thread, struct ta_context *ret_context)
{
	const struct ta_frame *top = ta_frame_top(thread);

	*ret_context = *ta_context_active(thread);
	if (top->kind == TA_FRAME_BASE && thread->stack == &thread->own)
		return thread->span_open || ret_context->span_ref;
	if (top->kind == TA_FRAME_CONN)
		return ta_context_now(thread)->span_id &&
		       ta_conn_has_span(top->conn, top->conn_generation);
	return ret_context->span_id != 0;
}

static void set_level(struct ta_signal_level *level, struct ta_thread *thread, const void *context,
		      uintptr_t frame)
{
	const ucontext_t *interrupted = context;

	*level = (struct ta_signal_level){ .frame = frame,
					   .stack = thread->stack,
					   .depth = thread->stack->depth };
	if (interrupted == NULL || interrupted->uc_stack.ss_size == 0)
		return;
	uintptr_t low = (uintptr_t)interrupted->uc_stack.ss_sp;
	uintptr_t high = low + interrupted->uc_stack.ss_size;

	if (frame >= low && frame < high) {
		level->stack_low = low;
		level->stack_high = high;
	}
}

/* Where the interrupted code's stack stood: tells whether an outer handler is
 * still running.  Without a context the handler runs on that same stack. */
static uintptr_t interrupted_stack(const void *context, uintptr_t frame)
{
	const ucontext_t *interrupted = context;

	if (interrupted == NULL)
		return frame;
#if defined(__x86_64__)
	return (uintptr_t)interrupted->uc_mcontext.gregs[REG_RSP];
#else
	return (uintptr_t)interrupted->uc_mcontext.sp;
#endif
}

static void publish(struct ta_thread *thread, struct ta_frame *frame, int number,
		    const siginfo_t *info, const struct ta_context *link)
{
	struct ta_emit emit;
	struct ta_span_facts facts = { .context = &frame->context,
				       .scopes = ta_versions_of(&frame->context),
				       .start_ns = ta_now_ns(),
				       .link = link,
				       .type = TA_SPAN_SIGNAL };

	if (!ta_span_start_begin(&emit, thread, &facts, 3 * TA_ATTR_ROOM(8)))
		return;
	ta_emit_int(&emit, TA_ATTR_SIGNAL_NUMBER, number);
	if (info) {
		ta_emit_int(&emit, TA_ATTR_SIGNAL_CODE, info->si_code);
		if (info->si_code == SI_USER || info->si_code == SI_QUEUE ||
		    info->si_code == SI_TKILL)
			ta_emit_int(&emit, TA_ATTR_SIGNAL_SENDER_PID, info->si_pid);
	}
	ta_emit_commit(&emit);
}

/* On the scope that is interrupted, before the handler has one of its own. */
static void leave_crumb(struct ta_thread *thread, int number, const siginfo_t *info)
{
	struct ta_crumb_data data = { .bytes = 0 };
	const char *name = ta_signal_word(number);
	struct iovec piece = ta_piece(name ? name : "real-time signal");
	struct ta_crumb_facts facts = { .category = "signal",
					.level = TA_LEVEL_INFO,
					.text = &piece,
					.text_count = 1 };

	ta_crumb_number(&data, "signal", number);
	if (info &&
	    (info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL))
		ta_crumb_number(&data, "sender_pid", info->si_pid);
	facts.data = data.json;
	facts.data_bytes = data.bytes;
	ta_crumb_leave(thread, &facts);
}

void ta_delivery_begin(struct ta_delivery *delivery, int number, const siginfo_t *info,
		       const void *context, uintptr_t frame)
{
	struct ta_context link;

	delivery->active = false;
	if (!ta_runtime.enabled || !ta_runtime.signals || ta_tls.passive)
		return;
	ta_process_check();
	struct ta_thread *thread = ta_thread_self();

	if (thread == NULL)
		return;
	ta_thread_heal(interrupted_stack(context, frame));
	if (ta_tls.level >= TA_SIGNAL_LEVELS_MAX) {
		ta_lost(TA_LOSS_CONTEXT_DEPTH);
		return;
	}
	struct ta_signal_level *level = &thread->levels[ta_tls.level];
	bool linked = interrupted_span(thread, &link);

	if (ta_runtime.breadcrumbs & TA_CRUMB_SIGNAL)
		leave_crumb(thread, number, info);
	set_level(level, thread, context, frame);
	struct ta_frame *own = ta_context_push_signal(thread);

	if (own == NULL) {
		ta_lost(TA_LOSS_CONTEXT_DEPTH);
		return;
	}
	ta_span_new_trace(thread, &own->context);
	level->framed = true;
	delivery->level = ta_tls.level++;
	delivery->active = true;
	publish(thread, own, number, info, linked ? &link : NULL);
}

void ta_delivery_end(const struct ta_delivery *delivery)
{
	struct ta_thread *thread = ta_tls.thread;

	if (!delivery->active || thread == NULL || ta_tls.level <= delivery->level)
		return;
	struct ta_signal_level *level = &thread->levels[delivery->level];

	ta_thread_heal(level->frame);
	if (thread->stack == level->stack && thread->stack->depth >= level->depth + 2) {
		ta_context_unwind(thread, level->depth + 2);
		ta_context_remove(thread, level->depth + 2, NULL);
	}
	atomic_signal_fence(memory_order_seq_cst);
	ta_tls.level = delivery->level;
}
