/* SPDX-License-Identifier: MIT */
/*
 * unit.c - the life of a unit; see unit.h.
 *
 * Runs: any host thread, inside the guard.  No locks.
 */
#include "runtime/core/unit.h"

#include "runtime/core/arena.h"
#include "runtime/core/clock.h"
#include "runtime/core/now.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"
#include "runtime/core/span.h"
#include "runtime/core/thread.h"

static _Atomic uint32_t confirmed[TA_GUESS_KINDS], refuted[TA_GUESS_KINDS];

static struct ta_unit *unit_at(uint32_t index)
{
	return &ta_arena.units[index < ta_arena.unit_pool.size ? index : 0];
}

/* ---- guesses ---- */

bool ta_guess_is_believed(enum ta_guess guess)
{
	/* A queue that has been in order so far may have two waiting in it the next time. */
	return guess != TA_GUESS_WAKER &&
	       atomic_load_explicit(&refuted[guess], memory_order_relaxed) == 0 &&
	       atomic_load_explicit(&confirmed[guess], memory_order_relaxed) >= TA_GUESS_CONFIRMED;
}

static void learn(const struct ta_unit *unit, const struct ta_context *adopter)
{
	if (unit->guess == TA_GUESS_NONE || unit->link.span_id == 0)
		return;
	if (unit->link.span_id != adopter->span_id)
		atomic_store_explicit(&refuted[unit->guess], 1, memory_order_relaxed);
	else if (atomic_load_explicit(&confirmed[unit->guess], memory_order_relaxed) <
		 TA_GUESS_CONFIRMED)
		atomic_fetch_add_explicit(&confirmed[unit->guess], 1, memory_order_relaxed);
}

/* ---- references ---- */

bool ta_unit_ref(const struct ta_owner *owner)
{
	struct ta_unit *unit = unit_at(owner->index);
	uint64_t state = atomic_load_explicit(&unit->state, memory_order_relaxed);

	do {
		if ((uint32_t)(state >> 32) != owner->generation || (uint32_t)state == 0)
			return false;
	} while (!atomic_compare_exchange_weak(&unit->state, &state, state + 1));
	return true;
}

static void publish_end(struct ta_thread *thread, const struct ta_unit *unit,
			const struct ta_context *adopter)
{
	struct ta_versions scopes = { 0 };
	struct ta_emit emit;

	if (!ta_emit_span_end(&emit, thread, unit->context.span_id, ta_now_ns(), &scopes,
			      TA_ATTR_ROOM(16) + TA_ATTR_ROOM(8)))
		return;
	((struct ta_record_span_end *)(void *)emit.record)->flags = TA_END_SCOPES_OF_START;
	if (adopter) {
		uint64_t trace[2] = { adopter->trace_hi, adopter->trace_lo };

		ta_emit_bytes(&emit, TA_ATTR_ADOPTER_TRACE, trace, sizeof(trace));
		ta_emit_int(&emit, TA_ATTR_ADOPTER_SPAN, (int64_t)adopter->span_id);
	}
	ta_emit_commit(&emit);
}

/* The first to end it says how.  A forked child does not end what is its parent's. */
static void end(struct ta_thread *thread, struct ta_unit *unit, const struct ta_context *adopter)
{
	if (atomic_exchange(&unit->ended, 1) == 0 && unit->proc == (uint32_t)ta_runtime.proc_id)
		publish_end(thread, unit, adopter);
}

void ta_unit_unref(struct ta_thread *thread, const struct ta_owner *owner)
{
	struct ta_unit *unit = unit_at(owner->index);
	uint64_t state = atomic_load(&unit->state);

	if ((uint32_t)(state >> 32) != owner->generation || (uint32_t)state == 0)
		return;
	state = atomic_fetch_sub(&unit->state, 1);
	if ((uint32_t)state != 1)
		return;
	if (thread)
		end(thread, unit, NULL);
	atomic_store(&unit->state, ((state >> 32) + 1) << 32);
	ta_pool_give(&ta_arena.unit_pool, owner->index);
}

/* ---- of a thread ---- */

