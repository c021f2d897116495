/* SPDX-License-Identifier: MIT */
/*
 * client_crumb.c - see client_crumb.h.
 *
 * Runs: any host thread, inside the guard; conn held.  No locks.
 */
#include "runtime/core/client_crumb.h"

#include <string.h>

#include "runtime/core/crumb.h"
#include "runtime/core/now.h"
#include "runtime/core/runtime.h"
#include "runtime/core/thread.h"

/* ---- what is asked for ---- */

struct ask {
	char *text; /* TA_CONN_ASK_MAX */
	size_t bytes;
};

static void append(struct ask *ask, const char *text, size_t bytes)
{
	size_t room = TA_CONN_ASK_MAX - ask->bytes;

	if (bytes > room)
		bytes = room;
	memcpy(ask->text + ask->bytes, text, bytes);
	ask->bytes += bytes;
}

/* What stands behind "//" and credentials, in text that ends before query and fragment. */
static const char *behind_credentials(const char *text, const char *end)
{
	const char *slash = memchr(text, '/', (size_t)(end - text));
	const char *at = memrchr(text, '@', (size_t)((slash ? slash : end) - text));

	return at ? at + 1 : text;
}

static const char *end_of_path(const char *text, size_t bytes)
{
	const char *end = text;

	while (end < text + bytes && *end != '?' && *end != '#')
		end++;
	return end;
}

/* A target is a path of the host, a URL (to a proxy), host:port (CONNECT) or "*". */
static void append_target(struct ask *ask, bool tls, const struct ta_http1_head *head)
{
	const char *target = head->target, *end = end_of_path(target, head->target_len);
	const char *scheme = memmem(target, (size_t)(end - target), "://", 3);
	const char *host = behind_credentials(head->host, head->host + head->host_len);

	if (head->target_len && *target == '/') {
		if (head->host_len) {
			append(ask, tls ? "https://" : "http://", tls ? 8 : 7);
			append(ask, host, (size_t)(head->host + head->host_len - host));
		}
		append(ask, target, (size_t)(end - target));
		return;
	}
	if (scheme) {
		append(ask, target, (size_t)(scheme + 3 - target));
		target = scheme + 3;
	}
	target = behind_credentials(target, end);
	append(ask, target, (size_t)(end - target));
}

void ta_client_crumb_forget(struct ta_conn *conn)
{
	if (conn->ask_status == 0)
		conn->ask_bytes = 0;
}

/* ---- what came back ---- */

/* A unit is a guess; but where nobody is served, all that a thread does is its own. */
static struct ta_slot *scope_of(struct ta_thread *thread, const struct ta_owner *owner)
{
	struct ta_context *context;

	if (owner->kind == TA_OWNER_REQUEST) {
		context = ta_conn_context(owner->index, owner->generation, owner->span_id);
		return context ? &context->isolation : NULL;
	}
	if (ta_context_conn_frame(thread) ||
	    (owner->kind == TA_OWNER_UNIT &&
	     atomic_load_explicit(&ta_runtime.serving, memory_order_relaxed)))
		return NULL;
	return ta_isolation_slot(thread, thread->stack->depth);
}

static void leave(struct ta_conn *conn, struct ta_thread *thread, const char *why)
{
	struct ta_slot *scope = scope_of(thread, &conn->ask_owner);
	struct ta_crumb_data data = { .bytes = 0 };
	struct iovec pieces[3] = { { conn->ask_text, conn->ask_bytes }, ta_piece(": "),
				   ta_piece(why) };
	struct ta_crumb_facts facts = { .category = "http",
					.level = why || conn->ask_status >= 400 ?
							 TA_LEVEL_WARNING :
							 TA_LEVEL_INFO,
					.text = pieces,
					.text_count = why ? 3 : 1 };

	if (conn->ask_status)
		ta_crumb_number(&data, "status_code", conn->ask_status);
	else if (conn->error)
		ta_crumb_number(&data, "errno", conn->error);
	facts.data = data.json;
	facts.data_bytes = data.bytes;
	if (scope)
		ta_crumb_leave_in(thread, ta_slot_cell(scope), &facts);
	conn->ask_status = conn->ask_bytes = 0;
}

/* Of a request that there is no place for: its answer will find no text. */
static void leave_at_once(struct ta_thread *thread, const struct ta_owner *owner,
			  const struct ask *ask)
{
	struct ta_slot *scope = scope_of(thread, owner);
	struct iovec piece = { ask->text, ask->bytes };

	if (scope)
		ta_crumb_leave_in(thread, ta_slot_cell(scope),
				  &(struct ta_crumb_facts){ .category = "http",
							    .level = TA_LEVEL_INFO,
							    .text = &piece,
							    .text_count = 1 });
}

static void put_ask(struct ask *ask, const struct ta_conn *conn, const struct ta_http1_head *head)
{
	append(ask, head->method, head->method_len);
	append(ask, " ", 1);
	append_target(ask, conn->tls, head);
}

/* Streams of HTTP/2 are open together as a rule. */
static void asked_beside(struct ta_conn *conn, struct ta_thread *thread,
			 const struct ta_request *request, const struct ta_http1_head *head)
{
	char text[TA_CONN_ASK_MAX];
	struct ask ask = { text, 0 };

	if (conn->mode != TA_CONN_HTTP2)
		return;
	put_ask(&ask, conn, head);
	leave_at_once(thread, &request->owner, &ask);
}

void ta_client_crumb_asked(struct ta_conn *conn, struct ta_thread *thread,
			   struct ta_request *request, const struct ta_http1_head *head)
{
	struct ask ask = { conn->ask_text, 0 };

	if (!ta_crumb_wanted(TA_CRUMB_HTTP))
		return;
	if (conn->ask_bytes) {
		asked_beside(conn, thread, request, head);
		return;
	}
	put_ask(&ask, conn, head);
	conn->ask_bytes = (uint8_t)ask.bytes;
	conn->ask_status = 0;
	conn->ask_owner = request->owner;
	request->asked = true;
}

void ta_client_crumb_answered(struct ta_conn *conn, const struct ta_request *request,
			      uint16_t status)
{
	if (request->asked)
		conn->ask_status = status;
}

void ta_client_crumb_leave(struct ta_conn *conn, struct ta_thread *thread)
{
	if (conn->ask_status)
		leave(conn, thread, NULL);
}

void ta_client_crumb_reset(struct ta_conn *conn, struct ta_thread *thread,
			   const struct ta_request *request)
{
	if (thread && request->asked && conn->ask_bytes && conn->ask_status == 0)
		leave(conn, thread, "stream reset");
}

void ta_client_crumb_failed(struct ta_conn *conn, struct ta_thread *thread)
{
	const char *why = conn->error ? ta_errno_text(conn->error) : "no answer";

	if (thread && conn->ask_bytes)
		leave(conn, thread, why ? why : "failed");
}
