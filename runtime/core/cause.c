/* SPDX-License-Identifier: MIT */
/*
 * cause.c - see cause.h.
 *
 * Runs: any host thread, inside the guard.  No locks: there is one thread.
 */
#include "runtime/core/cause.h"

#include "runtime/core/alone.h"
#include "runtime/core/arena.h"
#include "runtime/core/clock.h"
#include "runtime/core/conn.h"
#include "runtime/core/fd.h"
#include "runtime/core/http2.h"
#include "runtime/core/outward.h"
#include "runtime/core/runtime.h"
#include "runtime/core/thread.h"

#define ROUNDING_NS 2000000u /* loops round up, and reckon with a clock that they read before */

static struct ta_conn *conn_of(uint64_t word)
{
	struct ta_conn *conn;

	if (ta_fd_kind(word) != TA_FD_CONN || ta_fd_index(word) >= ta_arena.conn_pool.size)
		return NULL;
	conn = &ta_arena.conns[ta_fd_index(word)];
	return ta_conn_word_of(conn) == word ? conn : NULL;
}

/* ---- waking up ---- */

/* It did not mean to sleep beyond its next timer, seen from when it last looked at a clock:
 * not before it had waited the last time. */
static uint64_t next_timer(uint64_t looked_ns, int timeout_ms)
{
	uint64_t timeout_ns = (uint64_t)timeout_ms * 1000000u;

	if (timeout_ms < 0)
		return UINT64_MAX;
	return timeout_ns > ROUNDING_NS ? looked_ns + timeout_ns - ROUNDING_NS : 0;
}

void ta_cause_woken(struct ta_thread *thread, int timeout_ms, int count, uint64_t data)
{
	struct ta_cause *cause = &thread->cause;
	uint64_t looked_ns = cause->returned_ns, word;
	const struct ta_conn *conn;

	cause->returned_ns = ta_now_ns();
	if (timeout_ms == 0 && count == 0)
		return; /* it had more to do, and nothing has joined */
	cause->word = 0;
	if (timeout_ms == 0 || count != 1 || looked_ns == 0)
		return;
	word = ta_fd_get((int)(uint32_t)data);
	conn = conn_of(word);
	if (conn == NULL)
		return;
	cause->word = word;
	cause->bytes = conn->bytes_in;
	cause->until_ns = next_timer(looked_ns, timeout_ms);
}

/* ---- whose work it is ---- */

/* The only request that is open on it. */
static uint64_t asked_on(struct ta_conn *conn)
{
	if (conn->mode == TA_CONN_HTTP2)
		return ta_streams_open(conn) == 1 ? ta_streams_only(conn) : 0;
	if (conn->mode != TA_CONN_HTTP || conn->queue_count != 1 || conn->request_open ||
	    conn->skipped || conn->tunnel)
		return 0;
	return ta_conn_oldest(conn)->context.span_id;
}

/* Whom the bytes are for that the connection has brought; no span: that is not known. */
static struct ta_owner brought_for(struct ta_conn *conn, uint64_t word)
{
	if (conn->side == TA_SIDE_SERVER)
		return (struct ta_owner){ .kind = TA_OWNER_REQUEST,
					  .index = ta_fd_index(word),
					  .generation = (uint32_t)word,
					  .span_id = asked_on(conn) };
	if (conn->touched_many || conn->touched.generation == UINT32_MAX ||
	    conn->touched.kind != TA_OWNER_REQUEST)
		return (struct ta_owner){ .span_id = 0 };
	return conn->touched;
}

/* Whether any other request could go on without an event. */
static bool is_only_one(const struct ta_owner *owner)
{
	int32_t parked = atomic_load_explicit(&ta_runtime.parked, memory_order_relaxed);
	const struct ta_conn *conn = &ta_arena.conns[owner->index];

	return parked <= 0 || (parked == 1 && atomic_load(&conn->parked));
}

bool ta_cause_owner(struct ta_thread *thread, struct ta_owner *ret_owner)
{
	const struct ta_cause *cause = &thread->cause;
	struct ta_conn *conn = thread->watched && cause->word ? conn_of(cause->word) : NULL;

	if (!ta_is_alone())
		return thread->watched = false;
	thread->watched = true;
	if (conn == NULL || thread->moved != cause->word || conn->bytes_in == cause->bytes ||
	    ta_now_ns() >= cause->until_ns)
		return false;
	if (conn->side == TA_SIDE_CLIENT && ta_cause_may_have_room())
		return false;
	*ret_owner = brought_for(conn, cause->word);
	if (ret_owner->span_id == 0 || ret_owner->index >= ta_arena.conn_pool.size)
		return false;
	return ta_conn_turn(ret_owner->index, ret_owner->generation,
			    ta_conn_context(ret_owner->index, ret_owner->generation,
					    ret_owner->span_id)) == TA_TURN_OURS &&
	       is_only_one(ret_owner);
}

/* ---- several at a time ---- */

static void note_several(void)
{
	atomic_store_explicit(&ta_runtime.segment->fans_out, 1, memory_order_relaxed);
}

/* More answers are expected than there are requests: one of those, whichever, has asked twice. */
static void count(struct ta_cause *cause, int change)
{
	if (change > 0 || cause->asked)
		cause->asked += (uint32_t)change;
	if (change > 0 && (int64_t)cause->asked >
				  atomic_load_explicit(&ta_runtime.unanswered, memory_order_relaxed))
		note_several();
}

void ta_cause_expects(struct ta_thread *thread, const struct ta_owner *request, int change)
{
	struct ta_conn *conn = request->kind == TA_OWNER_REQUEST ?
				       conn_of(ta_fd_word(TA_FD_CONN, request->index,
							  request->generation)) :
				       NULL;

	if (thread->watched)
		count(&thread->cause, change);
	if (conn == NULL || (change < 0 && conn->asking_span != request->span_id))
		return;
	if (conn->asking_span != request->span_id) {
		conn->asking_span = request->span_id;
		conn->asking_open = 0;
	}
	if (change > 0 && conn->asking_open && ta_outward_in_loop(thread))
		note_several();
	if (change > 0 || conn->asking_open)
		conn->asking_open += (uint32_t)change;
}

bool ta_cause_may_have_room(void)
{
	return atomic_load_explicit(&ta_runtime.segment->fans_out, memory_order_relaxed) &&
	       atomic_load_explicit(&ta_runtime.unanswered, memory_order_relaxed) > 1;
}
