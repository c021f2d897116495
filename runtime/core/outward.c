/* SPDX-License-Identifier: MIT */
/*
 * outward.c - see outward.h.
 *
 * Runs: any host thread, inside the guard.  No locks.
 */
#include "runtime/core/outward.h"

#include "runtime/core/clock.h"
#include "runtime/core/conn.h"
#include "runtime/core/now.h"
#include "runtime/core/process_span.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"
#include "runtime/core/span.h"

#define CALLS_FIRST 16u /* what may go wrong is taken to, so many times */

static _Atomic uint32_t base_spans;

/* ---- units ---- */

/* In the unit that the thread is in, or a new one. */
static bool in_unit(struct ta_thread *thread, const struct ta_context *link, enum ta_guess guess,
		    struct ta_asking *asking)
{
	const struct ta_unit *unit = ta_unit_now(thread, link, guess);

	if (unit == NULL)
		return false;
	asking->parent = unit->context;
	asking->owner = ta_unit_owner(thread);
	return true;
}

/* In a new one, which the thread stays in only where guesses of that kind are believed. */
static bool in_new_unit(struct ta_thread *thread, const struct ta_context *link,
			enum ta_guess guess, struct ta_asking *asking)
{
	asking->alone = !ta_guess_is_believed(guess);
	if (asking->alone)
		ta_unit_leave(thread);
	return in_unit(thread, link, guess, asking);
}

/* The one that the connection was opened in. */
static bool in_unit_of_opener(const struct ta_conn *on, struct ta_asking *asking)
{
	const struct ta_unit *unit = ta_unit_of(&on->opener);

	if (atomic_load(&unit->ended))
		return false;
	asking->parent = unit->context;
	asking->owner = on->opener;
	asking->waits = on->opener_waits;
	return true;
}

/* ---- guesses in event loops ---- */

static bool is_first(const struct ta_conn *on)
{
	return on && on->request_count == 0;
}

/* An answer to one may have made room for what another has kept, and be waiting for an event
 * of its own all the same: in programs that ask several at a time. */
static bool may_have_room(const struct ta_thread *thread)
{
	return thread->resumed && ta_cause_may_have_room();
}

/* Whether what a handler of an event loop does may be for somebody else than the event.  It
 * cannot while every request that is unanswered waits for an event of its own.  It is
 * taken to be possible in a program that has been seen to let requests lie before it asks
 * anybody for them, or to ask by timers; and in each one at first. */
static bool may_be_others(const struct ta_thread *thread)
{
	if (ta_outward_in_loop(thread) && may_have_room(thread))
		return true;
	if (!ta_outward_in_loop(thread) ||
	    atomic_load_explicit(&ta_runtime.parked, memory_order_relaxed) <= 0)
		return false;
	return atomic_load_explicit(&ta_runtime.segment->defers, memory_order_relaxed) ||
	       (atomic_load_explicit(&ta_runtime.segment->loop_calls, memory_order_relaxed) < CALLS_FIRST &&
		atomic_fetch_add_explicit(&ta_runtime.segment->loop_calls, 1, memory_order_relaxed) <
			CALLS_FIRST);
}

/* ---- on a connection ---- */

/* The request, or the opaque connection, that the frame stands for. */
static struct ta_owner owner_of(const struct ta_frame *frame, uint64_t span_id)
{
	return (struct ta_owner){ .kind = TA_OWNER_REQUEST,
				  .index = frame->conn,
				  .generation = frame->conn_generation,
				  .span_id = span_id };
}

/* Its turn and its ids; one that is answered at this moment, by another thread, is over. */
static enum ta_turn turn_of(const struct ta_frame *frame, struct ta_context *ret_ids)
{
	uint32_t conn = frame->conn, generation = frame->conn_generation;
	const struct ta_context *found = ta_conn_context(conn, generation, frame->request);
	enum ta_turn turn = ta_conn_turn(conn, generation, found);

	if (found && ta_conn_ids(conn, generation, frame->request, found, ret_ids))
		return turn;
	*ret_ids = (struct ta_context){ 0 };
	return TA_TURN_NONE;
}

/* For a request that is known to be asked for; false: it is over. */
static bool for_owner(struct ta_thread *thread, const struct ta_owner *owner,
		      struct ta_asking *asking)
{
	const struct ta_context *context =
		ta_conn_context(owner->index, owner->generation, owner->span_id);
	struct ta_context ids;

	if (ta_conn_turn(owner->index, owner->generation, context) == TA_TURN_NONE ||
	    !ta_conn_ids(owner->index, owner->generation, owner->span_id, context, &ids))
		return false;
	ta_unit_leave(thread);
	asking->parent = ids;
	asking->owner = asking->waits = *owner;
	return true;
}

/* Several requests have come on one connection.  A program that takes one after the other
 * never asks anybody for one while another waits; one that was seen to, does not. */
