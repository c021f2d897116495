/* SPDX-License-Identifier: MIT */
/*
 * exchange.c - what a program asks on its connections, from who asks to the end of the answer.
 *
 * Runs: any host thread, inside the guard; conn held.  No locks.
 */
#include "runtime/core/exchange.h"

#include <string.h>

#include "runtime/core/arrival.h"
#include "runtime/core/cause.h"
#include "runtime/core/clock.h"
#include "runtime/core/http2.h"
#include "runtime/core/now.h"
#include "runtime/core/outward.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"
#include "runtime/core/span.h"
#include "runtime/core/thread.h"

/* ---- who waits ---- */

void ta_asker_hold(struct ta_owner *owner, const struct ta_owner *waits)
{
	if (owner->kind == TA_OWNER_UNIT && !ta_unit_ref(owner))
		owner->kind = TA_OWNER_NOBODY;
	ta_conn_waits(waits, 1);
}

void ta_asker_let_go(struct ta_thread *thread, const struct ta_owner *owner,
		     const struct ta_owner *waits)
{
	if (owner->kind == TA_OWNER_UNIT)
		ta_unit_unref(thread, owner);
	ta_conn_waits(waits, -1);
}

static void let_go(struct ta_thread *thread, const struct ta_request *request)
{
	ta_asker_let_go(thread, &request->owner, &request->waits);
}

void ta_opener_let_go(struct ta_conn *conn, struct ta_thread *thread)
{
	ta_asker_let_go(thread, &conn->opener, &conn->opener_waits);
	conn->opener.kind = conn->opener_waits.kind = TA_OWNER_NOBODY;
}

/* ---- asking ---- */

bool ta_exchange_prepare(struct ta_conn *conn, struct ta_thread *thread)
{
	struct ta_asking asking;

	if (conn->next_ready)
		return conn->next.context.span_id != 0;
	memset(&conn->next, 0, sizeof(conn->next));
	conn->next_ready = true;
	conn->next.start_ns = ta_now_ns();
	if (!ta_runtime.outward || !ta_outward_asks(thread, conn, &asking))
		return false;
	ta_outward_ids(thread, &asking.parent, &conn->next.context);
	conn->next.owner = asking.owner;
	conn->next.waits = asking.waits;
	ta_asker_hold(&conn->next.owner, &conn->next.waits);
	if (asking.alone)
		ta_unit_leave(thread);
	return true;
}

/* What a rule is sure of stays, and so does what the program has said. */
static bool is_open_question(const struct ta_request *next, struct ta_thread *thread)
{
	const struct ta_context *active;
	uint8_t kind = ta_context_active_frame(thread, &active)->kind;

	return !next->injected && thread->stack == &thread->own &&
	       (kind == TA_FRAME_BASE || kind == TA_FRAME_CONN) &&
	       (next->owner.kind == TA_OWNER_UNIT ||
		(next->owner.kind == TA_OWNER_NOBODY && next->context.parent_id == 0));
}

void ta_exchange_by_head(struct ta_conn *conn, struct ta_thread *thread,
			 const struct ta_http1_head *head)
{
	const struct ta_context *found;
	struct ta_context request;
	uint64_t start_ns = conn->next.start_ns;
	struct ta_owner owner;

	if (!conn->next_ready || conn->next.context.span_id == 0 ||
	    !ta_arrival_of(head, &owner) || !is_open_question(&conn->next, thread))
		return;
	found = ta_conn_context(owner.index, owner.generation, owner.span_id);
	if (found == NULL ||
	    !ta_conn_ids(owner.index, owner.generation, owner.span_id, found, &request) ||
	    request.parent_id == 0)
		return;
	let_go(thread, &conn->next);
	ta_unit_leave(thread);
	memset(&conn->next, 0, sizeof(conn->next));
	conn->next.start_ns = start_ns;
	ta_outward_ids(thread, &request, &conn->next.context);
	conn->next.owner = conn->next.waits = owner;
	ta_asker_hold(&conn->next.owner, &conn->next.waits);
}

void ta_exchange_forget(struct ta_conn *conn, struct ta_thread *thread)
{
	if (!conn->next_ready || conn->request_open)
		return;
	let_go(thread, &conn->next);
	conn->next_ready = false;
}

