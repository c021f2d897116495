/* SPDX-License-Identifier: MIT */
/*
 * hop.c - see hop.h.
 *
 * Places are remembered in a small table by address; what falls together is kept apart by
 * the address in the slot, and the newer one wins.
 *
 * Runs: any host thread, inside the guard.  No locks.
 */
#include "runtime/core/hop.h"

#include "runtime/core/conn.h"
#include "runtime/core/runtime.h"
#include "runtime/core/thread.h"
#include "runtime/core/unit.h"

#define PLACES 512u
#define MIDDLE_ENOUGH 8u /* so often in the middle of work, and never between two */

struct place {
	_Atomic uintptr_t at;
	_Atomic uint32_t between; /* first thing after an answer */
	_Atomic uint32_t middle;
	_Atomic uint32_t sequence; /* odd: the hint is being written */
	uint64_t trace_hi, trace_lo, span_id;
};

static struct place places[PLACES];

static struct place *slot_of(uintptr_t at)
{
	uint64_t mixed = (uint64_t)at * 0x9e3779b97f4a7c15ull;

	return &places[(mixed >> 40) % PLACES];
}

static struct place *place_of(uintptr_t at)
{
	struct place *place = slot_of(at);

	if (atomic_load_explicit(&place->at, memory_order_relaxed) == at)
		return place;
	atomic_store(&place->between, 0);
	atomic_store(&place->middle, 0);
	place->span_id = 0;
	atomic_store(&place->at, at);
	return place;
}

/* ---- hints ---- */

/* Ids of the request that the thread certainly works for. */
static bool find_certain(struct ta_thread *thread, struct ta_context *ret_ids)
{
	const struct ta_frame *frame = thread->doubt ? NULL : ta_context_conn_frame(thread);
	const struct ta_context *found =
		frame ? ta_conn_context(frame->conn, frame->conn_generation, frame->request) : NULL;

	return found &&
	       ta_conn_turn(frame->conn, frame->conn_generation, found) == TA_TURN_OURS &&
	       ta_conn_ids(frame->conn, frame->conn_generation, frame->request, found, ret_ids);
}

void ta_hop_wakes(struct ta_thread *thread, uintptr_t at)
{
	struct ta_context request;

	if (!find_certain(thread, &request) || request.span_id == 0)
		return;
	struct place *place = place_of(at);
	uint32_t sequence = atomic_load(&place->sequence);

	if (sequence & 1 ||
	    !atomic_compare_exchange_strong(&place->sequence, &sequence, sequence + 1))
		return;
	place->trace_hi = request.trace_hi;
	place->trace_lo = request.trace_lo;
	place->span_id = request.span_id;
	atomic_store(&place->sequence, sequence + 2);
}

static void take_hint(struct ta_thread *thread, struct place *place)
{
	uint32_t sequence = atomic_load(&place->sequence);
	struct ta_context hint = { .trace_hi = place->trace_hi,
				   .trace_lo = place->trace_lo,
				   .span_id = place->span_id };

	atomic_thread_fence(memory_order_acquire);
	if (sequence & 1 || atomic_load(&place->sequence) != sequence)
		hint.span_id = 0;
	thread->hint = hint;
}

/* ---- sleeping ---- */

static void leave(struct ta_thread *thread)
{
	ta_context_leave_conn(thread);
	ta_unit_leave(thread);
	thread->idled = true;
	thread->doubt = thread->looped = false;
	thread->resumed = 0;
	thread->visits = 0;
}

void ta_hop_sleeps(struct ta_thread *thread)
{
	ta_unit_settle(thread, thread->claimed);
}

void ta_hop_waits(struct ta_thread *thread)
{
	leave(thread);
	thread->looped = thread->loops = true;
	thread->worked = true; /* whatever it sleeps on next is no part of what it did */
	thread->hint.span_id = 0;
}

/* Whether it has a request that it has not answered. */
static bool is_asked(struct ta_thread *thread)
{
	const struct ta_frame *frame = ta_context_conn_frame(thread);

	return frame &&
	       ta_conn_turn(frame->conn, frame->conn_generation,
			    ta_conn_context(frame->conn, frame->conn_generation,
					    frame->request)) != TA_TURN_NONE;
}

void ta_hop_slept(struct ta_thread *thread, uintptr_t at)
{
	struct place *place = place_of(at);

	/* An event like others: a timer, or a word from another thread. */
	if (thread->looped && at & TA_PLACE_FD) {
		ta_hop_waits(thread);
		return;
	}
	bool between = thread->worked || !thread->idled;

	thread->worked = false;
	if (is_asked(thread)) {
		thread->doubt = true;
		if (atomic_load_explicit(&ta_runtime.hands_over, memory_order_relaxed))
			ta_unit_leave(thread);
		return;
	}
	atomic_fetch_add_explicit(between ? &place->between : &place->middle, 1,
				  memory_order_relaxed);
	if (!between && atomic_load_explicit(&place->between, memory_order_relaxed) == 0 &&
	    atomic_load_explicit(&place->middle, memory_order_relaxed) > MIDDLE_ENOUGH)
		return;
	leave(thread);
	take_hint(thread, place);
}
