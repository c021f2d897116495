/* SPDX-License-Identifier: MIT */
/*
 * conn_parked.c - requests that could go on by themselves: parked ones.
 *
 * As long as there is one, what a timer calls may be for it, and for nobody else.
 *
 * Runs: any host thread, inside the guard.
 */
#include "runtime/core/conn_hold.h"
#include "runtime/core/http2.h"
#include "runtime/core/runtime.h"

/* Of several streams, the thread may be at work on one and a timer on another. */
static bool is_stream_parked(struct ta_conn *conn)
{
	if (ta_streams_open(conn) != 1)
		return ta_streams_open(conn) > 1;
	return atomic_load(&conn->attendant) == 0 &&
	       (conn->outward_span != ta_streams_only(conn) ||
		atomic_load(&conn->outward_open) == 0);
}

/* Whether a request could go on by itself: it has come in full, nobody is at work on it,
 * and it waits for no answer that would wake somebody up. */
static bool is_parked(struct ta_conn *conn)
{
	if (conn->side == TA_SIDE_SERVER && conn->mode == TA_CONN_HTTP2)
		return is_stream_parked(conn);
	if (conn->side == TA_SIDE_CLIENT || conn->bound || atomic_load(&conn->attendant))
		return false;
	if (conn->mode == TA_CONN_OPAQUE)
		return conn->turn && !(conn->outward_span == conn->context.span_id &&
				       atomic_load(&conn->outward_open));
	if (conn->mode != TA_CONN_HTTP || conn->queue_count == 0)
		return false;
	/* What has come in part is the newest one: the oldest may go on if that is another. */
	if (conn->queue_count == 1 && !conn->request_open && !ta_http1_is_between(&conn->in))
		return false;
	return conn->outward_span != ta_conn_place(conn, 0)->context.span_id ||
	       atomic_load(&conn->outward_open) == 0;
}

/* One that lies about before anybody was asked for it: who asks will be a timer. */
static bool has_asked(struct ta_conn *conn)
{
	if (conn->mode == TA_CONN_HTTP2)
		return ta_streams_open(conn) == 1 && conn->outward_count > 0 &&
		       conn->outward_span == ta_streams_only(conn);
	uint64_t request = conn->mode == TA_CONN_OPAQUE ?
				   conn->context.span_id :
				   ta_conn_place(conn, 0)->context.span_id;

	return conn->outward_span == request && conn->outward_count > 0;
}

static void set_parked(struct ta_conn *conn, bool parked)
{
	if (parked && !has_asked(conn))
		atomic_store_explicit(&ta_runtime.segment->defers, 1, memory_order_relaxed);
	uint8_t before = atomic_exchange(&conn->parked, parked);

	if (before != parked)
		atomic_fetch_add(&ta_runtime.parked, parked ? 1 : -1);
}

void ta_conn_review(struct ta_conn *conn)
{
	bool parked = is_parked(conn);

	if (parked != atomic_load_explicit(&conn->parked, memory_order_relaxed))
		set_parked(conn, parked);
}

void ta_conn_attend(struct ta_thread *thread, uint32_t index, uint32_t generation)
{
	struct ta_conn *conn = ta_conn_find(index, generation);

	if (conn)
		ta_conn_attend_held(thread, conn);
}

void ta_conn_unattend(struct ta_thread *thread, uint32_t index, uint32_t generation)
{
	struct ta_conn *conn = ta_conn_find(index, generation);
	uint32_t own = thread->index + 1;

	if (conn == NULL)
		return;
	if (!ta_is_alone())
		atomic_compare_exchange_strong(&conn->attendant, &own, 0);
	else if (atomic_load_explicit(&conn->attendant, memory_order_relaxed) == own)
		atomic_store_explicit(&conn->attendant, 0, memory_order_relaxed);
	/* With nothing asked there is nothing to go on by itself. */
	if (conn->mode != TA_CONN_HTTP || conn->queue_count ||
	    atomic_load_explicit(&conn->parked, memory_order_relaxed))
		ta_conn_review(conn);
}

bool ta_conn_is_waiting(uint32_t index, uint32_t generation, const struct ta_context *context)
{
	const struct ta_conn *conn = ta_conn_find(index, generation);

	return conn && context && conn->outward_span == context->span_id &&
	       atomic_load(&conn->outward_open);
}

void ta_conn_waits(const struct ta_owner *owner, int change)
{
	struct ta_conn *conn = owner->kind == TA_OWNER_REQUEST ?
				       ta_conn_find(owner->index, owner->generation) :
				       NULL;

	if (conn == NULL)
		return;
	if (conn->outward_span != owner->span_id) {
		if (change < 0)
			return;
		conn->outward_span = owner->span_id;
		conn->outward_count = 0;
		atomic_store(&conn->outward_open, 0);
	}
	conn->outward_count += change > 0;
	atomic_fetch_add(&conn->outward_open, (uint32_t)change);
	ta_conn_review(conn);
}
