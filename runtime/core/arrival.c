/* SPDX-License-Identifier: MIT */
/*
 * arrival.c - see arrival.h.
 *
 * The table is made of small sets, chosen by the caller's span id.  A span id of ours stands
 * in an entry from when the rest of it is complete until the request is answered; a reader
 * that finds the same one before and behind its copy has a good copy.
 *
 * Runs: any host thread, inside the guard.  No locks.
 */
#include "runtime/core/arrival.h"

#include "runtime/core/arena.h"
#include "runtime/core/company.h"
#include "runtime/core/conn.h"
#include "runtime/core/context.h"
#include "runtime/protocol/traceparent.h"

#define SET 8u
#define BEING_FILLED UINT64_MAX

static struct ta_arrival *set_of(uint64_t parent_id)
{
	uint32_t sets = ta_arena.arrival_count / SET;
	uint64_t mixed = parent_id * 0x9e3779b97f4a7c15ull;

	return &ta_arena.arrivals[(mixed >> 32) % sets * SET];
}

static bool came_with(const struct ta_arrival *arrival, const struct ta_traceparent *parent)
{
	return atomic_load_explicit(&arrival->parent_id, memory_order_relaxed) ==
		       parent->span_id &&
	       atomic_load_explicit(&arrival->trace_hi, memory_order_relaxed) ==
		       parent->trace_hi &&
	       atomic_load_explicit(&arrival->trace_lo, memory_order_relaxed) ==
		       parent->trace_lo;
}

/* ---- in and out ---- */

static struct ta_arrival *claim(struct ta_arrival *set)
{
	for (uint32_t at = 0; at < SET; at++) {
		uint64_t nobody = 0;

		if (atomic_compare_exchange_strong(&set[at].span_id, &nobody, BEING_FILLED))
			return &set[at];
	}
	return NULL;
}

/* No room: those that came with the same are not the only ones any more. */
static void note_many(struct ta_arrival *set, const struct ta_context *context)
{
	struct ta_traceparent parent = { .trace_hi = context->trace_hi,
					 .trace_lo = context->trace_lo,
					 .span_id = context->parent_id };

	for (uint32_t at = 0; at < SET; at++)
		if (came_with(&set[at], &parent))
			atomic_store(&set[at].many, true);
}

void ta_arrival_keep_slow(const struct ta_conn *conn, const struct ta_context *context)
{
	struct ta_arrival *set = set_of(context->parent_id), *arrival = claim(set);
	uint64_t place = (uint64_t)ta_conn_index(conn) << 32 | (uint32_t)ta_conn_word_of(conn);

	if (arrival == NULL) {
		note_many(set, context);
		return;
	}
	atomic_store_explicit(&arrival->trace_hi, context->trace_hi, memory_order_relaxed);
	atomic_store_explicit(&arrival->trace_lo, context->trace_lo, memory_order_relaxed);
	atomic_store_explicit(&arrival->parent_id, context->parent_id, memory_order_relaxed);
	atomic_store_explicit(&arrival->place, place, memory_order_relaxed);
	atomic_store_explicit(&arrival->many, false, memory_order_relaxed);
	atomic_store_explicit(&arrival->span_id, context->span_id, memory_order_release);
	atomic_fetch_add(&ta_company_count, 1);
}

void ta_arrival_drop(const struct ta_context *context)
{
	struct ta_arrival *set = set_of(context->parent_id);

	for (uint32_t at = 0; at < SET; at++) {
		uint64_t span_id = context->span_id;

		if (atomic_compare_exchange_strong(&set[at].span_id, &span_id, 0))
			atomic_fetch_sub(&ta_company_count, 1);
	}
}

/* ---- asked for ---- */

static bool is_same(const struct ta_arrival *arrival, const struct ta_traceparent *parent,
		    struct ta_owner *ret_owner)
{
	uint64_t span_id = atomic_load_explicit(&arrival->span_id, memory_order_acquire);
	uint64_t place = atomic_load_explicit(&arrival->place, memory_order_relaxed);
	bool same = span_id && span_id != BEING_FILLED && came_with(arrival, parent);

	atomic_thread_fence(memory_order_acquire);
	if (!same || atomic_load_explicit(&arrival->span_id, memory_order_relaxed) != span_id)
		return false;
	*ret_owner = (struct ta_owner){ .kind = TA_OWNER_REQUEST,
					.index = (uint32_t)(place >> 32),
					.generation = (uint32_t)place,
					.span_id = span_id };
	return true;
}

bool ta_arrival_of(const struct ta_http1_head *head, struct ta_owner *ret_owner)
{
	struct ta_traceparent parent;
	uint32_t found = 0;

	if (head->traceparent_count != 1 ||
	    !ta_traceparent_parse(head->traceparent, head->traceparent_len, &parent))
		return false;
	if (!atomic_load_explicit(&ta_runtime.segment->hands_on, memory_order_relaxed))
		atomic_store_explicit(&ta_runtime.segment->hands_on, 1, memory_order_relaxed);
	struct ta_arrival *set = set_of(parent.span_id);

	for (uint32_t at = 0; at < SET; at++)
		if (is_same(&set[at], &parent, ret_owner))
			found += atomic_load(&set[at].many) ? 2 : 1;
	return found == 1;
}
