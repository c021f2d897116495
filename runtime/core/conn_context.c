/* SPDX-License-Identifier: MIT */
/*
 * conn_context.c - the request of a connection that a thread is at work on.
 *
 * Asked by index and generation, without holding the connection: another thread may go on
 * with it meanwhile, so that who copies looks twice (ta_conn_ids()).
 *
 * Runs: any host thread, inside the guard.
 */
#include "runtime/core/conn_hold.h"
#include "runtime/core/http2.h"

/* A request by its span; NULL: it is over. */
static struct ta_context *request_of(struct ta_conn *conn, uint64_t span_id)
{
	for (uint32_t at = 0; at < conn->queue_count && at < TA_QUEUE_LONG; at++) {
		struct ta_context *context = &ta_conn_place(conn, at)->context;

		if (context->span_id == span_id)
			return context;
	}
	if (conn->served.span_id == span_id)
		return &conn->served;
	return conn->context.span_id == span_id ? &conn->context : NULL;
}

struct ta_context *ta_conn_context(uint32_t index, uint32_t generation, uint64_t request)
{
	struct ta_conn *conn = ta_conn_find(index, generation);

	if (conn == NULL)
		return NULL;
	if (conn->mode == TA_CONN_HTTP2)
		return ta_streams_context(conn, request);
	if (request)
		return request_of(conn, request);
	if (conn->queue_count)
		return &ta_conn_place(conn, 0)->context;
	return conn->served.span_id ? &conn->served : &conn->context;
}

static bool has_same_ids(const struct ta_context *left, const struct ta_context *right)
{
	return left->span_id == right->span_id && left->trace_hi == right->trace_hi &&
	       left->trace_lo == right->trace_lo && left->parent_id == right->parent_id &&
	       left->span_ref == right->span_ref && left->flags == right->flags;
}

/* Its place is given away before it is written to: still there behind the copy, it was there
 * during it. */
bool ta_conn_ids(uint32_t index, uint32_t generation, uint64_t request,
		 const struct ta_context *found, struct ta_context *ret_ids)
{
	ta_context_set_span(ret_ids, found);
	atomic_thread_fence(memory_order_acquire);
	if (ta_conn_context(index, generation, request) != found)
		return false;
	atomic_thread_fence(memory_order_acquire);
	return has_same_ids(found, ret_ids); /* another one may have taken it, and be there as a whole */
}

const struct ta_context *ta_conn_first_context(uint32_t index, uint32_t generation)
{
	const struct ta_conn *conn = ta_conn_find(index, generation);

	return conn ? &conn->context : NULL;
}

bool ta_conn_has_span(uint32_t index, uint32_t generation)
{
	const struct ta_conn *conn = ta_conn_find(index, generation);

	return conn && (conn->queue_count || conn->published || ta_streams_open(conn));
}

uint32_t ta_conn_index(const struct ta_conn *conn)
{
	return (uint32_t)(conn - ta_arena.conns);
}

void ta_conn_referenced(uint32_t index, uint32_t generation)
{
	struct ta_conn *conn = ta_conn_find(index, generation);

	if (conn)
		atomic_store_explicit(&conn->referenced, true, memory_order_relaxed);
}

/* Several on HTTP/1: the program may be at work on any of them. */
static enum ta_turn turn_of_queue(const struct ta_conn *conn, const struct ta_context *context)
{
	if (context == &conn->served || context == &conn->context)
		return TA_TURN_NONE;
	return conn->mode == TA_CONN_HTTP && conn->queue_count > 1 ? TA_TURN_MANY : TA_TURN_OURS;
}

/* The thread is in the stream whose bytes it has read; but it may have others to go on with. */
static enum ta_turn turn_of_stream(const struct ta_conn *conn, const struct ta_context *context)
{
	if (context->span_id == 0 || context == &conn->served)
		return TA_TURN_NONE;
	return ta_streams_open(conn) > 1 ? TA_TURN_MANY : TA_TURN_OURS;
}

enum ta_turn ta_conn_turn(uint32_t index, uint32_t generation, const struct ta_context *context)
{
	const struct ta_conn *conn = ta_conn_find(index, generation);

	if (conn == NULL || context == NULL)
		return TA_TURN_NONE;
	if (conn->bound)
		return TA_TURN_OURS; /* the program said so */
	if (conn->mode == TA_CONN_OPAQUE)
		return conn->turn ? TA_TURN_OURS : TA_TURN_NONE;
	if (conn->queue_count)
		return turn_of_queue(conn, context);
	if (conn->mode == TA_CONN_HTTP2)
		return turn_of_stream(conn, context);
	/* Accepted, and nothing has come yet: what is done is done for it. */
	return conn->mode == TA_CONN_NEW ? TA_TURN_OURS : TA_TURN_NONE;
}
