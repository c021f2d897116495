/* SPDX-License-Identifier: MIT */
/*
 * http.c - HTTP/1.x on an accepted connection: one root span per request.
 *
 * A request's span starts with its first byte and is published when its head is
 * complete; it ends with the last byte of its final response.  Requests wait in
 * a queue, oldest first, so pipelining needs no more than order.  A response to a
 * request whose head never got complete (400, 408) is a span as well.
 *
 * Memory: heads that arrive in pieces and queues that grow long borrow from
 * pools.  What does not fit is counted, and the response parser still
 * gets past it.
 *
 * Runs: the thread that holds the connection's busy bit.  No locks.
 */
#include <stddef.h>
#include <string.h>

#include "runtime/core/alone.h"
#include "runtime/core/arena.h"
#include "runtime/core/arrival.h"
#include "runtime/core/clock.h"
#include "runtime/core/company.h"
#include "runtime/core/conn.h"
#include "runtime/core/http2.h"
#include "runtime/core/object.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"
#include "runtime/core/span.h"
#include "runtime/protocol/http1_step.h"
#include "runtime/protocol/traceparent.h"

void ta_http_start(struct ta_conn *conn)
{
	ta_http1_init(&conn->in, TA_HTTP1_REQUEST);
	ta_http1_init(&conn->out, TA_HTTP1_RESPONSE);
}

/* ---- a request arrives ---- */

/* At most: eight texts, each with its head and padded, and five numbers. */
static uint32_t start_room(const struct ta_conn *conn, const struct ta_http1_head *head)
{
	return head->method_len + (uint32_t)head->target_len + head->host_len +
	       head->user_agent_len + head->forwarded_len + head->tracestate_len +
	       conn->peer_bytes + conn->local_bytes + 8 * TA_ATTR_ROOM(3) + 5 * TA_ATTR_ROOM(8) +
	       TA_STEP;
}

/* What few requests have. */
static void put_rare_attrs(struct ta_emit *emit, const struct ta_conn *conn,
			   const struct ta_http1_head *head, bool remote, bool incomplete)
{
	if (head->target_total > head->target_len)
		ta_put_int(emit, TA_ATTR_TARGET_TRUNCATED, head->target_total);
	if (remote && head->tracestate_len)
		ta_emit_string(emit, TA_ATTR_TRACESTATE, head->tracestate,
			       ta_company_tracestate(head));
	if (head->flags & TA_HTTP1_HAS_LENGTH)
		ta_put_int(emit, TA_ATTR_REQUEST_BODY_SIZE, (int64_t)head->content_length);
	if (incomplete)
		ta_emit_bool(emit, TA_ATTR_INCOMPLETE, true);
	if (conn->tls)
		ta_emit_bool(emit, TA_ATTR_TLS, true);
}

/* As many at most as start_room() says. */
static void put_start_attrs(struct ta_emit *emit, const struct ta_conn *conn,
			    const struct ta_http1_head *head, bool remote, bool incomplete)
{
	char *at = emit->cursor;

	at = ta_put_text(at, TA_ATTR_HTTP_METHOD, TA_ATTR_STRING, head->method, head->method_len);
	at = ta_put_text(at, TA_ATTR_HTTP_TARGET, TA_ATTR_STRING, head->target, head->target_len);
	at = ta_put_text(at, TA_ATTR_HTTP_HOST, TA_ATTR_STRING, head->host, head->host_len);
	at = ta_put_text(at, TA_ATTR_USER_AGENT, TA_ATTR_STRING, head->user_agent,
			 head->user_agent_len);
	at = ta_put_text(at, TA_ATTR_FORWARDED_FOR, TA_ATTR_STRING, head->forwarded,
			 head->forwarded_len);
	at = ta_put_text(at, TA_ATTR_PEER, TA_ATTR_BYTES, conn->peer, conn->peer_bytes);
	at = ta_put_text(at, TA_ATTR_LOCAL, TA_ATTR_BYTES, conn->local, conn->local_bytes);
	emit->cursor = at;
	ta_put_int(emit, TA_ATTR_HTTP_VERSION_MINOR, head->version_minor);
	put_rare_attrs(emit, conn, head, remote, incomplete);
}