struct ta_owner ta_unit_owner(const struct ta_thread *thread)
{
	if (thread->unit == 0)
		return (struct ta_owner){ .kind = TA_OWNER_NOBODY };
	return (struct ta_owner){ .kind = TA_OWNER_UNIT,
				  .index = thread->unit - 1,
				  .generation = thread->unit_generation };
}

static bool publish_start(struct ta_thread *thread, const struct ta_unit *unit)
{
	struct ta_emit emit;
	struct ta_span_facts facts = { .context = &unit->context,
				       .scopes = ta_versions_at(thread, thread->stack->depth),
				       .start_ns = ta_now_ns(),
				       .link = unit->link.span_id ? &unit->link : NULL,
				       .type = TA_SPAN_UNIT };

	if (!ta_span_start_begin(&emit, thread, &facts, 0))
		return false;
	ta_emit_commit(&emit);
	return true;
}

const struct ta_unit *ta_unit_of(const struct ta_owner *owner)
{
	return unit_at(owner->index);
}

struct ta_unit *ta_unit_now(struct ta_thread *thread, const struct ta_context *link,
			    enum ta_guess guess)
{
	if (thread->unit)
		return unit_at(thread->unit - 1);
	int index = ta_pool_take(&ta_arena.unit_pool);

	if (index < 0) {
		ta_lost(TA_LOSS_UNIT_POOL);
		return NULL;
	}
	struct ta_unit *unit = &ta_arena.units[index];
	uint64_t generation = atomic_load(&unit->state) >> 32;

	ta_span_new_trace(thread, &unit->context);
	unit->link = (struct ta_context){ 0 };
	if (link)
		ta_context_set_span(&unit->link, link);
	unit->guess = (uint8_t)guess;
	unit->proc = (uint32_t)ta_runtime.proc_id;
	atomic_store(&unit->ended, 0);
	if (!publish_start(thread, unit)) {
		ta_pool_give(&ta_arena.unit_pool, (uint32_t)index);
		return NULL;
	}
	atomic_store(&unit->state, generation << 32 | 1);
	thread->unit = (uint32_t)index + 1;
	thread->unit_generation = (uint32_t)generation;
	return unit;
}

void ta_unit_leave_slow(struct ta_thread *thread)
{
	struct ta_owner owner = ta_unit_owner(thread);

	ta_unit_settle(thread, thread->claimed);
	if (thread->unit == 0)
		return;
	thread->unit = 0;
	ta_unit_unref(thread, &owner);
}

void ta_unit_settle_slow(struct ta_thread *thread)
{
	struct ta_owner owner = ta_unit_owner(thread);
	struct ta_unit *unit = unit_at(owner.index);

	thread->claimed = false;
	if (thread->unit == 0)
		return;
	if (!atomic_load(&unit->ended))
		learn(unit, &thread->claimant);
	end(thread, unit, &thread->claimant);
	thread->unit = 0;
	ta_unit_unref(thread, &owner);
}

void ta_unit_give_up(struct ta_thread *thread)
{
	ta_lost(TA_LOSS_AMBIGUOUS);
	atomic_store_explicit(&refuted[unit_at(thread->unit - 1)->guess], 1,
			      memory_order_relaxed);
	thread->claimed = false;
	end(thread, unit_at(thread->unit - 1), NULL);
	ta_unit_leave_slow(thread);
}

void ta_unit_claim(struct ta_thread *thread, const struct ta_context *claimant)
{
	if (!thread->claimed) {
		thread->claimed = true;
		ta_context_set_span(&thread->claimant, claimant);
		return;
	}
	if (thread->claimant.span_id == claimant->span_id)
		return;
	ta_unit_give_up(thread); /* two answers in a row: it was work for both */
}

void ta_unit_enter(struct ta_thread *thread, const struct ta_owner *owner)
{
	if (thread->unit == owner->index + 1 && thread->unit_generation == owner->generation &&
	    !thread->claimed)
		return;
	ta_unit_leave(thread);
	if (atomic_load(&unit_at(owner->index)->ended) || !ta_unit_ref(owner))
		return;
	thread->unit = owner->index + 1;
	thread->unit_generation = owner->generation;
}
