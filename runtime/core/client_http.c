/* SPDX-License-Identifier: MIT */
/*
 * client_http.c - HTTP/1.x requests that the program sends: http.c seen from the other end.
 *
 * The span ends with the head of the final answer (OpenTelemetry, HTTP spans); the rest of
 * the answer is followed to know where the next one begins.
 *
 * Runs: any host thread, inside the guard; conn held.
 */
#include "runtime/core/client.h"
#include "runtime/core/exchange.h"
#include "runtime/core/http2.h"

#include "runtime/core/client_crumb.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"
#include "runtime/core/thread.h"

void ta_client_http_start(struct ta_conn *conn)
{
	ta_http1_init(&conn->in, TA_HTTP1_REQUEST);
	ta_http1_init(&conn->out, TA_HTTP1_RESPONSE);
}

/* ---- requests ---- */

static uint32_t room_for(const struct ta_http1_head *head)
{
	return TA_ATTR_ROOM(head->method_len) + TA_ATTR_ROOM(head->target_len) +
	       TA_ATTR_ROOM(head->host_len) + TA_ATTR_ROOM(head->user_agent_len) +
	       3 * TA_ATTR_ROOM(8);
}

static void put_head(struct ta_emit *emit, const struct ta_http1_head *head)
{
	ta_emit_string(emit, TA_ATTR_HTTP_METHOD, head->method, head->method_len);
	ta_emit_string(emit, TA_ATTR_HTTP_TARGET, head->target, head->target_len);
	if (head->target_total > head->target_len)
		ta_emit_int(emit, TA_ATTR_TARGET_TRUNCATED, head->target_total);
	ta_emit_int(emit, TA_ATTR_HTTP_VERSION_MINOR, head->version_minor);
	ta_emit_string(emit, TA_ATTR_HTTP_HOST, head->host, head->host_len);
	ta_emit_string(emit, TA_ATTR_USER_AGENT, head->user_agent, head->user_agent_len);
	if (head->flags & TA_HTTP1_HAS_LENGTH)
		ta_emit_int(emit, TA_ATTR_REQUEST_BODY_SIZE, (int64_t)head->content_length);
}

bool ta_client_http_sent(struct ta_conn *conn, struct ta_thread *thread,
			 const struct ta_http1_head *head)
{
	struct ta_request *request;
	struct ta_emit emit;

	if (head->traceparent_count == 1)
		ta_exchange_by_head(conn, thread, head);
	bool recorded = ta_exchange_open(conn, thread, &emit, TA_SPAN_HTTP_CLIENT, room_for(head),
					 &request);

	conn->request_count++;
	if (request == NULL)
		return false;
	request->flags = head->flags;
	ta_client_crumb_asked(conn, thread, request, head);
	if (recorded) {
		put_head(&emit, head);
		ta_emit_commit(&emit);
	}
	return true;
}

static void on_request(struct ta_conn *conn, struct ta_thread *thread, enum ta_http1_event event,
		       const struct ta_http1_head *head)
{
	if (event == TA_HTTP1_STARTED) {
		conn->request_open = true;
		ta_exchange_prepare(conn, thread);
	} else if (event == TA_HTTP1_HEAD) {
		conn->request_open = false;
		if (!ta_client_http_sent(conn, thread, head))
			ta_client_lost(conn, thread); /* which answer is whose would not be known */
		ta_conn_return_head(conn);
	} else if (event == TA_HTTP1_BROKEN) {
		ta_client_lost(conn, thread);
	}
}

