/* SPDX-License-Identifier: MIT */
/*
 * http2_client.c - streams of HTTP/2 that the program opens: exchanges, as HTTP/1's are.
 *
 * A span ends with the head of the final answer, that of a call of gRPC with its status,
 * which comes behind everything else.
 *
 * Runs: any host thread, inside the guard; conn held.  No locks.
 */
#include "runtime/core/client.h"
#include "runtime/core/client_crumb.h"
#include "runtime/core/exchange.h"
#include "runtime/core/http2.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"

/* ---- who asks ---- */

/* A library of HTTP/2 keeps requests until it gets to write, or until the server lets it:
 * what is written now may have been asked for by anybody who is unanswered, and in a loop by
 * somebody whom it has been at before.  One that has slept on something else in between
 * is still a loop. */
static bool is_certain(const struct ta_conn *conn, const struct ta_thread *thread)
{
	if (conn->next.owner.kind == TA_OWNER_NOBODY)
		return true;
	if (atomic_load_explicit(&ta_runtime.unanswered, memory_order_relaxed) > 1)
		return false;
	return !thread->loops ||
	       (thread->visits <= 1 &&
		atomic_load_explicit(&ta_runtime.parked, memory_order_relaxed) <= 0);
}

static void prepare(struct ta_conn *conn, struct ta_thread *thread)
{
	struct ta_streams *streams = ta_streams_of(conn);

	if (streams->prepared)
		return;
	streams->prepared = true;
	if (!streams->shared)
		ta_exchange_prepare(conn, thread);
	if (streams->shared || !is_certain(conn, thread))
		ta_exchange_prepare_apart(conn, thread);
}

/* ---- what is told ---- */

static void end(struct ta_conn *conn, struct ta_thread *thread, struct ta_request *request,
		uint8_t reason, int64_t grpc)
{
	struct ta_emit emit;

	if (!ta_exchange_end(conn, thread, request, &emit, reason, 2 * TA_ATTR_ROOM(8)))
		return;
	if (request->status)
		ta_emit_int(&emit, TA_ATTR_HTTP_STATUS, request->status);
	if (request->flags & TA_HTTP2_GRPC)
		ta_emit_int(&emit, TA_ATTR_GRPC_STATUS, grpc);
	ta_emit_commit(&emit);
}

static void leave(struct ta_conn *conn, struct ta_thread *thread, struct ta_request *request)
{
	ta_exchange_let_go(thread, request);
	ta_streams_leave(conn, request);
}

static void sent(struct ta_conn *conn, struct ta_thread *thread, const struct ta_http1_head *head)
{
	struct ta_streams *streams = ta_streams_of(conn);

	prepare(conn, thread);
	streams->prepared = false;
	if (streams->head_ns)
		conn->next.start_ns = streams->head_ns;
	streams->head_ns = 0;
	ta_client_http_sent(conn, thread, head);
}

/* Several threads that move a connection read each other's answers. */
static void touched(struct ta_conn *conn, const struct ta_request *request)
{
	static const struct ta_request nobody = { .owner = { .kind = TA_OWNER_NOBODY } };

	ta_exchange_touched(conn, ta_streams_of(conn)->shared ? &nobody : request);
}

static void answered(struct ta_conn *conn, struct ta_thread *thread, enum ta_http2_event event,
		     struct ta_request *request)
{
	const struct ta_http2_told *told = &ta_streams_of(conn)->h2.told;

	touched(conn, request);
	if (event == TA_HTTP2_DATA)
		return;
	request->status = told->status;
	if (event == TA_HTTP2_ANSWER)
		ta_client_crumb_answered(conn, request, told->status);
	else if (event == TA_HTTP2_RESET)
		ta_client_crumb_reset(conn, thread, request);
	if (event == TA_HTTP2_RESET)
		end(conn, thread, request, TA_END_CLOSED_EARLY, ta_streams_grpc_status(told));
	else if (event == TA_HTTP2_ENDED || !(request->flags & TA_HTTP2_GRPC))
		end(conn, thread, request, TA_END_NORMAL, ta_streams_grpc_status(told));
	if (event != TA_HTTP2_ANSWER)
		leave(conn, thread, request);
}

void ta_streams_client_event(struct ta_conn *conn, struct ta_thread *thread,
			     enum ta_http2_event event, const struct ta_http1_head *head)
{
	if (event == TA_HTTP2_REQUEST) {
		sent(conn, thread, head);
		return;
	}
	struct ta_request *request = ta_streams_request(conn);

	if (request)
		answered(conn, thread, event, request);
}

/* Who writes a head's first byte is who asks. */
void ta_streams_client_asked(struct ta_conn *conn, struct ta_thread *thread)
{
	if (ta_http2_in_head(&ta_streams_of(conn)->h2))
		prepare(conn, thread);
	else if (!ta_streams_of(conn)->prepared)
		ta_exchange_forget(conn, thread);
}

void ta_streams_client_fail(struct ta_conn *conn, struct ta_thread *thread,
			    struct ta_request *request)
{
	static const struct ta_http2_told closed = { .grpc_status = 14 }; /* UNAVAILABLE */

	end(conn, thread, request, TA_END_CLOSED_EARLY, ta_streams_grpc_status(&closed));
	leave(conn, thread, request);
}