static bool may_be_next(const struct ta_frame *frame, const struct ta_context *context)
{
	if (ta_conn_is_waiting(frame->conn, frame->conn_generation, context))
		atomic_store_explicit(&ta_runtime.segment->interleaves, 1, memory_order_relaxed);
	return atomic_load_explicit(&ta_runtime.segment->interleaves, memory_order_relaxed) ||
	       atomic_fetch_add_explicit(&ta_runtime.segment->queue_calls, 1, memory_order_relaxed) < CALLS_FIRST;
}

static bool for_conn(struct ta_thread *thread, struct ta_frame *frame, struct ta_asking *asking)
{
	struct ta_context request;
	enum ta_turn turn = turn_of(frame, &request);
	enum ta_guess guess = turn == TA_TURN_MANY ? TA_GUESS_QUEUE : TA_GUESS_NONE;

	if (turn == TA_TURN_MANY && ta_outward_in_loop(thread) && !may_be_next(frame, &request))
		turn = TA_TURN_OURS;
	if (turn != TA_TURN_NONE)
		asking->waits = owner_of(frame, request.span_id);
	if (turn != TA_TURN_OURS && ta_outward_in_loop(thread))
		return in_new_unit(thread, &request, guess, asking);
	if (turn != TA_TURN_OURS)
		return in_unit(thread, &request, guess, asking);
	if (may_be_others(thread))
		return in_new_unit(thread, &request, TA_GUESS_LOOP, asking);
	if (thread->doubt)
		return in_unit(thread, &request, TA_GUESS_SLEPT, asking);
	ta_unit_leave(thread); /* what it did before it was known whose work it is */
	ta_conn_referenced(frame->conn, frame->conn_generation);
	asking->parent = request;
	asking->owner = asking->waits;
	return true;
}

/* ---- at the base ---- */

/* A thread that has never waited for work does what it was made for. */
static bool base_is_parent(struct ta_thread *thread)
{
	if (thread->span_pending || thread->span_open)
		return thread->main_thread || !thread->idled;
	return thread->main_thread;
}

/* An event loop, between connections that it serves; or back in a unit, with an answer. */
static bool in_loop(struct ta_thread *thread, struct ta_asking *asking)
{
	struct ta_owner unit = ta_unit_owner(thread), owner;

	if (!may_have_room(thread) && ta_cause_owner(thread, &owner))
		return for_owner(thread, &owner, asking);
	if (thread->unit && !may_be_others(thread))
		return in_unit(thread, NULL, TA_GUESS_NONE, asking);
	if (thread->unit) {
		struct ta_context link = ta_unit_of(&unit)->link; /* who leaves it gives it away */

		return in_new_unit(thread, &link, TA_GUESS_LOOP, asking);
	}
	if (!(thread->resumed & TA_ADRIFT))
		atomic_store_explicit(&ta_runtime.segment->defers, 1, memory_order_relaxed);
	return in_new_unit(thread, NULL, TA_GUESS_NONE, asking);
}

static bool at_base(struct ta_thread *thread, struct ta_asking *asking)
{
	bool serving = atomic_load_explicit(&ta_runtime.serving, memory_order_relaxed);

	if (ta_outward_in_loop(thread) && (serving || !thread->main_thread))
		return in_loop(thread, asking);
	if (thread->stack != &thread->own || thread->unit || !base_is_parent(thread))
		return in_unit(thread, &thread->hint, TA_GUESS_WAKER, asking);
	if (thread->main_thread &&
	    (serving ||
	     atomic_fetch_add_explicit(&base_spans, 1, memory_order_relaxed) >= TA_BASE_SPANS_MAX))
		return in_unit(thread, NULL, TA_GUESS_NONE, asking);
	if (thread->span_pending)
		ta_thread_publish(thread, NULL);
	asking->parent = thread->own.frames[0].context;
	if (asking->parent.span_id == 0 && !ta_process_span_lend(thread, &asking->parent))
		return in_unit(thread, NULL, TA_GUESS_NONE, asking);
	return true;
}

/* ---- */

bool ta_outward_asks(struct ta_thread *thread, const struct ta_conn *on,
		     struct ta_asking *ret_asking)
{
	const struct ta_context *active;
	struct ta_frame *frame = ta_context_active_frame(thread, &active);

	ta_unit_settle(thread, thread->claimed);
	*ret_asking = (struct ta_asking){ .alone = false };
	if (is_first(on) && on->opener.kind == TA_OWNER_UNIT && in_unit_of_opener(on, ret_asking))
		return true;
	if (frame->kind == TA_FRAME_CONN || frame->kind == TA_FRAME_BASE)
		if (is_first(on) && on->opener.kind == TA_OWNER_REQUEST &&
		    for_owner(thread, &on->opener, ret_asking))
			return true;
	if (frame->kind == TA_FRAME_CONN)
		return for_conn(thread, frame, ret_asking);
	if (frame->kind == TA_FRAME_BASE && active == &frame->context)
		return at_base(thread, ret_asking);
	if (active->span_id == 0)
		return in_unit(thread, NULL, TA_GUESS_NONE, ret_asking);
	/* The program says what it belongs to; the answer puts it back all the same. */
	struct ta_frame *below = ta_context_conn_frame(thread);
	const struct ta_context *request =
		below ? ta_conn_context(below->conn, below->conn_generation, below->request) :
			NULL;