bool ta_exchange_prepare_apart(struct ta_conn *conn, struct ta_thread *thread)
{
	static const struct ta_context nothing;

	ta_lost(TA_LOSS_AMBIGUOUS);
	if (conn->next_ready)
		let_go(thread, &conn->next);
	memset(&conn->next, 0, sizeof(conn->next));
	conn->next_ready = true;
	conn->next.start_ns = ta_now_ns();
	if (!ta_runtime.outward)
		return false;
	ta_outward_ids(thread, &nothing, &conn->next.context);
	return true;
}

void ta_exchange_let_go(struct ta_thread *thread, const struct ta_request *request)
{
	ta_cause_expects(thread, &request->waits, -1);
	let_go(thread, request);
}

/* Streams are in no order. */
static struct ta_request *enqueue(struct ta_conn *conn, struct ta_thread *thread)
{
	bool queued = conn->mode != TA_CONN_HTTP2;
	struct ta_request *place = queued ? ta_conn_queue_place(conn) : ta_streams_place(conn);

	if (place == NULL) {
		ta_lost(TA_LOSS_PIPELINE);
		return NULL;
	}
	*place = conn->next;
	ta_cause_expects(thread, &place->waits, 1);
	conn->queue_count += queued;
	return place;
}

bool ta_exchange_open(struct ta_conn *conn, struct ta_thread *thread, struct ta_emit *emit,
		      uint8_t type, uint32_t attr_bytes, struct ta_request **ret_request)
{
	bool recorded = ta_exchange_prepare(conn, thread);
	struct ta_request *request = enqueue(conn, thread);

	*ret_request = request;
	conn->next_ready = false;
	ta_opener_let_go(conn, thread);
	if (request == NULL) {
		let_go(thread, &conn->next);
		return false;
	}
	struct ta_span_facts facts = { .context = &request->context,
				       .scopes = ta_outward_scopes(thread, &request->owner),
				       .parent_id = request->context.parent_id,
				       .start_ns = request->start_ns,
				       .type = type };

	if (!recorded || !ta_span_start_begin(emit, thread, &facts,
					      attr_bytes + TA_ATTR_ROOM(conn->peer_bytes) +
						      TA_ATTR_ROOM(1))) {
		request->context.span_id = 0;
		return false;
	}
	ta_emit_bytes(emit, TA_ATTR_PEER, conn->peer, conn->peer_bytes);
	if (conn->tls)
		ta_emit_bool(emit, TA_ATTR_TLS, true);
	return true;
}

bool ta_exchange_end(struct ta_conn *conn, struct ta_thread *thread, struct ta_request *request,
		     struct ta_emit *emit, uint8_t reason, uint32_t attr_bytes)
{
	struct ta_versions scopes = { 0 };

	if (request->ended)
		return false;
	request->ended = true;
	if (thread == NULL || request->context.span_id == 0 ||
	    !ta_emit_span_end(emit, thread, request->context.span_id, ta_now_ns(), &scopes,
			      attr_bytes + TA_ATTR_ROOM(8)))
		return false;
	struct ta_record_span_end *end = (void *)emit->record;

	end->flags = TA_END_SCOPES_OF_START;
	end->reason = reason;
	if (conn->error && reason == TA_END_CLOSED_EARLY)
		ta_emit_int(emit, TA_ATTR_ERRNO, conn->error);
	return true;
}

void ta_exchange_touched(struct ta_conn *conn, const struct ta_request *request)
{
	if (conn->touched.generation == UINT32_MAX) {
		conn->touched = request->owner;
		/* The answer may be complete before the thread has come back to it. */
		conn->touched_held = request->owner.kind == TA_OWNER_UNIT &&
				     ta_unit_ref(&conn->touched);
	} else if (!ta_owner_same(&conn->touched, &request->owner)) {
		conn->touched_many = true;
	}
}

void ta_exchange_leave(struct ta_conn *conn, struct ta_thread *thread)
{
	ta_exchange_let_go(thread, ta_conn_oldest(conn));
	conn->queue_first = (conn->queue_first + 1) & (conn->queue_size - 1);
	conn->queue_count--;
	ta_conn_shrink_queue(conn);
}

void ta_exchange_fail_all(struct ta_conn *conn, struct ta_thread *thread)
{
	struct ta_emit emit;

	ta_streams_finish(conn, thread);
	while (conn->queue_count) {
		if (ta_exchange_end(conn, thread, ta_conn_oldest(conn), &emit,
				    TA_END_CLOSED_EARLY, 0))
			ta_emit_commit(&emit);
		ta_exchange_leave(conn, thread);
	}
	if (conn->next_ready)
		let_go(thread, &conn->next);
	conn->next_ready = false;
}

