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

static void append(struct ta_conn *conn, const char *text, size_t bytes)
{
	size_t room = sizeof(conn->ask_text) - conn->ask_bytes;

	if (bytes > room)
		bytes = room;
	memcpy(conn->ask_text + conn->ask_bytes, text, bytes);
	conn->ask_bytes = (uint8_t)(conn->ask_bytes + bytes);
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
static void append_target(struct ta_conn *conn, const struct ta_http1_head *head)
{
	const char *target = head->target, *end = end_of_path(target, head->target_len);
	const char *scheme = memmem(target, (size_t)(end - target), "://", 3);
	const char *host = behind_credentials(head->host, head->host + head->host_len);

	if (head->target_len && *target == '/') {
		if (head->host_len) {
			append(conn, conn->tls ? "https://" : "http://", conn->tls ? 8 : 7);
			append(conn, host, (size_t)(head->host + head->host_len - host));
		}
		append(conn, target, (size_t)(end - target));
		return;
	}
	if (scheme) {
		append(conn, target, (size_t)(scheme + 3 - target));
		target = scheme + 3;
	}
	target = behind_credentials(target, end);
	append(conn, target, (size_t)(end - target));
}

void ta_client_crumb_asked(struct ta_conn *conn, struct ta_request *request,
			   const struct ta_http1_head *head)
{
	if (!ta_crumb_wanted(TA_CRUMB_HTTP) || conn->ask_bytes)
		return;
	append(conn, head->method, head->method_len);
	append(conn, " ", 1);
	append_target(conn, head);
	conn->ask_status = 0;
	conn->ask_owner = request->owner;
	request->asked = true;
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

void ta_client_crumb_failed(struct ta_conn *conn, struct ta_thread *thread)
{
	const char *why = conn->error ? ta_errno_text(conn->error) : "no answer";

	if (thread && conn->ask_bytes)
		leave(conn, thread, why ? why : "failed");
}