	if (request)
		ret_asking->owner = ret_asking->waits = owner_of(below, request->span_id);
	ret_asking->parent = *active;
	return true;
}

void ta_outward_ids(struct ta_thread *thread, const struct ta_context *parent,
		    struct ta_context *ret_span)
{
	*ret_span = (struct ta_context){ 0 };
	if (parent->span_id == 0) {
		ta_span_new_trace(thread, ret_span);
		return;
	}
	ta_context_set_span(ret_span, parent);
	ret_span->parent_id = parent->span_id;
	ret_span->span_id = ta_id_next(&thread->ids);
	ret_span->span_ref = 0;
}

/* The scopes of a request, if it is there before and behind the look. */
static bool scopes_of(const struct ta_owner *owner, struct ta_versions *ret_scopes)
{
	const struct ta_context *request =
		ta_conn_context(owner->index, owner->generation, owner->span_id);

	if (request == NULL)
		return false;
	*ret_scopes = ta_versions_of(request);
	atomic_thread_fence(memory_order_acquire);
	return ta_conn_context(owner->index, owner->generation, owner->span_id) == request;
}

/* What a thread begins with, unless that is somebody's already. */
static struct ta_versions scopes_of_nobody(struct ta_thread *thread)
{
	if (thread->born_at_work && thread->idled && thread->stack == &thread->own)
		return (struct ta_versions){ .global = ta_global_version() };
	return ta_versions_of(&thread->stack->frames[0].context);
}

/* A request for itself, and for a unit the one that it is believed to be of. */
static struct ta_owner believed(const struct ta_frame *top, const struct ta_owner *owner)
{
	const struct ta_unit *unit = ta_unit_of(owner);

	if (owner->kind != TA_OWNER_UNIT)
		return *owner;
	if (top->kind != TA_FRAME_CONN || unit->link.span_id == 0 ||
	    !ta_guess_is_believed((enum ta_guess)unit->guess))
		return (struct ta_owner){ .kind = TA_OWNER_NOBODY };
	return owner_of(top, unit->link.span_id);
}

struct ta_versions ta_outward_scopes(struct ta_thread *thread, const struct ta_owner *owner)
{
	const struct ta_frame *top = ta_frame_top(thread);
	struct ta_owner of = believed(top, owner);
	struct ta_versions scopes;

	if (top->kind != TA_FRAME_CONN && top->kind != TA_FRAME_BASE)
		return ta_versions_at(thread, thread->stack->depth);
	if (of.kind == TA_OWNER_REQUEST && scopes_of(&of, &scopes))
		return scopes;
	return scopes_of_nobody(thread);
}

void ta_outward_return(struct ta_thread *thread, const struct ta_owner *owner)
{
	thread->resumed = TA_RESUMED;
	if (owner->kind == TA_OWNER_UNIT) {
		if (ta_context_conn_frame(thread) == NULL || !thread->doubt)
			ta_context_leave_conn(thread);
		ta_unit_enter(thread, owner);
		if (thread->unit == 0)
			thread->resumed |= TA_ADRIFT;
		return;
	}
	ta_unit_leave(thread);
	if (owner->kind == TA_OWNER_REQUEST &&
	    ta_conn_context(owner->index, owner->generation, owner->span_id)) {
		ta_context_enter_request(thread, owner->index, owner->generation, owner->span_id);
		thread->doubt = false;
		thread->looped |= thread->loops; /* also where it has slept on something else since */
		return;
	}
	ta_context_leave_conn(thread);
	thread->resumed |= TA_ADRIFT;
}

/* ---- in one piece ---- */

bool ta_outward_begin(struct ta_thread *thread, struct ta_outward *outward, struct ta_emit *emit,
		      uint8_t type, uint64_t start_ns, uint32_t attr_bytes)
{
	struct ta_asking asking;

	outward->open = ta_outward_asks(thread, NULL, &asking);
	if (!outward->open)
		return false;
	outward->alone = asking.alone;
	outward->parent = asking.parent;
	outward->owner = asking.owner;
	outward->waits = asking.waits;
	ta_outward_ids(thread, &asking.parent, &outward->context);
	struct ta_span_facts facts = { .context = &outward->context,
				       .scopes = ta_outward_scopes(thread, &outward->owner),
				       .parent_id = outward->context.parent_id,
				       .start_ns = start_ns ? start_ns : ta_now_ns(),
				       .type = type,
				       .flags = TA_SPAN_LOOSE };

	outward->open = ta_span_start_begin(emit, thread, &facts, attr_bytes);
	return outward->open;
}

bool ta_outward_end(struct ta_thread *thread, struct ta_outward *outward, struct ta_emit *emit,
		    uint32_t attr_bytes)
{
	struct ta_versions scopes = { 0 };

	if (!outward->open)
		return false;
	outward->open = false;
	if (!ta_emit_span_end(emit, thread, outward->context.span_id, ta_now_ns(), &scopes,
			      attr_bytes))
		return false;
	((struct ta_record_span_end *)(void *)emit->record)->flags = TA_END_SCOPES_OF_START;
	return true;
}