enum remote { REMOTE_NONE, REMOTE_W3C, REMOTE_SENTRY };

static enum remote remote_parent(const struct ta_http1_head *head,
				 struct ta_traceparent *ret_parent)
{
	uint8_t propagators = ta_runtime.propagators;

	if (ta_runtime.propagate == TA_PROPAGATE_NONE)
		return REMOTE_NONE;
	if (head->traceparent_count == 1 && propagators & TA_PROPAGATOR_TRACECONTEXT &&
	    ta_traceparent_parse(head->traceparent, head->traceparent_len, ret_parent))
		return REMOTE_W3C;
	if (head->sentry_trace_count == 1 &&
	    propagators & (TA_PROPAGATOR_TRACECONTEXT | TA_PROPAGATOR_SENTRY) &&
	    ta_sentry_trace_parse(head->sentry_trace, head->sentry_trace_len, ret_parent))
		return REMOTE_SENTRY;
	return REMOTE_NONE;
}

/* The peer's trace if it sent one, and for the first request the connection's own span id,
 * because a thread may have been born under it; but
 * no stream is the only one. */
__attribute__((always_inline)) static inline void
choose_ids(struct ta_conn *conn, struct ta_thread *thread, struct ta_context *context,
	   const struct ta_traceparent *remote)
{
	bool streams = conn->mode == TA_CONN_HTTP2;
	bool first = !conn->first_taken && !conn->published && !streams;

	if (first)
		*context = conn->context;
	else
		ta_span_new_trace(thread, context);
	context->isolation = ta_slot_fork(&conn->context.isolation);
	context->current = ta_slot_fork(&conn->context.current);
	bool named = first && atomic_load_explicit(&conn->referenced, memory_order_relaxed);

	if (remote && !named) {
		context->trace_hi = remote->trace_hi;
		context->trace_lo = remote->trace_lo;
		context->flags = ta_sampling_flags(remote->trace_lo,
						   remote->undecided ?
							   TA_PARENT_NONE :
							   ta_parent_decided(remote->flags));
		if (first) {
			conn->context.trace_hi = remote->trace_hi;
			conn->context.trace_lo = remote->trace_lo;
			conn->context.flags = context->flags;
		}
	}
	conn->first_taken |= !streams;
}

void ta_http_choose_ids(struct ta_conn *conn, struct ta_thread *thread, struct ta_context *context,
			const struct ta_traceparent *remote)
{
	choose_ids(conn, thread, context, remote);
}

/* Nobody has written to scopes that were just forked. */
static inline struct ta_versions forks_of(const struct ta_context *context)
{
	return (struct ta_versions){ .global = ta_global_version(),
				     .isolation = context->isolation.version,
				     .current = context->current.version };
}