void ta_client_http_wrote(struct ta_conn *conn, struct ta_thread *thread, const char *data,
			  uint64_t bytes)
{
	enum ta_http1_event event = TA_HTTP1_STARTED;

	while (bytes > 0 && event != TA_HTTP1_MORE && !conn->tunnel &&
	       conn->mode == TA_CONN_HTTP) {
		struct ta_http1_head *head = conn->head ? conn->head : &thread->head;
		size_t used = ta_http1_feed(&conn->in, head, data, bytes, &event);

		data += used;
		bytes -= used;
		on_request(conn, thread, event, head);
	}
	if (conn->tunnel && bytes)
		ta_streams_tunnel(conn, thread, true, data, bytes);
	if (conn->request_open && conn->mode == TA_CONN_HTTP &&
	    !ta_conn_keep_head(conn, &thread->head))
		ta_client_lost(conn, thread);
}

/* ---- answers ---- */

static void answered(struct ta_conn *conn, struct ta_thread *thread, struct ta_request *request,
		     uint16_t status)
{
	struct ta_emit emit;

	conn->answer_status = status;
	if (status < 200 && status != 101)
		return; /* an interim answer; the final one is still to come */
	ta_client_crumb_answered(conn, request, status);
	if (!ta_exchange_end(conn, thread, request, &emit, TA_END_NORMAL, 2 * TA_ATTR_ROOM(8)))
		return;
	ta_emit_int(&emit, TA_ATTR_HTTP_STATUS, status);
	if (status == 101)
		ta_emit_bool(&emit, TA_ATTR_UPGRADE, true);
	ta_emit_commit(&emit);
}

static void on_answer(struct ta_conn *conn, struct ta_thread *thread, enum ta_http1_event event)
{
	switch (event) {
	case TA_HTTP1_HEAD:
		answered(conn, thread, ta_conn_oldest(conn), thread->head.status);
		break;
	case TA_HTTP1_DONE:
		conn->answering = false;
		if (conn->answer_status >= 200)
			ta_exchange_leave(conn, thread);
		break;
	case TA_HTTP1_TUNNEL:
		conn->tunnel = true;
		ta_exchange_leave(conn, thread);
		break;
	case TA_HTTP1_BROKEN:
		ta_client_lost(conn, thread);
		break;
	default:
		break;
	}
}

/* Whether an answer is being read.  One that nobody has asked for (408 on an idle
 * connection) is none of ours, nor is what comes behind it. */
static bool begin_answer(struct ta_conn *conn, struct ta_thread *thread)
{
	const struct ta_request *request = ta_conn_oldest(conn);

	if (conn->answering)
		return true;
	if (request == NULL) {
		ta_client_lost(conn, thread);
		return false;
	}
	ta_http1_answers(&conn->out, request->flags);
	conn->answering = true;
	conn->answer_status = 0;
	return true;
}

void ta_client_http_read(struct ta_conn *conn, struct ta_thread *thread, const char *data,
			 uint64_t bytes)
{
	enum ta_http1_event event = TA_HTTP1_STARTED;

	/* The end of an answer without a body, or a tunnel, comes behind its last byte. */
	while ((bytes > 0 || conn->answering) && event != TA_HTTP1_MORE && !conn->tunnel &&
	       conn->mode == TA_CONN_HTTP && begin_answer(conn, thread)) {
		ta_exchange_touched(conn, ta_conn_oldest(conn));
		size_t used = ta_http1_feed(&conn->out, &thread->head, data, bytes, &event);

		data += used;
		bytes -= used;
		on_answer(conn, thread, event);
	}
	if (conn->tunnel && bytes && conn->mode == TA_CONN_HTTP)
		ta_streams_tunnel(conn, thread, false, data, bytes);
}

void ta_client_http_unseen(struct ta_conn *conn, struct ta_thread *thread, bool written,
			   uint64_t bytes)
{
	enum ta_http1_event event = TA_HTTP1_STARTED;

	while (bytes > 0 && event != TA_HTTP1_MORE && !conn->tunnel &&
	       conn->mode == TA_CONN_HTTP) {
		bytes -= ta_http1_skip(written ? &conn->in : &conn->out, bytes, &event);
		if (event == TA_HTTP1_BROKEN)
			ta_client_lost(conn, thread);
		else if (!written)
			on_answer(conn, thread, event);
	}
}