void ta_http_publish(struct ta_conn *conn, struct ta_thread *thread, struct ta_request *request,
		     const struct ta_http1_head *head, bool incomplete)
{
	struct ta_traceparent parent;
	struct ta_emit emit;
	enum remote remote = head->traceparent_count | head->sentry_trace_count ?
				     remote_parent(head, &parent) :
				     REMOTE_NONE;

	ta_count32(&ta_runtime.unanswered, 1);
	choose_ids(conn, thread, &request->context, remote ? &parent : NULL);
	bool continued = remote && request->context.trace_hi == parent.trace_hi &&
			 request->context.trace_lo == parent.trace_lo;
	struct ta_context link;
	const struct ta_context *linked = NULL;

	if (remote && !continued) {
		link = (struct ta_context){ .trace_hi = parent.trace_hi,
					    .trace_lo = parent.trace_lo,
					    .span_id = parent.span_id };
		linked = &link;
	}
	request->context.parent_id = continued ? parent.span_id : 0;
	if (head->tracestate_len | head->baggage_len)
		ta_company_keep(&request->context, head, continued && remote == REMOTE_W3C);
	if (continued)
		ta_arrival_keep(conn, &request->context);
	struct ta_span_facts facts = { .context = &request->context,
				       .scopes = forks_of(&request->context),
				       .parent_id = request->context.parent_id,
				       .start_ns = request->start_ns,
				       .link = linked,
				       .type = TA_SPAN_HTTP_SERVER,
				       .flags = continued ? TA_SPAN_REMOTE_PARENT : 0 };

	if (!ta_span_start_begin(&emit, thread, &facts, start_room(conn, head)))
		return;
	put_start_attrs(&emit, conn, head, continued && remote == REMOTE_W3C, incomplete);
	ta_emit_commit(&emit);
}

__attribute__((always_inline)) static inline void
request_arrived(struct ta_conn *conn, struct ta_thread *thread, const struct ta_http1_head *head,
		bool incomplete)
{
	conn->request_count++;
	struct ta_request *request = conn->skipped ? NULL : ta_conn_queue_place(conn);

	if (request == NULL) {
		ta_lost(TA_LOSS_PIPELINE);
		conn->skipped++;
		conn->request_ns = 0;
		return;
	}
	request->flags = head->flags;
	request->start_ns = conn->request_ns ? conn->request_ns : ta_now_ns();
	conn->request_ns = 0;
	ta_http_publish(conn, thread, request, head, incomplete);
	conn->queue_count++;
}

/* What a parser event behind the bytes taken so far means for the requests. */
static void began_request(struct ta_conn *conn)
{
	conn->request_open = true;
	if (conn->request_ns == 0)
		conn->request_ns = ta_now_ns();
}

static void on_request_event(struct ta_conn *conn, struct ta_thread *thread,
			     enum ta_http1_event event, const struct ta_http1_head *head)
{
	switch (event) {
	case TA_HTTP1_STARTED:
		began_request(conn);
		break;
	case TA_HTTP1_HEAD:
		conn->request_open = false;
		request_arrived(conn, thread, head, false);
		if (conn->head)
			ta_conn_return_head(conn);
		break;
	case TA_HTTP1_BROKEN:
		conn->request_broken = true;
		break;
	default:
		break;
	}
}

void ta_http_read(struct ta_conn *conn, struct ta_thread *thread, const char *data, uint64_t bytes)
{
	enum ta_http1_event event;

	while (bytes > 0 && !conn->request_broken && !conn->tunnel && !conn->last_answered) {
		struct ta_http1_head *head = conn->head ? conn->head : &thread->head;

		if (ta_http1_start(&conn->in, *data))
			began_request(conn);
		size_t used = ta_http1_feed(&conn->in, head, data, bytes, &event);

		data += used;
		bytes -= used;
		on_request_event(conn, thread, event, head);
		if (event == TA_HTTP1_MORE)
			break;
	}
	if (conn->tunnel && bytes)
		ta_streams_tunnel(conn, thread, true, data, bytes);
	if (conn->request_open && !conn->last_answered && !ta_conn_keep_head(conn, &thread->head))
		ta_http_lost(conn, thread);
}

void ta_http_read_unseen(struct ta_conn *conn, struct ta_thread *thread, uint64_t bytes)
{
	enum ta_http1_event event;

	while (bytes > 0 && !conn->request_broken && !conn->tunnel && !conn->last_answered) {
		bytes -= ta_http1_skip(&conn->in, bytes, &event);
		if (event == TA_HTTP1_BROKEN)
			ta_http_lost(conn, thread);
		if (event == TA_HTTP1_MORE || event == TA_HTTP1_BROKEN)
			break;
	}
}

/* ---- an answer goes out ---- */

/* request is the oldest. */
static void end_request(struct ta_conn *conn, struct ta_thread *thread,
			const struct ta_request *request, enum ta_end_reason reason)
{
	struct ta_versions scopes = ta_versions_of(&request->context);
	struct ta_emit emit;

	ta_conn_leave_queue(conn);
	if (!ta_emit_span_end(&emit, thread, request->context.span_id, ta_now_ns(), &scopes,
			      3 * TA_ATTR_ROOM(8)))
		return;
	((struct ta_record_span_end *)(void *)emit.record)->reason = (uint8_t)reason;
	if (request->status)
		ta_put_int(&emit, TA_ATTR_HTTP_STATUS, request->status);
	if (conn->error && reason == TA_END_CLOSED_EARLY)
		ta_emit_int(&emit, TA_ATTR_ERRNO, conn->error);
	if (conn->tunnel)
		ta_emit_bool(&emit, TA_ATTR_UPGRADE, true);
	ta_emit_commit(&emit);
}

static void answer_done(struct ta_conn *conn, struct ta_thread *thread)
{
	const struct ta_request *oldest = ta_conn_oldest(conn);

	conn->answering = false;
	if (conn->answer_status < 200 && conn->answer_status != 101)
		return; /* an interim response; the final one is still to come */
	if (oldest) {
		conn->last_answered = oldest->last;
		end_request(conn, thread, oldest, TA_END_NORMAL);
	} else if (conn->skipped) {
		conn->skipped--;
	}
	if (conn->queue != conn->inline_queue)
		ta_conn_shrink_queue(conn);
}

/* The program answers before the head is complete, or answers what is no HTTP:
 * what is known of the request by then is its span. */
static __attribute__((noinline)) void answer_unfinished(struct ta_conn *conn, struct ta_thread *thread)
{
	static const struct ta_http1_head nothing;

	conn->request_open = false;
	request_arrived(conn, thread, conn->head ? conn->head : &nothing, true);
	conn->request_broken = true; /* whatever else comes in is not looked at */
}

static void begin_answer(struct ta_conn *conn, struct ta_thread *thread)
{
	if (conn->queue_count == 0 && conn->skipped == 0 &&
	    (conn->request_open || (conn->request_broken && conn->head)))
		answer_unfinished(conn, thread);
	const struct ta_request *request = ta_conn_oldest(conn);

	ta_http1_answers(&conn->out, request ? request->flags : 0);
	conn->answering = true;
	conn->answer_status = 0;
}

static inline void answer_event(struct ta_conn *conn, struct ta_thread *thread,
			    enum ta_http1_event event, const struct ta_http1_head *head)
{
	struct ta_request *request = ta_conn_oldest(conn);

	switch (event) {
	case TA_HTTP1_HEAD:
		conn->answer_status = head->status;
		if (request && (head->status >= 200 || head->status == 101)) {
			request->status = head->status;
			request->flags |= head->flags & TA_HTTP1_UNTIL_CLOSE;
			if (!(head->flags & request->flags & TA_HTTP1_KEEP_ALIVE))
				request->last = true;
		}
		break;
	case TA_HTTP1_DONE:
		answer_done(conn, thread);
		break;
	case TA_HTTP1_TUNNEL:
		conn->tunnel = true;
		break;
	case TA_HTTP1_BROKEN:
		ta_http_lost(conn, thread);
		break;
	default:
		break;
	}
}

static __attribute__((noinline)) void wrote_any(struct ta_conn *conn, struct ta_thread *thread,
						const char *data, uint64_t bytes)
{
	enum ta_http1_event event;

	/* The end of an answer without a body, or a tunnel, comes behind its last byte. */
	while ((bytes > 0 || conn->answering) && !conn->tunnel && conn->mode == TA_CONN_HTTP) {
		if (!conn->answering) {
			begin_answer(conn, thread);
			ta_http1_start(&conn->out, *data);
		}
		size_t used = ta_http1_feed(&conn->out, &thread->head, data, bytes, &event);

		data += used;
		bytes -= used;
		answer_event(conn, thread, event, &thread->head);
		if (event == TA_HTTP1_MORE || (bytes == 0 && ta_http1_body_left(&conn->out)))
			break;
	}
	if (conn->tunnel && bytes && conn->mode == TA_CONN_HTTP)
		ta_streams_tunnel(conn, thread, false, data, bytes);
}

void ta_http_wrote(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		   uint64_t bytes)
{
	/* A body that is written by itself, as most are. */
	if (conn->answering && ta_http1_take_body(&conn->out, bytes))
		answer_done(conn, thread);
	else
		wrote_any(conn, thread, data, bytes);
}

void ta_http_wrote_unseen(struct ta_conn *conn, struct ta_thread *thread, uint64_t bytes)
{
	enum ta_http1_event event;

	while (bytes > 0 && !conn->tunnel && conn->mode == TA_CONN_HTTP) {
		bytes -= ta_http1_skip(&conn->out, bytes, &event);
		answer_event(conn, thread, event, &thread->head);
		if (event == TA_HTTP1_MORE)
			break;
	}
}

void ta_http_tried(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		   uint64_t bytes)
{
	struct ta_request *request = ta_conn_oldest(conn);
	enum ta_http1_event event = TA_HTTP1_STARTED;
	struct ta_http1 probe;

	if (conn->answering || request == NULL || request->status)
		return;
	ta_http1_init(&probe, TA_HTTP1_RESPONSE);
	ta_http1_answers(&probe, request->flags);
	while (bytes > 0 && event == TA_HTTP1_STARTED) {
		size_t used = ta_http1_feed(&probe, &thread->head, data, bytes, &event);

		data += used;
		bytes -= used;
	}
	if (event == TA_HTTP1_HEAD && thread->head.status >= 200)
		request->status = thread->head.status;
}

/* ---- the end ---- */

/* Requests that were sent behind the last one that the server wanted to serve. */
static void cancel_rest(struct ta_conn *conn, struct ta_thread *thread)
{
	for (struct ta_emit emit; conn->queue_count;) {
		const struct ta_request *request = ta_conn_oldest(conn);

		ta_conn_leave_queue(conn);
		if (!ta_emit_begin(&emit, thread, TA_RECORD_SPAN_CANCEL,
				   sizeof(struct ta_record_span_cancel), 0))
			continue;
		((struct ta_record_span_cancel *)(void *)emit.record)->span_id =
			request->context.span_id;
		ta_emit_commit(&emit);
	}
}

void ta_http_finish(struct ta_conn *conn, struct ta_thread *thread)
{
	if (thread && conn->last_answered && !conn->answering)
		cancel_rest(conn, thread);
	for (const struct ta_request *request; thread && (request = ta_conn_oldest(conn));) {
		bool whole = conn->tunnel ||
			     (conn->answering && request->flags & TA_HTTP1_UNTIL_CLOSE &&
			      conn->error == 0);

		end_request(conn, thread, request, whole ? TA_END_NORMAL : TA_END_CLOSED_EARLY);
		conn->answering = false;
	}
	while (conn->queue_count)
		ta_conn_leave_queue(conn);
	ta_conn_shrink_queue(conn);
	ta_conn_return_head(conn);
}

/* Nothing can be answered any more.  What is still read (lingering close) is thrown
 * away by the program, so it makes no requests. */
void ta_http_shut(struct ta_conn *conn, struct ta_thread *thread)
{
	ta_http_finish(conn, thread);
	conn->answering = false;
	conn->last_answered = true;
}

void ta_http_lost(struct ta_conn *conn, struct ta_thread *thread)
{
	ta_lost(TA_LOSS_HTTP_DESYNC);
	ta_http_finish(conn, thread);
	conn->mode = TA_CONN_LOST;
	conn->request_open = false;
}
